//! Owns the socket on which a live run is spoken to.

pub mod message;
pub mod socket;
