//! What cannot be observed is not allowed under a limit, and marked without one.

use crate::support::codex::{CURRENT, OLD, OLDER};
use crate::support::fake_responses::{Gate, Reply, Select};
use crate::support::world::{UNKNOWN, World};

const LIMIT: &[&str] = &["--budget", "1usd", "--at-limit", "stop"];

#[test]
fn an_ephemeral_codex_in_a_script_is_ended_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let never = Gate::new();
    world.server.always(Select::any(), Reply::message("late").held_at(&never));
    let end = world.run_governed(LIMIT, &["sh", "-c", "codex exec --ephemeral 'do it'; true"]);
    end.expect_code(124).expect_said("observ");
}

#[test]
fn an_ephemeral_codex_that_tells_nothing_is_marked_without_a_limit() {
    let Some(world) = World::with_codex(OLD) else { return };
    world.run_governed(&[], &["codex", "exec", "--ephemeral", "do it"]).expect_code(0).expect_said("observ");
    assert_eq!(world.server.served().len(), 1);
}

#[test]
fn a_model_without_a_price_is_refused_under_a_limit_in_money() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.script(Select::root(), [Reply::exec(crate::ENDLESS)]);
    let command = ["codex", "exec", "-m", UNKNOWN, "do it"];
    let end = world.run_governed(LIMIT, &command).expect_said(UNKNOWN);
    assert!(matches!(end.finished.code(), 123 | 124), "{}", end.finished);
    assert!(world.server.requests().len() <= 1);
}

#[test]
fn a_model_without_a_price_may_be_counted_as_the_dearest() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[models]\nunpriced = \"dearest\"\n");
    world.run_governed(&["--budget", "100usd"], &["codex", "exec", "-m", UNKNOWN, "do it"]).expect_code(0);
    let report = crate::support::ledger::report(&world, &["--by", "model"]);
    assert_eq!(report["totals"]["basis"], "estimated", "{report}");
    assert!(report["totals"]["cost_usd"].as_str().is_some_and(|cost| !cost.starts_with("0.00")), "{report}");
}

#[test]
fn a_command_that_is_no_codex_is_nothing_to_observe() {
    let world = World::without_codex();
    world.run_governed(LIMIT, &["sleep", "0.1"]).expect_code(0).expect_outcome("ended");
}

#[test]
fn a_codex_that_worked_unseen_is_not_said_to_have_spent_nothing() {
    // A shell by that name, which executes the script `exec`: it works for a while and writes no session file.
    let world = World::without_codex();
    // By a program of its own: while another test forks, a file that this one writes cannot be executed.
    let shell = std::fs::canonicalize("/bin/sh").unwrap().display().to_string();
    world.run("cp", &[&shell, &world.path("bin/codex").display().to_string()]).expect_code(0);
    world.write("work/exec", "until [ -e seen ]; do sleep 0.05; done\n:\n");
    for flags in [&[][..], LIMIT] {
        let _ = std::fs::remove_file(world.path("work/seen"));
        let governed = world.start_governed(flags, &["sh", "-c", "codex exec hi; true"]);
        // It is looked for within the first seconds.
        std::thread::sleep(std::time::Duration::from_secs(4));
        world.write("work/seen", "");
        let end = governed.finish().expect_code(0).expect_said("no session file of it was seen");
        end.finished.expect_said("what it spent is not known").expect_not_said("0 % used");
    }
}

#[test]
fn an_ephemeral_codex_under_another_name_is_ended_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::exec("sleep 5"));
    // The program behind npm's launcher, by a link, by a name that it was given, and as a copy.
    let native = r#"P=$(dirname "$(readlink -f "$(command -v codex)")")/..; N=$(find "$P/.." -path '*/bin/codex' -size +32M | head -n 1)"#;
    for how in [
        r#"ln -s "$N" agent; ./agent exec --ephemeral 'do it'"#,
        r#"bash -c 'exec -a bash "$0" exec --ephemeral x' "$N""#,
        r#"cp "$N" vim; ./vim exec --ephemeral 'do it'"#,
        r#"codex exec -c 'experimental_thread_store={type="in_memory",id="x"}' 'do it'"#,
        r#"printf '\n[experimental_thread_store]\ntype = "in_memory"\nid = "x"\n' >> "$CODEX_HOME/config.toml"; codex exec 'do it'"#,
    ] {
        let before = world.server.requests().len();
        let line = format!("{native}; test -n \"$N\" || exit 9; {how}; true");
        let end = world.run_governed(LIMIT, &["sh", "-c", &line]);
        end.expect_code(124).expect_said("--ephemeral");
        assert!(world.server.requests().len() <= before + 2, "{how}");
    }
}

