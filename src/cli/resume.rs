//! Owns `govern resume RUN`: goes on with a run that was stopped, in the same thread, with the same flags, in the same place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::codex::{self, Invocation};
use crate::decide::governor::Lift;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, LedgerError};
use crate::model::quantity::QUANTITY_HINT;
use crate::model::{AgentName, Quantity, RunId, RunInfo, ThreadId};
use crate::place;
use crate::policy::rule::{Budget, Policy};
use crate::process;
use crate::report::Next;
use crate::supervise::GO_ON;
use crate::usage::price::PriceTable;

use super::env;
use super::fleet::{self, FleetArgs};
use super::here::{Here, join_with};
use super::run::{Rules, Shown, Start, Supervision, govern, whoami};

/// Options of `govern resume`.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// The run, or the first characters of its id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Lift the limit that stopped it by so much, such as `5usd`
    #[arg(long, value_name = "AMOUNT")]
    pub extend: Option<String>,
    /// Go on although the policy is no longer the one that the run was started under
    #[arg(long)]
    pub accept_policy: bool,
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

/// What the ledger keeps of a fleet so that it can go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ResumableFleet {
    cwd: PathBuf,
    fleet: PathBuf,
    policy: Option<PathBuf>,
    observe: bool,
    show: bool,
}

impl ResumableFleet {
    /// As the ledger keeps it.
    pub(super) fn text(args: &FleetArgs, cwd: &Path) -> String {
        let (fleet, policy) = (cwd.join(&args.file), args.policy.as_ref().map(|policy| cwd.join(policy)));
        let kept = Self { cwd: cwd.to_owned(), fleet, policy, observe: args.observe, show: args.show };
        // INVARIANT: paths that are not UTF-8 are the only thing that JSON can't hold.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    fn args(self, args: &ResumeArgs) -> FleetArgs {
        let (json, quiet) = (args.json.clone(), args.quiet);
        let Self { fleet, policy, observe, show, .. } = self;
        FleetArgs { file: fleet, plan: false, policy, observe, show, json, quiet }
    }
}

/// What the ledger keeps of a run, of either kind.
#[derive(Debug)]
enum Kept {
    Run(Resumable),
    Fleet(ResumableFleet),
}

impl Kept {
    fn cwd(&self) -> &Path {
        match self {
            Self::Run(kept) => &kept.cwd,
            Self::Fleet(kept) => &kept.cwd,
        }
    }
}

/// Goes on.
pub fn run(args: &ResumeArgs, supervision: Supervision) -> Result<Exit> {
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
    let cwd = kept.cwd().to_owned();
    std::env::set_current_dir(&cwd).map_err(|error| {
        Error::new(format!("`{}`, where the run worked, cannot be entered", cwd.display())).caused_by(&error)
    })?;
    let here = Here { cwd, ..here };
    let lift = extend.map(|by_amount| Lift { budget: info.rule.clone(), by_amount, by: format!("{} (cli)", whoami()) });
    let accepts = args.accept_policy;
    match kept {
        Kept::Run(kept) => run_alone(kept, info, lift, supervision, (args, &here)),
        Kept::Fleet(kept) => fleet::go_on(&kept.args(args), supervision, &here, Earlier { info, lift, accepts }),
    }
}

/// A run that goes on as a fleet.
pub(super) struct Earlier {
    /// The run.
    pub(super) info: RunInfo,
    /// The limit that is lifted first.
    pub(super) lift: Option<Lift>,
    /// It goes on although its policy changed.
    accepts: bool,
}

impl Earlier {
    /// Refuses a policy that is not the one that the run was started under, unless that was accepted.
    pub(super) fn accept(&self, policy: &Policy) -> Result<()> {
        accept(&self.info, policy, self.accepts)
    }
}

fn accept(info: &RunInfo, policy: &Policy, accepts: bool) -> Result<()> {
    let Some(changed) = changed_policy(&info.policy, &policy.digest) else { return Ok(()) };
    if !accepts {
        return Err(Error::new(format!("refused to go on with run `{}`: {changed}", info.id))
            .exit(Exit::Refused)
            .hint(ACCEPT_HINT));
    }
    super::to_stderr(&format!("govern: {changed}\n"));
    Ok(())
}

