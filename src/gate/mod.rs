//! Owns the socket on which a live run is spoken to.

pub mod bell;
pub mod hook;
pub mod line;
pub mod mark;
pub mod message;
pub mod socket;
