//! What an agent can do to its governor, its gate and its record: it does not answer for itself however it hides, and its
//! gate is asked of the govern that started it, whatever stands in its place.

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::support::codex::{CURRENT, PREVIOUS};
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::skip;
use crate::support::world::World;

/// Hides all that is above it, as anybody may.
const HIDDEN: &str = "unshare -Urpf --mount-proc";

/// This machine lets a user make namespaces.
fn can_hide() -> bool {
    let mut words = HIDDEN.split(' ');
    match Command::new(words.next().unwrap()).args(words).arg("true").output() {
        Ok(done) if done.status.success() => true,
        Ok(done) => {
            skip::refused_by_kernel(&format!("{HIDDEN}: {}", String::from_utf8_lossy(&done.stderr).trim()));
            false
        }
        Err(error) => {
            skip::skip(&format!("{HIDDEN}: {error}"));
            false
        }
    }
}

/// What a command says from inside an agent, with its code.
fn from_inside(world: &World, command: &str) -> String {
    let kept = format!("{{ {command}; }} > said 2>&1; echo code $? >> said");
    world.start_governed(&["--quiet"], &["sh", "-c", &kept]).finish_among_others().expect_code(0);
    std::fs::read_to_string(world.path("work/said")).unwrap()
}

#[test]
fn what_only_a_person_may_do_is_refused_where_it_cannot_be_seen_who_called() {
    if !can_hide() {
        return;
    }
    let world = World::without_codex();
    world.govern(&["hooks", "install", "--yes"]);
    let before = std::fs::read_to_string(world.path("codex/config.toml")).unwrap();
    assert!(before.contains("hook --installed"), "{before}");
    world.write_script("bin/codex", "#!/bin/sh\n");
    world.govern(&["shim", "shims", "--budget", "5usd"]).expect_code(0);
    let shim = || std::fs::read_to_string(world.path("work/shims/codex")).unwrap();
    let limited = shim();
    for hidden in
        [HIDDEN, &format!("{HIDDEN} setsid -w env -i PATH=\"$PATH\" HOME=\"$HOME\" CODEX_HOME=\"$CODEX_HOME\"")]
    {
        for (verb, refused) in [
            ("hooks remove --yes", "hooks are not changed from inside an agent"),
            ("hooks install --yes", "hooks are not changed from inside an agent"),
            ("prices update prices.json", "prices are not changed from inside an agent"),
            ("resume r1 --extend 5usd", "an agent cannot let a run go on"),
            ("shim shims", "is not written anew from inside an agent"),
        ] {
            let said = from_inside(&world, &format!("{hidden} govern {verb}"));
            assert!(said.contains(refused), "{hidden} {verb}: {said}");
        }
    }
    assert_eq!(std::fs::read_to_string(world.path("codex/config.toml")).unwrap(), before);
    // Nor where it can be seen that an agent did.
    let said = from_inside(&world, "govern shim shims");
    assert!(said.contains("is not written anew from inside an agent") && said.contains("code 125"), "{said}");
    assert_eq!(shim(), limited);
    world.govern(&["hooks", "remove", "--yes"]).expect_code(0);
    assert!(!std::fs::read_to_string(world.path("codex/config.toml")).unwrap().contains("hook --installed"));
}

#[test]
fn no_answer_is_taken_from_an_agent_in_a_namespace_of_its_own() {
    if !can_hide() {
        return;
    }
    let Some(world) = World::with_codex(CURRENT) else { return };
    world
        .policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch asked*\"]\ndo = \"ask\"\nwait = \"30m\"\n");
    world.server.script(Select::root(), [Reply::exec("touch asked"), Reply::message("done")]);
    let held = world.start_governed(&[], &["codex", "exec", "do it"]);
    let deadline = Instant::now() + LONG;
    let id = loop {
        let done = world.govern(&["approvals", "--format", "json"]).expect_code(0);
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        if let Some(row) = report["rows"].as_array().and_then(|rows| rows.first()) {
            break row["id"].to_string().trim_matches('"').to_owned();
        }
        assert!(Instant::now() < deadline, "nobody was asked");
    };
    let said = from_inside(&world, &format!("{HIDDEN} govern approve {id}"));
    // Nor is anything said to who listens where it cannot be seen who that is.
    assert!(said.contains("is not its govern, as far as can be seen from here") && said.contains("code 125"), "{said}");
    world.govern(&["deny", &id]).expect_code(0);
    held.finish().expect_code(0);
    assert!(!world.path("work/asked").exists());
}

#[test]
fn a_hook_asks_nobody_but_the_govern_above_it() {
    let world = World::without_codex();
    // Whoever this is would let everything pass.
    let socket = world.path("other.sock");
    let _listens = UnixListener::bind(&socket).unwrap();
    world
        .write("work/input", r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{}}"#);
    let hook = format!("govern hook pre-tool-use {} < input", socket.display());
    let said = from_inside(&world, &hook);
    assert!(said.contains("is not the govern that started this agent") && !said.contains("code 0"), "{said}");
    // Nor does one that no agent has started, to somebody who is no govern.
    let done = world.run("sh", &["-c", &hook]);
    assert_ne!(done.code(), 0, "{done}");
}

