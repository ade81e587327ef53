/** The commands of `gradtape`, each from its own file. */
import { Command } from 'commander'
import { ENGINE_VERSION } from '../tape/version.js'
import { addCompact } from './commands/compact.js'
import { addDump } from './commands/dump.js'
import { addGradient } from './commands/gradient.js'
import { addGraph } from './commands/graph.js'
import { addManage } from './commands/manage.js'
import { addMaterialize } from './commands/materialize.js'
import { addMigrate } from './commands/migrate.js'
import { addReplay } from './commands/replay.js'
import { addRuns } from './commands/runs.js'
import { addSchema } from './commands/schema.js'
import { addShow } from './commands/show.js'
import { addSql } from './commands/sql.js'
import { addStats } from './commands/stats.js'
import { addVerify } from './commands/verify.js'

const AFTER = `
Exit codes: 0 fine; 1 the answer is no, or a mistake in what was asked; 2 wrong usage; 70 a bug in gradtape.
Every command takes --json and --help.`

export function makeProgram(): Command {
  const program = new Command('gradtape')
    .description('Reads tapes: SQLite files that hold recorded training runs.')
    .version(ENGINE_VERSION, '-V, --version')
    .showHelpAfterError('(add --help for how to use it)')
    .addHelpText('after', AFTER)
    .exitOverride()
  for (const add of [
    addRuns,
    addShow,
    addGraph,
    addSql,
    addSchema,
    addGradient,
    addReplay,
    addVerify,
    addMaterialize,
    addStats,
    addCompact,
    addManage,
    addMigrate,
    addDump,
  ])
    add(program)
  return program
}
