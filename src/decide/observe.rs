//! Pure. Whether what a Codex spends can be seen; under a limit it must be, and under an alert that could stop it, it is
//! said where it cannot.

use std::time::Duration;

use crate::model::event::UNOBSERVED;
use crate::model::{AgentName, ProcessIdentity};

use super::effect::Effect;
use super::governor::Governor;
use super::input::{Moment, Timer};
use super::lifecycle::State;

/// What is known of a Codex's spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    /// It works, and was not seen to write anything that govern reads.
    NotYet,
    /// It waits for somebody to use it, and may have nothing to write.
    NotExpected,
    /// It serves others, and would not tell of a thread without a session file.
    Unsure,
    /// It can be seen.
    Yes,
    /// It cannot be seen, and that was told.
    Told,
}

impl Governor {
    /// The same governor, which gives a working Codex this time until what it spends must be seen.
    #[must_use]
    pub fn observing_within(mut self, within: Duration) -> Self {
        self.observe_within = within;
        self
    }

    /// A Codex runs in the agent's tree.
    pub(super) fn codex_seen(
        &mut self,
        now: Moment,
        name: &AgentName,
        process: ProcessIdentity,
        (ephemeral, tells): (bool, bool),
        works_at_once: bool,
    ) {
        let expects = self.enforces() || self.warns_of_unobserved();
        let Some(agent) = self.agents.get_mut(name).filter(|agent| agent.state != State::Gone) else { return };
        if agent.codexes.contains_key(&process) {
            return;
        }
        let known = match (ephemeral, works_at_once) {
            (true, _) if !tells => Observed::Told,
            (true, _) | (false, true) => Observed::NotYet,
            (false, false) if !tells => Observed::Unsure,
            (false, false) => Observed::NotExpected,
        };
        agent.codexes.insert(process, known);
        let pid = process.pid;
        if ephemeral && !tells {
            self.unobservable(
                now,
                name,
                format!("codex (process {pid}) runs with --ephemeral and writes no session file"),
            );
        } else if works_at_once && expects {
            self.effects.push(Effect::Arm(Timer::Observe(name.clone(), process), self.observe_within));
        }
    }

    /// What a Codex spends can be seen, whether its thread is new or goes on in a file that was known before.
    pub(super) fn codex_observed(&mut self, process: ProcessIdentity) {
        for agent in self.agents.values_mut() {
            agent.codexes.insert(process, Observed::Yes);
        }
    }

    /// It is known already that what this Codex spends can be seen.
    pub fn sees_spend_of(&self, process: ProcessIdentity) -> bool {
        self.agents.values().any(|agent| agent.codexes.get(&process) == Some(&Observed::Yes))
    }

    /// The time in which a Codex had to be observed is over.
    pub(super) fn observation_is_late(&mut self, now: Moment, name: &AgentName, process: ProcessIdentity) {
        let agent = self.agents.get_mut(name).filter(|agent| agent.state != State::Gone);
        let known = agent.and_then(|agent| agent.codexes.get_mut(&process));
        if let Some(known) = known.filter(|known| **known == Observed::NotYet) {
            *known = Observed::Told;
            let (pid, seconds) = (process.pid, self.observe_within.as_secs());
            self.unobservable(now, name, format!("codex (process {pid}) wrote no session file within {seconds} s"));
        }
    }

    /// The agent's command has ended by itself. A Codex that worked in it without being seen may have spent something.
    pub(super) fn unobserved_at_end(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.get_mut(name).filter(|agent| !matches!(agent.state, State::Ending(_))) else {
            return;
        };
        let unseen = agent.codexes.iter_mut().filter(|(_, known)| matches!(known, Observed::NotYet | Observed::Unsure));
        let unseen: Vec<i32> = unseen
            .map(|(process, known)| {
                *known = Observed::Told;
                process.pid
            })
            .collect();
        for pid in unseen {
            let what =
                format!("codex (process {pid}) has ended, and no session file of it was seen: its spend {UNOBSERVED}");
            self.mark(Some(name), what.clone());
            self.say(name, &what);
        }
    }

    /// Something of the agent cannot be seen.
    pub(super) fn unobservable(&mut self, now: Moment, name: &AgentName, what: String) {
        if self.enforces() {
            self.stop_because(now, name, format!("{what}: under a limit what cannot be observed is stopped"));
        } else {
            self.mark(Some(name), format!("{what}: its spend {UNOBSERVED}"));
            let unjudged = if self.warns_of_unobserved() {
                ", and no alert can judge it: what the policy would hold or end goes on"
            } else {
                ""
            };
            self.say(name, &format!("{what}: its spend is not counted{unjudged}"));
        }
    }

    /// Somebody else than its Codex has changed a session file: what it tells is no proof any more.
    pub(super) fn altered(&mut self, now: Moment, name: &AgentName, what: String) {
        if self.enforces() {
            self.stop_because(now, name, format!("{what}: under a limit what cannot be observed is stopped"));
        } else {
            self.mark(Some(name), format!("{what}; what is written to it is counted"));
            self.say(name, &format!("{what}; what is written to it is counted"));
        }
    }
}
