/**
 * A course: the numbers of one name in the order in which they were recorded, with a pyramid of summaries over all of them, so that
 * any stretch of a million points answers at once, and no point is ever left out: a spike of one step is in the maximum of every
 * bucket that holds it.
 */

/** How many buckets of one level make one of the next. */
const FAN = 16
const FAN_BITS = 4

/** A stretch of a course in a few numbers; those of finite values are NaN where there are none. */
export interface Stretch {
  min: number
  max: number
  mean: number
  /** Finite values. */
  count: number
  /** Values that are NaN or infinite. */
  nonFinite: number
}

/** Level k has a bucket for each 16^(k+1) points. */
class Level {
  min = new Float64Array(FAN)
  max = new Float64Array(FAN)
  mean = new Float64Array(FAN)
  count = new Uint32Array(FAN)
  nonFinite = new Uint32Array(FAN)
  length = 0

  add(bucket: number, value: number): void {
    if (bucket === this.length) this.begin()
    if (!Number.isFinite(value)) {
      this.nonFinite[bucket]!++
      return
    }
    const count = ++this.count[bucket]!
    if (!(value >= this.min[bucket]!)) this.min[bucket] = value
    if (!(value <= this.max[bucket]!)) this.max[bucket] = value
    // Divided before subtracted, so that the largest numbers do not overflow.
    this.mean[bucket] =
      count === 1 ? value : this.mean[bucket]! + (value / count - this.mean[bucket]! / count)
  }

  /** The bucket of a whole level that stands for `FAN` buckets of the level below. */
  fold(below: Level): void {
    for (let from = 0; from < below.length; from += FAN) {
      const at = this.length
      this.begin()
      const into = emptyStretch()
      for (let i = from; i < Math.min(from + FAN, below.length); i++) below.addTo(into, i)
      this.min[at] = into.min
      this.max[at] = into.max
      this.mean[at] = into.mean
      this.count[at] = into.count
      this.nonFinite[at] = into.nonFinite
    }
  }

  addTo(into: Stretch, bucket: number): void {
    into.nonFinite += this.nonFinite[bucket]!
    const count = this.count[bucket]!
    if (count === 0) return
    if (!(this.min[bucket]! >= into.min)) into.min = this.min[bucket]!
    if (!(this.max[bucket]! <= into.max)) into.max = this.max[bucket]!
    const total = into.count + count
    into.mean =
      into.count === 0
        ? this.mean[bucket]!
        : into.mean * (into.count / total) + this.mean[bucket]! * (count / total)
    into.count = total
  }

  private begin(): void {
    if (this.length === this.min.length) {
      this.min = grown(this.min)
      this.max = grown(this.max)
      this.mean = grown(this.mean)
      this.count = grown(this.count)
      this.nonFinite = grown(this.nonFinite)
    }
    this.min[this.length] = this.max[this.length] = this.mean[this.length] = Number.NaN
    this.length++
  }
}

export class Course {
  /** Steps, positions and values of the points, the first `length` places; steps never descend. */
  steps = new Int32Array(FAN)
  positions = new Uint32Array(FAN)
  values = new Float64Array(FAN)
  length = 0
  private readonly levels: Level[] = []

  /** A course of whole columns, as a file has them. */
  static of(steps: Int32Array, positions: Uint32Array, values: Float64Array): Course {
    const course = new Course()
    for (let i = 0; i < values.length; i++) course.add(steps[i]!, positions[i]!, values[i]!)
    return course
  }

  add(step: number, position: number, value: number): void {
    const at = this.length
    if (at === this.values.length) {
      this.steps = grown(this.steps)
      this.positions = grown(this.positions)
      this.values = grown(this.values)
    }
    this.steps[at] = step
    this.positions[at] = position
    this.values[at] = value
    this.length = at + 1
    // A level stands as soon as it has two buckets.
    if (at > 0 && at === FAN ** (this.levels.length + 1)) this.addLevel()
    for (let k = 0, bucket = at >>> FAN_BITS; k < this.levels.length; k++, bucket >>>= FAN_BITS)
      this.levels[k]!.add(bucket, value)
  }

  /** The place of the first point at `step` or after it. */
  placeOf(step: number): number {
    let [low, high] = [0, this.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.steps[middle]! < step) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The points from place `from` to before `to` in a few numbers; it looks at no more than some dozens of buckets. */
  stretch(from: number, to: number): Stretch {
    const into = emptyStretch()
    this.addStretch(into, from, to)
    return into
  }

  private addStretch(into: Stretch, from: number, to: number): void {
    let at = from
    while (at < to) {
      // The widest bucket that begins here and ends in time.
      let k = -1
      while (
        k + 1 < this.levels.length &&
        at % FAN ** (k + 2) === 0 &&
        Math.min(at + FAN ** (k + 2), this.length) <= to
      )
        k++
      if (k < 0) {
        const value = this.values[at++]!
        if (Number.isFinite(value)) addValue(into, value)
        else into.nonFinite++
        continue
      }
      const width = FAN ** (k + 1)
      this.levels[k]!.addTo(into, at / width)
      at += width
    }
  }

  private addLevel(): void {
    const level = new Level()
    const below = this.levels.at(-1)
    if (below !== undefined) level.fold(below)
    else for (let i = 0; i < this.length - 1; i++) level.add(i >>> FAN_BITS, this.values[i]!)
    this.levels.push(level)
  }
}

function emptyStretch(): Stretch {
  return { min: Number.NaN, max: Number.NaN, mean: Number.NaN, count: 0, nonFinite: 0 }
}

function addValue(into: Stretch, value: number): void {
  const count = ++into.count
  if (!(value >= into.min)) into.min = value
  if (!(value <= into.max)) into.max = value
  into.mean = count === 1 ? value : into.mean + (value / count - into.mean / count)
}

function grown<A extends Float64Array | Int32Array | Uint32Array>(array: A): A {
  const larger = new (array.constructor as new (length: number) => A)(array.length * 2)
  larger.set(array)
  return larger
}
