//! What Codex tells after its requests: the second source of the meter, and the only one of a thread without a session
//! file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::codex::installed::{self, Trust};
use crate::codex::{Defaults, HookEvent, Invocation};
use crate::decide::Effect;
use crate::decide::message::{Input, Phase};
use crate::error::Error;
use crate::gate::hook::{HookInput, HookReply};
use crate::gate::socket::{self, HookCall};
use crate::model::counted::counted;
use crate::model::event::EventKind;
use crate::model::{AgentName, Basis, ProcessIdentity, Response, ResponseKey, ServiceTier, Source, ThreadId, Tokens};
use crate::process;
use crate::tail::{locate, settings};
use crate::turn::configured::layers;
use crate::turn::hook::lacks;
use crate::usage::meter::Answer;
use crate::usage::pairing::{Difference, Recorded, Told};

use super::supervisor::Supervisor;

/// What is known of a thread that writes no session file.
#[derive(Clone, Debug)]
pub(super) struct WithoutFile {
    agent: AgentName,
    home: PathBuf,
    defaults: Defaults,
    /// The Codex that runs it; `None` once it is gone.
    codex: Option<ProcessIdentity>,
}

impl Supervisor {
    /// Codex tells what a request used. It is not kept waiting: in 0.169 its tools wait for this hook, in 0.171 the
    /// record does.
    pub(super) fn told_after(
        &mut self,
        call: HookCall,
        agent: &AgentName,
        codex: Option<i32>,
    ) -> Result<Vec<Effect>, Error> {
        let input = call.input.clone();
        let codex_home = codex.filter(|_| input.has_no_file()).and_then(codex_home);
        self.timing.answered(clock::monotonic().saturating_duration_since(call.heard));
        call.reply(&HookReply::Print { text: String::new() });
        let mut inputs = self.read_for(&input, codex, agent);
        if let Some(home) = codex_home {
            self.found_without_file_in(home, agent, &input, codex);
            inputs.extend(codex.and_then(process::identity_of).and_then(|codex| self.observed(agent, codex)));
        }
        let (thread, telling) = (input.thread(), input.telling());
        match self.pairings.tell(&thread, &telling) {
            Told::New(key) => {
                let tokens = telling.tokens.unwrap_or_default();
                let response = self.told_response(agent, &input, key, tokens);
                inputs.push(Input::Responded(Box::new(response)));
            }
            Told::Known(difference) => self.differs(agent, &thread, difference),
            Told::Failed => {
                inputs.push(Input::Failed { agent: agent.clone(), thread, cut_off: telling.cut_off });
            }
            Told::Unsaid => inputs.push(Input::Untold { agent: agent.clone(), thread }),
            Told::Again => {}
        }
        self.turn(inputs)
    }

    /// A record: says whether a hook has told of its response before.
    pub(super) fn is_told_first(&mut self, agent: &AgentName, answer: &Answer) -> bool {
        // One whose request nothing but the gateway was to tell of.
        if self.passing.as_ref().is_some_and(|passing| passing.known_ids.contains(&answer.key)) {
            return true;
        }
        match self.pairings.record(&answer.thread, &answer.key, &answer.tokens) {
            // What was read before is the ledger's to know.
            Recorded::New | Recorded::Again => false,
            Recorded::Known { told, difference } => {
                if told != answer.key {
                    self.note_of(
                        agent,
                        EventKind::Confirmed { thread: answer.thread.clone(), told, key: answer.key.clone() },
                    );
                }
                self.differs(agent, &answer.thread, difference);
                true
            }
        }
    }

    /// The two do not agree: what came first counts, and both are kept.
    fn differs(&mut self, agent: &AgentName, thread: &ThreadId, difference: Option<Difference>) {
        let Some(Difference { key, record, hook }) = difference else { return };
        let (record_total, hook_total) = (counted(record.total(), "token", "tokens"), hook.total());
        self.say_of(
            agent,
            &format!(
                "a response of thread {thread} has {record_total} in the session file, and {hook_total} by what \
                 Codex told after the request: what came first counts"
            ),
        );
        self.note_of(agent, EventKind::Differed { thread: thread.clone(), key, record, hook });
    }

    /// The run is over, and its files were read to their end: what hooks told and no record came for is told once.
    pub(super) fn tell_what_lacks(&mut self) {
        for (thread, one) in self.pairings.all_missing() {
            let what = lacks(&thread, &one);
            self.say(&what);
            match self.sessions.agent_of(&thread).cloned() {
                Some(agent) => self.mark_of(&agent, what),
                None => self.mark(what),
            }
        }
    }

    fn told_response(&mut self, agent: &AgentName, input: &HookInput, key: ResponseKey, tokens: Tokens) -> Response {
        let thread = input.thread();
        let (home, provider, plan) = self.payer_of(&thread).unwrap_or_default();
        let answer = Answer {
            root: input.session_id.clone(),
            key,
            at: clock::now(),
            model: input.model.clone(),
            provider,
            tier: self.tier_of(&thread).cloned().unwrap_or_default(),
            tokens,
            basis: self.without_file.get(&thread).map_or(Basis::Observed, |known| known.defaults.basis()),
            has_tool_calls: false,
            counts: true,
            thread,
        };
        Response { source: Source::Hook, ..self.price(agent.clone(), answer, &home, plan.as_deref()) }
    }

