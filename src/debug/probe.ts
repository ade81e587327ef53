/** Values and gradients of anything, over steps, as a table: what nobody logged at the time. */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { refOf } from '../events/event.js'
import { grad } from '../graph/backward.js'
import type { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import type { Recording } from '../replay/replay-run.js'
import type { Moment } from './moment.js'
import { type ProbeSource, parseProbe } from './probe-expression.js'

/** Settings of `past.probe`. */
export interface ProbeOptions {
  /** First and last step, both included; all steps by default. */
  steps?: readonly [number, number]
  /** Every how many steps. Default 1. */
  every?: number
}

/** A row for each step, a number for each column. */
export interface ProbeTable {
  /** The expressions, or `value` for a function. */
  readonly columns: readonly string[]
  readonly rows: readonly { readonly step: number; readonly values: readonly number[] }[]
}

/** What probe needs of a past run. */
export interface Probed {
  /** @internal */
  readonly recording: Recording
  readonly stepCount: number
  readonly lastPosition: number
  variable(what: string | number, options: { step?: number }): Variable
  at(step: number): Moment
}

type Asked = string | readonly string[] | ((moment: Moment) => number)

/** @internal Throws  BAD_ARGUMENT; VARIABLE_NOT_FOUND; what computing a step again throws */
export function probe(past: Probed, asked: Asked, options: ProbeOptions = {}): ProbeTable {
  checkOptions(options, ['steps', 'every'], 'probe()')
  const { steps = [Math.min(1, past.stepCount), past.stepCount], every = 1 } = options
  const [from, to] = steps
  const right =
    [from, to].every((step) => Number.isInteger(step) && step >= 0 && step <= past.stepCount) && from <= to
  if (!right)
    throw new TapeError(
      'BAD_ARGUMENT',
      `probe() expected steps from 0 to ${past.stepCount}, the first not after the last, got ${valueText(steps)}`,
    )
  if (!Number.isInteger(every) || every < 1)
    throw new TapeError(
      'BAD_ARGUMENT',
      `probe() expected every to be an integer from 1, got ${valueText(every)}`,
    )
  const columns = typeof asked === 'function' ? ['value'] : typeof asked === 'string' ? [asked] : [...asked]
  const compiled = typeof asked === 'function' ? [] : columns.map(parseProbe)
  const rows: { step: number; values: number[] }[] = []
  for (let step = from; step <= to; step += every) {
    const source = new StepSource(past, step)
    const values =
      typeof asked === 'function'
        ? [numberOf(asked(past.at(step)), 'the function')]
        : compiled.map((expression, i) => {
            const value = expression(source)
            return numberOf(
              typeof value === 'number' ? value : value.length === 1 ? value[0] : value,
              columns[i]!,
            )
          })
    rows.push({ step, values })
  }
  return { columns, rows }
}

function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number') return value
  const got = Array.isArray(value) || ArrayBuffer.isView(value) ? 'an array' : valueText(value)
  throw new TapeError(
    'BAD_ARGUMENT',
    `a probe expected a number of ${what}, got ${got}; reduce it: norm(…), mean(…), max(abs(…))`,
  )
}

class StepSource implements ProbeSource {
  private readonly past: Probed
  private readonly step: number

  constructor(past: Probed, step: number) {
    this.past = past
    this.step = step
  }

  value(name: string): NDArray {
    return this.past.variable(name, { step: this.step }).data
  }

  gradient(of: string, by: string): NDArray {
    const [root, target] = [of, by].map((name) => this.past.variable(name, { step: this.step })) as [
      Variable,
      Variable,
    ]
    return grad(root, target)[0]!.data
  }

  recorded(name: string): NDArray {
    const variable = this.past.variable(name, { step: this.step })
    // A step that gave it none has no number for it.
    return variable.grad?.data ?? ndarray([Number.NaN])
  }

  output(name: string, scope: string | null, nth: number): NDArray {
    const { reader, lookup, id } = this.past.recording
    const { from, to } = lookup.stepRange(this.step, this.past.lastPosition)
    let count = 0
    for (const event of reader.events(id, from, to)) {
      if (event.type !== 'FunctionCalled' || event.function !== name) continue
      if (scope !== null && event.scope !== scope) continue
      if (++count === nth) return this.past.variable(refOf(event.position), { step: this.step }).data
    }
    throw new TapeError(
      'VARIABLE_NOT_FOUND',
      `step ${this.step} has ${count === 0 ? 'no call' : `${count} call${count === 1 ? '' : 's'}`} of ${name}${scope === null ? '' : ` in scope "${scope}"`}, expected number ${nth}`,
    )
  }
}
