//! The socket on which a live run is spoken to.

pub mod failure_marks;
pub mod hook;
pub mod hook_client;
pub mod message;
pub mod sender_wake;
pub mod socket;
