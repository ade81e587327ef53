/**
 * The computation behind a variable, drawn as in the book "Deep Learning from Scratch 3": variables as
 * orange ellipses, functions as light blue boxes. Live variables and those read from a tape look the same.
 */
import { TapeError, valueText } from '../errors.js'
import { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { computationOf } from './computation.js'
import { toDot } from './dot.js'
import { COLLAPSES, type Collapse, pictureOf } from './picture.js'
import { toSvg } from './svg.js'

export interface DrawOptions {
  /** Graphviz's language, or a drawing. Default 'dot'. */
  format?: 'dot' | 'svg' | undefined
  /** Shows the shapes and dtypes of variables. Default false. */
  shapes?: boolean | undefined
  /** Shows the values of variables of up to six elements; where one was assigned to since, the latest. Default false. */
  values?: boolean | undefined
  /**
   * Which calls become one box. 'auto' collapses a graph of more than 300 nodes until it has no more; 'scopes' makes a
   * box of each scope whatever the size; 'none' shows every call. Default 'auto'.
   */
  collapse?: Collapse | undefined
}

/** @internal */
export const DRAW_OPTIONS: readonly string[] = ['format', 'shapes', 'values', 'collapse']
const VALUES_SHOWN = 6

/**
 * The graph behind `y` as a picture: DOT at once, SVG as a promise. `plotGraph` writes it to a file as well.
 *
 * Throws  BAD_ARGUMENT; GRAPH_TOO_LARGE for a drawing of more than 2,000 nodes, which only `collapse: 'none'` gives
 */
export function drawGraph(y: Variable, options: DrawOptions = {}): string | Promise<string> {
  checkDrawing(y, options)
  const { format = 'dot', shapes = false, values = false, collapse = 'auto' } = options
  const graph = pictureOf(computationOf(y), (variable) => linesOf(variable, shapes, values), collapse)
  if (format === 'dot') return toDot(graph)
  return toSvg(graph, "let it collapse (collapse: 'auto'), or take the format 'dot'")
}

function linesOf(variable: Variable, shapes: boolean, values: boolean): string[] {
  const lines = variable.name === null ? [] : [variable.name]
  if (shapes) {
    const { shape, dtype } = variable
    lines.push(shape.length === 0 ? dtype : `[${shape.join(', ')}] ${dtype}`)
  }
  if (values && variable.size <= VALUES_SHOWN) {
    const numbers = Array.from(variable.data.data, (value) => String(Number(value.toPrecision(6))))
    lines.push(variable.ndim === 0 ? numbers.join('') : `[${numbers.join(', ')}]`)
  }
  return lines
}

function checkDrawing(y: unknown, options: DrawOptions): void {
  if (!(y instanceof Variable)) refuse(`a Variable, got ${y === null ? 'null' : typeof y}`)
  checkOptions(options, DRAW_OPTIONS, 'plotGraph')
  const { format = 'dot', collapse = 'auto' } = options
  if (format !== 'dot' && format !== 'svg') refuse(`format 'dot' or 'svg', got ${valueText(format)}`)
  if (!COLLAPSES.includes(collapse)) {
    refuse(`collapse ${COLLAPSES.map((name) => `'${name}'`).join(', ')}, got ${valueText(collapse)}`)
  }
}

function refuse(expected: string): never {
  throw new TapeError('BAD_ARGUMENT', `plotGraph expected ${expected}`)
}
