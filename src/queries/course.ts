/**
 * A course: the numbers of one name in the order in which they were recorded, with a pyramid of summaries over all of them, so that
 * any stretch of a million points answers at once, and no point is ever left out: a spike of one step is in the maximum of every
 * bucket that holds it.
 */

/** How many buckets of one level make one of the next. */
const FAN = 16
/** From here on arrays grow by larger steps. */
const LONG = 4_096

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

/** Level k has a bucket for each 16^(k+1) points; the last may have fewer. */
class Level {
  min = new Float64Array(FAN)
  max = new Float64Array(FAN)
  mean = new Float64Array(FAN)
  count = new Uint32Array(FAN)
  nonFinite = new Uint32Array(FAN)

  makeRoom(buckets: number): void {
    while (this.min.length < buckets) {
      this.min = grown(this.min)
      this.max = grown(this.max)
      this.mean = grown(this.mean)
      this.count = grown(this.count)
      this.nonFinite = grown(this.nonFinite)
    }
  }

  /** Makes a bucket of the values from one place to before another. */
  sum(bucket: number, values: Float64Array, from: number, to: number): void {
    let [min, max, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
    for (let i = from; i < to; i++) {
      const value = values[i]!
      if (value - value !== 0) continue
      count++
      sum += value
      if (value < min) min = value
      if (value > max) max = value
    }
    this.min[bucket] = count === 0 ? Number.NaN : min
    this.max[bucket] = count === 0 ? Number.NaN : max
    this.mean[bucket] = count === 0 ? Number.NaN : sum - sum === 0 ? sum / count : meanOf(values, from, to)
    this.count[bucket] = count
    this.nonFinite[bucket] = to - from - count
  }

  /** Makes a bucket of those from one to before another of the level below. */
  fold(bucket: number, below: Level, from: number, to: number): void {
    const into = emptyStretch()
    for (let i = from; i < to; i++) below.addTo(into, i)
    this.min[bucket] = into.min
    this.max[bucket] = into.max
    this.mean[bucket] = into.mean
    this.count[bucket] = into.count
    this.nonFinite[bucket] = into.nonFinite
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
}

export class Course {
  length = 0
  /** The course that has the places of this one, too. */
  private readonly base: Course | null
  private ownSteps: Int32Array
  private ownPositions: Uint32Array
  /** Null as long as all values are one number. */
  private ownValues: Float64Array | null = null
  private only = Number.NaN
  private readonly levels: Level[] = []
  /** How many points the levels have. */
  private summed = 0

  /** base  a course to which each point is added before it is to this one: steps and positions are kept once */
  constructor(base: Course | null = null) {
    this.base = base
    this.ownSteps = new Int32Array(base === null ? FAN : 0)
    this.ownPositions = new Uint32Array(base === null ? FAN : 0)
  }

  /** A course of whole columns, as a file has them; `values` is a number where all are that one. */
  static of(
    places: Course | { steps: Int32Array; positions: Uint32Array },
    values: Float64Array | number,
    length: number,
  ): Course {
    const course = new Course(places instanceof Course ? places : null)
    if (!(places instanceof Course)) {
      course.ownSteps = atLeastOne(places.steps)
      course.ownPositions = atLeastOne(places.positions)
    }
    if (typeof values === 'number') course.only = values
    else course.ownValues = atLeastOne(values)
    course.length = length
    return course
  }

  /** Steps of the points, the first `length` places; they never descend. */
  get steps(): Int32Array {
    return this.base === null ? this.ownSteps : this.base.steps
  }

  get positions(): Uint32Array {
    return this.base === null ? this.ownPositions : this.base.positions
  }

  get values(): Float64Array {
    if (this.ownValues === null) {
      let length = FAN
      while (length < this.length) length *= 2
      this.ownValues = new Float64Array(length).fill(this.only, 0, this.length)
    }
    return this.ownValues
  }

  /** The number that all values are; null where they differ, or it is none that JSON knows. */
  get constant(): number | null {
    return this.ownValues === null && Number.isFinite(this.only) && !Object.is(this.only, -0)
      ? this.only
      : null
  }

  /** Whether another course has its steps and positions, too. */
  get isBeside(): boolean {
    return this.base !== null
  }

  add(step: number, position: number, value: number): void {
    const at = this.length
    if (this.base === null) {
      if (at === this.ownSteps.length) {
        this.ownSteps = grown(this.ownSteps)
        this.ownPositions = grown(this.ownPositions)
      }
      this.ownSteps[at] = step
      this.ownPositions[at] = position
    }
    if (at === 0 && this.ownValues === null) this.only = value
    if (this.ownValues !== null || !Object.is(value, this.only)) {
      let values = this.values
      if (at === values.length) values = this.ownValues = grown(values)
      values[at] = value
    }
    this.length = at + 1
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
    if (this.ownValues !== null) {
      this.sumUp(this.ownValues)
      this.addStretch(into, this.ownValues, from, to)
    } else if (to > from) {
      const count = Number.isFinite(this.only) ? to - from : 0
      if (count === 0) into.nonFinite = to - from
      else into.min = into.max = into.mean = this.only
      into.count = count
    }
    return into
  }

  private addStretch(into: Stretch, values: Float64Array, from: number, to: number): void {
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
        const value = values[at++]!
        if (Number.isFinite(value)) addValue(into, value)
        else into.nonFinite++
        continue
      }
      const width = FAN ** (k + 1)
      this.levels[k]!.addTo(into, at / width)
      at += width
    }
  }

