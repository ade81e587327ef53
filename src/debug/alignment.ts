/** Aligns two sequences as a text diff aligns lines (Myers 1986). Knows numbers only: equal things have equal numbers. */

/** A pair of indices that stand for each other; −1 where one sequence has nothing. */
export type Pair = readonly [a: number, b: number]

/** More insertions and deletions than this are no longer looked for. */
const EDITS_MAX = 128

/**
 * The pairs in order. What is deleted and inserted in the same place is paired one by one, as replaced. Where the two differ in more
 * places than can be told apart, index stands for index.
 */
export function align(a: ArrayLike<number>, b: ArrayLike<number>): Pair[] {
  const pairs: Pair[] = []
  const least = Math.min(a.length, b.length)
  let start = 0
  while (start < least && a[start] === b[start]) start++
  let tail = 0
  while (tail < least - start && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++
  for (let i = 0; i < start; i++) pairs.push([i, i])
  const [endA, endB] = [a.length - tail, b.length - tail]
  const matches = common(a, b, start, endA, start, endB)
  if (matches === null) replaceAll(pairs, start, endA, start, endB)
  else {
    let [atA, atB] = [start, start]
    for (const [i, j] of matches) {
      replaceAll(pairs, atA, i, atB, j)
      pairs.push([i, j])
      atA = i + 1
      atB = j + 1
    }
    replaceAll(pairs, atA, endA, atB, endB)
  }
  for (let i = 0; i < tail; i++) pairs.push([endA + i, endB + i])
  return pairs
}

function replaceAll(pairs: Pair[], fromA: number, toA: number, fromB: number, toB: number): void {
  const count = Math.max(toA - fromA, toB - fromB)
  for (let i = 0; i < count; i++)
    pairs.push([fromA + i < toA ? fromA + i : -1, fromB + i < toB ? fromB + i : -1])
}

/** A longest common subsequence of two stretches; null when they have too little in common. */
function common(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  fromA: number,
  toA: number,
  fromB: number,
  toB: number,
): Pair[] | null {
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
      while (x < n && x - k < m && x - k >= 0 && a[fromA + x] === b[fromB + x - k]) x++
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
): Pair[] {
  const pairs: Pair[] = []
  let [x, y] = [n, m]
  for (let d = edits; d > 0; d--) {
    const furthest = trace[d]!
    const k = x - y
    const down = k === -d || (k !== d && furthest[offset + k - 1]! < furthest[offset + k + 1]!)
    const before = down ? k + 1 : k - 1
    const startX = furthest[offset + before]!
    const startY = startX - before
    while (x > (down ? startX : startX + 1) && y > (down ? startY + 1 : startY))
      pairs.push([fromA + --x, fromB + --y])
    x = startX
    y = startY
  }
  while (x > 0 && y > 0) pairs.push([fromA + --x, fromB + --y])
  return pairs.reverse()
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
      for (const [x, y] of align(left, right))
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
