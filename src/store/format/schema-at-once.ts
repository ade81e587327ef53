/**
 * What makes the newest schema, but the list of migrations, in an empty database: statements that give what all migrations together
 * give. Written by scripts/embed-files.mjs: do not edit.
 */
/** Of the migrations that it stands for. */
export const AT_ONCE_OF = 'e385a4450b4952807a20cc68395d17ea4ab2217340f18161e338379472308b62'
export const schemaAtOnce = () => `CREATE TABLE _run (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2097151),
  name TEXT NOT NULL
) STRICT;

CREATE TABLE _text (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE) STRICT;

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

CREATE TABLE _leaf_form (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  requires_grad INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED,
  name TEXT GENERATED ALWAYS AS (json_extract(content, '$[2]')) STORED,
  dtype TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[3]')) STORED,
  shape TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[4]')) STORED
) STRICT;

CREATE TABLE _array_form (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  dtype TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  shape TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED
) STRICT;

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
, nan_count INTEGER) STRICT;

CREATE TABLE _step (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, elapsed_ms REAL NOT NULL) STRICT;

CREATE TABLE _template (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  event_count INTEGER NOT NULL,
  calls TEXT NOT NULL,
  leaves TEXT NOT NULL,
  gradients TEXT NOT NULL,
  assignments TEXT NOT NULL,
  clears TEXT NOT NULL
, passes TEXT NOT NULL DEFAULT '[]', freezes TEXT NOT NULL DEFAULT '[]') STRICT;

CREATE TABLE _mark (
  template_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  key ANY NOT NULL,
  PRIMARY KEY (kind, key, template_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE _block (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  template_id INTEGER NOT NULL,
  base INTEGER NOT NULL,
  slots BLOB
) STRICT;

CREATE TABLE _power_of_two (exponent INTEGER PRIMARY KEY, value REAL NOT NULL) STRICT;

CREATE TABLE _metric (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  name_id INTEGER NOT NULL,
  scalar ANY NOT NULL,
  variable INTEGER
) STRICT;

CREATE TABLE _fact (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  subject INTEGER,
  payload TEXT
) STRICT;

CREATE TABLE _commit (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  event_count INTEGER NOT NULL,
  committed_at TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE _checkpoint_value (
  id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  form_id INTEGER NOT NULL,
  value_id INTEGER,
  scalar ANY,
  CHECK ((value_id IS NULL) <> (scalar IS NULL)),
  PRIMARY KEY (id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE _chunk (
  value_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (value_id, ordinal)
) STRICT;

CREATE TABLE _materialized (
  id INTEGER NOT NULL,
  part INTEGER NOT NULL,
  commit_id INTEGER NOT NULL,
  value_id INTEGER,
  scalar ANY,
  CHECK ((value_id IS NULL) <> (scalar IS NULL)),
  PRIMARY KEY (id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE _variable (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL,
  ref INTEGER NOT NULL,
  leaf_form_id INTEGER,
  name TEXT,
  UNIQUE (run_id, ref)
) STRICT;

CREATE TABLE _gradient (
  id INTEGER PRIMARY KEY,
  variable_id INTEGER NOT NULL,
  pass INTEGER NOT NULL,
  form_id INTEGER NOT NULL,
  held INTEGER NOT NULL,
  -- What is kept: 0 nothing, 1 the number in \`scalar\`, 2 the bytes of \`value_id\`, 3 the summary, 4 hash and summary of \`value_id\`.
  kept INTEGER NOT NULL,
  value_id INTEGER,
  scalar ANY,
  l2_norm REAL,
  mean REAL,
  min REAL,
  max REAL,
  zero_count INTEGER,
  non_finite_count INTEGER
, nan_count INTEGER) STRICT;

CREATE TABLE _accumulated (
  id INTEGER PRIMARY KEY,
  -- What is kept: 0 nothing, 1 the number in \`scalar\`, 2 the bytes of \`value_id\`, 3 the summary, 4 hash and summary of \`value_id\`.
  kept INTEGER NOT NULL,
  value_id INTEGER,
  scalar ANY,
  l2_norm REAL,
  mean REAL,
  min REAL,
  max REAL,
  zero_count INTEGER,
  non_finite_count INTEGER
, nan_count INTEGER) STRICT;

CREATE TABLE _site (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  file TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  line INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED,
  column_number INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[2]')) STORED,
  caller TEXT GENERATED ALWAYS AS (json_extract(content, '$[3]')) STORED
) STRICT;

CREATE TABLE _call_site (
  id INTEGER PRIMARY KEY,
  template_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  site_id INTEGER NOT NULL
) STRICT;

CREATE TABLE _assignment (
  id INTEGER PRIMARY KEY,
  variable_id INTEGER NOT NULL,
  -- Of the new value; all null for one number of which the run was to keep nothing.
  l2_norm REAL,
  mean REAL,
  min REAL,
  max REAL,
  zero_count INTEGER,
  non_finite_count INTEGER,
  nan_count INTEGER,
  -- Of the new value minus the one before.
  update_norm REAL
) STRICT;

CREATE TABLE _name (
  template_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (template_id, place, slot, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE _label (
  id INTEGER PRIMARY KEY,
  commit_id INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('named', 'tagged', 'untagged')),
  text TEXT NOT NULL
) STRICT;

INSERT INTO _power_of_two
WITH RECURSIVE up (exponent, value) AS (SELECT 0, 1.0 UNION ALL SELECT exponent + 1, value * 2.0 FROM up WHERE exponent < 971)
SELECT * FROM up;

INSERT INTO _power_of_two
WITH RECURSIVE down (exponent, value) AS (SELECT -1, 0.5 UNION ALL SELECT exponent - 1, value / 2.0 FROM down WHERE exponent > -1074)
SELECT * FROM down;

CREATE INDEX _run_by_name ON _run (name, id);

CREATE INDEX _block_by_step ON _block (run_id, step);

CREATE INDEX _fact_by_kind ON _fact (id >> 32, kind, subject, id);

CREATE INDEX _commit_by_run ON _commit (run_id, first_position);

CREATE INDEX _metric_by_name ON _metric (CAST(id >> 32 AS INTEGER), name_id, step);

CREATE UNIQUE INDEX _step_by_number ON _step (CAST(id >> 32 AS INTEGER), step);

CREATE INDEX _call_site_by_place ON _call_site (template_id, place, id);

CREATE INDEX _name_by_name ON _name (name);

CREATE INDEX _block_by_template ON _block (template_id, run_id);

CREATE INDEX _label_by_commit ON _label (commit_id);

CREATE INDEX _label_by_run ON _label (run_id, kind);

CREATE VIEW tape AS -- The tape itself: one row.
SELECT
  CAST((SELECT max(version) FROM _migration) AS INTEGER) AS schema_version, -- of the tables and views
  CAST((SELECT count(*) FROM _run) AS INTEGER) AS run_count, -- see run
  CAST((SELECT count(*) FROM _commit) AS INTEGER) AS commit_count, -- see tape_commit
  CAST((SELECT lower(hex(c.hash)) FROM _commit c ORDER BY c.id DESC LIMIT 1) AS TEXT) AS head_hash -- of the last batch: what \`verify --expect\` is given; null while there is none
FROM (SELECT 1) one;

CREATE VIEW chunk AS -- A piece of the bytes of a value that is too large for one row. Key: value_id, ordinal.
SELECT
  value_id AS value_id, -- joins value.id
  ordinal AS ordinal, -- its place, from 0
  bytes AS bytes -- at most 16 MiB; put one after the other they are the value's bytes
FROM _chunk;

CREATE VIEW metric AS -- One number logged by the program. Key: run_id, position.
SELECT
  CAST(m.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(m.id & 4294967295 AS INTEGER) AS position, -- its place in the run
  m.step AS step, -- in which it was logged
  t.content AS name, -- as given to run.log
  CAST(CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(m.scalar) <= 1.7976931348623157e308 THEN m.scalar END END AS REAL) AS value, -- the number; null when it is not finite
  CAST(CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN m.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN m.scalar < -1.7976931348623157e308 THEN '-Infinity' END END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  CAST(m.variable & 1099511627775 AS INTEGER) AS variable_position, -- the variable it was read from: joins variable.position; null for a plain number
  CAST(m.variable >> 40 AS INTEGER) AS variable_slot -- joins variable.slot; null for a plain number
FROM _metric m JOIN _text t ON t.id = m.name_id;

CREATE VIEW checkpoint AS -- The values of all parameters and optimizer state at a step. Key: run_id, position.
SELECT
  CAST(id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(id & 4294967295 AS INTEGER) AS position, -- its place in the run
  step AS step, -- at which it was taken
  CAST(json_array_length(payload, '$.variables') AS INTEGER) AS variable_count, -- how many variables it holds
  CAST((SELECT coalesce(sum(coalesce(v.size * CASE v.dtype WHEN 'float64' THEN 8 WHEN 'float32' THEN 4 WHEN 'int32' THEN 4 ELSE 1 END, 8)), 0) FROM _checkpoint_value k LEFT JOIN _value v ON v.id = k.value_id WHERE k.id = _fact.id) AS INTEGER) AS byte_count -- of their values, each content counted as often as it is held
FROM _fact WHERE kind = 11;

CREATE VIEW checkpoint_value AS -- The value of one variable in a checkpoint. Key: run_id, checkpoint_position, variable_position, variable_slot.
SELECT
  CAST(k.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(k.id & 4294967295 AS INTEGER) AS checkpoint_position, -- joins checkpoint.position
  c.step AS step, -- of the checkpoint
  CAST(json_extract(c.payload, '$.variables[' || k.ordinal || ']') & 1099511627775 AS INTEGER) AS variable_position, -- joins variable.position
  CAST(json_extract(c.payload, '$.variables[' || k.ordinal || ']') >> 40 AS INTEGER) AS variable_slot, -- joins variable.slot
  f.dtype AS dtype, -- float64, float32, int32, uint8, bool
  f.shape AS shape, -- JSON
  CAST(CASE typeof(k.scalar) WHEN 'text' THEN CASE k.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(k.scalar) <= 1.7976931348623157e308 THEN k.scalar END END AS REAL) AS value, -- the number, of a variable of one element; null otherwise, and when it is not finite
  CAST(CASE typeof(k.scalar) WHEN 'text' THEN CASE k.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN k.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN k.scalar < -1.7976931348623157e308 THEN '-Infinity' END END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  k.value_id AS value_id -- joins value.id; null for one element
FROM _checkpoint_value k JOIN _fact c ON c.id = k.id JOIN _array_form f ON f.id = k.form_id;

CREATE VIEW note AS -- One remark of the program or of a person. Key: run_id, position.
SELECT
  CAST(id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(id & 4294967295 AS INTEGER) AS position, -- its place in the run
  step AS step, -- in which it was made
  CAST(json_extract(payload, '$.text') AS TEXT) AS text -- the remark
FROM _fact WHERE kind = 12;

CREATE VIEW block AS -- A stretch of events that are stored together. What stands at position p of run r is in the block with the id (SELECT max(id) FROM block WHERE id <= (r << 32) + p). Key: id.
SELECT
  b.id AS id, -- the run's number << 32, plus the position of its first event
  b.run_id AS run_id, -- joins run.id
  CAST(b.id & 4294967295 AS INTEGER) AS first_position, -- in the run
  t.event_count AS event_count, -- how many events it holds
  b.step AS step, -- in which they happened
  b.template_id AS template_id -- equal for blocks of one graph: what they have in common is stored once; see template_call
FROM _block b JOIN _template t ON t.id = b.template_id;

CREATE VIEW call_site AS -- Where a call stands in the user's code. Looked at in steps 1 to 3 and every hundredth, and where the graph changed: any other call has the site of the last one of its place and template. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST(c.id & 4294967295 AS INTEGER) AS position, -- joins call.position
  b.step AS step, -- in which the call was made
  s.function AS function, -- registered name of what was called
  s.scope AS scope, -- dotted name of the place in the program
  i.file AS file, -- relative to the folder in which the program ran, where it lies in that
  i.line AS line, -- from 1
  i.column_number AS column_number, -- from 1
  i.caller AS caller, -- the function of the user's code; null at the top level of a module, and where it has no name
  c.template_id AS template_id, -- joins template_call.template_id
  c.place AS place -- joins template_call.place
FROM _call_site c JOIN _site i ON i.id = c.site_id JOIN _block b ON b.id = c.id - c.place JOIN _template t ON t.id = b.template_id
JOIN json_each(t.calls) e ON e.value ->> 0 = c.place JOIN _signature s ON s.id = e.value ->> 3;

CREATE VIEW template_call AS -- One call of a repeated graph, once however often it is repeated; see block. Key: template_id, place.
SELECT
  t.id AS template_id, -- joins block.template_id
  CAST(e.value ->> 0 AS INTEGER) AS place, -- in its blocks: the call stands at first_position + place
  s.function AS function, -- registered name
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS is_grad_enabled, -- 0 inside noGrad
  CAST((SELECT x.content FROM _text x WHERE x.id = e.value ->> 4) AS TEXT) AS attributes, -- JSON; null where they differ from block to block
  CAST(json_array_length(e.value) - 5 AS INTEGER) AS input_count, -- see call_input
  s.output_count AS output_count, -- see call_output
  s.dtype AS dtype, -- of the first output
  s.shape AS shape, -- JSON; of the first output
  CAST((SELECT i.file || ':' || i.line || ':' || i.column_number FROM _site i WHERE i.id = (SELECT c.site_id FROM _call_site c WHERE c.template_id = t.id AND c.place = e.value ->> 0 ORDER BY c.id DESC LIMIT 1)) AS TEXT) AS site -- file:line:column of the user's code that made it last; null when it was not looked at
FROM _template t JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3;

CREATE VIEW assignment AS -- One new value that a variable was given. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the event
  b.step AS step, -- in which it happened
  CAST(CASE WHEN typeof(e.value ->> 4) = 'real' THEN b.base - CAST(e.value ->> 4 - 0.5 AS INTEGER) WHEN e.value ->> 4 < 0 THEN -(e.value ->> 4) & 1099511627775 WHEN e.value ->> 4 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 4 & 1099511627775) END AS INTEGER) AS variable_position, -- joins variable.position
  CAST(CASE WHEN typeof(e.value ->> 4) = 'real' THEN 0 ELSE abs(e.value ->> 4) >> 40 END AS INTEGER) AS variable_slot, -- joins variable.slot
  CAST(CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END AS INTEGER) AS source_position, -- the event whose value it is; null when it came from outside
  CAST(CASE e.value ->> 5 WHEN 0 THEN NULL ELSE CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END END AS INTEGER) AS source_slot, -- which output of that event
  CAST((SELECT f.dtype FROM _array_form f WHERE f.id = e.value ->> 3) AS TEXT) AS dtype, -- float64, float32, int32, uint8, bool
  CAST((SELECT f.shape FROM _array_form f WHERE f.id = e.value ->> 3) AS TEXT) AS shape, -- JSON
  CAST((SELECT v.name FROM _variable v WHERE v.id = m.variable_id) AS TEXT) AS variable_name, -- the name the variable was made with; null when none, and when the run did not measure this assignment
  m.l2_norm AS l2_norm, -- Euclidean norm of the new value; null when not finite, and when the run did not measure this assignment
  m.mean AS mean, -- mean of the elements; null as l2_norm, and when there are none
  CAST(CASE WHEN abs(m.min) <= 1.7976931348623157e308 THEN m.min END AS REAL) AS min, -- smallest element
  CAST(CASE WHEN abs(m.max) <= 1.7976931348623157e308 THEN m.max END AS REAL) AS max, -- largest element
  m.zero_count AS zero_count, -- how many elements are 0
  m.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  CAST(CASE m.non_finite_count WHEN 0 THEN 0 ELSE m.nan_count END AS INTEGER) AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart
  CAST(CASE m.non_finite_count WHEN 0 THEN 0 ELSE m.non_finite_count - m.nan_count END AS INTEGER) AS infinite_count, -- how many of these are infinite; null as nan_count
  m.update_norm AS update_norm, -- Euclidean norm of the new value minus the one before; null as l2_norm
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.assignments) e ON true LEFT JOIN _assignment m ON m.id = b.id + (e.value ->> 0);

CREATE VIEW call AS -- One forward call of a function. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- its place in the run; also names its first output
  b.step AS step, -- in which it was made
  CAST((SELECT s.function FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS function, -- registered name
  CAST((SELECT x.content FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS TEXT) AS attributes, -- JSON: what it was told besides its inputs; a number that JSON has not (NaN, infinities, -0) as {"$number":"NaN"}
  CAST((SELECT s.scope FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS scope, -- dotted name of the place in the program
  CAST((SELECT s.linked FROM _signature s WHERE s.id = e.value ->> 3) AS INTEGER) AS is_grad_enabled, -- 0 inside noGrad: the outputs have no creator
  CAST(json_array_length(e.value) - 5 AS INTEGER) AS input_count, -- see call_input
  CAST((SELECT s.output_count FROM _signature s WHERE s.id = e.value ->> 3) AS INTEGER) AS output_count, -- see call_output
  CAST((SELECT s.dtype FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS dtype, -- of the first output; null when there is none
  CAST((SELECT s.shape FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS shape, -- JSON; of the first output
  b.id AS block_id, -- joins block.id: of the block that holds it, by which it is found at once; see block
  CAST((SELECT i.file || ':' || i.line || ':' || i.column_number FROM _site i WHERE i.id = (SELECT c.site_id FROM _call_site c WHERE c.template_id = b.template_id AND c.place = e.value ->> 0 AND c.id > b.run_id << 32 AND c.id <= b.id + (e.value ->> 0) ORDER BY c.id DESC LIMIT 1)) AS TEXT) AS site -- file:line:column of the user's code that made it, or a call of the same place and template before it; null when it was not looked at; see call_site
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true;

CREATE VIEW value AS -- The bytes of an array, once per distinct content. An array of one element stands with its event instead. Key: id.
SELECT
  id AS id, -- number of the value in this tape
  CAST(lower(hex(hash)) AS TEXT) AS hash, -- SHA-256 over the dtype's name, a zero byte, and the bytes
  dtype AS dtype, -- float64, float32, int32, uint8, bool (one byte an element)
  size AS size, -- number of elements; the shape stands with what names the value
  l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  mean AS mean, -- mean of the elements; null when not finite or empty
  CAST(CASE WHEN abs(min) <= 1.7976931348623157e308 THEN min END AS REAL) AS min, -- smallest element; null when there are none, or it is not finite
  CAST(CASE WHEN abs(max) <= 1.7976931348623157e308 THEN max END AS REAL) AS max, -- largest element; null when there are none, or it is not finite
  zero_count AS zero_count, -- how many elements are 0
  non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  CAST(CASE v.non_finite_count WHEN 0 THEN 0 ELSE v.nan_count END AS INTEGER) AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart
  CAST(CASE v.non_finite_count WHEN 0 THEN 0 ELSE v.non_finite_count - v.nan_count END AS INTEGER) AS infinite_count, -- how many of these are infinite; null as nan_count
  CAST(coalesce(length(bytes), (SELECT sum(length(c.bytes)) FROM _chunk c WHERE c.value_id = v.id)) AS INTEGER) AS byte_count, -- null when the bytes were not captured
  CAST(coalesce(bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = v.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = v.id) = 1)) AS BLOB) AS bytes, -- row-major, little-endian; null when not captured, or kept in several chunks: see chunk
  CAST(CASE WHEN bytes IS NOT NULL THEN 1 ELSE (SELECT count(*) FROM _chunk c WHERE c.value_id = v.id) END AS INTEGER) AS chunk_count -- in how many pieces the bytes are kept; 0 when they were not captured
FROM _value v;

CREATE VIEW run AS -- One recorded computation. Key: id.
SELECT
  r.id AS id, -- number of the run in this tape
  CAST(coalesce((SELECT l.text FROM _label l WHERE l.run_id = r.id AND l.kind = 'named' ORDER BY l.id DESC LIMIT 1), r.name) AS TEXT) AS name, -- the last name it was given, or that it was started with; several runs may share one
  CAST(coalesce(json_extract(finished.payload, '$.status'), 'recording') AS TEXT) AS status, -- finished, failed, interrupted; recording: no end is recorded, so it is still going on or its process was killed
  CAST(json_extract(started.payload, '$.startedAt') AS TEXT) AS started_at, -- UTC, ISO 8601
  CAST(json_extract(finished.payload, '$.elapsedMs') AS REAL) AS elapsed_ms, -- from start to end; null while no end is recorded
  CAST((SELECT coalesce(max(s.step), 0) FROM _step s WHERE CAST(s.id >> 32 AS INTEGER) = +r.id) AS INTEGER) AS step_count, -- training steps begun
  CAST((SELECT c.first_position + c.event_count - 1 FROM _commit c WHERE c.run_id = r.id ORDER BY c.first_position DESC LIMIT 1) AS INTEGER) AS event_count, -- events in the file
  CAST((SELECT coalesce(sum(u.blocks * json_array_length(t.calls)), 0) FROM (SELECT template_id, count(*) AS blocks FROM _block WHERE run_id = r.id GROUP BY template_id) u JOIN _template t ON t.id = u.template_id) AS INTEGER) AS call_count, -- rows of call that are of this run, counted by templates: at once
  CAST((SELECT min(b.step) FROM _block b WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (SELECT min(g.id) FROM _gradient g WHERE g.id > r.id << 32 AND g.id < (r.id + 1) << 32 AND g.non_finite_count > 0))) AS INTEGER) AS first_non_finite_step, -- in which a gradient had a NaN or an infinity first; null when none had
  CAST(json_extract(finished.payload, '$.error') AS TEXT) AS error, -- what made it fail; null when nothing did
  CAST(json_extract(started.payload, '$.seed') AS INTEGER) AS seed, -- seed of its random numbers
  CAST(json_extract(started.payload, '$.config') AS TEXT) AS config, -- JSON, as the user gave it; a number that JSON has not (NaN, infinities, -0) as {"$number":"NaN"}; see run_config
  CAST(json_extract(started.payload, '$.capture') AS TEXT) AS capture, -- how much is stored
  CAST(json_extract(started.payload, '$.kernel') AS TEXT) AS kernel, -- id of the code that computed; one id, one result
  CAST(json_extract(started.payload, '$.engine') AS TEXT) AS engine, -- version of gradtape
  CAST(json_extract(started.payload, '$.node') AS TEXT) AS node, -- version of Node
  CAST(json_extract(started.payload, '$.v8') AS TEXT) AS v8, -- version of V8
  CAST(json_extract(started.payload, '$.platform') AS TEXT) AS platform, -- operating system and processor
  CAST(json_extract(started.payload, '$.host') AS TEXT) AS host, -- name of the machine
  CAST(json_extract(started.payload, '$.pid') AS INTEGER) AS pid, -- process that recorded it
  CAST(json_extract(started.payload, '$.parent.run') AS INTEGER) AS parent_run_id, -- joins run.id, for a fork: the run it began from; null for any other
  CAST(json_extract(started.payload, '$.parent.step') AS INTEGER) AS parent_step, -- for a fork: the step it began from; null for any other
  r.name AS first_name, -- the name it was started with
  CAST((SELECT json_group_array(t.text) FROM (SELECT l.text FROM _label l WHERE l.kind = 'tagged' AND NOT EXISTS (SELECT 1 FROM _label u WHERE u.run_id = l.run_id AND u.kind <> 'named' AND u.text = l.text AND u.id > l.id) AND l.run_id = r.id ORDER BY l.text) t) AS TEXT) AS tags -- JSON: the tags that it has, sorted; see tag
FROM _run r
JOIN _fact started ON started.id = (r.id << 32) + 1
LEFT JOIN _fact finished ON finished.id >> 32 = +r.id AND finished.kind = 13;

CREATE VIEW tag AS -- One tag that a run has. Key: run_id, name.
SELECT
  l.run_id AS run_id, -- joins run.id
  l.text AS name, -- the tag
  c.committed_at AS tagged_at -- UTC, ISO 8601
FROM _label l JOIN _commit c ON c.id = l.commit_id
WHERE l.kind = 'tagged' AND NOT EXISTS (SELECT 1 FROM _label u WHERE u.run_id = l.run_id AND u.kind <> 'named' AND u.text = l.text AND u.id > l.id);

CREATE VIEW label AS -- One change of a run's name or tags. Key: id.
SELECT
  l.id AS id, -- in the order in which they were made, over all runs of the tape
  l.run_id AS run_id, -- joins run.id
  l.kind AS kind, -- named, tagged, untagged
  l.text AS text, -- the name, or the tag
  l.commit_id AS commit_id, -- joins tape_commit.id
  c.committed_at AS labelled_at -- UTC, ISO 8601
FROM _label l JOIN _commit c ON c.id = l.commit_id;

CREATE VIEW tape_commit AS -- One batch: events, values that were materialized, or labels, closed by a hash. Key: id.
SELECT
  id AS id, -- in the order in which they were written, over all runs of the tape
  run_id AS run_id, -- joins run.id
  first_position AS first_position, -- of its events in the run; 0 for values that were materialized and for labels
  event_count AS event_count, -- how many events
  committed_at AS committed_at, -- UTC, ISO 8601
  CAST(lower(hex(hash)) AS TEXT) AS hash -- SHA-256 over the hash before it and all that the batch holds
FROM _commit;

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

CREATE VIEW module_mode AS -- One call that tells whether its module was in training: dropout, also that of attention, is called in training alone; batchNorm reads running statistics in use. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call: joins call.position
  g.function AS function, -- dropout, scaledDotProductAttention (which drops weights) or batchNorm
  g.scope AS scope, -- dotted name of the place in the program
  CAST(g.function <> 'batchNorm' OR json_array_length(e.value) = 8 AS INTEGER) AS is_training, -- 1 in training, 0 in use
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature g ON g.id = e.value ->> 3 WHERE (g.function = 'batchNorm' OR g.function IN ('dropout', 'scaledDotProductAttention') AND (SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) IS NOT NULL);

CREATE VIEW random_draw AS -- Random numbers that one call drew: those of its seed and counter, on every machine. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call: joins call.position
  g.function AS function, -- dropout, or scaledDotProductAttention, which drops weights
  g.scope AS scope, -- dotted name of the place in the program
  CAST((SELECT CASE WHEN json_type(x.content, '$.seed') IN ('integer', 'real') THEN json_extract(x.content, '$.seed') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS INTEGER) AS seed, -- of the generator
  CAST((SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS INTEGER) AS counter, -- which draw of it, from 0
  CAST(CASE g.function WHEN 'dropout' THEN (WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * (g.shape ->> p.axis) FROM p WHERE p.axis < json_array_length(g.shape)) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1) END AS INTEGER) AS size, -- how many numbers: one an element; null for attention, where it is one a weight
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature g ON g.id = e.value ->> 3 WHERE g.function IN ('dropout', 'scaledDotProductAttention') AND (SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) IS NOT NULL;

CREATE VIEW optimizer_step AS -- One call by which an optimizer made a new value of a parameter. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was made
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call: joins call.position
  s.function AS function, -- sgdStep, adamStep, …
  CAST(CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END AS INTEGER) AS variable_position, -- the parameter: joins leaf.position
  CAST(coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +b.run_id AND n.kind = 10 AND n.subject = CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END ORDER BY n.id DESC LIMIT 1) END, (SELECT v.name FROM _variable v WHERE v.run_id = b.run_id AND v.ref = CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AS TEXT) AS variable_name, -- the last name the parameter was given; null when none
  CAST((SELECT CASE WHEN json_type(x.content, '$.lr') IN ('integer', 'real') THEN json_extract(x.content, '$.lr') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS REAL) AS lr, -- the learning rate of this step; null when it has none that is finite
  CAST((SELECT CASE WHEN json_type(x.content, '$.momentum') IN ('integer', 'real') THEN json_extract(x.content, '$.momentum') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS REAL) AS momentum, -- null when the optimizer has none
  CAST((SELECT CASE WHEN json_type(x.content, '$.weightDecay') IN ('integer', 'real') THEN json_extract(x.content, '$.weightDecay') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS REAL) AS weight_decay, -- null when the optimizer has none
  CAST((SELECT x.content FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS TEXT) AS attributes, -- JSON: all settings
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3 WHERE s.scope = 'optimizer' OR s.scope LIKE '%.optimizer';

CREATE VIEW step AS -- One training iteration. What precedes the first is step 0, which has no row. Key: run_id, step.
SELECT
  CAST(s.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  s.step AS step, -- counts from 1
  CAST(s.id & 4294967295 AS INTEGER) AS position, -- of the event that began it
  s.elapsed_ms AS elapsed_ms, -- since the run started
  CAST(coalesce((SELECT n.elapsed_ms FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), (SELECT json_extract(r.payload, '$.elapsedMs') FROM _fact r WHERE r.id >> 32 = s.id >> 32 AND r.kind = 13)) - s.elapsed_ms AS REAL) AS duration_ms, -- until the next step, or the end of the run; null for the last of a run without an end
  CAST((SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = 21 AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1) AS INTEGER) AS epoch -- of the DataLoader whose batches the steps used last, from 0; null before any did
FROM _step s;

CREATE VIEW step_summary AS -- A step in a few numbers. Key: run_id, step.
SELECT
  CAST(s.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  s.step AS step, -- joins step.step
  CAST((SELECT json_extract(f.payload, '$.epoch') FROM _fact f WHERE f.id >> 32 = s.id >> 32 AND f.kind = 21 AND f.subject IS NULL AND f.id < s.id ORDER BY f.id DESC LIMIT 1) AS INTEGER) AS epoch, -- as step.epoch
  CAST((SELECT sum(json_array_length(t.calls)) FROM _block b JOIN _template t ON t.id = b.template_id WHERE b.id >= s.id AND b.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32)) AS INTEGER) AS call_count, -- calls of functions
  CAST((SELECT count(*) FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.held <> 0) AS INTEGER) AS gradient_count, -- gradients that variables held after their pass
  CAST((SELECT nullif(x.most * sqrt(coalesce((SELECT (sum(CAST((g.l2_norm / x.most) * (g.l2_norm / x.most) * 68719476736.0 AS INTEGER)) + sum(CAST(((g.l2_norm / x.most) * (g.l2_norm / x.most) * 68719476736.0 - CAST((g.l2_norm / x.most) * (g.l2_norm / x.most) * 68719476736.0 AS INTEGER)) * 68719476736.0 AS INTEGER)) / 68719476736.0) / 68719476736.0 FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.held <> 0), 0)), 9e999) FROM (SELECT max(g.l2_norm) AS most FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.held <> 0) x) AS REAL) AS gradient_norm, -- Euclidean norm of all these together, those left out that are not finite; null when there are none, and when it is not finite itself
  CAST((SELECT nullif(x.most * sqrt(coalesce((SELECT (sum(CAST((a.l2_norm / x.most) * (a.l2_norm / x.most) * 68719476736.0 AS INTEGER)) + sum(CAST(((a.l2_norm / x.most) * (a.l2_norm / x.most) * 68719476736.0 - CAST((a.l2_norm / x.most) * (a.l2_norm / x.most) * 68719476736.0 AS INTEGER)) * 68719476736.0 AS INTEGER)) / 68719476736.0) / 68719476736.0 FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' AND NOT EXISTS (SELECT 1 FROM _assignment y WHERE y.id > a.id AND y.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND y.variable_id = a.variable_id)), 0)), 9e999) FROM (SELECT max(a.l2_norm) AS most FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' AND NOT EXISTS (SELECT 1 FROM _assignment y WHERE y.id > a.id AND y.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND y.variable_id = a.variable_id)) x) AS REAL) AS parameter_norm, -- Euclidean norm of the parameters that were assigned to, all together, as they are after the step; null when none was, or none was measured
  CAST((SELECT nullif(x.most * sqrt(coalesce((SELECT (sum(CAST((a.update_norm / x.most) * (a.update_norm / x.most) * 68719476736.0 AS INTEGER)) + sum(CAST(((a.update_norm / x.most) * (a.update_norm / x.most) * 68719476736.0 - CAST((a.update_norm / x.most) * (a.update_norm / x.most) * 68719476736.0 AS INTEGER)) * 68719476736.0 AS INTEGER)) / 68719476736.0) / 68719476736.0 FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' ), 0)), 9e999) FROM (SELECT max(a.update_norm) AS most FROM _assignment a JOIN _variable v ON v.id = a.variable_id JOIN _leaf_form r ON r.id = v.leaf_form_id WHERE a.id > s.id AND a.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND r.role = 'parameter' ) x) AS REAL) AS update_norm, -- Euclidean norm of what the step changed of these; null as parameter_norm
  CAST((SELECT coalesce(sum(g.non_finite_count), 0) FROM _gradient g WHERE g.id > s.id AND g.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32)) AS INTEGER) AS non_finite_count, -- elements of gradients that are NaN or infinite
  CAST((SELECT group_concat(b.template_id, ' ') FROM (SELECT template_id FROM _block WHERE id >= s.id AND id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) ORDER BY id) b) AS TEXT) AS template_ids, -- of its blocks, in order: equal for steps of one graph
  CAST((SELECT CASE WHEN min(g.function <> 'batchNorm' OR json_array_length(e.value) = 8) = max(g.function <> 'batchNorm' OR json_array_length(e.value) = 8) THEN max(g.function <> 'batchNorm' OR json_array_length(e.value) = 8) END FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature g ON g.id = e.value ->> 3 WHERE b.id >= s.id AND b.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND (g.function = 'batchNorm' OR g.function IN ('dropout', 'scaledDotProductAttention') AND (SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) IS NOT NULL)) AS INTEGER) AS is_training, -- 1 when the modules that tell were in training, 0 when none was; null when none tells, and when some were and some not: see module_mode
  CAST((SELECT (SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature g ON g.id = e.value ->> 3 WHERE b.id >= s.id AND b.id < coalesce((SELECT n.id FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), ((s.id >> 32) + 1) << 32) AND g.function IN ('dropout', 'scaledDotProductAttention') AND (SELECT CASE WHEN json_type(x.content, '$.counter') IN ('integer', 'real') THEN json_extract(x.content, '$.counter') END FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) IS NOT NULL ORDER BY b.id DESC, e.key DESC LIMIT 1) AS INTEGER) AS random_counter, -- of the last random numbers that a call of the step drew; null when none did: see random_draw
  CAST(coalesce((SELECT n.elapsed_ms FROM _step n WHERE n.id > s.id AND n.id < ((s.id >> 32) + 1) << 32 ORDER BY n.id LIMIT 1), (SELECT json_extract(r.payload, '$.elapsedMs') FROM _fact r WHERE r.id >> 32 = s.id >> 32 AND r.kind = 13)) - s.elapsed_ms AS REAL) AS duration_ms -- as step.duration_ms
FROM _step s;

CREATE VIEW run_config AS -- One entry of a run's config, nested ones by their path. Key: run_id, path.
SELECT
  CAST(c.id >> 32 AS INTEGER) AS run_id, -- joins run.id
  CAST(substr(CASE WHEN (e.key = '$number' AND e.type = 'text' AND e.atom IN ('NaN', 'Infinity', '-Infinity', '-0') AND (SELECT count(*) FROM json_each(c.payload, e.path)) = 1) THEN e.path ELSE e.fullkey END, 10) AS TEXT) AS path, -- optimizer.lr, layers[0], …
  CASE WHEN (e.key = '$number' AND e.type = 'text' AND e.atom IN ('NaN', 'Infinity', '-Infinity', '-0') AND (SELECT count(*) FROM json_each(c.payload, e.path)) = 1) AND e.atom = '-0' THEN -0.0 ELSE e.atom END AS value, -- a number, a text, 0 or 1; null for null. NaN and infinities are their names, and their type is real
  CAST(CASE WHEN (e.key = '$number' AND e.type = 'text' AND e.atom IN ('NaN', 'Infinity', '-Infinity', '-0') AND (SELECT count(*) FROM json_each(c.payload, e.path)) = 1) THEN 'real' ELSE e.type END AS TEXT) AS type -- integer, real, text, true, false, null
FROM _fact c JOIN json_tree(c.payload, '$.config') e ON e.type NOT IN ('object', 'array')
WHERE c.kind = 1 AND c.id & 4294967295 = 1;

CREATE VIEW pass AS -- One backward pass. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the BackwardStarted event
  b.step AS step, -- in which it was made
  CAST(CASE t.passes WHEN '[]' THEN (SELECT json_array_length(k.payload, '$.roots') FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE e.value ->> 2 END AS INTEGER) AS root_count, -- from how many variables it went out
  CAST(CASE t.passes WHEN '[]' THEN (SELECT json_extract(k.payload, '$.createGraph') FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE e.value ->> 1 & 1 <> 0 END AS INTEGER) AS is_graph_created, -- 1 when the gradients can be differentiated again
  CAST(CASE t.passes WHEN '[]' THEN (SELECT json_extract(k.payload, '$.retainGrad') FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE e.value ->> 1 & 2 <> 0 END AS INTEGER) AS is_grad_retained, -- 1 when intermediate variables kept their gradients
  CAST(CASE t.passes WHEN '[]' THEN (SELECT json_type(k.payload, '$.targets') = 'array' FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE e.value ->> 1 & 4 <> 0 END AS INTEGER) AS is_targeted, -- 1 when grad() asked for certain variables
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(CASE t.passes WHEN '[]' THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = 5) ELSE t.passes END) e ON true;

CREATE VIEW gradient AS -- One gradient that a backward pass computed for one variable. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST(g.id & 4294967295 AS INTEGER) AS position, -- its place in the run
  b.step AS step, -- in which it was computed
  g.pass AS pass_position, -- the BackwardStarted event; joins pass.position
  CAST(v.ref & 1099511627775 AS INTEGER) AS variable_position, -- joins variable.position
  CAST(v.ref >> 40 AS INTEGER) AS variable_slot, -- joins variable.slot
  CAST(coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +b.run_id AND n.kind = 10 AND n.subject = v.ref ORDER BY n.id DESC LIMIT 1) END, v.name, (SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = v.ref AND n.id > (b.run_id << 32) + (v.ref & 1099511627775) AND n.id < coalesce((SELECT min(s.id) FROM _step s WHERE s.id > (b.run_id << 32) + (v.ref & 1099511627775) AND s.id < (((b.run_id << 32) + (v.ref & 1099511627775) >> 32) + 1) << 32), (((b.run_id << 32) + (v.ref & 1099511627775) >> 32) + 1) << 32) ORDER BY n.id LIMIT 1)) AS TEXT) AS variable_name, -- the last name it was given, or under which it was logged; null when none
  CAST(coalesce((SELECT lf.role FROM _leaf_form lf WHERE lf.id = v.leaf_form_id), 'output') AS TEXT) AS variable_role, -- parameter, variable, constant (leaves), output (of a call)
  CAST((SELECT f.dtype FROM _array_form f WHERE f.id = g.form_id) AS TEXT) AS dtype, -- of the variable and its gradient
  CAST((SELECT f.shape FROM _array_form f WHERE f.id = g.form_id) AS TEXT) AS shape, -- JSON
  CAST(CASE typeof(g.scalar) WHEN 'text' THEN CASE g.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(g.scalar) <= 1.7976931348623157e308 THEN g.scalar END END AS REAL) AS value, -- the number, of a gradient of one element; null otherwise, and when it is not finite
  CAST(CASE typeof(g.scalar) WHEN 'text' THEN CASE g.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN g.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN g.scalar < -1.7976931348623157e308 THEN '-Infinity' END END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  g.l2_norm AS l2_norm, -- Euclidean norm; null when not finite
  g.mean AS mean, -- mean of the elements; null when not finite or empty
  CAST(CASE WHEN abs(g.min) <= 1.7976931348623157e308 THEN g.min END AS REAL) AS min, -- smallest element; null when there are none, or it is not finite
  CAST(CASE WHEN abs(g.max) <= 1.7976931348623157e308 THEN g.max END AS REAL) AS max, -- largest element; null when there are none, or it is not finite
  g.zero_count AS zero_count, -- how many elements are 0
  g.non_finite_count AS non_finite_count, -- how many elements are NaN or infinite
  CAST(CASE g.non_finite_count WHEN 0 THEN 0 ELSE g.nan_count END AS INTEGER) AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart
  CAST(CASE g.non_finite_count WHEN 0 THEN 0 ELSE g.non_finite_count - g.nan_count END AS INTEGER) AS infinite_count, -- how many of these are infinite; null as nan_count
  CAST((SELECT lower(hex(w.hash)) FROM _value w WHERE w.id = coalesce(g.value_id, (SELECT m.value_id FROM _materialized m WHERE m.id = g.id AND m.part = 0))) AS TEXT) AS hash, -- joins value.hash; null for one element
  CAST(coalesce(g.value_id, (SELECT m.value_id FROM _materialized m WHERE m.id = g.id AND m.part = 0)) AS INTEGER) AS value_id, -- joins value.id; null for one element, or when not captured
  CAST(CASE WHEN g.kept IN (1, 2) THEN 'captured' WHEN (SELECT 1 FROM _materialized m WHERE m.id = g.id AND m.part = 0) THEN 'materialized' WHEN g.kept = 4 THEN 'summary and hash' WHEN g.kept = 3 THEN 'summary' ELSE 'nothing' END AS TEXT) AS kept, -- what the tape has of it: captured (its bytes), materialized (its bytes, computed again later), summary and hash, summary, nothing
  CAST((SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = coalesce(g.value_id, (SELECT m.value_id FROM _materialized m WHERE m.id = g.id AND m.part = 0))) AS BLOB) AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  CAST(CASE g.held WHEN 0 THEN 'none' WHEN 1 THEN 'this' ELSE 'sum' END AS TEXT) AS held, -- what the variable's grad is after the pass: none (an intermediate variable), this gradient, or the sum of this and what it held
  CAST((SELECT CASE typeof(a.scalar) WHEN 'text' THEN CASE a.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(a.scalar) <= 1.7976931348623157e308 THEN a.scalar END END FROM _accumulated a WHERE a.id = g.id) AS REAL) AS accumulated_value, -- the sum, for one element; null otherwise, and when it is not finite
  CAST((SELECT CASE typeof(a.scalar) WHEN 'text' THEN CASE a.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN a.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN a.scalar < -1.7976931348623157e308 THEN '-Infinity' END END FROM _accumulated a WHERE a.id = g.id) AS TEXT) AS accumulated_non_finite, -- the sum: NaN, Infinity or -Infinity, where it is one number and that; null otherwise
  CAST(coalesce((SELECT a.value_id FROM _accumulated a WHERE a.id = g.id), (SELECT m.value_id FROM _materialized m WHERE m.id = g.id AND m.part = 1)) AS INTEGER) AS accumulated_value_id, -- the sum: joins value.id; null when there is none, or it was not captured
  CAST((SELECT a.l2_norm FROM _accumulated a WHERE a.id = g.id) AS REAL) AS accumulated_l2_norm, -- the sum: its Euclidean norm; null when there is none, or it is not finite
  CAST(coalesce((SELECT 1 FROM _materialized m WHERE m.id = g.id AND m.part = 0), 0) AS INTEGER) AS is_materialized, -- 1 when the bytes were not captured, but computed again later by a replay
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b CROSS JOIN _template t CROSS JOIN _gradient g LEFT JOIN _variable v ON v.id = g.variable_id
WHERE t.id = b.template_id AND t.gradients <> '[]' AND g.id BETWEEN b.id AND b.id + t.event_count - 1;

CREATE VIEW batch AS -- One row of a data set in a batch, which is a call of take with indices that no call made. Key: run_id, position, place.
WITH taken AS MATERIALIZED (
  -- Of several calls with the same indices the first: SQLite takes the other columns from the row of the minimum.
  SELECT b.run_id AS run_id, b.step AS taken_step, b.id AS block_id, min(b.id + (e.value ->> 0)) AS id, CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END AS data_position, CASE WHEN typeof(e.value ->> 6) = 'real' THEN b.base - CAST(e.value ->> 6 - 0.5 AS INTEGER) WHEN e.value ->> 6 < 0 THEN -(e.value ->> 6) & 1099511627775 WHEN e.value ->> 6 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 6 & 1099511627775) END AS index_position
  FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3
  WHERE s.function = 'take' AND json_array_length(e.value) = 7
  GROUP BY b.run_id, CASE WHEN typeof(e.value ->> 6) = 'real' THEN b.base - CAST(e.value ->> 6 - 0.5 AS INTEGER) WHEN e.value ->> 6 < 0 THEN -(e.value ->> 6) & 1099511627775 WHEN e.value ->> 6 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 6 & 1099511627775) END
), used AS MATERIALIZED (
  SELECT x.*,
    (SELECT f.dtype || ' ' || (f.role = 'constant') FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (x.run_id << 32) + x.data_position) AND b.id + (e.value ->> 0) = (x.run_id << 32) + x.data_position) AS data_form,
    (SELECT f.name FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (x.run_id << 32) + x.data_position) AND b.id + (e.value ->> 0) = (x.run_id << 32) + x.data_position) AS data_name,
    (SELECT f.dtype FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (x.run_id << 32) + x.index_position) AND b.id + (e.value ->> 0) = (x.run_id << 32) + x.index_position) AS dtype,
    (SELECT CASE WHEN e.value ->> 2 > 1 THEN substr(b.slots, 8 * (e.value ->> 1) + 9, (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 1, 1)) << 12) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 2, 1)) << 8) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 3, 1)) << 4) | instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 4, 1))) ELSE (SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c)) END FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (x.run_id << 32) + x.index_position) AND b.id + (e.value ->> 0) = (x.run_id << 32) + x.index_position) AS bytes,
    (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END), x (bits) AS MATERIALIZED (SELECT (instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0) FROM c WHERE substr(c.h, 1, 4) NOT IN ('7FFB', '7FFC', '7FFE', '7FF8', '7FF0', 'FFF0'))
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075) FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE b.id = (SELECT max(k.id) FROM _block k WHERE k.id <= (x.run_id << 32) + x.index_position) AND b.id + (e.value ->> 0) = (x.run_id << 32) + x.index_position) AS one,
    (SELECT min(b.step) FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN json_each(e.value) i ON i.key >= 5 WHERE b.run_id = x.run_id AND b.step IN (x.taken_step, x.taken_step + 1) AND b.id >= x.block_id AND (CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) = (x.id & 4294967295)) AS used_step
  FROM taken x
)
SELECT
  u.run_id AS run_id, -- joins run.id
  CAST(coalesce(u.used_step, u.taken_step) AS INTEGER) AS step, -- the step that uses it: of the first call that reads the batch, in the step that took it or the next one; else the step that took it
  CAST(u.id & 4294967295 AS INTEGER) AS position, -- of the call that took it: joins call.position; of several with the same indices the first
  u.taken_step AS taken_step, -- in which it was taken, which is often the step before
  CAST(u.data_position AS INTEGER) AS data_position, -- the data set's array: joins leaf.position
  u.data_name AS data_name, -- the name that array was made with; null when none
  CAST(p.key AS INTEGER) AS place, -- in the batch, from 0
  CAST(CASE WHEN u.bytes IS NULL THEN u.one WHEN u.dtype = 'uint8' THEN (instr('123456789ABCDEF', substr(hex(substr(u.bytes, 1 * (p.key) + 1, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 1 * (p.key) + 1, 1)), 2, 1))) ELSE (((instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 1, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 1, 1)), 2, 1))) + ((instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 2, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 2, 1)), 2, 1))) << 8) + ((instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 3, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 3, 1)), 2, 1))) << 16) + ((instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 4, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 4, 1)), 2, 1))) << 24)) - (((instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 4, 1)), 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(substr(u.bytes, 4 * (p.key) + 4, 1)), 2, 1))) >> 7) << 32)) END AS INTEGER) AS data_row, -- which row of the data set, from 0; below 0 it counts from the end
  u.block_id AS block_id -- joins block.id: of the block that holds the call
FROM used u JOIN json_each('[0' || replace(hex(zeroblob(CASE WHEN u.bytes IS NULL THEN 0 ELSE length(u.bytes) / CASE u.dtype WHEN 'uint8' THEN 1 ELSE 4 END - 1 END)), '00', ',0') || ']') p ON true
WHERE u.data_form IS NOT NULL AND u.data_form LIKE '% 1' AND u.dtype IN ('int32', 'uint8') AND (length(u.bytes) > 0 OR u.one IS NOT NULL);

CREATE VIEW parameter_version AS -- One new value that a parameter was given, with what the tape knows of it. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- in which it was assigned
  CAST((CASE d.key WHEN 0 THEN m.id ELSE b.id + (e.value ->> 0) END) & 4294967295 AS INTEGER) AS position, -- of the assignment: joins assignment.position
  CAST(v.ref & 1099511627775 AS INTEGER) AS variable_position, -- the parameter: joins leaf.position
  v.name AS variable_name, -- the name it was made with; null when none
  CAST(CASE d.key WHEN 0 THEN (SELECT CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END FROM json_each(t.assignments) e WHERE b.id + (e.value ->> 0) = m.id) ELSE CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END END AS INTEGER) AS source_position, -- the call whose output it is, mostly an optimizer's; null when it came from outside
  CAST(CASE d.key WHEN 0 THEN (SELECT CASE e.value ->> 5 WHEN 0 THEN NULL ELSE CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END END FROM json_each(t.assignments) e WHERE b.id + (e.value ->> 0) = m.id) ELSE CASE e.value ->> 5 WHEN 0 THEN NULL ELSE CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END END END AS INTEGER) AS source_slot, -- which output of that call
  CAST(CASE d.key WHEN 0 THEN (SELECT CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END FROM json_each(t.assignments) e WHERE b.id + (e.value ->> 0) = m.id) ELSE CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END END AS INTEGER) AS value_id, -- joins value.id; null when the value was neither captured nor materialized, and for one element
  CAST(CASE d.key WHEN 0 THEN m.l2_norm ELSE (SELECT w.l2_norm FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END AS REAL) AS l2_norm, -- Euclidean norm; null when it is not finite, and when the run did not measure what it assigned and the value is not on the tape
  CAST(CASE d.key WHEN 0 THEN m.mean ELSE (SELECT w.mean FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END AS REAL) AS mean, -- mean of the elements
  CAST(CASE WHEN abs(CASE d.key WHEN 0 THEN m.min ELSE (SELECT w.min FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END) <= 1.7976931348623157e308 THEN CASE d.key WHEN 0 THEN m.min ELSE (SELECT w.min FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END END AS REAL) AS min, -- smallest element
  CAST(CASE WHEN abs(CASE d.key WHEN 0 THEN m.max ELSE (SELECT w.max FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END) <= 1.7976931348623157e308 THEN CASE d.key WHEN 0 THEN m.max ELSE (SELECT w.max FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END END AS REAL) AS max, -- largest element
  CAST(CASE d.key WHEN 0 THEN m.zero_count ELSE (SELECT w.zero_count FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END AS INTEGER) AS zero_count, -- how many elements are 0
  CAST(CASE d.key WHEN 0 THEN m.non_finite_count ELSE (SELECT w.non_finite_count FROM _value w WHERE w.id = CASE e.value ->> 5 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) ELSE coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END) AND m.part = CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END), (SELECT (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (c.value ->> 2) - (c.value ->> 4 = 0) > (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END) THEN hex(substr(h.slots, 8 * ((c.value ->> 1) + (CASE WHEN typeof(e.value ->> 5) = 'real' THEN 0 ELSE abs(e.value ->> 5) >> 40 END)) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) FROM _block h JOIN _template y ON y.id = h.template_id JOIN json_each(y.calls) c ON true WHERE h.id = (SELECT max(k.id) FROM _block k WHERE k.id <= ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END)) AND h.id + (c.value ->> 0) = ((b.run_id << 32) + CASE WHEN typeof(e.value ->> 5) = 'real' THEN b.base - CAST(e.value ->> 5 - 0.5 AS INTEGER) WHEN e.value ->> 5 < 0 THEN -(e.value ->> 5) & 1099511627775 WHEN e.value ->> 5 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 5 & 1099511627775) END))) END) END AS INTEGER) AS non_finite_count, -- how many elements are NaN or infinite
  CAST(CASE m.non_finite_count WHEN 0 THEN 0 ELSE m.nan_count END AS INTEGER) AS nan_count, -- how many of these are NaN; null when an earlier gradtape recorded it, which did not tell them apart
  CAST(CASE m.non_finite_count WHEN 0 THEN 0 ELSE m.non_finite_count - m.nan_count END AS INTEGER) AS infinite_count, -- how many of these are infinite; null as nan_count
  m.update_norm AS update_norm, -- Euclidean norm of this value minus the one before; null when not finite, and when the run did not measure what it assigned
  CAST(CASE WHEN abs((m.update_norm / m.l2_norm)) <= 1.7976931348623157e308 THEN (m.update_norm / m.l2_norm) END AS REAL) AS update_ratio -- update_norm in parts of l2_norm; null when either is, when the value is 0, and when it is more than a number can be
FROM _block b CROSS JOIN _template t CROSS JOIN json_each('["measured","other"]') d
LEFT JOIN json_each(CASE WHEN d.key = 1 AND NOT EXISTS (SELECT 1 FROM _assignment x WHERE x.id > b.run_id << 32 AND x.id < (b.run_id + 1) << 32) THEN t.assignments END) e ON true
LEFT JOIN _assignment m ON d.key = 0 AND m.id BETWEEN b.id AND b.id + t.event_count - 1
JOIN _variable v ON v.id = CASE d.key WHEN 0 THEN m.variable_id ELSE (SELECT w.id FROM _variable w WHERE w.run_id = b.run_id AND w.ref = CASE WHEN typeof(e.value ->> 4) = 'real' THEN b.base - CAST(e.value ->> 4 - 0.5 AS INTEGER) WHEN e.value ->> 4 < 0 THEN -(e.value ->> 4) & 1099511627775 WHEN e.value ->> 4 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 4 & 1099511627775) END) END
JOIN _leaf_form r ON r.id = v.leaf_form_id AND r.role = 'parameter'
WHERE t.id = b.template_id AND t.assignments <> '[]';

CREATE VIEW output AS -- One variable that a call made. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call that made it; joins call.position
  CAST(o.key AS INTEGER) AS slot, -- which output of its call, from 0
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  s.function AS function, -- registered name of what made it
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS is_grad_enabled, -- 0 inside noGrad: it has no creator
  CAST(o.value ->> 0 AS TEXT) AS dtype, -- float64, float32, int32, uint8, bool
  CAST(o.value ->> 1 AS TEXT) AS shape, -- JSON
  CAST(CASE WHEN (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(m.scalar) <= 1.7976931348623157e308 THEN m.scalar END END FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END), x (bits) AS MATERIALIZED (SELECT (instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0) FROM c WHERE substr(c.h, 1, 4) NOT IN ('7FFB', '7FFC', '7FFE', '7FF8', '7FF0', 'FFF0'))
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075) END AS REAL) AS value, -- the number, of one element; null otherwise, when it is not finite, or not captured
  CAST(CASE WHEN (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN m.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN m.scalar < -1.7976931348623157e308 THEN '-Infinity' END END FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE CASE substr(CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END, 1, 4) WHEN '7FF8' THEN 'NaN' WHEN '7FF0' THEN 'Infinity' WHEN 'FFF0' THEN '-Infinity' END END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  CAST(coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c)) AS INTEGER) AS value_id, -- joins value.id; null for one element, or when not captured
  CAST((SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = coalesce((SELECT m.value_id FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), (WITH c (h) AS MATERIALIZED (SELECT CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c))) AS BLOB) AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  CAST(coalesce((SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), 0) AS INTEGER) AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3 JOIN json_each(s.content, '$[3]') o ON true LEFT JOIN _name n ON n.template_id = b.template_id AND n.place = (e.value ->> 0) AND n.slot = o.key AND +n.name = coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +b.run_id AND n.kind = 10 AND n.subject = (b.id & 4294967295) + (e.value ->> 0) + (o.key << 40) ORDER BY n.id DESC LIMIT 1) END, (SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = (b.id & 4294967295) + (e.value ->> 0) + (o.key << 40) AND n.id > b.id + (e.value ->> 0) AND n.id < coalesce((SELECT min(s.id) FROM _step s WHERE s.id > b.id + (e.value ->> 0) AND s.id < ((b.id + (e.value ->> 0) >> 32) + 1) << 32), ((b.id + (e.value ->> 0) >> 32) + 1) << 32) ORDER BY n.id LIMIT 1));

CREATE VIEW activation AS -- What a call computed, in numbers: an array of more than one element whose value is on the tape. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the call that made it; joins call.position, output.position
  CAST(o.key AS INTEGER) AS slot, -- which output of its call, from 0
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

CREATE VIEW variable AS -- One node: a leaf, or one output of a call. Key: run_id, position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the event that made it
  CAST(o.key AS INTEGER) AS slot, -- which output of its call; 0 for a leaf
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  CAST(CASE d.key WHEN 0 THEN f.role ELSE 'output' END AS TEXT) AS role, -- parameter, variable, constant (leaves), output (of a call)
  CAST(CASE WHEN s.linked THEN (b.id & 4294967295) + (e.value ->> 0) END AS INTEGER) AS creator_position, -- joins call.position; null for a leaf, and for what noGrad made
  CAST(CASE d.key WHEN 0 THEN f.dtype ELSE o.value ->> 0 END AS TEXT) AS dtype, -- float64, float32, int32, uint8, bool
  CAST(CASE d.key WHEN 0 THEN f.shape ELSE o.value ->> 1 END AS TEXT) AS shape, -- JSON
  CAST(CASE WHEN d.key = 1 AND (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN '-0' THEN -0.0 END ELSE CASE WHEN abs(m.scalar) <= 1.7976931348623157e308 THEN m.scalar END END FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE (WITH c (h) AS MATERIALIZED (SELECT CASE d.key WHEN 0 THEN CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END ELSE CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END END), x (bits) AS MATERIALIZED (SELECT (instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0) FROM c WHERE substr(c.h, 1, 4) NOT IN ('7FFB', '7FFC', '7FFE', '7FF8', '7FF0', 'FFF0'))
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075) END AS REAL) AS value, -- the number, of a variable of one element; null otherwise, when it is not finite, or not captured
  CAST(CASE WHEN d.key = 1 AND (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT CASE typeof(m.scalar) WHEN 'text' THEN CASE m.scalar WHEN 'NaN' THEN 'NaN' END ELSE CASE WHEN m.scalar > 1.7976931348623157e308 THEN 'Infinity' WHEN m.scalar < -1.7976931348623157e308 THEN '-Infinity' END END FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE CASE substr(CASE d.key WHEN 0 THEN CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END ELSE CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END END, 1, 4) WHEN '7FF8' THEN 'NaN' WHEN '7FF0' THEN 'Infinity' WHEN 'FFF0' THEN '-Infinity' END END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  CAST(CASE WHEN d.key = 1 AND (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT m.value_id FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE (WITH c (h) AS MATERIALIZED (SELECT CASE d.key WHEN 0 THEN CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END ELSE CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) END AS INTEGER) AS value_id, -- joins value.id; null for one element, for a small leaf that stands with its event, or when not captured
  CAST(CASE WHEN d.key = 0 AND e.value ->> 2 > 1 THEN substr(b.slots, 8 * (e.value ->> 1) + 9, (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 1, 1)) << 12) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 2, 1)) << 8) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 3, 1)) << 4) | instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 4, 1))) ELSE (SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = CASE WHEN d.key = 1 AND (SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) THEN (SELECT m.value_id FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key) ELSE (WITH c (h) AS MATERIALIZED (SELECT CASE d.key WHEN 0 THEN CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END ELSE CASE WHEN (e.value ->> 2) - (e.value ->> 4 = 0) > o.key THEN hex(substr(b.slots, 8 * ((e.value ->> 1) + o.key) + 1, 8)) END END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) END) END AS BLOB) AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  CAST(CASE d.key WHEN 0 THEN CASE WHEN typeof(e.value ->> 4) = 'real' THEN b.base - CAST(e.value ->> 4 - 0.5 AS INTEGER) WHEN e.value ->> 4 < 0 THEN -(e.value ->> 4) & 1099511627775 WHEN e.value ->> 4 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 4 & 1099511627775) END END AS INTEGER) AS source_position, -- for a leaf: the event whose value it has; null when it came from outside
  CAST(CASE WHEN d.key = 0 AND e.value ->> 4 <> 0 THEN CASE WHEN typeof(e.value ->> 4) = 'real' THEN 0 ELSE abs(e.value ->> 4) >> 40 END END AS INTEGER) AS source_slot, -- which output of that event
  CAST(CASE d.key WHEN 1 THEN coalesce((SELECT 1 FROM _materialized m WHERE m.id = b.id + (e.value ->> 0) AND m.part = o.key), 0) ELSE 0 END AS INTEGER) AS is_materialized, -- 1 when the value was not captured, but computed again later by a replay
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each('["leaf","output"]') d ON true
JOIN json_each(CASE d.key WHEN 0 THEN t.leaves ELSE t.calls END) e ON true
LEFT JOIN _leaf_form f ON d.key = 0 AND f.id = e.value ->> 3 LEFT JOIN _signature s ON d.key = 1 AND s.id = e.value ->> 3
JOIN json_each(CASE d.key WHEN 0 THEN '[0]' ELSE json_extract(s.content, '$[3]') END) o ON true
LEFT JOIN _name n ON n.template_id = b.template_id AND n.place = (e.value ->> 0) AND n.slot = o.key AND +n.name = coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +b.run_id AND n.kind = 10 AND n.subject = (b.id & 4294967295) + (e.value ->> 0) + (o.key << 40) ORDER BY n.id DESC LIMIT 1) END, f.name, (SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = (b.id & 4294967295) + (e.value ->> 0) + (o.key << 40) AND n.id > b.id + (e.value ->> 0) AND n.id < coalesce((SELECT min(s.id) FROM _step s WHERE s.id > b.id + (e.value ->> 0) AND s.id < ((b.id + (e.value ->> 0) >> 32) + 1) << 32), ((b.id + (e.value ->> 0) >> 32) + 1) << 32) ORDER BY n.id LIMIT 1));

CREATE VIEW call_input AS -- One thing that a call reads. Key: run_id, call_position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS call_position, -- joins call.position
  CAST(i.key - 5 AS INTEGER) AS slot, -- argument number, from 0
  CAST(CASE WHEN EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN 'gradient' ELSE 'variable' END AS TEXT) AS source, -- variable, or gradient (an optimizer reads these)
  CAST(CASE WHEN NOT EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END END AS INTEGER) AS variable_position, -- joins variable.position; null for a gradient
  CAST(CASE WHEN NOT EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN 0 ELSE abs(i.value) >> 40 END END AS INTEGER) AS variable_slot, -- joins variable.slot; null for a gradient
  CAST(CASE WHEN EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END END AS INTEGER) AS gradient_position, -- joins gradient.position; null for a variable
  b.id AS block_id, -- joins block.id: of the block that holds it, by which it is found at once; see block
  CAST((SELECT s.function FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS call_function, -- call.function, without a join
  CAST((SELECT s.scope FROM _signature s WHERE s.id = e.value ->> 3) AS TEXT) AS call_scope -- call.scope, likewise
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN json_each(e.value) i ON i.key >= 5;

CREATE VIEW call_output AS -- One thing that a call makes. Key: run_id, call_position, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS call_position, -- joins call.position; also the position of the variable
  CAST(o.key AS INTEGER) AS slot, -- result number, from 0
  CAST(o.value ->> 0 AS TEXT) AS dtype, -- float64, float32, int32, uint8, bool
  CAST(o.value ->> 1 AS TEXT) AS shape, -- JSON
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3 JOIN json_each(s.content, '$[3]') o ON true;

CREATE VIEW edge AS -- One edge: to a call (direction input), or from a call to its variable (direction output). Key: run_id, call_position, direction, slot.
SELECT
  b.run_id AS run_id, -- joins run.id
  b.step AS step, -- of the call
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS call_position, -- joins call.position
  CAST(d.value AS TEXT) AS direction, -- input or output
  CAST(CASE d.key WHEN 0 THEN i.key - 5 ELSE i.key END AS INTEGER) AS slot, -- argument or result number, from 0
  CAST(CASE WHEN d.key = 0 AND EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN 'gradient' ELSE 'variable' END AS TEXT) AS source, -- variable, or gradient (an optimizer reads these)
  CAST(CASE WHEN d.key = 1 THEN (b.id & 4294967295) + (e.value ->> 0) WHEN NOT EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END END AS INTEGER) AS variable_position, -- joins variable.position; null for a gradient
  CAST(CASE WHEN d.key = 1 THEN i.key WHEN NOT EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN 0 ELSE abs(i.value) >> 40 END END AS INTEGER) AS variable_slot, -- joins variable.slot; null for a gradient
  CAST(CASE WHEN d.key = 0 AND EXISTS (SELECT 1 FROM _gradient r WHERE r.id = (b.run_id << 32) + CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END) THEN CASE WHEN typeof(i.value) = 'real' THEN b.base - CAST(i.value - 0.5 AS INTEGER) WHEN i.value < 0 THEN -(i.value) & 1099511627775 WHEN i.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (i.value & 1099511627775) END END AS INTEGER) AS gradient_position, -- joins gradient.position; null for a variable
  b.id AS block_id, -- joins block.id: of the block that holds it, by which it is found at once; see block
  s.function AS call_function, -- call.function, without a join
  s.scope AS call_scope -- call.scope, likewise
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3 JOIN json_each('["input","output"]') d ON true
JOIN json_each(CASE d.key WHEN 0 THEN e.value ELSE json_extract(s.content, '$[3]') END) i ON d.key = 1 OR i.key >= 5;

CREATE VIEW leaf AS -- One variable that no call made: a parameter, an input, a constant. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- of the event that made it
  b.step AS step, -- in which it was made
  n.name AS name, -- the last name it was given, or under which it was logged; null when none
  f.role AS role, -- parameter, variable, constant
  f.requires_grad AS is_grad_required, -- 0 where no gradient goes to it, as it was made; what requiresGrad was set to since is in freezing
  f.dtype AS dtype, -- float64, float32, int32, uint8, bool
  f.shape AS shape, -- JSON
  CAST((WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END), x (bits) AS MATERIALIZED (SELECT (instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0) FROM c WHERE substr(c.h, 1, 4) NOT IN ('7FFB', '7FFC', '7FFE', '7FF8', '7FF0', 'FFF0'))
    SELECT CASE WHEN x.bits < 0 THEN -1.0 ELSE 1 END * ((x.bits & 4503599627370495) + CASE WHEN x.bits >> 52 & 2047 THEN 4503599627370496 ELSE 0 END) * p.value
    FROM x JOIN _power_of_two p ON p.exponent = max(x.bits >> 52 & 2047, 1) - 1075) AS REAL) AS value, -- the number, of a leaf of one element; null otherwise, when it is not finite, or not captured
  CAST(CASE substr(CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END, 1, 4) WHEN '7FF8' THEN 'NaN' WHEN '7FF0' THEN 'Infinity' WHEN 'FFF0' THEN '-Infinity' END AS TEXT) AS non_finite, -- NaN, Infinity or -Infinity, where the number is that; null otherwise
  CAST((WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c) AS INTEGER) AS value_id, -- joins value.id; null for one element, for an array that stands with its event, or when not captured
  CAST(CASE WHEN e.value ->> 2 > 1 THEN substr(b.slots, 8 * (e.value ->> 1) + 9, (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 1, 1)) << 12) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 2, 1)) << 8) | (instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 3, 1)) << 4) | instr('123456789ABCDEF', substr(hex(substr(b.slots, 8 * (e.value ->> 1) + 7, 2)), 4, 1))) ELSE (SELECT coalesce(w.bytes, (SELECT c.bytes FROM _chunk c WHERE c.value_id = w.id AND (SELECT count(*) FROM _chunk k WHERE k.value_id = w.id) = 1)) FROM _value w WHERE w.id = (WITH c (h) AS MATERIALIZED (SELECT CASE e.value ->> 2 WHEN 1 THEN hex(substr(b.slots, 8 * (e.value ->> 1) + 1, 8)) END) SELECT CASE WHEN substr(c.h, 1, 4) IN ('7FFC', '7FFB') THEN ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 END FROM c)) END AS BLOB) AS bytes, -- of an array: row-major, little-endian; null for one element, when not captured, or kept in several chunks
  CAST(CASE WHEN typeof(e.value ->> 4) = 'real' THEN b.base - CAST(e.value ->> 4 - 0.5 AS INTEGER) WHEN e.value ->> 4 < 0 THEN -(e.value ->> 4) & 1099511627775 WHEN e.value ->> 4 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 4 & 1099511627775) END AS INTEGER) AS source_position, -- the event whose value it has; null when it came from outside
  CAST(CASE e.value ->> 4 WHEN 0 THEN NULL ELSE CASE WHEN typeof(e.value ->> 4) = 'real' THEN 0 ELSE abs(e.value ->> 4) >> 40 END END AS INTEGER) AS source_slot, -- which output of that event
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 LEFT JOIN _name n ON n.template_id = b.template_id AND n.place = (e.value ->> 0) AND n.slot = 0 AND +n.name = coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +b.run_id AND n.kind = 10 AND n.subject = (b.id & 4294967295) + (e.value ->> 0) ORDER BY n.id DESC LIMIT 1) END, f.name, (SELECT x.content FROM _metric n JOIN _text x ON x.id = n.name_id WHERE n.variable = (b.id & 4294967295) + (e.value ->> 0) AND n.id > b.id + (e.value ->> 0) AND n.id < coalesce((SELECT min(s.id) FROM _step s WHERE s.id > b.id + (e.value ->> 0) AND s.id < ((b.id + (e.value ->> 0) >> 32) + 1) << 32), ((b.id + (e.value ->> 0) >> 32) + 1) << 32) ORDER BY n.id LIMIT 1));

CREATE VIEW parameter AS -- One parameter of a run: a leaf that training assigns to. Key: run_id, position.
SELECT
  run_id AS run_id, -- joins run.id
  position AS position, -- joins leaf.position
  step AS step, -- in which it was made
  name AS name, -- the last name it was given; null when none
  is_grad_required AS is_grad_required, -- 0 where no gradient goes to it, as it was made; what was frozen and unfrozen since is in freezing
  dtype AS dtype, -- float64, float32, int32, uint8, bool
  shape AS shape, -- JSON
  CAST((WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * (shape ->> p.axis) FROM p WHERE p.axis < json_array_length(shape)) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1) AS INTEGER) AS size, -- number of elements
  CAST((WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * (shape ->> p.axis) FROM p WHERE p.axis < json_array_length(shape)) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1) * CASE dtype WHEN 'float64' THEN 8 WHEN 'float32' THEN 4 WHEN 'int32' THEN 4 ELSE 1 END AS INTEGER) AS byte_count, -- of its array
  block_id AS block_id -- joins block.id
FROM leaf WHERE role = 'parameter';

CREATE VIEW freezing AS -- One stretch of a run in which a leaf required a gradient, or did not: of every parameter, and of any other leaf whose requiresGrad was set. Key: run_id, variable_position, variable_slot, position.
SELECT
  x.run_id AS run_id, -- joins run.id
  x.step AS step, -- in which the stretch begins
  CAST(x.position AS INTEGER) AS position, -- where it begins: the event RequiresGradSet, or that of the leaf
  CAST(x.variable_position AS INTEGER) AS variable_position, -- the leaf: joins leaf.position, parameter.position
  CAST(x.variable_slot AS INTEGER) AS variable_slot, -- 0; of what a call made inside noGrad, which output of the call
  CAST(coalesce(CASE WHEN EXISTS (SELECT 1 FROM _fact WHERE kind = 10) THEN (SELECT json_extract(n.payload, '$.name') FROM _fact n WHERE n.id >> 32 = +x.run_id AND n.kind = 10 AND n.subject = x.variable_position + (x.variable_slot << 40) ORDER BY n.id DESC LIMIT 1) END, first_value(x.name) OVER w) AS TEXT) AS variable_name, -- the last name it was given; null when none
  CAST(x.is_grad_required AS INTEGER) AS is_grad_required, -- 0 while it is frozen
  CAST(lead(x.step) OVER w AS INTEGER) AS end_step, -- in which the next stretch begins; null for the last
  CAST(lead(x.position) OVER w AS INTEGER) AS end_position -- of the event that ends it; null for the last
FROM (
  SELECT b.run_id AS run_id, b.step AS step, (b.id & 4294967295) + (e.value ->> 0) AS position, (b.id & 4294967295) + (e.value ->> 0) AS variable_position, 0 AS variable_slot, f.requires_grad AS is_grad_required, f.name AS name
  FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e ON true JOIN _leaf_form f ON f.id = e.value ->> 3 WHERE f.role = 'parameter' OR b.id + (e.value ->> 0) IN (SELECT (b.run_id << 32) + (CASE WHEN typeof(e.value ->> 2) = 'real' THEN b.base - CAST(e.value ->> 2 - 0.5 AS INTEGER) WHEN e.value ->> 2 < 0 THEN -(e.value ->> 2) & 1099511627775 WHEN e.value ->> 2 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 2 & 1099511627775) END) FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.freezes) e ON true)
  UNION ALL SELECT b.run_id, b.step, (b.id & 4294967295) + (e.value ->> 0), CASE WHEN typeof(e.value ->> 2) = 'real' THEN b.base - CAST(e.value ->> 2 - 0.5 AS INTEGER) WHEN e.value ->> 2 < 0 THEN -(e.value ->> 2) & 1099511627775 WHEN e.value ->> 2 > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (e.value ->> 2 & 1099511627775) END, CASE WHEN typeof(e.value ->> 2) = 'real' THEN 0 ELSE abs(e.value ->> 2) >> 40 END, e.value ->> 1, NULL
  FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.freezes) e ON true
) x WINDOW w AS (PARTITION BY x.run_id, x.variable_position, x.variable_slot ORDER BY x.position);

CREATE VIEW event AS -- Every event. Order by run_id, position, which is its key.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- 1-based place in the run, without gaps
  b.step AS step, -- in which it happened
  CAST(d.key AS TEXT) AS type, -- RunStarted, StepStarted, LeafCreated, FunctionCalled, BackwardStarted, GradientComputed, GradientCleared, GradientAssigned, GradientReplaced, BackwardAborted, ValueAssigned, VariableNamed, VariableUnchained, RequiresGradSet, MetricLogged, CheckpointTaken, EpochStarted, NoteAdded, RunFinished
  CAST(CASE WHEN d.value = 3 THEN (b.id & 4294967295) + (e.value ->> 0) ELSE coalesce(CASE WHEN typeof((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END)) = 'real' THEN b.base - CAST((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END) - 0.5 AS INTEGER) WHEN (CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END) < 0 THEN -((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END)) & 1099511627775 WHEN (CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END) > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - ((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END) & 1099511627775) END, (CASE d.value WHEN 9 THEN (SELECT m.variable FROM _metric m WHERE m.id = b.id + (e.value ->> 0)) ELSE (SELECT k.subject FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END) & 1099511627775) END AS INTEGER) AS variable_position, -- the variable it is about; for a call its first input; null when it is about none
  CAST(CASE WHEN d.value = 3 THEN 0 ELSE coalesce(CASE WHEN typeof((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END)) = 'real' THEN 0 ELSE abs((CASE d.value WHEN 4 THEN e.value ->> 5 WHEN 6 THEN e.value ->> 6 WHEN 7 THEN e.value ->> 1 WHEN 22 THEN e.value ->> 2 WHEN 8 THEN e.value ->> 4 END)) >> 40 END, (CASE d.value WHEN 9 THEN (SELECT m.variable FROM _metric m WHERE m.id = b.id + (e.value ->> 0)) ELSE (SELECT k.subject FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END) >> 40) END AS INTEGER) AS variable_slot, -- which output of its call that variable is; null when it is about none
  CAST(CASE d.value WHEN 3 THEN (SELECT f.content FROM _leaf_form f WHERE f.id = e.value ->> 3) WHEN 4 THEN (SELECT s.function FROM _signature s WHERE s.id = e.value ->> 3)
    WHEN 9 THEN (SELECT x.content FROM _metric m JOIN _text x ON x.id = m.name_id WHERE m.id = b.id + (e.value ->> 0)) WHEN 5 THEN CASE t.passes WHEN '[]' THEN (SELECT k.payload FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) ELSE json_object('roots', json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 AND key < 3 + (e.value ->> 2) ORDER BY key) r)), 'gradients', json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 + (e.value ->> 2) AND key < 3 + 2 * (e.value ->> 2) ORDER BY key) r)), 'targets', CASE WHEN e.value ->> 1 & 4 THEN json((SELECT json_group_array(CASE WHEN r.value < 0 THEN -r.value WHEN r.value > 0 THEN (b.id & 4294967295) + (e.value ->> 0) - (r.value & 1099511627775) + (r.value - (r.value & 1099511627775)) END) FROM (SELECT value FROM json_each(e.value) WHERE key >= 3 + 2 * (e.value ->> 2) ORDER BY key) r)) END, 'createGraph', json(CASE WHEN e.value ->> 1 & 1 THEN 'true' ELSE 'false' END), 'retainGrad', json(CASE WHEN e.value ->> 1 & 2 THEN 'true' ELSE 'false' END)) END
    WHEN 22 THEN json_object('requiresGrad', json(CASE e.value ->> 1 WHEN 0 THEN 'false' ELSE 'true' END)) ELSE (SELECT k.payload FROM _fact k WHERE k.id = b.id + (e.value ->> 0)) END AS TEXT) AS detail, -- JSON of what it says; the name of a function or metric; for a leaf [role, requires_grad, name, dtype, shape]; null for nothing more
  b.id AS block_id -- joins block.id: of the block that holds it, by which it is found at once; see block
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each('{"RunStarted":1,"StepStarted":2,"LeafCreated":3,"FunctionCalled":4,"BackwardStarted":5,"GradientComputed":6,"GradientCleared":7,"ValueAssigned":8,"MetricLogged":9,"VariableNamed":10,"CheckpointTaken":11,"NoteAdded":12,"RunFinished":13,"GradientAssigned":14,"VariableUnchained":15,"GradientReplaced":16,"BackwardAborted":17,"EpochStarted":21,"RequiresGradSet":22}') d ON true JOIN json_each(CASE d.value WHEN 2 THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _step r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1) WHEN 3 THEN t.leaves WHEN 4 THEN t.calls WHEN 5 THEN CASE t.passes WHEN '[]' THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = d.value) ELSE t.passes END WHEN 6 THEN t.gradients WHEN 7 THEN t.clears WHEN 8 THEN t.assignments WHEN 22 THEN t.freezes WHEN 9 THEN (SELECT json_group_array(json_array(r.id - b.id)) FROM _metric r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1) ELSE (SELECT json_group_array(json_array(r.id - b.id)) FROM _fact r WHERE r.id BETWEEN b.id AND b.id + t.event_count - 1 AND r.kind = d.value) END) e ON true;

CREATE VIEW function_profile AS -- How often a run called a function in a scope, counted by templates. Key: run_id, function, scope.
SELECT
  u.run_id AS run_id, -- joins run.id
  s.function AS function, -- registered name
  s.scope AS scope, -- dotted name of the place in the program
  CAST(sum(u.calls) AS INTEGER) AS call_count, -- how many calls
  CAST(sum(u.calls * (SELECT coalesce(sum((WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * ((o.value ->> 1) ->> p.axis) FROM p WHERE p.axis < json_array_length((o.value ->> 1))) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1)), 0) FROM json_each(s.content, '$[3]') o)) AS INTEGER) AS element_count, -- elements that they made
  CAST(sum(u.calls * (SELECT coalesce(sum((WITH RECURSIVE p (axis, size) AS (SELECT 0, 1 UNION ALL SELECT p.axis + 1, p.size * ((o.value ->> 1) ->> p.axis) FROM p WHERE p.axis < json_array_length((o.value ->> 1))) SELECT p.size FROM p ORDER BY p.axis DESC LIMIT 1) * CASE (o.value ->> 0) WHEN 'float64' THEN 8 WHEN 'float32' THEN 4 WHEN 'int32' THEN 4 ELSE 1 END), 0) FROM json_each(s.content, '$[3]') o)) AS INTEGER) AS byte_count -- bytes of these elements
FROM (
  SELECT b.run_id AS run_id, e.value ->> 3 AS signature_id, sum(b.blocks) AS calls
  FROM (SELECT template_id, run_id, count(*) AS blocks FROM _block GROUP BY template_id, run_id) b
  JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true GROUP BY b.run_id, signature_id
) u JOIN _signature s ON s.id = u.signature_id
GROUP BY u.run_id, s.function, s.scope;

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

CREATE TRIGGER _template_no_update BEFORE UPDATE ON _template BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _template_no_delete BEFORE DELETE ON _template BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _template_no_replace BEFORE INSERT ON _template WHEN EXISTS (SELECT 1 FROM _template WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _template WHERE hash = NEW.hash) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _mark_no_update BEFORE UPDATE ON _mark BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _mark_no_delete BEFORE DELETE ON _mark BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _mark_no_replace BEFORE INSERT ON _mark WHEN EXISTS (SELECT 1 FROM _mark WHERE kind = NEW.kind AND key = NEW.key AND template_id = NEW.template_id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _block_no_update BEFORE UPDATE ON _block BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _block_no_delete BEFORE DELETE ON _block BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _block_no_replace BEFORE INSERT ON _block WHEN EXISTS (SELECT 1 FROM _block WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _metric_no_update BEFORE UPDATE ON _metric BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _metric_no_delete BEFORE DELETE ON _metric BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _metric_no_replace BEFORE INSERT ON _metric WHEN EXISTS (SELECT 1 FROM _metric WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _fact_no_update BEFORE UPDATE ON _fact BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _fact_no_delete BEFORE DELETE ON _fact BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _fact_no_replace BEFORE INSERT ON _fact WHEN EXISTS (SELECT 1 FROM _fact WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _commit_no_update BEFORE UPDATE ON _commit BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _commit_no_delete BEFORE DELETE ON _commit BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _commit_no_replace BEFORE INSERT ON _commit WHEN EXISTS (SELECT 1 FROM _commit WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _power_of_two_no_update BEFORE UPDATE ON _power_of_two BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _power_of_two_no_delete BEFORE DELETE ON _power_of_two BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _power_of_two_no_replace BEFORE INSERT ON _power_of_two BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _checkpoint_value_no_update BEFORE UPDATE ON _checkpoint_value BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _checkpoint_value_no_delete BEFORE DELETE ON _checkpoint_value BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _checkpoint_value_no_replace BEFORE INSERT ON _checkpoint_value WHEN EXISTS (SELECT 1 FROM _checkpoint_value WHERE id = NEW.id AND ordinal = NEW.ordinal) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _chunk_no_update BEFORE UPDATE ON _chunk BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _chunk_no_delete BEFORE DELETE ON _chunk BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _chunk_no_replace BEFORE INSERT ON _chunk WHEN EXISTS (SELECT 1 FROM _chunk WHERE value_id = NEW.value_id AND ordinal = NEW.ordinal) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _materialized_no_update BEFORE UPDATE ON _materialized BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _materialized_no_delete BEFORE DELETE ON _materialized BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _materialized_no_replace BEFORE INSERT ON _materialized WHEN EXISTS (SELECT 1 FROM _materialized WHERE id = NEW.id AND part = NEW.part) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _step_no_replace BEFORE INSERT ON _step WHEN EXISTS (SELECT 1 FROM _step WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _step WHERE CAST(id >> 32 AS INTEGER) = NEW.id >> 32 AND step = NEW.step) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _variable_no_update BEFORE UPDATE ON _variable BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _variable_no_delete BEFORE DELETE ON _variable BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _variable_no_replace BEFORE INSERT ON _variable WHEN EXISTS (SELECT 1 FROM _variable WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _variable WHERE run_id = NEW.run_id AND ref = NEW.ref) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _gradient_no_update BEFORE UPDATE ON _gradient BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _gradient_no_delete BEFORE DELETE ON _gradient BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _gradient_no_replace BEFORE INSERT ON _gradient WHEN EXISTS (SELECT 1 FROM _gradient WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _accumulated_no_update BEFORE UPDATE ON _accumulated BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _accumulated_no_delete BEFORE DELETE ON _accumulated BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _accumulated_no_replace BEFORE INSERT ON _accumulated WHEN EXISTS (SELECT 1 FROM _accumulated WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _site_no_update BEFORE UPDATE ON _site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _site_no_delete BEFORE DELETE ON _site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _site_no_replace BEFORE INSERT ON _site WHEN EXISTS (SELECT 1 FROM _site WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _site WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _call_site_no_update BEFORE UPDATE ON _call_site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _call_site_no_delete BEFORE DELETE ON _call_site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _call_site_no_replace BEFORE INSERT ON _call_site WHEN EXISTS (SELECT 1 FROM _call_site WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _assignment_no_update BEFORE UPDATE ON _assignment BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _assignment_no_delete BEFORE DELETE ON _assignment BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _assignment_no_replace BEFORE INSERT ON _assignment WHEN EXISTS (SELECT 1 FROM _assignment WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _name_no_update BEFORE UPDATE ON _name BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _name_no_delete BEFORE DELETE ON _name BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _name_no_replace BEFORE INSERT ON _name WHEN EXISTS (SELECT 1 FROM _name WHERE template_id = NEW.template_id AND place = NEW.place AND slot = NEW.slot AND name = NEW.name) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _label_no_update BEFORE UPDATE ON _label BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _label_no_delete BEFORE DELETE ON _label BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;

CREATE TRIGGER _label_no_replace BEFORE INSERT ON _label WHEN EXISTS (SELECT 1 FROM _label WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;`
