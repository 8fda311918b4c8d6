//! What a file is, by its name and the folders that it lies in.

use std::borrow::Cow;

use super::rules::{COMMENTS, FOLDERS, Kind, named};
use crate::model::LineKind;
use crate::rollout::Change;

/// A file's name from the project's folder on; `None` for one that lies elsewhere.
pub(super) fn within<'p>(folder: &str, path: &'p str) -> Option<Cow<'p, str>> {
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.starts_with('/') {
        let inside = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        // A session file that does not say where it worked: all but the usual places of scratch files are the project's.
        let known = !folder.is_empty();
        return match inside {
            Some(inside) => Some(Cow::Borrowed(inside)),
            None if known || path.starts_with("/tmp/") || path.starts_with("/dev/") || path.starts_with("/var/") => {
                None
            }
            None => Some(Cow::Borrowed(path)),
        };
    }
    let leaves =
        path.starts_with('~') || path.starts_with("$HOME") || path.starts_with("$TMPDIR") || path.starts_with("${TMP");
    let above = path.starts_with("../");
    (!leaves && !above && !path.is_empty()).then_some(Cow::Borrowed(path))
}

/// What the file is.
pub(super) fn kind(folder: &str, path: &str) -> Kind {
    let Some(path) = within(folder, path) else { return Kind::Scratch };
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let of_folder = |folder: &str| FOLDERS.iter().find(|(known, _)| *known == folder).map(|(_, kind)| *kind);
    let by_folder = folders.split('/').filter_map(of_folder).min();
    match (by_folder, named(name)) {
        // A lock file of a test project, a README among tests: the name is narrower than the folder, but a migration's or a
        // test's folder says more than an ending.
        (_, Some(kind @ (Kind::Lock | Kind::Manifest))) => kind,
        (Some(Kind::Migration | Kind::Test), Some(Kind::Document)) if name.starts_with("README") => Kind::Document,
        (Some(kind), _) => kind,
        (None, Some(kind)) => kind,
        (None, None) if is_versioned_sql(name) => Kind::Migration,
        (None, None) => Kind::Code,
    }
}

/// What the lines of a file are for, by its name from the root of its repository.
pub fn line_kind(path: &str) -> LineKind {
    match kind("", path) {
        Kind::Migration => LineKind::Migration,
        Kind::Test => LineKind::Test,
        Kind::Document => LineKind::Documentation,
        Kind::Manifest | Kind::Lock => LineKind::Dependencies,
        Kind::Code | Kind::Scratch => LineKind::Code,
    }
}

/// `V2__add_orders.sql`.
fn is_versioned_sql(name: &str) -> bool {
    name.starts_with('V') && name.contains("__") && name.ends_with(".sql")
}

/// The endings and the comments of a file.
fn comment_marks(path: &str) -> Option<&'static [&'static str]> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    COMMENTS.iter().find(|(endings, _)| endings.split('|').any(|known| known == ending)).map(|(_, marks)| *marks)
}

/// Only comments were changed, or nothing that a program reads.
pub(super) fn only_comments(change: &Change) -> bool {
    let Some(marks) = comment_marks(&change.path) else { return false };
    if change.is_new {
        return false;
    }
    // What was taken away and put back as it was, as patches do around a new line, was not changed.
    let mut removed: Vec<&str> = change.removed.iter().map(|line| line.trim()).collect();
    let mut added: Vec<&str> = Vec::new();
    for line in change.added.iter().map(|line| line.trim()) {
        match removed.iter().position(|gone| *gone == line) {
            Some(place) => {
                removed.swap_remove(place);
            }
            None => added.push(line),
        }
    }
    let any = added.iter().chain(&removed).any(|line| !line.is_empty());
    any && are_comments(&added, marks) && are_comments(&removed, marks)
}

fn are_comments(lines: &[&str], marks: &[&str]) -> bool {
    // Between the quotes of a text that documents.
    let mut inside: Option<&str> = None;
    lines.iter().all(|line| {
        if let Some(quote) = inside {
            if line.contains(quote) {
                inside = None;
            }
            return true;
        }
        let Some(mark) = marks.iter().find(|mark| line.starts_with(**mark)) else { return line.is_empty() };
        let quotes = ["\"\"\"", "'''"];
        let opens = quotes.contains(mark) && line.matches(mark).count() == 1;
        let opens_block = *mark == "/*" && !line.contains("*/");
        inside = match (opens, opens_block) {
            (true, _) => Some(mark),
            (false, true) => Some("*/"),
            (false, false) => None,
        };
        true
    })
}

/// A line that sets the inserted text of a stream editor: it is a comment of this file.
pub(super) fn is_comment_of(path: &str, line: &str) -> bool {
    comment_marks(path).is_some_and(|marks| marks.iter().any(|mark| line.trim_start().starts_with(mark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_name_and_folder() {
        for (path, expected) in [
            ("src/main.rs", Kind::Code),
            ("/w/src/main.rs", Kind::Code),
            ("/elsewhere/main.rs", Kind::Scratch),
            ("/tmp/x.py", Kind::Scratch),
            ("../x", Kind::Scratch),
            ("tests/store.rs", Kind::Test),
            ("src/a.test.ts", Kind::Test),
            ("src/test/java/InvoiceTest.java", Kind::Test),
            ("test_app.py", Kind::Test),
            ("README.md", Kind::Document),
            ("docs/openapi.yaml", Kind::Document),
            ("db/migrations/002_placed.sql", Kind::Migration),
            ("V3__orders.sql", Kind::Migration),
            ("package.json", Kind::Manifest),
            ("crates/a/Cargo.toml", Kind::Manifest),
            ("Cargo.lock", Kind::Lock),
            (".github/workflows/ci.yml", Kind::Code),
            ("latest.rs", Kind::Code),
        ] {
            assert_eq!(kind("/w", path), expected, "{path}");
        }
    }

    #[test]
    fn comments_are_told_from_code() {
        let change = |path: &str, removed: &[&str], added: &[&str]| Change {
            path: path.to_owned(),
            removed: removed.iter().map(|line| (*line).to_owned()).collect(),
            added: added.iter().map(|line| (*line).to_owned()).collect(),
            is_new: false,
        };
        for (path, removed, added, is) in [
            ("a.go", &[][..], &["// Package a is one.", ""][..], true),
            ("a.go", &["package a"], &["// Package a is one.", "package a"], true),
            ("a.py", &[], &["    \"\"\"It is", "    so.\"\"\""], true),
            ("a.py", &[], &["    \"\"\"It is so.\"\"\"", "    x = 1"], false),
            ("a.rs", &["// old"], &[], true),
            ("a.rs", &["let x = 1;"], &["let x = 2;"], false),
            ("a.rs", &[], &[], false),
            ("logo.png", &[], &["# x"], false),
        ] {
            assert_eq!(only_comments(&change(path, removed, added)), is, "{path} {added:?}");
        }
    }
}
