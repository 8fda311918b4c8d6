//! One line of a session file becomes one record.
//!
//! Codex promises no format, so nothing here is strict: unknown kinds are [`RecordKind::Other`],
//! unknown fields are passed over, a field of an unexpected type counts as absent. What is
//! refused is said to be: a line that is no JSON, and a spend record without its numbers.

pub mod action;
mod fast_path;
mod limits;
pub mod name;
mod read;
pub mod record;
mod skim;
mod tool_end;
pub mod turn_activity;
mod wire;

pub use action::{Deed, DeedKind, Outcome};
pub use limits::Limits;
pub use name::SessionName;
pub use read::{after_torn, broke_off, read, read_for_accounting};
pub use record::{HistoryBase, Meta, Record, RecordKind, Refused, TierSetting};
pub use tool_end::{RanTool, ran};
pub use turn_activity::{ActKind, Change, TurnAct, act, patched};
