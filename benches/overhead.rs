//! What govern costs, measured on whole processes: `cargo bench --bench overhead`.
//!
//! Wall time of `govern --version` and `govern run -- true` against `true`, wall time and CPU of `govern run -- codex exec
//! …` against the bare command, in pairs that alternate which goes first;
//! the CPU, memory and idleness of govern and its guard; and the delay from a usage record hitting the file to the
//! signal, beside what waking and one synced line take in the same minute.
//! `GOVERN_BENCH_STARTS`, `GOVERN_BENCH_PAIRS` and `GOVERN_BENCH_SIGNALS` set how often.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes and prints"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

#[path = "../tests/support/mod.rs"]
pub mod support;

use support::codex::CURRENT;
use support::fake_responses::{Gate, Reply, Select};
use support::process::LONG;
use support::world::World;

fn main() {
    let called = std::env::args_os().next().map(PathBuf::from);
    if called.as_deref().and_then(Path::file_name).is_some_and(|name| name == "codex") {
        spend_and_spin();
        return;
    }
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    starts(often("GOVERN_BENCH_STARTS", 100));
    pairs(often("GOVERN_BENCH_PAIRS", 20));
    own_use();
    signals(often("GOVERN_BENCH_SIGNALS", 200));
}

fn often(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Of sorted values, the one that so many per cent do not pass.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[((sorted.len() - 1) * percent).div_ceil(100)]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Wall and CPU milliseconds of one command with three answers and two tools.
fn once(world: &World, program: &str, arguments: &[&str]) -> (f64, f64) {
    let cpu = || {
        let used = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        let micros = used.user_time().num_microseconds() + used.system_time().num_microseconds();
        micros as f64 / 1e3
    };
    let (cpu_before, started) = (cpu(), Instant::now());
    world.run(program, arguments).expect_code(0);
    (started.elapsed().as_secs_f64() * 1e3, cpu() - cpu_before)
}

/// What govern takes around nothing: its own start, and a run of `true`, each beside `true` alone.
fn starts(count: usize) {
    let world = World::without_codex();
    let lines: [(&str, &[&str]); 5] = [
        ("true", &[]),
        ("govern", &["--version"]),
        ("govern", &["run", "--quiet", "--", "true"]),
        ("govern", &["run", "--quiet", "--budget", "5usd", "--", "true"]),
        ("true", &[]),
    ];
    let mut took: Vec<Vec<f64>> = vec![Vec::new(); lines.len()];
    for round in 0..=count {
        let mut order: Vec<usize> = (0..lines.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let (program, arguments) = lines[at];
            let wall = once(&world, program, arguments).0;
            // The first round warms the caches.
            if round > 0 {
                took[at].push(wall);
            }
        }
    }
    println!("{count} rounds, milliseconds of wall time");
    println!("{:<42} {:>7} {:>7} {:>18}", "", "least", "median", "ratio to `true`");
    for (at, (program, arguments)) in lines.iter().enumerate() {
        let ratio = took[at].iter().zip(&took[0]).map(|(one, none)| one / none).collect();
        let (ratio, walls) = (percentile(&sorted(ratio), 50), sorted(took[at].clone()));
        let name = format!("{program} {}", arguments.join(" "));
        println!("{name:<42} {:>7.2} {:>7.2} {ratio:>18.2}", walls[0], percentile(&walls, 50));
    }
    println!();
}

fn pairs(count: usize) {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done")]);
    let bare_command = ["exec", "do it"];
    let governed_command = ["run", "--quiet", "--budget", "5usd", "--", "codex", "exec", "do it"];
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    // The first of each warms the caches.
    once(&world, "codex", &bare_command);
    once(&world, "govern", &governed_command);
    for number in 0..count {
        let (bare, governed);
        if number % 2 == 0 {
            bare = once(&world, "codex", &bare_command);
            governed = once(&world, "govern", &governed_command);
        } else {
            governed = once(&world, "govern", &governed_command);
            bare = once(&world, "codex", &bare_command);
        }
        wall.push((bare.0, governed.0));
        cpu.push((bare.1, governed.1));
    }
    println!("{count} pairs of `codex exec`, three responses, two tools; medians, milliseconds");
    println!("           bare  governed  ratio  added (median of differences)");
    for (name, pairs) in [("wall", wall), ("CPU", cpu)] {
        let bare = percentile(&sorted(pairs.iter().map(|(bare, _)| *bare).collect()), 50);
        let governed = percentile(&sorted(pairs.iter().map(|(_, governed)| *governed).collect()), 50);
        let added = percentile(&sorted(pairs.iter().map(|(bare, governed)| governed - bare).collect()), 50);
        println!("{name:<8} {bare:>6.1} {governed:>9.1} {:>6.3} {added:>6.1}", governed / bare);
    }
}

/// Nanoseconds that a process has been on a CPU, all its threads together.
fn on_cpu(pid: i32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// What the kernel says of a process's memory, in KiB, by the name of its line in one of its `/proc` files.
fn memory(pid: i32, file: &str, line: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let value = text.lines().find_map(|known| known.strip_prefix(line)).unwrap_or_default();
    value.split_whitespace().next().and_then(|kibibytes| kibibytes.parse().ok()).unwrap_or_default()
}

/// Memory and CPU of govern and its guard with an agent under way, and their CPU while nothing happens.
fn own_use() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let gate = Gate::new();
    world
        .server
        .script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("done").held_at(&gate)]);
    let governed = world.start_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]);
    world.server.wait_for_requests(3, LONG).unwrap();
    let main = governed.running.pid();
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_govern")).unwrap();
    let is_govern = |pid: &i32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == program);
    let own: Vec<i32> = world.processes().into_iter().filter(is_govern).collect();
    assert!(own.contains(&main) && own.len() == 2, "govern and its guard, not {own:?}");
    // What follows the last record may still be under way.
    std::thread::sleep(Duration::from_secs(1));
    let idle = Duration::from_secs(10);
    let before: Vec<u64> = own.iter().map(|pid| on_cpu(*pid)).collect();
    std::thread::sleep(idle);
    let after: Vec<u64> = own.iter().map(|pid| on_cpu(*pid)).collect();
    println!("\ngovern itself, an agent waiting for its third response");
    println!("          peak RSS MiB   PSS MiB   CPU so far ms   CPU in {idle:?} of nothing, ms");
    let mut sum = [0.0; 4];
    for (number, pid) in own.iter().enumerate() {
        let row = [
            memory(*pid, "status", "VmHWM:") / 1024.0,
            memory(*pid, "smaps_rollup", "Pss:") / 1024.0,
            before[number] as f64 / 1e6,
            (after[number] - before[number]) as f64 / 1e6,
        ];
        print_use(if *pid == main { "govern" } else { "guard" }, row);
        for (total, value) in sum.iter_mut().zip(row) {
            *total += value;
        }
    }
    print_use("together", sum);
    gate.open();
    governed.finish().expect_code(0);
}

