//! Pure. Codexes come and are seen, or are not, and what follows from that.

use super::Observed;
use crate::decide::agents::Agent;
use crate::decide::agents::ids::AgentId;
use crate::decide::agents::lifecycle::State;
use crate::decide::context::Context;
use crate::decide::governor::Governor;
use crate::decide::message::{Effect, Timer, Works};
use crate::model::event::{GateReach, UNOBSERVED};
use crate::model::{AgentName, ProcessIdentity, ThreadId};
use std::time::Duration;

impl Governor {
    /// The same governor, which gives a working Codex this time until what it spends must be seen.
    #[must_use]
    pub fn observing_within(mut self, within: Duration) -> Self {
        self.observe_within = within;
        self
    }

    /// A Codex runs in the agent's tree.
    pub(in crate::decide) fn codex_seen(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        process: ProcessIdentity,
        (ephemeral, tells): (bool, bool),
        works: Works,
    ) {
        let enforces = self.enforces();
        let expects = enforces || self.warns_of_unobserved();
        let agent = &mut self.agents[who];
        if agent.state == State::Gone {
            return;
        }
        if agent.codexes.contains_key(&process) {
            return;
        }
        let hides = !tells && (ephemeral || works == Works::ForOthers && enforces);
        let known = match works {
            _ if hides => Observed::Told,
            _ if ephemeral => Observed::NotYet,
            Works::AtOnce => Observed::NotYet,
            Works::WhenTyped => Observed::NotExpected,
            Works::ForOthers if tells => Observed::Serves,
            Works::ForOthers => Observed::Unsure,
        };
        let has_others = !agent.codexes.is_empty();
        agent.codexes.insert(process, known);
        let pid = process.pid;
        if hides {
            let what = if ephemeral {
                "runs with --ephemeral and writes no session file"
            } else {
                "serves other programs without govern's hooks (`govern hooks install` gives it them), so that a thread \
                 without a session file would not be seen"
            };
            self.unobservable(cx, who, format!("codex (process {pid}) {what}"));
        } else if works == Works::AtOnce && expects {
            self.effects.push(Effect::Arm(Timer::Observe(self.agents.name(who).clone(), process), self.observe_within));
        }
        if has_others {
            self.evaluate(cx, who);
        }
    }

    /// A Codex works for a thread of which nothing else tells. Of one that is known to hide, that is no news.
    pub(in crate::decide) fn stranger(
        &mut self,
        cx: &Context<'_>,
        who: AgentId,
        codex: ProcessIdentity,
        thread: &ThreadId,
    ) {
        let agent = &mut self.agents[who];
        if agent.state == State::Gone {
            return;
        }
        if agent.codexes.insert(codex, Observed::Told) == Some(Observed::Told) {
            return;
        }
        let pid = codex.pid;
        let what = format!(
            "codex (process {pid}) works for thread {thread}, which neither a session file nor a hook tells of"
        );
        self.unobservable(cx, who, what);
    }

    /// Nothing of a Codex was seen, and nothing will be: told once.
    pub(in crate::decide) fn hides(&mut self, cx: &Context<'_>, who: AgentId, codex: ProcessIdentity, what: String) {
        let agent = &mut self.agents[who];
        let Some(known) = agent.codexes.get_mut(&codex) else { return };
        if agent.state != State::Gone && known.is_awaited() {
            *known = Observed::Told;
            self.unobservable(cx, who, what);
        }
    }

    /// Nothing of this Codex was seen yet, and that was not told.
    pub fn awaits(&self, process: ProcessIdentity) -> bool {
        self.agents.values().any(|agent| agent.codexes.get(&process).is_some_and(|known| known.is_awaited()))
    }

    /// Nothing was seen yet of some Codex of this agent.
    pub fn awaits_one_of(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(|agent| agent.codexes.values().any(|known| known.is_awaited()))
    }

    /// What a Codex spends can be seen, whether its thread is new or goes on in a file that was known before.
    pub(in crate::decide) fn codex_observed(&mut self, cx: &Context<'_>, who: AgentId, process: ProcessIdentity) {
        let agent = &mut self.agents[who];
        let is_another = !agent.codexes.is_empty() && !agent.codexes.contains_key(&process);
        let known = agent.codexes.entry(process).or_insert(Observed::Yes);
        let is_sure = !matches!(known, Observed::Unsure | Observed::Partly);
        *known = if is_sure { Observed::Yes } else { Observed::Partly };
        if is_another {
            self.evaluate(cx, who);
        }
    }

