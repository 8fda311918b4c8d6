//! What an import came to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Item, Page, Tone};
use super::rounding::grouped;
use super::text::{count, duration, size};
use crate::model::{Guess, Repriced};

/// How many places of one kind are named.
const NAMED: usize = 5;

/// What an import came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Files that were read.
    pub files: u64,
    /// Files that were as they had been.
    pub unchanged: u64,
    /// Bytes of the files that were read, as stored.
    pub bytes: u64,
    /// Lines that were read.
    pub lines: u64,
    /// Threads that these files belong to.
    pub threads: u64,
    /// Responses in them.
    pub responses: u64,
    /// Those that the ledger did not have.
    pub new: u64,
    /// New ones without a price, by model; `None` where the file does not say which.
    pub unpriced: BTreeMap<Option<String>, u64>,
    /// Earlier ones that had no price and got one now.
    pub repriced: Repriced,
    /// New ones whose tokens are inferred, by the reason.
    pub estimated: BTreeMap<Guess, u64>,
    /// Lines that could not be read.
    pub skipped: Vec<Skipped>,
    /// Files whose last line is not whole yet.
    pub unfinished: u64,
    /// Files of sessions that live runs govern: they count them.
    pub governed: Vec<PathBuf>,
    /// Files, and folders of files, that could not be read, and why.
    pub failed: Vec<(PathBuf, String)>,
}

/// Lines of one file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// How many.
    pub lines: u64,
    /// Why not the first of them, and where it is.
    pub reason: String,
}

impl Imported {
    /// As a person reads it.
    pub fn page(&self, took: Duration) -> Page {
        let mut page = Page::default();
        let read = match (self.files, self.unchanged) {
            (0, 0) if self.failed.is_empty() && self.governed.is_empty() => "No session files were found".to_owned(),
            (0, 0) => "Nothing was read".to_owned(),
            (0, unchanged) => format!("Nothing new in {}", count(unchanged, "file", "files")),
            (files, unchanged) => {
                let beside =
                    if unchanged == 0 { String::new() } else { format!(", {} as before", grouped(unchanged.into())) };
                format!(
                    "Read {} ({}, {}){beside}: {} of {}, {} new",
                    count(files, "file", "files"),
                    size(self.bytes),
                    count(self.lines, "line", "lines"),
                    count(self.responses, "response", "responses"),
                    count(self.threads, "thread", "threads"),
                    grouped(self.new.into()),
                )
            }
        };
        page.list(vec![Item::new("", format!("{read}, in {}.", elapsed(took)), Tone::Strong)]);
        page.list(self.notes());
        page
    }

    fn notes(&self) -> Vec<Item> {
        let mut notes = Vec::new();
        for (model, responses) in &self.unpriced {
            let model = model.as_ref().map_or("a model that is not named".to_owned(), |model| format!("`{model}`"));
            notes.push(Item::warning(format!(
                "{} of {model} {} no price: not in any cost.",
                count(*responses, "response", "responses"),
                if *responses == 1 { "has" } else { "have" }
            )));
        }
        if self.repriced.responses > 0 {
            let responses = count(self.repriced.responses, "response", "responses");
            notes.push(Item::note(format!(
                "{responses} recorded without a price before: priced now, {} in all.",
                self.repriced.cost
            )));
        }
        for (guess, responses) in &self.estimated {
            let responses = count(*responses, "response", "responses");
            notes.push(Item::note(format!("{responses} estimated: {}.", guess.reason())));
        }
        let lines: u64 = self.skipped.iter().map(|skipped| skipped.lines).sum();
        if lines > 0 {
            let (lines, files) = (count(lines, "line", "lines"), count(self.skipped.len() as u64, "file", "files"));
            notes.push(Item::warning(format!("Skipped {lines} of {files} that could not be read:")));
            let told = self.skipped.iter().map(|Skipped { path, lines, reason }| {
                let more = if *lines > 1 { format!(" (first of {})", grouped((*lines).into())) } else { String::new() };
                format!("{}: {reason}{more}", path.display())
            });
            notes.extend(named(told, self.skipped.len()));
        }
        if !self.failed.is_empty() {
            let places = count(self.failed.len() as u64, "place", "places");
            notes.push(Item::new("", format!("{places} could not be read; import again when they can:"), Tone::Bad));
            let told = self.failed.iter().map(|(path, why)| format!("{}: {why}", path.display()));
            notes.extend(named(told, self.failed.len()));
        }
        if !self.governed.is_empty() {
            let files = count(self.governed.len() as u64, "file is", "files are");
            notes.push(Item::note(format!("{files} left to runs that are under way: they count them.")));
        }
        if self.unfinished > 0 {
            let files = count(self.unfinished, "file ends", "files end");
            notes.push(Item::note(format!(
                "{files} in the middle of a line; the next import reads it once it is whole."
            )));
        }
        notes
    }
}

/// An import is quick: of a few seconds the hundredths are worth telling.
fn elapsed(took: Duration) -> String {
    if took < Duration::from_secs(10) { format!("{:.2} s", took.as_secs_f64()) } else { duration(took) }
}

