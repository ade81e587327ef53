/** Parquet files, written a group of rows at a time. Knows columns and no tape. */
import { ByteWriter, fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'

/** What a column holds; each may hold nulls. */
export type ParquetType = 'INT64' | 'DOUBLE' | 'STRING' | 'BYTE_ARRAY'

export interface ParquetColumn {
  readonly name: string
  readonly type: ParquetType
}

/** A file that is being written; it is whole after `finish`. */
export class ParquetFile {
  private readonly columns: readonly ParquetColumn[]
  private readonly writer: ParquetWriter

  /** to  the path of a file, or where bytes are gathered */
  constructor(to: string | ByteWriter, columns: readonly ParquetColumn[]) {
    this.columns = columns
    const schema = schemaFromColumnData({
      columnData: columns.map(({ name, type }) => ({ name, type, data: [], nullable: true })),
    })
    const writer = typeof to === 'string' ? fileWriter(to) : to
    this.writer = new ParquetWriter({ writer, schema, createdBy: 'gradtape' })
  }

  /** Adds rows: for each column its values, of INT64 as bigints. */
  add(values: readonly (readonly unknown[])[]): void {
    const rowGroupSize = values[0]?.length ?? 0
    if (rowGroupSize === 0) return
    this.writer.write({
      columnData: this.columns.map(({ name, type }, i) => ({ name, type, data: [...(values[i] ?? [])] })),
      rowGroupSize,
    })
  }

  finish(): void {
    this.writer.finish()
  }
}

/** The bytes of a file, group by group: a group has for each column its values. */
export function* parquetBytes(
  columns: readonly ParquetColumn[],
  groups: Iterable<readonly (readonly unknown[])[]>,
): Generator<Uint8Array> {
  const bytes = new ByteWriter()
  const file = new ParquetFile(bytes, columns)
  const taken = () => {
    const piece = bytes.getBytes().slice()
    bytes.index = 0
    return piece
  }
  for (const group of groups) {
    file.add(group)
    yield taken()
  }
  file.finish()
  yield taken()
}
