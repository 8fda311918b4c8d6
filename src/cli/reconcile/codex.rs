//! The question to the Codex in `PATH`: what its account's server says that threads used.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::{Told, is_for_codex};
use crate::bill::thread::parts;
use crate::cli::hooks::asked::codexes;
use crate::codex::account::{self, Refusal, ThreadAnswer};
use crate::codex::listed::SERVER;
use crate::error::Result;
use crate::ledger::reconciled::{ThreadObserved, strangers, threads};
use crate::ledger::{Filter, Ledger};
use crate::model::{BillSubject, ThreadId};
use crate::prepare::here::Here;
use crate::process;
use crate::report::text::count;
use crate::tail::locate::{self, session_files};
use crate::tail::session::name_of;
use crate::usage::price::PriceTable;

/// How many threads one Codex is asked about: the questions together are shorter than what a pipe holds.
const AT_ONCE: usize = 200;

/// The most threads that are asked about: the latest.
const MOST: usize = 2_000;

/// How long one Codex has to answer all of its questions.
const WITHIN: Duration = Duration::from_secs(60);

/// How much it may answer, in bytes.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Asks about each thread of this time whose spend an account may know.
pub(super) fn ask(ledger: &Ledger, filter: &Filter, prices: &PriceTable, here: &Here<'_>) -> Result<Told> {
    let mut all = threads(ledger, filter)?;
    all.retain(|one| is_for_codex(&one.billing));
    let never_read = strangers(ledger, sessions(filter, here))?;
    let known = all.len();
    all.extend(never_read.into_iter().map(|thread| ThreadObserved {
        thread,
        billing: Vec::new(),
        observed: Vec::new(),
    }));
    let mut told = Told { asked: all.len() as u64, ..Told::default() };
    if all.is_empty() {
        return Ok(told);
    }
    if all.len() > MOST {
        told.problems.push(format!(
            "of {} the latest {MOST} were asked about: a later `--since` makes it fewer",
            count(all.len() as u64, "thread", "threads")
        ));
        all.truncate(MOST);
    }
    let Some(codex) = codexes(here).into_iter().next() else {
        told.problems.push("there is no `codex` in PATH to ask".to_owned());
        return Ok(told);
    };
    let mut heard = Heard::default();
    let mut left: Vec<ThreadId> = all.iter().map(|one| one.thread.clone()).collect();
    while !left.is_empty() {
        let batch: Vec<ThreadId> = left.drain(..left.len().min(AT_ONCE)).collect();
        if !heard.of(&codex, &batch) {
            break;
        }
    }
    told.problems.extend(heard.problems(left.len()));
    if let Some(strange) = all.len().checked_sub(known).filter(|strange| *strange > 0) {
        let threads = count(strange as u64, "thread is", "threads are");
        told.problems
            .push(format!("{threads} in Codex's session files and not in the ledger: `govern import` reads them"));
    }
    told.parts = all.into_iter().filter_map(|one| part(one, &mut heard, prices)).collect();
    Ok(told)
}

/// Threads of Codex's own session files that were written in this time, the latest first.
fn sessions(filter: &Filter, here: &Here<'_>) -> Vec<ThreadId> {
    let home = locate::codex_home(|name| here.variable(name));
    let found = home.and_then(|home| session_files(&home).ok()).map(|found| found.files).unwrap_or_default();
    let since = filter.since.and_then(|since| since.timestamp_nanos_opt()).unwrap_or(i64::MIN);
    let mut written: Vec<_> = found.into_iter().filter(|file| file.modified >= since).collect();
    written.sort_by_key(|file| std::cmp::Reverse(file.modified));
    let mut threads: Vec<ThreadId> = Vec::new();
    let mut seen = HashSet::new();
    for thread in written.iter().filter_map(|file| Some(name_of(&file.path)?.thread)) {
        if seen.insert(thread.clone()) {
            threads.push(thread);
        }
    }
    threads
}

type Part = (BillSubject, crate::ledger::reconciled::Observed, Vec<crate::model::ToldPart>);

fn part(one: ThreadObserved, heard: &mut Heard, prices: &PriceTable) -> Option<Part> {
    let usage = heard.usage.remove(&one.thread)?;
    Some((BillSubject::Thread(one.thread), one.observed, parts(&usage, prices)))
}

/// What was answered.
#[derive(Default)]
struct Heard {
    usage: HashMap<ThreadId, account::ThreadUsage>,
    unknown: u64,
    refused: BTreeMap<Refusal, u64>,
    /// Why there is no answer about so many.
    silent: Option<(String, usize)>,
}

impl Heard {
    /// Asks one Codex about these; says whether it makes sense to go on with others.
    fn of(&mut self, codex: &Path, batch: &[ThreadId]) -> bool {
        let mut missing = batch.len();
        let hear = |line: &str| {
            let (place, answer) = account::answer(line, batch)?;
            let thread = batch.get(place)?;
            match answer {
                ThreadAnswer::Usage(usage) => {
                    self.usage.insert(thread.clone(), usage);
                }
                ThreadAnswer::Unknown => self.unknown += 1,
                ThreadAnswer::Refused(refusal) => *self.refused.entry(refusal).or_default() += 1,
            }
            missing = missing.saturating_sub(1);
            (missing == 0).then_some(())
        };
        let arguments = [OsStr::new(SERVER)];
        let limits = (WITHIN, MOST_BYTES);
        let heard = process::converse(codex, &arguments, &account::questions(batch), limits, hear);
        if let Err(error) = heard {
            self.silent = Some((error.to_string(), missing));
            return false;
        }
        // Who is not let in once, is not the next time.
        let ends = |refusal: &Refusal| !matches!(refusal, Refusal::Unreadable(_) | Refusal::Other(_));
        !self.refused.keys().any(ends)
    }

    /// In words; so many threads were not asked about any more.
    fn problems(&self, unasked: usize) -> Vec<String> {
        let threads = |many: u64| count(many, "thread", "threads");
        let mut problems: Vec<String> = self
            .refused
            .iter()
            .map(|(refusal, times)| format!("Codex tells nothing of {}: {refusal}", threads(*times)))
            .collect();
        if self.unknown > 0 {
            problems.push(format!(
                "OpenAI knows nothing of {}: of another account, or so new that nothing is reckoned yet",
                threads(self.unknown)
            ));
        }
        if let Some((why, missing)) = &self.silent {
            problems.push(format!("Codex did not answer about {}: {why}", threads(*missing as u64)));
        }
        if unasked > 0 {
            problems.push(format!("{} were not asked about any more", threads(unasked as u64)));
        }
        problems
    }
}
