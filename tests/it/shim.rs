//! `govern shim`, by which a program's own calls of Codex are governed.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::world::World;

#[test]
fn a_shim_makes_a_run_of_each_call_and_its_stop_is_told_to_the_program() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    // Two responses of $0.0212 fit.
    world.govern(&["shim", "bin of mine", "--budget", "0.05usd", "--at-limit", "stop"]).expect_code(0);
    world.server.always(Select::root(), Reply::exec("true"));
    let program = "PATH=\"$PWD/bin of mine:$PATH\"; codex exec 'do it' >first; echo \"first: $?\"; \
                   codex exec 'do it' >second; echo \"second: $?\"";
    let done = world.run("sh", &["-c", program]).expect_code(0);
    assert_eq!(done.out(), "first: 124\nsecond: 124\n", "{done}");
    let reasons: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("govern run ")).collect();
    assert!(reasons.len() == 2 && reasons.iter().all(|line| line.contains("stopped by")), "{done}");
    let listed = world.govern(&["runs", "--format", "json"]).expect_code(0).out();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["rows"].as_array().unwrap().len(), 2, "{listed}");
    // What asks no model is no run.
    world.run("sh", &["-c", "PATH=\"$PWD/bin of mine:$PATH\" codex --version"]).expect_code(0);
    let listed = world.govern(&["runs", "--format", "json"]).expect_code(0).out();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["rows"].as_array().unwrap().len(), 2, "{listed}");
    world.govern(&["shim", "bin of mine", "--policy", "nofile"]).expect_code(125).expect_said("cannot be read");
    let said = world.govern(&["shim", "bin of mine"]).expect_code(0).out();
    assert!(said.contains("(it had `'--budget' '0.05usd' '--at-limit' 'stop'` before)"), "{said}");
    // It is written anew over itself, and over nothing else; and never takes itself for the real one.
    world.run("sh", &["-c", "PATH=\"$PWD/bin of mine:$PATH\" govern shim 'bin of mine'"]).expect_code(0);
    // Named by govern itself, it would be governed twice by one run.
    let real = world.run("sh", &["-c", "command -v codex"]).out();
    world
        .run("sh", &["-c", "PATH=\"$PWD/bin of mine:$PATH\" govern run -- codex exec 'do it'"])
        .expect_code(123)
        .expect_said("is a shim of govern's")
        .expect_said(real.trim());
    world.write("work/other/codex", "mine");
    world.govern(&["shim", "other"]).expect_code(125).expect_said("is no shim of govern's");
}
