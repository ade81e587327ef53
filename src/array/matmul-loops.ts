/**
 * The plain kernel's matrix products. Every element has one accumulator, k ascends, product and sum are
 * rounded apart: the bits of the plain triple loop, whatever the tiles.
 *
 * Four columns of b are copied into a panel, in which k runs without jumps; then two rows of a at a time run
 * along it, with eight accumulators in registers:
 *
 *        b  ┌──┬──┐          panel  k × 4, made once per four columns
 *           │░░│  │
 *   a ┌───┐ ├──┼──┤
 *     │▒▒▒│ │██│  │ out      2 × 4 accumulators
 *     └───┘ └──┴──┘
 */

let panelFloat64 = new Float64Array(0)

/** Arguments as `Kernel.matmul`. */
export function matmulFloat64(
  m: number,
  k: number,
  n: number,
  a: Float64Array,
  ao: number,
  ar: number,
  ac: number,
  b: Float64Array,
  bo: number,
  br: number,
  bc: number,
  out: Float64Array,
  oo: number,
): void {
  if (panelFloat64.length < 4 * k) panelFloat64 = new Float64Array(4 * k)
  const panel = panelFloat64
  for (let j = 0; j < n; j += 4) {
    const width = Math.min(4, n - j)
    // A panel of fewer columns is filled up with its first one; what comes of that is not stored.
    const b1 = width > 1 ? bc : 0
    const b2 = width > 2 ? 2 * bc : 0
    const b3 = width > 3 ? 3 * bc : 0
    for (let t = 0, q = bo + j * bc, p = 0; t < k; t++, q += br, p += 4) {
      panel[p] = b[q]!
      panel[p + 1] = b[q + b1]!
      panel[p + 2] = b[q + b2]!
      panel[p + 3] = b[q + b3]!
    }
    panelFloat64Product(m, k, n, a, ao, ar, ac, panel, width, out, oo + j)
  }
}

/** Four columns of the product: out[i, 0 … width) for all rows of a. */
function panelFloat64Product(
  m: number,
  k: number,
  n: number,
  a: Float64Array,
  ao: number,
  ar: number,
  ac: number,
  panel: Float64Array,
  width: number,
  out: Float64Array,
  oo: number,
): void {
  for (let i = 0; i < m; i += 2) {
    const a0 = ao + i * ar
    // An odd last row is computed twice over.
    const a1 = i + 1 < m ? ar : 0
    let s00 = 0
    let s01 = 0
    let s02 = 0
    let s03 = 0
    let s10 = 0
    let s11 = 0
    let s12 = 0
    let s13 = 0
    for (let t = 0, p = a0, q = 0; t < k; t++, p += ac, q += 4) {
      const b0 = panel[q]!
      const b1 = panel[q + 1]!
      const b2 = panel[q + 2]!
      const b3 = panel[q + 3]!
      const a0x = a[p]!
      s00 += a0x * b0
      s01 += a0x * b1
      s02 += a0x * b2
      s03 += a0x * b3
      const a1x = a[p + a1]!
      s10 += a1x * b0
      s11 += a1x * b1
      s12 += a1x * b2
      s13 += a1x * b3
    }
    const o = oo + i * n
    out[o] = s00
    if (width > 1) out[o + 1] = s01
    if (width > 2) out[o + 2] = s02
    if (width > 3) out[o + 3] = s03
    if (i + 1 < m) {
      out[o + n] = s10
      if (width > 1) out[o + n + 1] = s11
      if (width > 2) out[o + n + 2] = s12
      if (width > 3) out[o + n + 3] = s13
    }
  }
}

let panelFloat32 = new Float32Array(0)

/** Arguments as `Kernel.matmul`. */
export function matmulFloat32(
  m: number,
  k: number,
  n: number,
  a: Float32Array,
  ao: number,
  ar: number,
  ac: number,
  b: Float32Array,
  bo: number,
  br: number,
  bc: number,
  out: Float32Array,
  oo: number,
): void {
  if (panelFloat32.length < 4 * k) panelFloat32 = new Float32Array(4 * k)
  const panel = panelFloat32
  for (let j = 0; j < n; j += 4) {
    const width = Math.min(4, n - j)
    // A panel of fewer columns is filled up with its first one; what comes of that is not stored.
    const b1 = width > 1 ? bc : 0
    const b2 = width > 2 ? 2 * bc : 0
    const b3 = width > 3 ? 3 * bc : 0
    for (let t = 0, q = bo + j * bc, p = 0; t < k; t++, q += br, p += 4) {
      panel[p] = b[q]!
      panel[p + 1] = b[q + b1]!
      panel[p + 2] = b[q + b2]!
      panel[p + 3] = b[q + b3]!
    }
    panelFloat32Product(m, k, n, a, ao, ar, ac, panel, width, out, oo + j)
  }
}

/** Four columns of the product: out[i, 0 … width) for all rows of a. */
function panelFloat32Product(
  m: number,
  k: number,
  n: number,
  a: Float32Array,
  ao: number,
  ar: number,
  ac: number,
  panel: Float32Array,
  width: number,
  out: Float32Array,
  oo: number,
): void {
  const round = Math.fround
  for (let i = 0; i < m; i += 2) {
    const a0 = ao + i * ar
    // An odd last row is computed twice over.
    const a1 = i + 1 < m ? ar : 0
    let s00 = round(0)
    let s01 = round(0)
    let s02 = round(0)
    let s03 = round(0)
    let s10 = round(0)
    let s11 = round(0)
    let s12 = round(0)
    let s13 = round(0)
    for (let t = 0, p = a0, q = 0; t < k; t++, p += ac, q += 4) {
      const b0 = panel[q]!
      const b1 = panel[q + 1]!
      const b2 = panel[q + 2]!
      const b3 = panel[q + 3]!
      const a0x = a[p]!
      s00 = round(s00 + round(a0x * b0))
      s01 = round(s01 + round(a0x * b1))
      s02 = round(s02 + round(a0x * b2))
      s03 = round(s03 + round(a0x * b3))
      const a1x = a[p + a1]!
      s10 = round(s10 + round(a1x * b0))
      s11 = round(s11 + round(a1x * b1))
      s12 = round(s12 + round(a1x * b2))
      s13 = round(s13 + round(a1x * b3))
    }
    const o = oo + i * n
    out[o] = s00
    if (width > 1) out[o + 1] = s01
    if (width > 2) out[o + 2] = s02
    if (width > 3) out[o + 3] = s03
    if (i + 1 < m) {
      out[o + n] = s10
      if (width > 1) out[o + n + 1] = s11
      if (width > 2) out[o + n + 2] = s12
      if (width > 3) out[o + n + 3] = s13
    }
  }
}

/** Arguments as `Kernel.matmul`. Sums modulo 2^32; storing takes uint8 modulo 2^8. */
export function matmulInteger(
  m: number,
  k: number,
  n: number,
  a: Int32Array | Uint8Array,
  ao: number,
  ar: number,
  ac: number,
  b: Int32Array | Uint8Array,
  bo: number,
  br: number,
  bc: number,
  out: Int32Array | Uint8Array,
  oo: number,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let t = 0, p = ao + i * ar, q = bo + j * bc; t < k; t++, p += ac, q += br) {
        sum = (sum + Math.imul(a[p]!, b[q]!)) | 0
      }
      out[oo + i * n + j] = sum
    }
  }
}
