//! How long a scrape takes over a large ledger, on whole processes: `cargo bench --bench scrape`.
//!
//! A ledger of 2,000,000 responses of a year (`GOVERN_BENCH_RESPONSES` says otherwise, `GOVERN_BENCH_LEDGER` names a folder
//! to make it in once and use it again), a tenth of them in 2,000 governed runs with their chains, of 20 teams, 50
//! projects, 4 models and 100 tasks; and a policy with budgets over a day, a month, a year and all time. `govern metrics --once` is
//! timed on it, and on an empty ledger, in turns. The limit is 100 ms.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes and prints"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use govern::ledger::{Ledger, Origin, PastResponse};
use govern::model::event::EventKind;
use govern::model::{
    Attribution, Basis, Billing, Cost, Event, Money, ProcessIdentity, Response, ResponseKey, RunId, ServiceTier,
    Source, ThreadId, Timestamp, Tokens, WorkClass,
};

const LIMIT: Duration = Duration::from_millis(100);
const RUNS: u64 = 2_000;
const MODELS: [&str; 4] = ["gpt-6.1-sol", "gpt-6-luna", "gpt-6-astra", "gpt-6.1-terra"];

const POLICY: &str = r#"
version = 1
[[budget]]
name = "day"
per = "everything"
window = "day"
limit = "100 usd"
[[budget]]
name = "teams, monthly"
per = "team"
window = "month"
limit = "1000 usd"
[[budget]]
name = "projects, yearly"
per = "project"
window = "year"
limit = "100000 usd"
[[budget]]
name = "models, of all time"
per = "model"
window = "total"
limit = "1000000 usd"
"#;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let responses = number("GOVERN_BENCH_RESPONSES", 2_000_000);
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let kept = std::env::var_os("GOVERN_BENCH_LEDGER").map(PathBuf::from);
    let large = kept.unwrap_or_else(|| temp.path().join("large"));
    let empty = temp.path().join("empty");
    if !large.join("ledger.db").exists() {
        let begun = Instant::now();
        make(&large, responses);
        println!("made a ledger of {responses} responses in {:.0} s", begun.elapsed().as_secs_f64());
    }
    drop(Ledger::open(&empty).unwrap());
    let policy = temp.path().join("policy.toml");
    std::fs::write(&policy, POLICY).unwrap();
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..number("GOVERN_BENCH_ROUNDS", 9) {
        for (ledger, times) in [&empty, &large].into_iter().zip(&mut times) {
            times.push(scrape(ledger, &policy, temp.path()));
        }
    }
    for (name, times) in ["an empty ledger", "the large one"].into_iter().zip(&mut times) {
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        let least = times.first().copied().unwrap_or_default();
        let said = if median <= LIMIT { "within" } else { "over" };
        println!("{name:<16} median {median:>8.1?}, least {least:>8.1?}: {said} {LIMIT:?}");
    }
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn scrape(ledger: &Path, policy: &Path, home: &Path) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_govern"));
    command.args(["metrics", "--once", "--policy"]).arg(policy).current_dir(home);
    command.env("GOVERN_HOME", ledger).env("HOME", home).env_remove("XDG_CONFIG_HOME");
    let begun = Instant::now();
    let done = command.stdin(Stdio::null()).output().unwrap();
    let took = begun.elapsed();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    took
}

fn whose(number: u64) -> Attribution {
    Attribution {
        team: Some(format!("team-{}", number % 20)),
        project: Some(format!("project-{}", number % 50)),
        task: Some(format!("task-{}", number % 100)),
        ..Attribution::default()
    }
}

fn tokens() -> Tokens {
    Tokens { input: 10_000, cached_input: 6_000, cache_write_input: 0, output: 500, reasoning_output: 200 }
}

/// Spread evenly over a year that ends now.
fn at(number: u64, of: u64, now: Timestamp) -> Timestamp {
    let ago = TimeDelta::days(365).num_milliseconds() / i64::try_from(of.max(1)).unwrap();
    now - TimeDelta::milliseconds(ago * i64::try_from(of - number).unwrap())
}

fn model(number: u64) -> &'static str {
    MODELS.iter().cycle().nth(usize::try_from(number % 4).unwrap()).copied().unwrap_or_default()
}

fn make(folder: &Path, responses: u64) {
    let mut ledger = Ledger::open(folder).unwrap();
    let now = chrono::Utc::now();
    let governed = responses / 10;
    let imported = responses - governed;
    let threads = 9_000_u64;
    for thread in 0..threads {
        let origin = Origin {
            thread: ThreadId::new(format!("imported-{thread}")),
            root: ThreadId::new(format!("imported-{thread}")),
            model: Some(model(thread / 100).into()),
            provider: Some("openai".to_owned()),
            tier: ServiceTier::Standard,
            billing: Billing::Api,
            attribution: whose(thread),
        };
        let (first, end) = (imported * thread / threads, imported * (thread + 1) / threads);
        ledger
            .import(now, &|_| false, |batch| {
                let mut known = batch.origin(&origin)?;
                for number in first..end {
                    let past = PastResponse {
                        key: ResponseKey::new(format!("r{number}")),
                        at: at(number, imported, now),
                        tokens: tokens(),
                        cost: Cost::Priced(Money::from_nanos(21_000_000)),
                        basis: Basis::Observed,
                        work: Some(WorkClass::Edit),
                    };
                    batch.add(&mut known, &past)?;
                }
                Ok(())
            })
            .unwrap();
    }
    for run in 0..RUNS {
        govern(&mut ledger, run, governed / RUNS, now);
    }
}

/// A run that ended, with its chain.
fn govern(ledger: &mut Ledger, number: u64, responses: u64, now: Timestamp) {
    let run = RunId::new(format!("b{number:011}"));
    let began = at(number, RUNS, now);
    let event = |kind| Event { at: began, run: run.clone(), agent: Some("codex".into()), kind };
    ledger.start_run(run.clone(), ProcessIdentity { pid: 1, started: 1 });
    let started = EventKind::RunStarted {
        command: vec!["codex".to_owned(), "exec".to_owned()],
        cwd: "/".to_owned(),
        observe: false,
        policy: "none".to_owned(),
        prices: "bench".to_owned(),
        govern: env!("CARGO_PKG_VERSION").to_owned(),
        attribution: whose(number),
    };
    let thread = ThreadId::new(format!("governed-{number}"));
    ledger
        .turn(began, |turn| {
            turn.append(&event(started))?;
            for response in 0..responses {
                let response = Response {
                    run: Some(run.clone()),
                    agent: Some("codex".into()),
                    thread: thread.clone(),
                    root: thread.clone(),
                    key: ResponseKey::new(format!("g{response}")),
                    at: began,
                    model: Some(model(number).into()),
                    provider: Some("openai".to_owned()),
                    tier: ServiceTier::Standard,
                    tokens: tokens(),
                    cost: Cost::Priced(Money::from_nanos(21_000_000)),
                    basis: Basis::Observed,
                    billing: Billing::Api,
                    attribution: whose(number),
                    source: Source::Record,
                    work: None,
                };
                turn.append(&event(EventKind::Response(Box::new(response))))?;
            }
            let ended = EventKind::RunEnded { outcome: "ended".to_owned(), code: Some(0), rule: None, lifts: None };
            turn.append(&event(ended))?;
            Ok(())
        })
        .unwrap();
}
