//! `govern metrics`: what Prometheus reads, from the ledger, and the examples for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::process::{LONG, Running};
use crate::support::skip::skip;
use crate::support::world::World;

const BOARD: &str = include_str!("../../examples/grafana/govern.json");

/// The value of a series; `None` where there is none.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// What all series of a metric come to.
fn sum(text: &str, metric: &str) -> f64 {
    let of = |line: &&str| line.split(['{', ' ']).next() == Some(metric);
    text.lines().filter(of).filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// The answer of a server on loopback: status and body.
fn get(address: &str, path: &str, host: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned()))
}

/// Starts to listen, and says where.
fn listen(world: &World) -> (Running, String) {
    let listening = world.start("govern", &["metrics", "--listen", "127.0.0.1:0"]);
    listening.wait_for_stderr("/metrics\n");
    let said = listening.stderr();
    let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    (listening, address)
}

/// promtool finds no fault with it.
fn check(world: &World, text: &str) {
    world.write("work/metrics.txt", text);
    let checked = world.run("sh", &["-c", "promtool check metrics < metrics.txt"]).expect_code(0);
    assert_eq!((checked.out().as_str(), checked.stderr.as_str()), ("", ""), "{text}");
}

fn has(tool: &str) -> bool {
    let found =
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()));
    if !found {
        let package = if tool == "promtool" { "prometheus" } else { tool };
        skip(&format!("{tool} is not installed (Debian's package {package} has it)"));
    }
    found
}

#[test]
fn an_empty_ledger_is_exposed_as_well() {
    let world = World::without_codex();
    let text = world.govern(&["metrics", "--once"]).expect_code(0).out();
    assert_eq!(value(&text, "govern_approvals_pending"), Some(0.0), "{text}");
    assert_eq!(value(&text, "govern_agents{state=\"working\"}"), Some(0.0), "{text}");
    assert_eq!(world.govern(&["metrics"]).expect_code(0).out(), text, "no flag is --once");
    world.govern(&["metrics", "--once", "--listen"]).expect_code(2);
    world.govern(&["metrics", "--every", "15s"]).expect_code(2);
}

#[test]
fn counters_go_on_from_run_to_run_and_are_what_the_report_says() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::message("done"));
    let mut before = 0.0;
    for run in 1..=2_u32 {
        world.run_governed(&["--team", "web", "--agent", "a"], &["codex", "exec", "do it"]).expect_code(0);
        let text = world.govern(&["metrics", "--once"]).expect_code(0).out();
        let spend = sum(&text, "govern_spend_usd_total");
        assert!(spend > before, "{spend} after {before}");
        before = spend;
        assert_eq!(sum(&text, "govern_responses_total"), f64::from(run), "{text}");
        let report: Value = serde_json::from_str(&world.govern(&["report", "--format", "json"]).out()).unwrap();
        let reported: f64 = report["totals"]["cost_usd"].as_str().unwrap().parse().unwrap();
        assert!((reported - spend).abs() < 1e-9, "{reported} and {spend}");
        assert!(text.contains("team=\"web\"") && text.contains("agent=\"a\""), "{text}");
        assert!(value(&text, "govern_hook_seconds_count").unwrap() > 0.0, "hooks were timed: {text}");
    }
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_textfile_is_there_whole_and_for_all_and_is_written_until_somebody_ends_it() {
    let world = World::without_codex();
    std::fs::create_dir(world.path("work/node")).unwrap();
    world.govern(&["metrics", "--textfile", "node"]).expect_code(0);
    let file = world.path("work/node/govern.prom");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    std::fs::remove_file(&file).unwrap();
    let writing = world.start("govern", &["metrics", "--textfile", "node", "--every", "1s"]);
    let deadline = Instant::now() + LONG;
    while !file.exists() {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::sleep(Duration::from_millis(10));
    }
    writing.signal(Signal::SIGTERM);
    writing.finish().expect_code(0);
    let left: Vec<_> =
        std::fs::read_dir(world.path("work/node")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["govern.prom"]);
    let error = world.govern(&["metrics", "--textfile", "nowhere"]).expect_code(125);
    error.expect_said("`nowhere/govern.prom` cannot be written");
}

