//! Owns `govern resume RUN`: goes on with a run that was stopped, in the same thread, with the same flags, in the same place.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::codex;
use crate::decide::governor::Lift;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::quantity::QUANTITY_HINT;
use crate::model::{AgentName, Quantity, RunInfo, ThreadId};
use crate::place;
use crate::process::{self, GuardHandle};
use crate::usage::price::PriceTable;

use super::env;
use super::here::Here;
use super::run::{Rules, Shown, Start, govern, whoami};

/// Options of `govern resume`.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The run, or the first characters of its id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Lift the limit that stopped it by so much, such as `5usd`
    #[arg(long, value_name = "AMOUNT")]
    pub extend: Option<String>,
    /// Write the run's summary as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// What the ledger keeps of a run so that it can go on. No prompts, no secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Resumable {
    cwd: PathBuf,
    agent: AgentName,
    rules: Rules,
    thread: Option<ThreadId>,
    command: Vec<String>,
}

impl Resumable {
    /// What is known before there is a thread.
    pub(super) fn of(start: &Start) -> Self {
        Self {
            cwd: start.place.folder.clone(),
            agent: start.agent.clone(),
            rules: start.rules.clone(),
            thread: None,
            command: Vec::new(),
        }
    }

    /// The same with the thread and the command that would go on with it, as the ledger keeps it.
    pub(super) fn text(&self, thread: &ThreadId, command: Vec<String>) -> String {
        let kept = Self { thread: Some(thread.clone()), command, ..self.clone() };
        // INVARIANT: paths that are not UTF-8 are the only thing that JSON can't hold.
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

/// Goes on.
pub fn run(args: &ResumeArgs, guard: GuardHandle) -> Result<Exit> {
    if process::own_identity().is_none_or(|own| process::is_governed(own.pid)) {
        return Err(Error::new("a governed agent cannot let a run go on")
            .hint("resume it from a terminal that no agent started"));
    }
    let here = super::here()?;
    let extend =
        match &args.extend {
            Some(text) => Some(Quantity::parse(text).map_err(|error| {
                Error::new(format!("`--extend {text}` {error}")).hint(QUANTITY_HINT).exit(Exit::Usage)
            })?),
            None => None,
        };
    let (info, kept) = find(&here, &args.run)?;
    std::env::set_current_dir(&kept.cwd).map_err(|error| {
        Error::new(format!("`{}`, where the run worked, cannot be entered", kept.cwd.display())).caused_by(&error)
    })?;
    let here = Here { cwd: kept.cwd.clone(), ..here };
    let policy = kept.rules.load(&here, args.quiet)?;
    let lift = extend.map(|by_amount| Lift { budget: info.rule.clone(), by_amount, by: format!("{} (cli)", whoami()) });
    let start = Start {
        run: info.id,
        resumes: kept.thread,
        lift,
        prices: PriceTable::embedded().with_overrides(&policy.prices),
        policy,
        attribution: info.attribution,
        place: place::look(&kept.cwd, env),
        agent: kept.agent,
        command: kept.command.into_iter().map(OsString::from).collect(),
        rules: kept.rules,
    };
    govern(start, guard, &Shown { quiet: args.quiet, json: args.json.clone() })
}

fn find(here: &Here<'_>, prefix: &str) -> Result<(RunInfo, Resumable)> {
    let nothing = || Error::new(format!("there is no run `{prefix}`")).hint("`govern report --by run` lists runs");
    let ledger: Ledger = here.ledger()?.ok_or_else(nothing)?;
    let info = ledger.find_run(prefix)?;
    if info.outcome.is_none() && process::alive(info.process) {
        return Err(Error::new(format!("run `{}` is still running", info.id)));
    }
    let cannot = |why: &str| {
        Error::new(format!("run `{}` cannot go on: {why}", info.id))
            .hint("`codex resume` can go on with the session by hand, under a run of its own")
    };
    let kept = ledger.command_of(&info.id)?.and_then(|text| serde_json::from_str::<Resumable>(&text).ok());
    let kept =
        kept.ok_or_else(|| cannot("it was not a `codex exec` that govern can start again, or had no session yet"))?;
    if !codex::is_whole(&kept.command) {
        return Err(cannot(
            "its command line held what is not written down: a secret, a text, or a `-c` setting unknown to govern",
        ));
    }
    Ok((info, kept))
}
