//! Every folder of `tests/fixtures/rollouts` is read and compared with its `expected.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::*;
use crate::rollout::{Refused, after_torn, read_for_accounting};
use crate::tail::cursor::Cursor;

/// What a folder's `expected.json` says; its README explains it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    why: String,
    source: String,
    skipped_lines: u64,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    thread: String,
    model: Option<String>,
    provider: Option<String>,
    tier: String,
    /// `observed`, or why it is estimated.
    basis: String,
    responses: u64,
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_input_tokens: u64,
    output_tokens: u64,
    reasoning_output_tokens: u64,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts")
}

/// Every fixture's folder.
pub(super) fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The session files of a folder, by name: of twins the plain one, the one that is not archived.
pub(super) fn session_files(folder: &Path) -> Vec<PathBuf> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("rollout-") {
                let worth = |path: &Path| {
                    (path.extension().is_some_and(|end| end == "jsonl"), !path.to_str().unwrap().contains("/archived_"))
                };
                let twin = found.entry(name.trim_end_matches(".zst").to_owned()).or_insert_with(|| path.clone());
                if worth(&path) > worth(twin) {
                    *twin = path;
                }
            }
        }
    }
    found.into_values().collect()
}

type Read = fn(&[u8]) -> Result<Record, Refused>;

/// What a folder's files come to, and how many lines could not be read.
pub(super) fn metered(folder: &Path, read: Read) -> (Vec<Answer>, u64) {
    let (mut meters, mut skipped): (Vec<Meter>, u64) = (Vec::new(), 0);
    let mut answers: Vec<Answer> = Vec::new();
    for path in session_files(folder) {
        let name = path.file_name().unwrap().to_str().and_then(SessionName::parse);
        let mut meter = Meter::new(name.as_ref(), all());
        let mut on_line = |position: u64, line: &[u8]| {
            let read = match read(line) {
                Ok(record) => Some((position, record)),
                Err(_) => {
                    skipped += 1;
                    after_torn(position, line)
                }
            };
            if let Some((position, record)) = read {
                answers.extend(meter.push(position, &record));
                let parent = meter
                    .wants_parent()
                    .and_then(|parent| meters.iter().find(|other: &&Meter| other.thread() == Some(parent)));
                if let Some(parent) = parent {
                    meter.inherit(parent.totals());
                }
            }
        };
        let mut cursor = Cursor::open(&path).unwrap();
        cursor.read(&mut on_line).unwrap();
        // A last line may be whole but for its line feed.
        if let Some((position, line)) = cursor.rest().filter(|(_, line)| read(line).is_ok()) {
            on_line(position, line);
        }
        meters.push(meter);
    }
    let mut seen = BTreeSet::new();
    answers.retain(|answer| seen.insert((answer.thread.clone(), answer.key.clone())));
    (answers, skipped)
}

/// The responses of a folder as its `expected.json` gives them.
fn rows(answers: &[Answer]) -> Vec<Row> {
    let mut rows: BTreeMap<_, (u64, Tokens)> = BTreeMap::new();
    for answer in answers {
        let basis = match answer.basis {
            Basis::Observed => "observed",
            Basis::Estimated(guess) => guess.as_str(),
        };
        let model = answer.model.as_ref().map(|model| model.as_str().to_owned());
        let key = (answer.thread.as_str().to_owned(), model, answer.provider.clone(), answer.tier.clone(), basis);
        let (responses, tokens) = rows.entry(key).or_default();
        *responses += 1;
        *tokens += answer.tokens;
    }
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|((thread, model, provider, tier, basis), (responses, tokens))| Row {
            thread,
            model,
            provider,
            tier: tier.as_str().to_owned(),
            basis: basis.to_owned(),
            responses,
            input_tokens: tokens.input,
            cached_input_tokens: tokens.cached_input,
            cache_write_input_tokens: tokens.cache_write_input,
            output_tokens: tokens.output,
            reasoning_output_tokens: tokens.reasoning_output,
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn every_fixture_comes_to_what_was_served() {
    let mut wrong = Vec::new();
    let folders = folders();
    for folder in &folders {
        let text = fs::read_to_string(folder.join("expected.json")).unwrap_or_else(|_| panic!("{}", folder.display()));
        let mut expected: Expected =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        expected.rows.sort();
        assert!(!expected.why.is_empty() && !expected.source.is_empty(), "{}", folder.display());
        let (answers, skipped) = metered(folder, read);
        let rows = rows(&answers);
        if (&rows, skipped) != (&expected.rows, expected.skipped_lines) {
            wrong.push(format!("{}: {}\n{rows:#?} and {skipped} skipped", folder.display(), expected.why));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(folders.len() >= 24);
}

#[test]
fn history_read_for_accounting_comes_to_the_same() {
    for folder in folders() {
        let plain = |(mut answers, skipped): (Vec<Answer>, u64)| {
            answers.iter_mut().for_each(|answer| answer.has_tool_calls = false);
            (answers, skipped)
        };
        assert_eq!(plain(metered(&folder, read_for_accounting)), plain(metered(&folder, read)), "{}", folder.display());
    }
}
