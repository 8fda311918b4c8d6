//! The emergency brake: a person lets runs stand still, go on, or end, from another terminal.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rusqlite::Connection;
use serde_json::Value;

use crate::ENDLESS;
use crate::support::codex::{CURRENT, OLD};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::tmux::Terminal;
use crate::support::world::{Governed, World};

const CODEX: &[&str] = &["codex", "exec", "do it"];

/// A tool that says that it runs, and ends when the test says so.
const TOOL: &str = "touch started; while [ ! -e go ]; do sleep 0.05; done";

#[track_caller]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < deadline, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The ids of all runs, in the order in which they began.
fn runs(world: &World) -> Vec<String> {
    let Ok(ledger) = Connection::open(world.path("govern/ledger.db")) else { return Vec::new() };
    let Ok(mut rows) = ledger.prepare("SELECT id FROM runs ORDER BY no") else { return Vec::new() };
    let ids = rows.query_map([], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}

/// What persons did to a run, by the ledger.
fn braked(world: &World, run: &str) -> Vec<(String, Value)> {
    let ledger = Connection::open(world.path("govern/ledger.db")).unwrap();
    let mut rows = ledger
        .prepare("SELECT data FROM events e JOIN runs r ON r.no = e.run_no WHERE r.id = ?1 ORDER BY e.seq")
        .unwrap();
    let bodies = rows.query_map([run], |row| row.get::<_, String>(0)).unwrap();
    let read = bodies.map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap());
    let braked = read.filter(|event| event["kind"] == "braked");
    braked.map(|event| (event["brake"].as_str().unwrap().to_owned(), event["reason"].clone())).collect()
}

/// A Codex whose tool runs.
fn at_work<'w>(world: &'w World, flags: &[&str]) -> Governed<'w> {
    world.server.script(Select::root(), [Reply::exec(TOOL), Reply::message("all is done")]);
    let governed = world.start_governed(flags, CODEX);
    wait_until("the tool runs", || world.path("work/started").exists());
    governed
}

fn let_the_tool_end(world: &World) {
    world.write("work/go", "");
}

/// Says what came of a brake, which must have worked.
#[track_caller]
fn brake(world: &World, words: &[&str]) -> String {
    world.govern(words).expect_code(0).out()
}

/// The agent's processes that run or sleep.
fn moving(world: &World) -> Vec<(i32, char)> {
    world.agent_states().into_iter().filter(|(_, state)| !matches!(state, 'T' | 't' | 'Z')).collect()
}

