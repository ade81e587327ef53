/** Sums of products named by subscripts. */

import type { DType } from '../array/dtype.js'
import { einsum as einsumOf, extentsOf, readSubscripts } from '../array/einsum.js'
import { eye, ones } from '../array/make-array.js'
import { type NDArray, viewOf } from '../array/ndarray.js'
import { valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { refuse } from './attributes.js'
import { sumTo } from './shapes.js'

const EQUATION = /^[A-Za-z., ]*(->[A-Za-z. ]*)?$/

/**
 * Σ over all subscripts that the result lacks of the product of the operands.
 * Backward: the gradient of an operand is again such a sum, of gy and the other operands.
 */
export class Einsum extends Func {
  private readonly equation: string

  constructor(attributes: { equation: string }) {
    checkOptions(attributes, ['equation'], 'einsum')
    const { equation } = attributes
    if (typeof equation !== 'string' || !EQUATION.test(equation)) {
      refuse(`einsum expected an equation such as 'ij,jk->ik', got ${valueText(equation)}`)
    }
    super({ equation })
    this.equation = equation
  }

  override forward(...operands: NDArray[]): NDArray {
    return this.forwardList(operands)
  }

  override forwardList(operands: readonly NDArray[]): NDArray {
    return einsumOf(this.equation, operands)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const { inputs } = this
    const shapes = inputs.map((x) => x.shape)
    const subscripts = readSubscripts(this.equation, shapes)
    const extents = extentsOf(this.equation, subscripts.inputs, shapes)
    return inputs.map((x, k) => {
      if (!this.needsGradient(k)) return null
      const operands: (Variable | NDArray)[] = [gy]
      const terms: (readonly string[])[] = [subscripts.output]
      inputs.forEach((other, i) => {
        if (i === k) return
        operands.push(other)
        terms.push(subscripts.inputs[i]!)
      })
      // A subscript that the others have only with extent 1 is not known by them: they stretch along it.
      const known = new Set(
        terms.flatMap((names, i) =>
          names.filter((name, axis) => operands[i]!.shape[axis] === extents.get(name)),
        ),
      )
      const target: string[] = []
      for (const name of subscripts.inputs[k]!) {
        const extent = extents.get(name)!
        if (target.includes(name)) {
          // An axis named twice was read along its diagonal: the gradient is 0 off it.
          const second = `${name}'${target.length}`
          operands.push(identity(extent, gy.dtype))
          terms.push([name, second])
          target.push(second)
          continue
        }
        if (!known.has(name)) {
          // An axis that was only summed: every element of it gets the same.
          operands.push(ones([extent], gy.dtype))
          terms.push([name])
        }
        target.push(name)
      }
      return sumTo(new Einsum({ equation: lettered(terms, target) }).applyList(operands)[0]!, x.shape)
    })
  }
}

/** Small ones are kept, as to make one takes longer than to read it. */
const kept = new Map<string, NDArray>()
const KEPT_EXTENT = 256
const KEPT_MOST = 8

/** The identity, which nobody writes. */
function identity(extent: number, dtype: DType): NDArray {
  if (extent > KEPT_EXTENT) return eye(extent, extent, dtype)
  const key = `${extent} ${dtype}`
  let one = kept.get(key)
  if (one === undefined) {
    one = eye(extent, extent, dtype)
    if (kept.size === KEPT_MOST) kept.clear()
    kept.set(key, one)
  }
  return viewOf(one, one.shape)
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** The equation with a letter for every name. */
function lettered(terms: readonly (readonly string[])[], target: readonly string[]): string {
  const names = [...new Set(terms.flat())]
  if (names.length > LETTERS.length)
    refuse(`einsum expected at most ${LETTERS.length} subscripts, got ${names.length}`)
  const write = (term: readonly string[]) => term.map((name) => LETTERS[names.indexOf(name)]).join('')
  return `${terms.map(write).join(',')}->${write(target)}`
}

/**
 * The sum of products that an equation names; '...' stands for leading axes, which broadcast.
 *
 * Shapes   'ij,jk->ik' [m, k], [k, n] → [m, n]; 'ii->i' the diagonal; 'ij->' the sum; 'ij' without '->' sorts: as 'ij->ij'
 * Throws   BAD_ARGUMENT when the equation does not fit the operands; SHAPE_MISMATCH when extents differ.
 * Source   NumPy `einsum`.
 */
export function einsum(equation: string, ...operands: Operand[]): Variable {
  if (operands.length === 0) refuse('einsum expected at least one operand, got none')
  return new Einsum({ equation }).applyList(operands)[0]!
}

registerFunc(Einsum, { name: 'einsum' })
