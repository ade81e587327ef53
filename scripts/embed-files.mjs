// Puts what this package reads into its code, so that a program bundled into one file has it: the migrations, the version,
// the digits. The files that it writes are committed, as the wasm is; a test holds them to what they are made from.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
      `/** The files of migrations/, in order. Written by scripts/embed-files.mjs: do not edit. */
export const MIGRATION_TEXTS: readonly { readonly file: string; readonly text: string }[] = [
${migrations.map(([file, text]) => `  {\n    file: '${file}',\n    text: ${asTemplate(text)},\n  },\n`).join('')}]
`,
    ],
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

function asTemplate(text) {
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``
}
