//! Two sources tell of a thread's responses, and each response counts once.
//!
//! One source is the thread's session file, read by the [`super::meter`]. The other is Codex itself: after each request
//! it calls a hook, `PostModelRequest`, with what the request used (seen with 0.166 to 0.171; undocumented). Threads
//! without a session file have the second source alone. Whichever tells of a response first, counts; what the other
//! says of it is only compared.
//!
//! 0.171 names the response in both, so that a response is known by its id. 0.169 names none in the hook: there the
//! order within the thread pairs them. A request is answered before the next one is asked for, so that only what was
//! recorded since [`Pairing::asks`] can be what a hook tells of. 0.169 records a response before it calls the hook,
//! 0.171 after all of these hooks have ended. A compaction is recorded by both and told by 0.171 alone, so that a record
//! that no hook tells of is no difference.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::model::{ResponseKey, ThreadId, Tokens};

/// How many of a thread's last attempts are remembered, to know one that is told twice.
const ATTEMPTS: usize = 8;

/// How many records are remembered that no hook has told of.
const RECORDS: usize = 16;

/// The beginning of the key of a response that no session file will tell of.
const WITHOUT_FILE: &str = "hook-only@";

/// One try of a request, as 0.171 names it: a retry keeps the request's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The request.
    pub request: String,
    /// Which try, from 1.
    pub number: u32,
}

/// What Codex tells a hook after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Which try of which request; `None` from 0.169.
    pub attempt: Option<Attempt>,
    /// The provider's id of the response; `None` from 0.169, and where the request failed.
    pub response: Option<String>,
    /// The turn that asked.
    pub turn: Option<String>,
    /// It was not answered to the end.
    pub failed: bool,
    /// And its answer broke off: it was perhaps served, and nobody says what it used.
    pub cut_off: bool,
    /// What it used, where that is said.
    pub tokens: Option<Tokens>,
    /// The thread has a session file, which tells of it as well.
    pub has_file: bool,
}

/// A response and what it used, as one source tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct One {
    /// Its identity within the thread.
    pub key: ResponseKey,
    /// What it used.
    pub tokens: Tokens,
}

/// The sources do not agree about a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The response, by the key that it counts under.
    pub key: ResponseKey,
    /// What the session file says.
    pub record: Tokens,
    /// What the hook says.
    pub hook: Tokens,
}

/// What a telling comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paired {
    /// A response that counts under this key.
    New(ResponseKey),
    /// One that its record has told of; with the difference, if there is one.
    Known(Option<Difference>),
    /// No response: the request failed.
    Failed,
    /// A response, and not what it used: its provider sent no usage, and its session file has no record of it.
    Unsaid,
    /// The same telling once more.
    Again,
}

/// What a record comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A response that counts.
    New,
    /// One that a hook has told of.
    Known {
        /// The key that it counts under.
        told: ResponseKey,
        /// Where the two do not agree.
        difference: Option<Difference>,
    },
    /// The same record once more: its file was read again.
    Again,
}

/// What the two sources have told of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Told by hooks, and not recorded yet.
    told: VecDeque<One>,
    /// Those of them that were told before the last request.
    #[serde(default)]
    due: Vec<ResponseKey>,
    /// And those whose records are waited for no longer: they may come still, and count nothing.
    #[serde(default)]
    missed: Vec<ResponseKey>,
    /// A record was said to be missing.
    #[serde(default)]
    lacks: bool,
    /// The turn of the last request.
    #[serde(default)]
    turn: Option<String>,
    /// Something was told or recorded since.
    #[serde(default)]
    moved: bool,
    /// How many records were taken for those of responses whose records were waited for no longer, and may have been
    /// those of what is told next.
    #[serde(default)]
    taken: u32,
    /// Recorded since the last request, and not told.
    recorded: VecDeque<One>,
    attempts: VecDeque<Attempt>,
    /// The response that a hook named last.
    named: Option<String>,
    /// A telling without an attempt came since the last request.
    heard: bool,
    /// How many responses have a key of this type's making.
    made: u64,
}

