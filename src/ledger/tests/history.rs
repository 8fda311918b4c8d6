//! Imported responses count once, and the chain knows them.

use std::path::Path;

use crate::ledger::tests::testing::*;
use crate::ledger::{FileMark, Filter, Holder, Ledger, Origin, PastResponse, Verified};
use crate::model::event::EventKind;
use crate::model::{Basis, Guess, Response, Tokens};

/// What an import would say of the response.
fn past(response: &Response) -> (Origin, PastResponse) {
    let Response { thread, root, model, provider, tier, billing, attribution, .. } = response.clone();
    let Response { key, at, tokens, cost, basis, .. } = response.clone();
    (
        Origin { thread, root, model, provider, tier, billing, attribution },
        PastResponse { key, at, tokens, cost, basis, work: None },
    )
}

/// Imports in one batch; says which were new.
fn import(ledger: &mut Ledger, responses: &[Response]) -> Vec<bool> {
    ledger
        .import(at(1_000_000_000), &|_| false, |batch| {
            responses
                .iter()
                .map(|response| {
                    let (origin, past) = past(response);
                    let mut known = batch.origin(&origin)?;
                    batch.add(&mut known, &past)
                })
                .collect()
        })
        .unwrap()
}

fn mark(skipped: u64) -> FileMark {
    FileMark {
        identity: (1, u64::MAX),
        size: 10,
        modified: -5,
        read: 9,
        lines: 3,
        skipped,
        reason: (skipped > 0).then(|| "not JSON at byte 7".to_owned()),
        span: Some((at(0), at(1_000))),
    }
}

#[test]
fn what_was_governed_or_imported_before_is_not_counted_again() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    turn(&mut ledger, |turn| {
        turn.append(&answered(response("r1", "t1", "a"))).unwrap();
    });
    let old = [response("r1", "t1", "a"), response("r1", "t1", "b"), response("r1", "t2", "a")];
    assert_eq!(import(&mut ledger, &old), [false, true, true]);
    assert_eq!(import(&mut ledger, &old), [false, false, false]);
    // Nor does a run count what was imported before it got there.
    turn(&mut ledger, |turn| {
        let known = turn.append(&answered(response("r1", "t1", "b"))).unwrap();
        assert_eq!((known.new, known.holder), (false, Some(Holder::Import)));
        let own = turn.append(&answered(response("r1", "t1", "a"))).unwrap();
        assert_eq!((own.new, own.holder), (false, None));
    });
    assert_eq!(ledger.sums().by(&[], None, None).unwrap()[0].1.responses, 3);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Open { .. }));
}

/// What a hook of 0.169 told of the response.
fn told(run: &str, thread: &str, key: &str) -> Response {
    Response { source: crate::model::Source::Hook, ..response(run, thread, key) }
}

#[test]
fn a_response_that_a_hook_told_first_counts_once_whoever_reads_its_record() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    for (thread, key) in
        [("t1", "hook@turn:1"), ("t1", "hook@turn:2"), ("t2", "hook@turn:1"), ("t3", "hook-only@turn:1")]
    {
        assert!(append(&mut ledger, &answered(told("r1", thread, key))).new, "{key}");
    }
    // One was read while the run lived, and the other two were not.
    let kind = EventKind::Confirmed { thread: "t1".into(), told: "hook@turn:1".into(), key: "a".into() };
    append(&mut ledger, &event("r1", kind));
    append(&mut ledger, &ended("r1"));
    let more = |key: &str| Response {
        tokens: Tokens { output: 51, ..response("", "t1", key).tokens },
        ..response("", "t1", key)
    };
    let late = Response { at: at(600_001), ..response("", "t2", "b") };
    let old = [response("", "t1", "a"), response("", "t1", "b"), response("", "t1", "c"), more("d"), late.clone()];
    // What no hook told of is new: of three alike the third, one that used more, and one that came much later.
    assert_eq!(import(&mut ledger, &old), [false, false, true, true, true]);
    assert_eq!(import(&mut ledger, &old), [false; 5]);
    // A side chat is told under its root's name, and its record is in no file: this is another response.
    assert_eq!(import(&mut ledger, &[response("", "t3", "a")]), [true]);
    // A later run that goes on with the thread reads the record first.
    govern(&mut ledger, "r2");
    for _ in 0..2 {
        let again = append(&mut ledger, &answered(response("r2", "t2", "a")));
        assert_eq!((again.new, again.holder), (false, None));
        let again = append(&mut ledger, &answered(response("r2", "t1", "b")));
        assert_eq!((again.new, again.holder), (false, None));
    }
    append(&mut ledger, &ended("r2"));
    assert_eq!(import(&mut ledger, &[response("", "t2", "a")]), [false]);
    assert_eq!(ledger.sums().by(&[], None, None).unwrap()[0].1.responses, 8);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }), "{:?}", ledger.audit().verify());
    let made_up = "INSERT INTO confirmed VALUES (1, 'x', 'hook@turn:1')";
    for (what, sql, undo) in [
        ("one made up", made_up, "DELETE FROM confirmed WHERE key = 'x'"),
        (
            "of another response",
            "UPDATE confirmed SET told = 'hook@turn:9' WHERE key = 'b'",
            "UPDATE confirmed SET told = 'hook@turn:2' WHERE key = 'b'",
        ),
        ("one forgotten", "DELETE FROM confirmed WHERE key = 'b'", ""),
    ] {
        ledger.conn.execute_batch(sql).unwrap();
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }), "{what}");
        ledger.conn.execute_batch(undo).unwrap();
    }
}

