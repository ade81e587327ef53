/** Questions about parameters, batches and activations: the elements of arrays. */
import { FIRST_PARAMETER, LAST_STEP, NEEDS_MEASURES, NEEDS_VALUES, type Recipe } from './recipe.js'

/** The batch of a step is often taken at the end of the step before, which is where \`take\` stands then. */
const BATCH = `FROM call_input u
JOIN call c ON c.run_id = u.run_id AND c.step IN (u.step - 1, u.step) AND c.position = u.variable_position AND c.function = 'take'
JOIN call_input x ON x.run_id = c.run_id AND x.step = c.step AND x.call_position = c.position AND x.slot = 1
JOIN leaf l ON l.run_id = x.run_id AND l.step = x.step AND l.position = x.variable_position
JOIN tensor_elements(l.bytes, l.dtype, l.shape) e`

const VERSIONS = `FROM parameter p
JOIN assignment a ON a.run_id = p.run_id AND a.variable_position = p.position
JOIN output o ON o.run_id = a.run_id AND o.step = a.step AND o.position = a.source_position AND o.slot = a.source_slot`

export const VALUES: readonly Recipe[] = [
  {
    name: 'parameters',
    question: 'What are the parameters?',
    sql: `SELECT name, dtype, shape, size, byte_count
FROM parameter
WHERE run_id = :run
ORDER BY position`,
  },
  {
    name: 'parameter-count',
    question: 'How many numbers are trained?',
    sql: `SELECT count(*) AS parameters, sum(size) AS elements, sum(byte_count) AS bytes
FROM parameter
WHERE run_id = :run AND is_grad_required`,
  },
  {
    name: 'frozen',
    question: 'Which parameters were frozen at the end of a step, and since when?',
    sql: `SELECT variable_name, is_grad_required, step AS since
FROM freezing
WHERE run_id = :run AND step <= :step AND (end_step IS NULL OR end_step > :step)
ORDER BY variable_position`,
    defaults: { step: LAST_STEP },
  },
  {
    name: 'weight-norms',
    question: 'How large are the weights after each step?',
    note: NEEDS_MEASURES,
    sql: `SELECT step, variable_name, l2_norm
FROM parameter_version
WHERE run_id = :run
ORDER BY position`,
  },
  {
    name: 'update-ratios',
    question: 'How large is a step against the weights?',
    note: NEEDS_MEASURES,
    sql: `SELECT step, variable_name, update_norm, update_ratio
FROM parameter_version
WHERE run_id = :run
ORDER BY position`,
  },
  {
    name: 'step-norms',
    question: 'How large are all gradients, all weights and the whole update, by step?',
    note: NEEDS_MEASURES,
    sql: `SELECT step, gradient_norm, parameter_norm, update_norm
FROM step_summary
WHERE run_id = :run
ORDER BY step`,
  },
  {
    name: 'optimizer-state',
    question: 'What became of the state of the optimizer?',
    note: "Needs a run that measures all it assigns: `capture: { assignments: 'all' }`, which 'full' does by itself.",
    sql: `SELECT step, variable_name, l2_norm, min, max
FROM assignment
WHERE run_id = :run AND variable_name LIKE 'optimizer.%'
ORDER BY position`,
  },
  {
    name: 'element-through-time',
    question: 'How did one weight change?',
    note: NEEDS_VALUES,
    sql: `SELECT a.step, tensor_get(o.bytes, o.dtype, :element) AS value
${VERSIONS}
WHERE p.run_id = :run AND p.name = :name
ORDER BY a.position`,
    defaults: { name: FIRST_PARAMETER, element: '0' },
  },
  {
    name: 'optimizer-settings',
    question: 'What did the optimizer work with in each step?',
    sql: `SELECT step, function, lr, count(*) AS parameters
FROM optimizer_step
WHERE run_id = :run
GROUP BY step, function, lr
ORDER BY step`,
  },
  {
    name: 'batch-rows',
    question: 'Which rows of the data were in the batch of a step?',
    sql: `SELECT DISTINCT e.position AS place, e.value AS row
${BATCH}
WHERE u.run_id = :run AND u.step = :step
ORDER BY place`,
    defaults: { step: LAST_STEP },
  },
  {
    name: 'batches-of-row',
    question: 'In which steps was a row of the data used?',
    sql: `SELECT step, place
FROM batch
WHERE run_id = :run AND data_row = :row
ORDER BY step`,
    defaults: { row: '0' },
  },
  {
    name: 'batch-labels',
    question: 'Which labels were in the batch of a step?',
    sql: `SELECT tensor_get(d.bytes, d.dtype, e.value) AS label, count(*) AS rows
${BATCH}
JOIN call_input y ON y.run_id = c.run_id AND y.step = c.step AND y.call_position = c.position AND y.slot = 0
JOIN leaf d ON d.run_id = y.run_id AND d.position = y.variable_position AND d.dtype = 'int32'
  AND d.block_id = (SELECT max(id) FROM block WHERE id <= (:run << 32) + y.variable_position)
WHERE u.run_id = :run AND u.step = :step
GROUP BY label`,
    defaults: { step: LAST_STEP },
  },
  {
    name: 'dead-units',
    question: 'Which units of a relu were zero for the whole batch?',
    note: NEEDS_VALUES,
    sql: `SELECT o.step, o.position, a.position AS unit
FROM output o
JOIN tensor_axis(o.bytes, o.dtype, o.shape, json_array_length(o.shape) - 1, 'max') a
WHERE o.run_id = :run AND o.function = 'relu' AND o.bytes IS NOT NULL AND a.value = 0
ORDER BY o.position, unit`,
  },
  {
    name: 'activation-zero-share',
    question: 'What share of the outputs of a function is zero?',
    note: NEEDS_VALUES,
    sql: `SELECT step, zero_count * 1.0 / size AS zero_share, mean, max
FROM activation
WHERE run_id = :run AND function = :function
ORDER BY position`,
    defaults: { function: "'relu'" },
  },
  {
    name: 'values-of-step',
    question: 'What was computed in a step?',
    note: NEEDS_VALUES,
    sql: `SELECT o.position, o.function, o.shape, coalesce(CAST(o.value AS TEXT), tensor_text(o.bytes, o.dtype, o.shape)) AS elements
FROM output o
WHERE o.run_id = :run AND o.step = :step AND o.is_grad_enabled
ORDER BY o.position, o.slot`,
    defaults: { step: LAST_STEP },
  },
  {
    name: 'value-not-stored',
    question: 'What was a value that nobody stored?',
    note: 'Each step is computed again from the last checkpoint before it.',
    sql: `SELECT s.step, value_of(s.run_id, s.step, :name) AS value
FROM step s
WHERE s.run_id = :run
ORDER BY s.step`,
    defaults: { name: "'loss'" },
  },
  {
    name: 'largest-values',
    question: 'Which arrays take the most room?',
    sql: `SELECT id, dtype, size, byte_count, chunk_count
FROM value
ORDER BY byte_count DESC, id
LIMIT 5`,
  },
]
