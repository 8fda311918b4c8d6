//! The end of a run: how it ended, what its chain is sealed with, and where its budgets stand.

use std::time::Duration;

use crate::clock;
use crate::decide::Governor;
use crate::decide::account::Account;
use crate::decide::message::Ending;
use crate::error::Error;
use crate::exit::Exit;
use crate::ledger::Filter;
use crate::model::event::EventKind;
use crate::model::{Unit, Unobserved};
use crate::process;
use crate::report::{BudgetStanding, SpawnStanding};
use crate::turn::is_live::lives;

use super::agents::Agents;
use super::journal::Journal;
use super::managed_agent::Finished;
use super::run::Run;
use super::run_plan::EarlierEnd;
use super::spawned::spawn_standings;
use super::turns::Turns;

/// How often what is left of agents is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How many processes of agents live on, now that the guard is gone and govern has adopted what it left: after this time,
/// if they do not end before.
pub(super) async fn live_on(within: Duration) -> usize {
    let until = clock::monotonic() + within;
    loop {
        let left = process::own_identity().map_or_else(Vec::new, |own| process::descendants(own.pid));
        let agents = |process: &&process::Process| !process.is_dead() && !process::is_asked(process.identity.pid);
        let left = left.iter().filter(agents).count();
        if left == 0 || clock::monotonic() >= until {
            return left;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Notes the seal of a run's chain; `why` it came to nothing, if it did.
pub(super) fn seal(
    (outcome, exit): (&str, Exit),
    why: &str,
    earlier_end: Option<EarlierEnd>,
    governor: &Governor,
    journal: &mut Journal,
) {
    let ended = matches!(outcome, "stopped" | "killed" | "refused");
    let rule = governor.last_hard_budget().filter(|_| ended).cloned();
    let seal = match (outcome, earlier_end) {
        // It has not gone on: it stays as it was, and its chain says why.
        ("refused", Some(earlier_end)) => {
            journal.note(EventKind::Marked { what: format!("not gone on with: {why}") });
            let lifts = governor.lifts(earlier_end.rule().or(rule.as_ref()));
            earlier_end.seal(lifts)
        }
        (outcome, _) => {
            let lifts = governor.lifts(rule.as_ref()).filter(|_| ended);
            EventKind::RunEnded { outcome: outcome.to_owned(), code: Some(i32::from(exit.code())), rule, lifts }
        }
    };
    journal.note(seal);
}

/// Somebody has written over what is recorded: under a limit, that is an error.
pub(super) fn damage(turns: &Turns, journal: &mut Journal) -> Option<Error> {
    let damaged = Error::from(turns.ledger()?.expect_log().err()?);
    if turns.governor().enforces() {
        return Some(damaged);
    }
    journal.say(&damaged.to_string());
    None
}

/// The outcome of the whole by those of its agents. One agent alone ends as its command did; of several, the worst
/// counts.
pub(super) fn verdict(agents: &Agents, run: &Run) -> (&'static str, Exit) {
    let finished: Vec<&Finished> = agents.values().filter_map(|agent| agent.finished()).collect();
    let any = |ending: Ending| finished.iter().any(|finished| finished.ending == ending);
    let outcome = match () {
        () if !agents.are_over() => return ("failed", Exit::Failed),
        () if any(Ending::Killed) => "killed",
        () if any(Ending::Stopped) => "stopped",
        () => "ended",
    };
    let exit = match (run.alone.is_some(), finished.as_slice()) {
        (true, [finished]) => finished.exit,
        _ if outcome != "ended" => Exit::Ended,
        (_, all) if all.iter().all(|finished| finished.ending == Ending::Itself) => Exit::Success,
        _ => Exit::Negative,
    };
    (outcome, exit)
}

/// Where the limits on sub-agents stand. What cannot be read any more is left out: the end of the run says why.
pub(super) fn sub_agent_standings(run: &Run, turns: &Turns) -> Vec<SpawnStanding> {
    let Some(ledger) = turns.ledger() else { return Vec::new() };
    let info = ledger.runs().find(run.id.as_str());
    info.and_then(|info| spawn_standings(ledger, turns.governor().policy(), &info)).unwrap_or_default()
}

/// What other runs spent of a window and nobody saw.
fn unobserved_elsewhere(run: &Run, turns: &Turns) -> Vec<Unobserved> {
    let found = turns.ledger().map(|ledger| ledger.runs().unobserved(&Filter::default(), &lives));
    // A ledger that cannot be read any more is told of by the end of the run.
    let mut found = found.and_then(Result::ok).unwrap_or_default();
    found.retain(|one| one.run != run.id);
    found
}

/// Where the budgets stand that bound it.
pub(super) fn budget_standings(fresh: &[String], run: &Run, turns: &Turns) -> Vec<BudgetStanding> {
    let elsewhere = unobserved_elsewhere(run, turns);
    let lacks = |account: &Account| {
        elsewhere.iter().any(|one| account.bounds.contains(one.at) && account.holds(|dimension| one.get(dimension)))
    };
    turns
        .governor()
        .accounts()
        // What one agent was given of a budget is in that one's figures.
        .filter(|account| !account.allotted)
        .map(|account| BudgetStanding {
            budget: account.key.budget.clone(),
            scope: account.key.scope.clone(),
            unit: account.key.unit,
            limit: account.base,
            extended: account.extended,
            granted: account.granted.amount,
            spent: account.spent,
            reserved: account.reserved,
            window_start: account.bounds.start,
            window_end: account.bounds.end,
            earlier_known: !fresh.contains(&account.rule.name.to_string()),
            unobserved: lacks(account) && account.key.unit != Unit::Minutes,
        })
        .collect()
}
