/**
 * What a store answers over all runs: columns of metrics, gradients and steps as arrays, chunk by chunk, and views over them with
 * the names and types of a tape's views. A tape's rows would take ten times the room of its batches; these take about one.
 *
 * Workers write the columns of a run under a generation; it counts when it is whole, so that no view shows half of one.
 */

const TABLES = ['metric_column', 'gradient_column', 'step_column', 'note_row', 'checkpoint_row']

/** A run's number over all tapes: its tape's, and its own there. */
const RUN_ID = (row: string) => `(${row}.tape_id::bigint * 1000000 + ${row}.run)`

export const COLUMNS = /* sql */ `
CREATE TABLE gradtape.run_row (
  tape_id integer NOT NULL REFERENCES gradtape.tape (id),
  run integer NOT NULL,
  generation text NOT NULL,
  name text, status text, started_at text, elapsed_ms double precision, step_count bigint, event_count bigint,
  call_count bigint, first_non_finite_step bigint, error text, seed bigint, config text, capture text, kernel text, engine text,
  node text, v8 text, platform text, host text, pid bigint, parent_run_id bigint, parent_step bigint,
  PRIMARY KEY (tape_id, run)
);
CREATE TABLE gradtape.metric_column (
  tape_id integer NOT NULL, run integer NOT NULL, generation text NOT NULL, name text NOT NULL, chunk integer NOT NULL,
  positions bigint[] NOT NULL, steps bigint[] NOT NULL, vs double precision[] NOT NULL,
  variable_positions bigint[] NOT NULL, variable_slots bigint[] NOT NULL
);
CREATE TABLE gradtape.gradient_column (
  tape_id integer NOT NULL, run integer NOT NULL, generation text NOT NULL, chunk integer NOT NULL,
  variable_name text, variable_role text, dtype text, shape text, kept text, held text,
  positions bigint[] NOT NULL, steps bigint[] NOT NULL, pass_positions bigint[] NOT NULL, variable_positions bigint[] NOT NULL,
  variable_slots bigint[] NOT NULL, vs double precision[] NOT NULL, l2_norms double precision[] NOT NULL,
  means double precision[] NOT NULL, mins double precision[] NOT NULL, maxs double precision[] NOT NULL,
  zero_counts bigint[] NOT NULL, non_finite_counts bigint[] NOT NULL
);
CREATE TABLE gradtape.step_column (
  tape_id integer NOT NULL, run integer NOT NULL, generation text NOT NULL, chunk integer NOT NULL,
  steps bigint[] NOT NULL, positions bigint[] NOT NULL, elapsed double precision[] NOT NULL, durations double precision[] NOT NULL,
  epochs bigint[] NOT NULL
);
CREATE TABLE gradtape.note_row (
  tape_id integer NOT NULL, run integer NOT NULL, generation text NOT NULL, position bigint NOT NULL, step bigint, text text
);
CREATE TABLE gradtape.checkpoint_row (
  tape_id integer NOT NULL, run integer NOT NULL, generation text NOT NULL, position bigint NOT NULL, step bigint,
  variable_count bigint, byte_count bigint
);
${TABLES.map((table) => `CREATE INDEX ${table}_by_run ON gradtape.${table} ((${RUN_ID(table)}));`).join('\n')}
CREATE INDEX metric_column_by_name ON gradtape.metric_column (name);

CREATE TABLE gradtape.verdict_row (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tape_id integer NOT NULL REFERENCES gradtape.tape (id),
  run integer, -- null: of the whole tape
  kind text NOT NULL,
  from_step bigint, to_step bigint, kernel text,
  verdict text NOT NULL,
  first_divergence text,
  batches integer, -- how many the tape had
  details jsonb,
  worker text NOT NULL,
  job text UNIQUE,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE gradtape.finding_row (
  tape_id integer NOT NULL REFERENCES gradtape.tape (id), run integer NOT NULL, ordinal integer NOT NULL,
  kind text NOT NULL, level text NOT NULL, step bigint, position bigint, function text, scope text, variable text, text text NOT NULL,
  evidence jsonb, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tape_id, run, ordinal)
);
CREATE TABLE gradtape.job_progress (
  job text PRIMARY KEY, kind text NOT NULL, tape text, done double precision, total double precision, worker text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE gradtape.tape ADD COLUMN columns_batches integer NOT NULL DEFAULT 0, ADD COLUMN columns_at timestamptz;

CREATE VIEW gradtape.run AS
SELECT ${RUN_ID('r')} AS id, t.name AS tape, r.run AS tape_run_id, r.name, r.status, r.started_at, r.elapsed_ms, r.step_count, r.event_count,
  r.call_count, r.first_non_finite_step, r.error, r.seed, r.config, r.capture, r.kernel, r.engine, r.node, r.v8, r.platform, r.host, r.pid,
  r.tape_id::bigint * 1000000 + r.parent_run_id AS parent_run_id, r.parent_step
FROM gradtape.run_row r JOIN gradtape.tape t ON t.id = r.tape_id;

CREATE VIEW gradtape.metric AS
SELECT ${RUN_ID('c')} AS run_id, u.position, u.step, c.name,
  CASE WHEN u.v NOT IN ('NaN', 'Infinity', '-Infinity') THEN u.v END AS value,
  CASE WHEN u.v IN ('NaN', 'Infinity', '-Infinity') THEN u.v::text END AS non_finite,
  u.variable_position, u.variable_slot
FROM gradtape.metric_column c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation
CROSS JOIN LATERAL unnest(c.positions, c.steps, c.vs, c.variable_positions, c.variable_slots)
  AS u (position, step, v, variable_position, variable_slot);

CREATE VIEW gradtape.gradient AS
SELECT ${RUN_ID('c')} AS run_id, u.position, u.step, u.pass_position, u.variable_position, u.variable_slot, c.variable_name, c.variable_role,
  c.dtype, c.shape,
  CASE WHEN u.v NOT IN ('NaN', 'Infinity', '-Infinity') THEN u.v END AS value,
  CASE WHEN u.v IN ('NaN', 'Infinity', '-Infinity') THEN u.v::text END AS non_finite,
  u.l2_norm, u.mean, u.min, u.max, u.zero_count, u.non_finite_count, c.kept, c.held
FROM gradtape.gradient_column c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation
CROSS JOIN LATERAL unnest(c.positions, c.steps, c.pass_positions, c.variable_positions, c.variable_slots, c.vs, c.l2_norms, c.means,
  c.mins, c.maxs, c.zero_counts, c.non_finite_counts)
  AS u (position, step, pass_position, variable_position, variable_slot, v, l2_norm, mean, min, max, zero_count, non_finite_count);

CREATE VIEW gradtape.step AS
SELECT ${RUN_ID('c')} AS run_id, u.step, u.position, u.elapsed_ms, u.duration_ms, u.epoch
FROM gradtape.step_column c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation
CROSS JOIN LATERAL unnest(c.steps, c.positions, c.elapsed, c.durations, c.epochs)
  AS u (step, position, elapsed_ms, duration_ms, epoch);

CREATE VIEW gradtape.note AS
SELECT ${RUN_ID('c')} AS run_id, c.position, c.step, c.text
FROM gradtape.note_row c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation;

CREATE VIEW gradtape.checkpoint AS
SELECT ${RUN_ID('c')} AS run_id, c.position, c.step, c.variable_count, c.byte_count
FROM gradtape.checkpoint_row c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation;

CREATE VIEW gradtape.verdict AS
SELECT v.id, t.name AS tape, ${RUN_ID('v')} AS run_id, v.run AS tape_run_id, v.kind, v.from_step, v.to_step, v.kernel, v.verdict,
  v.first_divergence, v.batches, v.details, v.worker, v.at
FROM gradtape.verdict_row v JOIN gradtape.tape t ON t.id = v.tape_id;

CREATE VIEW gradtape.finding AS
SELECT ${RUN_ID('f')} AS run_id, t.name AS tape, f.run AS tape_run_id, f.ordinal, f.kind, f.level, f.step, f.position, f.function, f.scope,
  f.variable, f.text, f.evidence, f.at
FROM gradtape.finding_row f JOIN gradtape.tape t ON t.id = f.tape_id;

-- Rows of one of the tables above, of a generation that does not count yet.
CREATE FUNCTION gradtape.put_columns(tape_name text, of_run integer, of_generation text, table_name text, given jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tape integer := (SELECT id FROM gradtape.tape WHERE name = tape_name);
  common jsonb := jsonb_build_object('tape_id', of_tape, 'run', of_run, 'generation', of_generation);
BEGIN
  IF table_name NOT IN (${TABLES.map((table) => `'${table}'`).join(', ')}) THEN
    RAISE EXCEPTION 'there is no table of columns "%"', table_name USING ERRCODE = 'GT005';
  END IF;
  EXECUTE format('INSERT INTO gradtape.%I SELECT r.* FROM jsonb_array_elements($1) e,
    LATERAL jsonb_populate_record(NULL::gradtape.%I, e || $2) r', table_name, table_name) USING given, common;
END $$;

-- From now on a generation counts, and no other of the run; if all of its rows are there.
CREATE FUNCTION gradtape.finish_run(tape_name text, of_run integer, of_generation text, expected integer, given jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tape integer := (SELECT id FROM gradtape.tape WHERE name = tape_name);
BEGIN
  PERFORM FROM gradtape.tape WHERE id = of_tape FOR UPDATE;
  -- Another worker that did the same may have taken them away, when it was done first.
  IF expected <> ${TABLES.map(
    (table) =>
      `(SELECT count(*) FROM gradtape.${table} c WHERE ${RUN_ID('c')} = of_tape::bigint * 1000000 + of_run AND c.generation = of_generation)`,
  ).join('\n    + ')}
  THEN
    RAISE EXCEPTION 'the columns of run % of "%" are not whole: another worker wrote them, too', of_run, tape_name USING ERRCODE = 'GT005';
  END IF;
  DELETE FROM gradtape.run_row WHERE tape_id = of_tape AND run = of_run;
  INSERT INTO gradtape.run_row SELECT r.* FROM jsonb_populate_record(NULL::gradtape.run_row,
    given || jsonb_build_object('tape_id', of_tape, 'run', of_run, 'generation', of_generation)) r;
  ${TABLES.map(
    (table) =>
      `DELETE FROM gradtape.${table} c WHERE ${RUN_ID('c')} = of_tape::bigint * 1000000 + of_run AND c.generation <> of_generation;`,
  ).join('\n  ')}
END $$;

CREATE FUNCTION gradtape.finish_columns(tape_name text, of_batches integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE gradtape.tape SET columns_batches = of_batches, columns_at = clock_timestamp() WHERE name = tape_name
$$;

CREATE FUNCTION gradtape.put_verdict(tape_name text, given jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO gradtape.verdict_row (tape_id, run, kind, from_step, to_step, kernel, verdict, first_divergence, batches, details, worker, job)
  SELECT t.id, r.run, r.kind, r.from_step, r.to_step, r.kernel, r.verdict, r.first_divergence, r.batches, r.details, r.worker, r.job
  FROM gradtape.tape t, jsonb_populate_record(NULL::gradtape.verdict_row, given) r WHERE t.name = tape_name
  ON CONFLICT (job) DO NOTHING -- two workers may end one job, when one was taken for dead
$$;

CREATE FUNCTION gradtape.put_findings(tape_name text, of_run integer, given jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tape integer;
BEGIN
  SELECT id INTO of_tape FROM gradtape.tape WHERE name = tape_name FOR UPDATE;
  DELETE FROM gradtape.finding_row WHERE tape_id = of_tape AND run = of_run;
  INSERT INTO gradtape.finding_row (tape_id, run, ordinal, kind, level, step, position, function, scope, variable, text, evidence)
  SELECT of_tape, of_run, r.ordinal, r.kind, r.level, r.step, r.position, r.function, r.scope, r.variable, r.text, r.evidence
  FROM jsonb_populate_recordset(NULL::gradtape.finding_row, given) r;
END $$;

CREATE FUNCTION gradtape.note_progress(job_id text, job_kind text, tape_name text, is_done double precision, of_total double precision, by_worker text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO gradtape.job_progress (job, kind, tape, done, total, worker) VALUES (job_id, job_kind, tape_name, is_done, of_total, by_worker)
  ON CONFLICT (job) DO UPDATE SET done = is_done, total = of_total, worker = by_worker, at = clock_timestamp()
$$;

CREATE FUNCTION gradtape.forget_progress(older_than interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM gradtape.job_progress WHERE at < clock_timestamp() - older_than
$$;

-- What is in a folder, held to its hashes, is dropped here; the head stays.
CREATE FUNCTION gradtape.seal(tape_name text, up_to integer, up_to_hash bytea, place text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t gradtape.tape;
  dropped integer;
BEGIN
  SELECT * INTO t FROM gradtape.tape WHERE name = tape_name FOR UPDATE;
  IF NOT FOUND OR up_to < t.sealed OR up_to > t.batches OR (t.sealed > 0 AND t.sealed_to <> place)
    OR (up_to > t.sealed AND (SELECT b.hash FROM gradtape.batch b WHERE b.tape_id = t.id AND b.n = up_to) IS DISTINCT FROM up_to_hash)
  THEN
    RAISE EXCEPTION 'the tape "%" cannot be sealed up to batch % in %: it has % batches, sealed % in %', tape_name, up_to, place,
      t.batches, t.sealed, coalesce(t.sealed_to, 'no folder') USING ERRCODE = 'GT005';
  END IF;
  DELETE FROM gradtape.batch b WHERE b.tape_id = t.id AND b.n <= up_to;
  GET DIAGNOSTICS dropped = ROW_COUNT;
  UPDATE gradtape.tape SET sealed = up_to, sealed_to = place WHERE id = t.id;
  DELETE FROM gradtape.value_ref r WHERE r.tape_id = t.id AND r.n <= up_to;
  RETURN dropped;
END $$;

-- Contents that no batch names, but for those that a push has just brought.
CREATE FUNCTION gradtape.sweep(older_than interval) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dropped integer;
BEGIN
  DELETE FROM gradtape.value v WHERE v.at < clock_timestamp() - older_than
    AND NOT EXISTS (SELECT FROM gradtape.value_ref r WHERE r.hash = v.hash);
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;
`

