/** `gradtape graph`: the computation behind a variable, drawn. */

import { type Command, Option } from 'commander'
import { type Computation, computationOf } from '../../drawing/computation.js'
import { toDot } from '../../drawing/dot.js'
import { COLLAPSES, type Collapse, pictureOf } from '../../drawing/picture.js'
import { toSvg } from '../../drawing/svg.js'
import { TapeError } from '../../errors.js'
import type { Variable } from '../../graph/variable.js'
import { type Describer, positionText } from '../../inspection/describer.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import { numberText } from '../../inspection/number-text.js'
import { writePicture } from '../../inspection/picture-file.js'
import { lastLoggedVariable } from '../../queries/metrics.js'
import { type Answer, answer } from '../answer.js'
import { openRun, variableKey } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { checkOutput } from '../output.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { plural, shapeText } from '../words.js'

const VALUES_SHOWN = 6
const ADVICE = 'let it collapse (--collapse auto), take a smaller part with --of or --step, or --format dot'

interface Options {
  run?: string
  of?: string
  step?: number
  format?: 'dot' | 'svg'
  output?: string
  values?: boolean
  collapse: Collapse
  import: string[]
  json?: boolean
}

export function addGraph(program: Command): void {
  withImports(withRun(withJson(program.command('graph'))))
    .description('draw the computation behind a variable: variables as ellipses, functions as boxes')
    .argument(...FILE_AND_RUN)
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
    .addOption(
      new Option(
        '--collapse <how>',
        'many calls as one box: auto (of a graph of more than 300 nodes), scopes (always), none',
      )
        .choices(COLLAPSES)
        .default('auto'),
    )
    .addHelpText(
      'after',
      examples(
        'gradtape graph runs.tape --step 412 --output step-412.svg',
        'gradtape graph runs.tape --of loss | dot -Tpng > loss.png',
      ),
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        if (options.output !== undefined) checkOutput(options.output, file)
        return drawn(await openRun(file, options, later), options)
      }),
    )
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, GRAPH_TOO_LARGE, WRITE_FAILED, UNREGISTERED_FUNC */
async function drawn(open: InspectedRun, options: Options): Promise<Answer> {
  const { past, say } = open
  const { step, output } = options
  const variable = past.variable(rootOf(open, options), step === undefined ? {} : { step })
  const computation = computationOf(variable)
  const graph = pictureOf(
    computation,
    (node) => linesOf(node, say, options.values === true),
    options.collapse,
  )
  const format = options.format ?? (output?.toLowerCase().endsWith('.svg') === true ? 'svg' : 'dot')
  const drawing = format === 'dot' ? toDot(graph) : await toSvg(graph, ADVICE)
  if (output !== undefined) writePicture(output, drawing)
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
        : `wrote ${output}: ${plural(computation.variables.length, 'variable')}, ${plural(computation.calls.length, 'call')}${collapsedText(computation, nodes.length)}`,
  }
}

function collapsedText({ variables, calls }: Computation, nodes: number): string {
  return nodes === variables.length + calls.length ? '' : `, collapsed into ${plural(nodes, 'node')}`
}

function rootOf({ views, past }: InspectedRun, { of, step }: Options): string | number {
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
