/**
 * SQL functions on the graph of a run. They find a position by the index of blocks and walk the columns of templates, where a view
 * would decode every call on the way.
 */
import type { Connection } from '../../store/format/connection.js'
import { GraphWalk, type WalkStep } from '../../store/read/graph-walk.js'
import type { FunctionHost } from './host.js'
import { refuse } from './tensor.js'

/** How far a walk goes when nothing is said. */
const DEPTH_DEFAULT = 1_000_000_000

/** `open` gives a connection of its own to the tape: that of the query is busy while it calls a function. */
export function registerGraphFunctions(host: FunctionHost, open: () => Connection): void {
  let db: Connection | null = null
  const graphs = new Map<number, GraphWalk>()
  const graphOf = (name: string, run: unknown): GraphWalk => {
    const id = integer(name, 'a run', run)
    let graph = graphs.get(id)
    if (graph === undefined) {
      db ??= open()
      graph = new GraphWalk(db, id)
      graphs.set(id, graph)
    }
    return graph
  }

  host.table?.('call_at', {
    columns: ['position', 'step', 'function', 'scope', 'attributes', 'dtype', 'shape', 'inputs', 'block_id'],
    parameters: ['run', 'at'],
    directOnly: true,
    *rows(run: unknown, at: unknown) {
      if (run == null || at == null) return
      const call = graphOf('call_at', run).callAt(integer('call_at', 'a position', at))
      if (call === null) return
      yield [
        BigInt(call.position),
        BigInt(call.step),
        call.function,
        call.scope,
        call.attributes,
        call.dtype,
        call.shape === null ? null : JSON.stringify(call.shape),
        JSON.stringify(call.inputs),
        BigInt(call.blockId),
      ]
    },
  })

  const walk = (
    name: string,
    steps: (graph: GraphWalk, at: number, slot: number, depth: number, until: number) => Generator<WalkStep>,
  ) => {
    host.table?.(name, {
      columns: ['depth', 'position', 'slot', 'kind', 'function', 'scope'],
      parameters: ['run', 'at', 'output', 'most', 'until'],
      directOnly: true,
      *rows(run: unknown, at: unknown, output: unknown, most: unknown, until: unknown) {
        if (run == null || at == null) return
        const graph = graphOf(name, run)
        const position = integer(name, 'a position', at)
        const slot = output == null ? 0 : integer(name, 'the number of an output', output)
        const depth = most == null ? DEPTH_DEFAULT : integer(name, 'a depth', most)
        const end = until == null ? graph.last : integer(name, 'a last position', until)
        for (const step of steps(graph, position, slot, depth, end))
          yield [
            BigInt(step.depth),
            BigInt(step.position),
            BigInt(step.slot),
            step.kind,
            step.function,
            step.scope,
          ]
      },
    })
  }
  walk('ancestors', (graph, at, slot, depth) => graph.ancestors(at, slot, depth))
  walk('descendants', (graph, at, slot, depth, until) => graph.descendants(at, slot, depth, until))
}

function integer(name: string, what: string, value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0)
    return refuse(name, `${what} as an integer from 0`, value)
  return number
}
