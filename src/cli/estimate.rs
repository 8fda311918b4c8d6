//! `govern estimate`: what like runs took, and what another one would leave of each budget.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use super::format::{Format, put_as};
use crate::compare::{Like, likely, likely_by};
use crate::error::Result;
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::ledger::families::families;
use crate::model::{Attribution, Dimension, ModelId, Money, Unit, WorkClass};
use crate::place;
use crate::policy::rule::{Policy, Window};
use crate::prepare::attribution::attribute_with;
use crate::prepare::here::Here;
use crate::prepare::likely::model_of;
use crate::report::estimate::{Estimate, EstimateBy, Left};
use crate::report::json;

/// What like runs took: quantiles from this ledger, imported history included. Like is what has project, class of work and
/// model in common; where those are fewer than ten, first the project is let go, then the work, then the model.
#[derive(clap::Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["command", "by"]))]
pub struct EstimateArgs {
    /// For each value of these instead: task, work, project, model; more than one is joined by `,`
    #[arg(long, value_name = "DIMENSIONS", value_delimiter = ',', value_parser = dimension)]
    by: Vec<Dimension>,
    /// The class of work that it will be: research, edit, test, review, migration, documentation or other
    #[arg(long, value_name = "CLASS", value_parser = super::run::work, conflicts_with = "by")]
    work: Option<WorkClass>,
    /// The project [default: as `govern run` would have it here]
    #[arg(long, value_name = "PROJECT", conflicts_with = "by")]
    project: Option<String>,
    /// The model [default: what the command names]
    #[arg(long, value_name = "MODEL", conflicts_with = "by")]
    model: Option<String>,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The command, as it would be run
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn dimension(text: &str) -> std::result::Result<Dimension, String> {
    match Dimension::parse(text) {
        Some(by @ (Dimension::Task | Dimension::Work | Dimension::Project | Dimension::Model)) => Ok(by),
        Some(_) | None => Err(format!("`{text}`: runs are compared by task, work, project or model")),
    }
}

/// Writes it.
pub fn run(args: &EstimateArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let ledger = here.ledger()?;
    let known = ledger.as_ref().map(|ledger| families(ledger, None)).transpose()?.unwrap_or_default();
    if !args.by.is_empty() {
        let by = EstimateBy { by: args.by.clone(), rows: likely_by(&known, &args.by) };
        put_as(out, here.look, args.format, &by.page(), || json::to_text(&by))?;
        return Ok(Exit::Success);
    }
    let policy = here.policy(args.policy.as_deref())?.policy;
    let said = Attribution { project: args.project.clone(), ..Attribution::default() };
    let attribution = attribute_with(&policy, &place::look(&here.cwd, super::env), said);
    let like = Like {
        work: args.work.or(policy.work.said),
        model: args.model.as_deref().map(ModelId::new).or_else(|| model_of(&args.command)),
        project: attribution.project.clone(),
    };
    let likely = likely(&known, &like);
    let budgets = left(ledger.as_ref(), &policy, &attribution, here)?;
    let estimate = Estimate { likely, budgets };
    put_as(out, here.look, args.format, &estimate.page(), || json::to_text(&estimate))?;
    Ok(Exit::Success)
}

/// What is left of each budget in dollars that a run of this attribution would spend from.
fn left(ledger: Option<&Ledger>, policy: &Policy, attribution: &Attribution, here: &Here<'_>) -> Result<Vec<Left>> {
    let since = ledger.map(super::budget::first_moment).transpose()?;
    let mut found = Vec::new();
    for budget in policy.budgets.iter().filter(|budget| budget.unit() == Unit::Usd) {
        // A run's own life begins anew.
        if budget.window == Window::Life
            && let Some(limit) = budget.limit
        {
            let left = Money::from_nanos(limit.amount);
            found.push(Left { budget: budget.name.clone(), scope: String::new(), left });
        }
    }
    for stands in super::budget::standings(ledger, policy, since, here)? {
        let own = |(dimension, value): &(Dimension, Option<String>)| attribution.get(dimension) == value.as_deref();
        let standing = stands.row.standing;
        if standing.unit == Unit::Usd && stands.budget.window != Window::Life && stands.of.iter().all(own) {
            let left = Money::from_nanos(standing.left());
            found.push(Left { budget: standing.budget, scope: standing.scope, left });
        }
    }
    Ok(found)
}
