//! What a run's session files tell, and the inputs that it becomes: whose files they are, what is new in them, and what is
//! wrong with them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::clock;
use crate::decide::message::Input;
use crate::model::event::EventKind;
use crate::model::{AgentName, FileId, Response};
use crate::process::{self, Process, Role};
use crate::supervise::context::Context;
use crate::tail::open_file::file_at;
use crate::tail::watch::Notice;
use crate::tail::{Alteration, Held};
use crate::work::Classed;

use super::Intake;
use super::commands::read_commands;
use super::sessions::{Change, Reading, Reads, Unclaimed};
use super::silent_codexes::observed;

impl Intake {
    /// Reads what is new in the files that changed.
    pub(in crate::supervise) fn touched(&mut self, first: Notice, context: &mut Context<'_>) -> Vec<Input> {
        let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
        let mut inputs = Vec::new();
        for notice in std::iter::once(first).chain(self.sessions.pending()) {
            match notice {
                Notice::Touched(path) => {
                    paths.insert(path);
                }
                Notice::Trouble(what) => {
                    let what = format!("session files can no longer be watched ({what})");
                    inputs.extend(context.agents.of_all(|agent| Input::Blind { agent, what: what.clone() }));
                }
            }
        }
        inputs.extend(self.full_disk(context));
        let now = clock::monotonic();
        let touched: Vec<(PathBuf, Option<FileId>)> =
            paths.into_iter().map(|path| (path.clone(), file_at(&path))).collect();
        if touched.iter().any(|(_, id)| id.is_some_and(|id| self.sessions.is_news(id, now))) {
            inputs.extend(self.claim_open(context));
        }
        let mut ours: BTreeSet<FileId> = BTreeSet::new();
        for (path, id) in touched {
            ours.extend(self.sessions.at(&path, id));
            if id.is_some_and(|id| !self.sessions.owns(id)) {
                ours.extend(self.claim_by_lineage(&path));
            }
        }
        for id in ours {
            inputs.extend(self.read(id, context));
        }
        inputs
    }

    fn claim_by_lineage(&mut self, path: &Path) -> Option<FileId> {
        // One that cannot be read is nobody's, as far as one can tell.
        self.sessions.claim_by_lineage(path, clock::monotonic()).ok().flatten()
    }

    /// Takes every session file that a process of an agent has open.
    pub(super) fn claim_open(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        let mut inputs = self.spend.ended_without_file();
        let mut open = BTreeSet::new();
        let owned = context.processes.owned();
        let parent_of = |child: &Process| {
            owned.iter().find(|(process, _)| process.identity.pid == child.parent).map(|(process, _)| *process)
        };
        // Whoever writes a session is a Codex, whatever its name.
        for (process, agent) in owned.clone() {
            let files = process::session_files_open_in(process.identity.pid, &|id| self.sessions.owns(id));
            let files = match files {
                Ok(files) => files,
                Err(error) => {
                    inputs.extend(self.hidden(process, &agent, &error, context));
                    continue;
                }
            };
            for file in files {
                open.insert(file.id);
                let is_new = !self.sessions.owns(file.id);
                if is_new {
                    if self.sessions.knows_name_of(&file.path) {
                        // What the file that had the name until now has shown does not count again.
                        inputs.extend(self.read_all(context));
                    }
                    let claimed = Held::open_through(&file.link, file.id, file.path.clone()).map_err(Unclaimed::from);
                    match claimed.and_then(|held| self.sessions.claim(held, &agent)) {
                        Ok(()) => {}
                        // Closed meanwhile.
                        Err(error) if error.is_gone() => continue,
                        Err(error) => {
                            inputs.push(unreadable(&agent, &file.path, &error));
                            continue;
                        }
                    }
                }
                let writer = process::writer_of(process, file.id, parent_of);
                // What its command line tells comes before what it has shown.
                if !self.glances.has_looked_at(writer.identity) {
                    inputs.extend(self.read_commands(vec![(writer, agent.clone())], context));
                }
                // And that it is seen, before what is seen: else its request would count twice, as that of a Codex which has
                // shown nothing yet and as its thread's.
                inputs.extend(observed(&agent, writer.identity, context));
                if is_new {
                    inputs.extend(self.read(file.id, context));
                }
                self.unseen.is_writer(&agent, writer.identity, &file);
            }
        }
        inputs.extend(self.unseen.stuck());
        // What a hidden one writes is named by its hooks.
        if self.hidden.is_empty() {
            self.sessions.are_written(&open);
        }
        // A thread whose writer is gone asks for nothing more; where no file is seen open at all, the
        // look itself has failed.
        if !open.is_empty() {
            for id in self.sessions.at_work() {
                if !open.contains(&id) {
                    inputs.extend(self.read(id, context));
                    if let Some((change, cut_off)) = self.sessions.rest(id) {
                        let agent = change.agent.clone();
                        inputs.push(phase(change));
                        inputs.extend(cut_off.map(|thread| Input::Unanswered { agent, thread }));
                    }
                }
            }
        }
        inputs
    }

