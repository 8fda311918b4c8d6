//! Before a stop an agent may be told to commit and sum up, and may spend a little more for just that.

use crate::model::Verb;
use crate::model::event::WrapUp;
use crate::policy::verdict::{Standing, judge};

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::steer::telling;
use crate::decide::message::Effects;

/// What is due in the place of a stop whose step has `wrap_up`: that the agent is told. Where it cannot be told, or the amount
/// holds not one more request, the stop stays, and says why. `None`: the agent was told already, and is judged by that.
pub(in crate::decide) fn before(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &mut Accounts,
    (who, id): (AgentId, AccountId),
    (standing, due): (&Standing, Due),
) -> Option<Due> {
    let more = due.step.as_ref().and_then(|step| step.wrap_up);
    // Between turns there is nothing to sum up.
    let Some(more) = more.filter(|_| due.verb == Verb::Stop && agents[who].turn_under_way() && !standing.wraps_up)
    else {
        return Some(due);
    };
    let because = due.because.clone();
    let at_once = |why: &str| Some(Due { because: format!("{because}; {why}"), ..due.clone() });
    // History says nothing of hooks: there it is taken to have been told.
    if cx.fixed.patient && agents[who].gate.reach().is_none() {
        return at_once("it is not told to sum up: its Codex was not seen to call govern's hooks");
    }
    let account = &mut accounts[id];
    let with_more = Standing { wraps_up: true, ..*standing };
    if judge(&account.rule, &with_more).is_some_and(|fired| fired.verb.is_hard()) {
        let amount = account.key.unit.show(more);
        return at_once(&format!("it is not told to sum up: {amount} more would hold no other request"));
    }
    // Another hook of the session, or this run before it went on, has told it.
    if cx.books.wrapped_up(cx.run, &account.key) == Some(standing.limit) {
        account.wrapped_up = Some(standing.limit);
        return None;
    }
    Some(Due { verb: Verb::Steer, ..due })
}

/// Whoever joins a session knows what another hook of it has told.
pub(in crate::decide) fn recall(cx: &Context<'_>, accounts: &mut Accounts) {
    for account in accounts.iter_mut().filter(|account| account.rule.steps.iter().any(|step| step.wrap_up.is_some())) {
        account.wrapped_up = cx.books.wrapped_up(cx.run, &account.key);
    }
}

/// A tool or a prompt comes of an agent that is to sum up, and this governor has not told it: another hook's has, or that of the
/// run before it went on.
pub(in crate::decide) fn remind(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    for id in accounts.ids() {
        let account = &accounts[id];
        if !account.wraps_up() || !accounts.concerns(&Spenders::of(cx.fixed, agents), id, who) {
            continue;
        }
        let Some((step, found)) = account.rule.own_steps().find(|(_, step)| step.wrap_up.is_some()) else { continue };
        let (source, step) = (Source::Step { account: id, step }, Some(found.clone()));
        if agents[who].steering.iter().any(|steering| steering.source.is_of_one_rule(source)) {
            continue;
        }
        let because = account.show(0);
        let (written, verb) = (Verb::Stop, Verb::Steer);
        let due = Due { source, written, verb, step, because, offer: 0, needs: 0, chosen: None, foretold: false };
        telling::steer(cx, agents, accounts, effects, who, &due);
    }
}

/// From now on the agents of this account may spend the more that the step says.
pub(in crate::decide) fn note(accounts: &mut Accounts, due: &Due) {
    if let (Source::Step { account, .. }, Some(_)) = (due.source, due.wraps_up()) {
        let account = &mut accounts[account];
        account.wrapped_up = Some(account.limit());
    }
}

/// As the ledger keeps it.
pub(in crate::decide) fn told(accounts: &Accounts, due: &Due) -> Option<WrapUp> {
    let Source::Step { account, .. } = due.source else { return None };
    let account = &accounts[account];
    due.wraps_up().map(|more| WrapUp { limit: account.limit(), more, window: account.key.window_start })
}
