//! What is known by a line's head is what its whole would have said.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::fast_path;
use super::*;
use crate::rollout::read::{read, read_for_accounting, read_whole};
use crate::rollout::record::{Record, RecordKind, Refused};

/// All lines of all fixtures, as they are.
fn lines() -> Vec<Vec<u8>> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts")];
    let mut lines = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "jsonl") {
                lines.extend(fs::read(path).unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
            }
        }
    }
    assert!(lines.len() > 500);
    lines
}

fn head(line: &[u8], purpose: Purpose) -> Option<Passed<'_>> {
    Head::of(line)?.passed_over(purpose)
}

/// A record without what accounting has no use for.
fn of_use(record: Record) -> Record {
    let kind = match record.kind {
        RecordKind::ToolCall { .. }
        | RecordKind::ToolOutput { .. }
        | RecordKind::Answering
        | RecordKind::Review { .. }
        | RecordKind::TurnEnded { .. } => RecordKind::Other,
        other => other,
    };
    Record { kind, ..record }
}

/// Holds for any line: what its whole says is said, and what its whole refuses never becomes spend.
fn expect_the_same(line: &[u8]) {
    let shown = String::from_utf8_lossy(line);
    match read_whole(line) {
        Ok(whole) => {
            assert_eq!(read(line).as_ref(), Ok(&whole), "{shown}");
            assert_eq!(read_for_accounting(line).map(of_use), Ok(of_use(whole)), "{shown}");
        }
        Err(refused) => {
            for record in [read(line), read_for_accounting(line)] {
                let passed_over = matches!(
                    &record,
                    Ok(Record {
                        kind: RecordKind::Other
                            | RecordKind::UserMessage
                            | RecordKind::Compacted
                            | RecordKind::Answering
                            | RecordKind::Review { .. }
                            | RecordKind::ToolOutput { .. },
                        ..
                    })
                );
                assert!(record == Err(refused) || passed_over, "{shown}");
            }
        }
    }
}

#[test]
fn heads_of_real_lines_say_what_the_whole_lines_say() {
    let mut passed_over = [0, 0];
    let lines = lines();
    for line in &lines {
        expect_the_same(line);
        for (passed, purpose) in passed_over.iter_mut().zip([Purpose::Control, Purpose::Accounting]) {
            *passed += usize::from(head(line, purpose).is_some());
        }
    }
    let [control, accounting] = passed_over;
    assert!(lines.len() / 5 < control && control < accounting, "{passed_over:?} of {}", lines.len());
}

#[test]
fn records_that_spend_are_read_without_a_parser_of_json() {
    let lines = lines();
    let spends = |line: &&Vec<u8>| {
        let whole = read_whole(line).map(|record| record.kind);
        matches!(whole, Ok(RecordKind::UsageRecord { .. } | RecordKind::TokenCount { .. }))
    };
    let spends: Vec<_> = lines.iter().filter(spends).collect();
    let exact = spends.iter().filter(|line| Head::of(line).and_then(|head| fast_path::spend(&head)).is_some()).count();
    assert!(exact * 10 > spends.len() * 9, "{exact} of {}", spends.len());
}

#[test]
fn moments_are_read_as_any_reader_would() {
    for text in [
        "2026-11-22T05:37:30.041Z",
        "2024-02-29T23:59:59.999Z",
        "2023-02-29T00:00:00.000Z",
        "2026-13-01T00:00:00.000Z",
        "2026-11-22T24:00:00.000Z",
        "2026-11-22T05:60:00.000Z",
        "2026-11-22 05:37:30.041Z",
        "2026-11-22T05:37:30.0é1Z",
    ] {
        let by_format = chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
        let Some(bytes) = text.as_bytes().first_chunk() else { panic!("{text}") };
        if moment(bytes).is_some() {
            assert_eq!(moment(bytes), by_format, "{text}");
        } else {
            assert!(by_format.is_none() || text.contains(' '), "{text}");
        }
    }
    let leap_second = b"2016-12-31T23:59:60.000Z";
    assert_eq!(moment(leap_second), None, "the reader for all formats decides");
}

#[test]
fn a_record_that_a_torn_one_runs_into_is_seen_whatever_stands_before() {
    let lines = lines();
    let text = |holds: &str| {
        String::from_utf8(lines.iter().find(|line| memmem::find(line, holds.as_bytes()).is_some()).unwrap().clone())
            .unwrap()
    };
    let message = text("output_text");
    let long = message.replacen("\"text\":\"", &format!("\"text\":\"{}", "x".repeat(3 * LOOKED_THROUGH)), 1);
    let spends = text("\"type\":\"token_usage_record\"");
    for before in [message, long] {
        assert!(head(before.as_bytes(), Purpose::Control).is_some());
        let torn = before.split_at(before.len() - 9).0;
        for purpose in [Purpose::Control, Purpose::Accounting] {
            assert_eq!(head(format!("{torn}{spends}").as_bytes(), purpose), None);
        }
        assert_eq!(read(format!("{torn}{spends}").as_bytes()), Err(Refused::NotJson));
    }
}

#[test]
fn lines_of_many_megabytes_and_of_later_kinds_are_passed_over() {
    let filler = "y".repeat(20 << 20);
    for (kind, payload) in [
        ("response_item", format!(r#""type":"function_call_output","call_id":"c","output":"{filler}""#)),
        ("response_item", format!(r#""type":"kind_of_the_future","text":"{filler}""#)),
        ("event_msg", format!(r#""type":"user_message","message":"{filler}""#)),
        ("kind_of_the_future", format!(r#""text":"{filler}""#)),
    ] {
        let line = format!(
            r#"{{"timestamp":"2026-11-22T05:37:30.041Z","type":"{kind}","payload":{{{payload},"more":{{}}}}}}"#
        );
        for purpose in [Purpose::Control, Purpose::Accounting] {
            assert!(head(line.as_bytes(), purpose).is_some(), "{kind}");
        }
        expect_the_same(line.as_bytes());
    }
}

#[derive(Clone, Debug)]
enum Change {
    Replace(usize, u8),
    Insert(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = prop_oneof![0_usize..220, 0_usize..4_000];
    let byte = prop_oneof![prop::sample::select(b"\"\\{}[],:0eu \t\r\0".to_vec()), any::<u8>(),];
    prop_oneof![
        (place.clone(), byte.clone()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (place.clone(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        (place.clone(), 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (place.clone(), 1_usize..200).prop_map(|(at, length)| Change::Repeat(at, length)),
        place.prop_map(Change::Cut),
    ]
}

fn changed(mut line: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let within = |at: usize| at % line.len().max(1);
        match *change {
            _ if line.is_empty() => {}
            Change::Replace(at, byte) => {
                let at = within(at);
                line[at] = byte;
            }
            Change::Insert(at, byte) => line.insert(within(at), byte),
            Change::Remove(at, length) => {
                let at = within(at);
                line.drain(at..(at + length).min(line.len()));
            }
            Change::Repeat(at, length) => {
                let at = within(at);
                let part = line[at..(at + length).min(line.len())].to_vec();
                line.splice(at..at, part);
            }
            Change::Cut(at) => line.truncate(within(at)),
        }
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn heads_of_damaged_lines_say_what_the_whole_lines_say(
        nth in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 0..4),
    ) {
        static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(lines);
        expect_the_same(&changed(nth.get(&LINES).clone(), &changes));
    }
}
