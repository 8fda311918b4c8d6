//! What a run starts with: read and checked before its ledger is opened.

use std::ffi::OsString;
use std::path::PathBuf;

use super::attribution::attribute_with;
use super::here::{Here, env};
use super::likely;
use super::rules::Rules;
use super::run_id::new_run;
use crate::codex::redact;
use crate::compare::Like;
use crate::decide::people::lift::Lift;
use crate::error::Result;
use crate::model::{AgentName, Attribution, RunId, ThreadId};
use crate::place::{self, Place};
use crate::policy::rule::Policy;
use crate::supervise::EarlierEnd;
use crate::ui::to_stderr;
use crate::usage::price::PriceTable;

/// How the end is shown.
pub(crate) struct Shown {
    pub(crate) quiet: bool,
    pub(crate) json: Option<PathBuf>,
}

/// A run of one command.
pub(crate) struct Start {
    pub(crate) run: RunId,
    pub(crate) resumes: Option<ThreadId>,
    /// How the run stood that goes on.
    pub(crate) earlier_end: Option<EarlierEnd>,
    pub(crate) lift: Option<Lift>,
    pub(crate) policy: Policy,
    pub(crate) prices: PriceTable,
    pub(crate) attribution: Attribution,
    pub(crate) place: Place,
    pub(crate) agent: AgentName,
    pub(crate) command: Vec<OsString>,
    pub(crate) rules: Rules,
}

impl Start {
    /// A new run, `said` to belong there.
    pub(crate) fn new(
        mut rules: Rules,
        said: &Attribution,
        (agent, command): (Option<String>, Vec<OsString>),
        (here, quiet): (&Here<'_>, bool),
    ) -> Result<Self> {
        let place = place::look(&here.cwd, env);
        let typed = std::mem::take(&mut rules.budgets);
        rules.budgets = likely::named(&typed);
        let mut policy = rules.load(here, quiet)?;
        if likely::is_asked(&typed) {
            let project = attribute_with(&policy, &place, said.clone()).project;
            let like = Like { project, work: rules.work, model: likely::model_of(&command) };
            let (budgets, told) = likely::resolve(&typed, &like, here)?;
            rules.budgets = budgets;
            policy = rules.load(here, true)?;
            if !quiet {
                told.iter().for_each(|what| to_stderr(&format!("govern: {what}\n")));
            }
        }
        let named = || env("GOVERN_AGENT").and_then(|name| name.into_string().ok());
        let agent = agent.or_else(named).unwrap_or_else(|| "codex".to_owned());
        Ok(Self {
            run: new_run(),
            resumes: None,
            earlier_end: None,
            lift: None,
            prices: here.prices(&policy)?,
            attribution: attribute_with(&policy, &place, said.clone()),
            policy,
            place,
            agent: AgentName::new(redact(&agent)),
            command,
            rules,
        })
    }
}

/// A fleet.
pub(crate) struct FleetStart {
    pub(crate) file: PathBuf,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) observe: bool,
    pub(crate) show: bool,
}
