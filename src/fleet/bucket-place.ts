/**
 * A bucket of an object store as a place for objects: Amazon S3, and what speaks its protocol (MinIO, Ceph, R2 and others).
 *
 * Of two that write the same name one must win. S3 does this by `If-None-Match: *`, since August 2024; a server that passes the condition
 * over would let the later one overwrite the earlier, so that it is tried before anything is written.
 */
import { createHash } from 'node:crypto'
import process from 'node:process'
import type { AwsClient } from 'aws4fetch'
import { TapeError } from '../errors.js'
import type { BucketAddress } from './bucket-address.js'
import type { ObjectPlace } from './object-place.js'
import { packageOf } from './optional-package.js'

/** Readers of a store pass over names that begin with a dot. */
const PROBE = '.gradtape-store'
const TRIES = 6
const FIRST_PAUSE_MS = 100
/** A segment has some 64 MB before it is deflated; a slow line takes its time for that. */
const ANSWER_MAX_MS = 120_000
/** The most that a bucket takes at once. */
const OBJECT_BYTES_MAX = 5 * 2 ** 30

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** Whether an earlier try may have been carried out, though no answer came. */
  readonly isDoubtful: boolean
}

export class BucketPlace implements ObjectPlace {
  readonly url: string
  private readonly address: BucketAddress
  private client: Promise<AwsClient> | null = null
  private probed: Promise<void> | null = null

  constructor(address: BucketAddress) {
    this.url = address.url
    this.address = address
  }

  named(key: string): string {
    const { bucket, prefix } = this.address
    return `s3://${bucket}/${prefix}${key}`
  }

  async names(under: string): Promise<string[]> {
    const prefix = `${this.address.prefix}${under}/`
    const names: string[] = []
    let token: string | null = null
    do {
      const query = new URLSearchParams({
        ...{ 'list-type': '2', delimiter: '/', 'encoding-type': 'url', prefix },
        ...(token === null ? {} : { 'continuation-token': token }),
      })
      const answer = await this.ask('GET', '', { query })
      if (answer.status !== 200) throw refusal(`listing ${this.named(under)}`, answer)
      const xml = answer.body.toString('utf8')
      for (const [, key] of xml.matchAll(/<(?:Key|Prefix)>([^<]*)<\/(?:Key|Prefix)>/g)) {
        const [name] = decodeURIComponent(key!.replaceAll('+', '%20')).slice(prefix.length).split('/')
        if (name !== undefined && name !== '') names.push(name)
      }
      token = tagged(xml, 'IsTruncated') === 'true' ? tagged(xml, 'NextContinuationToken') : null
    } while (token !== null)
    return names
  }

  async has(key: string): Promise<boolean> {
    const answer = await this.ask('HEAD', key)
    if (answer.status === 200) return true
    if (answer.status === 404) return false
    throw refusal(`looking for ${this.named(key)}`, answer)
  }

  async read(key: string): Promise<Buffer> {
    const answer = await this.ask('GET', key)
    if (answer.status === 200) return answer.body
    throw refusal(`reading ${this.named(key)}`, answer)
  }

  async putNew(key: string, bytes: Buffer): Promise<boolean> {
    this.probed ??= this.probe()
    await this.probed.catch((error: unknown) => {
      this.probed = null // what was wrong may be mended when somebody tries again
      throw error
    })
    const answer = await this.put(key, bytes, true)
    if (answer.status === 200) return true
    if (answer.status !== 412) throw refusal(`writing ${this.named(key)}`, answer)
    // Perhaps it is the object of an earlier try, whose answer was lost on the way.
    return answer.isDoubtful && (await this.read(key)).equals(bytes)
  }

  /** Writes an object, over the one that is there. */
  async replace(key: string, bytes: Buffer): Promise<void> {
    const answer = await this.put(key, bytes, false)
    if (answer.status !== 200) throw refusal(`writing ${this.named(key)}`, answer)
  }

