//! How long `govern import` takes, on whole processes: `cargo bench --bench import`.
//!
//! A made-up home (1 GB in 2,000 sessions; `GOVERN_BENCH_MEGABYTES` and `GOVERN_BENCH_SESSIONS` say otherwise, `GOVERN_BENCH_HOME` where) is read in
//! turns by `cat`, by `govern import` into a new ledger, again with nothing new and with a file that grew by a line, and
//! by the readers that others use, if they are installed (`benches/compare-readers --install` says where). Each is shown
//! with its median, its least and its ratio to `cat` of the same round.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes and prints"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod history;

use history::{Size, generate, grow, newest};

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let size = Size {
        sessions: number("GOVERN_BENCH_SESSIONS", 2_000),
        bytes: number("GOVERN_BENCH_MEGABYTES", 1_000) * 1_000_000,
        days: 180,
    };
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let kept = std::env::var_os("GOVERN_BENCH_HOME").map(PathBuf::from);
    let home = kept.unwrap_or_else(|| temp.path().join("home"));
    let from = "2026-05-01T08:00:00Z".parse().unwrap();
    let made = generate(&home, size, from);
    println!(
        "home: {} sessions, {} MB, {} lines, {} responses, {} tokens",
        size.sessions,
        made.bytes / 1_000_000,
        made.lines,
        made.responses,
        made.tokens
    );
    let mut timings = Timings::default();
    for round in 0..number("GOVERN_BENCH_ROUNDS", 7) {
        let ledger = temp.path().join(format!("ledger-{round}"));
        timings
            .time("cat > /dev/null", shell(&format!("find {} -name '*.jsonl' -print0 | xargs -0 cat", quoted(&home))));
        timings.time("govern import, first", import(&home, &ledger));
        timings.time("govern import, nothing new", import(&home, &ledger));
        grow(&newest(&home), round);
        timings.time("govern import, one line more", import(&home, &ledger));
        timings.time("govern report", govern(&["report"], &ledger));
        for (name, command) in peers(&home) {
            timings.time(name, command);
        }
        let bytes = std::fs::metadata(ledger.join("ledger.db")).unwrap().len();
        if round == 0 {
            println!("ledger: {} MB, {} bytes a response", bytes / 1_000_000, bytes / made.responses);
        }
        std::fs::remove_dir_all(&ledger).unwrap();
    }
    timings.print();
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

fn govern(arguments: &[&str], ledger: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
    command.args(arguments).env("GOVERN_HOME", ledger);
    command
}

fn import(home: &Path, ledger: &Path) -> Command {
    let mut command = govern(&["import"], ledger);
    command.arg(home);
    command
}

/// Where `benches/compare-readers` puts them.
fn peers(home: &Path) -> Vec<(&'static str, Command)> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"), PathBuf::from);
    let bin = cache.join("govern-test/readers/node_modules/.bin");
    let mut found = Vec::new();
    let ccusage = bin.join("ccusage");
    if ccusage.exists() {
        let mut command = Command::new(ccusage);
        command.args(["codex", "daily", "--json", "--offline"]).env("CODEX_HOME", home);
        found.push(("ccusage codex daily", command));
    }
    let usage = bin.join("llm-usage");
    if usage.exists() {
        let mut command = Command::new(usage);
        command.args(["daily", "--json", "--pricing-offline", "--source", "codex"]).env("CODEX_HOME", home);
        command.arg("--codex-dir").arg(home.join("sessions"));
        found.push(("llm-usage daily", command));
    }
    found
}

/// By name, in the order in which they were first timed.
#[derive(Default)]
struct Timings {
    order: Vec<&'static str>,
    of: BTreeMap<&'static str, Vec<Duration>>,
}

impl Timings {
    fn time(&mut self, name: &'static str, mut command: Command) {
        command.stdin(Stdio::null()).stdout(File::create("/dev/null").unwrap()).stderr(Stdio::null());
        let begun = Instant::now();
        let status = command.status().unwrap();
        let took = begun.elapsed();
        assert!(status.success(), "{name}: {status}");
        if !self.order.contains(&name) {
            self.order.push(name);
        }
        self.of.entry(name).or_default().push(took);
    }

    fn print(&self) {
        let cat = &self.of[self.order[0]];
        println!("{:<30} {:>9} {:>9} {:>14}", "", "median", "least", "× cat (median)");
        for name in &self.order {
            let times = &self.of[name];
            let mut ratios: Vec<f64> =
                times.iter().zip(cat).map(|(it, cat)| it.as_secs_f64() / cat.as_secs_f64()).collect();
            ratios.sort_by(f64::total_cmp);
            let mut sorted = times.clone();
            sorted.sort();
            let (median, least) = (sorted[sorted.len() / 2], sorted[0]);
            println!(
                "{name:<30} {:>6.1} ms {:>6.1} ms {:>14.2}",
                median.as_secs_f64() * 1e3,
                least.as_secs_f64() * 1e3,
                ratios[ratios.len() / 2]
            );
        }
    }
}
