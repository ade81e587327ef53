/** Aligns two sequences as a text diff aligns lines (Myers 1986). Knows numbers only: equal things have equal numbers. */

/** A pair of indices that stand for each other; −1 where one sequence has nothing. */
export type Pair = readonly [a: number, b: number]

/** More insertions and deletions than this are no longer looked for. */
const EDITS_MAX = 128

/** Pairs that follow each other: `count` indices from `a` and from `b`; −1 where one sequence has nothing in all of them. */
export interface Stretch {
  readonly a: number
  readonly b: number
  readonly count: number
}

/** A sequence of numbers, from an index to before another. */
export interface Sequence {
  readonly from: number
  readonly end: number
  of(index: number): number
}

/**
 * The pairs in order, in stretches. What is deleted and inserted in the same place is paired one by one, as replaced. Where the two
 * differ in more places than can be told apart, index stands for index.
 */
export function align(a: Sequence, b: Sequence): Stretch[] {
  const stretches: Stretch[] = []
  const least = Math.min(a.end - a.from, b.end - b.from)
  let start = 0
  while (start < least && a.of(a.from + start) === b.of(b.from + start)) start++
  let tail = 0
  while (tail < least - start && a.of(a.end - 1 - tail) === b.of(b.end - 1 - tail)) tail++
  const [fromA, fromB] = [a.from + start, b.from + start]
  const [endA, endB] = [a.end - tail, b.end - tail]
  add(stretches, a.from, b.from, start)
  const matches = common(a, b, fromA, endA, fromB, endB)
  if (matches === null) replaceAll(stretches, fromA, endA, fromB, endB)
  else {
    let [atA, atB] = [fromA, fromB]
    for (const { a: i, b: j, count } of matches) {
      replaceAll(stretches, atA, i, atB, j)
      add(stretches, i, j, count)
      atA = i + count
      atB = j + count
    }
    replaceAll(stretches, atA, endA, atB, endB)
  }
  add(stretches, endA, endB, tail)
  return stretches
}

/** Index stands for index, from `from` on; what only the longer one has is behind it. */
export function alignByIndex(from: number, endA: number, endB: number): Stretch[] {
  const stretches: Stretch[] = []
  replaceAll(stretches, from, endA, from, endB)
  return stretches
}

/** The pairs of stretches, one by one. */
export function* pairsOf(stretches: readonly Stretch[]): Generator<Pair> {
  for (const { a, b, count } of stretches)
    for (let i = 0; i < count; i++) yield [a < 0 ? -1 : a + i, b < 0 ? -1 : b + i]
}

function add(stretches: Stretch[], a: number, b: number, count: number): void {
  if (count === 0) return
  const before = stretches.at(-1)
  const goesOn = (one: number, last: number) =>
    one < 0 ? last < 0 : last >= 0 && one === last + before!.count
  if (before !== undefined && goesOn(a, before.a) && goesOn(b, before.b))
    stretches[stretches.length - 1] = { ...before, count: before.count + count }
  else stretches.push({ a, b, count })
}

function replaceAll(stretches: Stretch[], fromA: number, toA: number, fromB: number, toB: number): void {
  const [inA, inB] = [toA - fromA, toB - fromB]
  const both = Math.min(inA, inB)
  add(stretches, fromA, fromB, both)
  add(stretches, fromA + both, -1, inA - both)
  add(stretches, -1, fromB + both, inB - both)
}

/** A longest common subsequence of two stretches; null when they have too little in common. */
function common(
  a: Sequence,
  b: Sequence,
  fromA: number,
  toA: number,
  fromB: number,
  toB: number,
): Stretch[] | null {
  const [n, m] = [toA - fromA, toB - fromB]
  const most = Math.min(n + m, EDITS_MAX)
  const offset = most + 1
  const furthest = new Int32Array(2 * most + 3)
  const trace: Int32Array[] = []
  for (let d = 0; d <= most; d++) {
    trace.push(furthest.slice())
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest[offset + k - 1]! < furthest[offset + k + 1]!)
      let x = down ? furthest[offset + k + 1]! : furthest[offset + k - 1]! + 1
      while (x < n && x - k < m && x - k >= 0 && a.of(fromA + x) === b.of(fromB + x - k)) x++
      furthest[offset + k] = x
      if (x >= n && x - k >= m) return backtrack(trace, d, n, m, offset, fromA, fromB)
    }
  }
  return null
}

function backtrack(
  trace: readonly Int32Array[],
  edits: number,
  n: number,
  m: number,
  offset: number,
  fromA: number,
  fromB: number,
): Stretch[] {
  const matches: Stretch[] = []
  /** From (x, y) back along the diagonal. */
  const back = (count: number) => {
    if (count === 0) return
    x -= count
    y -= count
    matches.push({ a: fromA + x, b: fromB + y, count })
  }
  let [x, y] = [n, m]
  for (let d = edits; d > 0; d--) {
    const furthest = trace[d]!
    const k = x - y
    const down = k === -d || (k !== d && furthest[offset + k - 1]! < furthest[offset + k + 1]!)
    const before = down ? k + 1 : k - 1
    const startX = furthest[offset + before]!
    const startY = startX - before
    back(Math.max(0, Math.min(x - (down ? startX : startX + 1), y - (down ? startY + 1 : startY))))
    x = startX
    y = startY
  }
  back(Math.min(x, y))
  return matches.reverse()
}

/**
 * Aligns in passes: what the first keys leave unmatched is matched by the second between the matches so far, and so on. For lines
 * that can be alike in more than one way.
 */
export function alignInPasses(a: readonly (readonly string[])[], b: readonly (readonly string[])[]): Pair[] {
  const numbers = new Map<string, number>()
  const numberOf = (key: string) => {
    const known = numbers.get(key) ?? numbers.size + 1
    numbers.set(key, known)
    return known
  }
  const levels = a[0]?.length ?? b[0]?.length ?? 0
  let matched: Pair[] = []
  for (let level = 0; level < levels; level++) {
    const next: Pair[] = []
    let [atA, atB] = [0, 0]
    for (const [i, j] of [...matched, [a.length, b.length] as Pair]) {
      const left = a.slice(atA, i).map((keys) => numberOf(`${level} ${keys[level]}`))
      const right = b.slice(atB, j).map((keys) => numberOf(`${level} ${keys[level]}`))
      for (const [x, y] of pairsOf(align(sequenceOf(left), sequenceOf(right))))
        if (x >= 0 && y >= 0 && left[x] === right[y]) next.push([atA + x, atB + y])
      if (i < a.length) next.push([i, j])
      atA = i + 1
      atB = j + 1
    }
    matched = next
  }
  const pairs: Pair[] = []
  let [atA, atB] = [0, 0]
  for (const [i, j] of [...matched, [a.length, b.length] as Pair]) {
    for (; atA < i; atA++) pairs.push([atA, -1])
    for (; atB < j; atB++) pairs.push([-1, atB])
    if (i < a.length || j < b.length) pairs.push([i, j])
    atA = i + 1
    atB = j + 1
  }
  return pairs
}

function sequenceOf(numbers: readonly number[]): Sequence {
  return { from: 0, end: numbers.length, of: (index) => numbers[index]! }
}
