/** The one public door of gradtape: everything promised, by name. */
export { type DType, getDefaultDtype, setDefaultDtype, type TypedArray } from './array/dtype.js'
export { type ArrayLike, NDArray, ndarray } from './array/ndarray.js'
export type { Shape } from './array/shape.js'
export { type ErrorCode, TapeError } from './errors.js'
export type {
  BackwardStarted,
  CallOutput,
  CheckpointTaken,
  EventType,
  FunctionCalled,
  GradientAssigned,
  GradientCleared,
  GradientComputed,
  LeafCreated,
  MetricLogged,
  NoteAdded,
  Plain,
  RecordedArray,
  Ref,
  RunFinished,
  RunStarted,
  StepStarted,
  TapeEvent,
  ValueAssigned,
  VariableNamed,
  VariableUnchained,
} from './events/event.js'
export { Abs, Add, abs, add, Div, div, Floor, floor, Mul, mul, Neg, neg, Sign, Sqrt, Square, Sub, sign, sqrt, square, sub } from './functions/arithmetic.js'
export { Gelu, gelu, LeakyRelu, leakyRelu, Relu, relu, Sigmoid, Softplus, sigmoid, softplus } from './functions/activations.js'
export { Exp, exp, Log, log, Pow, pow, Cos, cos, Sin, sin, Tanh, tanh } from './functions/exponential.js'
export { Take, take } from './functions/indexing.js'
export { MeanSquaredError, meanSquaredError, SoftmaxCrossEntropy, softmaxCrossEntropy } from './functions/losses.js'
export { MatMul, matmul, linear } from './functions/products.js'
export { Max, Mean, Min, max, mean, min, Sum, sum } from './functions/reductions.js'
export { BroadcastTo, broadcastTo, Reshape, reshape, SumTo, sumTo, Transpose, transpose } from './functions/shapes.js'
export { backward, grad } from './graph/backward.js'
export { Func } from './graph/func.js'
export { checkGradients } from './graph/gradient-check.js'
export { noGrad } from './graph/mode.js'
export { registerFunc } from './graph/registry.js'
export { constant, type Operand, parameter, Variable } from './graph/variable.js'
export type { PastRun } from './tape/past-run.js'
export type { Capture, Run, RunOptions } from './tape/run.js'
export { openTape, type RunInfo, type Tape, type TapeOptions } from './tape/tape.js'
