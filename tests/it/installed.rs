//! Installed hooks: a Codex that nobody started under govern is metered, held and refused all the same.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::codex::{CURRENT, OLD};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::world::{CHEAPER, MODEL, UNKNOWN, World};

const EXEC: &[&str] = &["exec", "do it"];

/// A world whose every Codex is under policy.
fn installed() -> Option<World> {
    let world = World::with_codex(CURRENT)?;
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    Some(world)
}

/// $0.05 a day: two responses leave no room for a third.
fn a_day(world: &World, step: &str) {
    world.policy(&format!(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{{ at = \"40%\", do = \"warn\" }}, {{ at = \"100%\", {step} }}]\n"
    ));
}

fn report(world: &World, by: &str) -> Value {
    let done = world.govern(&["report", "--by", by, "--format", "json"]).expect_code(0);
    serde_json::from_str(&done.out()).unwrap()
}

fn config(world: &World) -> String {
    std::fs::read_to_string(world.path("codex/config.toml")).unwrap()
}

fn endless(world: &World) {
    world.server.always(Select::any(), Reply::exec("true"));
}

#[test]
fn codex_itself_says_that_they_and_no_others_are_trusted_until_they_are_out_again() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let his =
        "# mine\n[[hooks.PreToolUse]]\nmatcher = \"Bash\" # dear\nhooks = [{ type = \"command\", command = \"his\" }]";
    world.configure_codex(his);
    let before = config(&world);
    world.govern(&["hooks", "install"]).expect_code(2).expect_said("+ [[hooks.PreModelRequest]]").expect_said("--yes");
    assert_eq!(config(&world), before, "nothing is written unasked");
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.govern(&["hooks", "install", "--yes"]).expect_code(0).expect_said("nothing is changed");
    let status = world.govern(&["hooks", "status", "--format", "json"]).expect_code(0);
    let status: Value = serde_json::from_str(&status.out()).unwrap();
    assert_eq!(status["rows"][1]["state"], "installed", "{status}");

    let hooks = listed(&world);
    let of = |hook: &Value, key: &str| hook[key].as_str().unwrap_or_default().to_owned();
    let (own, others): (Vec<_>, Vec<_>) = hooks.iter().partition(|hook| of(hook, "command").contains("--installed"));
    assert_eq!(own.len(), 8, "{hooks:?}");
    assert!(own.iter().all(|hook| of(hook, "trustStatus") == "trusted"), "{own:#?}");
    assert!(others.len() == 1 && of(others[0], "trustStatus") == "untrusted", "{others:#?}");

    world.govern(&["hooks", "remove", "--yes"]).expect_code(0);
    assert_eq!(config(&world), before);
    world.govern(&["audit", "verify"]).expect_code(0);
}

/// What Codex says of its hooks.
fn listed(world: &World) -> Vec<Value> {
    let mut server = world.command("codex", &["app-server"]);
    let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = server.stdin.take().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    for request in [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": {"name": "test", "version": "1"}}}),
        json!({"method": "initialized"}),
        json!({"id": 2, "method": "hooks/list", "params": {"cwds": [world.work()]}}),
    ] {
        writeln!(stdin, "{request}").unwrap();
    }
    let answers = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let answer = answers.into_iter().find(|answer| answer["id"] == 2).unwrap();
    drop(stdin);
    server.wait().unwrap();
    answer["result"]["data"][0]["hooks"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

#[test]
fn without_a_policy_spend_is_metered_and_nothing_else_happens() {
    let Some(world) = installed() else { return };
    world
        .server
        .script(Select::root(), [Reply::spawn_agent("count"), Reply::exec("touch ran"), Reply::message("done")]);
    world.server.script(Select::subagent(), [Reply::message("counted")]);
    world.run("codex", &["exec", "-m", UNKNOWN, "do it"]).expect_code(0);
    assert!(world.path("work/ran").exists());
    let report = report(&world, "run");
    // The sub-agent may be taken along by the root's end before its own is told.
    let seen = report["totals"]["responses"].as_u64().unwrap();
    assert!(seen >= 3 && seen <= world.server.served().len() as u64, "{report}");
    assert_eq!(report["rows"][0]["run"], Value::Null);
    world.wait_for_no_survivors(LONG);
}

#[test]
fn under_a_limit_a_session_is_a_run_and_nothing_is_asked_past_it() {
    let Some(world) = installed() else { return };
    a_day(&world, "do = \"stop\"");
    endless(&world);
    let done = world.run("codex", EXEC);
    assert_eq!(done.code(), 1, "{done}");
    let done = done.expect_said("govern: warn: $0.0212 of $0.05 (a day): 40% reached");
    done.expect_said("govern: stop: $0.0424 + $0.0212 reserved of $0.05 (a day)");
    assert_eq!(world.server.requests().len(), 2);
    let report = report(&world, "run,agent");
    assert_eq!(report["totals"]["responses"], 2);
    let run = report["rows"][0]["run"].as_str().unwrap().to_owned();
    ledger::expect_all_served(&world, &run);
    world.wait_for_no_survivors(LONG);
    world.govern(&["audit", "verify"]).expect_code(0);

    // The same thread is the same run; the day is as good as spent.
    let thread = world.server.requests()[0].thread.clone();
    assert_eq!(world.run("codex", &["exec", "resume", &thread, "go on"]).code(), 1);
    assert_eq!(world.server.requests().len(), 2);
    world.wait_for_no_survivors(LONG);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_question_holds_it_until_somebody_outside_answers() {
    let Some(world) = installed() else { return };
    a_day(&world, "do = \"ask\", wait = \"30m\", else = \"stop\"");
    let approve_itself = format!("{} approve 1", env!("CARGO_BIN_EXE_govern"));
    let replies =
        [Reply::exec("true"), Reply::exec("true"), Reply::exec(&approve_itself), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern: held: ");
    world.wait_until_at_gate();
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0).expect_said("extended by $1.00 (`a day`)");
    codex.finish().expect_code(0);
    assert_eq!(world.server.served().len(), 4);
    world.wait_for_no_survivors(LONG);
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn a_step_before_the_limit_that_was_answered_asks_no_later_hook_whatever_the_yes_was() {
    for (approve, word) in
        [(&["approve", "1"] as &[&str], "next step"), (&["approve", "1", "--extend", "0.5usd"], "extended")]
    {
        let Some(world) = installed() else { return };
        world.policy(
            "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.1 usd\"\n\
             steps = [{ at = \"4%\", do = \"ask\", wait = \"30m\" }, { at = \"100%\", do = \"stop\" }]\n",
        );
        let replies = (0..2).map(|_| Reply::exec("true")).chain([Reply::message("all is done")]);
        world.server.script(Select::root(), replies);
        let codex = world.start("codex", EXEC);
        codex.wait_for_stderr("govern: held: ");
        world.wait_until_at_gate();
        assert_eq!(world.server.requests().len(), 1);
        world.govern(approve).expect_code(0).expect_said(word);
        // Under $0.60 the second answer passes 4% anew.
        codex.finish().expect_code(0);
        assert_eq!(world.server.served().len(), 3, "{word}");
        let asked = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0).out();
        assert_eq!(asked.matches("\"about\"").count(), 1, "{asked}");
    }
}

#[test]
fn where_nobody_can_be_asked_the_else_is_done_at_once() {
    for (ci, why) in [(false, "there is no terminal"), (true, "`CI` is set")] {
        let Some(mut world) = installed() else { return };
        if ci {
            world.set_env("CI", "true");
        }
        world.policy_for_nobody(
            "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
             steps = [{ at = \"100%\", do = \"ask\", wait = \"8h\", else = \"stop\" }]\n",
        );
        endless(&world);
        let done = world.run("codex", EXEC);
        assert_eq!((done.code(), world.server.requests().len()), (1, 2), "{done}");
        // At the start, and when it comes to it.
        let done =
            done.expect_said(&format!("nobody can be asked, since {why}: what would be asked gets its `else` at once"));
        assert!(
            done.stderr.contains(&format!("the next request would pass the limit; nobody can be asked, since {why}")),
            "{done}"
        );
        assert_eq!(done.stderr.matches("gets its `else` at once").count(), 1, "{done}");
        let asked = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0).out();
        assert!(!asked.contains("\"about\""), "{asked}");
    }
}

#[test]
fn a_ledger_without_a_past_refuses_as_often_as_it_is_tried_however_codex_is_started() {
    let Some(world) = installed() else { return };
    world.policy(
        "[ledger]\nfresh = \"refuse\"\n[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\n\
         limit = \"5 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let why = "this ledger begins with this run, so that earlier spend is unknown to: `a day`";
    let fleet = "[[agent]]\nname = \"a\"\ncommand = [\"codex\", \"exec\", \"do it\"]\n";
    for _ in 0..2 {
        let done = world.run("codex", EXEC).expect_said(why);
        assert_eq!(done.code(), 1, "{done}");
        world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(123).expect_said(why);
        world.start_fleet(&[], fleet).finish().expect_code(123).expect_said(why);
    }
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn a_limit_of_nothing_and_a_gate_on_dear_requests_let_no_request_out() {
    for (policy, served) in [
        (
            "[[budget]]\nname = \"none\"\nper = \"run\"\nlimit = \"0 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
            0,
        ),
        // What the first is likely to cost nobody knows.
        ("[[gate]]\nname = \"dear\"\ncost_above = \"0.02 usd\"\ndo = \"deny\"\n", 1),
    ] {
        let Some(world) = installed() else { return };
        world.policy(policy);
        endless(&world);
        let done = world.run("codex", EXEC);
        assert_eq!((done.code(), world.server.requests().len()), (1, served), "{policy}: {done}");
    }
}

#[test]
fn the_first_request_of_a_session_is_foretold_by_the_last_ones() {
    let Some(world) = installed() else { return };
    a_day(&world, "do = \"stop\"");
    world.server.always(Select::any(), Reply::message("done"));
    // $0.0212 each: a third would pass the day's $0.05.
    let codes = [(); 3].map(|()| world.run("codex", EXEC).code());
    assert_eq!((codes, world.server.requests().len()), ([0, 0, 1], 2));
}

#[test]
fn grace_lets_a_turn_finish_past_the_limit_and_no_further() {
    let Some(world) = installed() else { return };
    // $0.0212 each: two pass the limit by less than a quarter, a third would pass grace.
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.04 usd\"\ngrace = \"25%\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    endless(&world);
    let done = world.run("codex", EXEC);
    assert_eq!((done.code(), world.server.requests().len()), (1, 2), "{done}");
}

#[test]
fn a_limit_on_sub_agents_alone_is_kept() {
    let Some(world) = installed() else { return };
    world.policy("[[budget]]\nname = \"alone\"\nper = \"run\"\nlimit = \"0 sub-agents\"\n");
    world.server.script(Select::root(), [Reply::spawn_agent("count"), Reply::message("done")]);
    world.server.script(Select::subagent(), [Reply::message("counted")]);
    world.run("codex", &["exec", "-m", UNKNOWN, "do it"]);
    assert_eq!(world.server.requests().len(), 2, "the sub-agent asked nothing");
}

#[test]
fn a_question_that_is_denied_ends_it_before_the_next_request() {
    let Some(world) = installed() else { return };
    a_day(&world, "do = \"ask\", wait = \"30m\", else = \"stop\"");
    endless(&world);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern: held: ");
    world.govern(&["deny", "1"]).expect_code(0);
    assert_eq!(codex.finish().code(), 1);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn who_is_no_approver_answers_no_session() {
    let Some(world) = installed() else { return };
    let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    world.policy_for_nobody(
        "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n\
         [approvals]\nwait_for_nobody = true\napprovers = [\"somebody-else\"]\n",
    );
    endless(&world);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern: held: ");
    world.wait_until_at_gate();
    for answer in [&["approve", "1", "--extend", "1usd"][..], &["approve", "1"], &["deny", "1"]] {
        let refused = world.govern(answer);
        assert_ne!(refused.code(), 0, "{answer:?}: {refused}");
        assert!(refused.stderr.contains(&format!("`{me}` is not among the approvers")), "{answer:?}: {refused}");
        assert!(refused.stderr.contains("hint: `govern approvals` shows what waits"), "{answer:?}: {refused}");
    }
    assert_eq!(ledger::approvals(&world)[0]["state"], "pending", "it waits still");
    assert_eq!(world.server.requests().len(), 2);
    world.govern(&["stop", "--all"]).expect_code(0);
    assert_eq!(codex.finish().code(), 1);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn an_answer_written_by_hand_is_not_obeyed() {
    let Some(world) = installed() else { return };
    a_day(&world, "do = \"ask\", wait = \"1s\", else = \"stop\"");
    endless(&world);
    let codex = world.start("codex", EXEC);
    codex.wait_for_stderr("govern: held: ");
    let forger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    forger
        .execute("UPDATE approvals SET state = 'approved', answer = '{\"extend\":{\"amount\":9}}', revision = 99", [])
        .unwrap();
    assert_eq!(codex.finish().code(), 1);
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn an_agent_cannot_answer_for_itself_nor_let_itself_out() {
    let Some(world) = installed() else { return };
    let govern = env!("CARGO_BIN_EXE_govern");
    world.server.script(
        Select::root(),
        [Reply::exec(&format!("{govern} hooks remove --yes; echo left $? > left.txt")), Reply::message("done")],
    );
    world.run("codex", EXEC).expect_code(0);
    assert_eq!(std::fs::read_to_string(world.path("work/left.txt")).unwrap(), "left 123\n");
    assert!(config(&world).contains("--installed"));
}

#[test]
fn a_gate_refuses_a_command_and_the_model_reads_why() {
    let Some(world) = installed() else { return };
    world.policy("[[gate]]\nname = \"no touching\"\ntool = \"Bash\"\nmatch = \"touch *\"\ndo = \"deny\"\n");
    world
        .server
        .script(Select::root(), [Reply::exec("touch ran"), Reply::exec("echo fine > fine"), Reply::message("done")]);
    let done = world.run("codex", EXEC).expect_code(0);
    assert!(!world.path("work/ran").exists() && world.path("work/fine").exists(), "{done}");
    done.expect_said("no touching");
}

#[test]
fn models_that_are_not_allowed_are_not_asked() {
    let Some(world) = installed() else { return };
    world.policy(&format!("[models]\nallow = [\"{CHEAPER}\"]\n"));
    assert_eq!(world.run("codex", EXEC).code(), 1);
    assert_eq!(world.server.requests().len(), 0);
    world.run("codex", &["exec", "-m", CHEAPER, "do it"]).expect_code(0);
    assert!(world.server.requests().iter().all(|request| request.model != MODEL));
}

#[test]
fn one_that_only_observes_says_so_and_stops_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.govern(&["hooks", "install", "--observe", "--yes"]).expect_code(0);
    a_day(&world, "do = \"stop\"");
    let replies = [Reply::exec("true"), Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")];
    world.server.script(Select::root(), replies);
    let done = world.run("codex", EXEC).expect_code(0);
    done.expect_said("govern: would stop: ");
    assert_eq!(world.server.served().len(), 4);
}

#[test]
fn a_policy_with_a_mistake_or_a_ledger_that_cannot_be_written_lets_nothing_past() {
    for broken in ["policy", "ledger", "govern"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        std::fs::hard_link(env!("CARGO_BIN_EXE_govern"), world.path("bin/mine")).unwrap();
        world.run("mine", &["hooks", "install", "--yes"]).expect_code(0);
        a_day(&world, "do = \"stop\"");
        match broken {
            "policy" => world.policy("[[budget]]\nname = 1\n"),
            "ledger" => world.write("govern/ledger.db", "this is no ledger, and long enough to be read as one"),
            _ => std::fs::remove_file(world.path("bin/mine")).unwrap(),
        }
        let done = world.run("codex", EXEC);
        assert_eq!(world.server.requests().len(), 0, "{broken}: {done}");
    }
}

#[test]
fn below_a_run_a_nested_codex_is_gated_by_that_run_and_the_outer_one_is_asked_once() {
    let Some(world) = installed() else { return };
    world.policy("[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.11 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n");
    let nested = format!("{} exec 'nested work' </dev/null", world.path("bin/codex").display());
    world.server.always(Select::any(), Reply::exec(&nested));
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124).expect_outcome("stopped");
    // Those above wait for their tools: five fit.
    assert_eq!(world.server.requests().len(), 5);
    let ledger = rusqlite::Connection::open(world.path("govern/ledger.db")).unwrap();
    let mut calls = ledger
        .prepare("SELECT json_extract(data, '$.thread') FROM events WHERE data LIKE '%\"tool_called\"%'")
        .unwrap();
    let mut threads: Vec<String> = calls.query_map([], |row| row.get(0)).unwrap().flatten().collect();
    let asked = threads.len();
    threads.sort();
    threads.dedup();
    assert!(threads.len() == asked && asked >= 2, "each Codex asks for its tool, and once: {asked} {threads:?}");
    ledger::expect_all_served(&world, &end.id());
    let report = report(&world, "run");
    assert_eq!(report["rows"].as_array().unwrap().len(), 1, "{report}");
}

#[test]
fn a_stop_does_not_wait_for_a_tool_whose_codex_it_holds() {
    let Some(world) = installed() else { return };
    world.policy("[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n");
    let nested = format!("{} exec 'nested work' </dev/null", world.path("bin/codex").display());
    world.server.script(Select::any().containing("outer work"), [Reply::exec(&nested), Reply::message("done")]);
    world.server.script(Select::any(), [Reply::exec("true"), Reply::message("nested is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "outer work"]);
    governed.running.wait_for_stderr("stop: ");
    let begun = std::time::Instant::now();
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    // Codex itself asks the model again after 30 s of such a tool.
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}: {}", begun.elapsed(), end.finished);
    assert_eq!(
        (world.server.requests().len(), &end.summary["in_flight"]["requests"]),
        (2, &0.into()),
        "{}",
        end.summary
    );
}

#[test]
fn a_codex_that_does_not_ask_first_is_stopped_before_the_tool() {
    let Some(world) = World::with_codex(OLD) else { return };
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    a_day(&world, "do = \"stop\"");
    endless(&world);
    let done = world.run("codex", EXEC);
    assert_ne!(done.code(), 0, "{done}");
    // Two fit. It tells of an answer after the tool only: the limit is passed by one.
    assert!(world.server.requests().len() <= 3, "{}: {done}", world.server.requests().len());
}

#[test]
fn a_policy_of_alerts_alone_is_said_not_to_be_kept_here() {
    let Some(world) = installed() else { return };
    world.policy("[[alert]]\nname = \"fast\"\nrate = \"0.01 usd/h\"\nover = \"10m\"\ndo = \"stop\"\n");
    world.server.script(Select::root(), [Reply::message("done")]);
    let done = world.run("codex", EXEC).expect_code(0);
    done.expect_said("only `govern run` looks at alerts and at what is used of a plan, and not here: `fast`");
}
