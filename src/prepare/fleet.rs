//! The plan of a fleet, and carries it out.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::adviser::adviser;
use super::attribution::attribute_with;
use super::before::{before, earlier_spend_unknown, fresh_budgets, priced_late};
use super::capabilities::tells_of_requests;
use super::fleet_past::Past;
use super::here::{Here, env};
use super::identity::{starter, whoami};
use super::kept::ResumableFleet;
use super::resume::Earlier;
use super::run_id::new_run;
use super::start::{FleetStart, Shown};
use super::supervision::{Supervision, carry_out, sockets};
use super::{fleet_file, gateway, price_list, shim_file, summary, worktree};
use crate::codex::{Invocation, Kind};
use crate::decide::agents::AgentSetup;
use crate::decide::people::channel;
use crate::decide::people::reach::Surroundings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::load::Loaded;
use crate::fleet::{FleetAgent, Workplace};
use crate::import::repriced;
use crate::ledger::{Ledger, state_folder};
use crate::model::Attribution;
use crate::place;
use crate::policy::diagnostic;
use crate::policy::layers::FlagRules;
use crate::policy::rule::Policy;
use crate::process;
use crate::report::page::Tone;
use crate::supervise::{EarlierEnd, Plan, Planned, Seat};
use crate::tail::locate;
use crate::turn::configured::begins_with;
use crate::ui::board::Board;
use crate::ui::notice::{Notices, Showing};
use crate::ui::{Layout, to_stderr};

