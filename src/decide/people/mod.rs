//! Pure. Questions to people and their answers: who may answer, how far, and what an answer does; the emergency brake.

pub(super) mod approvals;
pub(super) mod brake;
pub mod channel;
pub mod lift;
pub mod permission;
pub mod quorum;
pub mod reach;
