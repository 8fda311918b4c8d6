-- 2026-11-29, version 6: which records are of responses that count already.
--
-- Why: a hook of Codex's 0.169 tells what a request used and names no response. Where it told first, the response counts
-- under a key of govern's making, and its record in the session file, which has a key of its own, must count never: not
-- when the file is imported, and not when a later run reads it.

-- One row for each such record, as a run's event or a link of the ledger's chain says.
CREATE TABLE confirmed (
  thread INTEGER NOT NULL REFERENCES thread_ids,
  key    TEXT    NOT NULL, -- of the record
  told   TEXT    NOT NULL, -- the key that the response counts under
  PRIMARY KEY (thread, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX confirmed_by_told ON confirmed (thread, told);

INSERT OR IGNORE INTO confirmed
  SELECT t.no, json_extract(e.data, '$.key'), json_extract(e.data, '$.told')
  FROM events e JOIN thread_ids t ON t.id = json_extract(e.data, '$.thread')
  WHERE instr(e.data, '"kind":"confirmed"') > 0 AND json_valid(e.data);
