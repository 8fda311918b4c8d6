//! What people and machines get wrong: a clear error or a counted skip, and no agent on its own.

use crate::support::world::World;

#[test]
fn commands_that_cannot_be_run_say_so_with_the_shells_codes() {
    let world = World::without_codex();
    world.govern(&["run", "--"]).expect_code(2);
    world.govern(&["run"]).expect_code(2);
    world.govern(&["run", "--", "no-such-command"]).expect_code(127).expect_said("`no-such-command`");
    world.govern(&["run", "--", "./README.md"]).expect_code(126).expect_said("README.md");
    world.govern(&["no-such-verb"]).expect_code(2);
}

#[test]
fn what_is_refused_says_what_to_do() {
    let world = World::without_codex();
    for (args, code, said) in [
        (&["run", "--", "/etc"][..], 126, "hint: name a program"),
        (&["run", "--", "./no-such"], 127, "hint: write the command after `--`"),
        (&["fleet", "/nope"], 125, "hint: name the fleet's file"),
        (&["report", "--run", "zz"], 125, "hint: "),
        (&["approve", "7"], 125, "hint: `govern approvals`"),
    ] {
        world.govern(args).expect_code(code).expect_said(said);
    }
    let empty = World::without_codex().govern(&["report", "--run", "zz"]).expect_code(125);
    empty.expect_said("nothing was recorded yet").expect_said("hint: a first `govern run -- …`");
}

#[test]
fn budgets_that_make_no_sense_are_refused_with_the_users_words() {
    let world = World::without_codex();
    for budget in ["-3usd", "1.9responses", "five usd", "5eur", "5", "99999999999usd", "3 doubloons"] {
        let flag = format!("--budget={budget}");
        let done = world.govern(&["run", &flag, "--", "touch", "started"]);
        assert!(matches!(done.code(), 2 | 125), "{budget}: {done}");
        assert!(done.stderr.contains(budget) && !done.stderr.contains("panicked"), "{budget}: {done}");
        assert!(!world.path("work/started").exists());
    }
    // As a limit of nothing in a policy: nothing starts.
    world.policy("[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"0 usd\"\n");
    world.govern(&["run", "--", "touch", "started"]).expect_code(123);
    world.policy("");
    world.govern(&["run", "--budget", "0usd", "--", "touch", "started"]).expect_code(123);
    assert!(!world.path("work/started").exists());
}

#[test]
fn every_mistake_of_a_policy_is_told_at_once_and_nothing_is_started() {
    let world = World::without_codex();
    world.policy(
        "timezone = \"Mars/Olympus\"\n\
         [[budget]]\nname = \"one\"\nper = \"galaxy\"\nlimit = \"5 eur\"\nsteps = [{ at = \"80%\", do = \"wran\" }]\n\
         [[budget]]\nname = \"two\"\nper = \"team\"\nlimit = \"5 usd\"\nsteps = [{ at = \"80%\", do = \"throttle\" }]\n",
    );
    for args in [&["run", "--", "touch", "started"][..], &["policy", "show", "--here"]] {
        let mut done = world.govern(args).expect_code(125);
        for word in ["Mars/Olympus", "galaxy", "5 eur", "wran", "throttle"] {
            done = done.expect_said(word);
        }
    }
    assert!(!world.path("work/started").exists());
}

#[test]
fn a_ledger_that_cannot_be_kept_keeps_the_agent_from_starting() {
    let mut world = World::without_codex();
    world.write("govern-is-a-file", "");
    world.set_env("GOVERN_HOME", &world.path("govern-is-a-file").display().to_string());
    let done = world.govern(&["run", "--budget", "1usd", "--", "touch", "started"]).expect_code(125);
    assert!(done.stderr.contains("govern-is-a-file") && done.stderr.contains("error:"), "{done}");
    assert!(!world.path("work/started").exists());
}

#[test]
fn a_ledger_that_is_none_is_left_alone() {
    let world = World::without_codex();
    world.write("govern/ledger.db", "this is no database at all, but somebody's only copy of a poem\n");
    world.govern(&["run", "--", "true"]).expect_code(125).expect_said("ledger.db");
    assert!(std::fs::read_to_string(world.path("govern/ledger.db")).unwrap().contains("poem"));
}

/// A `codex` that writes a session file and holds it open while it waits, as the real one does.
pub(crate) fn scripted_codex(world: &World, lines: &str) {
    world.write_script(
        "bin/codex",
        &format!(
            r#"#!/bin/sh
folder="$CODEX_HOME/sessions/$(date +%Y/%m/%d)"
mkdir -p "$folder"
thread=01a201c2-290f-70e3-a3f3-990781be4196
exec 3>>"$folder/rollout-$(date +%Y-%m-%dT%H-%M-%S)-$thread.jsonl"
line() {{ at=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ); printf '{{"timestamp":"%s","type":"%s","payload":%s}}\n' "$at" "$1" "$2" >&3; }}
usage() {{
    line token_usage_record "{{\"thread_id\":\"$thread\",\"session_id\":\"$thread\",\"turn_id\":\"t\",\"response_id\":\"$1\",\"usage\":{{\"input_tokens\":10000,\"cached_input_tokens\":2000,\"cache_write_input_tokens\":0,\"output_tokens\":500,\"reasoning_output_tokens\":100,\"total_tokens\":10500}}}}"
}}
line session_meta "{{\"id\":\"$thread\",\"session_id\":\"$thread\",\"cwd\":\"$PWD\",\"source\":\"exec\",\"cli_version\":\"0.169.0\",\"model_provider\":\"mock\"}}"
line turn_context '{{"model":"gpt-6.1-sol"}}'
{lines}
"#
        ),
    );
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_rest_is_metered() {
    let world = World::without_codex();
    // Half a line, no JSON, binary, 20 MB of nothing much, a kind of the future, a copy, and a torn end.
    scripted_codex(
        &world,
        r#"usage one
printf '{"timestamp":"\n' >&3
printf 'no json at all\n' >&3
printf '\000\377\376\n' >&3
head -c 20000000 /dev/zero | tr '\0' x >&3; printf '\n' >&3
line kind_of_the_future '{"usage":{"input_tokens":99}}'
usage two
usage one
printf '{"timestamp":"2026-11-22T05:37:12.000Z","type":"token_usage_rec' >&3
sleep 1
"#,
    );
    let end = world.run_governed(&["--budget", "5usd"], &["codex", "exec", "do it"]).expect_code(0);
    let report = crate::support::ledger::report(&world, &["--run", &end.id()]);
    assert_eq!(report["totals"]["responses"], 2, "{report}");
    assert!(report["skipped_lines"].as_u64().is_some_and(|skipped| (3..=5).contains(&skipped)), "{report}");
}

#[test]
fn absurd_numbers_neither_panic_nor_pass_a_limit() {
    let world = World::without_codex();
    scripted_codex(
        &world,
        r#"line event_msg '{"type":"task_started","turn_id":"t"}'
line response_item '{"type":"function_call","name":"exec_command","call_id":"c","arguments":"{}"}'
line token_usage_record "{\"thread_id\":\"$thread\",\"response_id\":\"big\",\"usage\":{\"input_tokens\":9223372036854775807,\"cached_input_tokens\":0,\"output_tokens\":9223372036854775807,\"total_tokens\":18446744073709551615}}"
sleep 600
"#,
    );
    let end = world.run_governed(&["--budget", "5usd", "--at-limit", "kill"], &["codex", "exec", "do it"]);
    let end = end.expect_code(124);
    assert!(!end.finished.stderr.contains("panicked"), "{}", end.finished);
}
