/**
 * A server that speaks what Amazon documents of S3, as far as a store of batches needs it: signatures of version 4 (checked), the hash of
 * the body (checked), PUT on condition, GET, HEAD, lists in pages. It stands in for a service that no test may reach, and goes wrong as
 * services do when it is told to.
 */
import { createHash, createHmac } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export const KEYS = { AWS_ACCESS_KEY_ID: 'AKIDTEST', AWS_SECRET_ACCESS_KEY: 'secret/with+signs=' }
const REGION = 'eu-test-1'
/** Small, so that lists have several pages. */
const PAGE = 3

/** What a server does instead of answering: before or after it has carried out what was asked. */
export type Fault = 'busy' | 'cut before' | 'cut after'

export class S3Server {
  readonly objects = new Map<string, Buffer>()
  readonly requests: { method: string; key: string; condition: string | undefined }[] = []
  /** Asked for each request; null: all is well. */
  fault: (method: string, key: string) => Fault | null = () => null
  /** Whether it passes `If-None-Match` over, as servers did before 2024. */
  overwrites = false
  readonly bucket = 'tapes-of-tests'
  private readonly server: http.Server

  private constructor() {
    this.server = http.createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => this.answer(request, Buffer.concat(parts), response))
    })
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server()
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve))
    return server
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  url(prefix: string): string {
    const { port } = this.server.address() as AddressInfo
    return `s3://${this.bucket}/${prefix}?endpoint=http://127.0.0.1:${port}&region=${REGION}`
  }

  private answer(request: http.IncomingMessage, body: Buffer, response: http.ServerResponse): void {
    const url = new URL(request.url!, 'http://host')
    const [, bucket, ...rest] = url.pathname.split('/')
    const key = decodeURIComponent(rest.join('/'))
    const { method = '' } = request
    const condition = request.headers['if-none-match']
    this.requests.push({ method, key, condition })
    const say = (status: number, text = '', headers: http.OutgoingHttpHeaders = {}) => {
      response.writeHead(status, headers)
      response.end(method === 'HEAD' ? undefined : text)
    }
    const refuse = (status: number, code: string) =>
      say(status, `<Error><Code>${code}</Code><Message>${code} it is</Message></Error>`)
    const fault = this.fault(method, key)
    if (fault === 'busy') return refuse(503, 'SlowDown')
    if (fault === 'cut before') return void request.socket.destroy()
    if (!isSigned(request, url)) return refuse(403, 'SignatureDoesNotMatch')
    if (request.headers['x-amz-content-sha256'] !== sha256(body))
      return refuse(400, 'XAmzContentSHA256Mismatch')
    if (bucket !== this.bucket) return refuse(404, 'NoSuchBucket')
    const there = this.objects.get(key)
    if (method === 'PUT') {
      const isRefused = condition === '*' && there !== undefined && !this.overwrites
      if (!isRefused) this.objects.set(key, body)
      if (fault === 'cut after') return void request.socket.destroy()
      return isRefused ? refuse(412, 'PreconditionFailed') : say(200)
    }
    if (url.searchParams.get('list-type') === '2') return say(200, this.list(url.searchParams))
    if (there === undefined) return refuse(404, 'NoSuchKey')
    response.writeHead(200, { 'content-length': there.length })
    response.end(method === 'HEAD' ? undefined : there)
  }

  private list(query: URLSearchParams): string {
    const prefix = query.get('prefix')!
    const below = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
    const names = [
      ...new Set(
        below.map((key) => {
          const [name, ...more] = key.slice(prefix.length).split('/')
          return more.length === 0
            ? `<Contents><Key>${encodeURIComponent(prefix + name)}</Key></Contents>`
            : `<CommonPrefixes><Prefix>${encodeURIComponent(`${prefix + name}/`)}</Prefix></CommonPrefixes>`
        }),
      ),
    ]
    const from = Number(query.get('continuation-token') ?? 0)
    const next = from + PAGE
    return `<ListBucketResult><Prefix></Prefix><IsTruncated>${next < names.length}</IsTruncated>${
      next < names.length ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''
    }${names.slice(from, next).join('')}</ListBucketResult>`
  }
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** "Signature Calculations for the Authorization Header", as Amazon describes them. */
function isSigned(request: http.IncomingMessage, url: URL): boolean {
  const said =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  if (said === null) return false
  const [, key, day, region, names, signature] = said as unknown as string[]
  if (key !== KEYS.AWS_ACCESS_KEY_ID || region !== REGION) return false
  const encode = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    )
  const canonical = [
    request.method,
    url.pathname
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    [...url.searchParams]
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names!.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    names,
    request.headers['x-amz-content-sha256'],
  ].join('\n')
  const time = String(request.headers['x-amz-date'])
  const text = ['AWS4-HMAC-SHA256', time, `${day}/${region}/s3/aws4_request`, sha256(canonical)].join('\n')
  const hmac = (by: string | Buffer, what: string) => createHmac('sha256', by).update(what).digest()
  const signer = hmac(
    hmac(hmac(hmac(`AWS4${KEYS.AWS_SECRET_ACCESS_KEY}`, day!), region!), 's3'),
    'aws4_request',
  )
  return hmac(signer, text).toString('hex') === signature
}
