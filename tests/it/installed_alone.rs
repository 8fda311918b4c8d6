//! Hooks that nobody supervises: each is a process of its own, and together they let nothing slip between them.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Gate, Reply, Select, USUAL};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{UNKNOWN, World};

const EXEC: &[&str] = &["exec", "do it"];

/// A tool that says that it runs, and ends when the test says so.
const TOOL: &str = "touch started; while [ ! -e go ]; do sleep 0.05; done";

fn installed() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    Some(world)
}

/// Three seconds of each run.
const TIME: &str = "[[budget]]\nname = \"time\"\nper = \"run\"\nlimit = \"0.05 minutes\"\nsteps = [{ at = \"50%\", do = \"warn\" }, \
                    { at = \"100%\", do = \"stop\" }]\n";

fn a_day(world: &World, limit: &str, steps: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"{limit}\"\nsteps = [{steps}]\n\
         [prices.{UNKNOWN}]\ninput = 2\ncached_input = 0.1\noutput = 10\n"
    ));
}

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn count(world: &World, sql: &str) -> i64 {
    let ledger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    ledger.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A program that Codex's part is played by: it calls hooks and writes its session file as the script says. `ask EVENT`
/// calls a hook, `answer N` records a response.
fn stand_in(world: &World, name: &str, script: &str) {
    let thread = "01a20311-619a-7b13-a668-29fb2a4c2127";
    let now = chrono::Utc::now();
    let file = now.format("codex/sessions/%Y/%m/%d/rollout-%Y-%m-%dT%H-%M-%S");
    let session = world.path(&format!("{file}-{thread}.jsonl"));
    let line_at = |at: &str, kind: &str, payload: serde_json::Value| {
        json!({ "timestamp": at, "type": kind, "payload": payload }).to_string()
    };
    let begun = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let line = |kind: &str, payload: serde_json::Value| line_at(&begun, kind, payload);
    let head = [
        line(
            "session_meta",
            json!({ "id": thread, "session_id": thread, "cli_version": "0.169.0", "model_provider": "mock" }),
        ),
        line("event_msg", json!({ "type": "task_started", "turn_id": "t" })),
        line("turn_context", json!({ "turn_id": "t", "model": crate::support::world::MODEL })),
    ];
    world.write(
        &format!("codex/{}", session.strip_prefix(world.path("codex")).unwrap().display()),
        &(head.join("\n") + "\n"),
    );
    let usage = json!({ "input_tokens": 10_000, "cached_input_tokens": 8_000, "cache_write_input_tokens": 0,
        "output_tokens": 500, "reasoning_output_tokens": 0, "total_tokens": 10_500 });
    let record = line_at(
        "NOW",
        "token_usage_record",
        json!({ "thread_id": thread, "session_id": thread, "turn_id": "t",
        "response_id": "NUMBER", "usage": usage }),
    );
    let input = json!({ "session_id": thread, "transcript_path": session, "cwd": world.work(),
        "hook_event_name": "EVENT", "model": crate::support::world::MODEL, "tool_name": "Bash",
        "tool_input": { "command": "true" } });
    let govern = format!("'{}' hook --installed", env!("CARGO_BIN_EXE_govern"));
    let home = world.path("govern");
    world.write_script(
        &format!("{name}/codex"),
        &format!(
            "#!/bin/bash\nask() {{ sed \"s/EVENT/$1/\" <<'X' | {govern} \"$2\" --home '{home}'\n{input}\nX\n}}\n\
             answer() {{ sed \"s/NUMBER/r$1/; s/NOW/$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)/\" >> '{session}' <<'X'\n{record}\nX\n}}\n{script}\n",
            home = home.display(),
            session = session.display(),
        ),
    );
}

#[test]
fn a_record_that_is_due_is_waited_for_before_the_next_request() {
    let world = World::without_codex();
    world.policy("[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"1 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n");
    let script = "ask PreModelRequest pre-model-request && touch first\n(sleep 0.1; answer 1) &\n\
                  ask PreModelRequest pre-model-request && touch second";
    stand_in(&world, "late", script);
    let late = world.path("late/codex").display().to_string();
    let codex = world.start(&late, &[]);
    wait_until("the second request is stopped", || {
        world.path("govern/ledger.db").exists()
            && count(&world, "SELECT count(*) FROM sqlite_schema WHERE name = 'events'") == 1
            && count(&world, "SELECT count(*) FROM events WHERE data LIKE '%\"verb\":\"stop\"%'") > 0
    });
    assert!(world.path("work/first").exists() && !world.path("work/second").exists());
    drop(codex);
}

#[test]
fn sub_agents_at_once_start_no_more_than_fits() {
    let Some(world) = installed() else { return };
    // Seven responses are $0.1484.
    a_day(&world, "0.15 usd", "{ at = \"100%\", do = \"stop\" }");
    let spawn = || Reply::spawn_agent("count").usage(USUAL);
    world.server.script(Select::root(), [spawn(), spawn(), spawn(), Reply::exec(ENDLESS)]);
    world.server.always(Select::subagent(), Reply::exec("true").before(Duration::from_millis(150)));
    let done = world.run("codex", &["exec", "-m", UNKNOWN, "do it"]);
    assert_eq!(done.code(), 1, "{done}");
    let asked = world.server.requests();
    assert!(asked.iter().any(|request| request.is_subagent()), "{done}");
    assert!(asked.len() <= 7, "{} requests: {done}", asked.len());
    world.wait_for_no_survivors(LONG);
}

#[test]
fn what_a_hook_holds_does_not_go_on_when_the_ledgers_index_is_cut() {
    let Some(world) = installed() else { return };
    world.policy("[[gate]]\nname = \"leaves\"\ntool = \"Bash\"\nmatch = [\"touch *\"]\ndo = \"ask\"\nwait = \"30m\"\n");
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("done")]);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern approve 1");
    // The hook looks every 100 ms whether others have written: that is there.
    std::fs::File::create(world.path("govern/ledger.db-shm")).unwrap();
    codex.wait_for_stderr("PreToolUse Blocked");
    assert!(!world.path("work/ran").exists());
    assert_eq!(world.server.served().len(), 1, "what comes next waits for the question");
}

