// Newton's method on y = x⁴ − 2x² from 2.0. The second derivative is the derivative of a backward pass that was itself
// recorded as a graph: createGraph.
import { mul, noGrad, pow, sub, Variable } from 'gradtape'
import { line } from '../demo/terminal.js'
import { ask, record } from './recorded.js'

const f = (x: Variable) => sub(pow(x, 4), mul(2, pow(x, 2)))

const file = await record('04-newton', {}, (run) => {
  const x = new Variable(2, { name: 'x' })
  for (let i = 0; i < 10; i++) {
    run.step()
    line(`${i} ${text(x.item())}`)
    const y = f(x)
    x.clearGrad()
    y.backward({ createGraph: true })
    const gx = x.grad
    if (gx === null) throw new Error('y does not depend on x')
    gx.name = 'gx'
    x.clearGrad()
    gx.backward()
    const gx2 = x.grad
    noGrad(() => {
      if (gx2 !== null) x.data = sub(x, gx.div(gx2)).data
    })
    run.log({ y })
  }
})

ask('what was the third derivative at the second step, which nobody took?', file, (past) => {
  const x = past.variable('x', { step: 2 })
  const gx = past.variable('gx', { step: 2 })
  gx.backward({ createGraph: true })
  const second = x.grad
  x.clearGrad()
  second?.backward()
  line(`at x = ${x.item()}: y″ = ${second?.item()}, y‴ = ${x.grad?.item()} (24x = ${24 * x.item()})`)
  line(`the run replays ${past.replay().verdict}`)
})

/** As the book prints it. */
function text(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}
