//! `govern run -- COMMAND`: governs one command from its start to its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::{Attribution, Verb, WorkClass};
use crate::prepare::declares::Declares;
use crate::prepare::rules::Rules;
use crate::prepare::run::govern;
use crate::prepare::start::{Shown, Start};
use crate::prepare::supervision::Supervision;

/// Options of `govern run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// A policy on top of the system's, the user's and the repository's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Decide and record, do nothing
    #[arg(long)]
    pub observe: bool,
    /// What its work is, whatever it does: research, edit, test, review, migration, documentation or other
    #[arg(long, value_name = "CLASS", value_parser = work)]
    pub work: Option<WorkClass>,
    /// The agent's name in tables and budgets [default: $GOVERN_AGENT, else codex]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Where the spend belongs
    #[command(flatten)]
    pub belongs: Belongs,
    /// A limit for this run: `5usd`, `200ktok`, `2M all tok`, `50 responses`, `30 minutes`; `auto:5usd`: what 19 of 20
    /// like runs did not pass, and $5 where fewer than ten are known
    #[arg(long, value_name = "LIMIT", allow_hyphen_values = true)]
    pub budget: Vec<String>,
    /// What happens when a `--budget` is spent [default: ask, where there is somebody to ask, else stop]
    #[arg(long, value_name = "VERB", requires = "budget")]
    pub at_limit: Option<AtLimit>,
    /// What it is expected to take: `2usd`, `200ktok`, `40 responses`, `20 minutes`; more than one may be said
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub expect: Vec<String>,
    /// The tier of the policy's models that it starts on
    #[arg(long, value_name = "NAME")]
    pub model_tier: Option<String>,
    /// Let the requests of the OpenAI libraries pass a gateway of this run: they are metered and admitted, too
    #[arg(long)]
    pub gateway: bool,
    /// Write the run's summary as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// The command, as without govern
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Where spend belongs, by flags.
#[derive(Args, Debug, Default)]
pub struct Belongs {
    /// The team that answers for the spend [default: $GOVERN_TEAM, or a rule of the policy]
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// The project [default: $GOVERN_PROJECT, a rule, else the repository's name]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// The client it is done for [default: $GOVERN_CLIENT, or a rule]
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Such as a ticket's number [default: $GOVERN_TASK, or a rule]
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,
    /// Any further `KEY=VALUE`
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub label: Vec<(String, String)>,
}

impl Belongs {
    /// As far as it was said.
    pub(super) fn said(self) -> Attribution {
        let Self { team, project, client, task, label } = self;
        Attribution { team, project, client, task, labels: label.into_iter().collect(), ..Attribution::default() }
    }
}

/// What `--at-limit` takes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AtLimit {
    /// Hold the agent and ask a person
    Ask,
    /// End it at a safe point and leave a hand-off
    Stop,
    /// End it now
    Kill,
}

impl From<AtLimit> for Verb {
    fn from(at: AtLimit) -> Self {
        match at {
            AtLimit::Ask => Self::Ask,
            AtLimit::Stop => Self::Stop,
            AtLimit::Kill => Self::Kill,
        }
    }
}

/// A class of work, as `--work` takes it.
pub(super) fn work(text: &str) -> std::result::Result<WorkClass, String> {
    let known = WorkClass::ALL.map(WorkClass::as_str).join(", ");
    WorkClass::parse(text).ok_or_else(|| format!("`{text}` is no class of work; known are {known}"))
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write `KEY=VALUE`".to_owned()),
    }
}

/// Standard output is the agent's, byte for byte: no summary goes there.
pub(super) fn beside_stdout(json: Option<&Path>) -> Result<()> {
    match json {
        Some(path) if path == Path::new("-") => Err(Error::new("`--json -`: standard output is the agent's own")
            .exit(Exit::Usage)
            .hint("`--json FILE`, or `--json /dev/fd/3` with `3>FILE` behind the command")),
        Some(_) | None => Ok(()),
    }
}

/// Governs the command.
pub fn run(args: RunArgs, supervision: Supervision) -> Result<Exit> {
    beside_stdout(args.json.as_deref())?;
    let rules = Rules {
        policy: args.policy,
        budgets: args.budget,
        at_limit: args.at_limit.map(Verb::from),
        observe: args.observe,
        work: args.work,
        declares: Declares { expect: args.expect, model_tier: args.model_tier },
        gateway: args.gateway,
    };
    let shown = Shown { quiet: args.quiet, json: args.json };
    let start = Start::new(rules, &args.belongs.said(), (args.agent, args.command), (&super::here()?, shown.quiet))?;
    govern(start, supervision, &shown)
}