#[test]
fn scrapes_are_answered_while_somebody_says_nothing_and_until_it_is_asked_to_end() {
    let world = World::without_codex();
    let (listening, address) = listen(&world);
    let _silent = TcpStream::connect(&address).unwrap();
    let (status, body) = get(&address, "/metrics", "localhost").unwrap();
    assert_eq!((status, value(&body, "govern_policy_error")), (200, Some(0.0)), "{body}");
    assert_eq!(get(&address, "/", "localhost").unwrap().0, 404);
    assert_eq!(get(&address, "/metrics", "evil.example").unwrap().0, 421);
    // A mistake hides budgets, not spend, and is told.
    world.policy("nonsense = 1\n");
    let deadline = Instant::now() + LONG;
    while value(&get(&address, "/metrics", "localhost").unwrap().1, "govern_policy_error") != Some(1.0) {
        assert!(Instant::now() < deadline, "the mistake was not told");
        std::thread::sleep(Duration::from_millis(50));
    }
    listening.wait_for_stderr("the policy has ");
    listening.signal(Signal::SIGINT);
    listening.finish().expect_code(0);
    assert!(TcpStream::connect(&address).is_err(), "nobody listens any more");
    world.govern(&["metrics", "--once"]).expect_code(125).expect_said("version");
}

/// A Prometheus with the example's configuration, which scrapes `govern` each second.
struct Prometheus {
    _running: Running,
    address: String,
}

