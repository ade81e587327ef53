// Makes docs/functions.md from the docstrings: each function, layer, optimizer and schedule that index.ts exports, one line each.
// Run by itself it writes the file; test/docs.test.ts holds the file to it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'rolldown/utils'

const ROOMS = ['graph', 'functions', 'nn', 'optim']

const GRADIENTS = 'Variables, gradients, functions of your own'

const INTRODUCTION = `# Functions, layers, optimizers and schedules

Everything that \`gradtape\` exports to compute and to train with, one line each. This page is made from the docstrings by
\`node scripts/list-functions.mjs\`; shapes, bounds and errors stand in the docstrings, which an editor shows, and in the API reference (\`npm run docs\`).

- An \`Operand\` is a Variable, an array, a number or a nested list of numbers.
- Options stand in braces; one with \`?\` may be left out, and so may braces in which every option may.
- A function marked **·** is a method of Variable too, without its first operand: \`x.relu()\`.
- Each function has a class, which \`variable.creator\` and the tape name: \`Relu\` for \`relu\`. Classes of functions are not listed.
`

/** The text of docs/functions.md. Throws an Error for an export that has no docstring. */
export function functionsPage(root) {
  const files = new Map()
  for (const room of ROOMS) {
    for (const name of readdirSync(join(root, 'src', room)).filter((one) => one.endsWith('.ts'))) {
      const path = `${room}/${name}`
      files.set(path, readSource(path, readFileSync(join(root, 'src', path), 'utf8')))
    }
  }
  const methods = methodNames(files.get('functions/methods.ts'))
  const sections = new Map(
    ['Functions', GRADIENTS, 'Layers', 'Models and their files', 'Optimizers', 'Schedules'].map((title) => [
      title,
      [],
    ]),
  )
  const index = parseSync('index.ts', readFileSync(join(root, 'src', 'index.ts'), 'utf8')).program
  for (const statement of index.body) {
    if (statement.type !== 'ExportNamedDeclaration' || statement.source === null) continue
    const path = posix.normalize(statement.source.value).replace(/js$/, 'ts')
    const file = files.get(path)
    if (file === undefined || statement.exportKind === 'type') continue
    const lines = []
    for (const specifier of statement.specifiers) {
      if (specifier.exportKind === 'type') continue
      const made = file.made.get(specifier.local.name)
      if (made === undefined)
        throw new Error(`src/${path} exports ${specifier.local.name}, which was not found in it`)
      const section = sectionOf(made, files)
      if (section === null) continue
      const name = specifier.exported.name
      const line = `- ${signature(name, made, files)}${methods.has(name) ? ' **·**' : ''}: ${description(made)}`
      if (section === 'Functions') lines.push(line)
      else sections.get(section).push(line)
    }
    if (lines.length > 0) sections.get('Functions').push(`\n### ${file.subject}\n`, ...lines)
  }
  const parts = [...sections].map(([title, lines]) => `## ${title}\n\n${lines.join('\n').trim()}\n`)
  return `${INTRODUCTION}\n${parts.join('\n')}`
}

/** A source's functions, classes and interfaces by name, each with the docstring above it. */
function readSource(path, text) {
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`src/${path}: ${errors[0].message}`)
  const file = { path, text, made: new Map(), interfaces: new Map(), program, subject: '' }
  const before = (start) => {
    const above = comments.findLast((one) => one.end <= start)
    return above?.value.startsWith('*') && text.slice(above.end, start).trim() === ''
      ? firstParagraph(above.value)
      : null
  }
  file.subject = (before(program.body[0].start) ?? path).split(/[.:;(]/)[0].trim()
  for (const statement of program.body) {
    const node =
      statement.type === 'ExportNamedDeclaration' ? (statement.declaration ?? statement) : statement
    const name = node.id?.name
    if (node.type === 'TSInterfaceDeclaration') file.interfaces.set(name, node)
    // Of several forms of one function the first is described.
    if (
      /^(FunctionDeclaration|TSDeclareFunction|ClassDeclaration)$/.test(node.type) &&
      !file.made.has(name)
    ) {
      file.made.set(name, { name, node, file, said: before(statement.start) })
    }
    // A second name of one function: `const old = current`.
    for (const { id, init } of node.declarations ?? []) {
      const same = init?.type === 'Identifier' ? file.made.get(init.name) : undefined
      if (same !== undefined)
        file.made.set(id.name, { ...same, name: id.name, said: before(statement.start) })
    }
  }
  return file
}

/** A docstring up to its first empty line, or the first line of a table (Shapes, Throws), without what backward does. */
function firstParagraph(comment) {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\*+ ?/, '').trim())
  while (lines[0] === '') lines.shift()
  const end = lines.findIndex((line, i) => line === '' || (i > 0 && /^\w+ {2,}\S/.test(line)))
  const paragraph = lines.slice(0, end < 0 ? lines.length : end).join(' ')
  return paragraph
    .replace(/\s+Backward\b.*$/, '')
    .replace(/^@deprecated /, 'Deprecated. ')
    .trim()
}

