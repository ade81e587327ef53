/**
 * One object of each class that the walks over a past graph meet, alive for ever, and holding nothing: while none is alive, a
 * full garbage collection drops the code that was compiled for it, as `graph/samples.ts` says. So the second past graph that a
 * program asks is not as slow as the first.
 */
import type { Variable } from '../graph/variable.js'
import { CellReader } from '../store/format/cells.js'
import { GraphBlock, GraphBlocks } from '../store/read/graph-blocks.js'
import { TemplateColumns } from '../store/read/template-columns.js'
import { AncestorWalk } from './ancestors.js'
import { HeldVariables } from './held-variables.js'
import { PastCalls } from './past-calls.js'
import { PastGradients, PendingPage } from './past-gradients.js'
import { PastValues, ValuePage } from './past-values.js'
import { RefMap } from './ref-map.js'

const nothing = null as never
const samples: object[] = []

/** Keeps them, from the first past graph on. */
export function keepPastSamples(): void {
  if (samples.length > 0) return
  const template = new TemplateColumns(0)
  const cells = new CellReader(null)
  const graph = new GraphBlocks(nothing, nothing, 0)
  const calls = new PastCalls(graph, '', nothing)
  const values = new PastValues(calls, nothing, nothing, nothing, nothing)
  const given = new RefMap<Variable>()
  const held = new HeldVariables(given, new Map())
  samples.push(
    template,
    cells,
    new GraphBlock({ first: 1, template, base: 0, cells }),
    graph,
    calls,
    values,
    new ValuePage(0),
    new PastGradients(calls, values, held, nothing, true, null),
    held,
    new PendingPage(),
    new AncestorWalk(graph, nothing),
    given,
  )
}
