//! What the page costs while ten agents work and ten browsers look, on whole processes: `cargo bench --bench page`.
//!
//! Ten governed Codexes get an answer every three seconds and run a tool; ten connections hear of what is new, as a browser's
//! do; the processor time of `govern serve` is taken over a minute (`GOVERN_BENCH_SECONDS`), with nobody looking before
//! that. `GOVERN_BENCH_LEDGER` names a ledger to begin with, such as that of the bench `scrape`, and `GOVERN_BENCH_GOVERN`
//! another govern. The limit is 1 % of a core.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark starts processes and prints"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[path = "../tests/support/mod.rs"]
pub mod support;

use support::codex::CURRENT;
use support::fake_responses::{Reply, Select};
use support::process::LONG;
use support::world::World;

const RUNS: usize = 10;
const BROWSERS: usize = 10;
const BETWEEN: Duration = Duration::from_secs(3);

/// Of a core, in per cent.
const LIMIT: f64 = 1.0;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let seconds = std::env::var("GOVERN_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let Some(world) = World::with_codex(CURRENT) else { return };
    if let Some(ledger) = std::env::var_os("GOVERN_BENCH_LEDGER") {
        std::fs::create_dir_all(world.path("govern")).unwrap();
        std::fs::copy(Path::new(&ledger).join("ledger.db"), world.path("govern/ledger.db")).unwrap();
    }
    if let Some(govern) = std::env::var_os("GOVERN_BENCH_GOVERN") {
        std::fs::remove_file(world.path("bin/govern")).unwrap();
        std::os::unix::fs::symlink(govern, world.path("bin/govern")).unwrap();
    }
    world.policy(
        "[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"100 usd\"\n\
         [[budget]]\nname = \"teams, monthly\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"1000000 usd\"\n",
    );
    world.server.always(Select::root(), Reply::exec("true").before(BETWEEN));
    let serving = world.start("govern", &["serve", "--listen", "127.0.0.1:0"]);
    serving.wait_for_stderr("this key: ");
    let address = serving.stderr().split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let agent =
        |number: usize| ["--agent".to_owned(), format!("agent-{number}"), "--team".to_owned(), "web".to_owned()];
    let _runs: Vec<_> = (0..RUNS)
        .map(|number| {
            let flags = agent(number);
            world.start_governed(&flags.each_ref().map(String::as_str), &["codex", "exec", "work on"])
        })
        .collect();
    world.server.wait_for_served(2 * RUNS, LONG).unwrap();
    let alone = share(serving.pid(), seconds);
    println!("{RUNS} agents, nobody looks:   {alone:.2} % of a core");
    let heard = Arc::new(AtomicUsize::new(0));
    for _ in 0..BROWSERS {
        listen(&address, Arc::clone(&heard));
    }
    let begun = Instant::now();
    while heard.load(Ordering::Relaxed) < BROWSERS {
        assert!(begun.elapsed() < LONG, "not all browsers are told");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (before, served) = (heard.load(Ordering::Relaxed), world.server.served().len());
    let watched = share(serving.pid(), seconds);
    let events = (heard.load(Ordering::Relaxed) - before) / BROWSERS;
    let answers = world.server.served().len() - served;
    let said = if watched <= LIMIT { "within" } else { "over" };
    println!("{RUNS} agents, {BROWSERS} browsers: {watched:.2} % of a core: {said} {LIMIT} %");
    println!("in {seconds} s: {answers} answers, {events} events to each browser");
}

/// The processor time that a process takes meanwhile, in per cent of a core.
fn share(pid: i32, seconds: u64) -> f64 {
    let (before, begun) = (used(pid), Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    (used(pid) - before) / begun.elapsed().as_secs_f64() * 100.0
}

/// Seconds of processor time, its children's included.
fn used(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11..15].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Hears of what is new as a browser does, until the page goes.
fn listen(address: &str, heard: Arc<AtomicUsize>) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    std::thread::spawn(move || {
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        for _ in lines.filter(|line| line.starts_with("data: ")) {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    });
}
