//! What people decided about exceptions: links of the ledger's own chain. The last one about an exception counts.

use std::collections::BTreeMap;

use crate::model::{ExceptionId, ExceptionState, Review};

use super::chain::Link;
use super::hash::Hash;
use super::provenance::follows;
use super::{Ledger, LedgerError, Turn};

/// As its index has it.
const REVIEWS: &str = r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 17) = '{"kind":"reviewed' ORDER BY n"#;

/// The file of a policy that was changed for an exception, and its text from then on.
#[derive(Clone, Copy, Debug)]
pub struct WrittenPolicy<'a> {
    /// Where.
    pub file: &'a str,
    /// All of it.
    pub text: &'a str,
}

/// Remembers what somebody decided about an exception.
///
/// # Errors
///
/// The ledger cannot be written.
pub fn review(
    turn: &mut Turn<'_>,
    exception: &ExceptionId,
    state: ExceptionState,
    (by, reason): (&str, Option<&str>),
    written: Option<WrittenPolicy<'_>>,
) -> Result<(), LedgerError> {
    turn.link(&Link::Reviewed {
        at: turn.now,
        exception: exception.clone(),
        state,
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
        file: written.map(|written| written.file.to_owned()),
        digest: written.map(|written| Hash::of(written.text.as_bytes())),
    })
}

/// The last word about each exception that somebody has decided about.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn reviews(ledger: &Ledger) -> Result<BTreeMap<ExceptionId, Review>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(REVIEWS)?;
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (n, data, hash): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !follows(&ledger.conn, n, &data, hash)? {
            continue;
        }
        let unreadable = |error| LedgerError::unreadable(format!("link {n} of the ledger: {error}"));
        if let Link::Reviewed { at, exception, state, by, reason, .. } =
            serde_json::from_str(&data).map_err(unreadable)?
        {
            found.insert(exception.clone(), Review { exception, state, by, reason, at });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::testing::*;

    #[test]
    fn the_last_decision_about_an_exception_counts() {
        let mut ledger = Ledger::in_memory().unwrap();
        let id = ExceptionId::new("extension-1");
        let decide = |ledger: &mut Ledger, state| {
            turn(ledger, |turn| review(turn, &id, state, ("alice (cli)", Some("a release")), None).unwrap());
        };
        decide(&mut ledger, ExceptionState::Dismissed);
        decide(&mut ledger, ExceptionState::Accepted);
        let found = reviews(&ledger).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[&id].state, ExceptionState::Accepted);
        assert_eq!(found[&id].reason.as_deref(), Some("a release"));
    }
}
