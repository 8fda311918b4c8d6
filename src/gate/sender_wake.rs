//! The bell of the sender of notices: a byte wakes it, and nobody waits for it.

use std::io;
use std::os::unix::net::UnixDatagram as StdDatagram;
use std::path::Path;

use tokio::net::UnixDatagram;

use super::socket::with_short_path;

/// The bell within the folder of sockets.
const NAME: &str = "serve.bell";

/// What is rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// The outbox has news.
    News,
    /// Another sender wants the place.
    Leave,
}

impl Ring {
    fn byte(self) -> u8 {
        match self {
            Self::News => b'n',
            Self::Leave => b'l',
        }
    }
}

/// Rings once. It never waits: whoever has heard enough hears nothing new.
///
/// # Errors
///
/// Nobody listens.
pub fn ring(folder: &Path, what: Ring) -> io::Result<()> {
    let bell = StdDatagram::unbound()?;
    bell.set_nonblocking(true)?;
    match with_short_path(&folder.join(NAME), |short| bell.send_to(&[what.byte()], short)) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The sender's end.
#[derive(Debug)]
pub struct Bell(UnixDatagram);

impl Bell {
    /// Hangs it up, in place of a dead sender's. To be called by the one that has the place, within a runtime.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn listen(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        with_short_path(&path, |short| UnixDatagram::bind(short)).map(Self)
    }

    /// The next ring.
    pub async fn next(&self) -> Ring {
        let mut byte = [0; 1];
        match self.0.recv(&mut byte).await {
            Ok(1) if byte == [Ring::Leave.byte()] => Ring::Leave,
            Ok(_) | Err(_) => Ring::News,
        }
    }
}
