//! Classes of work: what the real Codex did for tasks whose class was written down before, and what becomes of it in reports,
//! budgets and files of history.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::codex::{CURRENT, PREVIOUS, Version};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::world::World;

const TASKS: &str = include_str!("../fixtures/work/tasks.toml");

const CLASSES: [&str; 7] = ["research", "edit", "test", "review", "migration", "documentation", "other"];

/// What was told of each thread, beside what its owner wanted.
#[derive(Default)]
struct Confusion(BTreeMap<(String, String), u32>);

impl Confusion {
    fn add(&mut self, wanted: &str, told: &str) {
        *self.0.entry((wanted.to_owned(), told.to_owned())).or_default() += 1;
    }

    fn count(&self, wanted: &str, told: &str) -> u32 {
        self.0.get(&(wanted.to_owned(), told.to_owned())).copied().unwrap_or(0)
    }

    /// The mean over the classes of what precision and recall come to together.
    fn macro_f1(&self) -> f64 {
        let of = |class: &str| {
            let right = self.count(class, class);
            let wrong: u32 = CLASSES
                .iter()
                .filter(|other| **other != class)
                .map(|other| self.count(class, other) + self.count(other, class))
                .sum();
            f64::from(2 * right) / f64::from((2 * right + wrong).max(1))
        };
        CLASSES.iter().map(|class| of(class)).sum::<f64>() / 7.0
    }

    fn show(&self, what: &str) {
        eprintln!("{what}: macro-F1 {:.3}; a row is what was wanted, a column what was told", self.macro_f1());
        eprintln!("{:<14}{}", "", CLASSES.map(|class| format!("{class:>14}")).concat());
        for wanted in CLASSES {
            let cells = CLASSES.map(|told| format!("{:>14}", self.count(wanted, told)));
            eprintln!("{wanted:<14}{}", cells.concat());
        }
    }
}

/// The class that most of a thread's money went to.
fn told(world: &World) -> BTreeMap<String, String> {
    let report = ledger::report(world, &["--by", "thread,work"]);
    let mut best: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for row in report["rows"].as_array().unwrap() {
        let (thread, class) = (row["thread"].as_str().unwrap(), row["work"].as_str().unwrap_or("none"));
        let responses = row["responses"].as_u64().unwrap();
        let known = best.entry(thread.to_owned()).or_default();
        if responses > known.0 {
            *known = (responses, class.to_owned());
        }
    }
    best.into_iter().map(|(thread, (_, class))| (thread, class)).collect()
}

#[test]
fn labelled_threads_are_told_as_their_owners_would() {
    let world = World::without_codex();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/work");
    // History as Codex keeps it: some of it compressed.
    let copied = Command::new("cp").arg("-r").arg(from.join("sessions")).arg(world.path("codex")).status().unwrap();
    assert!(copied.success());
    world.govern(&["import"]).expect_code(0);
    let told = told(&world);
    let mut confusion = Confusion::default();
    for line in std::fs::read_to_string(from.join("truth.jsonl")).unwrap().lines() {
        let truth: Value = serde_json::from_str(line).unwrap();
        let found = &told[truth["thread"].as_str().unwrap()];
        let wanted = truth["class"].as_str().unwrap();
        let also = truth["also"].as_array().unwrap().iter().any(|also| also == found.as_str());
        if !also && found != wanted {
            eprintln!("{} ({wanted}) was told as {found}", truth["about"]);
        }
        confusion.add(if also { found } else { wanted }, found);
    }
    confusion.show("labelled threads, which the rules were written beside");
    assert!(confusion.macro_f1() >= 0.95);
}

/// The model's answer of one step, as `tasks.toml` writes it.
fn reply(step: &str) -> Reply {
    let (kind, rest) = step.split_once(' ').unwrap();
    let patch = |body: &str| Reply::exec(&format!("apply_patch <<'EOF'\n*** Begin Patch\n{body}*** End Patch\nEOF\n"));
    let signed = |sign: char, text: &str| text.lines().map(|line| format!("{sign}{line}\n")).collect::<String>();
    match kind {
        "$" => Reply::exec(rest),
        "+" => {
            let (name, text) = rest.split_once('\n').unwrap();
            patch(&format!("*** Add File: {name}\n{}", signed('+', text)))
        }
        "~" => {
            let (name, lines) = rest.split_once('\n').unwrap();
            let (before, after) = lines.split_once('\n').unwrap();
            patch(&format!("*** Update File: {name}\n@@\n{}{}", signed('-', before), signed('+', after)))
        }
        // A search alone would be the turn's last answer: the client runs nothing of it.
        "?" => Reply::exec("true").and(json!({
            "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": rest},
        })),
        "!" => {
            let plan = json!({"plan": [{"step": rest, "status": "in_progress"}]}).to_string();
            Reply::item(json!({"type": "function_call", "name": "update_plan", "arguments": plan}))
        }
        "=" => Reply::message(rest),
        other => panic!("no step begins with {other}"),
    }
}

