//! What the name of a session file says.

use chrono::NaiveDateTime;
use uuid::Uuid;

use crate::model::ThreadId;

/// `rollout-2026-11-22T05-37-28-<thread>[_<page>].jsonl[.zst]`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName {
    /// The session that the file belongs to.
    pub thread: ThreadId,
    /// A thread may go on in further files: what tells this one from the first, which has none.
    pub page: Option<String>,
    /// When Codex opened it, in the local time of its machine.
    pub started: NaiveDateTime,
    /// Zstandard instead of plain text.
    pub compressed: bool,
}

impl SessionName {
    /// Reads a file's name, without its folder; `None` for what is no session file.
    pub fn parse(file_name: &str) -> Option<Self> {
        let (name, compressed) = match file_name.strip_suffix(".zst") {
            Some(name) => (name, true),
            None => (file_name, false),
        };
        let name = name.strip_suffix(".jsonl")?.strip_prefix("rollout-")?;
        let (started, thread) = name.split_at_checked("2026-11-22T05-37-28".len())?;
        let started = NaiveDateTime::parse_from_str(started, "%Y-%m-%dT%H-%M-%S").ok()?;
        let (thread, page) = thread_and_page(thread.strip_prefix('-')?);
        (!thread.is_empty()).then(|| Self { thread: ThreadId::new(thread), page, started, compressed })
    }
}

/// Codex names threads and their pages by UUIDs. What else stands behind a thread's (`_bak`, `-copy`, ` (1)`) was added by
/// somebody who copied the file: the copy is the same file of the same thread.
fn thread_and_page(name: &str) -> (&str, Option<String>) {
    match name.split_at_checked(UUID_LEN).filter(|(thread, _)| is_uuid(thread)) {
        Some((thread, rest)) => (thread, rest.strip_prefix('_').filter(|page| is_uuid(page)).map(str::to_owned)),
        None => match name.split_once('_') {
            Some((thread, page)) => (thread, Some(page.to_owned())),
            None => (name, None),
        },
    }
}

/// Of one with hyphens, in bytes.
const UUID_LEN: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LEN && Uuid::parse_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_file_says_whose_it_is() {
        let thread = "01a201d5-71fc-7c33-9591-620ee666b9f3";
        let page = "01a201d5-72c1-7723-9fb5-6e2b5d66e328";
        let cases = [
            (format!("rollout-2026-11-22T05-58-15-{thread}.jsonl"), None, false),
            (format!("rollout-2026-11-22T05-58-15-{thread}.jsonl.zst"), None, true),
            (format!("rollout-2026-11-22T05-58-15-{thread}_{page}.jsonl"), Some(page.to_owned()), false),
        ];
        for (file, page, compressed) in cases {
            let name = SessionName::parse(&file).unwrap();
            assert_eq!(name.thread.as_str(), thread, "{file}");
            assert_eq!((name.page, name.compressed), (page, compressed), "{file}");
            assert_eq!(name.started.to_string(), "2026-11-22 05:58:15", "{file}");
        }
    }

    #[test]
    fn a_copy_beside_a_file_is_named_like_the_file() {
        let thread = "01a201d5-71fc-7c33-9591-620ee666b9f3";
        let page = "01a201d5-72c1-7723-9fb5-6e2b5d66e328";
        let original = SessionName::parse(&format!("rollout-2026-11-22T05-58-15-{thread}.jsonl"));
        for copy in ["_bak", "-copy", " (1)", ".bak", "_old.2", &format!("_{page}_bak"), &format!("-{page}")] {
            let name = SessionName::parse(&format!("rollout-2026-11-22T05-58-15-{thread}{copy}.jsonl"));
            assert_eq!(name, original, "{copy}");
        }
    }

    #[test]
    fn other_files_are_none() {
        for file in [
            "",
            "history.jsonl",
            "rollout-.jsonl",
            "rollout-2026-11-22T05-58-15-.jsonl",
            "rollout-2026-99-22T05-58-15-a.jsonl",
            "rollout-2026-11-22T05-58-15-a.json",
            "rollout-2026-11-22T05-58-1é-a.jsonl",
        ] {
            assert_eq!(SessionName::parse(file), None, "{file}");
        }
    }
}
