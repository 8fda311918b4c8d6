//! Which agents start when: needs first, then what matters more, never more at once than may be.

use std::cmp::Reverse;
use std::num::NonZeroUsize;

use crate::model::{AgentName, Priority};

/// One agent in the order of the fleet's file.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a AgentName,
    /// Those that must have ended well before it starts.
    pub needs: &'a [AgentName],
    /// Among several that could start.
    pub priority: Priority,
    /// How far it is.
    pub stage: Stage,
}

/// How far an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not started, or not started again.
    Waiting,
    /// Not started, and not to be: somebody paused it.
    Paused,
    /// Started, and not over; one that is held counts, since it goes on.
    Working,
    /// It ended well, and somebody is to say yes to its work: it takes no room.
    Reviewed,
    /// It ended well.
    Done,
    /// It ended in any other way.
    Failed,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move<'a> {
    /// This one starts.
    Launch(&'a AgentName),
    /// This one never does: what it needs came to nothing, or is not there.
    Skip(&'a AgentName, &'a AgentName),
}

/// The next move; `None`: nothing starts before something else happens.
pub fn next<'a>(entries: &[Entry<'a>], concurrency: Option<NonZeroUsize>) -> Option<Move<'a>> {
    let of = |name: &AgentName| entries.iter().find(|entry| entry.name == name).map(|entry| entry.stage);
    let not_over = || entries.iter().filter(|entry| matches!(entry.stage, Stage::Waiting | Stage::Paused));
    let failed = not_over().find_map(|entry| {
        let need = entry.needs.iter().find(|need| matches!(of(need), Some(Stage::Failed) | None))?;
        Some(Move::Skip(entry.name, need))
    });
    if failed.is_some() {
        return failed;
    }
    let working = entries.iter().filter(|entry| entry.stage == Stage::Working).count();
    let room = concurrency.is_none_or(|most| working < most.get());
    let open = |entry: &Entry<'a>| entry.needs.iter().find(|need| of(need) != Some(Stage::Done));
    let mut ready = not_over().filter(|entry| open(entry).is_none()).peekable();
    let waits = entries.iter().any(|entry| entry.stage == Stage::Reviewed);
    if working == 0 && !waits && ready.peek().is_none() {
        // They wait for one another.
        return not_over().find_map(|entry| Some(Move::Skip(entry.name, open(entry)?)));
    }
    let ready = ready.filter(|entry| entry.stage == Stage::Waiting && room);
    // Of those that matter as much the first one is taken.
    ready.min_by_key(|entry| Reverse(entry.priority)).map(|entry| Move::Launch(entry.name))
}
