//! The fixtures under `tests/fixtures/rollouts` were written by the real Codex against a server
//! that counted what it served, then cut down to the lines and fields that matter.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::rollout::{SessionName, read};

const SOL: &str = "gpt-6.1-sol";
const LUNA: &str = "gpt-6-luna";
const GPT5: &str = "gpt-5-codex";

fn all() -> Counting {
    Counting { from: Timestamp::UNIX_EPOCH, grown_from: 0 }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
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
    let mut meter = Meter::new(Some(name.thread), all());
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

/// Per file, in the order of their names: (model, total tokens) of each response served.
type Served = &'static [&'static [(&'static str, u64)]];

const PLAIN: &[(&str, u64)] = &[(SOL, 1_100), (SOL, 1_250), (LUNA, 1_560), (LUNA, 1_720)];
const FORK: Served = &[&[(SOL, 1_100), (SOL, 1_250)], &[(SOL, 1_560), (SOL, 1_720)]];
const FAMILY: Served =
    &[&[(SOL, 1_100), (SOL, 1_250), (SOL, 1_560), (SOL, 1_820), (SOL, 1_720)], &[(SOL, 1_720), (SOL, 1_720)]];
const COMPACTION: Served = &[&[(SOL, 1_100), (SOL, 5_050), (SOL, 5_400), (SOL, 1_560), (SOL, 1_720)]];

const TRUTH: &[(&str, Served)] = &[
    ("0.45-resume", &[&[(GPT5, 1_100), (GPT5, 1_250), (GPT5, 1_560), (GPT5, 1_720)]]),
    ("0.80-resume", &[&[(GPT5, 1_100), (GPT5, 1_250), (GPT5, 1_560), (GPT5, 1_720)]]),
    ("0.80-fork", &[&[(GPT5, 1_100), (GPT5, 1_250)], &[(GPT5, 1_560), (GPT5, 1_720)]]),
    ("0.118-resume", &[PLAIN]),
    ("0.135-resume", &[PLAIN]),
    ("0.169-resume", &[PLAIN]),
    ("0.118-fork", FORK),
    ("0.135-fork", FORK),
    ("0.169-fork", FORK),
    ("0.118-sub-agent", FAMILY),
    ("0.135-sub-agent", FAMILY),
    ("0.169-sub-agent", FAMILY),
    ("0.118-sub-agent-with-history", FAMILY),
    ("0.135-sub-agent-with-history", FAMILY),
    ("0.169-sub-agent-with-history", FAMILY),
    ("0.118-compaction", COMPACTION),
    ("0.135-compaction", COMPACTION),
    ("0.169-compaction", COMPACTION),
    ("0.118-interrupt", &[&[(SOL, 1_100)]]),
    ("0.135-interrupt", &[&[(SOL, 1_100)]]),
    ("0.169-interrupt", &[&[(SOL, 1_100)]]),
    (
        "0.118-resumed-and-forked-by-0.169",
        &[&[(SOL, 1_100), (SOL, 1_250), (SOL, 1_560), (SOL, 1_720)], &[(SOL, 1_920)]],
    ),
    ("0.169-revert", &[&[(SOL, 1_250), (SOL, 1_560)], &[(SOL, 1_720)]]),
    ("0.169-fast-tier", &[&[(SOL, 1_100), (SOL, 1_250), (SOL, 1_560), (SOL, 1_820), (SOL, 1_920)], &[(SOL, 1_720)]]),
];

#[test]
fn every_version_is_metered_as_the_server_served_it() {
    for (name, served) in TRUTH {
        let mut earlier = Vec::new();
        for (path, served) in files(name).iter().zip(*served) {
            let (file_meter, answers) = meter(path, &earlier);
            let counted: Vec<_> =
                answers.iter().map(|answer| (answer.model.as_ref().unwrap().as_str(), answer.tokens.total())).collect();
            assert_eq!(&counted, served, "{}", path.display());
            let thread = file_meter.thread().unwrap();
            assert!(answers.iter().all(|answer| &answer.thread == thread && answer.basis == Basis::Observed), "{name}");
            let provider = (*name != "0.45-resume").then_some("mock");
            assert!(answers.iter().all(|answer| answer.provider.as_deref() == provider), "{name}");
            earlier.push(file_meter);
        }
        assert_eq!(earlier.len(), served.len(), "{name}");
    }
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
        let mut again = Meter::new(alone.thread().cloned(), all());
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

/// The phase after each record of a file, without repetition.
fn phases(name: &str) -> Vec<Phase> {
    let mut meter = Meter::new(None, all());
    let mut phases = vec![meter.phase()];
    for (position, record) in records(&fs::read_to_string(files(name).first().unwrap()).unwrap()) {
        meter.push(position, &record);
        phases.push(meter.phase());
    }
    phases.dedup();
    phases
}

#[test]
fn tools_are_seen_to_run_between_a_response_and_the_next_request() {
    use Phase::{Idle, InFlight, Tools};
    let turn = [Idle, InFlight, Tools, InFlight];
    for (name, expected) in [
        ("0.118-resume", [&turn[..], &turn[..], &[Idle]].concat()),
        ("0.169-resume", [&turn[..], &turn[..], &[Idle]].concat()),
        ("0.118-interrupt", [&turn[..], &[Idle]].concat()),
        ("0.169-interrupt", [&turn[..], &[Idle]].concat()),
        // Its counts come late: the first tools can't be told from a response under way.
        ("0.135-resume", vec![Idle, InFlight, Idle, InFlight, Tools, InFlight, Idle]),
        ("0.135-interrupt", vec![Idle, InFlight, Idle]),
    ] {
        assert_eq!(phases(name), expected, "{name}");
    }
}

#[test]
fn a_response_that_asks_for_tools_says_so() {
    for name in ["0.80-resume", "0.118-resume", "0.135-resume", "0.169-resume"] {
        let asks: Vec<_> = folder(name, true).1.iter().map(|answer| answer.has_tool_calls).collect();
        assert_eq!(asks, [true, false, true, false], "{name}");
    }
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

fn tokens(input: u64, output: u64) -> Tokens {
    Tokens { input, output, ..Tokens::default() }
}

fn count(total: Option<Tokens>, last: Option<Tokens>) -> Record {
    Record { at: None, ordinal: None, kind: RecordKind::TokenCount { total, last, rate_limits: None } }
}

fn spent(records: &[Record]) -> Vec<(Tokens, Basis)> {
    let mut meter = Meter::new(Some("t".into()), all());
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
            &[a, b, b],
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
        let mut meter = Meter::new(Some("t".into()), all());
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
