import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'

const DIST = new URL('../../dist/index.js', import.meta.url).href

/** Compiled where it is called, not beside: on a busy machine the program would end before its code is compiled. */
const FLAGS = ['--expose-gc', '--trace-deopt', '--no-concurrent-recompilation']

/** Builds graphs until all of it is compiled, lets go of them, and collects garbage until hidden classes are given up. */
const PROGRAM = `
  import { exp, linear, matmul, mul, ndarray, softmaxCrossEntropy, sum, Variable } from ${JSON.stringify(DIST)}
  class Passing { constructor(x) { this.first = x; this.second = x } }
  let some = [new Passing(1), new Passing(2)]
  function passing() {
    let total = 0
    for (let i = 0; i < 1000; i++) total += some[i % 2].first + some[i % 2].second
    return total
  }
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
  for (let i = 0; i < 2000; i++) total += passing()
  some = []
  for (let i = 0; i < 6; i++) gc()
  if (!Number.isFinite(total)) throw new Error('no number')
`

test('a full garbage collection between two graphs drops no compiled code of the engine', () => {
  const output = execFileSync(process.execPath, [...FLAGS, '--input-type=module', '--eval', PROGRAM], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  const dropped = output
    .split('\n')
    .filter((line) => line.includes('weak objects'))
    .map((line) => /SharedFunctionInfo (?:get |set )?(\w*)/.exec(line)?.[1] ?? '')
  // Proof that this V8 does so, and says so in these words: of Passing no object is left.
  expect(dropped).toContain('passing')
  const engine =
    'add allocate apply1 apply2 apply3 arrive backward begin binary exp finish finish1 forward give inputAt linear linkedInput links matmul MatMul mul needsGradient oneHot softmax sub sum Sum sumTo SumTo walk'
  expect(dropped.filter((name) => engine.split(' ').includes(name))).toEqual([])
})
