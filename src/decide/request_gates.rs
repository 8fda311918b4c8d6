//! Gates on requests: one that is likely to cost too much is asked about, or refused, before it is sent.
//!
//! A request cannot be refused by an answer: Codex waits for the hook, and ignores what it says (0.169, 0.171). So what
//! is refused ends the agent at this safe point, before the request; only a prompt that is typed at Codex's screen is
//! refused as a prompt, and the screen stays. A Codex that does not ask before its requests is held by signals.

use std::time::Duration;

use crate::model::event::Answer;
use crate::model::run::REQUEST_TO;
use crate::model::{Cost, GateName, Money, Quantity, Response, ThreadId, Unit, Verb};
use crate::policy::alert::{Alert, AlertAction, Trigger};
use crate::policy::gate::{Likely, Request, judge_request};
use crate::policy::rule::{GateVerb, Policy, Refusal, Step, Threshold};

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::thread::{Thread, p80};
use crate::decide::agents::{Agent, Agents};
use crate::decide::barred::barring;
use crate::decide::context::Context;
use crate::decide::evaluate::due::Due;
use crate::decide::message::{About, Effects, Judged, Question, ToolCall};
use crate::decide::tool_gates::{questions, said_in};

/// What a thread's next request is likely to cost, with the model that it is on.
fn likely_cost(cx: &Context<'_>, agent: &Agent, thread: &ThreadId) -> Likely {
    let never = Thread::default();
    let thread = agent.threads.get(thread).unwrap_or(&never);
    let cost = |response: &Response| match &thread.model {
        Some(model) if response.model.as_ref() != Some(model) => cx.quoted(model, response),
        Some(_) | None => response.cost,
    };
    let all = |costs: Vec<Cost>| costs.into_iter().map(Cost::money).collect::<Option<Vec<Money>>>();
    let known = agent.foretelling(thread).map(cost).collect::<Vec<Cost>>();
    if !known.is_empty() {
        return all(known).and_then(|costs| costs.into_iter().max()).map_or(Likely::Unpriced, Likely::Costs);
    }
    if let Some(declared) = agent.setup.registration.per_response(Unit::Usd) {
        return Likely::Costs(Money::from_nanos(declared));
    }
    let firsts = agent.like_runs(thread.model.as_ref()).map(cost).collect::<Vec<Cost>>();
    if firsts.is_empty() {
        return Likely::Unknown;
    }
    let four_in_five = |costs: Vec<Money>| p80(costs.into_iter().map(Money::nanos)).map(Money::from_nanos);
    all(firsts).and_then(four_in_five).map_or(Likely::Unpriced, Likely::Costs)
}

/// What gates say to the next request of a thread.
pub(in crate::decide) fn judge_next(cx: &Context<'_>, agent: &Agent, thread: &ThreadId) -> Option<Judged> {
    let on = agent.threads.get(thread).and_then(|thread| thread.model.as_ref());
    let last = agent.threads.get(thread).and_then(|thread| thread.recent().last()?.model.as_ref());
    let request = Request {
        model: on.or(last).map(|model| model.as_str()),
        value: &|dimension| agent.value(cx.run, dimension),
        likely: likely_cost(cx, agent, thread),
    };
    let verdict = judge_request(&cx.policy.gates, &request)?;
    Some(Judged {
        rule: verdict.gate.to_string(),
        verb: verdict.verb,
        because: verdict.because.join("; "),
        would: verdict.observe,
    })
}

/// What is asked about a request that is held by signals: the same as of one that waits at the gate.
pub(in crate::decide) fn question_of_request(
    cx: &Context<'_>,
    agents: &Agents,
    agent: &Agent,
    due: &Due,
    gate: &GateName,
) -> Option<Question> {
    let gate = cx.policy.gates.iter().find(|known| known.name == *gate)?;
    let GateVerb::Ask { wait, otherwise } = gate.verb else { return None };
    let (thread, _) = agent.threads.iter().find(|(id, thread)| is_met(cx, agent, (id, thread), gate.name.as_str()))?;
    let call = request_to(agent, thread);
    Some(Question {
        run: cx.run.clone(),
        agent: agent.setup.name.clone(),
        key: questions::call_key(cx, agents, agent.id, gate.name.as_str(), &call),
        text: format!("{}: {}: {}", due.because, call.tool, call.short),
        cost: agent.cost,
        extend: Quantity { unit: Unit::ToolCalls, amount: 1 },
        route_to: None,
        wait,
        otherwise: due.step.as_ref().map_or(Verb::Stop, |step| step.otherwise),
        about: About::Request(otherwise),
    })
}

