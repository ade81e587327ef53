import { expect, test } from 'vitest'
import { droppedCode, LIBRARY } from '../dropped-code.js'

/** Builds graphs and lets go of them. */
const PROGRAM = `
  import { exp, linear, matmul, mul, ndarray, softmaxCrossEntropy, sum, Variable } from ${JSON.stringify(LIBRARY)}
  const rows = ndarray([1, 2, 3, 4, 5, 6], { shape: [3, 2] })
  const square = ndarray([1, 2, 3, 4], { shape: [2, 2] })
  const bias = ndarray([1, 2])
  const labels = ndarray(new Int32Array([0, 1, 0]))
  function work() {
    const x = new Variable(rows)
    const y = matmul(exp(mul(linear(x, new Variable(square), new Variable(bias)), 0.01)), new Variable(square), { transposeB: true })
    softmaxCrossEntropy(y, labels).backward()
    return sum(x.grad).item()
  }
  let total = 0
  for (let i = 0; i < 20000; i++) total += work()
`

test('a full garbage collection between two graphs drops no compiled code of the engine', () => {
  const engine =
    'add allocate apply1 apply2 apply3 arrive backward begin binary exp finish finish1 forward give inputAt linear linkedInput links matmul MatMul mul needsGradient oneHot softmax sub sum Sum sumTo SumTo walk'
  const dropped = droppedCode(PROGRAM)
  expect(dropped.filter((name) => engine.split(' ').includes(name))).toEqual([])
})
