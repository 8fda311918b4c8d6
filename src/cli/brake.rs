//! `govern pause`, `continue` and `stop`: the emergency brake for what runs on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::format::put;
use crate::clock;
use crate::codex;
use crate::decide::people::permission;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Ledger, RunState, state_folder};
use crate::model::event::EventKind;
use crate::model::{Brake, Dimension, Event, RunId, RunInfo};
use crate::prepare::here::Here;
use crate::process;
use crate::report::text::{count, printable};

/// Options of `govern pause`, `continue` and `stop`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["runs", "team", "all"]))]
pub struct BrakeArgs {
    /// Runs, or the first characters of their ids
    #[arg(value_name = "RUN")]
    pub runs: Vec<String>,
    /// Every run of this team, and its agents in fleets
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// Every run
    #[arg(long)]
    pub all: bool,
    /// Why: it is kept with the run
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Options of `govern continue`.
#[derive(Args, Debug)]
pub struct ContinueArgs {
    #[command(flatten)]
    runs: BrakeArgs,
    /// The token of the message that told of the pause: it is whoever got that who lets it go on
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["team", "all"])]
    token: Option<String>,
}

impl ContinueArgs {
    /// What goes on, and by which token.
    pub fn parts(&self) -> (&BrakeArgs, Option<&str>) {
        (&self.runs, self.token.as_deref())
    }
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
pub fn run(
    brake: Brake,
    (args, token): (&BrakeArgs, Option<&str>),
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<Exit> {
    let Some(ledger) = here.ledger()? else {
        return match args.runs.first() {
            Some(first) => Err(no_run(first)),
            None => nothing(args, out),
        };
    };
    let live = ledger.runs().live(here.alive)?;
    let named = choose(args, &ledger, live.clone())?;
    if named.is_empty() {
        return match &args.team {
            Some(team) if !is_known(&ledger, team)? => Err(no_such_team(team, &live)),
            _ => nothing(args, out),
        };
    }
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    let token = token.map(str::to_owned);
    let message = Message::Brake { brake, team: args.team.clone(), reason: args.reason.clone(), token };
    let (mut failed, mut reached) = (false, false);
    // A session that installed hooks govern is its Codex's own: nobody supervises it.
    let (alone, supervised): (Vec<RunInfo>, Vec<RunInfo>) =
        named.into_iter().partition(|run| process::is_codex(run.process.pid));
    let mut came = call_all(&sockets, &supervised, &message);
    came.extend(alone.into_iter().map(|run| {
        let told = tell_hooks(here, &run, brake, args.reason.as_deref());
        (run.id, told)
    }));
    for (run, came) in came {
        match came {
            // A fleet, none of whose agents is of the team.
            Ok(what) if what.is_empty() => {}
            Ok(what) => {
                reached = true;
                put(out, &format!("run {run} {}\n", printable(&what)))?;
            }
            Err(error) => {
                failed = true;
                super::to_stderr(&format!("{error}\n"));
            }
        }
    }
    if !failed && !reached {
        return match &args.team {
            Some(team) => Err(no_such_team(team, &live)),
            None => nothing(args, out),
        };
    }
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

/// Uses the brake on one run, and says what came of it.
pub(super) fn on_one(brake: Brake, run: &RunId, here: &Here<'_>) -> Result<String> {
    let no_run = || no_run(run.as_str());
    let live = here.ledger()?.ok_or_else(no_run)?.runs().live(here.alive)?;
    let Some(info) = live.iter().find(|live| live.id == *run) else {
        return Err(Error::new(format!("run `{run}` is over")));
    };
    let what = match process::is_codex(info.process.pid) {
        true => tell_hooks(here, info, brake, None)?,
        false => {
            let sockets = state_folder::socket_folder(&here.state_folder()?)?;
            call(&sockets, info, &Message::Brake { brake, team: None, reason: None, token: None })?
        }
    };
    Ok(format!("run {run} {}", printable(&what)))
}

/// The runs that are meant, each once. A name that fits none is an error before anything is done.
fn choose(args: &BrakeArgs, ledger: &Ledger, live: Vec<RunInfo>) -> Result<Vec<RunInfo>> {
    if args.all {
        return Ok(live);
    }
    if let Some(team) = &args.team {
        let (mut of_team, mut others) = (Vec::new(), Vec::new());
        for run in live {
            // What agents of a fleet belong to, it knows itself.
            if run.attribution.team.as_ref() == Some(team) || is_fleet(ledger, &run.id)? {
                of_team.push(run);
            } else {
                others.push(run);
            }
        }
        return match (of_team.is_empty(), others.is_empty()) {
            (true, false) => Err(no_such_team(team, &others)),
            _ => Ok(of_team),
        };
    }
    let mut named: Vec<RunInfo> = Vec::new();
    for prefix in &args.runs {
        let run = one(prefix, ledger, &live)?;
        if !named.iter().any(|known| known.id == run.id) {
            named.push(run);
        }
    }
    Ok(named)
}

/// Whoever pulls the brake for a team and mistypes its name must not believe that it stands.
fn no_such_team(team: &str, live: &[RunInfo]) -> Error {
    let mut teams: Vec<String> = live
        .iter()
        .filter_map(|run| run.attribution.team.as_ref())
        .map(|team| format!("`{}`", printable(team)))
        .collect();
    teams.sort();
    teams.dedup();
    let without = live.iter().filter(|run| run.attribution.team.is_none()).count();
    let without = (without > 0).then(|| count(without as u64, "run of no team", "runs of no team"));
    let named: Vec<String> = teams.into_iter().chain(without).collect();
    let named = if named.is_empty() { "nothing".to_owned() } else { named.join(", ") };
    Error::new(format!("no run of team `{}` runs here, and nothing was done", printable(team)))
        .hint(format!("what runs: {named}; `govern status` shows all, `--all` means all"))
}

/// Something was spent for this team before: its name is not mistyped.
fn is_known(ledger: &Ledger, team: &str) -> Result<bool> {
    let known = ledger.sums().by(&[Dimension::Team], None, None)?;
    Ok(known.iter().any(|(values, _)| values.iter().flatten().any(|known| known == team)))
}

/// The run has agents that have registered.
fn is_fleet(ledger: &Ledger, run: &RunId) -> Result<bool> {
    let events = ledger.runs().events(run)?;
    Ok(events.iter().any(|entry| matches!(entry.event.kind, EventKind::Registered { .. })))
}

/// A run that lives is meant rather than one that is over.
fn one(prefix: &str, ledger: &Ledger, live: &[RunInfo]) -> Result<RunInfo> {
    let mut fits = live.iter().filter(|run| !prefix.is_empty() && run.id.as_str().starts_with(prefix));
    if let (Some(only), None) = (fits.next(), fits.next()) {
        return Ok(only.clone());
    }
    let run = ledger.runs().find(prefix)?;
    match live.iter().find(|lives| lives.id == run.id) {
        Some(run) => Ok(run.clone()),
        None => Err(Error::new(format!("run `{}` is over", run.id)).hint("`govern` shows what runs")),
    }
}

/// What each run says, in the order that they were named in.
fn call_all(sockets: &Path, runs: &[RunInfo], message: &Message) -> Vec<(RunId, Result<String>)> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = runs.iter().map(|run| (run, scope.spawn(move || call(sockets, run, message)))).collect();
        let joined = calls.into_iter().map(|(run, call)| {
            let lost = || Err(Error::new(format!("run `{}` could not be reached", run.id)));
            (run.id.clone(), call.join().unwrap_or_else(|_| lost()))
        });
        joined.collect()
    })
}

