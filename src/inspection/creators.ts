/** The calls that a variable came from, as data: a tree for people to read, and two flat lists for programs. */
import { computationOf } from '../drawing/computation.js'
import { TapeError } from '../errors.js'
import { positionOf, slotOf } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import type { Variable } from '../graph/variable.js'
import type { Describer } from './describer.js'

/** One variable in the tree. */
export interface CreatorNode {
  /** How many calls it is away from the root. */
  depth: number
  /** Its name; else its value, of a constant number; else its position, `#412`. */
  label: string
  variable: Variable
  dtype: string
  shape: readonly number[]
  /** Of a variable of one element; null for all others, and when it was not captured. */
  value: number | null
  /** The call that made it; null for a leaf. */
  call: { name: string; operands: string[]; outputs: number } | null
  /** What comes below: `creators`; nothing, for a leaf or a variable that stands above already; or nothing here, because it is too deep. */
  below: 'creators' | 'leaf' | 'above' | 'cut'
  /** Whether it is the last operand of the call above it. */
  isLast: boolean
}

/**
 * The tree read from the top, a variable before what made it. A variable that is used twice is followed once and then
 * said to stand above; below `depthMax` calls the tree is cut. A list and not objects in objects: chains are deep.
 */
export function creatorTree(root: Variable, say: Describer, depthMax: number): CreatorNode[] {
  const nodes: CreatorNode[] = []
  const shown = new Set<Variable>()
  const waiting = [{ variable: root, depth: 0, isLast: true }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { variable, depth, isLast } = next
    const { creator } = variable
    const again = shown.has(variable)
    shown.add(variable)
    const below = creator === null ? 'leaf' : again ? 'above' : depth >= depthMax ? 'cut' : 'creators'
    nodes.push({ depth, variable, below, isLast, ...described(variable, say) })
    if (creator === null || below !== 'creators') continue
    const inputs = [...creator.inputs]
    for (const [i, input] of [...inputs.entries()].reverse()) {
      waiting.push({ variable: input, depth: depth + 1, isLast: i === inputs.length - 1 })
    }
  }
  return nodes
}

function described(
  variable: Variable,
  say: Describer,
): Pick<CreatorNode, 'label' | 'dtype' | 'shape' | 'value' | 'call'> {
  const { creator, ref } = variable
  const { dtype, shape } = say.form(ref)
  const isOne = shape.every((extent) => extent === 1)
  return {
    label: variable.name ?? say.label(ref),
    dtype,
    shape,
    value: isOne ? capturedItem(variable) : null,
    call:
      creator === null
        ? null
        : {
            name: creator.name,
            operands: creator.inputs.map((input) => input.name ?? say.label(input.ref)),
            outputs: creator.outputs.length,
          },
  }
}

function capturedItem(variable: Variable): number | null {
  try {
    return variable.item()
  } catch (error) {
    if (!(error instanceof TapeError) || error.code !== 'VALUE_NOT_CAPTURED') throw error
    return null
  }
}

interface CreatorLists {
  variables: {
    id: number
    position: number
    slot: number
    name: string | null
    dtype: string
    shape: readonly number[]
  }[]
  calls: {
    position: number | null
    function: string
    attributes: Attributes
    /** Ids of variables. */
    inputs: (number | undefined)[]
    outputs: (number | undefined)[]
  }[]
}

/** The computation as two flat lists, joined by the ids of variables: deep chains make no deep document. */
export function creatorLists(root: Variable, say: Describer): CreatorLists {
  const { variables, calls } = computationOf(root)
  const ids = new Map(variables.map((variable, i) => [variable, i]))
  return {
    variables: variables.map((variable, id) => ({
      id,
      position: positionOf(variable.ref),
      slot: slotOf(variable.ref),
      name: variable.name ?? say.nameOf(variable.ref),
      ...say.form(variable.ref),
    })),
    calls: calls.map((call) => ({
      position: call.position,
      function: call.name,
      attributes: call.attributes,
      inputs: call.inputs.map((input) => ids.get(input)),
      outputs: call.outputs.map((output) => ids.get(output)),
    })),
  }
}
