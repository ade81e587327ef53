/** `gradtape migrate`: brings a tape that an older gradtape made up to date, and checks that it is whole afterwards. */
import type { Command } from 'commander'
import { TapeError } from '../../errors.js'
import { openDatabase, sqliteError } from '../../store/format/database.js'
import { SCHEMA_VERSION } from '../../store/format/migrations.js'
import { type VerifyReport, verifyChain } from '../../store/proof/verify.js'
import { type Answer, answer } from '../answer.js'
import { examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { Progress } from '../progress.js'
import { indented, plural } from '../words.js'

export function addMigrate(program: Command): void {
  withJson(program.command('migrate'))
    .description('bring a tape that an older gradtape made up to the newest schema, and verify it')
    .argument('<file>', 'the tape')
    .addHelpText(
      'after',
      `
Tables and views are brought up to date in one transaction; no event, value or hash changes, and every view says what it said.
An older gradtape cannot read the tape after that. A tape that is up to date is left as it is.
To keep the old file, write a new one: gradtape compact OLD --output NEW
${examples('gradtape migrate runs.tape')}`,
    )
    .action((file: string, options: { json?: boolean }) => answer(options, () => migrated(file)))
}

/** Throws  what opening a tape throws, TAPE_READONLY, TAPE_BUSY */
function migrated(file: string): Answer {
  const from = schemaOf(file)
  const report = from < SCHEMA_VERSION ? broughtUpToDate(file) : null
  return {
    no: report !== null && !report.intact,
    json: () => ({ file, from, to: SCHEMA_VERSION, migrated: report !== null, verified: report }),
    text: () => {
      if (report === null) return `${file}: schema ${from} is the newest; it was left as it is`
      const lines = [`${file}: ${paint('green', 'migrated')} from schema ${from} to ${SCHEMA_VERSION}`]
      if (report.intact)
        lines.push(
          `  ${paint('green', 'intact')}: ${plural(report.batches, 'batch', 'batches')}, ${plural(report.events, 'event')} and ${plural(report.values, 'value')}, head ${report.head}`,
        )
      else lines.push(`  ${paint('red', 'not intact')}`, indented(report.problem ?? ''))
      return lines.join('\n')
    },
  }
}

function schemaOf(file: string): number {
  const db = openDatabase(file, { readonly: true, olderSchema: true })
  try {
    const version = db.pragma('user_version', { simple: true }) as number
    if (version === 0) throw new TapeError('NOT_A_TAPE', `expected a tape at ${file}, found an empty file`)
    return version
  } catch (error) {
    throw sqliteError(error, `reading ${file}`)
  } finally {
    db.close()
  }
}

function broughtUpToDate(file: string): VerifyReport {
  const db = openDatabase(file, { readonly: false })
  const progress = new Progress(`migrate ${file}:`, null, { unit: 'events verified' })
  try {
    return verifyChain(db, (done, total) => progress.at(done, total))
  } finally {
    progress.end()
    db.close()
  }
}
