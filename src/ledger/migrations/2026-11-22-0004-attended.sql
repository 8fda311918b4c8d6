-- 2026-11-22, version 4: sessions of a Codex that nobody started under govern.
--
-- Why: each hook of such a Codex is a process of its own. What one let through and how far it read a session's files,
-- the next must know: else a request goes unseen while its answer is not recorded yet. And a person's brake must be
-- found at each hook, without a reading of the whole chain.

-- One row for each thread of a run that hooks attend to. What it holds is state, not history: it says what to expect
-- of a file, never what was spent.
CREATE TABLE attended (
  run_no INTEGER NOT NULL REFERENCES runs,
  thread TEXT    NOT NULL,
  data   TEXT    NOT NULL, -- JSON
  PRIMARY KEY (run_no, thread)
) STRICT, WITHOUT ROWID;

-- A repository's policy as it was when such a session began: it lies where the agent writes. Null: there was none.
CREATE TABLE pinned (
  run_no INTEGER PRIMARY KEY REFERENCES runs,
  path   TEXT,
  policy TEXT
) STRICT;

CREATE INDEX events_braked ON events (run_no, seq)
  WHERE instr(data, '"kind":"braked"') > 0 OR instr(data, '"kind":"run_resumed"') > 0;
