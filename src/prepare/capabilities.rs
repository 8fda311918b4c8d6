//! What a Codex is asked about itself before it starts.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use crate::codex::{Invocation, listing};
use crate::process;

/// How long a Codex may take to list its hooks (0.2 s on an idle machine), and how many bytes that may be.
const LISTS: (Duration, u64) = (Duration::from_secs(20), 1 << 20);

/// Asks a Codex whether it tells hooks what its requests use. One that does not answer does not.
pub(crate) fn tells_of_requests(invocation: &Invocation) -> bool {
    let asked = listing::app_server(invocation).zip(std::env::current_dir().ok());
    let Some((command, folder)) = asked else { return false };
    let Some((program, arguments)) = command.split_first() else { return false };
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let say = listing::questions(&folder).join("\n") + "\n";
    let hear = |line: &str| listing::is_answer(line).then(|| listing::tells_of_requests(line));
    process::converse(Path::new(program), &arguments, say.as_bytes(), LISTS, hear).unwrap_or(false)
}
