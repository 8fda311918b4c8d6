//! What a hook of Codex's comes to for the governor: what is asked, and what the policy's gates say to it.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::codex::{self, HookEvent};
use crate::decide::Governor;
use crate::decide::agents::Agent;
use crate::decide::message::{Asked, Judged, ToolCall, Wants};
use crate::decide::models::not_allowed;
use crate::gate::hook::HookInput;
use crate::model::with_unit::counted;
use crate::model::{AgentName, ModelId, RunId, ThreadId};
use crate::policy;
use crate::policy::gate::starts_sub_agents;
use crate::policy::rule::GateVerb;
use crate::shell::CommandLine;
use crate::usage::pairing::One;

/// How much of a tool's input is kept in words, in characters.
const SHORT: usize = 200;

/// Which request it is about.
pub(crate) fn asked(event: HookEvent, input: &HookInput) -> Asked {
    Asked { request: input.request_id.clone(), compacts: event == HookEvent::PreCompact || input.compacts() }
}

/// What Codex is about to do, as the governor sees it.
pub(crate) fn wants(event: HookEvent, input: &HookInput, governor: &Governor, agent: &AgentName, run: &RunId) -> Wants {
    match event {
        HookEvent::SessionStart => Wants::Session,
        HookEvent::UserPromptSubmit => Wants::Turn,
        HookEvent::PreModelRequest => Wants::Request,
        HookEvent::PreCompact => Wants::Compaction,
        HookEvent::PreToolUse => Wants::Tool(tool_call(input, governor, agent, run)),
        // What was is metered, and asks for nothing.
        HookEvent::PostModelRequest | HookEvent::Stop | HookEvent::SubagentStop | HookEvent::SessionEnd => {
            Wants::TurnEnd
        }
    }
}

fn tool_call(input: &HookInput, governor: &Governor, agent: &AgentName, run: &RunId) -> ToolCall {
    let whole = input.tool_input.to_string();
    let digest = Sha256::digest(&whole).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let command = input.tool_input.get("command");
    let words: Option<Vec<String>> = command.and_then(|command| serde_json::from_value(command.clone()).ok());
    let text = command.and_then(Value::as_str);
    let tool = input.tool_name.clone().unwrap_or_default();
    let line = text.map(CommandLine::Text).or(words.as_deref().map(CommandLine::Words));
    let judged = spawns_a_model(&tool, input, governor).or_else(|| {
        judge((&tool, line), input.model.as_ref(), &input.thread(), (governor, governor.agent(agent)?, run))
    });
    let words = words.as_ref().map(|words| words.join(" "));
    let short = codex::redact(text.or(words.as_deref()).unwrap_or(&whole));
    let call = input.tool_use_id.clone();
    ToolCall { tool, digest, short: short.chars().take(SHORT).collect(), judged, call }
}

/// A sub-agent on a model that is not allowed is not started. (0.169 and 0.171 name the model in the input of `spawn_agent`
/// where it is not the parent's.)
fn spawns_a_model(tool: &str, input: &HookInput, governor: &Governor) -> Option<Judged> {
    starts_sub_agents(tool)?;
    let model = input.tool_input.get("model").and_then(Value::as_str)?;
    let because = not_allowed(&ModelId::new(model));
    let refused = !governor.policy().models.allows(model);
    refused.then(|| Judged { rule: "models.allow".to_owned(), verb: GateVerb::Deny, because, would: false })
}

/// What the policy's gates say to a tool.
pub(crate) fn judge(
    (tool, command): (&str, Option<CommandLine<'_>>),
    model: Option<&ModelId>,
    thread: &ThreadId,
    (governor, agent, run): (&Governor, &Agent, &RunId),
) -> Option<Judged> {
    let gates = &governor.policy().gates;
    let call = policy::gate::ToolCall {
        tool,
        command,
        paths: &[],
        model: model.map(ModelId::as_str),
        value: &|dimension| agent.value(run, dimension),
        next_cost: agent.next_cost(thread),
    };
    let verdict = policy::gate::judge(gates, &call)?;
    let rule = verdict.gate.to_string();
    let because = codex::redact(&verdict.because.join("; "));
    Some(Judged { rule, verb: verdict.verb, because, would: verdict.observe })
}

/// What is said of a response that Codex told of, and did not record.
pub(crate) fn lacks(thread: &ThreadId, one: &One) -> String {
    let tokens = counted(one.tokens.total(), "token", "tokens");
    format!("the session file of thread {thread} has no record of a response of {tokens} that Codex told of")
}
