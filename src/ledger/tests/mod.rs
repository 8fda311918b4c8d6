//! What the ledger promises, as tests.

mod attributed;
mod audit;
mod contention;
mod figures;
mod history;
mod opening;
mod outbox;
mod recording;
mod repriced;
mod sharing;
mod sub_agents;
pub(in crate::ledger) mod testing;
mod totals;
mod under_way;
