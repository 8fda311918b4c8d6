//! Pure. Questions to the governor model are put, answered, and given up.

use super::{Adviser, FIRST, Given, MOST_FAILURES, Pending};
use crate::decide::accounts::Recorded;
use crate::decide::accounts::account::amount;
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::{Happening, Intent, State};
use crate::decide::context::Context;
use crate::decide::discretion::prompt;
use crate::decide::discretion::rule::Facts;
use crate::decide::governor::Governor;
use crate::decide::message::{Consult, ConsultId, Effect, NoAdvice, Prompt, Timer};
use crate::model::event::{Advice, Chosen, EventKind, GOVERNOR};
use crate::model::{
    AgentName, Attribution, Basis, Billing, Cost, ModelId, Money, Response, ResponseKey, ServiceTier, ThreadId, Unit,
};
use crate::policy::rule::{May, StepId};
use crate::policy::verdict::Standing;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

impl Governor {
    /// The policy's governor model can be asked here; what it costs belongs there.
    #[must_use]
    pub fn advised(mut self, attribution: Attribution) -> Self {
        self.adviser = self.fixed.policy.governor.clone().map(|model| {
            let likely = Response {
                run: Some(self.fixed.run.clone()),
                agent: Some(AgentName::new(GOVERNOR)),
                thread: ThreadId::new(GOVERNOR),
                root: ThreadId::new(GOVERNOR),
                key: ResponseKey::new(GOVERNOR),
                at: chrono::DateTime::UNIX_EPOCH,
                model: Some(model.model.clone()),
                provider: None,
                tier: ServiceTier::Standard,
                tokens: FIRST,
                cost: Cost::Unpriced,
                basis: Basis::Observed,
                billing: Billing::Unknown,
                attribution,
                source: crate::model::Source::Record,
                work: None,
            };
            let own = |response: &&Response| response.agent.as_ref().is_some_and(|agent| agent.as_str() == GOVERNOR);
            let answers: Vec<Response> = self.history.iter().filter(own).cloned().collect();
            Box::new(Adviser {
                model,
                likely,
                answers,
                lost: self.unanswered,
                asked: BTreeMap::new(),
                busy: None,
                given: None,
                failures: 0,
                not_before: Duration::ZERO,
                off: false,
                said: BTreeSet::new(),
            })
        });
        self
    }

    /// What is chosen where the rule chose so; `None`: a model is asked, and this comes later.
    pub(in crate::decide) fn take_advice(
        &mut self,
        cx: &Context<'_>,
        (who, account, step): (AgentId, AccountId, StepId),
        (facts, may, standing): (&Facts, &May, &Standing),
        rule: Chosen,
    ) -> Option<Chosen> {
        let of = (who, account);
        let free = matches!(self.agents[who].state, State::Starting(None) | State::Running);
        let observes = self.accounts.observes(account);
        let Some(adviser) = self.adviser.as_mut().filter(|_| rule.open && !observes) else { return Some(rule) };
        if let Some(given) = adviser.given.take_if(|given| given.of == of && given.step == step) {
            return Some(follow(&adviser.model.model, given.answer, (facts, may), rule));
        }
        match adviser.asked.get(&of).map(|pending| pending.step == step) {
            Some(true) => return None,
            // It has come further meanwhile.
            Some(false) => {
                self.withdraw_consult(&of);
                return Some(rule);
            }
            None => {}
        }
        let offers = prompt::offers(facts, may);
        if !free || offers.len() < 2 {
            return Some(rule);
        }
        if let Err(why) = self.may_consult(cx, who, (account, facts.strict)) {
            self.say_not_asked(&self.agents.name(who).clone(), why);
            return Some(rule);
        }
        let prompt = prompt::question(facts, standing, &rule, &offers);
        self.consult(of, (step, facts.strict), prompt, &rule);
        None
    }

