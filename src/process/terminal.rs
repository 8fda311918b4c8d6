//! The terminal's state: remembers it, and puts it back after a TUI was ended by force.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::{_POSIX_VDISABLE as DISABLED, winsize as Winsize};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// Leaves the alternate screen, mouse and focus reporting, bracketed paste, the keyboard protocols
/// (kitty's and xterm's), and shows the cursor: all that Codex's TUI turns on.
const LEAVE: &[u8] = b"\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?1007l\x1b[<u\x1b[>4;0m\x1b[?25h";

/// Nothing but typed lines is to come in while the screen is lent: no focus reports, no keys as escape sequences (the
/// kitty protocol's stack is pushed). Then an empty screen with a cursor.
const LEND: &[u8] = b"\x1b[?1004l\x1b[>0u\x1b[>4;0m\x1b[?2004l\x1b[r\x1b[0m\x1b[2J\x1b[H\x1b[?25h";

/// What Codex's TUI has turned on, again.
const GIVE_BACK: &[u8] = b"\x1b[2J\x1b[H\x1b[<u\x1b[?1004h\x1b[?2004h";

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

    /// The same terminal, to be held by somebody else.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self { tty: self.tty.try_clone().ok()?, found: self.found.clone() })
    }

    /// Takes the screen from a full-screen program that stands still, so that a question can be put there in lines;
    /// `None` in the background. Ctrl-Z does nothing meanwhile: the program could not leave its screen to the shell.
    pub fn lend(&self) -> Option<Lent> {
        if !self.is_ours() {
            return None;
        }
        let program = tcgetattr(&self.tty).ok()?;
        let mut lines = self.found.clone();
        if let Some(suspend) = lines.control_chars.get_mut(SpecialCharacterIndices::VSUSP as usize) {
            *suspend = DISABLED;
        }
        without_ttou(|| tcsetattr(&self.tty, SetArg::TCSANOW, &lines)).ok()?;
        self.write(LEND);
        Some(Lent { program })
    }

    /// Gives it back before the program goes on, and has it draw everything anew: a program draws what changed, and
    /// all of it only in a window of another size. So the window is a line shorter until the result is dropped.
    pub fn give_back(&self, lent: &Lent) -> Option<Shorter> {
        if !self.is_ours() {
            return None;
        }
        let _ = without_ttou(|| tcsetattr(&self.tty, SetArg::TCSANOW, &lent.program));
        self.write(GIVE_BACK);
        let tty = self.tty.try_clone().ok()?;
        let size = window_size(&tty)?;
        let shorter = Winsize { ws_row: size.ws_row.saturating_sub(1).max(1), ..size };
        set_window_size(&tty, &shorter);
        Some(Shorter { tty, size, shorter })
    }

    fn write(&self, bytes: &[u8]) {
        // A terminal that went away shows nothing.
        let _ = without_ttou(|| self.tty.try_clone().map(std::fs::File::from).and_then(|mut tty| tty.write_all(bytes)));
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
            self.write(LEAVE);
        }
    }
}

/// A full-screen program's modes, while govern has its screen.
#[derive(Debug)]
pub struct Lent {
    program: Termios,
}

/// A window that says it is a line shorter than it is.
#[derive(Debug)]
pub struct Shorter {
    tty: OwnedFd,
    size: Winsize,
    shorter: Winsize,
}

impl Drop for Shorter {
    fn drop(&mut self) {
        // Somebody may have given it another size meanwhile.
        if window_size(&self.tty) == Some(self.shorter) {
            set_window_size(&self.tty, &self.size);
        }
    }
}

/// How many lines the terminal behind standard error, or else output, has; `None` where there is none.
pub fn window_lines() -> Option<usize> {
    let of = |tty: std::io::Result<OwnedFd>| window_size(&tty.ok()?).map(|size| usize::from(size.ws_row));
    let found = of(std::io::stderr().as_fd().try_clone_to_owned());
    found.or_else(|| of(std::io::stdout().as_fd().try_clone_to_owned())).filter(|lines| *lines > 0)
}

fn window_size(tty: &OwnedFd) -> Option<Winsize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    #[expect(unsafe_code, reason = "there is no safe call for a window's size")]
    // SAFETY: the descriptor is open, and the kernel writes one `winsize` to where one is.
    let asked = unsafe { nix::libc::ioctl(tty.as_raw_fd(), nix::libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0).then_some(size)
}

fn set_window_size(tty: &OwnedFd, size: &Winsize) {
    #[expect(unsafe_code, reason = "there is no safe call for a window's size")]
    // SAFETY: the descriptor is open, and the kernel reads one `winsize`.
    let _ = without_ttou(|| unsafe { nix::libc::ioctl(tty.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const *size) });
}

/// A background process that sets or writes to its terminal would be stopped.
pub(super) fn without_ttou<T>(act: impl FnOnce() -> T) -> T {
    let mut ttou = SigSet::empty();
    ttou.add(Signal::SIGTTOU);
    let before = ttou.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    let done = act();
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    done
}
