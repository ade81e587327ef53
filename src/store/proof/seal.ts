/**
 * The seal of a tape: an ed25519 signature over the head of its hash chain and the ends of its runs. It lies in a file beside the
 * tape, so that nothing that it seals changes, and it is about the chain, so that it is as good for every copy.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import fs from 'node:fs'
import process from 'node:process'
import { TapeError, valueText } from '../../errors.js'

/** A run as it was sealed. */
export interface SealedRun {
  readonly id: number
  readonly name: string
  readonly status: string
  readonly events: number
  /** The last batch of the run, counted from 1, and its hash in the chain. */
  readonly batch: number
  readonly hash: string
}

/** What a seal says. */
export interface SealStatement {
  /** ISO 8601, UTC; by the clock of who sealed. */
  readonly sealedAt: string
  readonly engine: string
  /** How many batches the chain had, and its first and last hash. */
  readonly batches: number
  readonly first: string
  readonly head: string
  readonly runs: readonly SealedRun[]
}

/** One signature in a seal file. */
export interface Seal {
  /** The text that was signed, after a line that says what it is: a SealStatement as JSON. */
  readonly statement: string
  /** The public key as base64 of its DER (SPKI). */
  readonly publicKey: string
  /** Base64. */
  readonly signature: string
}

/** What is not as it was sealed; stable. */
export type SealCode =
  /** There is no seal beside the tape, or none of the key. */
  | 'SEAL_MISSING'
  | 'SEAL_OTHER_KEY'
  /** The file is no seal file. */
  | 'SEAL_MALFORMED'
  /** The signature is not that of the statement by the key. */
  | 'SEAL_FORGED'
  /** The seal is that of another tape, or the tape was written anew from its first batch on. */
  | 'SEAL_OTHER_TAPE'
  /** Batches are missing from the end. */
  | 'SEAL_CUT_OFF'
  /** A batch is another than the one that was sealed, though the chain fits together. */
  | 'SEAL_CHANGED'
  /** What was sealed is unchanged, and batches followed. */
  | 'SEAL_GROWN'
  /** The hash chain is broken, so it says nothing that a seal could be held to. */
  | 'TAPE_CORRUPT'

/** Whether a tape is as somebody sealed it. */
export interface SealReport {
  /** True when the tape is what was sealed, no more and no less. */
  readonly holds: boolean
  /** Null when it holds. */
  readonly code: SealCode | null
  /** One sentence. */
  readonly text: string
  /** What the seal says; null when none could be read or its signature is not of the key. */
  readonly statement: SealStatement | null
  /** SHA-256 of the key that was asked about. */
  readonly key: string
  /** How many batches were written after it; null unless what was sealed is unchanged. */
  readonly batchesSince: number | null
  /** Runs of the seal whose last batch is as it was sealed. */
  readonly runsAsSealed: readonly number[]
}

/** A batch of the chain, as the seal needs it. */
interface ChainLink {
  readonly run_id: number
  readonly hash: Uint8Array
}

/** What is signed begins with this, so that no signature made for something else passes for a seal. */
const PREFIX = 'gradtape seal 1\n'
const FILE_BYTES_MAX = 2 ** 26
/** This many keys are told of. */
const KEYS_MAX = 100

/** Where the seals of a tape are. */
export function sealPath(tape: string): string {
  return `${tape}.seal`
}

/** A key pair for sealing, as PEM texts: the private one (PKCS #8) seals, the public one (SPKI) is for everybody. */
export function newSealKey(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
}

/** SHA-256 of a public key's DER, in hex: how a key is named. */
export function keyName(publicKey: string): string {
  return nameOf(derOf(publicKeyFrom(publicKey)))
}

/** Throws  BAD_KEY */
export function signedSeal(statement: SealStatement, privateKey: string): Seal {
  const key = privateKeyFrom(privateKey)
  const text = JSON.stringify(statement)
  return {
    statement: text,
    publicKey: derOf(createPublicKey(key)).toString('base64'),
    signature: sign(null, Buffer.from(PREFIX + text), key).toString('base64'),
  }
}

