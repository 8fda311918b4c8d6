//! Deeds and looks in order, and what they come to.

use proptest::prelude::*;

use super::*;
use crate::rollout::Outcome;

fn minute(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn deed(call: &str, kind: DeedKind) -> Deed {
    Deed { at: crate::model::Timestamp::UNIX_EPOCH, call: call.to_owned(), kind }
}

fn ran(work: &mut Work, at: u64, command: &str, code: i64) {
    let call = format!("call-{at}");
    work.did(minute(at), deed(&call, DeedKind::Ran { command: command.to_owned(), code }));
}

fn streak(streak: Option<&Streak>) -> Option<(&str, u32)> {
    streak.map(|streak| (streak.command.as_str(), streak.times))
}

fn look(head: &str, commits: u32, dirty: &[(&str, u64)]) -> WorkTreeState {
    let dirty = dirty.iter().map(|(file, mark)| ((*file).to_owned(), *mark)).collect();
    WorkTreeState { root: "/w".to_owned(), head: Some(head.to_owned()), commits, committed: Vec::new(), dirty }
}

#[test]
fn a_command_fails_in_a_row_until_it_does_well_whatever_else_is_run_between() {
    let mut work = Work::in_folder("/w");
    for (at, command, code) in [(1, "make", 2), (2, "ls", 0), (3, "make", 2), (4, "make", 1)] {
        ran(&mut work, at, command, code);
    }
    assert_eq!(streak(work.progress().failing.as_ref()), Some(("make", 3)));
    ran(&mut work, 5, "make", 0);
    assert_eq!(work.progress().failing, None);
    assert_eq!((work.progress().commands, streak(work.progress().repeated.as_ref())), (5, Some(("make", 4))));
}

#[test]
fn a_command_is_repeated_only_while_nothing_changes() {
    let mut work = Work::in_folder("/w");
    (1..4).for_each(|at| ran(&mut work, at, "cargo test", 101));
    assert_eq!(streak(work.progress().repeated.as_ref()), Some(("cargo test", 3)));
    work.did(minute(4), deed("patch", DeedKind::Changed(vec!["/w/src/a.rs".to_owned()])));
    assert_eq!(work.progress().repeated, None);
    assert_eq!(streak(work.progress().failing.as_ref()), Some(("cargo test", 3)));
    assert_eq!((work.progress().tests, work.progress().tested_at), (3, Some(minute(3))));
}

#[test]
fn a_call_and_its_output_are_one_command_and_a_copy_of_them_is_none() {
    let mut work = Work::in_folder("/w");
    let output = Outcome { code: Some(1), ..Outcome::default() };
    for _ in 0..2 {
        work.did(minute(1), deed("a", DeedKind::Asked("make".to_owned())));
        work.did(minute(1), deed("a", DeedKind::Ran { command: "make".to_owned(), code: 1 }));
        work.did(minute(1), deed("a", DeedKind::Returned(output.clone())));
        work.did(minute(2), deed("b", DeedKind::Asked("ls".to_owned())));
        work.did(minute(2), deed("b", DeedKind::Returned(output.clone())));
    }
    assert_eq!(work.progress().commands, 2);
}

#[test]
fn a_command_in_the_background_ends_when_it_is_asked_about() {
    let mut work = Work::in_folder("/w");
    let session = Outcome { session: Some(7), ..Outcome::default() };
    work.did(minute(1), deed("a", DeedKind::Asked("make".to_owned())));
    work.did(minute(1), deed("a", DeedKind::Returned(session.clone())));
    work.did(minute(2), deed("b", DeedKind::Polled(7)));
    work.did(minute(2), deed("b", DeedKind::Returned(session)));
    assert_eq!(work.progress().commands, 0);
    work.did(minute(3), deed("c", DeedKind::Polled(7)));
    work.did(minute(3), deed("c", DeedKind::Returned(Outcome { code: Some(2), ..Outcome::default() })));
    assert_eq!(streak(work.progress().failing.as_ref()), Some(("make", 1)));
}

#[test]
fn what_was_there_before_the_agent_is_no_progress_and_what_changes_after_is() {
    let mut work = Work::in_folder("");
    work.looked(minute(0), look("c0", 0, &[("mine.txt", 1)]));
    work.looked(minute(1), look("c0", 0, &[("mine.txt", 1)]));
    assert_eq!(work.progress().changed_at(), None);
    work.looked(minute(2), look("c0", 0, &[("mine.txt", 2), ("new.txt", 1)]));
    work.did(minute(3), deed("patch", DeedKind::Changed(vec!["/w/new.txt".to_owned()])));
    assert_eq!(work.progress().changes, [minute(2), minute(3)], "a file is one file whoever names it");
    work.looked(minute(5), look("c1", 1, &[]));
    assert_eq!((work.progress().commits, work.progress().committed_at), (1, Some(minute(5))));
    assert_eq!((work.progress().files_changed(), work.progress().changed_at()), (2, Some(minute(5))));
}

#[test]
fn what_is_taken_back_was_changed() {
    let mut work = Work::in_folder("");
    work.looked(minute(0), look("c0", 0, &[("mine.txt", 1)]));
    work.looked(minute(1), look("c0", 0, &[]));
    assert_eq!(work.progress().changed_at(), Some(minute(1)));
}

#[test]
fn long_commands_are_shown_short() {
    let mut work = Work::in_folder("");
    ran(&mut work, 1, "python - <<'EOF'\nprint(1)\nEOF", 1);
    assert_eq!(streak(work.progress().failing.as_ref()), Some(("python - <<'EOF' …", 1)));
    assert_eq!(shortened(&"é".repeat(300)).chars().count(), SHOWN + 1);
}

proptest! {
    #[test]
    fn counts_never_exceed_what_was_done_and_a_change_ends_every_repetition(
        story in proptest::collection::vec((0_u8..4, 0_i64..2, any::<bool>()), 1..40)
    ) {
        let mut work = Work::in_folder("/w");
        let mut runs = 0;
        for (at, (command, code, changes)) in (0_u64..).zip(story) {
            if changes {
                work.did(minute(at), deed(&format!("p{at}"), DeedKind::Changed(vec![format!("/w/{command}")])));
                prop_assert_eq!(&work.progress().repeated, &None);
            } else {
                ran(&mut work, at, &format!("c{command}"), code);
                runs += 1;
            }
            let progress = work.progress();
            prop_assert_eq!(progress.commands, runs);
            for streak in [&progress.repeated, &progress.failing].into_iter().flatten() {
                prop_assert!(streak.times > 0 && streak.times <= runs);
            }
            prop_assert!(progress.files_changed() <= 4);
        }
    }
}
