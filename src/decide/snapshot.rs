//! How the run stands at this moment, for whoever looks.

use crate::model::{AgentName, AgentState, Live, LiveAgent, LiveLimit, LivePool, ModelId, Money, Unit};

use super::accounts::account::Account;
use super::accounts::{Accounts, Spenders, minutes};
use super::agents::ids::AgentId;
use super::agents::lifecycle::{After, Intent, State};
use super::agents::{Agent, Agents};
use super::message::{Ending, Moment};
use super::passing::Passing;

/// How fast the agent may be said to go: one that stands still adds nothing.
fn per_minute(agent: &Agent, now: Moment, unit: Unit) -> i64 {
    match unit {
        _ if !agent.works() => 0,
        Unit::Minutes => 60_000,
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => {
            agent.trend.lately(agent.active(now.uptime), unit)
        }
    }
}

/// How it stands.
fn standing(agent: &Agent, asked: bool) -> AgentState {
    if agent.review_question().is_some() {
        return AgentState::Held;
    }
    if agent.passing == Passing::Examining && agent.state == State::Running {
        return AgentState::Working;
    }
    match (agent.state, agent.ending) {
        (State::Gone, Some(Ending::Itself)) => AgentState::Done,
        (State::Gone, Some(Ending::Failed) | None) => AgentState::Failed,
        (State::Gone, Some(Ending::Stopped)) => AgentState::Stopped,
        (State::Gone, Some(Ending::Killed)) => AgentState::Killed,
        (State::Gone, Some(Ending::Skipped)) => AgentState::Skipped,
        (State::Ending(After::Stopped | After::Killed) | State::Freezing(Intent::Stop | Intent::Kill), _) => {
            AgentState::Ending
        }
        (State::Held | State::Freezing(Intent::Ask), _) => AgentState::Held,
        (State::Running | State::Starting(_) | State::Freezing(Intent::Route), _) if asked => AgentState::Held,
        // Nobody paused it: it waits for a governor model.
        (State::Paused | State::Freezing(Intent::Pause), _) if agent.pause.is_none() => AgentState::Held,
        (State::Paused | State::Freezing(Intent::Pause), _) => AgentState::Paused,
        (State::Waiting, _) if agent.pause.is_some() => AgentState::Paused,
        (State::Waiting | State::Ending(After::Retry), _) => AgentState::Waiting,
        (State::Starting(_) | State::Ending(After::Restart), _) => AgentState::Starting,
        (State::Running, _) if agent.throttles.values().any(|throttle| throttle.was_felt()) => AgentState::Throttled,
        (State::Running, _) if !agent.threads.is_empty() && !agent.turn_under_way() => AgentState::Resting,
        (State::Running | State::Freezing(Intent::Route), _) => AgentState::Working,
    }
}

/// Keeps in mind since when each agent stands as it does.
pub(super) fn note_standings(agents: &mut Agents, moment: Moment) {
    for agent in agents.values_mut() {
        let asked = agent.gate.asked().is_some();
        let now = standing(agent, asked);
        agent.stands_as(now, moment);
    }
}

/// The run at this moment. Asks nobody, and changes nothing.
pub(super) fn of(accounts: &Accounts, by: &Spenders<'_>, now: Moment) -> Live {
    let current = || accounts.iter().filter(|account| !account.is_past(now.wall));
    let pools = accounts.allotments().into_iter().map(|pool| LivePool {
        budget: pool.budget,
        scope: pool.scope,
        unit: pool.unit,
        size: pool.size,
        given: pool.given,
        got_back: pool.got_back,
    });
    Live {
        agents: by.agents.as_named().map(|agent| live_agent(accounts, by, agent, now)).collect(),
        limits: current()
            .filter(|account| !account.allotted)
            .map(|account| live_limit(accounts, by, account, now))
            .collect(),
        pools: pools.collect(),
        approvers: by.fixed.policy.approvals.approvers.clone(),
    }
}

fn live_agent(accounts: &Accounts, by: &Spenders<'_>, agent: &Agent, now: Moment) -> LiveAgent {
    let approval = agent.waits_for_answer();
    let (state, since) = agent.stands.unwrap_or((standing(agent, approval.is_some()), now.wall));
    LiveAgent {
        agent: agent.setup.name.clone(),
        state,
        since,
        because: reason(by.agents, agent, state),
        approval,
        paused: agent.pause.clone().filter(|_| agent.state != State::Gone),
        attempt: agent.attempt,
        model: model(agent),
        work: agent.work,
        responses: agent.responses,
        cost_usd: agent.cost,
        cost_usd_per_minute: Some(Money::from_nanos(per_minute(agent, now, Unit::Usd))),
        limit: first_limit(accounts, by, agent.id, now),
    }
}