/// Programs that would reach out of the test, or that no machine is sure to have: here they do nothing. (Codex itself
/// is started by `node`.)
const STAND_INS: [&str; 13] = [
    "npx",
    "npm",
    "pip",
    "gh",
    "kubectl",
    "docker",
    "hyperfine",
    "perf",
    "pyupgrade",
    "2to3",
    "pytest",
    "python3",
    "sqlite3",
];

/// Puts them before all others, also in the log-in shells that Codex runs commands in.
fn stand_in(world: &World) {
    for name in STAND_INS {
        world.write_script(&format!("bin/{name}"), "#!/bin/sh\nexit 0\n");
    }
    world.write("home/.bash_profile", &format!("PATH={}:$PATH\n", world.path("bin").display()));
}

/// Plays one task with the real Codex: its repository, then the answers.
fn play(version: Version, repositories: &toml::Table, task: &toml::Table) -> Option<(Vec<String>, u64)> {
    let world = World::with_codex(version)?;
    stand_in(&world);
    let git = |args: &[&str]| world.run("git", args).expect_code(0);
    let text = |key: &str| task.get(key).and_then(toml::Value::as_str);
    let repository = repositories[text("repo").unwrap()].as_table().unwrap();
    for (name, text) in repository {
        let path = world.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.as_str().unwrap()).unwrap();
    }
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=the project"]);
    if let Some(name) = text("dirty") {
        let path = world.work().join(name);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "\n# changed\n").unwrap();
    }
    let steps = |key: &str| -> Vec<Reply> {
        let found = task.get(key).and_then(toml::Value::as_array);
        let steps = found.into_iter().flatten().map(|step| reply(step.as_str().unwrap()));
        let last = found.and_then(|steps| steps.last()?.as_str()).is_some_and(|step| step.starts_with('='));
        steps.chain((!last).then(|| Reply::message("That is all."))).collect()
    };
    world.server.script(Select::root().containing("the first task"), steps("steps"));
    world.run("codex", &["exec", "the first task"]).expect_code(0);
    if task.contains_key("more") {
        world.server.script(Select::root().containing("the second task"), steps("more"));
        world.run("codex", &["exec", "resume", "--last", "the second task"]).expect_code(0);
    }
    world.govern(&["import"]).expect_code(0);
    let report = ledger::report(&world, &["--by", "work"]);
    let rows = report["rows"].as_array().unwrap();
    let mut found: Vec<(u64, String)> = rows
        .iter()
        .map(|row| (row["responses"].as_u64().unwrap(), row["work"].as_str().unwrap_or("none").to_owned()))
        .collect();
    found.sort();
    Some((found.into_iter().rev().map(|(_, class)| class).collect(), report["totals"]["responses"].as_u64().unwrap()))
}

#[test]
fn tasks_that_the_rules_never_saw_are_told_as_their_owners_would() {
    let tasks: toml::Table = TASKS.parse().unwrap();
    let repositories = tasks["repo"].as_table().unwrap();
    let mut confusion = Confusion::default();
    for task in tasks["thread"].as_array().unwrap() {
        let task = task.as_table().unwrap();
        let Some((found, responses)) = play(CURRENT, repositories, task) else { return };
        let (wanted, about) = (task["class"].as_str().unwrap(), task["about"].as_str().unwrap());
        assert!(responses > 0, "{about}");
        if let Some(turns) = task.get("per_turn") {
            let mut turns: Vec<&str> = turns.as_array().unwrap().iter().map(|turn| turn.as_str().unwrap()).collect();
            let mut found = found.clone();
            turns.sort_unstable();
            found.sort();
            assert_eq!(found, turns, "{about}");
            continue;
        }
        if found[0] != wanted {
            eprintln!("{about} ({wanted}) was told as {found:?}");
        }
        assert_eq!(found.len(), 1, "one turn has one class: {about}: {found:?}");
        confusion.add(wanted, &found[0]);
    }
    confusion.show("tasks that the rules were not tuned to");
    assert!(confusion.macro_f1() >= 0.85);
}

