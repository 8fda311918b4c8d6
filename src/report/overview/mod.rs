//! One look at an account: what runs, what waits for an answer, where budgets stand, what was spent today and this
//! month. A screen and a page show the same.

pub mod agent;
pub mod rows;
pub mod spent;

use chrono_tz::Tz;

pub use agent::AgentLook;
pub use rows::{AgentRow, Order};
pub use spent::{Spent, SpentPart};

use super::page::{Item, Tone};
use super::text::count;
use super::{ApprovalReport, BudgetReport, StatusReport};
use crate::model::Timestamp;

/// All that can be seen of an account at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The moment.
    pub at: Timestamp,
    /// Where days and months begin, and in which times are shown.
    pub zone: Tz,
    /// The runs that live, and their agents.
    pub status: StatusReport,
    /// Questions that wait, and runs that are paused.
    pub waiting: ApprovalReport,
    /// Where budgets stand and where they are heading; what is wrong with the policy where it cannot be read.
    pub budgets: Result<BudgetReport, String>,
    /// Since this day began.
    pub today: Spent,
    /// Since this month began.
    pub month: Spent,
}

impl Overview {
    /// `2 runs, 5 agents`; `nothing runs`.
    pub fn running(&self) -> String {
        let runs = self.status.runs.len() as u64;
        let agents: usize = self.status.runs.iter().map(|run| run.live.agents.len()).sum();
        match runs {
            0 => "nothing runs".to_owned(),
            _ => format!("{}, {}", count(runs, "run", "runs"), count(agents as u64, "agent", "agents")),
        }
    }

    /// What needs somebody: budgets that are used up or are about to be, a policy that cannot be read.
    pub fn alarms(&self) -> Vec<Item> {
        let report = match &self.budgets {
            Err(mistake) => {
                let first = mistake.lines().next().unwrap_or_default();
                return vec![Item::new("policy", format!("{first}: `govern policy check` says all of it"), Tone::Bad)];
            }
            Ok(report) => report,
        };
        let near = |share: i64| share >= 800;
        let rows = report.rows.iter().filter(|row| row.standing.is_over() || near(row.standing.share()));
        rows.map(|row| Item::new("budget", row.sentence(self.at, self.zone), row.tone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::report::tests::sample;

    #[test]
    fn what_runs_is_counted_and_only_what_needs_somebody_is_an_alarm() {
        let mut overview = sample::overview();
        assert_eq!(overview.running(), "2 runs, 6 agents");
        let said: Vec<String> = overview.alarms().into_iter().map(|item| item.text).collect();
        assert_eq!(
            said,
            ["`teams, monthly` for team=web: $91.20 + $0.51 reserved of $100.00, crosses on 25 Nov 09:40"]
        );
        overview.budgets = Err("error: the policy has a mistake\n --> govern.toml:4".to_owned());
        let said: Vec<String> = overview.alarms().into_iter().map(|item| item.text).collect();
        assert_eq!(said, ["error: the policy has a mistake: `govern policy check` says all of it"]);
        overview.status.runs.clear();
        assert_eq!(overview.running(), "nothing runs");
    }
}