/** How many of what is not finite is NaN, as a tape's view says it. Columns of before are written again. */
export const NAN_COUNTS = /* sql */ `
ALTER TABLE gradtape.gradient_column ADD COLUMN nan_counts bigint[] NOT NULL DEFAULT '{}';
UPDATE gradtape.tape SET columns_batches = 0;
DROP VIEW gradtape.gradient;
CREATE VIEW gradtape.gradient AS
SELECT ${RUN_ID('c')} AS run_id, u.position, u.step, u.pass_position, u.variable_position, u.variable_slot, c.variable_name, c.variable_role,
  c.dtype, c.shape,
  CASE WHEN u.v NOT IN ('NaN', 'Infinity', '-Infinity') THEN u.v END AS value,
  CASE WHEN u.v IN ('NaN', 'Infinity', '-Infinity') THEN u.v::text END AS non_finite,
  u.l2_norm, u.mean, u.min, u.max, u.zero_count, u.non_finite_count, u.nan_count,
  u.non_finite_count - u.nan_count AS infinite_count, c.kept, c.held
FROM gradtape.gradient_column c JOIN gradtape.run_row r ON r.tape_id = c.tape_id AND r.run = c.run AND r.generation = c.generation
CROSS JOIN LATERAL unnest(c.positions, c.steps, c.pass_positions, c.variable_positions, c.variable_slots, c.vs, c.l2_norms, c.means,
  c.mins, c.maxs, c.zero_counts, c.non_finite_counts, c.nan_counts)
  AS u (position, step, pass_position, variable_position, variable_slot, v, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count);
`

/** What runs are called now, and their tags. Columns of before are written again. */
export const NAMES_AND_TAGS = /* sql */ `
ALTER TABLE gradtape.run_row ADD COLUMN first_name text, ADD COLUMN tags text;
UPDATE gradtape.tape SET columns_batches = 0;
DROP VIEW gradtape.run;
CREATE VIEW gradtape.run AS
SELECT ${RUN_ID('r')} AS id, t.name AS tape, r.run AS tape_run_id, r.name, r.status, r.started_at, r.elapsed_ms, r.step_count, r.event_count,
  r.call_count, r.first_non_finite_step, r.error, r.seed, r.config, r.capture, r.kernel, r.engine, r.node, r.v8, r.platform, r.host, r.pid,
  r.tape_id::bigint * 1000000 + r.parent_run_id AS parent_run_id, r.parent_step, r.first_name, r.tags
FROM gradtape.run_row r JOIN gradtape.tape t ON t.id = r.tape_id;
`
