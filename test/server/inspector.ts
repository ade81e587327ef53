/** Starts the inspector as a user does, as a process of its own, and asks it over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process'
import http from 'node:http'
import process from 'node:process'
import { MAIN } from '../cli/gradtape.js'

export interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  body: string
}

export class StartedInspector {
  readonly url: string
  readonly port: number
  readonly token: string
  readonly child: ChildProcess
  /** With which status it ended. */
  readonly ended: Promise<number | null>

  private constructor(child: ChildProcess, { url, port }: { url: string; port: number }) {
    this.child = child
    this.url = url
    this.port = port
    this.token = new URL(url).searchParams.get('token') ?? ''
    this.ended = new Promise((resolve) => child.on('exit', (status) => resolve(status)))
  }

  static async of(...files: readonly string[]): Promise<StartedInspector> {
    const child = spawn(process.execPath, [MAIN, 'ui', ...files, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.trimEnd().endsWith('}')) break
    }
    return new StartedInspector(child, JSON.parse(text) as { url: string; port: number })
  }

  get cookie(): string {
    return `gradtape-${this.port}=${this.token}`
  }

  /** A request with the cookie, unless the headers say otherwise. A header that is undefined is left out. */
  async send(
    path: string,
    {
      method = 'GET',
      headers = {},
      body,
    }: { method?: string; headers?: Record<string, string | undefined>; body?: string } = {},
  ): Promise<Reply> {
    const all = { cookie: this.cookie, ...headers }
    const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
    return new Promise((resolve, reject) => {
      const request = http.request(
        { host: '127.0.0.1', port: this.port, path, method, headers: given as http.OutgoingHttpHeaders },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString('utf8'),
            }),
          )
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.send(path)
    if (status !== 200) throw new Error(`${path} answered ${status}: ${body}`)
    return JSON.parse(body) as T
  }

  async end(): Promise<number | null> {
    this.child.kill('SIGINT')
    return this.ended
  }
}
