/**
 * A quick hash of numbers, words and bytes, by which steps are told apart; not one that proves anything.
 */

/** Two hashes of 32 bits (FNV-1a and a multiplicative one) beside each other: equal contents are equal, others hardly ever. */
export class ContentHash {
  private a = 0x811c9dc5
  private b = 0x9e3779b9

  word(word: number): void {
    this.a = Math.imul(this.a ^ (word | 0), 0x01000193)
    this.b = Math.imul((this.b ^ (this.b >>> 15)) + (word | 0), 0x85ebca6b)
    const high = Math.floor(word / 2 ** 32)
    if (high !== 0) this.a = Math.imul(this.a ^ high, 0x01000193)
  }

  number(number: number): void {
    FLOAT[0] = number
    this.word(WORDS[0]!)
    this.word(WORDS[1]!)
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.word(text.charCodeAt(i))
    this.word(text.length)
  }

  bytes(bytes: Buffer): void {
    const words = bytes.length >>> 2
    for (let i = 0; i < words; i++) this.word(bytes.readInt32LE(i * 4))
    for (let i = words * 4; i < bytes.length; i++) this.word(bytes[i]!)
    this.word(bytes.length)
  }

  mixed(number: number): number {
    this.word(number)
    return this.value
  }

  get value(): number {
    return (this.a >>> 0) * 2 ** 20 + ((this.b >>> 0) & 0xfffff)
  }
}

const FLOAT = new Float64Array(1)
const WORDS = new Int32Array(FLOAT.buffer)
