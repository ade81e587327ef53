/**
 * What is written is true: the examples of the README and the guide run as they stand and print what stands below them, tables
 * name every command, view, room and variable of the environment, links and paths lead somewhere, and whatever the package
 * exports is described where it is defined.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { functionsPage } from '../scripts/list-functions.mjs'
import * as gradtape from '../src/index.js'
import { MAY_IMPORT } from './layers/check-layers.js'
import { roomsSvg } from './layers/draw-rooms.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string): string => fs.readFileSync(path.join(ROOT, name), 'utf8')
const README = read('README.md')
const GUIDE = read('docs/guide.md')
const ARCHITECTURE = read('ARCHITECTURE.md')
const CONTRIBUTING = read('CONTRIBUTING.md')
const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'],
  ...fs
    .readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const CLI = path.join(ROOT, 'dist', 'cli', 'main.js')

interface Block {
  language: string
  text: string
}

interface Example {
  title: string
  args: readonly string[]
  /** A file that must be there first. */
  file: { name: string; text: string } | null
  printed: string
}

/** Exports without a description where they are defined. The list may only get shorter. */
const UNDESCRIBED: readonly string[] = [
  'getDefaultDtype',
  'TypedArray',
  'BackwardStarted',
  'CallOutput',
  'EventType',
  'GradientCleared',
  'GradientComputed',
  'LeafCreated',
  'MetricLogged',
  'NoteAdded',
  'Plain',
  'RunFinished',
  'RunStarted',
  'StepStarted',
  'TapeEvent',
  'ValueAssigned',
  'VariableNamed',
  'Floor',
  'Sign',
  'Max',
  'Min',
]

describe('the examples of the README and the guide', () => {
  let folder: string

  beforeAll(() => {
    folder = newProject()
  })

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  const examples = [README, GUIDE].flatMap((text) => examplesOf(blocksOf(text)))

  test('are programs and commands, each with what it prints', () => {
    expect(examples.filter(({ file }) => file !== null).length).toBeGreaterThanOrEqual(4)
    expect(examples.filter(({ file }) => file === null).length).toBeGreaterThanOrEqual(4)
    expect(README).toContain('3.297442541400256')
  })

  // In order, in one folder: later examples read the tapes of earlier ones, as a reader who types them does.
  for (const { title, args, file, printed } of examples) {
    test(`${title} prints what stands below it`, async () => {
      if (file !== null) fs.writeFileSync(path.join(folder, file.name), file.text)
      const { stdout, stderr, code } = await runNode(args, folder)
      // A command that takes long says so on stderr; a program has nothing to say there.
      expect({ code, stderr: file === null ? '' : stderr }).toEqual({ code: 0, stderr: '' })
      expect(likened(stdout, printed)).toBe(printed)
    })
  }

  test('draw the picture at the top of the README', async () => {
    const drawn = fs.readFileSync(path.join(folder, 'step-412.svg'), 'utf8')
    await expect(drawn).toMatchFileSnapshot('../docs/step-412.svg')
    expect(README).toContain('(docs/step-412.svg)')
  })
})

/**
 * Guides of many small programs. Loading the library takes longer than all of them together, so one process imports them one after
 * the other and notes what each prints.
 */
describe.each(['docs/from-dezero.md', 'docs/from-pytorch.md', 'docs/transforms.md'])(
  'the programs of %s',
  (page) => {
    const examples = examplesOf(blocksOf(read(page)))
    let folder: string
    let printed: Record<string, string>

    beforeAll(async () => {
      folder = newProject()
      for (const { file } of examples) fs.writeFileSync(path.join(folder, file!.name), file!.text)
      const runner = `
      import { format } from 'node:util'
      const printed = {}
      let name = ''
      console.log = (...values) => { printed[name] += format(...values) + '\\n' }
      for (name of ${JSON.stringify(examples.map(({ title }) => title))}) {
        printed[name] = ''
        await import('./' + name).catch((error) => console.log(error.stack))
      }
      process.stdout.write(JSON.stringify(printed))
    `
      fs.writeFileSync(path.join(folder, 'all.mjs'), runner)
      const { stdout, stderr, code } = await runNode(['all.mjs'], folder)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      printed = JSON.parse(stdout) as Record<string, string>
    })

    afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

    test.each(examples)('$title prints what stands below it', (example) => {
      expect(printed[example.title]).toBe(example.printed)
    })

    test('have names of their own', () => {
      expect(new Set(examples.map(({ title }) => title)).size).toBe(examples.length)
    })
  },
)

