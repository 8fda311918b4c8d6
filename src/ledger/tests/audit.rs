//! Whatever is changed, an audit finds.

use proptest::prelude::*;

use crate::ledger::hash::Hash;
use crate::ledger::tests::testing::*;
use crate::ledger::{Ledger, Verified};
use crate::model::event::EventKind;
use crate::model::{Answer, ApprovalState, Event, ProcessIdentity, RunId};

/// A ledger that its author can write to freely.
fn defenceless() -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    ledger
        .conn
        .execute_batch(
            "PRAGMA foreign_keys = OFF; DROP TRIGGER events_stay; DROP TRIGGER events_remain; DROP TRIGGER usage_stays;
             DROP TRIGGER usage_remains; DROP TRIGGER links_stay; DROP TRIGGER links_remain;",
        )
        .unwrap();
    ledger
}

fn found(ledger: &Ledger) -> (String, String) {
    match ledger.audit().verify().unwrap() {
        Verified::Broken { place, what } => (place, what),
        other => panic!("{other:?}"),
    }
}

/// Recomputes a run's hashes from its data, as a careful forger would.
fn rehash_run(ledger: &Ledger, run: &str) {
    let mut hash = Hash::run_seed(run);
    let mut statement = ledger
        .conn
        .prepare(
            "SELECT e.run_no, e.seq, e.data FROM events e JOIN runs r ON r.no = e.run_no WHERE r.id = ? ORDER BY 2",
        )
        .unwrap();
    let rows: Vec<(i64, i64, String)> = statement
        .query_map([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (run_no, seq, data) in rows {
        hash = hash.next(data.as_bytes());
        let sql = "UPDATE events SET hash = ?3 WHERE run_no = ?1 AND seq = ?2";
        ledger.conn.execute(sql, rusqlite::params![run_no, seq, hash]).unwrap();
    }
}

#[test]
fn what_nobody_touched_is_intact() {
    let ledger = defenceless();
    let head = ledger.audit().head().unwrap();
    assert_eq!(ledger.audit().verify().unwrap(), Verified::Intact { runs: 2, entries: 22, head });
    assert_eq!(ledger.audit().link_hash(head.n).unwrap(), Some(head.hash));
    assert_eq!(ledger.audit().link_hash(head.n + 1).unwrap(), None);
    let empty = Ledger::in_memory().unwrap();
    assert!(matches!(empty.audit().verify().unwrap(), Verified::Intact { runs: 0, entries: 0, .. }));
    assert_ne!(empty.audit().head().unwrap().hash, head.hash);
}

#[test]
fn a_run_without_a_seal_is_open_not_broken() {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    govern(&mut ledger, "r3");
    let Verified::Open { runs: 3, unsealed, .. } = ledger.audit().verify().unwrap() else { panic!() };
    assert_eq!(unsealed, [RunId::from("r3")]);
}

#[test]
fn a_run_that_went_on_is_intact_once_it_is_sealed_again() {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    let say = |ledger: &mut Ledger, kind: EventKind| {
        let event = Event { at: "2026-11-23T09:00:00Z".parse().unwrap(), run: "r1".into(), agent: None, kind };
        ledger.turn(event.at, |turn| turn.append(&event)).unwrap();
    };
    ledger.start_run("r1".into(), ProcessIdentity { pid: 9, started: 9 });
    say(&mut ledger, EventKind::RunResumed { by: "ann (cli)".into(), policy: "p2".into(), prices: "1".into() });
    let Verified::Open { unsealed, .. } = ledger.audit().verify().unwrap() else { panic!() };
    assert_eq!(unsealed, [RunId::from("r1")]);
    say(&mut ledger, EventKind::RunEnded { outcome: "ended".into(), code: Some(0), rule: None, lifts: None });
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
    assert_eq!(ledger.runs().find("r1").unwrap().outcome.as_deref(), Some("ended"));
}

#[test]
fn every_tampering_is_found_where_it_was_done() {
    let cases = [
        ("a changed event", "UPDATE events SET data = replace(data, 'route', 'warn') WHERE run_no = 1 AND seq = 6", "event 6 of run `r1`"),
        ("a deleted event", "DELETE FROM events WHERE run_no = 1 AND seq = 4", "event 4 of run `r1`"),
        ("a deleted first event", "DELETE FROM events WHERE run_no = 1 AND seq = 1", "event 1 of run `r1`"),
        ("a deleted end", "DELETE FROM events WHERE run_no = 1 AND seq = 11", "run `r1`"),
        ("a deleted end and row", "DELETE FROM events WHERE run_no = 1 AND seq = 11;
          UPDATE runs SET ended = NULL, outcome = NULL, code = NULL, rule = NULL WHERE no = 1", "run `r1`"),
        ("two events in each other's place", "UPDATE events SET seq = 100 WHERE run_no = 1 AND seq = 3;
          UPDATE events SET seq = 3 WHERE run_no = 1 AND seq = 4; UPDATE events SET seq = 4 WHERE run_no = 1 AND seq = 100", "event 3 of run `r1`"),
        ("an event of another run", "UPDATE events SET data = (SELECT data FROM events WHERE run_no = 2 AND seq = 6),
          hash = (SELECT hash FROM events WHERE run_no = 2 AND seq = 6) WHERE run_no = 1 AND seq = 6", "event 6 of run `r1`"),
        ("an event more", "INSERT INTO events SELECT run_no, 12, data, hash FROM events WHERE run_no = 1 AND seq = 11", "event 12 of run `r1`"),
        ("a changed hash", "UPDATE events SET hash = zeroblob(32) WHERE run_no = 2 AND seq = 2", "event 2 of run `r2`"),
        ("a cheaper response", "UPDATE usage SET cost = 1 WHERE id = 2", "event 4 of run `r1`"),
        ("a response as if unpriced", "UPDATE usage SET cost = NULL WHERE id = 2; UPDATE kinds SET pricing = 'unpriced'", "event 3 of run `r1`"),
        ("fewer tokens", "UPDATE usage SET cached_input = cached_input + 1 WHERE id = 4", "event 3 of run `r2`"),
        ("another time", "UPDATE usage SET at = at + 86400000 WHERE id = 1", "event 3 of run `r1`"),
        ("another thread", "UPDATE thread_ids SET id = 'x' WHERE no = 1", "event 3 of run `r1`"),
        ("another run's usage", "UPDATE usage SET run_no = 2 WHERE id = 1", "event 3 of run `r1`"),
        ("usage as if imported", "UPDATE usage SET run_no = NULL WHERE id = 1", "event 3 of run `r1`"),
        ("another team's usage", "UPDATE series SET data = replace(data, 'web', 'infra')", "event 3 of run `r1`"),
        ("deleted usage", "DELETE FROM usage WHERE id = 6", "event 5 of run `r2`"),
        ("made-up usage", "INSERT INTO usage SELECT 99, run_no, thread, 'made up', root, at, series, kind, input,
          cached_input, cache_write, output, reasoning, cost, guess, work FROM usage WHERE id = 1", "usage 99"),
        ("smaller sums", "UPDATE rollup SET cost = cost - 1", "sum"),
        ("no sums", "DELETE FROM rollup", "a sum"),
        ("sums of nothing", "INSERT INTO rollup SELECT bucket + 1, series, work, responses, input, cached_input, cache_write, output,
          reasoning, cost, estimated, unpriced, inferred FROM rollup", "sum"),
        ("smaller sums of days", "UPDATE rollup_by_day SET responses = responses - 1", "sum"),
        ("a made-up tool call", "INSERT INTO calls (run_no, thread, at, series) SELECT run_no, thread, at, series FROM usage
          WHERE id = 1", "run `r1`"),
        ("a sum of tool calls of nothing", "INSERT INTO calls_by_day SELECT 1, series, 1 FROM usage WHERE id = 1", "tool calls of day 1"),
        ("no sums of threads", "DELETE FROM rollup_by_thread", "a sum"),
        ("what was read as if guessed", "UPDATE usage SET guess = 'pause' WHERE id = 1", "event 3 of run `r1`"),
        ("a deleted run", "DELETE FROM events WHERE run_no = 1; DELETE FROM usage WHERE run_no = 1; DELETE FROM threads WHERE run_no = 1;
          DELETE FROM runs WHERE no = 1; UPDATE rollup SET responses = 3, input = 3000, cached_input = 1200, cache_write = 300, output = 150,
          reasoning = 60, cost = 30000000", "run `r1`"),
        ("a run more", "INSERT INTO runs SELECT 3, 'r3', started, ended, command, cwd, attribution, outcome, code, rule, pid, pid_started,
          observe, policy, prices, govern FROM runs WHERE no = 1", "run `r3`"),
        ("a renamed run", "UPDATE runs SET id = 'r9' WHERE no = 1", "run `r9`"),
        ("another outcome", "UPDATE runs SET outcome = 'ended', code = 0 WHERE no = 1", "run `r1`"),
        ("another policy", "UPDATE runs SET policy = 'none' WHERE no = 1", "event 1 of run `r1`"),
        ("another command that resumes it", "UPDATE run_commands SET data = '{}' WHERE run_no = 1", "run `r1`"),
        ("no command that resumes it", "DELETE FROM run_commands WHERE run_no = 2", "run `r2`"),
        ("another session file", "UPDATE threads SET path = '/elsewhere' WHERE run_no = 1", "run `r1`"),
        ("a thread less", "DELETE FROM threads WHERE run_no = 1", "run `r1`"),
        ("another answer", "UPDATE approvals SET by = 'mallory' WHERE id = 1", "approval 1"),
        ("a deleted question", "DELETE FROM approvals WHERE id = 2", "approval 2"),
        ("a made-up answer", "INSERT INTO approvals SELECT 3, key, run_no, agent, budget, scope, window, unit, extend, question, asked,
          deadline, state, answer, by, reason, answered, 99, about, step, approvers, votes FROM approvals WHERE id = 1", "approval 3"),
        ("a larger extension", "UPDATE extensions SET amount = amount * 10 WHERE id = 1", "extension 1"),
        ("an extension of another budget", "UPDATE extensions SET key = '[]' WHERE id = 1", "extension 1"),
        ("a made-up extension", "INSERT INTO extensions SELECT 3, key, budget, scope, window, unit, amount, by, reason, at, until
          FROM extensions WHERE id = 1", "extension 3"),
        ("a changed link", "UPDATE links SET data = replace(data, 'release day', 'a bribe') WHERE n = 5", "link 5 of the ledger"),
        ("a deleted link", "DELETE FROM links WHERE n = 3", "link 3 of the ledger"),
        ("no last link", "DELETE FROM links WHERE n = (SELECT max(n) FROM links)", "run `r2`"),
        ("no links", "DELETE FROM links", "run `r1`"),
        ("links in each other's place", "UPDATE links SET n = 100 WHERE n = 2; UPDATE links SET n = 2 WHERE n = 3;
          UPDATE links SET n = 3 WHERE n = 100", "link 2 of the ledger"),
        ("another beginning", "UPDATE ledger SET id = zeroblob(16)", "link 1 of the ledger"),
        ("what is no JSON", "UPDATE series SET data = 'x'", "event 3 of run `r1`"),
    ];
    for (what, sql, place) in cases {
        let ledger = defenceless();
        ledger.conn.execute_batch(sql).unwrap_or_else(|error| panic!("{what}: {error}"));
        let Verified::Broken { place: found, what: why } = ledger.audit().verify().unwrap() else {
            panic!("{what}: not found")
        };
        assert!(found.starts_with(place), "{what}: found at {found} ({why})");
    }
}

#[test]
fn a_run_whose_hashes_were_all_recomputed_does_not_fit_its_seal() {
    let ledger = defenceless();
    let sql = "UPDATE events SET data = replace(data, 'gpt-9', 'gpt-6') WHERE run_no = 1 AND seq = 10";
    ledger.conn.execute_batch(sql).unwrap();
    rehash_run(&ledger, "r1");
    let (place, what) = found(&ledger);
    assert_eq!((place.as_str(), what.as_str()), ("event 11 of run `r1`", "the ledger's chain says otherwise"));
}

#[test]
fn an_open_run_is_held_to_its_questions() {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    govern(&mut ledger, "r3");
    append(&mut ledger, &decided("r3"));
    let kind = crate::model::event::EventKind::Asked {
        approval: crate::model::ApprovalId(3),
        budget: None,
        question: "?".into(),
        cost: None,
        deadline: None,
    };
    append(&mut ledger, &event("r3", kind));
    ledger.conn.execute_batch("DROP TRIGGER events_remain; DELETE FROM events WHERE run_no = 3 AND seq > 1").unwrap();
    assert_eq!(found(&ledger).0, "run `r3`");
}

#[test]
fn slips_of_the_hand_are_refused() {
    let mut ledger = Ledger::in_memory().unwrap();
    told(&mut ledger);
    for table in ["events", "usage", "links"] {
        assert!(ledger.conn.execute_batch(&format!("DELETE FROM {table}")).is_err(), "{table}");
    }
    for change in ["events SET data = ''", "usage SET cost = 0", "links SET data = ''"] {
        assert!(ledger.conn.execute_batch(&format!("UPDATE {change}")).is_err(), "{change}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the events of runs interleave, over however many turns, the chains hold, and each run's events come
    /// back in its own order.
    #[test]
    fn any_interleaving_verifies(steps in prop::collection::vec((0_usize..4, 0_u8..4, any::<bool>()), 1..60)) {
        let mut ledger = Ledger::in_memory().unwrap();
        let runs = ["r1", "r2", "r3", "r4"];
        for run in runs {
            govern(&mut ledger, run);
        }
        let mut told: Vec<Vec<_>> = runs.iter().map(|run| vec![started(run)]).collect();
        for part in steps.chunk_by(|(.., together), _| *together) {
            turn(&mut ledger, |turn| for (which, kind, _) in part {
                let (run, at_all) = (runs[*which], told.iter().map(Vec::len).sum::<usize>());
                let event = match kind {
                    0 => seen(run, &format!("t{at_all}")),
                    1 => decided(run),
                    _ => answered(response(run, run, &at_all.to_string())),
                };
                turn.append(&event).unwrap();
                told[*which].push(event);
            });
        }
        for (run, told) in runs.iter().zip(&told) {
            let events: Vec<_> = ledger.runs().events(&(*run).into()).unwrap().into_iter().map(|entry| entry.event).collect();
            prop_assert_eq!(&events, told);
        }
        let open = matches!(ledger.audit().verify().unwrap(), Verified::Open { runs: 4, .. });
        prop_assert!(open);
        for run in runs {
            append(&mut ledger, &ended(run));
        }
        let intact = matches!(ledger.audit().verify().unwrap(), Verified::Intact { runs: 4, .. });
        prop_assert!(intact);
    }

    /// One changed character of any event or link is found.
    #[test]
    fn any_changed_character_is_found(links in any::<bool>(), row in 0_i64..18, byte in 0_usize..400) {
        let ledger = defenceless();
        let table = if links { "links" } else { "events" };
        let pick = format!("SELECT data FROM {table} LIMIT 1 OFFSET {row}");
        let Ok(data) = ledger.conn.query_row(&pick, [], |row| row.get::<_, String>(0)) else { return Ok(()) };
        let mut bytes = data.clone().into_bytes();
        let place = byte % bytes.len();
        bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(bytes).unwrap();
        ledger.conn.execute(&format!("UPDATE {table} SET data = ?1 WHERE data = ?2"), [changed, data]).unwrap();
        found(&ledger);
    }
}

#[test]
fn nothing_goes_on_with_a_command_that_somebody_else_wrote() {
    let ledger = defenceless();
    assert!(ledger.runs().command_of(&"r1".into()).unwrap().is_some());
    for sql in ["UPDATE run_commands SET data = '{}' WHERE run_no = 1", "DELETE FROM run_commands WHERE run_no = 1"] {
        ledger.conn.execute_batch(sql).unwrap();
        let error = ledger.runs().command_of(&"r1".into()).unwrap_err();
        assert!(error.to_string().contains("the command that resumes run `r1` was changed"), "{error}");
    }
}

#[test]
fn a_question_that_somebody_else_has_changed_is_neither_shown_nor_answered() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    let asked = ledger.turn(at(900), |turn| turn.questions().ask(&question("team=web"), &|_| true)).unwrap().approval;
    assert!(ledger.questions().find(asked).is_ok());
    ledger.conn.execute("UPDATE approvals SET question = 'ls docs' WHERE id = ?1", [asked.0]).unwrap();
    let shown = ledger.questions().standing(true, &|_| true).unwrap();
    assert!(shown.len() == 1 && shown[0].question.starts_with("changed in the ledger"), "{shown:?}");
    assert!(ledger.questions().find(asked).unwrap_err().to_string().contains("was changed"));
    let no = ledger
        .turn(at(901), |turn| turn.questions().answer(asked, ApprovalState::Denied, Some(&Answer::Stop), "ann", None));
    assert!(no.unwrap_err().to_string().contains("was changed"));
}
