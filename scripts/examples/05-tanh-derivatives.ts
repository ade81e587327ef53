// The first six derivatives of tanh, each the derivative of the graph of the one before, and the picture of the sixth.
import path from 'node:path'
import { plotGraph, tanh, Variable } from 'gradtape'
import { line } from '../demo/terminal.js'
import { ask, folder, record } from './recorded.js'

const AT = 1
const ORDER = 6

const file = await record('05-tanh-derivatives', {}, async (run) => {
  const x = new Variable(AT, { name: 'x' })
  const y = tanh(x)
  y.name = 'y'
  y.backward({ createGraph: true })
  let derivative = x.grad
  for (let order = 1; order <= ORDER && derivative !== null; order++) {
    derivative.name = `gx${order}`
    const exact = tanhDerivative(order, AT)
    line(`order ${order}: ${String(derivative.item()).padEnd(22)} by formula ${exact}`)
    if (Math.abs(derivative.item() - exact) > 1e-10 * Math.abs(exact)) throw new Error('that is not tanh')
    if (order === ORDER) {
      const output = path.join(folder, 'tanh-6.svg')
      const svg = await plotGraph(derivative, { format: 'svg', collapse: 'none', output })
      line(`the graph of order ${ORDER} is in ${output}: ${(svg.match(/class="node"/g) ?? []).length} nodes`)
      return
    }
    run.step()
    x.clearGrad()
    derivative.backward({ createGraph: true })
    derivative = x.grad
  }
})

ask('what is the seventh derivative, of the recorded graph of the sixth?', file, (past) => {
  const sixth = past.variable(`gx${ORDER}`)
  sixth.backward()
  const x = past.variable('x')
  line(`order 7: ${x.grad?.item()}, by formula ${tanhDerivative(7, AT)}`)
  line(`the run replays ${past.replay().verdict}`)
})

/** With t = tanh x, t′ = 1 − t²: each derivative is a polynomial in t. */
function tanhDerivative(order: number, x: number): number {
  let polynomial = [0, 1]
  for (let i = 0; i < order; i++) {
    const next = new Array<number>(polynomial.length + 1).fill(0)
    polynomial.forEach((coefficient, power) => {
      if (power === 0) return
      next[power - 1] = (next[power - 1] ?? 0) + power * coefficient
      next[power + 1] = (next[power + 1] ?? 0) - power * coefficient
    })
    polynomial = next
  }
  return polynomial.reduceRight((sum, coefficient) => sum * Math.tanh(x) + coefficient, 0)
}
