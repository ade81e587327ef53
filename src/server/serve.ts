/**
 * The inspector's server: the page, its questions, and what changes. It listens on 127.0.0.1 alone, reads the tapes and writes
 * nothing to them. Who may ask stands in gate.ts, what is answered in questions.ts.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { TapeError, valueText } from '../errors.js'
import { openTape } from '../tape/open-tape.js'
import type { Parameters } from './asked.js'
import { Changes } from './changes.js'
import { Gate } from './gate.js'
import { type PageFile, pageFiles } from './page-files.js'
import { QUESTIONS } from './questions.js'
import { AnswerFailed, Readers } from './readers.js'
import { sqlAnswer } from './sql-answer.js'
import { toWire } from './wire.js'

const BODY_MAX = 1_000_000
const QUERIES_MAX = 4
const STREAMS_MAX = 256
const BEAT_MS = 15_000

const NO_KEY = `<!doctype html><html lang="en"><meta charset="utf-8"><title>gradtape</title>
<h1>This page needs its link</h1>
<p>Open the link that <code>gradtape ui</code> printed; it holds a key that nobody else has.</p>
<p>You came through that link from another page? <a href="/">Go on</a>.</p></html>`

interface InspectorOptions {
  /** 0, the default, takes any that is free. */
  port?: number
}

/** An inspector that is being served. */
interface Inspector {
  /** The link with the key; whoever has it may read the tapes through this server. */
  readonly url: string
  readonly port: number
  /** Ends the server, its threads and its queries. */
  close(): Promise<void>
}

/**
 * Serves the inspector of some tapes on 127.0.0.1 until it is closed.
 *
 *     const inspector = await serveInspector(['runs.tape'])
 *     console.log(inspector.url)
 *
 * Throws  what opening a tape throws; BAD_ARGUMENT when the port is taken
 */
export async function serveInspector(
  files: readonly string[],
  { port = 0 }: InspectorOptions = {},
): Promise<Inspector> {
  if (files.length === 0) throw new TapeError('BAD_ARGUMENT', 'serveInspector expected a tape, got none')
  const paths = files.map((file) => path.resolve(file))
  // What is no tape is refused before a server stands.
  for (const file of paths) openTape(file, { readonly: true }).close()
  const pages = pageFiles()
  const http = createServer({ requestTimeout: 30_000, keepAliveTimeout: 10_000 })
  await listen(http, port)
  const served = new Served(paths, pages, http)
  return {
    port: served.port,
    url: `http://127.0.0.1:${served.port}/?token=${served.gate.token}`,
    close: () => served.close(),
  }
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE' || error.code === 'EACCES' || error.code === 'ERR_SOCKET_BAD_PORT'
          ? new TapeError(
              'BAD_ARGUMENT',
              `expected a port that is free, got ${valueText(port)} (${error.code}); name another or none`,
            )
          : error,
      ),
    )
    http.listen(port, '127.0.0.1', resolve)
  })
}

class Served {
  readonly gate: Gate
  readonly port: number
  private readonly files: readonly string[]
  private readonly pages: ReadonlyMap<string, PageFile>
  private readonly http: Server
  private readonly readers: Readers
  private readonly changes: Changes
  private readonly streams = new Set<ServerResponse>()
  private queries = 0

  constructor(files: readonly string[], pages: ReadonlyMap<string, PageFile>, http: Server) {
    this.files = files
    this.pages = pages
    this.http = http
    this.port = (http.address() as AddressInfo).port
    this.gate = new Gate(this.port)
    this.readers = new Readers(files)
    this.readers.warm('quick')
    this.changes = new Changes(files)
    this.changes.listen((tapes) => this.tell('change', { tapes, pages: this.streams.size }))
    http.on('request', (request, response) => {
      this.handle(request, response).catch((error: unknown) => fail(response, error))
    })
    http.on('clientError', (_error, socket) => socket.destroy())
  }

  async close(): Promise<void> {
    this.changes.close()
    for (const stream of this.streams) stream.end()
    const closed = new Promise((resolve) => this.http.close(resolve))
    this.http.closeAllConnections()
    await Promise.all([closed, this.readers.end()])
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const nonce = randomBytes(18).toString('base64')
    for (const [name, value] of Object.entries(Gate.headers(nonce))) response.setHeader(name, value)
    const url = urlOf(request)
    if (url === null) return refuse(response, 400, 'this address is not understood')
    const isPost = url.pathname === '/api/sql'
    const refusal = this.gate.refusal(request, isPost)
    if (refusal !== null) return refuse(response, refusal.status, refusal.message)
    const token = url.searchParams.get('token')
    if (url.pathname === '/' && token !== null) {
      if (!this.gate.isToken(token)) return refuse(response, 403, 'this key is not the one of this server')
      response.setHeader('set-cookie', this.gate.setCookie)
      response.writeHead(302, { location: '/', 'cache-control': 'no-store' }).end()
      return
    }
    if (!this.gate.hasCookie(request)) {
      if (url.pathname !== '/') return refuse(response, 401, 'the key of the link is missing')
      send(response, 401, 'text/html; charset=utf-8', NO_KEY)
      return
    }
    if (url.pathname.startsWith('/api/')) return this.api(url, request, response)
    const file = this.pages.get(url.pathname)
    if (file === undefined) return refuse(response, 404, 'there is no such page')
    response.setHeader('cache-control', file.isHashed ? 'private, max-age=31536000, immutable' : 'no-store')
    response.setHeader('content-type', file.type)
    if (url.pathname === '/') this.readers.warm('courses')
    const bytes =
      url.pathname === '/'
        ? Buffer.from(file.bytes.toString('utf8').replaceAll('STYLE-NONCE', nonce))
        : file.bytes
    response.setHeader('content-length', bytes.length)
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }

