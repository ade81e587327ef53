/** `plotGraph`: the computation behind a variable as a picture, in a text and, when asked, in a file. */
import { DRAW_OPTIONS, type DrawOptions, drawGraph } from '../drawing/plot.js'
import { TapeError } from '../errors.js'
import type { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { writePicture } from './picture-file.js'

export interface PlotOptions extends DrawOptions {
  /** A path to write the picture to as well. */
  output?: string | undefined
}

/**
 * The graph behind `y` as a picture: DOT at once, SVG as a promise.
 *
 * A box with a double frame stands for several calls: those of a module or `run.scope` with their number, or, without a
 * scope, a chain of calls of which the first and the last are shown.
 *
 * Throws  BAD_ARGUMENT; GRAPH_TOO_LARGE for a drawing of more than 2,000 nodes, which only `collapse: 'none'` gives;
 *         WRITE_FAILED
 * Source  DeZero `plot_dot_graph`
 */
export function plotGraph(y: Variable, options?: PlotOptions & { format?: 'dot' | undefined }): string
export function plotGraph(y: Variable, options: PlotOptions & { format: 'svg' }): Promise<string>
export function plotGraph(y: Variable, options: PlotOptions = {}): string | Promise<string> {
  checkOptions(options, ['output', ...DRAW_OPTIONS], 'plotGraph')
  const { output, ...draw } = options
  if ((draw.format ?? 'dot') === 'dot' && output?.toLowerCase().endsWith('.svg') === true) {
    throw new TapeError('BAD_ARGUMENT', `plotGraph expected { format: 'svg' } for ${output}, got 'dot'`)
  }
  const picture = drawGraph(y, draw)
  if (output === undefined) return picture
  if (typeof picture === 'string') {
    writePicture(output, picture)
    return picture
  }
  return picture.then((svg) => {
    writePicture(output, svg)
    return svg
  })
}