impl Prometheus {
    fn start(world: &World, govern: &str) -> Self {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
        let example = std::fs::read_to_string(examples.join("prometheus.yml")).unwrap();
        let config = example.replace("127.0.0.1:9464", govern).replace("15s", "1s");
        world.write("prometheus/prometheus.yml", &config);
        std::fs::copy(examples.join("govern.rules.yml"), world.path("prometheus/govern.rules.yml")).unwrap();
        let address = free_port();
        let (config, data) = (world.path("prometheus/prometheus.yml"), world.path("prometheus/data"));
        let flags = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address={address}"),
        ];
        let running = world.start("prometheus", &flags.each_ref().map(String::as_str));
        running.wait_for_stderr("Server is ready to receive web requests");
        Self { _running: running, address }
    }

    /// What the API says.
    fn api(&self, path: &str) -> Value {
        let (status, body) = get(&self.address, path, &self.address).unwrap();
        let answer: Value =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {status} {error} {body}"));
        assert_eq!(answer["status"], "success", "{path}: {body}");
        answer["data"].clone()
    }

    /// How many series a query has.
    fn series(&self, query: &str) -> usize {
        let escaped = query.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        self.api(&format!("/api/v1/query?query={escaped}"))["result"].as_array().unwrap().len()
    }

    /// Waits until a query has data.
    fn wait_for(&self, query: &str) {
        let deadline = Instant::now() + LONG;
        while self.series(query) == 0 {
            assert!(Instant::now() < deadline, "no data: {query}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// What a rule looks at, whether it is over its mark or not.
    fn looked_at(rule: &Value) -> String {
        let query = rule["query"].as_str().unwrap();
        let marks =
            [" >= 0.8", " > govern_budget_limit_usd", " > 15 * 60", " > 0", " == 0 or absent(up{job=\"govern\"})"];
        let inner = marks.iter().find_map(|mark| query.strip_suffix(mark)).filter(|_| rule["type"] == "alerting");
        inner.unwrap_or(query).to_owned()
    }
}

/// All queries of the board.
fn panels() -> Vec<String> {
    let board: Value = serde_json::from_str(BOARD).unwrap();
    let targets = board["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let real = |query: &str| query.replace("$__rate_interval", "1m").replace("$team", ".*");
    targets.map(|target| real(target["expr"].as_str().unwrap())).collect()
}

#[test]
fn a_real_prometheus_has_data_for_every_rule_and_every_panel_while_ten_agents_run() {
    if !(has("promtool") && has("prometheus")) {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    let steps = r#"[{ at = "2%", do = "warn" }, { at = "100%", do = "stop" }]"#;
    world.policy(&format!(
        "[[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"5 usd\"\nsteps = {steps}\n\n\
         [[gate]]\nname = \"asks\"\ntool = \"Bash\"\nmatch = [\"date*\"]\ndo = \"ask\"\nwait = \"1h\"\nelse = \"deny\"\n"
    ));
    // Forecasts need more of the past than a ledger has that was made just now.
    let history = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts");
    world.govern(&["import", &history.display().to_string()]).expect_code(0);
    let (listening, address) = listen(&world);
    let prometheus = Prometheus::start(&world, &address);
    // One has ended before, with a question that was answered; ten are under way until all was looked at.
    let gate = Gate::new();
    let held = Reply::message("done").held_at(&gate);
    world.server.script(Select::root().containing("the first task"), [Reply::exec("date"), Reply::message("done")]);
    world.server.script(Select::root().containing("the second task"), [Reply::exec("true"), held]);
    let first = world.start_governed(&["--team", "web", "--agent", "first"], &["codex", "exec", "the first task"]);
    prometheus.wait_for("govern_approvals_pending > 0");
    let open: Value = serde_json::from_str(&world.govern(&["approvals", "--format", "json"]).out()).unwrap();
    world.govern(&["approve", &open["rows"][0]["id"].to_string()]).expect_code(0);
    first.finish_among_others().expect_code(0);
    let ten: Vec<_> = (1..=10)
        .map(|number| {
            let agent = format!("agent-{number}");
            world.start_governed(&["--team", "web", "--agent", &agent], &["codex", "exec", "the second task"])
        })
        .collect();
    prometheus.wait_for("sum(govern_agents{state=~\"working|resting\"}) == 10");
    check(&world, &get(&address, "/metrics", "localhost").unwrap().1);
    // Rates need a time that changes look back on.
    for query in panels() {
        prometheus.wait_for(&query);
    }
    let groups = prometheus.api("/api/v1/rules")["groups"].clone();
    let rules: Vec<Value> =
        groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect();
    assert_eq!(rules.len(), 11);
    for rule in &rules {
        prometheus.wait_for(&Prometheus::looked_at(rule));
    }
    gate.open();
    for agent in ten {
        agent.finish_among_others().expect_code(0);
    }
    listening.signal(Signal::SIGTERM);
    listening.finish().expect_code(0);
    prometheus.wait_for("up{job=\"govern\"} == 0");
}

/// The figure is of the whole account, where other tests have Codexes of their own: it is asked for these.
#[test]
fn a_codex_is_counted_as_ungoverned_while_it_works_with_no_govern_above_it() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let ungoverned = || {
        let seen = govern::process::ungoverned_codexes();
        let own = world.processes();
        seen.iter().filter(|codex| own.contains(&codex.pid)).count()
    };
    let gate = Gate::new();
    world.server.always(Select::root(), Reply::message("done").held_at(&gate));
    let governed = world.start_governed(&[], &["codex", "exec", "the first task"]);
    world.server.wait_for_requests(1, LONG).unwrap();
    assert_eq!(ungoverned(), 0);
    let bare = world.start("codex", &["exec", "the second task"]);
    world.server.wait_for_requests(2, LONG).unwrap();
    assert_eq!(ungoverned(), 1);
    let text = world.govern(&["metrics", "--once"]).expect_code(0).out();
    assert!(value(&text, "govern_ungoverned_codex") >= Some(1.0), "{text}");
    gate.open();
    bare.finish().expect_code(0);
    governed.finish_among_others().expect_code(0);
    assert_eq!(ungoverned(), 0);
}

#[test]
fn the_rules_alert_when_they_should() {
    if !has("promtool") {
        return;
    }
    let world = World::without_codex();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus");
    let path = |name: &str| examples.join(name).display().to_string();
    world.run("promtool", &["check", "rules", &path("govern.rules.yml")]).expect_code(0);
    world.run("promtool", &["check", "config", &path("prometheus.yml")]).expect_code(0);
    world.run("promtool", &["test", "rules", &path("govern.tests.yml")]).expect_code(0);
}

/// A port that is free now; nobody else asks for it in between.
fn free_port() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("127.0.0.1:{port}")
}

fn wait_for_answer(address: &str, path: &str) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        match get(address, path, address) {
            Ok((200, body)) => return body,
            Ok(_) | Err(_) => assert!(Instant::now() < deadline, "{address} does not answer"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_real_pushgateway_keeps_a_workflows_figures_and_the_next_push_takes_their_place() {
    if !has("prometheus-pushgateway") {
        return;
    }
    let Some(mut world) = World::with_codex(CURRENT) else { return };
    world.set_env("GITHUB_REPOSITORY", "acme/shop");
    world.set_env("GITHUB_WORKFLOW", "nightly");
    let address = free_port();
    let _gateway = world.start("prometheus-pushgateway", &[&format!("--web.listen-address={address}")]);
    wait_for_answer(&address, "/-/ready");
    world.server.always(Select::root(), Reply::message("done"));
    let url = format!("http://{address}/");
    for run in 1..=2_u32 {
        let run_of_it = world.start_governed(&["--team", "web"], &["codex", "exec", "do it"]);
        run_of_it.finish_among_others().expect_code(0);
        world.govern(&["metrics", "--push", &url]).expect_code(0);
        let kept = wait_for_answer(&address, "/metrics");
        let of = |line: &&str| line.starts_with("govern_responses_total{");
        let lines: Vec<&str> = kept.lines().filter(of).collect();
        assert_eq!(lines.len(), 1, "one group, whatever the run: {kept}");
        let labels = ["job=\"govern\"", "repository=\"acme/shop\"", "workflow=\"nightly\"", "team=\"web\""];
        assert!(labels.iter().all(|label| lines[0].contains(label)), "{lines:?}");
        assert!(lines[0].ends_with(&format!(" {run}")), "{lines:?}");
        assert!(!kept.contains("push_failure_time_seconds{job=\"govern\",instance=\"\"} 1"), "{kept}");
    }
}

#[test]
fn a_push_that_fails_says_why_and_no_secret() {
    let mut world = World::without_codex();
    let nobody = free_port();
    let error = world.govern(&["metrics", "--push", &format!("http://{nobody}/")]).expect_code(125);
    error.expect_said("figures were not pushed").expect_said(&format!("no connection to {nobody}"));
    world.govern(&["metrics", "--push", "https://ann:pa55@push.example"]).expect_code(2).expect_not_said("pa55");
    world.set_env("GOVERN_PUSH_AUTHORIZATION", "Bearer s3cret");
    let error = world.govern(&["metrics", "--push", "http://push.example:9091"]).expect_code(2);
    error.expect_said("is not one of TLS").expect_not_said("s3cret");
}

#[test]
fn a_real_node_exporter_reads_the_textfile() {
    if !has("prometheus-node-exporter") {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::message("done"));
    world.run_governed(&["--team", "web"], &["codex", "exec", "do it"]).expect_code(0);
    std::fs::create_dir(world.path("work/node")).unwrap();
    world.govern(&["metrics", "--textfile", "node"]).expect_code(0);
    let address = free_port();
    let folder = format!("--collector.textfile.directory={}", world.path("work/node").display());
    let listen = format!("--web.listen-address={address}");
    let flags = ["--collector.disable-defaults", "--collector.textfile", &folder, &listen];
    let _exporter = world.start("prometheus-node-exporter", &flags);
    let text = wait_for_answer(&address, "/metrics");
    assert_eq!(sum(&text, "govern_responses_total"), 1.0, "{text}");
    assert_eq!(value(&text, "node_textfile_scrape_error"), Some(0.0), "{text}");
    assert!(text.contains("team=\"web\""), "{text}");
}
