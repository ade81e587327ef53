import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { currentKernel, plainKernel2, useKernel } from '../../src/array/kernel.js'
import { setKernel } from '../../src/array/kernel-choice.js'
import { square, TapeError, Variable } from '../../src/index.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** Null when this machine has no BLAS, with the reason printed. */
const blas = (() => {
  const before = currentKernel()
  try {
    setKernel('blas')
    return currentKernel()
  } catch (error) {
    if (!(error instanceof TapeError) || error.code !== 'KERNEL_UNAVAILABLE') throw error
    process.stderr.write(`skipped: ${error.message}\n`)
    return null
  } finally {
    useKernel(before)
  }
})()

describe('the kernel of a run', () => {
  test('may change to another with the same id: the bits are the same', async () => {
    const tape = openForTest(newTapePath())
    const run = tape.startRun('r')
    const before = useKernel(plainKernel2)
    square(new Variable(3))
    useKernel(before)
    square(new Variable(3))
    await run.finish()
    expect(tape.run('r').replay().verdict).toBe('bit-exact')
  })

  test.skipIf(blas === null)('is chosen for a run, and put back when it ends', async () => {
    const tape = openForTest(newTapePath())
    const before = currentKernel()
    const run = tape.startRun('r', { kernel: 'blas' })
    expect(currentKernel()).toBe(blas)
    square(new Variable(3))
    await run.finish()
    expect(currentKernel()).toBe(before)
    expect(tape.run('r').started.kernel).toBe(blas!.id)
    expect(() => tape.run('r').replay()).toThrow(/^KERNEL_MISMATCH: .*GRADTAPE_KERNEL=blas/)
  })

  test.skipIf(blas === null)('cannot change to one with another id while the run goes on', async () => {
    const tape = openForTest(newTapePath())
    const run = tape.startRun('r')
    const before = useKernel(blas!)
    expect(() => square(new Variable(3))).toThrow(/^KERNEL_MISMATCH: the run began with kernel "portable-2"/)
    useKernel(before)
    square(new Variable(3))
    await run.finish()
    expect(tape.run('r').replay().verdict).toBe('bit-exact')
  })

  test('is refused by a name that is none', () => {
    expect(() => openForTest(newTapePath()).startRun('r', { kernel: 'cuda' as 'blas' })).toThrow(
      /^BAD_ARGUMENT: expected a kernel, 'portable', 'portable-1' or 'blas', got 'cuda'/,
    )
  })
})
