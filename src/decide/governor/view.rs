//! What those around a governor ask it: nothing of it changes anything.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::event::{Answer, Lifts};
use crate::model::{
    AgentName, Answerer, ApprovalId, Attribution, BudgetName, Identity, Live, Money, ProcessIdentity, Quantity,
    ThreadId,
};
use crate::policy::rule::{Approvals, Policy};

use super::Governor;
use crate::decide::accounts::Spenders;
use crate::decide::accounts::account::{Account, Books};
use crate::decide::accounts::pool::Allotments;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::State;
use crate::decide::barred::{BarTold, barring};
use crate::decide::evaluate::binding;
use crate::decide::message::{About, Moment, Question};
use crate::decide::observe::{Observed, watching};
use crate::decide::past_refusal::{self, StartedBy};
use crate::decide::people::lift::lifting;
use crate::decide::people::permission::{Lifting, NotAllowed, how_far, judge_all, may_be_lifted};
use crate::decide::people::{approvals, compose};
use crate::decide::snapshot;

impl Governor {
    /// Some budget can hold or end an agent here, so that what cannot be observed is refused or stopped.
    pub fn enforces(&self) -> bool {
        self.accounts.enforces()
    }

    /// Some alert, or budget over a plan's own limit, could hold or end an agent here, if it sees what it does.
    pub fn warns_of_unobserved(&self) -> bool {
        self.fixed.warns_of_unobserved()
    }

    /// The policy can hold or end an agent here, by its budgets or by the models that it allows.
    pub fn gates(&self) -> bool {
        binding::gates(&self.fixed.policy, &self.accounts)
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.fixed.policy
    }

    /// How each budget stands for this run.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// How each budget that is divided stands.
    pub fn allotments(&self) -> Vec<Allotments> {
        self.accounts.allotments()
    }

    /// The agent by that name.
    pub fn agent(&self, name: &AgentName) -> Option<&Agent> {
        Some(&self.agents[self.agents.id(name)?])
    }

    /// Where the spend of each agent belongs.
    pub fn attributions(&self) -> impl Iterator<Item = &Attribution> {
        self.agents.as_named().map(|agent| &agent.setup.attribution)
    }

    /// Every agent is over.
    pub fn is_over(&self) -> bool {
        self.agents.values().all(|agent| agent.state == State::Gone && agent.review_question().is_none())
    }

    /// The run at this moment. Asks nobody, and changes nothing.
    pub fn live(&self, now: Moment) -> Live {
        snapshot::of(&self.accounts, &self.spenders(), now)
    }

    /// How far back throttles look; `None`: the policy has none.
    pub fn pace_span(&self) -> Option<Duration> {
        self.agents.values().find_map(|agent| agent.pace.span())
    }

    /// The budget whose hard step was decided last.
    pub fn last_hard_budget(&self) -> Option<&BudgetName> {
        self.accounts.last_hard.as_ref()
    }

    /// What lets a run start that was refused because a limit is spent, each way in a few words; none where it was
    /// refused for another reason.
    pub fn ways_past_refusal(&self, by: StartedBy) -> Vec<String> {
        let account = self.starting.refused_by.map(|account| &self.accounts[account]);
        account.map(|account| past_refusal::past_refusal(&self.fixed, account, by)).unwrap_or_default()
    }

    /// What would have to be lifted of the budget that ended the run, or that it waited at when a person ended it, where
    /// people may.
    pub fn lifts(&self, rule: Option<&BudgetName>) -> Option<Lifts> {
        lifting::lifts(&self.lifting, &self.accounts, rule)
    }

    /// The question that this approval is about, while somebody is held for it.
    pub fn waits_for(&self, approval: ApprovalId) -> Option<Question> {
        self.agents.question(approval).cloned()
    }

