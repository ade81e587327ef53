/** Layers that move a window over images. */
import type { Pair } from '../array/convolution.js'
import { flagOf, integerOf, refuse } from '../functions/attributes.js'
import {
  type Convolution1dOptions,
  conv1d,
  conv2d,
  type GroupedConvolutionOptions,
  pairOf,
  requireNoStride,
} from '../functions/convolution.js'
import { type Convolution3dOptions, conv3d, type Triple, tripleOf } from '../functions/volume-convolution.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type BiasOptions, floatDtype, sizeOption, uniformParameter } from './initial.js'
import { Module } from './module.js'

/**
 * Convolution with learned windows.
 *
 * kernel   the size of a window: one number, or [rows, columns]
 * Shapes   x [n, inputs, h, w] → [n, outputs, …] as `conv2d`; weight [outputs, inputs/groups, kh, kw], bias [outputs]
 * Begins   both uniform in ±1/√(inputs·kh·kw), as PyTorch's
 */
export class Conv2d extends Module {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly #windows: GroupedConvolutionOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | Pair,
    options: GroupedConvolutionOptions & BiasOptions = {},
  ) {
    super()
    checkOptions(options, ['stride', 'padding', 'dilation', 'groups', 'bias', 'dtype'], 'Conv2d')
    sizeOption(inputs, 'inputs', 'Conv2d')
    sizeOption(outputs, 'outputs', 'Conv2d')
    const [rows, columns] = pairOf(kernel, undefined, 1, 'kernel', 'Conv2d')
    const dtype = floatDtype(options.dtype, 'Conv2d')
    const groups = groupsOf(options.groups, inputs, outputs, 'Conv2d')
    const fanIn = (inputs / groups) * rows * columns
    this.weight = uniformParameter([outputs, inputs / groups, rows, columns], fanIn, dtype)
    this.bias = flagOf(options.bias, true, 'bias', 'Conv2d')
      ? uniformParameter([outputs], fanIn, dtype)
      : null
    this.#windows = {
      stride: pairOf(options.stride, [1, 1], 1, 'stride', 'Conv2d'),
      padding: options.padding === 'same' ? 'same' : pairOf(options.padding, [0, 0], 0, 'padding', 'Conv2d'),
      ...(options.dilation === undefined
        ? {}
        : { dilation: pairOf(options.dilation, undefined, 1, 'dilation', 'Conv2d') }),
      ...(groups === 1 ? {} : { groups }),
    }
    if (options.padding === 'same') requireNoStride(this.#windows.stride as Pair, 'Conv2d')
  }

  override forward(x: Operand): Variable {
    return conv2d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}

export function groupsOf(value: unknown, inputs: number, outputs: number, what: string): number {
  const groups = integerOf(value, 1, 1, 'groups', what)
  if (inputs % groups === 0 && outputs % groups === 0) return groups
  return refuse(
    `${what} expected groups that divide inputs and outputs, got ${groups} for ${inputs} and ${outputs}`,
  )
}

/**
 * Convolution of rows with learned windows of `kernel` places.
 *
 * Shapes   x [n, inputs, l] → [n, outputs, …] as `conv1d`; weight [outputs, inputs/groups, kernel], bias [outputs]
 * Begins   both uniform in ±1/√(inputs/groups·kernel), as PyTorch's
 */
export class Conv1d extends Module {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly #windows: Convolution1dOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    options: Convolution1dOptions & BiasOptions = {},
  ) {
    super()
    checkOptions(options, ['stride', 'padding', 'dilation', 'groups', 'bias', 'dtype'], 'Conv1d')
    const { bias, dtype: given, ...windows } = options
    integerOf(windows.stride, 1, 1, 'stride', 'Conv1d')
    if (windows.padding === 'same') requireNoStride([windows.stride ?? 1], 'Conv1d')
    else integerOf(windows.padding, 0, 0, 'padding', 'Conv1d')
    integerOf(windows.dilation, 1, 1, 'dilation', 'Conv1d')
    sizeOption(inputs, 'inputs', 'Conv1d')
    sizeOption(outputs, 'outputs', 'Conv1d')
    sizeOption(kernel, 'kernel', 'Conv1d')
    const dtype = floatDtype(given, 'Conv1d')
    const groups = groupsOf(windows.groups, inputs, outputs, 'Conv1d')
    const fanIn = (inputs / groups) * kernel
    this.weight = uniformParameter([outputs, inputs / groups, kernel], fanIn, dtype)
    this.bias = flagOf(bias, true, 'bias', 'Conv1d') ? uniformParameter([outputs], fanIn, dtype) : null
    this.#windows = windows
  }

  override forward(x: Operand): Variable {
    return conv1d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}

/**
 * Convolution of volumes with learned windows.
 *
 * kernel   the size of a window: one number, or [depths, rows, columns]
 * Shapes   x [n, inputs, d, h, w] → [n, outputs, …] as `conv3d`; weight [outputs, inputs/groups, kd, kh, kw], bias [outputs]
 * Begins   both uniform in ±1/√(inputs/groups·kd·kh·kw), as PyTorch's
 */
export class Conv3d extends Module {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly #windows: Convolution3dOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | Triple,
    options: Convolution3dOptions & BiasOptions = {},
  ) {
    super()
    checkOptions(options, ['stride', 'padding', 'dilation', 'groups', 'bias', 'dtype'], 'Conv3d')
    const { bias, dtype: given, ...windows } = options
    sizeOption(inputs, 'inputs', 'Conv3d')
    sizeOption(outputs, 'outputs', 'Conv3d')
    const sizes = tripleOf(kernel, undefined, 1, 'kernel', 'Conv3d')
    const dtype = floatDtype(given, 'Conv3d')
    const groups = groupsOf(windows.groups, inputs, outputs, 'Conv3d')
    this.#windows = {
      stride: tripleOf(windows.stride, 1, 1, 'stride', 'Conv3d'),
      padding: windows.padding === 'same' ? 'same' : tripleOf(windows.padding, 0, 0, 'padding', 'Conv3d'),
      dilation: tripleOf(windows.dilation, 1, 1, 'dilation', 'Conv3d'),
      groups,
    }
    if (windows.padding === 'same') requireNoStride(this.#windows.stride as Triple, 'Conv3d')
    const fanIn = (inputs / groups) * sizes[0] * sizes[1] * sizes[2]
    this.weight = uniformParameter([outputs, inputs / groups, ...sizes], fanIn, dtype)
    this.bias = flagOf(bias, true, 'bias', 'Conv3d') ? uniformParameter([outputs], fanIn, dtype) : null
  }

  override forward(x: Operand): Variable {
    return conv3d(x, this.weight, this.bias ?? undefined, this.#windows)
  }
}
