//! The run's gateway: a request waits for the governor as a hook does, and what its answer used counts in the run.

use crate::clock;
use crate::codex::redact;
use crate::decide::Effect;
use crate::decide::agents::lifecycle::{After, State};
use crate::decide::message::{Asked, Gone, Hook, Input, Phase, Wants};
use crate::decide::models::not_allowed;
use crate::error::Error;
use crate::model::event::EventKind;
use crate::model::{AgentName, Basis, Guess, ModelId, Response, ResponseKey, Source, recorded_at};
use crate::policy::cost::{cost, has_no_price};
use crate::process::{self, Order};
use crate::proxy::talk::{Ask, News, Over, Refused, Verdict};

use super::passing::{Passenger, Passing, call_of};
use super::supervisor::Supervisor;

/// The longest name that a program gives one of its agents, in characters.
const NAME: usize = 64;

impl Supervisor {
    /// The gateway asks or tells something.
    pub(super) fn at_gateway(&mut self, news: Option<News>) -> Result<Vec<Effect>, Error> {
        let Some(news) = news else {
            self.passing = None;
            self.mark("the gateway of this run is gone, and requests to it fail".to_owned());
            return self.turn(Vec::new());
        };
        match news {
            News::Asks(ask) => self.asked_at_gateway(*ask),
            News::Says(what) => {
                self.mark(what);
                self.turn(Vec::new())
            }
            told => {
                let inputs = self.told_by_gateway(told);
                self.turn(inputs)
            }
        }
    }

