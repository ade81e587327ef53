/** Questions about gradients. Their norms, means and counts are on every tape; their elements where they were kept. */
import { FIRST_PARAMETER, LAST_STEP, NEEDS_VALUES, OTHER_RUN, type Recipe } from './recipe.js'

export const GRADIENTS: readonly Recipe[] = [
  {
    name: 'gradient-norms',
    question: 'How large are the gradients, by parameter and step?',
    sql: `SELECT step, variable_name, l2_norm, mean, min, max
FROM gradient
WHERE run_id = :run AND variable_role = 'parameter'
ORDER BY position`,
  },
  {
    name: 'gradient-curve',
    question: "How did one parameter's gradient go?",
    sql: `SELECT step, l2_norm
FROM gradient
WHERE run_id = :run AND variable_name = :name
ORDER BY position`,
    defaults: { name: FIRST_PARAMETER },
  },
  {
    name: 'global-gradient-norm',
    question: 'What is the norm of all gradients of a step together?',
    sql: `SELECT step, gradient_norm, gradient_count
FROM step_summary
WHERE run_id = :run
ORDER BY step`,
  },
  {
    name: 'gradient-spread',
    question: 'Do gradients vanish or explode from layer to layer?',
    sql: `SELECT step, min(l2_norm) AS smallest, max(l2_norm) AS largest, max(l2_norm) / min(l2_norm) AS ratio
FROM gradient
WHERE run_id = :run AND variable_role = 'parameter'
GROUP BY step
ORDER BY ratio DESC
LIMIT 5`,
  },
  {
    name: 'largest-gradients',
    question: 'Which gradients are the largest?',
    sql: `SELECT step, variable_name, l2_norm
FROM gradient
WHERE run_id = :run AND variable_role = 'parameter'
ORDER BY l2_norm DESC
LIMIT 10`,
  },
  {
    name: 'first-non-finite-gradient',
    question: 'Where did a gradient become NaN or infinite first?',
    sql: `SELECT step, position, variable_name, dtype, shape, non_finite_count
FROM gradient
WHERE run_id = :run AND non_finite_count > 0
ORDER BY position
LIMIT 1`,
  },
  {
    name: 'gradient-loss-correlation',
    question: 'Do large gradients go with a large loss?',
    sql: `SELECT corr(s.gradient_norm, m.value) AS correlation, count(*) AS steps
FROM step_summary s
JOIN metric m ON m.run_id = s.run_id AND m.step = s.step AND m.name = :metric
WHERE s.run_id = :run`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'gradient-zero-share',
    question: 'What share of each gradient is zero?',
    sql: `WITH p AS MATERIALIZED (SELECT position, size FROM parameter WHERE run_id = :run)
SELECT g.variable_name, sum(g.zero_count) * 1.0 / (count(*) * p.size) AS zero_share
FROM gradient g
JOIN p ON p.position = g.variable_position
WHERE g.run_id = :run
GROUP BY p.position
ORDER BY zero_share DESC`,
  },
  {
    name: 'gradient-histogram',
    question: 'How are the elements of a gradient distributed?',
    note: NEEDS_VALUES,
    sql: `SELECT h.bin, h.low, h.high, h.count
FROM gradient g
JOIN tensor_histogram(g.bytes, g.dtype, :bins) h
WHERE g.run_id = :run AND g.step = :step AND g.variable_name = :name`,
    defaults: { name: FIRST_PARAMETER, step: LAST_STEP, bins: '5' },
  },
  {
    name: 'gradient-cosine',
    question: "Does a parameter's gradient point where it did a step before?",
    note: NEEDS_VALUES,
    sql: `SELECT step, tensor_cosine(bytes, dtype, lag(bytes) OVER (ORDER BY position), dtype) AS cosine
FROM gradient
WHERE run_id = :run AND variable_name = :name
ORDER BY position`,
    defaults: { name: FIRST_PARAMETER },
  },
  {
    name: 'gradient-quantiles',
    question: 'What are the median and the extremes of a gradient?',
    note: NEEDS_VALUES,
    sql: `SELECT step, tensor_quantile(bytes, dtype, 0.05) AS low, tensor_quantile(bytes, dtype, 0.5) AS median,
  tensor_quantile(bytes, dtype, 0.95) AS high
FROM gradient
WHERE run_id = :run AND variable_name = :name
ORDER BY position`,
    defaults: { name: FIRST_PARAMETER },
  },
  {
    name: 'first-different-gradient',
    question: 'In which step do the gradients of two runs part?',
    sql: `SELECT a.step, a.variable_name, a.l2_norm AS this, b.l2_norm AS other
FROM gradient a
JOIN gradient b ON b.run_id = :other AND b.step = a.step AND b.variable_name = a.variable_name
WHERE a.run_id = :run AND a.variable_role = 'parameter' AND a.l2_norm IS NOT b.l2_norm
ORDER BY a.position
LIMIT 1`,
    defaults: { other: OTHER_RUN },
  },
]
