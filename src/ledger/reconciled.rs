//! Corrections by what OpenAI says was used: links of the ledger's own chain and nothing else, which stand beside the rows
//! and change none; and what was observed of the things that it is asked about.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::model::{BillSubject, Billing, Money, ObservedPart, Reconciled, RunId, ServiceTier, ThreadId, Timestamp};

use super::chain::Link;
use super::hash::Hash;
use super::provenance::follows;
use super::responses::Filter;
use super::series::SeriesBook;
use super::values::{at_least, before};
use super::{Ledger, LedgerError, Turn};

/// They are few and asked for seldom: the chain is read for them.
const RECONCILED: &str =
    r#"SELECT n, data, hash FROM links WHERE substr(data, 1, 19) = '{"kind":"reconciled' ORDER BY n"#;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// What was observed, by model as it was recorded, and tier.
pub type Observed = Vec<ObservedPart>;

/// Writes those that say something new, in one transaction; says how many these are.
///
/// # Errors
/// The ledger cannot be written.
pub fn record(ledger: &mut Ledger, now: Timestamp, by: &str, all: &[Reconciled]) -> Result<u64, LedgerError> {
    ledger.turn(now, |turn| {
        let known = last(turn)?;
        let mut new = 0_u64;
        for one in all.iter().filter(|one| known.get(&one.of) != Some(one)) {
            turn.link(&Link::Reconciled { at: turn.now, by: by.to_owned(), reconciled: one.clone() })?;
            new = new.saturating_add(1);
        }
        Ok(new)
    })
}

fn last(turn: &Turn<'_>) -> Result<BTreeMap<BillSubject, Reconciled>, LedgerError> {
    read(turn.tx)
}

/// The last word about each thing that was asked about.
///
/// # Errors
/// The ledger cannot be read.
pub fn reconciled(ledger: &Ledger) -> Result<BTreeMap<BillSubject, Reconciled>, LedgerError> {
    read(&ledger.conn)
}

fn read(conn: &rusqlite::Connection) -> Result<BTreeMap<BillSubject, Reconciled>, LedgerError> {
    let mut statement = conn.prepare_cached(RECONCILED)?;
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (n, data, hash): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !follows(conn, n, &data, hash)? {
            continue;
        }
        let unreadable = |error| LedgerError::unreadable(format!("link {n} of the ledger: {error}"));
        if let Link::Reconciled { reconciled, .. } = serde_json::from_str(&data).map_err(unreadable)? {
            found.insert(reconciled.of.clone(), reconciled);
        }
    }
    Ok(found)
}

/// A thread, by what it was observed to use in all its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadObserved {
    /// The thread.
    pub thread: ThreadId,
    /// How it is paid for.
    pub billing: Vec<Billing>,
    /// What it used.
    pub observed: Observed,
}

/// Threads that had a response in this time, the latest first.
///
/// # Errors
/// The ledger cannot be read.
pub fn threads(ledger: &Ledger, filter: &Filter) -> Result<Vec<ThreadObserved>, LedgerError> {
    let mut named = ledger.conn.prepare(
        "SELECT t.no, t.id FROM usage u JOIN thread_ids t ON t.no = u.thread WHERE u.at >= ?1 AND u.at < ?2
         AND (?3 IS NULL OR u.run_no = (SELECT no FROM runs WHERE id = ?3)) GROUP BY t.no ORDER BY max(u.at) DESC, t.no",
    )?;
    let run = filter.run.as_ref().map(RunId::as_str);
    let of = rusqlite::params![at_least(filter.since), before(filter.until), run];
    let named = named.query_map(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let named: Vec<(i64, String)> = named.collect::<Result<_, _>>()?;
    let mut sums = ledger.conn.prepare(
        "SELECT u.series, k.tier, count(*), sum(coalesce(c.pricing, k.pricing) = 'unpriced'), sum(coalesce(c.cost, u.cost, 0))
         FROM usage u JOIN kinds k ON k.id = u.kind LEFT JOIN repriced c ON c.usage = u.id WHERE u.thread = ?1 GROUP BY 1, 2",
    )?;
    let mut book = SeriesBook::default();
    let mut found = Vec::new();
    for (no, id) in named {
        let mut parts = Parts::default();
        let mut rows = sums.query([no])?;
        while let Some(row) = rows.next()? {
            parts.add(ledger, &mut book, row)?;
        }
        found.push(ThreadObserved { thread: ThreadId::new(id), billing: parts.billing, observed: parts.sums });
    }
    Ok(found)
}

/// Those of these threads of which the ledger has nothing.
///
/// # Errors
/// The ledger cannot be read.
pub fn strangers(ledger: &Ledger, threads: Vec<ThreadId>) -> Result<Vec<ThreadId>, LedgerError> {
    let mut known = ledger.conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM usage WHERE thread = (SELECT no FROM thread_ids WHERE id = ?1))",
    )?;
    let mut strange = Vec::new();
    for thread in threads {
        if !known.query_row([thread.as_str()], |row| row.get::<_, bool>(0))? {
            strange.push(thread);
        }
    }
    Ok(strange)
}

