/**
 * Zips of a few named members: writes them stored, reads them stored or deflated. What is read is what the central directory says
 * and no more, so a small file cannot fill the memory. Knows nothing of what the members are.
 *
 * Source   PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
 */
import { crc32, inflateRawSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { TapeError } from '../errors.js'

const LOCAL_HEADER = 0x04034b50
const LOCAL_HEADER_BYTES = 30
const DIRECTORY_END = 0x06054b50
const DIRECTORY_END_BYTES = 22
const DIRECTORY_ENTRY = 0x02014b50
const DIRECTORY_ENTRY_BYTES = 46
const COMMENT_BYTES_MAX = 65_535
const STORED = 0
const DEFLATED = 8
/** In a field that says "see the 64-bit record", which this file does not read. */
const BEYOND_16 = 0xffff
const BEYOND_32 = 0xffffffff

/** So that equal contents are equal files: the first time that a zip can tell. */
const TIME = '1980-01-01T00:00:00'
/** How many members a zip without 64-bit records holds at most. */
const MEMBERS_MAX = BEYOND_16 - 1
const NAME_BYTES_MAX = 65_535

interface Member {
  readonly name: string
  readonly method: number
  readonly sum: number
  readonly packedBytes: number
  readonly bytes: number
  /** Where its local header begins. */
  readonly at: number
}

/** The bytes of a zip whose members are stored as they are. Throws BAD_ARGUMENT for more than a zip holds. */
export function zipped(members: ReadonlyMap<string, Uint8Array>, what: string): Uint8Array {
  if (members.size > MEMBERS_MAX) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected at most ${MEMBERS_MAX} arrays in a zip, got ${members.size}; save them as .safetensors`,
    )
  }
  for (const name of members.keys()) {
    if (Buffer.byteLength(name) > NAME_BYTES_MAX)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${what} expected names of at most ${NAME_BYTES_MAX} bytes, got a longer one`,
      )
  }
  return zipSync(Object.fromEntries(members), { level: 0, mtime: TIME })
}

/**
 * The members of a zip by name.
 *
 * bytesMax  how many bytes all members together may have
 * Throws    BAD_FILE for what is no zip, is damaged, or is larger than `bytesMax` when it is unpacked
 */
export function unzipped(bytes: Uint8Array, bytesMax: number, what: string): Map<string, Uint8Array> {
  const directory = membersOf(bytes, what)
  const total = directory.reduce((sum, member) => sum + member.bytes, 0)
  if (total > bytesMax) {
    throw new TapeError(
      'BAD_FILE',
      `${what} expected at most ${bytesMax} bytes when unpacked, got ${total} in a file of ${bytes.length}; ` +
        `if that is right, allow it: loadState(path, { bytesMax: ${total} })`,
    )
  }
  const found = new Map<string, Uint8Array>()
  for (const member of directory) {
    if (found.has(member.name)) refuse(what, `each name once, got "${member.name}" twice`)
    found.set(member.name, contentOf(bytes, member, what))
  }
  return found
}

function contentOf(bytes: Uint8Array, member: Member, what: string): Uint8Array {
  const { at, name, packedBytes } = member
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (at + LOCAL_HEADER_BYTES > bytes.length || view.getUint32(at, true) !== LOCAL_HEADER)
    refuse(what, `"${name}" at byte ${at}`)
  const start = at + LOCAL_HEADER_BYTES + view.getUint16(at + 26, true) + view.getUint16(at + 28, true)
  if (start + packedBytes > bytes.length) refuse(what, `${packedBytes} bytes of "${name}" from byte ${start}`)
  const content = unpacked(bytes.subarray(start, start + packedBytes), member, what)
  if (content.length !== member.bytes)
    refuse(what, `${member.bytes} bytes of "${name}", got ${content.length}`)
  if (crc32(content) !== member.sum) {
    throw new TapeError(
      'BAD_FILE',
      `"${name}" in ${what} does not have the checksum that the file says; it is damaged`,
    )
  }
  return content
}

function unpacked(packed: Uint8Array, { name, method, bytes }: Member, what: string): Uint8Array {
  if (method === STORED) return packed
  if (method !== DEFLATED) return refuse(what, `"${name}" stored or deflated, got method ${method}`)
  try {
    // One byte more than said: a member that goes on is noticed, and not unpacked.
    return inflateRawSync(packed, { maxOutputLength: bytes + 1 })
  } catch (error) {
    throw new TapeError(
      'BAD_FILE',
      `${what} expected "${name}" to unpack into ${bytes} bytes; it is damaged`,
      { cause: error },
    )
  }
}

function membersOf(bytes: Uint8Array, what: string): Member[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = directoryEnd(view)
  if (end < 0) refuse(what, 'a zip of arrays')
  const count = view.getUint16(end + 10, true)
  let at = view.getUint32(end + 16, true)
  if (count === BEYOND_16 || at === BEYOND_32)
    refuse(what, `a zip of at most ${MEMBERS_MAX} members and 4 GiB (without 64-bit records)`)
  const members: Member[] = []
  for (let left = count; left > 0; left--) {
    if (at + DIRECTORY_ENTRY_BYTES > bytes.length || view.getUint32(at, true) !== DIRECTORY_ENTRY)
      refuse(what, `a directory of ${count} members`)
    const nameBytes = view.getUint16(at + 28, true)
    const name = bytes.subarray(at + DIRECTORY_ENTRY_BYTES, at + DIRECTORY_ENTRY_BYTES + nameBytes)
    const isUtf8 = (view.getUint16(at + 8, true) & 2048) !== 0
    const member = {
      name: new TextDecoder(isUtf8 ? 'utf-8' : 'latin1', { ignoreBOM: true }).decode(name),
      method: view.getUint16(at + 10, true),
      sum: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      at: view.getUint32(at + 42, true),
    }
    if (member.packedBytes === BEYOND_32 || member.bytes === BEYOND_32 || member.at === BEYOND_32)
      refuse(what, `members of less than 4 GiB, got "${member.name}"`)
    members.push(member)
    at += DIRECTORY_ENTRY_BYTES + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return members
}

function directoryEnd(view: DataView): number {
  const last = view.byteLength - DIRECTORY_END_BYTES
  for (let at = last; at >= Math.max(0, last - COMMENT_BYTES_MAX); at--) {
    if (view.getUint32(at, true) === DIRECTORY_END) return at
  }
  return -1
}

function refuse(what: string, expected: string): never {
  throw new TapeError('BAD_FILE', `${what} expected ${expected}; it is damaged, or no .npz file`)
}