fn named(told: impl Iterator<Item = String>, all: usize) -> Vec<Item> {
    let mut items: Vec<Item> = told.take(NAMED).map(|text| Item::note(format!("  {text}"))).collect();
    if all > NAMED {
        items.push(Item::note(format!("  and {} more", all - NAMED)));
    }
    items
}

impl Serialize for Imported {
    /// `govern.import/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let estimated: BTreeMap<&str, u64> = self.estimated.iter().map(|(guess, n)| (guess.as_str(), *n)).collect();
        let unpriced: Vec<_> = self
            .unpriced
            .iter()
            .map(|(model, responses)| serde_json::json!({ "model": model, "responses": responses }))
            .collect();
        let skipped: Vec<_> = self
            .skipped
            .iter()
            .map(
                |Skipped { path, lines, reason }| serde_json::json!({ "file": path.to_string_lossy(), "lines": lines, "reason": reason }),
            )
            .collect();
        let failed: Vec<_> = self
            .failed
            .iter()
            .map(|(path, why)| serde_json::json!({ "file": path.to_string_lossy(), "reason": why }))
            .collect();
        // JSON is Unicode, and a path need not be.
        let governed: Vec<_> = self.governed.iter().map(|path| path.to_string_lossy()).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.import/1")?;
        map.serialize_entry("files", &self.files)?;
        map.serialize_entry("unchanged_files", &self.unchanged)?;
        map.serialize_entry("bytes", &self.bytes)?;
        map.serialize_entry("lines", &self.lines)?;
        map.serialize_entry("threads", &self.threads)?;
        map.serialize_entry("responses", &self.responses)?;
        map.serialize_entry("new_responses", &self.new)?;
        map.serialize_entry("unpriced", &unpriced)?;
        let Repriced { responses, cost } = &self.repriced;
        map.serialize_entry("repriced", &serde_json::json!({ "responses": responses, "cost_usd": cost }))?;
        map.serialize_entry("estimated", &estimated)?;
        map.serialize_entry("skipped_lines", &self.skipped.iter().map(|skipped| skipped.lines).sum::<u64>())?;
        map.serialize_entry("skipped", &skipped)?;
        map.serialize_entry("unreadable", &failed)?;
        map.serialize_entry("governed", &governed)?;
        map.serialize_entry("unfinished_files", &self.unfinished)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Money;

    fn sample() -> Imported {
        let skipped = |n: u64| Skipped {
            path: PathBuf::from(format!("/home/ann/.codex/sessions/rollout-{n}.jsonl")),
            lines: n,
            reason: format!("not JSON at byte {n}"),
        };
        Imported {
            repriced: Repriced { responses: 3, cost: Money::from_nanos(140_000_000) },
            files: 1_999,
            unchanged: 1,
            bytes: 1_073_741_824,
            lines: 251_003,
            threads: 1_990,
            responses: 66_120,
            new: 66_100,
            unpriced: BTreeMap::from([(Some("gpt-9".to_owned()), 3)]),
            estimated: BTreeMap::from([(Guess::Pause, 2)]),
            skipped: (1..=7).map(skipped).collect(),
            unfinished: 1,
            governed: vec![PathBuf::from("/home/ann/.codex/sessions/rollout-live.jsonl")],
            failed: vec![(PathBuf::from("/home/ann/.codex/sessions/rollout-x.jsonl"), "permission denied".to_owned())],
        }
    }

    #[test]
    fn an_import_as_a_page() {
        let text = |imported: &Imported, millis| {
            super::super::markdown::of_page(&imported.page(Duration::from_millis(millis)), 2)
        };
        let again = Imported { unchanged: 2_000, ..Imported::default() };
        let pages = [text(&sample(), 412), text(&again, 11), text(&Imported::default(), 3)];
        insta::assert_snapshot!(pages.join("\n"));
    }

    #[test]
    fn what_was_left_to_others_was_found_all_the_same() {
        let governed = vec![PathBuf::from("/home/ann/.codex/sessions/rollout-live.jsonl")];
        let page = Imported { governed, ..Imported::default() }.page(Duration::from_millis(3));
        let text = super::super::markdown::of_page(&page, 2);
        assert!(text.contains("Nothing was read") && !text.contains("No session files"), "{text}");
    }

    #[test]
    fn a_path_that_is_not_unicode_is_told_in_json_all_the_same() {
        use std::os::unix::ffi::OsStringExt;
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"/s\xff/rollout-1.jsonl".to_vec()));
        let skipped = vec![Skipped { path: odd.clone(), lines: 1, reason: "not JSON".to_owned() }];
        let imported = Imported {
            skipped,
            governed: vec![odd.clone()],
            failed: vec![(odd, "gone".to_owned())],
            ..Imported::default()
        };
        assert_eq!(super::super::json::to_text(&imported).matches("/s\u{fffd}/rollout-1.jsonl").count(), 3);
    }

    #[test]
    fn an_import_as_json() {
        insta::assert_snapshot!(super::super::json::to_text(&sample()));
    }
}
