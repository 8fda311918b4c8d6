//! How a run's session files are read to their end, and what a full disk means.

use std::sync::Arc;

use super::*;

#[test]
fn a_full_disk_is_told_once_and_by_the_folder_that_sessions_are_in() {
    let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver, Arc::default());
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
fn tally(read: Vec<(FileId, Reads)>) -> (Vec<u64>, u64) {
    let (mut counted, mut skipped) = (Vec::new(), 0);
    for reading in read.into_iter().flat_map(|(_, readings)| readings.unwrap()) {
        match reading {
            Reading::Answered { answer, .. } => counted.push(answer.tokens.total()),
            Reading::Skipped { lines, .. } => skipped += lines,
            Reading::Thread(_)
            | Reading::Did(..)
            | Reading::Ran(..)
            | Reading::Classed(..)
            | Reading::Window(..)
            | Reading::Plan(..)
            | Reading::Altered { .. }
            | Reading::Unanswered(..)
            | Reading::Untold(..)
            | Reading::Phase(_) => {}
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
        let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver, Arc::default());
        sessions.claim(Held::open(&path).unwrap(), &AgentName::new("codex")).unwrap();
        assert_eq!(tally(sessions.read_all()), (vec![11], 0), "the writer may go on with `{last}`");
        assert_eq!(tally(sessions.finish_all()), at_the_end, "`{last}`");
        assert_eq!(tally(sessions.finish_all()), (vec![], 0), "once");
    }
}

#[test]
fn a_thread_whose_writer_is_gone_rests_however_often_its_file_is_read_and_until_more_is_written() {
    use std::io::Write as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(NAME);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let begins = "{\"type\":\"event_msg\",\"payload\":{\"type\":\"task_started\"}}\n";
    std::fs::write(&path, format!("{HEAD}{begins}")).unwrap();
    let agent = AgentName::new("codex");
    let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver, Arc::default());
    sessions.claim(Held::open(&path).unwrap(), &agent).unwrap();
    let phases = |sessions: &mut Sessions| -> Vec<Phase> {
        let readings = sessions.read_all().into_iter().flat_map(|(_, readings)| readings.unwrap());
        readings
            .filter_map(|reading| if let Reading::Phase(change) = reading { Some(change.phase) } else { None })
            .collect()
    };
    assert_eq!(phases(&mut sessions).last(), Some(&Phase::InFlight));
    let id = sessions.at_work()[0];
    assert!(sessions.rest(id).unwrap().1.is_some(), "a request was cut off");
    assert_eq!(phases(&mut sessions), []);
    assert!(sessions.at_work().is_empty() && sessions.cut_off(&agent).is_empty(), "told once");
    write!(std::fs::OpenOptions::new().append(true).open(&path).unwrap(), "{begins}").unwrap();
    assert_eq!(phases(&mut sessions), [Phase::InFlight]);
}

mod altered {
    //! A thread whose file is not left alone: every response counts once, as long as it is read before it is gone. (What is
    //! gone before is hidden from a reader: it is hooks that tell of it.)

    use std::collections::BTreeSet;
    use std::fs::{self, File, OpenOptions};
    use std::io::Write;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    const THREAD: &str = "01a201d4-4e3e-7b71-a042-e236ffab201c";

