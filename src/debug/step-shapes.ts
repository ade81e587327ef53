/**
 * Which steps of a run are alike: a step is a list of templates, and most steps of a loop have the same list. What holds for one of
 * them (functions, references, settings) holds for all, so a question about structure reads one of each kind.
 */
import type { RunRows } from '../store/read/run-rows.js'

/** Blocks read at once. */
const PAGE = 65_536
/** Template ids are far below this number. */
const TEMPLATES_MAX = 2 ** 26

/** Steps from `from` to `to` that are alike. */
export interface Stretch {
  readonly shape: number
  readonly from: number
  readonly to: number
}

export class StepShapes {
  /** Neighbouring steps of one shape, in order. Step 0 is what precedes the first. */
  readonly stretches: readonly Stretch[]
  /** How many steps each shape has. */
  readonly counts: readonly number[]
  /** Blocks read. */
  readonly blockCount: number

  constructor(rows: RunRows, lastPosition: number) {
    const next = new Map<number, number>()
    const shapeOfNode = new Map<number, number>()
    const stretches: { shape: number; from: number; to: number }[] = []
    const counts: number[] = []
    let [step, node, nodes, blocks] = [-1, 0, 0, 0]
    const close = () => {
      if (step < 0) return
      let shape = shapeOfNode.get(node)
      if (shape === undefined) {
        shape = counts.length
        counts.push(0)
        shapeOfNode.set(node, shape)
      }
      counts[shape]!++
      const last = stretches.at(-1)
      if (last !== undefined && last.shape === shape && last.to === step - 1) last.to = step
      else stretches.push({ shape, from: step, to: step })
    }
    for (let after = rows.base, more = true; more; ) {
      const page = rows.all<{ id: number; step: number; template: number }>(
        `SELECT id, step, template_id AS template FROM _block WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE}`,
        after,
        rows.base + lastPosition,
      )
      for (const block of page) {
        if (block.step !== step) {
          close()
          step = block.step
          node = 0
        }
        const key = node * TEMPLATES_MAX + block.template
        const known = next.get(key)
        node = known ?? ++nodes
        if (known === undefined) next.set(key, node)
        after = block.id
      }
      blocks += page.length
      more = page.length === PAGE
    }
    close()
    this.stretches = stretches
    this.counts = counts
    this.blockCount = blocks
  }

  /** The first step of each shape, in order. */
  get firsts(): number[] {
    const seen = new Set<number>()
    return this.stretches.filter(({ shape }) => !seen.has(shape) && seen.add(shape)).map(({ from }) => from)
  }
}
