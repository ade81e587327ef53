// The second process of the demo: knows the path of a tape and the number of a step, and nothing of the training. Opens the
// file read-only, walks back from that step's loss, and compares with the gradients that were recorded at the time.
import process from 'node:process'
import { type NDArray, openTape, type RecordedArray } from 'gradtape'
import { count, line, paint } from './terminal.js'

const [path, run, step] = process.argv.slice(2)
if (path === undefined || run === undefined || step === undefined) {
  throw new Error('expected the path of a tape, the number of a run and the number of a step')
}

const tape = openTape(path, { readonly: true })
const past = tape.run(Number(run))
const from = performance.now()
const loss = past.variable('loss', { step: Number(step) })
loss.backward()
const elapsedMs = performance.now() - from
line(
  `process ${process.pid}: loss of step ${step} = ${loss.item()}, backward from the file in ${elapsedMs.toFixed(0)} ms`,
)

let unequal = 0
for (const name of ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias']) {
  const parameter = past.variable(name, { step: Number(step) })
  const computed = parameter.grad
  const recorded = recordedGradient(parameter.position ?? 0)
  if (computed === null || recorded === null) throw new Error(`${name} has no gradient in step ${step}`)
  const equal = sameBits(computed.data, recorded)
  if (!equal) unequal++
  const norm = Math.hypot(...computed.data.data)
  const verdict = equal
    ? `${paint('green', '✓')} all ${count(computed.size).padStart(5)} numbers equal the recorded ones, every bit`
    : '✗ differs from the recorded one'
  line(`${`∂loss/∂${name}`.padEnd(19)} ‖g‖ = ${norm.toFixed(6)}  ${verdict}`)
}
tape.close()
process.exitCode = unequal === 0 ? 0 : 1

/** What the pass of that step, at the time, gave to the variable at this position. */
function recordedGradient(variable: number): RecordedArray | null {
  for (const event of past.events(loss.position ?? 1)) {
    if (event.type === 'StepStarted') return null
    if (event.type === 'GradientComputed' && event.variable === variable) return event.contribution
  }
  return null
}

function sameBits(a: NDArray, b: RecordedArray): boolean {
  const bytes = ({ data }: { data: ArrayBufferView }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return bytes(a).equals(bytes(b))
}
