/**
 * The innermost loops of the matrix product, on packed strips: 4 × 4 float64, 2 × 16 float32. `row` is the step of `out` in
 * bytes; `goesOn` says whether it holds sums already.
 *
 * Sums, the operands of one k and a product fill the registers. Four k are written out to save the counting, each behind a
 * way out of the loop: in one straight piece V8 would load the operands of all four first and spill the sums.
 */

@inline function plus64(sum: v128, a: v128, b: v128): v128 {
  return f64x2.add(sum, f64x2.mul(a, b))
}

@inline function plus32(sum: v128, a: v128, b: v128): v128 {
  return f32x4.add(sum, f32x4.mul(a, b))
}

export function tile64(k: usize, a: usize, b: usize, out: usize, row: usize, goesOn: bool): void {
  let s00 = f64x2.splat(0)
  let s01 = s00
  let s10 = s00
  let s11 = s00
  let s20 = s00
  let s21 = s00
  let s30 = s00
  let s31 = s00
  const o1 = out + row
  const o2 = o1 + row
  const o3 = o2 + row
  if (goesOn) {
    s00 = v128.load(out)
    s01 = v128.load(out, 16)
    s10 = v128.load(o1)
    s11 = v128.load(o1, 16)
    s20 = v128.load(o2)
    s21 = v128.load(o2, 16)
    s30 = v128.load(o3)
    s31 = v128.load(o3, 16)
  }
  const end = b + (k << 5)
  const end1 = end - 32
  const end2 = end - 64
  const end3 = end - 96
  for (; b < end; a += 128, b += 128) {
    const tb0 = v128.load(b)
    const tb1 = v128.load(b, 16)
    const ta0 = v128.load64_splat(a)
    s00 = plus64(s00, ta0, tb0)
    s01 = plus64(s01, ta0, tb1)
    const ta1 = v128.load64_splat(a, 8)
    s10 = plus64(s10, ta1, tb0)
    s11 = plus64(s11, ta1, tb1)
    const ta2 = v128.load64_splat(a, 16)
    s20 = plus64(s20, ta2, tb0)
    s21 = plus64(s21, ta2, tb1)
    const ta3 = v128.load64_splat(a, 24)
    s30 = plus64(s30, ta3, tb0)
    s31 = plus64(s31, ta3, tb1)
    if (b >= end1) break

    const ub0 = v128.load(b, 32)
    const ub1 = v128.load(b, 48)
    const ua0 = v128.load64_splat(a, 32)
    s00 = plus64(s00, ua0, ub0)
    s01 = plus64(s01, ua0, ub1)
    const ua1 = v128.load64_splat(a, 40)
    s10 = plus64(s10, ua1, ub0)
    s11 = plus64(s11, ua1, ub1)
    const ua2 = v128.load64_splat(a, 48)
    s20 = plus64(s20, ua2, ub0)
    s21 = plus64(s21, ua2, ub1)
    const ua3 = v128.load64_splat(a, 56)
    s30 = plus64(s30, ua3, ub0)
    s31 = plus64(s31, ua3, ub1)
    if (b >= end2) break

    const vb0 = v128.load(b, 64)
    const vb1 = v128.load(b, 80)
    const va0 = v128.load64_splat(a, 64)
    s00 = plus64(s00, va0, vb0)
    s01 = plus64(s01, va0, vb1)
    const va1 = v128.load64_splat(a, 72)
    s10 = plus64(s10, va1, vb0)
    s11 = plus64(s11, va1, vb1)
    const va2 = v128.load64_splat(a, 80)
    s20 = plus64(s20, va2, vb0)
    s21 = plus64(s21, va2, vb1)
    const va3 = v128.load64_splat(a, 88)
    s30 = plus64(s30, va3, vb0)
    s31 = plus64(s31, va3, vb1)
    if (b >= end3) break

    const wb0 = v128.load(b, 96)
    const wb1 = v128.load(b, 112)
    const wa0 = v128.load64_splat(a, 96)
    s00 = plus64(s00, wa0, wb0)
    s01 = plus64(s01, wa0, wb1)
    const wa1 = v128.load64_splat(a, 104)
    s10 = plus64(s10, wa1, wb0)
    s11 = plus64(s11, wa1, wb1)
    const wa2 = v128.load64_splat(a, 112)
    s20 = plus64(s20, wa2, wb0)
    s21 = plus64(s21, wa2, wb1)
    const wa3 = v128.load64_splat(a, 120)
    s30 = plus64(s30, wa3, wb0)
    s31 = plus64(s31, wa3, wb1)
  }
  v128.store(out, s00)
  v128.store(out, s01, 16)
  v128.store(o1, s10)
  v128.store(o1, s11, 16)
  v128.store(o2, s20)
  v128.store(o2, s21, 16)
  v128.store(o3, s30)
  v128.store(o3, s31, 16)
}