    fn may_consult(&mut self, cx: &Context<'_>, who: AgentId, of: (AccountId, bool)) -> Result<(), String> {
        if let Some(adviser) = self.adviser.as_mut() {
            adviser.is_ready(cx)?;
            adviser.price(cx);
        }
        let adviser = self.adviser.as_ref();
        adviser.map_or(Ok(()), |adviser| adviser.fits(cx, &self.accounts, &self.spenders(), who, of))
    }

    fn consult(&mut self, of: (AgentId, AccountId), (step, strict): (StepId, bool), prompt: Prompt, rule: &Chosen) {
        let (who, account) = of;
        let account = &self.accounts[account];
        let (budget, shown) = (account.key.budget.clone(), account.show(0));
        let Some(adviser) = self.adviser.as_mut() else { return };
        let (model, timeout) = (adviser.model.model.clone(), adviser.model.timeout);
        self.requests += 1;
        let (request, id) = (self.requests, ConsultId(self.requests));
        adviser.asked.insert(of, Pending { id, step, strict, sent: false, prompt });
        let because = format!("{shown}: the rule alone is not sure: {}", rule.rationale);
        self.record(Some(who), EventKind::Requested { request, what: format!("ask {model}"), because });
        self.say(who, &format!("decide: {model} is asked about {budget} ({shown})"));
        self.effects.push(Effect::Arm(Timer::Advice(id), timeout));
        let agent = &mut self.agents[who];
        if strict {
            agent.because = format!("{model} is asked");
        }
        self.consult_next();
    }

    /// Puts the next question, once the last one is over.
    fn consult_next(&mut self) {
        let paused = |who: AgentId| self.agents[who].pause.is_some();
        let Some(adviser) = self.adviser.as_mut().filter(|adviser| adviser.busy.is_none() && !adviser.off) else {
            return;
        };
        let waiting = adviser.asked.iter_mut().filter(|((who, _), pending)| !pending.sent && !paused(*who));
        let Some(((about, _), pending)) = waiting.min_by_key(|(_, pending)| pending.id) else { return };
        pending.sent = true;
        let (id, about, prompt) = (pending.id, self.agents.name(*about).clone(), pending.prompt.clone());
        adviser.busy = Some((id, adviser.answers.len()));
        let (model, effort) = (adviser.model.model.clone(), adviser.model.effort.clone());
        self.effects.push(Effect::Consult(Box::new(Consult { id, about, model, effort, prompt })));
    }