    /// It is known already that what this Codex spends can be seen.
    pub fn sees_spend_of(&self, process: ProcessIdentity) -> bool {
        let sees = |known: &Observed| matches!(known, Observed::Yes | Observed::Partly);
        self.agents.values().any(|agent| agent.codexes.get(&process).is_some_and(sees))
    }

    /// Nothing of this agent's Codexes was seen, and none of its requests came to the gate.
    pub fn was_never_asked(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(was_never_asked)
    }

    /// A request of this agent is noted as lost although no hook of its thread has ever called: where its Codex has
    /// govern's hooks and asks first, it was not sent.
    pub fn lost_before_any_call(&self, name: &AgentName) -> bool {
        self.agent(name).is_some_and(|agent| agent.lost_uncalled().next().is_some())
    }

    /// A Codex that has sent nothing has spent nothing: there is nothing to be seen of it.
    pub(in crate::decide) fn asked_nothing(&mut self, who: AgentId) {
        let agent = &mut self.agents[who];
        let uncalled: Vec<ThreadId> = agent.lost_uncalled().cloned().collect();
        uncalled.iter().for_each(|thread| agent.begins_only_now(thread));
        if !was_never_asked(&self.agents[who]) {
            return;
        }
        self.agents[who].codexes.values_mut().for_each(|known| *known = Observed::Yes);
    }

    /// The time in which a Codex had to be observed is over.
    pub(in crate::decide) fn observation_is_late(&mut self, cx: &Context<'_>, who: AgentId, process: ProcessIdentity) {
        let agent = &mut self.agents[who];
        let lives = agent.state != State::Gone;
        let known = agent.codexes.get_mut(&process);
        if let Some(known) = known.filter(|known| lives && **known == Observed::NotYet) {
            *known = Observed::Told;
            let (pid, seconds) = (process.pid, self.observe_within.as_secs());
            self.unobservable(cx, who, format!("codex (process {pid}) wrote no session file within {seconds} s"));
        }
    }

    /// The agent's command has ended, by itself or by govern: all that was written is read. A Codex that worked in it
    /// without being seen may have spent something.
    pub(in crate::decide) fn unobserved_at_end(&mut self, who: AgentId) {
        let expects = self.enforces() || self.warns_of_unobserved();
        let agent = &mut self.agents[who];
        let unseen = agent.codexes.iter_mut().filter_map(|(process, known)| {
            let what = known.unseen_at_end(expects)?;
            *known = Observed::Told;
            Some(format!("codex (process {}) {what} {UNOBSERVED}", process.pid))
        });
        for what in unseen.collect::<Vec<_>>() {
            self.mark(Some(who), what.clone());
            self.say(who, &what);
        }
    }

    /// Something of the agent cannot be seen.
    pub(in crate::decide) fn unobservable(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        if self.enforces() {
            self.stop_because(cx, who, format!("{what}: under a limit what cannot be observed is stopped"));
        } else {
            self.mark(Some(who), format!("{what}: its spend {UNOBSERVED}"));
            let unjudged = if self.warns_of_unobserved() {
                ", and no alert can judge it: what the policy would hold or end goes on"
            } else {
                ""
            };
            self.say(who, &format!("{what}: its spend is not counted{unjudged}"));
        }
    }

    /// What a Codex does is not counted before it is done: no limit on it could be kept. One on what it spends can.
    pub(in crate::decide) fn uncounted(&mut self, cx: &Context<'_>, who: AgentId, what: &str) {
        if cx.policy.counts_by_hooks() {
            let because = format!(
                "{what}, so its tool calls and sub-agents cannot be counted: under a limit on them it is stopped"
            );
            self.stop_because(cx, who, because);
        }
    }

    /// Somebody else than its Codex has changed a session file: what it tells is no proof any more.
    pub(in crate::decide) fn altered(&mut self, cx: &Context<'_>, who: AgentId, what: String) {
        if self.enforces() {
            self.stop_because(cx, who, format!("{what}: under a limit what cannot be observed is stopped"));
        } else {
            self.mark(Some(who), format!("{what}; what is written to it is counted"));
            self.say(who, &format!("{what}; what is written to it is counted"));
        }
    }
}

fn was_never_asked(agent: &Agent) -> bool {
    let is_unseen = |known: &Observed| matches!(known, Observed::NotYet | Observed::NotExpected);
    let unseen = !agent.codexes.is_empty() && agent.codexes.values().all(is_unseen);
    unseen && agent.gate.reach() < Some(GateReach::Requests)
}
