-- 2026-11-29, version 7: the policies that a session began under.
--
-- Why: hooks read their user's policy anew each time, and what is not there limits nothing. An agent that takes the file
-- away, or starts another Codex once it is away, would have no limit: what was there when the session began must be there.

-- A JSON list of paths, but for the repository's, of which the text is kept. Null: they were not noted then.
ALTER TABLE pinned ADD COLUMN policies TEXT;
