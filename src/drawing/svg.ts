/** Draws a plain graph as SVG, by Graphviz compiled to WebAssembly. Refuses what would take minutes to lay out. */
import { TapeError } from '../errors.js'
import { type PlainGraph, ranksCrossed, toDot } from './dot.js'

/** Drawing more takes minutes, and nobody can read it. */
const NODES_MAX = 2_000
/** Drawing 160,000 crossings hastily took 6 s; with care, 10,000 took more than a minute. */
const CROSSINGS_MAX = 150_000
const CAREFUL_CROSSINGS_MAX = 2_000

/**
 * advice   what to do about a graph that is too large
 * Throws   GRAPH_TOO_LARGE
 */
export async function toSvg(graph: PlainGraph, advice: string): Promise<string> {
  const nodes = graph.nodes.length
  if (nodes > NODES_MAX) {
    throw new TapeError(
      'GRAPH_TOO_LARGE',
      `a drawing expected at most ${NODES_MAX} nodes, got ${nodes}; ${advice}`,
    )
  }
  const crossings = ranksCrossed(graph)
  if (crossings > CROSSINGS_MAX) {
    throw new TapeError(
      'GRAPH_TOO_LARGE',
      `a drawing expected edges that cross at most ${CROSSINGS_MAX} ranks, got ${crossings}: variables here are used again far from where they were made; ${advice}`,
    )
  }
  const dot = toDot(graph, { hasty: crossings > CAREFUL_CROSSINGS_MAX })
  // Two megabytes, which are loaded only where something is drawn.
  const { instance } = await import('@viz-js/viz')
  return (await instance()).renderString(dot, { format: 'svg' })
}
