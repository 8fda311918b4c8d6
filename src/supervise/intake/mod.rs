//! What comes in: session files, the trees of the agents' processes, hooks, the gateway, and people.

mod callers;
mod command_lines;
mod commands;
pub(super) mod gateway;
pub(super) mod hooks;
pub(super) mod installed;
pub(super) mod people;
pub(super) mod progress;
mod reading;
mod sessions;
mod silent_codexes;
mod spend;
mod unknown_threads;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::clock;
use crate::decide::message::{Input, Timer};
use crate::gate::hook::HookInput;
use crate::model::{AgentName, ModelId, ProcessIdentity, ServiceTier, ThreadId};
use crate::policy::rule::Policy;
use crate::process;
use crate::tail::Held;
use crate::tail::open_file::file_at;
use crate::tail::watch::WatchError;

use super::context::Context;
use super::journal::Journal;
use super::process_scan::ProcessScan;

use callers::Callers;
use command_lines::Glances;
use installed::have_failed;
use progress::{Deeds, ProgressWatch};
use sessions::Sessions;
use silent_codexes::{Unseen, asked_nothing, observed};
use spend::Spend;
use unknown_threads::Strangers;

/// What session files and the processes of a run show.
pub(super) struct Intake {
    sessions: Sessions,
    progress: ProgressWatch,
    spend: Spend,
    callers: Callers,
    glances: Glances,
    unseen: Unseen,
    strangers: Strangers,
    /// Codexes whose open files may not be looked at.
    hidden: HashSet<ProcessIdentity>,
    /// How often the tree was looked through since something was started.
    sweeps: usize,
}

impl Intake {
    /// Nothing seen yet; the agents work in these folders.
    pub(super) fn new(policy: &Policy, folders: impl IntoIterator<Item = (AgentName, PathBuf)>) -> Self {
        let mut progress = ProgressWatch::new(policy);
        for (agent, folder) in folders {
            progress.add(&agent, folder);
        }
        Self {
            sessions: Sessions::new(clock::now(), Deeds::of(policy), Arc::clone(&policy.work)),
            progress,
            spend: Spend::default(),
            callers: Callers::default(),
            glances: Glances::default(),
            unseen: Unseen::default(),
            strangers: Strangers::default(),
            hidden: HashSet::new(),
            sweeps: 0,
        }
    }

    /// Watches a Codex home, once.
    pub(super) fn watch(&mut self, home: &Path) -> Result<(), WatchError> {
        self.sessions.watch(home)
    }

    /// The next change of a session file, and the next look at a work tree that was taken.
    pub(super) fn news(&mut self) -> (&mut Sessions, &mut ProgressWatch) {
        (&mut self.sessions, &mut self.progress)
    }

    /// What agents have to show.
    pub(super) fn progress(&mut self) -> &mut ProgressWatch {
        &mut self.progress
    }

    /// The thread that an agent began with.
    pub(super) fn root_of(&self, agent: &AgentName) -> Option<&ThreadId> {
        self.sessions.root_of(agent)
    }

    /// Something was started: the tree is looked through soon.
    pub(super) fn something_starts(&mut self) {
        self.sweeps = 0;
    }

    /// How often the tree was looked through since.
    pub(super) fn sweeps(&self) -> usize {
        self.sweeps
    }

    /// Looks through the tree for Codexes: their homes, their files, and flags that hide them.
    pub(super) fn sweep(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        self.sweeps = self.sweeps.saturating_add(1);
        if context.processes.guard_was_stopped() {
            context.journal.mark("the guard process was stopped by a signal, and govern let it go on".to_owned());
        }
        let seen = context.processes.seen();
        let mut inputs = self.read_commands(seen.codexes(), context);
        inputs.extend(self.glances.handing_away(&seen));
        inputs.extend(self.claim_open(context));
        inputs.extend(self.strangers(&seen, context));
        inputs.extend(self.unseen.look(context.governor));
        inputs.extend(self.full_disk(context));
        inputs
    }

    /// When the next quick look is.
    pub(super) fn glance_due(&mut self, context: &Context<'_>) -> Option<Instant> {
        self.glances.next(context.run, context.governor)
    }

    /// A quick look, if anything was started since the last one.
    pub(super) fn glance(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        if !self.glances.is_due() {
            return Vec::new();
        }
        // One that hides may be started anywhere in the tree: by a script, or by a tool of a Codex that does not.
        let seen = context.processes.seen();
        let mut new = seen.codexes();
        new.retain(|(codex, _)| !self.glances.has_looked_at(codex.identity));
        let mut inputs = self.read_commands(new, context);
        inputs.extend(self.glances.handing_away(&seen));
        inputs.extend(self.strangers(&seen, context));
        inputs.extend(self.unseen.look(context.governor));
        inputs.extend(self.unseen.stuck());
        inputs
    }

