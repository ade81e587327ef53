/** Rows of a query as a Parquet file: they wait in groups, and a file's types are those of all its rows. */
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { expect, test } from 'vitest'
import { ParquetRows } from '../../src/cli/parquet-rows.js'
import type { Cell } from '../../src/queries/sql.js'

test('rows that wait in a file come back as they were, and the last one may decide the type of its column', async () => {
  const count = 120_001
  const rowAt = (i: number): Cell[] => [
    BigInt(i),
    i === count - 1 ? 0.5 : BigInt(-i),
    i % 3 === 0 ? null : `t${i % 7}`,
    i < 60_000 ? Uint8Array.of(i & 255, 1) : i === 70_000 ? 2n : null,
  ]
  const rows = new ParquetRows(['whole', 'mixed', 'text', 'bytes'])
  for (let i = 0; i < count; i++) rows.add(rowAt(i))
  const textOf = (cell: Exclude<Cell, null | string>) =>
    cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : String(cell)
  const bytes = Uint8Array.from(Buffer.concat([...rows.bytes(textOf)])).buffer
  rows.close()
  const { row_groups: groups, schema } = parquetMetadata(bytes)
  expect(groups.map(({ num_rows }) => num_rows)).toEqual([50_000n, 50_000n, 20_001n])
  expect(schema.slice(1).map(({ type, converted_type }) => converted_type ?? type)).toEqual([
    ...['INT64', 'DOUBLE', 'UTF8', 'UTF8'],
  ])
  const read = await parquetReadObjects({ file: bytes })
  expect(read).toHaveLength(count)
  for (const i of [0, 1, 255, 49_999, 50_000, 70_000, 99_999, 100_000, count - 1]) {
    const [whole, mixed, text, last] = rowAt(i)
    expect(read[i]).toEqual({
      ...{ whole, mixed: Number(mixed), text },
      bytes: last === null ? null : textOf(last as Exclude<Cell, null | string>),
    })
  }
})
