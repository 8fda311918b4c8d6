//! The GitHub Action and the release workflow, which run nowhere here, hold what they call: inputs, scripts, outputs, files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::python;
use crate::support::world::World;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file of YAML as JSON; `None`, said loudly, where no Python can read it.
fn read_yaml(world: &World, path: &str) -> Option<Value> {
    let python = python::with("yaml", &["PyYAML==6.0.3"])?;
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let json = world.run(&python, &["-c", read, &format!("{ROOT}/{path}")]).expect_code(0).out();
    Some(serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

fn read_file(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn keys(of: &Value) -> BTreeSet<String> {
    of.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

/// What stands after `prefix` in expressions such as `${{ inputs.run }}`.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    text.split(prefix).skip(1).map(name).collect()
}

#[test]
fn the_action_hands_each_input_to_a_step_that_reads_it_and_gives_outputs_that_govern_writes() {
    let world = World::without_codex();
    let Some(action) = read_yaml(&world, "action.yml") else { return };
    let text = read_file("action.yml");
    assert_eq!(named(&text, "inputs."), keys(&action["inputs"]), "inputs that are used, and those that there are");
    assert!(action["inputs"].as_object().unwrap().values().all(|input| input["description"].is_string()), "{action}");

    let script = read_file(".ci/action-steps");
    let steps = action["runs"]["steps"].as_array().unwrap();
    let mut called = BTreeSet::new();
    for step in steps.iter().filter(|step| step["run"].is_string()) {
        assert_eq!(step["shell"], "bash", "a composite step names its shell: {step}");
        let name = step["run"].as_str().unwrap().split_whitespace().next_back().unwrap().trim_matches(['\'', '"']);
        let body = script.split_once(&format!("\n{name}() {{\n")).unwrap_or_else(|| panic!("no step `{name}`")).1;
        let body = body.split("\n}\n").next().unwrap();
        called.insert(name.to_owned());
        for variable in keys(&step["env"]) {
            let is_read = variable == "SOURCE"
                || body.contains(&format!("${variable}"))
                || body.contains(&format!("${{{variable}"));
            assert!(is_read, "`{name}` does not read {variable}");
        }
    }
    assert_eq!(called, ["install", "run"].map(str::to_owned).into());

    let outputs: BTreeSet<&str> = ["run", "outcome", "cost_usd", "responses", "unobserved"].into();
    for (name, output) in action["outputs"].as_object().unwrap() {
        assert_eq!(output["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
        assert!(outputs.contains(name.as_str()), "govern writes no `{name}`");
    }
    assert!(steps.iter().any(|step| step["id"] == "run"), "the step whose outputs are given");
    let limits = action["inputs"]["at-limit"]["default"].as_str().unwrap();
    world.govern(&["run", "--budget", "5usd", "--at-limit", limits, "--", "true"]).expect_code(0);
    // What it says of outputs is so.
    let output = world.path("output");
    world.run("env", &[&format!("GITHUB_OUTPUT={}", output.display()), "govern", "run", "--", "true"]).expect_code(0);
    let written = std::fs::read_to_string(&output).unwrap();
    let written: BTreeSet<&str> = written.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key).collect();
    assert_eq!(written, outputs);
}

#[test]
fn the_release_builds_what_it_packs_and_packs_what_is_there() {
    let world = World::without_codex();
    let Some(release) = read_yaml(&world, ".github/workflows/release.yml") else { return };
    let jobs = &release["jobs"];
    for (name, job) in jobs.as_object().unwrap() {
        let needs = job["needs"].as_str().into_iter();
        needs.for_each(|needed| assert!(jobs[needed].is_object(), "{name} needs `{needed}`"));
    }
    let kinds: BTreeSet<String> = jobs["build"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect();
    let steps = jobs["release"]["steps"].as_array().unwrap();
    let packing = steps.iter().filter_map(|step| step["run"].as_str()).find(|run| run.contains("npm/pack")).unwrap();
    let pack = read_file("npm/pack");
    for kind in &kinds {
        assert!(packing.contains(&format!("{kind}=built/{kind}/govern")), "{kind} is built, and not packed");
        assert!(pack.contains(&format!("\n    {kind}) cpu=")), "npm/pack does not know {kind}");
    }
    let packed: BTreeSet<String> = named(packing, "=built/");
    assert_eq!(packed, kinds, "what is packed, and what is built");
    let files = packing.split_once("-C \"$PWD\" ").unwrap().1.split(" -C ").next().unwrap();
    for file in files.split_whitespace() {
        assert!(Path::new(ROOT).join(file).exists(), "{file} goes into the archive, and is not there");
    }
    let shells = packing.split_once("for shell in ").unwrap().1.split(';').next().unwrap();
    for shell in shells.split_whitespace() {
        assert!(!world.govern(&["completions", shell]).expect_code(0).out().is_empty(), "{shell}");
    }
    // A step that writes the release is allowed to.
    for (permission, needed_by) in [("contents", "gh release create"), ("attestations", "attest-build-provenance")] {
        let job = &jobs["release"];
        let is_used = job["steps"].to_string().contains(needed_by);
        assert!(is_used && job["permissions"][permission] == "write", "{permission}");
    }
    // The shell of each step is one that bash reads.
    for run in jobs
        .as_object()
        .unwrap()
        .values()
        .flat_map(|job| job["steps"].as_array().unwrap())
        .filter_map(|s| s["run"].as_str())
    {
        world.run("bash", &["-n", "-c", run]).expect_code(0);
    }
}

/// A PATH with these programs of this machine, and these that do nothing.
fn bare_path(world: &World, programs: &[&str], stand_ins: &[(&str, &str)]) -> String {
    for program in programs {
        let link = format!("ln -s \"$(command -v {program})\" '{}'", world.path("bare").join(program).display());
        world.run("sh", &["-c", &format!("mkdir -p '{}'; {link}", world.path("bare").display())]).expect_code(0);
    }
    for (name, text) in stand_ins {
        world.write_script(&format!("bare/{name}"), text);
    }
    world.path("bare").display().to_string()
}

const COREUTILS: &[&str] = &["bash", "env", "dirname", "uname", "sort", "head", "sed", "cut"];

#[test]
fn a_bare_machine_is_told_all_that_is_missing_in_one_go_and_the_line_that_installs_it() {
    let world = World::without_codex();
    let path = bare_path(&world, COREUTILS, &[("apt-get", "#!/bin/sh\nexit 9\n")]);
    let setup = format!("{ROOT}/.ci/setup");
    let ask = |words: &[&str]| {
        let path = format!("PATH={path}");
        let all: Vec<&str> = ["-i", &path, "HOME=/", &setup].into_iter().chain(words.iter().copied()).collect();
        world.run("env", &all)
    };
    let wanted = read_file("Cargo.toml");
    let wanted = wanted.split_once("rust-version = \"").unwrap().1.split('"').next().unwrap();
    ask(&["--check"])
        .expect_code(1)
        .expect_said(&format!("Rust {wanted} is missing: https://rustup.rs"))
        .expect_said("missing: cc.")
        .expect_said("apt-get install --yes --no-install-recommends gcc libc6-dev");
    ask(&["--check", "--tests"]).expect_code(1).expect_said("missing: cc, git, make, tmux, python3.");
    ask(&["--nonsense"]).expect_code(2).expect_said("usage: .ci/setup");

    world.write_script("bare/cargo", "#!/bin/sh\nexit 0\n");
    world.write_script("bare/rustc", "#!/bin/sh\necho 'rustc 1.60.0 (x 2022-01-01)'\n");
    world.write_script("bare/cc", "#!/bin/sh\nexit 0\n");
    ask(&["--check"])
        .expect_code(1)
        .expect_said(&format!("Rust {wanted} is needed, and this is 1.60.0: rustup update"));
    world.write_script("bare/rustc", &format!("#!/bin/sh\necho 'rustc {wanted}.1 (x 2026-01-01)'\n"));
    assert!(ask(&["--check"]).expect_code(0).out().contains("all that is needed is here"));
}
