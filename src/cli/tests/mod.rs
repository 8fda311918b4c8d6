//! How the verbs that only read answer, over a ledger in a folder of its own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::approvals::{self, ApprovalsArgs};
use super::audit::{self, AuditArgs};
use super::budget::{self, BudgetArgs};
use super::doctor::{self, DoctorArgs};
use super::init::{self, InitArgs};
use super::overview;
use super::policy::{self, PolicyArgs};
use super::prices::{self, PricesArgs};
use super::report::{self, ReportArgs};
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::{Ledger, Question};
use crate::model::event::EventKind;
use crate::model::{BudgetKey, Event, ProcessIdentity, RunProcess, Timestamp, Unit, Verb};
use crate::prepare::here::Here;
use crate::report::tests::sample;
use crate::ui::Layout;

mod brakes;
mod budgets;
mod html;
mod trails;

/// A user with a home, a project and perhaps a ledger.
struct World {
    folder: tempfile::TempDir,
}

#[derive(Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

fn parsed<A: clap::Args>(words: &[&str]) -> A {
    Line::<A>::try_parse_from(std::iter::once("govern").chain(words.iter().copied()))
        .unwrap_or_else(|e| panic!("{e}"))
        .args
}

impl World {
    /// Nothing was recorded yet.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["home", "shop"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Asks a verb at 2026-11-22 14:20 UTC, on a screen of 80 columns.
    fn ask(&self, verb: impl FnOnce(&mut Vec<u8>, &Here<'_>) -> Result<Exit>) -> (Result<Exit>, String) {
        self.ask_at(80, verb)
    }

    fn ask_at(
        &self,
        width: usize,
        verb: impl FnOnce(&mut Vec<u8>, &Here<'_>) -> Result<Exit>,
    ) -> (Result<Exit>, String) {
        let env = |name: &str| -> Option<OsString> {
            match name {
                "HOME" => Some(self.path("home").into()),
                "PATH" => Some(self.path("bin").into()),
                _ => None,
            }
        };
        let alive = |govern: &RunProcess<'_>| govern.process.pid == LIVE;
        let here = Here {
            env: &env,
            cwd: self.path("shop"),
            look: Layout::plain(width),
            now: sample::at("2026-11-22T14:20:00Z"),
            alive: &alive,
        };
        let mut out = Vec::new();
        let exit = verb(&mut out, &here);
        let text = String::from_utf8(out).unwrap().replace(&self.folder.path().display().to_string(), "/w");
        (exit, text)
    }

    fn report(&self, words: &[&str]) -> (Result<Exit>, String) {
        self.ask(|out, here| report::run(&parsed::<ReportArgs>(words), out, here))
    }

    fn budget(&self, words: &[&str]) -> (Result<Exit>, String) {
        self.ask(|out, here| budget::run(&parsed::<BudgetArgs>(words), out, here))
    }

    fn policy(&self, words: &[&str]) -> (Result<Exit>, String) {
        self.ask(|out, here| policy::run(&parsed::<PolicyArgs>(words), out, here))
    }

    fn audit(&self, words: &[&str]) -> (Result<Exit>, String) {
        self.ask(|out, here| audit::run(&parsed::<AuditArgs>(words), out, here))
    }

    fn ledger_folder(&self) -> PathBuf {
        self.path("home/.local/state/govern")
    }
}

/// The process of the run that lives.
const LIVE: i32 = 4_712;

fn started(run: &str, at: Timestamp) -> Event {
    let info = sample::info("ended", 0, None);
    let kind = EventKind::RunStarted {
        command: info.command,
        cwd: info.cwd,
        observe: false,
        policy: info.policy,
        prices: info.prices,
        govern: "0.1.0".into(),
        attribution: info.attribution,
    };
    Event { at, run: run.into(), agent: None, kind }
}

fn in_ledger(folder: &Path, run: &str, pid: i32, events: &[Event]) -> Ledger {
    let mut ledger = Ledger::open(folder).unwrap();
    ledger.start_run(run.into(), ProcessIdentity { pid, started: 1 });
    for event in events {
        let mut event = event.clone();
        event.run = run.into();
        ledger.turn(event.at, |turn| turn.append(&event).map(drop)).unwrap();
    }
    ledger
}

/// A run that was stopped, and one that lives and asks.
fn busy() -> World {
    let world = World::new();
    let response = |at: &str, run: &str, thread: &str, key: &str, usd: &str| {
        let mut response = sample::response(at, "codex", thread, "gpt-6.1-sol", usd);
        (response.key, response.run) = (key.into(), Some(run.into()));
        Event { at: response.at, run: run.into(), agent: None, kind: EventKind::Response(Box::new(response)) }
    };
    let ended =
        EventKind::RunEnded { outcome: "stopped".into(), code: Some(124), rule: Some("each run".into()), lifts: None };
    in_ledger(
        &world.ledger_folder(),
        "k3f9x27m1a",
        4_711,
        &[
            started("k3f9x27m1a", sample::at("2026-11-21T14:00:00Z")),
            response("2026-11-21T14:01:00Z", "k3f9x27m1a", "t1", "r1", "1.25"),
            response("2026-11-21T14:02:00Z", "k3f9x27m1a", "t1", "r2", "0.333333333"),
            Event {
                at: sample::at("2026-11-21T14:03:00Z"),
                ..sample::event(
                    "2026-11-21T14:03:00Z",
                    EventKind::Skipped { path: "/x/rollout-1.jsonl".into(), lines: 2, reason: "not JSON".into() },
                )
            },
            sample::event("2026-11-21T14:04:00Z", sample::decided(Verb::Stop, &["$1.58 of $1.50 (each run): spent"])),
            Event { agent: None, ..sample::event("2026-11-21T14:05:00Z", ended) },
        ],
    );
    let mut ledger = in_ledger(
        &world.ledger_folder(),
        "k4a1c00n2b",
        LIVE,
        &[
            started("k4a1c00n2b", sample::at("2026-11-22T14:00:00Z")),
            response("2026-11-22T14:01:00Z", "k4a1c00n2b", "t2", "r3", "0.75"),
        ],
    );
    let key =
        BudgetKey { budget: "each run".into(), scope: "run=k4a1c00n2b".into(), window_start: None, unit: Unit::Usd };
    let question = Question {
        step: None,
        may: crate::model::MayAnswer::default(),
        about: crate::model::Subject::Limit,
        key: key.clone(),
        agent: "codex".into(),
        text: "$0.75 + $0.40 reserved of $1.00 (each run): the next request would pass the limit".into(),
        extend: 1_000_000_000,
        deadline: Some(sample::at("2026-11-22T14:40:00Z")),
    };
    ledger
        .turn(sample::at("2026-11-22T14:10:00Z"), |turn| {
            turn.questions().ask(&question, &|_| true)?;
            turn.budgets().reserve(&key, 400_000_000)
        })
        .unwrap();
    world
}

const POLICY: &str = r#"
version = 1
timezone = "Europe/Berlin"

[[budget]]
name = "each run"
per = "run"
limit = "1 usd"

[[budget]]
name = "teams, monthly"
per = "team"
window = "month"
limit = "2 usd"
limits = { infra = "1000 usd" }

[[budget]]
name = "everything, daily"
per = "everything"
window = "day"
limit = "1M all tok"
"#;

#[test]
fn before_the_first_run_every_verb_says_so_kindly() {
    let world = World::new();
    let (exit, text) = world.report(&["--last"]);
    assert_eq!(
        (exit, text.lines().next()),
        (Ok(Exit::Success), Some("Nothing was recorded yet. To begin, put govern before a command:"))
    );
    let (_, json) = world.report(&["--format", "json", "--by", "team"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["rows"], serde_json::json!([]));
    let (exit, text) = world.budget(&["--check"]);
    assert_eq!(exit, Ok(Exit::Success));
    assert!(text.starts_with("No budget of a policy applies here"), "{text}");
    let (_, text) = world.ask(|out, here| approvals::run(&ApprovalsArgs::default(), out, here));
    assert_eq!(text, "Nothing waits for an answer.\n");
    let (_, text) = world.ask(|out, here| overview::run(out, here));
    assert!(text.starts_with("Nothing was recorded yet"), "{text}");
}

#[test]
fn an_audit_of_a_missing_ledger_fails_for_a_deleted_one_must_not_look_intact() {
    let (exit, _) = World::new().audit(&["verify"]);
    assert_eq!(exit.unwrap_err().exit_code(), Exit::Failed);
}

#[test]
fn a_report_of_all_that_is_recorded() {
    insta::assert_snapshot!(busy().report(&[]).1);
}

#[test]
fn a_report_of_a_time_counts_from_its_beginning_and_not_its_end() {
    let world = busy();
    let responses = |words: &[&str]| {
        let (_, text) = world.report(&[words, &["--format", "json"]].concat());
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["totals"]["responses"].as_u64().unwrap()
    };
    assert_eq!(responses(&[]), 3);
    assert_eq!(responses(&["--since", "2026-11-22"]), 1);
    assert_eq!(responses(&["--until", "2026-11-22"]), 2);
    assert_eq!(responses(&["--since", "2026-11-21T14:02:00Z", "--until", "2026-11-22T14:01:00Z"]), 1);
    assert_eq!(responses(&["--since", "1h"]), 1);
}

#[test]
fn the_last_run_and_one_by_its_beginning() {
    let world = busy();
    insta::assert_snapshot!(world.report(&["--run", "k3"]).1);
    let (_, json) = world.report(&["--last", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "govern.report/1");
    assert_eq!(json["run"], "k4a1c00n2b");
    assert_eq!(json["rows"][0]["agent"], "codex");
    assert_eq!(json["rows"][0]["cost_usd"], "0.75");
    let (exit, _) = world.report(&["--run", "zz"]);
    assert!(exit.unwrap_err().to_string().contains("there is no run `zz`"));
    let (exit, _) = world.report(&["--run", "k"]);
    assert!(exit.unwrap_err().to_string().contains("several runs begin with `k`"));
}

#[test]
fn skipped_lines_of_the_time_and_run_are_counted() {
    let world = busy();
    let skipped = |words: &[&str]| {
        let (_, text) = world.report(&[words, &["--format", "json"]].concat());
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["skipped_lines"].as_u64().unwrap()
    };
    assert_eq!(
        (skipped(&[]), skipped(&["--last"]), skipped(&["--run", "k3"]), skipped(&["--since", "1h"])),
        (2, 0, 2, 0)
    );
}

#[test]
fn budgets_stand_where_the_ledger_says_and_check_fails_when_one_is_used_up() {
    let world = busy();
    world.write("home/.config/govern/policy.toml", POLICY);
    let (exit, text) = world.budget(&["--check"]);
    // When the ledger was made is the clock's own.
    let text: String =
        text.lines().filter(|line| !line.starts_with("Counted")).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(text);
    assert_eq!(exit, Ok(Exit::Over));
    assert_eq!(world.budget(&[]).0, Ok(Exit::Success));
}

#[test]
fn what_runs_and_what_waits() {
    insta::assert_snapshot!(busy().ask(|out, here| overview::run(out, here)).1);
}

#[test]
fn questions_that_wait() {
    insta::assert_snapshot!(busy().ask(|out, here| approvals::run(&ApprovalsArgs::default(), out, here)).1);
}

#[test]
fn an_open_ledger_is_intact_with_a_run_unsealed_and_a_kept_head_is_found_again() {
    let world = busy();
    let (exit, head) = world.audit(&["head"]);
    assert_eq!(exit, Ok(Exit::Success));
    let (exit, text) = world.audit(&["verify"]);
    assert_eq!(exit, Ok(Exit::Unsealed), "{text}");
    assert!(text.contains("`k4a1c00n2b`"), "{text}");
    assert_eq!(world.audit(&["verify", "--against", head.trim()]).0, Ok(Exit::Unsealed));
    let (exit, text) = world.audit(&["verify", "--against", "1:00"]);
    assert_eq!(exit, Ok(Exit::Negative), "{text}");
    assert_eq!(world.audit(&["verify", "--against", "no"]).0.unwrap_err().exit_code(), Exit::Usage);
}

#[test]
fn policies_are_checked_one_by_one_and_shown_in_words() {
    let world = World::new();
    world.write("good.toml", POLICY);
    world.write("bad.toml", "version = 1\n[[budget]]\nname = \"x\"\nlimit = \"-1 usd\"\n");
    let path = |name: &str| world.path(name).display().to_string();
    let (exit, text) = world.policy(&["check", &path("good.toml")]);
    assert_eq!((exit, text.as_str()), (Ok(Exit::Success), "/w/good.toml: no mistake\n"));
    let (exit, text) = world.policy(&["check", &path("bad.toml"), &path("good.toml")]);
    assert_eq!(text, "/w/good.toml: no mistake\n", "the second is checked although the first is wrong");
    let error = exit.unwrap_err();
    assert_eq!(error.exit_code(), Exit::Failed);
    assert!(error.to_string().contains("bad.toml:4"), "{error}");
    let doubtful = "version = 1\n[[budget]]\nname = \"x\"\nper = \"run\"\nlimit = \"3 responses\"\ngrace = \"5%\"\n";
    world.write("doubtful.toml", doubtful);
    let (exit, text) = world.policy(&["check", &path("doubtful.toml")]);
    assert!(exit == Ok(Exit::Success) && text.ends_with("/w/doubtful.toml: no error, 1 warning\n"), "{text}");
    let (_, text) = world.policy(&["show", &path("good.toml")]);
    assert!(text.contains("budget `each run`"), "{text}");
    let (exit, text) = world.policy(&["check"]);
    assert_eq!((exit, text.as_str()), (Ok(Exit::Success), "no policy applies here\n"));
}

#[test]
fn a_policy_to_begin_with_is_written_once_and_has_no_mistake() {
    let world = World::new();
    let own = "home/.config/govern/policy.toml";
    for (words, file) in [
        (&[][..], "shop/govern.toml"),
        (&["--user"], own),
        (&["--template", "ci"], "shop/govern-ci.toml"),
        (&["--template", "solo"], own),
        (&["--template", "team"], own),
        (&["--template", "gated"], "shop/govern.toml"),
        (&["--template", "alerts"], "shop/govern.toml"),
        (&["--template", "gated", "--user"], own),
    ] {
        for before in [own, "shop/govern.toml"] {
            let _none = fs::remove_file(world.path(before));
        }
        let args = parsed::<InitArgs>(words);
        let (exit, text) = world.ask(|out, here| init::run(&args, out, here));
        assert_eq!(exit, Ok(Exit::Success), "{text}");
        let written = fs::read_to_string(world.path(file)).unwrap();
        assert!(!written.is_empty());
        fs::write(world.path(file), "version = 1\n").unwrap();
        let (exit, _) = world.ask(|out, here| init::run(&args, out, here));
        assert!(exit.unwrap_err().to_string().contains("is there already"));
        assert_eq!(fs::read_to_string(world.path(file)).unwrap(), "version = 1\n");
        fs::write(world.path(file), written).unwrap();
        assert_eq!(world.policy(&["check"]).0, Ok(Exit::Success), "{words:?}");
        let path = world.path(file).display().to_string();
        assert_eq!(world.policy(&["check", &path]).0, Ok(Exit::Success), "{words:?}");
    }
}

#[test]
fn prices_of_all_models_and_of_one() {
    let world = World::new();
    let ask = |words: &[&str]| world.ask(|out, here| prices::run(&parsed::<PricesArgs>(words), out, here));
    let (_, text) = ask(&[]);
    assert!(text.lines().any(|line| line.starts_with("gpt-6.1-sol ") && line.contains("$2.00")), "{text}");
    let (_, json) = ask(&["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let models: Vec<&str> = json["rows"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect();
    for width in [60, 80, 100] {
        let (_, text) = world.ask_at(width, |out, here| prices::run(&parsed::<PricesArgs>(&[]), out, here));
        for model in &models {
            assert_eq!(text.lines().filter(|line| line.split(' ').next() == Some(model)).count(), 1, "{model}: {text}");
        }
        let wide = text.lines().find(|line| line.chars().count() > width && !line.contains("http"));
        assert_eq!(wide, None, "{text}");
    }
    insta::assert_snapshot!(ask(&["show", "gpt-6.1-sol"]).1);
    assert!(ask(&["show", "gpt-99"]).0.unwrap_err().to_string().contains("no price for `gpt-99`"));
    let (_, json) = ask(&["--format", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["schema"], "govern.prices/1");
}

#[test]
fn the_ledgers_models_are_checked_for_prices() {
    let (_, text) = busy().ask(|out, here| prices::run(&parsed::<PricesArgs>(&["check"]), out, here));
    assert!(text.contains("every model in it has a listed price"), "{text}");
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let world = busy();
    world.write("bin/codex", "");
    world.write("home/.codex/auth.json", r#"{"auth_mode":"chatgpt","tokens":{}}"#);
    world.write("shop/govern.toml", "version = 1\nnonsense = true\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(world.path("bin/codex"), mode).unwrap();
    let ask = |_: &Path, _: &[&str]| Ok("codex-cli 0.118.0".to_owned());
    // No line is broken, however long the folder's name is.
    let (exit, text) = world.ask_at(1_000, |out, here| doctor::run(&DoctorArgs::default(), out, here, &ask));
    assert_eq!(exit, Ok(Exit::Negative), "the policy here cannot be obeyed");
    // How many watches there are, and when the ledger was made, is this machine's own.
    let own = |line: &&str| !line.contains("inotify") && !line.contains("ledger");
    let text: String = text.lines().filter(own).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn without_a_codex_the_doctor_says_how_to_get_one() {
    let ask = |_: &Path, _: &[&str]| unreachable!("there is nothing to ask");
    let (_, text) = World::new().ask(|out, here| doctor::run(&DoctorArgs::default(), out, here, &ask));
    assert!(text.contains("npm install -g"), "{text}");
}
