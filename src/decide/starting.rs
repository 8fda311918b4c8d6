//! A run begins, and its agents start as the schedule has it; it is interrupted, and is over.

use std::num::NonZeroUsize;

use crate::model::event::EventKind;
use crate::model::{AgentName, Response, Verb};

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders, allot};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::agents::schedule::{Entry, Move, Stage, next};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::{binding, budgets};
use crate::decide::gate::drain;
use crate::decide::message::{Effect, Effects, Ending, Interrupt, Phase};
use crate::decide::people::lift::{Lifting, lifting};
use crate::decide::people::reach::questions;
use crate::decide::people::released;
use crate::decide::reserving::closing;
use crate::decide::{action_ids, passing, transition};

/// How far a run has come with starting its agents.
#[derive(Debug)]
pub(super) struct Starting {
    /// The last responses of a run that goes on.
    history: Vec<Response>,
    /// How many agents may work at once; `None`: all that are ready.
    concurrency: Option<NonZeroUsize>,
    /// Agents may be started.
    begun: bool,
    /// Nothing is started any more.
    interrupted: Option<Interrupt>,
    /// The account that keeps the run from starting.
    pub(super) refused_by: Option<AccountId>,
}

impl Starting {
    pub(super) fn before(history: Vec<Response>, concurrency: Option<NonZeroUsize>) -> Self {
        Self { history, concurrency, begun: false, interrupted: None, refused_by: None }
    }

    /// The last responses of a run that goes on, oldest first.
    pub(super) fn history(&self) -> &[Response] {
        &self.history
    }
}

pub(in crate::decide) fn begin(
    cx: &Context<'_>,
    starting: &mut Starting,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    for who in agents.ids() {
        accounts.open_current(cx, &Spenders::of(cx.fixed, agents), who);
    }
    if lifting.lift.is_some() {
        open_answered(cx, starting, agents, accounts);
    }
    if let Some(Err(why)) = lifting.lift.take().map(|lift| lifting::lift_limit(cx, lifting, agents, accounts, lift)) {
        effects.push(Effect::Refuse(why));
        return;
    }
    for who in agents.ids() {
        recall(cx, starting, agents, who);
    }
    if let Err(what) = allot::hand_out(accounts, cx, &Spenders::of(cx.fixed, agents), effects) {
        effects.push(Effect::Refuse(what));
        return;
    }
    for who in agents.ids() {
        let due = foreseen(cx, agents, accounts, effects, who);
        // A route that comes down to more here is no limit that is spent.
        let hard = due
            .iter()
            .find(|due| due.written.is_hard() && binding::is_hard(cx, accounts, due) && !asks_first(accounts, due));
        if let Some(hard) = hard {
            let (text, offer, needs) = (hard.because.clone(), hard.offer, hard.needs);
            if let Source::Step { account: id, .. } = hard.source {
                let account = &mut accounts[id];
                (account.offered, account.needed) = (Some(offer), Some(needs));
                accounts.last_hard = Some(account.key.budget.clone());
                starting.refused_by = Some(id);
            }
            effects.push(Effect::Refuse(text));
            return;
        }
    }
    say_nobody(cx, accounts, effects);
    say_no_reviews(cx, agents, effects);
    // What was promised is claimed before anybody starts.
    for who in agents.ids() {
        accounts.reserve(cx, agents, who, effects);
    }
    starting.begun = true;
}

/// It is no reason to refuse, where a person can be asked: the limit is not spent, so it starts, and is held.
fn asks_first(accounts: &Accounts, due: &Due) -> bool {
    let Source::Step { account, .. } = due.source else { return false };
    let left = accounts[account].spent < accounts[account].limit();
    due.verb == Verb::Ask && (due.foretold || left)
}

/// Opens what only an answer tells of, by the last answers of a run that goes on: what is lifted may be one of these. The
/// newest comes first, since its limit is the one that was met.
fn open_answered(cx: &Context<'_>, starting: &Starting, agents: &Agents, accounts: &mut Accounts) {
    for answer in starting.history.iter().rev() {
        if let Some(who) = answer.agent.as_ref().and_then(|name| agents.id(name)) {
            accounts.open_for_answer(cx, answer, who);
        }
    }
}

fn recall(cx: &Context<'_>, starting: &Starting, agents: &mut Agents, who: AgentId) {
    if starting.history.is_empty() {
        return;
    }
    let agent = &mut agents[who];
    let name = agent.setup.name.clone();
    for response in starting.history.iter().filter(|response| response.agent.as_ref() == Some(&name)) {
        agent.note(response);
    }
    // Its last responses are not all of them.
    agent.cost = cx.books.cost(cx.run, &name);
}

/// The steps that apply before the agent has asked anything. One that goes on begins with a request on its root
/// thread, of about the size of its last ones.
fn foreseen(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) -> Vec<Due> {
    let agent = &mut agents[who];
    if let Some(thread) = agent.root.clone().and_then(|root| agent.threads.get_mut(&root)) {
        thread.phase = Phase::InFlight;
    }
    let due = budgets::judge_all(cx, agents, accounts, effects, who);
    agents[who].settle();
    due
}

/// The agents in the order in which they were named.
fn entries(agents: &Agents) -> Vec<Entry<'_>> {
    agents
        .as_named()
        .map(|agent| Entry {
            name: &agent.setup.name,
            needs: &agent.setup.needs,
            priority: agent.setup.registration.priority,
            stage: stage(agent),
        })
        .collect()
}

