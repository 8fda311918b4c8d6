//! What an agent's alerts look at, and whether something is over its mark now.

mod thresholds;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{PlanWindow, Progress, Response, ThreadId, Unit};
use crate::policy::rule::Evidence;

use crate::decide::accounts::account::amount;
use crate::decide::evaluate::alerts::AlertId;

pub(in crate::decide) use thresholds::{ahead, over, reached};

/// The part of a window, or of a registered time, that must have passed before a pace is told from a start: one in this
/// many. Until then as much may be spent as at its end.
const START: i64 = 20;

/// Whoever only looks whether something is done says no more tokens than these: a short command, or a word.
const WAITS_UP_TO: u64 = 300;

/// What an agent's alerts remember.
#[derive(Clone, Debug, Default)]
pub(in crate::decide) struct Watch {
    /// Alerts that were carried out and have not fallen back under their mark.
    pub(in crate::decide) fired: BTreeSet<AlertId>,
    /// Since when the work tree is being looked at, before an alert says that nothing changed.
    pub(in crate::decide) looking: BTreeMap<AlertId, Duration>,
    /// All that its responses added up to.
    spent: Spent,
    /// That, when the last of each kind of evidence was seen.
    at_change: Spent,
    at_commit: Spent,
    at_tests: Spent,
    /// How many answers in a row only waited.
    waits: u32,
    /// When something was last heard of it.
    heard: Duration,
    /// The plan's own limits, as last reported.
    pub(in crate::decide) plan: Vec<PlanWindow>,
    /// It was said that none was reported.
    pub(in crate::decide) plan_missed: bool,
    /// The plan's window for which it is held, until it begins anew.
    pub(in crate::decide) held_for: Option<PlanWindow>,
    /// Threads whose next request a person let go while their Codex was not seen to ask first.
    pub(in crate::decide) let_go: BTreeSet<ThreadId>,
    /// When it will be looked whether it is idle.
    pub(in crate::decide) looks_at: Option<Duration>,
}

/// What responses added up to, in each unit's smallest part.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    usd: i64,
    tok: i64,
    all_tok: i64,
    responses: i64,
}

impl Spent {
    fn add(&mut self, response: &Response) {
        self.usd = self.usd.saturating_add(amount(response, Unit::Usd));
        self.tok = self.tok.saturating_add(amount(response, Unit::Tok));
        self.all_tok = self.all_tok.saturating_add(amount(response, Unit::AllTok));
        self.responses = self.responses.saturating_add(1);
    }

    fn of(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Usd | Unit::Credits => self.usd,
            Unit::Tok => self.tok,
            Unit::AllTok => self.all_tok,
            Unit::Responses => self.responses,
            // INVARIANT: check lets no alert count these.
            Unit::ToolCalls | Unit::Minutes => 0,
        }
    }
}

/// An answer that read much of its input from the cache and said next to nothing: most of what it cost was waiting.
fn waits(response: &Response) -> bool {
    let tokens = &response.tokens;
    let mostly_cached = u128::from(tokens.cached_input) * 10 >= u128::from(tokens.input) * 8;
    tokens.cached_input > 0 && mostly_cached && tokens.output <= WAITS_UP_TO
}

impl Watch {
    /// So many answers came, or more, and none told of a plan; that was not said yet.
    pub(in crate::decide) fn plan_is_unknown(&self, answers: i64) -> bool {
        self.plan.is_empty() && !self.plan_missed && self.spent.responses >= answers
    }

    /// A model answered one of its threads.
    pub(in crate::decide) fn answered(&mut self, now: Duration, response: &Response) {
        self.spent.add(response);
        self.waits = if waits(response) { self.waits.saturating_add(1) } else { 0 };
        self.let_go.remove(&response.thread);
        self.heard = now;
    }

    /// Something was heard of it.
    pub(in crate::decide) fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// It has something to show: what it spends is counted from here.
    pub(in crate::decide) fn progressed(&mut self, now: Duration, before: &Progress, after: &Progress) {
        if after.changed_at() > before.changed_at() || after.commits != before.commits || after.tests > before.tests {
            self.waits = 0;
        }
        if after.changed_at() > before.changed_at() {
            self.at_change = self.spent;
        }
        if after.commits != before.commits || after.committed_at > before.committed_at {
            self.at_commit = self.spent;
        }
        if after.tests > before.tests {
            self.at_tests = self.spent;
        }
        if after.commands > before.commands || after.changed_at() > before.changed_at() {
            self.heard = now;
        }
    }

    /// It is started anew, with nothing that went wrong before.
    pub(in crate::decide) fn begin_anew(&mut self) {
        self.fired.clear();
        self.looking.clear();
    }

    fn since(&self, evidence: Evidence, unit: Unit) -> i64 {
        let then = match evidence {
            Evidence::Changes => self.at_change,
            Evidence::Commits => self.at_commit,
            Evidence::Tests => self.at_tests,
        };
        self.spent.of(unit).saturating_sub(then.of(unit))
    }

    /// How long until it counts as idle after so much time; `None`: it does.
    pub(in crate::decide) fn until_idle(&self, now: Duration, time: Duration) -> Option<Duration> {
        self.heard.saturating_add(time).checked_sub(now).filter(|left| !left.is_zero())
    }
}
