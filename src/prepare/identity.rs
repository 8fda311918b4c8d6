//! Who runs govern: the user of this process.

use crate::model::{Answerer, Door, Identity};
use crate::process;

/// Who runs govern, by login name.
pub(crate) fn whoami() -> String {
    process::user_name(process::own_uid()).unwrap_or_else(|| "somebody".to_owned())
}

/// The same, as one who answers at a terminal.
pub(crate) fn at_terminal() -> Answerer {
    Answerer::login(whoami(), Door::Cli)
}

/// Whose the runs of this account are.
pub(crate) fn starter() -> Identity {
    Identity::Login(whoami())
}
