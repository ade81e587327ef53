/**
 * What a pass has collected for each leaf, in order of first arrival. Knows nothing of how gradients are added.
 */
import type { Variable } from './variable.js'

/** Up to here looking through a list is faster than making a Map, and most passes have no more leaves. */
const LISTED_MAX = 8

export class LeafGradients {
  readonly leaves: Variable[] = []
  readonly gradients: Variable[] = []
  private places: Map<Variable, number> | null = null

  /** Where the leaf is in the lists; -1 when nothing came to it yet. */
  find(leaf: Variable): number {
    if (this.places !== null) return this.places.get(leaf) ?? -1
    const { leaves } = this
    for (let i = 0; i < leaves.length; i++) if (leaves[i] === leaf) return i
    return -1
  }

  add(leaf: Variable, gradient: Variable): void {
    const place = this.leaves.length
    this.leaves.push(leaf)
    this.gradients.push(gradient)
    if (this.places !== null) this.places.set(leaf, place)
    else if (place === LISTED_MAX) this.places = new Map(this.leaves.map((each, i) => [each, i]))
  }

  clear(): void {
    this.leaves.length = 0
    this.gradients.length = 0
    this.places = null
  }
}