    /// What the command lines of Codexes tell.
    pub(super) fn read_commands(&mut self, codexes: Vec<(Process, AgentName)>, context: &Context<'_>) -> Vec<Input> {
        read_commands(codexes, (&mut self.sessions, &mut self.glances, &mut self.unseen), context)
    }

    /// A Codex whose open files this user may not look at: told once, unless a hook of govern's will name its file.
    fn hidden(
        &mut self,
        process: Process,
        agent: &AgentName,
        error: &std::io::Error,
        context: &Context<'_>,
    ) -> Option<Input> {
        if process.role() != Role::Codex || !self.hidden.insert(process.identity) {
            return None;
        }
        let has_hooks = context.agents.get(agent).is_some_and(|agent| agent.invocation().is_some());
        let what = format!("what codex (process {}) has open cannot be looked at ({error})", process.identity.pid);
        (!has_hooks).then(|| Input::Blind { agent: agent.clone(), what })
    }

    /// Codex goes on without a session file where it cannot write one.
    pub(super) fn full_disk(&mut self, context: &Context<'_>) -> Vec<Input> {
        let Some(folder) = self.sessions.newly_full() else { return Vec::new() };
        let what = format!("the disk under `{}` is full: sessions cannot be written", folder.display());
        context.agents.of_all(|agent| Input::Blind { agent, what: what.clone() })
    }

    fn read(&mut self, id: FileId, context: &mut Context<'_>) -> Vec<Input> {
        let read = self.sessions.read(id);
        self.understand_all(vec![(id, read)], context)
    }

    /// Reads all files of ours to their end: before a decision that ends something.
    pub(in crate::supervise) fn drain(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        let mut inputs = self.claim_open(context);
        for notice in self.sessions.pending() {
            if let Notice::Touched(path) = notice
                && file_at(&path).is_some_and(|id| !self.sessions.owns(id))
            {
                let _claimed = self.claim_by_lineage(&path);
            }
        }
        inputs.extend(self.read_all(context));
        inputs.extend(self.full_disk(context));
        inputs
    }

    /// Reads what is new in all files that are known to be ours.
    pub(super) fn read_all(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        let read = self.sessions.read_all();
        self.understand_all(read, context)
    }

    /// As [`Intake::drain`], with last lines that nobody will finish: when all writers are gone.
    pub(in crate::supervise) fn drain_to_the_end(&mut self, context: &mut Context<'_>) -> Vec<Input> {
        let mut inputs = self.drain(context);
        let rest = self.sessions.finish_all();
        inputs.extend(self.understand_all(rest, context));
        inputs
    }

