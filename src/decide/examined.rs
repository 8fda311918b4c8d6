//! What the work of an agent came to: it goes on to its review, is told that its check has failed, or has failed itself.

use crate::model::event::EventKind;
use crate::model::{CheckFails, Examined};

use crate::decide::accounts::Accounts;
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, State};
use crate::decide::context::Context;
use crate::decide::message::{Effect, Effects};
use crate::decide::passing::Passing;
use crate::decide::starting::Starting;
use crate::decide::{action_ids, starting, transition};

/// What the work of an agent came to.
pub(in crate::decide) fn examined(
    cx: &Context<'_>,
    starting: &Starting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (examined, said): (Examined, &str),
) {
    if std::mem::take(&mut agents[who].passing) != Passing::Examining {
        return;
    }
    let passed = examined.is_passed();
    let words = examined.check.as_ref().map_or_else(String::new, ToString::to_string);
    action_ids::outcome(agents, effects, who, true, "");
    agents.record(Some(who), EventKind::Examined(examined.clone()), effects);
    agents[who].examined = Some(examined);
    agents[who].because = if passed { String::new() } else { words.clone() };
    if passed {
        transition::happen(cx, agents, accounts, effects, who, Happening::Exited);
        return;
    }
    agents.say(who, &words, effects);
    if goes_on(agents, who) {
        again(agents, effects, who, &words, said);
        return;
    }
    let retries = starting::may_retry(starting, agents, who);
    let happening = if retries { Happening::Retry } else { Happening::Failed };
    transition::happen(cx, agents, accounts, effects, who, happening);
}

/// It is told once that its work is not done, where its file says so and its thread can go on.
fn goes_on(agents: &Agents, who: AgentId) -> bool {
    let agent = &agents[who];
    let wanted = agent.setup.check.as_ref().is_some_and(|check| check.fails == CheckFails::Again);
    wanted && !agent.told_of_check && agent.state == State::Running && agent.setup.restartable && agent.root.is_some()
}

fn again(agents: &mut Agents, effects: &mut Effects, who: AgentId, words: &str, said: &str) {
    let agent = &mut agents[who];
    let Some(thread) = agent.root.clone() else { return };
    agent.told_of_check = true;
    agent.settle();
    agent.gate.forget();
    let text = match said {
        "" => format!("Your work is not done: the {words}. Find out why, and correct your work."),
        said => format!(
            "Your work is not done: the {words}. This is the last that it wrote:\n\n{said}\n\nCorrect your work."
        ),
    };
    action_ids::request(agents, effects, who, "go on");
    effects.push(Effect::Again { agent: agents.name(who).clone(), thread, text });
}
