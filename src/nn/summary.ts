/** A table of what a model is made of: one row for each call of a module, from one forward that is not recorded. */
import { formatShape, type Shape } from '../array/shape.js'
import { refuseOtherCopy } from '../copies.js'
import { valueText } from '../errors.js'
import { refuse } from '../functions/attributes.js'
import { unrecorded } from '../graph/mode.js'
import { Module, watchCalls } from './module.js'
import { variablesIn } from './unclaimed.js'

export interface SummaryRow {
  /** Where the module is in the model; '' for the model itself. */
  readonly path: string
  /** The module's class. */
  readonly layer: string
  /** The shape of each Variable that it gave. */
  readonly outputs: readonly Shape[]
  /** The number of elements in its own parameters, those of modules inside not counted. */
  readonly parameters: number
}

export interface Summary {
  readonly rows: readonly SummaryRow[]
  /** The number of elements in all parameters, each parameter counted once. */
  readonly parameters: number
  /** The table, printed. */
  toString(): string
}

/**
 * What the model does with `inputs`: its layers in the order in which they finish, their output shapes and parameters.
 * The forward runs as after `eval()` and leaves the model, and any run, as it was; it draws no random numbers.
 */
export function summary<Inputs extends readonly unknown[]>(
  model: Module & { forward(...inputs: Inputs): unknown },
  ...inputs: Inputs
): Summary {
  refuseOtherCopy(model, 'summary')
  if (!(model instanceof Module)) refuse(`summary expected a Module, got ${valueText(model)}`)
  const paths = new Map<Module, string>([[model, '']])
  const owned = new Map<Module, number>()
  for (const [path, module] of model.namedModules()) paths.set(module, path)
  const all = model.namedParameters()
  const owners = [...paths].sort(([, a], [, b]) => b.length - a.length)
  for (const [path, parameter] of all) {
    const owner = owners.find(([, prefix]) => prefix === '' || path.startsWith(`${prefix}.`))![0]
    owned.set(owner, (owned.get(owner) ?? 0) + parameter.size)
  }
  const rows: SummaryRow[] = []
  const see = (module: Module, result: unknown) => {
    rows.push({
      path: paths.get(module) ?? module.path ?? '',
      layer: module.constructor.name,
      outputs: variablesIn(result).map((variable) => variable.shape),
      parameters: owned.get(module) ?? 0,
    })
  }
  const training = [...paths.keys()].map((module) => [module, module.training] as const)
  model.eval()
  try {
    unrecorded(() => watchCalls(see, () => model.forward(...inputs)))
  } finally {
    for (const [module, was] of training) module.training = was
  }
  const parameters = [...all.values()].reduce((sum, parameter) => sum + parameter.size, 0)
  return { rows, parameters, toString: () => printed(rows, parameters) }
}

function printed(rows: readonly SummaryRow[], total: number): string {
  const cells = [
    ['layer', 'kind', 'output', 'parameters'],
    ...rows.map(({ path, layer, outputs, parameters }) => [
      path === '' ? '(model)' : path,
      layer,
      outputs.map(formatShape).join(' '),
      grouped(parameters),
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column === 3 ? cell.padStart(widths[3]!) : cell.padEnd(widths[column]!)))
      .join('  '),
  )
  const rule = '─'.repeat(lines[0]!.length)
  return [lines[0], rule, ...lines.slice(1), rule, `${grouped(total)} parameters`].join('\n')
}

/** 1234567 → 1,234,567; not by the user's locale, so that it is the same everywhere. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
