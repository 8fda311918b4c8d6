//! The work of an agent whose command has ended well: its check is run under the guard, and what it changed is looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::clock;
use crate::codex;
use crate::decide::agents::Agent;
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::message::Input;
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{AgentName, Changed, CheckEnd, CheckOutcome, Examined, WorkCheck};
use crate::place::checkout;
use crate::process::{self, How, Order, Report, Status};
use crate::report::text::printable;

use crate::supervise::context::Context;
use crate::supervise::work_tree;

use super::launch::without_secrets;

/// What an agent is told of what its check wrote, from the end.
const MOST_LINES: usize = 40;
const MOST_BYTES: u64 = 8 * 1024;

/// The agents whose work is looked at.
pub(in crate::supervise) struct Examining {
    agents: BTreeMap<AgentName, Step>,
    /// What was checked out when each began; an agent that is not here is in no repository that can be read.
    began: BTreeMap<AgentName, Option<String>>,
    looks: mpsc::UnboundedReceiver<Looked>,
    send: mpsc::UnboundedSender<Looked>,
}

/// How far it is with one of them.
enum Step {
    /// What its command, or its check, left behind is ended.
    Clearing { request: Option<u64>, then: Then },
    /// Its check runs.
    Checking { until: Option<Instant>, late: bool, output: PathBuf, from: u64, command: String },
    /// What it changed is looked at.
    Looking(Option<CheckOutcome>),
}

/// What follows once nothing of an agent is left.
enum Then {
    Check,
    GoOn(String),
}

/// What a look has found.
pub(in crate::supervise) struct Looked {
    agent: AgentName,
    changed: Option<Changed>,
}

/// What a report of the guard comes to.
pub(in crate::supervise) enum News {
    /// Nothing yet.
    Nothing,
    /// The agent's thread is to go on, and is told this.
    GoesOn(AgentName, String),
    /// Its check has ended; what is to be told, once all files are drained. The status counts as the agent's own.
    Ended(AgentName, Option<Status>, Option<Input>),
}

impl Examining {
    pub(in crate::supervise) fn new() -> Self {
        let (send, looks) = mpsc::unbounded_channel();
        Self { agents: BTreeMap::new(), began: BTreeMap::new(), looks, send }
    }

    /// An agent is about to be started for the first time: what is checked out then is what its work is compared with.
    pub(in crate::supervise) fn begins(&mut self, agent: &AgentName, context: &Context<'_>) {
        let reviewed = context.governor.agent(agent).is_some_and(|agent| agent.setup.review.is_some());
        let Some(folder) = context.agents.get(agent).and_then(|managed| managed.folder()).filter(|_| reviewed) else {
            return;
        };
        if let Some(found) = checkout(folder).filter(|found| found.head.is_some() || !found.is_opaque()) {
            self.began.entry(agent.clone()).or_insert_with(|| found.head.map(|head| head.to_string()));
        }
    }

    /// Begins to look at the work of an agent.
    pub(in crate::supervise) fn examine(&mut self, agent: &AgentName, context: &Context<'_>) -> Result<(), Error> {
        match check_of(agent, context) {
            Some(_) => self.clear(agent, Then::Check, context),
            None => {
                self.look(agent, None, context);
                Ok(())
            }
        }
    }

    /// Has the agent's thread go on as soon as nothing of its check is left.
    pub(in crate::supervise) fn again(
        &mut self,
        agent: &AgentName,
        text: String,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        self.clear(agent, Then::GoOn(text), context)
    }

    fn clear(&mut self, agent: &AgentName, then: Then, context: &Context<'_>) -> Result<(), Error> {
        let request = context.processes.order_numbered(Order::End { agent: agent.clone(), how: How::KillNow })?;
        self.agents.insert(agent.clone(), Step::Clearing { request, then });
        Ok(())
    }

