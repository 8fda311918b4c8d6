//! What a step comes down to here: a route may be impossible, and nobody may be there to be asked.

use crate::model::{ModelId, Verb};
use crate::policy::rule::{Rung, Step};
use crate::policy::verdict::{Fired, Standing, is_at_limit};

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::ladder;

/// What a step comes down to.
pub(in crate::decide) struct Effective {
    pub(in crate::decide) verb: Verb,
    /// The step whose verb that is; `None` for what no step says.
    pub(in crate::decide) step: Option<Step>,
    /// Why that is not what is written.
    pub(in crate::decide) note: Option<String>,
}

/// Whether an agent can go on with the next model down.
pub(in crate::decide) enum Routable {
    Yes,
    /// And why not.
    No(String),
    /// That cannot be told before a model has answered.
    Unknown,
}

/// A route that cannot be done is no reason to end: before the limit it is a warning, and the next written step stays
/// where it is; at the limit it is a question. A question that nobody can be asked is what stands for no answer.
/// `None`: that cannot be told before a model has answered.
pub(in crate::decide) fn comes_to(
    accounts: &Accounts,
    by: &Spenders<'_>,
    who: AgentId,
    account: AccountId,
    fired: Fired,
    standing: &Standing,
) -> Option<Effective> {
    let account = &accounts[account];
    let agent = &by.agents[who];
    let step = account.rule.step(fired.step);
    let at_limit = is_at_limit(step, standing.limit);
    let mut come = Effective { verb: fired.verb, step: Some(step.clone()), note: None };
    if come.verb == Verb::Route {
        match routable(accounts, by, agent) {
            Routable::Yes => {}
            Routable::Unknown => return None,
            Routable::No(why) => {
                let verb = if at_limit { Verb::Ask } else { Verb::Warn };
                come = Effective { verb, step: None, note: Some(why) };
            }
        }
    }
    if come.verb == Verb::Ask
        && let Some(nobody) = by.fixed.nobody_for(come.step.as_ref())
    {
        let otherwise = come.step.as_ref().map_or(Verb::Stop, |step| step.otherwise);
        // Before the limit there is time to learn whether it can be routed.
        if otherwise == Verb::Route && !at_limit && matches!(routable(accounts, by, agent), Routable::Unknown) {
            return None;
        }
        let note = come.note.map_or(nobody.to_string(), |note| format!("{note}; {nobody}"));
        come = Effective { verb: instead_of_asking(accounts, by, agent, otherwise), note: Some(note), ..come };
    }
    Some(come)
}

/// What is done where a question has no answer: its `else`, and where that is a route that cannot be done, a stop.
pub(in crate::decide) fn instead_of_asking(
    accounts: &Accounts,
    by: &Spenders<'_>,
    agent: &Agent,
    otherwise: Verb,
) -> Verb {
    match routable(accounts, by, agent) {
        Routable::No(_) | Routable::Unknown if otherwise == Verb::Route => Verb::Stop,
        Routable::Yes | Routable::No(_) | Routable::Unknown => otherwise,
    }
}

/// Whether, and why not, the agent can go on with the next model down.
pub(in crate::decide) fn routable(accounts: &Accounts, by: &Spenders<'_>, agent: &Agent) -> Routable {
    if !agent.setup.restartable {
        return Routable::No("it is not routed: this Codex cannot be started again with another model".to_owned());
    }
    if next_rung(accounts, by, agent).is_some() {
        return Routable::Yes;
    }
    if agent.last_response().is_none() && !by.fixed.policy.models.ladder.is_empty() {
        return Routable::Unknown;
    }
    if let Some(model) = ladder::unpriced(by.fixed, agent, accounts.counts_money(by, agent.id)) {
        return Routable::No(format!("it is not routed: `{model}` has no price"));
    }
    let model = agent.last_response().and_then(|last| last.model.as_ref()).map(ModelId::as_str);
    Routable::No(format!("it is not routed: the ladder has no model below `{}`", model.unwrap_or("unknown")))
}

/// The next model down the ladder for this agent that it may go on with.
pub(in crate::decide) fn next_rung(accounts: &Accounts, by: &Spenders<'_>, agent: &Agent) -> Option<Rung> {
    ladder::next(by.fixed, agent, accounts.counts_money(by, agent.id))
}
