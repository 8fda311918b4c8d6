//! The fixtures under `tests/fixtures/rollouts` were written by the real Codex against a server
//! that counted what it served, then cut down to the lines and fields that matter.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::rollout::{SessionName, read};

mod damage;
mod expected;
mod phase;
mod rule;

fn all() -> Counting {
    Counting { from: Timestamp::UNIX_EPOCH, grown_from: 0 }
}

fn file_of(thread: &str, page: Option<&str>) -> SessionName {
    let page = page.map_or_else(String::new, |page| format!("_{page}"));
    SessionName::parse(&format!("rollout-2026-11-22T05-37-28-{thread}{page}.jsonl")).unwrap()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    files
}

fn records(text: &str) -> Vec<(u64, Record)> {
    let mut position = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let start = position;
            position += u64::try_from(line.len()).unwrap();
            (start, read(line.trim_end().as_bytes()).unwrap())
        })
        .collect()
}

/// Meters a file; the parent's totals are given as soon as they are wanted, if they are known.
fn meter(path: &Path, earlier: &[Meter]) -> (Meter, Vec<Answer>) {
    let name = SessionName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
    let mut meter = Meter::new(Some(&name), all());
    let mut answers = Vec::new();
    for (position, record) in records(&fs::read_to_string(path).unwrap()) {
        answers.extend(meter.push(position, &record));
        if let Some(parent) = meter.wants_parent().cloned()
            && let Some(parent) = earlier.iter().find(|meter| meter.thread() == Some(&parent))
        {
            meter.inherit(parent.totals());
        }
    }
    (meter, answers)
}

fn folder(folder: &str, with_parents: bool) -> (Vec<Meter>, Vec<Answer>) {
    let (mut meters, mut answers) = (Vec::new(), Vec::new());
    for path in files(folder) {
        let (file_meter, file_answers) = meter(&path, if with_parents { &meters } else { &[] });
        meters.push(file_meter);
        answers.extend(file_answers);
    }
    (meters, answers)
}

#[test]
fn copies_with_turn_ids_are_told_without_the_parent() {
    for name in ["0.118-fork", "0.135-fork", "0.118-sub-agent-with-history", "0.135-sub-agent-with-history"] {
        assert_eq!(folder(name, false).1, folder(name, true).1, "{name}");
    }
}

#[test]
fn equal_numbers_do_not_make_a_copy() {
    for name in ["0.118-fork", "0.135-sub-agent-with-history"] {
        let fork = files(name).pop().unwrap();
        let (alone, answers) = meter(&fork, &[]);
        // As if the parent had gone on with responses that look just like the fork's.
        let mut again = Meter::new(Some(&file_of(alone.thread().unwrap().as_str(), None)), all());
        let mut counted = Vec::new();
        for (position, record) in records(&fs::read_to_string(&fork).unwrap()) {
            counted.extend(again.push(position, &record));
            if again.wants_parent().is_some() {
                again.inherit(alone.totals());
            }
        }
        assert_eq!(counted, answers, "{name}");
        assert!(!counted.is_empty(), "{name}");
    }
}

#[test]
fn without_turn_ids_and_parent_a_pause_ends_the_copies() {
    let path = files("0.80-fork").pop().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    // The server answered at once; a model, or a person, takes time.
    let late_answer = text.replace("06:01:28.606Z", "06:01:42.606Z").replace("06:01:28.64", "06:01:42.64");
    let late_prompt = late_answer.replace("06:01:28.603Z", "06:01:40.000Z");
    for (text, basis) in [(late_answer, Basis::Estimated(Guess::Pause)), (late_prompt, Basis::Observed)] {
        let mut meter = Meter::new(None, all());
        let answers = records(&text).into_iter().filter_map(|(position, record)| meter.push(position, &record));
        let counted: Vec<_> = answers.map(|answer| (answer.tokens.total(), answer.basis)).collect();
        assert_eq!(counted, [(1_560, basis), (1_720, basis)]);
    }
}

