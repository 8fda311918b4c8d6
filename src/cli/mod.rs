//! The command line: one file a verb.

pub mod approvals;
pub mod approve;
pub mod at_reset;
pub mod attribute;
pub mod audit;
pub mod brake;
pub mod budget;
pub mod channels;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod estimate;
pub mod exceptions;
pub mod fleet;
pub mod format;
pub mod grant;
mod help;
pub mod hook;
pub mod hooks;
pub mod import;
pub mod init;
mod key_file;
pub mod metrics;
pub mod overview;
pub mod policy;
pub mod policy_try;
pub mod prices;
pub mod prune;
pub mod reconcile;
mod reconciled;
pub mod report;
pub mod request;
mod results;
pub mod resume;
mod resumes;
pub mod run;
pub mod runs;
pub mod serve;
pub mod shim;
pub mod status;
pub mod top;
pub mod when;

use std::io::Write;
use std::os::fd::BorrowedFd;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::clocks::Clocks;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::socket::SocketError;
use crate::model::{Brake, RunInfo};
use crate::prepare::here::{Here, env, here};
use crate::prepare::supervision::Supervision;
use crate::process::{self, CalledFrom, Guard, GuardHandle};
use crate::ui::to_stderr;

/// Puts a budget in front of Codex: meters, warns, holds, asks, stops, and writes everything down.
#[derive(Parser, Debug)]
#[command(name = "govern", version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Govern a command: `govern run -- codex exec "…"`
    Run(Box<run::RunArgs>),
    /// Govern several agents under one budget: `govern fleet pipeline.toml`
    Fleet(fleet::FleetArgs),
    /// Resume a run that was stopped: same thread, flags, place
    Resume(resume::ResumeArgs),
    /// Write a `codex` that is governed, for programs that start Codex themselves
    Shim(shim::ShimArgs),
    /// What runs now: state, spend, rate, time to the limit
    Status(status::StatusArgs),
    /// The same on a full screen: look closer, answer, pause, stop
    Top(top::TopArgs),
    /// What was spent, by whom, on what
    Report(report::ReportArgs),
    /// Every budget: spent, reserved, left, when it starts again, and what will be spent by then
    Budget(budget::BudgetArgs),
    /// Runs as a list: when, what, how it ended, what it cost
    Runs(runs::RunsArgs),
    /// Spend, budgets and questions for Prometheus
    Metrics(metrics::MetricsArgs),
    /// What like runs took, and what another would leave of budgets
    Estimate(estimate::EstimateArgs),
    /// Read existing Codex history into the ledger
    Import(import::ImportArgs),
    /// Apply attribution rules to what is recorded
    Attribute(attribute::AttributeArgs),
    /// What waits for an answer
    Approvals(approvals::ApprovalsArgs),
    /// Answer a question with yes: the agent goes on
    Approve(approve::ApproveArgs),
    /// Answer a question with no: the agent ends
    Deny(approve::DenyArgs),
    /// Ask for more before a limit is met; decides nothing
    Request(request::RequestArgs),
    /// What passed or bent a rule, and what is decided about it
    Exceptions(exceptions::ExceptionsArgs),
    /// Let more of a budget be spent until a day, or take that back
    Grant(grant::GrantArgs),
    /// Pause runs, until `govern continue`
    Pause(brake::BrakeArgs),
    /// Continue paused runs
    Continue(brake::ContinueArgs),
    /// Stop runs at a safe point, or now; they can be resumed
    Stop(brake::StopArgs),
    /// Check a policy, show the one that applies here, or try one on what was recorded
    Policy(policy::PolicyArgs),
    /// Ask OpenAI what was used, and write it beside what was observed
    Reconcile(reconcile::ReconcileArgs),
    /// What tokens cost, and since when
    Prices(prices::PricesArgs),
    /// Show a page of what runs and was spent, and send notices
    Serve(serve::ServeArgs),
    /// Channels of notices: try one, and see what waits
    Notify(channels::NotifyArgs),
    /// Every action: who, what, when, why, at what cost; and the proof that nothing was changed
    Audit(audit::AuditArgs),
    /// Remove what agents wrote in fleets that were over long ago; never a row of the ledger
    Prune(prune::PruneArgs),
    /// Govern every Codex of this user or machine, wrapped or not
    Hooks(hooks::HooksArgs),
    /// See it at work: an agent on a budget of ten cents, offline, without an account
    Demo(demo::DemoArgs),
    /// Write a commented policy to begin with
    Init(init::InitArgs),
    /// What is installed, what govern can do with it, and what is wrong
    Doctor(doctor::DoctorArgs),
    /// Completions for your shell
    Completions(completions::CompletionsArgs),
}

