//! The accounting rule on records made by hand, and on real files that say things again.

use proptest::prelude::*;

use super::*;

fn tokens(input: u64, output: u64) -> Tokens {
    Tokens { input, output, ..Tokens::default() }
}

fn count(total: Option<Tokens>, last: Option<Tokens>) -> Record {
    Record { at: None, ordinal: None, kind: RecordKind::TokenCount { total, last, window: None, rate_limits: None } }
}

fn spent(records: &[Record]) -> Vec<(Tokens, Basis)> {
    let mut meter = Meter::new(Some(&file_of("t", None)), all());
    (0..)
        .zip(records)
        .filter_map(|(position, record)| meter.push(position, record))
        .map(|a| (a.tokens, a.basis))
        .collect()
}

#[test]
fn totals_are_read_by_the_accounting_rule() {
    let (a, b) = (tokens(10, 1), tokens(20, 2));
    let sum = a + b;
    let cases: &[(&str, &[Record], &[Tokens])] = &[
        ("said again", &[count(Some(a), Some(a)), count(Some(a), Some(a))], &[a]),
        ("an estimate after a compaction", &[count(Some(a), Some(a)), count(Some(a), Some(b))], &[a]),
        ("without `last`", &[count(Some(a), None), count(Some(sum), None)], &[a, b]),
        ("a counter that goes on from elsewhere", &[count(Some(sum), Some(a))], &[a]),
        ("a counter that starts again", &[count(Some(sum), Some(sum)), count(Some(b), Some(b))], &[sum, b]),
        (
            "a counter that starts again with equal numbers",
            &[count(Some(a), Some(a)), count(None, None), count(Some(a), Some(a))],
            &[a, a],
        ),
        (
            "an old count said again",
            &[count(Some(a), Some(a)), count(Some(sum), Some(b)), count(Some(a), Some(b)), count(Some(sum), Some(b))],
            &[a, b],
        ),
        ("no numbers", &[count(None, None), count(None, Some(a))], &[]),
    ];
    for (name, records, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|tokens| (*tokens, Basis::Observed)).collect();
        assert_eq!(spent(records), expected, "{name}");
    }
}

#[test]
fn a_response_id_counts_once_and_only_in_its_own_thread() {
    let record = |thread: &str, id: Option<&str>| Record {
        at: None,
        ordinal: None,
        kind: RecordKind::UsageRecord {
            thread: Some(thread.into()),
            root: None,
            turn: None,
            response_id: id.map(str::to_owned),
            usage: tokens(10, 1),
            thread_total: None,
        },
    };
    let one = (tokens(10, 1), Basis::Observed);
    assert_eq!(spent(&[record("t", Some("r1")), record("t", Some("r1")), record("t", Some("r2"))]), [one, one]);
    assert_eq!(spent(&[record("parent", Some("r1")), record("t", Some("r2"))]), [one]);
    assert_eq!(spent(&[record("t", None), record("t", None)]), [one, one]);
    // Totals no longer count once records have come.
    assert_eq!(spent(&[record("t", Some("r1")), count(Some(tokens(99, 9)), Some(tokens(10, 1)))]), [one]);
}

