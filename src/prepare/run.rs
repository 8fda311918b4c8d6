//! The plan of a run of one command, and carries it out.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use super::adviser::adviser;
use super::before::{before, earlier_spend_unknown, fresh_budgets, priced_late};
use super::capabilities::tells_of_requests;
use super::here::{env, here};
use super::identity::{starter, whoami};
use super::kept::Resumable;
use super::start::{Shown, Start};
use super::supervision::{Supervision, carry_out, sockets};
use super::{gateway, shim_file, summary};
use crate::clock;
use crate::codex::{Invocation, Kind};
use crate::decide::agents::AgentSetup;
use crate::decide::people::channel;
use crate::decide::people::reach::Surroundings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::refusal::refusal;
use crate::import::repriced;
use crate::ledger::Ledger;
use crate::model::event::REFUSED;
use crate::process;
use crate::report::page::Tone;
use crate::supervise::{Plan, Planned, Seat};
use crate::tail::locate;
use crate::turn::configured::begins_with;
use crate::ui::Layout;
use crate::ui::notice::{Notices, Showing};

/// A command as it is started, and why that is refused.
struct Checked {
    command: Vec<OsString>,
    invocation: Option<Invocation>,
    full_screen: bool,
    refusal: Option<Error>,
}

/// The checks that need no ledger.
fn checked(start: &Start) -> Result<Checked> {
    // What goes on has its model in its command already.
    let on_tier = match start.resumes {
        Some(_) => Ok(start.command.clone()),
        None => start.rules.declares.command(&start.command, &start.policy.models),
    };
    let (asked, no_tier) = match on_tier {
        Ok(command) => (command, None),
        Err(refusal) => (start.command.clone(), Some(refusal)),
    };
    let invocation = Invocation::parse(&asked);
    shim_file::refuse(invocation.as_ref(), &start.place.folder, std::env::var_os("PATH").as_deref())?;
    let refusal = refusal(invocation.as_ref(), &start.policy, &start.prices, clock::now(), &tells_of_requests)
        .map(|refusal| Error::new(format!("{REFUSED}: {refusal}")).hint(refusal.hint()).exit(Exit::Refused));
    let full_screen = invocation.as_ref().is_some_and(|one| matches!(one.kind(), Kind::Interactive(_)));
    let (command, invocation) = match invocation.filter(|_| full_screen) {
        // Its background server would take the work out of the tree that govern watches.
        Some(screen) => (screen.with_no_daemon(), Some(screen)),
        None => (asked.clone(), Invocation::parse(&asked)),
    };
    Ok(Checked { command, invocation, full_screen, refusal: no_tier.or(refusal) })
}

/// From the checks that need no ledger to the table at the end.
pub(crate) fn govern(start: Start, supervision: Supervision, shown: &Shown) -> Result<Exit> {
    let registration = start.rules.declares.registration()?;
    let Checked { command, invocation, full_screen, refusal } = checked(&start)?;
    let assigned_home = invocation.as_ref().and_then(|one| one.assigned("CODEX_HOME")).map(PathBuf::from);
    let home = here()?.state_folder()?;
    let mut ledger = Ledger::open(&home)?;
    let sockets = sockets(&home, &ledger)?;
    let identity =
        process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let late = repriced(&mut ledger, &start.policy, &start.prices, clock::now())?;
    ledger.start_run(start.run.clone(), identity);
    let (fresh, too_fresh) = fresh_budgets(&start.policy, &ledger, &start.run)?;

    let who = std::iter::once((&start.agent, &start.attribution));
    let before = before(&ledger, &start.run, start.resumes.is_some(), who)?;
    let channel = channel::reaches(&start.policy, &starter(), &start.agent, &start.attribution);

    let showing = match (shown.quiet, full_screen) {
        (true, _) => Showing::Never,
        (false, true) => Showing::AtEnd,
        (false, false) => Showing::Live,
    };
    let mut notices =
        Notices::new(std::io::stderr(), Layout::stderr(), showing).on_screen(std::io::stderr().is_terminal());
    if !fresh.is_empty() && too_fresh.is_none() {
        notices.say(&earlier_spend_unknown(&fresh), Tone::Warn);
    }
    if late.responses > 0 {
        notices.say(&priced_late(late), Tone::Plain);
    }
    let terminal = process::has_terminal();
    let parts = summary::Parts::of(start.run.clone(), start.place.repository.clone(), start.policy.timezone);
    let resumable = Resumable::of(&start);
    let codex_home = assigned_home.or_else(|| locate::codex_home(env));
    let setup = AgentSetup {
        restartable: invocation.as_ref().is_some_and(Invocation::is_restartable),
        full_screen,
        asks: begins_with(&command, codex_home.as_deref(), Some(&start.place.folder)),
        registration,
        ..AgentSetup::alone(start.agent, start.attribution.clone())
    };
    let goes_on = start.resumes.is_some();
    let agents = vec![Planned {
        setup,
        command: command.clone(),
        invocation,
        // A run that goes on is typed anywhere, and the guard was forked there.
        folder: goes_on.then(|| start.place.folder.clone()),
        resumes: start.resumes,
        codex_home,
        seat: Seat::Governs,
        keep: Some(Box::new(move |thread, argv| resumable.text(thread, argv))),
    }];
    let gateway = gateway::plan(start.rules.gateway, &start.policy)?;
    let plan = Plan {
        adviser: adviser(&start.policy, &start.run, &home, &agents, &start.attribution)?,
        run: start.run,
        by: whoami(),
        earlier_end: start.earlier_end,
        lift: start.lift,
        refusal: refusal.or(too_fresh),
        before,
        policy: start.policy,
        prices: start.prices,
        attribution: start.attribution,
        command,
        agents,
        concurrency: None,
        cwd: start.place.folder,
        ledger,
        sockets,
        notices,
        prompt: terminal,
        nobody: Surroundings { terminal, ci: env("CI").is_some(), at_screen: false, channel }.nobody(),
        fresh,
        show: false,
        tells: tells_of_requests,
        gateway,
        kept: None,
    };
    carry_out(plan, supervision, &parts, (shown, None))
}
