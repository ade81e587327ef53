/** Which images an array is made of, and the inks of each. */
import { expect, test } from 'vitest'
import { ndarray } from '../../src/index.js'
import { imagesOf } from '../../src/server/tensor-images.js'

const counted = (...shape: number[]) => {
  const size = shape.reduce((all, axis) => all * axis, 1)
  return ndarray(
    Float64Array.from({ length: size }, (_, i) => i),
    { shape },
  )
}
const inks = (picture: string | undefined) => [...Buffer.from(picture ?? '', 'base64')]

test('rows and columns are the last axes; three channels are colours, others are as many images', () => {
  const shapes: [shape: number[], of: number, channels: number, height: number, width: number][] = [
    [[4, 5], 1, 1, 4, 5],
    [[3, 4, 5], 1, 3, 4, 5],
    [[2, 4, 5], 2, 1, 4, 5],
    [[7, 3, 4, 5], 7, 3, 4, 5],
    [[7, 2, 4, 5], 14, 1, 4, 5],
  ]
  for (const [shape, of, channels, height, width] of shapes)
    expect(imagesOf(counted(...shape), null, 0), String(shape)).toMatchObject({ of, channels, height, width })
  for (const shape of [[6], [1, 6], [6, 1], [1, 1, 1, 2, 2], [0, 4, 5]])
    expect(imagesOf(counted(...shape), null, 0), String(shape)).toBeNull()
})

test('inks go from the least to the largest number, pixel by pixel; what is not finite has one of its own', () => {
  expect(inks(imagesOf(counted(2, 2), null, 0)?.pictures[0])).toEqual([0, 85, 169, 254])
  const colours = imagesOf(
    ndarray([0, 1, 2, Number.NaN, 0, 0, 2, 2, 2, 2, 2, 2], { shape: [3, 2, 2] }),
    null,
    0,
  )
  expect(inks(colours?.pictures[0])).toEqual([0, 0, 254, 127, 0, 254, 254, 254, 254, 255, 254, 254])
  expect(
    inks(
      imagesOf(
        ndarray([
          [5, 5],
          [5, 5],
        ]),
        null,
        0,
      )?.pictures[0],
    ),
  ).toEqual([127, 127, 127, 127])
  const nothing = imagesOf(ndarray([Number.NaN, Number.NEGATIVE_INFINITY], { shape: [1, 2] }), '1x2', 0)
  expect([nothing?.from, nothing?.to, inks(nothing?.pictures[0])]).toEqual([null, null, [255, 255]])
  const huge = Number.MAX_VALUE
  expect(
    inks(
      imagesOf(
        ndarray([
          [-huge, 0],
          [huge, Number.POSITIVE_INFINITY],
        ]),
        null,
        0,
      )?.pictures[0],
    ),
  ).toEqual([0, 127, 254, 255])
})

test('a large image is sent as means, many images by the page, and rows as images of a size', () => {
  const large = imagesOf(counted(200, 130), null, 0)
  expect([large?.rows, large?.columns, inks(large?.pictures[0]).length]).toEqual([64, 64, 4_096])
  const many = imagesOf(counted(50, 1, 2, 2), null, 36)
  expect([many?.of, many?.pictures.length]).toEqual([50, 14])
  expect(imagesOf(counted(50, 1, 2, 2), null, 99)).toMatchObject({ offset: 49, pictures: { length: 1 } })
  expect(imagesOf(counted(5, 64), '8x8', 0)).toMatchObject({ of: 5, height: 8, width: 8 })
  expect(imagesOf(counted(5, 12), '3 x 2 x 2', 0)).toMatchObject({ of: 5, channels: 3 })
  for (const as of ['7x7', '8', '0x4', '2x8x8', '8x8; DROP'])
    expect(() => imagesOf(counted(5, 64), as, 0), as).toThrow(
      /^BAD_ARGUMENT: expected \?as= to be rows x columns/,
    )
})
