// What every function costs, bare, float64, by the number of elements: processor time, of all threads of the process. Peers know the
// functions by the same names and use the same shapes.
import process from 'node:process'
import { constant, Variable } from 'gradtape'
import { SUBJECTS, type Subject } from './function-subjects.js'
import { VARIANTS } from './function-variants.js'
import { nsOf, OURS, type Sample, type Workload } from './workload.js'

const SIZES = [1, 100, 10_000, 1_000_000]
const SIZES_QUICK = [1, 10_000]
/** There are hundreds of these, and all of them together shall take a few minutes. */
const MOST_MS = 20

/** Of a long call the first few meet what V8 does beside them, after the collection before each workload and until it has compiled. */
const BATCHES_MIN = 15

/** Other programs of the machine are not in it. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

export function functionWorkloads(quick: boolean): Workload[] {
  const sizes = quick ? SIZES_QUICK : SIZES
  return Object.entries({ ...SUBJECTS, ...VARIANTS }).flatMap(([name, subject]) =>
    sizes
      .filter((size) => size >= (subject.least ?? 1) && size <= (subject.most ?? size))
      .map((size) => ({
        name: `${name} of ${size}`,
        mostMs: MOST_MS,
        run: ({ targetMs }) => measured(subject, size, targetMs),
      })),
  )
}

function measured({ operands, apply, layer }: Subject, size: number, targetMs: number): Sample[] {
  const xs = operands(size).map((array) => new Variable(array))
  let y = apply(...xs)
  const timed = (work: () => void) => nsOf(targetMs / 2, work, processorMs, BATCHES_MIN)
  const forward = timed(() => {
    y = apply(...xs)
  })
  const samples: Sample[] = [{ who: OURS, measure: 'forward', unit: 'ns/call', value: forward }]
  // Some give a truth value, and no Variable.
  if (!(y instanceof Variable) || !y.requiresGrad) return samples
  const gradient = constant(apply(...xs).data)
  const both = timed(() => {
    y = apply(...xs)
    y.backward({ gradient })
    for (const x of xs) x.clearGrad()
    layer?.().clearGrads()
  })
  return [...samples, { who: OURS, measure: 'forward + backward', unit: 'ns/call', value: both }]
}