#[test]
fn an_ephemeral_codex_in_a_tool_of_a_governed_one_is_ended_at_once() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // A login shell may have another path.
    let line = "PATH=\"$1:$PATH\" exec codex exec --ephemeral --skip-git-repo-check 'inner work' </dev/null";
    world.write("work/inner", line);
    let inner = format!("sh {} {}", world.path("work/inner").display(), world.path("bin").display());
    world.server.script(Select::any(), [Reply::exec(&inner)]);
    world.server.always(Select::any(), Reply::exec("sleep 0.2"));
    let end = world.run_governed(LIMIT, &["codex", "exec", "-s", "danger-full-access", "outer"]);
    end.expect_code(124).expect_said("keeps no session file");
    assert!(world.server.requests().len() <= 3, "{} requests", world.server.requests().len());
}

#[test]
fn an_app_server_in_a_script_that_showed_nothing_is_not_said_to_have_spent_nothing() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let end = world.run_governed(&[], &["sh", "-c", "sleep 3 | codex app-server; true"]).expect_code(0);
    end.finished.expect_said("what it spent is not known");
}

/// Where no session can be written: each makes `sessions` of the home in `codex` so.
const SHUT: [&str; 3] =
    [": >codex/sessions", "ln -s /nowhere codex/sessions", "mkdir codex/sessions && : >\"codex/sessions/$(date +%Y)\""];

fn shut(world: &World, how: &str) {
    let line = format!("cd '{}' && rm -rf codex/sessions && {how}", world.path(".").display());
    world.run("sh", &["-c", &line]).expect_code(0);
}

#[test]
fn a_codex_that_cannot_write_its_session_is_ended_before_its_first_request_under_a_limit() {
    for version in [CURRENT, OLD, OLDER] {
        let Some(world) = World::with_codex(version) else { return };
        world.server.always(Select::any(), Reply::message("done"));
        for how in SHUT {
            shut(&world, how);
            for command in [&["codex", "exec", "do it"][..], &["sh", "-c", "codex exec one; codex exec two; true"]] {
                let end = world.run_governed(LIMIT, command).expect_code(124).expect_said("cannot write session files");
                end.finished.expect_not_said("0 % used");
                assert_eq!(world.server.requests().len(), 0, "{how}: {command:?}");
            }
        }
    }
}

#[test]
fn a_codex_in_a_tool_whose_home_holds_no_sessions_is_ended_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world
        .run("cp", &["-r", &world.path("codex").display().to_string(), &world.path("other").display().to_string()])
        .expect_code(0);
    world.write("other/sessions", "");
    let line = "PATH=\"$1:$PATH\" CODEX_HOME=\"$2\" exec codex exec --skip-git-repo-check 'inner work' </dev/null";
    world.write("work/inner", line);
    let (bin, other) = (world.path("bin"), world.path("other"));
    let inner = format!("sh {} {} {}", world.path("work/inner").display(), bin.display(), other.display());
    world.server.script(Select::any(), [Reply::exec(&inner)]);
    world.server.always(Select::any(), Reply::message("done"));
    let end = world.run_governed(LIMIT, &["codex", "exec", "-s", "danger-full-access", "outer"]);
    end.expect_code(124).expect_said("cannot write session files").expect_said("no folder");
    assert_eq!(world.server.requests().len(), 1);
}

