//! Tools that ran, as a thread's file tells, beside those that its hooks have asked about.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::decide::message::Input;
use crate::model::ThreadId;
use crate::rollout::{self, RanTool};
use crate::tail::Held;

use super::Call;
use super::open_files::Found;

/// How many calls are kept that the file has not told of: those that failed or were refused, it never does.
const KEPT: usize = 500;

/// How many of those are kept that it has told of.
const TOLD: usize = 50;

/// The calls of a thread's tools that have asked, until its file tells of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ToolsAsked {
    calls: VecDeque<String>,
    /// The last of those that it has told of: it may tell of one more than once.
    told: VecDeque<String>,
    /// The file was looked through so far, in bytes; `None`: this Codex has not shown it yet.
    upto: Option<u64>,
    /// A call was not kept, or has no id: which ones did not ask cannot be told.
    forgot: bool,
}

/// What is new in a thread's file of tools that ran.
#[derive(Debug, Default)]
pub(super) struct RanTools {
    tools: Vec<(u64, RanTool)>,
    upto: u64,
}

impl RanTools {
    /// Of this file, which was looked through as far as `known`; nothing where that is not known. `size` is its own.
    pub(super) fn of(found: &Found, known: Option<u64>, size: u64) -> std::io::Result<Self> {
        let from = known.filter(|from| *from <= size);
        let mut ran = Self { tools: Vec::new(), upto: size };
        let Some(from) = from else { return Ok(ran) };
        let mut file = Held::open_through(&found.file.own_link(), found.file.id(), found.name.clone())?;
        let read = file.read_from(from, |position, line| {
            ran.tools.extend(rollout::ran(line).map(|tool| (position, tool)));
        });
        ran.upto = read?;
        Ok(ran)
    }
}

impl ToolsAsked {
    /// How far the file was looked through.
    pub(super) fn looked_through(&self) -> Option<u64> {
        self.upto
    }

    /// A tool asks, by its call's id.
    pub(super) fn asks(&mut self, call: Option<&String>) {
        let Some(call) = call else {
            self.forgot = true;
            return;
        };
        // A hook that is held asks more than once.
        if self.calls.contains(call) {
            return;
        }
        self.calls.push_back(call.clone());
        if self.calls.len() > KEPT {
            self.calls.pop_front();
            self.forgot = true;
        }
    }

    /// Takes what the file tells of the thread's tools; says which ran without asking. Another hook may have looked
    /// further.
    pub(super) fn take(&mut self, thread: &ThreadId, ran: &RanTools) -> Vec<RanTool> {
        let Some(from) = self.upto else {
            self.upto = Some(ran.upto);
            return Vec::new();
        };
        let own = ran.tools.iter().filter(|(position, tool)| *position >= from && tool.thread == *thread);
        let mut unasked = Vec::new();
        for (_, tool) in own {
            let asked = self.calls.iter().position(|call| *call == tool.call);
            if asked.is_none() && !self.forgot && !self.told.contains(&tool.call) {
                unasked.push(tool.clone());
            }
            self.told.push_back(asked.and_then(|at| self.calls.remove(at)).unwrap_or_else(|| tool.call.clone()));
            self.told.drain(..self.told.len().saturating_sub(TOLD));
        }
        self.upto = Some(from.max(ran.upto));
        unasked
    }
}

/// What the governor hears of a tool that ran without asking.
pub(super) fn input(call: &Call, ran: RanTool) -> Input {
    let RanTool { thread, tool, call: id, .. } = ran;
    Input::Ran { agent: call.agent.clone(), thread, tool, call: id, hooked: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(upto: u64, tools: &[(u64, &str, &str)]) -> RanTools {
        let tool = |(position, thread, call): &(u64, &str, &str)| {
            let (at, thread) = (crate::model::Timestamp::UNIX_EPOCH, ThreadId::new(*thread));
            (*position, RanTool { at, thread, call: (*call).to_owned(), tool: "Bash".to_owned(), command: None })
        };
        RanTools { tools: tools.iter().map(tool).collect(), upto }
    }

    fn unasked(asked: &mut ToolsAsked, ran: &RanTools) -> Vec<String> {
        asked.take(&ThreadId::new("t"), ran).into_iter().map(|tool| tool.call).collect()
    }

    #[test]
    fn a_tool_that_ran_has_asked_or_is_told_once() {
        let mut asked = ToolsAsked::default();
        assert_eq!(unasked(&mut asked, &ran(100, &[(50, "t", "before")])), [""; 0], "what was there before");
        asked.asks(Some(&"a".to_owned()));
        asked.asks(Some(&"refused".to_owned()));
        let told = ran(200, &[(50, "t", "before"), (120, "t", "a"), (150, "t", "b"), (160, "parent", "copied")]);
        assert_eq!(unasked(&mut asked, &told), ["b"]);
        assert_eq!(unasked(&mut asked, &told), [""; 0], "read by another hook before this one wrote");
        assert_eq!(asked.calls, ["refused"]);
        assert_eq!(unasked(&mut asked, &ran(300, &[(250, "t", "a"), (260, "t", "b")])), [""; 0], "told once more");
    }

    #[test]
    fn where_not_every_call_is_known_nothing_is_said() {
        let mut asked = ToolsAsked { upto: Some(0), ..ToolsAsked::default() };
        (0..=KEPT).for_each(|nth| asked.asks(Some(&nth.to_string())));
        assert_eq!(unasked(&mut asked, &ran(10, &[(5, "t", "0"), (6, "t", "1")])), [""; 0]);
        let mut nameless = ToolsAsked { upto: Some(0), ..ToolsAsked::default() };
        nameless.asks(None);
        assert_eq!(unasked(&mut nameless, &ran(10, &[(5, "t", "x")])), [""; 0]);
    }
}