test('the guide for those who come from DeZero names all sixty steps of the book', () => {
  const named = [...read('docs/from-dezero.md').matchAll(/^### Steps? (\d+)(?: (to|and) (\d+))?:/gm)]
  const steps = named.flatMap(([, first, , last]) =>
    Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i),
  )
  expect(steps).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
})

describe('the tables of the documents', () => {
  test('name every command of the command line, and no other', async () => {
    const { stdout } = await runNode([CLI, '--help'], ROOT)
    const list = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Exit codes:'))
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)]
      .map(([, name]) => name)
      .filter((name) => name !== 'help')
    expect(commands.length).toBeGreaterThan(5)
    expect(tableAfter(GUIDE, '| command |').sort()).toEqual(commands.sort())
  })

  test('name every public view, and no other', () => {
    const folder = path.join(ROOT, 'migrations')
    const schema = fs
      .readdirSync(folder)
      .map((file) => fs.readFileSync(path.join(folder, file), 'utf8'))
      .join('\n')
    const views = new Set([...schema.matchAll(/^CREATE VIEW (?!_)(\w+)/gm)].map(([, name]) => name))
    expect(views.size).toBeGreaterThan(8)
    expect(tableAfter(GUIDE, '| view |').sort()).toEqual([...views].sort())
  })

  test('name every room in the order in which they may import, and no other', () => {
    const rows = ARCHITECTURE.slice(ARCHITECTURE.indexOf('| room |')).split('\n\n')[0] ?? ''
    const rooms = [...rows.matchAll(/^\| (`[^|]*)\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    )
    expect(rooms).toEqual(Object.keys(MAY_IMPORT))
  })

  test('name every variable of the environment that anything here reads, and no other', () => {
    const listed = [...CONTRIBUTING.matchAll(/^\| `(GRADTAPE_\w+)`/gm)].map(([, name]) => name)
    const found = new Set<string>()
    for (const folder of ['src', 'scripts', 'test', '.ci']) {
      for (const file of filesIn(folder)) {
        if (/\.(gz|svg)$/.test(file)) continue
        for (const [name] of read(file).matchAll(/GRADTAPE_[A-Z_]*[A-Z]/g)) found.add(name)
      }
    }
    expect(listed.sort()).toEqual([...found].sort())
  })
})

describe('the documents', () => {
  test.each(DOCUMENTS)('%s links only to what is there', (name) => {
    const links = [...read(name).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target)
    const dead = links.filter(
      (target) => !/^https?:/.test(target) && !fs.existsSync(path.join(ROOT, path.dirname(name), target)),
    )
    expect(dead).toEqual([])
  })

  test.each(DOCUMENTS)('%s names only files and commands of npm that are there', (name) => {
    const text = read(name).replaceAll(/^```[\s\S]*?^```$/gm, '')
    const named = [...text.matchAll(/`((?:src|test|scripts|migrations|docs|\.ci)\/[\w./-]+)`/g)].map(
      ([, file = '']) => file,
    )
    // FAMILY.ts and NAME.ts stand for the reader's own.
    const gone = named.filter((file) => !/[A-Z]{4,}\.ts$/.test(file) && !fs.existsSync(path.join(ROOT, file)))
    expect(gone).toEqual([])
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const runs = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script)
    expect(runs.filter((script) => !Object.hasOwn(scripts, script))).toEqual([])
  })

  test('show the rooms as the table of the layer test has them', async () => {
    await expect(await roomsSvg()).toMatchFileSnapshot('../docs/rooms.svg')
  })

  test('list the functions, layers, optimizers and schedules as their docstrings have them', async () => {
    await expect(functionsPage(ROOT)).toMatchFileSnapshot('../docs/functions.md')
  })

  test('list every function that can be called, and every class that is not a function of the graph', () => {
    const listed = [...read('docs/functions.md').matchAll(/^- `(?:new |class )?(\w+)/gm)].map(
      ([, name]) => name,
    )
    const callable = Object.entries(gradtape).filter(([, value]) => typeof value === 'function')
    const inRooms = new Set(
      exportsOf(read('src/index.ts'))
        .filter(({ file }) => /[/\\]src[/\\](graph|functions|nn|optim)[/\\]/.test(file))
        .map(({ name }) => name),
    )
    const isListed = (name: string, value: { prototype?: unknown }) =>
      /^[a-z]/.test(name) || !(value.prototype instanceof gradtape.Func)
    const expected = callable
      .filter(([name, value]) => name === 'var' || (inRooms.has(name) && isListed(name, value as never)))
      .map(([name]) => name)
      .filter((name) => !['Func', 'Variable', 'NotDifferentiable', 'DerivativeNotWritten'].includes(name))
    expect(expected.length).toBeGreaterThan(100)
    expect(listed.sort()).toEqual(expected.sort())
  })

  test('of the map has about 1,200 words', () => {
    expect(ARCHITECTURE.split(/\s+/).length).toBeLessThan(1_400)
  })
})

