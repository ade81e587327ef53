// Packages of npm that an example needs for its data. They are fetched when that example is asked for by name, into a folder that is
// gone afterwards; another time npm has them in its cache. Nothing of them is executed.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { line } from '../demo/terminal.js'

/** What `read` makes of the folder in which the packages are. */
export function fetched<T>(packages: readonly string[], read: (modules: string) => T): T {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gradtape-fetched-'))
  try {
    line(`fetching ${packages.join(' and ')} …`)
    const options = [
      '--prefix',
      folder,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--silent',
      '--prefer-offline',
    ]
    const isWindows = process.platform === 'win32'
    execFileSync(isWindows ? 'npm.cmd' : 'npm', ['install', ...options, ...packages], { shell: isWindows })
    return read(path.join(folder, 'node_modules'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
