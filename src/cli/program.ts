/** The commands of `gradtape`, each from its own file, which is loaded when that command is asked for or all are listed. */
import process from 'node:process'
import { Command } from 'commander'
import { ENGINE_VERSION } from '../tape/version.js'
import { visible } from './terminal.js'

const AFTER = `
Exit codes: 0 fine; 1 the answer is no, or a mistake in what was asked; 2 wrong usage; 70 a bug in gradtape.
Every command takes --json and --help.`

type Add = (program: Command) => void

/** Files of commands, in the order in which --help lists them, and the names of those that each adds. */
const COMMANDS: readonly (readonly [names: readonly string[], load: () => Promise<Add>])[] = [
  [['runs'], async () => (await import('./commands/runs.js')).addRuns],
  [['show'], async () => (await import('./commands/show.js')).addShow],
  [['graph'], async () => (await import('./commands/graph.js')).addGraph],
  [['sql'], async () => (await import('./commands/sql.js')).addSql],
  [['ui'], async () => (await import('./commands/ui.js')).addUi],
  [['mcp'], async () => (await import('./commands/mcp.js')).addMcp],
  [['query'], async () => (await import('./commands/query.js')).addQuery],
  [['metrics'], async () => (await import('./commands/metrics.js')).addMetrics],
  [['export'], async () => (await import('./commands/export.js')).addExport],
  [['schema'], async () => (await import('./commands/schema.js')).addSchema],
  [['gradient'], async () => (await import('./commands/gradient.js')).addGradient],
  [['diff'], async () => (await import('./commands/diff.js')).addDiff],
  [['at'], async () => (await import('./commands/at.js')).addAt],
  [['probe'], async () => (await import('./commands/probe.js')).addProbe],
  [['bisect'], async () => (await import('./commands/bisect.js')).addBisect],
  [['watch'], async () => (await import('./commands/watch.js')).addWatch],
  [['why'], async () => (await import('./commands/why.js')).addWhy],
  [['fork'], async () => (await import('./commands/fork.js')).addFork],
  [['report'], async () => (await import('./commands/report.js')).addReport],
  [['replay'], async () => (await import('./commands/replay.js')).addReplay],
  [['verify'], async () => (await import('./commands/verify.js')).addVerify],
  [['seal'], async () => (await import('./commands/seal.js')).addSeal],
  [['materialize'], async () => (await import('./commands/materialize.js')).addMaterialize],
  [['stats'], async () => (await import('./commands/stats.js')).addStats],
  [['compact'], async () => (await import('./commands/compact.js')).addCompact],
  [
    ['copy', 'split', 'prune', 'merge', 'salvage'],
    async () => (await import('./commands/manage.js')).addManage,
  ],
  [['rename', 'tag'], async () => (await import('./commands/label.js')).addLabel],
  [['end'], async () => (await import('./commands/end.js')).addEnd],
  [['push', 'pull'], async () => (await import('./commands/push.js')).addPush],
  [['worker', 'fleet'], async () => (await import('./commands/fleet.js')).addFleet],
  [['migrate'], async () => (await import('./commands/migrate.js')).addMigrate],
  [['dump'], async () => (await import('./commands/dump.js')).addDump],
]

/** With the command `first` alone when there is one of that name, and with all otherwise. */
export async function makeProgram(first: string | undefined): Promise<Command> {
  const program = new Command('gradtape')
    .description('Reads tapes: SQLite files that hold recorded training runs.')
    .version(ENGINE_VERSION, '-V, --version')
    .showHelpAfterError('(add --help for how to use it)')
    .addHelpText('after', AFTER)
    // An argument may come from elsewhere, as a file's name does.
    .configureOutput({ writeErr: (text) => process.stderr.write(visible(text)) })
    .exitOverride()
  const one = COMMANDS.filter(([names]) => first !== undefined && names.includes(first))
  // Its own version it knows without any command.
  const wanted = first === '--version' || first === '-V' ? [] : one.length > 0 ? one : COMMANDS
  for (const [, load] of wanted) (await load())(program)
  return program
}
