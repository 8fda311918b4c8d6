//! Who speaks over a socket, as the kernel told it when the connection was accepted.

use super::ProcessIdentity;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User.
    pub uid: u32,
    /// Process; `None` where the kernel does not say which, or it had ended before it was asked for.
    pub caller: Option<Caller>,
}

impl Peer {
    /// The number of the process.
    pub fn pid(&self) -> Option<i32> {
        self.caller.as_ref().and_then(Caller::identity).map(|identity| identity.pid)
    }
}

/// A process that has connected. Its number may be another's by the time it is asked about, so what it was is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Itself and those above it, the nearest first, as far as they can be seen.
    pub lineage: Vec<ProcessIdentity>,
    /// That this process, and no later one of its number, holds the other end is certain.
    pub proven: bool,
    /// An agent had started it: a guard was above it, or an agent's mark was in its environment or of one above it. So it
    /// counts where those above it cannot all be seen.
    pub governed: bool,
}

impl Caller {
    /// The process itself.
    pub fn identity(&self) -> Option<ProcessIdentity> {
        self.lineage.first().copied()
    }

    /// It is, or descends from, the process of this number.
    pub fn descends_from(&self, pid: i32) -> bool {
        self.lineage.iter().any(|above| above.pid == pid)
    }
}

/// Who is at the other end of a connection of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// A process of this user, which no agent started: that is certain.
    Own,
    /// An agent has started it.
    Agent,
    /// A process of this user that cannot be seen whole: an agent may have started it.
    Hidden,
    /// A process of this machine that is another user's, or gone.
    Unknown,
    /// A process of the user whose proxy is asked to say who comes, which no agent started; over a socket alone.
    Proxy,
    /// Another machine.
    Elsewhere,
}
