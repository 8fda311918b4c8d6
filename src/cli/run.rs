//! Owns `govern run -- COMMAND`: governs one command from its start to its end.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::clocks::Clocks;
use crate::codex::{Invocation, Kind, redact};
use crate::compare::Like;
use crate::decide::agents::AgentSetup;
use crate::decide::people::channel;
use crate::decide::people::lift::Lift;
use crate::decide::people::reach::Surroundings;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fleet::refusal::refusal;
use crate::gate::socket;
use crate::ledger::{Ledger, state_folder};
use crate::model::event::REFUSED;
use crate::model::quantity::quantity_hint;
use crate::model::{
    AgentName, Answerer, Attribution, Dimension, Door, Identity, Quantity, Repriced, RunId, ThreadId, Verb, WorkClass,
};
use crate::place::{self, Place};
use crate::policy::layers::FlagRules;
use crate::policy::mistake::LayerText;
use crate::policy::plan::{PLAN_HINT, PlanShare};
use crate::policy::rule::{FreshLedger, Policy, Window};
use crate::policy::spawn::{SPAWN_HINT, SpawnCap};
use crate::policy::{attribute, diagnostic};
use crate::process::{self, GuardHandle, Inbox};
use crate::report::page::Tone;
use crate::report::text::count;
use crate::supervise::{EarlierEnd, Outcome, Plan, Planned, Seat, supervise};
use crate::tail::locate;
use crate::turn::configured::begins_with;
use crate::turn::is_live::lives;
use crate::ui::Look;
use crate::ui::notice::{Notices, Showing};
use crate::usage::price::PriceTable;

use super::committed::Trees;
use super::declares::Declares;
use super::here::{self, Here};
use super::resume::Resumable;
use super::{adviser, before, env, gateway, import, likely, policy_files, price_list, shim_file, summary};

/// Options of `govern run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// A policy on top of the system's, the user's and the repository's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Decide and record, do nothing
    #[arg(long)]
    pub observe: bool,
    /// What its work is, whatever it does: research, edit, test, review, migration, documentation or other
    #[arg(long, value_name = "CLASS", value_parser = work)]
    pub work: Option<WorkClass>,
    /// The agent's name in tables and budgets [default: $GOVERN_AGENT, else codex]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Where the spend belongs
    #[command(flatten)]
    pub belongs: Belongs,
    /// A limit for this run: `5usd`, `200ktok`, `2M all tok`, `50 responses`, `30 minutes`; `auto:5usd`: what 19 of 20
    /// like runs did not pass, and $5 where fewer than ten are known
    #[arg(long, value_name = "LIMIT", allow_hyphen_values = true)]
    pub budget: Vec<String>,
    /// What happens when a `--budget` is spent [default: ask, where there is somebody to ask, else stop]
    #[arg(long, value_name = "VERB", requires = "budget")]
    pub at_limit: Option<AtLimit>,
    /// What it expects
    #[command(flatten)]
    pub declares: Declares,
    /// Let the requests of the OpenAI libraries pass a gateway of this run: they are metered and admitted, too
    #[arg(long)]
    pub gateway: bool,
    /// Write the run's summary as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// The command, as without govern
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Where spend belongs, by flags.
#[derive(Args, Debug, Default)]
pub struct Belongs {
    /// The team that answers for the spend [default: $GOVERN_TEAM, or a rule of the policy]
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// The project [default: $GOVERN_PROJECT, a rule, else the repository's name]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// The client it is done for [default: $GOVERN_CLIENT, or a rule]
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Such as a ticket's number [default: $GOVERN_TASK, or a rule]
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,
    /// Any further `KEY=VALUE`
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub label: Vec<(String, String)>,
}

/// What `--at-limit` takes.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtLimit {
    /// Hold the agent and ask a person
    Ask,
    /// End it at a safe point and leave a hand-off
    Stop,
    /// End it now
    Kill,
}

impl AtLimit {
    /// As it is typed.
    pub(super) fn as_str(self) -> &'static str {
        Verb::from(self).as_str()
    }
}

impl From<AtLimit> for Verb {
    fn from(at: AtLimit) -> Self {
        match at {
            AtLimit::Ask => Self::Ask,
            AtLimit::Stop => Self::Stop,
            AtLimit::Kill => Self::Kill,
        }
    }
}

/// A class of work, as `--work` takes it.
pub(super) fn work(text: &str) -> std::result::Result<WorkClass, String> {
    let known = WorkClass::ALL.map(WorkClass::as_str).join(", ");
    WorkClass::parse(text).ok_or_else(|| format!("`{text}` is no class of work; known are {known}"))
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write `KEY=VALUE`".to_owned()),
    }
}

