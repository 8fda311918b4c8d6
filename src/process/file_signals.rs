//! What faults of files come to: a file that govern has mapped is cut under it, or one may grow no further.
//!
//! SQLite keeps the index of its write-ahead log in a file that all who have the ledger open map into memory, `-shm`.
//! (It needs none where one process has the ledger for itself: <https://www.sqlite.org/wal.html>, "Use of WAL Without
//! Shared-Memory". Hooks, other runs and answers write into it as well.) Whoever may write to that file may cut it, and the
//! next look at what was cut off is SIGBUS, by which a process ends without a word.

use std::sync::atomic::{AtomicBool, Ordering};

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

/// SIGXFSZ was not ignored when govern was started.
static WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// Where a limit on the size of files (`ulimit -f`) keeps govern from writing, the write fails, as on a full disk, and that
/// is told: SIGXFSZ would end it without a word.
pub fn be_told_of_file_limits() {
    let flags = SaFlags::empty();
    let action = SigAction::new(SigHandler::SigIgn, flags, SigSet::empty());
    #[expect(unsafe_code, reason = "how a signal is taken is changed in no other way")]
    // SAFETY: ignoring a signal runs no code of this program's.
    let before = unsafe { sigaction(Signal::SIGXFSZ, &action) };
    let was_default = before.is_ok_and(|before| matches!(before.handler(), SigHandler::SigDfl));
    WAS_DEFAULT.store(was_default, Ordering::Relaxed);
}

/// An agent takes SIGXFSZ as if govern were not there. For a child between fork and exec: one system call, no allocation.
pub(super) fn restore_file_limits() -> nix::Result<()> {
    if !WAS_DEFAULT.load(Ordering::Relaxed) {
        return Ok(());
    }
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    #[expect(unsafe_code, reason = "how a signal is taken is changed in no other way")]
    // SAFETY: the default runs no code of this program's; `sigaction` may be called between fork and exec.
    unsafe { sigaction(Signal::SIGXFSZ, &action) }.map(drop)
}

extern "C" fn fail(_: c_int) {
    #[expect(unsafe_code, reason = "in a signal handler nothing else may be called")]
    // SAFETY: the bytes live for as long as the program; `_exit` ends it at once.
    unsafe {
        nix::libc::write(2, CUT.as_ptr().cast(), CUT.len());
        nix::libc::_exit(c_int::from(Exit::Failed.code()));
    }
}
