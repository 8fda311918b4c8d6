//! What the gate costs on the way of every request and tool call: `cargo bench --bench hook`.
//!
//! A stand-in for Codex under a real `govern run` with a limit calls the hooks that govern put into its command line, as
//! Codex does: by a shell, with the input on stdin, until the output ends. One agent, then twenty with a ledger in
//! common, at the pace of agents (each calls about eight times a second) and all at the same moment. Between the calls of
//! each agent: `true`, called by itself and by the same shell with the same words, so that what a call takes is told in its
//! parts, pair by pair: the start of any process, its shell, and what govern does.
//! `GOVERN_BENCH_HOOKS` sets how many calls an agent makes.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes and prints"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "../tests/support/mod.rs"]
pub mod support;

use support::codex::CURRENT;
use support::fake_responses::{Reply, Select};
use support::world::World;

/// Between two calls of one agent, a tool runs or a model thinks.
const PACE: Duration = Duration::from_millis(100);

fn main() {
    let called = std::env::args_os().next().map(PathBuf::from);
    if called.as_deref().and_then(Path::file_name).is_some_and(|name| name == "codex") {
        call_hooks();
        return;
    }
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let calls = std::env::var("GOVERN_BENCH_HOOKS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    println!("milliseconds from the start of a process to the end of its output");
    println!("{:<54} {:>7} {:>7} {:>7} {:>7}", "", "least", "p50", "p99", "most");
    for (name, agents, together) in
        [("1 agent", 1, false), ("20 agents, each at its pace", 20, false), ("20 agents at one moment", 20, true)]
    {
        agents_at_once(name, agents, calls / if agents > 1 { 4 } else { 1 }, together);
    }
    real(10);
}

fn print(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values[((values.len() - 1) * percent).div_ceil(100)];
    let (least, most) = (values[0], values[values.len() - 1]);
    println!("{name:<54} {least:>7.2} {:>7.2} {:>7.2} {most:>7.2}   ({} calls)", at(50), at(99), values.len());
}

/// What of a call is whose, by the medians of the differences within each round.
fn print_parts(kind: &str, measured: &BTreeMap<String, Vec<f64>>) {
    let [none, shell, whole] = ["true", "shell", kind].map(|kind| &measured[kind]);
    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let start = median(&mut none.iter().copied());
    let around = median(&mut shell.iter().zip(none).map(|(shell, none)| shell - none));
    let own = median(&mut whole.iter().zip(shell).map(|(whole, shell)| whole - shell));
    let ratio = median(&mut whole.iter().zip(shell).map(|(whole, shell)| whole / shell));
    println!(
        "  of it: {start:.2} any process, {around:.2} its shell, {own:.2} more than `true` in govern's place \
         (ratio {ratio:.2})"
    );
}

/// Starts it with this input, and waits for the end of its output and of itself.
fn timed(program: &str, arguments: &[&str], input: &[u8]) -> f64 {
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // One that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    began.elapsed().as_secs_f64() * 1e3
}

/// So many `govern run` in one ledger, each with a stand-in that calls hooks.
fn agents_at_once(name: &str, agents: usize, calls: usize, together: bool) {
    let mut world = World::without_codex();
    symlink(std::env::current_exe().unwrap(), world.path("bin/codex")).unwrap();
    let times = world.path("measured");
    fs::create_dir(&times).unwrap();
    world.set_env("GOVERN_BENCH_MEASURED", &times.display().to_string());
    world.set_env("GOVERN_BENCH_CALLS", &calls.to_string());
    world.set_env("GOVERN_BENCH_TOGETHER", if together { "1" } else { "0" });
    world.policy("[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"9 usd\"\n");
    let running: Vec<_> = (0..agents)
        .map(|_| world.start("govern", &["run", "--quiet", "--team", "web", "--", "codex", "exec", "do it"]))
        .collect();
    for one in running {
        one.finish().expect_code(0);
    }
    let mut measured: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for entry in fs::read_dir(&times).unwrap().flatten() {
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let (kind, took) = line.split_once(' ').unwrap();
            measured.entry(kind.to_owned()).or_default().push(took.parse().unwrap());
        }
    }
    print(&format!("{name}: `true`"), measured["true"].clone());
    print(&format!("{name}: a shell that calls `true`"), measured["shell"].clone());
    for (kind, what) in [("request", "request"), ("answer", "answer told"), ("tool", "tool call")] {
        print(&format!("{name}: {what}"), measured[kind].clone());
        print_parts(kind, &measured);
    }
}

/// The real Codex, ten tools one after another, with and without govern; what each of its hooks adds.
fn real(pairs: usize) {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let tools = (0..10).map(|_| Reply::exec("true")).chain([Reply::message("done")]);
    world.server.script(Select::root(), tools);
    let once = |program: &str, arguments: &[&str]| {
        let began = Instant::now();
        world.run(program, arguments).expect_code(0);
        began.elapsed().as_secs_f64() * 1e3
    };
    let bare = ["exec", "do it"];
    let governed = ["run", "--quiet", "--budget", "9usd", "--", "codex", "exec", "do it"];
    once("codex", &bare);
    once("govern", &governed);
    let mut added: Vec<f64> = (0..pairs).map(|_| once("govern", &governed) - once("codex", &bare)).collect();
    added.sort_by(f64::total_cmp);
    let added = added[added.len() / 2];
    // SessionStart, ten tools, eleven requests and their answers, the end of the turn.
    println!(
        "\nreal Codex, 10 tools: {added:.0} ms more in all, median of {pairs} pairs; {:.1} ms a hook",
        added / 34.0
    );
}

