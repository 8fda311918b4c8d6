//! `govern approve` and `govern deny`: a person's answer, taken to the run that waits for it.

use clap::Args;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::{Message, Reply, Wish};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Ledger, state_folder};
use crate::model::quantity::quantity_hint;
use crate::model::{Approval, ApprovalId, ApprovalState, ModelId, Quantity, RunId};
use crate::policy::duration::{self, DURATION_HINT};
use crate::report::Next;
use crate::report::text::printable;

use super::resume;
use crate::prepare::here::Here;
use crate::prepare::next::next;

/// Options of `govern approve`.
#[derive(Args, Debug)]
#[command(override_usage = "govern approve [OPTIONS] <ID>")]
pub struct ApproveArgs {
    /// The question's number, as `govern approvals` shows it
    #[arg(value_name = "ID")]
    pub id: Option<i64>,
    /// How much more may be spent, such as `2usd` [default: what the question offers]
    #[arg(long, value_name = "AMOUNT", conflicts_with = "route")]
    pub extend: Option<String>,
    /// Go on with the ladder's next model instead
    #[arg(long, value_name = "MODEL", num_args = 0..=1, default_missing_value = "")]
    pub route: Option<String>,
    /// At a gate: let this one tool or request go, and ask again for the next [default]
    #[arg(long, conflicts_with_all = ["extend", "route", "time", "run"])]
    pub once: bool,
    /// At a gate: let the same call of this agent, or all its requests, go for so long, such as `1h`
    #[arg(long = "for", value_name = "TIME", conflicts_with_all = ["extend", "route", "run"])]
    pub time: Option<String>,
    /// At a gate: let the same call of this agent, or all its requests, go as long as the run lives
    #[arg(long, conflicts_with_all = ["extend", "route"])]
    pub run: bool,
    /// Why: it is kept with the answer
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The token of the message that asked: the answer is that of whoever got it
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// Options of `govern deny`.
#[derive(Args, Debug)]
#[command(override_usage = "govern deny [OPTIONS] <ID>")]
pub struct DenyArgs {
    /// The question's number, as `govern approvals` shows it
    #[arg(value_name = "ID")]
    pub id: Option<i64>,
    /// End the agent now, not at a safe point
    #[arg(long)]
    pub kill: bool,
    /// Why: it is kept with the answer
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The token of the message that asked: the answer is that of whoever got it
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// Lets the agent go on.
pub fn approve(args: &ApproveArgs) -> Result<Exit> {
    if let Some(text) = &args.extend {
        Quantity::parse(text).map_err(|error| {
            Error::new(format!("`--extend {text}` {error}")).hint(quantity_hint(text)).exit(Exit::Usage)
        })?;
    }
    let again = match &args.time {
        Some(text) => {
            let time = duration::parse(text)
                .map_err(|error| Error::new(format!("`--for {text}` {error}")).hint(DURATION_HINT).exit(Exit::Usage))?;
            Some(Wish::Allow { seconds: Some(time.as_secs()) })
        }
        None => args.run.then_some(Wish::Allow { seconds: None }),
    };
    let wish = match (again, &args.route) {
        (Some(again), _) => again,
        (None, Some(model)) if model.is_empty() => Wish::Route { model: None },
        (None, Some(model)) => Wish::Route { model: Some(ModelId::new(model)) },
        (None, None) => Wish::Extend { by: args.extend.clone() },
    };
    answer(args.id, "approve", wish, (args.reason.clone(), args.token.clone()))
}

/// Ends the agent.
pub fn deny(args: &DenyArgs) -> Result<Exit> {
    let wish = if args.kill { Wish::Kill } else { Wish::Stop };
    answer(args.id, "deny", wish, (args.reason.clone(), args.token.clone()))
}

fn answer(id: Option<i64>, verb: &str, wish: Wish, (reason, token): (Option<String>, Option<String>)) -> Result<Exit> {
    let here = super::here()?;
    let Some(approval) = id.map(ApprovalId) else { return Err(which(verb, &here)?) };
    let what = send(approval, wish, (reason, token), &here)?;
    super::to_stderr(&format!("govern: {what}\n"));
    Ok(Exit::Success)
}

/// Takes an answer to the run that waits for it, and says what came of it.
pub(super) fn send(
    approval: ApprovalId,
    wish: Wish,
    (reason, token): (Option<String>, Option<String>),
    here: &Here<'_>,
) -> Result<String> {
    let folder = here.state_folder()?;
    let ledger = here.ledger()?.ok_or_else(|| no_question(approval))?;
    let question = ledger.questions().find(approval)?;
    if question.state != ApprovalState::Pending {
        let by = question.by.map_or_else(String::new, |by| format!(" by {by}"));
        let said = match question.state {
            ApprovalState::Expired => "has already expired".to_owned(),
            state => format!("has already been {state}{by}"),
        };
        return Err(Error::new(format!("approval {approval} {said}"))
            .hint("`govern approvals --all` shows what was asked and answered; a run that was stopped goes on by `govern resume`"));
    }
    let waiting = ledger.questions().waiting_for(approval)?;
    let sockets = state_folder::socket_folder(&folder)?;
    let message = Message::Answer { approval, wish, reason, who: None, token };
    let (run, reply) = first_live((here, &ledger), &sockets, &waiting, &message, &question)?;
    match reply {
        // An answer is written down before it is told. Under installed hooks alone nothing else tells who replied.
        // More than one have to say yes, and one more has.
        Reply::Done { what } if ledger.questions().find(approval)?.votes.len() > question.votes.len() => Ok(what),
        Reply::Done { .. } if ledger.questions().find(approval)?.state == ApprovalState::Pending => Err(Error::new(
            format!("run `{run}` says that approval {approval} is answered, and the ledger has no answer"),
        )
        .hint("an agent may have replied in the place of its govern: `govern approvals` shows what waits")),
        Reply::Done { what } => {
            wake_others(&sockets, &waiting, &run);
            Ok(what)
        }
        Reply::Refused { why, hint } => {
            let error = Error::new(format!("not answered: {why}"));
            Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
    }
}

/// Any run that waits may take the answer: it counts for all of them.
fn first_live(
    (here, ledger): (&Here<'_>, &Ledger),
    sockets: &std::path::Path,
    waiting: &[RunId],
    message: &Message,
    question: &Approval,
) -> Result<(RunId, Reply)> {
    for run in waiting {
        let info = ledger.runs().find(run.as_str())?;
        match socket::call(sockets, run, message, &|connection, named| super::is_own(&info, connection, named)) {
            Ok(reply) => return Ok((run.clone(), reply)),
            Err(SocketError::NotLive(_)) => {}
            Err(error @ SocketError::Impostor(_)) => return Err(super::impostor(&info, &error)),
            Err(error) => {
                return Err(Error::new(format!("run `{run}` could not be given the answer")).caused_by(&error));
            }
        }
    }
    let info = ledger.runs().find(question.run.as_str())?;
    let hint = match next(ledger, &info, here)? {
        Next::Command(command) => format!("`{command}` resumes it"),
        Next::Others { command, who } => format!("{} may resume it: `{command}`", who.join(" or ")),
        Next::Nothing(why) => format!("govern cannot resume it: {why}"),
        Next::Exhausted(why) => format!("it does not go on: {why}"),
    };
    Err(Error::new(format!("nobody waits for approval {} any more: the run is over", question.id)).hint(hint))
}

fn wake_others(sockets: &std::path::Path, waiting: &[RunId], answered: &RunId) {
    for run in waiting.iter().filter(|run| *run != answered) {
        // A run that is gone needs no waking; one that is busy reads the ledger at its next turn. Nothing that is said to
        // this is believed.
        let _gone = socket::call(sockets, run, &Message::Wake, &|_, _| true);
    }
}

/// Nobody said which question: all that wait.
fn which(verb: &str, here: &Here<'_>) -> Result<Error> {
    let waiting = match here.ledger()? {
        Some(ledger) => ledger.questions().standing(true, here.alive)?,
        None => Vec::new(),
    };
    if waiting.is_empty() {
        return Ok(Error::new("nothing waits for an answer")
            .exit(Exit::Usage)
            .hint("`govern approvals --all` shows what was asked"));
    }
    let error = Error::new(format!("say which question to {verb}")).exit(Exit::Usage);
    let asks = |approval: &Approval| {
        let may = approval.may.clone().unwrap_or_default();
        let typed = may.command(verb, approval.id).map(|typed| format!("`{typed}`"));
        let command = typed.unwrap_or_else(|| format!("question {} is not answered here", approval.id));
        let who = may.who().filter(|_| !may.here).map_or_else(String::new, |who| format!(" (by {who})"));
        format!("{command}{who}: {}: {}", printable(approval.agent.as_str()), printable(&approval.question))
    };
    Ok(waiting.iter().take(resume::NAMED).fold(error, |error, approval| error.hint(asks(approval))))
}

fn no_question(approval: ApprovalId) -> Error {
    Error::new(format!("there is no approval {approval}")).hint("`govern approvals` shows what waits")
}
