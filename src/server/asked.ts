/** What a question was asked with: texts from an address, read as what they must be. */
import { TapeError, valueText } from '../errors.js'

export type Parameters = Readonly<Record<string, readonly string[]>>

export class Asked {
  private readonly parameters: Parameters

  constructor(parameters: Parameters) {
    this.parameters = parameters
  }

  /** Throws  BAD_ARGUMENT when it is missing */
  text(name: string): string {
    const value = this.textOrNull(name)
    if (value === null) throw new TapeError('BAD_ARGUMENT', `expected ?${name}=…, got nothing`)
    return value
  }

  textOrNull(name: string): string | null {
    return Object.hasOwn(this.parameters, name) ? (this.parameters[name]?.[0] ?? null) : null
  }

  texts(name: string): readonly string[] {
    return Object.hasOwn(this.parameters, name) ? (this.parameters[name] ?? []) : []
  }

  /** Throws  BAD_ARGUMENT for what is no whole number of the range, and when it is missing and has no `otherwise` */
  whole(name: string, range: { min: number; max: number }, otherwise?: number): number {
    const text = this.textOrNull(name)
    if (text === null && otherwise !== undefined) return otherwise
    const value = text === null || !/^\d{1,15}$/.test(text) ? Number.NaN : Number(text)
    if (!(value >= range.min && value <= range.max))
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected ?${name}= to be a whole number from ${range.min} to ${range.max}, got ${valueText(text)}`,
      )
    return value
  }

  /** A finite number; null when it is missing. */
  numberOrNull(name: string): number | null {
    const text = this.textOrNull(name)
    if (text === null) return null
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value))
      throw new TapeError('BAD_ARGUMENT', `expected ?${name}= to be a number, got ${valueText(text)}`)
    return value
  }

  oneOf<const T extends string>(name: string, choices: readonly T[]): T {
    const text = this.textOrNull(name) ?? choices[0]
    const found = choices.find((choice) => choice === text)
    if (found === undefined)
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected ?${name}= to be one of ${choices.join(', ')}, got ${valueText(text)}`,
      )
    return found
  }
}
