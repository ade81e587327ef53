// How the suite runs: real processes, because better-sqlite3 is a native module and a tape has a worker thread of
// its own. They load the library from dist/. A third of the time a test waits: for another process, a server, a lock. So there is one process
// more than two processors can carry, where there is memory for it.
//
// Three projects by measured time: `fast` is what one runs after each edit, `slow` takes seconds a file, `heavy` longer.
// Which file is fast or heavy stands in test/speeds.json, written by `npm run test:sort`; every other file, a new one too, is slow.
//
// What takes longest is started first, so that both processes are done at about the same time.
//
// Fast files share what they load, because loading takes longer than their tests. So they leave nothing behind in the process:
// no default, no run that goes on, no listener. What must see the process as it begins is `alone`.
import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const speeds = JSON.parse(readFileSync(new URL('test/speeds.json', import.meta.url), 'utf8')) as {
  fast: string[]
  heavy: string[]
}
/** Counts what importing some files registers, and nothing else. */
const alone = ['test/functions/torch.test.ts']
const project = (
  name: string,
  files: { include: string[]; exclude?: string[] },
  how: { isolate?: boolean } = {},
) => ({
  extends: true as const,
  test: { name, ...files, ...how },
})

const root = dirname(fileURLToPath(import.meta.url))

/**
 * What a test imports of src/ is taken from dist/, which was built a moment ago: Node loads it by itself, many times faster than
 * vitest loads TypeScript, and runs it as users do. The page (src/ui) is no part of it.
 */
const built: Plugin = {
  name: 'gradtape-built',
  enforce: 'pre',
  resolveId(specifier, importer) {
    if (importer === undefined || !/^\.\.?\/.*\.js$/.test(specifier)) return null
    const [top, ...rest] = relative(root, resolve(dirname(importer), specifier)).split(sep)
    return top !== 'src' || rest[0] === 'ui' ? null : resolve(root, 'dist', ...rest)
  },
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const file = relative(root, moduleId).split(sep).join('/')
      const at = speeds.heavy.indexOf(file)
      if (at >= 0) return at
      return speeds.heavy.length + (speeds.fast.includes(file) ? 1 : 0)
    }
    return (await super.sort(files)).sort((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  plugins: [built],
  test: {
    server: { deps: { external: [/\/dist\//] } },
    pool: 'forks',
    maxWorkers: totalmem() > 6 * 2 ** 30 ? 3 : 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['scripts/build-before-tests.mjs'],
    projects: [
      project('fast', { include: speeds.fast }, { isolate: false }),
      project('alone', { include: alone }),
      project('slow', {
        include: ['test/**/*.test.ts'],
        exclude: [...speeds.fast, ...speeds.heavy, ...alone],
      }),
      project('heavy', { include: speeds.heavy }),
    ],
  },
})