/// Governs the fleet. One that was ended goes on: what was stopped in its threads, what never started from its beginning;
/// those that ended well are let be.
pub(crate) fn govern(
    start: &FleetStart,
    supervision: Supervision,
    (here, shown): (&Here<'_>, &Shown),
    earlier: Option<Earlier>,
) -> Result<Exit> {
    process::stay_in_foreground();
    let loaded = load(start, shown.quiet, here)?;
    if let Some(earlier) = &earlier {
        earlier.accept(&loaded.policy, here)?;
    }
    if !shown.quiet && earlier.is_none() {
        let plan = fleet_file::plan(&loaded);
        to_stderr(&format!("{}\n", Layout::stderr().render(&plan.page())));
    }
    let Loaded { mut fleet, policy, .. } = loaded;
    fleet.agents.iter().try_for_each(without_screen)?;
    fleet.agents.iter().try_for_each(|agent| {
        let path = std::env::var_os("PATH");
        shim_file::refuse(Invocation::parse(&agent.command).as_ref(), &agent.workplace.folder(), path.as_deref())
    })?;
    let run = earlier.as_ref().map_or_else(new_run, |earlier| earlier.info.id.clone());
    let state = here.state_folder()?;
    let mut ledger = Ledger::open(&state)?;
    let past = if earlier.is_some() { Past::of(&ledger, &run)? } else { Past::default() };
    fleet.agents = past.left(fleet.agents);
    if fleet.agents.is_empty() {
        return Err(Error::new(format!("run `{run}` has nothing to resume: all its agents ended well")));
    }
    let sockets = sockets(&state, &ledger)?;
    let outputs = if fleet.keeps_output { Some(state_folder::output_folder(&state, &run)?) } else { None };
    let identity =
        process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let prices = here.prices(&policy)?;
    let late = repriced(&mut ledger, &policy, &prices, here.now)?;
    ledger.start_run(run.clone(), identity);
    let (fresh, too_fresh) = fresh_budgets(&policy, &ledger, &run)?;
    let showing = if shown.quiet { Showing::Never } else { Showing::Live };
    // What a job's log keeps is lines that stay.
    let board = Board::on_stderr().filter(|_| !shown.quiet && env("CI").is_none());
    let mut notices = Notices::new(std::io::stderr(), Layout::stderr(), showing)
        .above(board)
        .on_screen(std::io::stderr().is_terminal());
    if late.responses > 0 {
        notices.say(&priced_late(late), Tone::Plain);
    }
    if too_fresh.is_none() {
        if !fresh.is_empty() {
            notices.say(&earlier_spend_unknown(&fresh), Tone::Warn);
        }
        make_worktrees(&fleet.agents)?;
    }
    let terminal = process::has_terminal();
    let parts = summary::Parts::of_fleet(run.clone(), policy.timezone);
    let agents: Vec<Planned> =
        fleet.agents.iter().map(|agent| planned(agent, &policy, outputs.as_deref(), &past)).collect();
    let attribution = attribute_with(&policy, &place::look(&here.cwd, env), Attribution::default());
    let who = agents.iter().map(|agent| (&agent.setup.name, &agent.setup.attribution));
    let before = before(&ledger, &run, earlier.is_some(), who)?;
    let reached = |setup: &AgentSetup| channel::reaches(&policy, &starter(), &setup.name, &setup.attribution);
    let channel = agents.iter().all(|agent| reached(&agent.setup));
    let kept = ResumableFleet::text(start, &here.cwd, &policy);
    let gateway = gateway::plan(false, &policy)?;
    let plan = Plan {
        adviser: adviser(&policy, &run, &state, &agents, &attribution)?,
        run,
        by: whoami(),
        earlier_end: earlier.as_ref().map(|earlier| EarlierEnd::of(&earlier.info)),
        lift: earlier.and_then(|earlier| earlier.lift),
        refusal: too_fresh,
        before,
        prices,
        attribution,
        command: ["govern".into(), "fleet".into(), start.file.clone().into_os_string()].into(),
        agents,
        concurrency: fleet.concurrency,
        cwd: here.cwd.clone(),
        policy,
        ledger,
        sockets,
        notices,
        prompt: terminal,
        nobody: Surroundings { terminal, ci: env("CI").is_some(), at_screen: false, channel }.nobody(),
        fresh,
        show: start.show,
        tells: tells_of_requests,
        gateway,
        kept: Some(kept),
    };
    carry_out(plan, supervision, &parts, (shown, outputs.as_deref()))
}

/// Reads and checks the file. Warnings are shown, mistakes stop everything.
pub(crate) fn load(start: &FleetStart, quiet: bool, here: &Here<'_>) -> Result<Loaded> {
    let flags = FlagRules { observe: start.observe, ..FlagRules::default() };
    let mut loaded = fleet_file::read(&start.file, start.policy.as_deref(), flags, here)?;
    loaded.warnings = price_list::told(loaded.warnings, |name| here.variable(name));
    if !loaded.warnings.is_empty() && !quiet {
        to_stderr(&diagnostic::render(&loaded.warnings, Layout::stderr().colour));
    }
    Ok(loaded)
}

/// Nobody sits before an agent of a fleet.
fn without_screen(agent: &FleetAgent) -> Result<()> {
    let takes_screen = |one: Invocation| matches!(one.kind(), Kind::Interactive(_));
    if !Invocation::parse(&agent.command).is_some_and(takes_screen) {
        return Ok(());
    }
    Err(Error::new(format!("agent `{}` would take a screen, and in a fleet nobody sits before it", agent.name))
        .hint("write `codex exec …`, or a `prompt`"))
}

fn make_worktrees(agents: &[FleetAgent]) -> Result<()> {
    for agent in agents {
        if let Workplace::Worktree { repository, branch } = &agent.workplace {
            worktree::prepare(repository, branch, &agent.workplace.folder())?;
        }
    }
    Ok(())
}

fn planned(agent: &FleetAgent, policy: &Policy, outputs: Option<&Path>, past: &Past) -> Planned {
    let folder = agent.workplace.folder();
    let invocation = Invocation::parse(&agent.command);
    let home = invocation.as_ref().and_then(|one| one.assigned("CODEX_HOME")).map(PathBuf::from);
    let attribution = attribute_with(policy, &place::look(&folder, env), agent.attribution.clone());
    let file = |kind: &str| match outputs {
        Some(outputs) => outputs.join(format!("{}.{kind}", agent.name)),
        None => PathBuf::from("/dev/null"),
    };
    let (command, resumes) = past.command(agent, invocation.as_ref());
    let codex_home = home.or_else(|| locate::codex_home(env));
    Planned {
        setup: AgentSetup {
            asks: begins_with(&command, codex_home.as_deref(), Some(&folder)),
            restartable: invocation.as_ref().is_some_and(Invocation::is_restartable),
            registration: agent.registration.clone(),
            needs: agent.needs.clone(),
            retries: agent.retries,
            check: agent.check.clone(),
            review: agent.review.clone(),
            done: agent.done.clone(),
            ..AgentSetup::alone(agent.name.clone(), attribution)
        },
        command,
        invocation,
        folder: Some(folder),
        resumes,
        codex_home,
        seat: Seat::Own { out: file("out"), err: file("err") },
        keep: None,
    }
}
