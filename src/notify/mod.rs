//! The ways by which notices reach people and their programs, and what came back.
//!
//! Each channel takes a notice as it stands in the outbox, word for word, and says whether it is there. When it is tried
//! again is not for it to say ([`retry`]).

mod letter;
mod mail;
pub mod retry;
mod secret;
mod sent;
mod sign;
pub mod slack;
mod smtp;
mod webhook;

pub use mail::{Answering, Mail, new_token};
pub use secret::SecretError;
pub use sent::Sent;
pub use webhook::Webhook;
