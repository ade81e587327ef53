-- What a run is called, said after it began: a name, and tags that it has or has not.
--
-- A list of such changes is a commit without events, of which these rows name the id; its hash covers them in the order of their ids.

CREATE TABLE _label (
  id INTEGER PRIMARY KEY,
  commit_id INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('named', 'tagged', 'untagged')),
  text TEXT NOT NULL
) STRICT;
CREATE INDEX _label_by_commit ON _label (commit_id);
CREATE INDEX _label_by_run ON _label (run_id, kind);

DROP VIEW run;
DROP VIEW tape_commit;

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

CREATE TRIGGER _label_no_update BEFORE UPDATE ON _label BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _label_no_delete BEFORE DELETE ON _label BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _label_no_replace BEFORE INSERT ON _label WHEN EXISTS (SELECT 1 FROM _label WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
