/** `gradtape graph`: the computation behind a variable, drawn. */
import fs from 'node:fs'
import { type Command, Option } from 'commander'
import { TapeError } from '../../errors.js'
import type { Variable } from '../../graph/variable.js'
import { type PlainGraph, ranksCrossed, toDot } from '../../queries/dot.js'
import { lastLoggedVariable } from '../../queries/metrics.js'
import { type Answer, answer } from '../answer.js'
import { computationOf, graphOf } from '../computation.js'
import { Describer, positionText } from '../describer.js'
import { type OpenRun, openRun, variableKey } from '../open.js'
import { examples, wholeNumber, withImports, withJson, withRun } from '../options.js'
import { numberText, plural, shapeText } from '../words.js'

/** Drawing more takes minutes, and nobody can read it. */
const SVG_NODES_MAX = 2_000
/** Drawing 160,000 crossings hastily took 6 s; with care, 10,000 took more than a minute. */
const SVG_CROSSINGS_MAX = 150_000
const CAREFUL_CROSSINGS_MAX = 2_000
const VALUES_SHOWN = 6

interface Options {
  run?: string
  of?: string
  step?: number
  format?: 'dot' | 'svg'
  output?: string
  values?: boolean
  import: string[]
  json?: boolean
}

export function addGraph(program: Command): void {
  withImports(withRun(withJson(program.command('graph'))))
    .description('draw the computation behind a variable: variables as ellipses, functions as boxes')
    .argument('<file>', 'the tape')
    .option('--of <variable>', 'name or position of the variable (default: the last logged loss)')
    .option('--step <step>', 'the step it belongs to', wholeNumber(0))
    .addOption(
      new Option(
        '--format <format>',
        'dot, or svg (default: as the name of --output ends, else dot)',
      ).choices(['dot', 'svg']),
    )
    .option('--output <path>', 'write to a file instead of standard output')
    .option('--values', 'show the values of small variables too')
    .addHelpText(
      'after',
      examples(
        'gradtape graph runs.tape --step 412 --output step-412.svg',
        'gradtape graph runs.tape --of loss | dot -Tpng > loss.png',
      ),
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => drawn(await openRun(file, options, later), options)),
    )
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, GRAPH_TOO_LARGE, WRITE_FAILED, UNREGISTERED_FUNC */
async function drawn(open: OpenRun, options: Options): Promise<Answer> {
  const { past, lookup } = open
  const { step, output } = options
  const variable = past.variable(rootOf(open, options), step === undefined ? {} : { step })
  const say = new Describer(past, lookup)
  const computation = computationOf(variable)
  const graph = graphOf(computation, (node) => linesOf(node, say, options.values === true))
  const format = options.format ?? (output?.toLowerCase().endsWith('.svg') === true ? 'svg' : 'dot')
  const drawing = format === 'dot' ? toDot(graph) : await svgOf(graph)
  if (output !== undefined) write(output, drawing)
  const { nodes, edges } = graph
  return {
    json: () => ({
      run: { id: past.id, name: past.name },
      of: positionText(variable.ref),
      format,
      output: output ?? null,
      nodes,
      edges,
      drawing: output === undefined ? drawing : null,
    }),
    text: () =>
      output === undefined
        ? drawing.trimEnd()
        : `wrote ${output}: ${plural(computation.variables.length, 'variable')}, ${plural(computation.calls.length, 'call')}`,
  }
}

function rootOf({ views, past }: OpenRun, { of, step }: Options): string | number {
  if (of !== undefined) return variableKey(of)
  const logged = lastLoggedVariable(views, past.id, step ?? null)
  if (logged !== null) return logged.position
  throw new TapeError(
    'VARIABLE_NOT_FOUND',
    `run "${past.name}" logged no variable${step === undefined ? '' : ` in step ${step}`}, so there is no loss to begin from; say which with --of NAME or --of POSITION`,
  )
}

function linesOf(variable: Variable, say: Describer, values: boolean): string[] {
  const { dtype, shape } = say.form(variable.ref)
  const name = variable.name ?? say.nameOf(variable.ref)
  const lines = [`${shape.length === 0 ? '' : `${shapeText(shape)} `}${dtype}`]
  if (name !== null) lines.unshift(name)
  const size = shape.reduce((product, extent) => product * extent, 1)
  if (values && size <= VALUES_SHOWN) {
    const numbers = Array.from(variable.data.data, numberText)
    lines.push(shape.length === 0 ? numbers.join('') : `[${numbers.join(', ')}]`)
  }
  return lines
}

async function svgOf(graph: PlainGraph): Promise<string> {
  const advice = 'take a smaller part with --of or --step, or --format dot'
  const nodes = graph.nodes.length
  if (nodes > SVG_NODES_MAX) {
    throw new TapeError(
      'GRAPH_TOO_LARGE',
      `a drawing expected at most ${SVG_NODES_MAX} nodes, got ${nodes}; ${advice}`,
    )
  }
  const crossings = ranksCrossed(graph)
  if (crossings > SVG_CROSSINGS_MAX) {
    throw new TapeError(
      'GRAPH_TOO_LARGE',
      `a drawing expected edges that cross at most ${SVG_CROSSINGS_MAX} ranks, got ${crossings}: variables here are used again far from where they were made; ${advice}`,
    )
  }
  const dot = toDot(graph, { hasty: crossings > CAREFUL_CROSSINGS_MAX })
  const { instance } = await import('@viz-js/viz')
  return (await instance()).renderString(dot, { format: 'svg' })
}

function write(path: string, text: string): void {
  try {
    fs.writeFileSync(path, text)
  } catch (error) {
    throw new TapeError(
      'WRITE_FAILED',
      `${path} could not be written: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    )
  }
}
