/** `gradtape gradient`: computes gradients from the file, and compares them with those that the run recorded. */
import type { Command } from 'commander'
import { positionText } from '../../inspection/describer.js'
import { gradientsOf } from '../../inspection/gradients.js'
import type { InspectedRun } from '../../inspection/inspected-run.js'
import type { GradientComparison } from '../../inspection/recorded-gradient.js'
import { type Answer, answer } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { openRun, variableKey } from '../open.js'
import { collected, examples, wholeNumber, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { indented, shapeText, summaryText } from '../words.js'

interface Options {
  run?: string
  of: string
  wrt: string[]
  step?: number
  full?: boolean
  import: string[]
  json?: boolean
}

export function addGradient(program: Command): void {
  withImports(withRun(withJson(program.command('gradient'))))
    .description('compute gradients from the file, and compare them bit for bit with the recorded ones')
    .argument(...FILE_AND_RUN)
    .option(
      '--of <variable>',
      'what is differentiated: name or position of a variable of one element',
      'loss',
    )
    .option(
      '--wrt <variable>',
      'with respect to what; may be repeated (default: every named parameter)',
      collected,
      [],
    )
    .option('--step <step>', 'in which step (default: that of --of)', wholeNumber(0))
    .option('--full', 'print all values')
    .addHelpText('after', examples('gradtape gradient runs.tape --of loss --wrt fc1.weight --step 412'))
    .action((file: string, options: Options) =>
      answer(options, async (later) => gradients(await openRun(file, options, later), options)),
    )
}

function gradients(run: InspectedRun, options: Options): Answer {
  const full = options.full === true
  const {
    root,
    step,
    gradients: found,
  } = gradientsOf(run, {
    of: variableKey(options.of),
    wrt: options.wrt.map(variableKey),
    step: options.step,
  })
  return {
    no: found.some(({ recorded }) => recorded?.equal === false),
    json: () => ({
      run: { id: run.past.id, name: run.past.name },
      of: { name: root.name, position: positionText(root.ref), value: root.item() },
      step,
      gradients: found.map(({ gradient, ...rest }) => ({ ...rest, ...arrayJson(gradient, full) })),
    }),
    text: () =>
      found
        .map(({ name, gradient, summary, recorded }) =>
          [
            `${paint('bold', `∂${root.name ?? options.of}/∂${name}`)} at step ${step}, ${gradient.dtype} ${shapeText(gradient.shape)}`,
            indented(arrayText(gradient, full)),
            `  ${summaryText(summary)}`,
            `  ${verdictText(recorded)}`,
          ].join('\n'),
        )
        .join('\n\n'),
  }
}

function verdictText(recorded: GradientComparison | null): string {
  if (recorded === null) return 'the run recorded no such gradient to compare with'
  if (recorded.difference === null)
    return `${paint('green', 'equal')} to the recorded gradient (#${recorded.position}), ${recorded.by === 'bits' ? 'bit for bit' : 'by its summary'}`
  const { element, computed, recorded: value } = recorded.difference
  return `${paint('red', 'differs')} from the recorded gradient (#${recorded.position}): ${typeof element === 'number' ? `element ${element}` : element} is ${computed}, recorded was ${value}`
}
