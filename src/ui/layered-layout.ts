/**
 * Places boxes in layers, in linear time: each box stands below all that it reads, leaves just above their reader; within a layer
 * boxes are ordered by where their neighbours stand, in a few sweeps. Positions are in boxes, not pixels.
 */

export interface LayoutQuestion {
  nodes: number
  /** From and to, two numbers an edge. */
  edges: Int32Array
}

export interface LayoutAnswer {
  /** Place in the layer, and the layer, of each node. */
  x: Float64Array
  layer: Int32Array
}

const SWEEPS = 6

export function layered({ nodes, edges }: LayoutQuestion): LayoutAnswer {
  const inputs = adjacency(nodes, edges, 1, 0)
  const readers = adjacency(nodes, edges, 0, 1)
  const layer = layersOf(nodes, inputs, readers)
  const depth = layer.reduce((most, at) => Math.max(most, at), 0)
  const rows: number[][] = Array.from({ length: depth + 1 }, () => [])
  for (let node = 0; node < nodes; node++) rows[layer[node]!]!.push(node)
  const x = new Float64Array(nodes)
  for (const row of rows)
    row.forEach((node, place) => {
      x[node] = place - (row.length - 1) / 2
    })
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0
    for (let i = 0; i <= depth; i++) arrange(rows[isDown ? i : depth - i]!, isDown ? inputs : readers, x)
  }
  return { x, layer }
}

interface Adjacency {
  starts: Int32Array
  targets: Int32Array
}

function adjacency(nodes: number, edges: Int32Array, from: 0 | 1, to: 0 | 1): Adjacency {
  const starts = new Int32Array(nodes + 1)
  for (let i = 0; i < edges.length; i += 2) starts[edges[i + from]! + 1]!++
  for (let node = 0; node < nodes; node++) starts[node + 1]! += starts[node]!
  const next = starts.slice()
  const targets = new Int32Array(edges.length / 2)
  for (let i = 0; i < edges.length; i += 2) targets[next[edges[i + from]!]!++] = edges[i + to]!
  return { starts, targets }
}

/** The longest way from a source; boxes in a circle, which groups can make, go where the walk reaches them first. */
function layersOf(nodes: number, inputs: Adjacency, readers: Adjacency): Int32Array {
  const layer = new Int32Array(nodes)
  const missing = new Int32Array(nodes)
  const isDone = new Uint8Array(nodes)
  const isQueued = new Uint8Array(nodes)
  const queue: number[] = []
  const enqueue = (node: number) => {
    isQueued[node] = 1
    queue.push(node)
  }
  for (let node = 0; node < nodes; node++) {
    missing[node] = inputs.starts[node + 1]! - inputs.starts[node]!
    if (missing[node] === 0) enqueue(node)
  }
  let next = 0
  for (let done = 0; done < nodes; done++) {
    let node = queue[done]
    if (node === undefined) {
      while (isQueued[next] === 1) next++
      node = next
      enqueue(node)
    }
    isDone[node] = 1
    for (let at = readers.starts[node]!; at < readers.starts[node + 1]!; at++) {
      const reader = readers.targets[at]!
      if (isDone[reader] === 1) continue
      layer[reader] = Math.max(layer[reader]!, layer[node]! + 1)
      if (--missing[reader]! === 0 && isQueued[reader] === 0) enqueue(reader)
    }
  }
  for (let node = 0; node < nodes; node++) {
    if (inputs.starts[node] !== inputs.starts[node + 1] || readers.starts[node] === readers.starts[node + 1])
      continue
    let first = Number.POSITIVE_INFINITY
    for (let at = readers.starts[node]!; at < readers.starts[node + 1]!; at++)
      first = Math.min(first, layer[readers.targets[at]!]!)
    layer[node] = Math.max(0, first - 1)
  }
  return layer
}

/** Orders a layer by the middle of each box's neighbours, and keeps the boxes a place apart. */
function arrange(row: number[], { starts, targets }: Adjacency, x: Float64Array): void {
  const wish = new Map<number, number>()
  for (const node of row) {
    let sum = 0
    const count = starts[node + 1]! - starts[node]!
    for (let at = starts[node]!; at < starts[node + 1]!; at++) sum += x[targets[at]!]!
    wish.set(node, count === 0 ? x[node]! : sum / count)
  }
  row.sort((a, b) => wish.get(a)! - wish.get(b)!)
  let at = Number.NEGATIVE_INFINITY
  let moved = 0
  for (const node of row) {
    at = Math.max(at + 1, wish.get(node)!)
    x[node] = at
    moved += at - wish.get(node)!
  }
  const back = row.length === 0 ? 0 : moved / row.length
  for (const node of row) x[node]! -= back
}
