-- What of a run could not be observed is asked by every report and budget.
CREATE INDEX events_marked ON events (run_no, seq) WHERE instr(data, '"kind":"marked"') > 0;
