-- 2026-11-29, version 8: a question about a step before the limit says which step that is.
--
-- Why: whatever a yes to it was, on to the next step, an extension or a route, that step is behind for all runs that share
-- the budget, also once the limit was lifted. The amount that stood in one of these answers tells no step of another limit.

-- As JSON: `{"share":600}` in thousandths of the limit, or `{"left":N}` in the smallest part of the unit. Null: at the
-- limit, about something else, or asked by an older govern.
ALTER TABLE approvals ADD COLUMN step TEXT;
