//! The reading of a fleet file and of the policies that govern it.

use std::path::{Path, PathBuf};

use super::capabilities::tells_of_requests;
use super::here::{Here, refused};
use super::{policy_files, price_list};
use crate::error::{Error, Result};
use crate::fleet::load::{Around, Loaded, load, policy_of};
use crate::fleet::{Fleet, FleetAgent, Ground};
use crate::model::{Dimension, ModelId, Unit, part_of};
use crate::place;
use crate::policy::layers::FlagRules;
use crate::policy::rule::{AllotBy, Budget, Layer};
use crate::report::FleetPlan;
use crate::report::fleet_plan::{PlanBudget, PlanRow};

/// Reads and checks the fleet file under all policies that apply: those of the folder that it lies in, the given one,
/// the one that it names itself, and the rules of the command line.
///
/// # Errors
///
/// A file that cannot be read, or all mistakes of all files.
pub fn read(path: &Path, given: Option<&Path>, flags: FlagRules, here: &Here<'_>) -> Result<Loaded> {
    let path = here.cwd.join(path);
    let base = folder_of(&path)?;
    let files = policy_files::read(vec![(Layer::Fleet, path)])?;
    let file = files.into_iter().next().ok_or_else(|| Error::new("the fleet file is gone"))?;
    let repository = look(&base, here).repository;
    let places = policy_files::places(&base, repository.as_deref(), given, |name| here.variable(name));
    let named = policy_of(&file).map(|named| base.join(named));
    let named = named.filter(|named| !places.iter().any(|(_, path)| is_same(path, named, here)));
    let mut layers = policy_files::read(places)?;
    for mut text in policy_files::read(named.map(|named| (Layer::Given, named)).into_iter().collect())? {
        // Who clones a repository did not choose the policy that a file of it names: it may do what `govern.toml` may.
        text.layer = if repository.is_some() { Layer::Repository } else { Layer::Given };
        layers.push(text);
    }
    let prices = price_list::in_force(|name| here.variable(name))?;
    let around = Around {
        base: &base,
        ground: &|path| ground(path, here),
        prices: &prices,
        now: here.now,
        tells: &tells_of_requests,
    };
    load(file, layers, flags, &around).map_err(|mistakes| refused("fleet", &mistakes, here.look.colour))
}

/// What the fleet is about to do, as its own budget is divided before anything of it is spent.
pub fn plan(loaded: &Loaded) -> FleetPlan {
    let Loaded { fleet, policy, .. } = loaded;
    let unit = fleet.budget.as_ref().map_or(Unit::Usd, Budget::unit);
    let budget = fleet.budget.as_ref().and_then(|budget| {
        let limit = budget.limit?;
        let reserve = budget.allot.as_ref().map_or(0, |allot| part_of(limit.amount, allot.reserve));
        let allot = budget.allot.as_ref().map(|allot| allot.by.as_str().to_owned());
        let given: i64 = fleet.agents.iter().filter_map(|agent| allotted(agent, fleet)).sum();
        let pool = allot.is_some().then(|| limit.amount.saturating_sub(given));
        Some(PlanBudget { name: budget.name.clone(), limit, allot, reserve, pool })
    });
    let row = |agent: &FleetAgent| PlanRow {
        agent: agent.name.clone(),
        needs: agent.needs.clone(),
        model: agent.model.clone(),
        registration: agent.registration.clone(),
        retries: agent.retries,
        check: agent.check.clone(),
        review: agent.review.clone(),
        folder: agent.workplace.folder().display().to_string(),
        likely: None,
        allotted: allotted(agent, fleet),
        limit: policy.budgets.iter().filter_map(|budget| limit_over(agent, budget, unit)).min(),
    };
    let rows = fleet.order.iter().filter_map(|place| fleet.agents.get(*place)).map(row).collect();
    FleetPlan { name: fleet.name.clone(), concurrency: fleet.concurrency.map(usize::from), budget, rows }
}

/// The part of the fleet's budget that the agent is given, where that is divided.
fn allotted(agent: &FleetAgent, fleet: &Fleet) -> Option<i64> {
    let budget = fleet.budget.as_ref()?;
    let (allot, limit) = (budget.allot.as_ref()?, budget.limit?);
    match allot.by {
        AllotBy::Expected => agent.registration.expected(limit.unit),
        AllotBy::Equal => {
            let reserve = part_of(limit.amount, allot.reserve);
            Some(limit.amount.saturating_sub(reserve) / i64::try_from(fleet.agents.len()).ok()?.max(1))
        }
        AllotBy::Pool => None,
    }
}

