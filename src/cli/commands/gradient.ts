/** `gradtape gradient`: computes gradients from the file, and compares them with those that the run recorded. */
import type { Command } from 'commander'
import type { NDArray } from '../../array/ndarray.js'
import { TapeError } from '../../errors.js'
import { bytesOf, summarized } from '../../events/content.js'
import { type ArraySummary, positionOf, type RecordedArray, type Ref } from '../../events/event.js'
import type { Variable } from '../../graph/variable.js'
import { Describer, positionText } from '../../inspection/describer.js'
import { namedParameters } from '../../queries/variables.js'
import { type Answer, answer } from '../answer.js'
import { arrayJson, arrayText } from '../array-words.js'
import { type OpenRun, openRun, variableKey } from '../open.js'
import { collected, examples, wholeNumber, withImports, withJson, withRun } from '../options.js'
import { paint } from '../paint.js'
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

interface Comparison {
  /** Position of the GradientComputed event. */
  position: number
  /** What could be compared: the tape has all bits of the recorded gradient, or its summary (and hash). */
  by: 'bits' | 'summary'
  equal: boolean
  /** The first element, or number of the summary, that differs. */
  difference: {
    element: number | string
    computed: number | string | null
    recorded: number | string | null
  } | null
}

export function addGradient(program: Command): void {
  withImports(withRun(withJson(program.command('gradient'))))
    .description('compute gradients from the file, and compare them bit for bit with the recorded ones')
    .argument('<file>', 'the tape')
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

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, NOT_SCALAR, NOT_DIFFERENTIABLE, UNREGISTERED_FUNC */
function gradients(open: OpenRun, options: Options): Answer {
  const { past, lookup } = open
  const full = options.full === true
  const say = new Describer(past, lookup)
  const root = past.variable(
    variableKey(options.of),
    options.step === undefined ? {} : { step: options.step },
  )
  const step = options.step ?? say.event(positionOf(root.ref)).step
  const targets = targetsOf(open, options.wrt, step)
  root.backward({ retainGrad: targets.some((target) => target.creator !== null) })
  const reached = options.wrt.length > 0 ? targets : targets.filter((target) => target.grad !== null)
  if (reached.length === 0)
    throw new TapeError(
      'NOT_DIFFERENTIABLE',
      `${options.of} of step ${step} depends on no named parameter; name variables with --wrt`,
    )
  const found = reached.map((target) => {
    const name = target.name ?? positionText(target.ref)
    if (target.grad === null) {
      throw new TapeError(
        'NOT_DIFFERENTIABLE',
        `${options.of} of step ${step} does not depend on ${name}, or ${name} requires no gradient`,
      )
    }
    const gradient = target.grad.data
    return {
      name,
      position: positionText(target.ref),
      gradient,
      summary: summarized(gradient, true),
      recorded: compared(open, root.ref, target.ref, step, gradient),
    }
  })
  return {
    no: found.some(({ recorded }) => recorded?.equal === false),
    json: () => ({
      run: { id: past.id, name: past.name },
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

function targetsOf({ past, views }: OpenRun, wrt: readonly string[], step: number): Variable[] {
  const keys =
    wrt.length > 0 ? wrt.map(variableKey) : namedParameters(views, past.id).map(({ position }) => position)
  return keys.map((key) => past.variable(key, { step }))
}

/** The last gradient that a pass from `root` alone recorded for `target` by the end of the step; null when none did. */
function compared(
  { past, lookup }: OpenRun,
  root: Ref,
  target: Ref,
  step: number,
  gradient: NDArray,
): Comparison | null {
  const { to } = lookup.stepRange(step, past.lastPosition)
  const passes = new Set<number>()
  let found: Comparison | null = null
  for (const event of past.events(Math.min(positionOf(root), to), to)) {
    if (event.type === 'BackwardStarted') {
      const plain =
        event.roots.length === 1 &&
        event.roots[0] === root &&
        event.gradients.every((given) => given === null)
      if (plain) passes.add(event.position)
    } else if (event.type === 'GradientComputed' && event.variable === target && passes.has(event.pass)) {
      const { position, contribution, contributionSummary } = event
      if (contribution !== null) found = { position, by: 'bits', ...differenceOf(gradient, contribution) }
      else if (contributionSummary !== null)
        found = { position, by: 'summary', ...differenceOfSummaries(gradient, contributionSummary) }
    }
  }
  return found
}

/** Bit for bit; every NaN counts as the same one, as in the file. */
function differenceOf(computed: NDArray, recorded: RecordedArray): Pick<Comparison, 'equal' | 'difference'> {
  const [ours, theirs] = [computed.data, recorded.data]
  if (computed.dtype === recorded.dtype && bytesOf(ours, true).equals(bytesOf(theirs, true)))
    return { equal: true, difference: null }
  const element = Math.max(
    0,
    ours.findIndex((value: number, i: number) => !Object.is(value, theirs[i])),
  )
  return {
    equal: false,
    difference: { element, computed: ours[element] ?? Number.NaN, recorded: theirs[element] ?? Number.NaN },
  }
}

/** The tape has no bytes of it, but what they come to. */
function differenceOfSummaries(
  computed: NDArray,
  recorded: ArraySummary,
): Pick<Comparison, 'equal' | 'difference'> {
  const ours = summarized(computed, recorded.hash !== null)
  for (const key of Object.keys(recorded) as (keyof ArraySummary & string)[])
    if (!Object.is(ours[key], recorded[key]))
      return { equal: false, difference: { element: key, computed: ours[key], recorded: recorded[key] } }
  return { equal: true, difference: null }
}

function verdictText(recorded: Comparison | null): string {
  if (recorded === null) return 'the run recorded no such gradient to compare with'
  if (recorded.difference === null)
    return `${paint('green', 'equal')} to the recorded gradient (#${recorded.position}), ${recorded.by === 'bits' ? 'bit for bit' : 'by its summary'}`
  const { element, computed, recorded: value } = recorded.difference
  return `${paint('red', 'differs')} from the recorded gradient (#${recorded.position}): ${typeof element === 'number' ? `element ${element}` : element} is ${computed}, recorded was ${value}`
}
