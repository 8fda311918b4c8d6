//! Owns the listener: what a browser or a scraper asks over HTTP.

pub mod host;
pub mod listener;

pub use listener::{Answer, Asked, serve};
