//! Throttling: requests wait at the gate until the rate allows the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::ThreadId;
use crate::model::event::EventKind;

use crate::decide::accounts::account::amount;
use crate::decide::accounts::{Accounts, likely};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::throttle::Throttle;
use crate::decide::message::{Effect, Effects, Timer};

/// A later step of the same rule leaves an agent's throttle as it is.
pub(in crate::decide) fn keep(throttles: &mut BTreeMap<Source, Throttle>, source: Source) {
    let earlier = throttles.keys().copied().find(|earlier| earlier.is_of_one_rule(source));
    if let Some(throttle) = earlier.and_then(|earlier| throttles.remove(&earlier)) {
        throttles.insert(source, throttle);
    }
}

/// From now on the agent's requests keep to the rate.
pub(in crate::decide) fn throttle(agents: &mut Agents, who: AgentId, due: &Due) {
    let Some(to) = due.step.as_ref().and_then(|step| step.to) else { return };
    let agent = &mut agents[who];
    let because = due.because.clone();
    agent.throttles.retain(|source, _| !source.is_of_one_rule(due.source));
    agent.throttles.insert(due.source, Throttle { to, because, said: false });
}

/// How long this thread's next request has to wait at the gate; `None`: it may go.
pub(in crate::decide) fn throttled(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
) -> Option<Duration> {
    end_throttles(cx, agents, accounts, effects, who);
    let agent = &agents[who];
    let thread = agent.threads.get(thread)?;
    let waits = agent.throttles.iter().filter_map(|(source, throttle)| {
        let unit = throttle.to.quantity.unit;
        let account = match *source {
            Source::Step { account, .. } => Some(&accounts[account]),
            Source::Alert(_) => None,
        };
        let peers = account.into_iter().flat_map(|account| &account.agents).filter(|peer| **peer != who);
        let peers = peers.map(|peer| &agents[*peer]);
        let declared = agent.setup.registration.per_response(unit);
        let likely = likely(agent, thread, |response| amount(response, unit), declared, peers);
        let wait = agent.pace.wait(cx.now.uptime, &throttle.to, likely);
        // When its window ends, so does the throttle.
        let ends = account.and_then(|account| (account.bounds.end? - cx.now.wall).to_std().ok());
        (!wait.is_zero()).then(|| (wait.min(ends.unwrap_or(wait)), *source))
    });
    let (wait, source) = waits.max()?;
    if let Some(throttle) = agents[who].throttles.get_mut(&source)
        && !std::mem::replace(&mut throttle.said, true)
    {
        let text = format!("throttle: requests wait their turn, at most {}: {}", throttle.to, throttle.because);
        agents.say(who, &text, effects);
    }
    Some(wait)
}

/// Looks again when the next request may go.
pub(in crate::decide) fn arm_pace(agents: &Agents, effects: &mut Effects, who: AgentId, wait: Duration) {
    effects.push(Effect::Arm(Timer::Pace(agents.name(who).clone()), wait + Duration::from_millis(1)));
}

/// A throttle ends with its window, and when its step lies ahead once more. A severer step of its budget changes
/// nothing about it: an agent that goes on, with another model or by a person's leave, goes on at its rate.
fn end_throttles(cx: &Context<'_>, agents: &mut Agents, accounts: &Accounts, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    let (accounts, watch) = (accounts, &agent.watch);
    let mut ended = Vec::new();
    agent.throttles.retain(|source, throttle| {
        let (account, step) = match *source {
            Source::Step { account, step } => (account, step),
            Source::Alert(alert) => {
                let holds = watch.fired.contains(&alert);
                if !holds {
                    ended.push(format!("the throttle to {} ends: {}", throttle.to, throttle.because));
                }
                return holds;
            }
        };
        let account = &accounts[account];
        let holds = account.still_behind(Some(step)) == Some(step) && !account.is_past(cx.now.wall);
        if !holds {
            ended.push(format!("the throttle to {} ends: {}", throttle.to, throttle.because));
        }
        holds
    });
    ended.into_iter().for_each(|what| agents.mark(Some(who), what, effects));
}

/// A Codex that answers and does not ask before its requests cannot be slowed down: it is a warning, and says so.
pub(in crate::decide) fn say_unthrottled(agents: &mut Agents, effects: &mut Effects, who: AgentId) {
    let agent = &mut agents[who];
    if agent.gate.holds_requests() {
        return;
    }
    for (_, throttle) in std::mem::take(&mut agent.throttles) {
        let what = format!(
            "the agent cannot be slowed down to {}: its Codex does not ask govern before its requests",
            throttle.to
        );
        agents.say(who, &format!("throttle: {what}"), effects);
        agents.record(Some(who), EventKind::Marked { what }, effects);
    }
}
