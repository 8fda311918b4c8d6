//! Answers of the governor model are obeyed, and counted; who waits for one at its limit is held.

use crate::model::event::{EventKind, GOVERNOR};
use crate::model::{AgentName, Response, Unit};

use crate::decide::accounts::account::amount;
use crate::decide::accounts::ids::AccountId;
use crate::decide::accounts::{Accounts, Recorded};
use crate::decide::agents::Agents;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::discretion::advisor::{Given, MOST_FAILURES, Pending, consulting};
use crate::decide::evaluate::budgets;
use crate::decide::message::{ConsultId, Effects, NoAdvice};
use crate::decide::people::approvals;
use crate::decide::transition;

/// Its Codex has ended, or could not be started.
pub(in crate::decide) fn consulted(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    id: ConsultId,
    answer: Result<String, NoAdvice>,
) {
    let Some(adviser) = accounts.adviser.as_mut() else { return };
    let Some((_, before)) = adviser.busy.take_if(|(busy, _)| *busy == id) else { return };
    // All that it wrote is read: what is not on record by cx.now never will be, and was perhaps served.
    let unrecorded = adviser.answers.len() == before;
    let asked = !matches!(answer, Err(NoAdvice::NotStarted(_)));
    adviser.lost = adviser.lost.saturating_add(u32::from(unrecorded && asked));
    let unseen = answer.is_ok() && unrecorded;
    let of = adviser.find(id);
    match (&answer, &of) {
        (Ok(_), Some(_)) => adviser.failures = 0,
        (Err(_), Some(_)) => adviser.fails(cx.now.uptime),
        // That nobody waits for it any longer was counted when it was so.
        (_, None) => {}
    }
    let off = match &answer {
        Ok(_) if unseen => Some("what it spends cannot be observed".to_owned()),
        Err(NoAdvice::NotStarted(why)) => Some(why.clone()),
        Err(NoAdvice::Failed(why)) if adviser.failures >= MOST_FAILURES => Some(why.clone()),
        Ok(_) | Err(NoAdvice::Failed(_)) => None,
    };
    if let Some(why) = off {
        adviser.off = true;
        consulting::say_not_asked(accounts, effects, &AgentName::new(GOVERNOR), why);
    }
    if let Some(of) = of {
        let answer = answer.map_err(|(NoAdvice::NotStarted(why) | NoAdvice::Failed(why))| why);
        obey_advice(cx, agents, accounts, effects, of, answer);
    }
    consulting::consult_next(agents, accounts, effects);
    accounts.reserve_all(cx, agents, effects);
}

/// Nobody waits for this answer any longer.
pub(in crate::decide) fn advice_is_late(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    id: ConsultId,
) {
    let Some(adviser) = &accounts.adviser else { return };
    let Some(of) = adviser.find(id) else { return };
    let seconds = adviser.model.timeout.as_secs();
    if let Some(adviser) = accounts.adviser.as_mut() {
        adviser.fails(cx.now.uptime);
    }
    consulting::give_up(accounts, effects, id);
    obey_advice(cx, agents, accounts, effects, of, Err(format!("no answer within {seconds} s")));
}

/// What is to be done with the answer, or without one, is decided by how things stand now.
fn obey_advice(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    of: (AgentId, AccountId),
    answer: Result<String, String>,
) {
    let Some(adviser) = accounts.adviser.as_mut() else { return };
    let Some(Pending { id, step, .. }) = adviser.asked.remove(&of) else { return };
    let (ok, detail) = (answer.is_ok(), answer.as_ref().err().cloned().unwrap_or_default());
    let who = of.0;
    adviser.given = Some(Given { of, step, answer });
    agents.record(Some(who), EventKind::Outcome { request: id.0, ok, detail }, effects);
    let held = |state: State| {
        matches!(state, State::Paused | State::Freezing(Intent::Pause) | State::Starting(Some(Intent::Pause)))
    };
    if agents[who].pause.is_none() && held(agents[who].state) {
        approvals::release_or_ask_again(cx, agents, accounts, effects, who);
    }
    budgets::evaluate_one(cx, agents, accounts, effects, who);
    if let Some(adviser) = accounts.adviser.as_mut() {
        adviser.given = None;
    }
}

/// Who is asked about at its limit waits there; questions about those that are over are withdrawn.
pub(in crate::decide) fn keep_for_advice(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
) {
    let Some(adviser) = &accounts.adviser else { return };
    let asked: Vec<(AgentId, AccountId)> = adviser.asked.keys().copied().collect();
    for of in asked {
        let (who, _) = of;
        if !agents[who].is_live() {
            consulting::withdraw_consult(agents, accounts, effects, &of);
            accounts.reserve_all(cx, agents, effects);
            continue;
        }
        let holds = accounts.adviser.as_ref().is_some_and(|adviser| adviser.holds(who));
        let goes = |state: State| matches!(state, State::Starting(None) | State::Running);
        if holds && goes(agents[who].state) {
            transition::happen(cx, agents, accounts, effects, who, Happening::Wish(Intent::Pause));
            accounts.reserve(cx, agents, who, effects);
        }
    }
    consulting::consult_next(agents, accounts, effects);
}

/// A question was answered: it counts like any response of the run.
pub(in crate::decide) fn adviser_spent(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    response: &Response,
    recorded: Recorded<'_>,
) -> bool {
    let own = response.agent.as_ref().filter(|agent| agent.as_str() == GOVERNOR).cloned();
    let (Some(adviser), Some(own)) = (accounts.adviser.as_mut(), own) else { return false };
    let dearer = adviser.answers.is_empty()
        || amount(response, Unit::Usd) > amount(&adviser.likely, Unit::Usd)
        || amount(response, Unit::AllTok) > amount(&adviser.likely, Unit::AllTok);
    if dearer {
        adviser.likely = response.clone();
    }
    adviser.answers.push(response.clone());
    accounts.charge_as(cx, recorded, response, None);
    accounts.spend_share(&own, response);
    for who in agents.ids() {
        budgets::evaluate_one(cx, agents, accounts, effects, who);
    }
    true
}
