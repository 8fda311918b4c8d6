//! Prices that came later: responses that were recorded without one get it once there is one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use crate::model::{Cost, Money, Repriced, Response, Timestamp};

use super::chain::{self, Link, RepricedDigest};
use super::hash::Hash;
use super::rollup::{self, DAY};
use super::rows::usage::{SELECT, Stored};
use super::series::SeriesBook;
use super::{Ledger, LedgerError};

/// Responses of one transaction: other governs wait meanwhile.
const BATCH: usize = 4_096;

impl Ledger {
    /// Prices what was recorded without a price, as far as `price` knows one now. `prices` is the version of the table.
    /// Where all is priced this reads a few sums.
    pub fn reprice(
        &mut self,
        now: Timestamp,
        prices: &str,
        price: &dyn Fn(&Response) -> Cost,
    ) -> Result<Repriced, LedgerError> {
        let mut done = Repriced::default();
        let mut unknown = HashSet::new();
        for (day, series) in unpriced_days(&self.conn)? {
            if unknown.contains(&series) {
                continue;
            }
            let before = done.responses;
            while let ControlFlow::Continue(()) = self.reprice_batch(now, prices, price, (day, series), &mut done)? {}
            if done.responses == before {
                // One day of a series without a price is looked at, not years of it.
                unknown.insert(series);
            }
        }
        Ok(done)
    }

    /// One transaction of it; says whether there may be more of this day and series.
    fn reprice_batch(
        &mut self,
        now: Timestamp,
        prices: &str,
        price: &dyn Fn(&Response) -> Cost,
        of: (i64, i64),
        done: &mut Repriced,
    ) -> Result<ControlFlow<()>, LedgerError> {
        let tx = self.transaction()?;
        let found = find(&tx, price, of)?;
        if found.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        let batch: i64 = tx.query_row("SELECT coalesce(max(n), 0) + 1 FROM links", [], |row| row.get(0))?;
        let (mut digest, mut shares) = (RepricedDigest::default(), rollup::Repricings::default());
        let mut insert =
            tx.prepare_cached("INSERT INTO repriced (usage, batch, pricing, cost) VALUES (?1, ?2, ?3, ?4)")?;
        for Found { stored, pricing, cost } in &found {
            insert.execute(params![stored.id, batch, pricing, cost.nanos()])?;
            digest.add(stored.id, pricing, cost.nanos());
            shares.add(stored.share(), *cost, *pricing == "estimated");
            done.cost += *cost;
        }
        drop(insert);
        shares.write(&tx)?;
        let rows = found.len() as u64;
        done.responses = done.responses.saturating_add(rows);
        chain::link(&tx, &Link::Repriced { at: now, prices: prices.to_owned(), rows, digest: digest.finish() })?;
        tx.commit()?;
        Ok(if found.len() < BATCH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// A response without a price, and the one that it gets.
struct Found {
    stored: Stored,
    pricing: &'static str,
    cost: Money,
}

/// Days and series with responses that have no price, oldest first.
fn unpriced_days(conn: &Connection) -> Result<Vec<(i64, i64)>, LedgerError> {
    let mut statement = conn.prepare_cached("SELECT DISTINCT day, series FROM rollup_by_day WHERE unpriced > 0")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn find(
    conn: &Connection,
    price: &dyn Fn(&Response) -> Cost,
    (day, series): (i64, i64),
) -> Result<Vec<Found>, LedgerError> {
    let sql = format!(
        "{} WHERE u.at >= ?1 AND u.at < ?2 AND u.series = ?3 AND coalesce(c.pricing, k.pricing) = 'unpriced'
         ORDER BY u.id",
        SELECT
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let first = day.saturating_mul(DAY);
    let mut rows = statement.query([first, first.saturating_add(DAY), series])?;
    let mut book = SeriesBook::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()?
        && found.len() < BATCH
    {
        let response = Stored::read(row)?.response(conn, &mut book)?;
        let (pricing, cost) = match price(&response) {
            Cost::Priced(cost) => ("priced", cost),
            Cost::Estimated(cost) => ("estimated", cost),
            Cost::Unpriced => continue,
        };
        found.push(Found { stored: Stored::read(row)?, pricing, cost });
    }
    Ok(found)
}

/// What the ledger's chain says of prices that came later, for the audit.
#[derive(Debug, Default)]
pub(super) struct Promised {
    /// By the number of their link.
    batches: BTreeMap<i64, (u64, Hash)>,
}

impl Promised {
    /// A link says so.
    pub(super) fn add(&mut self, link: i64, rows: u64, digest: Hash) {
        self.batches.insert(link, (rows, digest));
    }

    /// Where the rows are not what the chain says, if they are not.
    pub(super) fn differs(&self, conn: &Connection) -> Result<Option<String>, LedgerError> {
        let mut found: HashMap<i64, (u64, RepricedDigest)> = HashMap::new();
        let mut statement = conn.prepare(
            "SELECT c.batch, c.usage, c.pricing, c.cost, u.cost IS NULL FROM repriced c LEFT JOIN usage u ON u.id = c.usage
             ORDER BY c.usage",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (batch, usage): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !self.batches.contains_key(&batch) || !row.get::<_, bool>(4)? {
                return Ok(Some(format!("the later price of usage {usage}")));
            }
            let (rows, digest) = found.entry(batch).or_default();
            *rows = rows.saturating_add(1);
            digest.add(usage, &row.get::<_, String>(2)?, row.get(3)?);
        }
        for (batch, (rows, digest)) in &self.batches {
            let same = found.remove(batch).is_some_and(|(seen, sum)| seen == *rows && sum.finish() == *digest);
            if !same {
                return Ok(Some(format!("the later prices of link {batch}")));
            }
        }
        Ok(None)
    }
}
