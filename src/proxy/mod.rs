//! The gateway of a run: requests to a model's API, in and out.
//!
//! Each request is let through by the run, as at a hook, goes out byte for byte, and its answer is read on its way back.
//! It listens on loopback, for the processes of its run alone, and forwards to one server; no redirect is followed.

mod access;
mod body;
mod codex;
mod events;
mod exchange;
pub mod gateway;
pub mod messages;
mod path;
mod reader;
mod refusal;
mod request_body;
#[cfg(test)]
mod tests;
mod ticket;
mod upstream;
mod usage;

pub use gateway::{Gateway, Setup, Upstreams};
