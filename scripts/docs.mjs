// `npm run docs`: the API reference, from the docstrings, into .build/api. TypeDoc needs a TypeScript before 7, so both are
// installed beside the project, in .build/typedoc, at the versions of scripts/typedoc/package-lock.json.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tools = join(root, '.build', 'typedoc')
const out = join(root, '.build', 'api')

async function main() {
  const lock = join(root, 'scripts', 'typedoc', 'package-lock.json')
  const installed = join(tools, 'package-lock.json')
  if (
    !existsSync(join(tools, 'node_modules', 'typedoc')) ||
    !existsSync(installed) ||
    !readFileSync(installed).equals(readFileSync(lock))
  ) {
    process.stderr.write('gradtape: installing TypeDoc in .build/typedoc …\n')
    mkdirSync(tools, { recursive: true })
    for (const name of ['package.json', 'package-lock.json']) {
      copyFileSync(join(root, 'scripts', 'typedoc', name), join(tools, name))
    }
    const { status } = await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
      cwd: tools,
      shell: process.platform === 'win32',
    })
    if (status !== 0) return status
  }
  // The declarations, not the sources: they are what users see, without anything internal.
  const options = [
    ...['--entryPoints', join(root, 'dist', 'index.d.ts'), '--tsconfig', join(tools, 'tsconfig.json')],
    ...['--out', out, '--name', 'gradtape', '--readme', join(root, 'README.md')],
    ...['--excludePrivate', '--disableSources', '--hideGenerator', '--skipErrorChecking'],
    ...['--treatWarningsAsErrors', 'false', '--logLevel', 'Error'],
  ]
  copyFileSync(join(root, 'scripts', 'typedoc', 'tsconfig.json'), join(tools, 'tsconfig.json'))
  const { status } = await run(
    process.execPath,
    [join(tools, 'node_modules', 'typedoc', 'bin', 'typedoc'), ...options],
    { cwd: tools },
  )
  if (status === 0) process.stdout.write(`wrote ${join(out, 'index.html')}\n`)
  return status
}

process.exitCode = await main()
