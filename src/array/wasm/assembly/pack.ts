/**
 * Copies of strips of a matrix in the order in which the product reads them: for each t in turn the `WIDTH` elements
 * of the strip side by side, so that the inner loop walks straight through memory.
 *
 *   source, along t      strip
 *   a0 a1 a2 …           a0 b0 c0 d0 | a1 b1 c1 d1 | a2 …
 *   b0 b1 b2 …
 *   c0 c1 c2 …           What a strip lacks at the edge of the matrix is filled up with zeros; nothing of what comes
 *   d0 d1 d2 …           of those is stored.
 *
 * Steps are in bytes. One of the two is the size of an element: the source is a matrix or its transpose.
 */

/** Strips of 4 float64. `across` leads from an element of the strip to the next, `along` from a t to the next. */
export function packStrip64(from: usize, across: usize, along: usize, width: usize, k: usize, to: usize): void {
  let t: usize = 0
  let p = from
  let q = to
  if (width < 4) {
    for (; t < k; t++, p += along, q += 32) {
      for (let j: usize = 0; j < 4; j++) store<f64>(q + (j << 3), j < width ? load<f64>(p + j * across) : 0)
    }
  } else if (across === 8) {
    for (; t < k; t++, p += along, q += 32) {
      v128.store(q, v128.load(p))
      v128.store(q, v128.load(p, 16), 16)
    }
  } else {
    const p1 = across
    const p2 = across << 1
    const p3 = p2 + across
    if (along === 8) {
      for (; t + 1 < k; t += 2, p += 16, q += 64) {
        const r0 = v128.load(p)
        const r1 = v128.load(p + p1)
        const r2 = v128.load(p + p2)
        const r3 = v128.load(p + p3)
        v128.store(q, i64x2.shuffle(r0, r1, 0, 2))
        v128.store(q, i64x2.shuffle(r2, r3, 0, 2), 16)
        v128.store(q, i64x2.shuffle(r0, r1, 1, 3), 32)
        v128.store(q, i64x2.shuffle(r2, r3, 1, 3), 48)
      }
    }
    for (; t < k; t++, p += along, q += 32) {
      store<f64>(q, load<f64>(p))
      store<f64>(q, load<f64>(p + p1), 8)
      store<f64>(q, load<f64>(p + p2), 16)
      store<f64>(q, load<f64>(p + p3), 24)
    }
  }
}

/** Strips of 2 float32. */
export function packPair32(from: usize, across: usize, along: usize, width: usize, k: usize, to: usize): void {
  let t: usize = 0
  let p = from
  let q = to
  if (width < 2) {
    for (; t < k; t++, p += along, q += 8) {
      store<f32>(q, load<f32>(p))
      store<f32>(q, 0, 4)
    }
    return
  }
  if (along === 4) {
    for (; t + 3 < k; t += 4, p += 16, q += 32) {
      const r0 = v128.load(p)
      const r1 = v128.load(p + across)
      v128.store(q, i32x4.shuffle(r0, r1, 0, 4, 1, 5))
      v128.store(q, i32x4.shuffle(r0, r1, 2, 6, 3, 7), 16)
    }
  }
  for (; t < k; t++, p += along, q += 8) {
    store<f32>(q, load<f32>(p))
    store<f32>(q, load<f32>(p + across), 4)
  }
}

/** Strips of 16 float32. */
export function packStrip32(from: usize, across: usize, along: usize, width: usize, k: usize, to: usize): void {
  let p = from
  let q = to
  if (width < 16) {
    for (let t: usize = 0; t < k; t++, p += along, q += 64) {
      let j: usize = 0
      for (let s = p; j < width; j++, s += across) store<f32>(q + (j << 2), load<f32>(s))
      for (; j < 16; j++) store<f32>(q + (j << 2), 0)
    }
  } else if (across === 4) {
    for (let t: usize = 0; t < k; t++, p += along, q += 64) {
      v128.store(q, v128.load(p))
      v128.store(q, v128.load(p, 16), 16)
      v128.store(q, v128.load(p, 32), 32)
      v128.store(q, v128.load(p, 48), 48)
    }
  } else {
    for (let j: usize = 0; j < 16; j += 4, p += across << 2, q += 16) packQuarter32(p, across, along, k, q)
  }
}

/** Four of the sixteen: blocks of 4 × 4 are turned in registers. */
@inline function packQuarter32(from: usize, across: usize, along: usize, k: usize, to: usize): void {
  const p1 = across
  const p2 = across << 1
  const p3 = p2 + across
  let t: usize = 0
  let p = from
  let q = to
  if (along === 4) {
    for (; t + 3 < k; t += 4, p += 16, q += 256) {
      const r0 = v128.load(p)
      const r1 = v128.load(p + p1)
      const r2 = v128.load(p + p2)
      const r3 = v128.load(p + p3)
      const low0 = i32x4.shuffle(r0, r1, 0, 4, 1, 5)
      const low2 = i32x4.shuffle(r2, r3, 0, 4, 1, 5)
      const high0 = i32x4.shuffle(r0, r1, 2, 6, 3, 7)
      const high2 = i32x4.shuffle(r2, r3, 2, 6, 3, 7)
      v128.store(q, i64x2.shuffle(low0, low2, 0, 2))
      v128.store(q, i64x2.shuffle(low0, low2, 1, 3), 64)
      v128.store(q, i64x2.shuffle(high0, high2, 0, 2), 128)
      v128.store(q, i64x2.shuffle(high0, high2, 1, 3), 192)
    }
  }
  for (; t < k; t++, p += along, q += 64) {
    store<f32>(q, load<f32>(p))
    store<f32>(q, load<f32>(p + p1), 4)
    store<f32>(q, load<f32>(p + p2), 8)
    store<f32>(q, load<f32>(p + p3), 12)
  }
}
