/** Random choices from a seed: the same seed gives the same choices on every machine. */

export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** 32 bits: a Weyl sequence through a mixer. */
  word(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0
    let z = this.state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  /** From 0 to below 1. */
  unit(): number {
    return this.word() / 4294967296
  }

  /** An integer from `least` to `most`. */
  integer(least: number, most: number): number {
    return least + (this.word() % (most - least + 1))
  }

  /** Whether something happens that happens once in `n` times. */
  oneIn(n: number): boolean {
    return this.word() % n === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.word() % list.length]!
  }

  /** The list in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(0, i)
      ;[out[i], out[j]] = [out[j]!, out[i]!]
    }
    return out
  }
}
