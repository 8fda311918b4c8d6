//! What Codex tells after its requests is the second source of the meter: threads without a session file, requests that
//! failed, and records that come late.

use crate::support::codex::{CURRENT, OLD, OLDER, PREVIOUS, Version};
use crate::support::fake_responses::{Reply, Select, Usage};
use crate::support::tmux::Terminal;
use crate::support::world::{CHEAPER, MODEL, World};

/// Two responses of $0.0212 fit.
const LIMIT: &[&str] = &["--budget", "0.05usd", "--at-limit", "stop"];

/// Those that name no response after a request, and those that do.
const TELLING: [Version; 2] = [BEFORE, CURRENT];

/// Tells of requests without naming them.
const BEFORE: Version = Version("0.169.0");

const EPHEMERAL: &[&str] = &["codex", "exec", "--ephemeral", "do it"];

fn worlds() -> impl Iterator<Item = (World, Version)> {
    TELLING.into_iter().filter_map(|version| Some((World::with_codex(version)?, version)))
}

fn spends(world: &World) {
    let replies = (0..9).map(|_| Reply::exec("true")).chain([Reply::message("done")]);
    world.server.script(Select::any(), replies);
}

#[track_caller]
fn expect_counted(world: &World, responses: usize, what: &str) {
    assert_eq!(world.server.served().len(), responses, "{what}: served");
    let report = world.govern(&["report", "--format", "json"]).expect_code(0);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["totals"]["responses"], responses, "{what}: {report}");
    let audit = world.govern(&["audit", "verify"]);
    assert!(matches!(audit.code(), 0 | 4), "{what}: {audit}");
}

#[test]
fn an_ephemeral_codex_ends_at_its_limit_as_any_other() {
    for (world, version) in worlds() {
        spends(&world);
        let end = world.run_governed(LIMIT, EPHEMERAL).expect_code(124).expect_outcome("stopped");
        drop(end);
        expect_counted(&world, 2, version.0);
    }
}

#[test]
fn an_ephemeral_codex_is_metered_without_a_limit() {
    for (world, version) in worlds() {
        spends(&world);
        world.run_governed(&[], EPHEMERAL).expect_code(0);
        expect_counted(&world, 10, version.0);
        // What is asked for stands in the command line and the configuration: it is as sure as a record.
        let report = crate::support::ledger::report(&world, &["--last"]);
        assert_eq!(report["totals"]["basis"], "observed", "{}: {report}", version.0);
    }
}

#[test]
fn a_tier_that_a_project_or_a_profile_asks_for_counts_for_an_ephemeral_codex_and_is_marked() {
    for (file, more) in [("work/.codex/config.toml", &[][..]), ("codex/swift.config.toml", &["-p", "swift"])] {
        let Some(world) = World::with_codex(CURRENT) else { return };
        let work = world.path("work").display().to_string();
        world.configure_codex(&format!("[projects.\"{work}\"]\ntrust_level = \"trusted\"\n"));
        world.write(file, "service_tier = \"fast\"\n");
        world.server.always(Select::any(), Reply::message("done"));
        world.run_governed(&[], &[EPHEMERAL, more].concat()).expect_code(0);
        let report = crate::support::ledger::report(&world, &["--last"]);
        let totals = &report["totals"];
        assert_eq!(totals["inferred_because"], serde_json::json!({"client": 1}), "{file}: {report}");
        let sent = world.server.requests()[0].body.contains("\"service_tier\":\"priority\"");
        let cost = crate::support::ledger::nanos(totals["cost_usd"].as_str().unwrap());
        assert!(sent && cost == 2 * crate::support::ledger::USUAL_COST, "{file}: {sent} {report}");
    }
}

#[test]
fn an_ephemeral_codex_can_be_neither_routed_nor_resumed_and_ends_at_its_limit() {
    for (world, version) in worlds() {
        world.policy(&format!(
            "[models]\nladder = [\"{MODEL}\", \"{CHEAPER}\"]\n[[budget]]\nname = \"purse\"\nper = \"run\"\n\
             limit = \"0.1 usd\"\nsteps = [{{ at = \"40%\", do = \"route\" }}, {{ at = \"100%\", do = \"stop\" }}]\n"
        ));
        spends(&world);
        let end = world.run_governed(&[], EPHEMERAL).expect_code(124).expect_said("it is not routed");
        expect_counted(&world, 4, version.0);
        let resumed = world.govern(&["resume", &end.id(), "--extend", "1usd"]).expect_code(125);
        resumed.expect_said("cannot go on").expect_said("hint:");
        expect_counted(&world, 4, version.0);
    }
}

