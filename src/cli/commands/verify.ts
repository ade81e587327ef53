/** `gradtape verify`: whether a tape is as it was written. */
import { type Command, InvalidArgumentError } from 'commander'
import { Reader } from '../../store/read/reader.js'
import type { Tape } from '../../tape/tape.js'
import { type Answer, answer, type Later } from '../answer.js'
import { openForReading } from '../open.js'
import { examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { indented, plural } from '../words.js'

interface Options {
  expect?: string
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
  withJson(program.command('verify'))
    .description('recompute the hash chain of a tape: any change since it was written is found')
    .argument('<file>', 'the tape')
    .option(
      '--expect <hash>',
      'the head hash that was noted earlier; proves that nothing was cut off or added since',
      wholeHash,
    )
    .addHelpText('after', examples('gradtape verify runs.tape', 'gradtape verify runs.tape --expect 5d41…'))
    .action((file: string, options: Options) => answer(options, (later) => verified(file, options, later)))
}

async function verified(file: string, { expect }: Options, later: Later): Promise<Answer> {
  const tape = await openForReading(file, later)
  tape.holdStill()
  const progress = new Progress(`verify ${tape.path}:`)
  const report = tape.verify((events, total) => progress.at(events, total))
  progress.end()
  // In a tape that was changed a hash says nothing.
  const expected = expect === undefined || !report.intact ? null : placeOf(expect, tape, report.head)
  return {
    no: !report.intact || (expected !== null && expected.found !== 'head'),
    json: () => ({ ...report, expected }),
    text: () => {
      const lines = [`${tape.path}: ${report.intact ? paint('green', 'intact') : paint('red', 'not intact')}`]
      if (report.problem !== null) lines.push(indented(report.problem))
      const checked = `${plural(report.batches, 'batch', 'batches')}, ${plural(report.events, 'event')} and ${plural(report.values, 'value')}`
      lines.push(`  ${checked} ${report.intact ? 'are as they were written' : 'were checked before that'}`)
      lines.push(`  head ${report.head}${report.intact ? '' : ' (the last that is right)'}`)
      if (expected !== null) lines.push(`  ${expectationText(expected)}`)
      else if (expect !== undefined) lines.push(`  ${paint('red', 'not as expected')}: see above`)
      return lines.join('\n')
    },
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