impl Pairing {
    /// A request of the thread's `turn` is about to be sent, and its file was read to its end. Gives a response whose
    /// record is missing, and of one thread only the first: Codex writes a record before it asks for the next request,
    /// and this one has none a whole request later. (One request of grace: on a busy machine a record may be on its way
    /// to the file.)
    ///
    /// What another turn was told is not waited for: 0.171 never records a response whose turn is interrupted, or whose
    /// Codex is ended, while other hooks than govern's are told of it.
    pub fn asks(&mut self, turn: Option<&str>) -> Option<One> {
        self.heard = false;
        self.recorded.clear();
        if self.turn.as_deref() != turn {
            self.turn = turn.map(str::to_owned);
            self.forgive();
        }
        // One request may ask twice: before a compaction, and where it waited.
        if !std::mem::take(&mut self.moved) {
            return None;
        }
        let missing = self.missing();
        self.due = self.told.iter().map(|one| one.key.clone()).collect();
        missing
    }

    /// As [`Pairing::asks`] gives it, where no request follows.
    pub fn missing(&mut self) -> Option<One> {
        let Self { told, due, missed, .. } = self;
        missed.retain(|key| told.iter().any(|one| one.key == *key));
        let is_missing = |one: &&One| due.contains(&one.key) && !missed.contains(&one.key);
        let missing = told.iter().find(is_missing).filter(|_| !self.lacks)?;
        self.lacks = true;
        Some(missing.clone())
    }

    /// Another Codex goes on with the thread: what the one before did not record, it does not.
    pub fn taken_over(&mut self) {
        self.forgive();
        self.lacks = false;
    }

    fn forgive(&mut self) {
        self.due.clear();
        self.missed = self.told.iter().map(|one| one.key.clone()).collect();
    }

    /// What comes next is told once, whether or not a request was announced.
    pub fn hears_each(&mut self) {
        self.heard = false;
    }

    /// Takes what a hook tells.
    pub fn tell(&mut self, telling: &Telling) -> Paired {
        if !self.is_first(telling) {
            return Paired::Again;
        }
        self.moved = true;
        let tokens = match telling.tokens {
            _ if telling.failed => return Paired::Failed,
            None => return Paired::Unsaid,
            Some(tokens) => tokens,
        };
        let named = telling.response.as_ref().filter(|id| !id.is_empty());
        // A provider that names all its responses alike names none.
        let named = named.filter(|id| self.named.replace((*id).clone()).as_ref() != Some(*id));
        if telling.has_file
            && let Some(recorded) = self.recorded_as(named.map(String::as_str), &tokens)
        {
            return Paired::Known(differs(&recorded.key, recorded.tokens, tokens));
        }
        let key = match named {
            Some(id) if telling.has_file => ResponseKey::new(id),
            Some(_) | None => self.made_key(telling),
        };
        if telling.has_file {
            self.told.push_back(One { key: key.clone(), tokens });
            // One that was recorded, and could not be paired, may be it.
            if key.is_unnamed() && (!self.recorded.is_empty() || self.taken > 0) {
                self.taken = self.taken.saturating_sub(u32::from(self.recorded.is_empty()));
                self.missed.push(key.clone());
            }
        }
        Paired::New(key)
    }

    /// Takes a response that the session file tells of.
    pub fn record(&mut self, key: &ResponseKey, tokens: &Tokens) -> Recorded {
        self.moved = true;
        let same = |one: &One| one.key == *key;
        // Where the record that names it was cut out, a count may be left that names a place.
        let alike = |one: &One| (one.key.is_unnamed() || key.is_place()) && one.tokens == *tokens;
        let waited = |one: &One| alike(one) && !self.missed.contains(&one.key);
        let mut told = self.told.iter();
        let place =
            told.clone().position(same).or_else(|| told.clone().position(waited)).or_else(|| told.position(alike));
        if let Some(one) = place.and_then(|place| self.told.remove(place)) {
            let by_likeness = one.key != *key && self.missed.contains(&one.key);
            if by_likeness && !self.excuse(key) {
                self.taken = self.taken.saturating_add(1);
            }
            let difference = differs(&one.key, *tokens, one.tokens);
            return Recorded::Known { told: one.key, difference };
        }
        self.excuse(key);
        if self.recorded.len() == RECORDS {
            self.recorded.pop_front();
        }
        self.recorded.push_back(One { key: key.clone(), tokens: *tokens });
        Recorded::New
    }