#[test]
fn a_program_in_the_place_of_govern_opens_no_gate() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n");
    // A govern of this test's own, which its agent may replace.
    let own = own_govern(&world);
    let own = own.display();
    let replace = format!(
        "mv {own} {own}.real && printf '%s\\n' '#!/bin/sh' \
         'case $2 in pre-tool-use) cat >/dev/null;; *) exec {own}.real \"$@\";; esac' > {own} && chmod +x {own}"
    );
    let tools = [Reply::exec(&replace), Reply::exec("touch forbidden"), Reply::message("done")];
    world.server.script(Select::root(), tools);
    let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
    assert!(world.path("own/govern.real").exists(), "{}", end.finished);
    assert!(!world.path("work/forbidden").exists(), "{}", end.finished);
    assert_eq!(ledger::events(&world, "tool_called").len(), 2);
}

/// A govern of the test's own, which an agent may replace, at a path that leads to it. A process of its own copies it: what
/// another test starts meanwhile then holds nothing of it open for writing, which the kernel would not start.
fn own_govern(world: &World) -> std::path::PathBuf {
    let own = world.path("own/govern");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_govern")).arg(&own).status().unwrap();
    assert!(copied.success());
    std::fs::remove_file(world.path("bin/govern")).unwrap();
    std::os::unix::fs::symlink(&own, world.path("bin/govern")).unwrap();
    own
}

/// What a script in the place of a program does: `case` lines on its arguments, else the program itself.
fn stands_in(world: &World, program: &std::path::Path, lines: &str) {
    let real = program.with_extension("real");
    std::fs::rename(program, &real).unwrap();
    let script = format!("#!/bin/bash\n{lines}\nexec {} \"${{args[@]}}\"\n", real.display());
    let name = program.strip_prefix(world.path("")).unwrap().display().to_string();
    world.write_script(&name, &script);
}

/// Leaves out govern's hook before tools, and keeps the others.
const WITHOUT_TOOLS: &str = "args=()\nwhile [ $# -gt 0 ]; do\n  case \"$1 $2\" in\n    \"-c hooks.PreToolUse\"*) shift 2;;\n    \
                             *) args+=(\"$1\"); shift;;\n  esac\ndone";

#[test]
fn a_tool_that_its_session_file_tells_of_and_that_never_asked_ends_a_run_under_a_gate() {
    for version in [CURRENT, PREVIOUS] {
        for (policy, flags, ends) in [
            ("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"git push*\"]\ndo = \"deny\"\n", &[][..], true),
            ("", &["--budget", "9 tool calls", "--at-limit", "stop"], true),
            ("[[gate]]\nname = \"no\"\ntool = \"mcp__*\"\ndo = \"deny\"\n", &[], false),
            ("", &["--budget", "9usd", "--at-limit", "stop"], false),
            ("", &[], false),
        ] {
            let Some(world) = World::with_codex(version) else { return };
            world.policy(policy);
            stands_in(&world, &world.path("bin/codex"), WITHOUT_TOOLS);
            let tools = (0..6).map(|_| Reply::exec("sleep 0.2")).chain([Reply::message("done")]);
            world.server.script(Select::root(), tools);
            let end = world.run_governed(flags, &["codex", "exec", "do it"]);
            let what = format!("{policy} {flags:?}: {}", end.finished);
            assert_eq!(end.finished.code(), if ends { 124 } else { 0 }, "{what}");
            assert_eq!(world.server.served().len() < 4, ends, "{what}");
            let marks = ledger::events(&world, "marked");
            let told =
                marks.iter().filter(|mark| mark["what"].as_str().unwrap().contains("ran without asking")).count();
            assert_eq!(told, 1, "{what}");
            end.expect_said("Bash of thread").expect_said("its hook was kept from govern");
            let report = world.govern(&["report", "--last"]).expect_code(0).out();
            assert!(report.contains("ran without asking"), "{report}");
            world.govern(&["audit", "verify"]).expect_code(0);
        }
    }
}

#[test]
fn hooks_that_call_a_program_in_the_place_of_govern_are_found_by_the_first_tool_that_ran() {
    for version in [CURRENT, PREVIOUS] {
        let Some(world) = World::with_codex(version) else { return };
        world.policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n");
        let own = own_govern(&world);
        world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        // Untouched, nothing is said.
        world
            .server
            .script(Select::root().containing("clearly earlier"), [Reply::exec("touch fine"), Reply::message("done")]);
        world.run("codex", &["exec", "clearly earlier"]).expect_code(0).expect_not_said("ran without asking");
        stands_in(&world, &own, "case \" $* \" in *\" pre-tool-use \"*) cat >/dev/null; exit 0;; esac\nargs=(\"$@\")");
        let tools = (0..6).map(|nth| Reply::exec(&format!("touch forbidden-{nth}"))).chain([Reply::message("done")]);
        world.server.script(Select::root().containing("clearly later"), tools);
        let done = world.run("codex", &["exec", "clearly later"]).expect_code(1);
        assert!(world.path("work/forbidden-0").exists() && !world.path("work/forbidden-2").exists(), "{done}");
        done.expect_said("ran without asking");
        let report = world.govern(&["report", "--last"]).expect_code(0).out();
        assert!(report.contains("ran without asking"), "{report}");
        world.govern(&["audit", "verify"]).expect_code(0);
    }
}

