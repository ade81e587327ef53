/** The data sets that come along and those that are read from files, with the files that are none. */
import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { csv } from '../../src/data/csv.js'
import { digits } from '../../src/data/digits.js'
import { mnist, readIdx } from '../../src/data/mnist.js'
import { spiral } from '../../src/data/spiral.js'
import { temporaryFolder } from '../tape/temporary-tape.js'

function written(name: string, content: string | Uint8Array): string {
  const file = path.join(temporaryFolder(), name)
  fs.writeFileSync(file, content)
  return file
}

describe('spiral', () => {
  test('has three arms of a hundred points, the same from the same seed', () => {
    const [x, t] = spiral().arrays
    expect([x.shape, x.dtype, t.shape, t.dtype]).toEqual([[300, 2], 'float64', [300], 'int32'])
    expect([0, 1, 2].map((arm) => [...t.data.data].filter((label) => label === arm).length)).toEqual([
      100, 100, 100,
    ])
    expect([...spiral().arrays[0].data.data]).toEqual([...x.data.data])
    expect([...spiral({ seed: 1 }).arrays[0].data.data]).not.toEqual([...x.data.data])
  })

  test('without noise lies on its curve: radius and angle grow along an arm', () => {
    const [x, t] = spiral({ classes: 2, perClass: 5, noise: 0 }).arrays
    const points = x.data.toArray() as [number, number][]
    points.forEach(([a, b], row) => {
      const radius = Math.hypot(a, b)
      const angle = 4 * t.data.data[row]! + 4 * radius
      expect(a).toBeCloseTo(radius * Math.sin(angle), 12)
      expect(b).toBeCloseTo(radius * Math.cos(angle), 12)
    })
    expect(points.map(([a, b]) => Math.round(Math.hypot(a, b) * 5)).sort()).toEqual([
      0, 0, 1, 1, 2, 2, 3, 3, 4, 4,
    ])
  })

  test('says what it cannot do', () => {
    expect(() => spiral({ noise: -1 })).toThrow('BAD_ARGUMENT: spiral expected noise of at least 0, got -1')
    expect(() => spiral({ perClass: 0 })).toThrow(
      'BAD_ARGUMENT: spiral expected perClass to be an integer of at least 1',
    )
  })
})

describe('digits', () => {
  test('are 1,797 images from 0 to 1 with their digit, in a part to train and a part to test', () => {
    const all = digits()
    const [x, t] = all.arrays
    expect([all.length, x.shape, x.dtype, t.dtype]).toEqual([1797, [1797, 64], 'float64', 'int32'])
    expect([Math.min(...x.data.data), Math.max(...x.data.data)]).toEqual([0, 1])
    const counts = Array.from(
      { length: 10 },
      (_, digit) => [...t.data.data].filter((label) => label === digit).length,
    )
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    expect([...x.data.data.slice(0, 8)].map((pixel) => pixel * 16)).toEqual([0, 0, 5, 13, 9, 1, 0, 0])
    const [train, rest] = [digits({ part: 'train' }), digits({ part: 'test' })]
    expect([train.length, rest.length]).toEqual([1500, 297])
    expect([...rest.arrays[1].data.data]).toEqual([...t.data.data.slice(1500)])
    expect(digits({ dtype: 'float32' }).arrays[0].dtype).toBe('float32')
  })

  test('have no other part', () => {
    expect(() => digits({ part: 'validation' as 'test' })).toThrow(
      "BAD_ARGUMENT: digits expected part 'all', 'train' or 'test', got \"validation\"",
    )
  })
})

/** An IDX file of bytes. */
function idx(
  shape: readonly number[],
  bytes: readonly number[],
  magic = [0, 0, 8, shape.length],
): Uint8Array {
  const extents = shape.flatMap((extent) => [
    extent >>> 24,
    (extent >>> 16) & 255,
    (extent >>> 8) & 255,
    extent & 255,
  ])
  return Uint8Array.from([...magic, ...extents, ...bytes])
}

