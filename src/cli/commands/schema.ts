/** `gradtape schema`: the views of a tape and what their columns mean, as the file itself says. */
import type { Command } from 'commander'
import { type ViewDoc, viewDoc, viewDocs } from '../../queries/schema.js'
import { type Answer, answer, type Later } from '../answer.js'
import { openViews } from '../open.js'
import { examples, withJson } from '../options.js'
import { paint } from '../paint.js'
import { table } from '../table.js'
import { indented } from '../words.js'

interface Options {
  sql?: boolean
  json?: boolean
}

export function addSchema(program: Command): void {
  withJson(program.command('schema'))
    .description('list the views of a tape and their columns')
    .argument('<file>', 'the tape')
    .argument('[view]', 'one view (default: all)')
    .option('--sql', 'print the CREATE VIEW statements')
    .addHelpText('after', examples('gradtape schema runs.tape', 'gradtape schema runs.tape gradient'))
    .action((file: string, view: string | undefined, options: Options) =>
      answer(options, (later) => describe(file, view, options, later)),
    )
}

function describe(file: string, view: string | undefined, options: Options, later: Later): Answer {
  const views = openViews(file, later)
  const docs = view === undefined ? viewDocs(views) : [viewDoc(views, view)]
  return {
    json: () => ({ views: docs.map(({ sql, ...doc }) => (options.sql === true ? { ...doc, sql } : doc)) }),
    text: () => (options.sql === true ? docs.map(({ sql }) => `${sql};`) : docs.map(viewText)).join('\n\n'),
  }
}

function viewText({ name, doc, columns }: ViewDoc): string {
  const rows = columns.map((column) => [column.name, column.doc])
  return `${paint('bold', name)}  ${doc}\n${indented(table([{ title: 'column' }, { title: 'meaning' }], rows))}`
}
