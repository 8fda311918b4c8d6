//! Limits that act: on time whatever runs, in grace, before a dear request, and on the first request of a run.

use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::tmux::Terminal;
use crate::support::world::World;

const CODEX: &[&str] = &["codex", "exec", "do it"];

const SCRIPT: &[&str] = &["sh", "-c", "codex exec 'do it'"];

#[test]
fn minutes_end_what_hangs_with_no_codex_at_all() {
    let world = World::without_codex();
    let flags = ["--budget", "0.02 minutes", "--at-limit", "stop"];
    let end = world.run_governed(&flags, &["sleep", "600"]).expect_code(124).expect_outcome("stopped");
    end.expect_said(" of 1.2 s (--budget 0.02 minutes): spent");
    world.expect_no_survivors();
}

#[test]
fn minutes_end_what_hangs_after_its_codex() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec("true"), Reply::message("all is done")]);
    let script = "codex exec 'do it' && touch done && sleep 600";
    // Long enough for a busy machine to start Codex; what hangs would take ten minutes.
    let end = world.run_governed(&["--budget", "0.4 minutes", "--at-limit", "stop"], &["sh", "-c", script]);
    let end = end.expect_code(124).expect_outcome("stopped");
    assert!(world.work().join("done").exists(), "its Codex had ended well before");
    ledger::expect_all_served(&world, &end.id());
    world.expect_no_survivors();
}

#[test]
fn grace_is_a_limit_too() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.07 usd\"\ngrace = \"40%\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    // $0.0212 each; $0.07 and 40 % are $0.098: the fifth would be $0.106.
    let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome("stopped");
    assert_eq!(world.server.served().len(), 4);
    ledger::expect_all_served(&world, &end.id());
}

#[test]
fn a_step_that_ends_before_the_limit_keeps_the_limit_too() {
    for step in [
        "{ at = \"90%\", do = \"stop\" }",
        "{ at = \"90%\", do = \"kill\" }",
        "{ at = \"0.01 usd left\", do = \"stop\" }",
        "{ at = \"95%\", do = \"ask\", wait = \"1s\", else = \"stop\" }",
    ] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(&format!("[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.10 usd\"\nsteps = [{step}]\n"));
        world.server.always(Select::root(), Reply::exec("true"));
        // $0.0212 each: after four it is below each step, and the fifth would be $0.106.
        let end = world.run_governed(&[], CODEX).expect_code(124);
        assert_eq!(world.server.served().len(), 4, "{step}");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_dear_request_is_refused_before_it_is_sent() {
    for version in [CURRENT, OLD] {
        let Some(world) = World::with_codex(version) else { return };
        world.policy("[[gate]]\nname = \"dear\"\ncost_above = \"0.02 usd\"\ndo = \"deny\"\n");
        world.server.always(Select::root(), Reply::exec("true"));
        let end = world.run_governed(&[], CODEX).expect_code(124).expect_outcome("stopped");
        let end = end.expect_said("`dear`: the next request is likely to cost $0.02");
        assert_eq!(world.server.served().len(), 1, "of the first nothing was known");
        ledger::expect_all_served(&world, &end.id());
    }
}

#[test]
fn a_codex_that_does_not_ask_before_its_requests_is_ended_by_signals_at_a_dear_one() {
    let Some(world) = World::with_codex(OLDER) else { return };
    world.policy("[[gate]]\nname = \"dear\"\ncost_above = \"0.02 usd\"\ndo = \"deny\"\n");
    world.server.always(Select::root(), Reply::exec("sleep 1"));
    world.run_governed(&[], CODEX).expect_code(124).expect_outcome("stopped");
    assert!(world.server.served().len() <= 2, "{:?}", world.server.served().len());
}

#[test]
fn one_dear_request_is_one_question_and_a_run_may_be_let_ask_them_all() {
    let gate = "[[gate]]\nname = \"dear\"\ncost_above = \"0.02 usd\"\ndo = \"ask\"\n";
    // As the first request of a run that others were before, behind a script, and of a Codex that asks nothing.
    for (version, command) in [(CURRENT, CODEX), (CURRENT, SCRIPT), (OLDER, CODEX)] {
        for again in [&["--run"][..], &["--for", "1h"], &["--once"]] {
            let Some(world) = World::with_codex(version) else { return };
            world.run_governed(&["--quiet"], CODEX).expect_code(0);
            world.policy(gate);
            world.server.script(Select::root(), [Reply::exec("sleep 0.5"), Reply::message("all is done")]);
            let governed = world.start_governed(&[], command);
            governed.running.wait_for_stderr("govern approve 1");
            world.govern(&[&["approve", "1"], again].concat()).expect_code(0);
            let once = again == ["--once"];
            if once {
                governed.running.wait_for_stderr("govern approve 2");
                world.govern(&["approve", "2"]).expect_code(0);
            }
            governed.finish().expect_code(0);
            let questions = ledger::approvals(&world);
            assert_eq!(questions.len(), if once { 2 } else { 1 }, "{command:?} {again:?}: {questions:?}");
            assert!(questions.iter().all(|row| row["rule"] == "dear" && row["answer"] == "allowed"), "{questions:?}");
            assert!(questions.iter().all(|row| row["unit"].is_null()), "a gate counts nothing: {questions:?}");
            assert_eq!(world.server.served().len(), 3);
        }
    }
}

#[test]
fn a_run_whose_first_request_would_pass_a_month_is_not_started() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"0.05 usd\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.always(Select::root(), Reply::message("all is done"));
    for _ in 0..2 {
        world.run_governed(&[], CODEX).expect_code(0);
    }
    let end = world.run_governed(&[], CODEX).expect_code(123);
    let said = "its last 2 runs took no more for their first request";
    let end = end.expect_said(said).expect_said("it begins anew at ").expect_said("config/govern/policy.toml:2; ");
    assert!(!end.finished.stderr.contains("resume"), "there is no run to go on with: {}", end.finished);
    assert_eq!(world.server.served().len(), 2);
}

