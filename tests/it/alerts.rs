//! Alerts: on what a real Codex spends and does, whatever its budgets say.

use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use serde_json::Value;

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger;
use crate::support::world::{CHEAPER, MODEL, World};

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// What was decided, oldest first.
fn decided(world: &World) -> Vec<Value> {
    let ledger = Connection::open(world.path("govern/ledger.db")).unwrap();
    let mut rows = ledger.prepare("SELECT data FROM events ORDER BY run_no, seq").unwrap();
    let bodies = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let read = bodies.map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap());
    read.filter(|event| event["kind"] == "decided").collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The decisions of alerts, oldest first: the alert, the verb, and the first reason.
fn decisions(world: &World) -> Vec<(String, String, String)> {
    let of_alerts = decided(world).into_iter().filter(|event| event["alert"].is_string());
    of_alerts.map(|event| (text(&event["alert"]), text(&event["verb"]), text(&event["because"][0]))).collect()
}

/// Every reason of every decision.
fn reasons(world: &World) -> Vec<String> {
    decided(world).iter().flat_map(|event| event["because"].as_array().unwrap()).map(text).collect()
}

#[test]
fn an_agent_that_burns_fast_is_warned_about_once() {
    for version in [CURRENT, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        // Each answer is $0.0212: the third one is beyond.
        world.policy("[[alert]]\nname = \"burning fast\"\nrate = \"0.30 usd/h\"\nover = \"10m\"\ndo = \"warn\"\n");
        world.server.script(Select::root(), [(); 4].map(|()| Reply::exec("true")));
        let end = world.run_governed(&[], CODEX).expect_code(0).expect_said("is more than $0.30/h (burning fast)");
        assert_eq!(decisions(&world).len(), 1, "{version:?}: {:?}", decisions(&world));
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn an_agent_with_nothing_to_show_is_asked_about_and_one_that_changes_files_is_not() {
    for (changes, code) in [("date > made-$RANDOM.txt; sleep 1", 0), ("true", 124)] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(
            "[[alert]]\nname = \"nothing to show\"\nspend = \"0.05 usd\"\nwithout = \"changes\"\ndo = \"ask\"\nwait = \"2s\"\nelse = \"stop\"\n",
        );
        // Each change is seen with the look that an answer brings, or before it is said that there is none.
        world.server.script(Select::root(), [(); 7].map(|()| Reply::exec(changes)));
        let end = world.run_governed(&[], CODEX).expect_code(code);
        let decided = decisions(&world);
        assert_eq!(decided.is_empty(), code == 0, "{decided:?}");
        if code != 0 {
            assert_eq!((decided[0].0.as_str(), decided[0].1.as_str()), ("nothing to show", "ask"));
            assert!(decided[0].2.ends_with("spent without changes (nothing to show)"), "{decided:?}");
        }
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn an_agent_whose_command_fails_again_and_again_is_stopped() {
    for version in [CURRENT, OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        world.policy("[[alert]]\nname = \"stuck\"\nfailing = 3\ndo = \"stop\"\n");
        world.server.script(Select::root(), [(); 9].map(|()| Reply::exec("echo trying; exit 7")));
        let end = world.run_governed(&[], CODEX).expect_code(124);
        let decided = decisions(&world);
        assert_eq!(decided.len(), 1, "{version:?}: {decided:?}");
        assert_eq!(decided[0].2, "`echo trying; exit 7` failed 3 times in a row (stuck)");
        assert!(world.server.requests().len() <= 5, "{version:?}: {}", world.server.requests().len());
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn what_code_mode_runs_in_a_cell_is_seen_too_and_the_model_is_told() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[alert]]\nname = \"stuck\"\nfailing = 3\ndo = \"steer\"\nsay = \"Read the error first.\"\n");
    let cell = serde_json::json!({
        "type": "custom_tool_call", "name": "exec", "call_id": "cell",
        "input": "for (let i = 0; i < 3; i++) { await tools.exec_command({cmd: 'exit 7'}); } text('tried');",
    });
    world.server.script(Select::root(), [Reply::item(cell), Reply::exec("true"), Reply::exec("true")]);
    world.run_governed(&[], CODEX).expect_code(0).expect_said("steer: `exit 7` failed 3 times in a row (stuck)");
    let heard = world.server.requests().iter().filter(|request| request.body.contains("Read the error first.")).count();
    assert!(heard >= 1);
}

#[test]
fn a_plan_s_own_limit_holds_an_agent_until_its_window_begins_anew() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        world.policy("[[alert]]\nname = \"the plan\"\nused = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"\n");
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let resets = now() + Duration::from_secs(12);
        let told = |used: &str| {
            Reply::exec("true")
                .header("x-codex-primary-used-percent", used)
                .header("x-codex-primary-window-minutes", "300")
                .header("x-codex-primary-reset-at", &resets.as_secs().to_string())
        };
        world.server.script(Select::root(), [told("42.5"), told("81"), Reply::exec("true")]);
        let end = world.run_governed(&[], CODEX).expect_code(0).expect_said("81% of the plan's 5h limit is used");
        assert!(end.finished.stderr.contains("the plan's 5h limit began anew"), "{}", end.finished.stderr);
        assert!(now().as_secs() >= resets.as_secs(), "it went on before its time");
        let requests = world.server.requests();
        let held = requests.iter().zip(requests.iter().skip(1)).map(|(one, next)| next.at - one.at).max();
        assert!(held > Some(Duration::from_secs(3)), "{version:?}: {requests:?}");
        ledger::expect_all_served(&world, &end.id());
    }
}

/// A reply that says how much of the plan's five hours is used.
fn told_of_plan(used: &str, resets: Duration) -> Reply {
    Reply::exec("true")
        .header("x-codex-primary-used-percent", used)
        .header("x-codex-primary-window-minutes", "300")
        .header("x-codex-primary-reset-at", &resets.as_secs().to_string())
}

#[test]
fn a_budget_over_a_plan_warns_holds_and_tells_where_it_stands() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"five hours\"\nper = \"user\"\nlimit = \"80% plan 5h\"\nsteps = [{ at = \"50%\", do = \"warn\" }, { at = \"100%\", do = \"hold\", until = \"reset\" }]\n",
    );
    let resets = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(10);
    let later = resets + Duration::from_secs(18_000);
    world.server.script(
        Select::root(),
        [
            told_of_plan("39.9", resets),
            told_of_plan("41", resets),
            told_of_plan("80", resets),
            told_of_plan("3", later),
        ],
    );
    let end = world
        .run_governed(&[], CODEX)
        .expect_code(0)
        .expect_said("warn: 41% used of 80% of the plan's 5h limit (five hours): 50% reached")
        .expect_said(
            "paused by policy (budget `five hours`): “80% used of 80% of the plan's 5h limit (five hours): spent",
        )
        .expect_said("the plan's 5h limit began anew");
    assert!(decisions(&world).is_empty(), "they are a budget's");
    let budget = world.govern(&["budget"]).expect_code(0).out();
    assert!(budget.contains("`five hours`: 3% of the plan's 5h limit was used at"), "{budget}");
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_flag_over_a_plan_stops_at_its_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let resets = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
    world.server.script(Select::root(), [told_of_plan("59", resets), told_of_plan("60", resets), Reply::exec("true")]);
    let flags = ["--budget", "60% plan 5h", "--at-limit", "stop"];
    let end = world
        .run_governed(&flags, CODEX)
        .expect_code(124)
        .expect_outcome("stopped")
        .expect_said("60% used of 60% of the plan's 5h limit (--budget 60% plan 5h): spent");
    assert_eq!(end.summary["outcome"]["rule"], "--budget 60% plan 5h");
    assert_eq!(world.server.requests().len(), 2);
}

