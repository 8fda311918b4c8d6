-- 2026-11-30, version 18: a question keeps who may answer it, and who has said yes where one yes is not enough.
--
-- Why: who may answer was known only of runs that can be resumed, and only once they had a session: lists, the page and
-- letters could not name anybody. Both are shown and decide nothing: that is the run's own to do, by its policy and by
-- what it has heard itself.

ALTER TABLE approvals ADD COLUMN approvers TEXT;
ALTER TABLE approvals ADD COLUMN votes TEXT;