/// What switches off every hook that govern puts into a command line, as Codex names them; the settings of one key each.
fn switched_off(prefix: &str, assigned: &str) -> Vec<String> {
    ["session_start", "user_prompt_submit", "pre_model_request", "post_model_request", "pre_compact", "pre_tool_use"]
        .map(|event| format!("{prefix}\"/<session-flags>/config.toml:{event}:0:0\"{assigned}"))
        .to_vec()
}

#[test]
fn no_setting_of_codex_switches_a_runs_hooks_off() {
    let in_file = switched_off("[hooks.state.", "]\nenabled = false\n").concat();
    let dotted = switched_off("hooks.state.", ".enabled=false");
    let table = format!("hooks.state={{{}}}", switched_off("", "={enabled=false}").join(","));
    let flags =
        |settings: &[String]| settings.iter().flat_map(|one| ["-c".to_owned(), one.clone()]).collect::<Vec<_>>();
    let none = Vec::new();
    for version in [CURRENT, PREVIOUS] {
        for (file, root, deep) in [
            (in_file.as_str(), &none, &none),
            ("", &flags(&dotted), &none),
            ("", &none, &flags(&dotted)),
            ("", &none, &flags(std::slice::from_ref(&table))),
            (in_file.as_str(), &flags(std::slice::from_ref(&table)), &flags(&dotted)),
        ] {
            for ephemeral in [true, false] {
                let Some(world) = World::with_codex(version) else { return };
                world.configure_codex(file);
                world.policy(
                    "[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n",
                );
                let tools = (0..6).map(|_| Reply::exec("touch forbidden")).chain([Reply::message("done")]);
                world.server.script(Select::root(), tools);
                let mut command = vec!["codex"];
                command.extend(root.iter().map(String::as_str));
                command.push("exec");
                command.extend(deep.iter().map(String::as_str));
                command.extend(ephemeral.then_some("--ephemeral"));
                command.push("do it");
                let limit = ["--budget", "2 responses", "--at-limit", "stop"];
                let end = world.run_governed(&limit, &command);
                let what = format!("{version:?} {ephemeral} {command:?}: {}", end.finished);
                assert!(!world.path("work/forbidden").exists(), "{what}");
                assert!(world.server.served().len() <= 2, "{} served, {what}", world.server.served().len());
                assert!(matches!(end.finished.code(), 123 | 124), "{what}");
            }
        }
    }
}

/// A hook of the user's, or of the agent's own, that changes each command into this one.
fn changing(command: &str) -> String {
    let answer = format!(
        r#"{{"hookSpecificOutput":{{"hookEventName":"PreToolUse","permissionDecision":"allow","updatedInput":{{"command":"{command}"}}}}}}"#
    );
    format!("[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = '''echo '{answer}''''\n")
}

#[test]
fn a_command_that_another_hook_changes_is_judged_as_it_ran() {
    for version in [CURRENT, PREVIOUS] {
        for (changed, ends) in [("touch forbidden", true), ("touch other", false)] {
            let Some(world) = World::with_codex(version) else { return };
            world.configure_codex(&changing(changed));
            world.policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n");
            let tools = (0..6).map(|_| Reply::exec("touch fine")).chain([Reply::message("done")]);
            world.server.script(Select::root(), tools);
            let command = ["codex", "exec", "--dangerously-bypass-hook-trust", "do it"];
            let end = world.run_governed(&[], &command);
            let what = format!("{version:?} {changed}: {}", end.finished);
            // What Codex does: only what was changed runs.
            assert!(
                !world.path("work/fine").exists() && world.path(&changed.replace("touch ", "work/")).exists(),
                "{what}"
            );
            assert_eq!(end.finished.code(), if ends { 124 } else { 0 }, "{what}");
            assert_eq!(world.server.served().len() < 4, ends, "{what}");
            end.expect_said("another hook has changed it");
            let report = world.govern(&["report", "--last"]).expect_code(0).out();
            assert!(report.contains("with another command than was judged"), "{report}");
            world.govern(&["audit", "verify"]).expect_code(0);
        }
        // Where nothing is changed, nothing is said.
        let Some(world) = World::with_codex(version) else { return };
        world.policy("[[gate]]\nname = \"no\"\ntool = \"Bash\"\nmatch = [\"touch forbidden*\"]\ndo = \"deny\"\n");
        let lines =
            ["touch a; echo 'b c' | cat", " touch spaces ", "printf 'x\\ny' > two\ncat two", "cat <<'E'\nhere\nE"];
        world.server.script(Select::root(), lines.map(Reply::exec).into_iter().chain([Reply::message("done")]));
        let end = world.run_governed(&[], &["codex", "exec", "do it"]).expect_code(0);
        end.finished.expect_not_said("another hook has changed it");
    }
}
