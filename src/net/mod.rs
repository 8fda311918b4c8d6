//! The one way out: HTTP and TLS to other machines, for the owners that need it.
//!
//! Roots are the system's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`; `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
//! `NO_PROXY` are obeyed as curl obeys them; each attempt has an end and each answer a bound. What a server says is
//! hostile, and what is asked of it may hold a secret: errors name the server, never a path or a header.

mod client;
mod connect;
mod error;
mod line;
#[cfg(test)]
mod tests;
mod tls;
mod websocket;
mod wire;

pub use client::{Client, Limits, Reply};
pub use error::NetError;
pub use line::{Line, Unanswered};
pub use tls::Roots;
pub use websocket::WebSocket;
pub use wire::{Server, Wire};
