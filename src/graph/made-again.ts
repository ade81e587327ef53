/**
 * Whether a call can be made again from what a tape keeps of it: its class and its attributes.
 */
import type { Attributes } from './attributes.js'

interface Call {
  readonly attributes: Attributes
}

/** True for a class without arguments, for a call with attributes, and where `new Class({})` gives the same plain fields. */
export function canBeMadeAgain(call: Call): boolean {
  const callClass = call.constructor as new (attributes: Attributes) => Call
  return callClass.length === 0 || Object.keys(call.attributes).length > 0 || isEqual(call, remade(callClass))
}

/** What a tape that holds no attributes would make; null when the class does not work without. */
function remade(callClass: new (attributes: Attributes) => Call): Call | null {
  try {
    return new callClass({})
  } catch {
    return null
  }
}

/** Whether the other has the same plain fields. */
function isEqual(call: Call, other: Call | null): boolean {
  if (other === null) return false
  const isPlain = (value: unknown) =>
    typeof value !== 'function' && (typeof value !== 'object' || value === null || Array.isArray(value))
  return Object.entries(call).every(([key, value]) => {
    const fresh = (other as unknown as Record<string, unknown>)[key]
    return (
      key === 'attributes' ||
      (!isPlain(value) && !isPlain(fresh)) ||
      JSON.stringify(value) === JSON.stringify(fresh)
    )
  })
}

/** Whether numbers, texts and flags, also in lists, that a call keeps in fields of its own stand in the other as well. */
export function sameSettings(call: object, other: object): boolean {
  return Object.entries(call).every(([key, value]) => {
    const fresh = (other as Record<string, unknown>)[key]
    return !isSetting(value) || !isSetting(fresh) || sameSetting(value, fresh)
  })
}

type Single = number | string | boolean | bigint | null | undefined

function isSetting(value: unknown): value is Single | readonly Single[] {
  if (Array.isArray(value)) return value.every((one) => isSingle(one))
  return isSingle(value)
}

function isSingle(value: unknown): value is Single {
  return value === null || !['object', 'function', 'symbol'].includes(typeof value)
}

function sameSetting(a: Single | readonly Single[], b: Single | readonly Single[]): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b)
  return a.length === b.length && a.every((one, i) => Object.is(one, b[i]))
}