/// Standard output is the agent's, byte for byte: no summary goes there.
pub(super) fn beside_stdout(json: Option<&Path>) -> Result<()> {
    match json {
        Some(path) if path == Path::new("-") => Err(Error::new("`--json -`: standard output is the agent's own")
            .exit(Exit::Usage)
            .hint("`--json FILE`, or `--json /dev/fd/3` with `3>FILE` behind the command")),
        Some(_) | None => Ok(()),
    }
}

/// What a run is supervised with.
pub struct Supervision {
    /// Forked before anything else.
    pub guard: GuardHandle,
    /// How long it waits for what.
    pub clocks: Clocks,
}

/// Governs the command.
pub fn run(args: RunArgs, supervision: Supervision) -> Result<Exit> {
    beside_stdout(args.json.as_deref())?;
    let here = super::here()?;
    let place = place::look(&here.cwd, env);
    let auto = likely::is_asked(&args.budget);
    let mut rules = Rules {
        policy: args.policy,
        budgets: likely::named(&args.budget),
        at_limit: args.at_limit,
        observe: args.observe,
        work: args.work,
        declares: args.declares,
        gateway: args.gateway,
    };
    let mut policy = rules.load(&here, args.quiet)?;
    if auto {
        let project = attribute(&policy, &place, &args.belongs).project;
        let like = Like { project, work: args.work, model: likely::model_of(&args.command) };
        let (budgets, said) = likely::resolve(&args.budget, &like, &here)?;
        rules.budgets = budgets;
        policy = rules.load(&here, true)?;
        if !args.quiet {
            said.iter().for_each(|what| super::to_stderr(&format!("govern: {what}\n")));
        }
    }
    let agent = args.agent.or_else(|| text("GOVERN_AGENT")).unwrap_or_else(|| "codex".to_owned());
    let agent = AgentName::new(redact(&agent));
    let attribution = attribute(&policy, &place, &args.belongs);
    let start = Start {
        run: new_run(),
        resumes: None,
        earlier_end: None,
        lift: None,
        prices: here.prices(&policy)?,
        policy,
        attribution,
        place,
        agent,
        command: args.command,
        rules,
    };
    govern(start, supervision, &Shown { quiet: args.quiet, json: args.json })
}

/// How the end is shown.
pub(super) struct Shown {
    pub(super) quiet: bool,
    pub(super) json: Option<PathBuf>,
}

/// What is known before the ledger is opened.
pub(super) struct Start {
    pub(super) run: RunId,
    pub(super) resumes: Option<ThreadId>,
    /// How the run stood that goes on.
    pub(super) earlier_end: Option<EarlierEnd>,
    pub(super) lift: Option<Lift>,
    pub(super) policy: Policy,
    pub(super) prices: PriceTable,
    pub(super) attribution: Attribution,
    pub(super) place: Place,
    pub(super) agent: AgentName,
    pub(super) command: Vec<OsString>,
    pub(super) rules: Rules,
}

/// What is said where earlier responses got a price at the start: budgets of a day or a month count it.
pub(super) fn priced_late(late: Repriced) -> String {
    let responses = count(late.responses, "response", "responses");
    format!("{responses} recorded without a price before: priced now, {} in all", late.cost)
}

/// Who runs govern, by login name.
pub(super) fn whoami() -> String {
    process::user_name(process::own_uid()).unwrap_or_else(|| "somebody".to_owned())
}

/// The same, as one who answers at a terminal.
pub(super) fn at_terminal() -> Answerer {
    Answerer::login(whoami(), Door::Cli)
}

/// Whose the runs of this account are.
pub(super) fn starter() -> Identity {
    Identity::Login(whoami())
}