/** Adds a seal to those that lie beside the tape. Throws  SEAL_MALFORMED (as BAD_FILE) when what lies there is no seal file; WRITE_FAILED */
export function addSeal(tape: string, seal: Seal): void {
  const file = sealPath(tape)
  const before = readSeals(tape)
  if (before === 'malformed')
    throw new TapeError('BAD_FILE', `${file} is there and is no seal file; move it away`)
  const unfinished = `${file}.${process.pid}.unfinished`
  try {
    fs.writeFileSync(
      unfinished,
      `${JSON.stringify({ gradtape: 'seal', version: 1, seals: [...before, seal] }, null, 2)}\n`,
      { flag: 'wx' },
    )
    fs.renameSync(unfinished, file)
  } catch (error) {
    fs.rmSync(unfinished, { force: true })
    throw new TapeError('WRITE_FAILED', `writing ${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The seals beside a tape; none when there is no file. Whoever wrote them: nothing of them is checked. */
export function readSeals(tape: string): Seal[] | 'malformed' {
  const file = sealPath(tape)
  let text: string
  try {
    if (fs.statSync(file).size > FILE_BYTES_MAX) return 'malformed'
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new TapeError('FILE_NOT_FOUND', `reading ${file}: ${(error as Error).message}`, { cause: error })
  }
  const found = parsed(text)
  if (!isObject(found) || found.gradtape !== 'seal' || found.version !== 1 || !Array.isArray(found.seals))
    return 'malformed'
  const seals = found.seals as unknown[]
  return seals.every(isSeal) ? seals : 'malformed'
}

/**
 * Holds a chain that was walked, and is intact, to the seals that a key made for it. All of them must be right: a tape that an older
 * seal fits and a newer one does not was cut off.
 *
 * Throws  BAD_KEY
 */
export function checkSeals(
  seals: readonly Seal[] | 'malformed',
  chain: readonly ChainLink[],
  publicKey: string,
): SealReport {
  const key = publicKeyFrom(publicKey)
  const der = derOf(key).toString('base64')
  const name = nameOf(derOf(key))
  const bad = (
    code: SealCode,
    text: string,
    statement: SealStatement | null = null,
    runsAsSealed: number[] = [],
  ) => ({
    holds: false,
    code,
    text: `${code}: ${text}`,
    statement,
    key: name,
    batchesSince: null,
    runsAsSealed,
  })
  if (seals === 'malformed') return bad('SEAL_MALFORMED', 'what lies beside the tape is no seal file')
  if (seals.length === 0) return bad('SEAL_MISSING', 'no seal lies beside the tape')
  const own = seals.filter((seal) => seal.publicKey === der)
  if (own.length === 0) {
    const others = [...new Set(seals.map((seal) => nameOf(Buffer.from(seal.publicKey, 'base64'))))]
    return bad(
      'SEAL_OTHER_KEY',
      `the tape was sealed with another key (${others.map(shortened).join(', ')}), and not with ${shortened(name)}`,
    )
  }
  const statements: SealStatement[] = []
  for (const { statement: text, signature } of own) {
    if (!verify(null, Buffer.from(PREFIX + text), key, Buffer.from(signature, 'base64')))
      return bad(
        'SEAL_FORGED',
        `the signature is not the one of key ${shortened(name)} over what the seal says`,
      )
    const statement = parsed(text)
    if (!isStatement(statement)) return bad('SEAL_MALFORMED', 'what was signed is no statement about a tape')
    statements.push(statement)
  }
  statements.sort((a, b) => b.batches - a.batches)
  for (const statement of statements) {
    const problem = differing(statement, chain)
    if (problem !== null) return bad(problem.code, problem.text, statement, runsAsSealed(statement, chain))
  }
  const newest = statements[0]!
  const batchesSince = chain.length - newest.batches
  if (batchesSince === 0)
    return {
      holds: true,
      code: null,
      text: `sealed ${newest.sealedAt} with key ${shortened(name)}, and as it was then`,
      statement: newest,
      key: name,
      batchesSince,
      runsAsSealed: runsAsSealed(newest, chain),
    }
  return {
    ...bad(
      'SEAL_GROWN',
      `${batchesSince} ${batchesSince === 1 ? 'commit' : 'commits'} after the seal of ${newest.sealedAt}; what was sealed is unchanged`,
      newest,
      runsAsSealed(newest, chain),
    ),
    batchesSince,
  }
}

/** What each of the keys that sealed a tape comes to. Whether a key is one to trust is for whoever asks to know. */
export function checkEachKey(
  seals: readonly Seal[] | 'malformed',
  chain: readonly ChainLink[],
): { readonly key: string; readonly code: SealCode | null; readonly text: string }[] {
  if (seals === 'malformed')
    return [
      { key: '', code: 'SEAL_MALFORMED', text: 'SEAL_MALFORMED: what lies beside the tape is no seal file' },
    ]
  return [...new Set(seals.map((seal) => seal.publicKey))].slice(0, KEYS_MAX).map((der) => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`
    try {
      const { key, code, text } = checkSeals(seals, chain, pem)
      return { key, code, text }
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      return { key: '', code: 'SEAL_MALFORMED', text: 'SEAL_MALFORMED: a seal names a key that is none' }
    }
  })
}

