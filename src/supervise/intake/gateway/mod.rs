//! The run's gateway: a request waits for the governor as a hook does, and what its answer used counts in the run.

mod lanes;
mod shim;

use crate::clock;
use crate::codex::redact;
use crate::decide::Governor;
use crate::decide::agents::lifecycle::{After, State};
use crate::decide::message::{Asked, Gone, Hook, Input, Phase, Wants};
use crate::decide::models::not_allowed;
use crate::error::Error;
use crate::model::event::EventKind;
use crate::model::{AgentName, Basis, Guess, ModelId, Response, ResponseKey, Source, recorded_at};
use crate::policy::cost::{cost, has_no_price};
use crate::process::{self, Order};
use crate::proxy::messages::{Ask, GatewayMessage, Refused, RequestEnd, Verdict};
use crate::supervise::context::Context;
use crate::supervise::run::Run;

use super::Intake;

pub(in crate::supervise) use lanes::{Gateway, next_news, number_of, opened};
use lanes::{Passenger, call_of};

/// The longest name that a program gives one of its agents, in characters.
const NAME: usize = 64;

impl Gateway {
    /// The gateway asks or tells something. `None`: nothing comes of it.
    pub(in crate::supervise) fn take(
        &mut self,
        news: GatewayMessage,
        intake: &mut Intake,
        context: &mut Context<'_>,
    ) -> Option<Vec<Input>> {
        match news {
            GatewayMessage::Asks(ask) => self.asked(*ask, intake, context),
            GatewayMessage::Says(what) => {
                context.journal.mark(what);
                Some(Vec::new())
            }
            told => Some(self.told(told, intake, context)),
        }
    }

    fn asked(&mut self, ask: Ask, intake: &Intake, context: &mut Context<'_>) -> Option<Vec<Input>> {
        let Some(agent) = context.processes.owner(ask.pid) else {
            refuse_at_once(ask, "govern: no agent of this run asks".to_owned(), None);
            return None;
        };
        let state = context.governor.agent(&agent).map(|known| (known.state, known.because.clone()));
        if let Some((State::Ending(_) | State::Gone, because)) = state {
            let rule = context.governor.last_hard_budget().map(ToString::to_string);
            refuse_at_once(ask, format!("govern: stop: {because}"), rule);
            return None;
        }
        if let Some(why) = not_in_policy(&ask, context.governor) {
            context.journal.mark_of(&agent, format!("a request was refused at the gateway: {why}"));
            refuse_at_once(ask, format!("govern: {why}"), Some("models.allow".to_owned()));
            return Some(Vec::new());
        }
        if is_told_by_codex(&ask, intake) {
            let _gone = ask.answer.send(Verdict::Pass);
            return None;
        }
        let named = ask.agent.as_deref().map(|name| redact(name).chars().take(NAME).collect::<String>());
        let named = named.map_or_else(|| agent.clone(), AgentName::new);
        let (number, compacts) = (ask.number, ask.compacts);
        let passenger = self.waits(&context.run.id, agent.clone(), named, ask);
        if self.is_new(&passenger) {
            context.journal.note_of(&passenger.named, lane_seen(&passenger));
        }
        let unpriced = &context.governor.policy().models.unpriced;
        let Passenger { lane, model, tier, billing, .. } = passenger;
        let tier_now = tier.clone().unwrap_or_default();
        let unpriced = model.is_some()
            && has_no_price(&context.run.prices, unpriced, billing, model.as_ref(), &tier_now, clock::now());
        Some(vec![Input::Hook(Box::new(Hook {
            id: call_of(number),
            agent,
            thread: lane.clone(),
            root: lane,
            inside: None,
            model,
            tier,
            unpriced,
            wants: Wants::Request,
            asked: Asked { request: Some(number.to_string()), compacts },
            has_file: false,
        }))])
    }

    /// What the end of a request comes to.
    pub(in crate::supervise) fn told(
        &mut self,
        news: GatewayMessage,
        intake: &mut Intake,
        context: &mut Context<'_>,
    ) -> Vec<Input> {
        match news {
            GatewayMessage::Over { number, how } => match self.is_over(number) {
                Some(passenger) => over(number, passenger, how, intake, context),
                None => Vec::new(),
            },
            GatewayMessage::Leaves(number) => {
                let left = self.is_over(number);
                left.map(|_| Input::HookGone { hook: call_of(number), why: Gone::Withdrawn }).into_iter().collect()
            }
            GatewayMessage::Says(what) => {
                context.journal.note(EventKind::Marked { what });
                Vec::new()
            }
            GatewayMessage::Asks(ask) => {
                refuse_at_once(*ask, "govern: the run is over: nothing more is sent".to_owned(), None);
                Vec::new()
            }
        }
    }

