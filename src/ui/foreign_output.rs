//! A watch over govern's own terminal: whether others have written to it.

use std::io::{self, stderr, stdin, stdout};
use std::os::fd::{AsFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::{read, ttyname};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Tells of whatever is written to a terminal by those who have it open, such as the agent. What goes there by the name
/// `/dev/tty`, as govern's own questions do, is not told, nor what is typed.
#[derive(Debug)]
pub(super) struct ForeignOutput {
    watch: AsyncFd<OwnedFd>,
}

impl ForeignOutput {
    /// Of the terminal behind one of govern's own streams; `None` where none is one, or the system gives no watch.
    pub(super) fn to_own_terminal() -> Option<Self> {
        let name = ttyname(stderr()).or_else(|_| ttyname(stdout())).or_else(|_| ttyname(stdin())).ok()?;
        Self::to(&name).ok()
    }

    fn to<P: NixPath + ?Sized>(terminal: &P) -> io::Result<Self> {
        let watch = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        watch.add_watch(terminal, AddWatchFlags::IN_MODIFY)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may change their descriptor; OwnedFd does not"
        )]
        let watch = AsyncFd::with_interest(OwnedFd::from(watch), Interest::READABLE)?;
        Ok(Self { watch })
    }

    /// Something was written since the last time. Never returns where that can no longer be told.
    pub(super) async fn more(&self) {
        let told = self.watch.async_io(Interest::READABLE, |watch| Ok(drain(watch)?)).await;
        if told.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What was written until now is known.
    pub(super) fn forget(&self) {
        let _nothing_new = drain(self.watch.get_ref());
    }
}

/// Reads all that the watch has to tell; `EAGAIN` if that is nothing.
fn drain(watch: &OwnedFd) -> Result<(), Errno> {
    let mut events = [0_u8; 4_096];
    read(watch.as_fd(), &mut events)?;
    loop {
        match read(watch.as_fd(), &mut events) {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::pty::openpty;
    use nix::unistd::write;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_line_of_the_agents_is_told_once_and_what_is_typed_is_not() {
        let pair = openpty(None, None).unwrap();
        let written = ForeignOutput::to(&ttyname(&pair.slave).unwrap()).unwrap();
        write(&pair.master, b"typed\n").unwrap();
        let soon = Duration::from_millis(50);
        assert!(timeout(soon, written.more()).await.is_err(), "typing is nothing that was written");
        write(&pair.slave, b"a line\n").unwrap();
        written.more().await;
        assert!(timeout(soon, written.more()).await.is_err(), "it was told already");
        write(&pair.slave, b"one more\n").unwrap();
        written.forget();
        assert!(timeout(soon, written.more()).await.is_err(), "it is known already");
    }
}
