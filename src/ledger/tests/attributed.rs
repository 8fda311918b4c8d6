//! Where spend belongs, corrected after it was recorded.

use crate::ledger::attributed::{self, Span};
use crate::ledger::tests::testing::*;
use crate::ledger::{Ledger, Origin, PastResponse, Verified};
use crate::model::{Attribution, Dimension, Response};

fn import(ledger: &mut Ledger, response: &Response) {
    let Response { thread, root, model, provider, tier, billing, attribution, .. } = response.clone();
    let Response { key, at: when, tokens, cost, basis, .. } = response.clone();
    ledger
        .import(at(1_000_000_000), &|_| false, |batch| {
            let origin = Origin { thread, root, model, provider, tier, billing, attribution };
            let mut known = batch.origin(&origin)?;
            batch.add(&mut known, &PastResponse { key, at: when, tokens, cost, basis, work: None })
        })
        .unwrap();
}

/// A run's three responses, and two imported ones of another thread.
fn busy() -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    turn(&mut ledger, |turn| {
        turn.append(&seen("r1", "t1")).unwrap();
        for (key, minutes) in [("a", 0), ("b", 1), ("c", 2)] {
            turn.append(&answered(Response { at: at(minutes * 60_000), ..response("r1", "t1", key) })).unwrap();
        }
        turn.append(&ended("r1")).unwrap();
    });
    for (key, minutes) in [("d", 3), ("e", 4)] {
        import(&mut ledger, &Response { at: at(minutes * 60_000), ..response("r1", "t2", key) });
    }
    ledger
}

fn team(name: &str) -> Attribution {
    Attribution { team: Some(name.to_owned()), ..Attribution::default() }
}

/// Moves all of this time to a team.
fn attribute(ledger: &mut Ledger, span: Span, to: &str) -> u64 {
    let all = attributed::belongings(ledger, span).unwrap().into_iter().filter(|one| one.attribution != team(to));
    let moves: Vec<_> = all.map(|one| (one, team(to))).collect();
    attributed::attribute(ledger, at(9), "ann (cli)", span, &moves).unwrap()
}

/// Responses by team.
fn teams(ledger: &Ledger) -> Vec<(String, u64)> {
    let sums = ledger.sums().by(&[Dimension::Team], None, None).unwrap();
    let named = |values: &[Option<String>]| values[0].clone().unwrap_or_default();
    let mut teams: Vec<_> = sums.iter().map(|(values, sum)| (named(values), sum.responses)).collect();
    teams.sort();
    teams
}

fn intact(ledger: &Ledger) -> bool {
    matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. })
}

#[test]
fn what_is_moved_is_in_every_sum_and_the_chains_still_hold() {
    let mut ledger = busy();
    let span = Span { since: Some(at(60_000)), until: None };
    assert_eq!(attribute(&mut ledger, span, "api"), 4);
    assert_eq!(teams(&ledger), [("api".to_owned(), 4), ("web".to_owned(), 1)]);
    assert!(intact(&ledger), "{:?}", ledger.audit().verify());
    // Once more, elsewhere and back: each link goes on from the one before.
    assert_eq!(attribute(&mut ledger, Span::default(), "infra"), 5);
    assert_eq!(attribute(&mut ledger, span, "api"), 4);
    assert_eq!(attribute(&mut ledger, span, "api"), 0);
    assert!(intact(&ledger), "{:?}", ledger.audit().verify());
    // What is read again is known, and stays where it was moved.
    import(&mut ledger, &Response { at: at(180_000), ..response("r1", "t2", "d") });
    assert_eq!(teams(&ledger), [("api".to_owned(), 4), ("infra".to_owned(), 1)]);
    let changed = ledger.conn.execute("UPDATE usage SET series = 1", []).unwrap_err().to_string();
    assert!(changed.contains("usage is never changed"), "{changed}");
}

#[test]
fn what_is_moved_by_hand_is_found() {
    for (moved, change) in [
        (
            false,
            "INSERT INTO series (data) SELECT replace(data, 'web', 'api') FROM series LIMIT 1;
             UPDATE usage SET series = (SELECT max(id) FROM series)",
        ),
        (true, "UPDATE usage SET series = 1 WHERE key = 'b'"),
        (true, "UPDATE usage SET series = (SELECT series FROM usage WHERE key = 'b') WHERE key = 'a'"),
        (true, "DROP TRIGGER links_remain; DELETE FROM links WHERE n = (SELECT max(n) FROM links)"),
    ] {
        let mut ledger = busy();
        if moved {
            attribute(&mut ledger, Span { since: Some(at(60_000)), until: None }, "api");
        }
        ledger.conn.execute_batch(&format!("DROP TRIGGER usage_stays; {change}")).unwrap();
        assert!(!intact(&ledger), "{change}");
    }
}