#[test]
fn paused_in_a_turn_it_asks_nothing_more_until_somebody_lets_it_go_on() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let governed = at_work(&world, &[]);
    let run = runs(&world).remove(0);
    let said = brake(&world, &["pause", &run[..8], "--reason", "lunch"]);
    assert!(said.contains(&format!("run {run} is paused: its next request and its next tool wait")), "{said}");
    // What was under way ends, and what would follow waits.
    let_the_tool_end(&world);
    world.wait_until_at_gate();
    assert!(world.agent_states().iter().all(|(_, state)| *state != 'T'), "{:?}", world.agent_states());
    let again = brake(&world, &["pause", &run]);
    assert!(again.contains("is paused already, by") && again.contains("“lunch”"), "{again}");
    assert_eq!(world.server.requests().len(), 1);
    for shown in [world.govern(&[]), world.govern(&["approvals"])] {
        assert!(shown.out().contains("Paused") && shown.out().contains("“lunch”"), "{shown}");
    }
    assert_eq!(brake(&world, &["continue", &run]), format!("run {run} goes on\n"));
    let end = governed.finish().expect_code(0).expect_outcome("ended").expect_said("paused");
    assert!(end.finished.out().contains("all is done"), "{}", end.finished);
    assert_eq!(world.server.served().len(), 2);
    ledger::expect_all_served(&world, &run);
    let words: Vec<(String, Value)> = braked(&world, &run);
    assert_eq!(words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), ["pause", "pause", "continue"]);
    assert_eq!(words[0].1, "lunch");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn without_a_gate_all_its_processes_stand_still() {
    for hooks in [true, false] {
        let Some(world) = World::with_codex(if hooks { OLD } else { CURRENT }) else { return };
        if !hooks {
            world.take_hooks_away();
        }
        let governed = at_work(&world, &["--quiet"]);
        let said = brake(&world, &["pause", "--all"]);
        assert!(said.contains("is paused: all its processes are stopped"), "{said}");
        // That is so when it is said.
        assert_eq!(moving(&world), []);
        let_the_tool_end(&world);
        brake(&world, &["continue", "--all"]);
        let end = governed.finish().expect_code(0);
        assert_eq!(world.server.served().len(), 2);
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn an_answer_that_comes_while_it_is_paused_is_taken_in_and_its_tool_waits() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let answer = Gate::new();
    world.server.script(
        Select::root(),
        [Reply::exec("true"), Reply::exec("touch late").held_at(&answer), Reply::message("all is done")],
    );
    let governed = world.start_governed(&[], CODEX);
    world.server.wait_for_requests(2, LONG).unwrap();
    brake(&world, &["pause", "--all"]);
    answer.open();
    wait_until("the tool waits", || world.hooks().iter().any(|(_, line)| line.contains("pre-tool-use")));
    assert!(!world.path("work/late").exists());
    brake(&world, &["continue", "--all"]);
    let end = governed.finish().expect_code(0);
    assert!(world.path("work/late").exists());
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn neither_an_answer_lifts_a_pause_nor_the_end_of_a_pause_a_question() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.03 usd\"\n\
         steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n",
    );
    let governed = at_work(&world, &[]);
    let_the_tool_end(&world);
    world.wait_until_at_gate();
    let said = brake(&world, &["pause", "--all"]);
    assert!(said.contains("it waits for an answer, too: govern approve 1"), "{said}");
    let stands = world.govern(&["status"]).out();
    let run =
        stands.lines().find_map(|line| line.split("govern continue ").nth(1)).unwrap_or_else(|| panic!("{stands}"));
    assert!(stands.contains("held  ") && stands.contains("govern approve 1"), "{stands}");
    let agents = world.govern(&["status", "--format", "json"]).expect_code(0);
    let agents: serde_json::Value = serde_json::from_slice(&agents.stdout).unwrap();
    let agent = &agents["runs"][0]["agents"][0];
    assert_eq!((agent["state"].as_str(), agent["paused"]["by"].is_string()), (Some("held"), true), "{agent}");
    let said = world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0).stderr;
    assert!(said.contains("agent `codex` stays paused, by "), "{said}");
    assert!(said.contains(&format!("to go on: govern continue {run}")), "{said}");
    let shown = world.govern(&[]).out();
    assert!(shown.contains("Paused") && !shown.contains("govern approve"), "{shown}");
    assert_eq!((world.hooks().len(), world.server.requests().len()), (1, 1));
    assert!(brake(&world, &["continue", "--all"]).contains("goes on"));
    governed.finish().expect_code(0);
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn a_stop_leaves_a_hand_off_and_says_by_whom() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(
        Select::root(),
        [Reply::exec("echo more >> README.md"), Reply::exec(ENDLESS), Reply::message("all is done")],
    );
    let governed = world.start_governed(&[], CODEX);
    world.server.wait_for_served(2, LONG).unwrap();
    let run = runs(&world).remove(0);
    assert_eq!(brake(&world, &["stop", &run, "--reason", "enough for today"]), format!("run {run} is being stopped\n"));
    let end = governed.finish().expect_code(124).expect_outcome("stopped");
    let end = end.expect_said("stopped by ").expect_said("(cli): “enough for today”");
    let end = end.expect_said("1 file changed").expect_said(&format!("govern resume {run}"));
    assert_eq!(end.summary["outcome"]["rule"], Value::Null, "{}", end.summary);
    assert_eq!(end.summary["outcome"]["reason"], "enough for today");
    assert!(end.summary["outcome"]["by"].as_str().unwrap().ends_with(" (cli)"));
    assert_eq!(world.server.requests().len(), 2);
    ledger::expect_all_served(&world, &run);
    world.govern(&["resume", &run]).expect_code(0);
    let later = world.govern(&["stop", &run]);
    assert_eq!(later.code(), 125, "{later}");
    assert!(later.stderr.contains(&format!("run `{run}` is over")), "{later}");
    world.govern(&["audit", "verify"]).expect_code(0);
}

