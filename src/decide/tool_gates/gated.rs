//! Tools that meet a gate are refused, held, and let go by the answer.

use std::time::Duration;

use crate::model::event::ToolVerdict;
use crate::model::{ApprovalId, BudgetKey, Quantity, ThreadId, Unit, Verb};
use crate::policy::rule::{GateVerb, Refusal};

use crate::decide::accounts::Accounts;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::Intent;
use crate::decide::agents::{Agent, Agents};
use crate::decide::barred::barring;
use crate::decide::context::Context;
use crate::decide::gate::Gate;
use crate::decide::message::{About, Effect, Effects, HookId, Judged, Question, ToolCall, Wants};
use crate::decide::people::reach::Nobody;
use crate::decide::people::released;
use crate::decide::signal_hold::holding;
use crate::decide::tool_gates::{CallAsk, questions};

impl Gate {
    /// A tool is asked about, or about to be.
    pub(in crate::decide) fn is_asking(&self) -> bool {
        !self.asks.is_empty()
    }

    /// The next question that was not put yet, taken as put.
    pub(in crate::decide) fn next_question(&mut self) -> Option<Question> {
        // One that was put has no number for a moment only.
        if self.asks.values().any(CallAsk::is_unnumbered) {
            return None;
        }
        let next = self.asks.values().find(|ask| !ask.put)?.question.clone();
        self.asks.values_mut().filter(|ask| ask.question.key == next.key).for_each(|ask| ask.put = true);
        Some(next)
    }

    /// The question of this number, if it is about a tool.
    pub(in crate::decide) fn question(&self, approval: ApprovalId) -> Option<&Question> {
        self.asks.values().find(|ask| ask.approval == Some(approval)).map(|ask| &ask.question)
    }

    /// The number of a question about a tool.
    pub fn approval(&self, question: &Question) -> Option<ApprovalId> {
        self.asks.values().find(|ask| ask.question == *question)?.approval
    }

    /// A question about a tool.
    pub(in crate::decide) fn asked(&self) -> Option<ApprovalId> {
        self.asks.values().find_map(|ask| ask.approval)
    }
}

/// A tool meets a gate: it is refused, asked about, or only noted.
pub(in crate::decide) fn meet_gate(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    (judged, call): (&Judged, &ToolCall),
) {
    if judged.would || cx.policy.observe {
        let verb = if judged.verb == GateVerb::Deny { "deny" } else { "ask" };
        agents.say(who, &format!("would {verb}: {}", judged.because), effects);
        return;
    }
    let (wait, otherwise) = match judged.verb {
        GateVerb::Deny => {
            agents.say(who, &format!("deny: {}", judged.because), effects);
            return refuse_call(cx, agents, accounts, effects, who, hook, (&judged.because, None));
        }
        GateVerb::Ask { wait, otherwise } => (wait, otherwise),
    };
    let key = questions::call_key(cx, agents, who, &judged.rule, call);
    match questions::allowed_before(cx, agents, who, &key) {
        Some(by) => {
            agents[who].gate.passes.insert(hook, by);
        }
        None => match cx.fixed.nobody_for(None) {
            Some(nobody) => refuse_unasked(cx, agents, accounts, effects, (who, hook), (judged, otherwise), nobody),
            None => ask_about(cx, agents, effects, (who, hook), key, (judged, call), (wait, otherwise)),
        },
    }
}

/// A tool that nobody can be asked about: the gate's `else` is done at once.
fn refuse_unasked(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    (who, hook): (AgentId, HookId),
    (judged, otherwise): (&Judged, Refusal),
    nobody: Nobody,
) {
    let what = format!("{}: {nobody}: {otherwise}", judged.because);
    match otherwise {
        Refusal::Deny => {
            agents.say(who, &what, effects);
            refuse_call(cx, agents, accounts, effects, who, hook, (&what, None));
        }
        Refusal::Stop => released::stop_because(cx, agents, accounts, effects, who, what),
        Refusal::Kill => released::kill_because(cx, agents, accounts, effects, who, what),
    }
}

fn ask_about(
    cx: &Context<'_>,
    agents: &mut Agents,
    effects: &mut Effects,
    (who, hook): (AgentId, HookId),
    key: BudgetKey,
    (judged, call): (&Judged, &ToolCall),
    (wait, otherwise): (Duration, Refusal),
) {
    // One that is being ended waits for that.
    let asked = |agent: &Agent| agent.is_live() && agent.treatment() < Some(Intent::Stop);
    let agent = &mut agents[who];
    if !asked(agent) {
        return;
    }
    if let Some(same) = agent.gate.asks.values().find(|ask| ask.question.key == key).cloned() {
        let number = same.approval.map_or_else(String::new, |approval| format!(" {approval}"));
        agent.gate.asks.insert(hook, same);
        agents.mark(Some(who), format!("an equal call waits for the answer to approval{number}, too"), effects);
        return;
    }
    let question = Question {
        run: cx.run.clone(),
        agent: agent.setup.name.clone(),
        key,
        text: format!("{}: {}: {}", judged.because, call.tool, call.short),
        cost: agent.cost,
        extend: Quantity { unit: Unit::ToolCalls, amount: 1 },
        route_to: None,
        wait,
        otherwise: Verb::Stop,
        about: if agent.gate.asker_of(hook).is_some() { About::Request(otherwise) } else { About::Call(otherwise) },
    };
    agent.gate.asks.insert(hook, CallAsk { question, put: false, approval: None });
    holding::put_next(agents, effects, who);
}

pub(in crate::decide) fn refuse_call(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    hook: HookId,
    (why, by): (&str, Option<&str>),
) {
    let spends = agents[who].gate.asker_of(hook);
    if let Some(thread) = spends {
        return refuse_request(cx, agents, accounts, effects, who, &thread, why);
    }
    let Some((thread, wants)) = agents[who].gate.take(hook) else { return };
    if let Wants::Tool(call) = wants {
        questions::record_call(cx, agents, accounts, effects, (who, thread), call, (ToolVerdict::Denied, by));
    }
    effects.push(Effect::Answer { hook, deny: Some(format!("govern: {why}")) });
}

/// A gate or a person refuses a request. A sub-agent's, or one at a person's screen, waits until it is interrupted;
/// any other agent ends before it is sent.
fn refuse_request(
    cx: &Context<'_>,
    agents: &mut Agents,
    accounts: &mut Accounts,
    effects: &mut Effects,
    who: AgentId,
    thread: &ThreadId,
    why: &str,
) {
    let agent = &agents[who];
    let sub_agent = agent.threads.get(thread).is_some_and(|known| known.is_sub_agent(thread));
    if sub_agent || agent.setup.full_screen {
        return barring::bar(agents, accounts, effects, who, thread, why.to_owned(), None);
    }
    released::stop_because(cx, agents, accounts, effects, who, format!("the request is refused: {why}"));
}
