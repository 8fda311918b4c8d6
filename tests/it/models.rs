//! The model that a request names is judged before that request: nothing is asked of one that is not allowed, has no
//! price, or is on a budget that is spent.

use crate::support::codex::{CURRENT, OLD, Version};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::world::{MODEL, UNKNOWN, World};

/// Its requests and its answers carry less than those of [`CURRENT`].
const EARLIER: Version = Version("0.169.0");

/// The thread that was last.
const RESUMED: &[&str] = &["codex", "exec", "resume", "--last", "go on"];

/// All that ask before a prompt at least.
const ASKING: [Version; 3] = [OLD, CURRENT, EARLIER];

const PRICE: &str = "[prices.gpt-test-unheard-of]\ninput = 2\ncached_input = 0.1\noutput = 10\n";

#[test]
fn nothing_is_asked_of_a_model_that_is_not_allowed_or_has_no_price() {
    for version in ASKING {
        let Some(world) = World::with_codex(version) else { return };
        world.server.always(Select::root(), Reply::message("done"));
        // By the configuration: a flag is judged before the start.
        world.policy("[models]\nallow = [\"gpt-6-luna\"]\n");
        let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
        end.expect_said("is not among the models");
        assert_eq!(world.server.requests().len(), 0, "{version:?}");

        world.policy("");
        let configured = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
        world.write("codex/config.toml", &configured.replace(MODEL, UNKNOWN));
        let end = world.run_governed(&["--budget", "1usd"], &["codex", "exec", "do it"]);
        end.expect_code(124).expect_said("has no price");
        assert_eq!(world.server.requests().len(), 0, "{version:?}");
    }
}

#[test]
fn a_budget_of_one_model_that_is_spent_lets_nothing_through_in_any_later_run() {
    let budget = |more: &str| {
        format!(
            "[[budget]]\nname = \"b\"\n{more}window = \"year\"\nlimit = \"2 responses\"\n\
             steps = [{{ at = \"100%\", do = \"stop\" }}]\n"
        )
    };
    for version in ASKING {
        for of in ["per = \"model\"\n".to_owned(), format!("per = \"user\"\nonly = {{ model = \"{MODEL}\" }}\n")] {
            let Some(world) = World::with_codex(version) else { return };
            world.policy(&budget(&of));
            world.server.always(Select::root(), Reply::exec("true"));
            let mut served = Vec::new();
            for _ in 0..4 {
                world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(124);
                served.push(world.server.requests().len());
            }
            assert_eq!(served, [2, 2, 2, 2], "{version:?} {of}");
        }
    }
}