    /// When the next check has taken too long.
    pub(in crate::supervise) fn due(&self) -> Option<Instant> {
        let until = |step: &Step| match step {
            Step::Checking { until, late: false, .. } => *until,
            Step::Checking { .. } | Step::Clearing { .. } | Step::Looking(_) => None,
        };
        self.agents.values().filter_map(until).min()
    }

    /// Ends the checks that have taken too long.
    pub(in crate::supervise) fn end_late(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let now = clock::monotonic();
        for (agent, step) in &mut self.agents {
            if let Step::Checking { until: Some(until), late: late @ false, .. } = step
                && *until <= now
            {
                *late = true;
                context.processes.order_in_passing(Order::End { agent: agent.clone(), how: How::KillNow })?;
            }
        }
        Ok(())
    }

    /// What the guard reports of an agent whose work is looked at; `None`: it is about something else.
    pub(in crate::supervise) fn reported(
        &mut self,
        report: &Report,
        context: &mut Context<'_>,
    ) -> Result<Option<News>, Error> {
        match report {
            Report::Ended { request: Some(number), agent, .. } | Report::Refused { request: number, agent, .. } => {
                self.cleared(*number, agent, context)
            }
            Report::Launched { agent, root, .. } if self.is_checking(agent) => {
                context.processes.launched(*root, agent);
                Ok(Some(News::Nothing))
            }
            Report::LaunchFailed { agent, .. } if self.is_checking(agent) => {
                Ok(Some(self.checked(agent, CheckEnd::NotStarted, None, context)))
            }
            Report::RootExited { agent, status, .. } if self.is_checking(agent) => {
                let end = match (self.is_late(agent), *status) {
                    (true, _) => CheckEnd::Late,
                    (false, Status::Exited(0)) => CheckEnd::Passed,
                    (false, status) => CheckEnd::Failed(i32::from(Exit::from(status).code())),
                };
                let status = (end != CheckEnd::Passed).then_some(*status);
                Ok(Some(self.checked(agent, end, status, context)))
            }
            _ => Ok(None),
        }
    }

    fn is_checking(&self, agent: &AgentName) -> bool {
        matches!(self.agents.get(agent), Some(Step::Checking { .. }))
    }

    fn is_late(&self, agent: &AgentName) -> bool {
        matches!(self.agents.get(agent), Some(Step::Checking { late: true, .. }))
    }

    /// Nothing of the agent is left: its check is started, or it goes on; unless somebody has ended it meanwhile.
    fn cleared(&mut self, number: u64, agent: &AgentName, context: &Context<'_>) -> Result<Option<News>, Error> {
        let is_mine = |step: &&Step| matches!(step, Step::Clearing { request: Some(own), .. } if *own == number);
        if self.agents.get(agent).filter(is_mine).is_none() {
            return Ok(None);
        }
        let Some(Step::Clearing { then, .. }) = self.agents.remove(agent) else { return Ok(Some(News::Nothing)) };
        if !goes_on(agent, context) {
            return Ok(Some(News::Nothing));
        }
        match then {
            Then::GoOn(text) => Ok(Some(News::GoesOn(agent.clone(), text))),
            Then::Check => {
                self.check(agent, context)?;
                Ok(Some(News::Nothing))
            }
        }
    }

    fn check(&mut self, agent: &AgentName, context: &Context<'_>) -> Result<(), Error> {
        let Some((check, managed)) = check_of(agent, context).zip(context.agents.get(agent)) else { return Ok(()) };
        let (mut launch, output) = managed.launch_check(agent, &context.run.id, &check.command);
        launch.env.extend(without_secrets(context.governor));
        let from = std::fs::metadata(&output).map_or(0, |meta| meta.len());
        let until = clock::monotonic().checked_add(check.within);
        let command = check.shown.clone();
        self.agents.insert(agent.clone(), Step::Checking { until, late: false, output, from, command });
        context.processes.order(Order::Launch(launch))
    }

