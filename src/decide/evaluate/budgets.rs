//! Steps that apply become one decision: the most severe wins, all reasons are kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::event::{Decision, EventKind};
use crate::model::{BudgetName, ModelId, Unit, Verb};
use crate::policy::rule::{Step, StepId, Threshold};
use crate::policy::verdict::{Fired, Standing, Why, grace, is_at_limit, is_strict, judge, past_limit};

use crate::decide::accounts::account::Account;
use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders, minutes};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent};
use crate::decide::barred::barring;
use crate::decide::context::Context;
use crate::decide::discretion::choosing;
use crate::decide::discretion::choosing::Weighed;
use crate::decide::evaluate::crossings::{passed, passed_mild};
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::effective::Effective;
use crate::decide::evaluate::steer::telling;
use crate::decide::evaluate::throttle::requests;
use crate::decide::evaluate::{alarms, alert_question, binding, effective, rearm, wrap_up};
use crate::decide::headroom::{hold, waiting};
use crate::decide::message::{Effect, Effects};
use crate::decide::people::{compose, permission, released};
use crate::decide::transition;

/// Looks at an agent, and at all that share an account with it.
pub(in crate::decide) fn evaluate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    evaluate_one(cx, agents, accounts, effects, who);
    evaluate_peers(cx, agents, accounts, effects, who);
}

pub(in crate::decide) fn evaluate_peers(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    let shared = accounts.iter().filter(|account| account.agents.contains(&who));
    let peers: BTreeSet<AgentId> =
        shared.flat_map(|account| &account.agents).filter(|peer| **peer != who).copied().collect();
    for peer in peers {
        evaluate_one(cx, agents, accounts, effects, peer);
    }
}

pub(in crate::decide) fn evaluate_one(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) {
    if !agents[who].is_live() {
        return;
    }
    barring::unbar_limits(cx, agents, accounts, who);
    let due = judge_all(cx, agents, accounts, effects, who);
    let mut due = barring::end_threads_of_their_own(cx, agents, accounts, effects, who, due);
    due.extend(alarms::alarms(cx, agents, accounts, effects, who));
    due.sort_by_key(|due| std::cmp::Reverse(due.verb));
    // Between turns nothing is asked of a model: an agent that said its last word ends by itself,
    // an idle screen stays as it is. What begins the next turn is recorded before its request. Time passes whatever
    // runs, but where a screen waits for a person.
    let agent = &agents[who];
    let rests = (!agent.turn_under_way() && !agent.begins_unasked()).then_some(agent.setup.full_screen);
    let waits = |due: &Due| match rests {
        Some(at_screen) => at_screen || accounts.defers_time || !binding::counts_time(accounts, due.source),
        None => waits_for_spend(accounts, due),
    };
    due.retain(|due| !(binding::is_hard(cx, accounts, due) && waits(due)));
    let treatment = agents[who].treatment();
    let before = agents[who].next_model().cloned();
    decide(cx, agents, accounts, effects, who, due, treatment);
    if agents[who].next_model() != before.as_ref() {
        // What made room for its next request is judged by what that costs now: milder steps may be due. Models only
        // get cheaper, so this ends.
        return evaluate_one(cx, agents, accounts, effects, who);
    }
    hold::wait_for_room(cx, agents, accounts, effects, who);
    transition::try_route(cx, agents, accounts, effects, who);
    accounts.reserve(cx, agents, who, effects);
}

/// A hook that spends will come; calls of tools are spent by the one that is here, and time by its tool.
fn waits_for_spend(accounts: &Accounts, due: &Due) -> bool {
    let Source::Step { account, .. } = due.source else { return accounts.defers };
    match accounts[account].key.unit {
        Unit::ToolCalls => false,
        Unit::Minutes => accounts.defers_time,
        Unit::Usd | Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses => accounts.defers,
    }
}

/// A turn that begins at a limit has no grace.
fn note_turn(agents: &mut Agents, accounts: &Accounts, who: AgentId) {
    let agent = &agents[who];
    let began = match (agent.turn_under_way(), &agent.began_spent) {
        // After an answer that a hook told of nobody knows yet whether the turn is over.
        (false, _) if !agent.rests() => return,
        (false, _) => None,
        (true, Some(_)) => return,
        (true, None) => {
            let spent = accounts
                .with_ids()
                .filter(|(_, account)| account.agents.contains(&who) && account.spent >= account.limit());
            Some(spent.map(|(id, _)| id).collect())
        }
    };
    agents[who].began_spent = began;
}