    /// Who may answer this question, and how far: a fleet's file may narrow who reviews the work of an agent.
    pub fn approvals_of(&self, question: &Question) -> Cow<'_, Approvals> {
        let all = &self.fixed.policy.approvals;
        let review = self.agent(&question.agent).and_then(|agent| agent.setup.review.as_ref());
        match review.filter(|review| question.about == About::Review && !review.approvers.is_empty()) {
            Some(review) => Cow::Owned(all.narrowed(&review.approvers)),
            None => Cow::Borrowed(all),
        }
    }

    /// The question that holds this agent.
    pub fn held_approval(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.held.as_ref()?.approval
    }

    /// A question that keeps the agent, or a tool of its, from going on.
    pub fn waits_for_answer(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.waits_for_answer()
    }

    /// The number of this question, while it waits.
    pub fn approval_of(&self, question: &Question) -> Option<ApprovalId> {
        let agent = self.agent(&question.agent)?;
        let ahead = agent.ahead.as_ref().filter(|(asked, _)| asked == question).and_then(|(_, approval)| *approval);
        agent
            .gate
            .approval(question)
            .or(ahead)
            .or_else(|| agent.review_question().filter(|asked| *asked == question).and(agent.review()))
            .or_else(|| agent.held.as_ref().filter(|hold| hold.question == *question)?.approval)
    }

    /// Whether those who answer may, of a run that somebody started, and whether what this lifts is still within what all
    /// answers may come to: by whatever door it came. To be asked in the turn that takes the answer: two answers cannot both
    /// take what is left.
    ///
    /// # Errors
    /// Why not.
    pub fn may_be_answered(
        &self,
        now: Moment,
        (approval, answer): (ApprovalId, &Answer),
        (by, started_by): (&[Answerer], &Identity),
        books: &dyn Books,
    ) -> Result<(), NotAllowed> {
        let cx = &self.fixed.at(now, books);
        judge_all(&cx.policy.approvals, by, started_by)?;
        let Some(question) = self.agents.question(approval).cloned().filter(|question| question.about.is_of_limit())
        else {
            return Ok(());
        };
        let amount = match answer {
            Answer::Extend { amount } => *amount,
            Answer::Route if !approvals::fits_if_routed(cx, &self.agents, &self.accounts, &question) => {
                question.extend.amount
            }
            _ => return Ok(()),
        };
        if let Some((whole, _, short)) =
            self.accounts.beyond_pool(cx, &Spenders::of(cx.fixed, &self.agents), &question.key, amount)
        {
            may_be_lifted(&self.accounts, cx, None, &whole, short)?;
        }
        may_be_lifted(&self.accounts, cx, None, &question.key, amount)
    }

    /// The number of the question that was put before this agent's limit is met, while it waits.
    pub fn asked_ahead(&self, name: &AgentName) -> Option<ApprovalId> {
        self.agent(name)?.ahead.as_ref()?.1
    }

    /// Whether such a question would be put.
    ///
    /// # Errors
    /// Why not.
    pub fn may_ask_ahead(
        &self,
        now: Moment,
        name: &AgentName,
        budget: Option<&BudgetName>,
        by_amount: Quantity,
    ) -> Result<(), String> {
        if self.fixed.policy.observe {
            return Err("the run only observes: no limit holds it".to_owned());
        }
        if let Some(nobody) = self.fixed.nobody_for(None) {
            return Err(format!("{nobody} (`[approvals] wait_for_nobody = true` waits)"));
        }
        let agent = self.agent(name).ok_or_else(|| format!("the run has no agent `{name}`"))?;
        if let Some((question, _)) = &agent.ahead {
            return Err(format!("it is asked already: {}", question.text));
        }
        let Some(account) = compose::account_ahead(&self.accounts, now, agent.id, budget, by_amount) else {
            return Err(self.counts_none(agent, budget, by_amount));
        };
        // What answers gave before is looked at when one comes: nobody may give so much even now.
        let lifting = Lifting { budget: &account.key.budget, by: by_amount, given: 0 };
        how_far(&self.fixed.policy.approvals, lifting).map_err(|not| not.to_string())
    }

    fn counts_none(&self, agent: &Agent, budget: Option<&BudgetName>, by_amount: Quantity) -> String {
        let name = &agent.setup.name;
        let own = self.accounts.iter().filter(|account| account.agents.contains(&agent.id));
        let names: BTreeSet<&str> = own.map(|account| account.key.budget.as_str()).collect();
        match budget.filter(|budget| !names.contains(budget.as_str())) {
            Some(other) => {
                let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                format!("no budget `{other}` limits agent `{name}`: those that do are {names}")
            }
            None => format!("no limit of agent `{name}` counts what {by_amount} would lift"),
        }
    }

    /// The agent's threads on which nothing more is asked.
    pub fn bars(&self, name: &AgentName) -> Vec<(ThreadId, BarTold)> {
        self.agent(name).map(barring::bars).unwrap_or_default()
    }

    /// Nothing of this Codex was seen yet, and that was not told.
    pub fn awaits(&self, process: ProcessIdentity) -> bool {
        self.agents.values().any(|agent| agent.codexes.get(&process).is_some_and(|known| known.is_awaited()))
    }

    /// Nothing was seen yet of some Codex of this agent.
    pub fn awaits_one_of(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(|agent| agent.codexes.values().any(|known| known.is_awaited()))
    }

    /// It is known already that what this Codex spends can be seen.
    pub fn sees_spend_of(&self, process: ProcessIdentity) -> bool {
        let sees = |known: &Observed| matches!(known, Observed::Yes | Observed::Partly);
        self.agents.values().any(|agent| agent.codexes.get(&process).is_some_and(sees))
    }

    /// Nothing of this agent's Codexes was seen, and none of its requests came to the gate.
    pub fn was_never_asked(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(watching::was_never_asked)
    }

    /// A request of this agent is noted as lost although no hook of its thread has ever called: where its Codex has
    /// govern's hooks and asks first, it was not sent.
    pub fn lost_before_any_call(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(|agent| agent.lost_uncalled().next().is_some())
    }

    /// What an answer that was never seen may have cost.
    pub fn likely_advice_cost(&self, any: bool) -> Money {
        let adviser = self.accounts.adviser.as_ref().filter(|_| any);
        adviser.and_then(|adviser| adviser.likely_cost()).unwrap_or(Money::ZERO)
    }

    /// All who spend from the accounts, as they stand.
    pub(in crate::decide) fn spenders(&self) -> Spenders<'_> {
        Spenders::of(&self.fixed, &self.agents)
    }
}