#[test]
fn an_agent_of_a_fleet_that_cannot_write_its_sessions_is_ended_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::message("done"));
    shut(&world, SHUT[0]);
    let text = "[budget]\nlimit = \"1 usd\"\n\
         [[agent]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"codex exec one; codex exec two; true\"]\n";
    let end = world.start_fleet(&[], text).finish();
    end.expect_code(124).expect_said("cannot write session files");
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn a_codex_that_cannot_write_its_session_is_marked_without_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // It must live until it is looked for.
    world.server.always(Select::any(), Reply::message("done").before(std::time::Duration::from_secs(3)));
    shut(&world, SHUT[0]);
    let end = world.run_governed(&[], &["sh", "-c", "codex exec one; true"]).expect_code(0);
    end.expect_said("cannot write session files").finished.expect_said("what it spent is not known");
}

#[test]
fn a_codex_whose_sessions_lie_where_none_can_be_written_is_ended_under_a_limit() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::any(), Reply::message("done"));
    shut(&world, "mkdir codex/sessions");
    // Only there, and only for that Codex.
    let line = "mount --bind \"$CODEX_HOME/sessions\" \"$CODEX_HOME/sessions\" && \
                mount -o remount,ro,bind \"$CODEX_HOME/sessions\" && codex exec 'do it'; true";
    if world.run("unshare", &["-Urm", "true"]).code() != 0 {
        return crate::support::skip::refused_by_kernel("unshare");
    }
    let end = world.run_governed(LIMIT, &["unshare", "-Urm", "sh", "-c", line]);
    end.expect_code(124).expect_said("cannot write session files");
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn a_codex_that_fails_at_its_start_ends_no_run() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    let line = "codex --version; codex exec --nonsense x; codex login status; codex exec -c model_provider=nope x; \
                codex exec -C /nowhere x; codex exec resume 01a22609-dbc5-76d0-8725-f6a0c439dad3 x; true";
    world.run_governed(LIMIT, &["sh", "-c", line]).expect_code(0).expect_outcome("ended");
    assert_eq!(world.server.requests().len(), 0);
}

#[test]
fn a_codex_that_had_a_connection_and_ends_unseen_ends_the_run_under_a_limit() {
    // A shell by that name, which executes the script `exec`, has a connection, and writes no session file.
    let world = World::without_codex();
    let shell = std::fs::canonicalize("/bin/bash").unwrap().display().to_string();
    world.run("cp", &[&shell, &world.path("bin/codex").display().to_string()]).expect_code(0);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    world
        .write("work/exec", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}\nuntil [ -e seen ]; do sleep 0.05; done\n:\n"));
    let cases = [(&[][..], "true", 0), (LIMIT, "true", 0), (LIMIT, crate::ENDLESS, 124)];
    for (flags, then, code) in cases {
        let _ = std::fs::remove_file(world.path("work/seen"));
        let governed = world.start_governed(flags, &["sh", "-c", &format!("codex exec hi; {then}")]);
        let _connection = listener.accept().unwrap();
        // It is looked for within the first seconds.
        std::thread::sleep(std::time::Duration::from_secs(2));
        world.write("work/seen", "");
        let end = governed.finish().expect_code(code).expect_said("no session file of it was seen");
        end.finished.expect_said("what it spent is not known").expect_not_said("0 % used");
    }
}

#[test]
fn a_codex_that_ends_before_its_first_request_has_spent_nothing_where_it_would_have_asked() {
    for (version, has_hooks) in [(CURRENT, true), (CURRENT, false), (OLD, true)] {
        let Some(world) = World::with_codex(version) else { return };
        if !has_hooks {
            world.take_hooks_away();
        }
        for flags in [&[][..], LIMIT] {
            let mut governed = world.start_governed_with_stdin(flags, &["codex", "exec", "-"]);
            // It waits for its prompt, and is looked for within the first seconds.
            std::thread::sleep(std::time::Duration::from_secs(2));
            governed.running.close_stdin();
            // What Codex itself has begun for its plugins may outlive it.
            let end = governed.finish_among_others().expect_code(1);
            let knows = version == CURRENT && has_hooks;
            assert_eq!(end.summary["totals"]["unobserved"], !knows, "{version:?}: {}", end.summary);
            let cost = if knows { "0.00".into() } else { serde_json::Value::Null };
            assert_eq!(end.summary["totals"]["cost_usd"], cost, "{version:?}: {}", end.summary);
            assert_eq!(end.finished.stderr.contains("cannot be observed"), !knows, "{}", end.finished);
        }
        assert_eq!(world.server.requests().len(), 0);
    }
}