describe('the public door', () => {
  const exported = exportsOf(fs.readFileSync(path.join(ROOT, 'src', 'index.ts'), 'utf8'))
  const undescribed = exported.filter(({ name, file }) => !isDescribed(name, file)).map(({ name }) => name)

  test('exports only what is described where it is defined', () => {
    expect(exported.length).toBeGreaterThan(80)
    expect(undescribed.filter((name) => !UNDESCRIBED.includes(name))).toEqual([])
  })

  test('has no exception that is described by now', () => {
    expect(UNDESCRIBED.filter((name) => !undescribed.includes(name))).toEqual([])
  })
})

/** Classes whose objects users hold: an editor shows what stands above each of their members. */
const HELD = [
  ...['NDArray', 'Variable', 'Func', 'Tape', 'Run', 'PastRun', 'TapeError', 'Module', 'Optimizer'],
  ...['ParameterGroup', 'DataLoader', 'TensorDataset'],
]

test('hovering over a class that users hold, or over any member of it, shows what it is', () => {
  const door = exportsOf(fs.readFileSync(path.join(ROOT, 'src', 'index.ts'), 'utf8'))
  for (const name of HELD) {
    const file = door.find((one) => one.name === name)?.file ?? ''
    const declarations = file.replace(`${ROOT}src`, `${ROOT}dist`).replace(/ts$/, 'd.ts')
    const lines = fs.readFileSync(declarations, 'utf8').split('\n')
    const from = lines.findIndex((line) => new RegExp(`^export declare .*class ${name}\\b`).test(line))
    expect(from, `${name} in ${declarations}`).toBeGreaterThan(0)
    expect(endsComment(lines[from - 1]), `${name} has a description`).toBe(true)
    const bare = lines
      .slice(from + 1, lines.indexOf('}', from))
      .filter((line, i) => isMember(line) && !endsComment(lines[from + i]))
    expect(bare, `members of ${name} without a description`).toEqual([])
  }
})

/** A line that declares a member for users; a setter is described by its getter. */
function isMember(line: string): boolean {
  return /^ {4}(?!private |protected constructor|constructor\(\);|set )[\w$[]/.test(line)
}

test('the changelog has a section for the version of the package', () => {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string
  }
  expect(fs.readFileSync(path.join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain(`## [${version}]`)
})

/** A folder whose programs find the package as those of users do. */
function newProject(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-docs-'))
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n')
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'gradtape'), 'junction')
  return folder
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
}