/// A person answered about a request that is held by signals.
pub(in crate::decide) fn let_request_go(
    cx: &Context<'_>,
    agents: &mut Agents,
    who: AgentId,
    (answer, by): (&Answer, &str),
) {
    let agent = &agents[who];
    let Some(hold) = agent.held.as_ref().filter(|hold| matches!(hold.question.about, About::Request(_))) else {
        return;
    };
    let (key, rule) = (hold.question.key.clone(), hold.question.key.budget.to_string());
    let approval = hold.approval;
    let met = agent.threads.iter().filter(|found| is_met(cx, agent, *found, &rule));
    let met: Vec<ThreadId> = met.map(|(id, _)| id.clone()).collect();
    let agent = &mut agents[who];
    if answer.is_yes() {
        agent.watch.let_go.extend(met);
    }
    if let (Answer::Allow { seconds }, Some(approval)) = (answer, approval) {
        questions::allow_again(cx, agents, key, who, (seconds.map(Duration::from_secs), said_in(by, approval)));
    }
}

/// What was let go is over once its turn is.
pub(in crate::decide) fn forget_let_requests(agents: &mut Agents, who: AgentId) {
    let agent = &mut agents[who];
    let threads = &agent.threads;
    agent.watch.let_go.retain(|id| threads.get(id).is_some_and(|thread| thread.phase.goes_on()));
}

/// The thread's next request meets this gate, and nobody let it go.
fn is_met(cx: &Context<'_>, agent: &Agent, (id, thread): (&ThreadId, &Thread), rule: &str) -> bool {
    thread.phase.goes_on()
        && !agent.watch.let_go.contains(id)
        && judge_next(cx, agent, id).is_some_and(|judged| judged.rule == rule)
}

/// A prompt that is typed at Codex's own screen begins with a request: where a gate refuses that, the prompt is
/// refused, and the screen stays.
pub(in crate::decide) fn refuse_prompt(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
) {
    let agent = &agents[who];
    if !agent.setup.full_screen {
        return;
    }
    let refused = judge_next(cx, agent, thread).filter(|judged| judged.verb == GateVerb::Deny && !judged.would);
    if let Some(judged) = refused.filter(|_| !cx.policy.observe) {
        barring::bar(agents, accounts, effects, who, thread, judged.because, None);
    }
}

/// Why the next request of an agent meets this gate, where its Codex does not ask first.
pub(in crate::decide) fn meets_unasked(
    cx: &Context<'_>,
    agents: &Agents,
    agent: &Agent,
    gate: &GateName,
) -> Option<String> {
    if agent.gate.holds_requests() {
        return None;
    }
    let rule = gate.as_str();
    let (thread, _) = agent.threads.iter().find(|found| is_met(cx, agent, *found, rule))?;
    let who = agent.id;
    let key = questions::call_key(cx, agents, who, rule, &request_to(agent, thread));
    let allowed = questions::allowed_before(cx, agents, who, &key).is_some();
    judge_next(cx, agent, thread).filter(|_| !allowed).map(|judged| judged.because)
}

/// A thread's next request, as a call that may meet a gate. All requests of an agent are of one kind: who lets them all
/// go, is not asked again.
pub(in crate::decide) fn request_to(agent: &Agent, thread: &ThreadId) -> ToolCall {
    let thread = agent.threads.get(thread);
    let last = |thread: &Thread| thread.recent().last()?.model.clone();
    let model = thread.and_then(|thread| thread.model.clone().or_else(|| last(thread)));
    let short = model.map_or_else(|| "its model".to_owned(), |model| model.to_string());
    ToolCall { tool: REQUEST_TO.to_owned(), digest: String::new(), short, judged: None, call: None }
}

/// Gates on requests as alerts.
pub(in crate::decide) fn alerts(policy: &Policy) -> Vec<Alert> {
    let of_requests = policy.gates.iter().filter(|gate| gate.is_on_requests());
    let alert = of_requests.map(|gate| {
        let (verb, wait, otherwise) = match gate.verb {
            GateVerb::Ask { wait, otherwise } => (Verb::Ask, wait, otherwise),
            GateVerb::Deny => (Verb::Stop, Duration::ZERO, Refusal::Stop),
        };
        let otherwise = match otherwise {
            Refusal::Kill => Verb::Kill,
            Refusal::Deny | Refusal::Stop => Verb::Stop,
        };
        let at = Threshold::Share(1000);
        let step = Step { at, verb, may: None, say: None, to: None, wait, otherwise, wrap_up: None, insists: false };
        Alert {
            name: gate.name.as_str().into(),
            trigger: Trigger::Request(gate.name.clone()),
            only: gate.only.clone(),
            act: AlertAction::Step(step),
            observe: gate.observe,
            layer: gate.layer,
            step_of: None,
        }
    });
    alert.collect()
}