#[test]
fn ephemeral_agents_of_a_fleet_end_at_its_limit() {
    for (world, version) in worlds() {
        spends(&world);
        let agent = |name: &str| format!("[[agent]]\nname = \"{name}\"\nprompt = \"x\"\ncodex = [\"--ephemeral\"]\n");
        let text = format!("[budget]\nlimit = \"0.10 usd\"\n{}{}", agent("a"), agent("b"));
        world.start_fleet(&[], &text).finish().expect_code(124).expect_outcome("stopped");
        // Four of $0.0212 fit.
        let served = world.server.served().len();
        assert!((3..=4).contains(&served), "{}: {served}", version.0);
        expect_counted(&world, served, version.0);
    }
}

#[test]
fn an_ephemeral_codex_that_tells_nothing_is_refused_under_a_limit() {
    for version in [OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { continue };
        let end = world.run_governed(LIMIT, EPHEMERAL).expect_code(123);
        assert!(world.server.requests().is_empty());
        end.expect_said("--ephemeral").expect_outcome("refused");
    }
}

#[test]
fn installed_hooks_meter_an_ephemeral_codex_alone_and_below_a_run() {
    for (world, version) in worlds() {
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(
            "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"0.05 usd\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        spends(&world);
        let alone = world.run("codex", &["exec", "--ephemeral", "do it"]);
        assert_eq!(alone.code(), 1, "{}: {alone}", version.0);
        expect_counted(&world, 2, version.0);
        let command = ["sh", "-c", "codex exec --ephemeral 'do it'; true"];
        let below = world.run_governed(&[], &command).expect_code(124);
        drop(below);
        expect_counted(&world, 4, version.0);
    }
}

#[test]
fn a_record_that_anothers_hook_delays_changes_no_figure() {
    for (world, version) in worlds() {
        spends(&world);
        let slow = "hooks.PostModelRequest=[{hooks=[{type=\"command\",command=\"sleep 1\"}]}]";
        let command = ["codex", "exec", "--dangerously-bypass-hook-trust", "-c", slow, "do it"];
        world.run_governed(LIMIT, &command).expect_code(124);
        expect_counted(&world, 2, version.0);
    }
}

#[test]
fn a_request_that_failed_is_no_spend_and_reserves_nothing() {
    for (world, version) in worlds() {
        let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
        world.write("codex/config.toml", &config.replace("stream_max_retries = 0", "stream_max_retries = 2"));
        world.server.script(Select::any(), [Reply::exec("true"), Reply::refuse(400)]);
        for flags in [EPHEMERAL, &["codex", "exec", "do it"]] {
            let end = world.run_governed(&["--budget", "0.05usd", "--at-limit", "stop"], flags);
            assert_eq!(end.finished.code(), 1, "{}: {}", version.0, end.finished);
            assert!(!end.finished.stderr.contains("unlogged"), "{}: {}", version.0, end.finished);
        }
        expect_counted(&world, 2, version.0);
    }
}

fn tells_no_usage(world: &World) {
    tells(world, Reply::without_usage);
}

fn tells(world: &World, how: fn(Reply) -> Reply) {
    let replies = (0..8).map(|_| Reply::exec("true")).chain([Reply::message("done")]);
    world.server.script(Select::any(), replies.map(how));
}

#[test]
fn a_response_that_says_that_it_used_less_than_nothing_is_the_last_under_any_limit() {
    for version in [CURRENT, PREVIOUS, OLD] {
        for command in [&["codex", "exec", "do it"][..], &["sh", "-c", "codex exec 'do it'; true"]] {
            let Some(world) = World::with_codex(version) else { continue };
            world.server.script(Select::any(), (0..12).map(|_| Reply::exec("sleep 1").below_zero()));
            let end = world.run_governed(&["--budget", "9 responses", "--at-limit", "stop"], command).expect_code(124);
            // One that does not ask first may have sent the next ones.
            assert!(world.server.served().len() <= 3, "{}: {command:?}", version.0);
            end.expect_said("did not tell what a request used");
        }
    }
}

#[test]
fn a_response_that_does_not_tell_its_usage_is_the_last_under_any_limit() {
    for (world, version) in worlds() {
        for (limit, command) in [("3 responses", EPHEMERAL), ("0.22usd", &["codex", "exec", "do it"])] {
            let before = world.server.served().len();
            tells_no_usage(&world);
            let end = world.run_governed(&["--budget", limit, "--at-limit", "stop"], command).expect_code(124);
            assert_eq!(world.server.served().len() - before, 1, "{}: {limit}", version.0);
            end.expect_said("did not tell what a request used").expect_outcome("stopped");
        }
    }
}

#[test]
fn a_response_that_does_not_tell_its_usage_is_noted_without_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    tells_no_usage(&world);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    assert_eq!(world.server.served().len(), 9);
    end.expect_said("did not tell what a request used");
}

