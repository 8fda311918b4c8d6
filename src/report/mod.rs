//! Responses and events become summaries; JSON, CSV, FOCUS and Markdown.
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
pub mod csv;
pub mod diff;
pub mod estimate;
pub mod exceptions;
mod figures;
mod fleet_end;
pub mod fleet_plan;
pub mod focus;
mod footnotes;
pub mod forecast;
pub mod group_by;
pub mod html;
pub mod imported;
pub mod json;
pub mod markdown;
pub mod outputs;
pub mod overview;
pub mod page;
pub mod plan_standing;
pub mod reconciled;
pub mod results;
pub mod resumes;
pub mod rounding;
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
mod subtotals;
pub mod summary;
pub mod text;
pub mod timeline;
mod token_kinds;
pub mod trial;
pub mod trial_json;

pub use agent_end::{AgentEnd, FleetEnd, PoolEnd, ThreadEnd};
pub use approvals::ApprovalReport;
pub use audience::Audience;
pub use budget::{BudgetReport, BudgetRow, BudgetStanding, OtherTime};
pub use fleet_plan::FleetPlan;
pub use forecast::Outlook;
pub use group_by::By;
pub use overview::Overview;
pub use page::Page;
pub use plan_standing::PlanStanding;
pub use run::{Handoff, Next, ResumableSession, RunParts, RunReport};
pub use run_rows::RunTally;
pub use savings::Savings;
pub use spawn_standing::SpawnStanding;
pub use status::{RunStatus, Source, StatusReport};
pub use summary::{Frame, PriceStamp, Summary, Tally, Totals};
pub use trial::TrialReport;

#[cfg(test)]
pub(crate) mod tests;
