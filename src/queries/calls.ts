/** Which functions a run called, and how often. */
import type { Views } from './views.js'

export interface FunctionCount {
  name: string
  calls: number
}

/** The functions of a run, the most called first. */
export function functionCounts(views: Views, runId: number): FunctionCount[] {
  return views.all<FunctionCount>(
    'SELECT function AS name, sum(call_count) AS calls FROM function_profile WHERE run_id = ? GROUP BY function ORDER BY calls DESC, name',
    runId,
  )
}
