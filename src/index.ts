/** The one public door of gradtape: everything promised, by name. */
import { noteOwnFuncs } from './graph/registry.js'
import './functions/methods.js'
import './functions/number-rules.js'
import './functions/map-network-rules.js'
import { setKernelFromEnvironment } from './array/kernel-choice.js'

export { type DType, getDefaultDtype, setDefaultDtype, type TypedArray } from './array/dtype.js'
export {
  arange,
  eye,
  type FillOptions,
  full,
  linspace,
  ones,
  onesLike,
  type Shaped,
  zeros,
  zerosLike,
} from './array/filled-arrays.js'
export { currentKernel } from './array/kernel.js'
export { type KernelName, setKernel } from './array/kernel-choice.js'
export { type ArrayLike, ndarray } from './array/make-array.js'
export { NDArray } from './array/ndarray.js'
export {
  normal,
  permutation,
  type RandomKey,
  randomState,
  seedRandom,
  setRandomState,
  uniform,
} from './array/random.js'
export type { Shape } from './array/shape.js'
export { loadArray } from './data/array-file.js'
export { type Columns, type ColumnType, type CsvOptions, csv } from './data/csv.js'
export { DataLoader, type DataLoaderOptions } from './data/data-loader.js'
export { type DigitsOptions, digits } from './data/digits.js'
export { type MnistFiles, mnist, readIdx } from './data/mnist.js'
export { type MultinomialOptions, multinomial } from './data/multinomial.js'
export { type SpiralOptions, spiral } from './data/spiral.js'
export { type Batch, TensorDataset } from './data/tensor-dataset.js'
export { CharacterTokens, fileTokens, nextTokens, type Tokens } from './data/tokens.js'
export { WeightedSampler, type WeightedSamplerOptions } from './data/weighted-sampler.js'
export type { Bisection, BisectOptions } from './debug/bisect.js'
export { diffRuns } from './debug/diff-runs.js'
export type { Fork, ForkTarget, Resumed, ResumeTargets } from './debug/fork.js'
export type {
  Change,
  ForkedMetric,
  ForkOptions,
  ForkReport,
  ForkSink,
  RecordedFork,
} from './debug/fork-options.js'
export type { Loadable, Moment, MomentCondition, MomentVariable } from './debug/moment.js'
export type { ProbeOptions, ProbeTable } from './debug/probe.js'
export type { Machine, RecomputeOptions, RunProof } from './debug/recompute.js'
export type { StepRows } from './debug/rows.js'
export type {
  ArrayDistance,
  DifferenceKind,
  DiffOptions,
  Growth,
  RunDiff,
  RunDifference,
  SaidDifference,
  ValueDifference,
} from './debug/run-diff.js'
export type { LargestDistance } from './debug/ulp-comparison.js'
export type { WhyOptions } from './debug/why.js'
export { allDetectors } from './detectors/all.js'
export type { Detector } from './detectors/detector.js'
export { evaluationMode } from './detectors/evaluation.js'
export type {
  Finding,
  FindingCost,
  FindingLevel,
  Findings,
  StepValue,
} from './detectors/finding.js'
export { deadUnits, explodingGradients, vanishingGradients } from './detectors/gradient-sizes.js'
export { lossSpike, plateau } from './detectors/loss.js'
export { nonFinite } from './detectors/non-finite.js'
export { rowOrder } from './detectors/rows.js'
export {
  countedTwice,
  noGradient,
  notCleared,
  noUpdate,
  outsideAssignment,
  settingChanged,
} from './detectors/training.js'
export { updateRatio } from './detectors/update-ratio.js'
export { type ErrorCode, TapeError } from './errors.js'
export type { CallSite } from './events/call-site.js'
export type { Capture, CaptureLevel, CaptureMix } from './events/capture.js'
export type {
  ArraySummary,
  BackwardAborted,
  BackwardStarted,
  CallOutput,
  CheckpointTaken,
  EpochStarted,
  EventType,
  FunctionCalled,
  GradientAssigned,
  GradientCleared,
  GradientComputed,
  GradientReplaced,
  LeafCreated,
  MetricLogged,
  NoteAdded,
  Plain,
  RecordedArray,
  Ref,
  RequiresGradSet,
  RunFinished,
  RunStarted,
  StepStarted,
  TapeEvent,
  ValueAssigned,
  VariableNamed,
  VariableUnchained,
} from './events/event.js'
export {
  Elu,
  type EluOptions,
  Erf,
  elu,
  erf,
  Gelu,
  type GeluOptions,
  gelu,
  Hardtanh,
  type HardtanhOptions,
  hardtanh,
  LeakyRelu,
  type LeakyReluOptions,
  leakyRelu,
  Mish,
  mish,
  Prelu,
  prelu,
  Relu,
  relu,
  Sigmoid,
  Silu,
  Softplus,
  sigmoid,
  silu,
  softplus,
} from './functions/activations.js'
export {
  Abs,
  Add,
  abs,
  add,
  Ceil,
  Div,
  div,
  Floor,
  floor,
  Mul,
  mod,
  mul,
  Neg,
  neg,
  Remainder,
  Round,
  remainder,
  Sign,
  Sqrt,
  Square,
  Sub,
  sign,
  sqrt,
  square,
  sub,
  Trunc,
} from './functions/arithmetic.js'
export {
  Diff,
  diff,
  outer,
  Roll,
  repeat,
  repeatInterleave,
  roll,
  Tile,
  type TriangleOptions,
  Tril,
  Triu,
  tile,
  trace,
  tril,
  triu,
} from './functions/arranging.js'
export {
  type AttentionOptions,
  ScaledDotProductAttention,
  scaledDotProductAttention,
} from './functions/attention.js'
export {
  type DrawOptions,
  type NormalizeChannelsOptions,
  normalizeChannels,
  RandomAffine,
  type RandomAffineOptions,
  type RandomCropOptions,
  type RandomFlipOptions,
  RandomNoise,
  type RandomNoiseOptions,
  randomAffine,
  randomCrop,
  randomFlip,
  randomNoise,
} from './functions/augmentation.js'
export { Clip, type ClipOptions, clip, Maximum, Minimum, maximum, minimum } from './functions/bounds.js'
export { Cast, cast } from './functions/casting.js'
export {
  Arccos,
  Arcsin,
  Arctan,
  Arctan2,
  arccos,
  arcsin,
  arctan,
  arctan2,
  Cosh,
  cosh,
  Sinh,
  sinh,
  Tan,
  tan,
} from './functions/circular.js'
export { allClose, type CloseOptions, isClose } from './functions/closeness.js'
export {
  Equal,
  equal,
  Greater,
  GreaterEqual,
  greater,
  greaterEqual,
  Less,
  LessEqual,
  LogicalAnd,
  LogicalNot,
  LogicalOr,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  NotEqual,
  notEqual,
  Where,
  where,
} from './functions/comparison.js'
export {
  Conv2d as Conv2dFunc,
  type Convolution1dOptions,
  type ConvolutionOptions,
  ConvTranspose2d as ConvTranspose2dFunc,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  convTranspose2d,
  type GroupedConvolutionOptions,
  type GroupedConvTransposeOptions,
} from './functions/convolution.js'
export {
  Bincount,
  type BincountOptions,
  bincount,
  Histogram,
  type HistogramOptions,
  histogram,
  Unique,
  unique,
} from './functions/counting.js'
export {
  BinaryCrossEntropyWithLogits,
  type BinaryCrossEntropyWithLogitsOptions,
  binaryCrossEntropyWithLogits,
  CrossEntropy,
  type CrossEntropyOptions,
  crossEntropy,
} from './functions/cross-entropy.js'
export { type CtcOptions, ctcLoss } from './functions/ctc.js'
export { Eigh, eigh, Qr, qr, Svd, svd } from './functions/decompositions.js'
export {
  Cross,
  cross,
  Diag,
  type DiagonalOptions,
  diag,
  diagonal,
  flatten,
  kron,
  moveAxis,
  swapAxes,
  tensordot,
} from './functions/diagonals.js'
export {
  type CosineEmbeddingOptions,
  CosineSimilarity,
  type CosineSimilarityOptions,
  cosineEmbeddingLoss,
  cosineSimilarity,
  HingeLoss,
  type HingeOptions,
  HuberLoss,
  type HuberOptions,
  hingeLoss,
  huberLoss,
  KlDivergence,
  type KlDivergenceOptions,
  klDivergence,
  L1Loss,
  l1Loss,
  SmoothL1Loss,
  type SmoothL1Options,
  smoothL1Loss,
} from './functions/distances.js'
export { Dropout as DropoutFunc, type DropoutOptions, dropout } from './functions/dropout.js'
export { Einsum, einsum } from './functions/einsum.js'
export {
  Cos,
  cos,
  Exp,
  Exp2,
  Expm1,
  exp,
  exp2,
  expm1,
  Log,
  Log1p,
  log,
  log1p,
  Pow,
  pow,
  Sin,
  sin,
  Tanh,
  tanh,
} from './functions/exponential.js'
export {
  type FourierOptions,
  FourierTransform,
  fft,
  fourierTransform,
  ifft,
  irfft,
  rfft,
} from './functions/fourier.js'
export {
  Gather,
  type GatherOptions,
  gather,
  indexAdd,
  ScatterAdd,
  scatterAdd,
} from './functions/gathering.js'
export {
  GroupNorm as GroupNormFunc,
  type GroupNormOptions as GroupNormFuncOptions,
  groupNorm,
  instanceNorm,
  RmsNorm as RmsNormFunc,
  type RmsNormOptions as RmsNormFuncOptions,
  rmsNorm,
} from './functions/group-normalization.js'
export {
  Embedding as EmbeddingFunc,
  type EmbeddingOptions,
  embedding,
  OneHot,
  type OneHotOptions,
  oneHot,
  Take,
  type TakeOptions,
  take,
} from './functions/indexing.js'
export { type InterpolateMode, type InterpolateOptions, interpolate } from './functions/interpolation.js'
export {
  type AxisOption,
  Concat,
  concat,
  Pad,
  type PadOptions,
  pad,
  Slice,
  Split,
  Stack,
  slice,
  split,
  stack,
  type Widths,
} from './functions/joining.js'
export {
  type GaussianNllOptions,
  gaussianNllLoss,
  type PoissonNllOptions,
  poissonNllLoss,
} from './functions/likelihood-losses.js'
export {
  Cholesky,
  cholesky,
  Det,
  det,
  Inv,
  inv,
  Slogdet,
  Solve,
  slogdet,
  solve,
} from './functions/linear-algebra.js'
export { arccosh, arcsinh, arctanh, log2, log10, logAddExp } from './functions/logarithms.js'
export type { LossOptions, LossReduction } from './functions/loss-reduction.js'
export {
  BinaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  binaryCrossEntropy,
  MeanSquaredError,
  meanSquaredError,
  SoftmaxCrossEntropy,
  softmaxCrossEntropy,
} from './functions/losses.js'
export {
  type MarginRankingOptions,
  marginRankingLoss,
  type NllOptions,
  nllLoss,
  type TripletMarginOptions,
  tripletMarginLoss,
} from './functions/margin-losses.js'
export {
  lstsq,
  type MatrixNormOptions,
  matrixNorm,
  matrixPower,
  Pinv,
  type PinvOptions,
  pinv,
} from './functions/matrices.js'
export {
  celu,
  glu,
  HardSigmoid,
  HardSwish,
  hardSigmoid,
  hardSwish,
  logSigmoid,
  relu6,
  Selu,
  selu,
  softsign,
} from './functions/more-activations.js'
export {
  BatchNorm as BatchNormFunc,
  type BatchNormOptions as BatchNormFuncOptions,
  batchNorm,
  LayerNorm as LayerNormFunc,
  layerNorm,
} from './functions/normalization.js'
export { DerivativeNotWritten, NotDifferentiable } from './functions/not-differentiable.js'
export {
  ArgMax,
  ArgMin,
  type ArgOptions,
  argmax,
  argmin,
  argsort,
  Sort,
  type SortOptions,
  sort,
  Topk,
  type TopkOptions,
  topk,
} from './functions/ordering.js'
export {
  AveragePool2d,
  adaptiveAveragePool2d,
  adaptiveMaxPool2d,
  averagePool2d,
  MaxPool2d,
  maxPool2d,
  type PoolingOptions,
  type WindowOptions,
} from './functions/pooling.js'
export { Linear as LinearFunc, linear, MatMul, type MatMulOptions, matmul } from './functions/products.js'
export { median, type QuantileOptions, quantile } from './functions/quantiles.js'
export { meshgrid, pixelShuffle, pixelUnshuffle, unbind } from './functions/rearranging.js'
export { Max, Mean, Min, max, mean, min, type ReduceOptions, Sum, sum } from './functions/reductions.js'
export { Rotary, type RotaryOptions, rotary } from './functions/rotary.js'
export {
  all,
  any,
  ceil,
  countNonZero,
  isInfinite,
  isNan,
  type NanToNumOptions,
  nanToNum,
  round,
  trunc,
} from './functions/rounding.js'
export { CumProd, CumSum, type CumSumOptions, cumprod, cumsum, Prod, prod } from './functions/running.js'
export {
  BroadcastTo,
  broadcastTo,
  ExpandDims,
  expandDims,
  Flip,
  flip,
  Reshape,
  reshape,
  Squeeze,
  SumTo,
  squeeze,
  sumTo,
  Transpose,
  transpose,
} from './functions/shapes.js'
export {
  LogSoftmax,
  logSoftmax,
  Softmax,
  type SoftmaxAxesOptions,
  type SoftmaxOptions,
  softmax,
} from './functions/softmax.js'
export {
  LogSumExp,
  logSumExp,
  Norm,
  type NormOptions as NormFuncOptions,
  norm,
  Std,
  std,
  Var,
  type VarOptions,
  variance,
  variance as var,
} from './functions/statistics.js'
export {
  type ConvTranspose1dOptions,
  type ConvTranspose3dOptions,
  convTranspose1d,
  convTranspose3d,
} from './functions/transposed-convolution.js'
export { cdist, type NormalizeOptions, normalize } from './functions/vectors.js'
export { type Convolution3dOptions, conv3d } from './functions/volume-convolution.js'
export {
  adaptiveAveragePool1d,
  adaptiveAveragePool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool3d,
  averagePool1d,
  averagePool3d,
  maxPool1d,
  maxPool3d,
  type Pooling1dOptions,
  type Pooling3dOptions,
} from './functions/window-pooling.js'
export type { Attributes, AttributeValue } from './graph/attributes.js'
export { type BackwardOptions, backward, grad } from './graph/backward.js'
export type { ForwardResult } from './graph/forward-result.js'
export { type BackwardResult, Func } from './graph/func.js'
export {
  checkGradients,
  type GradientCheckOptions,
  type GradientCheckReport,
} from './graph/gradient-check.js'
export { constant, parameter } from './graph/leaves.js'
export { noGrad } from './graph/mode.js'
export { Checkpoint } from './graph/old-checkpoint.js'
export { checkpoint, Recompute, recompute } from './graph/recompute.js'
export { registerFunc } from './graph/registry.js'
export { hessian, hvp, jacobian, jvp, type TransformOptions, vjp } from './graph/transforms.js'
export { type Operand, Variable, type VariableOptions } from './graph/variable.js'
export { type VmapOptions, vmap } from './graph/vmap.js'
export type { CreatorNode } from './inspection/creators.js'
export type { ComputedGradient, GradientAnswer, GradientQuestion } from './inspection/gradients.js'
export { type Inspection, inspect } from './inspection/inspect.js'
export type { OnnxExport, OnnxOptions, OnnxPort } from './inspection/onnx-graph.js'
export { type PlotOptions, plotGraph } from './inspection/plot-graph.js'
export type { GradientComparison } from './inspection/recorded-gradient.js'
export type { CurveColumn, ReportCurve, ReportFlow } from './inspection/report-curves.js'
export { reportHtml } from './inspection/report-page.js'
export type { RunOverview } from './inspection/run-overview.js'
export type { ReportOptions, ReportRows, ReportStep, RunReport } from './inspection/run-report.js'
export type { Beside, StepEvents } from './inspection/step-events.js'
export type { ArrayWithSummary, VariableReport } from './inspection/variable-report.js'
export {
  type AttentionCallOptions,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from './nn/attention.js'
export { Conv1d, Conv2d, Conv3d } from './nn/convolution.js'
export { Dropout } from './nn/dropout.js'
export { Embedding } from './nn/embedding.js'
export type { BiasOptions, LayerOptions } from './nn/initial.js'
export {
  type InitialOptions,
  type KaimingOptions,
  kaimingNormal,
  kaimingUniform,
  orthogonal,
  xavierNormal,
  xavierUniform,
} from './nn/initialization.js'
export { KeyValueCache } from './nn/key-value-cache.js'
export { Linear } from './nn/linear.js'
export { Module } from './nn/module.js'
export {
  BatchNorm,
  type BatchNormOptions,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  type NormOptions,
  RMSNorm,
  RunningStatistics,
} from './nn/normalization.js'
export {
  GRU,
  LSTM,
  type LSTMRecurrence,
  type Recurrence,
  type RecurrentOptions,
  RNN,
  type RNNOptions,
} from './nn/recurrent.js'
export { type Layer, MLP, type MLPOptions, Sequential } from './nn/sequential.js'
export type { StateDict } from './nn/state-dict.js'
export { type LoadOptions, loadState, saveState } from './nn/state-file.js'
export { type Summary, type SummaryRow, summary } from './nn/summary.js'
export {
  type LoadedFromTorch,
  loadTorchState,
  type TorchStateOptions,
  type TorchStateReport,
} from './nn/torch-state.js'
export {
  type DecoderCallOptions,
  type StackCallOptions,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
  type TransformerOptions,
} from './nn/transformer.js'
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './nn/transposed-convolution.js'
export { Adam, type AdamOptions, AdamStep, AdamW, AmsGradStep } from './optim/adam.js'
export {
  Lion,
  type LionOptions,
  LionStep,
  NAdam,
  type NAdamOptions,
  NAdamStep,
  RAdam,
  type RAdamOptions,
  RAdamStep,
} from './optim/adam-variants.js'
export {
  AdaDelta,
  type AdaDeltaOptions,
  AdaDeltaStep,
  AdaGrad,
  type AdaGradOptions,
  AdaGradStep,
  RMSProp,
  type RMSPropOptions,
  RMSPropStep,
} from './optim/adaptive.js'
export { ExponentialMovingAverage } from './optim/averages.js'
export { ClipGradNorm, clipGradNorm } from './optim/clip-grad-norm.js'
export { clipGradValue } from './optim/clip-grad-value.js'
export { LBFGS, LBFGSDirection, type LBFGSOptions } from './optim/lbfgs.js'
export { ConstantLR, CosineAnnealingWarmRestarts, CyclicLR, PolynomialLR } from './optim/more-schedules.js'
export { Optimizer, type OptimizerState } from './optim/optimizer.js'
export { ParameterGroup, type Parameters as OptimizerParameters, type Rule } from './optim/parameter-group.js'
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './optim/plateau.js'
export {
  ChainedScheduler,
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  LinearWarmupLR,
  MultiStepLR,
  OneCycleLR,
  Schedule,
  type Scheduled,
  SequentialLR,
  StepLR,
} from './optim/schedules.js'
export { SGD, type SGDOptions, SGDStep } from './optim/sgd.js'
export { fold, fold$, foldBatch, type Projection } from './projections/fold.js'
export { type MetricCurve, type Training, training } from './projections/training.js'
export type { Divergence, ReplayOptions, ReplayReport } from './replay/replay-report.js'
export {
  newSealKey,
  type SealCode,
  type SealedRun,
  type SealReport,
  type SealStatement,
} from './store/proof/seal.js'
export type { VerifyReport } from './store/proof/verify.js'
export type { MetricTable } from './store/read/metric-table.js'
export type { SqlParameters, SqlRow, SqlValue } from './store/read/reading-statement.js'
export { openTape, type TapeOptions } from './tape/open-tape.js'
export type { FollowOptions, PastRun } from './tape/past-run.js'
export type { Run, RunOptions } from './tape/run.js'
export type { RunInfo, RunStatus } from './tape/run-info.js'
export type { Tape } from './tape/tape.js'
export type { OwnDetector, RunWatch, WatchOptions } from './tape/watch-options.js'

setKernelFromEnvironment()
noteOwnFuncs()

export { type PullOptions, type PullReport, pullTape } from './fleet/pull.js'
export { type PushOptions, type PushReport, pushTape } from './fleet/push.js'
export type { Receipt } from './fleet/receipt.js'
export type { SpoolPush } from './fleet/spool-push.js'
export {
  type FleetReport,
  type FleetRun,
  type FleetTape,
  type FleetVerdict,
  fleetReport,
} from './jobs/fleet-report.js'
export { type EndedJob, runWorker, type WorkerOptions, type WorkerReport } from './jobs/worker.js'
export type { FunctionHost } from './queries/functions/host.js'
export { registerFunctions } from './queries/functions/register-functions.js'
export { type CopiedRun, mergeTapes, type NewTapeReport, salvageTape } from './store/manage/copy-runs.js'
