-- 2026-11-29, version 9: responses that were recorded without a price, priced once there was one.
--
-- Why: a model is used before a table or a policy knows its price. What was recorded is never changed, so the price that
-- came later stands beside it; each batch of them is a link of the ledger's chain. The sums count what is here.

CREATE TABLE repriced (
  usage   INTEGER PRIMARY KEY REFERENCES usage,
  batch   INTEGER NOT NULL, -- the number of its link
  pricing TEXT    NOT NULL, -- priced, estimated
  cost    INTEGER NOT NULL
) STRICT;
CREATE TRIGGER repriced_stays BEFORE UPDATE ON repriced BEGIN SELECT RAISE(ABORT, 'a price is given once'); END;
CREATE TRIGGER repriced_remains BEFORE DELETE ON repriced BEGIN SELECT RAISE(ABORT, 'a price is never taken back'); END;
