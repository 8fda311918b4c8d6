-- 2026-11-28, version 5: a question says what it is about.
--
-- Why: what a yes does depends on it. A question at the limit lifts it, one at a step before the limit does not, and one
-- about a tool or an alert has no limit at all. It was told from the unit and the scope so far, which cannot tell the
-- first two apart.

-- `limit`, `step`, `alert` or `call`. Null: asked by an older govern.
ALTER TABLE approvals ADD COLUMN about TEXT;
