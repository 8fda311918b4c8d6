//! What the README shows is so: its commands end as it says, its policy has no mistake, its table is a real one.

use std::time::{Duration, Instant};

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::process::{LONG, Running};
use crate::support::world::{MODEL, World};

const README: &str = include_str!("../../README.md");
const DEMO_POLICY: &str = include_str!("../../examples/demo/demo.toml");

/// The texts between fences of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(begin.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// A run's id: `d2` and ten more characters.
fn is_run(word: &str) -> bool {
    word.len() == 12
        && word.starts_with('d')
        && word.chars().any(|c| c.is_ascii_digit())
        && word.chars().all(char::is_alphanumeric)
}

/// The answers to the prompts of the README, so that its budgets are spent where it says so.
fn script(world: &World) {
    let costs = |dollars: u64| Usage::new(0, 0, dollars * 100_000);
    let prompt = |text: &str| Select::root().containing(text);
    let server = &world.server;
    // Half of $3 and a bit: one more would pass it, but not $5.
    let half = Usage::new(0, 0, 160_000);
    server.script(prompt("migrate the tests"), [Reply::exec("true").usage(half), Reply::message("migrated")]);
    server.script(prompt("write the release notes"), [Reply::exec(ENDLESS).usage(costs(1))]);
    server.always(Select::any(), Reply::message("done"));
    world.write("work/pipeline.toml", blocks("toml fleet")[0]);
    world.write("work/Makefile", "agent:\n\tcodex exec 'do what is next'\n");
}

/// Waits until somebody is asked.
fn wait_for_question(world: &World) {
    let deadline = Instant::now() + LONG;
    while !world.govern(&["approvals", "--format", "json"]).expect_code(0).out().contains("\"pending\"") {
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The id of the run that was started last.
fn last_run(world: &World) -> String {
    let report = world.govern(&["report", "--by", "run", "--format", "csv"]).expect_code(0).out();
    let ids = report.lines().filter_map(|line| line.split(',').next()).filter(|word| is_run(word));
    // They are made of the time, and so in its order.
    ids.max().unwrap().to_owned()
}

#[test]
fn its_commands_end_as_it_says() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    script(&world);
    let mut tried = 0;
    for block in blocks("console") {
        let mut background: Option<Running> = None;
        let mut commands = block.lines().filter_map(|line| line.strip_prefix("$ ")).peekable();
        while let Some(command) = commands.next() {
            let is_shown = commands.next_if_eq(&"echo $?").is_some();
            let expected = if is_shown { block.lines().find_map(|line| line.parse().ok()).unwrap() } else { 0 };
            let real = |word: &str| if is_run(word) { last_run(&world) } else { word.to_owned() };
            let command = command.split(' ').map(real).collect::<Vec<_>>().join(" ");
            if let Some(command) = command.strip_suffix(" &") {
                background = Some(world.start("sh", &["-c", command]));
                wait_for_question(&world);
            } else if command == "wait" {
                background.take().unwrap().finish().expect_code(0);
            } else {
                let done = world.run("sh", &["-c", &command]);
                assert_eq!(done.code(), expected, "$ {command}\n{done}");
            }
            tried += 1;
        }
    }
    assert!(tried > 15, "only {tried} commands were found");
    world.expect_no_survivors();
}

#[test]
fn what_it_does_not_run_is_what_this_repository_is_built_with() {
    for line in blocks("sh").into_iter().flat_map(str::lines) {
        assert!(
            ["cargo install --locked --path .", "cargo run --release --example demo", "tests/all"].contains(&line),
            "{line}"
        );
    }
}

#[test]
fn its_policy_has_no_mistake() {
    let world = World::without_codex();
    for (number, policy) in blocks("toml").into_iter().enumerate() {
        let file = format!("policy-{number}.toml");
        world.write(&format!("work/{file}"), policy);
        world.govern(&["policy", "check", &file]).expect_code(0);
    }
}

#[test]
fn its_table_is_a_real_one() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/demo.toml", DEMO_POLICY);
    world.server.always(Select::root(), Reply::exec("date >> notes.txt; sleep 1"));
    let flags = ["--policy", "demo.toml", "--agent", "demo"];
    let end = world.run_governed(&flags, &["codex", "exec", "Tidy this up."]).expect_code(124);
    // What differs from run to run: its id, and how long it took.
    let same = |line: &str| {
        let words = line.split(' ').map(|word| word.trim_end_matches(':'));
        let words = words.map(|word| if is_run(word) || word.parse::<u64>().is_ok() { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let said: Vec<String> = end.finished.stderr.lines().map(same).collect();
    let mut rest = said.iter();
    for line in blocks("text")[0].lines().filter(|line| !line.starts_with("$ ")) {
        assert!(rest.any(|real| *real == same(line)), "not said, or not here: {line}\n{}", end.finished);
    }
    assert!(end.finished.stderr.contains(MODEL));
}
