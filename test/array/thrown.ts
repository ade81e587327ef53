// What a call throws, for the tests of this room; a call that throws nothing, or another kind of error, fails the test.
import { expect } from 'vitest'
import { TapeError } from '../../src/errors.js'

export function thrownBy(call: () => unknown): TapeError {
  try {
    call()
  } catch (error) {
    if (error instanceof TapeError) return error
    throw error
  }
  return expect.fail('expected a TapeError, but nothing was thrown')
}

export const codeOf = (call: () => unknown): string => thrownBy(call).code

export const messageOf = (call: () => unknown): string => thrownBy(call).message