/// From the checks that need no ledger to the table at the end.
pub(super) fn govern(start: Start, supervision: Supervision, shown: &Shown) -> Result<Exit> {
    let registration = start.rules.declares.registration()?;
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
    let refusal = refusal(invocation.as_ref(), &start.policy, &start.prices, clock::now(), &super::tells_of_requests)
        .map(|refusal| Error::new(format!("{REFUSED}: {refusal}")).hint(refusal.hint()).exit(Exit::Refused));
    let full_screen = invocation.as_ref().is_some_and(|one| matches!(one.kind(), Kind::Interactive(_)));
    let (command, invocation) = match invocation.filter(|_| full_screen) {
        // Its background server would take the work out of the tree that govern watches.
        Some(screen) => (screen.with_no_daemon(), Some(screen)),
        None => (asked.clone(), Invocation::parse(&asked)),
    };

    let assigned_home = invocation.as_ref().and_then(|one| one.assigned("CODEX_HOME")).map(PathBuf::from);
    let home = super::here()?.state_folder()?;
    let mut ledger = Ledger::open(&home)?;
    let sockets = sockets(&home, &ledger)?;
    let identity =
        process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let late = import::repriced(&mut ledger, &start.policy, &start.prices, clock::now())?;
    ledger.start_run(start.run.clone(), identity);
    let (fresh, too_fresh) = fresh_budgets(&start.policy, &ledger, &start.run)?;

    let who = std::iter::once((&start.agent, &start.attribution));
    let before = before::before(&ledger, &start.run, start.resumes.is_some(), who)?;
    let channel = channel::reaches(&start.policy, &starter(), &start.agent, &start.attribution);

    let showing = match (shown.quiet, full_screen) {
        (true, _) => Showing::Never,
        (false, true) => Showing::AtEnd,
        (false, false) => Showing::Live,
    };
    let mut notices =
        Notices::new(std::io::stderr(), Look::stderr(), showing).on_screen(std::io::stderr().is_terminal());
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
        adviser: adviser::adviser(&start.policy, &start.run, &home, &agents, &start.attribution)?,
        run: start.run,
        by: whoami(),
        earlier_end: start.earlier_end,
        lift: start.lift,
        refusal: no_tier.or(refusal).or(too_fresh),
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
        tells: super::tells_of_requests,
        gateway,
        kept: None,
    };
    let trees = Trees::before(&plan);
    let mut outcome = in_runtime(plan, supervision)?;
    let exit = outcome.exit;
    let shown = summary::show(&outcome, &parts, shown.quiet, shown.json.as_deref());
    trees.record(&mut outcome);
    shown?;
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(exit),
    }
}

/// The folder of sockets, without those that killed governs have left there.
pub(super) fn sockets(state: &Path, ledger: &Ledger) -> Result<PathBuf> {
    let folder = state_folder::socket_folder(state)?;
    socket::sweep(&folder, &|run| ledger.is_over(run, &lives).unwrap_or(false));
    Ok(folder)
}

pub(super) fn in_runtime(plan: Plan, supervision: Supervision) -> Result<Outcome> {
    let failed = |error: &dyn std::error::Error| Error::new("govern cannot start its loop").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    runtime.block_on(async {
        let guard = supervision.guard.into_async().map_err(|error| failed(&error))?;
        let inbox = Inbox::open().map_err(|error| failed(&error))?;
        supervise(plan, supervision.clocks, guard, inbox).await
    })
}

/// Twelve characters that sort by time: 42 bits of milliseconds since 1970 (they last until 2109)
/// and 18 of chance.
pub(super) fn new_run() -> RunId {
    id_of(uuid::Uuid::now_v7())
}

/// The run that a session is where no govern started it: of the root thread's own time and chance.
pub(super) fn run_of(thread: &ThreadId) -> RunId {
    let own = uuid::Uuid::parse_str(thread.as_str()).ok();
    // Codex names threads by such ids; anything else is taken by its digest.
    id_of(own.unwrap_or_else(|| uuid::Uuid::from_bytes(first_half(thread.as_str()))))
}

fn first_half(text: &str) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let mut half = [0; 16];
    half.iter_mut().zip(Sha256::digest(text)).for_each(|(to, from)| *to = from);
    half
}

fn id_of(unique: uuid::Uuid) -> RunId {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits = unique.as_u128();
    let time = (bits >> 80) & 0x3ff_ffff_ffff;
    let chance = bits & 0x3_ffff;
    let mut number = (time << 18) | chance;
    let mut text = [b'0'; 12];
    for place in text.iter_mut().rev() {
        *place = DIGITS.get(usize::try_from(number & 31).unwrap_or_default()).copied().unwrap_or(b'0');
        number >>= 5;
    }
    RunId::new(String::from_utf8_lossy(&text).into_owned())
}

/// The policy as the command line asks for it; kept so that a resumed run obeys the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rules {
    #[serde(default)]
    pub(super) policy: Option<PathBuf>,
    #[serde(default)]
    pub(super) budgets: Vec<String>,
    #[serde(default)]
    pub(super) at_limit: Option<AtLimit>,
    #[serde(default)]
    pub(super) observe: bool,
    /// `--work`.
    #[serde(default)]
    pub(super) work: Option<WorkClass>,
    #[serde(default)]
    pub(super) declares: Declares,
    /// `--gateway`.
    #[serde(default)]
    pub(super) gateway: bool,
}

