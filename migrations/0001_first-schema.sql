-- The first schema: one row per event, in one table per kind of event.
--
-- Tables that begin with _ are private and change by migration; the views below them are the API.
-- `id` of an event is run × 2^32 + position, so that events of one run stand together, in order.
-- A `ref` is a position of the same run, plus the output's slot × 2^40 for any but the first output of a call.
-- A value of one element stands in its event (`scalar`: a REAL; the texts 'NaN' and '-0' for the two numbers that
-- SQLite does not keep); larger values stand once each in _value.

CREATE TABLE _run (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2097151),
  name TEXT NOT NULL
) STRICT;
CREATE INDEX _run_by_name ON _run (name, id);

CREATE TABLE _text (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE) STRICT;

-- What calls of one kind have in common: [function, scope, linked, [[dtype, shape], …]].
CREATE TABLE _signature (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  function TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  scope TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED,
  linked INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[2]')) STORED,
  output_count INTEGER NOT NULL GENERATED ALWAYS AS (json_array_length(content, '$[3]')) STORED,
  dtype TEXT GENERATED ALWAYS AS (json_extract(content, '$[3][0][0]')) STORED,
  shape TEXT GENERATED ALWAYS AS (json_extract(content, '$[3][0][1]')) STORED
) STRICT;

-- What a leaf is besides its value: [role, requires_grad, name, dtype, shape].
CREATE TABLE _leaf_form (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  requires_grad INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED,
  name TEXT GENERATED ALWAYS AS (json_extract(content, '$[2]')) STORED,
  dtype TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[3]')) STORED,
  shape TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[4]')) STORED
) STRICT;

-- Dtype and shape of an array: [dtype, shape].
CREATE TABLE _array_form (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  dtype TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  shape TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED
) STRICT;

-- One row per distinct content. `hash` is SHA-256 over the dtype's name, a zero byte, and the little-endian bytes.
CREATE TABLE _value (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  dtype TEXT NOT NULL,
  size INTEGER NOT NULL,
  l2_norm REAL,
  mean REAL,
  min REAL,
  max REAL,
  zero_count INTEGER NOT NULL,
  non_finite_count INTEGER NOT NULL,
  bytes BLOB
) STRICT;

CREATE TABLE _step (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, elapsed_ms REAL NOT NULL) STRICT;
CREATE UNIQUE INDEX _step_by_number ON _step (id >> 32, step);

CREATE TABLE _leaf (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  form_id INTEGER NOT NULL,
  source INTEGER,
  scalar ANY,
  value_id INTEGER
) STRICT;

CREATE INDEX _leaf_by_form ON _leaf (form_id, id);

CREATE TABLE _call (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  signature_id INTEGER NOT NULL,
  attributes_id INTEGER NOT NULL,
  a INTEGER,
  b INTEGER,
  more TEXT,
  scalar ANY,
  value_id INTEGER
) STRICT;