    /// Its Codex has ended, or could not be started.
    pub(in crate::decide) fn consulted(&mut self, cx: &Context<'_>, id: ConsultId, answer: Result<String, NoAdvice>) {
        let Some(adviser) = self.adviser.as_mut() else { return };
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
            self.say_not_asked(&AgentName::new(GOVERNOR), why);
        }
        if let Some(of) = of {
            let answer = answer.map_err(|(NoAdvice::NotStarted(why) | NoAdvice::Failed(why))| why);
            self.obey_advice(cx, of, answer);
        }
        self.consult_next();
        self.reserve_all(cx);
    }

    /// Nobody waits for this answer any longer.
    pub(in crate::decide) fn advice_is_late(&mut self, cx: &Context<'_>, id: ConsultId) {
        let Some(adviser) = &self.adviser else { return };
        let Some(of) = adviser.find(id) else { return };
        let seconds = adviser.model.timeout.as_secs();
        if let Some(adviser) = self.adviser.as_mut() {
            adviser.fails(cx.now.uptime);
        }
        self.give_up(id);
        self.obey_advice(cx, of, Err(format!("no answer within {seconds} s")));
    }

    /// A question that is under way is broken off.
    fn give_up(&mut self, id: ConsultId) {
        if self.adviser.as_ref().is_some_and(|adviser| adviser.busy.is_some_and(|(busy, _)| busy == id)) {
            self.effects.push(Effect::EndConsult(id));
        }
    }

    /// What is to be done with the answer, or without one, is decided by how things stand now.
    fn obey_advice(&mut self, cx: &Context<'_>, of: (AgentId, AccountId), answer: Result<String, String>) {
        let Some(adviser) = self.adviser.as_mut() else { return };
        let Some(Pending { id, step, .. }) = adviser.asked.remove(&of) else { return };
        let (ok, detail) = (answer.is_ok(), answer.as_ref().err().cloned().unwrap_or_default());
        let who = of.0;
        adviser.given = Some(Given { of, step, answer });
        self.record(Some(who), EventKind::Outcome { request: id.0, ok, detail });
        let held = |state: State| {
            matches!(state, State::Paused | State::Freezing(Intent::Pause) | State::Starting(Some(Intent::Pause)))
        };
        if self.agents[who].pause.is_none() && held(self.agents[who].state) {
            self.release_or_ask_again(cx, who);
        }
        self.evaluate_one(cx, who);
        if let Some(adviser) = self.adviser.as_mut() {
            adviser.given = None;
        }
    }

    /// Who is asked about at its limit waits there; questions about those that are over are withdrawn.
    pub(in crate::decide) fn keep_for_advice(&mut self, cx: &Context<'_>) {
        let Some(adviser) = &self.adviser else { return };
        let asked: Vec<(AgentId, AccountId)> = adviser.asked.keys().copied().collect();
        for of in asked {
            let (who, _) = of;
            if !self.agents[who].is_live() {
                self.withdraw_consult(&of);
                self.reserve_all(cx);
                continue;
            }
            let holds = self.adviser.as_ref().is_some_and(|adviser| adviser.holds(who));
            let goes = |state: State| matches!(state, State::Starting(None) | State::Running);
            if holds && goes(self.agents[who].state) {
                self.happen(cx, who, Happening::Wish(Intent::Pause));
                self.reserve(cx, who);
            }
        }
        self.consult_next();
    }

    fn withdraw_consult(&mut self, of: &(AgentId, AccountId)) {
        let Some(pending) = self.adviser.as_ref().and_then(|adviser| adviser.asked.get(of)) else { return };
        let id = pending.id;
        self.give_up(id);
        if let Some(adviser) = self.adviser.as_mut() {
            adviser.asked.remove(of);
        }
        let detail = "no longer needed".to_owned();
        self.record(Some(of.0), EventKind::Outcome { request: id.0, ok: false, detail });
    }

    /// A question was answered: it counts like any response of the run.
    pub(in crate::decide) fn adviser_spent(
        &mut self,
        cx: &Context<'_>,
        response: &Response,
        recorded: Recorded<'_>,
    ) -> bool {
        let own = response.agent.as_ref().filter(|agent| agent.as_str() == GOVERNOR).cloned();
        let (Some(adviser), Some(own)) = (self.adviser.as_mut(), own) else { return false };
        let dearer = adviser.answers.is_empty()
            || amount(response, Unit::Usd) > amount(&adviser.likely, Unit::Usd)
            || amount(response, Unit::AllTok) > amount(&adviser.likely, Unit::AllTok);
        if dearer {
            adviser.likely = response.clone();
        }
        adviser.answers.push(response.clone());
        self.accounts.charge_as(cx, recorded, response, None);
        self.accounts.spend_share(&own, response);
        for who in self.agents.ids() {
            self.evaluate_one(cx, who);
        }
        true
    }

    /// What an answer that was never seen may have cost.
    pub fn likely_advice_cost(&self, any: bool) -> Money {
        let adviser = self.adviser.as_ref().filter(|_| any);
        adviser.and_then(|adviser| adviser.likely.cost.money()).unwrap_or(Money::ZERO)
    }

    /// Why the rule alone decides, once.
    fn say_not_asked(&mut self, about: &AgentName, why: String) {
        let Some(adviser) = self.adviser.as_mut() else { return };
        let what = format!("{} is not asked, the rule alone decides: {why}", adviser.model.model);
        // The figures grow, the reason is the same.
        let kind: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
        if adviser.said.insert(kind) {
            self.effects.push(Effect::Say(what.clone()));
            self.effects.mark(Some(about), what);
        }
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