fn call(sockets: &Path, info: &RunInfo, message: &Message) -> Result<String> {
    let run = &info.id;
    match socket::call(sockets, run, message, &|connection, named| super::is_own(info, connection, named)) {
        Ok(Reply::Done { what }) => Ok(what),
        Ok(Reply::Refused { why, hint }) => {
            let error = Error::new(format!("run `{run}` does not obey: {}", printable(&why)));
            Err(match hint {
                Some(hint) => error.hint(printable(&hint)),
                None => error,
            })
        }
        Err(error @ SocketError::Impostor(_)) => Err(super::impostor(info, &error)),
        // It ended between the look into the ledger and the call.
        Err(error @ SocketError::NotLive(_)) => {
            Err(Error::new(format!("run `{run}` could not be reached")).caused_by(&error))
        }
        Err(error) => Err(Error::new(format!("run `{run}` could not be reached"))
            .caused_by(&error)
            .hint("its own govern answers for it, and cannot while it is suspended (Ctrl-Z): `fg` lets it go on")),
    }
}

/// Writes the brake into the ledger, where the session's next hook finds it, and one that is held at once.
fn tell_hooks(here: &Here<'_>, session: &RunInfo, brake: Brake, reason: Option<&str>) -> Result<String> {
    let run = &session.id;
    let refused = format!("run `{run}` does not obey: agents do not decide about agents");
    super::for_no_agent(&refused, "do it in a terminal that no agent started")?;
    let who = crate::prepare::identity::whoami();
    if brake == Brake::Continue {
        // Nobody supervises it: its policy is read where it works, as its hooks do.
        let policy = Here { cwd: PathBuf::from(&session.cwd), ..*here }.policy(None)?.policy;
        permission::judge(
            &policy.approvals,
            &crate::prepare::identity::at_terminal(),
            &crate::prepare::identity::starter(),
            None,
        )
        .map_err(|not| Error::new(format!("run `{run}` does not obey: {not}")))?;
    }
    let by = format!("{who} (cli)");
    let reason = reason.map(codex::redact);
    let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
    Ok(ledger.turn(clock::now(), |turn| {
        let RunState::Open(_) = turn.runs().state(run)? else { return Ok("is over".to_owned()) };
        let what = match (brake, turn.runs().brake_of(run)?) {
            (Brake::Continue, None) => return Ok("is not paused".to_owned()),
            (Brake::Pause | Brake::Stop, Some((Brake::Stop | Brake::Kill, before)))
            | (_, Some((Brake::Kill, before)))
                if brake != Brake::Continue =>
            {
                return Ok(format!("is being ended already, {}", before.text()));
            }
            (Brake::Pause, Some((_, before))) => return Ok(format!("is paused already, {}", before.text())),
            (Brake::Continue, Some(_)) => "goes on",
            (Brake::Pause, None) => "is paused: its next prompt, request and tool wait; what is under way may end",
            (Brake::Kill, _) => "is killed at its next prompt, request or tool",
            (Brake::Stop, _) => "is stopped: its next prompt, request or tool ends it; what is under way may end",
        };
        let kind = EventKind::Braked { brake, by, reason };
        turn.append(&Event { at: clock::now(), run: run.clone(), agent: None, kind })?;
        Ok(what.to_owned())
    })?)
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