/// The steps that apply to this agent now, the most severe first.
pub(in crate::decide) fn judge_all(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
) -> Vec<Due> {
    accounts.open_current(cx, &Spenders::of(cx.fixed, agents), who);
    minutes::count(accounts, cx, &Spenders::of(cx.fixed, agents));
    note_turn(agents, accounts, who);
    let mut found = Vec::new();
    for id in accounts.ids() {
        if !accounts.concerns(&Spenders::of(cx.fixed, agents), id, who) || accounts[id].is_past(cx.now.wall) {
            continue;
        }
        rearm::roll(cx, agents, accounts, id);
        let due = judge_one(cx, agents, accounts, effects, who, id);
        let beside = due.as_ref().and_then(|due| throttle_beside(cx, agents, accounts, who, id, due));
        found.extend(due.into_iter().chain(beside));
    }
    found.sort_by_key(|due| std::cmp::Reverse(due.verb));
    found
}

/// The step of one account that applies, and what it comes down to. Where the governor raises an allotment, it is
/// looked at again: each time some step lies ahead that did not.
fn judge_one(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    id: AccountId,
) -> Option<Due> {
    loop {
        let standing = accounts.standing(cx, &Spenders::of(cx.fixed, agents), id, who);
        say_grace(accounts, effects, id, &standing);
        let account = &accounts[id];
        let fired = judge(&account.rule, &standing)?;
        let mut because = because(account, &standing, fired);
        // What the same answer has reached before that is carried out no more.
        if agents[who].responses > 0 && is_at_limit(account.rule.step(fired.step), standing.limit) {
            because += &passed_mild(account, &standing, fired);
        }
        let at = account.rule.step(fired.step).at;
        let offer = permission::offered_within(accounts, cx, effects, id, account.offer(at, standing.reserved));
        let needs = account.short_of(at, standing.reserved);
        if waiting::may_wait(cx, agents, accounts, who, id, (&standing, fired)) {
            return None;
        }
        let source = Source::Step { account: id, step: fired.step };
        let foretold = fired.why == Why::NextWouldPass;
        let because = match agents[who].by_last_runs().filter(|_| foretold) {
            Some(runs) => format!("{because} ({runs})"),
            None => because,
        };
        let written = fired.verb;
        let step = account.rule.step(fired.step).clone();
        if step.may.is_none() {
            let Effective { verb, step, note } =
                effective::comes_to(accounts, &Spenders::of(cx.fixed, agents), who, id, fired, &standing)?;
            let because = note.map_or(because.clone(), |note| format!("{because}; {note}"));
            let due = Due { source, written, verb, step, because, offer, needs, chosen: None, foretold };
            match wrap_up::before(cx, agents, accounts, (who, id), (&standing, due)) {
                Some(due) => return Some(due),
                None => continue,
            }
        }
        match choosing::weigh(cx, agents, accounts, effects, (who, id, fired.step), (&step, &standing)) {
            Weighed::Raised => {}
            Weighed::Later => return None,
            Weighed::Comes(verb, step, chosen) => {
                let (step, chosen) = (Some(*step), Some(chosen));
                return Some(Due { source, written, verb, step, because, offer, needs, chosen, foretold });
            }
        }
    }
}

/// A route takes nothing away from the throttle before it, where one answer reaches both.
fn throttle_beside(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    who: AgentId,
    id: AccountId,
    due: &Due,
) -> Option<Due> {
    let Source::Step { step: route, .. } = due.source else { return None };
    if due.written != Verb::Route || due.verb.is_hard() {
        return None;
    }
    let standing = accounts.standing(cx, &Spenders::of(cx.fixed, agents), id, who);
    let account = &accounts[id];
    let (of, step) = account.rule.own_steps().rfind(|(of, step)| {
        let is_reached = Some(*of) > standing.fired && step.at.amount(standing.limit) <= standing.spent;
        is_reached && *of < route && step.verb == Verb::Throttle && step.may.is_none()
    })?;
    let fired = Fired { step: of, verb: step.verb, why: Why::Reached };
    Some(Due {
        source: Source::Step { account: id, step: of },
        written: step.verb,
        verb: step.verb,
        step: Some(step.clone()),
        because: because(account, &standing, fired),
        offer: 0,
        needs: 0,
        chosen: None,
        foretold: false,
    })
}