-- Values of the outputs of a call but the first.
CREATE TABLE _output (
  call_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  scalar ANY,
  value_id INTEGER,
  PRIMARY KEY (call_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE _gradient (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  pass INTEGER NOT NULL,
  variable INTEGER NOT NULL,
  gradient INTEGER,
  form_id INTEGER NOT NULL,
  held INTEGER NOT NULL,
  scalar ANY,
  value_id INTEGER,
  accumulated_scalar ANY,
  accumulated_value_id INTEGER
) STRICT;

CREATE TABLE _assignment (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  variable INTEGER NOT NULL,
  source INTEGER,
  form_id INTEGER NOT NULL,
  scalar ANY,
  value_id INTEGER
) STRICT;
CREATE INDEX _assignment_by_variable ON _assignment (id >> 32, variable, id);

CREATE TABLE _metric (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  name_id INTEGER NOT NULL,
  scalar ANY NOT NULL,
  variable INTEGER
) STRICT;

-- All other events. `subject` is the variable they are about, `payload` the rest as JSON.
CREATE TABLE _fact (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  subject INTEGER,
  payload TEXT
) STRICT;
CREATE INDEX _fact_by_kind ON _fact (id >> 32, kind, subject, id);

-- Closes each batch. `hash` is SHA-256 over the hash before it and everything the batch holds.
CREATE TABLE _commit (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  event_count INTEGER NOT NULL,
  committed_at TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX _commit_by_run ON _commit (run_id, first_position);

CREATE VIEW run AS -- One recorded computation.
SELECT
  r.id AS id, -- number of the run in this tape
  r.name AS name, -- the name it was started with; several runs may share one
  coalesce(json_extract(finished.payload, '$.status'), 'recording') AS status, -- finished, failed, interrupted; recording: no end is recorded, so it is still going on or its process was killed
  json_extract(started.payload, '$.startedAt') AS started_at, -- UTC, ISO 8601
  json_extract(finished.payload, '$.elapsedMs') AS elapsed_ms, -- from start to end; null while no end is recorded
  (SELECT coalesce(max(s.step), 0) FROM _step s WHERE s.id >> 32 = r.id) AS step_count, -- training steps begun
  (SELECT c.first_position + c.event_count - 1 FROM _commit c WHERE c.run_id = r.id ORDER BY c.first_position DESC LIMIT 1) AS event_count, -- events in the file
  json_extract(finished.payload, '$.error') AS error, -- what made it fail
  json_extract(started.payload, '$.seed') AS seed, -- seed of its random numbers
  json_extract(started.payload, '$.config') AS config, -- JSON, as the user gave it
  json_extract(started.payload, '$.capture') AS capture, -- how much is stored
  json_extract(started.payload, '$.kernel') AS kernel, -- id of the code that computed; one id, one result
  json_extract(started.payload, '$.engine') AS engine, -- version of gradtape
  json_extract(started.payload, '$.node') AS node, -- version of Node
  json_extract(started.payload, '$.v8') AS v8, -- version of V8
  json_extract(started.payload, '$.platform') AS platform, -- operating system and processor
  json_extract(started.payload, '$.host') AS host, -- name of the machine
  json_extract(started.payload, '$.pid') AS pid, -- process that recorded it
  json_extract(started.payload, '$.parent.run') AS parent_run_id, -- for a fork: the run it began from
  json_extract(started.payload, '$.parent.step') AS parent_step -- for a fork: the step it began from
FROM _run r
JOIN _fact started ON started.id = (r.id << 32) + 1
LEFT JOIN _fact finished ON finished.id >> 32 = r.id AND finished.kind = 13;

CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row.
SELECT
  id >> 32 AS run_id, -- joins run.id
  step AS step, -- counts from 1
  id & 4294967295 AS position, -- of the event that began it
  elapsed_ms AS elapsed_ms -- since the run started
FROM _step;

CREATE VIEW variable AS -- One node: a leaf, or one output of a call.
SELECT
  v.id >> 32 AS run_id, -- joins run.id
  v.id & 4294967295 AS position, -- of the event that made it
  v.slot AS slot, -- which output of its call; 0 for a leaf
  v.step AS step, -- in which it was made
  coalesce((SELECT json_extract(f.payload, '$.name') FROM _fact f WHERE f.id >> 32 = v.id >> 32 AND f.kind = 10
    AND f.subject = (v.id & 4294967295) + (v.slot << 40) ORDER BY f.id DESC LIMIT 1), v.name) AS name, -- the last name it was given; null when none
  v.role AS role, -- parameter, variable, constant (leaves), output (of a call)
  v.creator AS creator_position, -- joins call.position; null for a leaf, and for what noGrad made
  v.dtype AS dtype, -- float64, float32, int32, uint8, bool
  v.shape AS shape, -- JSON
  CASE v.scalar WHEN '-0' THEN -0.0 ELSE v.scalar END AS value, -- the number, of a variable of one element ('NaN' as text); null otherwise, or when not captured
  v.value_id AS value_id, -- joins value.id; null for a variable of one element, or when not captured
  v.source AS source_position -- for a leaf: the event whose value it has; null when it came from outside
FROM (
  SELECT l.id, 0 AS slot, l.step, f.name, f.role, NULL AS creator, f.dtype, f.shape, l.scalar, l.value_id, l.source
  FROM _leaf l JOIN _leaf_form f ON f.id = l.form_id
  UNION ALL
  SELECT c.id, 0, c.step, NULL, 'output', CASE WHEN s.linked THEN c.id & 4294967295 END, s.dtype, s.shape, c.scalar, c.value_id, NULL
  FROM _call c JOIN _signature s ON s.id = c.signature_id
  UNION ALL
  SELECT c.id, o.slot, c.step, NULL, 'output', CASE WHEN s.linked THEN c.id & 4294967295 END, json_extract(s.content, '$[3][' || o.slot || '][0]'),
    json_extract(s.content, '$[3][' || o.slot || '][1]'), o.scalar, o.value_id, NULL
  FROM _output o JOIN _call c ON c.id = o.call_id JOIN _signature s ON s.id = c.signature_id
) v;

CREATE VIEW call AS -- One forward call of a function.
SELECT
  c.id >> 32 AS run_id, -- joins run.id
  c.id & 4294967295 AS position, -- its place in the run; also names its first output
  c.step AS step, -- in which it was made
  s.function AS function, -- registered name
  t.content AS attributes, -- JSON: what it was told besides its inputs
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS linked, -- 0 inside noGrad: the outputs have no creator
  (c.a IS NOT NULL) + (c.b IS NOT NULL) + CASE WHEN c.more IS NULL THEN 0 ELSE json_array_length(c.more) END AS input_count, -- see edge
  s.output_count AS output_count, -- see edge
  s.dtype AS dtype, -- of the first output
  s.shape AS shape -- JSON; of the first output
FROM _call c JOIN _signature s ON s.id = c.signature_id JOIN _text t ON t.id = c.attributes_id;

CREATE VIEW edge AS -- One edge: variable to call (direction input), or call to variable (direction output).
SELECT
  id >> 32 AS run_id, -- joins run.id
  id & 4294967295 AS call_position, -- joins call.position
  'input' AS direction, -- input or output
  0 AS slot, -- argument or result number, from 0
  a & 1099511627775 AS variable_position, -- joins variable.position
  a >> 40 AS variable_slot -- joins variable.slot
FROM _call WHERE a IS NOT NULL
UNION ALL
SELECT id >> 32, id & 4294967295, 'input', 1, b & 1099511627775, b >> 40 FROM _call WHERE b IS NOT NULL
UNION ALL
SELECT c.id >> 32, c.id & 4294967295, 'input', m.key + 2, m.value & 1099511627775, m.value >> 40 FROM _call c, json_each(c.more) m WHERE c.more IS NOT NULL
UNION ALL
SELECT id >> 32, id & 4294967295, 'output', 0, id & 4294967295, 0 FROM _call
UNION ALL
SELECT call_id >> 32, call_id & 4294967295, 'output', slot, call_id & 4294967295, slot FROM _output;

CREATE VIEW gradient AS -- One gradient that a backward pass computed for one variable.
SELECT
  g.id >> 32 AS run_id, -- joins run.id
  g.id & 4294967295 AS position, -- its place in the run
  g.step AS step, -- in which it was computed
  g.pass AS pass_position, -- the BackwardStarted event; joins event.position
  g.variable & 1099511627775 AS variable_position, -- joins variable.position
  g.variable >> 40 AS variable_slot, -- joins variable.slot
  coalesce((SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = g.id >> 32 AND n.kind = 10 AND n.subject = g.variable ORDER BY n.id DESC LIMIT 1),
    (SELECT lf.name FROM _leaf l JOIN _leaf_form lf ON lf.id = l.form_id WHERE l.id = (g.id >> 32 << 32) + (g.variable & 1099511627775))) AS variable_name, -- the last name of the variable; null when none
  f.dtype AS dtype, -- of the variable and its gradient
  f.shape AS shape, -- JSON
  CASE g.scalar WHEN '-0' THEN -0.0 ELSE g.scalar END AS value, -- the number, of a gradient of one element ('NaN' as text); null otherwise
  CASE WHEN typeof(g.scalar) = 'real' THEN abs(g.scalar) WHEN g.scalar = '-0' THEN 0.0 ELSE v.l2_norm END AS l2_norm, -- Euclidean norm; null when not finite
  CASE WHEN typeof(g.scalar) = 'real' THEN g.scalar WHEN g.scalar = '-0' THEN 0.0 ELSE v.mean END AS mean, -- mean of the elements; null when not finite
  CASE WHEN typeof(g.scalar) = 'real' THEN g.scalar WHEN g.scalar = '-0' THEN 0.0 ELSE v.min END AS min, -- smallest element; null when there are none or one is NaN
  CASE WHEN typeof(g.scalar) = 'real' THEN g.scalar WHEN g.scalar = '-0' THEN 0.0 ELSE v.max END AS max, -- largest element; null when there are none or one is NaN
  CASE WHEN g.scalar IS NOT NULL THEN g.scalar = 0.0 OR g.scalar = '-0' ELSE v.zero_count END AS zero_count, -- how many elements are 0
  CASE WHEN g.scalar IS NOT NULL THEN g.scalar = 'NaN' OR (typeof(g.scalar) = 'real' AND abs(g.scalar) > 1.7976931348623157e308) ELSE v.non_finite_count END AS non_finite_count, -- how many elements are NaN or infinite
  lower(hex(v.hash)) AS hash, -- joins value.hash; null for one element
  g.value_id AS value_id, -- joins value.id; null for one element, or when not captured
  CASE g.held WHEN 0 THEN 'nothing' WHEN 1 THEN 'contribution' ELSE 'accumulated' END AS held, -- what the variable's grad is after the pass: nothing (an intermediate variable), this contribution, or this added to what it held
  CASE g.accumulated_scalar WHEN '-0' THEN -0.0 ELSE g.accumulated_scalar END AS accumulated_value, -- when accumulated: the sum, for one element
  g.accumulated_value_id AS accumulated_value_id -- when accumulated: joins value.id
FROM _gradient g JOIN _array_form f ON f.id = g.form_id LEFT JOIN _value v ON v.id = g.value_id;

CREATE VIEW value AS -- The bytes of an array, once per distinct content. An array of one element stands with its event instead.
SELECT
  id AS id, -- number of the value in this tape
  lower(hex(hash)) AS hash, -- SHA-256 over the dtype's name, a zero byte, and the bytes
  dtype AS dtype, -- float64, float32, int32, uint8, bool
  size AS size, -- number of elements
  l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  mean AS mean, -- mean of the elements; null when not finite or empty
  min AS min, -- smallest element; null when there are none or one is NaN
  max AS max, -- largest element; null when there are none or one is NaN
  zero_count AS zero_count, -- how many elements are 0
  non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  length(bytes) AS byte_count, -- null when the bytes were not captured
  bytes AS bytes -- row-major, little-endian
FROM _value;

CREATE VIEW metric AS -- One number logged by the program.
SELECT
  m.id >> 32 AS run_id, -- joins run.id
  m.id & 4294967295 AS position, -- its place in the run
  m.step AS step, -- in which it was logged
  t.content AS name, -- as given to run.log
  CASE m.scalar WHEN '-0' THEN -0.0 ELSE m.scalar END AS value, -- the number ('NaN' as text)
  m.variable & 1099511627775 AS variable_position -- the variable it was read from; null for a plain number
FROM _metric m JOIN _text t ON t.id = m.name_id;

CREATE VIEW checkpoint AS -- The values of all parameters and optimizer state at a step.
SELECT
  id >> 32 AS run_id, -- joins run.id
  id & 4294967295 AS position, -- its place in the run
  step AS step, -- at which it was taken
  json_array_length(payload, '$.variables') AS variable_count -- how many variables it holds
FROM _fact WHERE kind = 11;

CREATE VIEW note AS -- One remark of the program or of a person.
SELECT
  id >> 32 AS run_id, -- joins run.id
  id & 4294967295 AS position, -- its place in the run
  step AS step, -- in which it was made
  json_extract(payload, '$.text') AS text -- the remark
FROM _fact WHERE kind = 12;

CREATE VIEW event AS -- Every event. Order by run_id, position.
SELECT
  id >> 32 AS run_id, -- joins run.id
  id & 4294967295 AS position, -- 1-based place in the run, without gaps
  step AS step, -- in which it happened
  CASE kind WHEN 1 THEN 'RunStarted' WHEN 5 THEN 'BackwardStarted' WHEN 7 THEN 'GradientCleared' WHEN 10 THEN 'VariableNamed' WHEN 11 THEN 'CheckpointTaken'
    WHEN 12 THEN 'NoteAdded' WHEN 13 THEN 'RunFinished' WHEN 14 THEN 'GradientAssigned' WHEN 15 THEN 'VariableUnchained' END AS type, -- what happened
  subject & 1099511627775 AS variable_position, -- the variable it is about, if it is about one; for a call its first input
  payload AS detail -- JSON, or the name of the function, leaf or metric
FROM _fact
UNION ALL SELECT id >> 32, id & 4294967295, step, 'StepStarted', NULL, NULL FROM _step
UNION ALL SELECT l.id >> 32, l.id & 4294967295, l.step, 'LeafCreated', l.id & 4294967295, f.content FROM _leaf l JOIN _leaf_form f ON f.id = l.form_id
UNION ALL SELECT c.id >> 32, c.id & 4294967295, c.step, 'FunctionCalled', c.a & 1099511627775, s.function FROM _call c JOIN _signature s ON s.id = c.signature_id
UNION ALL SELECT g.id >> 32, g.id & 4294967295, g.step, 'GradientComputed', g.variable & 1099511627775, NULL FROM _gradient g
UNION ALL SELECT a.id >> 32, a.id & 4294967295, a.step, 'ValueAssigned', a.variable & 1099511627775, NULL FROM _assignment a
UNION ALL SELECT m.id >> 32, m.id & 4294967295, m.step, 'MetricLogged', m.variable & 1099511627775, t.content FROM _metric m JOIN _text t ON t.id = m.name_id;

-- Append-only. The insert triggers stand in the way of INSERT OR REPLACE, whose deletions fire no delete trigger unless
-- the connection has recursive_triggers on.
CREATE TRIGGER _run_no_update BEFORE UPDATE ON _run BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _run_no_delete BEFORE DELETE ON _run BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _run_no_replace BEFORE INSERT ON _run WHEN EXISTS (SELECT 1 FROM _run WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _text_no_update BEFORE UPDATE ON _text BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _text_no_delete BEFORE DELETE ON _text BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _text_no_replace BEFORE INSERT ON _text WHEN EXISTS (SELECT 1 FROM _text WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _text WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _signature_no_update BEFORE UPDATE ON _signature BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _signature_no_delete BEFORE DELETE ON _signature BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _signature_no_replace BEFORE INSERT ON _signature WHEN EXISTS (SELECT 1 FROM _signature WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _signature WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_form_no_update BEFORE UPDATE ON _leaf_form BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_form_no_delete BEFORE DELETE ON _leaf_form BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_form_no_replace BEFORE INSERT ON _leaf_form WHEN EXISTS (SELECT 1 FROM _leaf_form WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _leaf_form WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _array_form_no_update BEFORE UPDATE ON _array_form BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _array_form_no_delete BEFORE DELETE ON _array_form BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _array_form_no_replace BEFORE INSERT ON _array_form WHEN EXISTS (SELECT 1 FROM _array_form WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _array_form WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _value_no_update BEFORE UPDATE ON _value BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _value_no_delete BEFORE DELETE ON _value BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _value_no_replace BEFORE INSERT ON _value WHEN EXISTS (SELECT 1 FROM _value WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _value WHERE hash = NEW.hash) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _step_no_update BEFORE UPDATE ON _step BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _step_no_delete BEFORE DELETE ON _step BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _step_no_replace BEFORE INSERT ON _step WHEN EXISTS (SELECT 1 FROM _step WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _step WHERE id >> 32 = NEW.id >> 32 AND step = NEW.step) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_no_update BEFORE UPDATE ON _leaf BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_no_delete BEFORE DELETE ON _leaf BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _leaf_no_replace BEFORE INSERT ON _leaf WHEN EXISTS (SELECT 1 FROM _leaf WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_no_update BEFORE UPDATE ON _call BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_no_delete BEFORE DELETE ON _call BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_no_replace BEFORE INSERT ON _call WHEN EXISTS (SELECT 1 FROM _call WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _output_no_update BEFORE UPDATE ON _output BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _output_no_delete BEFORE DELETE ON _output BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _output_no_replace BEFORE INSERT ON _output WHEN EXISTS (SELECT 1 FROM _output WHERE call_id = NEW.call_id AND slot = NEW.slot) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _gradient_no_update BEFORE UPDATE ON _gradient BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _gradient_no_delete BEFORE DELETE ON _gradient BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _gradient_no_replace BEFORE INSERT ON _gradient WHEN EXISTS (SELECT 1 FROM _gradient WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _assignment_no_update BEFORE UPDATE ON _assignment BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _assignment_no_delete BEFORE DELETE ON _assignment BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _assignment_no_replace BEFORE INSERT ON _assignment WHEN EXISTS (SELECT 1 FROM _assignment WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _metric_no_update BEFORE UPDATE ON _metric BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _metric_no_delete BEFORE DELETE ON _metric BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _metric_no_replace BEFORE INSERT ON _metric WHEN EXISTS (SELECT 1 FROM _metric WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _fact_no_update BEFORE UPDATE ON _fact BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _fact_no_delete BEFORE DELETE ON _fact BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _fact_no_replace BEFORE INSERT ON _fact WHEN EXISTS (SELECT 1 FROM _fact WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _commit_no_update BEFORE UPDATE ON _commit BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _commit_no_delete BEFORE DELETE ON _commit BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _commit_no_replace BEFORE INSERT ON _commit WHEN EXISTS (SELECT 1 FROM _commit WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
