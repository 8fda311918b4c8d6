//! The place where is listened: an address, or a socket in the file system whose file goes with it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::model::Peer;

/// Who is at the other end of a connection over a socket in the file system, as the kernel says it.
pub type WhoSpeaks = fn(BorrowedFd<'_>) -> Option<Peer>;

/// Anybody on this machine may ask there; who it is the kernel says, and nobody is let in for having reached it.
const MODE: u32 = 0o666;

/// What is listened on.
pub enum Listener {
    /// An address.
    Address(TcpListener),
    /// A socket in the file system.
    Socket(UnixListener, WhoSpeaks, File),
}

/// By which way somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over TCP: our end of the connection, and the other one.
    Tcp {
        /// Ours.
        ours: SocketAddr,
        /// Theirs.
        theirs: SocketAddr,
    },
    /// Over a socket in the file system: who is at the other end; `None` where the kernel does not say.
    Socket(Option<Peer>),
}

/// A connection, whichever way it came.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Address(listener)
    }
}

impl Listener {
    /// Listens at this path. What a killed one has left there is taken away; one that lives keeps its place.
    ///
    /// # Errors
    ///
    /// Somebody listens there already, something else lies there, or the folder cannot be written in.
    pub fn at_path(path: &Path, who: WhoSpeaks) -> io::Result<Self> {
        if let Ok(there) = std::fs::symlink_metadata(path) {
            let is_left = there.file_type().is_socket()
                && StdStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
            if !is_left {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let number = std::fs::symlink_metadata(path)?.ino();
        let file = File { path: path.to_owned(), number };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self::Socket(listener, who, file))
    }

    /// The address; none of a socket in the file system.
    pub fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Address(listener) => listener.local_addr().map(Some),
            Self::Socket(..) => Ok(None),
        }
    }

    /// The next connection. Nothing is lost when the wait is given up.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Way)> {
        match self {
            Self::Address(listener) => {
                let (stream, theirs) = listener.accept().await?;
                let ours = stream.local_addr()?;
                Ok((Box::new(stream), Way::Tcp { ours, theirs }))
            }
            Self::Socket(listener, who, _) => {
                let (stream, _) = listener.accept().await?;
                let peer = who(stream.as_fd());
                Ok((Box::new(stream), Way::Socket(peer)))
            }
        }
    }
}

/// The file of a socket, as long as it is this one's.
pub struct File {
    path: PathBuf,
    number: u64,
}

impl Drop for File {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.number) {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(_: BorrowedFd<'_>) -> Option<Peer> {
        None
    }

    #[test]
    fn a_socket_takes_the_place_of_one_that_was_left_and_of_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("page.sock");
        let first = Listener::at_path(&path, nobody).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(Listener::at_path(&path, nobody).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists(), "its file goes with it");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(Listener::at_path(&path, nobody).unwrap());
        std::fs::write(&path, "a file of somebody's").unwrap();
        assert_eq!(Listener::at_path(&path, nobody).err().unwrap().kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
    }
}
