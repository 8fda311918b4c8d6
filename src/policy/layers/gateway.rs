//! Whether runs have a gateway, and where it leads, as all layers say it.

use crate::policy::check::{Draft, GatewayDraft};
use crate::policy::gateway::GatewayRule;

use super::Join;

/// The outermost file that says a key says what it is.
pub(super) fn gateway(join: &mut Join<'_>, drafts: &mut [Draft]) -> GatewayRule {
    let mut said: Vec<Option<GatewayDraft>> = drafts.iter_mut().map(|draft| draft.gateway.take()).collect();
    let on = said.iter_mut().map(|draft| draft.as_mut()?.on.take()).collect();
    let on = join.outermost("gateway.mode", on).unwrap_or_default();
    let upstream = said.iter_mut().map(|draft| draft.as_mut()?.upstream.take()).collect();
    GatewayRule { on, upstream: join.outermost("gateway.upstream", upstream) }
}
