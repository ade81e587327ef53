/**
 * The self-test of what native code computes in one call: its steps stand in rooms that this one must not import, so the bits are
 * compared with a hash of theirs. test/array/native/fused.test.ts holds native code to the steps themselves.
 */
import { fusedOver } from '../native-fused.js'
import type { Native } from './addon.js'

type Floats = Float64Array | Float32Array
type Type = Float64ArrayConstructor | Float32ArrayConstructor

const HASHES: { readonly [name: string]: number } = {
  Float64Array: -1378577004,
  Float32Array: 2051129393,
}

/** Whether all results of native code are those of the steps. `numbers` gives as many ordinary ones. */
export function agreesAtOnce(
  native: Native,
  Type: Type,
  numbers: (count: number, seed: number) => Floats,
): boolean {
  return hashAtOnce(native, Type, numbers) === HASHES[Type.name]
}

function hashAtOnce(native: Native, Type: Type, numbers: (count: number, seed: number) => Floats): number {
  const fused = fusedOver(() => native)
  const [x, gy, w] = [numbers(400, 4), numbers(400, 5), numbers(100, 6)]
  const out = new Type(400) as Floats
  const sums = new Type(100) as Floats
  let hash = 0x811c9dc5
  const note = (done: boolean, ...arrays: Floats[]) => {
    if (!done) hash = Math.imul(hash ^ 1, 0x01000193)
    for (const array of arrays) {
      // Words and no bytes, by index: nothing of this is compiled yet, and so it takes a third of the whole test as it is.
      const words = new Int32Array(array.buffer)
      for (let i = 0; i < words.length; i++) {
        hash = Math.imul(hash ^ words[i]!, 0x01000193)
        hash ^= hash >>> 15
      }
      array.fill(0)
    }
  }
  const cut = { most: 4, step: 2 }
  for (const [isByChannel, images, channels, inner] of [
    [false, 7, 21, 1],
    [true, 7, 21, 1],
    [true, 7, 2, 19],
  ] as const) {
    const shape = { isByChannel, images, channels, inner, cut, eps: 0.01 }
    note(fused.normalize(shape, x, 3, w, 1, gy, 2, out, 0), out)
    note(fused.normalizeSlopes(shape, gy, 1, x, 3, w, 1, out, 0, sums, 0), out, sums)
  }
  note(fused.softmaxSlope(gy, 1, x, 2, 7, 21, out, 0), out)
  note(fused.geluSlope(gy, 1, x, 2, out, 0, 147), out)
  for (const op of ['leaky', 'elu', 'eluSlope', 'within', 'between', 'selu', 'seluSlope'] as const)
    note(fused.gate(op, gy, 1, x, 2, -0.25, 0.5, out, 0, 147), out)
  for (const op of ['hardSigmoid', 'hardSwish', 'hardSwishSlope'] as const)
    note(fused.gate(op, gy, 1, x, 2, 3, 6, out, 0, 147), out)
  for (const op of ['smoothL1', 'huber'] as const)
    note(fused.gate(op, gy, 1, x, 2, 0.5, 0.25, out, 0, 147), out)
  const other = x instanceof Float64Array ? new Float32Array(300) : new Float64Array(300)
  note(fused.convert(x, 1, other, 2, 290), other)
  note(fused.convert(x, 1, other, 2, 290) && fused.convert(other, 2, out, 3, 290), out, other)
  note(fused.prelu(x, 1, w, 2, out, 3, 1, 9, 16), out)
  note(fused.prelu(x, 1, w, 2, out, 3, 6, 21, 1), out)
  note(fused.largerShare(gy, 1, x, 2, gy, 3, out, 0, 147), out)
  if (out instanceof Float64Array && x instanceof Float64Array && gy instanceof Float64Array) {
    note(fused.foldRows(true, out, 3, gy, 1, 2, x, 2, 45, 7, 43), out)
    out.set(x)
    const square = new Float64Array(81)
    for (let i = 0; i < 9; i++) for (let j = 0; j < 9; j++) square[i * 9 + j] = x[i * 9 + j]! + x[j * 9 + i]!
    const columns = x.slice(20, 120)
    const [first, second] = [new Float64Array(81), new Float64Array(81)]
    for (let i = 0; i < 81; i += 10) first[i] = second[i] = 1
    const tables = x.slice(0, 2 * 7 + 3 * 16)
    note(fused.fourierRows(11, 7, 16, tables, x, 1, gy, 2, out, 0, columns, 0), out, columns)
    note(fused.fourierRows(5, 8, 8, tables, x, 1, gy, 2, out, 0, columns, 0), out, columns)
    for (const [kind, n] of [
      [0, 30],
      [1, 28],
      [2, 28],
      [2, 11],
    ] as const)
      note(
        fused.fourierByRadices(kind, 3, n, x.slice(0, 2 * n), x, 1, gy, 2, out, 0, columns, 0),
        out,
        columns,
      )
    columns.set(x.slice(20, 120))
    note(fused.diagonalize(square, first, 9, 1e-9, 9), square, first)
    note(fused.orthogonalize(columns, second, 9, 11, 2 ** -52, 9), columns, second)
    const [third, positive, order] = [new Float64Array(81), new Float64Array(81), new Int32Array(9)]
    for (let i = 0; i < 9; i++) {
      order[i] = i
      for (let j = 0; j < 9; j++) {
        square[i * 9 + j] = x[i * 9 + j]! + x[j * 9 + i]!
        positive[i * 9 + j] = square[i * 9 + j]! / 4 + (i === j ? 9 : 0)
      }
    }
    for (let i = 0; i < 81; i += 10) first[i] = 1
    note(fused.symmetricEigen(square, first, third, 9, 60) === true, first, third)
    note(fused.cholesky(positive, second, 9) === -1, second)
    note(fused.factorRows(positive, order, 9) === 1, positive)
    const [units, triangle, wide] = [new Float64Array(99), new Float64Array(81), x.slice(20, 119)]
    for (let i = 0; i < 9; i++) units[i * 12] = 1
    note(fused.triangleValues(wide, triangle, units, order, 9, 11, 2 ** -50, 60), triangle, units)
    note(fused.takeOuter(out, 3, 41, gy, 1, 2, gy, 30, 7, 40), out)
  }
  const is = new Uint8Array(300)
  for (let i = 0; i < is.length; i++) is[i] = x[i]! > 0 ? 1 : 0
  note(fused.choose(is, 1, gy, 1, 1, x, 2, 0, out, 0, 290), out)
  const which = new Int32Array(300)
  for (let i = 0; i < which.length; i++) which[i] = ((i * 7) % 18) - 9
  for (const op of ['gather', 'scatterAdd', 'take', 'scatterTake'] as const)
    note(fused.atPlaces(op, x, 2, which, 1, out, 3, 5, 9, 7, 3) === -1, out)
  for (const isTurned of [false, true]) note(fused.sortRows(isTurned, x, 1, 5, 37, 31, out, 2, which, 3), out)
  const found = new Int32Array(24)
  for (const [i, place] of [0, 11, 12, 40].entries()) found[20 + i] = place
  note(fused.placesInOrder(x, 1, 5, 41, 4, out, 2, found), out)
  for (const isSquare of [false, true]) note(fused.distances(isSquare, 2, 3, 11, 5, x, 1, gy, 2, out, 3), out)
  note(fused.moveRuns(x, 1, 13, out, 2, 17, 11, 9), out)
  const image = {
    images: 6,
    channels: 2,
    rows: 5,
    columns: 6,
    kernel: [3, 2],
    stride: [2, 1],
    padding: [1, 1],
  } as const
  const windows = { ...image, outRows: 3, outColumns: 7 }
  note(fused.maxPool(windows, x, 1, out, 0), out)
  note(fused.averagePool(windows, x, 1, out, 0), out)
  note(fused.averagePoolScatter(windows, gy, 2, out, 0), out)
  for (const alignCorners of [false, true])
    for (const inner of [1, 5]) {
      const blended = { extent: 6, count: 9, step: 0.7, alignCorners }
      note(fused.blend(false, blended, 3, inner, x, 1, out, 2), out)
      note(fused.blend(true, blended, 3, inner, gy, 1, out, 2), out)
    }
  note(fused.maxPoolScatter(windows, gy, 2, x, 1, out, 0), out)
  const bounds = Int32Array.from([0, 1, 2, 3, 0, 2, 3, 5, 0, 1, 3, 2, 4, 6])
  const volumes = { layers: 4, extents: [3, 5, 6], counts: [2, 2, 3], bounds } as const
  note(fused.volumeMaxima(volumes, x, 1, out, 0), out)
  note(fused.volumeMaximaScatter(volumes, gy, 2, x, 1, out, 0), out)
  note(fused.convolve('maps', windows, 3, cut, cut, x, 1, w, 2, out, 0), out)
  note(fused.convolve('images', windows, 3, cut, cut, gy, 1, w, 2, out, 0), out)
  note(fused.convolve('weights', windows, 3, cut, cut, x, 1, gy, 2, out, 0), out)
  return hash
}
