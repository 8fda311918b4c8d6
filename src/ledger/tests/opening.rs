//! Opening, creating, and what is refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;

use crate::ledger::tests::testing::*;
use crate::ledger::{HookChange, Ledger, LedgerError, Patience, RunFilter, Verified};
use crate::model::event::EventKind;

/// A ledger that the first released version wrote. It must open for ever.
const V1: &str = include_str!("../../../tests/fixtures/ledgers/v1.sql");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn raw(dir: &Path) -> Connection {
    Connection::open(dir.join("ledger.db")).unwrap()
}

#[test]
fn a_first_opening_makes_a_private_ledger() {
    let dir = folder();
    let home = dir.path().join("state");
    let mut ledger = Ledger::open(&home).unwrap();
    govern(&mut ledger, "r1");
    let mode = |name: &str| std::fs::metadata(home.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
}

#[test]
fn ten_that_open_a_new_ledger_at_once_all_get_it() {
    let dir = folder();
    let barrier = std::sync::Barrier::new(10);
    std::thread::scope(|scope| {
        for n in 0..10 {
            let (barrier, home) = (&barrier, dir.path());
            scope.spawn(move || {
                barrier.wait();
                let mut ledger = Ledger::open(home).unwrap();
                govern(&mut ledger, &format!("r{n}"));
            });
        }
    });
    let ledger = Ledger::open_read_only(dir.path()).unwrap();
    assert_eq!(ledger.runs().list(&RunFilter::default()).unwrap().len(), 10);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Open { runs: 10, .. }));
}

#[test]
fn a_missing_ledger_is_said_to_be_missing_and_is_not_made() {
    let dir = folder();
    let home = dir.path().join("nowhere");
    assert!(matches!(Ledger::open_existing(&home), Err(LedgerError::NoLedger { .. })));
    assert!(matches!(Ledger::open_read_only(&home), Err(LedgerError::NoLedger { .. })));
    assert!(!home.exists());
    // A creation that was cut off before the first table is no ledger either, and no obstacle.
    std::fs::write(dir.path().join("ledger.db"), "").unwrap();
    assert!(matches!(Ledger::open_read_only(dir.path()), Err(LedgerError::NoLedger { .. })));
    Ledger::open(dir.path()).unwrap();
}

#[test]
fn a_newer_ledger_is_refused_by_both_versions() {
    let dir = folder();
    drop(Ledger::open(dir.path()).unwrap());
    let newer = super::super::schema::KNOWN + 1;
    raw(dir.path()).pragma_update(None, "user_version", newer).unwrap();
    for open in [Ledger::open, Ledger::open_existing, Ledger::open_read_only] {
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, LedgerError::TooNew { found, .. } if found == newer), "{error}");
    }
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let dir = folder();
    let path = dir.path().join("ledger.db");
    std::fs::write(&path, "these are my notes, not a database\n".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    for open in [Ledger::open, Ledger::open_existing, Ledger::open_read_only] {
        assert!(matches!(open(dir.path()), Err(LedgerError::NotALedger { .. })), "{:?}", open(dir.path()));
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    raw(dir.path()).execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    assert!(matches!(Ledger::open(dir.path()), Err(LedgerError::NotALedger { .. })));
}

#[test]
fn damage_is_named_and_verify_calls_it_broken() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    told(&mut ledger);
    drop(ledger);
    let path = dir.path().join("ledger.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let damaged = bytes.chunks_mut(4096).filter(|page| page.windows(9).any(|text| text == b"thread-r1"));
    assert!(damaged.map(|page| page.fill(0xff)).count() > 0);
    std::fs::write(&path, bytes).unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    assert!(matches!(ledger.runs().events(&"r1".into()), Err(LedgerError::Corrupt { .. })));
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = folder();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Ledger::open(&file.join("state")).unwrap_err();
    assert!(matches!(&error, LedgerError::Unreachable { path, .. } if path.ends_with("file/state")), "{error:?}");
    let told = crate::error::Error::from(error).to_string();
    assert!(told.contains("caused by:") && told.contains("hint: `GOVERN_HOME`"), "{told}");
}

#[test]
fn a_read_only_ledger_reads_and_does_not_write() {
    let dir = folder();
    let mut writer = Ledger::open(dir.path()).unwrap();
    told(&mut writer);
    let mut reader = Ledger::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.runs().last().unwrap().unwrap().id, "r2".into());
    assert!(matches!(reader.turn(at(0), |turn| turn.watch_from_now()), Err(LedgerError::ReadOnly)));
    // It sees what is written while it is open.
    govern(&mut writer, "r3");
    assert_eq!(reader.runs().last().unwrap().unwrap().id, "r3".into());
}

#[test]
fn a_lock_that_is_never_released_is_named() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let other = raw(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger.conn.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(matches!(ledger.turn(at(0), |turn| turn.watch_from_now()), Err(LedgerError::Locked)));
    other.execute_batch("COMMIT").unwrap();
    ledger.turn(at(0), |turn| turn.watch_from_now()).unwrap();
}

