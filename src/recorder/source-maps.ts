/**
 * Source maps: where code stood before a compiler or a bundler moved it. Node follows them only when it was asked to
 * (`--enable-source-maps`, tsx); a program that was compiled beforehand and is run plainly names its map in its last line, and that is
 * read here, once a file. What cannot be read or names no file that is there leads nowhere: then the place in the compiled file is told.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { findSourceMap, SourceMap, type SourceMapPayload } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A place in a file, counted from 1; `file` may be a path or a URL. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Larger files are not read for it. */
const BYTES_MAX = 16 * 2 ** 20
const FILES_MAX = 1024

const own = new Map<string, SourceMap | null>()

/** Where a place stood before it was compiled; null where no map says so. */
export function beforeCompilation({ file, line, column }: SourcePlace): SourcePlace | null {
  const found = (findSourceMap(file) ?? ownMap(file))?.findEntry(line - 1, column - 1)
  if (found === undefined || !('originalSource' in found) || typeof found.originalSource !== 'string')
    return null
  return { file: found.originalSource, line: found.originalLine + 1, column: found.originalColumn + 1 }
}

function ownMap(file: string): SourceMap | null {
  let map = own.get(file)
  if (map === undefined) {
    map = readMap(file)
    if (own.size >= FILES_MAX) own.clear()
    own.set(file, map)
  }
  return map
}

function readMap(file: string): SourceMap | null {
  try {
    const full = file.startsWith('file:') ? fileURLToPath(file.replace(/[?#].*$/s, '')) : file
    if (!path.isAbsolute(full)) return null
    const code = textOf(full)
    const url = code === null ? undefined : [...code.matchAll(MAPPING)].at(-1)?.[1]
    if (url === undefined) return null
    const at = url.startsWith('data:') ? pathToFileURL(full) : new URL(url, pathToFileURL(full))
    const text = url.startsWith('data:')
      ? dataIn(url)
      : at.protocol === 'file:'
        ? textOf(fileURLToPath(at))
        : null
    return text === null
      ? null
      : mapFrom(JSON.parse(text.replace(/^\)\]\}'.*\n/, '')) as SourceMapPayload, at)
  } catch {
    // A map is somebody's file: one that is not there or is none only means that the compiled place is told.
    return null
  }
}

/** `//# sourceMappingURL=train.mjs.map` */
const MAPPING = /^\s*(?:\/\/|\/\*)[#@] ?sourceMappingURL=([^\s*]+)/gm

function textOf(file: string): string | null {
  return statSync(file).size <= BYTES_MAX ? readFileSync(file, 'utf8') : null
}

function dataIn(url: string): string | null {
  const comma = url.indexOf(',')
  if (comma < 0) return null
  const data = url.slice(comma + 1)
  return url.slice(0, comma).endsWith(';base64')
    ? Buffer.from(data, 'base64').toString('utf8')
    : decodeURIComponent(data)
}

/** The map with its sources as URLs. One of which a source is nowhere leads to places that nobody can look at, and is no map. */
function mapFrom(payload: SourceMapPayload, at: URL): SourceMap | null {
  const { sources, sourceRoot, sourcesContent } = payload
  if (!Array.isArray(sources)) return new SourceMap(payload)
  const root = sourceRoot === undefined || sourceRoot === '' ? '' : sourceRoot.replace(/\/?$/, '/')
  const full = sources.map((source) => new URL(root + source, at).href)
  const isThere = full.every(
    (source, i) =>
      typeof sourcesContent?.[i] === 'string' ||
      !source.startsWith('file:') ||
      existsSync(fileURLToPath(source)),
  )
  return isThere ? new SourceMap({ ...payload, sources: full, sourceRoot: '' }) : null
}
