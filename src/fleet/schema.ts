/**
 * The schema of a store on PostgreSQL, by numbered migrations that never change. Whoever opens a store brings it up to date, if
 * the database lets them; who may not is told who must.
 *
 * What recorders may do they do by functions, which hold every batch to the chain: a recorder's role may touch no table.
 */
import { TapeError } from '../errors.js'
import { COLUMNS, NAMES_AND_TAGS, NAN_COUNTS } from './schema-columns.js'
import { ROLES_WORDS, type SqlClient, sqlState } from './sql-client.js'

interface Migration {
  readonly n: number
  readonly name: string
  readonly sql: string
}

/**
 * States in which the functions refuse, in SQLSTATE's class GT:
 *   GT001 fenced: a later writer has the tape · GT002 fork: another batch of that number · GT003 gap: not the next batch ·
 *   GT004 the hash is not that of the payload · GT005 what came makes no sense, or is too large · GT006 the tape is another role's ·
 *   GT007 another writer has the lease · GT008 a content that a batch names is not there
 */
const TABLES_AND_APPEND = /* sql */ `
CREATE TABLE gradtape.setting (
  name text PRIMARY KEY,
  value bigint NOT NULL
);
INSERT INTO gradtape.setting VALUES
  ('batch_bytes_max', 268435456),   -- of one batch
  ('content_bytes_max', 536870912), -- of one array
  ('tape_bytes_max', 0);            -- of a tape's batches; 0: any

CREATE TABLE gradtape.tape (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$' AND right(name, 1) <> '.'),
  owner text NOT NULL,               -- the role that pushed it first; others may not
  epoch integer NOT NULL DEFAULT 0,  -- counts writers; only the last one may append
  holder text,
  holder_pid integer,
  holder_start timestamptz,
  lease_until timestamptz,
  head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  batches integer NOT NULL DEFAULT 0,
  events bigint NOT NULL DEFAULT 0,
  payload_bytes bigint NOT NULL DEFAULT 0,
  sealed integer NOT NULL DEFAULT 0, -- batches up to this one are in a folder, not here
  sealed_to text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  appended_at timestamptz
);

CREATE TABLE gradtape.batch (
  tape_id integer NOT NULL REFERENCES gradtape.tape (id),
  n integer NOT NULL,
  hash bytea NOT NULL,
  header bytea NOT NULL,   -- JSON: what one needs to read the payload
  payload bytea NOT NULL,
  event_count integer NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tape_id, n)
);

CREATE TABLE gradtape.value (
  hash bytea PRIMARY KEY,
  dtype text NOT NULL,
  bytes bytea NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE gradtape.value_ref (
  tape_id integer NOT NULL REFERENCES gradtape.tape (id),
  hash bytea NOT NULL REFERENCES gradtape.value (hash),
  n integer NOT NULL, -- the last batch that names it
  PRIMARY KEY (tape_id, hash)
);
CREATE INDEX value_ref_by_hash ON gradtape.value_ref (hash);

CREATE FUNCTION gradtape.setting(setting_name text) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT value FROM gradtape.setting WHERE name = setting_name $$;

CREATE FUNCTION gradtape.may_write(owner text) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF owner = session_user THEN RETURN true; END IF;
  RETURN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND pg_has_role(session_user, r.oid, 'MEMBER'));
END $$;

-- Makes the tape if there is none, and its caller the one who may append.
CREATE FUNCTION gradtape.claim(tape_name text, new_holder text, seconds integer)
RETURNS TABLE (now_epoch integer, now_batches integer, now_head bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t gradtape.tape;
  me timestamptz;
BEGIN
  IF tape_name IS NULL OR new_holder IS NULL OR seconds IS NULL OR length(new_holder) > 200 OR seconds NOT BETWEEN 1 AND 300 THEN
    RAISE EXCEPTION 'claim expected a name, a holder and 1 to 300 seconds' USING ERRCODE = 'GT005';
  END IF;
  SELECT * INTO t FROM gradtape.tape WHERE name = tape_name FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO gradtape.tape (name, owner) VALUES (tape_name, session_user) ON CONFLICT (name) DO NOTHING;
    SELECT * INTO t FROM gradtape.tape WHERE name = tape_name FOR UPDATE;
  END IF;
  IF NOT gradtape.may_write(t.owner) THEN
    RAISE EXCEPTION 'the tape "%" is of the role "%"', tape_name, t.owner USING ERRCODE = 'GT006';
  END IF;
  -- A lease that ends too far ahead is of a clock that leapt. A session that is gone holds nothing.
  IF t.holder IS NOT NULL AND t.holder <> new_holder
    AND t.lease_until > clock_timestamp() AND t.lease_until <= clock_timestamp() + interval '300 seconds'
    AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = t.holder_pid
      AND (a.backend_start IS NULL OR t.holder_start IS NULL OR a.backend_start = t.holder_start))
  THEN
    RAISE EXCEPTION 'another writer (%) has the tape "%" for % s yet', t.holder, tape_name,
      ceil(extract(epoch FROM t.lease_until - clock_timestamp())) USING ERRCODE = 'GT007';
  END IF;
  SELECT backend_start INTO me FROM pg_stat_activity WHERE pid = pg_backend_pid();
  UPDATE gradtape.tape SET epoch = t.epoch + 1, holder = new_holder, holder_pid = pg_backend_pid(), holder_start = me,
    lease_until = clock_timestamp() + make_interval(secs => seconds)
  WHERE id = t.id;
  RETURN QUERY SELECT t.epoch + 1, t.batches, t.head;
END $$;

CREATE FUNCTION gradtape.release(tape_name text, writer_epoch integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE gradtape.tape SET holder = NULL, lease_until = NULL
  WHERE name = tape_name AND epoch = writer_epoch AND gradtape.may_write(owner)
$$;

-- Takes batches behind those that are there: all or none. Those that are there already, with the same hashes, are passed over.
-- hashes and contents: 32 bytes each; lengths: of each payload, header and list of contents, the bytes that stand one after the other.
CREATE FUNCTION gradtape.append(tape_name text, writer_epoch integer, first_n integer, hashes bytea,
  payloads bytea, payload_lengths integer[], headers bytea, header_lengths integer[], event_counts integer[],
  contents bytea, content_counts integer[], seconds integer)
RETURNS TABLE (now_batches integer, now_head bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t gradtape.tape;
  total integer := coalesce(array_length(payload_lengths, 1), 0);
  batch_max bigint := gradtape.setting('batch_bytes_max');
  tape_max bigint := gradtape.setting('tape_bytes_max');
  payload_at integer := 1;
  header_at integer := 1;
  content_at integer := 1;
  this_n integer;
  this_hash bytea;
  this_payload bytea;
  known bytea;
  named bytea[];
BEGIN
  IF tape_name IS NULL OR writer_epoch IS NULL OR first_n IS NULL OR first_n < 1 OR hashes IS NULL OR payloads IS NULL
    OR headers IS NULL OR contents IS NULL OR total = 0 OR length(hashes) <> 32 * total
    OR array_length(header_lengths, 1) IS DISTINCT FROM total OR array_length(event_counts, 1) IS DISTINCT FROM total
    OR array_length(content_counts, 1) IS DISTINCT FROM total
    OR EXISTS (SELECT FROM unnest(payload_lengths || header_lengths || event_counts || content_counts) x WHERE x IS NULL OR x < 0)
    OR (SELECT sum(x) FROM unnest(payload_lengths) x) <> length(payloads)
    OR (SELECT sum(x) FROM unnest(header_lengths) x) <> length(headers)
    OR (SELECT 32 * sum(x) FROM unnest(content_counts) x) <> length(contents)
    OR seconds IS NULL OR seconds NOT BETWEEN 1 AND 300
  THEN
    RAISE EXCEPTION 'append got batches whose parts do not fit each other' USING ERRCODE = 'GT005';
  END IF;
  SELECT * INTO t FROM gradtape.tape WHERE name = tape_name FOR UPDATE;
  IF NOT FOUND OR NOT gradtape.may_write(t.owner) THEN
    RAISE EXCEPTION 'there is no tape "%" of this role', tape_name USING ERRCODE = 'GT006';
  END IF;
  IF t.epoch <> writer_epoch OR t.holder IS NULL THEN
    RAISE EXCEPTION 'fenced: the writer of epoch % came when epoch % has the tape "%"', writer_epoch, t.epoch, tape_name
      USING ERRCODE = 'GT001';
  END IF;
  FOR i IN 1..total LOOP
    this_n := first_n + i - 1;
    this_hash := substring(hashes FROM 32 * i - 31 FOR 32);
    IF this_n <= t.batches THEN
      SELECT b.hash INTO known FROM gradtape.batch b WHERE b.tape_id = t.id AND b.n = this_n;
      IF known IS DISTINCT FROM this_hash THEN
        RAISE EXCEPTION 'fork: the tape "%" has another batch %', tape_name, this_n USING ERRCODE = 'GT002';
      END IF;
    ELSIF this_n > t.batches + 1 THEN
      RAISE EXCEPTION 'gap: the tape "%" has % batches, got batch %', tape_name, t.batches, this_n USING ERRCODE = 'GT003';
    ELSE
      IF payload_lengths[i] > batch_max OR header_lengths[i] > batch_max THEN
        RAISE EXCEPTION 'batch % has % bytes, of % that one may have', this_n, payload_lengths[i], batch_max USING ERRCODE = 'GT005';
      END IF;
      this_payload := substring(payloads FROM payload_at FOR payload_lengths[i]);
      IF sha256(t.head || this_payload) <> this_hash THEN
        RAISE EXCEPTION 'batch % of the tape "%" does not have its hash on the head that is here', this_n, tape_name
          USING ERRCODE = 'GT004';
      END IF;
      INSERT INTO gradtape.batch (tape_id, n, hash, header, payload, event_count)
      VALUES (t.id, this_n, this_hash, substring(headers FROM header_at FOR header_lengths[i]), this_payload, event_counts[i]);
      IF content_counts[i] > 0 THEN
        SELECT array_agg(DISTINCT substring(contents FROM content_at + 32 * k FOR 32)) INTO named
        FROM generate_series(0, content_counts[i] - 1) k;
        PERFORM FROM gradtape.value v WHERE v.hash = ANY (named) FOR KEY SHARE;
        IF (SELECT count(*) FROM gradtape.value v WHERE v.hash = ANY (named)) <> cardinality(named) THEN
          RAISE EXCEPTION 'batch % names contents that are not here', this_n USING ERRCODE = 'GT008';
        END IF;
        INSERT INTO gradtape.value_ref SELECT t.id, h, this_n FROM unnest(named) h
        ON CONFLICT (tape_id, hash) DO UPDATE SET n = EXCLUDED.n;
      END IF;
      t.batches := this_n;
      t.head := this_hash;
      t.events := t.events + event_counts[i];
      t.payload_bytes := t.payload_bytes + payload_lengths[i];
      IF tape_max > 0 AND t.payload_bytes > tape_max THEN
        RAISE EXCEPTION 'the tape "%" has more than the % bytes that one may have', tape_name, tape_max USING ERRCODE = 'GT005';
      END IF;
    END IF;
    payload_at := payload_at + payload_lengths[i];
    header_at := header_at + header_lengths[i];
    content_at := content_at + 32 * content_counts[i];
  END LOOP;
  UPDATE gradtape.tape SET batches = t.batches, head = t.head, events = t.events, payload_bytes = t.payload_bytes,
    appended_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => seconds)
  WHERE id = t.id;
  RETURN QUERY SELECT t.batches, t.head;
END $$;

-- How far a tape is here; no row for one that has no batch.
CREATE FUNCTION gradtape.state(tape_name text) RETURNS TABLE (now_batches integer, now_head bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT batches, head FROM gradtape.tape WHERE name = tape_name AND batches > 0
$$;

CREATE FUNCTION gradtape.hash_at(tape_name text, batch_n integer) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN t.batches = batch_n THEN t.head ELSE (SELECT b.hash FROM gradtape.batch b WHERE b.tape_id = t.id AND b.n = batch_n) END
  FROM gradtape.tape t WHERE t.name = tape_name
$$;

-- Of these hashes, 32 bytes each, those whose contents are not here.
CREATE FUNCTION gradtape.missing(hashes bytea) RETURNS TABLE (hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h FROM (SELECT substring(hashes FROM 1 + 32 * k FOR 32) AS h FROM generate_series(0, length(hashes) / 32 - 1) k) wanted
  WHERE NOT EXISTS (SELECT FROM gradtape.value v WHERE v.hash = h)
$$;

-- Takes contents by what they are: a name that is not the hash of its bytes cannot come in.
CREATE FUNCTION gradtape.put_values(dtypes text[], lengths integer[], bytes bytea) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  total integer := coalesce(array_length(lengths, 1), 0);
  content_max bigint := gradtape.setting('content_bytes_max');
  at integer := 1;
  one bytea;
BEGIN
  IF total = 0 OR array_length(dtypes, 1) IS DISTINCT FROM total OR bytes IS NULL
    OR EXISTS (SELECT FROM unnest(lengths) x WHERE x IS NULL OR x < 0)
    OR EXISTS (SELECT FROM unnest(dtypes) x WHERE x IS NULL OR x !~ '^[a-z0-9]{1,20}$')
    OR (SELECT sum(x) FROM unnest(lengths) x) <> length(bytes)
  THEN
    RAISE EXCEPTION 'put_values got contents whose parts do not fit each other' USING ERRCODE = 'GT005';
  END IF;
  FOR i IN 1..total LOOP
    IF lengths[i] > content_max THEN
      RAISE EXCEPTION 'an array has % bytes, of % that one may have', lengths[i], content_max USING ERRCODE = 'GT005';
    END IF;
    one := substring(bytes FROM at FOR lengths[i]);
    INSERT INTO gradtape.value (hash, dtype, bytes)
    VALUES (sha256(convert_to(dtypes[i], 'UTF8') || '\\x00'::bytea || one), dtypes[i], one) ON CONFLICT DO NOTHING;
    at := at + lengths[i];
  END LOOP;
  RETURN total;
END $$;
`

