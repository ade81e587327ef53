/** `gradtape show`: a run, one of its steps, or one of its variables. */
import { type Command, InvalidArgumentError } from 'commander'
import { type Answer, answer, type Later } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { showRun } from './show-run.js'
import { showStep } from './show-step.js'
import { showVariable } from './show-variable.js'

interface Options {
  run?: string
  step?: number
  variable?: string
  depth: number
  limit: number
  full?: boolean
  import: string[]
  json?: boolean
}

export function addShow(program: Command): void {
  const command = withImports(withRun(withJson(program.command('show'))))
  command
    .description(
      'show a run; with --step what happened in a step; with --variable a variable and how it came about',
    )
    .argument(...FILE_AND_RUN)
    .option('--step <step>', 'the step; 0 is what precedes the first', wholeNumber(0))
    .option(
      '--variable <variable>',
      'name or position of a variable; with --step as that step read it',
      notEmpty,
    )
    .option('--depth <calls>', 'how many calls deep the creators are shown', wholeNumber(0, 1_000), 8)
    .option('--limit <events>', 'how many events of a step are shown', wholeNumber(1), 1_000)
    .option('--full', 'print all values of a variable')
    .addHelpText(
      'after',
      examples(
        'gradtape show runs.tape',
        'gradtape show runs.tape --run digits --step 412',
        'gradtape show runs.tape --variable fc1.weight --step 412',
      ),
    )
    .action((file: string, options: Options) => answer(options, (later) => show(file, options, later)))
}

async function show(file: string, options: Options, later: Later): Promise<Answer> {
  const open = await openRun(file, options, later)
  const { step = null, variable } = options
  if (variable !== undefined)
    return showVariable(open, variable, { ...options, step, full: options.full === true })
  return step === null ? showRun(open) : showStep(open, step, options.limit)
}

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a name or a position.')
  return text
}
