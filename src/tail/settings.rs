//! Owns Codex's configuration files: read, never written here.

use std::io::Read;
use std::path::Path;

use super::cursor::open_file;

/// The largest that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// Where the machine's own lies: its hooks are managed, and no user turns them off.
pub const MANAGED: &str = "/etc/codex/requirements.toml";

/// The text of a home's `config.toml`; `None` where there is none that can be read.
pub fn of(home: &Path) -> Option<String> {
    at(&home.join("config.toml"))
}

/// The text of a configuration file; `None` where there is none that can be read.
pub fn at(path: &Path) -> Option<String> {
    let mut text = String::new();
    open_file(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}
