/** Change of dtype. Knows only what a dtype is. */
import { type DType, isDType } from '../array/dtype.js'
import { type NDArray, viewOf } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'

/** The same values in another dtype.  Backward gx = gy in x's dtype; integers get none. */
export class Cast extends Func {
  private readonly dtype: DType

  constructor(attributes: { dtype: DType }) {
    checkOptions(attributes, ['dtype'], 'cast')
    const { dtype } = attributes
    if (!isDType(dtype)) throw new TapeError('BAD_DTYPE', `cast expected a dtype, got ${valueText(dtype)}`)
    super({ dtype })
    this.dtype = dtype
  }

  override forward(x: NDArray): NDArray {
    return x.dtype === this.dtype ? viewOf(x, x.shape) : x.astype(this.dtype)
  }

  override backward(gy: Variable): Variable {
    return cast(gy, this.input.dtype)
  }
}

/**
 * x in another dtype, by the rules of `astype`; x itself, without a call, when it has that dtype.
 *
 * Throws   BAD_DTYPE when `dtype` is none.
 */
export function cast(x: Operand, dtype: DType): Variable {
  const variable = asVariable(x)
  return variable.dtype === dtype ? variable : new Cast({ dtype }).apply1(variable)
}

registerFunc(Cast, { name: 'cast' })
