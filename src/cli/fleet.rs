//! Owns `govern fleet FILE`: governs several agents in one run, from the first one's start to the last one's end.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::committed::Trees;
use super::fleet_past::Past;
use super::format::put;
use super::here::Here;
use super::resume::{Earlier, ResumableFleet};
use super::run::{
    Supervision, attribute_with, beside_stdout, earlier_spend_unknown, fresh_budgets, in_runtime, new_run, priced_late,
    starter, whoami,
};
use super::{adviser, before, env, fleet_file, gateway, import, likely, price_list, shim_file, summary, worktree};
use crate::codex::{Invocation, Kind};
use crate::decide::agents::AgentSetup;
use crate::decide::people::channel;
use crate::decide::people::reach::Surroundings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::load::Loaded;
use crate::fleet::{FleetAgent, Workplace};
use crate::ledger::{Ledger, state_folder};
use crate::model::Attribution;
use crate::place;
use crate::policy::diagnostic;
use crate::policy::layers::FlagRules;
use crate::policy::rule::Policy;
use crate::process;
use crate::report::json;
use crate::report::page::Tone;
use crate::supervise::{EarlierEnd, Plan, Planned, Seat};
use crate::tail::locate;
use crate::turn::configured::begins_with;
use crate::ui::Look;
use crate::ui::board::Board;
use crate::ui::notice::{Notices, Showing};

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

/// Shows what would be done.
pub fn plan(args: &FleetArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let loaded = load(args, here)?;
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
    govern(args, supervision, &super::here()?, None)
}

/// Goes on with a fleet that was ended: what was stopped in its threads, what never started from its beginning. Those
/// that ended well are let be.
pub(super) fn go_on(args: &FleetArgs, supervision: Supervision, here: &Here<'_>, earlier: Earlier) -> Result<Exit> {
    govern(args, supervision, here, Some(earlier))
}

fn govern(args: &FleetArgs, supervision: Supervision, here: &Here<'_>, earlier: Option<Earlier>) -> Result<Exit> {
    process::stay_in_foreground();
    let loaded = load(args, here)?;
    if let Some(earlier) = &earlier {
        earlier.accept(&loaded.policy, here)?;
    }
    if !args.quiet && earlier.is_none() {
        let plan = fleet_file::plan(&loaded);
        super::to_stderr(&format!("{}\n", Look::stderr().render(&plan.page())));
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
    let sockets = super::run::sockets(&state, &ledger)?;
    let outputs = if fleet.keeps_output { Some(state_folder::output_folder(&state, &run)?) } else { None };
    let identity =
        process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let prices = here.prices(&policy)?;
    let late = import::repriced(&mut ledger, &policy, &prices, here.now)?;
    ledger.start_run(run.clone(), identity);
    let (fresh, too_fresh) = fresh_budgets(&policy, &ledger, &run)?;
    let showing = if args.quiet { Showing::Never } else { Showing::Live };
    // What a job's log keeps is lines that stay.
    let board = Board::on_stderr().filter(|_| !args.quiet && env("CI").is_none());
    let mut notices = Notices::new(std::io::stderr(), Look::stderr(), showing)
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
    let before = before::before(&ledger, &run, earlier.is_some(), who)?;
    let reached = |setup: &AgentSetup| channel::reaches(&policy, &starter(), &setup.name, &setup.attribution);
    let channel = agents.iter().all(|agent| reached(&agent.setup));
    let kept = ResumableFleet::text(args, &here.cwd, &policy);
    let gateway = gateway::plan(false, &policy)?;
    let plan = Plan {
        adviser: adviser::adviser(&policy, &run, &state, &agents, &attribution)?,
        run,
        by: whoami(),
        earlier_end: earlier.as_ref().map(|earlier| EarlierEnd::of(&earlier.info)),
        lift: earlier.and_then(|earlier| earlier.lift),
        refusal: too_fresh,
        before,
        prices,
        attribution,
        command: ["govern".into(), "fleet".into(), args.file.clone().into_os_string()].into(),
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
        show: args.show,
        tells: super::tells_of_requests,
        gateway,
        kept: Some(kept),
    };
    let trees = Trees::before(&plan);
    let mut outcome = in_runtime(plan, supervision)?;
    let exit = outcome.exit;
    let shown = summary::show(&outcome, &parts, args.quiet, args.json.as_deref());
    trees.record(&mut outcome);
    shown?;
    if let Some(outputs) = outputs.filter(|_| !args.quiet) {
        super::to_stderr(&format!("What agents wrote is in {}\n", outputs.display()));
    }
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// Reads and checks the file. Warnings are shown, mistakes stop everything.
fn load(args: &FleetArgs, here: &Here<'_>) -> Result<Loaded> {
    let flags = FlagRules { observe: args.observe, ..FlagRules::default() };
    let mut loaded = fleet_file::read(&args.file, args.policy.as_deref(), flags, here)?;
    loaded.warnings = price_list::told(loaded.warnings, |name| here.variable(name));
    if !loaded.warnings.is_empty() && !args.quiet {
        super::to_stderr(&diagnostic::render(&loaded.warnings, Look::stderr().colour));
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