#[test]
fn a_budget_of_one_model_that_is_spent_binds_installed_hooks_as_well() {
    for version in [CURRENT, EARLIER] {
        let Some(world) = World::with_codex(version) else { return };
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(
            "[[budget]]\nname = \"b\"\nper = \"model\"\nwindow = \"year\"\nlimit = \"2 responses\"\n\
             steps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        world.server.always(Select::root(), Reply::exec("true"));
        for _ in 0..3 {
            let done = world.run("codex", &["exec", "do it"]);
            assert_ne!(done.code(), 0, "{done}");
        }
        assert_eq!(world.server.requests().len(), 2, "{version:?}");
    }
}

/// A sub-agent on a model that is not allowed, and a root that goes on until its next tool has run.
fn sub_agent(world: &World, first: Reply) {
    world.policy(&format!("[models]\nallow = [\"{UNKNOWN}\"]\n{PRICE}"));
    world.server.script(Select::root(), [first, Reply::exec("sleep 1"), Reply::exec("true"), Reply::message("done")]);
    world.server.always(Select::subagent(), Reply::message("counted"));
}

#[test]
fn a_sub_agent_on_a_model_that_is_not_allowed_is_not_started_and_the_run_goes_on() {
    for version in [CURRENT, EARLIER] {
        for door in ["run", "hooks"] {
            let Some(world) = World::with_codex(version) else { return };
            let luna = serde_json::json!({ "message": "count", "model": "gpt-6-luna" }).to_string();
            sub_agent(
                &world,
                Reply::item(serde_json::json!({ "type": "function_call", "id": "spawn", "call_id": "spawn",
                    "namespace": "multi_agent_v1", "name": "spawn_agent", "arguments": luna })),
            );
            let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
            if door == "run" {
                world.run_governed(&["--budget", "1usd"], &command).expect_code(0);
            } else {
                world.govern(&["hooks", "install", "--yes"]).expect_code(0);
                let done = world.run("codex", &command[1..]);
                assert_eq!(done.code(), 0, "{done}");
            }
            let asked = world.server.requests();
            assert_eq!(asked.iter().filter(|request| request.is_subagent()).count(), 0, "{version:?} {door}");
            assert_eq!(asked.len(), 4, "{version:?} {door}");
            assert!(asked[1].body.contains("is not among the models"), "the model reads why");
        }
    }
}

#[test]
fn a_sub_agents_own_limit_ends_that_sub_agent_alone() {
    for version in [CURRENT, EARLIER] {
        for door in ["run", "hooks"] {
            let Some(world) = World::with_codex(version) else { return };
            world.policy(&format!(
                "[[budget]]\nname = \"each thread\"\nper = \"thread\"\nlimit = \"5 responses\"\n\
                 steps = [{{ at = \"100%\", do = \"stop\" }}]\n{PRICE}"
            ));
            // The sub-agent would go on for ever; the root waits for its end, calls one tool more, and says its last word.
            let spent = Gate::new();
            let busy = Reply::exec("true");
            let ended = format!(
                "until grep -aqs 'nothing more is asked' {}/ledger.db*; do sleep 0.05; done",
                world.path("govern").display()
            );
            world.server.script(
                Select::root(),
                [
                    Reply::spawn_agent("count"),
                    Reply::exec(&ended).held_at(&spent),
                    Reply::exec("true"),
                    Reply::message("done"),
                ],
            );
            let five = std::iter::repeat_n(busy.clone(), 4).chain([busy.opens(&spent)]);
            world.server.script(Select::subagent(), five);
            world.server.always(Select::subagent(), Reply::exec("true"));
            let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
            if door == "run" {
                world.run_governed(&[], &command).expect_code(0).expect_said("sub-agent");
            } else {
                world.govern(&["hooks", "install", "--yes"]).expect_code(0);
                let done = world.run("codex", &command[1..]);
                assert_eq!(done.code(), 0, "{done}");
            }
            let asked = world.server.requests();
            let subs = asked.iter().filter(|request| request.is_subagent()).count();
            assert_eq!((subs, asked.len()), (5, 9), "{version:?} {door}: {asked:?}");
            let told = &asked.last().unwrap().body;
            assert_eq!(told.matches("will not go on").count(), 1, "its parent reads that, once: {told}");
        }
    }
}

#[test]
fn a_thread_that_has_spent_its_budget_asks_nothing_more_however_it_is_resumed() {
    for hooks in [false, true] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        world.policy(
            "[[budget]]\nname = \"b\"\nper = \"thread\"\nwindow = \"year\"\nlimit = \"2 responses\"\n\
             steps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        if hooks {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        }
        world.server.always(Select::root(), Reply::exec("true"));
        let mut served = Vec::new();
        for command in [&["codex", "exec", "do it"][..], RESUMED, RESUMED, &["codex", "exec", "another"]] {
            if hooks {
                assert_ne!(world.run(command[0], &command[1..]).code(), 0, "{command:?}");
            } else {
                world.run_governed(&[], command).expect_code(124);
            }
            served.push(world.server.requests().len());
        }
        // Only the one of the last command is a thread of its own.
        assert_eq!(served, [2, 2, 2, 4], "hooks: {hooks}");
    }
}
