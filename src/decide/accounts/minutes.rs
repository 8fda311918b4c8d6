//! Pure. Budgets in minutes: time passes by itself, and is counted when they are judged.

use std::time::Duration;

use crate::decide::context::Context;
use crate::decide::effect::{Effect, Effects};
use crate::decide::input::{Moment, Timer};
use crate::decide::lifecycle::State;
use crate::model::{AgentName, Dimension, Unit};

use super::account::Account;
use super::{Accounts, Spenders};

impl Accounts {
    pub(in crate::decide) fn arm_minutes(&mut self, cx: &Context<'_>, by: &Spenders<'_>, effects: &mut Effects) {
        self.lifted_time = false;
        self.count_minutes(cx, by);
        let running = |name: &&AgentName| by.agents.get(name).is_some_and(|agent| agent.state == State::Running);
        let soonest = self
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
    pub(in crate::decide) fn limits_time(&self) -> bool {
        self.rules.iter().any(|budget| budget.unit() == Unit::Minutes)
    }

    /// Time passes by itself: what budgets in minutes have spent is counted when they are judged.
    pub(in crate::decide) fn count_minutes(&mut self, cx: &Context<'_>, by: &Spenders<'_>) {
        for index in 0..self.list.len() {
            let Some(account) = self.list.get(index).filter(|account| account.key.unit == Unit::Minutes) else {
                continue;
            };
            let spent = self.active_millis(by, account, cx.now);
            if let Some(account) = self.list.get_mut(index) {
                account.spent = spent;
            }
        }
    }

    /// How long the agents of an account were active, all together.
    pub(in crate::decide) fn active_millis(&self, by: &Spenders<'_>, account: &Account, now: Moment) -> i64 {
        let own = account.agents.iter().filter_map(|name| by.agents.get(name)).map(|a| a.active(now.uptime));
        // Agents that were over before the run went on are in what the run may take, and in no other's part of it.
        let whole = !account.per.contains(&Dimension::Agent);
        let over = self.over_before.values().filter(|_| whole).copied();
        i64::try_from(own.chain(over).sum::<Duration>().as_millis()).unwrap_or(i64::MAX)
    }
}
