/** What the SQL functions on arrays compute: one array or two in, a number, a text or rows out. Knows no database. */
import { extentsOf, integerOf, refuse, stridesOf, type Tensor } from './tensor.js'

/** Euclidean norm, scaled so that squares neither overflow nor vanish; NaN and ±∞ as arithmetic has them. */
export function norm({ data }: Tensor): number {
  let scale = 0
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]!)
    if (!Number.isFinite(size)) return size
    if (size > scale) scale = size
  }
  if (scale === 0) return 0
  let squares = 0
  for (let i = 0; i < data.length; i++) squares += (data[i]! / scale) ** 2
  return scale * Math.sqrt(squares)
}

export function dot(a: Tensor, b: Tensor): number {
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += a.data[i]! * b.data[i]!
  return sum
}

/** Cosine of the angle between two arrays taken as vectors; NaN when one of them is zero. */
export function cosine(a: Tensor, b: Tensor): number {
  const [na, nb] = [norm(a), norm(b)]
  let sum = 0
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! / na) * (b.data[i]! / nb)
  return Math.max(-1, Math.min(1, sum))
}

/** Euclidean distance. */
export function distance(a: Tensor, b: Tensor): number {
  const data = new Float64Array(a.data.length)
  for (let i = 0; i < data.length; i++) data[i] = a.data[i]! - b.data[i]!
  return norm({ data, shape: a.shape })
}

/**
 * The q-th quantile (0 to 1) of the elements that are not NaN, between the two nearest in proportion, as NumPy's default;
 * null when there are none.
 */
export function quantile(name: string, { data }: Tensor, given: unknown): number | null {
  const q = typeof given === 'bigint' ? Number(given) : given
  if (typeof q !== 'number' || !(q >= 0 && q <= 1)) return refuse(name, 'a share from 0 to 1', given)
  const sorted = Float64Array.from(data)
    .filter((x) => x === x)
    .sort()
  if (sorted.length === 0) return null
  const place = q * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low === high ? low : low + (high - low) * (place - below)
}

/** A number of an array as SQL has it: an INTEGER where the dtype has no other numbers. */
function numberFrom({ data }: Tensor, value: number): number | bigint {
  return data instanceof Float64Array || data instanceof Float32Array ? value : BigInt(value)
}

/** The element at an index: a JSON list with a place for each axis, or one number that counts row-major. */
export function element(name: string, tensor: Tensor, index: unknown): number | bigint {
  const { data, shape } = tensor
  const flat = integerOf(index)
  if (flat !== null) {
    if (flat < 0 || flat >= data.length) refuse(name, `an index below ${data.length}`, flat)
    return numberFrom(tensor, data[flat]!)
  }
  const places = extentsOf(name, index)
  if (places.length !== shape.length)
    refuse(name, `an index of ${shape.length} places for the shape [${shape.join(', ')}]`, index)
  const strides = stridesOf(shape)
  let at = 0
  for (const [axis, place] of places.entries()) {
    if (place >= shape[axis]!) refuse(name, `an index inside of the shape [${shape.join(', ')}]`, index)
    at += place * strides[axis]!
  }
  return numberFrom(tensor, data[at]!)
}

/** Rows `start` to `stop` (not included) of the first axis, as little-endian bytes. */
export function rows(name: string, { data, shape }: Tensor, start: unknown, stop: unknown): Uint8Array {
  if (shape.length === 0) refuse(name, 'an array with an axis', [])
  const extent = shape[0]!
  const from = integerOf(start)
  const to = stop === null || stop === undefined ? extent : integerOf(stop)
  if (from === null || to === null || from < 0 || to > extent || from > to)
    return refuse(name, `a start and a stop from 0 to ${extent}`, [start, stop])
  const row = extent === 0 ? 0 : data.length / extent
  const part = data.slice(from * row, to * row)
  return new Uint8Array(part.buffer)
}

/** How many numbers of a kind there are. */
const count = (values: readonly number[], isCounted: (x: number) => boolean) =>
  BigInt(values.filter(isCounted).length)

type Reduce = (values: readonly number[]) => number | bigint | null

const REDUCTIONS: { readonly [name: string]: Reduce } = Object.assign(Object.create(null), {
  sum: (values) => values.reduce((sum, x) => sum + x, 0),
  mean: (values) => (values.length === 0 ? null : values.reduce((sum, x) => sum + x, 0) / values.length),
  min: (values) => extreme(values, Math.min),
  max: (values) => extreme(values, Math.max),
  norm: (values) => norm({ data: Float64Array.from(values), shape: [values.length] }),
  zeros: (values) => count(values, (x) => x === 0),
  non_finite: (values) => count(values, (x) => !Number.isFinite(x)),
} satisfies { [name: string]: Reduce })

