-- 2026-11-30, version 13: the class of work that a response was part of.
--
-- Why: what money was spent on is told by what a turn's tools did, and that is known only after its responses are recorded. So
-- a row's class may change, alone of all that a row says; it is in no digest and no chain. The sums are kept by class too,
-- so that a report by class reads as little as any other. What was recorded before has no class until it is read again.

ALTER TABLE usage ADD COLUMN work INTEGER; -- 1 research, 2 edit, 3 test, 4 review, 5 migration, 6 documentation, 7 other; null: not known

DROP TRIGGER usage_stays;
CREATE TRIGGER usage_stays BEFORE UPDATE OF
  id, run_no, thread, key, root, at, series, kind, input, cached_input, cache_write, output, reasoning, cost, guess
  ON usage BEGIN SELECT RAISE(ABORT, 'usage is never changed'); END;

ALTER TABLE rollup RENAME TO rollup_before;
CREATE TABLE rollup (
  bucket       INTEGER NOT NULL, -- at / 900000
  series       INTEGER NOT NULL REFERENCES series,
  work         INTEGER NOT NULL, -- as in usage; 0: not known
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
  PRIMARY KEY (bucket, series, work)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup SELECT bucket, series, 0, responses, input, cached_input, cache_write, output, reasoning, cost, estimated,
  unpriced, inferred FROM rollup_before;
DROP TABLE rollup_before;

ALTER TABLE rollup_by_day RENAME TO rollup_before;
CREATE TABLE rollup_by_day (
  day          INTEGER NOT NULL, -- at / 86400000
  series       INTEGER NOT NULL REFERENCES series,
  work         INTEGER NOT NULL,
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
  PRIMARY KEY (day, series, work)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup_by_day SELECT day, series, 0, responses, input, cached_input, cache_write, output, reasoning, cost, estimated,
  unpriced, inferred FROM rollup_before;
DROP TABLE rollup_before;

ALTER TABLE rollup_by_thread RENAME TO rollup_before;
CREATE TABLE rollup_by_thread (
  day          INTEGER NOT NULL,
  thread       INTEGER NOT NULL REFERENCES thread_ids,
  run_no       INTEGER NOT NULL, -- 0: imported
  series       INTEGER NOT NULL REFERENCES series,
  work         INTEGER NOT NULL,
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
  PRIMARY KEY (day, thread, run_no, series, work)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup_by_thread SELECT day, thread, run_no, series, 0, responses, input, cached_input, cache_write, output, reasoning,
  cost, estimated, unpriced, inferred FROM rollup_before;
DROP TABLE rollup_before;
