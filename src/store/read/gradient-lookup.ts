/** Which event left a variable the gradient that it held. */
import { EVENT_KIND, positionOf, type Ref } from '../../events/event.js'
import { CLEAR_ENTRY, GRADIENT_ENTRY, PASS_ENTRY, PASS_FLAGS } from '../../events/record-layout.js'
import { decodeRef } from '../format/template.js'
import type { RunRows } from './run-rows.js'

/** Positions read at once: a gradient is near as a rule. */
const PAGE = 1024
/** This many pages are read before the rows of all gradients are asked. */
const NEAR_PAGES = 16

export class GradientLookup {
  private readonly rows: RunRows
  private readonly targetedPasses = new Map<number, boolean>()

  constructor(rows: RunRows) {
    this.rows = rows
  }

  /**
   * The last gradient of a range that the variable held, whether or not it was cleared since; null for none.
   *
   * position  the event that left it: a GradientComputed that was kept, or a GradientAssigned
   * until     where it was cleared; the end of the range if it was not
   */
  last(ref: Ref, from: number, to: number): { position: number; until: number } | null {
    const first = Math.max(from, positionOf(ref) + 1)
    const { position, cleared } = this.within(ref, first, to)
    if (position === 0) return null
    return { position, until: cleared > position ? cleared : to + 1 }
  }

  /**
   * The event that left the gradient which the variable holds just before `position`: a GradientComputed that it kept or a
   * GradientAssigned. Null when it holds none.
   */
  before(ref: Ref, position: number): number | null {
    const { position: left, cleared } = this.within(ref, positionOf(ref) + 1, position - 1)
    return left === 0 || cleared > left ? null : left
  }

  /** The last gradient of a range, and the first that cleared it after; 0 for none. */
  private within(ref: Ref, first: number, last: number): { position: number; cleared: number } {
    let cleared = 0
    for (let to = last, pages = 1; to >= first; to -= PAGE, pages++) {
      if (pages % NEAR_PAGES === 0) {
        // It is not near: the rows say whether there is one at all, and how far back.
        const far = this.lastRow(ref, first, to)
        if (far === 0) return { position: 0, cleared }
        if (far <= to - PAGE) {
          const between = this.firstClear(ref, far + 1, to)
          if (between > 0) cleared = between
          to = far
        }
      }
      const from = Math.max(first, to - PAGE + 1)
      const found: { at: number; pass: number }[] = []
      const clears: number[] = []
      for (const { first, base, template } of this.rows.blocks(from, to)) {
        for (const gradient of template.gradients) {
          const at = first + gradient[GRADIENT_ENTRY.offset]!
          if (
            at >= from &&
            at <= to &&
            gradient[GRADIENT_ENTRY.held] !== 0 &&
            decodeRef(gradient[GRADIENT_ENTRY.variable]!, at, base) === ref
          )
            found.push({ at, pass: decodeRef(gradient[GRADIENT_ENTRY.pass]!, at, base) })
        }
        for (const clear of template.clears) {
          const at = first + clear[CLEAR_ENTRY.offset]!
          if (at >= from && at <= to && decodeRef(clear[CLEAR_ENTRY.variable]!, at, base) === ref)
            clears.push(at)
        }
      }
      const assigned =
        this.rows.get<{ id: number | null }>(
          `SELECT max(id) AS id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.GradientAssigned} AND subject = ? AND id BETWEEN ? AND ?`,
          this.rows.runId,
          ref,
          this.rows.base + from,
          this.rows.base + to,
        )?.id ?? 0
      // What `grad()` asked for is the answer of the call, and no variable's gradient.
      const kept = found.sort((a, b) => b.at - a.at).find(({ pass }) => !this.hasTargets(pass))?.at ?? 0
      const position = Math.max(kept, assigned - this.rows.base)
      const after = clears.filter((at) => at > position)
      if (after.length > 0) cleared = Math.min(...after)
      if (position > 0) return { position, cleared }
    }
    return { position: 0, cleared }
  }

  /** The last gradient of the variable in a range, kept or assigned, also one that was a pass's answer; 0 for none. */
  private lastRow(ref: Ref, first: number, last: number): number {
    const { rows } = this
    const [from, to] = [rows.base + first, rows.base + last]
    const computed = rows.get<{ id: number }>(
      'SELECT g.id AS id FROM _variable v JOIN _gradient g ON g.variable_id = v.id WHERE v.run_id = ? AND v.ref = ? AND g.held <> 0 AND g.id BETWEEN ? AND ? ORDER BY g.id DESC LIMIT 1',
      rows.runId,
      ref,
      from,
      to,
    )?.id
    const assigned = rows.get<{ id: number | null }>(
      `SELECT max(id) AS id FROM _fact WHERE id >> 32 = ? AND kind = ${EVENT_KIND.GradientAssigned} AND subject = ? AND id BETWEEN ? AND ?`,
      rows.runId,
      ref,
      from,
      to,
    )?.id
    return Math.max(0, (computed ?? rows.base) - rows.base, (assigned ?? rows.base) - rows.base)
  }

  /** The first clear of the variable in a range; 0 for none. */
  private firstClear(ref: Ref, first: number, last: number): number {
    for (let from = first; from <= last; from += PAGE) {
      const to = Math.min(last, from + PAGE - 1)
      const clears = this.rows.blocks(from, to).flatMap((block) =>
        block.template.clears.flatMap((clear) => {
          const at = block.first + clear[CLEAR_ENTRY.offset]!
          return at >= from && at <= to && decodeRef(clear[CLEAR_ENTRY.variable]!, at, block.base) === ref
            ? [at]
            : []
        }),
      )
      if (clears.length > 0) return Math.min(...clears)
    }
    return 0
  }

  private hasTargets(pass: number): boolean {
    let answer = this.targetedPasses.get(pass)
    if (answer === undefined) {
      for (const { first, template } of this.rows.blocks(pass, pass)) {
        const packed = template.passes.find((candidate) => first + candidate[PASS_ENTRY.offset]! === pass)
        if (packed !== undefined) answer = (packed[PASS_ENTRY.flags]! & PASS_FLAGS.targets) !== 0
      }
    }
    if (answer === undefined) {
      const row = this.rows.get<{ type: string }>(
        "SELECT json_type(payload, '$.targets') AS type FROM _fact WHERE id = ?",
        this.rows.base + pass,
      )
      answer = row?.type === 'array'
    }
    this.targetedPasses.set(pass, answer)
    return answer
  }
}
