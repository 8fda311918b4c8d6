//! Pure. Responses and events become summaries; JSON, CSV, FOCUS and Markdown.
//!
//! A view ([`spend`], [`run`], [`budget`], [`approvals`]) turns what the ledger holds into a [`page::Page`] for
//! people, which the terminal or [`markdown`] lays out, and into JSON and CSV for programs.

pub mod action;
pub mod agent_end;
mod answer;
pub mod approvals;
pub mod attributed;
pub mod audience;
pub mod bars;
pub mod budget;
pub mod by;
pub mod change;
pub mod csv;
pub mod estimate;
pub mod exceptions;
mod figures;
mod fleet_end;
pub mod fleet_plan;
pub mod focus;
pub mod html;
pub mod imported;
pub mod json;
mod kinds;
pub mod markdown;
mod marks;
mod outline;
pub mod outlook;
pub mod outputs;
pub mod overview;
pub mod page;
pub mod plan_standing;
pub mod reconciled;
pub mod results;
pub mod resumes;
pub mod round;
pub mod run;
pub mod run_json;
pub mod run_list;
pub mod run_rows;
pub mod savings;
pub mod spawn_standing;
pub mod spend;
pub mod status;
mod status_json;
pub mod story;
pub mod summary;
pub mod text;
pub mod told;
pub mod trial;
pub mod trial_json;

pub use agent_end::{AgentEnd, FleetEnd, PoolEnd, ThreadEnd};
pub use approvals::ApprovalReport;
pub use audience::Audience;
pub use budget::{BudgetReport, BudgetRow, BudgetStanding, OtherTime};
pub use by::By;
pub use fleet_plan::FleetPlan;
pub use outlook::Outlook;
pub use overview::Overview;
pub use page::Page;
pub use plan_standing::PlanStanding;
pub use run::{Handoff, Next, RunParts, RunReport, Session};
pub use run_rows::RunTally;
pub use savings::Savings;
pub use spawn_standing::SpawnStanding;
pub use status::{RunStatus, Source, StatusReport};
pub use summary::{Frame, PriceStamp, Summary, Tally, Totals};
pub use trial::TrialReport;

#[cfg(test)]
pub(crate) mod sample;