    /// What tells who pays for a thread: its home, its provider and the plan that its file names.
    pub(super) fn payer_of(&self, thread: &ThreadId) -> Option<(PathBuf, Option<String>, Option<String>)> {
        let without_file = || {
            let known = self.without_file.get(thread)?;
            Some((known.home.clone(), known.defaults.provider.clone(), None))
        };
        self.sessions.payer_of(thread).or_else(without_file)
    }

    /// The service tier that a thread's next request asks for.
    pub(super) fn tier_of(&self, thread: &ThreadId) -> Option<&ServiceTier> {
        let by_default = || self.without_file.get(thread)?.defaults.tier.as_ref();
        self.sessions.tier_of(thread).or_else(by_default)
    }

    /// A thread without a session file comes to the gate.
    pub(super) fn found_without_file(&mut self, agent: &AgentName, input: &HookInput, codex: Option<i32>) {
        if let Some(home) = codex.and_then(codex_home) {
            self.found_without_file_in(home, agent, input, codex);
        }
    }

    fn found_without_file_in(&mut self, home: PathBuf, agent: &AgentName, input: &HookInput, codex: Option<i32>) {
        let thread = input.thread();
        // A side chat goes by the name of its root, which has a file.
        if self.without_file.contains_key(&thread) || self.sessions.payer_of(&thread).is_some() {
            return;
        }
        let command = codex.map(process::command_line).unwrap_or_default();
        let folder = input.cwd.as_deref().map(|folder| match codex {
            Some(codex) => process::path_seen_by(codex, folder),
            None => folder.to_owned(),
        });
        let defaults = Defaults::of(&command, &layers(&command, Some(&home), folder.as_deref()));
        let billing = self.billing(&home, defaults.provider.as_deref(), None);
        let seen = EventKind::ThreadSeen {
            thread: thread.clone(),
            root: input.session_id.clone(),
            parent: (thread != input.session_id).then(|| input.session_id.clone()),
            path: String::new(),
            codex: None,
            billing,
            role: None,
        };
        self.note_of(agent, seen);
        let codex = codex.and_then(process::identity_of);
        self.without_file.insert(thread, WithoutFile { agent: agent.clone(), home, defaults, codex });
    }

    /// The threads without a session file whose Codex is gone: each is told once.
    pub(super) fn ended_without_file(&mut self) -> Vec<Input> {
        let known = self.without_file.iter_mut();
        let gone = known.filter_map(|(thread, known)| {
            known.codex.take_if(|codex| !process::alive(*codex))?;
            let (agent, thread) = (known.agent.clone(), thread.clone());
            Some(Input::Phase { agent, thread, root: None, phase: Phase::Idle, by_answer: false })
        });
        gone.collect()
    }

    /// govern's hooks are with this Codex: on its command line, in the configuration of its home, or in the machine's.
    /// Whether it runs them is found out by what comes. `argv` is what it was called with when it was known for a Codex:
    /// the child that one forks for a tool is the same process a moment later, and another program.
    pub(super) fn has_hooks(&self, (pid, argv): (i32, &[OsString]), invocation: Option<&Invocation>) -> bool {
        self.has_hook((pid, argv), invocation, HookEvent::PostModelRequest)
    }

    /// The same of govern's hook for this event.
    pub(super) fn has_hook(
        &self,
        (pid, argv): (i32, &[OsString]),
        invocation: Option<&Invocation>,
        event: HookEvent,
    ) -> bool {
        let socket = socket::path_of(&self.sockets, &self.run).display().to_string();
        if argv.iter().any(|word| word.to_string_lossy().contains(&socket)) {
            return true;
        }
        let managed = settings::at(&process::path_seen_by(pid, Path::new(settings::MANAGED))).unwrap_or_default();
        if runs_hook(&managed, Trust::Managed(""), event) {
            return true;
        }
        let Some(home) = codex_home(pid).filter(|_| invocation.is_none_or(|own| own.refuses_hooks().is_none())) else {
            return false;
        };
        let here = process::path_seen_by(pid, &home);
        let text = settings::of(&here).unwrap_or_default();
        // Codex goes by the name that it was given for its home, or by where that leads: the hooks were trusted as the
        // installed Codex goes.
        let names = [Some(home), here.canonicalize().ok()].into_iter().flatten();
        names
            .map(|name| name.join("config.toml").display().to_string())
            .any(|name| runs_hook(&text, Trust::Hashes(&[name]), event))
    }

    /// The agent of a thread without a session file.
    pub(super) fn agent_without_file(&self, thread: &ThreadId) -> Option<&AgentName> {
        self.without_file.get(thread).map(|known| &known.agent)
    }
}

/// A configuration has govern's hook for this event, and Codex runs it.
fn runs_hook(text: &str, trust: Trust<'_>, event: HookEvent) -> bool {
    let is_it = |found: &installed::Found| found.event == event && found.trusted;
    installed::standing(text, trust).is_ok_and(|standing| !standing.off && standing.hooks.iter().any(is_it))
}

/// The home of a Codex that runs.
fn codex_home(pid: i32) -> Option<PathBuf> {
    locate::codex_home(|name| process::environ_var(pid, name))
}
