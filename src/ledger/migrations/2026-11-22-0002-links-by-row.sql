-- 2026-11-22, version 2: a row's link is found at once.
--
-- Why: extensions and answers are obeyed only if the ledger's chain holds them as they stand, so each reading of one
-- asks for its last link.

CREATE INDEX links_by_extension ON links (CASE WHEN json_valid(data) THEN json_extract(data, '$.extension.id') END)
  WHERE substr(data, 1, 19) = '{"kind":"extension"';
CREATE INDEX links_by_approval ON links (CASE WHEN json_valid(data) THEN json_extract(data, '$.approval.id') END)
  WHERE substr(data, 1, 18) = '{"kind":"approval"';
