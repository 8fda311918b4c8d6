//! The session files: what the newest of them say of a ChatGPT plan's own limits.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::model::LimitTold;
use crate::rollout::{self, RecordKind};

use super::cursor::open_file;
use super::locate::{self, SessionFile};

/// How many files are looked into, the last written first: an API key's say nothing of a plan.
const FILES: usize = 8;

/// How many windows are kept of one file: an account has two or three limits of two windows.
const MOST_TOLD: usize = 32;

/// How much of a file's end is read, in bytes: the last requests of a session.
const END: u64 = 256 * 1024;

/// Each window of each of the account's limits as it was last told of, the plan's own and others. Reads the ends of a
/// few files; compressed ones are old, and passed over.
///
/// # Errors
///
/// The home cannot be looked at. A file that cannot be read is passed over.
pub fn last_limits(home: &Path) -> io::Result<Vec<LimitTold>> {
    let sessions = locate::sessions_dir(home);
    if !sessions.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = locate::session_files(&sessions)?.files;
    files.retain(|file| file.path.extension().is_some_and(|end| end == "jsonl"));
    files.sort_by_key(|file| std::cmp::Reverse(file.modified));
    let mut found: Vec<LimitTold> = Vec::new();
    for file in files.iter().take(FILES) {
        for told in told(file).unwrap_or_default() {
            match found.iter_mut().find(|known| is_same(known, &told)) {
                Some(known) if known.at < told.at => *known = told,
                Some(_) => {}
                None => found.push(told),
            }
        }
    }
    found.sort_by(|a, b| (&a.other, a.window.length).cmp(&(&b.other, b.window.length)));
    Ok(found)
}

fn is_same(one: &LimitTold, other: &LimitTold) -> bool {
    one.other == other.other && one.window.length == other.window.length
}

/// What the last lines of a file say, the last of each limit's.
fn told(file: &SessionFile) -> io::Result<Vec<LimitTold>> {
    let mut open = open_file(&file.path)?;
    let from = file.size.saturating_sub(END);
    open.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    open.take(END).read_to_end(&mut end)?;
    // A line that begins before is not whole: it is refused as any other that cannot be read.
    let rows = end.split(|byte| *byte == b'\n').rev().filter_map(|line| {
        let record = rollout::read(line).ok()?;
        let RecordKind::TokenCount { rate_limits: Some(limits), .. } = record.kind else { return None };
        Some((limits, record.at?))
    });
    let mut found: Vec<LimitTold> = Vec::new();
    for (limits, at) in rows {
        // A row tells all of its limit's windows.
        if found.len() < MOST_TOLD && !found.iter().any(|known| known.other == limits.other) {
            let other = limits.other;
            found.extend(limits.windows.into_iter().map(|window| LimitTold { other: other.clone(), window, at }));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(at: &str, used: u32, minutes: u32) -> String {
        format!(
            r#"{{"timestamp":"{at}","type":"event_msg","payload":{{"type":"token_count","info":null,"rate_limits":{{"plan_type":"pro","primary":{{"used_percent":{used}.5,"window_minutes":{minutes},"resets_at":1795360000}},"secondary":null}}}}}}"#
        ) + "\n"
    }

    fn of(id: &str, line: &str) -> String {
        line.replace(r#""plan_type""#, &format!(r#""limit_id":{id},"plan_type""#))
    }

    #[test]
    fn each_limit_is_told_of_apart_whichever_was_written_last() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sessions/2026/11/22");
        fs::create_dir_all(&folder).unwrap();
        let text = of(r#""codex""#, &line("2026-11-22T10:00:00Z", 80, 299))
            + &of(r#""codex""#, &line("2026-11-22T10:01:00Z", 90, 299))
            + &of(r#""other""#, &line("2026-11-22T10:02:00Z", 0, 300));
        fs::write(folder.join("rollout-2026-11-22T10-00-00-a.jsonl"), text).unwrap();
        let told = last_limits(home.path()).unwrap();
        let told: Vec<_> =
            told.iter().map(|told| (told.other.as_deref(), told.window.length.minutes(), told.window.used)).collect();
        assert_eq!(told, [(None, 300, 905), (Some("other"), 300, 5)]);
    }

    #[test]
    fn the_last_word_of_the_last_written_files_counts() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(last_limits(home.path()).unwrap(), []);
        let folder = home.path().join("sessions/2026/11/22");
        fs::create_dir_all(&folder).unwrap();
        let long = format!("{{\"text\":\"{}\"}}\n", "x".repeat(300_000));
        for (name, text) in [
            ("a", line("2026-11-22T10:00:00Z", 10, 300) + &long + &line("2026-11-22T10:05:00Z", 20, 300) + "{\"torn"),
            ("b", line("2026-11-22T11:00:00Z", 30, 10_080)),
            ("c", line("2026-11-22T12:00:00Z", 99, 300) + &long),
            ("d", line("2026-11-22T09:00:00Z", 88, 300)),
        ] {
            fs::write(folder.join(format!("rollout-2026-11-22T10-00-00-{name}.jsonl")), text).unwrap();
        }
        let told = last_limits(home.path()).unwrap();
        let told: Vec<_> =
            told.iter().map(|told| (told.window.length.minutes(), told.window.used, told.at.to_rfc3339())).collect();
        assert_eq!(
            told,
            [(300, 205, "2026-11-22T10:05:00+00:00".to_owned()), (10_080, 305, "2026-11-22T11:00:00+00:00".to_owned())]
        );
    }
}
