/**
 * Numbers for the texts of a run: names, shapes and attributes repeat, so each distinct text gets a number at first sight,
 * and the batch in which it was first seen carries it.
 */

/** Numbering begins anew at the next batch after this many texts, so that a run of any length stays in bounded memory. */
export const TEXTS_MAX = 65_536
/** At most this many attributes of one signature are remembered. */
const VARIANTS_MAX = 8

export class TextNumbering {
  /** Called when numbers begin anew: what somebody remembers of them is worth nothing then. */
  onRenumbered: (() => void) | null = null
  /** Called when a text joins the batch. */
  onFresh: (() => void) | null = null
  private fresh: string[] = []
  private firstFresh = 0
  private numbers = new Map<string, number>()
  /** The remembered texts by number; with gaps where passing texts were. */
  private known: string[] = []
  private next = 0
  /** How many different attributes the calls of a signature have had. */
  private readonly variants = new Map<number, number>()

  /** The number of a text; at first sight it joins the batch. */
  numberOf(content: string): number {
    let number = this.numbers.get(content)
    if (number === undefined) {
      number = this.next++
      this.numbers.set(content, number)
      this.known[number] = content
      this.fresh.push(content)
      this.onFresh?.()
    }
    return number
  }

  /**
   * The number of a call's attributes. Calls of one signature whose attributes keep changing (a counter, a step) get
   * passing texts, told by a negative number: −1 − number.
   */
  numberOfAttributes(signature: number, content: string): number {
    const known = this.numbers.get(content)
    if (known !== undefined) return known
    const variants = this.variants.get(signature) ?? 0
    if (variants >= VARIANTS_MAX) return -1 - this.passing(content)
    this.variants.set(signature, variants + 1)
    return this.numberOf(content)
  }

  /** A text that will hardly come again: numbered, but not remembered. */
  passing(content: string): number {
    this.fresh.push(content)
    this.onFresh?.()
    return this.next++
  }

  /** The number of the first text since the last `take`. */
  get firstWaiting(): number {
    return this.firstFresh
  }

  /** The texts first seen since the last `take`. */
  get waiting(): readonly string[] {
    return this.fresh
  }

  /** The text that has `number`; undefined for a passing text of a batch that was taken. */
  textOf(number: number): string | undefined {
    return number >= this.firstFresh ? this.fresh[number - this.firstFresh] : this.known[number]
  }

  /** The texts first seen since the last `take`, numbered on from `firstText`. */
  take(): { texts: readonly string[]; firstText: number } {
    const taken = { texts: this.fresh, firstText: this.firstFresh }
    this.fresh = []
    if (this.next >= TEXTS_MAX) {
      this.numbers.clear()
      this.variants.clear()
      this.known = []
      this.next = 0
      this.onRenumbered?.()
    }
    this.firstFresh = this.next
    return taken
  }
}
