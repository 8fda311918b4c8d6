//! Hooks: Codex at the gate, and what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use crate::clock;
use crate::codex::HookEvent;
use crate::decide::Governor;
use crate::decide::message::{Gone, Hook, HookId, Input, Works};
use crate::gate::hook::{HookAnswer, HookReply, HookWord};
use crate::gate::socket::HookCall;
use crate::model::event::GateReach;
use crate::model::{AgentName, Peer};
use crate::process;
use crate::supervise::context::Context;
use crate::supervise::journal::Journal;
use crate::supervise::processes::Processes;
use crate::turn::hook::{asked, lacks, wants};

use super::Intake;
use super::gateway::Gateway;
use super::installed::codex_home;
use super::silent_codexes::observed;

/// A hook that waits.
struct Waiting {
    agent: AgentName,
    call: HookCall,
    /// Its output, held open: Codex waits for the end of that, so that it does not go on if the hook is killed together
    /// with its shell.
    output: Option<File>,
    /// It was not answered at once.
    is_held: bool,
}

/// The hooks of a run that wait, and what is known of the gate.
#[derive(Default)]
pub(in crate::supervise) struct Gate {
    waiting: BTreeMap<HookId, Waiting>,
    /// What models are told with the answers that follow.
    telling: BTreeMap<HookId, Vec<String>>,
    /// Agents of which it was found out how limits are kept.
    reach_known: BTreeSet<AgentName>,
    /// How limits are kept was said, of these ways.
    reaches_said: BTreeSet<Option<GateReach>>,
}

/// The connection of a hook that waited has ended.
pub(in crate::supervise) struct HookEnd {
    pub(in crate::supervise) hook: HookId,
    pub(in crate::supervise) why: Gone,
    /// Its agent goes on within milliseconds: it is to stand still before that is even written down.
    pub(in crate::supervise) freezes: Option<AgentName>,
    /// Where nothing may go past the gate, Codex waits on until all of it is ended.
    pub(in crate::supervise) stays: bool,
}

impl Gate {
    /// A hook asks: what was recorded until now counts first. `None`: it was answered, and nothing comes of it.
    pub(in crate::supervise) fn hooked(
        &mut self,
        call: HookCall,
        intake: &mut Intake,
        context: &mut Context<'_>,
    ) -> Option<Vec<Input>> {
        if let Err(why) = admits(&call.peer, context.processes) {
            return turn_away(call, why, context.journal);
        }
        let thread = call.input.thread();
        let codex = call.peer.pid().and_then(process::codex_above);
        let identity = codex.and_then(process::identity_of);
        intake.callers.calls(identity);
        let owner = call.peer.pid().and_then(|pid| context.processes.owner(pid));
        let Some(agent) = owner.or_else(|| intake.agent_of(&thread).cloned()) else {
            return turn_away(call, "it cannot be told which agent called it", context.journal);
        };
        // A hook that the machine's owner put there: it is govern's own question, which nothing holds.
        if context.agents.is_adviser(&agent) {
            call.reply(&HookReply::Print { text: String::new() });
            return None;
        }
        if call.event == HookEvent::PostModelRequest {
            // Codex is not kept waiting: in 0.169 its tools wait for this hook, in 0.171 the record does.
            let input = call.input.clone();
            let home = codex.filter(|_| input.has_no_file()).and_then(codex_home);
            context.journal.answered(clock::monotonic().saturating_duration_since(call.heard));
            call.reply(&HookReply::Print { text: String::new() });
            return Some(intake.told_after((&agent, &input), (codex, home), context));
        }
        let mut inputs = intake.read_for(&call.input, codex, &agent, context);
        inputs.extend(without_session_file(&call, &agent, context.governor));
        let wants = wants(call.event, &call.input, context.governor, &agent, &context.run.id);
        intake.callers.judges(&call.input);
        if call.input.has_no_file() {
            if let Some(home) = codex.and_then(codex_home) {
                let of = (&agent, &call.input, codex);
                intake.spend.found_without_file(home, of, &intake.sessions, context.journal);
            }
            // It asks here first, and tells here what it used.
            let spends = identity.filter(|_| wants.spends());
            inputs.extend(spends.and_then(|codex| observed(&agent, codex, context)));
        }
        if wants.spends() {
            let missing = intake.spend.asks(&thread, call.input.turn());
            inputs.extend(missing.iter().map(|one| Input::Altered { agent: agent.clone(), what: lacks(&thread, one) }));
        }
        let inside = intake.callers.inside_of(identity, &agent, &call.input.session_id, context.governor);
        let unpriced = intake.is_unpriced(&thread, call.input.model.as_ref(), context);
        inputs.push(Input::Hook(Box::new(Hook {
            id: HookId(call.number),
            wants,
            asked: asked(call.event, &call.input),
            has_file: !call.input.has_no_file(),
            agent: agent.clone(),
            root: call.input.session_id.clone(),
            inside,
            model: call.input.model.clone(),
            tier: intake.tier_of(&thread).cloned(),
            unpriced,
            thread,
        })));
        let output =
            call.peer.pid().filter(|_| call.event.gates() && context.governor.gates()).and_then(process::output_of);
        self.waiting.insert(HookId(call.number), Waiting { agent, call, output, is_held: false });
        Some(inputs)
    }

    /// Whatever waits at the gate by now is held: how long that takes is no matter of govern's speed.
    pub(in crate::supervise) fn note_held(&mut self) {
        for waiting in self.waiting.values_mut() {
            waiting.is_held = true;
        }
    }

