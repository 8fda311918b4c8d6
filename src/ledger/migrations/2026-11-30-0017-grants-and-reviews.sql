-- 2026-11-30, version 17: grants, and what people decided about exceptions.
--
-- Why: both are links of the ledger's own chain and nothing else, so that no row beside it can say otherwise. Each run asks for
-- grants at its start, and so does each hook of a session that nobody started under govern: they are found without a
-- reading of the chain. What policies and alerts decided is asked by `govern exceptions`.

CREATE INDEX links_of_grants ON links (n) WHERE substr(data, 1, 14) = '{"kind":"grant';
CREATE INDEX links_of_reviews ON links (n) WHERE substr(data, 1, 17) = '{"kind":"reviewed';
CREATE INDEX events_decided ON events (run_no, seq) WHERE instr(data, '"kind":"decided"') > 0;