    fn asked_at_gateway(&mut self, ask: Ask) -> Result<Vec<Effect>, Error> {
        let Some(agent) = self.owners.of(ask.pid) else {
            Self::refuse_at_once(ask, "govern: no agent of this run asks".to_owned(), None);
            return Ok(Vec::new());
        };
        let state = self.governor.agent(&agent).map(|known| (known.state, known.because.clone()));
        if let Some((State::Ending(_) | State::Gone, because)) = state {
            let rule = self.governor.last_hard_budget().map(ToString::to_string);
            Self::refuse_at_once(ask, format!("govern: stop: {because}"), rule);
            return Ok(Vec::new());
        }
        if let Some(why) = self.not_in_policy(&ask) {
            self.mark_of(&agent, format!("a request was refused at the gateway: {why}"));
            Self::refuse_at_once(ask, format!("govern: {why}"), Some("models.allow".to_owned()));
            return self.turn(Vec::new());
        }
        if self.is_told_by_codex(&ask) {
            let _gone = ask.answer.send(Verdict::Pass);
            return Ok(Vec::new());
        }
        let named = ask.agent.as_deref().map(|name| redact(name).chars().take(NAME).collect::<String>());
        let named = named.map_or_else(|| agent.clone(), AgentName::new);
        let (number, compacts) = (ask.number, ask.compacts);
        let Some(passing) = &mut self.passing else { return Ok(Vec::new()) };
        let passenger = passing.waits(&self.run, agent.clone(), named, ask);
        if passing.is_new(&passenger) {
            self.note_of(&passenger.named, lane_seen(&passenger));
        }
        let unpriced = &self.governor.policy().models.unpriced;
        let Passenger { lane, model, tier, billing, .. } = passenger;
        let tier_now = tier.clone().unwrap_or_default();
        let unpriced =
            model.is_some() && has_no_price(&self.prices, unpriced, billing, model.as_ref(), &tier_now, clock::now());
        self.turn(vec![Input::Hook(Box::new(Hook {
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

    /// Codex asks its hooks before this request, and its session file or a hook tells what it used: here it only passes. Of
    /// others, such as those for a thread's title, nothing else tells.
    fn is_told_by_codex(&self, ask: &Ask) -> bool {
        // Any program can say so: one that is no Codex is metered here.
        let Some(codex) = ask.codex.as_ref().filter(|_| process::is_codex(ask.pid)) else { return false };
        match codex.source.as_deref() {
            None | Some("user" | "subagent") => true,
            Some("thread_title") => false,
            Some(_) => codex.thread.as_ref().is_some_and(|thread| {
                self.sessions.agent_of(thread).is_some() || self.agent_without_file(thread).is_some()
            }),
        }
    }

    /// Why the policy has none of what is asked, whatever it costs.
    fn not_in_policy(&self, ask: &Ask) -> Option<String> {
        let policy = self.governor.policy();
        let model = ask.model.as_ref().filter(|model| !policy.models.allows(model.as_str())).map(not_allowed);
        let tier = ask.tier.as_ref().filter(|tier| !policy.models.allows_tier(tier));
        let tier = tier.map(|tier| format!("the service tier `{tier}` is not one that the policy allows"));
        model.or(tier).filter(|_| !policy.observe)
    }

    fn refuse_at_once(ask: Ask, message: String, rule: Option<String>) {
        let _gone = ask.answer.send(Verdict::Refuse(Refused { message, rule }));
    }

    /// What the end of a request comes to.
    fn told_by_gateway(&mut self, news: News) -> Vec<Input> {
        match news {
            News::Over { number, how } => match self.passing.as_mut().and_then(|passing| passing.is_over(number)) {
                Some(passenger) => self.over_at_gateway(number, passenger, how),
                None => Vec::new(),
            },
            News::Leaves(number) => {
                let left = self.passing.as_mut().and_then(|passing| passing.is_over(number));
                left.map(|_| Input::HookGone { hook: call_of(number), why: Gone::Withdrawn }).into_iter().collect()
            }
            News::Says(what) => {
                self.note(EventKind::Marked { what });
                Vec::new()
            }
            News::Asks(ask) => {
                Self::refuse_at_once(*ask, "govern: the run is over: nothing more is sent".to_owned(), None);
                Vec::new()
            }
        }
    }

    fn over_at_gateway(&mut self, number: u64, passenger: Passenger, how: Over) -> Vec<Input> {
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
        let is_gone = self.governor.agent(&agent).is_none_or(|known| ends(known.state));
        match how {
            Over::Answered { estimated: true, .. } if is_gone => Vec::new(),
            Over::Answered { id, model, tier, tokens, estimated } => {
                let model = self.answered_by(model, passenger.model);
                let passenger = Passenger { model, tier: tier.or(passenger.tier), ..passenger };
                let by_number = || ResponseKey::new(format!("gateway-{number}"));
                let said = id.map(ResponseKey::new);
                // A server that gives the same id again has answered again all the same.
                let is_new = |key: &ResponseKey| {
                    self.passing.as_mut().is_none_or(|passing| passing.known_ids.insert(key.clone()))
                };
                let key = said.filter(is_new).unwrap_or_else(by_number);
                let basis = if estimated { Basis::Estimated(Guess::BrokenOff) } else { Basis::Observed };
                let at = recorded_at(clock::now(), clock::now());
                let tier = passenger.tier.clone().unwrap_or_default();
                let unpriced = &self.governor.policy().models.unpriced;
                let cost =
                    cost(&self.prices, unpriced, passenger.billing, passenger.model.as_ref(), &tier, at, &tokens);
                let attribution = self.wards.get(&agent).map(|ward| ward.attribution.clone()).unwrap_or_default();
                let response = Response {
                    run: Some(self.run.clone()),
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
            Over::Failed => {
                let failed = Input::Failed { agent: agent.clone(), thread: thread.clone(), cut_off: false };
                vec![failed, rests(false)]
            }
        }
    }

    /// The model that is paid for: the one that answered, by the name that was asked for where the answer only adds to it,
    /// such as the day of its making.
    fn answered_by(&self, said: Option<ModelId>, asked: Option<ModelId>) -> Option<ModelId> {
        let is_same = |said: &ModelId, asked: &ModelId| {
            said.as_str().starts_with(asked.as_str()) && self.prices.resolve(said).is_none()
        };
        match (said, asked) {
            (Some(said), Some(asked)) if is_same(&said, &asked) => Some(asked),
            (said, asked) => said.or(asked),
        }
    }

    /// As the governor knows it: a name that only the program gave is none of its agents.
    pub(super) fn of_known_agent(&self, mut response: Box<Response>) -> Box<Response> {
        let of_lane = || self.passing.as_ref()?.agent_of(&response.thread);
        if let Some(agent) = of_lane() {
            response.agent = Some(agent);
        }
        response
    }

    /// What waits of an agent that is being ended reads why; and where only that program asks, it may end by itself. Says
    /// whether it may.
    pub(super) fn is_let_leave(&mut self, agent: &AgentName) -> Result<bool, Error> {
        let Some(known) = self.governor.agent(agent) else { return Ok(false) };
        let (stops, because) = (known.state == State::Ending(After::Stopped), known.because.clone());
        let rule = self.governor.last_hard_budget().map(ToString::to_string);
        let Some(passing) = &mut self.passing else { return Ok(false) };
        for number in passing.waiting_of(agent) {
            let why = Refused { message: format!("govern: stop: {because}"), rule: rule.clone() };
            passing.refuses(number, why);
        }
        let asks = passing.has_asked(agent);
        let is_codex = self.wards.get(agent).is_none_or(|ward| ward.invocation.is_some() || ward.ending);
        // A Codex that is not asked to end would go on with what no gateway sees.
        if !stops || !asks || is_codex || self.codexes().iter().any(|(_, owner)| owner == agent) {
            return Ok(false);
        }
        if let Some(passing) = &mut self.passing {
            passing.let_leave(agent);
        }
        self.order_in_passing(Order::Thaw { agent: agent.clone() })?;
        Ok(true)
    }

    /// Ends those that were let go and have not gone.
    pub(super) fn end_who_stays(&mut self) -> Result<(), Error> {
        let stays = self.passing.as_ref().map(Passing::who_stays).unwrap_or_default();
        for agent in stays {
            self.end_who_left(&agent)?;
        }
        Ok(())
    }

    /// What is left of an agent that was let go is ended.
    pub(super) fn end_who_left(&mut self, agent: &AgentName) -> Result<(), Error> {
        let was_let = self.passing.as_mut().is_some_and(|passing| passing.has_left(agent));
        if was_let { self.end_tree(agent.clone()) } else { Ok(()) }
    }

    /// Ends the gateway with the run; what was under way is told.
    pub(super) async fn close_gateway(&mut self) -> Vec<Input> {
        let Some(passing) = self.passing.take() else { return Vec::new() };
        let (last, passing) = passing.close().await;
        self.passing = Some(passing);
        last.into_iter().flat_map(|news| self.told_by_gateway(news)).collect()
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
