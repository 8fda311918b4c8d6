//! What accounts are told apart by.

/// One account of a run. `Accounts` alone makes it, and never closes one: it is good for as long as the run lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(pub(super) usize);