describe('mnist', () => {
  const images = idx([2, 1, 3], [0, 51, 255, 102, 0, 1])
  const labels = idx([2], [7, 3])

  test.each([
    ['plain', images, labels],
    ['gzip', gzipSync(images), gzipSync(labels)],
  ])('reads %s files: pixels from 0 to 1, and the labels', (_name, imageBytes, labelBytes) => {
    const dataset = mnist({ images: written('images', imageBytes), labels: written('labels', labelBytes) })
    expect(dataset.arrays[0].data.toArray()).toEqual([
      [0, 0.2, 1],
      [0.4, 0, 1 / 255],
    ])
    expect(dataset.arrays[1].data.toArray()).toEqual([7, 3])
  })

  test('reads pixels as they are, when asked for uint8', () => {
    const dataset = mnist({
      images: written('images', images),
      labels: written('labels', labels),
      dtype: 'uint8',
    })
    expect(dataset.arrays[0].data.toArray()).toEqual([
      [0, 51, 255],
      [102, 0, 1],
    ])
    expect(dataset.arrays[0].dtype).toBe('uint8')
  })

  const [good, other] = [() => written('images', images), () => written('labels', labels)]
  const damaged: [string, () => unknown, string][] = [
    [
      'another magic',
      () => readIdx(written('x', idx([1], [1], [0, 0, 9, 1]))),
      'to begin with 00 00 08 and the number of axes (an IDX file of bytes), got 00 00 09 01',
    ],
    ['an empty file', () => readIdx(written('x', '')), 'got nothing'],
    [
      'a header cut off',
      () => readIdx(written('x', images.subarray(0, 9))),
      'BAD_FILE: readIdx expected a header of 16 bytes',
    ],
    [
      'pixels cut off',
      () => readIdx(written('x', images.subarray(0, -1))),
      'BAD_FILE: readIdx expected 6 bytes for the shape [2, 1, 3]',
    ],
    [
      'gzip cut off',
      () => readIdx(written('x', gzipSync(images).subarray(0, 20))),
      'to be packed by gzip, as it begins; it is damaged or cut off',
    ],
    [
      'no file',
      () => readIdx('/nowhere/images'),
      'FILE_NOT_FOUND: readIdx expected a file at /nowhere/images, found none',
    ],
    [
      'images and labels exchanged',
      () => mnist({ images: other(), labels: good() }),
      'BAD_FILE: mnist expected images [n, rows, columns], got [2]',
    ],
    [
      'labels of another part',
      () => mnist({ images: good(), labels: written('x', idx([3], [1, 2, 3])) }),
      'BAD_FILE: mnist expected as many labels as images, got 2 images',
    ],
    [
      'a folder',
      () => mnist('/data/mnist' as never),
      'BAD_ARGUMENT: mnist expected its options as an object, { images, labels, dtype }',
    ],
    [
      'no labels',
      () => mnist({ images: good() } as never),
      'BAD_ARGUMENT: mnist expected the paths of two files, { images, labels }, got undefined',
    ],
    [
      'a dtype that is none',
      () => mnist({ images: good(), labels: other(), dtype: 'int8' as 'uint8' }),
      'BAD_DTYPE: mnist expected dtype',
    ],
  ]
  test.each(damaged)('%s gets an answer', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})

describe('csv', () => {
  const text = '\uFEFFwidth,height,species,kept\r\n1.5,2,"a, ""b""",true\r\n\r\n-3e2,4,"two\nlines",0\r\n'
  const columns = { height: 'int32', species: 'string', width: 'float64', kept: 'bool' } as const

  test('reads typed columns, by name and in any order, quotes and line breaks in them included', () => {
    const table = csv(text, { columns })
    expect(Object.keys(table)).toEqual(['height', 'species', 'width', 'kept'])
    expect(table.width.data).toEqual(new Float64Array([1.5, -300]))
    expect([table.height.dtype, table.height.toArray()]).toEqual(['int32', [2, 4]])
    expect(table.kept.toArray()).toEqual([true, false])
    const species: string[] = table.species
    expect(species).toEqual(['a, "b"', 'two\nlines'])
  })

  test('reads files, packed or not, and text without a header', () => {
    const wanted = csv(text, { columns }).width.toArray()
    expect(csv(written('a.csv', text), { columns }).width.toArray()).toEqual(wanted)
    expect(csv(written('a.csv.gz', gzipSync(text)), { columns }).width.toArray()).toEqual(wanted)
    const plain = csv('1;2\n3;4', { columns: { a: 'uint8', b: 'float32' }, header: false, delimiter: ';' })
    expect([plain.a.toArray(), plain.b.toArray()]).toEqual([
      [1, 3],
      [2, 4],
    ])
  })

  test('takes an empty floating field as NaN, and knows NaN and infinities', () => {
    const { a } = csv('a,b\n,1\nnan,1\n-Inf,1\n', { columns: { a: 'float64' } })
    expect(a.toArray()).toEqual([Number.NaN, Number.NaN, -Infinity])
  })

  const only = (type: 'float64' | 'int32' | 'uint8' | 'bool', value: string) => () =>
    csv(`n,a\n1,${value}\n`, { columns: { a: type } })
  const mistakes: [string, () => unknown, string][] = [
    [
      'a word for a number',
      only('float64', 'one'),
      'BAD_VALUE: csv expected float64 in line 2, column "a", got "one"',
    ],
    ['a number with a unit', only('float64', '3 cm'), 'BAD_VALUE'],
    ['hexadecimal', only('int32', '0x10'), 'BAD_VALUE'],
    [
      'a fraction for an integer',
      only('int32', '1.5'),
      'BAD_VALUE: csv expected int32 in line 2, column "a", got "1.5"',
    ],
    ['an integer that is too large', only('int32', '2147483648'), 'BAD_VALUE'],
    ['a byte that is none', only('uint8', '256'), 'BAD_VALUE'],
    ['an empty integer', only('int32', ''), 'BAD_VALUE: csv expected int32 in line 2, column "a", got ""'],
    ['a bool that is none', only('bool', 'yes'), 'BAD_VALUE'],
    [
      'a column that is not there',
      () => csv('a,b\n1,2\n', { columns: { c: 'float64' } }),
      'BAD_FILE: csv expected a column "c", got "a", "b"',
    ],
    [
      'a column that is there twice',
      () => csv('a,a\n1,2\n', { columns: { a: 'float64' } }),
      'BAD_FILE: csv expected one column "a"',
    ],
    [
      'a line with fields missing',
      () => csv('a,b\n1,2\n3\n', { columns: { a: 'float64' } }),
      'BAD_FILE: csv expected 2 fields in line 3, got 1',
    ],
    [
      'a quote left open',
      () => csv('a,b\n"1,2\n', { columns: { a: 'float64' } }),
      'BAD_FILE: csv expected a closing quote for the field in line 2',
    ],
    [
      'something after a quote',
      () => csv('a,b\n"1"2,3\n', { columns: { a: 'float64' } }),
      'BAD_FILE: csv expected a delimiter after the quoted field in line 2, got "2"',
    ],
    [
      'no columns',
      () => csv('a\n1\n', { columns: {} }),
      "BAD_ARGUMENT: csv expected columns with their types, { columns: { width: 'float64' } }",
    ],
    [
      'a type that is none',
      () => csv('a\n1\n', { columns: { a: 'number' as 'float64' } }),
      'BAD_DTYPE: csv expected column "a" to be a dtype or \'string\', got "number"',
    ],
    [
      'a delimiter of two characters',
      () => csv('a\n1\n', { columns: { a: 'float64' }, delimiter: ', ' }),
      'BAD_ARGUMENT: csv expected delimiter to be one character',
    ],
    [
      'a file that is not there',
      () => csv('/nowhere/a.csv', { columns: { a: 'float64' } }),
      'FILE_NOT_FOUND: csv expected a file at /nowhere/a.csv, found none',
    ],
    [
      'a number for a file',
      () => csv(3 as never, { columns: { a: 'float64' } }),
      'BAD_ARGUMENT: csv expected a path or a text, got 3',
    ],
  ]
  test.each(mistakes)('%s gets an answer', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})
