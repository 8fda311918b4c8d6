//! The work of an agent whose command has ended well is checked, and reviewed, before what needs it starts.

use crate::model::event::{Answer, REVIEW};
use crate::model::{ApprovalId, BudgetKey, BudgetName, Money, Quantity, Unit, Verb};

use crate::decide::action_ids;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::message::{About, Effect, Effects, Ending, Question};
use crate::decide::people::compose;

/// How far the work of an agent has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::decide) enum Passing {
    /// It is not done, or nothing more is asked of it.
    #[default]
    No,
    /// Its command has ended well, and its work is looked at.
    Examining,
    /// What it came to is known, and somebody is to say yes to it.
    Reviewed { question: Box<Question>, number: Option<ApprovalId> },
}

/// Its command ended well: its work is looked at, where it has a check or a review. Says whether it is.
pub(in crate::decide) fn examine(agents: &mut Agents, effects: &mut Effects, who: AgentId) -> bool {
    let agent = &mut agents[who];
    if agent.state != State::Running || (agent.setup.check.is_none() && agent.setup.review.is_none()) {
        return false;
    }
    agent.passing = Passing::Examining;
    agent.because = match &agent.setup.check {
        Some(check) => format!("its check runs: {}", check.shown),
        None => "what it changed is looked at".to_owned(),
    };
    action_ids::request(agents, effects, who, "examine");
    effects.push(Effect::Examine(agents.name(who).clone()));
    true
}

/// The agent is over, and its work is good for all that is known: whether somebody is asked about it. Where nobody can be,
/// it is refused at once.
pub(in crate::decide) fn review(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
) -> Option<Ending> {
    let Some(review) = agents[who].setup.review.clone() else { return Some(Ending::Itself) };
    if cx.policy.observe {
        agents.mark(Some(who), "its work would wait for a review: the run only observes".to_owned(), effects);
        return Some(Ending::Itself);
    }
    if let Some(nobody) = cx.fixed.nobody_for(None) {
        let what = format!("its work is not reviewed: {nobody}");
        agents.mark(Some(who), what.clone(), effects);
        agents.say(who, &what, effects);
        agents[who].because = what;
        return Some(Ending::Stopped);
    }
    let agent = &agents[who];
    let question = Question {
        run: cx.run.clone(),
        agent: agent.setup.name.clone(),
        key: BudgetKey {
            budget: BudgetName::new(REVIEW),
            scope: format!("agent={}, run={}", agent.setup.name, cx.run),
            window_start: None,
            unit: Unit::Responses,
        },
        text: text(agents, agent),
        cost: agent.cost,
        // There is no limit that a yes would lift.
        extend: Quantity { unit: Unit::Responses, amount: 0 },
        route_to: None,
        wait: review.wait,
        otherwise: Verb::Stop,
        about: About::Review,
    };
    agents[who].passing = Passing::Reviewed { question: Box::new(question.clone()), number: None };
    effects.push(Effect::Ask(question));
    None
}

/// What the agent did and came to, and who waits for it.
fn text(agents: &Agents, agent: &Agent) -> String {
    let count = |n: u64, one: &str, many: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {many}") };
    let came = agent.examined.as_ref().map(ToString::to_string).filter(|came| !came.is_empty());
    let needs = |other: &&Agent| other.setup.needs.contains(&agent.setup.name);
    let waiting: Vec<&str> = agents.as_named().filter(needs).map(|other| other.setup.name.as_str()).collect();
    let waiting = (!waiting.is_empty()).then(|| format!("{} waits for it", waiting.join(", ")));
    // Of a run that goes on its cost alone is known.
    let cost = if agent.cost == Money::ZERO { String::new() } else { format!(", {}", agent.cost) };
    let did = (agent.responses > 0).then(|| format!("{}{cost}", count(agent.responses, "response", "responses")));
    let parts: Vec<String> = did.into_iter().chain(came).chain(waiting).collect();
    if parts.is_empty() { "review".to_owned() } else { format!("review: {}", parts.join("; ")) }
}

/// The question has its number; says whether it is one of these.
pub(in crate::decide) fn asked(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    who: AgentId,
    (approval, left): (ApprovalId, Option<std::time::Duration>),
) -> bool {
    let Passing::Reviewed { question, number: number @ None } = &mut agents[who].passing else { return false };
    *number = Some(approval);
    let question = Question::clone(question);
    compose::record_question(cx, agents, effects, who, (approval, left), question);
    true
}

/// Somebody has said yes or no, or nobody in time.
pub(in crate::decide) fn answered(
    agents: &mut Agents,
    effects: &mut Effects,
    approval: ApprovalId,
    (answer, by): (&Answer, &str),
) {
    for who in agents.ids() {
        if agents[who].review() != Some(approval) {
            continue;
        }
        if answer.is_yes() {
            agents.say(who, &format!("its work was approved by {by}"), effects);
            over(agents, effects, who, Ending::Itself);
            continue;
        }
        agents[who].because = match by {
            "deadline" => "nobody has reviewed its work in time".to_owned(),
            by => format!("its work was refused by {by}"),
        };
        over(agents, effects, who, Ending::Stopped);
    }
}

/// The run, or this agent, is ended by hand while its work waits for a yes.
pub(in crate::decide) fn break_off(agents: &mut Agents, effects: &mut Effects, who: AgentId, because: &str) {
    let Passing::Reviewed { number, .. } = agents[who].passing else { return };
    number.into_iter().for_each(|number| effects.push(Effect::Withdraw(number)));
    because.clone_into(&mut agents[who].because);
    over(agents, effects, who, Ending::Stopped);
}

fn over(agents: &mut Agents, effects: &mut Effects, who: AgentId, ending: Ending) {
    let agent = &mut agents[who];
    agent.passing = Passing::No;
    agent.ending = Some(ending);
    let (in_flight, in_flight_cost) = (agent.lost, agent.lost_cost);
    effects.push(Effect::Finish { agent: agents.name(who).clone(), ending, in_flight, in_flight_cost });
}
