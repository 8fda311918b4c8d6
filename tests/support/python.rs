//! Other people's Python libraries, from PyPI: installed once.

use std::path::Path;
use std::process::{Command, Stdio};

use super::skip::skip;

/// A Python that has these packages (`name==version`) and can import `module`; `None` where they cannot be installed: then
/// the test is skipped.
pub fn with(module: &str, packages: &[&str]) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-python");
    let said =
        Command::new(script).arg(module).args(packages).stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    if said.status.success() {
        return Some(String::from_utf8(said.stdout).unwrap().trim().to_owned());
    }
    skip(&format!("{} cannot be installed: {}", packages.join(", "), said.status));
    None
}

/// A Python that has the Agents SDK of `examples/agents-sdk`, and with it `openai`; `None` as with [`with`].
pub fn with_agents_sdk() -> Option<String> {
    with("agents", &[include_str!("../../examples/agents-sdk/requirements.txt").trim()])
}
