// How the measurements of this folder hand over what they found.
import process from 'node:process'
import { OURS, type Sample, type Unit } from '../workload.js'

export function sample(measure: string, unit: Unit, value: number): Sample {
  return { who: OURS, measure, unit, value }
}

/** Progress, in the words of the benchmark's own; it goes to stderr. */
export function say(text: string): void {
  process.stderr.write(`bench:   ${text}\n`)
}
