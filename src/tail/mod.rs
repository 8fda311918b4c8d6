//! The session files: where they are, when they change, whether they can grow, and their bytes as whole lines.

pub mod cursor;
pub mod fingerprint;
pub mod free_space;
pub mod locate;
pub mod login;
pub mod open_file;
pub mod plan_limits;
pub mod session;
pub mod settings;
pub mod watch;

pub use cursor::{Cursor, Progress};
pub use fingerprint::Fingerprint;
pub use open_file::{Alteration, Held, Whereabouts};
pub use watch::{Notice, WatchError, Watcher};
