/** What attention has read so far, so that a text can be continued token by token without reading all of it again. */
import { concat } from '../functions/joining.js'
import type { Variable } from '../graph/variable.js'

/**
 * Keys and values of the places before, for one attention layer: `attention.forward(x, x, x, { cache })` reads them and adds those of x. Each layer of a
 * model needs one of its own. Made inside `noGrad` as a rule; else the graph of all steps stays.
 */
export class KeyValueCache {
  /** [n, heads, length, width of a head]; null before the first use. */
  keys: Variable | null = null
  /** As the keys. */
  values: Variable | null = null

  /** How many places it holds. */
  get length(): number {
    return this.keys === null ? 0 : this.keys.shape[2]!
  }

  /** @internal Adds places; gives all. */
  append(keys: Variable, values: Variable): { keys: Variable; values: Variable } {
    this.keys = this.keys === null ? keys : concat([this.keys, keys], { axis: 2 })
    this.values = this.values === null ? values : concat([this.values, values], { axis: 2 })
    return { keys: this.keys, values: this.values }
  }

  /** Forgets everything: another text begins. */
  clear(): void {
    this.keys = null
    this.values = null
  }
}
