// Puts what this package reads into its code, so that a program bundled into one file has it: the migrations, the version,
// the digits. The files that it writes are committed, as the wasm is; a test holds them to what they are made from.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Path and content of each file that is written. */
export function embeddedFiles(root) {
  const read = (path) => readFileSync(join(root, path))
  const { version } = JSON.parse(read('package.json').toString())
  const migrations = readdirSync(join(root, 'migrations'))
    .filter((file) => /^\d{4}_.+\.sql$/.test(file))
    .sort()
    .map((file) => [file, read(join('migrations', file)).toString().replaceAll('\r\n', '\n')])
  return [
    [
      'src/store/format/migration-texts.ts',
      `/**
 * The files of migrations/, in order, with the SHA-256 of their texts, which few processes need. Written by scripts/embed-files.mjs: do not
 * edit.
 */
export const MIGRATION_TEXTS: readonly {
  readonly file: string
  readonly checksum: string
  readonly text: () => string
}[] = [
${migrations.map(([file, text]) => `  {\n    file: '${file}',\n    checksum: '${sha256(text)}',\n    text: () => ${asTemplate(text)},\n  },\n`).join('')}]
`,
    ],
    ...schemaAtOnce(
      root,
      migrations.map(([, text]) => text),
    ),
    [
      'src/tape/version.ts',
      `/** The version of this gradtape, from its package.json. Written by scripts/embed-files.mjs: do not edit. */
export const ENGINE_VERSION: string = '${version}'
`,
    ],
    [
      'src/data/digits-bytes.ts',
      `/** digits.csv.gz, base64. Written by scripts/embed-files.mjs: do not edit. */
export const DIGITS_BYTES =
  '${read('src/data/digits.csv.gz').toString('base64')}'
`,
    ],
  ]
}

/** Writes those that are not as they should be. */
export function embedFiles(root) {
  for (const [path, content] of embeddedFiles(root)) {
    const full = join(root, path)
    if (!existsSync(full) || readFileSync(full, 'utf8') !== content) writeFileSync(full, content)
  }
}

const AT_ONCE = 'src/store/format/schema-at-once.ts'

/**
 * The schema that all migrations make together: views that later ones replace are never made, so a new tape is there in a third of the
 * time. Made anew when a migration is; none where SQLite is not installed.
 */
function schemaAtOnce(root, migrations) {
  const hash = sha256(JSON.stringify(migrations))
  const path = join(root, AT_ONCE)
  const former = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (former.includes(`'${hash}'`)) return [[AT_ONCE, former]]
  let Database
  try {
    Database = createRequire(join(root, 'package.json'))('better-sqlite3')
  } catch {
    return []
  }
  const statements = statementsFor(Database, migrations)
  return [
    [
      AT_ONCE,
      `/**
 * What makes the newest schema, but the list of migrations, in an empty database: statements that give what all migrations together
 * give. Written by scripts/embed-files.mjs: do not edit.
 */
/** Of the migrations that it stands for. */
export const AT_ONCE_OF = '${hash}'
export const schemaAtOnce = () => ${asTemplate(`${statements.join(';\n\n')};`)}
`,
    ],
  ]
}

function statementsFor(Database, migrations) {
  const made = (statements) => {
    const db = new Database(':memory:')
    for (const statement of statements) db.exec(statement)
    const schema = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').raw().all()
    const tables = schema.filter(([type]) => type === 'table').map(([, name]) => name)
    const rows = tables.map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).raw().all()])
    db.close()
    return { schema, filled: rows.filter(([, found]) => found.length > 0) }
  }
  const wanted = made(migrations)
  const of = (...types) => wanted.schema.filter(([type, , , sql]) => types.includes(type) && sql !== null)
  const names = wanted.filled.map(([name]) => name)
  // What a migration puts into a table of its own, as it says it; no other statement of theirs leaves rows in an empty tape.
  const fills = migrations.flatMap((text) =>
    [...text.matchAll(/^INSERT INTO (\w+)\b[^;]*/gm)]
      .filter(([, name]) => names.includes(name))
      .map(([all]) => all),
  )
  const inOrder = [...of('table'), ...of('index'), ...of('view'), ...of('trigger')].map(([, , , sql]) => sql)
  const tables = of('table').length
  const statements = [...inOrder.slice(0, tables), ...fills, ...inOrder.slice(tables)]
  const sorted = ({ schema, filled }) =>
    JSON.stringify([schema.map((row) => JSON.stringify(row)).sort(), filled.sort()])
  if (sorted(made(statements)) !== sorted(wanted))
    throw new Error(
      'the schema made at once is not what the migrations make; see statementsFor in scripts/embed-files.mjs',
    )
  return statements
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex')
}

function asTemplate(text) {
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``
}