/// Under the name of `codex`: calls the hooks of its own command line, and writes down how long each took.
fn call_hooks() {
    let arguments: Vec<String> = std::env::args().collect();
    let hook = |event: &str| {
        let setting = arguments.iter().find_map(|word| word.strip_prefix(&format!("hooks.{event}="))).unwrap();
        let value: toml::Table = format!("value = {setting}").parse().unwrap();
        value["value"][0]["hooks"][0]["command"].as_str().unwrap().to_owned()
    };
    let variable = |name: &str| std::env::var(name).unwrap();
    let (request, answer, tool) = (hook("PreModelRequest"), hook("PostModelRequest"), hook("PreToolUse"));
    let calls: usize = variable("GOVERN_BENCH_CALLS").parse().unwrap();
    let together = variable("GOVERN_BENCH_TOGETHER") == "1";
    let thread = format!("01a201c2-290f-70e3-a3f3-{:012x}", std::process::id());
    let (transcript, mut session) = begin_session(&thread);
    let input = |event: &str| {
        serde_json::json!({
            "session_id": thread, "transcript_path": transcript, "turn_id": "t", "cwd": "/", "hook_event_name": event, "model": "gpt-6.1-sol",
            "tool_name": "Bash", "tool_input": {"command": "cargo test --lib"}, "tool_use_id": "c",
        })
    };
    let asked = |call: usize| {
        let mut asked = input("PreModelRequest");
        asked["request_id"] = format!("request_{call}").into();
        asked.to_string()
    };
    let told = |call: usize| {
        let mut told = input("PostModelRequest");
        told["request_id"] = format!("request_{call}").into();
        told["response_id"] = format!("resp_{call}").into();
        told["status"] = "completed".into();
        told["token_usage"] = usage();
        told.to_string()
    };
    // The same words, with `true` in the place of govern.
    let shell = tool.replace("\"$g\" hook pre-tool-use", "/bin/true");
    assert_ne!(shell, tool);
    let mut lines = String::new();
    for call in 0..calls {
        wait(together);
        lines += &format!("true {}\n", timed("/bin/true", &[], b"{}"));
        wait(together);
        lines += &format!("shell {}\n", timed("/bin/bash", &["-c", &shell], b"{}"));
        wait(together);
        lines += &format!("request {}\n", timed("/bin/bash", &["-c", &request], asked(call).as_bytes()));
        wait(together);
        lines += &format!("answer {}\n", timed("/bin/bash", &["-c", &answer], told(call).as_bytes()));
        // Codex writes down what the request has used before it runs a tool or sends the next one.
        session.write_all(usage_record(&thread, call).as_bytes()).unwrap();
        wait(together);
        lines += &format!("tool {}\n", timed("/bin/bash", &["-c", &tool], input("PreToolUse").to_string().as_bytes()));
    }
    let measured = PathBuf::from(variable("GOVERN_BENCH_MEASURED"));
    fs::write(measured.join(std::process::id().to_string()), lines).unwrap();
}

/// A session file, kept open as Codex does.
fn begin_session(thread: &str) -> (PathBuf, fs::File) {
    let folder = PathBuf::from(std::env::var_os("CODEX_HOME").unwrap()).join("sessions/2026/11/22");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("rollout-2026-11-22T05-37-11-{thread}.jsonl"));
    let mut file = fs::File::create(&path).unwrap();
    let meta = serde_json::json!({
        "timestamp": "2026-11-22T05:37:11.000Z", "type": "session_meta",
        "payload": {"id": thread, "session_id": thread, "cwd": "/", "source": "exec", "cli_version": "0.169.0"},
    });
    let turn = serde_json::json!({
        "timestamp": "2026-11-22T05:37:11.000Z", "type": "turn_context",
        "payload": {"turn_id": "t", "model": "gpt-6.1-sol", "cwd": "/"},
    });
    file.write_all(format!("{meta}\n{turn}\n").as_bytes()).unwrap();
    (path, file)
}

/// What each response has used.
fn usage() -> serde_json::Value {
    serde_json::json!({
        "input_tokens": 100, "cached_input_tokens": 0, "cache_write_input_tokens": 0, "output_tokens": 10,
        "reasoning_output_tokens": 0, "total_tokens": 110,
    })
}

/// The line that tells what a response has used, as Codex 0.169 writes it.
fn usage_record(thread: &str, call: usize) -> String {
    let usage = usage();
    let record = serde_json::json!({
        "timestamp": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), "type": "token_usage_record",
        "payload": {
            "thread_id": thread, "turn_id": "t", "session_id": thread, "root_turn_id": "t",
            "response_id": format!("resp_{call}"), "usage": usage, "thread_token_usage": usage,
        },
    });
    format!("{record}\n")
}

/// At its own pace, or at the next full tenth of a second, which is the same for all.
fn wait(together: bool) {
    if !together {
        // No two agents keep step.
        let own = u64::from(std::process::id() % 37);
        return std::thread::sleep(PACE + Duration::from_millis(own));
    }
    let pace = PACE.as_nanos();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let left = u64::try_from(pace - now % pace).unwrap();
    std::thread::sleep(Duration::from_nanos(left));
}
