//! The full screen of `govern top`: what is on it, what keys do, and the terminal that it is on.

mod ask;
mod draw;
mod keys;
mod lines;
mod screen;
mod state;

#[cfg(test)]
mod tests;

pub use ask::{Ask, Key, TypedAnswer};
pub use draw::once;
pub use screen::{Screen, TerminalInput};
pub use state::Top;
