//! What session files come to in the ledger, however often and in whatever state they are met.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::ledger::{Filter, Verified};
use crate::model::{Basis, Cost, Money, Response, Sum, Timestamp};

/// What `expected.json` of a fixture says: see `tests/fixtures/rollouts/README.md`.
#[derive(Deserialize)]
struct Expected {
    skipped_lines: u64,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Row {
    thread: String,
    model: Option<String>,
    provider: Option<String>,
    tier: String,
    basis: String,
    responses: u64,
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_input_tokens: u64,
    output_tokens: u64,
    reasoning_output_tokens: u64,
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn session_files_of(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => paths.extend(session_files_of(&path)),
            path if path.file_name().unwrap() != "expected.json" => paths.push(path),
            _ => {}
        }
    }
    paths
}

fn import_with(ledger: &mut Ledger, place: &Path, readers: usize) -> Imported {
    let terms = Terms {
        work: std::sync::Arc::default(),
        again: false,
        prices: PriceTable::embedded(),
        unpriced: &Unpriced::Refuse,
        attribute: &|origin| Attribution { project: origin.folder.clone(), ..Attribution::default() },
        alive: &|_| true,
        tell: &mut |_, _| {},
        readers,
    };
    import(ledger, &[place.to_owned()], terms).unwrap()
}

fn responses(ledger: &Ledger) -> Vec<Response> {
    let mut found = Vec::new();
    ledger.responses().each(&Filter::default(), |response| found.push(response)).unwrap();
    found
}

/// As fixtures give them.
fn rows(responses: &[Response]) -> Vec<Row> {
    let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
    for response in responses {
        let basis = match response.basis {
            Basis::Observed => "observed",
            Basis::Estimated(guess) => guess.as_str(),
        };
        let model = response.model.as_ref().map(ToString::to_string);
        let key = (response.thread.to_string(), model, response.provider.clone(), response.tier.to_string(), basis);
        sums.entry(key).or_default().add(&Sum::of(response));
    }
    let row = |((thread, model, provider, tier, basis), sum): (_, Sum)| Row {
        thread,
        model,
        provider,
        tier,
        basis: str::to_owned(basis),
        responses: sum.responses,
        input_tokens: sum.tokens.input,
        cached_input_tokens: sum.tokens.cached_input,
        cache_write_input_tokens: sum.tokens.cache_write_input,
        output_tokens: sum.tokens.output,
        reasoning_output_tokens: sum.tokens.reasoning_output,
    };
    sums.into_iter().map(row).collect()
}

#[test]
fn every_fixture_comes_to_what_was_served_however_often_it_is_imported() {
    for folder in fixtures() {
        let name = folder.file_name().unwrap().display();
        let expected: Expected = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let mut wanted = expected.rows;
        wanted.sort();
        let mut ledger = Ledger::in_memory().unwrap();
        let first = import_with(&mut ledger, &folder, 2);
        assert_eq!(rows(&responses(&ledger)), wanted, "{name}");
        assert_eq!(first.new, wanted.iter().map(|row| row.responses).sum::<u64>(), "{name}");
        assert_eq!(ledger.responses().skipped_lines(&Filter::default()).unwrap(), expected.skipped_lines, "{name}");
        let again = import_with(&mut ledger, &folder, 2);
        // Of a session without a response of its own nothing but its mark says that it was read.
        let counted = ledger.history().threads_with_responses().unwrap();
        let marks = ledger.history().file_marks().unwrap();
        let unproved = |path: &&PathBuf| name_of(path).is_some_and(|name| !counted.contains(&name.thread));
        let unproved = marks.keys().filter(unproved).count() as u64;
        let unchanged = first.files - unproved;
        assert_eq!((again.files, again.new, again.unchanged), (unproved, 0, unchanged), "{name}");
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }), "{name}");
    }
}

