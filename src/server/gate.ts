/**
 * Who may speak to the inspector. A page anywhere on the web can send requests to 127.0.0.1, and a name of its own can be made to
 * point there (DNS rebinding); so the address, the origin and a secret are asked for, and a browser is told to load nothing from
 * elsewhere.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'nonce-NONCE'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

interface Refusal {
  status: number
  message: string
}

export class Gate {
  readonly token = randomBytes(24).toString('base64url')
  private readonly cookie: string
  private readonly hosts: ReadonlySet<string>

  constructor(port: number) {
    // Cookies know no ports: two inspectors must not take each other's.
    this.cookie = `gradtape-${port}`
    this.hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`])
  }

  /** What every answer says. Styles that the page's editor makes are let in by a word that is drawn for each answer. */
  static headers(nonce: string): Readonly<Record<string, string>> {
    return {
      ...HEADERS,
      'content-security-policy': (HEADERS['content-security-policy'] ?? '').replace('NONCE', nonce),
    }
  }

  /** What exchanges the token of the link for a cookie that scripts cannot read and other sites cannot send. */
  get setCookie(): string {
    return `${this.cookie}=${this.token}; HttpOnly; SameSite=Strict; Path=/`
  }

  /** Null for a request that comes from the address it was sent to, or from no page at all. */
  refusal({ headers, method }: IncomingMessage, isPost: boolean): Refusal | null {
    const host = headers.host ?? ''
    if (!this.hosts.has(host))
      return { status: 421, message: 'this server answers to 127.0.0.1 and localhost only' }
    if (headers.origin !== undefined && headers.origin !== `http://${host}`)
      return { status: 403, message: 'another site may not ask here' }
    const site = headers['sec-fetch-site']
    const isNavigation = headers['sec-fetch-mode'] === 'navigate' && method === 'GET'
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isNavigation)
      return { status: 403, message: 'another site may not ask here' }
    if (method !== 'GET' && method !== 'HEAD' && !(method === 'POST' && isPost))
      return { status: 405, message: `${method} is not understood here` }
    if (method === 'POST' && !/^application\/json\b/.test(headers['content-type'] ?? ''))
      return { status: 415, message: 'expected application/json' }
    return null
  }

  isToken(text: string): boolean {
    const hash = (value: string) => createHash('sha256').update(value).digest()
    return timingSafeEqual(hash(text), hash(this.token))
  }

  hasCookie({ headers }: IncomingMessage): boolean {
    return (headers.cookie ?? '').split(/;\s*/).some((pair) => {
      const at = pair.indexOf('=')
      return pair.slice(0, at) === this.cookie && this.isToken(pair.slice(at + 1))
    })
  }
}
