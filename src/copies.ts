/**
 * Several copies of this package may be loaded in one process: two versions in two `node_modules`, or one in a bundle and one beside
 * it. Each has its own functions and its own open runs, so what one computes is on no tape of the other. A Variable, an array or a
 * module of another copy is refused, with a code of its own; and whoever records while another copy is loaded is told.
 */
import { TapeError } from './errors.js'

/** What the copies know of each other. */
interface Copy {
  readonly place: string
  openRuns: number
  warned: boolean
}

const MARK = Symbol.for('gradtape.copy')
const shared = globalThis as unknown as {
  [MARK]?: Copy[]
  process?: { emitWarning?(message: string, options: { code: string }): void }
}
const ours: Copy = { place: placeOf(), openRuns: 0, warned: false }
const copies = shared[MARK] ?? []
shared[MARK] = copies
copies.push(ours)
warnIfRecorded()

/** Objects of these classes are known as ours, and by other copies as not theirs. */
export function markAsOurs(...classes: readonly { readonly prototype: object }[]): void {
  for (const { prototype } of classes) Object.defineProperty(prototype, MARK, { value: ours })
}

/** Throws TWO_COPIES for an object that another copy of this package made. `what` is who was given it, in the user's words. */
export function refuseOtherCopy(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) return
  const copy = (value as { [MARK]?: Copy })[MARK]
  if (copy === undefined || copy === ours) return
  throw new TapeError(
    'TWO_COPIES',
    `${what} got a ${value.constructor.name} that another copy of gradtape made (${copy.place}; this one is ${ours.place}): ` +
      'what it computes would be on no tape of this one. Let the program load one copy: `npm ls gradtape` shows how many there are, ' +
      'and a bundle leaves gradtape outside',
  )
}

/** A run of this copy begins. */
export function runBegins(): void {
  ours.openRuns++
  warnIfRecorded()
}

/** A run of this copy is over. */
export function runEnds(): void {
  ours.openRuns--
}

/** Tells once that what other copies compute is not recorded. */
function warnIfRecorded(): void {
  const recording = copies.find(({ openRuns }) => openRuns > 0)
  if (copies.length < 2 || recording === undefined || recording.warned) return
  recording.warned = true
  const others = copies.filter((copy) => copy !== recording).map(({ place }) => place)
  shared.process?.emitWarning?.(
    `a run is recorded by the copy of gradtape at ${recording.place}, and another is loaded from ${others.join(', ')}: ` +
      'what that one computes is not on the tape',
    { code: 'TWO_COPIES' },
  )
}

function placeOf(): string {
  try {
    return import.meta.url.replace(/\/(?:dist\/packed\/\w+|src\/copies)\.[jt]s(?:\?.*)?$/, '')
  } catch {
    return 'a bundle' // in CommonJS a module has no address
  }
}
