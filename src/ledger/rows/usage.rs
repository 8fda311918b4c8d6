//! A response as it is stored.

use rusqlite::{Connection, Row};
use serde::Serialize;

use crate::ledger::LedgerError;
use crate::ledger::hash::Hash;
use crate::ledger::imported::{Origin, PastResponse};
use crate::ledger::rollup::Share;
use crate::ledger::series::{Series, SeriesBook};
use crate::ledger::values::{count, json, moment, work_class, work_number};
use crate::model::{
    Basis, Cost, Guess, Money, Response, ResponseKey, RunId, ServiceTier, Sum, ThreadId, Timestamp, Tokens,
};

/// The basis of tokens that were read; every other word is the reason of a guess.
pub(in crate::ledger) const OBSERVED: &str = "observed";

/// The pricing of what has no price.
const UNPRICED: &str = "unpriced";

/// A usage row as it is stored. Its digest is SHA-256 of its JSON, fields in this order: a contract with old
/// ledgers, so a later field must be left out of the JSON where it is unset.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::ledger) struct UsageRow {
    pub(in crate::ledger) run: Option<String>,
    pub(in crate::ledger) thread: String,
    pub(in crate::ledger) key: String,
    pub(in crate::ledger) root: String,
    pub(in crate::ledger) at: i64,
    pub(in crate::ledger) series: String,
    pub(in crate::ledger) provider: Option<String>,
    pub(in crate::ledger) tier: String,
    pub(in crate::ledger) input: i64,
    pub(in crate::ledger) cached_input: i64,
    pub(in crate::ledger) cache_write: i64,
    pub(in crate::ledger) output: i64,
    pub(in crate::ledger) reasoning: i64,
    pub(in crate::ledger) pricing: String,
    pub(in crate::ledger) cost: Option<i64>,
    pub(in crate::ledger) basis: String,
    /// The number of its class of work. It may change, so that it is in no digest.
    #[serde(skip)]
    pub(in crate::ledger) work: Option<i64>,
}

impl UsageRow {
    pub(in crate::ledger) fn of(response: &Response, run: &RunId) -> Result<Self, LedgerError> {
        let series = Series {
            agent: response.agent.clone(),
            model: response.model.clone(),
            billing: response.billing,
            attribution: response.attribution.clone(),
            source: response.source,
        };
        let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = response.tokens;
        let (pricing, cost) = pricing(response.cost);
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
            basis: basis(response.basis).to_owned(),
            work: response.work.map(work_number),
        })
    }

    /// A row of an origin, whose responses [`UsageRow::set`] fills in.
    pub(in crate::ledger) fn of_import(origin: &Origin, series: String) -> Self {
        Self {
            run: None,
            thread: origin.thread.as_str().to_owned(),
            key: String::new(),
            root: origin.root.as_str().to_owned(),
            at: 0,
            series,
            provider: origin.provider.clone(),
            tier: origin.tier.as_str().to_owned(),
            input: 0,
            cached_input: 0,
            cache_write: 0,
            output: 0,
            reasoning: 0,
            pricing: String::new(),
            cost: None,
            basis: String::new(),
            work: None,
        }
    }

    /// Makes it the row of this response, which counts at this time.
    pub(in crate::ledger) fn set(&mut self, past: &PastResponse, at: Timestamp) {
        let set = |text: &mut String, to: &str| {
            text.clear();
            text.push_str(to);
        };
        let (pricing, cost) = pricing(past.cost);
        set(&mut self.key, past.key.as_str());
        set(&mut self.pricing, pricing);
        set(&mut self.basis, basis(past.basis));
        self.work = past.work.map(work_number);
        self.at = at.timestamp_millis();
        self.cost = cost;
        let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = past.tokens;
        [self.input, self.cached_input, self.cache_write, self.output, self.reasoning] =
            [input, cached_input, cache_write_input, output, reasoning_output].map(count);
    }

    /// All that it says, as an import's digest has it: texts with their length before them, numbers in eight bytes,
    /// least first. A contract with old ledgers.
    pub(in crate::ledger) fn write_bytes(&self, bytes: &mut Vec<u8>) {
        let Self { run: _, thread, key, root, series, provider, tier, pricing, basis, .. } = self;
        let provider = provider.as_deref().unwrap_or_default();
        for text in [thread, key, root, series, provider, tier, pricing, basis] {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let numbers = [self.at, self.input, self.cached_input, self.cache_write, self.output, self.reasoning];
        for number in numbers.into_iter().chain([self.cost.unwrap_or(i64::MIN)]) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// What the chain holds of it.
    pub(in crate::ledger) fn digest(&self) -> Result<Hash, LedgerError> {
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
            (UNPRICED, None) => Ok(Cost::Unpriced),
            (pricing, _) => Err(LedgerError::unreadable(format!("a response's price is `{pricing}`"))),
        }
    }

    /// What it adds to its bucket.
    pub(in crate::ledger) fn sum(&self) -> Result<Sum, LedgerError> {
        let cost = self.price()?;
        Ok(Sum {
            responses: 1,
            tokens: self.tokens(),
            cost: cost.money().unwrap_or(Money::ZERO),
            estimated: matches!(cost, Cost::Estimated(_)).into(),
            unpriced: matches!(cost, Cost::Unpriced).into(),
            inferred: (self.basis != OBSERVED).into(),
        })
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
                OBSERVED => Basis::Observed,
                // As ledgers before reasons had it; a newer govern may know more reasons.
                word => {
                    let known = Guess::ALL.into_iter().find(|guess| guess.as_str() == word);
                    Basis::Estimated(known.unwrap_or(Guess::Unsaid))
                }
            },
            billing: series.billing,
            attribution: series.attribution.clone(),
            source: series.source,
            work: self.work.and_then(work_class),
        })
    }
}

