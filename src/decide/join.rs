//! Pure. A governor that comes to a session which is under way: each hook of an installed Codex has one of its own.

use crate::model::event::{EventKind, GateReach};
use crate::model::{AgentName, Cost, Dimension, Response, Timestamp};

use super::account::{Account, Books};
use super::governor::Governor;
use super::input::Moment;
use super::lifecycle::State;

impl Governor {
    /// The last responses of the session that is to be joined, oldest first.
    pub fn recall_all(&mut self, history: Vec<Response>) {
        self.history = history;
    }

    /// Joins the session of its agents: what was spent is in the books, and the history that it was made with foretells
    /// what comes. Mild steps that lie behind were carried out by those who saw them reached, unless the session
    /// `begins`. Nobody else is held: what waits is the one hook.
    pub fn join(&mut self, now: Moment, begins: bool, books: &dyn Books) {
        let history = std::mem::take(&mut self.history);
        for name in self.names() {
            self.open_current(now, &name, books);
            for response in history.iter().filter(|response| response.agent.as_ref() == Some(&name)) {
                self.open_late(response, now.wall, &name, books);
                if let Some(agent) = self.agents.get_mut(&name) {
                    agent.note(response);
                }
            }
            let Some(agent) = self.agents.get_mut(&name) else { continue };
            agent.cost = books.cost(&self.run, &name);
            agent.state = State::Running;
            agent.settle();
            agent.resume_clock(now.uptime);
            agent.gate.trust();
            // What had no price when it was recorded may have one by now.
            if let Some(last) = history.iter().rfind(|response| response.agent.as_ref() == Some(&name)) {
                let cost = last.model.as_ref().map_or(last.cost, |model| self.quoted(model, last));
                let last =
                    Response { cost: if last.cost == Cost::Unpriced { cost } else { last.cost }, ..last.clone() };
                self.refuse_unpriced(now, &name, &last);
            }
            if begins {
                self.record(Some(&name), EventKind::Gated { reach: GateReach::Requests });
            }
        }
        if !begins {
            for account in &mut self.accounts {
                if let Some(budget) = self.policy.budgets.get(account.budget) {
                    account.pass_mild_steps(budget);
                }
            }
        }
    }

    /// Opens the accounts of this moment that only an answer tells of: of its model, of its thread.
    fn open_late(&mut self, response: &Response, now: Timestamp, name: &AgentName, books: &dyn Books) {
        let late = |dimension: &Dimension| matches!(dimension, Dimension::Thread | Dimension::Model);
        let budgets = self.policy.budgets.iter().enumerate();
        let value = |dimension: &Dimension| response.get(dimension).map(str::to_owned);
        let places: Vec<Account> = budgets
            .filter(|(_, budget)| budget.per.iter().any(late))
            .filter_map(|(index, budget)| Account::place(index, budget, self.policy.timezone, now, value))
            .collect();
        for place in places {
            self.open(place, name, books);
        }
    }
}
