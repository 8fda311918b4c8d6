//! Codexes whose tools and sub-agents nobody would count: those that do not call govern's hooks, such as one that a tool of a
//! governed Codex starts. Under a limit on either they are stopped.

use std::ffi::OsString;
use std::path::Path;

use crate::codex::{HookEvent, Invocation, installed};
use crate::decide::message::Input;
use crate::model::{AgentName, FileId, ThreadId};
use crate::process;
use crate::rollout::RanTool;
use crate::shell::CommandLine;
use crate::tail::settings;
use crate::turn::hook::judge;

use super::supervisor::Supervisor;

impl Supervisor {
    /// A Codex that has no hooks of govern's where they could stand, or whose flags take them away, before it has asked
    /// anything. Nobody's flags take away those of the machine.
    pub(super) fn without_hooks(
        &self,
        agent: &AgentName,
        (pid, argv): (i32, &[OsString]),
        has_threads: bool,
        invocation: Option<&Invocation>,
    ) -> Option<Input> {
        let counts = has_threads && self.governor.policy().counts_by_hooks();
        let refuses = invocation.is_some_and(|own| own.refuses_hooks().is_some());
        let has_hooks = || match refuses {
            false => self.has_hook((pid, argv), invocation, HookEvent::PreToolUse),
            true => of_machine(pid),
        };
        if !counts || has_hooks() {
            return None;
        }
        let what = format!("codex (process {pid}) has no hooks of govern's");
        Some(Input::Uncounted { agent: agent.clone(), what })
    }

    /// A thread has its first answer: its Codex has called a hook before, or it calls none, wherever hooks stand.
    pub(super) fn answered_uncounted(&mut self, agent: &AgentName, thread: &ThreadId) -> Option<Input> {
        if !self.governor.policy().counts_by_hooks() || self.counted.contains(thread) {
            return None;
        }
        let file = self.sessions.file_of(thread)?;
        let tree = self.owned();
        let writer = tree.iter().find(|(process, _)| process::writes(process.identity.pid, file));
        let silent = writer.filter(|(process, _)| !self.hooked.contains(&process.identity));
        let Some((process, _)) = silent else {
            self.counted.insert(thread.clone());
            return None;
        };
        let what = format!("codex (process {}) has called none of govern's hooks", process.identity.pid);
        Some(Input::Uncounted { agent: agent.clone(), what })
    }

    /// A tool of a thread ran, as its file tells: news where it is not known to have asked. Whether its Codex has hooks,
    /// the file's writer tells; where that is gone, whether the thread has called.
    pub(super) fn ran(&mut self, agent: AgentName, file: FileId, ran: RanTool) -> Option<Input> {
        if self.governor.agent(&agent)?.gate.may_have_asked(&ran.call) {
            return self.ran_otherwise(agent, ran);
        }
        let tree = self.owned();
        let writer = tree.iter().find(|(process, _)| process::writes(process.identity.pid, file));
        let hooked = match writer {
            Some((process, _)) => {
                self.hooked.contains(&process.identity) || {
                    let argv = process.codex_argv();
                    self.has_hook(
                        (process.identity.pid, &argv),
                        Invocation::parse(&argv).as_ref(),
                        HookEvent::PreToolUse,
                    )
                }
            }
            None => self.governor.agent(&agent)?.has_called(&ran.thread),
        };
        let RanTool { thread, tool, call, .. } = ran;
        Some(Input::Ran { agent, thread, tool, call, hooked })
    }

    /// News where the command that ran is not the one that was judged: then it is judged as it ran.
    fn ran_otherwise(&mut self, agent: AgentName, ran: RanTool) -> Option<Input> {
        let RanTool { thread, tool, call, command, .. } = ran;
        let command = command?;
        let model = self.judged.changed(&call, &command)?;
        let who = (&self.governor, self.governor.agent(&agent)?, &self.run);
        let judged = judge((&tool, Some(CommandLine::Text(&command))), model.as_ref(), &thread, who);
        Some(Input::RanOtherwise { agent, thread, tool, call, judged })
    }
}

/// The machine's own hooks are installed where this process looks for them. Whether it runs them is found out by what comes.
fn of_machine(pid: i32) -> bool {
    let file = process::path_seen_by(pid, Path::new(settings::MANAGED));
    settings::at(&file).is_some_and(|text| text.lines().any(installed::is_own))
}
