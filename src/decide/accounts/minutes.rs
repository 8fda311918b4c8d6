//! Budgets in minutes: time passes by itself, and is counted when they are judged.

use std::time::Duration;

use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects, Moment, Timer};
use crate::model::{Dimension, Unit};

use super::account::Account;
use super::{Accounts, Spenders};

pub(in crate::decide) fn arm(accounts: &mut Accounts, cx: &Context<'_>, by: &Spenders<'_>, effects: &mut Effects) {
    accounts.lifted_time = false;
    count(accounts, cx, by);
    let running = |who: &&AgentId| by.agents[**who].state == State::Running;
    let soonest = accounts
        .list
        .iter()
        .filter(|account| account.key.unit == Unit::Minutes)
        .filter_map(|account| {
            let steps = account.rule.steps.iter().filter_map(|step| account.until(step.at));
            let ahead = steps.chain(account.until_grace_ends()).min()?;
            // Time passes as often as agents run.
            let times = u64::try_from(account.agents.iter().filter(running).count()).ok().filter(|n| *n > 0)?;
            Some(ahead.unsigned_abs().div_ceil(times))
        })
        .min();
    if let Some(ahead) = soonest {
        let wait = Duration::from_millis(ahead) + Duration::from_millis(1);
        effects.push(Effect::Arm(Timer::Minutes, wait));
    }
}

/// Some budget counts minutes.
pub(in crate::decide) fn limits_time(accounts: &Accounts) -> bool {
    accounts.rules.iter().any(|budget| budget.unit() == Unit::Minutes)
}

/// Time passes by itself: what budgets in minutes have spent is counted when they are judged.
pub(in crate::decide) fn count(accounts: &mut Accounts, cx: &Context<'_>, by: &Spenders<'_>) {
    for id in accounts.ids() {
        if accounts[id].key.unit == Unit::Minutes {
            accounts[id].spent = active_millis(accounts, by, &accounts[id], cx.now);
        }
    }
}

/// How long the agents of an account were active, all together.
pub(in crate::decide) fn active_millis(accounts: &Accounts, by: &Spenders<'_>, account: &Account, now: Moment) -> i64 {
    let own = account.agents.iter().map(|who| &by.agents[*who]).map(|a| a.active(now.uptime));
    // Agents that were over before the run went on are in what the run may take, and in no other's part of it.
    let whole = !account.per.contains(&Dimension::Agent);
    let over = accounts.over_before.values().filter(|_| whole).copied();
    i64::try_from(own.chain(over).sum::<Duration>().as_millis()).unwrap_or(i64::MAX)
}