#[test]
fn installed_hooks_stop_after_a_response_that_does_not_tell_its_usage() {
    for (world, version) in worlds() {
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(
            "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"3 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
        );
        tells(&world, if version.0 == CURRENT.0 { Reply::below_zero } else { Reply::without_usage });
        let alone = world.run("codex", &["exec", "do it"]);
        assert_eq!(world.server.served().len(), 1, "{}: {alone}", version.0);
        assert_eq!(alone.code(), 1, "{}: {alone}", version.0);
    }
}

#[test]
fn installed_hooks_note_what_was_perhaps_served_and_once_that_usage_is_not_told() {
    for (world, version) in worlds() {
        let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
        world.write("codex/config.toml", &config.replace("stream_max_retries = 0", "stream_max_retries = 2"));
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        world.policy(
            "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"1 usd\"\nsteps = [{ at = \"100%\", do = \"warn\" }]\n",
        );
        let torn = || Reply::message("torn").torn();
        let untold = || Reply::exec("true").without_usage();
        let replies = [Reply::exec("true"), torn(), torn(), untold(), untold(), Reply::message("done")];
        world.server.script(Select::any(), replies);
        let alone = world.run("codex", &["exec", "do it"]).expect_code(0);
        assert_eq!(world.server.served().len(), 6, "{}: {alone}", version.0);
        let report = world.govern(&["report", "--last", "--format", "markdown"]).expect_code(0);
        let report = String::from_utf8(report.stdout).unwrap();
        assert_eq!(
            report.matches("broke off: perhaps served, never logged; it may have cost $0.0212").count(),
            2,
            "{report}"
        );
        assert_eq!(report.matches("did not tell what a request used").count(), 1, "{report}");
    }
}

#[test]
fn answers_that_broke_off_are_told_as_perhaps_served() {
    for (world, version) in worlds() {
        let config = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
        world.write("codex/config.toml", &config.replace("stream_max_retries = 0", "stream_max_retries = 2"));
        world
            .server
            .script(Select::any(), [Reply::exec("true"), Reply::message("a").torn(), Reply::message("b").torn()]);
        world.server.script(Select::any(), [Reply::message("done")]);
        let end = world.run_governed(&["--budget", "1usd"], &["codex", "exec", "do it"]).expect_code(0);
        let told = "2 requests were cut off: perhaps served, never logged; they may have cost $0.0424";
        assert!(end.finished.stderr.contains("unlogged"), "{}: {}", version.0, end.finished);
        end.expect_said(told);
        assert_eq!(world.server.served().len(), 4, "{}", version.0);
    }
}

#[test]
fn an_answer_that_reached_its_greatest_length_counts_and_is_no_breach() {
    for (world, version) in worlds() {
        world.server.script(Select::any(), [Reply::exec("true"), Reply::message("cut").cut_short()]);
        // Codex ends with an error of its own.
        let end = world.run_governed(LIMIT, &["codex", "exec", "do it"]).expect_code(1);
        assert!(!end.finished.stderr.contains("unlogged"), "{}: {}", version.0, end.finished);
        expect_counted(&world, 2, version.0);
    }
}

