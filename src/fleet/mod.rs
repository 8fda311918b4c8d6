//! A fleet file becomes agents that can be started, every mistake told at once with its place.
//!
//! The text is read into drafts that know where everything stands, one agent at a time; its `[budget]`
//! joins the policy as a layer of its own, then agents are checked against one another and against the policy: what
//! each needs, the command and model that each starts with, and whether what they expect fits the budget.
//! [`load::load`] does all of it. A single `govern run` is the fleet of one: [`refusal`] judges its command line, too.

mod agent;
mod around;
mod file;
mod fit;
pub mod load;
mod needs;
mod passing;
pub mod refusal;
mod start;
#[cfg(test)]
mod tests;
pub mod tier;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::model::{AgentName, Attribution, Examined, ModelId, Registration, WorkCheck, WorkReview};
use crate::policy::rule::Budget;

/// The most agents of one fleet.
pub const MOST_AGENTS: usize = 200;

/// Several agents under one budget, ready to be started.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// What it is called; by default as its file.
    pub name: String,
    /// How many agents may work at once; `None`: all that are ready.
    pub concurrency: Option<NonZeroUsize>,
    /// What its agents write to their outputs is kept in files.
    pub keeps_output: bool,
    /// The one budget over all of it, which is among the policy's, too.
    pub budget: Option<Budget>,
    /// As they stand in the file.
    pub agents: Vec<FleetAgent>,
    /// Places in `agents`, each after those that it needs: as they would start one at a time, priority first.
    pub order: Vec<usize>,
}

/// One agent of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetAgent {
    /// Unique in the fleet; fit for a file's name.
    pub name: AgentName,
    /// The whole command, the model that it registered included.
    pub command: Vec<OsString>,
    /// Where it works.
    pub workplace: Workplace,
    /// Where the file says that its spend belongs.
    pub attribution: Attribution,
    /// Agents that must have ended well before it starts.
    pub needs: Vec<AgentName>,
    /// How often it is started again if it fails.
    pub retries: u32,
    /// What says whether its work is done.
    pub check: Option<WorkCheck>,
    /// Who says whether that is good enough for what needs it.
    pub review: Option<WorkReview>,
    /// What its work came to in the run that goes on, where it waits for its review alone.
    pub done: Option<Examined>,
    /// What it declares.
    pub registration: Registration,
    /// The model that its command line names; `None` where Codex's configuration says it.
    pub model: Option<ModelId>,
}

/// Where an agent works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workplace {
    /// In a folder that is there.
    Folder(PathBuf),
    /// In a git worktree on a branch, made where it is not there.
    Worktree {
        /// The root of the repository that it belongs to.
        repository: PathBuf,
        /// The branch, made where it is not there.
        branch: String,
    },
}

impl Workplace {
    /// The folder itself. A new worktree lies beside its repository: `app` has those of `feature/x` in
    /// `app.worktrees/feature/x`.
    pub fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::Worktree { repository, branch } => {
                let mut beside = repository.as_os_str().to_owned();
                beside.push(".worktrees");
                Path::new(&beside).join(branch)
            }
        }
    }
}

/// What is where a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Nothing.
    Nothing,
    /// Something that is no folder.
    NoFolder,
    /// A folder.
    Folder {
        /// The root of the repository that it is part of.
        repository: Option<PathBuf>,
    },
}
