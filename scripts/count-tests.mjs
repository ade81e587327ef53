// Prints the count of a vitest JSON report as its last line, `N passed, N failed`; exits 1 unless all is well.
import { existsSync, readFileSync } from 'node:fs'

const path = process.argv[2]
if (!path || !existsSync(path)) {
  console.error(
    `count-tests: expected vitest's report at ${path ?? '(no path given)'}, found none: no test was run`,
  )
  console.log('0 passed, 0 failed')
  process.exit(1)
}
const report = JSON.parse(readFileSync(path, 'utf8'))

// A file that fails before its first test has no failed test; it still counts as one failure.
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
)
for (const file of brokenFiles) console.log(`failed as a whole: ${file.name}\n  ${file.message}`)

const passed = report.numPassedTests
const failed = report.numFailedTests + brokenFiles.length
const others = report.numPendingTests + report.numTodoTests
if (others > 0) console.log(`${others} skipped`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = passed > 0 && failed === 0 && report.success ? 0 : 1
