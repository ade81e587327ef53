/** `gradtape push` and `pull`: tapes to a store of many, and back. */
import type { Command } from 'commander'
import { pullTape } from '../../fleet/pull.js'
import { pushTape } from '../../fleet/push.js'
import { answer } from '../answer.js'
import { examples, withJson } from '../options.js'
import { Progress } from '../progress.js'
import { countText } from '../words.js'

const STORE = [
  '<url>',
  'the store: a folder, s3://BUCKET/PREFIX[#TAPE], postgres://host/DATABASE[/TAPE] or pglite:FOLDER[#TAPE]',
] as const

export function addPush(program: Command): void {
  withJson(program.command('push'))
    .description('send to a store what it does not have of a tape, also while it is being recorded')
    .argument('<file>', 'the tape')
    .argument(...STORE)
    .option('--name <name>', 'what the tape is called there (default: the file, without its ending)')
    .addHelpText(
      'after',
      examples(
        'gradtape push runs.tape /mnt/store',
        'gradtape push runs.tape store --name gpu-7',
        'gradtape push runs.tape s3://tapes/2026 --name gpu-7',
        'gradtape push runs.tape postgres://recorder@db.example/fleet/gpu-7',
      ),
    )
    .action((file: string, url: string, options: { name?: string; json?: boolean }) =>
      answer(options, async () => {
        const progress = new Progress('pushing:', null, { unit: 'batches' })
        const onProgress = (batches: number, total: number) => progress.at(batches, total)
        const report = await pushTape(file, url, { ...named(options), onProgress })
        const { name, batches, contents, stored } = report
        return {
          json: () => report,
          text: () =>
            `${name}: ${batches === 0 ? 'nothing was missing' : `${countText(batches)} batches and ${countText(contents)} arrays sent`}; the store has ${countText(stored.batches)} batches\nhead ${stored.head}`,
        }
      }),
    )

  withJson(program.command('pull'))
    .description('bring a tape from a store into a file, or what the file lacks of it; all of it is verified')
    .argument(...STORE)
    .argument(
      '[name]',
      'which tape, or a run that one of its tapes has; may be left out when the store has one tape',
    )
    .requiredOption('-o, --output <file>', 'the file')
    .addHelpText(
      'after',
      examples(
        'gradtape pull /mnt/store gpu-7 -o gpu-7.tape',
        'gradtape pull postgres://reader@db.example/fleet/gpu-7 -o gpu-7.tape',
      ),
    )
    .action((url: string, name: string | undefined, options: { output: string; json?: boolean }) =>
      answer(options, async () => {
        const progress = new Progress('pulling:', null, { unit: 'batches' })
        const onProgress = (batches: number, total: number) => progress.at(batches, total)
        const report = await pullTape(url, options.output, { ...named({ name }), onProgress })
        return {
          json: () => report,
          text: () =>
            `${report.path} holds ${report.name}: ${countText(report.events)} events in ${countText(report.batches)} batches (${countText(report.pulled)} came now), verified\nhead ${report.head}`,
        }
      }),
    )
}

function named({ name }: { name?: string | undefined }): { name?: string } {
  return name === undefined ? {} : { name }
}
