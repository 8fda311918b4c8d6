//! Hooks: Codex at the gate, and what it is told.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::codex::{Failing, HookEvent, HookTarget, Invocation, NoHooks};
use crate::decide::Effect;
use crate::decide::message::{Gone, Hook, HookId, Input, Works};
use crate::error::Error;
use crate::gate::hook::{HookAnswer, HookInput, HookReply, HookWord};
use crate::gate::mark;
use crate::gate::socket::{self, HookCall};
use crate::model::event::GateReach;
use crate::model::{AgentName, ModelId, Peer, ThreadId};
use crate::policy;
use crate::process::{self, Order};
use crate::proxy::talk::Refused;
use crate::tail::Held;
use crate::tail::held::file_at;
use crate::turn::hook::{asked, lacks, wants};

use super::adviser;
use super::passing::number_of;
use super::supervisor::Supervisor;

/// A hook that waits.
pub(super) struct Waiting {
    agent: AgentName,
    call: HookCall,
    /// Its output, held open: Codex waits for the end of that, so that it does not go on if the hook is killed together
    /// with its shell.
    output: Option<File>,
    /// It was not answered at once.
    is_held: bool,
}

impl Supervisor {
    /// A hook asks: what was recorded until now counts first.
    pub(super) fn hooked(&mut self, call: HookCall) -> Result<Vec<Effect>, Error> {
        if let Err(why) = self.admits_hook(&call.peer) {
            self.mark(format!("a hook was turned away: {why}"));
            call.reply(&HookReply::Fail { why: why.to_owned() });
            return Ok(Vec::new());
        }
        let thread = call.input.thread();
        let codex = call.peer.pid().and_then(process::codex_above);
        self.hooked.extend(codex.and_then(process::identity_of));
        let owner = call.peer.pid().and_then(|pid| self.owners.of(pid));
        let Some(agent) =
            owner.or_else(|| self.sessions.agent_of(&thread).or_else(|| self.agent_without_file(&thread)).cloned())
        else {
            let why = "it cannot be told which agent called it";
            self.mark(format!("a hook was turned away: {why}"));
            call.reply(&HookReply::Fail { why: why.to_owned() });
            return Ok(Vec::new());
        };
        // A hook that the machine's owner put there: it is govern's own question, which nothing holds.
        if self.advising.is_some() && agent == adviser::name() {
            call.reply(&HookReply::Print { text: String::new() });
            return Ok(Vec::new());
        }
        if call.event == HookEvent::PostModelRequest {
            return self.told_after(call, &agent, codex);
        }
        let mut inputs = self.read_for(&call.input, codex, &agent);
        inputs.extend(self.without_session_file(&call, &agent));
        let wants = wants(call.event, &call.input, &self.governor, &agent, &self.run);
        self.judged.note(&call.input);
        if call.input.has_no_file() {
            self.found_without_file(&agent, &call.input, codex);
            // It asks here first, and tells here what it used.
            let identity = codex.filter(|_| wants.spends()).and_then(process::identity_of);
            inputs.extend(identity.and_then(|codex| self.observed(&agent, codex)));
        }
        if wants.spends() {
            let missing = self.pairings.asks(&thread, call.input.turn());
            inputs.extend(missing.iter().map(|one| Input::Altered { agent: agent.clone(), what: lacks(&thread, one) }));
        }
        let whose = agent.clone();
        let identity = codex.and_then(process::identity_of);
        let inside = self.inside_of(identity, &agent, &call.input.session_id);
        let unpriced = self.is_unpriced(&thread, call.input.model.as_ref());
        inputs.push(Input::Hook(Box::new(Hook {
            id: HookId(call.number),
            wants,
            asked: asked(call.event, &call.input),
            has_file: !call.input.has_no_file(),
            agent,
            root: call.input.session_id.clone(),
            inside,
            model: call.input.model.clone(),
            tier: self.tier_of(&thread).cloned(),
            unpriced,
            thread,
        })));
        let output =
            call.peer.pid().filter(|_| call.event.gates() && self.governor.gates()).and_then(process::output_of);
        self.at_gate.insert(HookId(call.number), Waiting { agent: whose, call, output, is_held: false });
        self.turn(inputs)
    }

