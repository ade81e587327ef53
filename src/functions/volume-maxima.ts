/** Maxima of windows of volumes, and their adjoints: what the pooling of volumes and adaptive pooling are made of. */
import type { NDArray } from '../array/ndarray.js'
import * as maxima from '../array/volume-maxima.js'
import { valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, refuse } from './attributes.js'
import { type Triple, tripleOf } from './volume-convolution.js'

/** Windows at equal steps, or `size` bands along each axis, which may overlap by one. */
export type MaximaOptions =
  | {
      kernel: number | Triple
      stride?: number | Triple | undefined
      padding?: number | Triple | undefined
      ceilMode?: boolean | undefined
    }
  | { size: number | Triple }

function windowsOf(options: MaximaOptions, what: string): maxima.VolumeWindows {
  checkOptions(options, ['kernel', 'stride', 'padding', 'ceilMode', 'size'], what)
  if ('size' in options) {
    checkOptions(options, ['size'], what)
    return { size: tripleOf(options.size, undefined, 1, 'size', what) }
  }
  const kernel = tripleOf(options.kernel, undefined, 1, 'kernel', what)
  const stride =
    options.stride === undefined ? kernel : tripleOf(options.stride, undefined, 1, 'stride', what)
  const padding = tripleOf(options.padding, 0, 0, 'padding', what)
  if (padding.some((one, i) => one * 2 > kernel[i]!))
    refuse(
      `${what} expected padding of at most half the kernel, got ${valueText(padding)} for ${valueText(kernel)}`,
    )
  return { kernel, stride, padding, ceilMode: flagOf(options.ceilMode, false, 'ceilMode', what) }
}

abstract class OverWindows extends Func {
  protected readonly windows: maxima.VolumeWindows

  constructor(attributes: MaximaOptions, what: string) {
    const windows = windowsOf(attributes, what)
    super({ ...windows })
    this.windows = windows
  }
}

/** The maximum of every window.  Backward: gy to where the maximum was, shared evenly where it was met more than once. */
export class VolumeMaxima extends OverWindows {
  constructor(attributes: MaximaOptions) {
    super(attributes, 'volumeMaxima')
  }

  override forward(x: NDArray): NDArray {
    return maxima.volumeMaxima(x, this.windows)
  }

  override backward(gy: Variable): Variable {
    return new VolumeMaximaScatter(this.windows).apply2(gy, this.input)
  }
}

/** The maximum of every window of volumes [n, c, d, h, w]. Throws SHAPE_MISMATCH, BAD_ARGUMENT. */
export function volumeMaxima(x: Operand, options: MaximaOptions): Variable {
  return new VolumeMaxima(options).apply1(x)
}

/** gy to where x has the maximum of each window.  Backward: linear in gy; constant in x between ties. */
export class VolumeMaximaScatter extends OverWindows {
  constructor(attributes: MaximaOptions) {
    super(attributes, 'volumeMaximaScatter')
  }

  override forward(gy: NDArray, x: NDArray): NDArray {
    return maxima.volumeMaximaScatter(gy, x, this.windows)
  }

  override backward(g: Variable): (Variable | null)[] {
    return [new VolumeMaximaGather(this.windows).apply2(g, this.inputAt(1)), null]
  }
}

/** gy, shaped as volumeMaxima(x), added where x has the maximum of each window. Throws as volumeMaxima. */
export function volumeMaximaScatter(gy: Operand, x: Operand, options: MaximaOptions): Variable {
  return new VolumeMaximaScatter(options).apply2(gy, x)
}

/** The adjoint of volumeMaximaScatter in gy.  Backward: linear in g; constant in x between ties. */
export class VolumeMaximaGather extends OverWindows {
  constructor(attributes: MaximaOptions) {
    super(attributes, 'volumeMaximaGather')
  }

  override forward(g: NDArray, x: NDArray): NDArray {
    return maxima.volumeMaximaGather(g, x, this.windows)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [new VolumeMaximaScatter(this.windows).apply2(gy, this.inputAt(1)), null]
  }
}

/** The mean of g over the places of each window where x has its maximum. Throws as volumeMaxima. */
export function volumeMaximaGather(g: Operand, x: Operand, options: MaximaOptions): Variable {
  return new VolumeMaximaGather(options).apply2(g, x)
}

registerFunc(VolumeMaxima, { name: 'volumeMaxima' })
registerFunc(VolumeMaximaScatter, { name: 'volumeMaximaScatter' })
registerFunc(VolumeMaximaGather, { name: 'volumeMaximaGather' })