    /// What waits of an agent that is being ended reads why; and where only that program asks, it may end by itself. Says
    /// whether it may.
    pub(in crate::supervise) fn lets_leave(
        &mut self,
        agent: &AgentName,
        context: &mut Context<'_>,
    ) -> Result<bool, Error> {
        let Some(known) = context.governor.agent(agent) else { return Ok(false) };
        let (stops, because) = (known.state == State::Ending(After::Stopped), known.because.clone());
        let rule = context.governor.last_hard_budget().map(ToString::to_string);
        for number in self.waiting_of(agent) {
            let why = Refused { message: format!("govern: stop: {because}"), rule: rule.clone() };
            self.refuses(number, why);
        }
        let managed = context.agents.get(agent);
        let is_codex = managed.is_none_or(|agent| agent.invocation().is_some() || agent.is_ending());
        // A Codex that is not asked to end would go on with what no gateway sees.
        let stays = !stops || !self.has_asked(agent) || is_codex;
        if stays || context.processes.codexes().iter().any(|(_, owner)| owner == agent) {
            return Ok(false);
        }
        self.let_leave(agent);
        context.processes.order_in_passing(Order::Thaw { agent: agent.clone() })?;
        Ok(true)
    }
}

/// Codex asks its hooks before this request, and its session file or a hook tells what it used: here it only passes. Of
/// others, such as those for a thread's title, nothing else tells.
fn is_told_by_codex(ask: &Ask, intake: &Intake) -> bool {
    // Any program can say so: one that is no Codex is metered here.
    let Some(codex) = ask.codex.as_ref().filter(|_| process::is_codex(ask.pid)) else { return false };
    match codex.source.as_deref() {
        None | Some("user" | "subagent") => true,
        Some("thread_title") => false,
        Some(_) => codex.thread.as_ref().is_some_and(|thread| intake.knows(thread)),
    }
}

/// Why the policy has none of what is asked, whatever it costs.
fn not_in_policy(ask: &Ask, governor: &Governor) -> Option<String> {
    let policy = governor.policy();
    let model = ask.model.as_ref().filter(|model| !policy.models.allows(model.as_str())).map(not_allowed);
    let tier = ask.tier.as_ref().filter(|tier| !policy.models.allows_tier(tier));
    let tier = tier.map(|tier| format!("the service tier `{tier}` is not one that the policy allows"));
    model.or(tier).filter(|_| !policy.observe)
}

fn refuse_at_once(ask: Ask, message: String, rule: Option<String>) {
    let _gone = ask.answer.send(Verdict::Refuse(Refused { message, rule }));
}

/// What the end of a request that was sent comes to.
fn over(number: u64, passenger: Passenger, how: RequestEnd, intake: &mut Intake, context: &Context<'_>) -> Vec<Input> {
    let (agent, thread) = (passenger.agent.clone(), passenger.lane.clone());
    let rests = |by_answer| Input::Phase {
        agent: agent.clone(),
        thread: thread.clone(),
        root: None,
        phase: Phase::Idle,
        by_answer,
    };
    // What is under way when an agent's processes are ended is told with its end.
    let ends = |state| matches!(state, State::Ending(_) | State::Gone);
    let is_gone = context.governor.agent(&agent).is_none_or(|known| ends(known.state));
    match how {
        RequestEnd::Answered { estimated: true, .. } if is_gone => Vec::new(),
        RequestEnd::Answered { id, model, tier, tokens, estimated } => {
            let model = answered_by(model, passenger.model, context.run);
            let passenger = Passenger { model, tier: tier.or(passenger.tier), ..passenger };
            let by_number = || ResponseKey::new(format!("gateway-{number}"));
            let said = id.map(ResponseKey::new);
            // A server that gives the same id again has answered again all the same.
            let key = said.filter(|key| intake.spend.is_new_at_gateway(key)).unwrap_or_else(by_number);
            let basis = if estimated { Basis::Estimated(Guess::BrokenOff) } else { Basis::Observed };
            let at = recorded_at(clock::now(), clock::now());
            let tier = passenger.tier.clone().unwrap_or_default();
            let unpriced = &context.governor.policy().models.unpriced;
            let cost =
                cost(&context.run.prices, unpriced, passenger.billing, passenger.model.as_ref(), &tier, at, &tokens);
            let attribution = context.agents.get(&agent).map(|agent| agent.attribution().clone()).unwrap_or_default();
            let response = Response {
                run: Some(context.run.id.clone()),
                agent: Some(passenger.named),
                thread: thread.clone(),
                root: thread.clone(),
                key,
                at,
                model: passenger.model,
                provider: passenger.provider,
                tier,
                tokens,
                cost,
                basis,
                billing: passenger.billing,
                attribution,
                source: Source::Gateway,
                work: None,
            };
            vec![rests(true), Input::Responded(Box::new(response))]
        }
        RequestEnd::Failed => {
            let failed = Input::Failed { agent: agent.clone(), thread: thread.clone(), cut_off: false };
            vec![failed, rests(false)]
        }
    }
}

/// The model that is paid for: the one that answered, by the name that was asked for where the answer only adds to it,
/// such as the day of its making.
fn answered_by(said: Option<ModelId>, asked: Option<ModelId>, run: &Run) -> Option<ModelId> {
    let is_same = |said: &ModelId, asked: &ModelId| {
        said.as_str().starts_with(asked.as_str()) && run.prices.resolve(said).is_none()
    };
    match (said, asked) {
        (Some(said), Some(asked)) if is_same(&said, &asked) => Some(asked),
        (said, asked) => said.or(asked),
    }
}

/// A lane is a thread without a file.
fn lane_seen(passenger: &Passenger) -> EventKind {
    EventKind::ThreadSeen {
        thread: passenger.lane.clone(),
        root: passenger.lane.clone(),
        parent: None,
        path: String::new(),
        codex: None,
        billing: passenger.billing,
        role: passenger.role.clone(),
    }
}
