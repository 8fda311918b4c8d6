-- 2026-11-22, version 3: years of history.
--
-- Why: an import brings as many responses as runs do in years. So a row must be small (threads by number, tier,
-- provider and pricing by one number together), reports must not read rows (sums by day, and by day and thread), and a
-- session file that did not change must not be read again.

-- Codex sessions, by number: each is named by many responses.
CREATE TABLE thread_ids (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO thread_ids (id) SELECT thread FROM usage UNION SELECT root FROM usage;

-- How a response was served and priced. A ledger has a handful of them.
CREATE TABLE kinds (
  id       INTEGER PRIMARY KEY,
  provider TEXT NOT NULL, -- empty: unknown
  tier     TEXT NOT NULL,
  pricing  TEXT NOT NULL, -- priced, estimated, unpriced
  UNIQUE (provider, tier, pricing)
) STRICT;
INSERT INTO kinds (provider, tier, pricing) SELECT DISTINCT coalesce(provider, ''), tier, pricing FROM usage;

ALTER TABLE usage RENAME TO usage_before;
CREATE TABLE usage (
  id           INTEGER PRIMARY KEY, -- in order of recording: what others wrote since is what is greater
  run_no       INTEGER REFERENCES runs, -- null: imported
  thread       INTEGER NOT NULL REFERENCES thread_ids,
  key          TEXT    NOT NULL,
  root         INTEGER NOT NULL REFERENCES thread_ids,
  at           INTEGER NOT NULL,
  series       INTEGER NOT NULL REFERENCES series,
  kind         INTEGER NOT NULL REFERENCES kinds,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  cost         INTEGER, -- null: unpriced, never zero
  guess        TEXT,    -- why the tokens are inferred; null: observed
  UNIQUE (thread, key)
) STRICT;
INSERT INTO usage
  SELECT u.id, u.run_no, t.no, u.key, o.no, u.at, u.series, k.id, u.input, u.cached_input, u.cache_write, u.output,
         u.reasoning, u.cost, nullif(u.basis, 'observed')
  FROM usage_before u
  JOIN thread_ids t ON t.id = u.thread
  JOIN thread_ids o ON o.id = u.root
  JOIN kinds k ON (k.provider, k.tier, k.pricing) = (coalesce(u.provider, ''), u.tier, u.pricing)
  ORDER BY u.id;
DROP TABLE usage_before;
CREATE INDEX usage_by_time ON usage (at);
CREATE INDEX usage_by_run ON usage (run_no) WHERE run_no IS NOT NULL;
CREATE INDEX usage_guessed ON usage (at) WHERE guess IS NOT NULL;
CREATE TRIGGER usage_stays BEFORE UPDATE ON usage BEGIN SELECT RAISE(ABORT, 'usage is never changed'); END;
CREATE TRIGGER usage_remains BEFORE DELETE ON usage BEGIN SELECT RAISE(ABORT, 'usage is never removed'); END;

-- Sums of usage at three grains, all filled again from the rows after this migration, and kept up in the transaction
-- that adds rows. By quarter of an hour: every time zone's midnight falls on one. By day of UTC: what lies whole
-- within a window. By day and thread: reports by thread and by run.
DROP TABLE rollup;
CREATE TABLE rollup (
  bucket       INTEGER NOT NULL, -- at / 900000
  series       INTEGER NOT NULL REFERENCES series,
  responses    INTEGER NOT NULL,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  estimated    INTEGER NOT NULL,
  unpriced     INTEGER NOT NULL,
  inferred     INTEGER NOT NULL,
  PRIMARY KEY (bucket, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_by_day (
  day          INTEGER NOT NULL, -- at / 86400000
  series       INTEGER NOT NULL REFERENCES series,
  responses    INTEGER NOT NULL,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  estimated    INTEGER NOT NULL,
  unpriced     INTEGER NOT NULL,
  inferred     INTEGER NOT NULL,
  PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_by_thread (
  day          INTEGER NOT NULL,
  thread       INTEGER NOT NULL REFERENCES thread_ids,
  run_no       INTEGER NOT NULL, -- 0: imported
  series       INTEGER NOT NULL REFERENCES series,
  responses    INTEGER NOT NULL,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  estimated    INTEGER NOT NULL,
  unpriced     INTEGER NOT NULL,
  inferred     INTEGER NOT NULL,
  PRIMARY KEY (day, thread, run_no, series)
) STRICT, WITHOUT ROWID;

-- Session files as they were when they were imported. Only spares reading them again: what counts is usage.
CREATE TABLE session_files (
  path     BLOB    PRIMARY KEY, -- a path is bytes
  device   INTEGER NOT NULL,
  inode    INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  modified INTEGER NOT NULL, -- nanoseconds since 1970
  read     INTEGER NOT NULL, -- bytes (uncompressed) of whole lines
  lines    INTEGER NOT NULL,
  skipped  INTEGER NOT NULL, -- lines that could not be read
  reason   TEXT,             -- of the first of them, and where
  begun    INTEGER,          -- time of the first and the last record
  ended    INTEGER
) STRICT, WITHOUT ROWID;

-- What a run could not read is asked by every report.
CREATE INDEX events_skipped ON events (run_no, seq) WHERE instr(data, '"kind":"skipped"') > 0;

-- Tool calls, so that budgets can count them: one row each, as the events of hooks tell, and sums by day of UTC.
CREATE TABLE calls (
  id     INTEGER PRIMARY KEY,
  run_no INTEGER NOT NULL REFERENCES runs,
  thread INTEGER NOT NULL REFERENCES thread_ids,
  at     INTEGER NOT NULL,
  series INTEGER NOT NULL REFERENCES series
) STRICT;
CREATE INDEX calls_by_time ON calls (at);
CREATE INDEX calls_by_run ON calls (run_no);
CREATE INDEX calls_by_thread ON calls (thread);
CREATE TRIGGER calls_stay BEFORE UPDATE ON calls BEGIN SELECT RAISE(ABORT, 'tool calls are never changed'); END;
CREATE TRIGGER calls_remain BEFORE DELETE ON calls BEGIN SELECT RAISE(ABORT, 'tool calls are never removed'); END;
CREATE TABLE calls_by_day (
  day    INTEGER NOT NULL,
  series INTEGER NOT NULL REFERENCES series,
  calls  INTEGER NOT NULL,
  PRIMARY KEY (day, series)
) STRICT, WITHOUT ROWID;