    /// Whatever waits at the gate by now is held: how long that takes is no matter of govern's speed.
    pub(super) fn note_held_hooks(&mut self) {
        for waiting in self.at_gate.values_mut() {
            waiting.is_held = true;
        }
    }

    /// The model that is asked next has no price. Where its provider is not known yet, that is not known either.
    fn is_unpriced(&mut self, thread: &ThreadId, model: Option<&ModelId>) -> bool {
        let Some((home, provider, plan)) = self.payer_of(thread) else { return false };
        let billing = self.billing(&home, provider.as_deref(), plan.as_deref());
        let tier = self.tier_of(thread).cloned().unwrap_or_default();
        let unpriced = &self.governor.policy().models.unpriced;
        model.is_some() && policy::cost::has_no_price(&self.prices, unpriced, billing, model, &tier, clock::now())
    }

    /// The connection of a hook has ended: an answered one's does, too.
    pub(super) fn hook_gone(&mut self, number: u64, word: Option<HookWord>) -> Result<Vec<Effect>, Error> {
        let hook = HookId(number);
        let Some(agent) = self.at_gate.get(&hook).map(|waiting| waiting.agent.clone()) else { return Ok(Vec::new()) };
        let why = match word {
            Some(HookWord::Withdrawn) => Gone::Withdrawn,
            Some(HookWord::Orphaned) | None => Gone::Broken,
        };
        // One of a Codex that was ended, to go on with another model, is no breach of the one that runs now.
        let waits = self.governor.agent(&agent).is_some_and(|agent| agent.is_live() && agent.gate.waits(hook));
        if why == Gone::Broken && waits && self.governor.gates() {
            // Its Codex goes on within milliseconds: it is to stand still before that is even written down.
            self.order_in_passing(Order::Freeze { agent })?;
        }
        let effects = self.turn(vec![Input::HookGone { hook, why }]);
        // Where nothing may go past the gate, Codex waits on until all of it is ended.
        if why == Gone::Withdrawn || !self.governor.gates() {
            self.at_gate.remove(&hook);
        }
        effects
    }

    /// How limits are kept is found out once for each agent: when its first request comes to the gate, or its first
    /// answer without one. A limit that cannot be kept then is one input more.
    pub(super) fn find_reaches(&mut self, inputs: &[Input]) -> Vec<Input> {
        let mut found: BTreeMap<AgentName, Option<GateReach>> = BTreeMap::new();
        for input in inputs {
            let (agent, reach) = match input {
                Input::Hook(hook) if hook.wants.asks_first() => (Some(&hook.agent), Some(GateReach::Requests)),
                Input::Responded(response) => {
                    let agent = response.agent.as_ref();
                    (agent, agent.and_then(|agent| self.governor.agent(agent)?.gate.reach()))
                }
                _ => continue,
            };
            if let Some(agent) = agent {
                let best = found.entry(agent.clone()).or_default();
                *best = reach.max(*best);
            }
        }
        found.into_iter().filter_map(|(agent, reach)| self.found_reach(agent, reach)).collect()
    }

