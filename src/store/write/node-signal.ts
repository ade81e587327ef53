/**
 * Node's own class behind `process.on('SIGINT')`. `process.on` hears signals on the main thread only, and there only when it comes
 * back to its event loop; the class hears them on any thread. Node 20 and 22 give it to whoever asks. Later ones have it without a
 * way to it, except the one that a debugger has: it stands in the scope of one of Node's functions.
 */
import type { Session } from 'node:inspector'
import process from 'node:process'

export interface SignalHandle {
  onsignal: (signal: number) => void
  unref(): void
  start(signal: number): number
  close(): void
}
type SignalClass = new () => SignalHandle

/** Null where the runtime has none (Windows, Deno, Bun), or gives none (a permission model): then signals have their usual effect, at once. */
export function signalClass(): SignalClass | null {
  if (process.platform === 'win32') return null
  for (const found of [ofBinding, ofScope]) {
    try {
      return found()
    } catch {} // not this way
  }
  return null
}

/** Throws  where Node gives it no more, and under a permission model */
function ofBinding(): SignalClass {
  const { binding, noDeprecation } = process as NodeJS.Process & {
    binding: (name: string) => { Signal: SignalClass }
  }
  process.noDeprecation = true // of this thread only
  try {
    return constructorOf(binding.call(process, 'signal_wrap').Signal)
  } finally {
    if (noDeprecation === undefined) delete process.noDeprecation
    else process.noDeprecation = noDeprecation
  }
}

/** What is used of the answers to a debugger. */
interface Property {
  readonly name: string
  readonly value?: { readonly objectId?: string }
}
interface Answer {
  readonly result?: { readonly objectId?: string } | readonly Property[]
  readonly internalProperties?: readonly Property[]
}

const KEY = 'gradtape: what hears signals'

/** Throws  where there is no inspector, or Node is built otherwise */
function ofScope(): SignalClass {
  const { Session } = process.getBuiltinModule('node:inspector')
  const session = new Session()
  session.connect() // to this thread
  try {
    const { result } = asked(session, 'Runtime.evaluate', { expression: 'process.binding' })
    const { objectId } = result as { objectId: string }
    const { internalProperties = [] } = asked(session, 'Runtime.getProperties', { objectId })
    const scopes = internalProperties.find(({ name }) => name === '[[Scopes]]')
    for (const scope of propertiesOf(session, scopes)) {
      const found = propertiesOf(session, scope).find(({ name }) => name === 'internalBinding')
      if (found === undefined) continue
      asked(session, 'Runtime.callFunctionOn', {
        objectId: found.value?.objectId,
        functionDeclaration: `function () { globalThis[Symbol.for(${JSON.stringify(KEY)})] = this('signal_wrap').Signal }`,
      })
      break
    }
    const place = globalThis as Record<symbol, unknown>
    const found = place[Symbol.for(KEY)]
    delete place[Symbol.for(KEY)]
    return constructorOf(found)
  } finally {
    session.disconnect()
  }
}

function constructorOf(found: unknown): SignalClass {
  if (typeof found !== 'function') throw new TypeError('no class that hears signals')
  return found as SignalClass
}

function propertiesOf(session: Session, of: Property | undefined): readonly Property[] {
  const objectId = of?.value?.objectId
  if (objectId === undefined) return []
  return asked(session, 'Runtime.getProperties', { objectId, ownProperties: true }).result as Property[]
}

/** A session with its own thread answers before `post` returns. */
function asked(session: Session, method: string, parameters: object): Answer {
  let answer: Answer | null = null
  session.post(method, parameters, (error, said) => {
    if (error === null) answer = said as Answer
  })
  if (answer === null) throw new Error(`the inspector did not answer ${method}`)
  return answer
}
