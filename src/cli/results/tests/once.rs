//! What is not known, what counts once, and what was taken back.

use super::*;

/// Long after all that.
const LATER: &str = "2026-09-01T00:00:00Z";

#[test]
fn where_history_is_cut_off_lines_and_fates_are_not_known() {
    let mut world = World::new();
    world.run("cut", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    let own = checkout(&world.root()).unwrap().head.unwrap();
    world.commit(day(2, "10:00"), &[("two.txt", "3\n")]);
    let person = checkout(&world.root()).unwrap().head.unwrap();
    let shallow = world.root().join(".git/shallow");
    fs::write(&shallow, format!("{own}\n")).unwrap();
    let cut = &world.results(sample::at(LATER), &["cut"]).0["cut"];
    assert_eq!((cut.merged(), cut.kept[2].value()), (Some(1), None));
    assert_eq!(cut.kept[2].why().as_deref(), Some(shallow::SHALLOW));
    fs::write(&shallow, format!("{person}\n")).unwrap();
    let cut = &world.results(sample::at(LATER), &["cut"]).0["cut"];
    assert_eq!((cut.merged(), cut.kept[0].value(), cut.abandoned.value()), (None, None, None));
    assert_eq!(cut.abandoned.why().as_deref(), Some(shallow::SHALLOW));
    assert_eq!(cut.added.value(), Some(2), "that was recorded");
}

#[test]
fn another_repository_at_that_place_says_nothing() {
    let mut world = World::new();
    world.run("lost", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    fs::rename(world.root(), world.folder.path().join("elsewhere")).unwrap();
    fs::create_dir_all(world.root()).unwrap();
    world.git(day(2, "10:00"), &["init", "--quiet", "--initial-branch=main"]);
    world.commit(day(2, "10:00"), &[("one.txt", "other\n")]);
    let lost = &world.results(sample::at(LATER), &["lost"]).0["lost"];
    assert_eq!((lost.merged(), lost.kept[2].value(), lost.reverted.value()), (None, None, None));
    assert_eq!(lost.abandoned.why().as_deref(), Some(repository::MISSING));
}

#[test]
fn what_an_agent_melts_picks_or_amends_counts_once() {
    let mut world = World::new();
    let edit = WorkClass::Edit;
    world.run("squashed itself", hours(1, "10:00", "11:00"), edit, |world| {
        world.commit(day(1, "10:10"), &[("a.txt", "a1\na2\n")]);
        world.commit(day(1, "10:20"), &[("b.txt", "b1\n")]);
        world.git(day(1, "10:30"), &["reset", "--quiet", "--soft", "HEAD~2"]);
        world.git(day(1, "10:30"), &["commit", "--quiet", "--message", "all"]);
    });
    world.run("picked", hours(2, "10:00", "11:00"), edit, |world| {
        world.git(day(2, "10:00"), &["checkout", "--quiet", "-b", "own"]);
        world.commit(day(2, "10:10"), &[("c.txt", "c1\nc2\n")]);
        world.git(day(2, "10:20"), &["checkout", "--quiet", "main"]);
        world.commit(day(2, "10:25"), &[("d.txt", "d1\n")]);
        world.git(day(2, "10:30"), &["cherry-pick", "own"]);
    });
    world.run("first", hours(3, "10:00", "11:00"), edit, |world| {
        world.commit(day(3, "10:10"), &[("e.txt", "e1\ne2\ne3\ne4\ne5\n")]);
    });
    world.run("amended it", hours(4, "10:00", "11:00"), edit, |world| {
        fs::write(world.root().join("e.txt"), "e1\ne2\ne3\ne4\ne5\ne6\n").unwrap();
        world.git(day(4, "10:10"), &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    });
    let tasks = ["squashed itself", "picked", "first", "amended it"];
    let expected: [Told; 4] = [
        (1, (3, 0), [3, 3, 3], 1, 0, 0),
        (2, (3, 0), [3, 3, 3], 2, 0, 0),
        (1, (5, 0), [0, 5, 5], 1, 0, 0),
        (1, (1, 0), [1, 1, 1], 1, 0, 0),
    ];
    let (found, totals) = world.results(sample::at(LATER), &tasks);
    for (task, mut expected) in tasks.iter().zip(expected) {
        // A day after the first commit the one that has its lines was made in that very minute or later.
        if *task == "first" {
            expected.2[0] = found[*task].kept[0].value().unwrap();
        }
        assert_eq!(told(&found[*task]), expected, "{task}");
    }
    assert_eq!((totals.added.value(), totals.kept[2].value(), totals.merged()), (Some(12), Some(12), Some(4)));
}

#[test]
fn a_squash_that_was_changed_on_the_way_is_found_by_its_lines_or_not_known() {
    let mut world = World::new();
    for (n, task) in [(1, "with more"), (2, "reworked")] {
        world.git(day(n, "09:00"), &["checkout", "--quiet", "-b", task.split(' ').next().unwrap(), "main"]);
        world.run(task, hours(n, "10:00", "11:00"), WorkClass::Edit, |world| {
            world.commit(day(n, "10:10"), &[(task, "one\ntwo\n")]);
        });
        world.git(day(n, "12:00"), &["checkout", "--quiet", "main"]);
    }
    world.commit(day(3, "10:00"), &[("with more", "one\ntwo\n"), ("CHANGES", "more\n")]);
    world.commit(day(3, "11:00"), &[("reworked", "one\nthree\n")]);
    let (found, _) = world.results(sample::at(LATER), &["with more", "reworked"]);
    let more = &found["with more"];
    assert_eq!((more.merged(), more.kept[2].value(), more.abandoned.value()), (Some(1), Some(2), Some(Money::ZERO)));
    let reworked = &found["reworked"];
    assert_eq!((reworked.merged(), reworked.kept[2].value(), reworked.abandoned.value()), (None, None, None));
}

#[test]
fn what_was_taken_back_is_told_by_lines_and_not_by_a_message() {
    let mut world = World::new();
    let edit = WorkClass::Edit;
    for (n, task) in [(1, "spoken of"), (2, "a part"), (3, "with others"), (4, "again")] {
        world.run(task, hours(n, "10:00", "11:00"), edit, |world| {
            world.commit(day(n, "10:10"), &[(&format!("{task}/a"), "a1\na2\n"), (&format!("{task}/b"), "b1\n")]);
        });
    }
    let last = |world: &World, back: u32| {
        let name = format!("main~{back}");
        let output = Command::new("git").arg("-C").arg(world.root()).args(["rev-parse", &name]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let [again, with_others, part, spoken] = [0, 1, 2, 3].map(|back| last(&world, back));
    fs::write(world.root().join("note"), "n\n").unwrap();
    world.git(day(5, "10:00"), &["add", "note"]);
    world.git(day(5, "10:00"), &["commit", "--quiet", "-m", &format!("Note\n\nThis reverts commit {spoken}.")]);
    world.git(day(5, "11:00"), &["revert", "--no-commit", &part]);
    world.git(day(5, "11:00"), &["checkout", &part, "--", "a part/b"]);
    world.git(day(5, "11:00"), &["commit", "--quiet", "-m", &format!("Revert\n\nThis reverts commit {part}.")]);
    world.commit(day(5, "12:00"), &[("other", "o1\n")]);
    world.git(day(5, "13:00"), &["revert", "--no-commit", "HEAD", &with_others]);
    world.git(day(5, "13:00"), &["commit", "--quiet", "-m", "back out both"]);
    world.git(day(5, "14:00"), &["revert", "--no-edit", &again]);
    world.git(day(5, "15:00"), &["revert", "--no-edit", "HEAD"]);
    let tasks = ["spoken of", "a part", "with others", "again"];
    let (found, _) = world.results(sample::at(LATER), &tasks);
    let of = |task: &str| {
        let found = &found[task];
        (found.reverted.value(), found.kept[2].value(), found.abandoned.value().map(Money::nanos))
    };
    assert_eq!(of("spoken of"), (Some(0), Some(3), Some(0)));
    assert_eq!(of("a part"), (Some(0), Some(1), Some(0)));
    assert_eq!(of("with others"), (Some(1), Some(0), Some(COST)));
    assert_eq!(of("again"), (Some(0), Some(3), Some(0)), "it was reinstated");
}

#[test]
fn a_run_over_the_end_of_a_time_has_its_commits_in_one_of_the_two() {
    let mut world = World::new();
    world.again = Some(day(1, "10:50"));
    world.run("late", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    let middle = Some(day(1, "10:20"));
    let (before, after) =
        (Filter { until: middle, ..Filter::default() }, Filter { since: middle, ..Filter::default() });
    let of = |filter: &Filter| {
        let found = world.results_of(filter, sample::at(LATER), &["late"]).1;
        (found.commits.value(), found.merged(), found.per_merged().map(|rate| rate.cost.nanos()))
    };
    assert_eq!(of(&before), (Some(0), Some(0), Err("nothing was merged".to_owned())));
    assert_eq!(of(&after), (Some(1), Some(1), Ok(COST)));
    let last = Filter { since: Some(day(1, "10:40")), ..Filter::default() };
    assert_eq!(of(&last).0, Some(0), "it was made before that");
}

#[test]
fn what_has_no_price_has_no_cost_of_a_change() {
    let mut world = World::new();
    world.priced = false;
    world.run("unpriced", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    world.git(day(1, "12:00"), &["checkout", "--quiet", "-b", "gone"]);
    world.run("lost", hours(1, "13:00", "14:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "13:30"), &[("two.txt", "1\n")]);
    });
    world.git(day(1, "15:00"), &["checkout", "--quiet", "main"]);
    world.git(day(1, "15:00"), &["branch", "--quiet", "-D", "gone"]);
    let (found, _) = world.results(sample::at(LATER), &["unpriced", "lost"]);
    assert_eq!(found["unpriced"].merged(), Some(1));
    assert_eq!(found["unpriced"].per_merged(), Err("no price".to_owned()));
    assert_eq!(found["unpriced"].per_kept(), Err("no price".to_owned()));
    assert_eq!(found["lost"].abandoned.why().as_deref(), Some("no price"));
    assert_eq!(found["lost"].abandoned.value(), None);
}
