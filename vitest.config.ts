// How the suite runs: real processes, because better-sqlite3 is a native module and a tape has a worker thread of
// its own; two of them at most, because the suite must also pass on a small machine.
//
// Three projects by measured time: `fast` is what one runs after each edit, `slow` takes seconds a file, `heavy` longer.
// Which file is slow or heavy stands in test/speeds.json, written by `npm run test:sort`; every other file is fast.
//
// Fast files share what they load, because loading takes longer than their tests. So they leave nothing behind in the process:
// no default, no run that goes on, no listener. What must see the process as it begins is `alone`.
import { readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const speeds = JSON.parse(readFileSync(new URL('test/speeds.json', import.meta.url), 'utf8')) as {
  slow: string[]
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

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ['scripts/build-before-tests.mjs'],
    projects: [
      project(
        'fast',
        { include: ['test/**/*.test.ts'], exclude: [...speeds.slow, ...speeds.heavy, ...alone] },
        { isolate: false },
      ),
      project('alone', { include: alone }),
      project('slow', { include: speeds.slow }),
      project('heavy', { include: speeds.heavy }),
    ],
  },
})
