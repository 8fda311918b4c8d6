//! Owns the usage rows: responses, unique by thread and key, and their sums by quarter of an hour.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::model::{
    AgentName, Attribution, Basis, Billing, Cost, Dimension, Guess, ModelId, Money, Response, ResponseKey, RunId,
    ServiceTier, Sum, ThreadId, Tokens,
};

use super::LedgerError;
use super::chain::Hash;
use super::store::moment;
use super::turn::{count, json};

/// Length of a rollup's bucket in milliseconds: every time zone's midnight falls on the edge of one.
pub(super) const BUCKET: i64 = 900_000;

/// Who spends: what responses of one agent on one model have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) agent: Option<AgentName>,
    pub(super) model: Option<ModelId>,
    pub(super) billing: Billing,
    pub(super) attribution: Attribution,
}

impl Series {
    /// Its value along a dimension; run and thread are not its own.
    pub(super) fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Agent => self.agent.as_ref().map(AgentName::as_str),
            Dimension::Model => self.model.as_ref().map(ModelId::as_str),
            other => self.attribution.get(other),
        }
    }
}

/// The series of a ledger, read once each.
#[derive(Debug, Default)]
pub(super) struct SeriesBook(HashMap<i64, Rc<Series>>);

impl SeriesBook {
    pub(super) fn get(&mut self, conn: &Connection, id: i64) -> Result<Rc<Series>, LedgerError> {
        if let Some(series) = self.0.get(&id) {
            return Ok(Rc::clone(series));
        }
        let data: String = conn
            .prepare_cached("SELECT data FROM series WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .ok_or_else(|| LedgerError::unreadable(format!("series {id} is missing")))?;
        let series: Rc<Series> = Rc::new(
            serde_json::from_str(&data).map_err(|error| LedgerError::unreadable(format!("series {id}: {error}")))?,
        );
        self.0.insert(id, Rc::clone(&series));
        Ok(series)
    }
}

/// A usage row as it is stored. Its digest is SHA-256 of its JSON, fields in this order: a contract with old
/// ledgers, so a later field must be left out of the JSON where it is unset.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct UsageRow {
    run: Option<String>,
    thread: String,
    key: String,
    root: String,
    at: i64,
    series: String,
    provider: Option<String>,
    tier: String,
    input: i64,
    cached_input: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    pricing: String,
    cost: Option<i64>,
    basis: String,
}

impl UsageRow {
    fn of(response: &Response, run: &RunId) -> Result<Self, LedgerError> {
        let series = Series {
            agent: response.agent.clone(),
            model: response.model.clone(),
            billing: response.billing,
            attribution: response.attribution.clone(),
        };
        let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = response.tokens;
        let (pricing, cost) = match response.cost {
            Cost::Priced(money) => ("priced", Some(money.nanos())),
            Cost::Estimated(money) => ("estimated", Some(money.nanos())),
            Cost::Unpriced => ("unpriced", None),
        };
        let basis = match response.basis {
            Basis::Observed => "observed",
            Basis::Estimated(guess) => guess.as_str(),
        };
        Ok(Self {
            run: Some(run.as_str().to_owned()),
            thread: response.thread.as_str().to_owned(),
            key: response.key.as_str().to_owned(),
            root: response.root.as_str().to_owned(),
            at: response.at.timestamp_millis(),
            series: json(&series)?,
            provider: response.provider.clone(),
            tier: response.tier.as_str().to_owned(),
            input: count(input),
            cached_input: count(cached_input),
            cache_write: count(cache_write_input),
            output: count(output),
            reasoning: count(reasoning_output),
            pricing: pricing.to_owned(),
            cost,
            basis: basis.to_owned(),
        })
    }

    /// What the chain holds of it.
    pub(super) fn digest(&self) -> Result<Hash, LedgerError> {
        Ok(Hash::of(json(self)?.as_bytes()))
    }

    fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input.unsigned_abs(),
            cached_input: self.cached_input.unsigned_abs(),
            cache_write_input: self.cache_write.unsigned_abs(),
            output: self.output.unsigned_abs(),
            reasoning_output: self.reasoning.unsigned_abs(),
        }
    }

    fn price(&self) -> Result<Cost, LedgerError> {
        match (self.pricing.as_str(), self.cost) {
            ("priced", Some(nanos)) => Ok(Cost::Priced(Money::from_nanos(nanos))),
            ("estimated", Some(nanos)) => Ok(Cost::Estimated(Money::from_nanos(nanos))),
            ("unpriced", None) => Ok(Cost::Unpriced),
            (pricing, _) => Err(LedgerError::unreadable(format!("a response's price is `{pricing}`"))),
        }
    }

    /// What it adds to its bucket.
    pub(super) fn sum(&self) -> Result<Sum, LedgerError> {
        let cost = self.price()?;
        Ok(Sum {
            responses: 1,
            tokens: self.tokens(),
            cost: cost.money().unwrap_or(Money::ZERO),
            estimated: matches!(cost, Cost::Estimated(_)).into(),
            unpriced: matches!(cost, Cost::Unpriced).into(),
            inferred: (self.basis != "observed").into(),
        })
    }

    pub(super) fn bucket(&self) -> i64 {
        self.at.div_euclid(BUCKET)
    }

    fn response(self, series: &Series) -> Result<Response, LedgerError> {
        let (cost, tokens) = (self.price()?, self.tokens());
        Ok(Response {
            run: self.run.map(RunId::new),
            agent: series.agent.clone(),
            thread: ThreadId::new(self.thread),
            root: ThreadId::new(self.root),
            key: ResponseKey::new(self.key),
            at: moment(self.at)?,
            model: series.model.clone(),
            provider: self.provider,
            tier: ServiceTier::from_codex(&self.tier),
            tokens,
            cost,
            basis: match self.basis.as_str() {
                "observed" => Basis::Observed,
                // As ledgers before reasons had it.
                "estimated" => Basis::Estimated(Guess::Unsaid),
                word => match Guess::ALL.into_iter().find(|guess| guess.as_str() == word) {
                    Some(guess) => Basis::Estimated(guess),
                    None => return Err(LedgerError::unreadable(format!("a response's basis is `{word}`"))),
                },
            },
            billing: series.billing,
            attribution: series.attribution.clone(),
        })
    }
}

