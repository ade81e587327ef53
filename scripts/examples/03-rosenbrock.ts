// Rosenbrock's banana: the gradient at (0, 2), and gradient descent along the valley to the minimum at (1, 1).
import { add, mul, noGrad, square, sub, Variable } from 'gradtape'
import { line } from '../demo/terminal.js'
import { askSql, isTold, record } from './recorded.js'

const RATE = 0.001
const STEPS = 10_000

const rosenbrock = (x0: Variable, x1: Variable) =>
  add(mul(100, square(sub(x1, square(x0)))), square(sub(x0, 1)))

const file = await record('03-rosenbrock', { config: { rate: RATE } }, (run) => {
  const x0 = new Variable(0, { name: 'x0' })
  const x1 = new Variable(2, { name: 'x1' })
  for (let step = 1; step <= STEPS; step++) {
    run.step()
    const y = rosenbrock(x0, x1)
    x0.clearGrad()
    x1.clearGrad()
    y.backward()
    run.log({ y })
    if (step === 1) line(`the gradient at (0, 2) is (${x0.grad?.item()}, ${x1.grad?.item()})`)
    noGrad(() => {
      for (const x of [x0, x1]) if (x.grad !== null) x.data = sub(x, mul(x.grad, RATE)).data
    })
    if (isTold(step, 2_000)) line(`step ${String(step).padStart(5)}  (${x0.item()}, ${x1.item()})`)
  }
})

askSql(
  'when did it first come below each power of ten?',
  file,
  `
WITH power(least) AS (VALUES (1.0), (0.1), (0.01), (0.001), (0.0001))
SELECT least AS below, min(step) AS first_step
FROM power LEFT JOIN metric ON run_id = newest AND value < least GROUP BY least ORDER BY least DESC`,
)
