//! Whether runs have a gateway, and where it leads: the `[gateway]` table.

use http::Uri;

/// All of `[gateway]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayRule {
    /// Every run has one, and not only one that is started with `--gateway`.
    pub on: bool,
    /// The server that is meant; `None`: the one that the environment names.
    pub upstream: Option<Uri>,
}
