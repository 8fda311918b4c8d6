//! Pure. Where the page of `govern serve` is: the `[serve]` table.

use core::net::SocketAddr;

use http::Uri;

/// All of `[serve]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// The address and the port that it listens on, where the command line names none.
    pub listen: Option<SocketAddr>,
    /// Where others reach it: the address of a proxy with TLS before it.
    pub url: Option<Uri>,
}