#[test]
fn a_session_file_that_is_taken_away_or_replaced_ends_the_session() {
    for hide in [
        "rm -r $CODEX_HOME/sessions",
        "for f in $(find $CODEX_HOME/sessions -name '*.jsonl'); do cp $f x; mv x $f; done",
    ] {
        let Some(world) = installed() else { return };
        a_day(&world, "5 usd", "{ at = \"100%\", do = \"stop\" }");
        let hide = format!("CODEX_HOME={}; {hide}", world.path("codex").display());
        world.server.script(Select::root(), [Reply::exec(&hide)]);
        world.server.always(Select::root(), Reply::exec("true"));
        let done = world.run("codex", EXEC);
        assert_eq!(done.code(), 1, "{done}");
        done.expect_said("under a limit what cannot be observed is stopped");
        assert_eq!(world.server.requests().len(), 1);
    }
}

#[test]
fn a_session_that_no_hook_holds_is_paused_goes_on_and_is_stopped_at_its_next_hook() {
    let Some(world) = installed() else { return };
    a_day(&world, "5 usd", "{ at = \"100%\", do = \"stop\" }");
    world.server.script(Select::root(), [Reply::exec(TOOL), Reply::exec("rm go started"), Reply::exec(TOOL)]);
    world.server.always(Select::root(), Reply::message("done"));
    let codex = world.start("codex", EXEC);
    let started = || world.path("work/started").exists();
    wait_until("the tool runs", started);
    let paused = world.govern(&["pause", "--all", "--reason", "lunch"]).expect_code(0);
    assert!(paused.out().contains("is paused: its next prompt, request and tool wait"), "{paused}");
    assert!(world.govern(&["pause", "--all"]).expect_code(0).out().contains("is paused already, by"));
    world.write("work/go", "");
    codex.wait_for_stderr("govern: paused by ");
    assert_eq!(world.server.requests().len(), 1);
    assert!(world.govern(&["continue", "--all"]).expect_code(0).out().contains("goes on"));
    wait_until("the second tool runs", || world.server.requests().len() == 3 && started());
    let stopped = world.govern(&["stop", "--all", "--reason", "enough"]).expect_code(0);
    assert!(stopped.out().contains("is stopped: its next"), "{stopped}");
    world.write("work/go", "");
    let done = codex.finish();
    assert_eq!(done.code(), 1, "{done}");
    done.expect_said("“enough”");
    assert_eq!(world.server.requests().len(), 3);
    world.wait_for_no_survivors(LONG);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn an_agent_uses_no_brake_on_itself() {
    let Some(world) = installed() else { return };
    a_day(&world, "5 usd", "{ at = \"100%\", do = \"stop\" }");
    let govern = env!("CARGO_BIN_EXE_govern");
    let attempt = format!("{govern} continue --all; echo left $? > left.txt");
    world.server.script(Select::root(), [Reply::exec(&attempt), Reply::message("done")]);
    world.run("codex", EXEC).expect_code(0);
    assert_eq!(std::fs::read_to_string(world.path("work/left.txt")).unwrap(), "left 125\n");
}

#[test]
fn one_that_only_observes_goes_on_where_its_ledger_is_broken() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["hooks", "install", "--observe", "--yes"]).expect_code(0);
    a_day(&world, "0.01 usd", "{ at = \"100%\", do = \"stop\" }");
    world.write("govern/ledger.db", "this is no ledger, and long enough to be read as one");
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    world.run("codex", EXEC).expect_code(0);
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn requests_of_a_throttled_session_wait_their_turn_from_hook_to_hook() {
    let Some(world) = installed() else { return };
    a_day(
        &world,
        "5 usd",
        "{ at = \"0.4%\", do = \"throttle\", to = \"1 responses/2s\" }, { at = \"100%\", do = \"stop\" }",
    );
    let replies = [Reply::exec("true"), Reply::exec("true"), Reply::message("done")];
    world.server.script(Select::root(), replies);
    let done = world.run("codex", EXEC).expect_code(0);
    let at: Vec<Duration> = world.server.requests().iter().map(|request| request.at).collect();
    let apart = at.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(1_900));
    assert!(at.len() == 3 && apart, "{at:?}: {done}");
}