fn print_use(name: &str, [peak, shared, cpu, idle]: [f64; 4]) {
    println!("{name:<9} {peak:>12.1} {shared:>9.1} {cpu:>15.1} {idle:>31.3}");
}

/// How long after the record that passes the limit the agent still ran.
fn signals(count: usize) {
    let mut world = World::without_codex();
    let own = std::env::current_exe().unwrap();
    symlink(own, world.path("bin/codex")).unwrap();
    let measured = world.path("work/measured");
    world.set_env("GOVERN_BENCH_MEASURED", &measured.display().to_string());
    let mut delays = Vec::new();
    for nth in 0..count {
        let _ = fs::remove_file(&measured);
        // Of an agent that the ledger knows, a first request that does not fit is not started.
        let agent = format!("{nth}");
        let flags = ["--quiet", "--agent", &agent, "--budget", "0.01usd", "--at-limit", "kill"];
        world.run_governed(&flags, &["codex", "exec", "do it"]).expect_code(124);
        // Nothing there: it was ended before it could say anything.
        let bytes = fs::read(&measured).unwrap();
        let nanos = bytes.try_into().map_or(0, u64::from_le_bytes);
        delays.push(nanos as f64 / 1e6);
    }
    let delays = sorted(delays);
    let floor = floor(&world.path("work/floor"), count);
    println!("\nfrom a usage record in the file to the agent's last instruction, {count} runs, milliseconds");
    println!("                    p50     p99    most");
    for (name, values) in [("govern", &delays), ("wake and sync", &floor)] {
        let most = values.last().copied().unwrap_or_default();
        println!("{name:<15} {:>7.2} {:>7.2} {most:>7.2}", percentile(values, 50), percentile(values, 99));
    }
    println!(
        "ratio           {:>7.2} {:>7.2}",
        percentile(&delays, 50) / percentile(&floor, 50),
        percentile(&delays, 99) / percentile(&floor, 99)
    );
}

