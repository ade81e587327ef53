/** Which step of one run stands for which of another. */
import { align, alignByIndex, type Sequence, type Stretch } from './alignment.js'
import { ContentHash } from './content-hash.js'
import type { Both } from './run-diff.js'
import type { Scan } from './step-scan.js'

/**
 * Steps that stand for each other: by what they do; where many do the same, by their rows too. A run that ended earlier has its
 * steps where the other one has them, unless rows or calls say that some are missing in between.
 */
export function alignedSteps([a, b]: Both<Scan>): readonly Stretch[] {
  const apartIn = (stretches: readonly Stretch[], isApart: (i: number, j: number) => boolean) => {
    let apart = 0
    for (const stretch of stretches) {
      if (stretch.a < 0 || stretch.b < 0) apart += stretch.count
      else for (let i = 0; i < stretch.count; i++) if (isApart(stretch.a + i, stretch.b + i)) apart++
    }
    return apart
  }
  const byRow = (i: number, j: number) => a.keys.rows.of(i) !== b.keys.rows.of(j)
  const byShape = align(a.keys.shape, b.keys.shape)
  const wrong = apartIn(byShape, byRow)
  if (wrong < 8) return byShape
  const byIndex = alignByIndex(a.from, a.end, b.end)
  const inPlace = apartIn(byIndex, (i, j) => byRow(i, j) || a.keys.shape.of(i) !== b.keys.shape.of(j))
  if (inPlace < wrong) return byIndex
  const byRows = align(mixed(a), mixed(b))
  return apartIn(byRows, byRow) * 4 <= wrong ? byRows : byShape
}

/** The steps by what they do and by their rows. */
function mixed({ keys: { shape, rows } }: Scan): Sequence {
  const of = (step: number) => {
    const hash = new ContentHash()
    hash.word(shape.of(step))
    return hash.mixed(rows.of(step))
  }
  return { from: shape.from, end: shape.end, of }
}
