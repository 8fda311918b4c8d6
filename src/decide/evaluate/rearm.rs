//! Steps that were carried out, and lie ahead once more: with a new window, or a higher limit.

use crate::policy::rule::StepId;

use crate::decide::accounts::Accounts;
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::Agents;
use crate::decide::context::Context;
use crate::decide::evaluate::steer::telling;

pub(in crate::decide) fn roll(cx: &Context<'_>, agents: &mut Agents, accounts: &mut Accounts, id: AccountId) {
    if accounts[id].roll(cx.policy.timezone, cx.now.wall, cx.books) {
        forget_fired(agents, accounts, id);
    }
}

/// Steps that lie ahead once more may fire again.
pub(in crate::decide) fn forget_fired(agents: &mut Agents, accounts: &mut Accounts, id: AccountId) {
    let account = &mut accounts[id];
    account.fired = account.still_behind(account.fired);
    for agent in agents.values_mut() {
        for steps in [&mut agent.fired, &mut agent.settled] {
            match account.still_behind(steps.get(&id).copied()) {
                Some(step) => steps.insert(id, step),
                None => steps.remove(&id),
            };
        }
        let ahead = |step: StepId| account.still_behind(Some(step)) != Some(step);
        if agent.chosen.get(&id).is_some_and(|(step, _)| ahead(*step)) {
            agent.chosen.remove(&id);
        }
    }
    telling::forget_steering(agents, accounts, id);
}
