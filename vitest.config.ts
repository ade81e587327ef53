// How the suite runs: real processes, because better-sqlite3 is a native module and a tape has a worker thread of
// its own; two of them at most, because the suite must also pass on a small machine.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
