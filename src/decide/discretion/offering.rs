//! A pool that has more than before is offered to those that are held.

use crate::model::event::Course;

use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::context::Context;
use crate::decide::discretion::choosing;
use crate::decide::discretion::rule::choose;
use crate::decide::evaluate::due::Source;
use crate::decide::message::Effects;
use crate::decide::people::approvals;

/// The pool has more than before: who is held may be given some of it before a person answers.
pub(in crate::decide) fn offer_to_held(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    for who in agents.ids() {
        let hold = agents[who].held.as_ref().filter(|hold| !hold.advised);
        let Some(Source::Step { account, step }) = hold.map(|hold| hold.source) else { continue };
        let found = &accounts[account];
        let step = found.rule.step(step).clone();
        let Some(may) = &step.may else { continue };
        if accounts.pools().of(found).is_none() || accounts.observes(account) {
            continue;
        }
        let standing = accounts.standing(cx, &Spenders::of(cx.fixed, agents), account, who);
        let facts = choosing::facts(cx, agents, accounts, (who, account), (&step, &standing));
        let Some(chosen) = facts.map(|facts| choose(&facts, may)) else { continue };
        if let Course::Extend { amount } = chosen.what {
            choosing::extend_from_pool(cx, agents, accounts, effects, (who, account), amount, chosen);
        }
    }
    approvals::release_who_fits(cx, agents, accounts, effects);
}
