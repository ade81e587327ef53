/** `gradtape report`: a run as one HTML file, for somebody who has neither the tape nor gradtape. */
import fs from 'node:fs'
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { reportHtml } from '../../inspection/report-page.js'
import { runReport } from '../../inspection/run-report.js'
import { wholeFile } from '../../inspection/whole-file.js'
import { ENGINE_VERSION } from '../../tape/version.js'
import { type Answer, answer } from '../answer.js'
import { openRun } from '../open.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { checkOutput } from '../output.js'
import { Progress } from '../progress.js'
import { FILE_AND_RUN, withRun } from '../run-argument.js'
import { oneLine } from '../table.js'
import { bytesText, plural } from '../words.js'

interface Options {
  run?: string
  output: string
  step?: number
  sample?: number
  recompute?: boolean
  verify: boolean
  import: string[]
  json?: boolean
}

export function addReport(program: Command): void {
  withImports(withRun(withJson(program.command('report'))))
    .description(
      'write a run as one HTML page that opens anywhere: configuration, curves, gradients, findings, a graph, proof',
    )
    .argument(...FILE_AND_RUN)
    .requiredOption('-o, --output <path>', 'the HTML file')
    .option(
      '--step <step>',
      'the step whose graph and rows are shown (default: that of the first finding, else the last)',
      wholeNumber(0),
    )
    .option(
      '--sample <steps>',
      'this many drawn steps are computed again as a proof; 0 for none (default: 3)',
      wholeNumber(0),
    )
    .option('--recompute', 'every step is computed again')
    .option('--no-verify', 'do not walk the hash chain')
    .addHelpText(
      'after',
      `\nThe page needs no network and no script. Its size does not grow with the number of steps.\n${examples('gradtape report runs.tape -o report.html', 'gradtape report runs.tape:digits --recompute -o digits.html')}`,
    )
    .action((file: string, options: Options) => answer(options, (later) => reported(file, options, later)))
}

async function reported(path: string, options: Options, later: (close: () => void) => void): Promise<Answer> {
  const { output, run, step, sample, recompute, verify } = options
  checkOutput(output, path)
  if (recompute === true && sample !== undefined)
    throw new TapeError('BAD_ARGUMENT', 'expected --recompute or --sample, got both')
  const opened = await openRun(path, { run, import: options.import, long: true }, later)
  const bars = new Map<string, Progress>()
  const report = await runReport(opened, ENGINE_VERSION, {
    verify,
    ...(step === undefined ? {} : { step }),
    ...(recompute === true ? { sample: 'all' } : sample === undefined ? {} : { sample }),
    onProgress: (what, done, total) => {
      const bar = bars.get(what) ?? new Progress(`${what} ${path}:`)
      bars.set(what, bar)
      bar.at(done, total)
    },
  })
  for (const bar of bars.values()) bar.end()
  const page = reportHtml(report)
  wholeFile(output, (unfinished) => fs.writeFileSync(unfinished, page))
  const found = report.findings.findings.filter(({ level }) => level !== 'note').length
  return {
    json: () => ({
      file: output,
      bytes: Buffer.byteLength(page),
      report: { ...report, step: report.step === null ? null : { ...report.step, graph: null } },
    }),
    text: () =>
      `wrote ${output}: ${bytesText(Buffer.byteLength(page))}, run ${report.overview.run.id} ${oneLine(report.overview.run.name)}, ${plural(found, 'finding')}`,
  }
}
