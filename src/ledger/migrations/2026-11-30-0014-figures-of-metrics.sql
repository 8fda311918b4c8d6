-- 2026-11-30, version 14: what metrics ask at every scrape.
--
-- Why: a scrape comes every few seconds and must read no history. What is counted by responses has its sums; decisions
-- and refused tool calls stand only in the events. And what no event tells, how long hooks and holds took, is kept here.

-- Sums of all usage of a series: a counter is asked again and again, and goes back to the beginning.
CREATE TABLE rollup_by_series (
  series       INTEGER PRIMARY KEY REFERENCES series,
  responses    INTEGER NOT NULL,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  estimated    INTEGER NOT NULL,
  unpriced     INTEGER NOT NULL,
  inferred     INTEGER NOT NULL
) STRICT;

-- Runs that live are found among all that ever were.
CREATE INDEX runs_open ON runs (no) WHERE ended IS NULL;

-- Decisions of policies and alerts, as the events of runs tell.
CREATE TABLE decided (
  action    TEXT    NOT NULL, -- a step's verb; `would_` before it where nothing was done
  budget    TEXT    NOT NULL, -- or the alert
  decisions INTEGER NOT NULL,
  PRIMARY KEY (action, budget)
) STRICT, WITHOUT ROWID;

-- How many of the tool calls did not run.
CREATE TABLE calls_denied (
  series INTEGER PRIMARY KEY REFERENCES series,
  calls  INTEGER NOT NULL
) STRICT;

-- What a run's agents and hooks waited for govern and for people. Figures, not history: no chain has them.
CREATE TABLE run_times (
  run_no  INTEGER PRIMARY KEY REFERENCES runs,
  held_ms INTEGER NOT NULL, -- all its agents together were held
  hook_us INTEGER NOT NULL  -- its hooks took, those that nothing held
) STRICT;
CREATE TABLE hook_times (
  bound  INTEGER NOT NULL, -- microseconds: they took no longer; -1: longer than any bound
  run_no INTEGER NOT NULL REFERENCES runs,
  calls  INTEGER NOT NULL,
  PRIMARY KEY (bound, run_no)
) STRICT, WITHOUT ROWID;

-- Which series of a metric keep their names where there are too many, and from what on they are counted under them: what
-- was before stays with the others, so that no counter goes down.
CREATE TABLE metric_names (
  metric TEXT NOT NULL,
  labels TEXT NOT NULL, -- JSON, a list
  base   TEXT NOT NULL, -- JSON, a list
  PRIMARY KEY (metric, labels)
) STRICT, WITHOUT ROWID;