impl Rules {
    /// What the command line itself limits.
    pub(super) fn flags(&self) -> Result<FlagRules> {
        let (mut budgets, mut plans, mut spawns) = (Vec::new(), Vec::new(), Vec::new());
        for text in &self.budgets {
            if PlanShare::is_meant(text) {
                let share = PlanShare::parse(text).map_err(|error| {
                    Error::new(format!("`--budget {text}` {error}")).hint(PLAN_HINT).exit(Exit::Usage)
                })?;
                plans.push((text.clone(), share));
                continue;
            }
            if SpawnCap::is_meant(text) {
                let cap = SpawnCap::parse(text).map_err(|error| {
                    Error::new(format!("`--budget {text}` {error}")).hint(SPAWN_HINT).exit(Exit::Usage)
                })?;
                spawns.push((text.clone(), cap));
                continue;
            }
            let quantity = Quantity::parse_limit(text).map_err(|error| {
                Error::new(format!("`--budget {text}` {error}")).hint(quantity_hint(text)).exit(Exit::Usage)
            })?;
            budgets.push((text.clone(), quantity));
        }
        Ok(FlagRules {
            budgets,
            plans,
            spawns,
            at_limit: self.at_limit.map(Verb::from),
            observe: self.observe,
            work: self.work,
        })
    }

    /// Reads all layers. Warnings are shown, mistakes stop everything.
    pub(super) fn load(&self, here: &Here<'_>, quiet: bool) -> Result<Policy> {
        let policy = self.join(policy_files::read(here.policy_places(self.policy.as_deref()))?, quiet)?;
        if let Some(hidden) = here.hidden_policy().filter(|_| !quiet) {
            super::to_stderr(&format!("warning: {hidden}\n"));
        }
        Ok(policy)
    }

    /// As [`Rules::load`], of layers that are read.
    pub(super) fn join(&self, layers: Vec<LayerText>, quiet: bool) -> Result<Policy> {
        let flags = self.flags()?;
        let loaded = here::join_with(layers, flags, Look::stderr().colour)?;
        if !quiet {
            let warnings = price_list::told(loaded.warnings, env);
            super::to_stderr(&diagnostic::render(&warnings, Look::stderr().colour));
        }
        Ok(loaded.policy)
    }
}

fn text(name: &str) -> Option<String> {
    env(name).and_then(|value| value.into_string().ok())
}

/// Where spend belongs, as flags say, else as it is found.
pub(super) fn attribute(policy: &Policy, place: &Place, belongs: &Belongs) -> Attribution {
    let flags = Attribution {
        team: belongs.team.clone(),
        project: belongs.project.clone(),
        client: belongs.client.clone(),
        task: belongs.task.clone(),
        labels: belongs.label.iter().cloned().collect(),
        ..Attribution::default()
    };
    attribute_with(policy, place, flags)
}

/// Where spend belongs: as said, else by the environment, the policy's rules and the place.
pub(super) fn attribute_with(policy: &Policy, place: &Place, said: Attribution) -> Attribution {
    let known = here::known(place, env("HOME").map(PathBuf::from));
    attribute::attribute(&policy.attribute, &known, said, attribute::said_by(text)).map_values(redact)
}

/// The same for a user with this home, by what his environment says.
pub(super) fn attribute_at(policy: &Policy, place: &Place, home: Option<PathBuf>, said: Attribution) -> Attribution {
    attribute::attribute(&policy.attribute, &here::known(place, home), Attribution::default(), said).map_values(redact)
}

/// What is said where budgets are wider than the run and the ledger is not.
pub(super) fn earlier_spend_unknown(fresh: &[String]) -> String {
    format!("this ledger begins with this run, so that earlier spend is unknown to: {}", quoted(fresh))
}

/// Budgets wider than the run that a ledger without a past counts from here on only, and the refusal if the policy
/// wants one.
pub(super) fn fresh_budgets(policy: &Policy, ledger: &Ledger, run: &RunId) -> Result<(Vec<String>, Option<Error>)> {
    let wide: Vec<String> = policy
        .budgets
        .iter()
        .filter(|budget| budget.window != Window::Life || budget.scope.per == [Dimension::Thread])
        .map(|budget| budget.name.to_string())
        .collect();
    if wide.is_empty() || !ledger.born_in(run)? {
        return Ok((Vec::new(), None));
    }
    let refusal = (policy.fresh_ledger == FreshLedger::Refuse && !policy.observe).then(|| {
        let names = quoted(&wide);
        Error::new(format!(
            "refused to start: this ledger begins with this run, so that earlier spend is unknown to: {names}"
        ))
        .exit(Exit::Refused)
        .hint("keep `$GOVERN_HOME` between jobs (a cache will do), or set `[ledger] fresh = \"warn\"`")
    });
    Ok((wide, refusal))
}

/// A budget's name may have a comma of its own.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
