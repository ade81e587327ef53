// Prints what a vitest JSON report comes to: which tests were skipped, which fast files were slow, and as its last line
// `N passed, N failed, N skipped`. Exits 1 unless all is well.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the project `fast` that takes longer should be sorted again (npm run test:sort). */
const FAST_MAX_S = 5

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const path = process.argv[2]
if (!path || !existsSync(path)) {
  console.error(
    `count-tests: expected vitest's report at ${path ?? '(no path given)'}, found none: no test was run`,
  )
  console.log('0 passed, 0 failed, 0 skipped')
  process.exit(1)
}
const report = JSON.parse(readFileSync(path, 'utf8'))

// A file that fails before its first test has no failed test; it still counts as one failure.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
)
for (const file of brokenFiles) console.log(`failed as a whole: ${file.name}\n  ${file.message}`)

const { fast } = JSON.parse(readFileSync(`${root}/test/speeds.json`, 'utf8'))
for (const { name, startTime, endTime } of report.testResults) {
  const file = relative(root, name)
  const seconds = (endTime - startTime) / 1_000
  if (seconds > FAST_MAX_S && fast.includes(file)) {
    console.log(`${file} took ${seconds.toFixed(1)} s and counts as fast; npm run test:sort`)
  }
}

const skipped = report.testResults.flatMap((file) =>
  file.assertionResults
    .filter(({ status }) => status === 'skipped' || status === 'pending' || status === 'todo')
    .map(({ fullName }) => `skipped: ${relative(root, file.name)}: ${fullName.trim()}`),
)
for (const line of skipped) console.log(line)

const passed = report.numPassedTests
const failed = report.numFailedTests + brokenFiles.length
console.log(`${passed} passed, ${failed} failed, ${report.numPendingTests + report.numTodoTests} skipped`)
process.exitCode = passed > 0 && failed === 0 && report.success ? 0 : 1