/** What of whole numbers is a whole number again. */
const KEEPING_WHOLE = new Set<unknown>(['sum', 'min', 'max'])

function extreme(values: readonly number[], of: (a: number, b: number) => number): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => of(a, b))
}

/** For each place along an axis, what the elements there come to. */
export function* alongAxis(
  name: string,
  tensor: Tensor,
  axis: unknown,
  reduction: unknown,
): Generator<[index: bigint, value: number | bigint | null]> {
  const { data, shape } = tensor
  const along = integerOf(axis)
  if (along === null || along < 0 || along >= shape.length)
    return refuse(name, `an axis below ${shape.length}`, axis)
  const reduce = typeof reduction === 'string' ? REDUCTIONS[reduction] : undefined
  if (reduce === undefined) return refuse(name, `one of ${Object.keys(REDUCTIONS).join(', ')}`, reduction)
  const extent = shape[along]!
  const inner = stridesOf(shape)[along]!
  const outer = extent === 0 || inner === 0 ? 0 : data.length / (extent * inner)
  for (let index = 0; index < extent; index++) {
    const values: number[] = []
    for (let o = 0; o < outer; o++) {
      const start = (o * extent + index) * inner
      for (let i = 0; i < inner; i++) values.push(data[start + i]!)
    }
    const value = reduce(values)
    const isKept = KEEPING_WHOLE.has(reduction) && typeof value === 'number'
    yield [BigInt(index), isKept ? numberFrom(tensor, value) : value]
  }
}

/** Equal bins from the smallest finite element to the largest, the last one closed; what is not finite is in none. */
export function* histogram(
  name: string,
  { data }: Tensor,
  bins: unknown,
): Generator<[bin: bigint, low: number, high: number, count: bigint]> {
  const wanted = bins === null || bins === undefined ? 10 : integerOf(bins)
  if (wanted === null || wanted < 1 || wanted > 100_000)
    return refuse(name, 'a number of bins from 1 to 100,000', bins)
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!
    if (!Number.isFinite(x)) continue
    if (x < low) low = x
    if (x > high) high = x
  }
  if (low > high) return
  const counts = new Float64Array(low === high ? 1 : wanted)
  // Halves, because the distance of two float64 numbers may be more than a float64 holds.
  const half = high / 2 - low / 2
  const edges = [low]
  for (let bin = 1; bin < counts.length; bin++) {
    const share = bin / counts.length
    // Rounding must not set an edge before the one below it.
    edges.push(Math.min(high, Math.max(edges[bin - 1]!, low * (1 - share) + high * share)))
  }
  edges.push(high)
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!
    if (!Number.isFinite(x)) continue
    const share = half === 0 ? 0 : (x / 2 - low / 2) / half
    counts[Math.min(counts.length - 1, Math.floor(share * counts.length))]!++
  }
  for (let bin = 0; bin < counts.length; bin++)
    yield [BigInt(bin), edges[bin]!, edges[bin + 1]!, BigInt(counts[bin]!)]
}

const TEXT_ELEMENTS_MAX = 1000

/** The array as nested JSON-like text; NaN and ±∞ by their names; after 1,000 elements it says how many more there are. */
export function text({ data, shape }: Tensor): string {
  const write = (axis: number, start: number, size: number): string => {
    if (axis === shape.length) return numberName(data[start]!)
    const extent = shape[axis]!
    const step = extent === 0 ? 0 : size / extent
    const parts: string[] = []
    for (let i = 0; i < extent; i++) {
      if (start + i * step >= TEXT_ELEMENTS_MAX) {
        parts.push(`… ${data.length - TEXT_ELEMENTS_MAX} more`)
        break
      }
      parts.push(write(axis + 1, start + i * step, step))
    }
    return `[${parts.join(', ')}]`
  }
  return write(0, 0, data.length)
}

function numberName(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** One row an element: its places along the first three axes, its row-major index, and the element. */
export function* elements(tensor: Tensor): Generator<(number | bigint | null)[]> {
  const { data, shape } = tensor
  const strides = stridesOf(shape)
  for (let index = 0; index < data.length; index++) {
    const place = (axis: number) =>
      axis < shape.length ? BigInt(Math.floor(index / strides[axis]!) % shape[axis]!) : null
    yield [place(0), place(1), place(2), BigInt(index), numberFrom(tensor, data[index]!)]
  }
}
