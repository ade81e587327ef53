// Sorts the test files by measured time into test/speeds.json:
//   npm test -- --reporter=json --outputFile.json=.build/test-results.json && npm run test:sort
// Files that the report does not name stay in their list. What is in no list is slow. The heavy ones begin with what takes longest.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Seconds that the tests of one file take alone on a machine that does nothing else. */
const SLOW_FROM = 0.6
const HEAVY_FROM = 6

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const reportPath = join(root, process.argv[2] ?? '.build/test-results.json')
if (!existsSync(reportPath)) {
  console.error(
    `expected vitest's report at ${reportPath}, found none; make it with:\n  npm test -- --reporter=json --outputFile.json=${relative(root, reportPath)}`,
  )
  process.exit(1)
}

const listPath = join(root, 'test', 'speeds.json')
const before = JSON.parse(readFileSync(listPath, 'utf8'))
const measured = new Map(
  JSON.parse(readFileSync(reportPath, 'utf8')).testResults.map(({ name, startTime, endTime }) => [
    relative(root, name).split(sep).join('/'),
    (endTime - startTime) / 1_000,
  ]),
)
const kept = (files) => files.filter((file) => !measured.has(file) && existsSync(join(root, file)))
const between = (low, high) =>
  [...measured].filter(([, seconds]) => seconds >= low && seconds < high).map(([file]) => file)
const longestFirst = (files) =>
  files.sort((a, b) => (measured.get(b) ?? 0) - (measured.get(a) ?? 0) || (a < b ? -1 : 1))
const lists = {
  fast: [...kept(before.fast), ...between(0, SLOW_FROM)].sort(),
  heavy: longestFirst([...kept(before.heavy), ...between(HEAVY_FROM, Number.POSITIVE_INFINITY)]),
}
writeFileSync(listPath, `${JSON.stringify(lists, null, 2)}\n`)
const moved = ['fast', 'heavy'].flatMap((name) => [
  ...lists[name].filter((file) => !before[name].includes(file)).map((file) => `${file} is ${name} now`),
  ...before[name]
    .filter((file) => !lists.fast.includes(file) && !lists.heavy.includes(file))
    .map((file) => `${file} is slow now, or gone`),
])
console.log(moved.length === 0 ? 'no file has moved' : moved.join('\n'))
