//! The npm packages and the steps of the GitHub Action, as far as they can be tried without a network.

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::skip::skip;
use crate::support::world::World;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn what_npm_installs_gives_its_place_to_the_program() {
    let world = World::without_codex();
    if world.run("sh", &["-c", "command -v npm"]).code() != 0 {
        return skip("there is no npm");
    }
    // Its process is the one that was started, and it gets what was typed.
    world.write_script("program", "#!/bin/sh\necho \"$$ $*\"\nexit 7\n");
    let pack = format!(
        "{ROOT}/npm/pack {} linux-x64={p} linux-arm64={p}",
        world.path("out").display(),
        p = world.path("program").display()
    );
    world.run("sh", &["-c", &pack]).expect_code(0);
    world.write("work/package.json", "{\"private\": true}");
    let kind = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    // npm keeps to the real clock: as on another day, with libfaketime in it, it hung once in a while.
    let install = format!(
        "env -u LD_PRELOAD npm install --offline --no-audit --no-fund {out}/govern-cli-govern-*.tgz {out}/govern-cli-linux-{kind}-*.tgz",
        out = world.path("out").display()
    );
    world.run("sh", &["-c", &install]).expect_code(0);
    let started = world.run("sh", &["-c", "echo $$; exec node_modules/.bin/govern run 'a b'"]).expect_code(7).out();
    let lines: Vec<&str> = started.lines().collect();
    assert_eq!(lines, [lines[0].to_owned(), format!("{} run a b", lines[0])], "nothing stays between them");
    world.run("env", &["-u", "LD_PRELOAD", "npx", "--offline", "govern", "x"]).expect_code(7);
    world.run("rm", &["-r", &format!("node_modules/@govern-cli/linux-{kind}")]).expect_code(0);
    world.run("sh", &["-c", "node_modules/.bin/govern x"]).expect_code(126).expect_said("without --omit=optional");
}

#[test]
fn the_steps_of_the_action_install_run_and_annotate() {
    let Some(world) = World::with_codex(CURRENT) else { return };
    world.server.always(Select::root(), Reply::exec("true"));
    let step = |name: &str, variables: &str| {
        let files = "GITHUB_ENV=env GITHUB_PATH=path GITHUB_OUTPUT=output GITHUB_STEP_SUMMARY=summary";
        format!("env {files} {variables} {ROOT}/.ci/action-steps {name}")
    };
    let install = step("install", "GIVEN=\"$(command -v govern)\"");
    world.run("sh", &["-c", &install]).expect_code(0);
    let read = |name: &str| std::fs::read_to_string(world.path(&format!("work/{name}"))).unwrap();
    assert!(read("env").starts_with("GOVERN_HOME=") && read("path").ends_with("/.govern-bin\n"));
    let run = format!(
        "export \"$(cat env)\" PATH=\"$(cat path):$PATH\"; {}",
        step("run", "COMMAND='codex exec \"do it\"' BUDGET='0.05usd\n200 responses'")
    );
    let done = world.run("bash", &["-c", &run]).expect_code(124);
    assert!(done.out().contains("::error title=govern::the policy ended the command"), "{done}");
    assert!(read("output").contains("outcome=stopped\n") && read("summary").contains("stopped by"), "{done}");
}
