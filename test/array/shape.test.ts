import { describe, expect, test } from 'vitest'
import { bytesPerElement, DTYPES, isDType, isFloating, newStorage } from '../../src/array/dtype.js'
import {
  broadcastShapes,
  fixedShape,
  formatShape,
  matrixShape,
  normalizeAxes,
  normalizeAxis,
  SCALAR,
  sameShape,
  sizeOf,
} from '../../src/array/shape.js'
import { codeOf, messageOf } from './thrown.js'

describe('shapes', () => {
  test('have a size, 1 for a scalar and 0 with an empty axis', () => {
    expect([sizeOf([2, 3]), sizeOf(SCALAR), sizeOf([3, 0])]).toEqual([6, 1, 0])
    expect([formatShape([2, 3]), formatShape([])]).toEqual(['[2, 3]', '[]'])
    expect([sameShape([2], [2]), sameShape([2], [2, 1]), sameShape([], SCALAR)]).toEqual([true, false, true])
    expect(Object.isFrozen(SCALAR)).toBe(true)
  })

  test('broadcast from the last axis, and share the shape that already is the result', () => {
    const wide = [2, 3]
    expect(broadcastShapes([3, 1], [4], 'x')).toEqual([3, 4])
    expect(broadcastShapes([0], [1], 'x')).toEqual([0])
    expect(broadcastShapes(wide, [3], 'x')).toBe(wide)
    expect(broadcastShapes([1], wide, 'x')).toBe(wide)
    expect(messageOf(() => broadcastShapes([2, 1], [3, 1], 'blend'))).toContain(
      'blend expected shapes that broadcast',
    )
    expect(codeOf(() => broadcastShapes([0], [2], 'x'))).toBe('SHAPE_MISMATCH')
  })

  test('that are made are frozen and what was asked for, however many there are', () => {
    for (let rows = 0; rows < 60; rows++) {
      for (let columns = 0; columns < 60; columns++) {
        expect(matrixShape(rows, columns)).toEqual([rows, columns])
        expect(fixedShape([rows, columns, 2])).toEqual([rows, columns, 2])
      }
    }
    const given = [4, 5]
    const made = fixedShape(given)
    given[0] = 9
    expect([made, Object.isFrozen(made), fixedShape([4, 5])]).toEqual([[4, 5], true, [4, 5]])
    expect(fixedShape([])).toBe(SCALAR)
  })
})

describe('axes', () => {
  test('count from the end when negative', () => {
    expect([normalizeAxis(-1, 3, 'x'), normalizeAxis(0, 1, 'x')]).toEqual([2, 0])
    expect(normalizeAxes([-1, 0], 3, 'x')).toEqual([0, 2])
    expect(normalizeAxes(undefined, 2, 'x')).toEqual([0, 1])
    expect(normalizeAxes([], 2, 'x')).toEqual([])
  })

  test('are refused out of range, twice, or when they are none', () => {
    expect(messageOf(() => normalizeAxis(2, 2, 'sum'))).toBe(
      'BAD_AXIS: sum expected an axis from -2 to 1, got 2',
    )
    expect(messageOf(() => normalizeAxis(0, 0, 'sum'))).toContain('no axis, as a scalar has none')
    for (const axis of [[0, -2], 1.5, NaN, 'x', [3]])
      expect(codeOf(() => normalizeAxes(axis as never, 2, 'x'))).toBe('BAD_AXIS')
  })
})

test('dtypes are known by name, width and kind', () => {
  expect(
    DTYPES.map((d) => [d, bytesPerElement(d), isFloating(d), newStorage(d, 2).BYTES_PER_ELEMENT]),
  ).toEqual([
    ['float64', 8, true, 8],
    ['float32', 4, true, 4],
    ['int32', 4, false, 4],
    ['uint8', 1, false, 1],
    ['bool', 1, false, 1],
  ])
  expect([isDType('bool'), isDType('int64'), isDType(undefined)]).toEqual([true, false, false])
})
