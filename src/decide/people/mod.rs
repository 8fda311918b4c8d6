//! Questions to people and their answers: who may answer, how far, and what an answer does; the emergency brake.

pub(super) mod approvals;
pub(super) mod brake;
pub mod channel;
pub(super) mod compose;
pub mod lift;
pub(super) mod numbered;
pub(super) mod pause;
pub mod permission;
pub mod quorum;
pub mod reach;
pub(super) mod released;
