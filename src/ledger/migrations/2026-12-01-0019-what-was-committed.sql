-- 2026-12-01, version 19: what was committed, and what was found out about it.
--
-- Why: what the agents of a run committed is a link of the ledger's own chain and nothing else, found without a reading of
-- the chain. What became of it is asked of git at a report, which takes its time: what cannot change any more (a commit's
-- lines that stand at another commit) is kept, and so is what session files of this size say of tests. Both may be thrown
-- away: nothing is recorded in them that could not be found out again.

CREATE INDEX links_of_commits ON links (n) WHERE substr(data, 1, 18) = '{"kind":"committed';

CREATE TABLE kept_lines (
  commit_id TEXT    NOT NULL,
  stands_as TEXT    NOT NULL, -- the commit by which its lines are known on the default branch
  at        TEXT    NOT NULL, -- the commit at which they were looked for
  lines     INTEGER NOT NULL,
  PRIMARY KEY (commit_id, stands_as, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE tests_told (
  of      TEXT    PRIMARY KEY, -- a run and an agent of it
  size    INTEGER NOT NULL,    -- of all their session files when they were read
  tests   INTEGER NOT NULL,    -- commands that ran tests
  failed  INTEGER NOT NULL,    -- those that did not end well
  changed TEXT    NOT NULL     -- JSON: files that patches changed
) STRICT, WITHOUT ROWID;
