//! Rows as they are stored: what the chains hold, or hold digests of.

pub(super) mod approval;
pub(super) mod extension;
pub(super) mod grant;
pub(super) mod thread;
pub(super) mod usage;
