-- 2026-11-29, version 10: responses that were stamped in the future.
--
-- Why: a clock that was wrong stamped a session file with a day that has not come. Such a response counts when it was
-- recorded: else it would be in every rolling window until that day. What its file says is kept here, for a person.

CREATE TABLE stamped (
  usage INTEGER PRIMARY KEY REFERENCES usage,
  stamp INTEGER NOT NULL -- milliseconds since 1970
) STRICT;
