/** `gradtape seal`: signs what a tape says now, so that whoever has the public key can tell later that nothing was changed. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { keyName, sealPath } from '../../store/proof/seal.js'
import { type Answer, answer } from '../answer.js'
import { keyFrom, makeKey } from '../key-file.js'
import { openForReading } from '../open.js'
import { examples, withJson } from '../options.js'
import { plural } from '../words.js'

interface Options {
  key?: string
  newKey?: string
  json?: boolean
}

export function addSeal(program: Command): void {
  withJson(program.command('seal'))
    .description(
      'sign the head of the chain and the ends of all runs of a tape; the tape itself stays as it is',
    )
    .argument('<file>', 'the tape')
    .option('--key <file>', 'the ed25519 private key, in PEM')
    .option('--new-key <file>', 'make a key first: the private one in this file, the public one in FILE.pub')
    .addHelpText(
      'after',
      `
The seal is written to TAPE.seal, beside those that are there; take it along when the tape is copied. gradtape verify --key FILE.pub checks it.
${examples('gradtape seal runs.tape --new-key alice', 'gradtape seal runs.tape --key alice')}`,
    )
    .action((file: string, options: Options) =>
      answer(options, async (later) => {
        const { key, newKey } = options
        if ((key === undefined) === (newKey === undefined))
          throw new TapeError(
            'BAD_ARGUMENT',
            'expected either --key with a private key, or --new-key to make one',
          )
        const tape = await openForReading(file, later)
        const made = newKey === undefined ? null : makeKey(newKey)
        const privateKey = made?.privateKey ?? keyFrom(key!)
        const statement = tape.seal(privateKey)
        const name = keyName(privateKey)
        return {
          json: () => ({
            file: sealPath(tape.path),
            key: name,
            publicKeyFile: made?.publicFile ?? null,
            ...statement,
          }),
          text: () =>
            [
              `${tape.path}: sealed in ${sealPath(tape.path)}`,
              `  ${plural(statement.batches, 'batch', 'batches')} and ${plural(statement.runs.length, 'run')}, head ${statement.head}`,
              `  key ${name}`,
              ...(made === null
                ? []
                : [`  give ${made.publicFile} to whoever shall check it; keep ${newKey} to yourself`]),
            ].join('\n'),
        } satisfies Answer
      }),
    )
}
