//! What the tests of the whole binary stand on: the real Codex, a server for it to talk to, and a small world of its own.

pub mod chromium;
pub mod codex;
pub mod fake_openai;
pub mod fake_responses;
pub mod fake_slack;
pub mod ledger;
pub mod process;
pub mod python;
pub mod skip;
pub mod tmux;
pub mod world;
