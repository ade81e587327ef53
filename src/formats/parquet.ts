/** Parquet files, written a group of rows at a time. Knows columns and no tape. */
import { fileWriter, ParquetWriter, parquetWriteBuffer, schemaFromColumnData } from 'hyparquet-writer'

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

  constructor(path: string, columns: readonly ParquetColumn[]) {
    this.columns = columns
    const schema = schemaFromColumnData({
      columnData: columns.map(({ name, type }) => ({ name, type, data: [], nullable: true })),
    })
    this.writer = new ParquetWriter({ writer: fileWriter(path), schema, createdBy: 'gradtape' })
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

/** A whole file in memory, of columns with their values: of INT64 as bigints. */
export function parquetBytes(
  columns: readonly (ParquetColumn & { readonly values: unknown[] })[],
): Uint8Array {
  const columnData = columns.map(({ name, type, values }) => ({ name, type, data: values, nullable: true }))
  return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'gradtape' }))
}
