//! Owns the session files: where they are, when they change, whether they can grow, and their bytes as whole lines.

pub mod cursor;
pub mod fingerprint;
pub mod held;
pub mod locate;
pub mod login;
pub mod plan;
pub mod session;
pub mod settings;
pub mod space;
pub mod watch;

pub use cursor::{Cursor, Progress};
pub use fingerprint::Fingerprint;
pub use held::{Alteration, Held, Whereabouts};
pub use watch::{Notice, WatchError, Watcher};