/// A fork without turn ids whose parent is unknown: 40 copied totals of 20,300 tokens each, written over two seconds,
/// and one response of its own.
fn burst(prompt_after_hiccup: bool) -> String {
    let line = |at: u64, kind: &str, payload: &str| {
        let (seconds, millis) = (at / 1_000, at % 1_000);
        format!(r#"{{"timestamp":"2026-01-05T10:00:{seconds:02}.{millis:03}Z","type":"{kind}","payload":{payload}}}"#)
    };
    let meta = |id: &str| format!(r#"{{"id":"{id}","cwd":"/w","cli_version":"0.80.0"}}"#);
    let usage = |nth: u64, input: u64, output: u64| {
        let (input, output) = (20_000 * nth + input, 300 * nth + output);
        let total = input + output;
        format!(r#"{{"input_tokens":{input},"output_tokens":{output},"total_tokens":{total}}}"#)
    };
    let count = |total: String, last: String| {
        format!(r#"{{"type":"token_count","info":{{"total_token_usage":{total},"last_token_usage":{last}}}}}"#)
    };
    let prompt = r#"{"type":"user_message","message":"go on"}"#;
    let mut lines = vec![
        line(0, "session_meta", &meta("01a20289-395c-7b63-bdb1-43ec43be2ba0")),
        line(0, "session_meta", &meta("01a20289-3881-7843-91f2-414e098e57fc")),
    ];
    for nth in 1..=40 {
        // The disk was busy for a moment, twice.
        let hiccups = u64::from(nth > 10) + u64::from(nth > 25);
        let at = nth * 35 + hiccups * 300;
        if prompt_after_hiccup && nth == 11 {
            lines.push(line(at, "event_msg", prompt));
        }
        lines.push(line(at, "event_msg", &count(usage(nth, 0, 0), usage(1, 0, 0))));
    }
    lines.push(line(9_000, "event_msg", prompt));
    lines.push(line(12_000, "event_msg", &count(usage(40, 5_400, 100), usage(0, 5_400, 100))));
    lines.join("\n") + "\n"
}

#[test]
fn a_pause_within_the_copying_ends_it_for_no_more_than_one_total() {
    for prompt_after_hiccup in [false, true] {
        let mut meter = Meter::new(None, all());
        let text = burst(prompt_after_hiccup);
        let answers = records(&text).into_iter().filter_map(|(position, record)| meter.push(position, &record));
        let counted: Vec<_> = answers.map(|answer| answer.tokens.total()).collect();
        assert_eq!(counted, [20_300, 20_300, 5_500], "of 817,500: one for each pause, and its own");
    }
}

#[test]
fn a_file_names_its_family() {
    for name in ["0.118-sub-agent", "0.135-sub-agent-with-history", "0.169-sub-agent", "0.169-sub-agent-with-history"] {
        let (meters, answers) = folder(name, true);
        let [root, child] = meters.as_slice() else { panic!("{name}") };
        assert_eq!(root.root(), root.thread(), "{name}");
        assert_eq!((root.parent(), root.role()), (None, None), "{name}");
        assert_eq!((child.root(), child.parent()), (root.thread(), root.thread()), "{name}");
        assert!(child.role().is_some(), "{name}");
        assert!(name.starts_with(child.codex_version().unwrap().trim_end_matches(".0")), "{name}");
        assert!(answers.iter().all(|answer| Some(&answer.root) == root.thread()), "{name}");
    }
    for name in ["0.80-fork", "0.118-fork", "0.135-fork", "0.169-fork"] {
        let (meters, _) = folder(name, true);
        let [parent, fork] = meters.as_slice() else { panic!("{name}") };
        assert_eq!((fork.parent(), fork.root()), (parent.thread(), fork.thread()), "{name}");
        assert_eq!((fork.role(), fork.cwd()), (None, Some("/work")), "{name}");
    }
}

#[test]
fn a_tier_sticks_to_its_thread_and_not_to_a_fork() {
    let (meters, answers) = folder("0.169-fast-tier", true);
    for answer in answers {
        let fast = Some(&answer.thread) == meters.first().unwrap().thread();
        assert_eq!(answer.tier, if fast { ServiceTier::Fast } else { ServiceTier::Standard });
    }
}

#[test]
fn pages_of_a_thread_share_it() {
    let (meters, answers) = folder("0.169-revert", true);
    assert!(meters.iter().all(|meter| meter.thread() == meters.first().unwrap().thread()));
    let keys: HashSet<_> = answers.iter().map(|answer| answer.key.as_str()).collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn what_was_there_before_the_run_does_not_count_unless_the_clock_says_it_does() {
    for name in ["0.118-resume", "0.135-resume", "0.169-resume"] {
        let path = files(name).pop().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let records = records(&text);
        let (resumed_at, resumed) =
            records.iter().filter(|(_, record)| matches!(record.kind, RecordKind::TurnStarted { .. })).nth(1).unwrap();
        let counts = |counting| {
            let mut meter = Meter::new(None, counting);
            let answers = records.iter().filter_map(|(position, record)| meter.push(*position, record));
            answers.map(|answer| answer.counts).collect::<Vec<_>>()
        };
        let end_of_time = Timestamp::MAX_UTC;
        let at = resumed.at.unwrap();
        let grown = [false, false, true, true];
        assert_eq!(counts(Counting { from: end_of_time, grown_from: *resumed_at }), grown, "{name}");
        assert_eq!(counts(Counting { from: at, grown_from: u64::MAX }), grown, "{name}");
        assert_eq!(counts(Counting { from: end_of_time, grown_from: u64::MAX }), [false; 4], "{name}");
        assert_eq!(counts(all()), [true; 4], "{name}");
    }
}

#[test]
fn a_parent_of_which_nothing_is_left_tells_nothing_of_the_copies() {
    let path = files("0.80-fork-without-its-parent").pop().unwrap();
    let mut meter = Meter::new(None, all());
    let mut answers = Vec::new();
    let mut asked = 0;
    for (position, record) in records(&fs::read_to_string(path).unwrap()) {
        answers.extend(meter.push(position, &record));
        if meter.wants_parent().is_some() {
            asked += 1;
            meter.inherit(&[]);
        }
    }
    assert_eq!((asked, answers.len()), (1, 4));
}