  private async api(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = url.pathname.slice('/api/'.length)
    if (name === 'changes') return this.stream(request, response)
    if (name === 'sql') {
      if (request.method !== 'POST') return refuse(response, 405, 'a statement is sent by POST')
      return this.sql(request, response)
    }
    if (!Object.hasOwn(QUESTIONS, name)) return refuse(response, 404, 'there is no such question')
    const { answer, cancel } = this.readers.ask(name, parametersOf(url), (told) =>
      this.tell('progress', { name, ...told }),
    )
    response.on('close', () => {
      if (!response.writableFinished) cancel()
    })
    sendJson(response, 200, await answer)
  }

  /** What changed, as it does; and how far long work is. */
  private stream(request: IncomingMessage, response: ServerResponse): void {
    if (this.streams.size >= STREAMS_MAX) return refuse(response, 503, 'too many pages are open')
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write(': open\n\n')
    this.streams.add(response)
    const beat = setInterval(() => response.write(': still here\n\n'), BEAT_MS)
    request.on('close', () => {
      clearInterval(beat)
      this.streams.delete(response)
    })
  }

  private tell(event: string, data: unknown): void {
    for (const stream of this.streams) stream.write(`event: ${event}\ndata: ${toWire(data)}\n\n`)
  }

  private async sql(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = asStatement(await bodyOf(request))
    const file = asked === null ? undefined : this.files[asked.tape - 1]
    if (asked === null || file === undefined)
      return refuse(response, 400, 'expected { "tape": 1, "sql": "SELECT …" }')
    if (this.queries >= QUERIES_MAX)
      return refuse(response, 429, `${QUERIES_MAX} statements are running; wait for one of them`)
    // A page that is closed, or stops asking, closes the connection; so does the end of the server.
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    this.queries++
    try {
      sendJson(response, 200, toWire(await sqlAnswer(file, asked.sql, gone.signal)))
    } finally {
      this.queries--
    }
  }
}

function urlOf({ url = '' }: IncomingMessage): URL | null {
  // A whole address, `//host/…` or a backslash would name another place than this.
  if (!/^\/(?![/\\])/.test(url)) return null
  try {
    return new URL(url, 'http://127.0.0.1')
  } catch {
    return null
  }
}

function parametersOf(url: URL): Parameters {
  const parameters: Record<string, string[]> = Object.create(null)
  for (const name of new Set(url.searchParams.keys())) parameters[name] = url.searchParams.getAll(name)
  return parameters
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > BODY_MAX) {
        reject(new AnswerFailed('BAD_ARGUMENT', `expected at most ${BODY_MAX} bytes`))
        request.destroy()
      }
      chunks.push(chunk)
    })
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('error', reject)
  })
}

function asStatement(body: string): { tape: number; sql: string } | null {
  let asked: unknown
  try {
    asked = JSON.parse(body)
  } catch {
    return null
  }
  if (typeof asked !== 'object' || asked === null) return null
  const { tape, sql } = asked as { tape?: unknown; sql?: unknown }
  return typeof tape === 'number' && Number.isInteger(tape) && typeof sql === 'string' ? { tape, sql } : null
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, toWire({ error: { code: 'REFUSED', message } }))
}

function sendJson(response: ServerResponse, status: number, json: string): void {
  send(response, status, 'application/json; charset=utf-8', json)
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(response.req.method === 'HEAD' ? undefined : text)
}

const NOT_FOUND = /_NOT_FOUND$/

function fail(response: ServerResponse, error: unknown): void {
  const code = error instanceof AnswerFailed || error instanceof TapeError ? error.code : 'INTERNAL'
  const words = error instanceof Error ? error.message : String(error)
  const message = error instanceof TapeError ? words.slice(code.length + 2) : words
  const status = code === 'INTERNAL' ? 500 : NOT_FOUND.test(code) ? 404 : 400
  sendJson(response, status, toWire({ error: { code, message } }))
}
