/** `gradtape compact`: makes a tape's file smaller, and proves that it says what it said. */
import os from 'node:os'
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import type { Connection } from '../../store/format/connection.js'
import { type CompactReport, compactFile } from '../../store/proof/compact.js'
import { type VerifyReport, verifyChain } from '../../store/proof/verify.js'
import { type Answer, answer } from '../answer.js'
import { openForReading } from '../open.js'
import { examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { bytesText, countText, plural } from '../words.js'

interface Options {
  output?: string
  json?: boolean
}

export function addCompact(program: Command): void {
  withJson(program.command('compact'))
    .description("make a tape's file smaller without changing what it says, proven view by view")
    .argument('<file>', 'the tape')
    .option('--output <file>', 'write the compacted tape there and leave this one as it is')
    .addHelpText(
      'after',
      `
Writes a copy beside the tape, compares every view row by row, walks the hash chain, and only then puts the copy in the
place of the tape, in one rename. It needs the room of a second file meanwhile, and nobody else may have the tape open.
With --output the tape is only read. What is written has the newest schema (see gradtape migrate).
${examples('gradtape compact runs.tape', 'gradtape compact runs.tape --output small.tape')}`,
    )
    .action((file: string, options: Options) => answer(options, () => compacted(file, options)))
}

/** Throws  RUN_RECORDING, TAPE_BUSY, TAPE_CORRUPT, WRITE_FAILED, and what opening a tape throws */
async function compacted(file: string, { output }: Options): Promise<Answer> {
  await checkNotRecording(file)
  const comparing = new Progress(`compact ${file}:`, null, { unit: 'rows compared' })
  let verified: VerifyReport | null = null
  const report = compactFile(file, {
    ...(output === undefined ? {} : { output }),
    onProgress: (rows) => comparing.at(rows),
    prove: (copy) => {
      verified = wholeTape(copy, file)
    },
  })
  comparing.end()
  return {
    json: () => ({ file, output: output ?? null, ...report, verified }),
    text: () => textOf(file, output, report, verified),
  }
}

/** Whoever records keeps the file open, and that is refused anyway; here it is said who. */
async function checkNotRecording(file: string): Promise<void> {
  const closing: (() => void)[] = []
  try {
    const tape = await openForReading(file, (close) => closing.push(close))
    for (const { id, name, status } of tape.runs()) {
      if (status !== 'recording') continue
      const { host, pid } = tape.run(id).started
      if (host === os.hostname())
        throw new TapeError(
          'RUN_RECORDING',
          `run ${id} ("${name}") is being recorded by process ${pid}; compact the tape when it has ended`,
        )
    }
  } catch (error) {
    // What is to be written to may be migrated first; then nobody records into it.
    if (!(error instanceof TapeError) || error.code !== 'TAPE_TOO_OLD') throw error
  } finally {
    for (const close of closing) close()
  }
}

function wholeTape(copy: Connection, file: string): VerifyReport {
  const events = new Progress(`compact ${file}:`, null, { unit: 'events verified' })
  const report = verifyChain(copy, (done) => events.at(done))
  events.end()
  if (!report.intact)
    throw new TapeError(
      'TAPE_CORRUPT',
      `${file} is not intact, and was left as it is: ${report.problem?.replace(/^TAPE_CORRUPT: /, '')}`,
    )
  return report
}

function textOf(
  file: string,
  output: string | undefined,
  report: CompactReport,
  verified: VerifyReport | null,
): string {
  const { bytesBefore, bytesAfter, written, views } = report
  if (!written)
    return `${file}: ${bytesText(bytesAfter)}, as small as it gets; ${bytesAfter < bytesBefore ? 'its WAL is in the file now, otherwise it' : 'it'} was left as it is`
  const rows = views.reduce((sum, view) => sum + view.rows, 0)
  const share = Math.round((1 - bytesAfter / bytesBefore) * 1_000) / 10
  return [
    `${output ?? file}: ${bytesText(bytesBefore)} before, ${paint('bold', bytesText(bytesAfter))} after (${share < 0 ? '+' : '−'}${Math.abs(share)} %)`,
    `  ${paint('green', 'equal')}: all ${views.length} views, ${plural(rows, 'row')}, by their hashes`,
    `  ${paint('green', 'intact')}: ${countText(verified?.events ?? 0)} events, ${plural(verified?.values ?? 0, 'value')}, head ${verified?.head}`,
  ].join('\n')
}
