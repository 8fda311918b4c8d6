//! The ledger that others keep locked or take away while a run needs it.

use std::time::Instant;

use rusqlite::Connection;

use crate::bad_input::scripted_codex;
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::World;

/// Answers once, once more when `work/more` is there, and ends when `work/go` is.
const TWO_ANSWERS: &str = r"usage one
while [ ! -e more ]; do sleep 0.02; done
usage two
while [ ! -e go ]; do sleep 0.02; done
";

fn world() -> World {
    let world = World::without_codex();
    scripted_codex(&world, TWO_ANSWERS);
    world
}

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// The ledger, once it has the first answer.
fn after_the_first_answer(world: &World) -> Connection {
    let path = world.path("govern/ledger.db");
    wait_until("the first answer is recorded", || {
        let count = Connection::open(&path)
            .and_then(|ledger| ledger.query_row("SELECT count(*) FROM usage", [], |row| row.get::<_, i64>(0)));
        count == Ok(1)
    });
    Connection::open(path).unwrap()
}

fn expect_two_answers(world: &World, run: &str) {
    let report = ledger::report(world, &["--run", run]);
    assert_eq!(report["totals"]["responses"], 2, "{report}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn under_a_limit_the_agent_stands_still_while_the_ledger_is_locked() {
    let world = world();
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    let other = after_the_first_answer(&world);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.write("work/more", "");
    let all_stand = |world: &World| {
        let states = world.agent_states();
        !states.is_empty() && states.iter().all(|(_, state)| *state == 'T')
    };
    wait_until("the agent stands still", || all_stand(&world));
    other.execute_batch("COMMIT").unwrap();
    wait_until("the agent goes on", || !all_stand(&world));
    world.write("work/go", "");
    let end = governed.finish().expect_code(0);
    expect_two_answers(&world, &end.id());
}

#[test]
fn without_a_limit_what_a_locked_ledger_could_not_take_is_recorded_later() {
    let world = world();
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let other = after_the_first_answer(&world);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.write("work/more", "");
    governed.running.wait_for_stderr("keeps the ledger locked");
    world.write("work/go", "");
    wait_until("the agent ends", || world.agent_states().is_empty());
    other.execute_batch("COMMIT").unwrap();
    let end = governed.finish().expect_code(0);
    expect_two_answers(&world, &end.id());
}

#[test]
fn without_a_limit_a_ledger_that_stays_locked_keeps_nobody_from_ending() {
    let world = world();
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let other = after_the_first_answer(&world);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.write("work/more", "");
    world.write("work/go", "");
    governed.finish().expect_code(0).expect_said("not recorded");
}

#[test]
fn a_ledger_that_is_cut_ends_the_run_aloud() {
    for file in ["ledger.db-shm", "ledger.db-wal"] {
        let world = world();
        let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
        drop(after_the_first_answer(&world));
        std::fs::File::create(world.path("govern").join(file)).unwrap();
        world.write("work/more", "");
        // By the next write, or by a look at what is mapped.
        governed.finish().expect_code(125).expect_said("error: ").expect_said(file);
    }
}

#[test]
fn pages_in_the_middle_of_the_log_that_are_written_over_end_the_run_aloud() {
    use std::os::unix::fs::FileExt;
    let world = world();
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    // Held open: what is there after this one is closed is not moved into the database meanwhile.
    let other = after_the_first_answer(&world);
    let log = std::fs::File::options().write(true).open(world.path("govern/ledger.db-wal")).unwrap();
    let length = usize::try_from(log.metadata().unwrap().len()).unwrap();
    log.write_all_at(&vec![0; length - 32], 32).unwrap();
    world.write("work/more", "");
    world.write("work/go", "");
    governed.finish().expect_code(125).expect_said("ledger.db-wal");
    drop(other);
}

#[test]
fn under_a_limit_a_ledger_that_is_taken_away_ends_the_run() {
    let world = world();
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    drop(after_the_first_answer(&world));
    std::fs::rename(world.path("govern/ledger.db"), world.path("govern/aside")).unwrap();
    world.write("work/more", "");
    governed.finish().expect_code(125).expect_said("was removed or replaced");
}

#[test]
fn a_trigger_that_takes_rows_away_ends_the_run_and_the_next_one_is_refused() {
    let world = world();
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    let other = after_the_first_answer(&world);
    other.execute_batch("CREATE TRIGGER z BEFORE INSERT ON usage BEGIN SELECT RAISE(IGNORE); END").unwrap();
    drop(other);
    world.write("work/more", "");
    governed.finish().expect_code(125).expect_said("`z` (trigger), which no govern made");
    let audit = world.govern(&["audit", "verify"]).expect_code(1);
    let printed = String::from_utf8_lossy(&audit.stdout);
    assert!(printed.contains("`z` (trigger)"), "{printed}");
    let next = world.run_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    next.expect_code(125).expect_said("`z` (trigger), which no govern made");
}
