//! `govern grant`: more of a budget, before it is needed and until a day; and taking it back.

use std::io::Write;

use chrono::NaiveDate;

use super::format::put;
use crate::decide::people::permission::{self, Lifting, NotAllowed};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::{Message, Reply};
use crate::gate::socket;
use crate::ledger::{Ledger, grants, state_folder};
use crate::model::{BudgetName, Grant, Quantity, Timestamp};
use crate::policy::rule::{Budget, Policy};
use crate::policy::window::day_start;
use crate::prepare::here::Here;
use crate::prepare::identity::{at_terminal, starter};
use crate::report::text::{moment, printable};

/// Let more of a budget be spent until a day. What all grants of a budget come to at one time is at most `max_grant` of
/// `[approvals]`, else `max_extend`.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct GrantArgs {
    #[command(subcommand)]
    deed: Option<Deed>,
    /// The budget of the policy
    #[arg(long, value_name = "NAME", required = true)]
    budget: Option<String>,
    /// How much more, such as `100usd`
    #[arg(long, value_name = "AMOUNT", required = true, allow_hyphen_values = true)]
    extend: Option<String>,
    /// Until the start of this day in the policy's time zone
    #[arg(long, value_name = "DATE", required = true)]
    until: Option<NaiveDate>,
    /// Why: it is shown wherever the budget is
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
    /// Only for this of what the budget counts per, such as `team=web` [default: for each]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    policy: Option<std::path::PathBuf>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Deed {
    /// Take a grant back: the limit is as it was from then on
    Revoke(RevokeArgs),
}

/// Options of `govern grant revoke`.
#[derive(clap::Args, Clone, Debug)]
struct RevokeArgs {
    /// Its number, as `govern budget` shows it
    #[arg(value_name = "ID")]
    id: i64,
    /// Why: it is kept with it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Gives it, or takes it back.
pub fn run(args: &GrantArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::for_no_agent("an agent cannot grant anything", "`govern request --extend 2usd --reason \"…\"` asks for it")?;
    match (&args.deed, &args.budget, &args.extend, args.until, &args.reason) {
        (Some(Deed::Revoke(revoke)), ..) => take_back(revoke, out, here),
        (None, Some(budget), Some(extend), Some(until), Some(reason)) => {
            let policy = here.policy(args.policy.as_deref())?.policy;
            let by_amount = super::request::amount(extend, reason)?;
            let budget = named(&policy, budget, by_amount)?;
            let until = end(until, &policy, here)?;
            give((budget, args.scope.as_deref()), by_amount, (until, reason), &policy, out, here)
        }
        // clap has asked for all of them.
        (None, ..) => Err(Error::new("say the budget, how much more, until when and why").exit(Exit::Usage)),
    }
}

fn give(
    (budget, scope): (&Budget, Option<&str>),
    by_amount: Quantity,
    (until, reason): (Timestamp, &str),
    policy: &Policy,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<Exit> {
    known_scope(budget, scope)?;
    let who = at_terminal();
    let mut ledger = Ledger::open(&here.state_folder()?)?;
    let new = grants::NewGrant {
        budget: budget.name.clone(),
        scope: scope.map(str::to_owned),
        by_amount,
        until,
        login: crate::prepare::identity::whoami(),
        by: policy.approvals.by(&who),
        reason: crate::codex::redact(reason),
    };
    // Judged and written down in one: two grants cannot both take what is left.
    let given = ledger.turn(here.now, |turn| {
        let lifting =
            Lifting { budget: &budget.name, by: by_amount, given: so_far(&turn.budgets().grants()?, &new, here.now) };
        Ok(match permission::judge_grant(&policy.approvals, &who, &starter(), lifting) {
            Ok(()) => Ok(grants::give(turn, &new)?),
            Err(not) => Err(not),
        })
    })?;
    let (grant, link) = given.map_err(not_granted)?;
    let heard = tell(&ledger, link, here)?;
    let each = if budget.scope.per.is_empty() || scope.is_some() { "" } else { ", for each that it counts per" };
    let what = format!(
        "grant {}: `{}` {by_amount} more until {}{each}{heard}\n",
        grant.id,
        printable(budget.name.as_str()),
        moment(until, policy.timezone)
    );
    put(out, &what)?;
    Ok(Exit::Success)
}

fn take_back(args: &RevokeArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let policy = here.policy(None)?.policy;
    let who = at_terminal();
    permission::judge(&policy.approvals, &who, &starter(), None).map_err(not_granted)?;
    let (by, reason) = (policy.approvals.by(&who), args.reason.as_deref().map(crate::codex::redact));
    let none = || Error::new(format!("there is no grant {} that holds", args.id)).hint("`govern budget` shows grants");
    if here.ledger()?.is_none() {
        return Err(none());
    }
    let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
    let grant =
        ledger.turn(here.now, |turn| grants::revoke(turn, args.id, &by, reason.as_deref()))?.ok_or_else(none)?;
    // That it was taken back is believed without a word: it lets nobody spend more.
    let heard = tell(&ledger, 0, here)?;
    put(out, &format!("grant {} of {} for `{}` is taken back{heard}\n", grant.id, grant.by_amount, grant.budget))?;
    Ok(Exit::Success)
}

/// Tells the runs that live; says what follows where one could not be reached.
fn tell(ledger: &Ledger, link: i64, here: &Here<'_>) -> Result<String> {
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    let mut deaf = Vec::new();
    for run in ledger.runs().live(here.alive)? {
        // A session that installed hooks govern asks the ledger at each hook.
        if crate::process::is_codex(run.process.pid) {
            continue;
        }
        let message = Message::Granted { link };
        match socket::call(&sockets, &run.id, &message, &|connection, named| super::is_own(&run, connection, named)) {
            Ok(Reply::Done { .. }) | Err(socket::SocketError::NotLive(_)) => {}
            Ok(Reply::Refused { why, .. }) => deaf.push(format!("run {}: {}", run.id, printable(&why))),
            Err(error) => deaf.push(format!("run {}: {error}", run.id)),
        }
    }
    Ok(if deaf.is_empty() { String::new() } else { format!("; not taken by {}", deaf.join(", ")) })
}

/// What grants of the same limit come to that hold at the same time.
fn so_far(grants: &[Grant], new: &grants::NewGrant, now: Timestamp) -> i64 {
    let same = |grant: &&Grant| {
        let unit = grant.by_amount.unit == new.by_amount.unit;
        grant.holds(now) && unit && grant.adds_to(&new.budget, new.scope.as_deref())
    };
    grants.iter().filter(same).fold(0, |sum, grant| sum.saturating_add(grant.by_amount.amount))
}

fn named<'a>(policy: &'a Policy, name: &str, by_amount: Quantity) -> Result<&'a Budget> {
    let name = BudgetName::new(name);
    let Some(budget) = policy.budgets.iter().find(|budget| budget.name == name) else {
        let known: Vec<String> = policy.budgets.iter().map(|budget| format!("`{}`", budget.name)).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(Error::new(format!("the policy here has no budget `{}`", printable(name.as_str())))
            .hint(format!("{known}; `govern policy show` shows which file says what"))
            .exit(Exit::Usage));
    };
    if budget.unit() != by_amount.unit {
        let unit = budget.unit().as_str();
        return Err(Error::new(format!("`{}` counts {unit}, not `{by_amount}`", budget.name)).exit(Exit::Usage));
    }
    Ok(budget)
}

