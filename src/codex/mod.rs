//! Codex's own command line, as data: what it will do, how the same work goes on with another model, and what of
//! it may be written down.
//!
//! Learnt from `--help` and from runs of 0.118, 0.135 and 0.169 against a fake server. Options mean the same wherever
//! they stand; where they *may* stand differs, which is why [`Invocation`] keeps each at its level.

pub mod account;
pub mod consult;
mod defaults;
mod entropy;
mod hooks;
pub mod installed;
mod invocation;
mod launcher;
pub mod listed;
pub mod listing;
mod options;
mod redact;
mod resume;
mod secrets;
mod setting;
mod start;
mod tokens;

pub use self::defaults::{Defaults, Layers, keeps_threads_in_memory, key_variable};
pub use self::hooks::{Failing, HookEvent, HookTarget, NoHooks};
pub use self::invocation::{AskedModel, EarlierSession, Invocation, Kind, Prompt, Start, StdinUse, Ungovernable};
pub use self::redact::{is_whole, redacted};
pub use self::resume::CannotResume;
pub use self::secrets::{REDACTED, redact};
pub use self::start::{CannotStartOn, at_address, base_url, on_model};

#[cfg(test)]
mod tests;