#[test]
fn a_lock_that_outlasts_a_short_wait_leaves_the_work_for_a_longer_one() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let other = raw(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut begun = 0;
    ledger.set_patience(Patience::Short).unwrap();
    let locked = ledger.turn(at(0), |_| {
        begun += 1;
        Ok(())
    });
    assert!(matches!(locked, Err(LedgerError::Locked)));
    assert_eq!(begun, 0);
    ledger.set_patience(Patience::Long).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || other.execute_batch("COMMIT").unwrap());
        ledger.turn(at(0), |turn| turn.watch_from_now()).unwrap();
    });
}

#[test]
fn a_ledger_whose_log_or_index_was_removed_replaced_or_cut_takes_no_more_turns() {
    type Deed = fn(&std::path::Path);
    let deeds: [(&str, Deed); 3] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("cut", |path| drop(std::fs::File::create(path).unwrap())),
        ("replaced", |path| {
            let aside = path.with_extension("aside");
            std::fs::copy(path, &aside).unwrap();
            std::fs::rename(aside, path).unwrap();
        }),
    ];
    for file in ["ledger.db-wal", "ledger.db-shm"] {
        for (what, deed) in &deeds {
            let dir = folder();
            let mut ledger = Ledger::open(dir.path()).unwrap();
            let write = |ledger: &mut Ledger| {
                ledger.turn(at(0), |turn| turn.change_hooks(HookChange::Install, "me", dir.path(), ""))
            };
            write(&mut ledger).unwrap();
            write(&mut ledger).unwrap();
            let path = dir.path().join(file);
            deed(&path);
            assert!(matches!(write(&mut ledger), Err(LedgerError::Gone { .. })), "{file} {what}");
            // What is mapped must be there when the connection is closed.
            if file.ends_with("shm") && *what == "cut" {
                std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(32_768).unwrap();
            }
        }
    }
}

#[test]
fn a_log_that_somebody_has_moved_into_the_ledger_lacks_nothing() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let mut write = || ledger.turn(at(0), |turn| turn.change_hooks(HookChange::Install, "me", dir.path(), ""));
    write().unwrap();
    raw(dir.path()).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("ledger.db-wal")).unwrap().len(), 0);
    write().unwrap();
}

#[test]
fn a_ledger_that_was_removed_or_replaced_takes_no_more_turns() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let (path, aside) = (dir.path().join("ledger.db"), dir.path().join("aside"));
    let gone = |ledger: &mut Ledger| {
        let gone = matches!(ledger.turn(at(0), |turn| turn.watch_from_now()), Err(LedgerError::Gone { .. }));
        assert_eq!(ledger.is_in_place(), !gone);
        gone
    };
    assert!(!gone(&mut ledger));
    std::fs::rename(&path, &aside).unwrap();
    assert!(gone(&mut ledger));
    std::fs::copy(&aside, &path).unwrap();
    assert!(gone(&mut ledger), "a copy in its place is another file");
    std::fs::rename(&aside, &path).unwrap();
    assert!(!gone(&mut ledger));
}

#[test]
fn a_full_disk_takes_nothing_of_what_was_recorded() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    told(&mut ledger);
    govern(&mut ledger, "r3");
    let pages: i64 = ledger.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    ledger.conn.pragma_update(None, "max_page_count", pages + 4).unwrap();
    let mut recorded = 1;
    let error = loop {
        let next = answered(response("r3", "thread-r3", &format!("resp_{recorded}")));
        match ledger.turn(at(0), |turn| turn.append(&next)) {
            Ok(_) => recorded += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LedgerError::Full), "{error:?}");
    assert!(recorded > 1);
    assert_eq!(ledger.runs().events(&"r3".into()).unwrap().len(), recorded);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Open { runs: 3, .. }));
    // With room again, it goes on.
    ledger.conn.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    append(&mut ledger, &ended("r3"));
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { runs: 3, .. }));
}

