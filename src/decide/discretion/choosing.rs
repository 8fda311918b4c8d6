//! A step that leaves the choice to the governor: the facts are gathered, and what is chosen is carried out.

use crate::model::event::{Chosen, Course, Decision, EventKind, GOVERNOR};
use crate::model::{Unit, Verb};
use crate::policy::rule::{May, Step, StepId};
use crate::policy::verdict::{Fired, Standing, is_strict};

use crate::decide::accounts::account::{Account, round_up};
use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::agents::{Agent, Agents};
use crate::decide::context::Context;
use crate::decide::discretion::advisor::consulting;
use crate::decide::discretion::rule::{Cheaper, Facts, Stock, choose};
use crate::decide::evaluate::due::{Due, Source};
use crate::decide::evaluate::effective;
use crate::decide::evaluate::throttle::requests;
use crate::decide::message::{Effect, Effects};
use crate::decide::people::lift::lifting;

/// What a `decide` step comes to.
pub(in crate::decide) enum Weighed {
    /// Nothing is under way that could be weighed, or a model is asked first.
    Later,
    /// The allotment was raised: the account is to be looked at again.
    Raised,
    /// This step, with the verb that was chosen.
    Comes(Verb, Box<Step>, Chosen),
}

/// Chooses at a step that lets the governor choose. An extension is carried out at once.
pub(in crate::decide) fn weigh(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, account, id): (AgentId, AccountId, StepId),
    (step, standing): (&Step, &Standing),
) -> Weighed {
    let Some(may) = &step.may else { return Weighed::Later };
    let Some(facts) = facts(cx, agents, accounts, (who, account), (step, standing)) else { return Weighed::Later };
    if agents[who].is_asked_on_advice(account) {
        return Weighed::Later;
    }
    let rule = choose(&facts, may);
    let asked = (who, account, id);
    let Some(chosen) = consulting::take_advice(cx, agents, accounts, effects, asked, (&facts, may, standing), rule)
    else {
        return Weighed::Later;
    };
    let ends = |agent: &Agent| matches!(agent.state, State::Freezing(Intent::Stop | Intent::Kill));
    match chosen.what {
        // Who is about to be ended needs nothing more.
        Course::Extend { .. } if ends(&agents[who]) => Weighed::Later,
        Course::Extend { amount } if !accounts.observes(account) => {
            extend_from_pool(cx, agents, accounts, effects, (who, account), amount, chosen);
            Weighed::Raised
        }
        Course::Extend { .. } | Course::GoOn => comes(Verb::Warn, step, may, chosen),
        Course::Act { verb } => comes(verb, step, may, chosen),
    }
}

/// Extends an allotment from its pool for a request that would have to wait, where its step lets the governor do so.
pub(in crate::decide) fn gives_room(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    (id, standing, fired): (AccountId, &Standing, Fired),
) -> bool {
    let account = &accounts[id];
    let rule = std::sync::Arc::clone(&account.rule);
    let step = rule.step(fired.step);
    let Some(may) = step.may.as_ref().filter(|_| accounts.pools().of(account).is_some()) else { return false };
    let facts = facts(cx, agents, accounts, (who, id), (step, standing));
    let Some(chosen) = facts.map(|facts| choose(&facts, may)) else { return false };
    let Course::Extend { amount } = chosen.what else { return false };
    extend_from_pool(cx, agents, accounts, effects, (who, id), amount, chosen);
    true
}

/// What is known. Between turns nothing is extended or routed: only the limit itself is kept.
pub(in crate::decide) fn facts(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    (who, id): (AgentId, AccountId),
    (step, standing): (&Step, &Standing),
) -> Option<Facts> {
    let agent = &agents[who];
    let account = &accounts[id];
    let strict = is_strict(step, standing.limit);
    if !agent.turn_under_way() && !strict {
        return None;
    }
    // One that is about to be started once more has a turn before it.
    let at_rest = !agent.turn_under_way() && agent.state != State::Waiting;
    let unit = account.key.unit;
    let registration = &agent.setup.registration;
    let minutes = registration.expected(Unit::Minutes);
    let declared = registration.expected(unit).zip(minutes).and_then(|(spend, millis)| per_minute(spend, millis));
    let waits = |other: &&Agent| other.setup.needs.contains(&agent.setup.name) && other.state != State::Gone;
    Some(Facts {
        unit,
        strict,
        needed: needed(account, step, standing, strict),
        offer: account.offer(step.at, standing.reserved).max(clears(account, standing, strict)),
        pool: stock(cx, agents, accounts, account, who).filter(|_| !at_rest),
        rate: agent.trend.per_minute(agent.active(cx.now.uptime), unit),
        declared,
        progress: agent.progress.clone(),
        uptime: cx.now.uptime,
        growth: agent.trend.growth(),
        cheaper: cheaper(cx, agents, accounts, agent, standing).filter(|_| !at_rest),
        priority: registration.priority,
        waiting: agents.values().filter(waits).count(),
        askable: cx.fixed.nobody_for(Some(step)).is_none(),
        slowable: agent.gate.holds_requests(),
        floor: agent.chosen.get(&id).map(|(_, verb)| *verb).max(agent.treatment().and_then(verb_of)),
    })
}