/// What this budget lets the agent and all that share it with it spend, as far as the file says where it belongs.
fn limit_over(agent: &FleetAgent, budget: &Budget, unit: Unit) -> Option<i64> {
    let value = |dimension: &Dimension| match dimension {
        Dimension::Agent => Some(agent.name.as_str()),
        Dimension::Model => agent.model.as_ref().map(ModelId::as_str),
        other => agent.attribution.get(other),
    };
    let counts = budget.scope.only.matches(value);
    let values: Vec<Option<&str>> = budget.scope.per.iter().map(value).collect();
    budget.limit_for(&values).filter(|limit| counts && limit.unit == unit).map(|limit| limit.amount)
}

fn is_same(one: &Path, other: &Path, here: &Here<'_>) -> bool {
    let real = |path: &Path| here.cwd.join(path).canonicalize().ok();
    real(one).is_some_and(|real_one| real(other) == Some(real_one))
}

/// The folder of a file, without links: agents work in it.
fn folder_of(path: &Path) -> Result<PathBuf> {
    let folder = path.parent().unwrap_or(path);
    folder.canonicalize().map_err(|error| {
        Error::new(format!("the folder of the fleet file, `{}`, cannot be entered", folder.display())).caused_by(&error)
    })
}

fn look(folder: &Path, here: &Here<'_>) -> place::Place {
    place::look(folder, |name| here.variable(name))
}

fn ground(path: &Path, here: &Here<'_>) -> Ground {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ground::Folder { repository: look(path, here).repository },
        Ok(_) => Ground::NoFolder,
        Err(_) => Ground::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::turn;
    use crate::ui::Layout;

    #[test]
    fn the_pipeline_of_the_examples_can_be_started() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join(".git")).unwrap();
        for file in ["pipeline.toml", "policy.toml"] {
            let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipeline").join(file);
            std::fs::copy(example, temp.path().join(file)).unwrap();
        }
        let here = Here {
            env: &|_| None,
            cwd: temp.path().to_owned(),
            look: Layout::plain(80),
            now: "2026-12-01T12:00:00Z".parse().unwrap(),
            alive: &turn::is_live::lives,
        };
        let loaded = read(Path::new("pipeline.toml"), None, FlagRules::default(), &here).unwrap();
        assert!(loaded.warnings.is_empty(), "{}", crate::policy::diagnostic::render(&loaded.warnings, false));
        insta::assert_snapshot!(here.look.render(&plan(&loaded).page()));
    }

    #[test]
    fn a_fleet_is_read_with_the_policy_that_it_names_and_the_one_of_its_repository() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("repo");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(root.join("fleets")).unwrap();
        let budget =
            |name: &str| format!("version = 1\n[[budget]]\nname = \"{name}\"\nper = \"run\"\nlimit = \"5 usd\"\n");
        std::fs::write(root.join("govern.toml"), budget("of the repository")).unwrap();
        std::fs::write(root.join("fleets/own.toml"), budget("own")).unwrap();
        let text = "version = 1\npolicy = \"own.toml\"\n[budget]\nlimit = \"9 usd\"\n[[agent]]\nname = \"a\"\n\
                    prompt = \"x\"\nfolder = \"..\"\n[[agent]]\nname = \"b\"\nprompt = \"x\"\nworktree = \"b\"\n";
        std::fs::write(root.join("fleets/fleet.toml"), text).unwrap();
        let here = Here {
            env: &|_| None,
            cwd: temp.path().to_owned(),
            look: Layout::plain(80),
            now: clock::now(),
            alive: &turn::is_live::lives,
        };
        let loaded = read(Path::new("repo/fleets/fleet.toml"), None, FlagRules::default(), &here).unwrap();
        let limits: Vec<_> = plan(&loaded).rows.into_iter().map(|row| row.limit).collect();
        assert_eq!(limits, [Some(5_000_000_000); 2], "the tightest one");
        let Loaded { fleet, policy, .. } = loaded;
        let names: Vec<_> = policy.budgets.iter().map(|budget| budget.name.as_str()).collect();
        assert_eq!(names, ["of the repository", "own", "fleet"]);
        let root = root.canonicalize().unwrap();
        let folders: Vec<_> = fleet.agents.iter().map(|agent| agent.workplace.folder()).collect();
        assert_eq!(folders, [root.join("fleets/.."), root.with_extension("worktrees").join("b")]);

        std::fs::write(root.join("fleets/fleet.toml"), text.replace("own.toml", "none.toml")).unwrap();
        let error = read(Path::new("repo/fleets/fleet.toml"), None, FlagRules::default(), &here).unwrap_err();
        assert!(error.to_string().contains("none.toml` cannot be read"), "{error}");
        let error = read(Path::new("repo/none.toml"), None, FlagRules::default(), &here).unwrap_err();
        assert!(error.to_string().contains("fleet file"), "{error}");
    }
}