#[test]
fn a_mark_that_somebody_has_made_up_hides_no_session_that_was_not_read() {
    for folder in fixtures() {
        let name = folder.file_name().unwrap().display();
        let mut read = Ledger::in_memory().unwrap();
        import_with(&mut read, &folder, 2);
        let marks = read.history().file_marks().unwrap();
        let mut forged = Ledger::in_memory().unwrap();
        let now = crate::clock::now();
        forged
            .import(now, &|_| true, |batch| marks.iter().try_for_each(|(path, mark)| batch.mark(path, mark)))
            .unwrap();
        import_with(&mut forged, &folder, 2);
        assert_eq!(rows(&responses(&forged)), rows(&responses(&read)), "{name}");
    }
}

/// A `token_count` line: its second of the hour, what the response used, what the thread has used.
fn token_count(second: u32, last: u64, total: u64) -> String {
    let usage = |tokens: u64| {
        serde_json::json!({
            "input_tokens": tokens, "cached_input_tokens": 0, "output_tokens": 0, "reasoning_output_tokens": 0,
            "total_tokens": tokens,
        })
    };
    let info = serde_json::json!({ "last_token_usage": usage(last), "total_token_usage": usage(total) });
    let at = format!("2025-11-20T10:00:{second:02}Z");
    let payload = serde_json::json!({ "type": "token_count", "info": info });
    serde_json::json!({ "timestamp": at, "type": "event_msg", "payload": payload }).to_string()
}

#[test]
fn a_thread_that_goes_on_in_two_copies_counts_what_each_copy_has_of_its_own() {
    let thread = "01a10000-0000-7000-8000-0000000000aa";
    let meta =
        serde_json::json!({ "timestamp": "2025-11-20T10:00:00Z", "type": "session_meta", "payload": { "id": thread } });
    let both = [meta.to_string(), token_count(1, 1_000, 1_000), token_count(2, 1_000, 2_000)].join("\n");
    let place = tempfile::tempdir().unwrap();
    let copies = [token_count(30, 500, 2_500), token_count(50, 700, 2_700)].map(|own| format!("{both}\n{own}\n"));
    let homes: Vec<PathBuf> = copies
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let home = place.path().join(format!("home-{number}"));
            let folder = home.join("sessions/2025/11/20");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("rollout-2025-11-20T10-00-00-{thread}.jsonl")), text).unwrap();
            home
        })
        .collect();
    for order in [[0, 1], [1, 0]] {
        let mut ledger = Ledger::in_memory().unwrap();
        let new = order.map(|number| import_with(&mut ledger, &homes[number], 1).new);
        assert_eq!(new, [3, 1]);
        // A file that is read again, as one that has grown is, adds nothing.
        for home in &homes {
            let file = fs::read_dir(home.join("sessions/2025/11/20")).unwrap().next().unwrap().unwrap().path();
            fs::write(&file, fs::read(&file).unwrap()).unwrap();
            assert_eq!(import_with(&mut ledger, home, 1).new, 0);
        }
        let tokens: u64 = responses(&ledger).iter().map(|response| response.tokens.input).sum();
        assert_eq!(tokens, 3_200);
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
    }
}

#[test]
fn a_fixture_comes_to_the_same_session_by_session_in_any_order() {
    for folder in fixtures() {
        let name = folder.file_name().unwrap().display();
        let expected: Expected = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        let mut wanted = expected.rows;
        wanted.sort();
        let home = tempfile::tempdir().unwrap();
        let sessions = home.path().join("sessions/2026/11/22");
        fs::create_dir_all(&sessions).unwrap();
        let mut paths = Vec::new();
        for file in session_files_of(&folder) {
            let place = sessions.join(file.file_name().unwrap());
            fs::copy(&file, &place).unwrap();
            paths.push(place);
        }
        let session = RecordedAs {
            work: std::sync::Arc::default(),
            prices: PriceTable::embedded(),
            unpriced: &Unpriced::Refuse,
            attribution: &Attribution::default(),
        };
        let run = crate::model::RunId::new("r1");
        for order in [false, true] {
            paths.sort();
            if order {
                paths.reverse();
            }
            let mut ledger = Ledger::in_memory().unwrap();
            let mut read = Vec::new();
            for path in paths.iter().chain(&paths) {
                import_session(&mut ledger, path.as_path().into(), &session, &|_| true).unwrap();
                read.extend(read_session(path.as_path().into(), &session, &run).unwrap().unwrap().responses);
            }
            assert_eq!(rows(&responses(&ledger)), wanted, "{name}");
            let mut seen = std::collections::HashSet::new();
            read.retain(|response| seen.insert((response.thread.clone(), response.key.clone())));
            assert_eq!(rows(&read), wanted, "{name}");
            assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }), "{name}");
        }
    }
}

