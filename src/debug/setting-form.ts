/** A schedule as a row of numbers: texts of settings that differ in one of them. */
import { textToPlain } from '../events/plain.js'

/** This many steps at both ends of a run are looked at: they tell an odd value that comes and goes from a schedule and from a cycle. */
const EDGE = { up: 6, down: 6, same: 20 } as const
/** From one step to the next a slow schedule changes by less than this factor. */
const SLOW = 2

/** What texts of settings have in common, around the one number in which they differ. */
export class SettingForm {
  private readonly before: string
  private readonly after: string

  private constructor(before: string, after: string) {
    this.before = before
    this.after = after
  }

  /** Of the first two texts that differ; null when they do not, or in more than one number. */
  static of(texts: readonly (string | null)[]): SettingForm | null {
    const first = texts.find((text) => text !== null) ?? null
    const second = texts.find((text) => text !== null && text !== first) ?? null
    if (first === null || second === null) return null
    const [a, b] = [textToPlain(first, 'settings'), textToPlain(second, 'settings')] as Record<
      string,
      unknown
    >[]
    const odd = Object.keys(a!).filter((name) => !Object.is(a![name], b![name]))
    const [name] = odd
    if (name === undefined || odd.length > 1 || typeof a![name] !== 'number') return null
    const at = first.indexOf(`${JSON.stringify(name)}:`)
    const from = at + JSON.stringify(name).length + 1
    const number = /^-?[\d.eE+-]+/.exec(first.slice(from))?.[0]
    const form =
      at < 0 || number === undefined
        ? null
        : new SettingForm(first.slice(0, from), first.slice(from + number.length))
    return form !== null &&
      Object.is(form.valueIn(first), a![name]) &&
      Object.is(form.valueIn(second), b![name])
      ? form
      : null
  }

  /** The number in a text of this form; NaN for any other text. */
  valueIn(text: string): number {
    const { before, after } = this
    const end = text.length - after.length
    return end > before.length && text.startsWith(before) && text.endsWith(after)
      ? Number(text.slice(before.length, end))
      : Number.NaN
  }
}

/**
 * 1 where a value lies well inside of a run that stays as it is or goes slowly one way, up or down; 0 elsewhere.
 *
 * follows  whether a value is that of the step after the one before it
 */
export function slowRuns(values: readonly number[], follows: (i: number) => boolean): Uint8Array {
  const quiet = new Uint8Array(values.length)
  let from = 0
  let way: Way | null = null
  const end = (at: number) => {
    const edge = way === null ? 0 : EDGE[way]
    if (edge > 0 && at - from > 2 * edge) quiet.fill(1, from + edge, at - edge)
  }
  for (let i = 1; i < values.length; i++) {
    const is = follows(i) ? wayOf(values[i - 1]!, values[i]!) : null
    if (is !== null && is === way) continue
    end(i)
    // The value before may be the first of a run that goes another way.
    from = is === null ? i : i - 1
    way = is
  }
  end(values.length)
  return quiet
}

type Way = keyof typeof EDGE

function wayOf(a: number, b: number): Way | null {
  if (Object.is(a, b)) return Number.isNaN(a) ? null : 'same'
  if (!(a > 0 && b > 0 && a < SLOW * b && b < SLOW * a)) return null
  return b > a ? 'up' : 'down'
}
