//! A repository of which it is known what became of each commit.

#![expect(clippy::disallowed_methods, reason = "the repository is made with git")]

use std::fs;
use std::process::Command;

use super::*;
use crate::ledger::committed::record;
use crate::model::event::EventKind;
use crate::model::{
    Attribution, Billing, Committed, Cost, Dimension, Event, Money, ProcessIdentity, Response, ResponseKey, RunId,
    RunProcess, Timestamp, WorkClass,
};
use crate::place::checkout;
use crate::prepare::committed::logged;
use crate::report::tests::sample;
use crate::results::run_result::{NOT_FETCHED, younger};
use crate::ui::Layout;

mod once;

/// What each run costs, in nano-dollars.
const COST: i64 = 100_000_000;

struct World {
    folder: tempfile::TempDir,
    ledger: Ledger,
    runs: u32,
    /// Each run gets a second answer then.
    again: Option<Timestamp>,
    /// What it costs has a price.
    priced: bool,
}

fn day(day: u32, time: &str) -> Timestamp {
    sample::at(&format!("2026-06-{day:02}T{time}:00Z"))
}

impl World {
    /// A repository with one commit of the month before.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("home/.local/state/govern")).unwrap();
        let world = Self { folder, ledger, runs: 0, again: None, priced: true };
        fs::create_dir_all(world.root()).unwrap();
        let may = sample::at("2026-05-01T10:00:00Z");
        world.git(may, &["init", "--quiet", "--initial-branch=main"]);
        world.commit(may, &[("base.txt", "0\n")]);
        world
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("shop")
    }

    fn git(&self, at: Timestamp, arguments: &[&str]) {
        self.git_in(&self.root(), at, arguments);
    }

    fn git_in(&self, folder: &Path, at: Timestamp, arguments: &[&str]) {
        let date = format!("{} +0000", at.timestamp());
        let names = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut command = Command::new("git");
        command.args(names).arg("-C").arg(folder).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Writes files and commits them.
    fn commit(&self, at: Timestamp, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.root().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(at, &["add", "--all"]);
        self.git(at, &["commit", "--quiet", "--message", files[0].0]);
    }

    /// All that a branch has becomes one commit of the default branch.
    fn squash(&self, at: Timestamp, branch: &str) {
        self.git(at, &["checkout", "--quiet", "main"]);
        self.git(at, &["merge", "--quiet", "--squash", branch]);
        self.git(at, &["commit", "--quiet", "--message", &format!("all of {branch}")]);
    }

    /// A run whose task is its name; what its agent does is recorded as at the end of a real one.
    fn run(&mut self, task: &str, (began, ended): (Timestamp, Timestamp), work: WorkClass, does: impl FnOnce(&Self)) {
        let start = checkout(&self.root());
        does(self);
        let end = checkout(&self.root()).unwrap();
        let commits = logged(&end, start.as_ref(), began);
        self.record(task, (began, ended), work, commits);
    }

    fn record(
        &mut self,
        task: &str,
        (began, ended): (Timestamp, Timestamp),
        work: WorkClass,
        commits: std::result::Result<Vec<Commit>, String>,
    ) {
        self.runs += 1;
        let run = RunId::new(format!("run{:09}", self.runs));
        let attribution = Attribution { task: Some(task.to_owned()), ..Attribution::default() };
        let response = Response {
            run: Some(run.clone()),
            work: Some(work),
            attribution: attribution.clone(),
            ..sample::response(&began.to_rfc3339(), "codex", task, "gpt-6.1-sol", "0.10")
        };
        let response = if self.priced { response } else { Response { cost: Cost::Unpriced, ..response } };
        let second = self.again.map(|again| Response { at: again, key: ResponseKey::new("r2"), ..response.clone() });
        let path = self.folder.path().join(format!("sessions/{task}.jsonl"));
        let seen = EventKind::ThreadSeen {
            thread: task.into(),
            root: task.into(),
            parent: None,
            path: path.display().to_string(),
            codex: None,
            billing: Billing::Api,
            role: None,
        };
        let started = EventKind::RunStarted {
            command: vec!["codex".into()],
            cwd: self.root().display().to_string(),
            observe: false,
            policy: "ab12".into(),
            prices: "2026-11-01".into(),
            govern: "0.1.0".into(),
            attribution,
        };
        let sealed = EventKind::RunEnded { outcome: "ended".into(), code: Some(0), rule: None, lifts: None };
        let end = checkout(&self.root()).unwrap();
        let committed = Committed {
            run: run.clone(),
            agents: vec!["codex".into()],
            tree: end.root.display().to_string(),
            repository: end.common.display().to_string(),
            began,
            ended,
            from: None,
            to: end.head,
            unknown: commits.as_ref().err().cloned(),
            commits: commits.ok(),
        };
        self.ledger.start_run(run.clone(), ProcessIdentity { pid: 1, started: 1 });
        let event =
            |kind, agent: Option<&str>| Event { at: began, run: run.clone(), agent: agent.map(Into::into), kind };
        self.ledger
            .turn(ended, |turn| {
                turn.append(&event(started, None))?;
                turn.append(&event(seen, Some("codex")))?;
                for response in std::iter::once(response).chain(second) {
                    let at = response.at;
                    turn.append(&Event { at, ..event(EventKind::Response(Box::new(response)), Some("codex")) })?;
                }
                turn.append(&Event { at: ended, ..event(sealed, None) })?;
                record(turn, committed)
            })
            .unwrap();
    }

    fn session(&self, task: &str, items: &[&str]) {
        let line = |(time, item): (&str, &str)| {
            format!(
                "{{\"timestamp\":\"2026-06-01T{time}:00.000Z\",\"ordinal\":1,\"type\":\"event_msg\",\"payload\":{{\"type\":\"item_completed\",\"thread_id\":\"{task}\",\"turn_id\":\"u\",\"item\":{item},\"completed_at_ms\":1}}}}\n"
            )
        };
        let path = self.folder.path().join(format!("sessions/{task}.jsonl"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // An earlier run has begun the thread: what it did is not this one's.
        let earlier = r#"{"type":"CommandExecution","id":"c0","command":["bash","-lc","cargo test"],"source":"agent","status":"failed","exit_code":1}"#;
        let own = items.iter().map(|item| line(("22:10", item)));
        fs::write(path, std::iter::once(line(("09:00", earlier))).chain(own).collect::<String>()).unwrap();
    }

    /// What came of each task, and of all, then.
    fn results(&self, now: Timestamp, tasks: &[&str]) -> (BTreeMap<String, Results>, Results) {
        self.results_of(&Filter::default(), now, tasks)
    }

    fn results_of(&self, filter: &Filter, now: Timestamp, tasks: &[&str]) -> (BTreeMap<String, Results>, Results) {
        let alive = |_: &RunProcess<'_>| false;
        let home = self.folder.path().join("home");
        let env = |name: &str| (name == "HOME").then(|| home.clone().into());
        let here = Here { env: &env, cwd: self.root(), look: Layout::plain(80), now, alive: &alive };
        let keys: Vec<Key> = tasks.iter().map(|task| vec![Some((*task).to_owned())]).collect();
        let by = [By::Of(Dimension::Task)];
        let found = outputs(&self.ledger, filter, (&by, Tz::UTC, &keys), &here, None).unwrap();
        (tasks.iter().map(|task| (*task).to_owned()).zip(found.rows).collect(), found.totals)
    }
}

fn hours(day_of: u32, from: &str, to: &str) -> (Timestamp, Timestamp) {
    (day(day_of, from), day(day_of, to))
}

/// Commits, lines added and removed, lines that stand after 1, 7 and 30 days, merged, taken back, abandoned.
type Told = (u64, (u64, u64), [u64; 3], u64, u64, i64);

fn told(results: &Results) -> Told {
    let value = |figure: &crate::results::Figure| figure.value().unwrap();
    (
        value(&results.commits),
        (value(&results.added), value(&results.removed)),
        results.kept.each_ref().map(value),
        results.merged().unwrap(),
        value(&results.reverted),
        results.abandoned.value().unwrap().nanos(),
    )
}

#[test]
fn what_became_of_each_commit_is_told_as_it_was() {
    let mut world = World::new();
    let edit = WorkClass::Edit;
    world.git(day(1, "09:00"), &["checkout", "--quiet", "-b", "a"]);
    world.run("merged", hours(1, "10:00", "11:00"), edit, |world| {
        world.commit(day(1, "10:00"), &[("a.txt", "1\n2\n3\n")]);
        world.commit(day(1, "10:10"), &[("a.txt", "1\n2\n3\n4\n5\n")]);
    });
    world.git(day(1, "12:00"), &["checkout", "--quiet", "main"]);
    world.git(day(1, "12:00"), &["merge", "--quiet", "--no-ff", "--no-edit", "a"]);
    world.run("direct", hours(1, "13:00", "13:30"), edit, |world| {
        world.commit(day(1, "13:00"), &[("d.txt", "1\n2\n3\n4\n")]);
        world.commit(day(1, "13:10"), &[("tests/d.txt", "1\n")]);
    });
    world.run("reverted", hours(1, "14:00", "14:30"), edit, |world| {
        world.commit(day(1, "14:00"), &[("r.txt", "1\n2\n")]);
    });
    world.git(day(1, "14:50"), &["branch", "c"]);
    world.git(day(1, "14:50"), &["checkout", "--quiet", "-b", "b"]);
    world.run("squashed", hours(1, "15:00", "15:20"), edit, |world| {
        world.commit(day(1, "15:00"), &[("b.txt", "old\nsecond\n")]);
        world.commit(day(1, "15:10"), &[("b.txt", "new\nsecond\n"), ("b2.txt", "1\n2\n3\n")]);
    });
    world.git(day(1, "15:25"), &["checkout", "--quiet", "c"]);
    world.run("rebased", hours(1, "15:30", "15:50"), edit, |world| {
        world.commit(day(1, "15:30"), &[("c.txt", "1\n2\n")]);
        world.commit(day(1, "15:40"), &[("cc.txt", "1\n2\n")]);
    });
    world.squash(day(1, "16:00"), "b");
    world.git(day(1, "16:00"), &["branch", "--quiet", "-D", "b"]);
    world.git(day(1, "17:00"), &["rebase", "--quiet", "main", "c"]);
    world.git(day(1, "17:00"), &["checkout", "--quiet", "main"]);
    world.git(day(1, "17:00"), &["merge", "--quiet", "--ff-only", "c"]);
    world.git(day(1, "18:00"), &["checkout", "--quiet", "-b", "f"]);
    world.run("abandoned", hours(1, "18:00", "18:20"), edit, |world| {
        world.commit(day(1, "18:10"), &[("f.txt", "1\n2\n3\n4\n5\n")]);
    });
    world.git(day(1, "18:30"), &["checkout", "--quiet", "-b", "g", "main"]);
    world.run("deleted", hours(1, "18:30", "18:50"), edit, |world| {
        world.commit(day(1, "18:40"), &[("g.txt", "1\n")]);
    });
    world.git(day(1, "19:00"), &["checkout", "--quiet", "-b", "h", "main"]);
    world.git(day(1, "19:00"), &["branch", "--quiet", "-D", "g"]);
    world.run("forced", hours(1, "19:00", "19:20"), edit, |world| {
        world.commit(day(1, "19:10"), &[("h.txt", "1\n2\n")]);
    });
    // Somebody else says it in other words, and pushes with force.
    world.git(day(1, "19:30"), &["commit", "--quiet", "--amend", "--message", "in other words"]);
    world.git(day(1, "20:00"), &["checkout", "--quiet", "main"]);
    world.git(day(1, "20:00"), &["merge", "--quiet", "--no-ff", "--no-edit", "h"]);
    world.session(
        "never",
        &[
            &format!(
                r#"{{"type":"FileChange","id":"p","changes":{{"{}/never.txt":{{"type":"add","content":"x"}}}},"status":"completed"}}"#,
                world.root().display()
            ),
            r#"{"type":"CommandExecution","id":"c1","command":["bash","-lc","cargo test"],"source":"agent","status":"failed","exit_code":101}"#,
            r#"{"type":"CommandExecution","id":"c2","command":["bash","-lc","cargo test"],"source":"agent","status":"completed","exit_code":0}"#,
            r#"{"type":"CommandExecution","id":"c3","command":["bash","-lc","ls"],"source":"agent","status":"completed","exit_code":0}"#,
        ],
    );
    world.run("never", hours(1, "22:00", "22:30"), edit, |_| ());
    world.run("research", hours(1, "22:40", "22:50"), WorkClass::Research, |_| ());
    world.git(day(2, "09:00"), &["checkout", "--quiet", "-b", "k"]);
    world.run("squashed first", hours(2, "09:00", "09:20"), edit, |world| {
        world.commit(day(2, "09:10"), &[("k.txt", "1\n2\n")]);
    });
    world.squash(day(2, "09:30"), "k");
    world.git(day(2, "09:40"), &["checkout", "--quiet", "k"]);
    world.run("squashed again", hours(2, "09:40", "09:55"), edit, |world| {
        world.commit(day(2, "09:45"), &[("k2.txt", "1\n")]);
        world.commit(day(2, "09:50"), &[("k3.txt", "1\n2\n")]);
    });
    world.squash(day(2, "10:00"), "k");
    let revert = ["revert", "--no-edit", ":/r.txt"];
    world.git(day(3, "10:00"), &revert);
    world.commit(day(4, "10:00"), &[("a.txt", "one\n2\n3\n4\n5\n")]);
    fs::create_dir(world.root().join("src")).unwrap();
    world.git(day(11, "10:00"), &["mv", "a.txt", "src/a.txt"]);
    world.git(day(11, "10:00"), &["commit", "--quiet", "--message", "a new name"]);
    world.commit(day(21, "10:00"), &[("b.txt", "new\n2nd\n")]);

    let tasks = [
        "merged",
        "direct",
        "reverted",
        "squashed",
        "rebased",
        "abandoned",
        "deleted",
        "forced",
        "never",
        "research",
        "squashed first",
        "squashed again",
    ];
    let expected: [Told; 12] = [
        (2, (5, 0), [5, 4, 4], 1, 0, 0),
        (2, (5, 0), [5, 5, 5], 2, 0, 0),
        (1, (2, 0), [2, 0, 0], 1, 1, COST),
        (2, (6, 1), [5, 5, 4], 1, 0, 0),
        (2, (4, 0), [4, 4, 4], 1, 0, 0),
        (1, (5, 0), [0, 0, 0], 0, 0, COST),
        (1, (1, 0), [0, 0, 0], 0, 0, COST),
        (1, (2, 0), [2, 2, 2], 1, 0, 0),
        (0, (0, 0), [0, 0, 0], 0, 0, COST),
        (0, (0, 0), [0, 0, 0], 0, 0, 0),
        (1, (2, 0), [2, 2, 2], 1, 0, 0),
        (2, (3, 0), [3, 3, 3], 1, 0, 0),
    ];
    let now = sample::at("2026-09-01T00:00:00Z");
    // The second time, what is known by then is not asked for again.
    for _ in 0..2 {
        let (found, totals) = world.results(now, &tasks);
        for (task, expected) in tasks.iter().zip(&expected) {
            assert_eq!(&told(&found[*task]), expected, "{task}");
        }
        let sum = |part: fn(&Told) -> u64| expected.iter().map(part).sum::<u64>();
        assert_eq!(totals.merged(), Some(sum(|told| told.3)));
        assert_eq!(totals.commits.value(), Some(sum(|told| told.0)));
        assert_eq!(totals.per_merged().map(|rate| rate.cost), Ok(Money::from_nanos(12 * COST / 9)));
        assert_eq!(
            totals.per_kept().map(|(rate, days)| (rate.cost, days)),
            Ok((Money::from_nanos(12 * COST / 24), 30))
        );
        let never = &found["never"];
        assert_eq!((never.tests.value(), never.failed.value()), (Some(2), Some(1)));
        assert_eq!(found["merged"].tests.why().as_deref(), Some("its session file is gone"));
        assert_eq!(found["direct"].kinds.len(), 2, "what is a test is told apart");
    }
    // A day and a half after all that nothing is known of a week, and nothing is given up but what no branch has.
    let (found, _) = world.results(day(3, "09:00"), &tasks);
    let kept = |task: &str, place: usize| found[task].kept[place].clone();
    assert_eq!((kept("merged", 0).value(), kept("merged", 1).value()), (Some(5), None));
    assert_eq!(kept("merged", 2).why(), Some(younger(30)));
    let abandoned = |task: &str| found[task].abandoned.value().map(Money::nanos);
    assert_eq!((abandoned("abandoned"), abandoned("deleted"), abandoned("never")), (None, Some(COST), None));
    assert_eq!(found["merged"].per_kept().map(|(rate, days)| (rate.cost, days)), Ok((Money::from_nanos(COST / 5), 1)));
}

#[test]
fn what_two_runs_may_have_committed_in_one_tree_is_neithers() {
    let mut world = World::new();
    let start = checkout(&world.root()).unwrap();
    world.commit(day(1, "10:30"), &[("one.txt", "1\n")]);
    let end = checkout(&world.root()).unwrap();
    let both = logged(&end, Some(&start), day(1, "10:00"));
    assert_eq!(both.as_ref().map(Vec::len), Ok(1));
    world.record("first", hours(1, "10:00", "11:00"), WorkClass::Edit, both.clone());
    world.record("second", hours(1, "10:15", "10:45"), WorkClass::Edit, both);
    world.run("after", hours(1, "12:00", "13:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "12:30"), &[("two.txt", "1\n2\n")]);
    });
    let (found, totals) = world.results(sample::at("2026-09-01T00:00:00Z"), &["first", "second", "after"]);
    for task in ["first", "second"] {
        assert_eq!((found[task].commits.value(), found[task].merged()), (None, None));
        let why = found[task].commits.why().unwrap();
        assert_eq!(why, "another run worked in the same work tree at the same time");
    }
    assert_eq!(found["after"].commits.value(), Some(1));
    assert_eq!((totals.commits.value(), totals.commits.is_whole()), (Some(1), false));
}

#[test]
fn what_two_runs_committed_in_one_tree_is_whose_session_has_gits_word_for_it() {
    let mut world = World::new();
    let start = checkout(&world.root()).unwrap();
    world.commit(day(1, "10:30"), &[("one.txt", "1\n")]);
    world.commit(day(1, "10:31"), &[("two.txt", "1\n2\n")]);
    let end = checkout(&world.root()).unwrap();
    let both = logged(&end, Some(&start), day(1, "10:00")).unwrap();
    for (task, commit) in ["first", "second"].iter().zip(&both) {
        let said = format!(
            r#"{{"type":"CommandExecution","id":"c","command":["bash","-lc","git commit -am x"],"source":"agent","status":"completed","exit_code":0,"aggregated_output":"[main {}] x\n"}}"#,
            &commit.id.as_str()[..7]
        );
        world.session(task, &[&said]);
    }
    world.record("first", hours(1, "10:00", "11:00"), WorkClass::Edit, Ok(both.clone()));
    world.record("second", hours(1, "10:15", "10:45"), WorkClass::Edit, Ok(both));
    let (found, totals) = world.results(sample::at("2026-09-01T00:00:00Z"), &["first", "second"]);
    let told = |task: &str| (found[task].commits.value(), found[task].added.value());
    assert_eq!((told("first"), told("second")), ((Some(1), Some(1)), (Some(1), Some(2))));
    assert_eq!(totals.commits.value(), Some(2));
}

#[test]
fn what_was_not_fetched_since_is_not_known() {
    let mut world = World::new();
    let (origin, now) = (world.folder.path().join("origin.git"), sample::at("2026-09-01T00:00:00Z"));
    let (origin_name, june) = (origin.display().to_string(), day(1, "10:00"));
    world.git(june, &["clone", "--quiet", "--bare", ".", &origin_name]);
    world.git(june, &["remote", "add", "origin", &origin_name]);
    world.git(june, &["fetch", "--quiet", "origin"]);
    world.git(june, &["checkout", "--quiet", "-b", "topic"]);
    world.run("topic", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    // The remote was looked at on the day of the commit, and not since.
    let stamp = std::time::SystemTime::from(day(3, "10:00"));
    for file in
        ["FETCH_HEAD", "refs/remotes/origin/main", "logs/refs/remotes/origin/main", "logs/refs/remotes/origin/HEAD"]
    {
        if let Ok(file) = fs::File::options().write(true).open(world.root().join(".git").join(file)) {
            file.set_modified(stamp).unwrap();
        }
    }
    let (found, _) = world.results(now, &["topic"]);
    let topic = &found["topic"];
    assert_eq!(topic.kept[0].value(), Some(0), "it was looked at after a day");
    assert_eq!(topic.kept[1].why().as_deref(), Some(NOT_FETCHED));
    assert_eq!(topic.abandoned.why().as_deref(), Some(NOT_FETCHED));
    assert_eq!(topic.commits.value(), Some(1));
}

#[test]
fn a_repository_that_is_gone_leaves_what_was_recorded() {
    let mut world = World::new();
    world.run("lost", hours(1, "10:00", "11:00"), WorkClass::Edit, |world| {
        world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    });
    fs::rename(world.root(), world.folder.path().join("elsewhere")).unwrap();
    let (found, _) = world.results(sample::at("2026-09-01T00:00:00Z"), &["lost"]);
    let lost = &found["lost"];
    assert_eq!((lost.commits.value(), lost.added.value()), (Some(1), Some(2)));
    assert_eq!(lost.merged_why().as_deref(), Some("its repository is gone"));
    assert_eq!(lost.kept[0].value(), None);
}

#[test]
fn a_session_that_nobody_governed_is_read_from_the_log_of_its_tree_if_that_is_still_the_same() {
    let world = World::new();
    let before = checkout(&world.root()).unwrap().head;
    world.commit(day(1, "10:30"), &[("one.txt", "1\n2\n")]);
    world.commit(day(2, "10:30"), &[("two.txt", "1\n")]);
    let began = |commit| crate::tail::session::Began {
        folder: Some(world.root().display().to_string()),
        commit,
        ..crate::tail::session::Began::default()
    };
    let session = |commit, (from, to)| sessions::Session {
        files: Vec::new(),
        began: Some(began(commit)),
        span: Some((day(1, from), day(1, to))),
    };
    let commits = |session: &sessions::Session| {
        let logs = &mut Logs::new(clock::monotonic() + RESULTS_WITHIN);
        reflogs::of_session(&"root".into(), session, logs).and_then(|tree| tree.commits).map(|commits| commits.len())
    };
    assert_eq!(commits(&session(before.clone(), ("10:00", "11:00"))), Ok(1));
    assert_eq!(commits(&session(before.clone(), ("10:00", "10:20"))), Ok(0));
    let other = crate::model::CommitId::parse(&"ab".repeat(20));
    let why = "its work tree does not tell any more of the commit that it began at";
    assert_eq!(commits(&session(other, ("10:00", "11:00"))), Err(why.to_owned()));
    // The session began after the commit that it says it began at was followed by another one.
    assert_eq!(commits(&session(before, ("10:40", "11:00"))), Err(why.to_owned()));
    let unsaid = session(None, ("10:00", "11:00"));
    assert_eq!(commits(&unsaid), Err("its session file names no commit that it began at".to_owned()));
}
