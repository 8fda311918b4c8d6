//! Who started this run: answers and lifts are judged by it.

use crate::model::Identity;
use crate::process;

/// The login that this process, and so each agent of its run, runs under.
pub(crate) fn own_login() -> String {
    let uid = process::own_uid();
    process::user_name(uid).unwrap_or_else(|| uid.to_string())
}

/// Who started what is answered for: whoever has the account.
pub(crate) fn started_by() -> Identity {
    Identity::Login(own_login())
}
