/**
 * Sums of products named by subscripts. Operands are joined from left to right, two at a time, each pair as one batched matrix
 * product; a subscript is summed as soon as nothing further on needs it.
 */
import { TapeError } from '../errors.js'
import { stridesOf } from './broadcast.js'
import { isFloating } from './dtype.js'
import { mul } from './elementwise.js'
import { allocate, type NDArray, viewOf } from './ndarray.js'
import { matmul } from './products.js'
import { promoted } from './promotion.js'
import { transpose } from './rearrange.js'
import { sum } from './reductions.js'
import { formatShape, type Shape, sizeOf } from './shape.js'
import { copyFrom } from './strided-copy.js'

/** The subscripts of each operand and of the result, one string a axis; those of an ellipsis are like any others. */
type Subscripts = {
  readonly inputs: readonly (readonly string[])[]
  readonly output: readonly string[]
}

/**
 * Reads 'ij,jk->ik' for operands of these shapes. Without '->' the result has the subscripts that occur once, in
 * alphabetical order, after those of the ellipsis. An ellipsis stands for axes named '.0', '.1', …, counted from the last.
 *
 * Throws   BAD_ARGUMENT when the equation does not fit the operands.
 * Source   NumPy `einsum`.
 */
export function readSubscripts(equation: string, shapes: readonly Shape[]): Subscripts {
  const key = `${equation} ${shapes.map((shape) => shape.length).join()}`
  const known = read.get(key)
  if (known !== undefined) return known
  const found = subscriptsOf(equation, shapes)
  if (read.size === READ_MOST) read.clear()
  read.set(key, found)
  return found
}

/** What was read last, by the equation and the numbers of axes: to read it takes as long as to sum a thousand numbers. */
const read = new Map<string, Subscripts>()
const READ_MOST = 256

function subscriptsOf(equation: string, shapes: readonly Shape[]): Subscripts {
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  const terms = left!.split(',')
  if (more.length > 0 || terms.length !== shapes.length) {
    refuse(equation, `one group of subscripts for each of ${shapes.length} operand(s)`)
  }
  const inputs = terms.map((term, i) => axesOf(equation, term, shapes[i]!.length))
  const all = inputs.flat()
  const dots = [...new Set(all.filter((name) => name.startsWith('.')))].sort(
    (a, b) => Number(b.slice(1)) - Number(a.slice(1)),
  )
  if (right === undefined) {
    const once = [...new Set(all)].filter(
      (name) => !name.startsWith('.') && all.indexOf(name) === all.lastIndexOf(name),
    )
    return { inputs, output: [...dots, ...once.sort()] }
  }
  const output = axesOf(
    equation,
    right,
    right.replace('...', '').length + (right.includes('...') ? dots.length : 0),
  )
  for (const name of output) {
    if (!all.includes(name))
      refuse(equation, `every subscript of the result among the operands, but "${name}" is not`)
    if (output.indexOf(name) !== output.lastIndexOf(name))
      refuse(equation, `each subscript of the result once, but "${name}" is twice`)
  }
  return { inputs, output }
}

function axesOf(equation: string, term: string, ndim: number): string[] {
  const parts = term.split('...')
  const letters = parts.join('')
  if (parts.length > 2 || !/^[A-Za-z]*$/.test(letters))
    refuse(equation, `letters and at most one "..." in "${term}"`)
  const hidden = ndim - letters.length
  if (hidden < 0 || (parts.length === 1 && hidden > 0))
    refuse(equation, `"${term}" to name the ${ndim} axes of its operand`)
  const dots = parts.length === 1 ? [] : Array.from({ length: hidden }, (_, i) => `.${hidden - 1 - i}`)
  return [...parts[0]!, ...dots, ...(parts[1] ?? '')]
}

function refuse(equation: string, expected: string): never {
  throw new TapeError('BAD_ARGUMENT', `einsum "${equation}" expected ${expected}`)
}

/** An operand whose axes have distinct names. */
type Named = { readonly array: NDArray; readonly names: readonly string[] }

/**
 * The sum over every subscript that the result lacks of the product of the operands.
 *
 * Shapes   subscripts of one name have one extent; an extent of 1 stretches.
 * Throws   SHAPE_MISMATCH when extents differ; BAD_ARGUMENT as `readSubscripts`.
 */
export function einsum(equation: string, operands: readonly NDArray[]): NDArray {
  const shapes = operands.map((x) => x.shape)
  const { inputs, output } = readSubscripts(equation, shapes)
  const one = operands.length === 1 && output.length === 0 ? traceOf(operands[0]!, inputs[0]!) : null
  if (one !== null) return one
  const extents = extentsOf(equation, inputs, shapes)
  // Promoted before the first product: a pair of narrow operands would else be rounded, or wrap, before it meets the wide one.
  const rest = promoted(operands).map((x, i) => squeezed(diagonal({ array: x, names: inputs[i]! }), extents))
  let joined = rest.shift()!
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    const needed = new Set([...output, ...rest.flatMap((one) => one.names)])
    joined = join(
      summed(joined, new Set([...needed, ...next.names])),
      summed(next, new Set([...needed, ...joined.names])),
      needed,
    )
  }
  const result = ordered(summed(joined, new Set(output)), output)
  return viewOf(result, result.shape)
}