    fn found_reach(&mut self, agent: AgentName, reach: Option<GateReach>) -> Option<Input> {
        let ward = self.wards.get_mut(&agent)?;
        if std::mem::replace(&mut ward.reach_known, true) || !self.governor.gates() {
            return None;
        }
        if reach.is_none() && self.governor.policy().has_gates() {
            self.mark_of(&agent, "the policy's gates hold nothing here: no tool was seen to ask first".to_owned());
        }
        if self.reaches_said.insert(reach) {
            self.say(match reach {
                Some(GateReach::Requests) if self.passing.as_ref().is_some_and(|passing| passing.has_asked(&agent)) => {
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

    /// Only processes of the agent's own tree, which Codex started.
    fn admits_hook(&self, peer: &Peer) -> Result<(), &'static str> {
        if peer.uid != process::own_uid() {
            return Err("another user's process called it");
        }
        let caller = peer.caller.as_ref().zip(self.guard_pid());
        let inside = caller.is_some_and(|(caller, guard)| caller.descends_from(guard));
        if inside { Ok(()) } else { Err("a process called it that no agent of this run started") }
    }

    /// A Codex whose thread has no session file may have ended before the next look through the tree. Under a limit such
    /// a look comes at once, and knows more of it.
    fn without_session_file(&self, call: &HookCall, agent: &AgentName) -> Option<Input> {
        if self.governor.enforces() || !call.input.has_no_file() {
            return None;
        }
        let process = call.peer.pid().and_then(process::codex_above).and_then(process::identity_of)?;
        let agent = agent.clone();
        Some(Input::CodexSeen { agent, process, ephemeral: true, tells: true, works: Works::WhenTyped })
    }

    /// The caller names its session file, and has written all of it that was before this.
    pub(super) fn read_for(&mut self, input: &HookInput, codex: Option<i32>, agent: &AgentName) -> Vec<Input> {
        let mut inputs = Vec::new();
        let named = input.transcript_path.as_deref();
        if let Some(path) = named.map(|path| codex.map_or(path.to_owned(), |pid| process::path_seen_by(pid, path))) {
            if !self.reads(&path) {
                // What Codex has open is its file, whatever its name leads to.
                inputs.extend(self.claim_open());
            }
            if !self.sessions.knows_name_of(&path)
                && let Ok(file) = Held::open(&path)
            {
                let _unobserved = self.sessions.claim(file, agent);
            }
            // One that goes on with a thread of this run is seen by a file that is known already.
            if self.reads(&path) {
                let codex = codex.and_then(process::identity_of);
                inputs.extend(codex.and_then(|codex| self.observed(agent, codex)));
            }
        }
        inputs.extend(self.read_all());
        inputs
    }

    /// A path leads to a session file of ours.
    fn reads(&self, path: &Path) -> bool {
        file_at(path).is_some_and(|id| self.sessions.owns(id))
    }

    /// What Codex is told; a person at its screen reads there what was said since.
    pub(super) fn answer_hook(&mut self, hook: HookId, deny: Option<String>) {
        if let (Some(number), Some(passing)) = (number_of(hook), &mut self.passing) {
            return match deny {
                None => passing.lets_pass(number),
                Some(message) => passing.refuses(number, Refused { message, rule: None }),
            };
        }
        let context = self.telling.remove(&hook).map(|texts| texts.join("\n"));
        let Some(Waiting { call, output, is_held, .. }) = self.at_gate.remove(&hook) else { return };
        let shows = self.full_screen && call.event.shows_messages() && !self.unsaid.is_empty();
        let message = shows.then(|| std::mem::take(&mut self.unsaid).join("; ")).map(|said| format!("govern: {said}"));
        let text = HookAnswer { deny, message, context }.text(call.event);
        drop(output);
        if !is_held {
            self.timing.answered(clock::monotonic().saturating_duration_since(call.heard));
        }
        call.reply(&HookReply::Print { text });
    }

    /// Where the hooks of an agent leave word that they could not ask.
    fn gate_mark(&self, agent: &AgentName) -> PathBuf {
        let place = self.order.iter().position(|name| name == agent).unwrap_or(self.order.len());
        mark::path_of(&self.sockets, &self.run, place)
    }

    /// What an agent's hooks have left before its command ended, other than well.
    pub(super) fn gate_failed(&mut self, agent: &AgentName, ok: bool) -> Option<Input> {
        let failed = mark::take(&self.gate_mark(agent));
        (failed && !ok).then(|| Input::GateFailed(agent.clone()))
    }

    /// The command line with govern's hooks in it, where it can have them.
    pub(super) fn with_hooks(&mut self, agent: &AgentName, argv: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
        let Some(invocation) = Invocation::parse(&argv) else { return argv };
        let Some(govern) = process::own_program() else {
            self.mark_of(agent, "govern cannot tell where its own program is, so its hooks are left out".to_owned());
            return argv;
        };
        let socket = socket::path_of(&self.sockets, &self.run);
        let failing = if self.governor.gates() { Failing::Closed } else { Failing::Open };
        let posix_shell = process::has_posix_shell();
        let failed = self.gate_mark(agent);
        let running = process::own_identity().map(|own| own.pid);
        let (govern, socket, failed) = (&*govern, &*socket, &*failed);
        let target = HookTarget { govern, running, socket, failed, failing, posix_shell };
        match invocation.with_hooks(&target) {
            Ok(hooked) => hooked,
            Err(NoHooks::NoSession) => argv,
            // Under a limit it was refused before.
            Err(why) => {
                self.mark_of(agent, format!("no hooks: {why}"));
                argv
            }
        }
    }
}
