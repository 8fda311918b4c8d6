//! The official Python SDK of Codex, `openai-codex`: it starts an app server of its own, whose threads are metered and kept
//! within limits, those without a file too.

use std::time::{Duration, Instant};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::ledger;
use crate::support::process::LONG;
use crate::support::python;
use crate::support::world::World;

/// Starts a thread, with a file or without one, by the Codex that it is told of, and runs one turn.
const PROGRAM: &str = "import sys\n\
    from openai_codex import Codex, CodexConfig, Sandbox\n\
    with Codex(CodexConfig(codex_bin=sys.argv[1])) as codex:\n\
    \x20   thread = codex.thread_start(ephemeral=sys.argv[2] == 'ephemeral', sandbox=Sandbox.full_access)\n\
    \x20   print(thread.run('do it').final_response, flush=True)\n";

/// A world with a program of the SDK in it, the Python that runs it, and the Codex that it starts.
fn program() -> Option<(World, String, String)> {
    let world = World::with_codex(CURRENT)?;
    let python = python::with("openai_codex", &["openai-codex==0.163.0"])?;
    world.write("work/turn.py", PROGRAM);
    let codex = world.path("bin/codex").display().to_string();
    Some((world, python, codex))
}

#[test]
fn each_response_of_the_python_sdk_counts_once() {
    for hooks in [false, true] {
        let Some((world, python, codex)) = program() else { return };
        world.server.script(Select::any(), [Reply::exec("true"), Reply::message("all is done")]);
        if hooks {
            world.govern(&["hooks", "install", "--yes"]).expect_code(0);
        }
        // What a thread without a file spends is told by hooks alone.
        let kinds = if hooks { &["kept", "ephemeral"][..] } else { &["kept"] };
        for (before, kind) in kinds.iter().enumerate() {
            let end = world.run_governed(&[], &[&python, "turn.py", &codex, kind]).expect_code(0);
            assert!(end.finished.out().contains("all is done"), "{kind}: {}", end.finished);
            let served = world.server.served();
            assert_eq!(served.len(), 2 * (before + 1), "{kind}");
            let report = ledger::report(&world, &["--run", &end.id()]);
            assert_eq!(report["totals"]["responses"], 2, "{kind}: {report}");
            // Without hooks the server may have served a thread that nothing tells of, which is said.
            assert_eq!(end.finished.stderr.contains("could not be observed"), !hooks, "{kind}: {}", end.finished);
        }
    }
}

#[test]
fn a_limit_binds_threads_of_the_python_sdk_by_installed_hooks_and_by_a_shim() {
    // Two responses of $0.0212 fit.
    let limit = ["--budget", "0.05usd", "--at-limit", "stop"];
    for kind in ["kept", "ephemeral"] {
        for way in ["run", "hooks", "shim"] {
            let Some((world, python, codex)) = program() else { return };
            world.server.always(Select::any(), Reply::exec("true"));
            if way != "shim" {
                world.policy(
                    "[[budget]]\nname = \"a run\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
                     steps = [{ at = \"100%\", do = \"stop\" }]\n",
                );
                world.govern(&["hooks", "install", "--yes"]).expect_code(0);
            } else {
                world.govern(&[&["shim", "shims"], &limit[..]].concat()).expect_code(0);
            }
            let codex = if way == "shim" { world.path("work/shims/codex").display().to_string() } else { codex };
            let program = [python.as_str(), "turn.py", &codex, kind];
            match way {
                "run" => drop(world.run_governed(&[], &program).expect_code(124)),
                // Its server has ended under it: how it tells that is its own.
                "shim" => assert_ne!(world.run(&python, &program[1..]).code(), 0),
                // Nobody may end a server that has other threads: the turn is held until its client interrupts it.
                _ => {
                    let program = world.start(&python, &program[1..]);
                    world.server.wait_for_served(2, LONG).unwrap();
                    let deadline = Instant::now() + LONG;
                    while ledger::events(&world, "decided").iter().all(|event| event["verb"] != "stop") {
                        assert!(Instant::now() < deadline, "{:?}", ledger::events(&world, "decided"));
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    drop(program);
                }
            }
            assert_eq!(world.server.served().len(), 2, "{kind} {way}");
            let report = ledger::report(&world, &[]);
            assert_eq!(report["totals"]["responses"], 2, "{kind} {way}: {report}");
        }
    }
}

#[test]
fn under_a_limit_without_hooks_the_python_sdk_is_ended_before_it_asks_and_told_how_to_be_governed() {
    let Some((world, python, codex)) = program() else { return };
    let end = world.run_governed(&["--budget", "1usd"], &[&python, "turn.py", &codex, "kept"]).expect_code(124);
    drop(end.expect_said("`govern hooks install` gives it them"));
    assert!(world.server.requests().is_empty());
}
