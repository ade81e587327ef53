/**
 * States of PyTorch models in layers of ours: which array of PyTorch belongs to which parameter, and how it lies there. Linear and recurrent
 * weights are transposed, the three projections of attention lie in one array, and names have underscores. Reads no files.
 */
import { NDArray } from '../array/ndarray.js'
import { slice, transpose } from '../array/rearrange.js'
import { formatShape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { flagOf } from '../functions/attributes.js'
import type { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { MultiHeadAttention } from './attention.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { Recurrent } from './recurrent.js'
import { Sequential } from './sequential.js'
import type { StateDict } from './state-dict.js'

/** Settings of `loadTorchState`. */
export interface TorchStateOptions {
  /** Whether to load what fits when something is missing, unexpected or of another shape. Default false: nothing is loaded then. */
  partial?: boolean | undefined
}

/** A parameter or buffer, and where its array came from. */
export interface LoadedFromTorch {
  /** Its name here. */
  readonly name: string
  /** The array of the state. */
  readonly from: string
  /** Whether it lies the other way round there. */
  readonly transposed: boolean
  /** Which rows of the array, where it holds more than this one; else null. */
  readonly rows: readonly [start: number, stop: number] | null
  /** The dtype it had, where it had another. */
  readonly converted: string | null
}

/** What fitted, and what did not. */
export interface TorchStateReport {
  readonly loaded: readonly LoadedFromTorch[]
  /** Names of parameters and buffers here that the state has nothing for. */
  readonly missing: readonly string[]
  /** Names of the state that nothing here takes. */
  readonly unexpected: readonly string[]
  /** Names of the state that mean nothing here: counts of batches. */
  readonly ignored: readonly string[]
  /** What has another shape, in a sentence each. */
  readonly misfits: readonly string[]
}

/** Where the array of a parameter may be in a state of PyTorch. */
interface Source {
  readonly name: string
  readonly transposed?: boolean
  /** The part of the rows, where it holds several: the place of the first, and how many. */
  readonly rows?: readonly [start: number, count: number]
}

/**
 * Gives the parameters and buffers of `model` the arrays of a PyTorch `state_dict` (as `loadState` reads it from safetensors), by name. Weights of linear and
 * recurrent layers are transposed, `in_proj_weight` of attention is cut into its three, `num_batches_tracked` is passed over; other dtypes are
 * converted. Names are those of the fields here, also with underscores (`selfAttn` is `self_attn`), and the layers of a Sequential are numbers.
 *
 * Returns  what was loaded from where, transposed or not, and what is missing or left over
 * Throws   STATE_MISMATCH lists what does not fit; then nothing is loaded, unless `partial` is true and something fits
 */
export function loadTorchState(
  model: Module,
  state: StateDict,
  options: TorchStateOptions = {},
): TorchStateReport {
  checkOptions(options, ['partial'], 'loadTorchState')
  const partial = flagOf(options.partial, false, 'partial', 'loadTorchState')
  if (!(model instanceof Module))
    throw new TapeError('BAD_ARGUMENT', `loadTorchState expected a Module, got ${valueText(model)}`)
  if (typeof state !== 'object' || state === null)
    throw new TapeError(
      'BAD_ARGUMENT',
      `loadTorchState expected a state, arrays by name as loadState reads them, got ${valueText(state)}`,
    )
  const names = new Set(Object.keys(state))
  const taken = new Set<string>()
  const loaded: (LoadedFromTorch & { variable: Variable; array: NDArray })[] = []
  const missing: string[] = []
  const misfits: string[] = []
  for (const [path, variable] of [...model.namedParameters(), ...model.namedBuffers()]) {
    const source = sourcesOf(model, path).find(({ name }) => names.has(name))
    if (source === undefined) {
      if (!isCount(path)) missing.push(path)
      continue
    }
    taken.add(source.name)
    const given = state[source.name]
    const { transposed = false, rows = null } = source
    const array = given instanceof NDArray ? arranged(given, transposed, rows) : null
    if (array === null || !sameShape(array.shape, variable.shape)) {
      misfits.push(misfit(path, variable, source, given))
      continue
    }
    loaded.push({
      name: path,
      from: source.name,
      transposed,
      rows: rows === null ? null : [rows[0], rows[0] + rows[1]],
      converted: array.dtype === variable.dtype ? null : array.dtype,
      variable,
      array: array.astype(variable.dtype),
    })
  }
  const left = [...names].filter((name) => !taken.has(name))
  const report: TorchStateReport = {
    loaded: loaded.map(({ variable: _, array: __, ...told }) => told),
    missing,
    unexpected: left.filter((name) => !isCount(name)),
    ignored: left.filter(isCount),
    misfits,
  }
  requireFit(report, model, partial)
  for (const { variable, array } of loaded) variable.data = array
  return report
}

/** How many batches running statistics are of: PyTorch keeps it always, and here it is needed for one kind of mean. */
function isCount(name: string): boolean {
  return /(^|\.)(num_batches_tracked|batches)$/.test(name)
}

function requireFit(
  { loaded, missing, unexpected, misfits }: TorchStateReport,
  model: Module,
  partial: boolean,
): void {
  const problems = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(unexpected.length > 0 ? [`not in the model: ${unexpected.join(', ')}`] : []),
    ...misfits,
  ]
  if (problems.length === 0 || (partial && loaded.length > 0)) return
  throw new TapeError(
    'STATE_MISMATCH',
    `the PyTorch state does not fit ${model.constructor.name}; nothing was loaded; ${problems.join('; ')}` +
      (partial ? '' : '; { partial: true } loads what fits'),
  )
}

function misfit(
  path: string,
  variable: Variable,
  { name, transposed, rows }: Source,
  given: unknown,
): string {
  const got = given instanceof NDArray ? formatShape(given.shape) : valueText(given)
  const how = `${rows === undefined ? '' : ` rows ${rows[0]} to ${rows[0] + rows[1]} of it,`}${transposed ? ' transposed,' : ''}`
  return `${path} expected ${formatShape(variable.shape)} from "${name}"${how === '' ? '' : ` (${how.slice(1, -1)})`}, got ${got}`
}

/** The part of an array that is meant, as it lies here; null where there is none. */
function arranged(
  array: NDArray,
  transposed: boolean,
  rows: readonly [number, number] | null,
): NDArray | null {
  if (rows !== null && (array.ndim === 0 || rows[0] + rows[1] > array.shape[0]!)) return null
  if (transposed && array.ndim !== 2) return null
  const part = rows === null ? array : slice(array, [[rows[0], rows[0] + rows[1]]])
  return transposed ? transpose(part) : part
}

/** All places that the array of `path` may have in a state, the likeliest first. */
function sourcesOf(model: Module, path: string): Source[] {
  const at = path.lastIndexOf('.')
  const [owner, local] = [path.slice(0, Math.max(at, 0)), path.slice(at + 1)]
  const module = moduleAt(model, owner)
  if (module instanceof Linear) {
    const above = owner.lastIndexOf('.')
    const [outer, part] = [owner.slice(0, Math.max(above, 0)), owner.slice(above + 1)]
    const attention = moduleAt(model, outer)
    const transposed = local === 'weight'
    const own = prefixesOf(model, owner).map((prefix) => ({ name: prefix + local, transposed }))
    if (!(attention instanceof MultiHeadAttention)) return own
    return [
      ...prefixesOf(model, outer).flatMap((prefix) => projection(attention, prefix, part, local)),
      ...own,
    ]
  }
  if (module instanceof Recurrent) return recurrent(model, owner, local)
  const names = [local, underscored(local), ...(local === 'runningVariance' ? ['running_var'] : [])]
  return prefixesOf(model, owner).flatMap((prefix) => names.map((name) => ({ name: prefix + name })))
}

function moduleAt(model: Module, path: string): Module | null {
  return path === '' ? model : (model.namedModules().get(path) ?? null)
}

function underscored(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** What may stand before the names of a module's parameters. */
function prefixesOf(model: Module, owner: string): string[] {
  if (owner === '') return ['']
  const parts = owner.split('.')
  // PyTorch numbers the layers of a Sequential itself.
  const bare = parts.filter(
    (part, i) => part !== 'layers' || !(moduleAt(model, parts.slice(0, i).join('.')) instanceof Sequential),
  )
  const forms = [parts, parts.map(underscored), bare, bare.map(underscored)]
  return [...new Set(forms.map((form) => form.map((part) => `${part}.`).join('')))]
}

/** The projections of attention: three in one array, or three arrays, or linear layers with the names that Llama gave them. */
function projection(attention: MultiHeadAttention, prefix: string, part: string, local: string): Source[] {
  const order = ['query', 'key', 'value'].indexOf(part)
  const transposed = local === 'weight'
  if (order < 0)
    return ['out_proj', 'o_proj', 'outProj'].map((name) => ({
      name: `${prefix}${name}.${local}`,
      transposed,
    }))
  const sizes = [attention.query, attention.key, attention.value].map(({ weight }) => weight.shape[1]!)
  const start = sizes.slice(0, order).reduce((sum, size) => sum + size, 0)
  const letter = 'qkv'[order]!
  const separate = [`${letter}_proj_${local}`, `${letter}_proj.${local}`]
  return [
    { name: `${prefix}in_proj_${local}`, transposed, rows: [start, sizes[order]!] },
    ...separate.map((name) => ({ name: prefix + name, transposed })),
  ]
}

/** `weight_ih_l0`, `bias_hh_l1_reverse`: layer and direction are in the name. */
function recurrent(model: Module, owner: string, local: string): Source[] {
  const inner = /^(.*?)(?:(?:^|\.)others\.(\d+))?$/.exec(owner)!
  const outer = inner[1]!
  const place = inner[2] === undefined ? 0 : Number(inner[2]) + 1
  const directions = (moduleAt(model, outer) as Recurrent).directions
  const [layer, isBack] = [Math.floor(place / directions), place % directions === 1]
  const kind = `${local.endsWith('Weight') ? 'weight' : 'bias'}_${local.startsWith('input') ? 'ih' : 'hh'}`
  const name = `${kind}_l${layer}${isBack ? '_reverse' : ''}`
  return prefixesOf(model, outer).map((prefix) => ({
    name: prefix + name,
    transposed: local.endsWith('Weight'),
  }))
}
