/** The files of the page, read once: what is not among them does not exist, whatever path is asked for. */
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { TapeError } from '../errors.js'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export interface PageFile {
  type: string
  bytes: Buffer
  /** Whether its name changes with its content. */
  isHashed: boolean
}

/** By their paths, `/` for the page itself. Throws BAD_ARGUMENT where the page was not built. */
export function pageFiles(): Map<string, PageFile> {
  const folder = fileURLToPath(new URL('../ui/', import.meta.url))
  const files = new Map<string, PageFile>()
  const page = path.join(folder, 'index.html')
  if (!fs.existsSync(page))
    throw new TapeError(
      'FILE_NOT_FOUND',
      `expected the inspector's page at ${page}, found no file; build it (npm run build), or install gradtape again`,
    )
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[path.extname(name)]
    if (type === undefined) continue
    const bytes = fs.readFileSync(path.join(folder, name))
    const at = name === 'index.html' ? '/' : `/${name.split(path.sep).join('/')}`
    files.set(at, { type, bytes, isHashed: at.startsWith('/assets/') })
  }
  return files
}