#[test]
fn what_a_real_session_tells_is_enough_for_every_judgement() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        let alert = |name: &str, lines: &str| format!("[[alert]]\nname = \"{name}\"\n{lines}\ndo = \"warn\"\n");
        let alerts = [
            ("repeated", "repeated = 3"),
            ("context", "context = \"50%\""),
            ("cache", "cache_below = \"30%\""),
            ("idle", "idle = \"2s\""),
            ("faster", "faster = \"150%\""),
            ("pace", "pace = \"120%\"\nof = \"year\""),
        ];
        let year = "[[budget]]\nname = \"year\"\nper = \"everything\"\nwindow = \"year\"\nlimit = \"0.005 usd\"\nsteps = [{ at = \"1000%\", do = \"warn\" }]\n";
        world.policy(&(year.to_owned() + &alerts.map(|(name, lines)| alert(name, lines)).concat()));
        let same = || Reply::exec("true");
        let full = Usage { input: 16_000, cached: 3_000, ..Usage::new(0, 0, 10) };
        world.server.script(
            Select::root(),
            [same(), same(), same().usage(full), same(), same(), Reply::message("done").before(Duration::from_secs(3))],
        );
        let flags = ["--expect", "0.01 usd", "--expect", "1 minutes"];
        let codex = ["codex", "exec", "-c", "model_context_window=30000", "do it"];
        let end = world.run_governed(&flags, &codex).expect_code(0);
        // What comes at once is one decision, with all its reasons.
        let reasons = reasons(&world);
        for (name, _) in alerts {
            let times = reasons.iter().filter(|reason| reason.ends_with(&format!("({name})"))).count();
            assert_eq!(times, 1, "{version:?}: {name}: {reasons:#?}\n{}", end.finished);
        }
    }
}