#[test]
fn sessions_that_are_held_side_by_side_do_not_wake_one_another_for_nothing() {
    let world = World::without_codex();
    world.policy("[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"1 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n");
    let held = "ask PreModelRequest pre-model-request\nanswer 1\nask PreModelRequest pre-model-request";
    stand_in(&world, "one", held);
    let program = world.path("one/codex").display().to_string();
    let (one, two) = (world.start(&program, &[]), world.start(&program, &[]));
    let stops = "SELECT count(*) FROM events WHERE data LIKE '%\"verb\":\"stop\"%'";
    wait_until("both are stopped", || {
        world.path("govern/ledger.db").exists()
            && count(&world, "SELECT count(*) FROM sqlite_schema WHERE name = 'events'") == 1
            && count(&world, stops) >= 2
    });
    let before = count(&world, "SELECT count(*) FROM events");
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        assert!(count(&world, "SELECT count(*) FROM events") <= before + 6, "each wakes the other");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop((one, two));
}

#[test]
fn a_limit_that_the_agent_takes_out_of_its_repository_holds_on_and_its_branch_stays_what_it_was() {
    let Some(world) = installed() else { return };
    world.write(
        "work/govern.toml",
        "version = 1\n[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
         only = { branch = [\"main\"] }\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.script(Select::root(), [Reply::exec("rm govern.toml; git checkout --quiet -b mine")]);
    world.server.always(Select::root(), Reply::exec("true"));
    let done = world.run("codex", EXEC);
    assert_eq!(done.code(), 1, "{done}");
    done.expect_said("$0.0424 + $0.0212 reserved of $0.05 (purse");
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn what_an_import_took_of_a_session_counts_for_its_run() {
    let Some(world) = installed() else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("done")]);
    world.run("codex", EXEC).expect_code(0);
    // Without a limit it was nobody's: $0.0424.
    world.policy("[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.1 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n");
    world.server.always(Select::root(), Reply::exec("true"));
    let thread = world.server.requests()[0].thread.clone();
    let done = world.run("codex", &["exec", "resume", &thread, "go on"]);
    assert_eq!(done.code(), 1, "{done}");
    assert_eq!(world.server.requests().len(), 4, "{done}");
    let report = ledger::report(&world, &[]);
    assert_eq!(report["totals"]["responses"], 4, "{report}");
}

#[test]
fn a_call_that_was_allowed_for_the_run_or_for_a_time_runs_again_unasked_in_later_hooks() {
    for (again, asks) in [(&["--run"][..], 1), (&["--for", "1h"], 1), (&["--for", "1s"], 2), (&[], 2)] {
        let Some(world) = installed() else { return };
        world.policy(
            "[[gate]]\nname = \"leaves\"\ntool = \"Bash\"\nmatch = [\"touch *\"]\ndo = \"ask\"\nwait = \"30m\"\n",
        );
        let call = || Reply::exec("touch ran");
        let between = Reply::exec("rm ran; sleep 1.1");
        world.server.script(Select::root(), [call(), between, call(), Reply::message("all is done")]);
        let codex = world.start("codex", EXEC);
        for id in 1..=asks {
            codex.wait_for_stderr(&format!("govern approve {id}"));
            let id = id.to_string();
            world.govern(&[&["approve", &id], again].concat()).expect_code(0);
        }
        codex.finish().expect_code(0);
        assert!(world.path("work/ran").exists(), "{again:?}");
        assert_eq!(count(&world, "SELECT count(*) FROM approvals"), asks, "{again:?}");
        let allowed = "SELECT count(*) FROM events WHERE data LIKE '%\"tool_called\"%' AND data LIKE '%(cli)%'";
        assert_eq!(count(&world, allowed), 2, "{again:?}: both say who let them run");
        if again == ["--run"] {
            let thread = world.server.requests()[0].thread.clone();
            world.server.script(Select::root().containing("once more"), [call(), Reply::message("all is done")]);
            world.run("codex", &["exec", "resume", &thread, "once more"]).expect_code(0);
            assert_eq!((count(&world, "SELECT count(*) FROM approvals"), count(&world, allowed)), (1, 3));
        }
    }
}

#[test]
fn time_that_a_tool_or_an_answer_takes_is_spent_and_what_comes_after_its_end_is_not_let_through() {
    let slow = Duration::from_secs(4);
    for first in [Reply::exec("sleep 4"), Reply::exec("touch ran").before(slow)] {
        let Some(world) = installed() else { return };
        world.policy(TIME);
        world.server.script(Select::root(), [first]);
        world.server.always(Select::root(), Reply::message("done"));
        let done = world.run("codex", EXEC);
        assert_eq!(done.code(), 1, "{done}");
        let done = done.expect_said("of 3 s (time");
        assert_eq!(world.server.requests().len(), 1, "{done}");
        assert!(!world.path("work/ran").exists(), "{done}");
        let budgets = world.govern(&["budget", "--format", "json"]).expect_code(0).out();
        let budgets: serde_json::Value = serde_json::from_str(&budgets).unwrap();
        let spent = budgets["rows"][0]["spent"].as_f64().unwrap();
        assert!((0.05..0.2).contains(&spent), "{budgets}");
    }
}

#[test]
fn time_goes_on_when_a_session_is_resumed_and_passes_neither_between_nor_while_it_is_held() {
    let Some(world) = installed() else { return };
    let gate = "[[gate]]\nname = \"leaves\"\ntool = \"Bash\"\nmatch = [\"touch *\"]\ndo = \"ask\"\nwait = \"30m\"\n";
    world.policy(&(TIME.replace("0.05", "0.1") + gate));
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::exec("sleep 2"), Reply::message("done")]);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern approve 1");
    let (held, away) = (Instant::now(), Duration::from_secs(7));
    // What takes longer than the limit is what is tested.
    std::thread::sleep(away);
    world.govern(&["approve", "1"]).expect_code(0);
    codex.finish().expect_code(0);
    assert!(held.elapsed() >= away && world.path("work/ran").exists());
    world.server.script(Select::root().containing("once more"), [Reply::exec("sleep 5")]);
    let thread = world.server.requests()[0].thread.clone();
    let done = world.run("codex", &["exec", "resume", &thread, "once more"]);
    assert_eq!(done.code(), 1, "{done}");
    let done = done.expect_said("of 6 s (time");
    assert_eq!(world.server.requests().len(), 4, "{done}");
}

#[test]
fn a_request_that_gets_no_answer_is_marked_as_perhaps_served_when_its_session_ends_or_goes_on() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let Some(world) = installed() else { return };
        a_day(&world, "5 usd", "{ at = \"100%\", do = \"stop\" }");
        let never = Gate::new();
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&never)]);
        let codex = world.start("codex", EXEC);
        world.server.wait_for_requests(2, LONG).unwrap();
        codex.signal_group(signal);
        codex.finish();
        let marked = || {
            let told = crate::support::ledger::events(&world, "marked");
            told.iter().filter(|mark| mark["what"].as_str().is_some_and(|what| what.contains("perhaps served"))).count()
        };
        if signal == Signal::SIGKILL {
            assert_eq!(marked(), 0, "no hook has come since");
            world.server.script(Select::root(), [Reply::message("all is done")]);
            let thread = world.server.requests()[0].thread.clone();
            world.run("codex", &["exec", "resume", &thread, "once more"]).expect_code(0);
        }
        assert_eq!(marked(), 1, "{signal}");
        let report = world.govern(&["report", "--last"]).expect_code(0).out();
        assert!(report.contains("perhaps served"), "{signal}: {report}");
    }
}

