/** What show says of values that were not captured. */
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { gradtapeJson, lines, temporaryFolder } from './gradtape.js'
import { writeDigits } from './tapes.js'

const folder = temporaryFolder()
const original = path.join(folder, 'original.tape')
const structure = path.join(folder, 'structure.tape')

beforeAll(async () => {
  await writeDigits(original, 260, { checkpointEvery: 20 })
  await writeDigits(structure, 3, { capture: 'structure' })
})

describe('gradtape show, of what was not captured', () => {
  test('gives value and gradient of a default capture, computed again, and says so', async () => {
    interface Shown {
      variable: { values: number[] | null; origin: string; shape: number[] }
      gradient: { summary: { hash: string; l2Norm: number } } | null
      gradients: { kept: string; l2Norm: number }[]
    }
    const args = ['show', original, '--variable', 'layers.0.weight', '--step', '222'] as const
    const { variable, gradient, gradients } = await gradtapeJson<Shown>(...args, '--full')
    expect(variable).toMatchObject({ origin: 'computed again', shape: [64, 20] })
    expect(variable.values).toHaveLength(64 * 20)
    expect(gradients).toMatchObject([{ kept: 'summary', l2Norm: gradient?.summary.l2Norm }])
    const full = path.join(folder, 'full.tape')
    await writeDigits(full, 222, { capture: 'full' })
    const captured = await gradtapeJson<Shown>('show', full, ...args.slice(2), '--full')
    expect(captured.variable).toEqual({ ...variable, origin: 'captured' })
    expect(captured.gradient?.summary).toEqual(gradient?.summary)
    expect(await lines(...args)).toContain('  not captured; computed again, bit for bit')
  })

  test('marks in a step what is a summary, what has a hash too, and what a checkpoint holds', async () => {
    const at = async (step: string, file = original) =>
      (await lines('show', file, '--step', step)).map((line) => line.replace(/^ *\d+ {2}/, ''))
    expect(await at('222')).toContainEqual(
      expect.stringMatching(/^gradient of layers.0.weight \[64, 20\] {2}norm .* {2}\(summary\)$/),
    )
    expect(await at('200')).toContainEqual(
      expect.stringMatching(/^gradient of layers.0.weight .* {2}\(summary and hash\)$/),
    )
    expect(await at('221')).toContain('checkpoint of 4 variables, 12.1 kB')
    expect(await at('1', structure)).toContainEqual(
      expect.stringMatching(/parameter float64 \[64, 20\] {2}\(summary and hash\)$/),
    )
    const { events } = await gradtapeJson<{ events: Record<string, unknown>[] }>(
      'show',
      original,
      '--step',
      '221',
    )
    expect(events.find(({ type }) => type === 'CheckpointTaken')).toMatchObject({ byteCount: 12_080 })
    expect((await lines('show', original)).join('\n')).toMatch(
      /^ {2}checkpoints +12 of 145 kB in all, the last at step 241$/m,
    )
  })

  test("shows a variable of a run of capture 'structure' without its value", async () => {
    const shown = await lines('show', structure, '--variable', 'layers.0.weight', '--step', '2')
    expect(shown[0]).toMatch(/^layers.0.weight, parameter, float64 \[64, 20\], made at /)
    expect(shown[1]).toBe('  its value was not captured')
    expect(shown.join('\n')).toMatch(/ kept +summary and hash$/m)
    expect((await lines('show', structure, '--variable', 'loss', '--step', '2')).join('\n')).toMatch(
      /^loss = softmaxCrossEntropy\(#\d+, #\d+\) {2}/m,
    )
  })
})
