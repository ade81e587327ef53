/** `gradtape worker` and `gradtape fleet`: the work on a store of many tapes, and how it stands. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { type FleetReport, fleetReport } from '../../jobs/fleet-report.js'
import { JOB_KINDS, type Job, type JobKind, jobRequest } from '../../jobs/kinds.js'
import { JobQueue } from '../../jobs/queue.js'
import { type EndedJob, runWorker } from '../../jobs/worker.js'
import { type Answer, answer, print } from '../answer.js'
import { importModules } from '../imports.js'
import { examples, wholeNumber, withImports, withJson } from '../options.js'
import { paint } from '../paint.js'
import { oneLine, table } from '../table.js'
import { bytesText, countText, durationText, plural } from '../words.js'

const STORE = ['<url>', 'the store: postgres://host/DATABASE, or pglite:FOLDER'] as const
const WAIT_LOOK_MS = 200

interface WorkerFlags {
  kinds?: string
  jobs?: number
  folder?: string
  once?: boolean
  import: string[]
  json?: boolean
}

interface FleetFlags {
  from?: number
  to?: number
  folder?: string
  wait?: boolean
  json?: boolean
}

export function addFleet(program: Command): void {
  withImports(withJson(program.command('worker')))
    .description(
      'work for a store: verify, replay, why, diff, columns, seal, as they are asked for; ends by Ctrl-C',
    )
    .argument(...STORE)
    .option('--kinds <kinds>', `only these, with commas between: ${JOB_KINDS.join(', ')}`)
    .option('--jobs <n>', 'how many jobs at a time (default: 1)', wholeNumber(1))
    .option(
      '--folder <folder>',
      'where tapes lie meanwhile, all that it worked on (default: a temporary folder, removed at the end)',
    )
    .option('--once', 'end when no job waits')
    .addHelpText(
      'after',
      examples(
        'gradtape worker postgres://worker@db.example/fleet',
        'gradtape worker pglite:store --once --import ./my-functions.mjs',
      ),
    )
    .action((url: string, flags: WorkerFlags) => answer(flags, () => worked(url, flags)))

  withJson(program.command('fleet'))
    .description('how a store stands: tapes, runs, verdicts, jobs, room; or ask its workers for something')
    .argument(...STORE)
    .argument('[kind]', `what to ask for: ${JOB_KINDS.join(', ')}`)
    .argument('[tapes...]', 'of which TAPE or TAPE:RUN; two for diff')
    .option('--from <step>', 'replay: from the last checkpoint before this step', wholeNumber(0))
    .option('--to <step>', 'replay: to the end of this step', wholeNumber(0))
    .option(
      '--folder <folder>',
      'seal: the folder, or bucket (s3://BUCKET/PREFIX), that keeps the batches from then on',
    )
    .option('--wait', 'wait for the answer and print it')
    .addHelpText(
      'after',
      examples(
        'gradtape fleet postgres://reader@db.example/fleet',
        'gradtape fleet postgres://worker@db.example/fleet why gpu-7:2 --wait',
        'gradtape fleet postgres://worker@db.example/fleet diff gpu-7:1 gpu-8:1',
        'gradtape fleet postgres://worker@db.example/fleet seal gpu-7 --folder /mnt/archive',
      ),
    )
    .action((url: string, kind: string | undefined, tapes: string[], flags: FleetFlags) =>
      answer(flags, async () =>
        kind === undefined ? reported(await fleetReport(url)) : asked(url, kind, tapes, flags),
      ),
    )
}

async function worked(url: string, flags: WorkerFlags): Promise<Answer> {
  await importModules(flags.import)
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const ended: EndedJob[] = []
  try {
    const report = await runWorker(url, {
      ...(flags.kinds === undefined
        ? {}
        : { kinds: flags.kinds.split(',').map((kind) => kind.trim()) as JobKind[] }),
      ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
      ...(flags.folder === undefined ? {} : { folder: flags.folder }),
      modules: flags.import,
      once: flags.once === true,
      signal: stop.signal,
      onJob: (job) => {
        if (flags.json === true) ended.push(job)
        else print(endedLine(job))
      },
    })
    return {
      no: report.failed > 0,
      json: () => ({
        ...report,
        jobs: ended.map(({ error, ...job }) => ({ ...job, error: error?.message ?? null })),
      }),
      text: () =>
        `${plural(report.done, 'job')} done${report.failed === 0 ? '' : `, ${report.failed} failed`}`,
    }
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

function endedLine({ request, result, error, elapsedMs }: EndedJob): string {
  const words = result === null ? paint('red', error!.message) : verdictText(result.verdict, result.isBad)
  return `${subjectText(request)}: ${words} (${durationText(elapsedMs)})`
}

function subjectText({ kind, tape, run, other, from, to }: Job['request']): string {
  const of = run === null ? tape : `${tape}:${run}`
  const against = other === null ? '' : ` ${other.run === null ? other.tape : `${other.tape}:${other.run}`}`
  const steps = from === null && to === null ? '' : ` ${from ?? 0}..${to ?? 'end'}`
  return `${kind} ${of}${against}${steps}`
}

function verdictText(verdict: string, isBad: boolean): string {
  return paint(isBad ? 'red' : 'green', verdict)
}

async function asked(url: string, kind: string, tapes: string[], flags: FleetFlags): Promise<Answer> {
  const request = jobRequest(kind, tapes, {
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags.to === undefined ? {} : { to: flags.to }),
    ...(flags.folder === undefined ? {} : { folder: flags.folder }),
  })
  const queue = await JobQueue.open(url)
  try {
    for (const tape of [request.tape, ...(request.other === null ? [] : [request.other.tape])])
      await expectTape(queue, tape)
    const id = await queue.ask(request)
    if (flags.wait !== true)
      return {
        json: () => ({ job: id, request }),
        text: () => `${subjectText(request)}: asked for, job ${id}`,
      }
    for (;;) {
      const [job] = await queue.jobs({ ids: [id] })
      if (job?.state === 'completed' || job?.state === 'failed') return waited(job)
      await new Promise((resolve) => setTimeout(resolve, WAIT_LOOK_MS))
    }
  } finally {
    await queue.close()
  }
}

/** What is misspelled should not wait for a worker. Throws TAPE_NOT_FOUND. */
async function expectTape(queue: JobQueue, tape: string): Promise<void> {
  const rows = await queue.query<{ batches: number }>(
    'SELECT now_batches AS batches FROM gradtape.state($1)',
    [tape],
  )
  if (rows.length === 0)
    throw new TapeError(
      'TAPE_NOT_FOUND',
      `expected a tape "${tape}" in ${queue.place}; gradtape fleet URL lists them`,
    )
}