  /** Throws STORE_FAILED for a server that would overwrite what is there. */
  private async probe(): Promise<void> {
    const write = () => this.put(PROBE, Buffer.from('gradtape\n'), true)
    let answer = await write()
    if (answer.status === 200) answer = await write()
    if (answer.status === 412) return
    if (answer.status === 200 || answer.status === 501)
      throw new TapeError(
        'STORE_FAILED',
        `${this.url} expected a server that keeps If-None-Match on PUT, by which one of two writers of the same batch wins; this one overwrites. Choose another, or seal to a folder`,
      )
    throw refusal(`writing ${this.named(PROBE)}`, answer)
  }

  private async put(key: string, bytes: Buffer, isNew: boolean): Promise<Answer> {
    if (bytes.length > OBJECT_BYTES_MAX)
      throw new TapeError(
        'STORE_FAILED',
        `${this.named(key)} expected at most ${OBJECT_BYTES_MAX} bytes, which is what a bucket takes at once, got ${bytes.length}`,
      )
    return this.ask('PUT', key, { body: bytes, ...(isNew ? { headers: { 'if-none-match': '*' } } : {}) })
  }

  /** Asks until there is an answer that asking again would not change. */
  private async ask(
    method: string,
    key: string,
    given: { query?: URLSearchParams; headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<Answer> {
    this.client ??= this.signer()
    const client = await this.client
    const what = `${method} ${this.named(key)}`
    let isDoubtful = false
    let problem: unknown = null
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (attempt > 0) await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2))
      try {
        const answer = await this.once(client, method, key, given)
        if (!PASSING.has(answer.status)) return { ...answer, isDoubtful }
        problem = refusal(what, { ...answer, isDoubtful })
      } catch (error) {
        problem = error
      }
      isDoubtful = true
    }
    if (problem instanceof TapeError) throw problem
    const { cause } = problem as { cause?: unknown }
    throw new TapeError(
      'STORE_FAILED',
      `${what}: ${(problem as Error).message}${cause instanceof Error ? ` (${cause.message})` : ''}; what the store acknowledged is there, try again when it can be reached`,
      { cause: problem },
    )
  }

  private async once(
    client: AwsClient,
    method: string,
    key: string,
    {
      query,
      headers = {},
      body,
    }: { query?: URLSearchParams; headers?: Record<string, string>; body?: Buffer },
  ): Promise<Omit<Answer, 'isDoubtful'>> {
    const { origin, prefix } = this.address
    // The bucket itself is asked for lists; its prefix is a parameter there.
    const url = `${origin}${key === '' ? '' : prefix + key}${query === undefined ? '' : `?${query}`}`
    const request = await client.sign(url, {
      method,
      headers: {
        ...headers,
        // The server holds the body to it, so that no byte changes on the way.
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
    })
    const answer = await fetch(request, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MAX_MS) })
    return {
      status: answer.status,
      headers: answer.headers,
      body: Buffer.from(await answer.arrayBuffer()),
    }
  }

  private async signer(): Promise<AwsClient> {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env
    if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
      throw new TapeError(
        'STORE_FAILED',
        `${this.url} expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment; "aws configure export-credentials --format env" prints them`,
      )
    const { AwsClient: Client } = await packageOf('aws4fetch', () => import('aws4fetch'))
    return new Client({
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
      service: 's3',
      region: this.address.region,
      retries: 0,
    })
  }
}

/** Too many questions, a server that is not well, two who wrote at the same moment (409). */
const PASSING = new Set([408, 409, 429, 500, 502, 503, 504])

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** What the server says when it does not do what it is asked. */
function refusal(what: string, { status, headers, body }: Answer): TapeError {
  const xml = body.toString('utf8')
  const said = [tagged(xml, 'Code'), tagged(xml, 'Message')].filter((text) => text !== null).join(': ')
  const region = headers.get('x-amz-bucket-region')
  return new TapeError(
    'STORE_FAILED',
    `${what}: the server answered ${status}${said === '' ? '' : ` (${said.slice(0, 300)})`}${status >= 300 && status < 400 && region !== null ? `; the bucket is in ${region}, say so with ?region=${region}` : ''}`,
  )
}

function tagged(xml: string, tag: string): string | null {
  return new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1] ?? null
}
