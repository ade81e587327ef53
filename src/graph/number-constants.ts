/** Numbers as operands: constants that a process makes once for each number. Knows nothing of what is computed with them. */
import { type DType, getDefaultDtype } from '../array/dtype.js'
import { type NDArray, scalar } from '../array/ndarray.js'

/** What a constant, and the operand beside it, must tell. */
interface Typed {
  readonly dtype: DType
}

type NumberDtype = 'float64' | 'float32' | 'int32'

const CONSTANTS_MAX = 4096

/** Numbers repeat (a loop's 0.1, 2, 1): one constant each keeps them one leaf of a run, not one a call. */
export class NumberConstants<V extends Typed> {
  private readonly made: { readonly [dtype in NumberDtype]: Map<number, V> } = {
    float64: new Map(),
    float32: new Map(),
    int32: new Map(),
  }
  private readonly make: (array: NDArray) => V

  constructor(make: (array: NDArray) => V) {
    this.make = make
  }

  /** The constant for `value` as an operand beside `partner`. */
  constantOf(value: number, partner: V | null): V {
    const dtype = dtypeOf(value, partner)
    if (Object.is(value, -0)) return this.make(scalar(value, dtype)) // a Map takes −0 for 0
    const known = this.made[dtype]
    let made = known.get(value)
    if (made === undefined) {
      if (known.size >= CONSTANTS_MAX) known.clear()
      made = this.make(scalar(value, dtype))
      known.set(value, made)
    }
    return made
  }

  /** What a run records must not depend on the numbers that came before it. */
  forgetAll(): void {
    for (const known of Object.values(this.made)) known.clear()
  }

  /** An assigned constant is no longer the number it is known by, which `array` holds. */
  forget(constant: V, array: NDArray): void {
    if (array.size !== 1 || !(array.dtype in this.made)) return
    const known = this.made[array.dtype as NumberDtype]
    if (known.get(array.item()) === constant) known.delete(array.item())
  }
}

function dtypeOf(value: number, partner: Typed | null): NumberDtype {
  const like = partner?.dtype ?? getDefaultDtype()
  if (like === 'float64' || like === 'float32') return like
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'int32' : getDefaultDtype()
}
