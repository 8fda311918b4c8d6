//! Owns the terminal's state: remembers it, and puts it back after a TUI was ended by force.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// Leaves the alternate screen, mouse and focus reporting, bracketed paste, the keyboard protocols
/// (kitty's and xterm's), and shows the cursor: all that Codex's TUI turns on.
const LEAVE: &[u8] = b"\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?1007l\x1b[<u\x1b[>4;0m\x1b[?25h";

/// The terminal as govern found it.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
    found: Termios,
}

impl Terminal {
    /// Remembers the controlling terminal's state, if stdin, stdout or stderr is a terminal.
    pub fn save() -> Option<Self> {
        let shown =
            std::io::stdin().is_terminal() || std::io::stdout().is_terminal() || std::io::stderr().is_terminal();
        if !shown {
            return None;
        }
        let flags = nix::libc::O_NOCTTY | nix::libc::O_CLOEXEC;
        let tty: OwnedFd = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?.into();
        let found = tcgetattr(&tty).ok()?;
        Some(Self { tty, found })
    }

    /// Somebody has changed it since, as a TUI does.
    pub fn is_changed(&self) -> bool {
        tcgetattr(&self.tty).is_ok_and(|now| now != self.found)
    }

    /// govern's process group has the terminal (it was not sent to the background).
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|group| group == getpgrp())
    }

    /// Puts it back, once what had it is gone. `full_screen` says that a TUI is known to have had the
    /// screen; else that is told by the state: a plain command has not changed it, and
    /// leaving an alternate screen that was never entered would move the cursor. In the background it is the
    /// shell's, and only the screen is left.
    pub fn restore(&self, full_screen: bool) {
        let ours = self.is_ours();
        let changed = ours && self.is_changed();
        if changed {
            // Output that is still on its way is not waited for: nobody may be reading it.
            let _ = without_ttou(|| tcsetattr(&self.tty, SetArg::TCSANOW, &self.found));
        }
        if changed || full_screen {
            let _ =
                without_ttou(|| self.tty.try_clone().map(std::fs::File::from).and_then(|mut tty| tty.write_all(LEAVE)));
        }
    }
}

/// A background process that sets or writes to its terminal would be stopped.
fn without_ttou<T>(act: impl FnOnce() -> T) -> T {
    let mut ttou = SigSet::empty();
    ttou.add(Signal::SIGTTOU);
    let before = ttou.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    let done = act();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    done
}
