//! Codexes of which nothing was seen yet: whether anything can be, and what is known of one that ends so.
//!
//! A Codex goes on without a session file where it cannot write one (0.118 to 0.171), and only hooks of govern's tell of
//! it then. Whether it can is looked up as soon as it is found, before its first request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::decide::Governor;
use crate::decide::message::Input;
use crate::model::{AgentName, FileId, ProcessIdentity};
use crate::process::{self, SessionFile};
use crate::tail::locate;

use crate::supervise::context::Context;

/// What is known of Codexes that were not seen to write anything.
#[derive(Default)]
pub(super) struct Unseen {
    waiting: BTreeMap<ProcessIdentity, Waiting>,
    /// Whom session files were last seen open in.
    writers: BTreeMap<FileId, Writer>,
}

struct Writer {
    agent: AgentName,
    process: ProcessIdentity,
    path: PathBuf,
    /// It was told that it can grow no more.
    told: bool,
}

/// One of them.
struct Waiting {
    agent: AgentName,
    /// Where its sessions go, each folder in the one before; none where it needs no file.
    folders: Vec<PathBuf>,
    /// It asks the model of itself.
    works: bool,
    /// It has reached somebody over the network.
    connected: bool,
}

impl Unseen {
    /// A Codex was found that will have threads: does it ask the model of itself, and does it need no session file?
    pub(super) fn will_write(
        &mut self,
        agent: &AgentName,
        codex: ProcessIdentity,
        (works, needs_none): (bool, bool),
    ) -> Option<Input> {
        let folders = if needs_none { Vec::new() } else { folders_of(codex.pid) };
        let waiting = Waiting { agent: agent.clone(), folders, works, connected: false };
        let said = waiting.cannot_write(codex);
        self.waiting.insert(codex, waiting);
        said
    }

    /// This process was seen to have this session file open.
    pub(super) fn is_writer(&mut self, agent: &AgentName, writer: ProcessIdentity, file: &SessionFile) {
        let told = self.writers.get(&file.id).is_some_and(|known| known.told);
        let known = Writer { agent: agent.clone(), process: writer, path: file.path.clone(), told };
        self.writers.insert(file.id, known);
    }

    /// Session files that can grow no more while their writers live: Codex goes on without them, closed or not, and what it
    /// spends from here on would not be seen. Told once.
    pub(super) fn stuck(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        self.writers.retain(|_, writer| process::alive(writer.process));
        for Writer { agent, process, path, told } in self.writers.values_mut().filter(|writer| !writer.told) {
            if let Some(why) = process::cannot_grow(process.pid, path) {
                *told = true;
                let what = format!("session file `{}` can grow no more: {why}", path.display());
                inputs.push(Input::Blind { agent: agent.clone(), what });
            }
        }
        inputs
    }

    /// Looks at those of which nothing was seen yet: the way to their sessions may be shut since, and one that is gone
    /// shows nothing more.
    pub(super) fn look(&mut self, governor: &Governor) -> Vec<Input> {
        let mut inputs = Vec::new();
        self.waiting.retain(|codex, waiting| {
            if !governor.enforces() || !governor.awaits(*codex) {
                return false;
            }
            if process::alive(*codex) {
                waiting.connected |= waiting.works && process::has_connection(codex.pid);
                inputs.extend(waiting.cannot_write(*codex));
                return true;
            }
            // One that fails at its start has asked nobody.
            if waiting.connected {
                let what = format!(
                    "codex (process {}) has ended after it had a connection, and no session file of it was seen",
                    codex.pid
                );
                inputs.push(Input::CodexHides { agent: waiting.agent.clone(), codex: *codex, what });
            }
            false
        });
        inputs
    }
}

impl Waiting {
    fn cannot_write(&self, codex: ProcessIdentity) -> Option<Input> {
        let why = process::cannot_write_in(codex.pid, &self.folders)?;
        let what = format!("codex (process {}) cannot write session files ({why})", codex.pid);
        Some(Input::CodexHides { agent: self.agent.clone(), codex, what })
    }
}

/// The agent's command has ended, and nothing of its Codex was seen. One that was started with hooks, and calls them
/// before each request, has sent none, whatever it failed at.
pub(super) fn asked_nothing(agent: &AgentName, news: &[Input], context: &Context<'_>) -> Option<Input> {
    let is_seen = |input: &Input| matches!(input, Input::CodexObserved { .. } | Input::Responded(_) | Input::Hook(_));
    let unseen = !news.iter().any(is_seen) && context.governor.was_never_asked(agent);
    if !unseen && !context.governor.lost_before_any_call(agent) {
        return None;
    }
    let managed = context.agents.get(agent).filter(|agent| agent.has_hooks())?;
    let asks_first = managed.invocation().is_some_and(context.run.tells);
    asks_first.then(|| Input::AskedNothing(agent.clone()))
}

/// What a Codex spends can be seen, by whatever file: told once for each process.
pub(super) fn observed(agent: &AgentName, process: ProcessIdentity, context: &Context<'_>) -> Option<Input> {
    // The Codex of a governor model is nobody's agent.
    let is_news = context.governor.agent(agent).is_some() && !context.governor.sees_spend_of(process);
    is_news.then(|| Input::CodexObserved { agent: agent.clone(), process })
}

/// The folders on the way to a session that a Codex begins now. It makes those that are not there, but not a home that it
/// was given: without that it fails.
fn folders_of(pid: i32) -> Vec<PathBuf> {
    let env = |name: &str| process::environ_var(pid, name).filter(|value| !value.is_empty());
    let own = || env("HOME").map(PathBuf::from).or_else(|| process::account_home(process::own_uid()));
    let mut folders = Vec::new();
    let home = match env("CODEX_HOME") {
        Some(home) => PathBuf::from(home),
        None => {
            let Some(above) = own() else { return folders };
            let home = above.join(".codex");
            folders.push(above);
            home
        }
    };
    let day = locate::folder_of_today(&home);
    let below: Vec<PathBuf> = day.ancestors().take_while(|folder| *folder != home).map(Path::to_owned).collect();
    folders.push(home);
    folders.extend(below.into_iter().rev());
    folders
}
