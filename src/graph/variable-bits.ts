/**
 * What a Variable is, in the bits of one number: a graph of a million calls holds a million of them. Knows nothing of
 * what the words mean.
 */
export type Role = 'variable' | 'parameter' | 'constant'

export const REQUIRES_GRAD = 1
export const GRADIENT_ASSIGNED = 2
const ROLE_SHIFT = 2
/** It is the gradient of a variable, or was. */
export const IS_GRADIENT = 16
/** It is a gradient whose memory nobody else has, and that was shown to nobody. */
export const UNSEEN = 32
/** `requiresGrad` was set after the variable was made: calls before may have read another. */
export const GRAD_SET = 64
const SLOT_SHIFT = 7
const BELOW_SLOT = 2 ** SLOT_SHIFT - 1
const ROLES: readonly Role[] = ['variable', 'parameter', 'constant']

export function bitsOf(role: Role, requiresGrad: boolean): number {
  const roleBits = (role === 'variable' ? 0 : role === 'parameter' ? 1 : 2) << ROLE_SHIFT
  return requiresGrad ? roleBits | REQUIRES_GRAD : roleBits
}

export function roleIn(bits: number): Role {
  return ROLES[(bits >> ROLE_SHIFT) & 3]!
}

/** Which output of its creator. */
export function slotIn(bits: number): number {
  return bits >>> SLOT_SHIFT
}

export function withSlot(bits: number, slot: number): number {
  return (bits & BELOW_SLOT) | (slot << SLOT_SHIFT)
}
