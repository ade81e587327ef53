/** The filter of the Runs page: a press on a tag asks for that tag, whatever it is called. */
import { expect, test } from 'vitest'
import type { RunRow } from '../../src/server/api.js'
import { filterRuns, tagFilter } from '../../src/ui/run-filter.js'

const runs = (...tags: string[][]): RunRow[] =>
  tags.map((own, i) => ({ id: i + 1, name: `run ${i + 1}`, tags: own, config: {} }) as unknown as RunRow)

const found = (all: readonly RunRow[], filter: string) => filterRuns(all, filter).found.map(({ id }) => id)

test('the filter of a tag finds the runs that have it, and no others', () => {
  const tags = [
    'best',
    'say "hi"',
    'say hi',
    'back\\slash',
    'ends\\',
    '\\"',
    'two\nlines',
    '  spaces  ',
    'tag=1',
    '-a:b',
    '"',
    '<b>',
  ]
  const all = runs(...tags.map((tag) => [tag, 'common']))
  for (const [i, tag] of tags.entries()) {
    expect(found(all, tagFilter(tag)), tag).toEqual([i + 1])
    expect(found(all, `-${tagFilter(tag)}`), tag).toHaveLength(tags.length - 1)
  }
  expect(found(all, tagFilter('common'))).toHaveLength(tags.length)
})

test('words, parts and comparisons hold together; what stands in quotes is one word', () => {
  const all = runs(['a b'], ['a'], [])
  expect(found(all, 'tag:"a b" run')).toEqual([1])
  expect(found(all, 'tag:a id>1')).toEqual([2])
  expect(found(all, 'tag!=a')).toEqual([1, 3])
  expect(found(all, '"run 3"')).toEqual([3])
  expect(filterRuns(all, 'nowhere=1').problem).toBe('no run has nowhere')
})
