//! What a response is known by, so that it counts once however often its file tells of it.

use std::collections::{HashMap, HashSet};

use crate::model::{ResponseKey, Tokens};

/// The responses that a file has told of.
#[derive(Clone, Debug)]
pub(super) struct Identities {
    /// Which of its thread's files it is, but for the first.
    page: Option<String>,
    /// The thread's running totals at the responses of each id.
    responses: HashMap<Option<String>, HashSet<Option<Tokens>>>,
    /// The keys that name a place in the file. After a rewind another response may stand there.
    places: HashSet<String>,
    /// What the file had shown before it was read from its beginning once more.
    before: Option<HashSet<Tokens>>,
}

impl Identities {
    pub(super) fn new(page: Option<String>) -> Self {
        Self { page, responses: HashMap::new(), places: HashSet::new(), before: None }
    }

    pub(super) fn page(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// The file is read from its beginning once more, after it has shown these totals.
    pub(super) fn rewind(&mut self, totals: impl Iterator<Item = Tokens>) {
        self.before.get_or_insert_default().extend(totals);
    }

    /// The file is being read for a second time, or was.
    pub(super) fn is_rewound(&self) -> bool {
        self.before.is_some()
    }

    /// This running total was shown before the rewind.
    pub(super) fn was_shown(&self, total: &Tokens) -> bool {
        self.before.as_ref().is_some_and(|before| before.contains(total))
    }

    /// What a usage record's response is known by; none if it was told of before. `last_total` is the running total of
    /// the last count.
    pub(super) fn of_record(
        &mut self,
        position: u64,
        id: Option<&String>,
        thread_total: Option<Tokens>,
        last_total: Option<Tokens>,
    ) -> Option<ResponseKey> {
        // A count comes after its response: where nothing names one, it proves no repetition.
        let total = thread_total.or_else(|| id.and(last_total));
        let before = self.responses.entry(id.cloned()).or_default();
        let is_first = before.is_empty();
        let is_new = before.insert(total);
        if self.is_rewound() && thread_total.is_none() && !is_first {
            return None;
        }
        match id {
            Some(id) if is_first => Some(ResponseKey::new(id)),
            Some(id) => is_new.then(|| self.of_place(id, position)),
            None => (is_new || total.is_none()).then(|| self.of_place("", position)),
        }
    }

    /// A key by the place in the thread's files.
    pub(super) fn of_place(&mut self, id: &str, position: u64) -> ResponseKey {
        let place = match &self.page {
            None => format!("{id}@{position}"),
            Some(page) => format!("{id}@{page}:{position}"),
        };
        let mut key = place.clone();
        let mut nth = 1_u32;
        // A line that is gone stood there, and its response counts as well.
        while !self.places.insert(key.clone()) {
            nth = nth.saturating_add(1);
            key = format!("{place}~{nth}");
        }
        ResponseKey::new(key)
    }
}
