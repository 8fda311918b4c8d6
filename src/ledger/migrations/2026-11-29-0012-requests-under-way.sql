-- 2026-11-29, version 12: requests under way.
--
-- Why: a govern that is killed cannot say any more which requests it had let through that nobody answered. What it would
-- say of each agent if that ended now stands here at every moment, so that whoever comes next can. A row goes with its
-- agent's end and with the run's; what a killed govern has left, the run's chain takes over when it goes on.

CREATE TABLE under_way (
  run_no   INTEGER NOT NULL REFERENCES runs,
  agent    TEXT    NOT NULL,
  requests INTEGER NOT NULL,
  cost     INTEGER NOT NULL, -- what they may cost
  at       INTEGER NOT NULL, -- when the last of them was let through, or was seen
  PRIMARY KEY (run_no, agent)
) STRICT, WITHOUT ROWID;

-- What was cut off is asked by every report and budget, as marks are.
CREATE INDEX events_cut_off ON events (run_no, seq) WHERE instr(data, '"kind":"cut_off"') > 0;
