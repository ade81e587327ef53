/** Asks the server, and hears of what changes there. */
import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Answers, Failure, SqlAnswer } from '../server/api.js'
import { Pace } from './pace.js'

export type Parameters = Record<string, string | number | readonly string[] | null | undefined>

/** Grows when a tape was written to and this page has time to show it. */
export const changes = signal(0)
/** Whether the server answers. */
export const isConnected = signal(true)
/** What long work says of itself; null when there is none. */
export const progress = signal<{ name: string; text: string; done: number; total: number | null } | null>(
  null,
)

/** Questions on their way. */
let unanswered = 0

export class Refused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

function revive(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { $number } = value as { $number?: unknown }
  return typeof $number === 'string' ? Number($number) : value
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text()
  const answer = JSON.parse(text, revive) as T | Failure
  if (!response.ok) {
    const { error } = answer as Failure
    throw new Refused(error.code, error.message)
  }
  return answer as T
}

function addressOf(name: string, parameters: Parameters): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) continue
    for (const each of typeof value === 'object' ? value : [String(value)]) query.append(key, each)
  }
  return `/api/${name}?${query}`
}

export async function ask<Name extends keyof Answers>(
  name: Name,
  parameters: Parameters,
  abort?: AbortSignal,
): Promise<Answers[Name]> {
  unanswered++
  try {
    return await read(await fetch(addressOf(name, parameters), abort === undefined ? {} : { signal: abort }))
  } finally {
    unanswered--
  }
}

export async function askSql(tape: number, sql: string, abort: AbortSignal): Promise<SqlAnswer> {
  return read(
    await fetch('/api/sql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tape, sql }),
      signal: abort,
    }),
  )
}

export interface Asked<T> {
  /** The last answer; it stays while a new one is on its way. */
  data: T | null
  error: string | null
  isWaiting: boolean
}

/**
 * The answer to a question, asked again when it or the tape changes. A question that is still being answered is not asked twice: a
 * tape that grows all the time would never be shown.
 */
export function useAnswer<Name extends keyof Answers>(
  name: Name,
  parameters: Parameters | null,
  { isLive = true } = {},
): Asked<Answers[Name]> {
  const address = parameters === null ? null : addressOf(name, parameters)
  const [state, setState] = useState<Asked<Answers[Name]>>({ data: null, error: null, isWaiting: false })
  const flight = useRef<{ again: () => void } | null>(null)
  useEffect(() => {
    if (address === null || parameters === null) {
      setState({ data: null, error: null, isWaiting: false })
      return
    }
    const abort = new AbortController()
    let isBusy = false
    let isStale = false
    const fetchIt = async () => {
      if (isBusy) {
        isStale = true
        return
      }
      isBusy = true
      setState((before) => ({ ...before, isWaiting: true }))
      try {
        const data = await ask(name, parameters, abort.signal)
        if (!abort.signal.aborted) setState({ data, error: null, isWaiting: false })
      } catch (error) {
        if (!abort.signal.aborted) setState({ data: null, error: wordsOf(error), isWaiting: false })
      }
      isBusy = false
      if (isStale && !abort.signal.aborted) {
        isStale = false
        fetchIt()
      }
    }
    flight.current = { again: fetchIt }
    fetchIt()
    return () => {
      abort.abort()
      flight.current = null
    }
  }, [address])
  const version = isLive ? changes.value : 0
  useEffect(() => {
    if (version > 0) flight.current?.again()
  }, [version])
  return state
}

export function wordsOf(error: unknown): string {
  if (error instanceof Refused) return `${error.code}: ${error.message}`
  if (error instanceof TypeError) return 'The server does not answer. Is gradtape ui still running?'
  return error instanceof Error ? error.message : String(error)
}

export function listenToChanges(): void {
  const pace = new Pace(
    () => changes.value++,
    () => unanswered > 0,
  )
  const stream = new EventSource('/api/changes')
  stream.addEventListener('open', () => {
    if (!isConnected.value) pace.changed()
    isConnected.value = true
  })
  stream.addEventListener('error', () => {
    isConnected.value = false
  })
  stream.addEventListener('change', (event) => {
    pace.changed(JSON.parse((event as MessageEvent<string>).data).pages)
  })
  stream.addEventListener('progress', (event) => {
    progress.value = JSON.parse((event as MessageEvent<string>).data)
  })
}