#[test]
fn totals_by_thread_model_and_day_are_one_sum() {
    let folders = fixtures();
    let mut ledger = Ledger::in_memory().unwrap();
    for folder in &folders {
        import_with(&mut ledger, folder, 2);
    }
    let mut all = Sum::default();
    responses(&ledger).iter().for_each(|response| all.add(&Sum::of(response)));
    assert!(all.responses > 200, "the fixtures were read");
    let day = |at: Timestamp| at - chrono::TimeDelta::milliseconds(at.timestamp_millis().rem_euclid(86_400_000));
    for (by_thread, piece) in [(false, false), (true, false), (false, true), (true, true)] {
        let piece: Option<crate::ledger::Piece<'_>> = if piece { Some(&day) } else { None };
        let query = crate::ledger::SliceQuery { by_thread, piece, ..Default::default() };
        let mut sum = Sum::default();
        ledger.sums().slices(&query).unwrap().iter().for_each(|slice| sum.add(&slice.sum));
        assert_eq!(sum, all);
    }
}

#[test]
fn a_local_model_costs_nothing_and_an_unknown_one_is_told() {
    let one = |name: &str| {
        let mut ledger = Ledger::in_memory().unwrap();
        let folder = fixtures().into_iter().find(|folder| folder.ends_with(name)).unwrap();
        let imported = import_with(&mut ledger, &folder, 1);
        (responses(&ledger), imported)
    };
    let (local, imported) = one("local-provider");
    assert!(local.iter().any(|response| response.cost == Cost::Priced(Money::ZERO)));
    assert!(imported.unpriced.is_empty());
    let (unnamed, imported) = one("no-model");
    let missing = unnamed.iter().filter(|response| response.cost == Cost::Unpriced).count();
    assert!(missing > 0);
    assert_eq!(imported.unpriced.values().sum::<u64>(), missing as u64);
}

#[test]
fn a_place_that_is_not_there_is_an_error_and_a_file_that_cannot_be_read_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let file = "rollout-2026-11-22T05-50-48-01a201ce-a0f3-7b93-b4d8-4d4302cd5f8a.jsonl";
    fs::create_dir(temp.path().join(file)).unwrap();
    let mut ledger = Ledger::in_memory().unwrap();
    let imported = import_with(&mut ledger, temp.path(), 1);
    assert_eq!((imported.files, imported.failed.len()), (0, 1));
    let terms = Terms {
        work: std::sync::Arc::default(),
        again: false,
        prices: PriceTable::embedded(),
        unpriced: &Unpriced::Refuse,
        attribute: &|_| Attribution::default(),
        alive: &|_| true,
        tell: &mut |_, _| {},
        readers: 1,
    };
    let missing = import(&mut ledger, &[temp.path().join("none")], terms).unwrap_err();
    assert!(matches!(missing, ImportError::Unreadable(_)), "{missing}");
}