/** In the order of their numbers. */
const MIGRATIONS: readonly Migration[] = [
  { n: 1, name: 'tables and append', sql: TABLES_AND_APPEND },
  { n: 2, name: 'columns and verdicts', sql: COLUMNS },
  { n: 3, name: 'NaN counts', sql: NAN_COUNTS },
  { n: 4, name: 'names and tags', sql: NAMES_AND_TAGS },
]

/** What each role may do; asked for again after every migration. */
const GRANTS = /* sql */ `
REVOKE ALL ON SCHEMA gradtape FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA gradtape FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA gradtape FROM PUBLIC;
DO $$
DECLARE
  who text;
BEGIN
  FOREACH who IN ARRAY ARRAY['gradtape_recorder', 'gradtape_reader', 'gradtape_worker'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = who) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', who); END IF;
    EXCEPTION
      WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL; -- somebody else makes them
    END;
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = who);
    EXECUTE format('GRANT USAGE ON SCHEMA gradtape TO %I', who);
    IF who <> 'gradtape_recorder' THEN EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA gradtape TO %I', who);
    ELSE EXECUTE format('GRANT SELECT ON gradtape.migration TO %I', who); END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION gradtape.state(text), gradtape.hash_at(text, integer) TO %I', who);
    IF who = 'gradtape_worker' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION gradtape.put_columns(text, integer, text, text, jsonb),
        gradtape.finish_run(text, integer, text, integer, jsonb), gradtape.finish_columns(text, integer),
        gradtape.put_verdict(text, jsonb), gradtape.put_findings(text, integer, jsonb),
        gradtape.note_progress(text, text, text, double precision, double precision, text),
        gradtape.forget_progress(interval), gradtape.seal(text, integer, bytea, text), gradtape.sweep(interval) TO %I', who);
    END IF;
    IF who = 'gradtape_recorder' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION gradtape.claim(text, text, integer), gradtape.release(text, integer),
        gradtape.append(text, integer, integer, bytea, bytea, integer[], bytea, integer[], integer[], bytea, integer[], integer),
        gradtape.missing(bytea), gradtape.put_values(text[], integer[], bytea) TO %I', who);
    END IF;
  END LOOP;
END $$;
`

