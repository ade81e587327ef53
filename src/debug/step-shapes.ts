/**
 * Which steps of a run are alike: a step is a list of templates, and most steps of a loop have the same list, or one that does the
 * same in other pieces. What holds for one of them (functions, references, settings) holds for all, so a question about structure
 * reads one of each kind.
 */
import type { RunRows } from '../store/read/run-rows.js'
import { stepKey } from './step-key.js'

/** Blocks read at once. */
const PAGE = 4_096
/** Template ids are far below this number. */
const TEMPLATES_MAX = 2 ** 26
/** Lists of templates that are put together and compared; a run whose steps never repeat has as many as it has steps. */
const COMPARED_MAX = 16_384

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

  constructor(rows: RunRows, lastPosition: number) {
    const next = new Map<number, number>()
    const shapeOfNode = new Map<number, number>()
    const shapeOfKey = new Map<string, number>()
    const stretches: { shape: number; from: number; to: number }[] = []
    const counts: number[] = []
    let [step, first, last, node, nodes] = [-1, 0, 0, 0, 0]
    const fresh = () => {
      if (shapeOfNode.size >= COMPARED_MAX) return counts.length
      const key = stepKey(
        rows.blocks(first, last).filter((block) => block.step === step),
        rows.texts,
      )
      const known = shapeOfKey.get(key) ?? counts.length
      shapeOfKey.set(key, known)
      return known
    }
    const close = () => {
      if (step < 0) return
      let shape = shapeOfNode.get(node)
      if (shape === undefined) {
        shape = fresh()
        if (shape === counts.length) counts.push(0)
        shapeOfNode.set(node, shape)
      }
      counts[shape]!++
      const before = stretches.at(-1)
      if (before !== undefined && before.shape === shape && before.to === step - 1) before.to = step
      else stretches.push({ shape, from: step, to: step })
    }
    rows.reading(() => {
      const page = rows.db
        .prepare(
          // A page is handed over in three texts, which takes a third of what as many numbers take.
          `SELECT json_group_array(id), json_group_array(step), json_group_array(template_id)
           FROM (SELECT id, step, template_id FROM _block WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE})`,
        )
        .raw()
      for (let after = rows.base, more = true; more; ) {
        const [ids, steps, templates] = (page.get(after, rows.base + lastPosition) as string[]).map(
          (text) => JSON.parse(text) as number[],
        ) as [number[], number[], number[]]
        for (let i = 0; i < ids.length; i++) {
          const [id, of, template] = [ids[i]!, steps[i]!, templates[i]!]
          if (of !== step) {
            close()
            step = of
            first = id - rows.base
            node = 0
          }
          last = id - rows.base
          const key = node * TEMPLATES_MAX + template
          let known = next.get(key)
          if (known === undefined) {
            known = ++nodes
            next.set(key, known)
          }
          node = known
        }
        after = ids.at(-1) ?? after
        more = ids.length === PAGE
      }
      close()
    })
    this.stretches = stretches
    this.counts = counts
  }

  /** The first step of each shape, in order. */
  get firsts(): number[] {
    const seen = new Set<number>()
    return this.stretches.filter(({ shape }) => !seen.has(shape) && seen.add(shape)).map(({ from }) => from)
  }
}