  /** Brings the levels up to the last point: in whole stretches, when somebody asks, and not point by point. */
  private sumUp(values: Float64Array): void {
    if (this.summed === this.length) return
    let below: Level | null = null
    // A level stands as soon as it has two buckets.
    for (let k = 0, width = FAN; width < this.length; k++, width *= FAN) {
      const level = this.levels[k] ?? new Level()
      this.levels[k] = level
      const buckets = Math.ceil(this.length / width)
      level.makeRoom(buckets)
      // Of a level that did not stand, nothing was summed.
      const from = this.summed > width ? Math.floor(this.summed / width) : 0
      if (below === null)
        for (let i = from; i < buckets; i++)
          level.sum(i, values, i * FAN, Math.min((i + 1) * FAN, this.length))
      else {
        const parts = Math.ceil((this.length * FAN) / width)
        for (let i = from; i < buckets; i++) level.fold(i, below, i * FAN, Math.min((i + 1) * FAN, parts))
      }
      below = level
    }
    this.summed = this.length
  }
}

/** Of finite values whose sum is none. */
function meanOf(values: Float64Array, from: number, to: number): number {
  const into = emptyStretch()
  for (let i = from; i < to; i++) if (Number.isFinite(values[i]!)) addValue(into, values[i]!)
  return into.mean
}

function atLeastOne<A extends Float64Array | Int32Array | Uint32Array>(array: A): A {
  return array.length > 0 ? array : (new (array.constructor as new (length: number) => A)(FAN) as A)
}

function emptyStretch(): Stretch {
  return { min: Number.NaN, max: Number.NaN, mean: Number.NaN, count: 0, nonFinite: 0 }
}

function addValue(into: Stretch, value: number): void {
  const count = ++into.count
  if (!(value >= into.min)) into.min = value
  if (!(value <= into.max)) into.max = value
  // Divided before subtracted, so that the largest numbers do not overflow.
  into.mean = count === 1 ? value : into.mean + (value / count - into.mean / count)
}

function grown<A extends Float64Array | Int32Array | Uint32Array>(array: A): A {
  // Copies cost more than room: memory that nothing was written to is no memory yet.
  const factor = array.length < LONG ? 2 : 4
  const larger = new (array.constructor as new (length: number) => A)(array.length * factor)
  larger.set(array)
  return larger
}