fn stock(cx: &Context<'_>, agents: &Agents, accounts: &Accounts, account: &Account, who: AgentId) -> Option<Stock> {
    let pool = accounts.pools().of(account)?;
    let share = accounts.pools().share(pool, agents.name(who))?;
    let size = accounts.pool_size(cx, &Spenders::of(cx.fixed, agents), pool, Some(who));
    Some(Stock { size, allotted: share.allotted?, given: share.given })
}

/// The next model down, and what its last responses would have cost with it.
fn cheaper(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &Accounts,
    agent: &Agent,
    standing: &Standing,
) -> Option<Cheaper> {
    let rung =
        effective::next_rung(accounts, &Spenders::of(cx.fixed, agents), agent).filter(|_| agent.setup.restartable)?;
    let costs = agent.trend.recent().filter_map(|response| {
        let with = cx.quoted(&rung.model, response).money()?;
        Some((i128::from(response.cost.money()?.nanos()), i128::from(with.nanos())))
    });
    let (now, then) = costs.fold((0, 0), |(now, then), (cost, with)| (now + cost, then + with));
    let saves = if now > 0 { ((now - then).max(0) * 1000) / now } else { 0 };
    let fits = |routed: i64| standing.spent < standing.limit && standing.spent.saturating_add(routed) <= standing.limit;
    Some(Cheaper {
        model: rung.model,
        saves: u32::try_from(saves).unwrap_or(0),
        fits: standing.reserved_if_routed.is_some_and(fits),
    })
}

/// An exception by the governor, with its reason.
pub(in crate::decide) fn extend_from_pool(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, id): (AgentId, AccountId),
    amount: i64,
    chosen: Chosen,
) {
    let (key, shown) = (accounts[id].key.clone(), accounts[id].show(0));
    let reason = chosen.rationale.clone();
    effects.push(Effect::Say(format!("decide: {reason} ({shown})")));
    let decision = Decision {
        verb: Verb::Warn,
        budget: key.budget.clone(),
        scope: key.scope.clone(),
        alert: None,
        because: vec![shown],
        would: false,
        to: None,
        chosen: Some(chosen),
        wrap_up: None,
    };
    agents.record(Some(who), EventKind::Decided(decision), effects);
    lifting::raise(cx, agents, accounts, effects, &key, amount, (GOVERNOR, Some(&reason)));
    lifting::extend(agents, accounts, effects, who, key, amount, (GOVERNOR, Some(&reason)));
}

/// A choice was carried out that lets the agent work: what comes later is no milder.
pub(in crate::decide) fn note_chosen(agents: &mut Agents, who: AgentId, due: &Due) {
    if due.chosen.is_none() || due.verb.is_hard() {
        return;
    }
    let agent = &mut agents[who];
    let (Source::Step { account, step }, verb) = (due.source, due.verb) else { return };
    let chosen = agent.chosen.entry(account).or_insert((step, verb));
    *chosen = (step.max(chosen.0), verb.max(chosen.1));
    // To go on as it is keeps its pace, too.
    if verb == Verb::Warn {
        requests::keep(&mut agent.throttles, due.source);
    }
}

/// The verb that this is done by; `None`: no verb's, but a person's.
fn verb_of(intent: Intent) -> Option<Verb> {
    match intent {
        Intent::Route => Some(Verb::Route),
        Intent::Pause => None,
        Intent::Ask => Some(Verb::Ask),
        Intent::Stop => Some(Verb::Stop),
        Intent::Kill => Some(Verb::Kill),
    }
}

fn comes(verb: Verb, step: &Step, may: &May, chosen: Chosen) -> Weighed {
    let to = may.to.filter(|_| verb == Verb::Throttle);
    Weighed::Comes(verb, Box::new(Step { verb, to, ..step.clone() }), chosen)
}

/// By how much the limit should rise at the limit itself, so that no milder step extends it once more at once.
fn clears(account: &Account, standing: &Standing, strict: bool) -> i64 {
    let extends = |step: &&Step| step.may.as_ref().is_some_and(|may| may.extend) && !is_strict(step, standing.limit);
    let rises =
        account.rule.steps.iter().filter(|_| strict).filter(extends).map(|step| needed(account, step, standing, false));
    rises.filter(|rise| *rise <= account.base).max().map_or(0, round_up)
}

/// By how much the limit must rise for the step to lie ahead, and for the next request to fit.
fn needed(account: &Account, step: &Step, standing: &Standing, strict: bool) -> i64 {
    let (spent, limit) = (standing.spent, standing.limit);
    let fits = spent.saturating_add(standing.reserved).max(spent.saturating_add(1)).saturating_sub(limit).max(1);
    if strict { fits } else { fits.max(account.rise(step.at, spent.saturating_add(1))) }
}

fn per_minute(spend: i64, millis: i64) -> Option<i64> {
    if millis <= 0 {
        return None;
    }
    i64::try_from(i128::from(spend) * 60_000 / i128::from(millis)).ok()
}
