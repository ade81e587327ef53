-- Epochs of data loaders: which epoch a step belongs to, and the names of data sets. And what calls computed, in numbers.
DROP VIEW step;
DROP VIEW step_summary;
DROP VIEW event;

CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row. Key: run_id, step.
SELECT
  CAST(s.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  s.step AS step, -- counts from 1
  CAST(s.id & 4294967295 AS INTEGER) AS position, -- of the event that began it
  s.elapsed_ms AS elapsed_ms, -- since the run started
  CAST(coalesce((SELECT n.elapsed_ms FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), (SELECT json_extract(r.payload, '$.elapsedMs') FROM _fact r WHERE r.id >> 32 = s.id >> 32 AND r.kind = 13)) - s.elapsed_ms AS REAL) AS duration_ms, -- until the next step, or the end of the run; null for the last of a run without an end
  CAST((SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = 21 AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1) AS INTEGER) AS epoch -- of the DataLoader whose batches the steps used last, from 0; null before any did
FROM _step s;

CREATE VIEW epoch AS -- One epoch of a DataLoader whose batches steps used. Key: run_id, position.
SELECT
  CAST(f.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(f.id & 4294967295 AS INTEGER) AS position, -- of the event that says so
  CAST(json_extract(f.payload, '$.epoch') AS INTEGER) AS epoch, -- from 0, as the loader counts; joins step.epoch
  CAST(f.step + 1 AS INTEGER) AS first_step, -- the first step that used a batch of it
  CAST(coalesce((SELECT n.step FROM _fact n WHERE n.id >> 32 = f.id >> 32 AND n.kind = f.kind AND n.subject IS NULL AND n.id > f.id ORDER BY n.id LIMIT 1), (SELECT max(s.step) FROM _step s WHERE CAST(s.id >> 32 AS INTEGER) = f.id >> 32)) AS INTEGER) AS last_step, -- the last step before the next epoch, or of the run
  CAST(json_extract(f.payload, '$.batch') AS INTEGER) AS first_batch, -- the batch that the first step used, from 0; more than 0 where the run began in the middle of an epoch
  CAST(json_extract(f.payload, '$.batches') AS INTEGER) AS batch_count, -- of a whole epoch
  CAST(json_extract(f.payload, '$.batchSize') AS INTEGER) AS batch_size, -- rows of a batch; the last may have fewer
  CAST(json_extract(f.payload, '$.data') AS INTEGER) AS data_position, -- the data set's first array: joins leaf.position, batch.data_position; null when the run had not met it
  CAST(json_extract(f.payload, '$.dataset') AS TEXT) AS data_set, -- the name of the data set; null when nobody said
  CAST(json_extract(f.payload, '$.part') AS TEXT) AS part -- which part of it: train, test, …; null when nobody said
FROM _fact f WHERE f.kind = 21;

CREATE VIEW step_summary AS -- A step in a few numbers. Key: run_id, step.
SELECT
  CAST(s.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  s.step AS step, -- joins step.step
  CAST((SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = 21 AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1) AS INTEGER) AS epoch, -- as step.epoch
  CAST((SELECT sum(json_array_length(t.calls)) FROM _block b JOIN _template t ON t.id = b.template_id WHERE b.id >= s.id AND b.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32)) AS INTEGER) AS call_count, -- calls of functions
  CAST((SELECT count(*) FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.held <> 0) AS INTEGER) AS gradient_count, -- gradients that variables held after their pass
  CAST((SELECT sqrt(sum(g.l2_norm * g.l2_norm)) FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.held <> 0) AS REAL) AS gradient_norm, -- Euclidean norm of all these together, those left out that are not finite; null when there are none
  CAST((SELECT sqrt(sum(a.l2_norm * a.l2_norm)) FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' AND NOT EXISTS (SELECT 1 FROM _assignment y WHERE y.id > a.id AND y.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND y.variable_id = a.variable_id)) AS REAL) AS parameter_norm, -- Euclidean norm of the parameters that were assigned to, all together, as they are after the step; null when none was, or none was measured
  CAST((SELECT sqrt(sum(a.update_norm * a.update_norm)) FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' ) AS REAL) AS update_norm, -- Euclidean norm of what the step changed of these; null as parameter_norm
  CAST((SELECT coalesce(sum(g.non_finite_count), 0) FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32)) AS INTEGER) AS non_finite_count, -- elements of gradients that are NaN or infinite
  CAST((SELECT group_concat(b.template_id, ' ') FROM (SELECT template_id FROM _block WHERE id >= s.id AND id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) ORDER BY id) b) AS TEXT) AS template_ids -- of its blocks, in order: equal for steps of one graph
FROM _step s;

CREATE VIEW activation AS -- What a call computed, in numbers: an array of more than one element whose value is on the tape. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call that made it; joins call.position, output.position
  o.key AS slot, -- which output of its call, from 0
  b.step AS step, -- in which it was made
  s.function AS function, -- registered name of what made it
  s.scope AS scope, -- dotted name of the place in the program
  CAST(o.value ->> 1 AS TEXT) AS shape, -- JSON
  v.size AS size, -- number of elements
  v.l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  v.mean AS mean, -- mean of the elements; null when not finite or empty
  CAST(CASE WHEN abs(v.min) <= 1.7976931348623157e308 THEN v.min END AS REAL) AS min, -- smallest element; null when it is not finite
  CAST(CASE WHEN abs(v.max) <= 1.7976931348623157e308 THEN v.max END AS REAL) AS max, -- largest element; null when it is not finite
  v.zero_count AS zero_count, -- how many elements are 0
  v.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  CAST(CASE v.non_finite_count WHEN 0 THEN 0 ELSE v.nan_count END AS INTEGER) AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart
  CAST(CASE v.non_finite_count WHEN 0 THEN 0 ELSE v.non_finite_count - v.nan_count END AS INTEGER) AS infinite_count, -- how many of these are infinite; null as nan_count
  v.id AS value_id, -- joins value.id
  CAST(coalesce((SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), 0) AS INTEGER) AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3 JOIN json_each(s.content, '$[3]') o ON true JOIN _value v ON v.id = coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c));

CREATE VIEW event AS -- Every event. Order by run_id, position, which is its key.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- 1-based place in the run, without gaps
  b.step AS step, -- in which it happened
  CAST(d.key AS TEXT) AS type, -- RunStarted, StepStarted, LeafCreated, FunctionCalled, BackwardStarted, GradientComputed, GradientCleared, GradientAssigned, GradientReplaced, BackwardAborted, ValueAssigned, VariableNamed, VariableUnchained, MetricLogged, CheckpointTaken, EpochStarted, NoteAdded, RunFinished
  CAST(CASE WHEN d.value = 3 THEN (b.id & 4294967295) + (e.value ->> 0) ELSE coalesce(CASE WHEN typeof((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END)) = 'real' THEN b.base - CAST((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END) - 0.5 AS INTEGER) WHEN (CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END) < 0 THEN -((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END)) & 1099511627775 WHEN (CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END) > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - ((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END) & 1099511627775) END, (CASE d.value WHEN 9 THEN (SELECT m.variable FROM _metric m WHERE m.id = b.id + (e.value ->> 0)) ELSE (SELECT k.subject FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END) & 1099511627775) END AS INTEGER) AS variable_position, -- the variable it is about; for a call its first input; null when it is about none
  CAST(CASE WHEN d.value = 3 THEN 0 ELSE coalesce(CASE WHEN typeof((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END)) = 'real' THEN 0 ELSE abs((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 8 THEN e.value ->> 4 END)) >> 40 END, (CASE d.value WHEN 9 THEN (SELECT m.variable FROM _metric m WHERE m.id = b.id + (e.value ->> 0)) ELSE (SELECT k.subject FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END) >> 40) END AS INTEGER) AS variable_slot, -- which output of its call that variable is; null when it is about none
  CAST(CASE d.value WHEN 3 THEN (SELECT f.content FROM _leaf_form f WHERE f.id = e.value ->> 3) WHEN 4 THEN (SELECT s.function FROM _signature s WHERE s.id = e.value ->> 3)
    WHEN 9 THEN (SELECT x.content FROM _metric m JOIN _text x ON x.id = m.name_id WHERE m.id = b.id + (e.value ->> 0)) WHEN 5 THEN CASE t.passes WHEN '[]' THEN (SELECT k.payload FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE json_object('roots', json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 AND key < 3 + (e.value ->> 2) ORDER BY key) r)), 'gradients', json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 + (e.value ->> 2) AND key < 3 + 2 * (e.value ->> 2) ORDER BY key) r)), 'targets', CASE WHEN e.value ->> 1 & 4 THEN json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 + 2 * (e.value ->> 2) ORDER BY key) r)) END, 'createGraph', json(CASE WHEN e.value ->> 1 & 1 THEN 'true' ELSE 'false' END), 'retainGrad', json(CASE WHEN e.value ->> 1 & 2 THEN 'true' ELSE 'false' END)) END ELSE (SELECT k.payload FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END AS TEXT) AS detail, -- JSON of what it says; the name of a function or metric; for a leaf [role, requires_grad, name, dtype, shape]; null for nothing more
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each('{"RunStarted":1,"StepStarted":2,"LeafCreated":3,"FunctionCalled":4,"BackwardStarted":5,"GradientComputed":6,"GradientCleared":7,"ValueAssigned":8,"MetricLogged":9,"VariableNamed":10,"CheckpointTaken":11,"NoteAdded":12,"RunFinished":13,"GradientAssigned":14,"VariableUnchained":15,"GradientReplaced":16,"BackwardAborted":17,"EpochStarted":21}') d ON true JOIN json_each(CASE d.value WHEN 2 THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _step r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1) WHEN 3 THEN t.leaves WHEN 4 THEN t.calls WHEN 5 THEN CASE t.passes WHEN '[]' THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = d.value) ELSE t.passes END WHEN 6 THEN t.gradients WHEN 7 THEN t.clears WHEN 8 THEN t.assignments WHEN 9 THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _metric r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1) ELSE (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = d.value) END) e ON true;