/// How each run ended, and how often somebody let it go on.
fn ends(world: &World) -> (Vec<String>, i64) {
    let ledger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    let mut statement =
        ledger.prepare("SELECT coalesce(outcome, 'open') || ' ' || coalesce(rule, '-') FROM runs").unwrap();
    let ended = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    (ended, count(world, "SELECT count(*) FROM events WHERE data LIKE '%\"kind\":\"run_resumed\"%'"))
}

/// Four tools at once, each of which takes a second.
fn four_tools() -> Reply {
    let tool = |number: u32| {
        json!({
            "type": "function_call", "name": "exec_command", "call_id": format!("call-{number}"),
            "arguments": json!({ "cmd": format!("sleep 1; touch made-{number}"), "yield_time_ms": 60_000 }).to_string(),
        })
    };
    (2..=4).fold(Reply::item(tool(1)), |reply, number| reply.and(tool(number)))
}

#[test]
fn tools_at_once_that_fit_run_to_their_end_before_the_one_too_many_stops_the_session() {
    for verb in ["stop", "kill"] {
        let Some(world) = installed() else { return };
        world.policy(&format!(
            "[[budget]]\nname = \"tools\"\nper = \"run\"\nlimit = \"3 tool calls\"\nsteps = [{{ at = \"100%\", do = \"{verb}\" }}]\n"
        ));
        world.server.script(Select::root(), [four_tools()]);
        world.server.always(Select::root(), Reply::message("done"));
        let done = world.run("codex", EXEC);
        let made = (1..=4).filter(|number| world.path(&format!("work/made-{number}")).exists()).count();
        assert_eq!((made, world.server.requests().len()), (3, 1), "{done}");
        world.wait_for_no_survivors(LONG);
        let ended = if verb == "stop" { "stopped tools" } else { "killed tools" };
        assert_eq!(ends(&world), (vec![ended.to_owned()], 0), "{done}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

/// A tool that is asked about for so long, and then refused.
fn asks_about_touch(world: &World, wait: &str) {
    world.policy(&format!(
        "[[gate]]\nname = \"leaves\"\ntool = \"Bash\"\nmatch = [\"touch *\"]\ndo = \"ask\"\nwait = \"{wait}\"\nelse = \"deny\"\n"
    ));
    world.server.script(Select::root(), [Reply::exec("touch ran"), Reply::message("all is done")]);
}

#[test]
fn a_question_is_answered_while_its_session_is_paused_and_the_pause_holds_after_that() {
    let Some(world) = installed() else { return };
    asks_about_touch(&world, "30m");
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern approve 1");
    world.govern(&["pause", "--all", "--reason", "lunch"]).expect_code(0);
    codex.wait_for_stderr("govern: paused by ");
    world.govern(&["approve", "1"]).expect_code(0).expect_said("stays paused, by ");
    assert_eq!(count(&world, "SELECT count(*) FROM approvals WHERE state = 'approved'"), 1);
    assert!(!world.path("work/ran").exists() && world.server.requests().len() == 1);
    world.govern(&["continue", "--all"]).expect_code(0);
    codex.finish().expect_code(0);
    assert!(world.path("work/ran").exists());
    assert_eq!(count(&world, "SELECT count(*) FROM approvals"), 1, "it is not asked again");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_questions_deadline_binds_while_its_session_is_paused() {
    let Some(world) = installed() else { return };
    asks_about_touch(&world, "3s");
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern approve 1");
    world.govern(&["pause", "--all"]).expect_code(0);
    wait_until("the question expires", || count(&world, "SELECT count(*) FROM approvals WHERE state = 'expired'") == 1);
    codex.wait_for_stderr("PreToolUse Blocked");
    codex.wait_for_stderr("govern: paused by ");
    assert_eq!(world.server.requests().len(), 1);
    world.govern(&["continue", "--all"]).expect_code(0);
    codex.finish().expect_code(0);
    assert!(!world.path("work/ran").exists());
    world.govern(&["audit", "verify"]).expect_code(0);
}
