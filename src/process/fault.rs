//! Owns what is said where a file that govern has mapped is cut under it.
//!
//! SQLite keeps the index of its write-ahead log in a file that all who have the ledger open map into memory, `-shm`.
//! (It needs none where one process has the ledger for itself: <https://www.sqlite.org/wal.html>, "Use of WAL Without
//! Shared-Memory". Hooks, other runs and answers write into it as well.) Whoever may write to that file may cut it, and the
//! next look at what was cut off is SIGBUS, by which a process ends without a word.

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::exit::Exit;

/// What stands on stderr then.
const CUT: &[u8] = b"error: a file of the ledger (`ledger.db-shm`) was cut while govern used it
hint: nothing but govern may write into its folder; `govern audit verify` says whether the ledger is whole\n";

/// Has this process say so and end with [`Exit::Failed`], whatever it was about to do: a guard then ends the agents, and
/// the shell that called a hook does what is safe. What it executes is not concerned.
pub fn fail_where_files_are_cut() {
    let flags = SaFlags::SA_RESETHAND;
    let action = SigAction::new(SigHandler::Handler(fail), flags, SigSet::empty());
    #[expect(unsafe_code, reason = "a fault can be told of by a signal handler only")]
    // SAFETY: the handler calls nothing but `write` and `_exit`, which may be called in one.
    let _as_before = unsafe { sigaction(Signal::SIGBUS, &action) };
}

extern "C" fn fail(_: c_int) {
    #[expect(unsafe_code, reason = "in a signal handler nothing else may be called")]
    // SAFETY: the bytes live for as long as the program; `_exit` ends it at once.
    unsafe {
        nix::libc::write(2, CUT.as_ptr().cast(), CUT.len());
        nix::libc::_exit(c_int::from(Exit::Failed.code()));
    }
}