function waited(job: Job): Answer {
  const { result, error } = job
  return {
    no: result === null || result.isBad,
    json: () => job,
    text: () => {
      if (result === null) return `${subjectText(job.request)}: ${paint('red', error ?? 'failed')}`
      const first = result.firstDivergence === null ? '' : `\n  ${result.firstDivergence}`
      return `${subjectText(job.request)}: ${verdictText(result.verdict, result.isBad)}${first}`
    },
  }
}

function reported(report: FleetReport): Answer {
  return {
    json: () => report,
    text: () => {
      const { tapes, runs, verdicts, jobs, latest, bytes } = report
      if (tapes.length === 0)
        return `${report.url} has no tapes yet; gradtape push FILE ${report.url} --name NAME sends one`
      const parts = [
        table(
          [
            { title: 'tape' },
            { title: 'batches', align: 'right' },
            { title: 'events', align: 'right' },
            { title: 'size', align: 'right' },
            { title: 'last came', align: 'right' },
            { title: 'columns' },
            { title: 'sealed' },
            { title: 'head' },
          ],
          tapes.map((tape) => [
            tape.name,
            countText(tape.batches),
            countText(tape.events),
            bytesText(tape.bytes),
            tape.silentSeconds === null ? '' : `${durationText(tape.silentSeconds * 1000)} ago`,
            tape.columnsBehind === 0 ? 'all' : `${countText(tape.columnsBehind)} behind`,
            tape.sealed === 0 ? '' : `${countText(tape.sealed)} in ${oneLine(tape.sealedTo ?? '')}`,
            tape.head.slice(0, 12),
          ]),
        ),
      ]
      if (runs.length > 0)
        parts.push(
          table(
            [
              { title: 'run' },
              { title: 'name' },
              { title: 'status' },
              { title: 'steps', align: 'right' },
              { title: 'events', align: 'right' },
              { title: 'non-finite', align: 'right' },
            ],
            runs.map((run) => [
              `${run.tape}:${run.run}`,
              oneLine(run.name),
              run.status,
              countText(run.steps),
              countText(run.events),
              run.firstNonFiniteStep === null ? '' : `step ${run.firstNonFiniteStep}`,
            ]),
          ),
        )
      if (verdicts.length > 0)
        parts.push(
          table(
            [
              { title: 'of' },
              { title: 'asked' },
              { title: 'verdict' },
              { title: 'since', align: 'right' },
              { title: 'first' },
            ],
            verdicts.map((verdict) => [
              verdict.run === null ? verdict.tape : `${verdict.tape}:${verdict.run}`,
              (verdict.fromStep ?? 0) === 0 && verdict.toStep === null
                ? verdict.kind
                : `${verdict.kind} ${verdict.fromStep ?? 0}..${verdict.toStep ?? 'end'}`,
              verdictText(oneLine(verdict.verdict), verdict.isBad),
              verdict.batchesSince === 0 ? '' : `${plural(verdict.batchesSince, 'batch', 'batches')}`,
              oneLine(verdict.firstDivergence ?? '').slice(0, 100),
            ]),
          ),
        )
      const going = latest.filter(({ state }) => state !== 'completed')
      for (const job of going) {
        const share =
          job.total !== null && job.total > 0 ? `, ${Math.floor((100 * (job.done ?? 0)) / job.total)} %` : ''
        const retried = job.retries === 0 ? '' : `, begun again ${plural(job.retries, 'time')}`
        parts.push(
          `${subjectText(job.request)}: ${job.state}${share}${retried}${job.error === null ? '' : `: ${oneLine(job.error)}`}`,
        )
      }
      const counts = Object.entries(jobs).map(
        ([kind, { waiting, active, failed, completed }]) =>
          `${kind} ${completed} done${waiting > 0 ? `, ${waiting} waiting` : ''}${active > 0 ? `, ${active} active` : ''}${failed > 0 ? `, ${failed} failed` : ''}`,
      )
      if (counts.length > 0) parts.push(`jobs: ${counts.join('; ')}`)
      parts.push(
        `${bytesText(bytes.database)} in all: batches ${bytesText(bytes.batches)}, arrays ${bytesText(bytes.contents)}, columns ${bytesText(bytes.columns)}`,
      )
      return parts.join('\n\n')
    },
  }
}