/// Runs the verb that the command line names. A hook is on the way of every tool call: it goes first, past all else.
pub fn main() -> Exit {
    main_with(Clocks::STANDARD)
}

/// As [`main`], with other clocks: for a program that is govern as well, such as its tests.
pub fn main_with(clocks: Clocks) -> Exit {
    process::fail_where_files_are_cut();
    process::be_told_of_file_limits();
    let mut arguments = std::env::args_os();
    let called = arguments.next();
    if arguments.next().is_some_and(|verb| verb == hook::VERB) {
        return hook::run(arguments);
    }
    if demo::stand_in::is_meant(called.as_deref()) {
        return demo::stand_in::run(std::env::args_os().map(|word| word.to_string_lossy().into_owned()));
    }
    let command = || help::grouped(Cli::command());
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(mut error) => {
            let meant = help::reconsidered(&mut error, &command());
            // Help and version are answers, not errors; where nobody reads them nothing is lost.
            let _unread = error.print();
            if let Some(hint) = meant {
                to_stderr(&format!("\nhint: {hint}\n"));
            }
            if error.kind() == clap::error::ErrorKind::UnknownArgument && lacks_separator(std::env::args_os()) {
                to_stderr("\nhint: put `--` before the command: govern run -- codex exec \"…\"\n");
            }
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let exit = carry_out(cli.verb, clocks).unwrap_or_else(|error| {
        to_stderr(&format!("{error}\n"));
        error.exit_code()
    });
    // A look at a work tree may be under way whose answer no run needs any more.
    process::end_questions();
    exit
}

/// `govern run codex …`: everything after `--` is the command's own.
fn lacks_separator(arguments: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let words: Vec<_> = arguments.collect();
    words.get(1).is_some_and(|verb| verb == "run") && !words.iter().any(|word| word == "--")
}

fn carry_out(verb: Option<Verb>, clocks: Clocks) -> Result<Exit> {
    let supervision = || {
        serve::provide();
        guard().map(|guard| Supervision { guard, clocks })
    };
    match verb {
        Some(Verb::Run(args)) => run::run(*args, supervision()?),
        Some(Verb::Fleet(args)) if args.plan => reading(|out, here| fleet::plan(&args, out, here)),
        Some(Verb::Fleet(args)) => fleet::run(&args, supervision()?),
        Some(Verb::Resume(args)) if args.at_reset || args.cancel => {
            reading(|out, here| at_reset::run(&args, out, here))
        }
        Some(Verb::Resume(args)) => {
            let supervision = supervision()?;
            match if args.due { at_reset::is_over(&args, &here()?)? } else { None } {
                Some(over) => Ok(over),
                None => resume::run(&args, supervision),
            }
        }
        Some(Verb::Shim(args)) => reading(|out, here| shim::run(&args, out, here)),
        Some(Verb::Approve(args)) => approve::approve(&args),
        Some(Verb::Deny(args)) => approve::deny(&args),
        Some(Verb::Pause(args)) => reading(|out, here| brake::run(Brake::Pause, (&args, None), out, here)),
        Some(Verb::Continue(args)) => reading(|out, here| brake::run(Brake::Continue, args.parts(), out, here)),
        Some(Verb::Stop(args)) => {
            let (brake, runs) = args.brake();
            reading(|out, here| brake::run(brake, (runs, None), out, here))
        }
        Some(Verb::Report(args)) => reading(|out, here| report::run(&args, out, here)),
        Some(Verb::Budget(args)) => reading(|out, here| budget::run(&args, out, here)),
        Some(Verb::Metrics(args)) => reading(|out, here| metrics::run(&args, out, here)),
        Some(Verb::Status(args)) => reading(|out, here| status::run(&args, out, here)),
        Some(Verb::Top(args)) => top::run(&args, &mut std::io::stdout(), &here()?),
        Some(Verb::Runs(args)) => reading(|out, here| runs::run(&args, out, here)),
        Some(Verb::Import(args)) => reading(|out, here| import::run(&args, out, here)),
        Some(Verb::Attribute(args)) => reading(|out, here| attribute::run(&args, out, here)),
        Some(Verb::Approvals(args)) => reading(|out, here| approvals::run(&args, out, here)),
        Some(Verb::Exceptions(args)) => reading(|out, here| exceptions::run(&args, out, here)),
        Some(Verb::Grant(args)) => reading(|out, here| grant::run(&args, out, here)),
        Some(Verb::Estimate(args)) => reading(|out, here| estimate::run(&args, out, here)),
        Some(Verb::Request(args)) => request::run(&args),
        Some(Verb::Policy(args)) => reading(|out, here| policy::run(&args, out, here)),
        Some(Verb::Reconcile(args)) => reading(|out, here| reconcile::run(&args, out, here)),
        Some(Verb::Prices(args)) => reading(|out, here| prices::run(&args, out, here)),
        Some(Verb::Serve(args)) => serve::run(&args),
        Some(Verb::Notify(args)) => reading(|out, here| channels::run(&args, out, here)),
        Some(Verb::Audit(args)) => reading(|out, here| audit::run(&args, out, here)),
        Some(Verb::Prune(args)) => reading(|out, here| prune::run(&args, out, here)),
        Some(Verb::Hooks(args)) => reading(|out, here| hooks::run(&args, out, here)),
        Some(Verb::Demo(args)) => demo_at_work(&args),
        Some(Verb::Init(args)) => reading(|out, here| init::run(&args, out, here)),
        Some(Verb::Doctor(args)) => reading(|out, here| doctor::run(&args, out, here, &process::ask)),
        Some(Verb::Completions(args)) => reading(|out, _| completions::run(&args, out, help::grouped(Cli::command()))),
        None => reading(overview::run),
    }
}

/// Forked before anything else of govern's is there: the guard outlives whatever happens to it.
fn guard() -> Result<GuardHandle> {
    Guard::fork().map_err(|error| Error::new("govern cannot start its guard process").caused_by(&error))
}

/// Who listens at the other end of a connection speaks for this run: its govern, or, of a session that installed hooks
/// govern, a process of its Codex, of the number that the socket is named after.
fn is_own(run: &RunInfo, connection: BorrowedFd<'_>, named: Option<i32>) -> bool {
    let codex = run.process.pid;
    match named {
        Some(pid) => {
            process::is_codex(codex) && process::is_descendant_of(pid, codex) && process::listens(connection, pid)
        }
        None => process::is_supervisor_of(connection, run.process, &run.id),
    }
}

/// Somebody listens in the place of a run's govern: it is told how that can be reached all the same.
fn impostor(run: &RunInfo, error: &SocketError) -> Error {
    let shows = format!("`govern report --run {}` shows what it did", run.id);
    // The number of a run in another namespace is nobody's here, or another's: 1 may be the machine's own first process.
    let hint = match process::alive(run.process) {
        true => format!("an agent may have put it there: `kill {}` has its govern stop it, {shows}", run.process.pid),
        false => format!("it may run in another container: do it there, or on its host; {shows}"),
    };
    Error::new(format!("run `{}` could not be reached", run.id)).caused_by(error).hint(hint)
}

/// Refuses what no agent may do where an agent called govern, or where that cannot be told.
fn for_no_agent(refused: &str, hint: &str) -> Result<()> {
    match process::own_standing() {
        CalledFrom::Outside => Ok(()),
        CalledFrom::Inside => Err(Error::new(refused).hint(hint)),
        CalledFrom::Hidden => Err(Error::new(format!("{refused}, and from here it cannot be seen whether one called"))
            .hint("what is above this process is hidden from it: do it outside of this namespace or container")),
    }
}

/// A verb that only reads, and prints what it finds.
fn reading(verb: impl FnOnce(&mut dyn Write, &Here<'_>) -> Result<Exit>) -> Result<Exit> {
    let here = here()?;
    let mut out = std::io::stdout().lock();
    verb(&mut out, &here)
}

/// Others write to standard output between its own lines: it is locked for none of them.
fn demo_at_work(args: &demo::DemoArgs) -> Result<Exit> {
    demo::run(args, &mut std::io::stdout(), &here()?)
}

#[cfg(test)]
mod tests;