/** The sum of the diagonal of a square of floats, `ii->`, without all that any other equation asks; null for another one. */
function traceOf(x: NDArray, names: readonly string[]): NDArray | null {
  const n = x.shape[0]
  if (x.ndim !== 2 || names[0] !== names[1] || n !== x.shape[1] || n === undefined || !isFloating(x.dtype))
    return null
  const diagonal = allocate(x.dtype, Object.freeze([n]), n)
  const [to, from] = [diagonal.buffer, x.buffer]
  for (let i = 0, at = x.offset; i < n; i++, at += n + 1) to[diagonal.offset + i] = from[at]!
  return sum(diagonal, { axis: [0] })
}

/** The extent of every subscript, 1 only where all operands have 1. Throws SHAPE_MISMATCH. */
export function extentsOf(
  equation: string,
  inputs: readonly (readonly string[])[],
  shapes: readonly Shape[],
): Map<string, number> {
  const extents = new Map<string, number>()
  inputs.forEach((names, i) => {
    names.forEach((name, axis) => {
      const extent = shapes[i]![axis]!
      const known = extents.get(name) ?? 1
      if (known !== 1 && extent !== 1 && known !== extent) {
        throw new TapeError(
          'SHAPE_MISMATCH',
          `einsum "${equation}" expected one extent for "${name}", got ${known} and ${extent} (operands ` +
            `${shapes.map(formatShape).join(', ')})`,
        )
      }
      extents.set(name, known === 1 ? extent : known)
    })
  })
  return extents
}

/** An operand that names an axis twice, read along its diagonal. */
function diagonal({ array, names }: Named): Named {
  const distinct = [...new Set(names)]
  if (distinct.length === names.length) return { array, names }
  const strides = stridesOf(array.shape)
  const extent = (name: string) => array.shape.find((size, axis) => names[axis] === name && size !== 1) ?? 1
  const shape = distinct.map(extent)
  const steps = distinct.map((name) =>
    names.reduce(
      (step, other, axis) => step + (other === name && array.shape[axis] !== 1 ? strides[axis]! : 0),
      0,
    ),
  )
  const out = allocate(array.dtype, Object.freeze(shape))
  copyFrom(array.buffer, array.offset, shape, steps, out.buffer, out.offset)
  return { array: out, names: distinct }
}

/** Without the axes of extent 1 that others stretch: they count in every place alike. */
function squeezed({ array, names }: Named, extents: Map<string, number>): Named {
  const stays = names.map((name, axis) => array.shape[axis] === extents.get(name))
  if (stays.every(Boolean)) return { array, names }
  const keep = <T>(list: readonly T[]): T[] => list.filter((_, axis) => stays[axis])
  return { array: viewOf(array, Object.freeze(keep(array.shape))), names: keep(names) }
}

/** Summed over the axes that nothing needs. */
function summed({ array, names }: Named, needed: ReadonlySet<string>): Named {
  const axis = names.flatMap((name, i) => (needed.has(name) ? [] : [i]))
  if (axis.length === 0) return { array, names }
  return { array: sum(array, { axis }), names: names.filter((name) => needed.has(name)) }
}

/** The product of two, summed over what both have and nothing needs. */
function join(a: Named, b: Named, needed: ReadonlySet<string>): Named {
  const both = a.names.filter((name) => b.names.includes(name))
  const batch = both.filter((name) => needed.has(name))
  const inner = both.filter((name) => !needed.has(name))
  const rows = a.names.filter((name) => !both.includes(name))
  const columns = b.names.filter((name) => !both.includes(name))
  const extent = (from: Named, list: readonly string[]) =>
    list.map((name) => from.array.shape[from.names.indexOf(name)]!)
  const batches = extent(a, batch)
  const k = sizeOf(extent(a, inner))
  const m = sizeOf(extent(a, rows))
  const n = sizeOf(extent(b, columns))
  const shape = Object.freeze([...batches, ...extent(a, rows), ...extent(b, columns)])
  const names = [...batch, ...rows, ...columns]
  const left = viewOf(ordered(a, [...batch, ...rows, ...inner]), Object.freeze([...batches, m, k]))
  const right = viewOf(ordered(b, [...batch, ...inner, ...columns]), Object.freeze([...batches, k, n]))
  // Without a sum the product of matrices would add each product to 0: the same, but for the sign of −0.
  const product = inner.length === 0 ? mul(left, right) : matmul(left, right)
  return { array: viewOf(product, shape), names }
}

function ordered({ array, names }: Named, wanted: readonly string[]): NDArray {
  if (wanted.every((name, axis) => names[axis] === name)) return array
  return transpose(
    array,
    wanted.map((name) => names.indexOf(name)),
  )
}
