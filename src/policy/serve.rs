//! Where the page of `govern serve` is, and whom it takes an identity from: the `[serve]` table.

use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use http::Uri;
use http::header::HeaderName;

/// What the place of a socket begins with.
const SOCKET: &str = "unix:";

/// The longest path of a socket, in bytes, that the kernel takes.
const LONGEST: usize = 107;

/// All of `[serve]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// Where it listens, unless the command line says otherwise.
    pub listen: Option<ListenAt>,
    /// Where others reach it: the address of a proxy with TLS before it.
    pub url: Option<Uri>,
    /// The proxy that says who asks.
    pub trust: Option<Trust>,
}

/// Where a page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAt {
    /// An address and a port.
    Address(SocketAddr),
    /// A socket in the file system, for a reverse proxy of this machine.
    Socket(PathBuf),
}

/// Why a text is no place for a page. It completes "`TEXT` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Neither an address nor a socket.
    #[error("is no address with a port")]
    Address,
    /// A socket without a whole path.
    #[error("names no socket by its whole path")]
    Relative,
    /// The kernel takes no such path.
    #[error("is longer than the {LONGEST} bytes that the path of a socket may have")]
    Long,
}

impl FromStr for ListenAt {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let Some(path) = text.strip_prefix(SOCKET) else {
            return text.parse().map(Self::Address).map_err(|_| ListenError::Address);
        };
        match Path::new(path) {
            path if !path.is_absolute() || path.file_name().is_none() => Err(ListenError::Relative),
            path if path.as_os_str().len() > LONGEST => Err(ListenError::Long),
            path => Ok(Self::Socket(path.to_owned())),
        }
    }
}

impl fmt::Display for ListenAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => write!(f, "{SOCKET}{}", path.display()),
        }
    }
}

/// `trust_header` and `proxy_user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The header in which the proxy says who has logged in there.
    pub header: HeaderName,
    /// The login, or the number, of the user that the proxy runs as.
    pub proxy_user: String,
}
