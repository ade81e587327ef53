// The views of the newest schema are those that their sources in src/store/format/views/ give.
import { expect, test } from 'vitest'
import { VIEWS } from '../../../src/store/format/views/views.js'
import { newTapePath, openForTest, plainConnection } from '../../tape/temporary-tape.js'

test('a fresh tape has exactly the views that are written in src/store/format/views', () => {
  const file = newTapePath()
  openForTest(file).close()
  const rows = plainConnection(file, { readonly: true })
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")
    .all() as { name: string; sql: string }[]
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(VIEWS).sort())
  for (const { name, sql } of rows) {
    const source = VIEWS[name as keyof typeof VIEWS].split('\n')
    // By lines, so that a difference is told with the line it is in; some are 3,000 characters long.
    for (const [i, line] of sql.split('\n').entries()) expect(source[i], `${name}, line ${i + 1}`).toBe(line)
    expect(VIEWS[name as keyof typeof VIEWS], name).toBe(sql)
  }
})