    #[derive(Clone, Debug)]
    enum Step {
        /// Codex writes down one more response.
        Answer,
        /// The file is read.
        Read,
        /// `truncate`.
        Cut(Index),
        /// `: > file`, and other bytes than before in it.
        Refill(Index, bool),
        /// `sed -i`, `cp` and `mv`: a copy in its place, perhaps without one of its lines.
        Replace(Option<Index>),
        /// `mv`, and a copy where it was.
        Swap,
        /// `rm`, `touch`.
        Recreate,
        Remove,
        Rename,
        /// Codex ends, and goes on with what has the name now.
        Resume,
    }
    use Step::{Answer, Cut, Read, Recreate, Refill, Remove, Rename, Replace, Resume, Swap};

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Answer),
            4 => Just(Read),
            1 => any::<Index>().prop_map(Cut),
            1 => (any::<Index>(), any::<bool>()).prop_map(|(size, whole)| Refill(size, whole)),
            1 => prop::option::of(any::<Index>()).prop_map(Replace),
            1 => Just(Swap),
            1 => Just(Recreate),
            1 => Just(Remove),
            1 => Just(Rename),
            2 => Just(Resume),
        ]
    }

    struct Story {
        folder: tempfile::TempDir,
        path: PathBuf,
        codex: File,
        records: bool,
        sessions: Sessions,
        /// How many responses there were, and their sum.
        answers: u64,
        total: u64,
        counted: Vec<(u64, String)>,
        copies: u32,
    }

    impl Story {
        fn new(records: bool) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().canonicalize().unwrap().join(NAME);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut codex = OpenOptions::new().append(true).create(true).open(&path).unwrap();
            writeln!(
                codex,
                r#"{{"timestamp":"2026-11-22T05:57:00.000Z","type":"session_meta","payload":{{"id":"{THREAD}"}}}}"#
            )
            .unwrap();
            let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH, Deeds::PassedOver, Arc::default());
            sessions.claim(Held::open(&path).unwrap(), &AgentName::new("codex")).unwrap();
            let mut story =
                Self { folder, path, codex, records, sessions, answers: 0, total: 0, counted: Vec::new(), copies: 0 };
            story.read();
            story
        }

        /// No two responses are equal.
        fn answer(&mut self) {
            self.answers += 1;
            let spent = 1_000 + self.answers * self.answers;
            self.total += spent;
            let usage =
                |tokens: u64| format!(r#"{{"input_tokens":{tokens},"output_tokens":0,"total_tokens":{tokens}}}"#);
            let at = format!(r#"{{"timestamp":"2026-11-22T06:00:{:02}.{:03}Z","#, self.answers / 60, self.answers % 60);
            let (one, all) = (usage(spent), usage(self.total));
            if self.records {
                let record = format!(
                    r#"{at}"type":"token_usage_record","payload":{{"thread_id":"{THREAD}","response_id":"r{}","usage":{one},"thread_token_usage":{all}}}}}"#,
                    self.answers
                );
                writeln!(self.codex, "{record}").unwrap();
            }
            let info = format!(r#"{{"total_token_usage":{all},"last_token_usage":{one}}}"#);
            let count = format!(r#"{at}"type":"event_msg","payload":{{"type":"token_count","info":{info}}}}}"#);
            writeln!(self.codex, "{count}").unwrap();
        }

        fn take(&mut self, read: Vec<(FileId, Reads)>) {
            for reading in read.into_iter().flat_map(|(_, readings)| readings.unwrap()) {
                match reading {
                    Reading::Answered { answer, .. } => {
                        self.counted.push((answer.tokens.total(), answer.key.to_string()));
                    }
                    Reading::Thread(_)
                    | Reading::Did(..)
                    | Reading::Ran(..)
                    | Reading::Classed(..)
                    | Reading::Window(..)
                    | Reading::Plan(..)
                    | Reading::Phase(_)
                    | Reading::Altered { .. }
                    | Reading::Unanswered(..)
                    | Reading::Untold(..)
                    | Reading::Skipped { .. } => {}
                }
            }
        }

        fn read(&mut self) {
            let read = self.sessions.read_all();
            self.take(read);
        }

        /// What the agent does to the file that has the name, if one has.
        fn perform(&mut self, step: &Step) {
            let path = self.path.clone();
            self.copies += 1;
            let copy = self.folder.path().join(format!("copy {}", self.copies));
            if let Cut(_) | Refill(..) = step {
                self.read();
            }
            let bytes = fs::read(&path).unwrap_or_default();
            match step {
                Answer => self.answer(),
                Read => self.read(),
                Cut(_) | Refill(..) | Replace(_) | Swap if !path.exists() => {}
                Cut(at) => {
                    OpenOptions::new()
                        .write(true)
                        .open(&path)
                        .unwrap()
                        .set_len(at.index(bytes.len() + 1) as u64)
                        .unwrap();
                }
                Refill(size, whole) => {
                    let mut other = vec![b'x'; size.index(2 * bytes.len() + 1)];
                    other.extend(whole.then_some(b'\n'));
                    OpenOptions::new().write(true).truncate(true).open(&path).unwrap().write_all(&other).unwrap();
                }
                Replace(without) => {
                    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                    if let Some(without) = without.filter(|_| !lines.is_empty()) {
                        lines.remove(without.index(lines.len()));
                    }
                    fs::write(&copy, lines.concat()).unwrap();
                    fs::rename(&copy, &path).unwrap();
                }
                Swap => {
                    fs::rename(&path, &copy).unwrap();
                    fs::copy(&copy, &path).unwrap();
                }
                Recreate => {
                    let _ = fs::remove_file(&path);
                    File::create(&path).unwrap();
                }
                Remove => {
                    let _ = fs::remove_file(&path);
                }
                Rename => {
                    let _ = fs::rename(&path, &copy);
                }
                Resume => self.resume(),
            }
        }

        /// Codex opens what has the name, and the supervisor finds it by its descriptor.
        fn resume(&mut self) {
            self.codex = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
            let held = Held::open(&self.path).unwrap();
            if !self.sessions.owns(held.id()) {
                self.read();
                self.sessions.claim(held, &AgentName::new("codex")).unwrap();
                self.read();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn each_response_counts_once_whatever_is_done_to_the_file(
            records in any::<bool>(),
            steps in prop::collection::vec(step(), 1..40),
        ) {
            let mut story = Story::new(records);
            for step in &steps {
                story.perform(step);
            }
            let rest = story.sessions.finish_all();
            story.take(rest);
            let counted: BTreeSet<u64> = story.counted.iter().map(|(tokens, _)| *tokens).collect();
            let keys: BTreeSet<&String> = story.counted.iter().map(|(_, key)| key).collect();
            prop_assert_eq!(counted.len(), story.counted.len(), "twice: {:?}", story.counted);
            prop_assert_eq!(keys.len(), story.counted.len(), "one key: {:?}", story.counted);
            prop_assert_eq!(counted.len() as u64, story.answers, "{:?}", story.counted);
        }
    }
}