export function tile32(k: usize, a: usize, b: usize, out: usize, row: usize, goesOn: bool): void {
  let s00 = f32x4.splat(0)
  let s01 = s00
  let s02 = s00
  let s03 = s00
  let s10 = s00
  let s11 = s00
  let s12 = s00
  let s13 = s00
  const o1 = out + row
  if (goesOn) {
    s00 = v128.load(out)
    s01 = v128.load(out, 16)
    s02 = v128.load(out, 32)
    s03 = v128.load(out, 48)
    s10 = v128.load(o1)
    s11 = v128.load(o1, 16)
    s12 = v128.load(o1, 32)
    s13 = v128.load(o1, 48)
  }
  const end = b + (k << 6)
  const end1 = end - 64
  const end2 = end - 128
  const end3 = end - 192
  for (; b < end; a += 32, b += 256) {
    const ta0 = v128.load32_splat(a)
    const ta1 = v128.load32_splat(a, 4)
    const tb0 = v128.load(b)
    s00 = plus32(s00, ta0, tb0)
    s10 = plus32(s10, ta1, tb0)
    const tb1 = v128.load(b, 16)
    s01 = plus32(s01, ta0, tb1)
    s11 = plus32(s11, ta1, tb1)
    const tb2 = v128.load(b, 32)
    s02 = plus32(s02, ta0, tb2)
    s12 = plus32(s12, ta1, tb2)
    const tb3 = v128.load(b, 48)
    s03 = plus32(s03, ta0, tb3)
    s13 = plus32(s13, ta1, tb3)
    if (b >= end1) break

    const ua0 = v128.load32_splat(a, 8)
    const ua1 = v128.load32_splat(a, 12)
    const ub0 = v128.load(b, 64)
    s00 = plus32(s00, ua0, ub0)
    s10 = plus32(s10, ua1, ub0)
    const ub1 = v128.load(b, 80)
    s01 = plus32(s01, ua0, ub1)
    s11 = plus32(s11, ua1, ub1)
    const ub2 = v128.load(b, 96)
    s02 = plus32(s02, ua0, ub2)
    s12 = plus32(s12, ua1, ub2)
    const ub3 = v128.load(b, 112)
    s03 = plus32(s03, ua0, ub3)
    s13 = plus32(s13, ua1, ub3)
    if (b >= end2) break

    const va0 = v128.load32_splat(a, 16)
    const va1 = v128.load32_splat(a, 20)
    const vb0 = v128.load(b, 128)
    s00 = plus32(s00, va0, vb0)
    s10 = plus32(s10, va1, vb0)
    const vb1 = v128.load(b, 144)
    s01 = plus32(s01, va0, vb1)
    s11 = plus32(s11, va1, vb1)
    const vb2 = v128.load(b, 160)
    s02 = plus32(s02, va0, vb2)
    s12 = plus32(s12, va1, vb2)
    const vb3 = v128.load(b, 176)
    s03 = plus32(s03, va0, vb3)
    s13 = plus32(s13, va1, vb3)
    if (b >= end3) break

    const wa0 = v128.load32_splat(a, 24)
    const wa1 = v128.load32_splat(a, 28)
    const wb0 = v128.load(b, 192)
    s00 = plus32(s00, wa0, wb0)
    s10 = plus32(s10, wa1, wb0)
    const wb1 = v128.load(b, 208)
    s01 = plus32(s01, wa0, wb1)
    s11 = plus32(s11, wa1, wb1)
    const wb2 = v128.load(b, 224)
    s02 = plus32(s02, wa0, wb2)
    s12 = plus32(s12, wa1, wb2)
    const wb3 = v128.load(b, 240)
    s03 = plus32(s03, wa0, wb3)
    s13 = plus32(s13, wa1, wb3)
  }
  v128.store(out, s00)
  v128.store(out, s01, 16)
  v128.store(out, s02, 32)
  v128.store(out, s03, 48)
  v128.store(o1, s10)
  v128.store(o1, s11, 16)
  v128.store(o1, s12, 32)
  v128.store(o1, s13, 48)
}