/** Programs (`js`, the output in the `text` after it) and commands (`console`, `$` before each, the output below it). */
function examplesOf(blocks: readonly Block[]): Example[] {
  return blocks.flatMap(({ language, text }, i): Example[] => {
    if (language === 'js' || language === 'ts') {
      const name = /^\/\/ (\S+\.mjs)\n/.exec(text)?.[1]
      const output = blocks[i + 1]
      if (name === undefined)
        throw new Error(`expected the first line of the example to name its file, got:\n${text}`)
      if (output?.language !== 'text') throw new Error(`expected a text block with the output after ${name}`)
      return [{ title: name, args: [name], file: { name, text }, printed: output.text }]
    }
    if (language !== 'console') return []
    return text
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [line = '', ...output] = part.split('\n')
        const [npx, program, ...words] = wordsOf(line)
        if (npx !== 'npx' || program !== 'gradtape')
          throw new Error(`expected a command that begins with npx gradtape, got: ${line}`)
        return { title: line, args: [CLI, ...words], file: null, printed: output.join('\n') }
      })
  })
}

/** The words of a command line, as a shell would split it; quotes keep words together. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word)
}

/** `text` with whatever matches an ellipsis of `pattern` replaced by it, line by line; as it is where nothing matches. */
function likened(text: string, pattern: string): string {
  const patterns = pattern.split('\n')
  return text
    .split('\n')
    .map((line, i) => {
      const like = patterns[i]
      if (like === undefined || !like.includes('…')) return line
      const source = like
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.+')
      return new RegExp(`^${source}$`).test(line) ? like : line
    })
    .join('\n')
}

/** First words of the first cells, in backticks, of the table with this header. */
function tableAfter(text: string, header: string): string[] {
  const table = text.slice(text.indexOf(header)).split('\n\n')[0] ?? ''
  return [...table.matchAll(/^\| `(\w+)/gm)].map(([, name = '']) => name)
}

function filesIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
}

function exportsOf(index: string): { name: string; file: string }[] {
  return [...index.matchAll(/^export (?:type )?\{([^}]*)\} from '\.\/([^']+)\.js'/gm)].flatMap(
    ([, names = '', module = '']) =>
      names
        .split(',')
        .map((name) =>
          name
            .trim()
            .replace(/^type /, '')
            .replace(/ as \w+$/, ''),
        )
        .filter((name) => name !== '')
        .map((name) => ({ name, file: path.join(ROOT, 'src', `${module}.ts`) })),
  )
}

/**
 * Whether a docstring ends on the line before the definition. The class that a file is named after is described by the
 * comment that opens the file, and an interface by its members when each is described.
 */
function isDescribed(name: string, file: string): boolean {
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  const definition = new RegExp(
    `^export (?:abstract |async )*(?:class|const|function\\*?|interface|let|type) ${name.replaceAll('$', '\\$')}(?!\\w)`,
  )
  let at = lines.findIndex((line) => definition.test(line))
  if (at < 0) {
    throw new Error(`${name} is exported by index.ts, but ${path.relative(ROOT, file)} does not define it`)
  }
  if (lines[at]?.includes(' interface ') === true) {
    const members = lines.slice(at + 1, lines.indexOf('}', at))
    const bare = members.filter((line, i) => /^ {2}[\w[]/.test(line) && !endsComment(members[i - 1]))
    if (members.length > 0 && bare.length === 0) return true
  }
  while (lines[at - 1]?.trim().startsWith('// biome-ignore') === true) at--
  if (endsComment(lines[at - 1])) return true
  const subject = path.basename(file, '.ts').replaceAll('-', '')
  return subject === name.toLowerCase() && lines[0]?.startsWith('/**') === true
}

function endsComment(line: string | undefined): boolean {
  return line?.trimEnd().endsWith('*/') === true
}

function runNode(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args],
      { cwd, env: { ...process.env, NO_COLOR: '1' } },
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
          stdout,
          stderr,
        })
      },
    )
  })
}