    fn understand_all(&mut self, read: Vec<(FileId, Reads)>, context: &mut Context<'_>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (id, readings) in read {
            match readings {
                Ok(readings) => inputs.extend(self.understand(readings, context)),
                Err(error) => inputs
                    .extend(self.sessions.newly_unreadable(id).map(|(agent, path)| unreadable(&agent, &path, &error))),
            }
        }
        inputs
    }

    /// Something was done to a file of ours. What becomes of one that nobody writes any more is no matter.
    fn altered(
        &mut self,
        (agent, id): (AgentName, FileId),
        path: &Path,
        how: Alteration,
        context: &mut Context<'_>,
    ) -> Option<Input> {
        let writes = |process: &Process| process::writes(process.identity.pid, id);
        let written = !self.hidden.is_empty() || context.processes.owned().iter().any(|(process, _)| writes(process));
        self.sessions.is_written(id, written);
        let what = format!("session file `{}` {} while Codex writes it", path.display(), how.text());
        (written || matches!(how, Alteration::Rewritten | Alteration::Foreign))
            .then_some(Input::Altered { agent, what })
    }

    fn understand(&mut self, readings: Vec<Reading>, context: &mut Context<'_>) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut moved = BTreeSet::new();
        let mut is_awaited = false;
        let mut stands: Option<Change> = None;
        let now = context.run.moment().uptime;
        for reading in readings {
            match reading {
                Reading::Thread(found) => self.spend.found(&found, context.journal),
                Reading::Did(agent, deed) => {
                    self.progress.did(&agent, now, deed);
                    moved.insert(agent);
                }
                Reading::Ran(agent, file, tool) => inputs.extend(self.callers.ran((agent, file, tool), context)),
                Reading::Window(agent, thread, tokens) => self.progress.window(&agent, &thread, tokens),
                Reading::Plan(agent, windows) => inputs.push(Input::Plan { agent, windows }),
                Reading::Answered { agent, answer, home, plan, work } => {
                    moved.insert(agent.clone());
                    // What was done before is known when its answer is judged.
                    inputs.extend(self.progress.news());
                    inputs.extend(self.callers.answered_uncounted((&agent, &answer.thread), &self.sessions, context));
                    is_awaited |= context.governor.awaits_one_of(&agent);
                    let stands = stands.take();
                    if self.spend.is_told_first(&agent, &answer, context.journal) {
                        inputs.extend(stands.map(|change| phase(Change { by_answer: false, ..change })));
                        let responses = vec![(answer.thread.clone(), answer.key.clone())];
                        inputs.push(Input::Classed { agent, classed: Classed { class: work, responses } });
                        continue;
                    }
                    inputs.extend(stands.map(phase));
                    let response = self.spend.price(agent, answer, (&home, plan.as_deref()), context);
                    inputs.push(Input::Responded(Box::new(Response { work: Some(work), ..response })));
                }
                Reading::Classed(agent, classed) => inputs.push(Input::Classed { agent, classed }),
                Reading::Phase(change) if change.by_answer => stands = Some(change),
                Reading::Phase(change) => inputs.push(phase(change)),
                Reading::Altered { agent, id, path, how } => {
                    inputs.extend(self.altered((agent, id), &path, how, context))
                }
                Reading::Unanswered(agent, thread) => inputs.push(Input::Unanswered { agent, thread }),
                Reading::Untold(agent, thread) => inputs.push(Input::Untold { agent, thread }),
                Reading::Skipped { path, lines, reason } => {
                    let path = path.display().to_string();
                    context.journal.note(EventKind::Skipped { path, lines, reason });
                }
            }
        }
        inputs.extend(self.progress.after(moved, now));
        // A Codex that goes on with a thread that was known may be gone before the tree is looked through.
        if is_awaited {
            inputs.extend(self.claim_open(context));
        }
        inputs
    }
}

fn unreadable(agent: &AgentName, path: &Path, error: &dyn std::fmt::Display) -> Input {
    Input::Blind { agent: agent.clone(), what: format!("session file `{}` cannot be read ({error})", path.display()) }
}

fn phase(change: Change) -> Input {
    let Change { agent, thread, root, phase, by_answer } = change;
    Input::Phase { agent, thread, root, phase, by_answer }
}
