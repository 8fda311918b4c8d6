//! The suite's own script: what it could not run is counted, listed last and no success, unless whoever started it said so.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::world::World;

/// Runs `tests/all` with a cargo whose tests do nothing but skip for these reasons.
fn tests_all(arguments: &[&str], skips: &[&str]) -> Output {
    let world = World::without_codex();
    let told: String = skips.iter().map(|skip| format!("echo '{skip}' >>\"$GOVERN_TEST_SKIPS\"\n")).collect();
    // Each call of `cargo test` but the one on an earlier Codex.
    world.write_script(
        "bin/cargo",
        &format!("#!/bin/sh\n[ \"$1\" = test ] && [ -z \"$GOVERN_TEST_CODEX_VERSION\" ] || exit 0\n{told}"),
    );
    let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all"))
        .args(arguments)
        .env("PATH", path)
        .env_remove("GOVERN_TEST_CODEX_VERSION")
        .output()
        .unwrap()
}

#[test]
fn what_was_skipped_is_listed_last_and_fails_unless_it_was_allowed() {
    let no_npm = "a::test: npm was not found";
    let no_namespaces = "b::test: the kernel does not allow it: unshare";
    for (arguments, skips, code, said) in [
        (&[][..], &[][..], 0, ""),
        (&[], &[no_npm], 1, "tests/all: 1 skips; --without-codex"),
        (&["--without-codex"], &[no_npm, no_namespaces], 0, "tests/all: 2 skips, as --without-codex allows"),
        (&["--without-namespaces"], &[no_namespaces], 0, "all by the kernel, as --without-namespaces allows"),
        (&["--without-namespaces"], &[no_namespaces, no_npm], 1, "tests/all: 2 skips; --without-codex"),
    ] {
        let done = tests_all(arguments, skips);
        let out = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?} {skips:?}: {out}");
        let last = out.lines().last().unwrap_or_default();
        assert!(last.contains(said), "{arguments:?} {skips:?}: {out}");
        for skip in skips {
            assert!(out.contains(&format!("  {skip}\n")), "{skip} is listed: {out}");
        }
    }
}
