//! How far what others write has been read, and what of it is this connection's own.

use rusqlite::Connection;

use super::LedgerError;

/// How far news has been read, and which later rows are this connection's own.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The extension that was the last when this began.
    first_extension: i64,
    /// And the answer.
    first_revision: i64,
    /// And the link of the ledger's own chain.
    first_link: i64,
    usage: i64,
    extensions: i64,
    revisions: i64,
    own_usage: Ids,
    own_extensions: Ids,
    own_revisions: Ids,
    /// Links of others that a person has told this process of.
    told_links: Vec<i64>,
}

/// Rising numbers, as the ranges they form: an importer that writes a hundred thousand rows between two readings
/// keeps one.
#[derive(Clone, Debug, Default)]
struct Ids(Vec<(i64, i64)>);

impl Ids {
    fn insert(&mut self, id: i64) {
        match self.0.last_mut() {
            Some((_, last)) if last.saturating_add(1) == id => *last = id,
            _ => self.0.push((id, id)),
        }
    }

    fn contains(&self, id: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= id);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| id <= *last)
    }
}

impl Watch {
    pub(super) fn now(conn: &Connection) -> Result<Self, LedgerError> {
        let (usage, extensions, revisions, first_link) = conn
            .prepare_cached(
                "SELECT (SELECT coalesce(max(id), 0) FROM usage), (SELECT coalesce(max(id), 0) FROM extensions),
                        (SELECT coalesce(max(revision), 0) FROM approvals), (SELECT coalesce(max(n), 0) FROM links)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let (own_usage, own_extensions, own_revisions) = Default::default();
        let (first_extension, first_revision) = (extensions, revisions);
        Ok(Self {
            first_extension,
            first_revision,
            first_link,
            usage,
            extensions,
            revisions,
            own_usage,
            own_extensions,
            own_revisions,
            told_links: Vec::new(),
        })
    }

    /// The next one, which knows what this one wrote.
    pub(super) fn after(self, now: Self) -> Self {
        let Self { first_extension, first_revision, first_link, own_extensions, own_revisions, told_links, .. } = self;
        Self { first_extension, first_revision, first_link, own_extensions, own_revisions, told_links, ..now }
    }

    /// This connection wrote the extension, or it was there when it began.
    pub(super) fn wrote_extension(&self, id: i64) -> bool {
        id <= self.first_extension || self.own_extensions.contains(id)
    }

    /// The same of an answer, by its revision.
    pub(super) fn wrote_revision(&self, revision: i64) -> bool {
        revision <= self.first_revision || self.is_own_revision(revision)
    }

    /// The link was there when this began, or a person has told this process of it.
    pub(super) fn believes_link(&self, n: i64) -> bool {
        n <= self.first_link || self.told_links.contains(&n)
    }

    /// A person has told this process of a link.
    pub(super) fn told_link(&mut self, n: i64) {
        self.told_links.push(n);
    }

    /// This connection wrote what became of a question.
    pub(super) fn is_own_revision(&self, revision: i64) -> bool {
        self.own_revisions.contains(revision)
    }

    /// The last response that was read.
    pub(super) fn usage(&self) -> i64 {
        self.usage
    }

    /// The last extension.
    pub(super) fn extensions(&self) -> i64 {
        self.extensions
    }

    /// The last revision of a question.
    pub(super) fn revisions(&self) -> i64 {
        self.revisions
    }

    /// This connection wrote the response.
    pub(super) fn is_own_usage(&self, id: i64) -> bool {
        self.own_usage.contains(id)
    }

    /// This connection wrote the extension.
    pub(super) fn is_own_extension(&self, id: i64) -> bool {
        self.own_extensions.contains(id)
    }

    pub(super) fn own_usage(&mut self, id: i64) {
        self.own_usage.insert(id);
    }

    pub(super) fn own_extension(&mut self, id: i64) {
        self.own_extensions.insert(id);
    }

    pub(super) fn own_revision(&mut self, revision: i64) {
        self.own_revisions.insert(revision);
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn rising_numbers_are_kept_as_ranges() {
        let mut ids = Ids::default();
        for id in [3, 4, 5, 9, 12, 13] {
            ids.insert(id);
        }
        assert_eq!(ids.0, [(3, 5), (9, 9), (12, 13)]);
        let held: Vec<i64> = (0..20).filter(|id| ids.contains(*id)).collect();
        assert_eq!(held, [3, 4, 5, 9, 12, 13]);
    }
}
