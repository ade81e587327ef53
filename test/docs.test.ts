/**
 * What is written for users is true: the README's examples run as they stand and print what it says, its tables name every
 * command and every view, and whatever the package exports is described where it is defined.
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
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

describe('the examples of the README', () => {
  let folder: string

  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-docs-'))
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n')
    fs.mkdirSync(path.join(folder, 'node_modules'))
    fs.symlinkSync(ROOT, path.join(folder, 'node_modules', 'gradtape'), 'junction')
  })

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  const examples = examplesOf(blocksOf(README))

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
})

describe('the tables of the README', () => {
  test('name every command of the command line, and no other', async () => {
    const { stdout } = await runNode([CLI, '--help'], ROOT)
    const list = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Exit codes:'))
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)]
      .map(([, name]) => name)
      .filter((name) => name !== 'help')
    expect(commands.length).toBeGreaterThan(5)
    expect(tableAfter('| command |').sort()).toEqual(commands.sort())
  })

  test('name every public view, and no other', () => {
    const folder = path.join(ROOT, 'migrations')
    const schema = fs
      .readdirSync(folder)
      .map((file) => fs.readFileSync(path.join(folder, file), 'utf8'))
      .join('\n')
    const views = new Set([...schema.matchAll(/^CREATE VIEW (?!_)(\w+)/gm)].map(([, name]) => name))
    expect(views.size).toBeGreaterThan(8)
    expect(tableAfter('| view |').sort()).toEqual([...views].sort())
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
function tableAfter(header: string): string[] {
  const table = README.slice(README.indexOf(header)).split('\n\n')[0] ?? ''
  return [...table.matchAll(/^\| `(\w+)/gm)].map(([, name = '']) => name)
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
