//! How long a session was active: what each of its hooks notes of it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::codex::HookEvent;
use crate::decide::Governor;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Moment;
use crate::ledger::{Ledger, LedgerError, Turn};
use crate::model::{AgentName, RunId, ThreadId, Unit};
use crate::policy::rule::Policy;
use crate::process;

use super::Call;
use super::active_time::{ClockReading, Worked};
use super::session::{Stood, known, write};
use super::standing::ThreadState;

/// One of the session's threads keeps its time: the first that could.
fn keeper<'a>(threads: &'a mut [(ThreadId, ThreadState)], call: &Call) -> Option<&'a mut Worked> {
    let own = call.input.thread();
    let keeps = threads.iter().position(|(_, known)| known.worked.is_some());
    let at = keeps.or_else(|| threads.iter().position(|(thread, _)| *thread == own))?;
    threads.get_mut(at).map(|(_, standing)| standing.worked.get_or_insert_default())
}

/// What of this Codex goes on beside the thread that the hook is about.
fn goes_on_beside(threads: &[(ThreadId, ThreadState)], call: &Call) -> bool {
    let own = call.input.thread();
    let live = threads.iter().filter(|(thread, known)| *thread != own && known.codex == call.codex);
    live.into_iter().any(|(_, known)| known.phase_for_others(false).goes_on())
}

impl Stood {
    /// How long the session was active until the hook before this one looked, and since then; both are counted.
    pub(super) fn works(&mut self, call: &Call, now: ClockReading) -> (BTreeMap<AgentName, Duration>, Duration) {
        let ended = self.own(call).and_then(|own| own.ended).filter(|_| !goes_on_beside(&self.threads, call));
        let Some(worked) = keeper(&mut self.threads, call) else { return Default::default() };
        let before = worked.spans();
        let passed = worked.passed(call.codex, now, ended);
        worked.pass((&call.agent, call.codex), now, passed);
        (before, passed)
    }
}

/// Tells the governor of a hook that is held how long its session was active until now: others count that, too.
pub(super) fn tell(turn: &mut Turn<'_>, call: &Call, governor: &mut Governor, now: Moment) -> Result<(), LedgerError> {
    let look = ClockReading::now();
    change(turn, call, |_, worked| {
        let passed = worked.passed(call.codex, look, None);
        worked.pass((&call.agent, call.codex), look, passed);
        governor.was_active(now, &call.agent, worked.spans().get(&call.agent).copied().unwrap_or_default());
    })
}

/// Notes whether the session goes on after what was decided. One that is `left`, nobody waits for any more.
pub(super) fn keep(
    turn: &mut Turn<'_>,
    call: &Call,
    governor: &Governor,
    (kept, left): (bool, bool),
) -> Result<(), LedgerError> {
    let runs = governor.agent(&call.agent).is_some_and(|agent| agent.state == State::Running);
    let moves = runs && !kept && !turn.questions().is_asking(&call.run)?;
    let rests = left || matches!(call.event, HookEvent::Stop | HookEvent::SubagentStop);
    let ends = call.event == HookEvent::SessionEnd;
    change(turn, call, |beside, worked| {
        worked.goes_on((&call.agent, call.codex), ClockReading::now(), moves && !ends && (!rests || beside));
    })
}

fn change(turn: &mut Turn<'_>, call: &Call, work: impl FnOnce(bool, &mut Worked)) -> Result<(), LedgerError> {
    let mut threads = known(&turn.hooks().attended(&call.run)?)?;
    let beside = goes_on_beside(&threads, call);
    let Some(worked) = keeper(&mut threads, call) else { return Ok(()) };
    work(beside, worked);
    let keeper = threads.iter().find(|(_, known)| known.worked.is_some());
    keeper.map_or(Ok(()), |(thread, standing)| write(turn, thread, standing))
}

/// A limit in minutes is to be kept.
pub(super) fn is_limited(policy: &Policy) -> bool {
    policy.budgets.iter().any(|budget| budget.unit() == Unit::Minutes)
}

/// How long each agent of a session that hooks attend to was active until now; `None` for a run that none does.
///
/// # Errors
/// Where the ledger fails.
pub fn active(ledger: &Ledger, run: &RunId) -> Result<Option<BTreeMap<AgentName, Duration>>, LedgerError> {
    let threads = known(&ledger.hooks().attended(run)?)?;
    let Some(worked) = threads.iter().find_map(|(_, known)| known.worked.as_ref()) else { return Ok(None) };
    let mut spans = worked.spans();
    if let Some(since) = worked.since.as_ref().filter(|since| process::alive(since.codex)) {
        let ended = threads.iter().filter(|(_, known)| known.codex == since.codex).filter_map(|(_, known)| known.ended);
        let ended = ended.filter(|ended| *ended > since.wall).max();
        *spans.entry(since.agent.clone()).or_default() += worked.passed(since.codex, ClockReading::now(), ended);
    }
    Ok(Some(spans))
}
