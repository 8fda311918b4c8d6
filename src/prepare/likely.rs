//! What like runs took, where a run or a fleet is about to begin: a limit of that, and what stands beside what is declared.

use std::ffi::OsString;

use super::attribution::attribute_with;
use super::here::{Here, env};
use crate::codex::{AskedModel, Invocation};
use crate::compare::{Like, Likely, likely};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::load::Loaded;
use crate::ledger::families::families;
use crate::model::{ModelId, Money, Quantity, Unit};
use crate::place;
use crate::report::FleetPlan;
use crate::report::estimate::too_few;
use crate::report::text::count;

/// The model that a command names; `None`: Codex's configuration says it.
pub(crate) fn model_of(command: &[OsString]) -> Option<ModelId> {
    match Invocation::parse(command)?.asked() {
        AskedModel::Model(model) => Some(model),
        _ => None,
    }
}

/// What agents like those of a fleet took, beside what each declares.
pub(crate) fn of_fleet(plan: &mut FleetPlan, loaded: &Loaded, here: &Here<'_>) -> Result<()> {
    let Some(ledger) = here.ledger()? else { return Ok(()) };
    let known = families(&ledger, None)?;
    for row in &mut plan.rows {
        let Some(agent) = loaded.fleet.agents.iter().find(|agent| agent.name == row.agent) else { continue };
        let found = place::look(&agent.workplace.folder(), env);
        let attribution = attribute_with(&loaded.policy, &found, agent.attribution.clone());
        let model = row.model.clone().or_else(|| model_of(&agent.command));
        let like = Like { project: attribution.project, work: loaded.policy.work.said, model };
        let found = likely(&known, &like);
        row.likely = found.p80.filter(|_| found.is_enough());
    }
    Ok(())
}

/// How a `--budget` begins that takes what like runs took.
const AUTO: &str = "auto:";

/// A `--budget auto:5usd` becomes what nineteen in twenty like runs did not pass, and the named amount where they are too
/// few; says which.
pub(crate) fn resolve(budgets: &[String], like: &Like, here: &Here<'_>) -> Result<(Vec<String>, Vec<String>)> {
    let mut said = Vec::new();
    let resolve = |text: &String| match text.strip_prefix(AUTO) {
        None => Ok(text.clone()),
        Some(named) => {
            let (amount, why) = auto(named, like, here)?;
            said.push(why);
            Ok(amount)
        }
    };
    let resolved = budgets.iter().map(resolve).collect::<Result<Vec<String>>>()?;
    Ok((resolved, said))
}

/// The same budgets with the named amounts.
pub(crate) fn named(budgets: &[String]) -> Vec<String> {
    budgets.iter().map(|text| text.strip_prefix(AUTO).unwrap_or(text).to_owned()).collect()
}

/// Some of them take what like runs took.
pub(crate) fn is_asked(budgets: &[String]) -> bool {
    budgets.iter().any(|text| text.starts_with(AUTO))
}

fn auto(named: &str, like: &Like, here: &Here<'_>) -> Result<(String, String)> {
    let known = here.ledger()?.map(|ledger| families(&ledger, None)).transpose()?.unwrap_or_default();
    let found = likely(&known, like);
    let enough = found.p95.filter(|_| found.is_enough());
    let is_money = Quantity::parse(named).is_ok_and(|amount| amount.unit == Unit::Usd);
    if !is_money {
        return Err(Error::new(format!("`--budget auto:{named}` names no amount in dollars"))
            .hint("write `auto:5usd`: what is taken where like runs are too few")
            .exit(Exit::Usage));
    }
    Ok(match enough {
        Some(p95) => {
            let amount = Unit::Usd.typed(up_to_the_cent(p95).nanos());
            (amount, format!("budget {}: 19 of 20 like runs took no more ({})", up_to_the_cent(p95), told(&found)))
        }
        None => (named.to_owned(), format!("budget {named}, as named. {}", too_few(found.runs))),
    })
}

/// `14 runs: shop, gpt-6.1-sol`.
fn told(found: &Likely) -> String {
    let Like { project, work, model } = &found.like;
    let work = work.map(|work| work.to_string());
    let parts: Vec<String> =
        project.clone().into_iter().chain(work).chain(model.as_ref().map(ToString::to_string)).collect();
    let of = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{}{of}", count(u64::try_from(found.runs).unwrap_or(u64::MAX), "run", "runs"))
}

fn up_to_the_cent(cost: Money) -> Money {
    const CENT: i64 = 10_000_000;
    Money::from_nanos(cost.nanos().max(1).saturating_add(CENT - 1) / CENT * CENT)
}
