/** What an address says: which store, and which tape in it. */
import { fileURLToPath } from 'node:url'
import { TapeError, valueText } from '../errors.js'
import { checkTapeName } from './batch-store.js'
import { bucketAddress, isBucketUrl } from './bucket-address.js'

/** A store that was named, and the tape when the address names one. */
export interface StoreAddress {
  readonly kind: 'folder' | 'bucket' | 'postgres' | 'pglite'
  /** A folder's path; for PostgreSQL and a bucket the URL without the tape. */
  readonly place: string
  readonly tape: string | null
}

/**
 * Reads an address: a folder, `file:…`, `s3://BUCKET/PREFIX`, `postgres://host/DATABASE`, `pglite:FOLDER`; and with a tape
 * `s3://BUCKET/PREFIX#TAPE`, `postgres://host/DATABASE/TAPE`, `pglite:FOLDER#TAPE`.
 *
 * Throws  BAD_ARGUMENT
 */
export function storeAddress(url: string): StoreAddress {
  if (typeof url === 'string' && url.trim() !== '' && !url.includes('\0')) {
    if (/^postgres(ql)?:\/\//i.test(url)) return postgresAddress(url)
    if (isBucketUrl(url)) {
      const { url: place, tape } = bucketAddress(url)
      return { kind: 'bucket', place, tape }
    }
    if (/^pglite:/i.test(url)) {
      const [folder = '', tape] = url.slice('pglite:'.length).split(/#([^#]*)$/)
      if (folder !== '') return { kind: 'pglite', place: folder, tape: named(tape) }
    } else if (url.startsWith('file:')) return { kind: 'folder', place: fileURLToPath(url), tape: null }
    else if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) return { kind: 'folder', place: url, tape: null }
  }
  throw new TapeError(
    'BAD_ARGUMENT',
    `expected a store, a folder, file:…, s3://BUCKET/PREFIX, postgres://host/DATABASE or pglite:FOLDER, got ${valueText(withoutPassword(url))}`,
  )
}

/** Which tape is meant, by the address or beside it. Throws BAD_ARGUMENT when both name one and they differ. */
export function chosenTape(address: StoreAddress, name: string | undefined): string | undefined {
  if (name !== undefined && address.tape !== null && name !== address.tape)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected one name of a tape, got ${valueText(address.tape)} in the address and ${valueText(name)} beside it`,
    )
  return name ?? address.tape ?? undefined
}

/** An address as messages may show it. */
export function withoutPassword(url: string): string {
  if (typeof url !== 'string') return url
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*):[^/?#]*@/i, '$1@')
    .replace(/([?&]password=)[^&#]*/gi, '$1…')
}

function postgresAddress(url: string): StoreAddress {
  const [, start, pathname = '', rest = ''] = /^([a-z]+:\/\/[^/?#]*)([^?#]*)(.*)$/i.exec(url)!
  const [database = '', tape, ...more] = pathname.split('/').slice(1)
  if (database === '' || more.length > 0)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected postgres://host/DATABASE or postgres://host/DATABASE/TAPE, got ${valueText(withoutPassword(url))}`,
    )
  let decoded: string | undefined
  try {
    decoded = tape === undefined ? undefined : decodeURIComponent(tape)
  } catch {
    decoded = tape
  }
  return { kind: 'postgres', place: `${start}/${database}${rest}`, tape: named(decoded) }
}

function named(tape: string | undefined): string | null {
  if (tape === undefined || tape === '') return null
  checkTapeName(tape)
  return tape
}