    /// The connection of a hook has ended; `None` for one that was answered.
    pub(in crate::supervise) fn ended(
        &self,
        number: u64,
        word: Option<HookWord>,
        governor: &Governor,
    ) -> Option<HookEnd> {
        let hook = HookId(number);
        let agent = self.waiting.get(&hook)?.agent.clone();
        let why = match word {
            Some(HookWord::Withdrawn) => Gone::Withdrawn,
            Some(HookWord::Orphaned) | None => Gone::Broken,
        };
        // One of a Codex that was ended, to go on with another model, is no breach of the one that runs now.
        let waits = governor.agent(&agent).is_some_and(|agent| agent.is_live() && agent.gate.waits(hook));
        let stays = why == Gone::Broken && governor.gates();
        Some(HookEnd { hook, why, freezes: (waits && stays).then_some(agent), stays })
    }

    /// Nobody waits for this hook any more.
    pub(in crate::supervise) fn forget(&mut self, hook: HookId) {
        self.waiting.remove(&hook);
    }

    /// How limits are kept is found out once for each agent: when its first request comes to the gate, or its first
    /// answer without one. A limit that cannot be kept then is one input more.
    pub(in crate::supervise) fn find_reaches(
        &mut self,
        inputs: &[Input],
        gateway: Option<&Gateway>,
        context: &mut Context<'_>,
    ) -> Vec<Input> {
        let mut found: BTreeMap<AgentName, Option<GateReach>> = BTreeMap::new();
        for input in inputs {
            let (agent, reach) = match input {
                Input::Hook(hook) if hook.wants.asks_first() => (Some(&hook.agent), Some(GateReach::Requests)),
                Input::Responded(response) => {
                    let agent = response.agent.as_ref();
                    (agent, agent.and_then(|agent| context.governor.agent(agent)?.gate.reach()))
                }
                _ => continue,
            };
            if let Some(agent) = agent {
                let best = found.entry(agent.clone()).or_default();
                *best = reach.max(*best);
            }
        }
        found.into_iter().filter_map(|(agent, reach)| self.found_reach(agent, reach, gateway, context)).collect()
    }

    fn found_reach(
        &mut self,
        agent: AgentName,
        reach: Option<GateReach>,
        gateway: Option<&Gateway>,
        context: &mut Context<'_>,
    ) -> Option<Input> {
        context.agents.get(&agent)?;
        if !self.reach_known.insert(agent.clone()) || !context.governor.gates() {
            return None;
        }
        if reach.is_none() && context.governor.policy().has_gates() {
            context
                .journal
                .mark_of(&agent, "the policy's gates hold nothing here: no tool was seen to ask first".to_owned());
        }
        if self.reaches_said.insert(reach) {
            context.journal.say(match reach {
                Some(GateReach::Requests) if gateway.is_some_and(|gateway| gateway.has_asked(&agent)) => {
                    "limits active at the gateway: govern checks every request to a model"
                }
                Some(GateReach::Requests) => "limits active: govern checks every request and tool call",
                Some(GateReach::Tools) => {
                    "tools wait for govern; requests are held by signals: this Codex does not ask first"
                }
                None => "limits are kept by signals: this command was not seen to call govern's hooks",
            });
        }
        let what = "this Codex was not seen to call govern's hooks".to_owned();
        reach.is_none().then_some(Input::Uncounted { agent, what })
    }

    /// What the model reads with the answer that follows.
    pub(in crate::supervise) fn tell(&mut self, hook: HookId, text: String) {
        self.telling.entry(hook).or_default().push(text);
    }

    /// What Codex is told; a person at its screen reads there what was said since.
    pub(in crate::supervise) fn answer(&mut self, hook: HookId, deny: Option<String>, journal: &mut Journal) {
        let context = self.telling.remove(&hook).map(|texts| texts.join("\n"));
        let Some(Waiting { call, output, is_held, .. }) = self.waiting.remove(&hook) else { return };
        let said = if call.event.shows_messages() { journal.take_unshown() } else { Vec::new() };
        let message = (!said.is_empty()).then(|| format!("govern: {}", said.join("; ")));
        let text = HookAnswer { deny, message, context }.text(call.event);
        drop(output);
        if !is_held {
            journal.answered(clock::monotonic().saturating_duration_since(call.heard));
        }
        call.reply(&HookReply::Print { text });
    }
}

fn turn_away(call: HookCall, why: &str, journal: &mut Journal) -> Option<Vec<Input>> {
    journal.mark(format!("a hook was turned away: {why}"));
    call.reply(&HookReply::Fail { why: why.to_owned() });
    None
}

/// Only processes of the agent's own tree, which Codex started.
fn admits(peer: &Peer, processes: &Processes) -> Result<(), &'static str> {
    if peer.uid != process::own_uid() {
        return Err("another user's process called it");
    }
    if processes.holds(peer) { Ok(()) } else { Err("a process called it that no agent of this run started") }
}

/// A Codex whose thread has no session file may have ended before the next look through the tree. Under a limit such
/// a look comes at once, and knows more of it.
fn without_session_file(call: &HookCall, agent: &AgentName, governor: &Governor) -> Option<Input> {
    if governor.enforces() || !call.input.has_no_file() {
        return None;
    }
    let process = call.peer.pid().and_then(process::codex_above).and_then(process::identity_of)?;
    let agent = agent.clone();
    Some(Input::CodexSeen { agent, process, ephemeral: true, tells: true, works: Works::WhenTyped })
}