/// What nobody can beat who writes down first what is done: wake, read, write one line, sync it; the writer spins as
/// above.
fn floor(path: &Path, count: usize) -> Vec<f64> {
    let mut file = File::create(path).unwrap();
    let watch = Inotify::init(InitFlags::empty()).unwrap();
    watch.add_watch(path, AddWatchFlags::IN_MODIFY).unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&seen);
    let mut reader = File::open(path).unwrap();
    let mut log = File::create(path.with_extension("log")).unwrap();
    let watcher = std::thread::spawn(move || {
        let mut text = String::new();
        for _ in 0..count {
            text.clear();
            watch.read_events().unwrap();
            reader.read_to_string(&mut text).unwrap();
            log.write_all(text.as_bytes()).unwrap();
            log.sync_data().unwrap();
            tell.store(true, Ordering::Release);
        }
    });
    let mut delays = Vec::new();
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(20));
        file.write_all(&[b'x'; 400]).unwrap();
        let written = Instant::now();
        while !seen.swap(false, Ordering::AcqRel) {
            std::thread::yield_now();
        }
        delays.push(written.elapsed().as_secs_f64() * 1e3);
    }
    watcher.join().unwrap();
    sorted(delays)
}

/// Under the name of `codex`: writes a session with one dear response, then, until it is stopped or killed, how long ago.
fn spend_and_spin() {
    let home = PathBuf::from(std::env::var_os("CODEX_HOME").unwrap());
    let folder = home.join("sessions/2026/11/22");
    fs::create_dir_all(&folder).unwrap();
    let thread = format!("01a201c2-290f-70e3-a3f3-{:012x}", std::process::id());
    let path = folder.join(format!("rollout-2026-11-22T05-37-11-{thread}.jsonl"));
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let line = |kind: &str, payload: serde_json::Value| {
        format!("{{\"timestamp\":\"{at}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n")
    };
    let begin = line(
        "session_meta",
        serde_json::json!({
            "id": thread, "session_id": thread, "cwd": std::env::current_dir().unwrap(), "source": "exec",
            "cli_version": "0.169.0", "model_provider": "mock",
        }),
    ) + &line("event_msg", serde_json::json!({"type": "task_started", "turn_id": "t"}))
        + &line("turn_context", serde_json::json!({"model": "gpt-6.1-sol"}))
        + &line(
            "response_item",
            serde_json::json!({"type": "function_call", "name": "exec_command", "call_id": "c", "arguments": "{}"}),
        );
    let usage = serde_json::json!({
        "input_tokens": 10_000, "cached_input_tokens": 0, "cache_write_input_tokens": 0,
        "output_tokens": 500, "reasoning_output_tokens": 0, "total_tokens": 10_500,
    });
    let record = line(
        "token_usage_record",
        serde_json::json!({
            "thread_id": thread, "session_id": thread, "turn_id": "t", "root_turn_id": "t", "response_id": "r",
            "usage": usage,
        }),
    );
    let measured = File::create(std::env::var_os("GOVERN_BENCH_MEASURED").unwrap()).unwrap();
    file.write_all(begin.as_bytes()).unwrap();
    // The real one's first request takes a moment: govern has found the file when the answer comes.
    std::thread::sleep(Duration::from_millis(60));
    file.write_all(record.as_bytes()).unwrap();
    let written = Instant::now();
    while written.elapsed() < LONG {
        let nanos = u64::try_from(written.elapsed().as_nanos()).unwrap();
        measured.write_all_at(&nanos.to_le_bytes(), 0).unwrap();
        std::thread::yield_now();
    }
}