#[test]
fn who_may_not_continue_may_not_resume_what_was_stopped() {
    for braked in ["stop", "pause"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy("[approvals]\napprovers = [\"somebody-else\"]\n");
        world.server.script(Select::root(), [Reply::exec("true"), Reply::exec(ENDLESS), Reply::message("all is done")]);
        let governed = world.start_governed(&[], CODEX);
        world.server.wait_for_served(2, LONG).unwrap();
        let run = runs(&world).remove(0);
        brake(&world, &[braked, &run]);
        if braked == "pause" {
            // To end what was paused, and start it again, is no way round it either.
            governed.running.signal(Signal::SIGTERM);
        }
        governed.finish_among_others();
        world.wait_for_no_survivors(LONG);
        let refused = world.govern(&["resume", &run]).expect_code(123);
        let done = if braked == "stop" { "stopped" } else { "paused" };
        assert!(refused.stderr.contains(&format!("run `{run}`, which was {done} by ")), "{refused}");
        assert!(
            refused.stderr.contains("is not among the approvers of this policy (they are: somebody-else)"),
            "{refused}"
        );
        assert_eq!(world.server.requests().len(), 2);
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_ended_by_itself_or_by_its_limit_goes_on_without_anybodys_leave() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[approvals]\napprovers = [\"somebody-else\"]\n");
    world.server.script(Select::root(), [Reply::message("one"), Reply::message("two")]);
    let end = world.run_governed(&[], CODEX).expect_code(0);
    world.govern(&["resume", &end.id()]).expect_code(0);
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn a_kill_waits_for_no_answer_even_where_a_stop_does() {
    for stopped_before in [false, true] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        // Codex asks a second time, and its answer is long in coming.
        world.server.script(Select::root(), [Reply::exec("true"), Reply::message("late").held_midway_at(&Gate::new())]);
        let governed = world.start_governed(&[], CODEX);
        world.server.wait_for_requests(2, LONG).unwrap();
        let run = runs(&world).remove(0);
        if stopped_before {
            brake(&world, &["stop", &run]);
        }
        let said = brake(&world, &["stop", "--kill", &run, "--reason", "now"]);
        let end = governed.finish().expect_code(124);
        if !stopped_before {
            assert_eq!(said, format!("run {run} is being killed\n"));
            end.expect_outcome("killed").expect_said("killed by ").expect_said("(cli): “now”");
        }
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

#[test]
fn what_is_paused_can_be_stopped_and_can_be_ended_by_a_signal() {
    for hooks in [true, false] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        if !hooks {
            world.take_hooks_away();
        }
        let governed = at_work(&world, &[]);
        brake(&world, &["pause", "--all"]);
        brake(&world, &["stop", "--all"]);
        governed.finish().expect_code(124).expect_outcome("stopped").expect_said("govern resume");
        std::fs::remove_file(world.path("work/started")).unwrap();
        let governed = at_work(&world, &[]);
        brake(&world, &["pause", "--all"]);
        governed.running.signal(Signal::SIGTERM);
        // An ended Codex is not a stopped one: what its tool had started, here a sleep of 50 ms, may outlive it.
        governed.finish_among_others();
        world.wait_for_no_survivors(LONG);
        assert_eq!(world.server.requests().len(), 2);
    }
}

#[test]
fn of_ten_runs_only_those_are_braked_that_are_meant() {
    let world = World::without_codex();
    let team = |number: usize| if number.is_multiple_of(2) { "web" } else { "infra" };
    // What starts nothing is seen to stand still: a shell waits in the kernel for a child that was stopped as it began.
    world.run("mkfifo", &["go"]).expect_code(0);
    let running: Vec<_> = (0..10)
        .map(|number| {
            let tool = format!("echo $$ > pid-{number}; exec cat go");
            world.start_governed(&["--team", team(number)], &["sh", "-c", &tool])
        })
        .collect();
    let pid = |number: usize| std::fs::read_to_string(world.path(&format!("work/pid-{number}"))).unwrap_or_default();
    wait_until("all run", || (0..10).all(|number| pid(number).ends_with('\n')));
    let stopped = |number: usize| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid(number).trim())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    let which = || (0..10).filter(|number| stopped(*number)).collect::<Vec<_>>();
    assert_eq!(brake(&world, &["pause", "--team", "web"]).lines().count(), 5);
    assert_eq!(which(), [0, 2, 4, 6, 8]);
    let all = brake(&world, &["pause", "--all", "--reason", "fire drill"]);
    assert_eq!(all.lines().count(), 10);
    assert_eq!(all.matches("is paused already").count(), 5);
    assert_eq!(which().len(), 10);
    let ids = runs(&world);
    assert_eq!(brake(&world, &["continue", &ids[0], &ids[1], &ids[0]]).lines().count(), 2);
    // What goes on is told before it has: the kernel takes a moment.
    wait_until("two go on", || which().len() == 8);
    assert_eq!(brake(&world, &["continue", "--all"]).matches("is not paused").count(), 2);
    wait_until("all go on", || which().is_empty());
    assert_eq!(brake(&world, &["stop", "--team", "infra"]).lines().count(), 5);
    world.write("work/go", "");
    for (number, governed) in running.into_iter().enumerate() {
        let code = if team(number) == "infra" { 124 } else { 0 };
        governed.finish_among_others().expect_code(code);
    }
    assert_eq!(brake(&world, &["stop", "--all"]), "Nothing runs here.\n");
    world.govern(&["audit", "verify"]).expect_code(0);
    world.expect_no_survivors();
}

#[test]
fn a_run_that_cannot_answer_is_named_and_holds_up_no_other() {
    let world = World::without_codex();
    let asleep = world.start_governed(&[], &["sh", "-c", "touch one; while [ ! -e go ]; do sleep 0.05; done"]);
    wait_until("the first runs", || world.path("work/one").exists());
    let awake = world.start_governed(&[], &["sh", "-c", "touch two; while [ ! -e go ]; do sleep 0.05; done"]);
    wait_until("both run", || world.path("work/two").exists());
    asleep.running.signal(Signal::SIGSTOP);
    let ids = runs(&world);
    let done = world.govern(&["pause", "--all"]).expect_code(125);
    assert!(done.out().contains(&format!("run {} is paused", ids[1])), "{done}");
    assert!(done.stderr.contains(&format!("run `{}` could not be reached", ids[0])), "{done}");
    asleep.running.signal(Signal::SIGCONT);
    // Who was told that it failed is gone, and nothing is done on his word.
    assert!(brake(&world, &["pause", &ids[0]]).contains("is paused: all its processes are stopped"));
    assert_eq!(braked(&world, &ids[0]).len(), 1);
    brake(&world, &["continue", "--all"]);
    world.write("work/go", "");
    asleep.finish_among_others().expect_code(0);
    awake.finish_among_others().expect_code(0);
    world.expect_no_survivors();
}

#[test]
fn who_is_no_approver_may_pause_and_stop_and_not_continue() {
    for door in ["run", "fleet", "hooks"] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        // Without a rule an installed hook only meters.
        world.policy(
            "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"5 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n\
             [approvals]\napprovers = [\"somebody-else\"]\n",
        );
        world.server.script(Select::root(), [Reply::exec(TOOL), Reply::message("all is done")]);
        let (mut governed, mut alone) = (None, None);
        match door {
            "run" => governed = Some(world.start_governed(&[], CODEX)),
            "fleet" => {
                let agent = "[[agent]]\nname = \"a\"\nprompt = \"do it\"\n";
                governed = Some(world.start_fleet(&[], agent));
            }
            _ => {
                world.govern(&["hooks", "install", "--yes"]).expect_code(0);
                alone = Some(world.start("codex", &CODEX[1..]));
            }
        }
        wait_until("the tool runs", || world.path("work/started").exists());
        let run = runs(&world).remove(0);
        assert!(brake(&world, &["pause", &run]).contains("is paused"), "{door}");
        let refused = world.govern(&["continue", &run]).expect_code(125);
        let why = format!("run `{run}` does not obey: `{me}` is not among the approvers");
        assert!(refused.stderr.contains(&why), "{door}: {refused}");
        assert!(brake(&world, &["pause", &run]).contains("is paused already"), "{door}: it is paused still");
        brake(&world, &["stop", &run]);
        let_the_tool_end(&world);
        let by_govern = governed.is_some();
        if let Some(governed) = governed {
            governed.finish().expect_code(124);
        }
        if let Some(codex) = alone {
            assert_eq!(codex.finish().code(), 1);
        }
        let noted =
            |event: &serde_json::Value| event.to_string().contains(&format!("{me} (cli) may not let it go on: "));
        assert_eq!(ledger::events(&world, "marked").iter().any(noted), by_govern, "{door}: the try is on record");
        assert_eq!(world.server.requests().len(), 1, "{door}: nothing went on");
        let words: Vec<String> = braked(&world, &run).into_iter().map(|(word, _)| word).collect();
        assert!(!words.contains(&"continue".to_owned()) && words.last().unwrap() == "stop", "{door}: {words:?}");
    }
}

#[test]
fn agents_do_not_use_the_brake_however_they_hide() {
    let world = World::without_codex();
    let victim = world.start_governed(&[], &["sh", "-c", "touch one; while [ ! -e go ]; do sleep 0.05; done"]);
    wait_until("it runs", || world.path("work/one").exists());
    let run = runs(&world).remove(0);
    brake(&world, &["pause", &run]);
    let tries = "for verb in pause continue stop; do govern $verb --all >> \"$1\" 2>&1; echo code $? >> \"$1\"; done; touch \"$1.done\"";
    world.write("work/tries.sh", tries);
    let hidden = [
        ("plain", "sh tries.sh plain".to_owned()),
        ("forked", "( ( sh tries.sh forked & ) & )".to_owned()),
        ("session", "setsid -f sh tries.sh session".to_owned()),
        (
            "bare",
            format!(
                "env -i PATH=\"$PATH\" GOVERN_HOME={} setsid -f sh -c '(sh tries.sh bare &)'",
                world.path("govern").display()
            ),
        ),
    ];
    for (name, command) in hidden {
        let command = format!("{command}; while [ ! -e {name}.done ]; do sleep 0.05; done");
        world.start_governed(&[], &["sh", "-c", &command]).finish_among_others().expect_code(0);
        let told = std::fs::read_to_string(world.path(&format!("work/{name}"))).unwrap();
        assert_eq!(told.matches("code 125").count(), 3, "{name}: {told}");
        assert_eq!(told.matches("agents do not decide about agents").count(), 6, "{name}: {told}");
    }
    assert_eq!(braked(&world, &run).len(), 1);
    brake(&world, &["continue", &run]);
    world.write("work/go", "");
    victim.finish_among_others().expect_code(0);
    world.wait_for_no_survivors(LONG);
}

/// Requests of the person's own thread: a title is asked for on the side.
fn of_user(world: &World) -> usize {
    world.server.requests().iter().filter(|request| request.source.as_deref() == Some("user")).count()
}

#[test]
fn a_screen_lives_on_while_it_is_paused_in_a_turn_and_at_rest() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world.server.script(Select::root(), [Reply::exec(TOOL), Reply::message("first is done")]);
    let Some(terminal) = Terminal::open(&world) else { return };
    let prompt = |text: &str| {
        terminal.type_text(text);
        terminal.wait_for(&format!("› {text}"));
        terminal.press("Enter");
    };
    terminal.run_then_tell_code("govern run -- codex");
    terminal.wait_for("for shortcuts");
    // Before its first turn nothing tells yet how far its hooks reach.
    let said = brake(&world, &["pause", "--all"]);
    assert!(said.contains("it rests, and its next turn waits"), "{said}");
    prompt("do it");
    wait_until("the turn waits", || !world.hooks().is_empty());
    assert_eq!(of_user(&world), 0);
    brake(&world, &["continue", "--all"]);
    wait_until("the tool runs", || world.path("work/started").exists());

    let said = brake(&world, &["pause", "--all", "--reason", "lunch"]);
    assert!(said.contains("its next request and its next tool wait"), "{said}");
    let_the_tool_end(&world);
    world.wait_until_at_gate();
    // It is alive: what is typed is seen.
    terminal.type_text("and then");
    terminal.wait_for("› and then");
    assert_eq!(of_user(&world), 1);
    brake(&world, &["continue", "--all"]);
    terminal.wait_for("first is done");
    for _ in 0.."and then".len() {
        terminal.press("BSpace");
    }
    prompt("/quit");
    let (code, screen) = terminal.wait_for_code();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("paused"), "{screen}");
    terminal.expect_nothing_left();
}

