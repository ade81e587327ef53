/**
 * Values of linked calls that were not stored, computed again from their inputs: the forward functions alone, without
 * events, since the graph is there already. One kernel gives one result, so these are the bits that the run had.
 */
import type { NDArray } from '../array/ndarray.js'
import type { Func } from '../graph/func.js'
import { unrecorded } from '../graph/mode.js'
import type { Variable } from '../graph/variable.js'

/** A call of which some output is not on the tape. */
interface Recipe {
  readonly func: Func
  readonly inputs: readonly Variable[]
  readonly outputs: readonly Variable[]
  arrays: readonly NDArray[] | null
}

export class ForwardRecomputer {
  private readonly recipes = new WeakMap<Variable, Recipe>()
  private isChecked = false
  private readonly checkKernel: () => void

  /** `checkKernel` throws when this process computes otherwise than the run did. */
  constructor(checkKernel: () => void) {
    this.checkKernel = checkKernel
  }

  /** From now on the outputs can be computed from the inputs. */
  learn(func: Func, inputs: readonly Variable[], outputs: readonly Variable[]): void {
    const recipe: Recipe = { func, inputs, outputs, arrays: null }
    for (const output of outputs) this.recipes.set(output, recipe)
  }

  /** Null for a variable that no such call made. */
  value(variable: Variable): NDArray | null {
    if (!this.recipes.has(variable)) return null
    if (!this.isChecked) this.checkKernel()
    this.isChecked = true
    return unrecorded(() => this.compute(variable))
  }

  /** Earlier calls first, without recursion: a chain may be a million calls long. */
  private compute(wanted: Variable): NDArray {
    const waiting = [wanted]
    for (;;) {
      const variable = waiting.at(-1)!
      const recipe = this.recipes.get(variable)!
      if (recipe.arrays === null) {
        const before = waiting.length
        for (const input of recipe.inputs)
          if (input.loadedData === null && this.recipes.has(input)) waiting.push(input)
        if (waiting.length > before) continue
        const made = recipe.func.forward(...recipe.inputs.map((input) => input.data))
        recipe.arrays = Array.isArray(made) ? made : [made as NDArray]
      }
      const array = recipe.arrays[recipe.outputs.indexOf(variable)]!
      waiting.pop()
      if (waiting.length === 0) return array
      variable.keepLoaded(array)
    }
  }
}
