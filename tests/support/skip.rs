//! Tests that this machine cannot run: said aloud, counted by `tests/all`, and a failure in CI.

use std::io::Write;

/// The file into which `tests/all` has every skip written: `cargo test` shows nothing that a test which passed has said.
const LIST: &str = "GOVERN_TEST_SKIPS";

/// By this `tests/all` knows the skips that are no failure.
const BY_KERNEL: &str = "the kernel does not allow it: ";

/// Says that the running test does nothing because this machine lacks something; it must return then.
///
/// # Panics
/// In CI, where nothing may be lacking.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} cannot run here, and this is CI: {why}", name());
    leave_out(why);
}

/// Says that the running test does nothing, as whoever started it wants it; it must return then.
pub fn leave_out(why: &str) {
    let name = name();
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
    leave_out(&format!("{BY_KERNEL}{why}"));
}

/// The running test's name: its thread has it.
fn name() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}
