//! Owns the session files: what the newest of them say of a ChatGPT plan's own limits.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::model::{PlanLength, PlanWindow, Timestamp};
use crate::rollout::{self, RecordKind};

use super::cursor::open_file;
use super::locate::{self, SessionFile};

/// How many files are looked into, the last written first: an API key's say nothing of a plan.
const FILES: usize = 8;

/// How much of a file's end is read, in bytes: the last requests of a session.
const END: u64 = 256 * 1024;

/// Each of the plan's windows as it was last told of, and when that was. Reads the ends of a few files; compressed ones
/// are old, and passed over.
///
/// # Errors
///
/// The home cannot be looked at. A file that cannot be read is passed over.
pub fn last_plan(home: &Path) -> io::Result<Vec<(PlanWindow, Timestamp)>> {
    let sessions = locate::sessions_dir(home);
    if !sessions.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = locate::session_files(&sessions)?.files;
    files.retain(|file| file.path.extension().is_some_and(|end| end == "jsonl"));
    files.sort_by_key(|file| std::cmp::Reverse(file.modified));
    let mut found: Vec<(PlanWindow, Timestamp)> = Vec::new();
    for file in files.iter().take(FILES) {
        for (window, at) in told(file).unwrap_or_default() {
            let known = |length: PlanLength| found.iter().position(|(other, _)| other.length == length);
            match known(window.length).and_then(|place| found.get_mut(place)) {
                Some(known) if known.1 < at => *known = (window, at),
                Some(_) => {}
                None => found.push((window, at)),
            }
        }
    }
    Ok(found)
}

/// What the last lines of a file say.
fn told(file: &SessionFile) -> io::Result<Vec<(PlanWindow, Timestamp)>> {
    let mut open = open_file(&file.path)?;
    let from = file.size.saturating_sub(END);
    open.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    open.take(END).read_to_end(&mut end)?;
    // A line that begins before is not whole: it is refused as any other that cannot be read.
    let told = end.split(|byte| *byte == b'\n').rev().find_map(|line| {
        let record = rollout::read(line).ok()?;
        let RecordKind::TokenCount { rate_limits: Some(limits), .. } = record.kind else { return None };
        let at = record.at?;
        (!limits.windows.is_empty()).then(|| limits.windows.into_iter().map(|window| (window, at)).collect())
    });
    Ok(told.unwrap_or_default())
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

    #[test]
    fn the_last_word_of_the_last_written_files_counts() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(last_plan(home.path()).unwrap(), []);
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
        let mut told = last_plan(home.path()).unwrap();
        told.sort_by_key(|(window, _)| window.length);
        let told: Vec<_> =
            told.iter().map(|(window, at)| (window.length.minutes, window.used, at.to_rfc3339())).collect();
        assert_eq!(
            told,
            [(300, 205, "2026-11-22T10:05:00+00:00".to_owned()), (10_080, 305, "2026-11-22T11:00:00+00:00".to_owned())]
        );
    }
}