/// Its allotment, else the limit that it comes to first, else the one that is used up furthest.
fn first_limit(accounts: &Accounts, by: &Spenders<'_>, who: AgentId, now: Moment) -> Option<LiveLimit> {
    let mine = accounts.iter().filter(|account| account.agents.contains(&who) && !account.is_past(now.wall));
    let limits = mine.map(|account| live_limit(accounts, by, account, now));
    let haste = |limit: &LiveLimit| {
        (!limit.allotment, limit.seconds_left.unwrap_or(u64::MAX), std::cmp::Reverse(limit.share()))
    };
    limits.min_by_key(haste)
}

fn live_limit(accounts: &Accounts, by: &Spenders<'_>, account: &Account, now: Moment) -> LiveLimit {
    let unit = account.key.unit;
    let agents = || account.agents.iter().map(|who| &by.agents[*who]);
    let per_minute = agents().map(|agent| per_minute(agent, now, unit)).fold(0, i64::saturating_add);
    let spent = match unit {
        // It is counted when it is judged; here it is told as it is.
        Unit::Minutes => minutes::active_millis(accounts, by, account, now),
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => account.spent,
    };
    let left = i128::from(account.limit()) - i128::from(spent);
    let seconds = (left.max(0) * 60).checked_div(i128::from(per_minute));
    LiveLimit {
        budget: account.key.budget.clone(),
        scope: account.key.scope.clone(),
        unit,
        allotment: account.allotted,
        spent,
        reserved: account.reserved,
        limit: account.limit(),
        granted: account.granted.amount,
        per_minute,
        seconds_left: seconds.and_then(|seconds| u64::try_from(seconds).ok()),
    }
}

/// Why it stands as it does.
fn reason(agents: &Agents, agent: &Agent, state: AgentState) -> Option<String> {
    let said = || Some(agent.because.clone()).filter(|because| !because.is_empty());
    match state {
        AgentState::Held => {
            let asked = agent.waits_for_answer().and_then(|approval| agents.question(approval));
            asked.map(|question| question.text.clone()).or_else(said)
        }
        AgentState::Paused => {
            let room = || Some(agent.room.as_ref()?.because.clone());
            agent.pause.as_ref().map(|pause| pause.text()).or_else(room)
        }
        AgentState::Throttled => {
            agent.throttles.values().find(|throttle| throttle.was_felt()).map(|one| one.sentence())
        }
        AgentState::Waiting => match open_needs(agents, agent) {
            needs if needs.is_empty() => said(),
            needs => Some(format!("needs {}", needs.join(", "))),
        },
        AgentState::Ending | AgentState::Failed | AgentState::Stopped | AgentState::Killed | AgentState::Skipped => {
            said()
        }
        // Others of its threads work meanwhile.
        AgentState::Working if agent.passing == Passing::Examining => said(),
        AgentState::Working => match agent.gate.beside.len() {
            0 => None,
            1 => Some("1 thread waits for the answers to the others".to_owned()),
            several => Some(format!("{several} threads wait for the answers to the others")),
        },
        AgentState::Starting | AgentState::Resting | AgentState::Alive | AgentState::Done => None,
    }
}

/// Those that it waits for.
fn open_needs(agents: &Agents, agent: &Agent) -> Vec<String> {
    let done = |need: &&AgentName| {
        agents
            .id(need)
            .map(|need| &agents[need])
            .is_some_and(|agent| agent.ending == Some(Ending::Itself) && agent.review_question().is_none())
    };
    agent.setup.needs.iter().filter(|need| !done(need)).map(ToString::to_string).collect()
}

/// What its next request goes to, or its last one went to.
fn model(agent: &Agent) -> Option<ModelId> {
    let root = agent.root.as_ref().and_then(|root| agent.threads.get(root));
    let at_gate = || root.and_then(|thread| thread.model.clone());
    let answered = || agent.last_response().and_then(|last| last.model.clone());
    let routed = agent.routed.as_ref().map(|rung| rung.model.clone());
    // The first thread that is known, where none has answered yet.
    let first = || agent.threads.values().find_map(|thread| thread.model.clone());
    at_gate().or(routed).or_else(answered).or_else(first)
}
