//! Ten that write at once.

use std::path::Path;

use crate::ledger::tests::testing::*;
use crate::ledger::{Ledger, Verified};
use crate::model::{Cost, Dimension, Event, Money, Response, RunProcess};

/// In nano-dollars: about half of what ten runs of a hundred responses want.
const LIMIT: i64 = 5_000_000;

/// A run that answers up to a hundred times, each time only if the shared budget has room for the dearest answer it
/// may get: spent, what others reserved and its own wish together. Says what it spent.
fn worker(home: &Path, run: &str) -> i64 {
    let mut ledger = Ledger::open(home).unwrap();
    govern(&mut ledger, run);
    let (team, everyone) = ([(Dimension::Team, Some("web".to_owned()))], |_: &RunProcess<'_>| true);
    let wish = 15_000;
    let mut own = 0;
    for n in 0..100_i64 {
        let admitted = turn(&mut ledger, |turn| {
            let spent = turn.sums().spent(&team, Some(at(0)), None).unwrap().cost.nanos();
            let reserved = turn.budgets().reserved_by_others(&key("team=web"), &everyone).unwrap();
            let fits = spent + reserved + wish <= LIMIT;
            turn.budgets().reserve(&key("team=web"), if fits { wish } else { 0 }).unwrap();
            fits
        });
        turn(&mut ledger, |turn| {
            if admitted {
                let cost = 5_000 + n * 97 % 10_001;
                let answer = Response {
                    cost: Cost::Priced(Money::from_nanos(cost)),
                    at: at(n),
                    ..response(run, run, &n.to_string())
                };
                turn.append(&answered(answer)).unwrap();
                turn.budgets().reserve(&key("team=web"), 0).unwrap();
                own += cost;
            } else {
                turn.append(&Event { at: at(n), ..decided(run) }).unwrap();
            }
        });
    }
    append(&mut ledger, &ended(run));
    own
}

#[test]
fn ten_runs_never_overspend_a_budget_that_they_share() {
    let dir = tempfile::tempdir().unwrap();
    let barrier = std::sync::Barrier::new(10);
    let spent: i64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..10)
            .map(|n| {
                let (barrier, home) = (&barrier, dir.path());
                scope.spawn(move || {
                    barrier.wait();
                    worker(home, &format!("r{n}"))
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let ledger = Ledger::open_read_only(dir.path()).unwrap();
    assert!(spent <= LIMIT, "{spent}");
    assert!(spent > LIMIT - 10 * 15_000, "the budget is used: {spent}");
    assert_eq!(ledger.sums().by(&[], None, None).unwrap()[0].1.cost.nanos(), spent);
    // Each run: its start, a hundred entries, its end.
    let verified = ledger.audit().verify().unwrap();
    assert!(matches!(verified, Verified::Intact { runs: 10, entries: 1020, .. }), "{verified:?}");
}
