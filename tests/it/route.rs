//! Route: the same thread goes on with the next model of the ladder.

use std::time::Duration;

use crate::ENDLESS;
use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::ledger;
use crate::support::world::{CHEAPER, MODEL, World};

fn ladder(world: &World, steps: &str) {
    world.policy(&format!(
        "[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n\
         [[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.1 usd\"\nsteps = [{steps}]\n"
    ));
}

#[test]
fn a_thread_goes_on_with_a_cheaper_model() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    ladder(&world, r#"{ at = "40%", do = "route" }, { at = "100%", do = "stop" }"#);
    world.server.script(Select::root().model(MODEL), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    world.server.script(Select::root().model(CHEAPER), [Reply::exec("true"), Reply::message("all is done")]);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0).expect_outcome("ended");
    let requests = world.server.requests();
    let models: Vec<&str> = requests.iter().map(|request| request.model.as_str()).collect();
    assert_eq!(models, [MODEL, MODEL, CHEAPER, CHEAPER]);
    assert!(requests.iter().all(|request| request.thread == requests[0].thread), "{requests:?}");
    assert!(end.finished.out().contains("all is done"), "{}", end.finished);
    ledger::expect_all_served(&world, &end.id());
    // The model that was to be next has answered: it is told as done, at the end and later, in JSON as well.
    let id = end.id();
    let later = world.govern(&["report", "--run", &id]).expect_code(0).out();
    let in_json = ledger::report(&world, &["--run", &id]);
    assert_eq!(
        (&in_json["decisions"], in_json["decisions"][0]["what"].as_str()),
        (&end.summary["decisions"], Some("routed"))
    );
    for shown in [&end.finished.stderr, &later] {
        assert!(shown.contains("  routed  to ") && !shown.contains("meant to route"), "{shown}");
    }
    end.expect_said(MODEL).expect_said(CHEAPER);
}

#[test]
fn the_users_own_flags_and_place_stay() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    ladder(&world, r#"{ at = "20%", do = "route" }"#);
    world.write("work/inner/keep.txt", "");
    world.server.script(Select::root().model(MODEL), [Reply::exec(ENDLESS)]);
    world.server.script(Select::root().model(CHEAPER), [Reply::exec("pwd > where.txt"), Reply::message("all is done")]);
    let flags = ["codex", "exec", "-C", "inner", "--json", "-o", "last.txt", "-c", "model_verbosity=\"high\"", "do it"];
    let end = world.run_governed(&[], &flags).expect_code(0);
    let place = std::fs::read_to_string(world.path("work/inner/where.txt")).unwrap();
    assert_eq!(place.trim_end(), world.path("work/inner").display().to_string());
    assert!(end.finished.out().lines().all(|line| line.starts_with('{')), "{}", end.finished);
    // `-o` is relative to where Codex was started, not to `-C`.
    assert_eq!(std::fs::read_to_string(world.path("work/last.txt")).unwrap(), "all is done");
    assert!(world.server.requests().iter().all(|request| request.body.contains(r#""verbosity":"high""#)));
}

#[test]
fn at_the_bottom_of_the_ladder_a_route_warns_and_the_next_step_stays_where_it_is() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // One answer is more than the route's mark, and far from the stop's.
    ladder(&world, r#"{ at = "10%", do = "route" }, { at = "100%", do = "stop" }"#);
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
    let end = world.run_governed(&[], &["codex", "exec", "-m", CHEAPER, "do it"]).expect_code(0);
    end.expect_said("it is not routed: the ladder has no model below");
    assert!(world.server.requests().iter().all(|request| request.model == CHEAPER));
}

#[test]
fn behind_make_a_route_warns_and_what_was_promised_is_asked_at_its_own_mark() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    ladder(&world, r#"{ at = "20%", do = "route" }, { at = "50%", do = "ask", wait = "1s", else = "stop" }"#);
    world.write("work/Makefile", "all:\n\tcodex exec 'do it'\n");
    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::exec("true")]);
    let end = world.run_governed(&[], &["make", "--silent"]).expect_code(124);
    let end = end.expect_said("it is not routed: this Codex cannot be started again");
    // At $0.0212 each the third is the first past half of the limit.
    assert_eq!(world.server.requests().len(), 3);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn at_the_limit_a_route_that_cannot_be_done_is_a_question_or_a_stop() {
    for asks in [true, false] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        ladder(&world, r#"{ at = "100%", do = "route" }"#);
        if asks {
            // What this asks is waited for, though nobody is at a terminal.
            let policy = std::fs::read_to_string(world.path("config/govern/policy.toml")).unwrap();
            world.policy_for_nobody(&format!(
                "{}\n[approvals]\nwait_for_nobody = true\n",
                policy.replacen("version = 1\n", "", 1)
            ));
        }
        world.write("work/Makefile", "all:\n\tcodex exec 'do it'\n");
        world.server.always(Select::root(), Reply::exec("true"));
        let governed = world.start_governed(&[], &["make", "--silent"]);
        if asks {
            governed.running.wait_for_stderr("govern approve 1");
            world.govern(&["deny", "1"]).expect_code(0);
        }
        governed.finish().expect_code(124).expect_said("the next request would pass the limit");
        assert_eq!(world.server.requests().len(), 4, "asks: {asks}");
    }
}

#[test]
fn a_route_is_not_told_as_done_where_the_cheaper_model_answers_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    ladder(&world, r#"{ at = "20%", do = "route" }, { at = "100%", do = "stop" }"#);
    world.server.script(Select::root().model(MODEL), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    world.server.always(Select::root().model(CHEAPER), Reply::refuse(400));
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(1);
    assert!(!end.finished.stderr.contains("routed to"), "{}", end.finished);
    let told = end.summary["decisions"].to_string();
    assert!(!told.contains("\"routed\""), "{told}");
}

#[test]
fn a_route_does_not_end_a_throttle() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    ladder(&world, r#"{ at = "10%", do = "throttle", to = "1 responses/s" }, { at = "20%", do = "route" }"#);
    world.server.script(Select::root().model(MODEL), [Reply::exec("true"), Reply::exec(ENDLESS)]);
    let cheap = Usage::new(100, 0, 1);
    let more = (0..4).map(|_| Reply::exec("true").usage(cheap));
    world.server.script(Select::root().model(CHEAPER), more.chain([Reply::message("all is done").usage(cheap)]));
    world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    let cheaper: Vec<_> = world.server.requests().into_iter().filter(|request| request.model == CHEAPER).collect();
    assert_eq!(cheaper.len(), 5);
    for (one, next) in cheaper.iter().zip(&cheaper[1..]) {
        assert!(next.at - one.at >= Duration::from_millis(800), "{cheaper:?}");
    }
}
