/**
 * Puts the calls of a computation into groups, so that a picture of many calls has few boxes: by the scope they were
 * made in, by the chains they form, and at last by their order. It knows nothing of pictures.
 */

import type { Func } from '../graph/func.js'
import { type Computation, linkedInputs, linkedOutputs } from './computation.js'

/** One box: a call by itself (`title` null), or several calls under a title. */
export interface CallGroup {
  readonly title: string | null
  readonly calls: readonly Func[]
}

/** What stands for calls that have no scope in common. */
export const UNNAMED = '…'
/** A box in place of fewer calls of a chain would save nothing. */
const CHAIN_MIN = 5

/** Each call by itself. */
export function singly(computation: Computation): CallGroup[] {
  return computation.calls.map((call) => ({ title: null, calls: [call] }))
}

/** How many names the longest scope has: 3 for `encoder.layers.0`. */
export function scopeDepth({ calls }: Computation): number {
  return calls.reduce((most, { scope }) => (scope === '' ? most : Math.max(most, scope.split('.').length)), 0)
}

/** The calls of one scope, cut to its first `depth` names, are one group; calls without a scope stay by themselves. */
export function byScope({ calls }: Computation, depth: number): CallGroup[] {
  const scopes = new Map<string, Func[]>()
  const groups: CallGroup[] = []
  for (const call of calls) {
    if (call.scope === '') {
      groups.push({ title: null, calls: [call] })
      continue
    }
    const title = call.scope.split('.', depth).join('.')
    const known = scopes.get(title)
    if (known !== undefined) {
      known.push(call)
      continue
    }
    const members = [call]
    scopes.set(title, members)
    groups.push({ title, calls: members })
  }
  return groups
}

/**
 * Long chains of calls that stand by themselves, each handing its result to the next and to nobody else: the first and
 * the last call stay, those between become a group. Leaves that the calls read on the way do not matter.
 */
export function withChains(computation: Computation, groups: readonly CallGroup[]): CallGroup[] {
  const lone = new Set(groups.flatMap(({ title, calls }) => (title === null ? calls : [])))
  const next = chainLinks(computation, lone)
  const followers = new Set(next.values())
  const between = new Set<Func>()
  const chains: CallGroup[] = []
  for (const first of next.keys()) {
    if (followers.has(first)) continue
    const chain = [first]
    for (let call = next.get(first); call !== undefined; call = next.get(call)) chain.push(call)
    if (chain.length < CHAIN_MIN) continue
    const middle = chain.slice(1, -1)
    for (const call of middle) between.add(call)
    chains.push({ title: UNNAMED, calls: middle })
  }
  return [...groups.filter(({ calls: [call] }) => call === undefined || !between.has(call)), ...chains]
}

/** What is left when nothing else helps: at most `count` groups, by the order of their first calls; scopes stay, if they are few. */
export function byOrder(groups: readonly CallGroup[], count: number): CallGroup[] {
  const scopes = groups.filter(({ title }) => title !== null && title !== UNNAMED)
  if (scopes.length > count) return inWindows(groups, count)
  return [
    ...scopes,
    ...inWindows(
      groups.filter((group) => !scopes.includes(group)),
      count,
    ),
  ]
}

function inWindows(groups: readonly CallGroup[], count: number): CallGroup[] {
  const first = new Map(groups.map((group) => [group, firstOrder(group)]))
  const sorted = [...groups].sort((a, b) => (first.get(a) ?? 0) - (first.get(b) ?? 0))
  const each = Math.max(1, Math.ceil(sorted.length / count))
  return Array.from({ length: Math.ceil(sorted.length / each) }, (_, i) => {
    const members = sorted.slice(i * each, (i + 1) * each)
    const [only] = members
    if (members.length === 1 && only !== undefined) return only
    return { title: UNNAMED, calls: members.flatMap(({ calls }) => calls) }
  })
}

function firstOrder({ calls }: CallGroup): number {
  return calls.reduce((least, { order }) => Math.min(least, order), Number.POSITIVE_INFINITY)
}

/** From each lone call to the lone call that alone reads what it made, and reads nothing else that was made. */
function chainLinks(computation: Computation, lone: ReadonlySet<Func>): Map<Func, Func> {
  const onlyReader = new Map<Func, Func | null>()
  const onlyMaker = new Map<Func, Func | null>()
  for (const call of computation.calls) {
    for (const { creator } of linkedInputs(call)) {
      if (creator === null) continue
      onlyReader.set(creator, alone(onlyReader.get(creator), call))
      onlyMaker.set(call, alone(onlyMaker.get(call), creator))
    }
  }
  const links = new Map<Func, Func>()
  for (const [maker, reader] of onlyReader) {
    if (reader === null || !lone.has(maker) || !lone.has(reader) || onlyMaker.get(reader) !== maker) continue
    if (linkedOutputs(maker).length === 1) links.set(maker, reader)
  }
  return links
}

/** `call` if no other was there before; null for more than one. */
function alone(before: Func | null | undefined, call: Func): Func | null {
  return before === undefined || before === call ? call : null
}
