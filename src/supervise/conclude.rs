//! The end of a run: what is left is dealt with, the last records are read, the chain is sealed.

use std::time::Duration;

use crate::clock;
use crate::clocks::ENDS_WITHIN;
use crate::decide::account::Account;
use crate::decide::message::Ending;
use crate::error::Error;
use crate::exit::Exit;
use crate::ledger::{Filter, Ledger};
use crate::model::event::EventKind;
use crate::model::{AgentName, Unit, Unobserved};
use crate::process::{self, Leftovers, Terminal};
use crate::report::text::count;
use crate::report::{BudgetStanding, SpawnStanding};
use crate::turn::lives::lives;

use super::plan::Outcome;
use super::spawned::spawn_standings;
use super::supervisor::Supervisor;
use super::ward::{Finished, Ward};

/// How often what is left of agents is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// How many processes of agents live on, now that the guard is gone and govern has adopted what it left: after this time,
/// if they do not end before.
async fn live_on(within: Duration) -> usize {
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

impl Supervisor {
    /// Lets the guard deal with what is left and waits until it is gone; then the last records are read.
    pub(super) async fn dismiss(&mut self, leftovers: Leftovers) {
        let ending = self.is_ending_some();
        let Some(guard) = self.guard.take() else { return };
        let inputs = self.drain();
        // Only the agent of `govern run` ever had the terminal.
        if let Some(ward) = self.alone.as_ref().and_then(|alone| self.wards.get(alone)) {
            let forced = ward.finished.as_ref().is_none_or(|finished| finished.ending.is_forced());
            // One that a signal ended, passed on or not, has tidied up no more than one that govern ended; its
            // launcher tells that by the code.
            let signalled = ward.status.is_some_and(|status| Exit::from(status).code() > 128);
            let left_so = |terminal: &&Terminal| signalled && (terminal.is_changed() || self.asking.has_screen());
            if let Some(terminal) = guard.terminal().filter(|terminal| forced || left_so(terminal)) {
                terminal.restore(self.full_screen);
            }
        }
        let within = if ending { ENDS_WITHIN } else { Duration::ZERO };
        guard.finish(leftovers).await;
        self.echo.end();
        self.show_output();
        let left = if self.governor.enforces() { live_on(within).await } else { 0 };
        if left > 0 {
            let who = if self.alone.is_some() { "the command" } else { "agents" };
            self.mark(format!("{left} process(es) that {who} started live on, ungoverned from here on"));
        }
        let passed = self.close_gateway().await;
        self.last_chance = true;
        let mut last = self.drain_to_the_end();
        last.extend(passed);
        last.splice(0..0, inputs);
        if let Err(error) = self.turn(last) {
            self.say(&error.to_string());
        }
        self.tell_what_lacks();
    }

    /// Something of the agents is about to end: Codexes that outlived their command and will be killed, with what started
    /// them, or what was sent the signal that ended a command.
    fn is_ending_some(&mut self) -> bool {
        let signalled = |ward: &Ward| ward.status.is_some_and(|status| Exit::from(status).code() > 128);
        self.wards.values().any(signalled) || !self.codexes().is_empty()
    }

    /// Seals the run's chain.
    pub(super) fn conclude(mut self, result: Result<(), Error>) -> Outcome {
        self.asking.take_back(Some("an answer is no longer needed"));
        self.note_adviser_ended();
        let (outcome, exit) = match &result {
            Err(error) if error.exit_code() == Exit::Refused => ("refused", Exit::Refused),
            Err(error) => ("failed", error.exit_code()),
            Ok(()) => self.verdict(),
        };
        let ended = matches!(outcome, "stopped" | "killed" | "refused");
        let rule = self.governor.last_hard_budget().filter(|_| ended).cloned();
        if let Some(alone) = self.alone.clone()
            && let Some(ended) =
                self.wards.get(&alone).and_then(|ward| ward.ended(self.because(&alone), self.active(&alone)))
        {
            self.note_of(&alone, ended);
        }
        // In this run's own table they are missing.
        if !self.held_elsewhere.is_empty() {
            let responses = count(self.held_elsewhere.len() as u64, "response", "responses");
            let what = format!(
                "not in this run's own figures, but in another run's or as imported: {responses}, {}",
                self.cost_elsewhere
            );
            self.note(EventKind::Marked { what });
        }
        let seal = match (outcome, self.earlier_end.take()) {
            // It has not gone on: it stays as it was, and its chain says why.
            ("refused", Some(earlier_end)) => {
                let why = result.as_ref().err().map_or_else(String::new, |error| error.message().to_owned());
                self.note(EventKind::Marked { what: format!("not gone on with: {why}") });
                let lifts = self.governor.lifts(earlier_end.rule().or(rule.as_ref()));
                earlier_end.seal(lifts)
            }
            (outcome, _) => {
                let lifts = self.governor.lifts(rule.as_ref()).filter(|_| ended);
                EventKind::RunEnded { outcome: outcome.to_owned(), code: Some(i32::from(exit.code())), rule, lifts }
            }
        };
        self.note(seal);
        self.timing.ends();
        let sealed = self.turn(Vec::new());
        self.notices.release();
        let error = result.err().or(sealed.err()).or_else(|| self.expect_log().err());
        let budgets = self.standings();
        let sub_agents = self.spawn_standings();
        Outcome { error, exit, ended, budgets, sub_agents, ledger: self.ledger }
    }

    /// Nobody has written over what is recorded: under a limit, that is an error.
    fn expect_log(&mut self) -> Result<(), Error> {
        let Some(Err(damaged)) = self.ledger.as_ref().map(Ledger::expect_log) else { return Ok(()) };
        let damaged = Error::from(damaged);
        if self.governor.enforces() {
            return Err(damaged);
        }
        self.say(&damaged.to_string());
        Ok(())
    }

    /// The outcome of the whole by those of its agents. One agent alone ends as its command did; of several, the worst
    /// counts.
    fn verdict(&self) -> (&'static str, Exit) {
        let finished: Vec<&Finished> = self.wards.values().filter_map(|ward| ward.finished.as_ref()).collect();
        let any = |ending: Ending| finished.iter().any(|finished| finished.ending == ending);
        let outcome = match () {
            () if finished.len() < self.wards.len() => return ("failed", Exit::Failed),
            () if any(Ending::Killed) => "killed",
            () if any(Ending::Stopped) => "stopped",
            () => "ended",
        };
        let exit = match (self.alone.is_some(), finished.as_slice()) {
            (true, [finished]) => finished.exit,
            _ if outcome != "ended" => Exit::Ended,
            (_, all) if all.iter().all(|finished| finished.ending == Ending::Itself) => Exit::Success,
            _ => Exit::Negative,
        };
        (outcome, exit)
    }

    /// Why an agent is as it is.
    fn because(&self, name: &AgentName) -> &str {
        self.governor.agent(name).map_or("", |agent| agent.because.as_str())
    }

    /// How long an agent was active, held time aside.
    pub(super) fn active(&self, name: &AgentName) -> Duration {
        let now = self.moment().uptime;
        self.governor.agent(name).map_or(Duration::ZERO, |agent| agent.active(now))
    }

    /// What cannot be read any more is left out: the end of the run says why.
    fn spawn_standings(&self) -> Vec<SpawnStanding> {
        let Some(ledger) = &self.ledger else { return Vec::new() };
        let info = ledger.find_run(self.run.as_str());
        info.and_then(|info| spawn_standings(ledger, self.governor.policy(), &info)).unwrap_or_default()
    }

    /// What other runs spent of a window and nobody saw.
    fn unobserved_elsewhere(&self) -> Vec<Unobserved> {
        let found = self.ledger.as_ref().map(|ledger| ledger.unobserved(&Filter::default(), &lives));
        // A ledger that cannot be read any more is told of by the end of the run.
        let mut found = found.and_then(Result::ok).unwrap_or_default();
        found.retain(|one| one.run != self.run);
        found
    }

    fn standings(&self) -> Vec<BudgetStanding> {
        let (fresh, elsewhere) = (&self.fresh, self.unobserved_elsewhere());
        let lacks = |account: &Account| {
            elsewhere.iter().any(|one| account.bounds.contains(one.at) && account.holds(|dimension| one.get(dimension)))
        };
        self.governor
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
}