#[test]
fn the_ledger_of_version_1_opens_and_verifies() {
    let dir = folder();
    raw(dir.path()).execute_batch(V1).unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    let Verified::Intact { runs: 2, entries: 18, head } = ledger.audit().verify().unwrap() else {
        panic!("{:?}", ledger.audit().verify())
    };
    assert_eq!(head, ledger.audit().head().unwrap());
    let events = ledger.runs().events(&"r2".into()).unwrap();
    assert_eq!(events[0].event, started("r2"));
    assert_eq!(events[2].event, answered(response("r2", "thread-r2", "resp_0")));
    assert_eq!(ledger.budgets().extended(&key("team=web"), at(0)).unwrap(), 4_000_000_000);
    assert_eq!(ledger.questions().all(false).unwrap().len(), 2);
    assert_eq!(ledger.runs().command_of(&"r1".into()).unwrap().unwrap(), r#"{"cwd":"/work/shop"}"#);
}

#[test]
fn the_first_run_of_a_ledger_is_told_from_later_ones() {
    let mut ledger = Ledger::in_memory().unwrap();
    assert!(ledger.created().unwrap() > at(-1_000_000_000_000));
    assert!(ledger.born_in(&"r1".into()).unwrap());
    govern(&mut ledger, "r1");
    append(&mut ledger, &seen("r1", "thread-r1"));
    assert!(ledger.born_in(&"r1".into()).unwrap());
    assert!(!ledger.born_in(&"r2".into()).unwrap());
    govern(&mut ledger, "r2");
    assert!(ledger.born_in(&"r1".into()).unwrap());
    assert!(!ledger.born_in(&"r2".into()).unwrap());
}

#[test]
fn a_run_that_started_nothing_does_not_make_the_ledger_old() {
    let mut ledger = Ledger::in_memory().unwrap();
    let ended =
        |outcome: &str| EventKind::RunEnded { outcome: outcome.to_owned(), code: Some(123), rule: None, lifts: None };
    for run in ["r1", "r2", "r3"] {
        govern(&mut ledger, run);
        assert!(ledger.born_in(&"later".into()).unwrap(), "{run} may be refused yet");
        append(&mut ledger, &event(run, ended("refused")));
        assert!(ledger.born_in(&"later".into()).unwrap(), "{run} was refused");
    }
    let start = EventKind::AgentStarted { command: vec!["codex".to_owned()], pid: 7, resumes: None };
    govern(&mut ledger, "r4");
    append(&mut ledger, &event("r4", start));
    assert!(!ledger.born_in(&"later".into()).unwrap(), "whatever becomes of it");
}

/// Moves what was written into the database proper.
fn settle(ledger: &Ledger) {
    ledger.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
}

#[test]
fn pages_that_are_written_over_in_the_middle_of_the_log_do_not_get_into_the_database() {
    use std::os::unix::fs::FileExt;
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    govern(&mut ledger, "r1");
    settle(&ledger);
    append(&mut ledger, &seen("r1", "thread-r1"));
    append(&mut ledger, &seen("r1", "thread-r2"));
    ledger.expect_log().unwrap();
    let log = std::fs::File::options().write(true).open(dir.path().join("ledger.db-wal")).unwrap();
    let length = usize::try_from(log.metadata().unwrap().len()).unwrap();
    log.write_all_at(&vec![0; length - 32], 32).unwrap();
    let damaged = ledger.expect_log();
    assert!(matches!(&damaged, Err(LedgerError::Gone { path }) if path.ends_with("ledger.db-wal")), "{damaged:?}");
    drop(ledger);
    let ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.runs().events(&"r1".into()).unwrap().len(), 1, "what was in the database before is there");
    let whole: String = ledger.conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
}

#[test]
fn what_is_written_over_the_log_is_told_and_does_not_get_into_the_database() {
    use std::io::{Seek, Write};
    for turns_after in [true, false] {
        let dir = folder();
        let mut ledger = Ledger::open(dir.path()).unwrap();
        govern(&mut ledger, "r1");
        settle(&ledger);
        append(&mut ledger, &seen("r1", "thread-r1"));
        let mut log = std::fs::File::options().write(true).open(dir.path().join("ledger.db-wal")).unwrap();
        let length = log.seek(std::io::SeekFrom::End(0)).unwrap();
        log.rewind().unwrap();
        log.write_all(&vec![0; usize::try_from(length).unwrap()]).unwrap();
        if turns_after {
            let gone = ledger.turn(at(0), |turn| turn.append(&decided("r1")));
            assert!(matches!(gone, Err(LedgerError::Gone { .. })), "{gone:?}");
        }
        drop(ledger);
        let ledger = Ledger::open(dir.path()).unwrap();
        assert_eq!(ledger.runs().events(&"r1".into()).unwrap().len(), 1, "what was in the database before is there");
    }
}

#[test]
fn a_log_that_another_has_begun_anew_lacks_nothing() {
    let dir = folder();
    let (mut a, mut b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
    govern(&mut a, "r1");
    for _ in 0..3 {
        settle(&b);
        append(&mut b, &seen("r1", "thread-b"));
        append(&mut a, &seen("r1", "thread-a"));
        b.conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        append(&mut a, &seen("r1", "thread-c"));
    }
}

#[test]
fn one_that_is_older_than_the_ledger_has_become_writes_no_more() {
    let dir = folder();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    govern(&mut ledger, "r1");
    let newer = super::super::schema::KNOWN + 1;
    raw(dir.path()).pragma_update(None, "user_version", newer).unwrap();
    let refused = ledger.turn(at(0), |turn| turn.append(&decided("r1")));
    assert!(matches!(refused, Err(LedgerError::TooNew { found, .. }) if found == newer), "{refused:?}");
}