#[test]
fn what_is_no_file_and_folders_that_cannot_be_listed_are_told_and_the_rest_is_read() {
    let temp = tempfile::tempdir().unwrap();
    let good = fixtures().into_iter().find(|folder| folder.ends_with("0.169-resume")).unwrap();
    let good = crate::tail::locate::session_files(&good).unwrap().files.remove(0).path;
    fs::copy(&good, temp.path().join(good.file_name().unwrap())).unwrap();
    let named = |what: &str| temp.path().join(format!("rollout-2026-11-22T05-50-48-{what}.jsonl"));
    nix::unistd::mkfifo(&named("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(named("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", named("device")).unwrap();
    std::os::unix::fs::symlink(named("circle"), named("circle")).unwrap();
    let mut ledger = Ledger::in_memory().unwrap();
    let imported = import_with(&mut ledger, temp.path(), 2);
    assert_eq!((imported.files, imported.failed.len()), (1, 4), "{:?}", imported.failed);
    assert!(imported.new > 0);
}

#[test]
fn a_home_under_two_names_is_read_once() {
    let temp = tempfile::tempdir().unwrap();
    let folder = fixtures().into_iter().find(|folder| folder.ends_with("garbage")).unwrap();
    std::os::unix::fs::symlink(&folder, temp.path().join("link")).unwrap();
    let terms = Terms {
        work: std::sync::Arc::default(),
        again: false,
        prices: PriceTable::embedded(),
        unpriced: &Unpriced::Refuse,
        attribute: &|_| Attribution::default(),
        alive: &|_| true,
        tell: &mut |_, _| {},
        readers: 1,
    };
    let mut ledger = Ledger::in_memory().unwrap();
    let imported = import(&mut ledger, &[temp.path().join("link"), folder.join("."), folder], terms).unwrap();
    assert_eq!((imported.files, imported.unchanged, imported.skipped.len()), (1, 0, 1));
}

/// A line, and when it was written.
type Written = (Timestamp, Vec<u8>);

/// The files of a fixture line by line.
fn lines_of(folder: &Path) -> Vec<(PathBuf, Vec<Written>)> {
    let mut files = Vec::new();
    for found in crate::tail::locate::session_files(folder).unwrap().files {
        let mut last = Timestamp::UNIX_EPOCH;
        let bytes = fs::read(&found.path).unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
            let told = serde_json::from_slice::<serde_json::Value>(line).ok();
            let at = told.and_then(|line| line["timestamp"].as_str()?.parse().ok());
            // A clock that was set back does not write earlier.
            last = at.map_or(last, |at: Timestamp| at.max(last));
            (last, line.to_vec())
        });
        files.push((found.path.strip_prefix(folder).unwrap().to_owned(), lines.collect()));
    }
    files
}