#[test]
fn a_codex_that_asks_before_its_compactions_alone_goes_on_after_one() {
    let compacting = ["exec", "-c", "model_auto_compact_token_limit=9000", "do it"];
    let spends = |world: &World| {
        let small = || Reply::exec("true").usage(Usage::new(3_000, 0, 100));
        let replies = [Reply::exec("true"), Reply::message("all is said"), small(), small(), Reply::message("done")];
        world.server.script(Select::any(), replies);
    };
    let Some(world) = World::with_codex(OLD) else { return };
    spends(&world);
    let flags = ["--budget", "9responses", "--at-limit", "stop"];
    let end = world.run_governed(&flags, &[&["codex"], &compacting[..]].concat()).expect_code(0);
    assert!(!end.finished.stderr.contains("limits active: govern checks every request"), "{}", end.finished);
    assert_eq!(world.server.served().len(), 5, "{}", end.finished);

    // Each tool of its, too, is judged with the request that follows.
    let Some(world) = World::with_codex(OLD) else { return };
    spends(&world);
    world.govern(&["hooks", "install", "--yes"]).expect_code(0);
    world.policy(
        "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"3 responses\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let alone = world.run("codex", &compacting);
    let served = world.server.served().len();
    // What a compaction used is not on its record.
    assert!(served <= 4, "{served} served: {alone}");
}

#[test]
fn a_compaction_counts_once_and_a_review_reserves_once() {
    for (world, version) in worlds() {
        world
            .server
            .script(Select::any(), [Reply::exec("true"), Reply::message("all is said"), Reply::message("done")]);
        let command = ["codex", "exec", "-c", "model_auto_compact_token_limit=9000", "do it"];
        world.run_governed(&["--budget", "1usd"], &command).expect_code(0);
        expect_counted(&world, 3, version.0);
    }
    for (world, version) in worlds() {
        world.write("work/README.md", "# Changed\n");
        world.server.script(Select::any(), [Reply::exec("true"), Reply::exec("true"), Reply::message("fine")]);
        // Three fit, and a fourth would not.
        let command = ["codex", "exec", "review", "--uncommitted"];
        let end = world.run_governed(&["--budget", "0.07usd", "--at-limit", "stop"], &command);
        assert_eq!(end.finished.code(), 0, "{}: {}", version.0, end.finished);
        expect_counted(&world, 3, version.0);
    }
}

#[test]
fn what_hooks_told_is_not_imported_again() {
    for (world, version) in worlds() {
        spends(&world);
        world.run_governed(&["--budget", "1usd"], &["codex", "exec", "do it"]).expect_code(0);
        world.govern(&["import"]).expect_code(0);
        expect_counted(&world, 10, version.0);
    }
}

/// A side chat has no session file and a thread of its own; it is opened over a conversation that has begun.
#[test]
fn a_side_chat_is_metered_and_keeps_the_limit_of_its_run() {
    for (world, version) in worlds() {
        world.configure_codex(&format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", world.work().display()));
        world.server.always(Select::any(), Reply::message("one word"));
        let Some(terminal) = Terminal::open(&world) else { return };
        terminal.run_then_tell_code("govern run --budget '3 responses' --at-limit stop -- codex");
        terminal.wait_for("for shortcuts");
        let answers = |screen: &str| screen.matches("one word").count();
        let say = |text: &str| {
            terminal.type_text(text);
            terminal.wait_for(&format!("› {text}"));
            terminal.press("Enter");
        };
        say("a prompt");
        terminal.wait_until("the prompt is answered", |screen| answers(screen) == 1);
        // The request for a title is Codex's own, and told of by nothing.
        let threads = || -> Vec<String> {
            let served = world.server.served().into_iter();
            served
                .filter(|request| request.source.as_deref() != Some("thread_title"))
                .map(|request| request.thread)
                .collect()
        };
        say("/btw what is that");
        terminal.wait_until("the side chat is answered", |_| threads().len() == 2);
        assert_ne!(threads()[0], threads()[1], "{}: it is a thread of its own", version.0);
        terminal.wait_until("it is at rest", |screen| answers(screen) == 1 && screen.contains("Side from main thread"));
        say("and more");
        terminal.wait_until("what is left is used", |_| threads().len() == 3);
        terminal.wait_until("it is at rest", |screen| answers(screen) == 2);
        say("and no more");
        let (code, screen) = terminal.wait_for_code();
        assert_eq!(code, 124, "{}: {screen}", version.0);
        assert_eq!(threads().len(), 3, "{}", version.0);
        let report = crate::support::ledger::report(&world, &[]);
        assert_eq!(report["totals"]["responses"], 3, "{}: {report}", version.0);
    }
}
