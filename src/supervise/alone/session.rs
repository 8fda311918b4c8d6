//! A session as a run of its own: opened, gone on with, and what was answered since.

use crate::clock;
use crate::codex::{self, HookEvent};
use crate::decide::input::Input;
use crate::error::Error;
use crate::import::{self, Session};
use crate::ledger::{LedgerError, RunState, Turn};
use crate::model::event::EventKind;
use crate::model::{Event, Response};

use super::Call;

/// Records may be written a little out of order.
const LATE: chrono::TimeDelta = chrono::TimeDelta::seconds(10);

/// All that the hook's session file tells of answers, as this run's agent's.
pub(super) fn read(call: &Call) -> Result<Vec<Response>, Error> {
    let Some(path) = call.input.session_file() else {
        return Err(Error::new("this session writes no file: its spend cannot be observed"));
    };
    let session =
        Session { prices: &call.prices, unpriced: &call.policy.models.unpriced, attribution: &call.attribution };
    let read = import::read_session(path, &session, &call.run);
    let mut responses = read.map_err(|error| Error::new("the session file cannot be read").caused_by(&error))?;
    for response in &mut responses {
        response.agent = Some(call.agent.clone());
    }
    Ok(responses)
}

/// What this run has not recorded of them. Older ones were, by an earlier hook.
pub(super) fn news(turn: &Turn<'_>, call: &Call, responses: Vec<Response>) -> Result<Vec<Response>, LedgerError> {
    let Some(first) = responses.first() else { return Ok(responses) };
    let last = turn.last_answer(&call.run, &first.thread)?;
    Ok(responses.into_iter().filter(|response| last.is_none_or(|last| response.at > last - LATE)).collect())
}

/// The model will be asked, or a turn begun.
pub(super) fn spends(event: HookEvent) -> bool {
    matches!(event, HookEvent::PreModelRequest | HookEvent::PreCompact)
}

/// The run is under way, by this Codex.
pub(super) fn open(turn: &mut Turn<'_>, call: &Call, state: RunState) -> Result<(), LedgerError> {
    let (policy, prices) = (call.policy.digest.clone(), call.prices.version().to_owned());
    let begins = match state {
        RunState::Open(process) if process == call.codex => return Ok(()),
        RunState::New => EventKind::RunStarted {
            command: codex::redacted(&call.command),
            cwd: call.cwd.display().to_string(),
            observe: call.policy.observe,
            policy,
            prices,
            govern: env!("CARGO_PKG_VERSION").to_owned(),
            attribution: call.attribution.clone(),
        },
        // One that was killed has not ended its run.
        RunState::Ended | RunState::Open(_) => EventKind::RunResumed { by: call.by.clone(), policy, prices },
    };
    let started =
        EventKind::AgentStarted { command: codex::redacted(&call.command), pid: call.codex.pid, resumes: None };
    for (agent, kind) in [(None, begins), (Some(call.agent.clone()), started)] {
        turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    }
    Ok(())
}

/// Writes a response; `None` for one that this run has recorded. What was imported before counts for the run's own
/// budgets all the same.
pub(super) fn enter(turn: &mut Turn<'_>, call: &Call, input: Input) -> Result<Option<Input>, LedgerError> {
    let Input::Responded(response) = input else { return Ok(Some(input)) };
    let (agent, kind) = (response.agent.clone(), EventKind::Response(response.clone()));
    let appended = turn.append(&Event { at: clock::now(), run: call.run.clone(), agent, kind })?;
    Ok(match (appended.new, appended.imported) {
        (true, _) => Some(Input::Responded(response)),
        (false, true) => Some(Input::Imported(response)),
        (false, false) => None,
    })
}