/** Where an export is listed; null for the classes of functions. */
function sectionOf(made, files) {
  const [room] = made.file.path.split('/')
  if (made.node.type !== 'ClassDeclaration') {
    return { functions: 'Functions', graph: GRADIENTS, nn: 'Models and their files', optim: 'Optimizers' }[
      room
    ]
  }
  if (room === 'graph') return null // described in the guide
  const last = [made, ...parents(made, files)].at(-1)
  if (last.name === 'Func') return null
  return { Module: 'Layers', Schedule: 'Schedules' }[last.name] ?? 'Optimizers'
}

function parents(made, files) {
  const parent =
    made.node.superClass == null ? undefined : find('made', made.node.superClass.name, made.file, files)
  return parent === undefined ? [] : [parent, ...parents(parent, files)]
}

/** What a name means in a file: its own, then that of its room, then that of another. */
function find(kind, name, file, files) {
  const room = file.path.split('/')[0]
  const others = [...files.values()].filter((one) => one[kind].has(name))
  const near =
    others.find((one) => one === file) ?? others.find((one) => one.path.startsWith(`${room}/`)) ?? others[0]
  return near?.[kind].get(name)
}

function signature(name, made, files) {
  const isClass = made.node.type === 'ClassDeclaration'
  if (made.node.abstract) return `\`class ${name}\` (for classes of your own)`
  const owner = isClass
    ? [made, ...parents(made, files)].find((one) => constructorOf(one) !== undefined)
    : made
  const params = isClass ? (owner === undefined ? [] : constructorOf(owner).params) : made.node.params
  const texts = params.map((param) => paramText(param, owner.file, files)).join(', ')
  if (isClass) return `\`new ${name}(${texts})\``
  return `\`${name}(${texts})${sourceOf(made.node.returnType, made.file)}\``
}

function constructorOf({ node }) {
  return node.body.body.find((member) => member.kind === 'constructor')?.value
}

function paramText(param, file, files) {
  const plain = param.type === 'TSParameterProperty' ? param.parameter : param
  const target = plain.type === 'AssignmentPattern' ? plain.left : plain
  const keys = optionKeys(target.typeAnnotation?.typeAnnotation, file, files)
  if (keys !== null && target.type === 'Identifier') return `{ ${keys.join(', ')} }`
  return sourceOf(plain, file)
}

/** The keys of a type of options, or of several joined by &; null for another type. */
function optionKeys(type, file, files) {
  if (type?.type === 'TSIntersectionType') {
    const all = type.types.map((one) => optionKeys(one, file, files))
    return all.includes(null) ? null : all.flat()
  }
  if (type?.type === 'TSTypeLiteral') return keysOf(type.members)
  const name = type?.type === 'TSTypeReference' ? type.typeName.name : undefined
  if (name === undefined || !/Options?$/.test(name)) return null
  return interfaceKeys(name, file, files)
}

function interfaceKeys(name, file, files) {
  const found = find('interfaces', name, file, files)
  if (found === undefined) return null
  const inherited = found.extends.flatMap((one) => interfaceKeys(one.expression.name, file, files) ?? [])
  // An option that is said again, with a docstring of its own, is one option.
  return [...new Set([...keysOf(found.body.body), ...inherited])]
}

function keysOf(members) {
  return members.map(({ key, optional }) => `${key.name}${optional ? '?' : ''}`)
}

function sourceOf(node, file) {
  if (node == null) return ''
  return file.text
    .slice(node.start, node.end)
    .replace(/\s+/g, ' ')
    .replace(/ ?, ?([)\]}])/g, '$1')
}

/** What is said of an export, for Markdown. */
function description({ name, said, file }) {
  if (said === null || said === '')
    throw new Error(
      `src/${file.path}: ${name} has no docstring, so docs/functions.md cannot say what it does`,
    )
  const parts = said.split(/(`[^`]*`)/).map((part, i) => (i % 2 === 1 ? part : part.replace(/[*<]/g, '\\$&')))
  return parts.join('')
}

function methodNames({ program }) {
  for (const statement of program.body) {
    const [first] = statement.declarations ?? []
    if (first?.id.name === 'functions') return new Set(first.init.properties.map(({ key }) => key.name))
  }
  throw new Error('src/functions/methods.ts has no list of functions')
}

const here = fileURLToPath(import.meta.url)
if (argv[1] === here) {
  const root = dirname(dirname(here))
  writeFileSync(join(root, 'docs', 'functions.md'), functionsPage(root))
}
