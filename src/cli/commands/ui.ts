/** `gradtape ui`: the inspector, a page in the browser. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { pullTapes } from '../../fleet/pull.js'
import { isStoreUrl } from '../../fleet/spool-push.js'
import { answer, print, printJson } from '../answer.js'
import { examples, wholeNumber, withJson } from '../options.js'

interface Options {
  port?: number
  open: boolean
  json?: boolean
}

export function addUi(program: Command): void {
  withJson(program.command('ui'))
    .description('open the inspector: look at runs in the browser, also while they are recorded')
    .argument('<files...>', 'the tapes, or stores (postgres://…), whose tapes are brought here meanwhile')
    .option('--port <port>', 'the port on 127.0.0.1 (default: any that is free)', wholeNumber(0, 65_535))
    .option('--no-open', 'print the link, and start no browser')
    .addHelpText(
      'after',
      `
The link holds a key: whoever has it may read these tapes, on this machine, until the command ends (Ctrl-C).
${examples('gradtape ui runs.tape', 'gradtape ui runs.tape old.tape --port 7007 --no-open', 'gradtape ui postgres://reader@db.example/fleet/gpu-7')}`,
    )
    .action((given: string[], options: Options) =>
      answer(options, async () => {
        const { serveInspector } = await import('../../server/serve.js')
        const here = await brought(given)
        const { files } = here
        const inspector = await serveInspector(files, { port: options.port ?? 0 })
        if (options.json === true) printJson({ url: inspector.url, port: inspector.port, files })
        else print(`${inspector.url}\nCtrl-C ends it.`)
        if (options.open && options.json !== true && process.stdout.isTTY === true) openBrowser(inspector.url)
        await untilAskedToEnd()
        await inspector.close()
        here.remove()
        return null
      }),
    )
}

/** The tapes as files: those of stores in a folder that goes away. */
async function brought(given: readonly string[]): Promise<{ files: string[]; remove: () => void }> {
  if (!given.some(isStoreUrl)) return { files: [...given], remove: () => {} }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-ui-'))
  const remove = () => fs.rmSync(folder, { recursive: true, force: true })
  try {
    const files: string[] = []
    for (const [i, each] of given.entries())
      files.push(...(isStoreUrl(each) ? await pullTapes(each, path.join(folder, String(i))) : [each]))
    return { files, remove }
  } catch (error) {
    remove()
    throw error
  }
}

function untilAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  })
}

/** Where there is no browser to start, the link was printed. */
function openBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open']
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '""']
        : ['xdg-open']
  const child = spawn(command!, [...args, url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
