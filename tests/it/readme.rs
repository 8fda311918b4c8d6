//! What the README and the manual (`docs/`) show is so: their commands end as they say, their policies have no mistake,
//! the README's table is a real one, and no link leads nowhere.

use std::path::Path;

use std::time::{Duration, Instant};

use crate::PAID;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::process::{LONG, Running};
use crate::support::world::World;

const README: &str = include_str!("../../README.md");
const DEMO_POLICY: &str = include_str!("../../src/cli/demo/demo.toml");

/// A page of the manual, or the README.
struct Page {
    /// Relative to the repository.
    path: String,
    text: String,
}

impl Page {
    /// The texts between fences of this language.
    fn blocks(&self, language: &str) -> Vec<&str> {
        blocks(&self.text, language)
    }
}

/// The README, and each page under `docs/`.
fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let mut paths: Vec<String> = docs
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths.insert(0, "README.md".to_owned());
    let read = |path: String| Page { text: std::fs::read_to_string(root.join(&path)).unwrap(), path };
    paths.into_iter().map(read).collect()
}

/// The texts between fences of this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    text.split(begin.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// A run's id: `d2` and ten more characters.
fn is_run(word: &str) -> bool {
    word.len() == 12
        && word.starts_with('d')
        && word.chars().any(|c| c.is_ascii_digit())
        && word.chars().all(char::is_alphanumeric)
}

/// The answers to the prompts of the pages, so that its budgets are spent where it says so.
fn script(world: &World, page: &Page) {
    let costs = |dollars: u64| Usage::new(0, 0, dollars * 100_000);
    let prompt = |text: &str| Select::root().containing(text);
    let server = &world.server;
    // Half of $3 and a bit: one more would pass it, but not $5.
    let half = Usage::new(0, 0, 160_000);
    server.script(prompt("migrate the tests"), [Reply::exec("true").usage(half), Reply::message("migrated")]);
    server.script(prompt("write the release notes"), [Reply::exec(PAID).usage(costs(1))]);
    server.always(Select::any(), Reply::message("done"));
    if let Some(fleet) = page.blocks("toml fleet").first() {
        world.write("work/pipeline.toml", fleet);
    }
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

/// Runs the commands of a page's consoles in a world of the page's own; says how many there were.
fn run_commands(page: &Page) -> Option<usize> {
    let world = World::with_codex(CURRENT)?;
    script(&world, page);
    let mut tried = 0;
    for block in page.blocks("console") {
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
                assert_eq!(done.code(), expected, "{}: $ {command}\n{done}", page.path);
            }
            tried += 1;
        }
    }
    world.expect_no_survivors();
    Some(tried)
}

#[test]
fn commands_end_as_the_pages_say() {
    let mut tried = 0;
    for page in pages().iter().filter(|page| !page.blocks("console").is_empty()) {
        let Some(commands) = run_commands(page) else { return };
        tried += commands;
    }
    assert!(tried > 30, "only {tried} commands were found");
}

#[test]
fn what_the_pages_do_not_run_is_what_this_repository_is_built_with() {
    for page in pages() {
        for line in page.blocks("sh").into_iter().flat_map(str::lines) {
            assert!(["cargo install --locked --path .", "tests/all"].contains(&line), "{}: {line}", page.path);
        }
    }
}

#[test]
fn policies_of_the_pages_have_no_mistake() {
    let world = World::without_codex();
    for page in pages() {
        for (number, policy) in page.blocks("toml").into_iter().enumerate() {
            let file = format!("{}-{number}.toml", page.path.replace('/', "-"));
            world.write(&format!("work/{file}"), policy);
            world.govern(&["policy", "check", &file]).expect_code(0);
        }
    }
}

/// What a heading is called in a link: lower case, words joined by `-`, nothing else kept.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages();
    let mut followed = 0;
    for page in &pages {
        let folder = root.join(&page.path).parent().unwrap().to_owned();
        let targets = page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (path, part) = target.split_once('#').map_or((target, None), |(path, part)| (path, Some(part)));
            let file = if path.is_empty() { root.join(&page.path) } else { folder.join(path) };
            assert!(file.exists(), "{}: {target}", page.path);
            if let Some(part) = part {
                let text = std::fs::read_to_string(&file).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_it = |line: &str| anchor(line.trim_start_matches('#').trim()) == part;
                assert!(headings.any(is_it), "{}: {target}", page.path);
            }
            followed += 1;
        }
    }
    assert!(followed > 20, "only {followed} links were found");
}

#[test]
fn the_table_of_the_readme_is_a_real_one() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.write("work/demo.toml", DEMO_POLICY);
    world.server.always(Select::root(), Reply::exec("date >> notes.txt; sleep 1"));
    let flags = ["--policy", "demo.toml", "--agent", "demo"];
    let command = ["codex", "exec", "-m", "gpt-6.2-sol", "Tidy this up."];
    let end = world.run_governed(&flags, &command).expect_code(124);
    // What differs from run to run: its id, and how long it took.
    let same = |line: &str| {
        let words = line.split(' ').map(|word| word.trim_end_matches(':'));
        let words = words.map(|word| if is_run(word) || word.parse::<u64>().is_ok() { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let said: Vec<String> = end.finished.stderr.lines().map(same).collect();
    let mut rest = said.iter();
    for line in blocks(README, "text")[0].lines().filter(|line| !line.starts_with("$ ")) {
        assert!(rest.any(|real| *real == same(line)), "not said, or not here: {line}\n{}", end.finished);
    }
}
