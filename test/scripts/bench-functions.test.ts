import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SUBJECTS } from '../../scripts/bench/function-subjects.js'
import { VARIANTS } from '../../scripts/bench/function-variants.js'

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** What PyTorch has no function for, or has another name of a function that is measured. */
const ALONE =
  'fourierTransform mod normalizeChannels randomAffine randomCrop randomFlip randomNoise rotary var'.split(
    ' ',
  )

it('every function that PyTorch has too is measured beside it', () => {
  const listed = text('docs/functions.md').split('\n## ')[1]!
  const functions = [...listed.matchAll(/^- `(\w+)\(/gm)].map(([, name]) => name!)
  const measured = Object.keys({ ...SUBJECTS, ...VARIANTS })
  const rows = text('scripts/bench/peers/torch_functions.py')
  expect(functions.length).toBeGreaterThan(200)
  expect(functions.filter((name) => !ALONE.includes(name) && !measured.includes(name))).toEqual([])
  expect(measured.filter((name) => !new RegExp(`["\\s]${name}["\\s]`).test(rows))).toEqual([])
  expect(ALONE.filter((name) => measured.includes(name) || !functions.includes(name))).toEqual([])
})