/// A step is carried out: it, and all milder ones, need not be again. Hard steps that bind are
/// not remembered.
fn note_fired(cx: &Context<'_>, agents: &mut Agents, accounts: &mut Accounts, who: AgentId, due: &Due, would: bool) {
    let (id, fired) = match due.source {
        Source::Step { account, step } => (account, step),
        Source::Alert(alert) => {
            agents[who].watch.fired.insert(alert);
            return;
        }
    };
    let account = &mut accounts[id];
    account.fired_at = Some(cx.now.wall);
    let rule = Arc::clone(&account.rule);
    let said = rule.own_steps().rfind(|(of, step)| *of <= fired && step.verb == Verb::Warn && step.may.is_none());
    account.fired = account.fired.max(said.map(|(of, _)| of));
    // What lets the agent go on is done once, whether it was chosen or stands for a question that nobody can be asked; at
    // the limit itself it is done for each request.
    let limit = account.limit();
    let goes_on = !due.verb.is_hard() && (due.chosen.is_some() || due.written.is_hard()) && due.wraps_up().is_none();
    let settled = |of: StepId, step: &Step| goes_on && of == fired && !is_strict(step, limit);
    let is_done = |of: StepId, step: &Step| would || !step.verb.is_hard() || settled(of, step);
    let done = rule.own_steps().rfind(|(of, step)| *of <= fired && is_done(*of, step));
    if let Some((done, _)) = done {
        let fired = agents[who].fired.entry(id).or_insert(done);
        *fired = done.max(*fired);
    }
}

fn say_grace(accounts: &mut Accounts, effects: &mut Effects, id: AccountId, standing: &Standing) {
    let account = &mut accounts[id];
    // What is about to be asked must fit into it: else it is the limit that is met, and nothing goes past.
    let end = standing.limit.saturating_add(grace(&account.rule, standing));
    let goes_on = standing.spent < end && standing.spent.saturating_add(standing.reserved) <= end;
    let uses = goes_on && standing.turn_under_way && standing.spent >= standing.limit;
    if !uses || account.grace_said {
        return;
    }
    let what = format!("{}: past the limit by grace, to finish the current turn", account.show(0));
    account.grace_said = true;
    effects.push(Effect::Say(what.clone()));
    effects.mark(None, what);
}

/// Turns the steps that apply into one decision: the most severe wins, all reasons are kept.
/// What is no more severe than the treatment under way is looked at again when that is over.
pub(in crate::decide) fn decide(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    due: Vec<Due>,
    treatment: Option<Intent>,
) {
    let (observed, mut binding): (Vec<Due>, Vec<Due>) =
        due.into_iter().partition(|due| binding::observes(cx, accounts, due.source));
    for due in observed {
        note_fired(cx, agents, accounts, who, &due, true);
        agents.say(who, &format!("would {}: {}", due.word(), due.reason()), effects);
        decided(cx, agents, accounts, effects, who, &due, (vec![due.because.clone()], true, None));
    }
    binding.retain(|due| intent(due.verb).is_none_or(|intent| intent == Intent::Route || Some(intent) > treatment));
    let Some(first) = binding.first() else { return };
    let others = binding.iter().skip(1).map(Due::reason);
    let reasons: Vec<String> = std::iter::once(first.because.clone()).chain(others).collect();
    let routes = binding.iter().any(|due| due.verb == Verb::Route);
    let rung =
        if routes { effective::next_rung(accounts, &Spenders::of(cx.fixed, agents), &agents[who]) } else { None };
    for due in &binding {
        note_fired(cx, agents, accounts, who, due, false);
        choosing::note_chosen(agents, who, due);
    }
    let to = rung.as_ref().filter(|_| first.verb == Verb::Route).map(|rung| rung.model.clone());
    decided(cx, agents, accounts, effects, who, first, (reasons, false, to));
    // A question is said where it is put.
    if first.verb != Verb::Ask {
        let is_done = |due: &&Due| matches!(due.verb, Verb::Warn | Verb::Steer | Verb::Throttle);
        let also = binding.iter().skip(1).filter(is_done);
        let also: String = also.map(|due| format!("; also {}: {}", due.word(), due.reason())).collect();
        agents.say(who, &format!("{}: {}{also}", first.word(), first.reason()), effects);
    }
    for due in &binding {
        match due.verb {
            Verb::Steer => {
                wrap_up::note(accounts, due);
                telling::steer(cx, agents, accounts, effects, who, due);
            }
            Verb::Throttle => requests::throttle(agents, who, due),
            Verb::Warn | Verb::Route | Verb::Ask | Verb::Stop | Verb::Kill => {}
        }
    }
    let question = if first.verb == Verb::Ask { compose::compose(cx, agents, accounts, who, first) } else { None };
    let agent = &mut agents[who];
    agent.because.clone_from(&first.because);
    if rung.is_some() {
        agent.route_wanted = rung;
    }
    if question.is_some() {
        agent.question = question;
    }
    match first.verb {
        // A route waits for its moment, and so does what the agent is told or slowed down by.
        Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Route => {}
        Verb::Ask => transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Ask)),
        Verb::Stop => {
            // A tool that runs on spends minutes.
            let spares = !binding.iter().any(|due| due.verb.is_hard() && binding::counts_minutes(accounts, due.source));
            agents[who].spares_tools = spares;
            released::end_held_or_running(cx, agents, accounts, effects, who, Intent::Stop);
        }
        Verb::Kill => released::end_held_or_running(cx, agents, accounts, effects, who, Intent::Kill),
    }
}

