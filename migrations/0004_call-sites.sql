-- Where calls stand in the user's code.
--
-- Two recordings of one program have the same events, wherever the program stands; so a site is a row beside its call, and no part
-- of the event. It is there for calls of which it was looked at (src/recorder/call-sites.ts); the others have that of an earlier call
-- of the same template and place.

-- A place in the user's code: [file, line, column, function or null].
CREATE TABLE _site (
  id INTEGER PRIMARY KEY,
  content TEXT NOT NULL UNIQUE,
  file TEXT NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[0]')) STORED,
  line INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[1]')) STORED,
  column_number INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(content, '$[2]')) STORED,
  caller TEXT GENERATED ALWAYS AS (json_extract(content, '$[3]')) STORED
) STRICT;

-- The site of a call, and the place of the call in the block that holds it.
CREATE TABLE _call_site (
  id INTEGER PRIMARY KEY,
  template_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  site_id INTEGER NOT NULL
) STRICT;
CREATE INDEX _call_site_by_place ON _call_site (template_id, place, id);

DROP VIEW call;
DROP VIEW template_call;

CREATE VIEW call AS -- One forward call of a function. Key: run_id, position.
SELECT
  b.run_id AS run_id, -- joins run.id
  CAST((b.id & 4294967295) + (e.value ->> 0) AS INTEGER) AS position, -- its place in the run; also names its first output
  b.step AS step, -- in which it was made
  s.function AS function, -- registered name
  CAST((SELECT x.content FROM _text x WHERE x.id = CASE e.value ->> 4 WHEN 0 THEN (WITH c (h) AS MATERIALIZED (SELECT hex(substr(b.slots, 8 * ((e.value ->> 1) + (e.value ->> 2) - 1) + 1, 8))) SELECT ((instr('123456789ABCDEF', substr(c.h, 1, 1)) << 60) | (instr('123456789ABCDEF', substr(c.h, 2, 1)) << 56) | (instr('123456789ABCDEF', substr(c.h, 3, 1)) << 52) | (instr('123456789ABCDEF', substr(c.h, 4, 1)) << 48) | (instr('123456789ABCDEF', substr(c.h, 5, 1)) << 44) | (instr('123456789ABCDEF', substr(c.h, 6, 1)) << 40) | (instr('123456789ABCDEF', substr(c.h, 7, 1)) << 36) | (instr('123456789ABCDEF', substr(c.h, 8, 1)) << 32) | (instr('123456789ABCDEF', substr(c.h, 9, 1)) << 28) | (instr('123456789ABCDEF', substr(c.h, 10, 1)) << 24) | (instr('123456789ABCDEF', substr(c.h, 11, 1)) << 20) | (instr('123456789ABCDEF', substr(c.h, 12, 1)) << 16) | (instr('123456789ABCDEF', substr(c.h, 13, 1)) << 12) | (instr('123456789ABCDEF', substr(c.h, 14, 1)) << 8) | (instr('123456789ABCDEF', substr(c.h, 15, 1)) << 4) | (instr('123456789ABCDEF', substr(c.h, 16, 1)) << 0)) & 281474976710655 FROM c) ELSE e.value ->> 4 END) AS TEXT) AS attributes, -- JSON: what it was told besides its inputs; a number that JSON has not (NaN, infinities, -0) as {"$number":"NaN"}
  s.scope AS scope, -- dotted name of the place in the program
  s.linked AS is_grad_enabled, -- 0 inside noGrad: the outputs have no creator
  CAST(json_array_length(e.value) - 5 AS INTEGER) AS input_count, -- see call_input
  s.output_count AS output_count, -- see call_output
  s.dtype AS dtype, -- of the first output; null when there is none
  s.shape AS shape, -- JSON; of the first output
  b.id AS block_id, -- joins block.id: of the block that holds it, by which it is found at once; see block
  CAST((SELECT i.file || ':' || i.line || ':' || i.column_number FROM _site i WHERE i.id = (SELECT c.site_id FROM _call_site c WHERE c.template_id = b.template_id AND c.place = e.value ->> 0 AND c.id > b.run_id << 32 AND c.id <= b.id + (e.value ->> 0) ORDER BY c.id DESC LIMIT 1)) AS TEXT) AS site -- file:line:column of the user's code that made it, or a call of the same place and template before it; null when it was not looked at; see call_site
FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.calls) e ON true JOIN _signature s ON s.id = e.value ->> 3;

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

CREATE TRIGGER _site_no_update BEFORE UPDATE ON _site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _site_no_delete BEFORE DELETE ON _site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _site_no_replace BEFORE INSERT ON _site WHEN EXISTS (SELECT 1 FROM _site WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM _site WHERE content = NEW.content) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_site_no_update BEFORE UPDATE ON _call_site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_site_no_delete BEFORE DELETE ON _call_site BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER _call_site_no_replace BEFORE INSERT ON _call_site WHEN EXISTS (SELECT 1 FROM _call_site WHERE id = NEW.id) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