/// A mistyped scope would lift nothing.
fn known_scope(budget: &Budget, scope: Option<&str>) -> Result<()> {
    let Some(scope) = scope else { return Ok(()) };
    let dimensions: Vec<&str> = scope.split(", ").filter_map(|part| Some(part.split_once('=')?.0)).collect();
    let per: Vec<String> = budget.scope.per.iter().map(ToString::to_string).collect();
    if per.iter().map(String::as_str).eq(dimensions) {
        return Ok(());
    }
    let example: Vec<String> = per.iter().map(|dimension| format!("{dimension}=…")).collect();
    let hint = match example.is_empty() {
        true => "leave `--scope` out: it counts everything together".to_owned(),
        false => format!("write `--scope \"{}\"`", example.join(", ")),
    };
    let what = format!("`{}` is not counted per `{}`", budget.name, printable(scope));
    Err(Error::new(what).hint(hint).exit(Exit::Usage))
}

fn end(day: NaiveDate, policy: &Policy, here: &Here<'_>) -> Result<Timestamp> {
    let until = day_start(day, policy.timezone).filter(|until| *until > here.now);
    until.ok_or_else(|| {
        Error::new(format!("`--until {day}` is over"))
            .hint(format!("a grant ends with the start of that day in {}: name a later one", policy.timezone.name()))
            .exit(Exit::Usage)
    })
}

fn not_granted(not: NotAllowed) -> Error {
    let hint = match &not {
        NotAllowed::TooMuchGranted { .. } | NotAllowed::TooMuch { .. } => {
            "grant less, have the policy's owner raise `max_grant`, or ask: `govern request`"
        }
        NotAllowed::NotApprover { .. } | NotAllowed::Stranger { .. } => "one of those who may answer grants it",
        NotAllowed::Starter { .. } | NotAllowed::MayBeStarter { .. } => {
            "runs of this account are started by its login: by `not_self` nobody grants it more from here"
        }
    };
    Error::new(format!("not granted: {not}")).hint(hint).exit(Exit::Refused)
}