/** Any number will do that nobody else takes: who sets the schema up waits for who does so already. */
const LOCK = 0x67_72_61_64

/**
 * Sees to it that the schema is there and is that of this version.
 *
 * Throws  STORE_FAILED when it is newer, or this role may not make it
 */
export async function prepareSchema(client: SqlClient): Promise<void> {
  const latest = MIGRATIONS.at(-1)!.n
  const now = await version(client)
  if (now > latest)
    throw new TapeError(
      'STORE_FAILED',
      `${client.place} has schema ${now}, this gradtape knows ${latest}: update gradtape here`,
    )
  if (now === latest) return
  // Each migration looks for itself whether another process was there first.
  const steps = MIGRATIONS.filter(({ n }) => n > now).map(
    ({ n, name, sql }) => `
DO $migration$
BEGIN
  IF NOT EXISTS (SELECT FROM gradtape.migration WHERE n = ${n}) THEN
    EXECUTE $body$${sql}$body$;
    INSERT INTO gradtape.migration (n, name) VALUES (${n}, '${name}');
  END IF;
END $migration$;`,
  )
  try {
    await client.script(`SELECT pg_advisory_xact_lock(${LOCK});
CREATE SCHEMA IF NOT EXISTS gradtape;
CREATE TABLE IF NOT EXISTS gradtape.migration (n integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
${steps.join('\n')}
${GRANTS}`)
  } catch (error) {
    if (sqlState(error) !== '42501') throw error
    throw new TapeError(
      'STORE_FAILED',
      `${client.place} has ${now === 0 ? 'no store yet' : `schema ${now} and needs ${latest}`}, and this role may not make it: let the owner of the database run gradtape fleet URL (${(error as Error).message})`,
      { cause: error },
    )
  }
}

async function version(client: SqlClient): Promise<number> {
  try {
    const [row] = await client.query<{ n: number | null }>('SELECT max(n)::int AS n FROM gradtape.migration')
    return row?.n ?? 0
  } catch (error) {
    // No such schema, no such table.
    if (sqlState(error) === '3F000' || sqlState(error) === '42P01') return 0
    // A schema that one may not use is there.
    if (sqlState(error) !== '42501') throw error
    throw new TapeError('STORE_FAILED', `${client.place} lets this role not use the store: ${ROLES_WORDS}`, {
      cause: error,
    })
  }
}
