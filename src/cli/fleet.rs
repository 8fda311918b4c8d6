//! `govern fleet FILE`: governs several agents in one run, from the first one's start to the last one's end.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::format::put;
use super::run::beside_stdout;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::prepare::fleet::{govern, load};
use crate::prepare::here::Here;
use crate::prepare::start::{FleetStart, Shown};
use crate::prepare::supervision::Supervision;
use crate::prepare::{fleet_file, likely};
use crate::process;
use crate::report::json;

/// Options of `govern fleet`.
#[derive(Args, Debug)]
pub struct FleetArgs {
    /// The fleet: its agents, what each needs and expects, and the budget over all
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Show who would start when, on which model, with how much; start nothing
    #[arg(long)]
    pub plan: bool,
    /// A policy on top of the system's, the user's and the repository's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Decide and record, do nothing
    #[arg(long)]
    pub observe: bool,
    /// Show what agents write, each line with its agent's name before it
    #[arg(long)]
    pub show: bool,
    /// Write the run's summary (with `--plan`: the plan, `-` for standard output) as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

impl FleetArgs {
    fn start(&self) -> FleetStart {
        let Self { file, policy, observe, show, .. } = self;
        FleetStart { file: file.clone(), policy: policy.clone(), observe: *observe, show: *show }
    }
}

/// Shows what would be done.
pub fn plan(args: &FleetArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let loaded = load(&args.start(), args.quiet, here)?;
    let mut plan = fleet_file::plan(&loaded);
    likely::of_fleet(&mut plan, &loaded, here)?;
    if args.json.as_deref() == Some(Path::new("-")) {
        put(out, &json::to_text(&plan))?;
        return Ok(Exit::Success);
    }
    put(out, &here.look.render(&plan.page()))?;
    if let Some(path) = &args.json {
        process::write_whole(path, &json::to_text(&plan))
            .map_err(|error| Error::new(format!("`{}` cannot be written", path.display())).caused_by(&error))?;
    }
    Ok(Exit::Success)
}

/// Governs the fleet.
pub fn run(args: &FleetArgs, supervision: Supervision) -> Result<Exit> {
    beside_stdout(args.json.as_deref())?;
    let shown = Shown { quiet: args.quiet, json: args.json.clone() };
    govern(&args.start(), supervision, (&super::here()?, &shown), None)
}
