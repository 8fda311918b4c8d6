//! Commands that try to slip past a gate: what is caught, and what is not.
//!
//! The gate is that of `policies/gated.toml`: `git push*` and the like are asked about, `git push --dry-run*` is not.
//! What each command does is not claimed but tried, in a real bash with a `git` that only writes down how it was called.
//! **Gates are a seat-belt.** They catch what an agent writes down, in whatever dress, and all that cannot be read. They
//! don't follow what a command reads from files or what other programs do of their own: the sandbox is the wall.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde::Deserialize;

use govern::policy::command::{self, CommandPattern, Exceptions};
use govern::policy::gate::{GateVerdict, ToolCall, judge};
use govern::policy::layers::{FlagRules, load};
use govern::policy::mistake::LayerText;
use govern::policy::rule::{Gate as Gates, GateVerb, Layer};
use govern::shell::{CommandLine, Reading};

const MATCH: [&str; 6] =
    ["git push*", "npm publish*", "cargo publish*", "gh release create*", "terraform apply*", "kubectl apply*"];
const NOT: [&str; 1] = ["git push --dry-run*"];

/// Each try, what the gate says to it, and what a real bash does: `tests/fixtures/commands/tries.jsonl`.
#[derive(Deserialize)]
struct Try {
    command: String,
    gate: Gate,
    bash: Bash,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Gate {
    /// It is asked about.
    Caught,
    /// It runs unasked: what is read from files, what an earlier call has prepared, the same deed by another name.
    Past,
}

/// What a real bash does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Bash {
    /// It pushes, publishes or applies.
    Pushes,
    /// It does none of it.
    Harmless,
    /// It needs programs or settings that not every machine has: not tried.
    Untried,
}

fn tries() -> Vec<Try> {
    let text = include_str!("../fixtures/commands/tries.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn patterns(patterns: &[&str]) -> Vec<CommandPattern> {
    patterns.iter().map(|pattern| CommandPattern::new(pattern)).collect()
}

fn past(commands: &[CommandPattern]) -> Exceptions<'_> {
    Exceptions { commands, arguments: &[] }
}

#[test]
fn each_try_is_caught_or_known_to_get_past() {
    let (wanted, except) = (patterns(&MATCH), patterns(&NOT));
    let tries = tries();
    assert!(tries.len() > 500);
    let wrong: Vec<String> = tries
        .iter()
        .filter_map(|Try { command, gate, .. }| {
            let because = command::because(&Reading::of(CommandLine::Text(command)), &wanted, &[], past(&except));
            let found = if because.is_some() { Gate::Caught } else { Gate::Past };
            (found != *gate).then(|| format!("{command:?}: {found:?}: {because:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

#[test]
fn a_real_bash_does_what_the_table_says() {
    let temp = tempfile::tempdir().unwrap();
    let bin = temp.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for program in ["git", "npm", "terraform"] {
        let stand_in = bin.join(program);
        std::fs::write(&stand_in, "#!/bin/sh\necho \"$*\" >> \"$LOG\"\n").unwrap();
        std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let wrong: Vec<String> = tries()
        .iter()
        .enumerate()
        .filter(|(_, one)| one.bash != Bash::Untried)
        .filter_map(|(index, Try { command, bash, .. })| {
            let called = try_out(temp.path(), &bin, index, command);
            let found = if called.split('\n').any(is_deed) { Bash::Pushes } else { Bash::Harmless };
            (found != *bash).then(|| format!("{command:?}: {found:?}: {called:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
}

/// What is never right is refused however its arguments stand, and nothing else is.
#[test]
fn what_overwrites_what_others_have_is_denied() {
    for (line, denied) in [
        ("git push origin main -f", true),
        ("git push -uf origin main", true),
        ("git push origin +main", true),
        ("git push origin :main", true),
        ("git push --mirror", true),
        ("git push origin --delete main", true),
        ("git push -d origin main", true),
        ("git push --force-with-lease", true),
        ("git -C x push --forc", true),
        ("git send-pack --force origin main", true),
        ("git filter-branch --all", true),
        ("bash -c 'git push origin main -f'", true),
        ("git push origin main", false),
        ("git push -u origin HEAD:feature/x", false),
        ("git push --follow-tags", false),
        ("git branch -d old; git clean -fd; git push", false),
    ] {
        let verdict = judged(line).unwrap_or_else(|| panic!("{line} meets no gate"));
        assert_eq!(verdict.verb == GateVerb::Deny, denied, "{line}: {:?}", verdict.because);
    }
}

/// What the gates of `policies/gated.toml` say to a command.
fn judged(command: &str) -> Option<GateVerdict> {
    static GATES: LazyLock<Vec<Gates>> = LazyLock::new(|| {
        let text = include_str!("../../policies/gated.toml").to_owned();
        let layer = LayerText { layer: Layer::User, path: None, text };
        load(vec![layer], FlagRules::default()).unwrap().policy.gates
    });
    let command = Some(CommandLine::Text(command));
    let call = ToolCall { tool: "Bash", command, paths: &[], model: None, value: &|_| None, next_cost: None };
    judge(&GATES, &call)
}

/// The page of the manual says what is so.
#[test]
fn the_page_of_tries_says_what_is_so() {
    let (wanted, except) = (patterns(&["git push*", "cargo publish*"]), patterns(&NOT));
    // What comes after is tried elsewhere.
    let commands = include_str!("../../docs/tries.md").split("\n## ").next().unwrap();
    let page = commands.replace("\\|", "\u{1}");
    let mut tried = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let [_, _, examples, gate, ..] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        for example in examples.split('`').skip(1).step_by(2) {
            let example = example.replace('\u{1}', "|");
            let because = command::because(&Reading::of(CommandLine::Text(&example)), &wanted, &[], past(&except));
            assert_eq!(because.is_some(), gate.trim() == "caught", "{example}: {because:?}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

/// What a gate costs: questions about commands that push and publish nothing.
#[test]
fn of_a_thousand_ordinary_commands_less_than_five_are_asked_about() {
    let commands: Vec<String> = include_str!("../fixtures/commands/ordinary.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(commands.len() > 600);
    let asked: Vec<String> = commands
        .iter()
        .filter_map(|command| judged(command).map(|verdict| format!("{command:?}: {:?}", verdict.because)))
        .collect();
    assert!(asked.len() * 1_000 < 5 * commands.len(), "{} of {}:\n{}", asked.len(), commands.len(), asked.join("\n"));
}

/// A rehearsal does nothing, and a message is none.
fn is_deed(call: &str) -> bool {
    let deeds = ["push", "publish", "apply"];
    !call.contains("--dry-run") && !call.starts_with("commit") && call.split(' ').any(|word| deeds.contains(&word))
}

/// How the stand-ins were called by one command.
fn try_out(temp: &Path, bin: &Path, index: usize, line: &str) -> String {
    let folder = temp.join(format!("try-{index}"));
    std::fs::create_dir(&folder).unwrap();
    let log = temp.join(format!("log-{index}"));
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", line]).current_dir(&folder).env_clear().env("PATH", path).env("LOG", &log);
    bash.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    std::fs::read_to_string(log).unwrap_or_default()
}
