//! A governor model is asked where the rule is not sure: one question at a time, for a share of the limit.
//!
//! A question that was put and not answered counts for as much as an answer is likely to cost, and the next one is not put
//! for a while: a minute after the first, twice as long after the second.
//!
//! Until its answer comes the agent goes on; at the limit itself it waits. Whatever goes wrong, the rule's own choice is
//! carried out: no answer in time, none that can be used, no room for the question. Who is asked spends like any agent
//! of the run, and is asked only where that passes no limit.

pub(in crate::decide) mod advice;
mod affordability;
pub(in crate::decide) mod consulting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::event::GOVERNOR;
use crate::model::{
    AgentName, Attribution, Basis, Billing, Cost, Money, Response, ResponseKey, RunId, ServiceTier, Source, ThreadId,
    Tokens, Unit,
};
use crate::policy::rule::{GovernorModel, StepId};

use crate::decide::accounts::account::{Account, amount};
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::ids::AgentId;
use crate::decide::message::{ConsultId, Prompt};

/// What a first question is taken to cost: Codex's own instructions, the figures, an answer with some thought.
const FIRST: Tokens =
    Tokens { input: 16_000, cached_input: 0, cache_write_input: 0, output: 1_000, reasoning_output: 0 };

/// So many questions in a row without an answer are enough.
const MOST_FAILURES: u32 = 3;

/// How long nothing is asked after the first question without an answer; twice as long after each further one.
const BACK_OFF: Duration = Duration::from_secs(60);

/// A governor model that can be asked.
#[derive(Debug)]
pub(in crate::decide) struct Adviser {
    model: GovernorModel,
    /// What its next answer is likely to be.
    likely: Response,
    /// What it was answered so far.
    answers: Vec<Response>,
    /// Questions that were given up while they were under way: they may have cost something.
    pub(in crate::decide) lost: u32,
    /// Whom each question is about, and by which account.
    asked: BTreeMap<(AgentId, AccountId), Pending>,
    /// The question that is being answered, and how many answers were on record before it.
    busy: Option<(ConsultId, usize)>,
    /// What is being obeyed at this moment.
    given: Option<Given>,
    failures: u32,
    /// By uptime: it is asked nothing before, since the last question was not answered.
    not_before: Duration,
    /// Why it is not asked any more.
    off: bool,
    said: BTreeSet<String>,
}

#[derive(Debug)]
struct Pending {
    id: ConsultId,
    step: StepId,
    strict: bool,
    sent: bool,
    prompt: Prompt,
}

#[derive(Debug)]
struct Given {
    of: (AgentId, AccountId),
    step: StepId,
    answer: Result<String, String>,
}

impl Adviser {
    /// What it costs belongs there. It was answered before as `history` has it, and had no answer so often.
    pub(in crate::decide) fn new(
        model: GovernorModel,
        run: &RunId,
        attribution: Attribution,
        (history, unanswered): (&[Response], u32),
    ) -> Self {
        let likely = Response {
            run: Some(run.clone()),
            agent: Some(AgentName::new(GOVERNOR)),
            thread: ThreadId::new(GOVERNOR),
            root: ThreadId::new(GOVERNOR),
            key: ResponseKey::new(GOVERNOR),
            at: chrono::DateTime::UNIX_EPOCH,
            model: Some(model.model.clone()),
            provider: None,
            tier: ServiceTier::Standard,
            tokens: FIRST,
            cost: Cost::Unpriced,
            basis: Basis::Observed,
            billing: Billing::Unknown,
            attribution,
            source: Source::Record,
            work: None,
        };
        let own = |response: &&Response| response.agent.as_ref().is_some_and(|agent| agent.as_str() == GOVERNOR);
        Self {
            model,
            likely,
            answers: history.iter().filter(own).cloned().collect(),
            lost: unanswered,
            asked: BTreeMap::new(),
            busy: None,
            given: None,
            failures: 0,
            not_before: Duration::ZERO,
            off: false,
            said: BTreeSet::new(),
        }
    }

    /// What its next answer is likely to cost; `None`: it has no price.
    pub(in crate::decide) fn likely_cost(&self) -> Option<Money> {
        self.likely.cost.money()
    }

    fn find(&self, id: ConsultId) -> Option<(AgentId, AccountId)> {
        self.asked.iter().find(|(_, pending)| pending.id == id).map(|(of, _)| *of)
    }

    /// The agent waits at its limit for an answer.
    pub(in crate::decide) fn holds(&self, who: AgentId) -> bool {
        self.asked.iter().any(|((of, _), pending)| *of == who && pending.strict)
    }

    /// The agent goes on while it is asked about.
    #[cfg(test)]
    pub(in crate::decide) fn asks_below_limit(&self, who: AgentId, account: AccountId) -> bool {
        self.asked.get(&(who, account)).is_some_and(|pending| !pending.strict)
    }

    /// What its questions cost so far, those without an answer on record included.
    fn spent(&self, unit: Unit) -> i64 {
        let lost = amount(&self.likely, unit).saturating_mul(i64::from(self.lost));
        self.answers.iter().fold(lost, |sum, response| sum.saturating_add(amount(response, unit)))
    }

    /// A question was not answered, or not in time.
    fn fails(&mut self, now: Duration) {
        let wait = BACK_OFF.saturating_mul(1 << self.failures.min(MOST_FAILURES));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.saturating_add(wait);
    }

    /// How many answers may come that are not on record.
    fn open(&self) -> i64 {
        let late = self.busy.is_some_and(|(id, _)| self.find(id).is_none());
        i64::try_from(self.asked.len()).unwrap_or(i64::MAX).saturating_add(i64::from(late))
    }

    /// What its questions under way will add to an account.
    pub(in crate::decide) fn claim(&self, account: &Account) -> i64 {
        if self.asked.is_empty() && self.busy.is_none() || !account.counts(&self.likely) {
            return 0;
        }
        amount(&self.likely, account.key.unit).saturating_mul(self.open())
    }
}