#[test]
fn a_team_s_brake_reaches_its_agents_in_a_fleet_and_no_others() {
    let world = World::without_codex();
    let agent = |name: &str, team: &str| {
        let waits = format!("echo $$ > pid-{name}; exec sleep 600");
        format!("[[agent]]\nname = \"{name}\"\nteam = \"{team}\"\ncommand = [\"sh\", \"-c\", '''{waits}''']\n")
    };
    let fleet = world.start_fleet(&[], &[agent("a", "web"), agent("b", "infra")].concat());
    let pid = |name: &str| std::fs::read_to_string(world.path(&format!("work/pid-{name}"))).unwrap_or_default();
    wait_until("both run", || pid("a").ends_with('\n') && pid("b").ends_with('\n'));
    let stopped = |name: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid(name).trim())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    let said = brake(&world, &["pause", "--team", "web"]);
    assert!(said.contains("`a` is paused") && !said.contains("`b`"), "{said}");
    assert!(stopped("a") && !stopped("b"));
    world.govern(&["pause", "--team", "api"]).expect_code(125).expect_said("no run of team `api` runs here");
    let said = brake(&world, &["continue", "--team", "web"]);
    assert!(said.contains("`a` goes on") && !said.contains("`b`"), "{said}");
    brake(&world, &["stop", "--all"]);
    fleet.finish().expect_code(124);
}
