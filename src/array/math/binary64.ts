/**
 * The doors into the binary64 format that the functions of this folder share: powers of two by exponent, and the
 * high word of a number. It knows nothing of any function.
 *
 * A file that uses these takes them into constants of its own: V8 folds those into the code it compiles, but loads an
 * imported binding at each use, which cost `exp` a third of its time.
 */
import { TapeError } from '../../errors.js'

/**
 * One number and its two words. Write `asNumber[0]`, read `asWords[1]`, never the other way round: reading whole what
 * was written in halves stalls the processor for three times as long as a whole exponential takes.
 */
export const asNumber = new Float64Array(1)
export const asWords = new Int32Array(asNumber.buffer)

asNumber[0] = 1
if (asWords[1] !== 0x3ff00000) {
  throw new TapeError(
    'KERNEL_MISMATCH',
    'gradtape expected a little-endian machine, got one that stores the high word of a float64 first; its kernels ' +
      'are not written for that, so run it on x86-64 or arm64',
  )
}

/** `POWERS[POWERS_ZERO + n]` is 2^n for every n from −1100 to 1100, with 0 and ∞ where 2^n is not representable. */
export const POWERS_ZERO = 1100
export const POWERS = new Float64Array(2 * POWERS_ZERO + 1)

POWERS[POWERS_ZERO] = 1
for (let n = 1; n <= POWERS_ZERO; n++) {
  POWERS[POWERS_ZERO + n] = (POWERS[POWERS_ZERO + n - 1] as number) * 2
  POWERS[POWERS_ZERO - n] = (POWERS[POWERS_ZERO - n + 1] as number) / 2
}

/** log₂ e, and ln 2 in two parts: the first is a multiple of 2^−42, so its product with an exponent is exact. */
export const LOG2_E = 1.4426950408889634
export const LN2_HIGH = 0.6931471805598903
export const LN2_LOW = 5.497923018708371e-14

/** Adding and subtracting 1.5·2^52 rounds a number below 2^51 to the nearest integer, ties to even. */
export const ROUND_TO_INTEGER = 6755399441055744

/** 2^27 + 1: Veltkamp's factor, which splits a number into two halves of 26 bits whose products are exact. */
export const SPLIT = 134217729
