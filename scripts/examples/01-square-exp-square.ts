// DeZero's first step with a backward pass: y = (exp(x²))², and its derivative at 0.5.
import { exp, square, Variable } from 'gradtape'
import { line } from '../demo/terminal.js'
import { ask, askSql, record } from './recorded.js'

const file = await record('01-square-exp-square', {}, () => {
  const x = new Variable(0.5, { name: 'x' })
  const y = square(exp(square(x)))
  y.name = 'y'
  y.backward()
  line(`y = ${y.item()}, dy/dx = ${x.grad?.item()}`)
})

ask('what is dy/dx, by a backward pass that starts at the file?', file, (past) => {
  const y = past.variable('y')
  y.backward()
  line(`dy/dx = ${past.variable('x').grad?.item()}; the run replays ${past.replay().verdict}`)
})

askSql(
  'which calls made y, and from what?',
  file,
  `
SELECT call.position, function, variable_position AS read, value
FROM call JOIN edge ON edge.run_id = call.run_id AND call_position = call.position AND direction = 'input'
JOIN variable ON variable.run_id = call.run_id AND variable.position = call.position
WHERE call.run_id = newest`,
)