#[test]
fn an_imported_response_is_read_back_without_run_and_agent() {
    let mut ledger = Ledger::in_memory().unwrap();
    let expected =
        Response { run: None, agent: None, basis: Basis::Estimated(Guess::Pause), ..response("none", "t1", "a") };
    import(&mut ledger, std::slice::from_ref(&expected));
    let mut found = Vec::new();
    ledger.responses().each(&Filter::default(), |response| found.push(response)).unwrap();
    assert_eq!(found, std::slice::from_ref(&expected));
    found.clear();
    ledger.responses().estimates(&Filter::default(), |response| found.push(response)).unwrap();
    assert_eq!(found, [expected]);
    assert_eq!(ledger.sums().span(&Filter::default()).unwrap(), Some((at(0), at(0))));
}

#[test]
fn tampering_with_imported_rows_is_found() {
    let cases = [
        ("a cheaper response", "UPDATE usage SET cost = 1 WHERE id = 2", "the import of usage up to 2"),
        ("another key", "UPDATE usage SET key = 'x' WHERE id = 1", "the import of usage up to 2"),
        ("another provider", "UPDATE kinds SET provider = 'ollama'", "the import of usage up to 2"),
        ("a deleted response", "DELETE FROM usage WHERE id = 1", "usage 1"),
        ("a deleted last response", "DELETE FROM usage WHERE id = 3", "usage 3"),
        (
            "a response more",
            "INSERT INTO usage SELECT 4, run_no, thread, 'made up', root, at, series, kind, input,
          cached_input, cache_write, output, reasoning, cost, guess, work FROM usage WHERE id = 1",
            "usage 4",
        ),
        ("a deleted link", "DELETE FROM links WHERE n = 2", "usage 3"),
    ];
    for (what, sql, place) in cases {
        let mut ledger = Ledger::in_memory().unwrap();
        import(&mut ledger, &[response("r1", "t1", "a"), response("r1", "t1", "b")]);
        import(&mut ledger, &[response("r1", "t2", "a")]);
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
        let undefended = "DROP TRIGGER usage_stays; DROP TRIGGER usage_remains; DROP TRIGGER links_remain;";
        ledger.conn.execute_batch(&format!("{undefended}{sql}")).unwrap_or_else(|error| panic!("{what}: {error}"));
        let Verified::Broken { place: found, .. } = ledger.audit().verify().unwrap() else {
            panic!("{what}: not found")
        };
        assert_eq!(found, place, "{what}");
    }
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    let mut ledger = Ledger::in_memory().unwrap();
    let (origin, past) = past(&response("r1", "t1", "a"));
    let failed: Result<(), _> = ledger.import(at(0), &|_| false, |batch| {
        let mut known = batch.origin(&origin)?;
        assert!(batch.add(&mut known, &past)?);
        batch.mark(Path::new("/a"), &mark(0))?;
        Err(crate::ledger::LedgerError::ReadOnly)
    });
    assert!(failed.is_err());
    assert!(ledger.history().file_marks().unwrap().is_empty());
    assert_eq!(import(&mut ledger, &[response("r1", "t1", "a")]), [true]);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
}

#[test]
fn files_are_remembered_as_they_were_and_their_bad_lines_are_told() {
    use std::os::unix::ffi::OsStrExt;
    let mut ledger = Ledger::in_memory().unwrap();
    let odd = Path::new(std::ffi::OsStr::from_bytes(b"/sessions/\xff.jsonl"));
    ledger
        .import(at(0), &|_| false, |batch| {
            batch.mark(odd, &mark(0))?;
            batch.mark(Path::new("/b"), &mark(7))?;
            batch.mark(Path::new("/b"), &mark(2))
        })
        .unwrap();
    let marks = ledger.history().file_marks().unwrap();
    assert_eq!(marks.get(odd), Some(&mark(0)));
    assert_eq!(marks.get(Path::new("/b")), Some(&mark(2)));
    assert_eq!(ledger.responses().skipped_lines(&Filter::default()).unwrap(), 2);
    let later = Filter { since: Some(at(2_000)), ..Filter::default() };
    assert_eq!(ledger.responses().skipped_lines(&later).unwrap(), 0);
}

#[test]
fn the_sessions_of_live_runs_are_named() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    turn(&mut ledger, |turn| {
        turn.append(&seen("r1", "t1")).unwrap();
    });
    let path = Path::new("/home/dev/.codex/sessions/t1.jsonl");
    for lives in [true, false] {
        ledger
            .import(at(0), &|_| lives, |batch| {
                let governed = batch.governed();
                assert_eq!(governed.any(), lives);
                assert_eq!(governed.has(path, None), lives);
                let of = |thread: &str, root: &str| Origin {
                    thread: thread.into(),
                    root: root.into(),
                    ..past(&response("r1", "t1", "a")).0
                };
                assert_eq!(governed.has(Path::new("/x"), Some(&of("child", "t1"))), lives);
                assert_eq!(governed.has(Path::new("/x"), Some(&of("t1", "above"))), lives);
                assert!(!governed.has(Path::new("/x"), Some(&of("t2", "t2"))));
                Ok(())
            })
            .unwrap();
    }
}
