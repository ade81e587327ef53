/** What a statement of the SQL page answers: its first rows, read by a process of its own that can be killed. */
import type { Cell } from '../queries/sql.js'
import { runSql } from '../queries/sql.js'
import type { SqlAnswer } from './api.js'

const ROWS_MAX = 10_000
const TIMEOUT_MS = 10_000
const TEXT_MAX = 100_000

/** Throws  SQL_TIMEOUT, SQL_FAILED (also when `signal` stopped it), and what opening the tape throws */
export async function sqlAnswer(file: string, sql: string, signal: AbortSignal): Promise<SqlAnswer> {
  const from = performance.now()
  const result = await runSql({ file, sql }, { timeoutMs: TIMEOUT_MS, signal })
  const rows: SqlAnswer['rows'] = []
  let isCut = false
  for await (const row of result.rows) {
    if (rows.length === ROWS_MAX) {
      isCut = true
      break
    }
    rows.push(row.map(cellOf))
  }
  return { columns: [...result.columns], rows, isCut, elapsedMs: performance.now() - from }
}

function cellOf(cell: Cell): string | number | null {
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
  if (cell instanceof Uint8Array) {
    const shown = Buffer.from(cell.subarray(0, 16)).toString('hex')
    return `x'${shown}${cell.length > 16 ? '…' : ''}' (${cell.length} bytes)`
  }
  if (typeof cell === 'string' && cell.length > TEXT_MAX) return `${cell.slice(0, TEXT_MAX)}…`
  return cell
}
