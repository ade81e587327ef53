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