#[test]
fn an_agent_that_only_polls_is_stopped() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[alert]]\nname = \"polls\"\nwaiting = \"3 responses\"\ndo = \"stop\"\n");
    let polls = || Reply::exec("sleep 0.1").usage(Usage { input: 50_000, cached: 48_000, ..Usage::new(0, 0, 50) });
    world.server.script(Select::root(), [(); 8].map(|()| polls()));
    let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome("stopped");
    let told = "responses read from the cache, said next to nothing, and nothing changed (polls)";
    assert!(reasons(&world).iter().any(|reason| reason.ends_with(told)), "{:#?}\n{}", reasons(&world), end.finished);
    assert!(world.server.requests().len() < 8, "it was stopped before it was done");
}

#[test]
fn a_default_that_became_another_model_is_told() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[alert]]\nname = \"new default\"\nchanged = \"model\"\ndo = \"warn\"\n");
    world.server.always(Select::root(), Reply::message("done"));
    let cheaper = ["codex", "exec", "--model", CHEAPER, "do it"];
    world.run_governed(&[], &cheaper).expect_code(0);
    world.run_governed(&[], &cheaper).expect_code(0);
    assert_eq!(decisions(&world), [], "nothing was before the first run, and the second was like it");
    let end = world.run_governed(&[], CODEX).expect_code(0);
    let told =
        format!("`{MODEL}` answers, where `{CHEAPER}` did in its last runs; the same work costs 2× (new default)");
    assert_eq!(decisions(&world), [("new default".into(), "warn".into(), told)], "{}", end.finished);
}

#[test]
fn each_agent_of_a_fleet_is_judged_by_its_own_work_tree() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[alert]]\nname = \"nothing to show\"\nspend = \"0.05 usd\"\nwithout = \"changes\"\ndo = \"stop\"\n");
    for (agent, does) in [("busy", "date > made-$RANDOM.txt; sleep 1"), ("lazy", "sleep 1")] {
        let of = Select::root().containing(&format!("{agent}-prompt"));
        world.server.script(of, [(); 7].map(|()| Reply::exec(does)));
    }
    let agent = |name: &str| {
        format!("[[agent]]\nname = \"{name}\"\nprompt = \"{name}-prompt\"\nworktree = \"agents/{name}\"\n")
    };
    let end = world.start_fleet(&[], &(agent("busy") + &agent("lazy"))).finish().expect_code(124);
    let agents = end.summary["agents"].as_array().unwrap();
    let results: Vec<(&str, &str)> =
        agents.iter().map(|one| (one["agent"].as_str().unwrap(), one["result"].as_str().unwrap())).collect();
    assert_eq!(results, [("busy", "done"), ("lazy", "stopped")], "{}", end.finished);
    assert_eq!(decisions(&world).len(), 1);
}

#[test]
fn a_budget_over_a_plan_goes_by_the_plans_own_bucket_alone() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"five hours\"\nper = \"user\"\nlimit = \"80% plan 5h\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let resets = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(9_000);
    // Codex 0.171 takes a bucket's name from its headers, and writes down the one that an answer told of last.
    let other = |used: &str| {
        Reply::exec("true")
            .header("x-codex-other-primary-used-percent", used)
            .header("x-codex-other-primary-window-minutes", "300")
            .header("x-codex-other-primary-reset-at", &resets.as_secs().to_string())
    };
    // Another's 100 % stops nothing, and another's 0 % hides nothing of what is used.
    let told =
        [told_of_plan("10", resets), other("100"), told_of_plan("79", resets), other("0"), told_of_plan("81", resets)];
    world.server.script(Select::root(), told.into_iter().chain([Reply::exec("true"), Reply::message("done")]));
    let end = world.run_governed(&[], CODEX).expect_code(124);
    let written: String = world.session_files().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert!(written.contains("\"limit_id\":\"codex_other\""), "Codex told of no other bucket: {}", end.finished);
    assert_eq!(world.server.requests().len(), 5);
    end.expect_said("five hours");
}