fn decided(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    due: &Due,
    (because, would, to): (Vec<String>, bool, Option<ModelId>),
) {
    let hard = due.verb.is_hard() && !would;
    let (budget, scope, alert) = match due.source {
        Source::Step { account, .. } => {
            let account = &mut accounts[account];
            if hard {
                (account.offered, account.needed) = (Some(due.offer), Some(due.needs));
            }
            (account.key.budget.clone(), account.key.scope.clone(), None)
        }
        Source::Alert(alert) => {
            let alert = &cx.fixed.alerts[alert];
            let written = alert.step_of.is_none().then(|| alert.name.clone());
            (BudgetName::new(alert.name.as_str()), alert_question::scope_of_alert(cx, agents, who, alert), written)
        }
    };
    if hard {
        accounts.last_hard = Some(budget.clone());
    }
    let (chosen, wrap_up) = (due.chosen.clone(), wrap_up::told(accounts, due));
    let decision = Decision { verb: due.verb, budget, scope, alert, because, would, to, chosen, wrap_up };
    agents.record(Some(who), EventKind::Decided(decision), effects);
}

/// What a verb does to an agent; `None`: nothing.
fn intent(verb: Verb) -> Option<Intent> {
    match verb {
        Verb::Warn | Verb::Steer | Verb::Throttle => None,
        Verb::Route => Some(Intent::Route),
        Verb::Ask => Some(Intent::Ask),
        Verb::Stop => Some(Intent::Stop),
        Verb::Kill => Some(Intent::Kill),
    }
}

/// `$4.05 of $5.00 (each run): 80% reached`.
fn because(account: &Account, standing: &Standing, fired: Fired) -> String {
    let unit = account.key.unit;
    match fired.why {
        Why::NextWouldPass => {
            let next = if unit == Unit::ToolCalls { "call" } else { "request" };
            let graced = grace(&account.rule, standing);
            let more = match past_limit(&account.rule, account.rule.step(fired.step), standing) {
                0 => String::new(),
                more if more > graced => format!(" and the {} to sum up", unit.show(more)),
                grace => format!(" and its grace of {}", unit.show(grace)),
            };
            format!("{}: the next {next} would pass the limit{more}", account.show(standing.reserved))
        }
        Why::Reached if standing.spent >= standing.limit => format!("{}: spent", account.show(0)),
        Why::Reached => match account.rule.step(fired.step).at {
            Threshold::Share(share) => {
                let passed = passed(account, standing, fired);
                format!("{}: {}% reached{passed}", account.show(0), f64::from(share) / 10.0)
            }
            Threshold::Left(_) => {
                let passed = passed(account, standing, fired);
                format!("{}: {} left{passed}", account.show(0), unit.show(standing.limit - standing.spent))
            }
        },
    }
}
