//! Whose an ended run is: of all that would go on with it at once, one does.

use std::path::Path;

use rusqlite::params;

use crate::model::{Alive, ProcessIdentity, RunId, RunInfo, RunProcess};

use super::{Ledger, LedgerError};

/// Takes a run for this process, which is about to go on with it; nothing else of it is changed. Says how it stands:
/// what was read of it before may have changed since.
///
/// # Errors
/// Where it is under way, or another process that is `alive` has taken it.
pub fn claim(
    ledger: &mut Ledger,
    run: &RunId,
    own: ProcessIdentity,
    alive: &Alive<'_>,
) -> Result<RunInfo, LedgerError> {
    let sockets = ledger.sockets().map(Path::to_owned);
    let tx = ledger.transaction()?;
    let (pid, started): (i32, i64) = tx
        .prepare_cached("SELECT pid, pid_started FROM runs WHERE id = ?1")?
        .query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let holder = ProcessIdentity { pid, started: started.unsigned_abs() };
    if holder != own && alive(&RunProcess { run, process: holder, sockets: sockets.as_deref() }) {
        return Err(LedgerError::Claimed { run: run.clone(), by: holder });
    }
    let started = i64::try_from(own.started).unwrap_or(i64::MAX);
    tx.prepare_cached("UPDATE runs SET pid = ?2, pid_started = ?3 WHERE id = ?1")?.execute(params![
        run.as_str(),
        own.pid,
        started
    ])?;
    tx.commit()?;
    ledger.runs().find(run.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::testing::*;

    #[test]
    fn of_two_that_would_go_on_with_a_run_one_does() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        let (run, alive) = (RunId::from("r1"), |_: &RunProcess<'_>| true);
        // Under way; its govern was killed; it has ended.
        assert!(matches!(claim(&mut ledger, &run, process(2), &alive), Err(LedgerError::Claimed { .. })));
        assert_eq!(claim(&mut ledger, &run, process(2), &|_| false).unwrap().process, process(2));
        append(&mut ledger, &ended("r1"));
        let taken = claim(&mut ledger, &run, process(3), &|_| false).unwrap();
        assert!(taken.process == process(3) && taken.ended.is_some(), "{taken:?}");
        let refused = claim(&mut ledger, &run, process(2), &alive).unwrap_err();
        assert_eq!(refused.to_string(), "run `r1` is going on already: process 3 has it");
        assert_eq!(claim(&mut ledger, &run, process(3), &alive).unwrap(), taken, "it is its own");
        ledger.audit().verify().unwrap();
    }
}
