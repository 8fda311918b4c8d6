//! Owns `govern pause`, `continue` and `stop`: the emergency brake for what runs on this machine.

use std::io::Write;
use std::path::Path;

use clap::Args;

use super::format::put;
use super::here::Here;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Ledger, home};
use crate::model::{Brake, RunId, RunInfo};
use crate::report::text::printable;

/// Options of `govern pause`, `continue` and `stop`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["runs", "team", "all"]))]
pub struct BrakeArgs {
    /// Runs, or the first characters of their ids
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Every run of this team
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// Every run
    #[arg(long)]
    pub all: bool,
    /// Why: it is kept with the run
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Options of `govern stop`.
#[derive(Args, Debug)]
pub struct StopArgs {
    #[command(flatten)]
    runs: BrakeArgs,
    /// Now, not at a safe point: what is under way is lost
    #[arg(long)]
    kill: bool,
}

impl StopArgs {
    /// How it ends, and what.
    pub fn brake(&self) -> (Brake, &BrakeArgs) {
        (if self.kill { Brake::Kill } else { Brake::Stop }, &self.runs)
    }
}

/// Uses the brake on all runs that are named, at once: one that does not answer holds up no other.
pub fn run(brake: Brake, args: &BrakeArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let Some(ledger) = here.ledger()? else {
        return match args.runs.first() {
            Some(first) => Err(no_run(first)),
            None => nothing(args, out),
        };
    };
    let live = ledger.live_runs(here.alive)?;
    let named = choose(args, &ledger, live)?;
    if named.is_empty() {
        return nothing(args, out);
    }
    let sockets = home::socket_folder(&here.state_folder()?)?;
    let message = Message::Brake { brake, reason: args.reason.clone() };
    let mut failed = false;
    for (run, came) in call_all(&sockets, &named, &message) {
        match came {
            Ok(what) => put(out, &format!("run {run} {}\n", printable(&what)))?,
            Err(error) => {
                failed = true;
                super::to_stderr(&format!("{error}\n"));
            }
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

/// The runs that are meant, each once. A name that fits none is an error before anything is done.
fn choose(args: &BrakeArgs, ledger: &Ledger, live: Vec<RunInfo>) -> Result<Vec<RunId>> {
    if args.all {
        return Ok(live.into_iter().map(|run| run.id).collect());
    }
    if let Some(team) = &args.team {
        let of_team = live.into_iter().filter(|run| run.attribution.team.as_ref() == Some(team));
        return Ok(of_team.map(|run| run.id).collect());
    }
    let mut named: Vec<RunId> = Vec::new();
    for prefix in &args.runs {
        let run = one(prefix, ledger, &live)?;
        if !named.contains(&run) {
            named.push(run);
        }
    }
    Ok(named)
}

/// A run that lives is meant rather than one that is over.
fn one(prefix: &str, ledger: &Ledger, live: &[RunInfo]) -> Result<RunId> {
    let mut fits = live.iter().filter(|run| !prefix.is_empty() && run.id.as_str().starts_with(prefix));
    if let (Some(only), None) = (fits.next(), fits.next()) {
        return Ok(only.id.clone());
    }
    let run = ledger.find_run(prefix)?;
    match live.iter().any(|lives| lives.id == run.id) {
        true => Ok(run.id),
        false => Err(Error::new(format!("run `{}` is over", run.id)).hint("`govern` shows what runs")),
    }
}

/// What each run says, in the order that they were named in.
fn call_all(sockets: &Path, runs: &[RunId], message: &Message) -> Vec<(RunId, Result<String>)> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = runs.iter().map(|run| (run, scope.spawn(move || call(sockets, run, message)))).collect();
        let joined = calls.into_iter().map(|(run, call)| {
            let lost = || Err(Error::new(format!("run `{run}` could not be reached")));
            (run.clone(), call.join().unwrap_or_else(|_| lost()))
        });
        joined.collect()
    })
}

fn call(sockets: &Path, run: &RunId, message: &Message) -> Result<String> {
    match socket::call(sockets, run, message) {
        Ok(Reply::Done { what }) => Ok(what),
        Ok(Reply::Refused { why, hint }) => {
            let error = Error::new(format!("run `{run}` does not obey: {}", printable(&why)));
            Err(match hint {
                Some(hint) => error.hint(printable(&hint)),
                None => error,
            })
        }
        // It ended between the look into the ledger and the call.
        Err(error @ SocketError::NotLive(_)) => {
            Err(Error::new(format!("run `{run}` could not be reached")).caused_by(&error))
        }
        Err(error) => Err(Error::new(format!("run `{run}` could not be reached"))
            .caused_by(&error)
            .hint("its own govern answers for it, and cannot while it is suspended (Ctrl-Z): `fg` lets it go on")),
    }
}

fn nothing(args: &BrakeArgs, out: &mut dyn Write) -> Result<Exit> {
    let text = match &args.team {
        Some(team) => format!("No run of team `{}` runs here.\n", printable(team)),
        None => "Nothing runs here.\n".to_owned(),
    };
    put(out, &text)?;
    Ok(Exit::Success)
}

fn no_run(prefix: &str) -> Error {
    Error::new(format!("there is no run `{prefix}`")).hint("`govern` shows what runs")
}