#[test]
fn a_run_is_told_by_class_while_it_goes_on_and_in_history_alike() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let script =
        [Reply::exec("cat README.md"), Reply::exec("printf 'fn main() {}\\n' > main.rs"), Reply::message("done")];
    world.server.script(Select::root(), script);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let end = end.expect_said("Work: edit $0.06");
    let work = ledger::report(&world, &["--by", "work"]);
    assert_eq!(work["rows"].as_array().unwrap().len(), 1, "{work}");
    assert_eq!((&work["rows"][0]["work"], &work["rows"][0]["responses"]), (&"edit".into(), &3.into()), "{work}");
    assert_eq!(work["totals"]["cost_usd"], ledger::report(&world, &[])["totals"]["cost_usd"]);
    assert_eq!(end.summary["work"][0]["work"], "edit", "{}", end.summary);
    let focus = world.govern(&["report", "--last", "--format", "focus"]).expect_code(0).out();
    assert!(focus.contains("\"\"work\"\":\"\"edit\"\""), "{focus}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_a_person_says_it_is_it_is() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("cat README.md"), Reply::message("done")]);
    world.run_governed(&["--work", "review"], &["codex", "exec", "do it"]).expect_code(0);
    world.govern(&["import", "--again"]).expect_code(0);
    let work = ledger::report(&world, &["--by", "work"]);
    assert_eq!((&work["rows"][0]["work"], &work["rows"][0]["responses"]), (&"review".into(), &2.into()), "{work}");
    world.govern(&["run", "--work", "golf", "--", "true"]).expect_code(2).expect_said("`golf` is no class of work");
}

#[test]
fn a_budget_over_a_class_stops_what_is_of_that_class_alone() {
    let policy = "[[budget]]\nname = \"looking\"\nper = \"run\"\nlimit = \"0.05 usd\"\nonly = { work = [\"research\"] }\n\
                  steps = [{ at = \"100%\", do = \"stop\" }]\n";
    for (command, stops) in [("cat README.md", true), ("echo 'fn f() {}' >> lib.rs", false)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(policy);
        let steps = std::iter::repeat_with(|| Reply::exec(command)).take(6);
        world.server.script(Select::root(), steps.chain([Reply::message("done")]));
        let end = world.run_governed(&[], &["codex", "exec", "do it"]);
        let end = if stops { end.expect_code(124).expect_outcome("stopped") } else { end.expect_code(0) };
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_class_that_is_said_is_bound_by_its_budget_before_the_first_request() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Two responses of $0.0212 fit, and no third.
    world.policy(
        "[[budget]]\nname = \"reviews\"\nper = \"user\"\nwindow = \"year\"\nlimit = \"0.05 usd\"\n\
         only = { work = [\"review\"] }\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    let review = ["codex", "exec", "do it"];
    world.run_governed(&["--work", "review"], &review).expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.served().len(), 2);
    world.run_governed(&["--work", "review"], &review).expect_code(123);
    assert_eq!(world.server.served().len(), 2, "the second run sends no request");
}

#[test]
fn where_looking_is_used_up_no_run_begins_but_one_that_says_what_it_is() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { return };
        // Two responses of $0.0212 fit, and no third.
        world.policy(
            "[[budget]]\nname = \"looking\"\nper = \"user\"\nwindow = \"year\"\nlimit = \"0.05 usd\"\n\
             only = { work = [\"research\"] }\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        world.server.always(Select::root().containing("do it"), Reply::exec("cat README.md"));
        let look = ["codex", "exec", "do it"];
        world.run_governed(&[], &look).expect_code(124).expect_outcome("stopped");
        assert_eq!(world.server.served().len(), 2, "{version:?}");
        let end = world.run_governed(&[], &look).expect_code(123);
        assert!(end.finished.stderr.contains("`--work CLASS`"), "{}", end.finished);
        world.run_governed(&[], &["sh", "-c", "codex exec 'do it'"]).expect_code(123);
        assert_eq!(world.server.served().len(), 2, "{version:?}: no run sends a request");
        world.server.script(Select::root().containing("the zebra"), [Reply::message("done")]);
        world.run_governed(&["--work", "edit"], &["codex", "exec", "the zebra"]).expect_code(0);
    }
}

#[test]
fn a_policy_names_commands_and_files_of_its_own() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[work]]\ncommands = [\"./port *\"]\nas = \"migration\"\n[[work]]\npaths = [\"notes/**\"]\nas = \"research\"\n",
    );
    world.server.script(Select::root().containing("zebra"), [Reply::exec("./port 5 || true"), Reply::message("done")]);
    let note = Reply::exec("mkdir -p notes && echo x > notes/a.rs");
    world.server.script(Select::root().containing("walrus"), [note, Reply::message("done")]);
    for (task, class) in [("the zebra", "migration"), ("the walrus", "research")] {
        world.run_governed(&[], &["codex", "exec", task]).expect_code(0);
        let work = ledger::report(&world, &["--last", "--by", "work"]);
        assert_eq!(work["rows"][0]["work"], class, "{work}");
    }
}
