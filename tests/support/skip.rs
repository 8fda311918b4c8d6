//! Tests that this machine cannot run: said aloud, counted by `tests/all`, and a failure in CI.

use std::io::Write;

/// The file into which `tests/all` has every skip written: `cargo test` shows nothing that a test which passed has said.
const LIST: &str = "GOVERN_TEST_SKIPS";

/// Says that the running test does nothing, and why; it must return then. In CI it fails.
///
/// # Panics
/// In CI, where nothing may be skipped.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} cannot run here, and CI skips nothing: {why}");
    eprintln!("SKIPPED: {name}: {why}");
    let Some(list) = std::env::var_os(LIST) else { return };
    // One write of one line: several tests write at once.
    let line = format!("{name}: {}\n", why.replace('\n', " "));
    let mut list = std::fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
    list.write_all(line.as_bytes()).unwrap();
}

/// Says that the running test does nothing because the kernel forbids what it needs, such as namespaces inside a container.
/// Nothing that could be installed would help, so that this fails nowhere.
pub fn refused_by_kernel(why: &str) {
    let thread = std::thread::current();
    eprintln!("SKIPPED: {}: the kernel does not allow it: {why}", thread.name().unwrap_or("a test"));
}
