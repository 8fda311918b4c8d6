//! Owns Codex's configuration file: read, never written here.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// The text of a home's `config.toml`; `None` where there is none that can be read.
pub fn of(home: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(home.join("config.toml")).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}
