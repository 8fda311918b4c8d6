//! What is known of a live run from its start, and does not change.

use std::path::PathBuf;
use std::time::Instant;

use crate::clock;
use crate::clocks::Clocks;
use crate::codex::Invocation;
use crate::decide::Moment;
use crate::gate::socket;
use crate::model::{AgentName, RunId};
use crate::usage::price::PriceTable;

/// Everybody may read it.
pub(super) struct Run {
    pub(super) id: RunId,
    /// Its agents, as they were named.
    pub(super) order: Vec<AgentName>,
    /// The agent of `govern run`: it sits where govern does, and all that is said is about it.
    pub(super) alone: Option<AgentName>,
    /// The one agent takes the whole screen.
    pub(super) full_screen: bool,
    pub(super) prices: PriceTable,
    /// Where sockets live.
    pub(super) sockets: PathBuf,
    pub(super) clocks: Clocks,
    /// Asks an installed Codex whether it would call hooks before and after each request.
    pub(super) tells: fn(&Invocation) -> bool,
    pub(super) began: Instant,
}

impl Run {
    pub(super) fn moment(&self) -> Moment {
        Moment { wall: clock::now(), uptime: clock::monotonic().saturating_duration_since(self.began) }
    }

    /// Where it is spoken to.
    pub(super) fn socket(&self) -> PathBuf {
        socket::path_of(&self.sockets, &self.id)
    }
}
