// The sine from its Taylor series, as a program with a loop whose length depends on the numbers: define-by-run takes
// its derivative all the same.
import path from 'node:path'
import { add, mul, plotGraph, pow, Variable } from 'gradtape'
import { line } from '../demo/terminal.js'
import { askSql, folder, record } from './recorded.js'

/** Σ (−1)ⁱ x^(2i+1) / (2i+1)!, until a term is below the threshold. */
function taylorSine(x: Variable, threshold: number): Variable {
  let y: Variable | null = null
  let factorial = 1
  for (let i = 0; i < 100_000; i++) {
    if (i > 0) factorial *= 2 * i * (2 * i + 1)
    const term = mul(pow(x, 2 * i + 1), (i % 2 === 0 ? 1 : -1) / factorial)
    y = y === null ? term : add(y, term)
    if (Math.abs(term.item()) < threshold) return y
  }
  throw new Error('the series did not end')
}

const file = await record('02-taylor-sine', {}, async (run) => {
  for (const threshold of [1e-4, 1e-10, 1e-150]) {
    const x = new Variable(Math.PI / 4, { name: 'x' })
    const y = run.scope(`to ${threshold}`, () => taylorSine(x, threshold))
    y.backward()
    line(`to ${String(threshold).padEnd(6)}  sin(π/4) ≈ ${y.item()}  cos(π/4) ≈ ${x.grad?.item()}`)
    const output = path.join(folder, `taylor-${threshold}.svg`)
    await plotGraph(y, { format: 'svg', collapse: 'none', output })
  }
  line(`the graphs are drawn in ${folder}`)
})

askSql(
  'how many terms did each accuracy take?',
  file,
  `
SELECT scope AS accuracy, sum(function = 'pow') AS terms, count(*) AS calls
FROM call WHERE run_id = newest GROUP BY scope ORDER BY terms`,
)
