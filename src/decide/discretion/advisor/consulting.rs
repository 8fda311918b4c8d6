//! Questions to the governor model are put, answered, and given up.

use crate::model::event::{Advice, Chosen, EventKind};
use crate::model::{AgentName, ModelId};
use crate::policy::rule::{May, StepId};
use crate::policy::verdict::Standing;

use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Spenders};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::context::Context;
use crate::decide::discretion::advisor::Pending;
use crate::decide::discretion::prompt;
use crate::decide::discretion::rule::Facts;
use crate::decide::message::{Consult, ConsultId, Effect, Effects, Prompt, Timer};

/// What is chosen where the rule chose so; `None`: a model is asked, and this comes later.
pub(in crate::decide) fn take_advice(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, account, step): (AgentId, AccountId, StepId),
    (facts, may, standing): (&Facts, &May, &Standing),
    rule: Chosen,
) -> Option<Chosen> {
    let of = (who, account);
    let free = matches!(agents[who].state, State::Starting(None) | State::Running);
    let observes = accounts.observes(account);
    let Some(adviser) = accounts.adviser.as_mut().filter(|_| rule.open && !observes) else { return Some(rule) };
    if let Some(given) = adviser.given.take_if(|given| given.of == of && given.step == step) {
        return Some(follow(&adviser.model.model, given.answer, (facts, may), rule));
    }
    match adviser.asked.get(&of).map(|pending| pending.step == step) {
        Some(true) => return None,
        // It has come further meanwhile.
        Some(false) => {
            withdraw_consult(agents, accounts, effects, &of);
            return Some(rule);
        }
        None => {}
    }
    let offers = prompt::offers(facts, may);
    if !free || offers.len() < 2 {
        return Some(rule);
    }
    if let Err(why) = may_consult(cx, agents, accounts, who, (account, facts.strict)) {
        say_not_asked(accounts, effects, &agents.name(who).clone(), why);
        return Some(rule);
    }
    let prompt = prompt::question(facts, standing, &rule, &offers);
    consult(agents, accounts, effects, of, (step, facts.strict), prompt, &rule);
    None
}

fn may_consult(
    cx: &Context<'_>,
    agents: &Agents,
    accounts: &mut Accounts,
    who: AgentId,
    of: (AccountId, bool),
) -> Result<(), String> {
    if let Some(adviser) = accounts.adviser.as_mut() {
        adviser.is_ready(cx)?;
        adviser.price(cx);
    }
    let adviser = accounts.adviser.as_ref();
    adviser.map_or(Ok(()), |adviser| adviser.fits(cx, accounts, &Spenders::of(cx.fixed, agents), who, of))
}

fn consult(
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    of: (AgentId, AccountId),
    (step, strict): (StepId, bool),
    prompt: Prompt,
    rule: &Chosen,
) {
    let (who, account) = of;
    let account = &accounts[account];
    let (budget, shown) = (account.key.budget.clone(), account.show(0));
    let Some(adviser) = accounts.adviser.as_mut() else { return };
    let (model, timeout) = (adviser.model.model.clone(), adviser.model.timeout);
    let request = agents.next_number();
    let id = ConsultId(request);
    adviser.asked.insert(of, Pending { id, step, strict, sent: false, prompt });
    let because = format!("{shown}: the rule alone is not sure: {}", rule.rationale);
    agents.record(Some(who), EventKind::Requested { request, what: format!("ask {model}"), because }, effects);
    agents.say(who, &format!("decide: {model} is asked about {budget} ({shown})"), effects);
    effects.push(Effect::Arm(Timer::Advice(id), timeout));
    let agent = &mut agents[who];
    if strict {
        agent.because = format!("{model} is asked");
    }
    consult_next(agents, accounts, effects);
}

/// Puts the next question, once the last one is over.
pub(in crate::decide) fn consult_next(agents: &Agents, accounts: &mut Accounts, effects: &mut Effects) {
    let paused = |who: AgentId| agents[who].pause.is_some();
    let Some(adviser) = accounts.adviser.as_mut().filter(|adviser| adviser.busy.is_none() && !adviser.off) else {
        return;
    };
    let waiting = adviser.asked.iter_mut().filter(|((who, _), pending)| !pending.sent && !paused(*who));
    let Some(((about, _), pending)) = waiting.min_by_key(|(_, pending)| pending.id) else { return };
    pending.sent = true;
    let (id, about, prompt) = (pending.id, agents.name(*about).clone(), pending.prompt.clone());
    adviser.busy = Some((id, adviser.answers.len()));
    let (model, effort) = (adviser.model.model.clone(), adviser.model.effort.clone());
    effects.push(Effect::Consult(Box::new(Consult { id, about, model, effort, prompt })));
}

/// A question that is under way is broken off.
pub(in crate::decide) fn give_up(accounts: &Accounts, effects: &mut Effects, id: ConsultId) {
    if accounts.adviser.as_ref().is_some_and(|adviser| adviser.busy.is_some_and(|(busy, _)| busy == id)) {
        effects.push(Effect::EndConsult(id));
    }
}

pub(in crate::decide) fn withdraw_consult(
    agents: &Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    of: &(AgentId, AccountId),
) {
    let Some(pending) = accounts.adviser.as_ref().and_then(|adviser| adviser.asked.get(of)) else { return };
    let id = pending.id;
    give_up(accounts, effects, id);
    if let Some(adviser) = accounts.adviser.as_mut() {
        adviser.asked.remove(of);
    }
    let detail = "no longer needed".to_owned();
    agents.record(Some(of.0), EventKind::Outcome { request: id.0, ok: false, detail }, effects);
}

/// Why the rule alone decides, once.
pub(in crate::decide) fn say_not_asked(accounts: &mut Accounts, effects: &mut Effects, about: &AgentName, why: String) {
    let Some(adviser) = accounts.adviser.as_mut() else { return };
    let what = format!("{} is not asked, the rule alone decides: {why}", adviser.model.model);
    // The figures grow, the reason is the same.
    let kind: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
    if adviser.said.insert(kind) {
        effects.push(Effect::Say(what.clone()));
        effects.mark(Some(about), what);
    }
}

/// The model's choice where it may be carried out, else the rule's; both are kept.
fn follow(model: &ModelId, answer: Result<String, String>, (facts, may): (&Facts, &May), rule: Chosen) -> Chosen {
    let judged = match answer {
        Ok(text) => prompt::judge(&text, facts, may),
        Err(why) => Err((None, why)),
    };
    let Chosen { what: by_rule, rationale: rule_rationale, open, .. } = rule;
    let advice = |opinion: Option<&prompt::Opinion>, followed, because: String| {
        let (answer, rationale) = (opinion.map(|opinion| opinion.what), opinion.map(|opinion| opinion.reason.clone()));
        let (model, rule_rationale) = (model.clone(), rule_rationale.clone());
        Some(Box::new(Advice { model, rule: by_rule, rule_rationale, answer, rationale, followed, because }))
    };
    match judged {
        Ok(opinion) => {
            let because =
                if opinion.what == by_rule { "it agrees with the rule" } else { "it is within what it may choose" };
            let rationale = format!(
                "{}: {model}: “{}”; the rule alone: {rule_rationale}",
                facts.head(opinion.what),
                opinion.reason
            );
            Chosen { what: opinion.what, rationale, open, advice: advice(Some(&opinion), true, because.to_owned()) }
        }
        Err((opinion, why)) => {
            let rationale = format!("{rule_rationale}; {model} was asked: {why}");
            Chosen { what: by_rule, rationale, open, advice: advice(opinion.as_ref(), false, why) }
        }
    }
}