    /// Looks at the tools that were started since the last look; each thread that nothing tells of is told of once.
    fn strangers(&mut self, seen: &ProcessScan, context: &mut Context<'_>) -> Vec<Input> {
        let mut tools = self.strangers.tools(seen);
        tools.retain(|tool| !self.knows(&tool.thread));
        if tools.is_empty() {
            return Vec::new();
        }
        // Its file may have been opened since the last look.
        let mut inputs = self.claim_open(context);
        tools.retain(|tool| !self.knows(&tool.thread));
        inputs.extend(tools.into_iter().filter_map(|tool| self.strangers.is_strange(tool)));
        inputs
    }

    /// It is a thread of this run.
    fn knows(&self, thread: &ThreadId) -> bool {
        self.agent_of(thread).is_some()
    }

    /// The agent of a thread of this run, with a session file or without.
    fn agent_of(&self, thread: &ThreadId) -> Option<&AgentName> {
        self.sessions.agent_of(thread).or_else(|| self.spend.agent_without_file(thread))
    }

    /// What is to be known before a timer that is due.
    pub(super) fn due(&mut self, timer: &Timer, context: &mut Context<'_>) -> Vec<Input> {
        match timer {
            // What is waited for may have ended without a word.
            Timer::Room(_) => self.spend.ended_without_file(),
            // Its file may have been opened since the last look.
            Timer::Observe(_, codex) if !context.governor.sees_spend_of(*codex) => self.claim_open(context),
            _ => Vec::new(),
        }
    }

    /// An agent's command has ended: what is known of it now, with what its hooks have left.
    pub(super) fn exited(
        &mut self,
        agent: &AgentName,
        (leftover, ok): (u32, bool),
        mut inputs: Vec<Input>,
        context: &Context<'_>,
    ) -> Vec<Input> {
        let cut_off = self.sessions.cut_off(agent).into_iter();
        inputs.extend(cut_off.map(|thread| Input::Unanswered { agent: agent.clone(), thread }));
        let failed = have_failed(agent, ok, context.run);
        let all_ended = leftover == 0 && failed.is_none();
        inputs.extend(all_ended.then(|| asked_nothing(agent, &inputs, context)).flatten());
        inputs.extend(failed);
        inputs.push(Input::Exited { agent: agent.clone(), leftover, ok });
        inputs
    }

    /// Codex tells what a request used: all that is news by then.
    fn told_after(
        &mut self,
        (agent, input): (&AgentName, &HookInput),
        (codex, home): (Option<i32>, Option<PathBuf>),
        context: &mut Context<'_>,
    ) -> Vec<Input> {
        let mut inputs = self.read_for(input, codex, agent, context);
        if let Some(home) = home {
            self.spend.found_without_file(home, (agent, input, codex), &self.sessions, context.journal);
            let codex = codex.and_then(process::identity_of);
            inputs.extend(codex.and_then(|codex| observed(agent, codex, context)));
        }
        inputs.extend(self.spend.hear((agent, input), &self.sessions, context));
        inputs
    }

    /// The caller names its session file, and has written all of it that was before this.
    fn read_for(
        &mut self,
        input: &HookInput,
        codex: Option<i32>,
        agent: &AgentName,
        context: &mut Context<'_>,
    ) -> Vec<Input> {
        let mut inputs = Vec::new();
        let named = input.transcript_path.as_deref();
        if let Some(path) = named.map(|path| codex.map_or(path.to_owned(), |pid| process::path_seen_by(pid, path))) {
            if !self.reads(&path) {
                // What Codex has open is its file, whatever its name leads to.
                inputs.extend(self.claim_open(context));
            }
            if !self.sessions.knows_name_of(&path)
                && let Ok(file) = Held::open(&path)
            {
                let _unobserved = self.sessions.claim(file, agent);
            }
            // One that goes on with a thread of this run is seen by a file that is known already.
            if self.reads(&path) {
                let codex = codex.and_then(process::identity_of);
                inputs.extend(codex.and_then(|codex| observed(agent, codex, context)));
            }
        }
        inputs.extend(self.read_all(context));
        inputs
    }

    /// A path leads to a session file of ours.
    fn reads(&self, path: &Path) -> bool {
        file_at(path).is_some_and(|id| self.sessions.owns(id))
    }

    fn tier_of(&self, thread: &ThreadId) -> Option<&ServiceTier> {
        self.spend.tier_of(thread, &self.sessions)
    }

    fn is_unpriced(&mut self, thread: &ThreadId, model: Option<&ModelId>, context: &Context<'_>) -> bool {
        self.spend.is_unpriced(thread, model, &self.sessions, context)
    }

    /// The run is over, and its files were read to their end.
    pub(super) fn tell_what_lacks(&mut self, journal: &mut Journal) {
        self.spend.tell_what_lacks(&self.sessions, journal);
    }
}