fn run_alone(
    kept: Resumable,
    info: RunInfo,
    lift: Option<Lift>,
    supervision: Supervision,
    (args, here): (&ResumeArgs, &Here<'_>),
) -> Result<Exit> {
    let policy = kept.rules.load(here, args.quiet)?;
    accept(&info, &policy, args.accept_policy)?;
    let command = again(&kept).ok_or_else(|| cannot(&info.id, NOT_KEPT))?;
    let start = Start {
        run: info.id,
        resumes: kept.thread,
        lift,
        prices: PriceTable::embedded().with_overrides(&policy.prices),
        policy,
        attribution: info.attribution,
        place: place::look(&kept.cwd, env),
        agent: kept.agent,
        command,
        rules: kept.rules,
    };
    govern(start, supervision, &Shown { quiet: args.quiet, json: args.json.clone() })
}

fn find(here: &Here<'_>, prefix: &str) -> Result<(RunInfo, Kept)> {
    let nothing = || Error::new(format!("there is no run `{prefix}`")).hint("`govern report --by run` lists runs");
    let ledger: Ledger = here.ledger()?.ok_or_else(nothing)?;
    let info = ledger.find_run(prefix)?;
    if info.outcome.is_none() && process::alive(info.process) {
        return Err(Error::new(format!("run `{}` is still running", info.id)));
    }
    match kept_of(&ledger, &info.id)? {
        Ok(kept) => Ok((info, kept)),
        Err(why) => Err(cannot(&info.id, why)),
    }
}

/// Whether the run can go on, and how: an extension is needed where a limit is spent.
pub(super) fn next(ledger: &Ledger, run: &RunId, extend: Option<&str>) -> Result<Next> {
    Ok(match (kept_of(ledger, run)?, extend) {
        (Ok(_), Some(extend)) => Next::Command(format!("govern resume {run} --extend {extend}")),
        (Ok(_), None) => Next::Command(format!("govern resume {run}")),
        (Err(why), _) => Next::Nothing(why.to_owned()),
    })
}

/// What the run's own `--budget` flags limit, as far as the ledger keeps them.
pub(super) fn flag_budgets(ledger: &Ledger, run: &RunId) -> Result<Vec<Budget>> {
    let kept = ledger.command_of(run)?.and_then(|text| serde_json::from_str::<Resumable>(&text).ok());
    let Some(kept) = kept else { return Ok(Vec::new()) };
    Ok(join_with(Vec::new(), kept.rules.flags()?, false)?.policy.budgets)
}

const NOT_KEPT: &str = "it was not a `codex exec` that govern can start again, or had no session yet";
const CUT: &str =
    "its command line held what is not written down: a secret, a text, or a `-c` setting that govern does not know";
const ACCEPT_HINT: &str = "the agent may have edited it: look at `govern policy show --here` in the run's folder, then \
                           say `--accept-policy` if it is as it should be";

/// What the ledger kept of a run, or why that is not enough to go on.
fn kept_of(ledger: &Ledger, run: &RunId) -> std::result::Result<std::result::Result<Kept, &'static str>, LedgerError> {
    let Some(text) = ledger.command_of(run)? else { return Ok(Err(NOT_KEPT)) };
    if let Ok(kept) = serde_json::from_str::<ResumableFleet>(&text) {
        return Ok(Ok(Kept::Fleet(kept)));
    }
    Ok(match serde_json::from_str::<Resumable>(&text) {
        Err(_) => Err(NOT_KEPT),
        Ok(kept) if codex::is_whole(&kept.command) => Ok(Kept::Run(kept)),
        Ok(_) => Err(CUT),
    })
}

fn cannot(run: &RunId, why: &str) -> Error {
    Error::new(format!("run `{run}` cannot go on: {why}"))
        .hint("`codex resume` can go on with the session by hand, under a run of its own")
}

/// The command that goes on, with its prompt, of which only the size was kept.
fn again(kept: &Resumable) -> Option<Vec<OsString>> {
    let stored: Vec<OsString> = kept.command.iter().map(OsString::from).collect();
    Invocation::parse(&stored)?.resume_with(kept.thread.as_ref()?, None, GO_ON).ok()
}

/// What to say where the policy is not the one that the run was started under; both by the start of their digests.
fn changed_policy(recorded: &str, now: &str) -> Option<String> {
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    (recorded != now).then(|| {
        format!("the policy has changed since the run began: it was `{}`, now it is `{}`", short(recorded), short(now))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn kept(command: &[&str]) -> Resumable {
        Resumable {
            cwd: Path::new("/work").to_owned(),
            agent: "codex".into(),
            rules: Rules::default(),
            thread: Some(ThreadId::new("01a2")),
            command: command.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    #[test]
    fn a_resumed_agent_is_told_to_go_on_and_not_the_size_of_a_prompt() {
        let stored = ["codex", "exec", "--json", "resume", "01a2", "-m", "gpt-6", "<prompt, 38 bytes>"];
        let command = again(&kept(&stored)).unwrap();
        assert_eq!(
            command,
            ["codex", "exec", "--json", "resume", "01a2", "-m", "gpt-6", "Go on with the task where you left off."]
        );
        assert_eq!(again(&kept(&["make"])), None);
    }

    #[test]
    fn a_policy_that_changed_is_told_by_the_start_of_both_digests() {
        assert_eq!(changed_policy("abc", "abc"), None);
        let said = changed_policy(&"a1".repeat(32), &"b2".repeat(32)).unwrap();
        assert_eq!(said, "the policy has changed since the run began: it was `a1a1a1a1a1a1`, now it is `b2b2b2b2b2b2`");
    }
}
