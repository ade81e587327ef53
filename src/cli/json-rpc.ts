/**
 * JSON-RPC 2.0 over lines, as the Model Context Protocol has it on standard input and output. Reads what anybody may send: what is
 * too long, no JSON or no request is answered with the error that the protocol has for it, and the next line is read as if nothing
 * had happened.
 */

export const RPC_ERROR = {
  parse: -32_700,
  invalidRequest: -32_600,
  unknownMethod: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
} as const

/** An error that the protocol has a number for. */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export type Id = string | number

export interface Call {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** Null for a notification, which nobody answers. */
  readonly id: Id | null
  /** Aborted when the other side does not want the answer any more. */
  readonly signal: AbortSignal
}

/** So long may a line be, in characters. */
const LINE_MAX = 4 * 2 ** 20
/** At most this many requests may be under way. */
const UNDER_WAY_MAX = 256

interface Answer {
  readonly jsonrpc: '2.0'
  readonly id: Id | null
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string }
}

export class JsonRpc {
  private readonly perform: (call: Call) => Promise<unknown>
  private readonly write: (line: string) => void
  private readonly underWay = new Map<Id, AbortController>()
  private readonly answers = new Set<Promise<void>>()
  private rest = ''
  private isTooLong = false

  /** `perform` does what a call asks; what it throws becomes the answer. */
  constructor(perform: (call: Call) => Promise<unknown>, write: (line: string) => void) {
    this.perform = perform
    this.write = write
  }

  /** Takes in a piece of the input, which may end anywhere. */
  read(piece: string): void {
    let from = 0
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', from)) {
      this.rest += piece.slice(from, end)
      from = end + 1
      if (this.isTooLong || this.rest.length > LINE_MAX) this.refuseLength()
      else if (this.rest.trim() !== '') this.line(this.rest)
      this.rest = ''
      this.isTooLong = false
    }
    this.rest += piece.slice(from)
    // What is too long is not kept until its end comes.
    if (this.rest.length <= LINE_MAX) return
    this.isTooLong = true
    this.rest = ''
  }

  /** The input has ended: what is under way is answered. */
  async end(): Promise<void> {
    if (this.rest !== '' || this.isTooLong) this.read('\n')
    while (this.answers.size > 0) await Promise.all(this.answers)
  }

  /** Nobody listens any more. */
  abort(): void {
    for (const controller of this.underWay.values()) controller.abort()
  }

  /** Stops a request that is under way; nothing is answered to it. */
  cancel(id: unknown): void {
    if (typeof id !== 'string' && typeof id !== 'number') return
    this.underWay.get(id)?.abort()
  }

  private refuseLength(): void {
    this.send(failure(null, RPC_ERROR.invalidRequest, `expected a message of at most ${LINE_MAX} characters`))
  }

  private line(text: string): void {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch (error) {
      this.send(
        failure(null, RPC_ERROR.parse, `expected one JSON document a line: ${(error as Error).message}`),
      )
      return
    }
    if (!Array.isArray(message))
      this.keep(this.message(message).then((answer) => answer !== null && this.send(answer)))
    // Older versions of the protocol have lists of messages, which are answered by one list.
    else if (message.length === 0 || message.length > UNDER_WAY_MAX)
      this.send(
        failure(null, RPC_ERROR.invalidRequest, `expected from 1 to ${UNDER_WAY_MAX} messages in a list`),
      )
    else
      this.keep(
        Promise.all(message.map((one) => this.message(one))).then((answers) => {
          const given = answers.filter((answer) => answer !== null)
          if (given.length > 0) this.write(JSON.stringify(given))
        }),
      )
  }

  private keep(answer: Promise<unknown>): void {
    const done: Promise<void> = answer.then(() => {
      this.answers.delete(done)
    })
    this.answers.add(done)
  }

  /** What is answered to a message; null for nothing. */
  private async message(message: unknown): Promise<Answer | null> {
    if (!isObject(message) || message.jsonrpc !== '2.0')
      return failure(null, RPC_ERROR.invalidRequest, 'expected an object with "jsonrpc": "2.0"')
    const { id, method, params = {} } = message
    const isRequest = id !== undefined
    if (isRequest && typeof id !== 'string' && typeof id !== 'number')
      return failure(null, RPC_ERROR.invalidRequest, 'expected "id" to be a text or a number')
    if (typeof method !== 'string') {
      // An answer to a request that was never made here.
      if (isRequest && ('result' in message || 'error' in message)) return null
      return failure(isRequest ? id : null, RPC_ERROR.invalidRequest, 'expected "method" to be a text')
    }
    if (!isObject(params))
      return isRequest ? failure(id, RPC_ERROR.invalidParams, 'expected "params" to be an object') : null
    if (isRequest && this.underWay.has(id))
      return failure(id, RPC_ERROR.invalidRequest, `a request with the id ${JSON.stringify(id)} is under way`)
    if (this.underWay.size >= UNDER_WAY_MAX)
      return isRequest
        ? failure(id, RPC_ERROR.internal, `${UNDER_WAY_MAX} requests are under way; ask again later`)
        : null
    const controller = new AbortController()
    if (isRequest) this.underWay.set(id, controller)
    try {
      const result = await this.perform({
        method,
        params,
        id: isRequest ? id : null,
        signal: controller.signal,
      })
      return isRequest && !controller.signal.aborted ? { jsonrpc: '2.0', id, result } : null
    } catch (error) {
      if (!isRequest || controller.signal.aborted) return null
      if (error instanceof RpcError) return failure(id, error.code, error.message)
      return failure(id, RPC_ERROR.internal, error instanceof Error ? error.message : String(error))
    } finally {
      if (isRequest) this.underWay.delete(id)
    }
  }

  private send(answer: Answer): void {
    this.write(JSON.stringify(answer))
  }
}

function failure(id: Id | null, code: number, message: string): Answer {
  return { jsonrpc: '2.0', id, error: { code, message } }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
