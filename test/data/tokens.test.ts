/** Text as tokens and back, by character and by a tokenizer file, and as a data set. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { CharacterTokens, constant, DataLoader, fileTokens, ndarray, nextTokens } from '../../src/index.js'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-tokens-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** Byte pairs of a few letters, as files of the Hugging Face Hub describe them. */
const description = {
  version: '1.0',
  added_tokens: [{ id: 9, content: '<end>', special: true, normalized: false }],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: { l: 0, o: 1, w: 2, e: 3, r: 4, Ġ: 5, lo: 6, low: 7, er: 8 },
    merges: [
      ['l', 'o'],
      ['lo', 'w'],
      ['e', 'r'],
    ],
  },
}

function written(name: string, content: string): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, content)
  return file
}

describe('tokens by character', () => {
  test('are the characters in the order of their code points', () => {
    const tokens = new CharacterTokens('hello 🙂')
    expect(tokens.characters.join('')).toBe(' ehlo🙂')
    expect(tokens.size).toBe(6)
    const ids = tokens.encode('hole🙂')
    expect([ids.dtype, ...ids.data]).toEqual(['int32', 2, 4, 3, 1, 5])
    expect(tokens.decode(ids)).toBe('hole🙂')
    expect(tokens.decode([0, 5])).toBe(' 🙂')
    expect(tokens.encode('').shape).toEqual([0])
    expect(tokens.decode(ndarray([[2], [1]], { dtype: 'int32' }))).toBe('he')
    expect(tokens.decode(constant(ids))).toBe('hole🙂')
  })

  test('refuse what they do not know, or take it for another', () => {
    const tokens = new CharacterTokens('abc')
    expect(() => tokens.encode('abcd')).toThrow(/BAD_VALUE.*"d" at place 3/)
    expect(() => tokens.decode([3])).toThrow(/INDEX_OUT_OF_RANGE.*0 to 2/)
    expect(() => tokens.decode([0.5])).toThrow(/INDEX_OUT_OF_RANGE/)
    for (const none of [null, undefined, 3])
      expect(() => tokens.decode(none as never), String(none)).toThrow(/BAD_ARGUMENT.*decode expected ids/)
    expect(() => new CharacterTokens('')).toThrow(/BAD_ARGUMENT/)
    expect(() => new CharacterTokens('ab', { unknown: 'xy' })).toThrow(/BAD_ARGUMENT.*unknown/)
    const open = new CharacterTokens('abc', { unknown: '?' })
    expect(open.decode(open.encode('adb'))).toBe('a?b')
  })
})

describe('tokens of a file', () => {
  test('are byte pairs, and give their text back', async () => {
    const tokens = await fileTokens(written('tokenizer.json', JSON.stringify(description)))
    expect(tokens.size).toBe(10)
    const ids = tokens.encode('low lower')
    expect([ids.dtype, ...ids.data]).toEqual(['int32', 7, 5, 7, 8])
    expect(tokens.decode(ids)).toBe('low lower')
    expect(tokens.decode([7, 8])).toBe('lower')
    expect(() => tokens.decode([10])).toThrow(/INDEX_OUT_OF_RANGE.*0 to 9/)
  })

  test('may be more than a call can have arguments', async () => {
    const words = Array.from({ length: 130_000 }, (_, i) => [`w${i}`, i])
    const model = { ...description.model, vocab: Object.fromEntries(words), merges: [] }
    const tokens = await fileTokens(
      written('large.json', JSON.stringify({ ...description, added_tokens: [], model })),
    )
    expect(tokens.size).toBe(130_000)
  })

  test('a file that is none is refused, in words', async () => {
    await expect(fileTokens(path.join(folder, 'none.json'))).rejects.toThrow(/FILE_NOT_FOUND/)
    for (const [name, content] of [
      ['text.json', 'hello'],
      ['number.json', '3'],
      ['list.json', '[]'],
      ['model.json', '{"model":{"type":"Magic"}}'],
    ] as const)
      await expect(fileTokens(written(name, content)), name).rejects.toThrow(/BAD_FILE.*tokenizer.json/)
  })
})

test('a text is a data set of rows and of the tokens that follow them', () => {
  const ids = new CharacterTokens('abcdefgh').encode('abcdefgh')
  const dataset = nextTokens(ids, { length: 3 })
  expect(dataset.arrays.map(({ data }) => data.toArray())).toEqual([
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ])
  expect(nextTokens(ids, { length: 3, stride: 1 }).length).toBe(5)
  expect(nextTokens(constant(ids), { length: 3 }).arrays[1].data.toArray()).toEqual(
    dataset.arrays[1].data.toArray(),
  )
  expect(() => nextTokens(ndarray([0.5, 1, 2]), { length: 1 })).toThrow(/BAD_DTYPE.*float64/)
  expect([...new DataLoader(dataset, { batchSize: 2 })][0]![1].dtype).toBe('int32')
  expect(() => nextTokens(ids, { length: 8 })).toThrow(/BAD_ARGUMENT.*more than 8/)
  expect(() => nextTokens(constant([[1]]).data, { length: 1 })).toThrow(/BAD_ARGUMENT/)
})