/// Starts all that may start, and skips what never will.
pub(in crate::decide) fn schedule(
    cx: &Context<'_>,
    starting: &Starting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    if !starting.begun {
        return;
    }
    loop {
        let entries = entries(agents);
        let (name, need) = match next(&entries, starting.concurrency) {
            None => return,
            Some(Move::Launch(name)) => (name.clone(), None),
            Some(Move::Skip(name, need)) => (name.clone(), Some(need.clone())),
        };
        let Some(who) = agents.id(&name) else { continue };
        match need {
            None => start(cx, agents, accounts, effects, who),
            Some(need) => skip(cx, agents, accounts, effects, who, &need),
        }
    }
}

/// Begins an attempt, unless a limit is spent that ends agents: then it is not even started. Where a person is to
/// be asked, it is started and held before its first request.
fn start(cx: &Context<'_>, agents: &mut Agents, accounts: &mut Accounts, effects: &mut Effects, who: AgentId) {
    if let Some(done) = agents[who].setup.done.take() {
        // Its command ended well in the run that goes on: what is left is that somebody says yes to its work.
        agents[who].examined = Some(done);
        transition::happen(cx, agents, accounts, effects, who, Happening::Done);
        return;
    }
    if agents[who].attempt > 0 {
        closing::close_all(agents, effects, who);
        agents[who].begin_anew();
    }
    let due = foreseen(cx, agents, accounts, effects, who);
    let ends = |due: &Due| binding::is_hard(cx, accounts, due) && matches!(due.verb, Verb::Stop | Verb::Kill);
    if !due.iter().any(ends) {
        let agent = &mut agents[who];
        agent.attempt = agent.attempt.saturating_add(1);
        transition::happen(cx, agents, accounts, effects, who, Happening::Launch);
    }
    budgets::decide(cx, agents, accounts, effects, who, due, None);
}

fn skip(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    need: &AgentName,
) {
    let because = match agents.id(need).map(|id| agents[id].ending) {
        None => format!("it needs `{need}`, which is not there"),
        Some(None) => format!("it needs `{need}`, and that one waits for it"),
        Some(Some(ending)) => format!("it needs `{need}`, which {}", ending.as_str()),
    };
    agents[who].because.clone_from(&because);
    agents.record(Some(who), EventKind::AgentSkipped { because }, effects);
    transition::happen(cx, agents, accounts, effects, who, Happening::Skip);
}

/// A command that failed is started anew while its agent has tries left.
pub(in crate::decide) fn may_retry(starting: &Starting, agents: &Agents, who: AgentId) -> bool {
    let left = |agent: &Agent| agent.attempt >= 1 && agent.attempt - 1 < agent.setup.retries;
    let is_ending = |agent: &Agent| {
        use {Intent::Kill, Intent::Stop, State::Freezing, State::Starting};
        matches!(agent.state, Freezing(Stop | Kill) | Starting(Some(Stop | Kill)))
    };
    let may = |agent: &Agent| left(agent) && !is_ending(agent);
    starting.interrupted.is_none() && may(&agents[who])
}

/// Its command could not be executed: no further try would be another.
pub(in crate::decide) fn not_launched(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    because: String,
) {
    action_ids::outcome(agents, effects, who, false, &because);
    agents.mark(Some(who), because.clone(), effects);
    agents[who].because = because;
    transition::happen(cx, agents, accounts, effects, who, Happening::Failed);
}

/// Somebody ends the whole run: what did not start never does, what works is ended.
pub(in crate::decide) fn interrupt(
    cx: &Context<'_>,
    starting: &mut Starting,
    lifting: &mut Lifting,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (how, because): (Interrupt, &str),
) {
    starting.interrupted = starting.interrupted.max(Some(how));
    let named: Vec<AgentId> = agents.as_named().map(|agent| agent.id).collect();
    for who in named {
        if agents[who].state == State::Gone {
            passing::break_off(agents, effects, who, because);
            continue;
        }
        lifting::note_limit_in_the_way(lifting, agents, who);
        accounts.last_hard = None;
        let agent = &mut agents[who];
        agent.pause = None;
        because.clone_into(&mut agent.because);
        let intent = match how {
            Interrupt::Stop => Intent::Stop,
            Interrupt::Kill => Intent::Kill,
        };
        drain::spare_no_tools(agents, who);
        released::end_held_or_running(cx, agents, accounts, effects, who, intent);
    }
}

/// Says at the start that questions are not put, where the policy has some.
pub(in crate::decide) fn say_nobody(cx: &Context<'_>, accounts: &Accounts, effects: &mut Effects) {
    let what = questions::not_put(cx.fixed, accounts.rules(), &cx.fixed.alerts);
    if let Some(what) = what {
        effects.push(Effect::Say(what));
    }
}

/// Says at the start that nobody can be asked for a review, where the fleet has some.
fn say_no_reviews(cx: &Context<'_>, agents: &Agents, effects: &mut Effects) {
    let reviews = agents.values().any(|agent| agent.setup.review.is_some());
    if let Some(nobody) = cx.fixed.nobody_for(None).filter(|_| reviews && !cx.policy.observe) {
        effects.push(Effect::Say(format!(
            "{nobody}: what waits for a review does not start (`[approvals] wait_for_nobody = true` waits)"
        )));
    }
}

fn stage(agent: &Agent) -> Stage {
    match (agent.state, agent.ending) {
        (State::Waiting, _) if agent.pause.is_some() => Stage::Paused,
        (State::Waiting, _) => Stage::Waiting,
        (State::Gone, _) if agent.review_question().is_some() => Stage::Reviewed,
        (State::Gone, Some(Ending::Itself)) => Stage::Done,
        (State::Gone, _) => Stage::Failed,
        (
            State::Starting(_) | State::Running | State::Freezing(_) | State::Held | State::Paused | State::Ending(_),
            _,
        ) => Stage::Working,
    }
}
