/** `gradtape verify`: whether a tape is as it was written. */
import { type Command, InvalidArgumentError } from 'commander'
import type { RunProof } from '../../debug/recompute.js'
import { TapeError } from '../../errors.js'
import { inspectedRun } from '../../inspection/inspected-run.js'
import { Reader } from '../../store/read/reader.js'
import type { PastRun } from '../../tape/past-run.js'
import type { Tape } from '../../tape/tape.js'
import { type Answer, answer, type Later } from '../answer.js'
import { importModules } from '../imports.js'
import { keyFrom } from '../key-file.js'
import { openForReading } from '../open.js'
import { examples, positiveNumber, wholeNumber, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { proofLines } from '../proof-words.js'
import { withRun } from '../run-argument.js'
import { indented, plural } from '../words.js'

interface Options {
  expect?: string
  key?: string
  run?: string
  recompute?: boolean
  sample?: number
  seed?: number
  within?: number
  import: string[]
  json?: boolean
}

/** Where the expected hash stands: at the end of the chain, before it (the tape has grown since), or nowhere. */
interface Expectation {
  hash: string
  found: 'head' | 'earlier' | 'nowhere'
  /** How many batches were written after it. */
  batchesSince: number | null
}

export function addVerify(program: Command): void {
  withImports(withRun(withJson(program.command('verify'))))
    .description(
      'prove a tape: its hash chain is as it was written, and (--recompute) its runs compute to what it says',
    )
    .argument('<file>', 'the tape, or TAPE:RUN to compute one run again')
    .option(
      '--expect <hash>',
      'the head hash that was noted earlier; proves that nothing was cut off or added since',
      wholeHash,
    )
    .option(
      '--key <file>',
      'the public key (PEM) of whoever sealed the tape; proves that it is as it was then',
    )
    .option('--recompute', 'compute every run again and compare it bit for bit')
    .option(
      '--sample <steps>',
      'compute only this many steps of each run again, drawn at random',
      wholeNumber(1),
    )
    .option(
      '--seed <seed>',
      'what the steps are drawn with (default: drawn itself, and printed)',
      wholeNumber(0, 2 ** 32 - 1),
    )
    .option(
      '--within <ulps>',
      'for a run whose kernel is not here: how far apart rounding may be (default: half of the digits)',
      positiveNumber,
    )
    .addHelpText(
      'after',
      `
With --recompute each run has a verdict: bit-exact; within N ulp, when its kernel is not here; diverged, with the first event and
element; not checked, with the reason. Exit code 1: something was changed, diverged, or could not be computed.
${examples(
  'gradtape verify runs.tape',
  'gradtape verify runs.tape --expect 5d41…',
  'gradtape verify runs.tape --recompute',
  'gradtape verify runs.tape:digits --sample 20 --seed 7',
)}`,
    )
    .action((file: string, options: Options) => answer(options, (later) => verified(file, options, later)))
}

async function verified(file: string, options: Options, later: Later): Promise<Answer> {
  const { expect, run } = options
  const computes = options.recompute === true || options.sample !== undefined
  if (!computes) refuseWithoutRecompute(options)
  const key = options.key === undefined ? null : keyFrom(options.key)
  const tape = await openForReading(file, later)
  await importModules(options.import)
  const chosen = run === undefined ? null : inspectedRun(tape, run).past
  // What is computed again takes long, and holding still keeps a recorder from using its WAL again.
  if (!computes) tape.holdStill()
  const progress = new Progress(`verify ${tape.path}:`)
  const report = tape.verify((events, total) => progress.at(events, total))
  progress.end()
  // In a tape that was changed a hash says nothing, and neither does what is computed from it.
  const expected = expect === undefined || !report.intact ? null : placeOf(expect, tape, report.head)
  const seal = key === null ? null : tape.checkSeal(key, report)
  // Who sealed it is told anyway; whether that is somebody to trust, only a key can say.
  const seals = key === null ? tape.sealsByKey(report) : []
  const runs = !computes || !report.intact ? null : recomputed(tape, chosen, options)
  const proven =
    runs === null || runs.every(({ verdict }) => verdict === 'bit-exact' || verdict === 'within-ulp')
  return {
    no:
      !report.intact || (expected !== null && expected.found !== 'head') || seal?.holds === false || !proven,
    json: () => ({ ...report, expected, seal, seals, runs }),
    text: () => {
      const lines = [`${tape.path}: ${report.intact ? paint('green', 'intact') : paint('red', 'not intact')}`]
      if (report.problem !== null) lines.push(indented(report.problem))
      const checked = `${plural(report.batches, 'batch', 'batches')}, ${plural(report.events, 'event')} and ${plural(report.values, 'value')}`
      lines.push(`  ${checked} ${report.intact ? 'are as they were written' : 'were checked before that'}`)
      lines.push(`  head ${report.head}${report.intact ? '' : ' (the last that is right)'}`)
      if (expected !== null) lines.push(`  ${expectationText(expected)}`)
      else if (expect !== undefined) lines.push(`  ${paint('red', 'not as expected')}: see above`)
      lines.push(
        ...seals.map(
          ({ code, text }) =>
            `  ${paint(code === null ? 'dim' : 'yellow', text)} (--key FILE says whose key you trust)`,
        ),
      )
      if (seal !== null) lines.push(`  ${paint(seal.holds ? 'green' : 'red', seal.text)}`)
      if (runs !== null)
        lines.push(...(runs.length === 0 ? ['no runs to compute again'] : runs.map(proofLines)))
      else if (computes) lines.push('  nothing was computed again: the tape is not what was written')
      return lines.join('\n')
    },
  }
}

/** Throws  BAD_ARGUMENT for what says how runs are computed again, when they are not to be */
function refuseWithoutRecompute({ run, seed, within, import: modules }: Options): void {
  const given =
    run !== undefined
      ? 'a run'
      : seed !== undefined
        ? '--seed'
        : within !== undefined
          ? '--within'
          : modules.length > 0
            ? '--import'
            : null
  if (given !== null)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${given} is for --recompute and --sample, as the hash chain goes through the whole tape; add one of them, or leave it out`,
    )
}

function recomputed(tape: Tape, chosen: PastRun | null, { sample, seed, within }: Options): RunProof[] {
  const progress = new Progress(`computing ${tape.path} again:`)
  const options = {
    ...(sample === undefined ? {} : { sample }),
    ...(seed === undefined ? {} : { seed }),
    ...(within === undefined ? {} : { within }),
    onProgress: (events: number, total: number) => progress.at(events, total),
  }
  try {
    return chosen === null ? tape.recompute(options) : [chosen.recompute(options)]
  } finally {
    progress.end()
  }
}

function placeOf(hash: string, tape: Tape, head: string): Expectation {
  if (hash === head) return { hash, found: 'head', batchesSince: 0 }
  const hashes = new Reader(tape.connection).commits().map((commit) => commit.hash.toString('hex'))
  const at = hashes.indexOf(hash)
  return at < 0
    ? { hash, found: 'nowhere', batchesSince: null }
    : { hash, found: 'earlier', batchesSince: hashes.length - 1 - at }
}

function expectationText({ hash, found, batchesSince }: Expectation): string {
  if (found === 'head') return `${paint('green', 'as expected')}: the head is the hash that was noted`
  if (found === 'earlier')
    return `${paint('yellow', 'grown')}: ${hash} is in the chain, and ${plural(batchesSince ?? 0, 'batch', 'batches')} followed`
  return `${paint('red', 'not as expected')}: ${hash} is not in the chain; something was cut off, or it is another tape`
}

function wholeHash(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new InvalidArgumentError('Expected the 64 hexadecimal digits that verify prints.')
  return text.toLowerCase()
}
