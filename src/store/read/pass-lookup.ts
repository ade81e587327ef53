/** When a run took gradients of a variable: the passes that began there. */
import { EVENT_KIND, type Ref } from '../../events/event.js'
import { PASS_ENTRY } from '../../events/record-layout.js'
import { POSITION_MAX } from '../format/ids.js'
import { BLOCK_EVENTS_LIMIT, decodeRef } from '../format/template.js'
import type { RunRows } from './run-rows.js'

/** Positions read at once: a pass is near as a rule. */
const PAGE = 1024
/** A template refers to what lies further back than this by its position, and is found by that. */
const RELATIVE_WITHIN = 65_536

export class PassLookup {
  private readonly rows: RunRows
  private replacedIn: Map<number, Ref[]> | null = null

  constructor(rows: RunRows) {
    this.rows = rows
  }

  /** Position of the first pass of a range that began at the variable, or at it among others; null for none. */
  firstFrom(ref: Ref, from: number, to: number): number | null {
    const near = Math.min(to, from + RELATIVE_WITHIN)
    for (let start = from; start <= near; start += PAGE) {
      const end = Math.min(near, start + PAGE - 1)
      const found = [this.packed(ref, start, end), this.asText(ref, start, end)].filter((at) => at !== null)
      if (found.length > 0) return Math.min(...found)
    }
    return near < to ? this.firstFarFrom(ref, near + 1, to) : null
  }

  /** The same, far from where the variable was made. */
  private firstFarFrom(ref: Ref, from: number, to: number): number | null {
    const { base, runId } = this.rows
    const blocks = this.rows.all<{ id: number }>(
      `SELECT b.id AS id FROM _template t JOIN _block b ON b.template_id = t.id AND b.run_id = ?1 AND b.id BETWEEN ?2 AND ?3
       WHERE t.passes <> '[]' AND instr(t.passes, ?4) > 0 ORDER BY b.id`,
      runId,
      base + Math.max(1, from - BLOCK_EVENTS_LIMIT),
      base + to,
      `,-${ref}`,
    )
    let found: number | null = null
    for (const { id } of blocks) {
      const first = id - base
      found = this.packed(ref, Math.max(from, first), Math.min(to, first + BLOCK_EVENTS_LIMIT))
      if (found !== null) break
    }
    const asText = this.asText(ref, from, to)
    return found === null || asText === null ? (found ?? asText) : Math.min(found, asText)
  }

  /** Of each pass in which hooks of the program replaced gradients: the variables that they are of. */
  get replaced(): ReadonlyMap<number, readonly Ref[]> {
    if (this.replacedIn === null) {
      this.replacedIn = new Map()
      const rows = this.rows.all<{ pass: number; variable: Ref }>(
        `SELECT json_extract(payload, '$.pass') AS pass, subject AS variable FROM _fact
         WHERE kind = ${EVENT_KIND.GradientReplaced} AND id BETWEEN ? AND ? ORDER BY id`,
        this.rows.base,
        this.rows.base + POSITION_MAX,
      )
      for (const { pass, variable } of rows) {
        const variables = this.replacedIn.get(pass)
        if (variables === undefined) this.replacedIn.set(pass, [variable])
        else variables.push(variable)
      }
    }
    return this.replacedIn
  }

  private packed(ref: Ref, from: number, to: number): number | null {
    let best: number | null = null
    for (const { first, base, template } of this.rows.blocks(from, to)) {
      for (const pass of template.passes) {
        const at = first + pass[PASS_ENTRY.offset]!
        if (at < from || at > to || (best !== null && at > best)) continue
        const end = PASS_ENTRY.roots + pass[PASS_ENTRY.rootCount]!
        for (let i = PASS_ENTRY.roots; i < end; i++) if (decodeRef(pass[i]!, at, base) === ref) best = at
      }
    }
    return best
  }

  /** Passes of version 1 have rows of their own. */
  private asText(ref: Ref, from: number, to: number): number | null {
    const id = this.rows.get<{ id: number | null }>(
      `SELECT min(f.id) AS id FROM _fact f, json_each(f.payload, '$.roots') r
       WHERE f.kind = ${EVENT_KIND.BackwardStarted} AND f.id BETWEEN ? AND ? AND r.value = ?`,
      this.rows.base + from,
      this.rows.base + to,
      ref,
    )?.id
    return id == null ? null : id - this.rows.base
  }
}
