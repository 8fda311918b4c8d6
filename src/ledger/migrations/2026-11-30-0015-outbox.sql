-- What people and their programs are to be told, and how far each copy of it has come. A run opens no connection: it writes a notice in the
-- transaction of what that is about, and `govern serve` sends it, tries again for a day, and goes on where a dead one left off. No secret is
-- ever in here. `follows` says who is to be told what becomes of a question.
CREATE TABLE notices (
  no       INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  at       INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  approval INTEGER,
  body     TEXT NOT NULL,
  follows  TEXT
) STRICT;

CREATE INDEX notices_of_questions ON notices (approval) WHERE approval IS NOT NULL;

CREATE TABLE copies (
  notice   INTEGER NOT NULL REFERENCES notices (no),
  address  TEXT NOT NULL,
  state    TEXT NOT NULL,
  due      INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  began    INTEGER,
  in_hand  INTEGER NOT NULL DEFAULT 0,
  error    TEXT,
  ended    INTEGER,
  PRIMARY KEY (notice, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX copies_that_wait ON copies (due) WHERE state = 'waiting';

-- An address that wants nothing more (410), by what it was: another one under the same name is asked again.
CREATE TABLE closed_addresses (
  address  TEXT PRIMARY KEY,
  mark     TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
