/** Questions about what a run logged. */
import type { Recipe } from './recipe.js'

export const CURVES: readonly Recipe[] = [
  {
    name: 'curve',
    question: 'How did the loss go?',
    sql: `SELECT step, value, non_finite
FROM metric
WHERE run_id = :run AND name = :metric
ORDER BY position`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'smoothed-curve',
    question: 'How did it go, smoothed?',
    sql: `SELECT step, value, ema(value, :weight) OVER (ORDER BY position) AS smoothed
FROM metric
WHERE run_id = :run AND name = :metric
ORDER BY position`,
    defaults: { metric: "'loss'", weight: '0.3' },
  },
  {
    name: 'mean-by-epoch',
    question: 'What was the mean of the loss in each epoch?',
    note: 'For a program that reads a DataLoader. For others see mean-by-logged-epoch and mean-by-steps.',
    sql: `SELECT s.epoch, avg(m.value) AS mean, count(*) AS steps
FROM metric m
JOIN step s ON s.run_id = m.run_id AND s.step = m.step
WHERE m.run_id = :run AND m.name = :metric
GROUP BY s.epoch`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'mean-by-logged-epoch',
    question: 'The same for a program that logs its epoch?',
    sql: `SELECT CAST(e.value AS INTEGER) AS epoch, avg(m.value) AS mean, count(*) AS steps
FROM metric m
JOIN metric e ON e.run_id = m.run_id AND e.name = :epoch AND e.step = m.step
WHERE m.run_id = :run AND m.name = :metric
GROUP BY epoch`,
    defaults: { metric: "'loss'", epoch: "'epoch'" },
  },
  {
    name: 'mean-by-steps',
    question: 'What was the mean of the loss in every few steps?',
    sql: `SELECT min(step) AS first_step, max(step) AS last_step, avg(value) AS mean
FROM metric
WHERE run_id = :run AND name = :metric
GROUP BY (step - 1) / :every`,
    defaults: { metric: "'loss'", every: '100' },
  },
  {
    name: 'train-against-test',
    question: 'How does what is logged now and then stand beside the loss since the last time?',
    sql: `SELECT t.step, t.value AS test,
  (SELECT avg(m.value) FROM metric m
   WHERE m.run_id = t.run_id AND m.name = :metric AND m.step <= t.step AND m.step > t.before) AS train
FROM (SELECT *, lag(step, 1, 0) OVER (ORDER BY position) AS before
      FROM metric WHERE run_id = :run AND name = :test) t
ORDER BY t.position`,
    defaults: { metric: "'loss'", test: "'accuracy'" },
  },
  {
    name: 'best-step',
    question: 'In which step was the loss lowest?',
    sql: `SELECT step, value
FROM metric
WHERE run_id = :run AND name = :metric AND value IS NOT NULL
ORDER BY value, step
LIMIT 1`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'best-of-runs',
    question: 'What is the lowest loss of each run?',
    sql: `SELECT r.id, r.name, min(m.value) AS best, m.step
FROM run r
JOIN metric m ON m.run_id = r.id AND m.name = :metric AND m.value IS NOT NULL
GROUP BY r.id
ORDER BY best`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'mean-and-nan',
    question: 'What is the mean of the loss of each run, and how many values are not numbers?',
    sql: `SELECT r.id, r.name, avg(m.value) AS mean, count(m.value) AS finite, count(m.non_finite) AS non_finite
FROM run r
JOIN metric m ON m.run_id = r.id AND m.name = :metric
GROUP BY r.id`,
    defaults: { metric: "'loss'" },
  },
  {
    name: 'spikes',
    question: 'Where does the loss leap?',
    sql: `SELECT step, value, before
FROM (SELECT step, value, non_finite,
        avg(value) OVER (ORDER BY position ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS before
      FROM metric WHERE run_id = :run AND name = :metric)
WHERE value > :times * before OR non_finite IS NOT NULL
ORDER BY step`,
    defaults: { metric: "'loss'", times: '2' },
  },
  {
    name: 'first-non-finite-metric',
    question: 'When did something that is logged become NaN or infinite first?',
    sql: `SELECT step, name, non_finite
FROM metric
WHERE run_id = :run AND non_finite IS NOT NULL
ORDER BY position
LIMIT 1`,
  },
  {
    name: 'curves-side-by-side',
    question: 'How do the curves of two runs compare?',
    sql: `SELECT a.step, a.value AS this, b.value AS other, a.value - b.value AS difference
FROM metric a
JOIN metric b ON b.run_id = :other AND b.name = a.name AND b.step = a.step
WHERE a.run_id = :run AND a.name = :metric
ORDER BY a.step`,
    defaults: { metric: "'loss'", other: '(SELECT max(id) FROM run WHERE id < :run)' },
  },
  {
    name: 'first-different-metric',
    question: 'In which step do the curves of two runs part?',
    sql: `SELECT a.step, a.name, a.value AS this, b.value AS other
FROM metric a
JOIN metric b ON b.run_id = :other AND b.name = a.name AND b.step = a.step
WHERE a.run_id = :run AND (a.value IS NOT b.value OR a.non_finite IS NOT b.non_finite)
ORDER BY a.position
LIMIT 1`,
    defaults: { other: '(SELECT max(id) FROM run WHERE id < :run)' },
  },
]
