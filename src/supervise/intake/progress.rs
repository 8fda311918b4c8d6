//! What agents have to show: read from their session files and seen in their work trees, where a rule asks for it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use crate::clock;
use crate::clocks::WORK_TREE;
use crate::codex;
use crate::decide::message::Input;
use crate::model::{AgentName, Progress, ThreadId};
use crate::policy::rule::{Alert, Policy};
use crate::rollout::{Deed, DeedKind};
use crate::usage::work::{Work, WorkTreeState};

use crate::supervise::work_tree::{COARSE, Since, leave_out, look};

/// Whether what agents do is read beside what they spend.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::supervise) enum Deeds {
    /// No rule asks for it: it costs nothing.
    PassedOver,
    /// A rule does.
    Read,
}

impl Deeds {
    /// As this policy needs it.
    pub(super) fn of(policy: &Policy) -> Self {
        let needed = policy.weighs() || policy.notify.asks() || policy.alerts.iter().any(Alert::looks_at_deeds);
        if needed { Self::Read } else { Self::PassedOver }
    }
}

/// The agents' work, as far as a rule needs it.
pub(in crate::supervise) struct ProgressWatch {
    agents: BTreeMap<AgentName, One>,
    looks: mpsc::UnboundedReceiver<Looked>,
    send: mpsc::UnboundedSender<Looked>,
    /// Some rule looks at work trees.
    sees: bool,
}

/// A look that was taken.
pub(in crate::supervise) struct Looked {
    agent: AgentName,
    /// By uptime: what it shows is no older.
    began: Duration,
    found: io::Result<WorkTreeState>,
    /// It left out what was changed since the agent was there, so that another look has to tell of that.
    left_out: bool,
}

struct One {
    work: Work,
    folder: PathBuf,
    first: Option<String>,
    looks: Looks,
    looked: Option<Instant>,
    /// Since when it is the agent's.
    since: SystemTime,
    /// What the governor was told last.
    told: Progress,
}

/// Whether a look is being taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    No,
    Yes,
    /// And another one is wanted, since it began before that was asked for.
    Again,
}

impl ProgressWatch {
    /// Nothing seen yet.
    pub(super) fn new(policy: &Policy) -> Self {
        let (send, looks) = mpsc::unbounded_channel();
        let sees = policy.weighs() || policy.notify.asks() || policy.alerts.iter().any(Alert::looks_at_work_tree);
        Self { agents: BTreeMap::new(), looks, send, sees }
    }

    /// An agent works in this folder.
    pub(super) fn add(&mut self, agent: &AgentName, folder: PathBuf) {
        self.agents.entry(agent.clone()).or_insert_with(|| One {
            work: Work::in_folder(&folder.display().to_string()),
            folder,
            first: None,
            looks: Looks::No,
            looked: None,
            since: SystemTime::from(clock::now()) - COARSE,
            told: Progress::default(),
        });
    }

    /// The next look that was taken.
    pub(in crate::supervise) async fn looked(&mut self) -> Looked {
        match self.looks.recv().await {
            Some(looked) => looked,
            // INVARIANT: `send` lives as long as `self`, so the channel never ends.
            None => std::future::pending().await,
        }
    }

    /// The agent did something.
    pub(super) fn did(&mut self, agent: &AgentName, now: Duration, deed: Deed) {
        let redacted = |command: String| codex::redact(&command);
        let kind = match deed.kind {
            DeedKind::Asked(command) => DeedKind::Asked(redacted(command)),
            DeedKind::Ran { command, code } => DeedKind::Ran { command: redacted(command), code },
            kind @ (DeedKind::Polled(_) | DeedKind::Returned(_) | DeedKind::Changed(_)) => kind,
        };
        if let Some(one) = self.agents.get_mut(agent) {
            one.work.did(now, Deed { kind, ..deed });
        }
    }

    /// How much a thread's model can read at once.
    pub(super) fn window(&mut self, agent: &AgentName, thread: &ThreadId, tokens: u64) {
        if let Some(one) = self.agents.get_mut(agent) {
            one.work.window(thread, tokens);
        }
    }

    /// Looks at an agent's work tree, beside the loop; if a look is being taken, once more after it.
    pub(in crate::supervise) fn look(&mut self, agent: &AgentName, began: Duration) {
        let Some(one) = self.agents.get_mut(agent) else { return };
        if one.looks != Looks::No {
            one.looks = Looks::Again;
            return;
        }
        one.looks = Looks::Yes;
        // The first look says what was there before the agent: not what it was quick to change.
        let before = one.looked.is_none().then_some(one.since);
        one.looked = Some(clock::monotonic());
        let (folder, send, agent) = (one.folder.clone(), self.send.clone(), agent.clone());
        let since = Since { first: one.first.clone(), last: one.work.last_head().map(str::to_owned) };
        std::thread::spawn(move || {
            // The run may be over already.
            let mut found = look(&folder, &since);
            let left_out = match (&mut found, before) {
                (Ok(found), Some(since)) => leave_out(found, since),
                _ => false,
            };
            let _ended = send.send(Looked { agent, began, found, left_out });
        });
    }

    /// It is some time since the agent's work tree was looked at.
    fn is_stale(&self, agent: &AgentName) -> bool {
        let fresh = |looked: Instant| clock::monotonic().duration_since(looked) < WORK_TREE;
        self.sees && self.agents.get(agent).is_some_and(|one| one.looks == Looks::No && !one.looked.is_some_and(fresh))
    }

    /// What the governor does not know yet.
    pub(super) fn news(&mut self) -> Vec<Input> {
        let news = self.agents.iter_mut().filter(|(_, one)| one.told != *one.work.progress());
        news.map(|(agent, one)| {
            one.told.clone_from(one.work.progress());
            Input::Progress { agent: agent.clone(), progress: Box::new(one.told.clone()) }
        })
        .collect()
    }

    /// What is to be seen of a work tree before its agent has changed it.
    pub(in crate::supervise) fn look_first(&mut self, now: Duration) {
        let agents: Vec<AgentName> = self.agents.keys().filter(|_| self.sees).cloned().collect();
        agents.iter().for_each(|agent| self.look(agent, now));
    }

    /// After what was read: what the agents have to show, and a look at those that moved, where it is time for one.
    pub(super) fn after(&mut self, moved: impl IntoIterator<Item = AgentName>, now: Duration) -> Vec<Input> {
        for agent in moved {
            if self.is_stale(&agent) {
                self.look(&agent, now);
            }
        }
        self.news()
    }

    /// A look was taken.
    pub(in crate::supervise) fn take(&mut self, looked: Looked, now: Duration) -> Vec<Input> {
        let Looked { agent, began, found, left_out } = looked;
        let Some(one) = self.agents.get_mut(&agent) else { return Vec::new() };
        let again = std::mem::replace(&mut one.looks, Looks::No) == Looks::Again || left_out;
        match found {
            Ok(found) => {
                one.first = one.first.take().or_else(|| found.head.clone());
                one.work.looked(began, found);
            }
            // Without a work tree there are patches to be seen.
            Err(_) => one.work.not_looked(began),
        }
        if again {
            self.look(&agent, now);
        }
        self.news()
    }
}