/** @internal The report about a tape whose chain is broken. */
export function brokenChain(publicKey: string, problem: string | null): SealReport {
  return {
    holds: false,
    code: 'TAPE_CORRUPT',
    text: `the hash chain is broken, so no seal can be held to it (${problem})`,
    statement: null,
    key: keyName(publicKey),
    batchesSince: null,
    runsAsSealed: [],
  }
}

function differing(
  statement: SealStatement,
  chain: readonly ChainLink[],
): { code: SealCode; text: string } | null {
  const { batches, first, head, runs, sealedAt } = statement
  const last = chain[batches - 1]
  if (last !== undefined && hexOf(last) === head) return null
  if (hexOf(chain[0]) !== first)
    return {
      code: 'SEAL_OTHER_TAPE',
      text: `the seal of ${sealedAt} is that of another tape (of ${named(runs)}), or this one was written anew from its first batch on`,
    }
  const right = runsAsSealed(statement, chain)
  const wrong = runs.filter(({ id }) => !right.includes(id))
  if (last === undefined)
    return {
      code: 'SEAL_CUT_OFF',
      text: `${batches - chain.length} of the ${batches} commits that were sealed are missing at the end${wrong.length === 0 ? '' : `, and with them (the end of) ${named(wrong)}`}`,
    }
  return {
    code: 'SEAL_CHANGED',
    text: `the chain is another than the one that was sealed: ${right.length === 0 ? 'no run is' : `only ${named(runs.filter(({ id }) => right.includes(id)))} ${right.length === 1 ? 'is' : 'are'}`} as sealed`,
  }
}

function runsAsSealed({ runs }: SealStatement, chain: readonly ChainLink[]): number[] {
  return runs
    .filter(({ id, batch, hash }) => {
      const link = chain[batch - 1]
      return link !== undefined && link.run_id === id && hexOf(link) === hash
    })
    .map(({ id }) => id)
}

function hexOf(link: ChainLink | undefined): string | null {
  return link === undefined ? null : Buffer.from(link.hash).toString('hex')
}

/** Shown of a list of runs. */
const RUNS_SHOWN = 5

function named(runs: readonly SealedRun[]): string {
  const shown = runs.slice(0, RUNS_SHOWN).map(({ id, name }) => `run ${id} ${JSON.stringify(name)}`)
  return runs.length > RUNS_SHOWN
    ? `${shown.join(', ')} and ${runs.length - RUNS_SHOWN} more`
    : shown.join(', ')
}

function shortened(name: string): string {
  return `${name.slice(0, 16)}…`
}

// --- keys --------------------------------------------------------------------------------------------------

function privateKeyFrom(pem: string): KeyObject {
  return ed25519('a private key', pem, () => createPrivateKey(pem))
}

/** A private key stands for its public one, too. */
function publicKeyFrom(pem: string): KeyObject {
  return ed25519('a public key', pem, () => createPublicKey(pem))
}

function ed25519(expected: string, pem: string, read: () => KeyObject): KeyObject {
  if (typeof pem !== 'string')
    throw new TapeError('BAD_KEY', `expected ${expected} as a PEM text, got ${valueText(pem)}`)
  let key: KeyObject
  try {
    key = read()
  } catch (error) {
    const hint = pem.includes('ENCRYPTED') ? '; it is encrypted, write it without a passphrase first' : ''
    throw new TapeError(
      'BAD_KEY',
      `expected ${expected} for ed25519 in PEM (openssl genpkey -algorithm ed25519, or gradtape seal --new-key)${hint}: ${(error as Error).message}`,
      { cause: error },
    )
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TapeError('BAD_KEY', `expected ${expected} for ed25519, got one for ${key.asymmetricKeyType}`)
  return key
}

function derOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

function nameOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

// --- what somebody else wrote ------------------------------------------------------------------------------

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSeal(value: unknown): value is Seal {
  return (
    isObject(value) &&
    typeof value.statement === 'string' &&
    typeof value.publicKey === 'string' &&
    typeof value.signature === 'string'
  )
}

function isStatement(value: unknown): value is SealStatement {
  return (
    isObject(value) &&
    typeof value.sealedAt === 'string' &&
    typeof value.engine === 'string' &&
    Number.isSafeInteger(value.batches) &&
    (value.batches as number) > 0 &&
    isHash(value.first) &&
    isHash(value.head) &&
    Array.isArray(value.runs) &&
    value.runs.every(
      (run) =>
        isObject(run) &&
        Number.isSafeInteger(run.id) &&
        typeof run.name === 'string' &&
        typeof run.status === 'string' &&
        Number.isSafeInteger(run.events) &&
        Number.isSafeInteger(run.batch) &&
        isHash(run.hash),
    )
  )
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
