//! What messages are told apart by, within a run.

/// A call of a hook, numbered within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookId(pub u64);

/// One question to a governor model, numbered within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsultId(pub u64);

/// One try to reserve elsewhere what a request is likely to take, numbered within a run. Where it comes to nothing and the
/// request asks once more, that is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);
