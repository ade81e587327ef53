/** Every export of every file of src/functions/, by name: what the contract and the reference test enumerate. */
import '../../src/functions/methods.js'
import * as activations from '../../src/functions/activations.js'
import * as arithmetic from '../../src/functions/arithmetic.js'
import * as arranging from '../../src/functions/arranging.js'
import * as attention from '../../src/functions/attention.js'
import * as augmentation from '../../src/functions/augmentation.js'
import * as bands from '../../src/functions/bands.js'
import * as blending from '../../src/functions/blending.js'
import * as bounds from '../../src/functions/bounds.js'
import * as casting from '../../src/functions/casting.js'
import * as circular from '../../src/functions/circular.js'
import * as closeness from '../../src/functions/closeness.js'
import * as comparison from '../../src/functions/comparison.js'
import * as convolution from '../../src/functions/convolution.js'
import * as counting from '../../src/functions/counting.js'
import * as crossEntropy from '../../src/functions/cross-entropy.js'
import * as ctc from '../../src/functions/ctc.js'
import * as decompositions from '../../src/functions/decompositions.js'
import * as diagonals from '../../src/functions/diagonals.js'
import * as distances from '../../src/functions/distances.js'
import * as dropout from '../../src/functions/dropout.js'
import * as einsum from '../../src/functions/einsum.js'
import * as exponential from '../../src/functions/exponential.js'
import * as fourier from '../../src/functions/fourier.js'
import * as gathering from '../../src/functions/gathering.js'
import * as groupNormalization from '../../src/functions/group-normalization.js'
import * as indexing from '../../src/functions/indexing.js'
import * as interpolation from '../../src/functions/interpolation.js'
import * as joining from '../../src/functions/joining.js'
import * as likelihoodLosses from '../../src/functions/likelihood-losses.js'
import * as linearAlgebra from '../../src/functions/linear-algebra.js'
import * as logarithms from '../../src/functions/logarithms.js'
import * as losses from '../../src/functions/losses.js'
import * as marginLosses from '../../src/functions/margin-losses.js'
import * as matrices from '../../src/functions/matrices.js'
import * as moreActivations from '../../src/functions/more-activations.js'
import * as normalization from '../../src/functions/normalization.js'
import * as ordering from '../../src/functions/ordering.js'
import * as pooling from '../../src/functions/pooling.js'
import * as products from '../../src/functions/products.js'
import * as quantiles from '../../src/functions/quantiles.js'
import * as rearranging from '../../src/functions/rearranging.js'
import * as reductions from '../../src/functions/reductions.js'
import * as rotary from '../../src/functions/rotary.js'
import * as rounding from '../../src/functions/rounding.js'
import * as running from '../../src/functions/running.js'
import * as shapes from '../../src/functions/shapes.js'
import * as softmax from '../../src/functions/softmax.js'
import * as statistics from '../../src/functions/statistics.js'
import * as transposedConvolution from '../../src/functions/transposed-convolution.js'
import * as vectors from '../../src/functions/vectors.js'
import * as volumeConvolution from '../../src/functions/volume-convolution.js'
import * as volumeMaxima from '../../src/functions/volume-maxima.js'
import * as windowPooling from '../../src/functions/window-pooling.js'
import { registeredFuncs } from '../../src/graph/registry.js'
import type { Functions } from './case.js'

export const exported: Readonly<Record<string, unknown>> = {
  ...activations,
  ...diagonals,
  ...likelihoodLosses,
  ...logarithms,
  ...marginLosses,
  ...matrices,
  ...moreActivations,
  ...quantiles,
  ...rearranging,
  ...rounding,
  ...transposedConvolution,
  ...vectors,
  ...volumeConvolution,
  ...volumeMaxima,
  ...windowPooling,
  ...arithmetic,
  ...attention,
  ...arranging,
  ...circular,
  ...counting,
  ...crossEntropy,
  ...decompositions,
  ...distances,
  ...groupNormalization,
  ...bands,
  ...blending,
  ...bounds,
  ...casting,
  ...closeness,
  ...comparison,
  ...convolution,
  ...augmentation,
  ...ctc,
  ...dropout,
  ...fourier,
  ...einsum,
  ...exponential,
  ...gathering,
  ...indexing,
  ...interpolation,
  ...joining,
  ...linearAlgebra,
  ...losses,
  ...normalization,
  ...ordering,
  ...pooling,
  ...products,
  ...reductions,
  ...rotary,
  ...running,
  ...shapes,
  ...softmax,
  ...statistics,
}

/** What the graph itself makes, and the steps of optimizers and layers: the compiled library may load them together with the functions. */
const ELSEWHERE = new Set([
  ...['standIn', 'recompute', 'checkpoint', 'runningStatistics', 'clipGradNorm'],
  ...['sgdStep', 'adamStep', 'amsGradStep', 'nAdamStep', 'rAdamStep', 'lionStep'],
  ...['adaGradStep', 'adaDeltaStep', 'rmsPropStep', 'lbfgsDirection'],
])

/** What the contract and the references hold: every registered function but those that are made elsewhere. */
export function registeredHere(): string[] {
  return registeredFuncs().filter((name) => !ELSEWHERE.has(name))
}

export const functions = exported as Functions
