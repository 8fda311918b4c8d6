-- 2026-11-22, version 1: the first ledger.
--
-- Why these tables: events are the truth, in one hash chain a run; usage rows are kept apart from
-- them (the chain holds only their digest) so that they can be unique, indexed and summed; links are
-- the chain of the whole ledger, so that a run can't be taken out unseen; all else is what events say, in a
-- shape that is quick to ask. Moments are milliseconds since 1970, money is nano-dollars, hashes are 32 bytes.

PRAGMA application_id = 0x676f7672; -- "govr"

CREATE TABLE ledger (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  id      BLOB    NOT NULL, -- random: what the links' chain starts from
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
  no          INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  started     INTEGER NOT NULL,
  ended       INTEGER,          -- null: unsealed
  command     TEXT    NOT NULL, -- JSON, secrets redacted
  cwd         TEXT    NOT NULL,
  attribution TEXT    NOT NULL, -- JSON
  outcome     TEXT,
  code        INTEGER,
  rule        TEXT,
  pid         INTEGER NOT NULL, -- with pid_started: whether its govern lives
  pid_started INTEGER NOT NULL,
  observe     INTEGER NOT NULL,
  policy      TEXT    NOT NULL,
  prices      TEXT    NOT NULL,
  govern      TEXT    NOT NULL
) STRICT;

-- What it takes to go on with a stopped run. Apart from runs: reports have no use for it.
CREATE TABLE run_commands (
  run_no INTEGER PRIMARY KEY REFERENCES runs,
  data   TEXT    NOT NULL -- JSON of the caller's
) STRICT;

-- By run and thread: a thread that is resumed belongs to several runs.
CREATE TABLE threads (
  no      INTEGER PRIMARY KEY,
  run_no  INTEGER NOT NULL REFERENCES runs,
  thread  TEXT    NOT NULL,
  root    TEXT    NOT NULL,
  parent  TEXT,
  agent   TEXT,
  path    TEXT    NOT NULL,
  codex   TEXT,
  billing TEXT    NOT NULL,
  role    TEXT,
  UNIQUE (run_no, thread)
) STRICT;

-- Who spends: agent, model, billing and attribution together. A ledger has few of them and names them often.
CREATE TABLE series (
  id   INTEGER PRIMARY KEY,
  data TEXT    NOT NULL UNIQUE -- JSON
) STRICT;

CREATE TABLE usage (
  id           INTEGER PRIMARY KEY, -- in order of recording: what others wrote since is what is greater
  run_no       INTEGER REFERENCES runs, -- null: imported
  thread       TEXT    NOT NULL,
  key          TEXT    NOT NULL,
  root         TEXT    NOT NULL,
  at           INTEGER NOT NULL,
  series       INTEGER NOT NULL REFERENCES series,
  provider     TEXT,
  tier         TEXT    NOT NULL,
  input        INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write  INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  reasoning    INTEGER NOT NULL,
  pricing      TEXT    NOT NULL, -- priced, estimated, unpriced
  cost         INTEGER,          -- null: unpriced, never zero
  basis        TEXT    NOT NULL,
  UNIQUE (thread, key)
) STRICT;
CREATE INDEX usage_by_time ON usage (at);
CREATE INDEX usage_by_run ON usage (run_no);

-- Sums of usage by quarter of an hour, kept up in the transaction that adds the usage: a month's budget is
-- asked at each run's start and must not read a month. A quarter, because every time zone's midnight falls on one.
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
  PRIMARY KEY (bucket, series)
) STRICT, WITHOUT ROWID;

-- hash = SHA-256(hash before, data as it stands here); the first follows SHA-256("govern.run/1:" id).
CREATE TABLE events (
  run_no INTEGER NOT NULL REFERENCES runs,
  seq    INTEGER NOT NULL, -- 1, 2, 3 …
  data   TEXT    NOT NULL, -- JSON; of a response its usage row's number and digest
  hash   BLOB    NOT NULL,
  PRIMARY KEY (run_no, seq)
) STRICT, WITHOUT ROWID;

-- The ledger's chain, made as a run's; the first follows SHA-256("govern.ledger/1:" ledger.id).
CREATE TABLE links (
  n    INTEGER PRIMARY KEY, -- 1, 2, 3 …
  data TEXT    NOT NULL, -- JSON
  hash BLOB    NOT NULL
) STRICT;

-- What live runs are about to spend of a budget. Rows of dead runs are removed by whoever meets them.
CREATE TABLE reservations (
  key    TEXT    NOT NULL, -- JSON: [budget, scope, window, unit]
  run_no INTEGER NOT NULL REFERENCES runs,
  amount INTEGER NOT NULL,
  PRIMARY KEY (key, run_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE extensions (
  id     INTEGER PRIMARY KEY,
  key    TEXT    NOT NULL,
  budget TEXT    NOT NULL,
  scope  TEXT    NOT NULL,
  window INTEGER,
  unit   TEXT    NOT NULL,
  amount INTEGER NOT NULL,
  by     TEXT    NOT NULL,
  reason TEXT,
  at     INTEGER NOT NULL,
  until  INTEGER
) STRICT;
CREATE INDEX extensions_by_key ON extensions (key);

CREATE TABLE approvals (
  id       INTEGER PRIMARY KEY,
  key      TEXT    NOT NULL,
  run_no   INTEGER NOT NULL REFERENCES runs, -- who asked first
  agent    TEXT    NOT NULL,
  budget   TEXT    NOT NULL,
  scope    TEXT    NOT NULL,
  window   INTEGER,
  unit     TEXT    NOT NULL,
  extend   INTEGER NOT NULL,
  question TEXT    NOT NULL,
  asked    INTEGER NOT NULL,
  deadline INTEGER,
  state    TEXT    NOT NULL,
  answer   TEXT, -- JSON
  by       TEXT,
  reason   TEXT,
  answered INTEGER,
  revision INTEGER NOT NULL UNIQUE -- rises with every change of any approval: what changed since is what is greater
) STRICT;
-- One question a budget, however many runs it holds.
CREATE UNIQUE INDEX approvals_pending ON approvals (key) WHERE state = 'pending';

CREATE TABLE approval_runs (
  approval INTEGER NOT NULL REFERENCES approvals,
  run_no   INTEGER NOT NULL REFERENCES runs,
  PRIMARY KEY (approval, run_no)
) STRICT, WITHOUT ROWID;

-- Against slips of the hand; against intent there are the chains.
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
CREATE TRIGGER usage_stays BEFORE UPDATE ON usage BEGIN SELECT RAISE(ABORT, 'usage is never changed'); END;
CREATE TRIGGER usage_remains BEFORE DELETE ON usage BEGIN SELECT RAISE(ABORT, 'usage is never removed'); END;
CREATE TRIGGER links_stay BEFORE UPDATE ON links BEGIN SELECT RAISE(ABORT, 'links are never changed'); END;
CREATE TRIGGER links_remain BEFORE DELETE ON links BEGIN SELECT RAISE(ABORT, 'links are never removed'); END;