/// A cost as it is stored.
fn pricing(cost: Cost) -> (&'static str, Option<i64>) {
    match cost {
        Cost::Priced(money) => ("priced", Some(money.nanos())),
        Cost::Estimated(money) => ("estimated", Some(money.nanos())),
        Cost::Unpriced => (UNPRICED, None),
    }
}

/// A basis as it is stored.
fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Observed => OBSERVED,
        Basis::Estimated(guess) => guess.as_str(),
    }
}

/// All of a row, and the numbers it goes by; [`Stored::read`] reads it. Add a `WHERE`.
pub(in crate::ledger) const SELECT: &str = "SELECT u.id, r.id, t.id, u.key, o.id, u.at, s.data, k.provider, k.tier, u.input,
    u.cached_input, u.cache_write, u.output, u.reasoning, coalesce(c.pricing, k.pricing), coalesce(c.cost, u.cost), coalesce(u.guess, 'observed'),
    u.series, u.run_no, u.thread, c.usage IS NOT NULL, u.work
    FROM usage u LEFT JOIN repriced c ON c.usage = u.id JOIN series s ON s.id = u.series JOIN kinds k ON k.id = u.kind JOIN thread_ids t ON t.no = u.thread
    JOIN thread_ids o ON o.no = u.root LEFT JOIN runs r ON r.no = u.run_no";

/// A row with its numbers.
#[derive(Debug)]
pub(in crate::ledger) struct Stored {
    pub(in crate::ledger) id: i64,
    pub(in crate::ledger) series: i64,
    pub(in crate::ledger) run_no: Option<i64>,
    thread: i64,
    /// Its price came later than it.
    repriced: bool,
    pub(in crate::ledger) row: UsageRow,
}

impl Stored {
    pub(in crate::ledger) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            series: row.get(17)?,
            run_no: row.get(18)?,
            thread: row.get(19)?,
            repriced: row.get(20)?,
            row: UsageRow {
                run: row.get(1)?,
                thread: row.get(2)?,
                key: row.get(3)?,
                root: row.get(4)?,
                at: row.get(5)?,
                series: row.get(6)?,
                provider: Some(row.get(7)?).filter(|provider: &String| !provider.is_empty()),
                tier: row.get(8)?,
                input: row.get(9)?,
                cached_input: row.get(10)?,
                cache_write: row.get(11)?,
                output: row.get(12)?,
                reasoning: row.get(13)?,
                pricing: row.get(14)?,
                cost: row.get(15)?,
                basis: row.get(16)?,
                work: row.get(21)?,
            },
        })
    }

    /// The row as it was recorded, which is what the chains hold.
    pub(in crate::ledger) fn recorded(self) -> UsageRow {
        match self.repriced {
            true => UsageRow { pricing: UNPRICED.to_owned(), cost: None, ..self.row },
            false => self.row,
        }
    }

    /// Where its share of the sums belongs.
    pub(in crate::ledger) fn share(&self) -> Share {
        let work = self.row.work.unwrap_or(0);
        Share { at: self.row.at, series: self.series, thread: self.thread, run_no: self.run_no, work }
    }

    pub(in crate::ledger) fn response(self, conn: &Connection, book: &mut SeriesBook) -> Result<Response, LedgerError> {
        let series = book.get(conn, self.series)?;
        self.row.response(&series)
    }
}