/// All of a row, and the number of its series; [`Stored::read`] reads it. Add a `WHERE`.
pub(super) const SELECT: &str = "SELECT u.id, r.id, u.thread, u.key, u.root, u.at, s.data, u.provider, u.tier, u.input,
    u.cached_input, u.cache_write, u.output, u.reasoning, u.pricing, u.cost, u.basis, u.series, u.run_no
    FROM usage u JOIN series s ON s.id = u.series LEFT JOIN runs r ON r.no = u.run_no";

/// A row with its numbers.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) series: i64,
    pub(super) run_no: Option<i64>,
    pub(super) row: UsageRow,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            series: row.get(17)?,
            run_no: row.get(18)?,
            row: UsageRow {
                run: row.get(1)?,
                thread: row.get(2)?,
                key: row.get(3)?,
                root: row.get(4)?,
                at: row.get(5)?,
                series: row.get(6)?,
                provider: row.get(7)?,
                tier: row.get(8)?,
                input: row.get(9)?,
                cached_input: row.get(10)?,
                cache_write: row.get(11)?,
                output: row.get(12)?,
                reasoning: row.get(13)?,
                pricing: row.get(14)?,
                cost: row.get(15)?,
                basis: row.get(16)?,
            },
        })
    }

    pub(super) fn response(self, conn: &Connection, book: &mut SeriesBook) -> Result<Response, LedgerError> {
        let series = book.get(conn, self.series)?;
        self.row.response(&series)
    }
}

/// Adds a response and its share of the rollup; `None` if the ledger has it already.
pub(super) fn insert(
    conn: &Connection,
    run_no: i64,
    run: &RunId,
    response: &Response,
) -> Result<Option<(i64, Hash)>, LedgerError> {
    let row = UsageRow::of(response, run)?;
    let known = conn
        .prepare_cached("SELECT 1 FROM usage WHERE thread = ?1 AND key = ?2")?
        .exists(params![row.thread, row.key])?;
    if known {
        return Ok(None);
    }
    let series = intern(conn, &row.series)?;
    conn.prepare_cached(
        "INSERT INTO usage (run_no, thread, key, root, at, series, provider, tier, input, cached_input, cache_write,
                            output, reasoning, pricing, cost, basis)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        run_no,
        row.thread,
        row.key,
        row.root,
        row.at,
        series,
        row.provider,
        row.tier,
        row.input,
        row.cached_input,
        row.cache_write,
        row.output,
        row.reasoning,
        row.pricing,
        row.cost,
        row.basis
    ])?;
    let id = conn.last_insert_rowid();
    roll_up(conn, row.bucket(), series, &row.sum()?)?;
    Ok(Some((id, row.digest()?)))
}

fn intern(conn: &Connection, data: &str) -> Result<i64, LedgerError> {
    let known: Option<i64> =
        conn.prepare_cached("SELECT id FROM series WHERE data = ?1")?.query_row([data], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    conn.prepare_cached("INSERT INTO series (data) VALUES (?1)")?.execute([data])?;
    Ok(conn.last_insert_rowid())
}

/// Reads responses, input, cached_input, cache_write, output, reasoning, cost, estimated and unpriced from column
/// `first` on.
pub(super) fn read_sum(row: &Row<'_>, first: usize) -> rusqlite::Result<Sum> {
    let whole = |at: usize| row.get::<_, i64>(first + at).map(i64::unsigned_abs);
    Ok(Sum {
        responses: whole(0)?,
        tokens: Tokens {
            input: whole(1)?,
            cached_input: whole(2)?,
            cache_write_input: whole(3)?,
            output: whole(4)?,
            reasoning_output: whole(5)?,
        },
        cost: Money::from_nanos(row.get(first + 6)?),
        estimated: whole(7)?,
        unpriced: whole(8)?,
        inferred: 0,
    })
}

/// Adds in Rust, not in SQL, where an overflow would turn a total into a float.
fn roll_up(conn: &Connection, bucket: i64, series: i64, add: &Sum) -> Result<(), LedgerError> {
    let mut sum = conn
        .prepare_cached(
            "SELECT responses, input, cached_input, cache_write, output, reasoning, cost, estimated, unpriced
             FROM rollup WHERE bucket = ?1 AND series = ?2",
        )?
        .query_row([bucket, series], |row| read_sum(row, 0))
        .optional()?
        .unwrap_or_default();
    sum.add(add);
    conn.prepare_cached("INSERT OR REPLACE INTO rollup VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?
        .execute(params![
            bucket,
            series,
            count(sum.responses),
            count(sum.tokens.input),
            count(sum.tokens.cached_input),
            count(sum.tokens.cache_write_input),
            count(sum.tokens.output),
            count(sum.tokens.reasoning_output),
            sum.cost.nanos(),
            count(sum.estimated),
            count(sum.unpriced)
        ])?;
    Ok(())
}
