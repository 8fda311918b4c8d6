//! `govern request`: asks a person ahead for more, from inside an agent too. It decides nothing.

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::state_folder;
use crate::model::quantity::quantity_hint;
use crate::model::{Quantity, RunInfo};
use crate::prepare::here::Here;
use crate::process;
use crate::report::text::printable;

/// Ask for more before a limit is met. The agent goes on meanwhile; the question is answered as any other, and its answer is an
/// exception. Inside an agent it is for that agent.
#[derive(clap::Args, Clone, Debug)]
pub struct RequestArgs {
    /// How much more, such as `2usd`
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    extend: String,
    /// Why: it stands in the question
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Of this budget [default: the one of which least is left]
    #[arg(long, value_name = "NAME")]
    budget: Option<String>,
    /// The run, or the first characters of its id [default: the one that this is inside of, else the only one]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// The agent, where the run has several and this is inside of none
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

/// Asks.
pub fn run(args: &RequestArgs) -> Result<Exit> {
    let here = super::here()?;
    amount(&args.extend, &args.reason)?;
    let info = which(args, &here)?;
    if process::is_codex(info.process.pid) {
        return Err(Error::new(format!("run `{}` cannot be asked ahead: its hooks are asked by Codex alone", info.id))
            .hint("what runs under `govern run` or `govern fleet` can"));
    }
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    let message = Message::Request {
        by: args.extend.clone(),
        budget: args.budget.clone(),
        agent: args.agent.clone(),
        reason: args.reason.clone(),
    };
    match socket::call(&sockets, &info.id, &message, &|connection, named| super::is_own(&info, connection, named)) {
        Ok(Reply::Done { what }) => {
            super::to_stderr(&format!("govern: {}\n", printable(&what)));
            Ok(Exit::Success)
        }
        Ok(Reply::Refused { why, hint }) => {
            let error = Error::new(format!("not asked: {}", printable(&why)));
            Err(hint.into_iter().fold(error, |error, hint| error.hint(printable(&hint))))
        }
        Err(error @ SocketError::Impostor(_)) => Err(super::impostor(&info, &error)),
        Err(error) => Err(Error::new(format!("run `{}` could not be reached", info.id)).caused_by(&error)),
    }
}

/// How much more is meant, and that a reason is given for it.
///
/// # Errors
/// It is no amount or none at all, or nothing stands in the reason.
pub(super) fn amount(extend: &str, reason: &str) -> Result<Quantity> {
    let more = Quantity::parse(extend).map_err(|error| {
        Error::new(format!("`--extend {extend}` {error}")).hint(quantity_hint(extend)).exit(Exit::Usage)
    })?;
    if more.amount == 0 {
        return Err(Error::new(format!("`--extend {extend}` is nothing")).exit(Exit::Usage));
    }
    if reason.trim().is_empty() {
        return Err(Error::new("`--reason` is empty: people read it").exit(Exit::Usage));
    }
    Ok(more)
}

/// The run that is meant.
fn which(args: &RequestArgs, here: &Here<'_>) -> Result<RunInfo> {
    let nothing =
        || Error::new("nothing runs here that could be asked for more").hint("`govern status` shows what runs");
    let live = here.ledger()?.ok_or_else(nothing)?.runs().live(here.alive)?;
    let inside = here.variable("GOVERN_RUN").and_then(|run| run.into_string().ok());
    let fits = |run: &&RunInfo| match args.run.as_ref().or(inside.as_ref()) {
        Some(prefix) => !prefix.is_empty() && run.id.as_str().starts_with(prefix.as_str()),
        None => true,
    };
    let mut found = live.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(nothing()),
        (Some(_), Some(_)) => {
            Err(Error::new("several runs are live").hint("`--run RUN` says which one is asked").exit(Exit::Usage))
        }
    }
}