/// Plain files only: a compressed one does not grow.
fn growing() -> impl Strategy<Value = PathBuf> {
    let plain = |folder: &PathBuf| {
        let files = crate::tail::locate::session_files(folder).unwrap().files;
        files.iter().all(|file| file.path.extension().is_some_and(|end| end == "jsonl"))
    };
    prop::sample::select(fixtures().into_iter().filter(plain).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A home is met as it was at some moments, each file torn in the middle of what was being written, by one or
    /// several readers: in the end the ledger has what one import of the whole home gives.
    #[test]
    fn however_a_home_is_met_the_ledger_is_the_same(
        folder in growing(),
        moments in prop::collection::vec((0_usize..100, 0_usize..100), 0..5),
        readers in 1_usize..4,
    ) {
        let mut whole = Ledger::in_memory().unwrap();
        import_with(&mut whole, &folder, 1);
        let files = lines_of(&folder);
        let mut times: Vec<Timestamp> = files.iter().flat_map(|(_, lines)| lines).map(|(at, _)| *at).collect();
        times.sort();
        let mut moments: Vec<(Timestamp, usize)> =
            moments.into_iter().filter_map(|(at, torn)| Some((*times.get(at * times.len() / 100)?, torn))).collect();
        moments.sort();
        let temp = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::in_memory().unwrap();
        for moment in moments.into_iter().map(Some).chain([None]) {
            for (path, lines) in &files {
                let path = temp.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let written = |line: &&Written| moment.is_none_or(|(until, _)| line.0 <= until);
                let mut bytes: Vec<u8> = lines.iter().take_while(written).flat_map(|(_, line)| line.clone()).collect();
                let next = lines.iter().find(|line| !written(line));
                if let (Some((_, line)), Some((_, torn)), false) = (next, moment, bytes.is_empty()) {
                    bytes.extend(line.iter().take(line.len() * torn / 100));
                }
                if !bytes.is_empty() || lines.is_empty() || moment.is_none() {
                    fs::write(&path, bytes).unwrap();
                }
            }
            import_with(&mut ledger, temp.path(), readers);
        }
        let key = |response: &Response| (response.thread.clone(), response.key.clone());
        let sorted = |mut responses: Vec<Response>| {
            responses.sort_by_key(key);
            responses
        };
        prop_assert_eq!(sorted(responses(&ledger)), sorted(responses(&whole)));
        let verified = ledger.audit().verify().unwrap();
        prop_assert!(matches!(verified, Verified::Intact { .. }), "{:?}", verified);
    }
}

/// A session of one response, of `input` tokens.
fn session(meta: Option<&str>, at: &str, input: u64) -> String {
    let usage = format!(
        r#"{{"input_tokens":{input},"cached_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0,"total_tokens":{input}}}"#
    );
    let line =
        |kind: &str, payload: String| format!("{{\"timestamp\":\"{at}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n");
    let meta = meta.map(|id| line("session_meta", format!(r#"{{"id":"{id}","model_provider":"openai"}}"#)));
    let context = line("turn_context", r#"{"model":"gpt-6.1-sol"}"#.to_owned());
    let info = format!(r#"{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage}}}}}"#);
    [meta.unwrap_or_default(), context, line("event_msg", info)].concat()
}

#[test]
fn a_file_that_is_named_is_read_whatever_its_name_and_one_without_a_session_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let (export, other) = (temp.path().join("transcript.jsonl"), temp.path().join("other.jsonl"));
    let id = "01a20000-0000-7000-8000-0000000000aa";
    fs::write(&export, session(Some(id), "2025-11-20T10:00:00Z", 1_000)).unwrap();
    fs::write(&other, "{\"a\":1}\n").unwrap();
    let mut ledger = Ledger::in_memory().unwrap();
    assert_eq!(import_with(&mut ledger, &export, 1).new, 1);
    assert_eq!(responses(&ledger)[0].thread.as_str(), id);
    for _ in 0..2 {
        let told = import_with(&mut ledger, &other, 1).failed;
        assert_eq!(told, [(other.clone(), "it holds no session of Codex".to_owned())], "each time");
    }
    // In a folder only session files are looked for.
    assert_eq!(import_with(&mut ledger, temp.path(), 1), Imported::default());
}

#[test]
fn files_that_name_no_thread_are_threads_of_their_own() {
    let temp = tempfile::tempdir().unwrap();
    for (name, at, input) in [
        ("rollout-one.jsonl", "2025-11-20T10:00:00Z", 1_000),
        ("rollout-two.jsonl", "2025-11-20T10:00:00Z", 1_000),
        ("sub/rollout-one.jsonl", "2025-11-21T10:00:00Z", 3_000),
    ] {
        fs::create_dir_all(temp.path().join("sub")).unwrap();
        fs::write(temp.path().join(name), session(None, at, input)).unwrap();
    }
    let mut ledger = Ledger::in_memory().unwrap();
    assert_eq!(import_with(&mut ledger, temp.path(), 2).new, 3);
    assert_eq!(responses(&ledger).iter().map(|response| response.tokens.input).sum::<u64>(), 5_000);
}

#[test]
fn a_stamp_in_the_future_counts_when_it_is_recorded_and_is_remembered() {
    let temp = tempfile::tempdir().unwrap();
    let id = "01a20000-0000-7000-8000-0000000000aa";
    let path = temp.path().join(format!("rollout-2025-11-20T10-00-00-{id}.jsonl"));
    fs::write(&path, session(Some(id), "2999-01-01T00:00:00Z", 1_000)).unwrap();
    let before = crate::clock::now();
    let mut ledger = Ledger::in_memory().unwrap();
    for new in [1, 0] {
        assert_eq!(import_with(&mut ledger, temp.path(), 1).new, new);
        fs::write(&path, session(Some(id), "2999-01-01T00:00:00Z", 1_000) + "\n").unwrap();
    }
    let at = responses(&ledger)[0].at.timestamp_millis();
    assert!((before.timestamp_millis()..=crate::clock::now().timestamp_millis()).contains(&at));
    let (stamp, many) = ledger.history().stamped_ahead().unwrap().unwrap();
    assert_eq!((stamp.to_rfc3339(), many), ("2999-01-01T00:00:00+00:00".to_owned(), 1));
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
}