/// One response of ten tokens, after which its thread has used `thread_total`.
fn usage(id: &str, thread_total: Option<u64>) -> Record {
    let total = thread_total.map_or_else(String::new, |total| {
        format!(r#","thread_token_usage":{{"input_tokens":{total},"output_tokens":0}}"#)
    });
    let line = format!(
        r#"{{"type":"token_usage_record","payload":{{"thread_id":"t","response_id":"{id}","usage":{{"input_tokens":10,"output_tokens":0}}{total}}}}}"#
    );
    read(line.as_bytes()).unwrap()
}

#[test]
fn a_provider_that_repeats_its_ids_is_counted_by_the_running_total() {
    let counted = |total| count(Some(tokens(total, 0)), Some(tokens(10, 0)));
    // Each record's position is its place in the list.
    let cases: &[(&str, &[Record], &[&str])] = &[
        ("always one id", &[usage("r", Some(10)), usage("r", Some(20)), usage("r", Some(30))], &["r", "r@1", "r@2"]),
        ("always an empty id", &[usage("", Some(10)), usage("", Some(20))], &["@0", "@1"]),
        ("said again", &[usage("r", Some(10)), usage("r", Some(10)), usage("r", Some(20))], &["r", "r@2"]),
        (
            "said again later",
            &[usage("r", Some(10)), usage("r", Some(20)), usage("s", Some(30)), usage("r", Some(10))],
            &["r", "r@1", "s"],
        ),
        ("without an id, said again", &[usage("", Some(10)), usage("", Some(10)), usage("", Some(20))], &["@0", "@2"]),
        ("a thread's total that starts again", &[usage("r", Some(40)), usage("r", Some(10))], &["r", "r@1"]),
        ("other ids", &[usage("r", Some(10)), usage("s", Some(10))], &["r", "s"]),
        (
            "only `token_count` has totals",
            &[usage("r", None), counted(10), usage("r", None), counted(20), usage("r", None), usage("r", None)],
            &["r", "r@2", "r@4"],
        ),
        ("no totals at all", &[usage("r", None), usage("r", None)], &["r"]),
        ("neither id nor totals", &[usage("", None), usage("", None)], &["@0", "@1"]),
        (
            "no id, and totals only of `token_count`",
            &[counted(10), usage("", None), usage("", None)],
            &["@0", "@1", "@2"],
        ),
    ];
    for (name, records, expected) in cases {
        let mut meter = Meter::new(Some(&file_of("t", None)), all());
        let answers = (0..).zip(*records).filter_map(|(position, record)| meter.push(position, record));
        let keys: Vec<_> = answers.map(|answer| answer.key.as_str().to_owned()).collect();
        assert_eq!(&keys, expected, "{name}");
    }
}

/// The file as it were if the provider answered always with this id.
fn with_one_id(text: &str, id: &str) -> String {
    let ids = regex::Regex::new(r#""response_id":"[^"]*""#).unwrap();
    ids.replace_all(text, format!(r#""response_id":"{id}""#)).into_owned()
}

#[test]
fn a_real_file_whose_provider_repeats_one_id_counts_as_one_with_many() {
    for name in ["0.169-resume", "0.169-compaction", "0.169-fork", "0.169-sub-agent"] {
        for path in files(name) {
            let text = fs::read_to_string(&path).unwrap();
            let counted = |text: &str| {
                let mut meter = Meter::new(None, all());
                let answers = records(text).into_iter().filter_map(|(position, record)| meter.push(position, &record));
                answers.map(|answer| (answer.tokens, answer.has_tool_calls)).collect::<Vec<_>>()
            };
            for id in ["resp_same", ""] {
                let same = with_one_id(&text, id);
                assert_ne!(same, text, "{name}");
                assert_eq!(counted(&same), counted(&text), "{name} with `{id}`");
            }
        }
    }
}

#[test]
fn what_a_spawned_thread_can_not_know_is_estimated() {
    let meta = r#"{"type":"session_meta","payload":{"id":"t","forked_from_id":"p"}}"#;
    let records = [read(meta.as_bytes()).unwrap(), count(Some(tokens(30, 3)), None)];
    assert_eq!(spent(&records), [(tokens(30, 3), Basis::Estimated(Guess::FirstTotal))]);
}

proptest! {
    #[test]
    fn counts_said_again_change_nothing_and_answers_sum_to_the_last_total(
        responses in prop::collection::vec((1_u64..10_000, 0_u64..2_000, 0_usize..4, any::<bool>()), 1..40)
    ) {
        let mut total = Tokens::default();
        let mut records = Vec::new();
        for (input, output, repeats, estimate) in responses {
            let last = tokens(input, output);
            total += last;
            records.push(count(Some(total), Some(last)));
            let again = if estimate { tokens(input + 7, 0) } else { last };
            records.extend(std::iter::repeat_n(count(Some(total), Some(again)), repeats));
        }
        let spent = spent(&records);
        prop_assert_eq!(spent.iter().map(|(tokens, _)| *tokens).sum::<Tokens>(), total);
        prop_assert!(spent.iter().all(|(_, basis)| *basis == Basis::Observed));
    }

    #[test]
    fn a_real_file_with_lines_said_again_counts_the_same(
        name in prop::sample::select(vec!["0.118-resume", "0.135-compaction", "0.169-resume", "0.169-compaction"]),
        repeats in prop::collection::vec(1_usize..4, 1..20),
        only_id in prop::option::of(prop::sample::select(vec!["resp_same", ""])),
    ) {
        let mut text = fs::read_to_string(files(name).first().unwrap()).unwrap();
        if let Some(id) = only_id {
            text = with_one_id(&text, id);
        }
        let once = folder(name, false).1;
        let mut meter = Meter::new(None, all());
        let mut spent = Vec::new();
        for ((_, record), repeats) in records(&text).iter().zip(repeats.iter().cycle()) {
            let spends = matches!(record.kind, RecordKind::TokenCount { .. } | RecordKind::UsageRecord { .. });
            for _ in 0..if spends { *repeats } else { 1 } {
                spent.extend(meter.push(0, record));
            }
        }
        prop_assert_eq!(
            spent.iter().map(|answer| answer.tokens).collect::<Vec<_>>(),
            once.iter().map(|answer| answer.tokens).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_place_in_a_page_names_the_page() {
    let asked = || Record { at: None, ordinal: None, kind: RecordKind::UserMessage };
    let counts = [asked(), count(Some(tokens(10, 1)), Some(tokens(10, 1)))];
    let records = [usage("", Some(10)), usage("r", Some(20)), usage("r", Some(30))];
    for (page, expected) in [(None, ["@7", "@0", "r", "r@2"]), (Some("p"), ["@p:7", "@p:0", "r", "r@p:2"])] {
        let keys = |records: &[Record], from: u64| {
            let mut meter = Meter::new(Some(&file_of("t", page)), all());
            let answers = (from..).zip(records).filter_map(|(position, record)| meter.push(position, record));
            answers.map(|answer| answer.key.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!([keys(&counts, 6), keys(&records, 0)].concat(), expected);
    }
}

#[test]
fn a_page_that_begins_with_what_the_last_one_ended_with_does_not_count_it_again() {
    let asked = || Record { at: None, ordinal: None, kind: RecordKind::UserMessage };
    let (before, after) = (tokens(90, 9), tokens(10, 1));
    let records = [count(Some(before), Some(after)), asked(), count(Some(before + after), Some(after))];
    let counted = |page| {
        let mut meter = Meter::new(Some(&file_of("t", page)), all());
        records.iter().filter_map(|record| meter.push(0, record)).map(|answer| answer.tokens).collect::<Vec<_>>()
    };
    assert_eq!(counted(Some("p")), [after]);
    assert_eq!(counted(None), [after, after]);
}

#[test]
fn counts_of_an_older_codex_that_goes_on_with_a_session_of_a_newer_one_are_responses() {
    let turn = || Record { at: None, ordinal: None, kind: RecordKind::TurnStarted { turn: None } };
    // One response of so many tokens, with the total so far.
    let counted = |total, last| count(Some(tokens(total, 0)), Some(tokens(last, 0)));
    let cases: &[(&str, &[Record], usize)] = &[
        ("said as a count", &[usage("r", None), counted(10, 10)], 1),
        (
            "gone on with",
            &[usage("r", None), counted(10, 10), turn(), counted(17, 7), counted(17, 7), counted(20, 3)],
            3,
        ),
        ("and taken back", &[usage("r", None), counted(10, 10), counted(17, 7), usage("s", None), counted(27, 10)], 3),
        ("ended before it was said", &[usage("r", None), turn(), counted(7, 7), counted(10, 3)], 3),
        (
            "the same, later in a session",
            &[usage("r", None), counted(10, 10), usage("s", None), turn(), counted(17, 7), counted(20, 3)],
            4,
        ),
        (
            "said after the next turn began",
            &[usage("r", None), counted(10, 10), usage("s", None), turn(), counted(20, 10)],
            2,
        ),
        (
            "two said at once",
            &[usage("r", None), counted(10, 10), usage("s", None), usage("t", None), counted(30, 10)],
            3,
        ),
        ("more than a response", &[usage("r", None), counted(10, 10), counted(40, 7)], 1),
        ("an estimate of the context", &[usage("r", None), counted(10, 10), counted(10, 7)], 1),
        (
            "not in the total: compacted by the server",
            &[usage("r", None), counted(10, 10), usage("s", None), usage("t", None), counted(20, 10)],
            3,
        ),
    ];
    for (name, records, expected) in cases {
        assert_eq!(spent(records).len(), *expected, "{name}");
    }
}