    /// A check has ended. One that somebody ended with its agent says nothing.
    fn checked(&mut self, agent: &AgentName, end: CheckEnd, status: Option<Status>, context: &Context<'_>) -> News {
        let Some(Step::Checking { output, from, command, .. }) = self.agents.remove(agent) else {
            return News::Nothing;
        };
        if !goes_on(agent, context) {
            return News::Ended(agent.clone(), None, None);
        }
        let outcome = CheckOutcome { command, end };
        let reviewed = context.governor.agent(agent).is_some_and(|agent| agent.setup.review.is_some());
        if end == CheckEnd::Passed && reviewed {
            self.look(agent, Some(outcome), context);
            return News::Ended(agent.clone(), None, None);
        }
        let said = if end == CheckEnd::Passed { String::new() } else { last_lines(&output, from) };
        let examined = Examined { check: Some(outcome), changed: None };
        News::Ended(agent.clone(), status, Some(Input::Examined { agent: agent.clone(), examined, said }))
    }

    /// Looks at what it changed, beside the loop.
    fn look(&mut self, agent: &AgentName, check: Option<CheckOutcome>, context: &Context<'_>) {
        self.agents.insert(agent.clone(), Step::Looking(check));
        let folder = context.agents.get(agent).and_then(|managed| managed.folder()).map(Path::to_owned);
        let since = folder.zip(self.began.get(agent).cloned());
        let (send, agent) = (self.send.clone(), agent.clone());
        std::thread::spawn(move || {
            let changed = since.and_then(|(folder, since)| work_tree::changed(&folder, since.as_deref()).ok());
            // The run may be over already.
            let _ended = send.send(Looked { agent, changed });
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

    /// A look was taken: all is known of the agent's work.
    pub(in crate::supervise) fn take(&mut self, looked: Looked) -> Vec<Input> {
        let Looked { agent, changed } = looked;
        match self.agents.remove(&agent) {
            Some(Step::Looking(check)) => {
                vec![Input::Examined { agent, examined: Examined { check, changed }, said: String::new() }]
            }
            Some(other) => {
                self.agents.insert(agent, other);
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}

fn check_of(agent: &AgentName, context: &Context<'_>) -> Option<WorkCheck> {
    context.governor.agent(agent)?.setup.check.clone()
}

/// Nobody has ended it meanwhile, and it is not about to be ended.
fn goes_on(agent: &AgentName, context: &Context<'_>) -> bool {
    let ends = |agent: &Agent| {
        matches!(agent.state, State::Gone | State::Ending(_) | State::Freezing(Intent::Stop | Intent::Kill))
    };
    context.governor.agent(agent).is_some_and(|agent| !ends(agent))
}

/// The last that was written to a file since it was so long: no more than an agent needs to know, secrets redacted.
fn last_lines(path: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(MOST_BYTES)))).ok()?;
        process::read_at_most(&file, MOST_BYTES).ok()
    };
    let bytes = read().unwrap_or_default();
    let text = codex::redact(&String::from_utf8_lossy(&bytes));
    let lines: Vec<String> = text.lines().map(|line| printable(line).to_string()).collect();
    lines.get(lines.len().saturating_sub(MOST_LINES)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_the_end_of_what_its_check_wrote_this_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("check");
        assert_eq!(last_lines(&path, 0), "");
        std::fs::write(&path, "before\n").unwrap();
        let from = std::fs::metadata(&path).unwrap().len();
        assert_eq!(last_lines(&path, from), "");
        let lines: Vec<String> = (1..=60).map(|number| format!("line {number}")).collect();
        std::fs::write(&path, format!("before\n{}\n", lines.join("\n"))).unwrap();
        let told = last_lines(&path, from);
        assert!(told.starts_with("line 21\n") && told.ends_with("line 60"), "{told}");
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(last_lines(&path, 0).len() as u64, MOST_BYTES);
        assert_eq!(last_lines(Path::new("/dev/null"), 0), "", "nothing is kept");
    }
}
