//! Prepares runs: where one stands, whose it is, which policy is in force, and from that the plan of a command or of a
//! fleet; what is kept of it for a resume, and what is shown at its end.

mod adviser;
pub(crate) mod attribution;
pub(crate) mod before;
pub(crate) mod capabilities;
pub(crate) mod committed;
pub(crate) mod declares;
pub(crate) mod fleet;
pub mod fleet_file;
mod fleet_past;
mod gateway;
pub mod here;
pub(crate) mod identity;
pub(crate) mod kept;
pub(crate) mod likely;
pub(crate) mod next;
pub mod policy_files;
pub mod price_list;
pub(crate) mod resume;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod run_id;
pub(crate) mod run_report;
pub(crate) mod shim_file;
pub(crate) mod start;
mod summary;
pub mod supervision;
pub(crate) mod text_file;
mod worktree;
