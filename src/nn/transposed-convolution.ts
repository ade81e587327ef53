/** Layers that add a window to what they make for each element of what they read: convolutions, transposed. */
import type { Pair } from '../array/convolution.js'
import { flagOf, integerOf } from '../functions/attributes.js'
import { convTranspose2d, type GroupedConvTransposeOptions, pairOf } from '../functions/convolution.js'
import {
  type ConvTranspose1dOptions,
  type ConvTranspose3dOptions,
  convTranspose1d,
  convTranspose3d,
} from '../functions/transposed-convolution.js'
import { type Triple, tripleOf } from '../functions/volume-convolution.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { groupsOf } from './convolution.js'
import { type BiasOptions, floatDtype, sizeOption, uniformParameter } from './initial.js'
import { Module } from './module.js'

const KEYS = ['stride', 'padding', 'dilation', 'groups', 'extra', 'bias', 'dtype']

/** What the transposed layers share: their parameters. */
abstract class Transposed extends Module {
  readonly weight: Variable
  readonly bias: Variable | null

  constructor(
    inputs: number,
    outputs: number,
    kernel: readonly number[],
    options: BiasOptions & { groups?: number | undefined },
    what: string,
  ) {
    super()
    checkOptions(options, KEYS, what)
    sizeOption(inputs, 'inputs', what)
    sizeOption(outputs, 'outputs', what)
    const dtype = floatDtype(options.dtype, what)
    const groups = groupsOf(options.groups, inputs, outputs, what)
    const fanIn = kernel.reduce((product, extent) => product * extent, outputs / groups)
    this.weight = uniformParameter([inputs, outputs / groups, ...kernel], fanIn, dtype)
    this.bias = flagOf(options.bias, true, 'bias', what) ? uniformParameter([outputs], fanIn, dtype) : null
  }
}

/**
 * The transpose of a convolution: from small images to large ones.
 *
 * Shapes   x [n, inputs, h, w] → [n, outputs, …] as `convTranspose2d`; weight [inputs, outputs/groups, kh, kw], bias [outputs]
 * Begins   both uniform in ±1/√(outputs/groups·kh·kw), as PyTorch's
 */
export class ConvTranspose2d extends Transposed {
  readonly #windows: GroupedConvTransposeOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | Pair,
    options: GroupedConvTransposeOptions & BiasOptions = {},
  ) {
    super(
      inputs,
      outputs,
      pairOf(kernel, undefined, 1, 'kernel', 'ConvTranspose2d'),
      options,
      'ConvTranspose2d',
    )
    const { dilation, groups } = options
    this.#windows = {
      stride: pairOf(options.stride, [1, 1], 1, 'stride', 'ConvTranspose2d'),
      padding: pairOf(options.padding, [0, 0], 0, 'padding', 'ConvTranspose2d'),
      extra: pairOf(options.extra, [0, 0], 0, 'extra', 'ConvTranspose2d'),
      ...(dilation === undefined
        ? {}
        : { dilation: pairOf(dilation, undefined, 1, 'dilation', 'ConvTranspose2d') }),
      ...(groups === undefined || groups === 1 ? {} : { groups }),
    }
  }

  override forward(x: Operand): Variable {
    return convTranspose2d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}

/**
 * The transpose of a convolution of rows: from short rows to long ones.
 *
 * Shapes   x [n, inputs, l] → [n, outputs, …] as `convTranspose1d`; weight [inputs, outputs/groups, kernel], bias [outputs]
 * Begins   both uniform in ±1/√(outputs/groups·kernel), as PyTorch's
 */
export class ConvTranspose1d extends Transposed {
  readonly #windows: ConvTranspose1dOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    options: ConvTranspose1dOptions & BiasOptions = {},
  ) {
    super(inputs, outputs, [sizeOption(kernel, 'kernel', 'ConvTranspose1d')], options, 'ConvTranspose1d')
    const { bias: _, dtype: __, ...windows } = options
    integerOf(windows.stride, 1, 1, 'stride', 'ConvTranspose1d')
    integerOf(windows.padding, 0, 0, 'padding', 'ConvTranspose1d')
    integerOf(windows.dilation, 1, 1, 'dilation', 'ConvTranspose1d')
    integerOf(windows.extra, 0, 0, 'extra', 'ConvTranspose1d')
    this.#windows = windows
  }

  override forward(x: Operand): Variable {
    return convTranspose1d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}

/**
 * The transpose of a convolution of volumes: from small volumes to large ones.
 *
 * kernel   the size of a window: one number, or [depths, rows, columns]
 * Shapes   x [n, inputs, d, h, w] → [n, outputs, …] as `convTranspose3d`; weight [inputs, outputs/groups, kd, kh, kw], bias [outputs]
 * Begins   both uniform in ±1/√(outputs/groups·kd·kh·kw), as PyTorch's
 */
export class ConvTranspose3d extends Transposed {
  readonly #windows: ConvTranspose3dOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | Triple,
    options: ConvTranspose3dOptions & BiasOptions = {},
  ) {
    super(
      inputs,
      outputs,
      tripleOf(kernel, undefined, 1, 'kernel', 'ConvTranspose3d'),
      options,
      'ConvTranspose3d',
    )
    this.#windows = {
      stride: tripleOf(options.stride, 1, 1, 'stride', 'ConvTranspose3d'),
      padding: tripleOf(options.padding, 0, 0, 'padding', 'ConvTranspose3d'),
      dilation: tripleOf(options.dilation, 1, 1, 'dilation', 'ConvTranspose3d'),
      extra: tripleOf(options.extra, 0, 0, 'extra', 'ConvTranspose3d'),
      groups: options.groups,
    }
  }

  override forward(x: Operand): Variable {
    return convTranspose3d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}