#[test]
fn a_dear_request_of_a_resumed_thread_and_of_a_later_prompt_is_not_sent() {
    let dear = "[[gate]]\nname = \"dear\"\ncost_above = \"0.02 usd\"\ndo = \"deny\"\n";
    for hooks in [false, true] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.server.always(Select::root(), Reply::message("one word"));
        world.run_governed(&[], CODEX).expect_code(0);
        world.policy(dear);
        let resumed = ["codex", "exec", "resume", "--last", "go on"];
        if hooks {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
            assert_ne!(world.run(resumed[0], &resumed[1..]).code(), 0);
        } else {
            let end = world.run_governed(&[], &resumed);
            assert!(matches!(end.finished.code(), 123 | 124), "{}", end.finished);
            end.expect_said("`dear`: the next request is likely to cost $0.02");
        }
        assert_eq!(world.server.requests().len(), 1, "hooks: {hooks}");
    }
    // At Codex's own screen: the first prompt is answered without a tool, the second would be dear.
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
    world.policy(dear);
    world.server.always(Select::root(), Reply::message("one word"));
    let Some(terminal) = Terminal::open(&world) else { return };
    terminal.run_then_tell_code("govern run -- codex");
    terminal.wait_for("for shortcuts");
    for text in ["first prompt", "second prompt"] {
        terminal.type_text(text);
        terminal.wait_for(&format!("› {text}"));
        terminal.press("Enter");
        terminal.wait_until("it was heard", |screen| {
            screen.contains(if text == "first prompt" { "one word" } else { "likely to cost" })
        });
    }
    let of_the_person = |source: &Option<String>| source.as_deref() == Some("user");
    assert_eq!(world.server.requests().iter().filter(|request| of_the_person(&request.source)).count(), 1);
}

#[test]
fn a_key_of_two_dimensions_limits_what_has_both() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy(
        "[[budget]]\nname = \"b\"\nper = [\"team\", \"project\"]\nwindow = \"year\"\nlimit = \"3 responses\"\n\
         limits = { \"web/shop\" = \"1 responses\" }\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    world.server.always(Select::root(), Reply::exec("true"));
    let mut before = 0;
    for (team, project, fit) in [("web", "shop", 1), ("web", "app", 3), ("infra", "shop", 3), ("web", "shop", 0)] {
        world.run_governed(&["--team", team, "--project", project], CODEX);
        let served = world.server.requests().len();
        assert_eq!(served - before, fit, "{team}/{project}");
        before = served;
    }
}

#[test]
fn codexes_of_a_script_one_after_another_keep_the_limit_as_one_would() {
    for version in [CURRENT, PREVIOUS, OLD, OLDER] {
        for (limit, most) in [("1 response", 1), ("3 responses", 3), ("0.05 usd", 2)] {
            let Some(world) = World::with_codex(version) else { return };
            world.server.always(Select::any(), Reply::message("done"));
            let script = "for i in 1 2 3 4 5; do codex exec \"do $i\"; done";
            let end = world.run_governed(&["--budget", limit, "--at-limit", "stop"], &["sh", "-c", script]);
            let end = end.expect_code(124).expect_outcome("stopped");
            assert_eq!(world.server.requests().len(), most, "{version:?} {limit}: {}", end.finished);
            let counted = ledger::report(&world, &["--run", &end.id()])["totals"]["responses"].as_u64();
            assert_eq!(counted, u64::try_from(most).ok(), "{version:?} {limit}: {}", end.finished);
        }
    }
}

#[test]
fn a_spent_budget_of_a_model_or_a_thread_lets_no_new_script_ask_once_more() {
    let kinds = [
        "per = \"model\"\nwindow = \"day\"",
        "per = \"everything\"\nwindow = \"day\"\nonly = { model = [\"gpt-*\"] }",
        "per = \"thread\"",
    ];
    for version in [CURRENT, PREVIOUS, OLDER] {
        for kind in kinds {
            let Some(world) = World::with_codex(version) else { return };
            let steps = "steps = [{ at = \"100%\", do = \"stop\" }]";
            world.policy(&format!("[[budget]]\nname = \"late\"\n{kind}\nlimit = \"1 response\"\n{steps}\n"));
            world.server.always(Select::any(), Reply::message("done"));
            world.run_governed(&[], &["sh", "-c", "codex exec first; true"]);
            let thread = world.server.served()[0].thread.clone();
            for script in
                [format!("codex exec resume {thread} again; true"), format!("codex exec resume {thread} more; true")]
            {
                let end = world.run_governed(&[], &["sh", "-c", &script]).expect_code(124);
                assert_eq!(world.server.requests().len(), 1, "{version:?} {kind}: {}", end.finished);
            }
        }
    }
}
