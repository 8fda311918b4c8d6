//! Owns nothing: how a run's session files are read to their end, and what a full disk means.

use super::*;

#[test]
fn a_full_disk_is_told_once_and_by_the_folder_that_sessions_are_in() {
    let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver);
    let full = |folder: &Path| folder == Path::new("/full/sessions");
    assert_eq!(sessions.newly_full_by(full), None, "nothing is watched");
    sessions.homes.insert("/roomy".into());
    assert_eq!(sessions.newly_full_by(full), None);
    sessions.homes.insert("/full".into());
    assert_eq!(sessions.newly_full_by(full), Some("/full/sessions".into()));
    assert_eq!(sessions.newly_full_by(full), None, "said once");
}

const NAME: &str = "sessions/2026/11/22/rollout-2026-11-22T05-57-00-01a201d4-4e3e-7b71-a042-e236ffab201c.jsonl";

const HEAD: &str = concat!(
    r#"{"type":"session_meta","payload":{"id":"01a201d4-4e3e-7b71-a042-e236ffab201c"}}"#,
    "\n",
    r#"{"type":"token_usage_record","payload":{"response_id":"r0","usage":{"input_tokens":10,"output_tokens":1}}}"#,
    "\n",
);

const LAST: &str =
    r#"{"type":"token_usage_record","payload":{"response_id":"r1","usage":{"input_tokens":20,"output_tokens":2}}}"#;

/// Responses counted and lines skipped.
fn tally(read: Vec<(PathBuf, Reads)>) -> (Vec<u64>, u64) {
    let (mut counted, mut skipped) = (Vec::new(), 0);
    for reading in read.into_iter().flat_map(|(_, readings)| readings.unwrap()) {
        match reading {
            Reading::Answered { answer, .. } => counted.push(answer.tokens.total()),
            Reading::Skipped { lines, .. } => skipped += lines,
            Reading::Thread(_) | Reading::Did(..) | Reading::Window(..) | Reading::Plan(..) | Reading::Phase(_) => {}
        }
    }
    (counted, skipped)
}

#[test]
fn a_last_line_that_nobody_will_finish_is_read_at_the_very_end_only() {
    let half = LAST.split_at(LAST.len() / 2).0;
    for (last, at_the_end) in [
        ("", (vec![], 0)),
        // Only its line feed is missing.
        (LAST, (vec![22], 0)),
        (half, (vec![], 1)),
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{HEAD}{last}")).unwrap();
        let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver);
        sessions.claim(&path, &AgentName::new("codex")).unwrap();
        assert_eq!(tally(sessions.read_all()), (vec![11], 0), "the writer may go on with `{last}`");
        assert_eq!(tally(sessions.finish_all()), at_the_end, "`{last}`");
        assert_eq!(tally(sessions.finish_all()), (vec![], 0), "once");
    }
}