/// What was observed of each day of UTC in this time that was paid by token.
///
/// # Errors
/// The ledger cannot be read.
pub fn days(ledger: &Ledger, since: Timestamp, until: Timestamp) -> Result<BTreeMap<NaiveDate, Observed>, LedgerError> {
    let mut sums = ledger.conn.prepare(
        "SELECT u.series, k.tier, count(*), sum(coalesce(c.pricing, k.pricing) = 'unpriced'), sum(coalesce(c.cost, u.cost, 0)),
         u.at / ?3 FROM usage u JOIN kinds k ON k.id = u.kind LEFT JOIN repriced c ON c.usage = u.id
         WHERE u.at >= ?1 AND u.at < ?2 GROUP BY 6, 1, 2",
    )?;
    let mut rows = sums.query([since.timestamp_millis(), until.timestamp_millis(), DAY])?;
    let mut book = SeriesBook::default();
    let mut found: BTreeMap<NaiveDate, Parts> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let series: i64 = row.get(0)?;
        if book.get(&ledger.conn, series)?.billing != Billing::Api {
            continue;
        }
        let day = super::values::moment(row.get::<_, i64>(5)?.saturating_mul(DAY))?.date_naive();
        found.entry(day).or_default().add(ledger, &mut book, row)?;
    }
    Ok(found.into_iter().map(|(day, parts)| (day, parts.sums)).collect())
}

/// Sums by model and tier.
#[derive(Default)]
struct Parts {
    billing: Vec<Billing>,
    sums: Observed,
}

impl Parts {
    fn add(&mut self, ledger: &Ledger, book: &mut SeriesBook, row: &rusqlite::Row<'_>) -> Result<(), LedgerError> {
        let series = book.get(&ledger.conn, row.get(0)?)?;
        if !self.billing.contains(&series.billing) {
            self.billing.push(series.billing);
        }
        let (model, tier) = (series.model.clone(), ServiceTier::from_codex(&row.get::<_, String>(1)?));
        let responses = row.get::<_, i64>(2)?.unsigned_abs();
        let unpriced = row.get::<_, i64>(3)?.unsigned_abs();
        let cost = Money::from_nanos(row.get(4)?);
        match self.sums.iter_mut().find(|part| part.model == model && part.tier == tier) {
            Some(part) => {
                part.responses = part.responses.saturating_add(responses);
                part.unpriced = part.unpriced.saturating_add(unpriced);
                part.cost += cost;
            }
            None => self.sums.push(ObservedPart { model, tier, responses, unpriced, cost }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Verified;
    use crate::ledger::tests::testing::*;
    use crate::model::ToldPart;
    use crate::model::reconciled::BillBasis;

    fn of(thread: &str, usd: i64) -> Reconciled {
        let model = Some("gpt-6.2-sol".into());
        let observed = ObservedPart {
            model: model.clone(),
            tier: ServiceTier::Standard,
            responses: 2,
            unpriced: 0,
            cost: Money::from_usd(1),
        };
        let told = ToldPart {
            item: "usage".into(),
            model,
            tier: Some(ServiceTier::Other("batch".into())),
            usd: Some(Money::from_usd(usd)),
            credit_micros: None,
        };
        Reconciled {
            of: BillSubject::Thread(thread.into()),
            basis: BillBasis::Reconciled,
            observed: vec![observed],
            told: vec![told],
        }
    }

    #[test]
    fn what_was_told_before_is_not_written_again_and_the_last_word_counts() {
        let mut ledger = Ledger::in_memory().unwrap();
        let write = |ledger: &mut Ledger, all: &[Reconciled]| record(ledger, at(0), "alice (cli)", all).unwrap();
        assert_eq!(write(&mut ledger, &[of("t1", 3), of("t2", 1)]), 2);
        let head = ledger.audit().head().unwrap();
        assert_eq!(write(&mut ledger, &[of("t1", 3), of("t2", 1)]), 0, "twice");
        assert_eq!(ledger.audit().head().unwrap(), head);
        assert_eq!(write(&mut ledger, &[of("t1", 4), of("t2", 1)]), 1);
        let known = reconciled(&ledger).unwrap();
        assert_eq!(known.into_values().collect::<Vec<_>>(), [of("t1", 4), of("t2", 1)]);
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }));
    }

    #[test]
    fn one_whose_link_follows_from_nothing_was_told_by_nobody() {
        let mut ledger = Ledger::in_memory().unwrap();
        record(&mut ledger, at(0), "alice (cli)", &[of("t1", 3)]).unwrap();
        let copy = "INSERT INTO links SELECT max(n) + 1, replace(data, '\"3.00\"', '\"0.00\"'), hash FROM links";
        ledger.conn.execute(copy, []).unwrap();
        assert_eq!(reconciled(&ledger).unwrap().into_values().collect::<Vec<_>>(), [of("t1", 3)]);
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }));
    }
}
