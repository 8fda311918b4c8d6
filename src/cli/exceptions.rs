//! `govern exceptions`: what passed or bent a rule, what would have cost less, and what is decided about it.

mod gather;
mod review;
mod write;

use std::io::{BufRead, Write};

use super::format::{Format, put, put_as};
use super::when::When;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, reviews};
use crate::model::{ExceptionId, ExceptionState, Timestamp};
use crate::prepare::here::Here;
use crate::report::exceptions::{ExceptionReport, ExceptionRow};
use crate::report::json;

/// What passed or bent a rule: extensions, expiries, grants, denials, stops, alerts, unpriced and unobserved spend, and runs
/// three times as expensive as like ones. Those that nobody has decided about, the newest first.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ExceptionsArgs {
    #[command(subcommand)]
    deed: Option<Deed>,
    /// Of then or later: a day, a month, a moment, or so long ago (2026-11-01, today, month, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Before then: a day (not included), a month, a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
    /// Those that were decided about, too
    #[arg(long)]
    all: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What is done about exceptions.
#[derive(clap::Subcommand, Clone, Debug)]
enum Deed {
    /// Go through the open ones, one after the other
    Review,
    /// It was right so: the rule stays as it is
    Accept(DecideArgs),
    /// It is of no interest
    Dismiss(DecideArgs),
    /// Change the policy, so that it is none the next time; shows the change first
    Write(WriteArgs),
}

/// Options of `accept` and `dismiss`.
#[derive(clap::Args, Clone, Debug)]
struct DecideArgs {
    /// The exceptions, as the list names them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Why: it is kept with the decision
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Options of `write`.
#[derive(clap::Args, Clone, Debug)]
struct WriteArgs {
    /// The exception, as the list names it
    #[arg(value_name = "ID")]
    id: String,
    /// Why: it is kept with the decision
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Change it without a question
    #[arg(long)]
    yes: bool,
    /// One more policy file, which may be the one that is changed
    #[arg(long, value_name = "FILE")]
    policy: Option<std::path::PathBuf>,
}

/// Writes them, or does what is asked about them.
pub fn run(args: &ExceptionsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    match &args.deed {
        None => list(args, out, here),
        Some(Deed::Review) => review::run(out, here),
        Some(Deed::Accept(decide)) => decided(decide, ExceptionState::Accepted, out, here),
        Some(Deed::Dismiss(decide)) => decided(decide, ExceptionState::Dismissed, out, here),
        Some(Deed::Write(write)) => {
            outside()?;
            write::run(write, out, here)
        }
    }
}

fn list(args: &ExceptionsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = here.timezone()?;
    let at = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let rows = match here.ledger()? {
        Some(ledger) => {
            gather::rows(&ledger, gather::Wanted { since: at(args.since), until: at(args.until), all: args.all }, here)?
        }
        None => Vec::new(),
    };
    let report = ExceptionReport { rows, at: here.now, zone, all: args.all };
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    Ok(Exit::Success)
}

/// All of a time, decided about or not, with advice.
pub(super) fn rows_of(
    ledger: &Ledger,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    here: &Here<'_>,
) -> Result<Vec<ExceptionRow>> {
    gather::rows(ledger, gather::Wanted { since, until, all: true }, here)
}

fn decided(args: &DecideArgs, state: ExceptionState, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    outside()?;
    needs_reason(&args.reason)?;
    let rows = args.ids.iter().map(|id| one(id, here)).collect::<Result<Vec<_>>>()?;
    for row in &rows {
        decide(&row.exception.id, state, &args.reason, here)?;
        put(out, &format!("{}: {state}\n", row.exception.id))?;
    }
    Ok(Exit::Success)
}

fn needs_reason(reason: &str) -> Result<()> {
    match reason.trim() {
        "" => Err(Error::new("`--reason` is empty: people read it").exit(Exit::Usage)),
        _ => Ok(()),
    }
}

/// What an agent did is not for an agent to judge.
fn outside() -> Result<()> {
    super::for_no_agent("an agent cannot decide about exceptions", "do it in a terminal that no agent started")
}

/// Writes a decision down.
fn decide(id: &ExceptionId, state: ExceptionState, reason: &str, here: &Here<'_>) -> Result<()> {
    let (by, reason) = (by(), crate::codex::redact(reason));
    let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
    Ok(ledger.turn(here.now, |turn| reviews::review(turn, id, state, (&by, Some(&reason)), None))?)
}

fn by() -> String {
    format!("{} (cli)", crate::prepare::identity::whoami())
}

/// The exception that is meant.
fn one(id: &str, here: &Here<'_>) -> Result<ExceptionRow> {
    let wanted = gather::Wanted { since: None, until: None, all: true };
    let rows = here.ledger()?.map(|ledger| gather::rows(&ledger, wanted, here)).transpose()?.unwrap_or_default();
    rows.into_iter().find(|row| row.exception.id.as_str() == id).ok_or_else(|| {
        let id = crate::report::text::printable(id);
        Error::new(format!("there is no exception `{id}`")).hint("`govern exceptions --all` names all of them")
    })
}

/// What is typed; `None` at the end of input.
fn line(ask: &str, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<Option<String>> {
    put(out, ask)?;
    let mut typed = String::new();
    let read =
        input.read_line(&mut typed).map_err(|error| Error::new("the terminal cannot be read").caused_by(&error))?;
    Ok((read > 0).then(|| typed.trim().to_owned()))
}