    /// A record that could not be paired may be that of what was told first all the same: the two sources do not always
    /// agree about the tokens, and not each response has a name. Says whether there was one.
    fn excuse(&mut self, record: &ResponseKey) -> bool {
        let may_be = |one: &&One| (one.key.is_unnamed() || record.is_place()) && !self.missed.contains(&one.key);
        let excused = self.told.iter().find(may_be).map(|one| one.key.clone());
        let any = excused.is_some();
        self.missed.extend(excused);
        any
    }

    /// The responses that hooks have told of and no record has confirmed, oldest first. For a moment that is as it
    /// should be; by the time of the thread's next request Codex has recorded what came before.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &One> {
        self.told.iter()
    }

    fn is_first(&mut self, telling: &Telling) -> bool {
        let Some(attempt) = &telling.attempt else { return !std::mem::replace(&mut self.heard, true) };
        if self.attempts.contains(attempt) {
            return false;
        }
        if self.attempts.len() == ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt.clone());
        true
    }

    /// The record of what is told, and no more than that: those before it are of requests that no hook tells of.
    fn recorded_as(&mut self, named: Option<&str>, tokens: &Tokens) -> Option<One> {
        let place = match named {
            Some(id) => self.recorded.iter().position(|one| one.key.as_str() == id),
            None => self.recorded.iter().position(|one| one.tokens == *tokens).or_else(|| {
                // The only one that it can be.
                let waits = self.told.iter().any(|one| !self.missed.contains(&one.key));
                (self.recorded.len() == 1 && !waits).then_some(0)
            }),
        }?;
        self.recorded.drain(..=place).next_back()
    }

    /// A key for what has no name of its own: never that of a record.
    fn made_key(&mut self, telling: &Telling) -> ResponseKey {
        self.made = self.made.saturating_add(1);
        let kind = if telling.has_file { ResponseKey::UNNAMED } else { WITHOUT_FILE };
        ResponseKey::new(match (&telling.attempt, &telling.turn) {
            (Some(Attempt { request, number }), _) => format!("{kind}{request}:{number}"),
            (None, Some(turn)) => format!("{kind}{turn}:{}", self.made),
            (None, None) => format!("{kind}{}", self.made),
        })
    }
}

fn differs(key: &ResponseKey, record: Tokens, hook: Tokens) -> Option<Difference> {
    (record != hook).then(|| Difference { key: key.clone(), record, hook })
}

/// The pairings of all threads of a run, for one who reads files that may be replaced and read again.
#[derive(Clone, Debug, Default)]
pub struct Pairings {
    threads: HashMap<ThreadId, (Pairing, HashSet<ResponseKey>)>,
}

impl Pairings {
    /// As [`Pairing::asks`].
    pub fn asks(&mut self, thread: &ThreadId, turn: Option<&str>) -> Option<One> {
        self.threads.entry(thread.clone()).or_default().0.asks(turn)
    }

    /// As [`Pairing::missing`], of all threads.
    pub fn all_missing(&mut self) -> Vec<(ThreadId, One)> {
        let each = self.threads.iter_mut();
        each.filter_map(|(thread, (pairing, _))| Some((thread.clone(), pairing.missing()?))).collect()
    }

    /// As [`Pairing::tell`].
    pub fn tell(&mut self, thread: &ThreadId, telling: &Telling) -> Paired {
        self.threads.entry(thread.clone()).or_default().0.tell(telling)
    }

    /// As [`Pairing::record`]; a record that was read before is no news.
    pub fn record(&mut self, thread: &ThreadId, key: &ResponseKey, tokens: &Tokens) -> Recorded {
        let (pairing, seen) = self.threads.entry(thread.clone()).or_default();
        if seen.insert(key.clone()) { pairing.record(key, tokens) } else { Recorded::Again }
    }

    /// As [`Pairing::unconfirmed`].
    pub fn unconfirmed(&self, thread: &ThreadId) -> impl Iterator<Item = &One> {
        self.threads.get(thread).into_iter().flat_map(|(pairing, _)| pairing.unconfirmed())
    }

    /// All of [`Pairings::unconfirmed`], with their threads.
    pub fn all_unconfirmed(&self) -> impl Iterator<Item = (&ThreadId, &One)> {
        self.threads.iter().flat_map(|(thread, (pairing, _))| pairing.unconfirmed().map(move |one| (thread, one)))
    }
}

#[cfg(test)]
mod tests;
