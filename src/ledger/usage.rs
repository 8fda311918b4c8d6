//! Owns the usage rows: responses, unique by thread and key.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::model::{
    Basis, Cost, Guess, Money, Response, ResponseKey, RunId, ServiceTier, Sum, ThreadId, Timestamp, Tokens,
};

use super::LedgerError;
use super::chain::Hash;
use super::history::{Origin, Past};
use super::rollup::{Share, Shares};
use super::series::{Series, SeriesBook};
use super::store::moment;
use super::turn::{Holder, count, json};

pub(super) mod confirmed;

/// The basis of tokens that were read; every other word is the reason of a guess.
const OBSERVED: &str = "observed";

/// The pricing of what has no price.
const UNPRICED: &str = "unpriced";

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
    pub(super) fn of(response: &Response, run: &RunId) -> Result<Self, LedgerError> {
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
        })
    }

    /// A row of an origin, whose responses [`UsageRow::set`] fills in.
    pub(super) fn of_import(origin: &Origin, series: String) -> Self {
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
        }
    }

    /// Makes it the row of this response, which counts at this time.
    pub(super) fn set(&mut self, past: &Past, at: Timestamp) {
        let set = |text: &mut String, to: &str| {
            text.clear();
            text.push_str(to);
        };
        let (pricing, cost) = pricing(past.cost);
        set(&mut self.key, past.key.as_str());
        set(&mut self.pricing, pricing);
        set(&mut self.basis, basis(past.basis));
        self.at = at.timestamp_millis();
        self.cost = cost;
        let Tokens { input, cached_input, cache_write_input, output, reasoning_output } = past.tokens;
        [self.input, self.cached_input, self.cache_write, self.output, self.reasoning] =
            [input, cached_input, cache_write_input, output, reasoning_output].map(count);
    }

    /// All that it says, as an import's digest has it: texts with their length before them, numbers in eight bytes,
    /// least first. A contract with old ledgers.
    pub(super) fn write_bytes(&self, bytes: &mut Vec<u8>) {
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
            (UNPRICED, None) => Ok(Cost::Unpriced),
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
pub(super) const SELECT: &str = "SELECT u.id, r.id, t.id, u.key, o.id, u.at, s.data, k.provider, k.tier, u.input,
    u.cached_input, u.cache_write, u.output, u.reasoning, coalesce(c.pricing, k.pricing), coalesce(c.cost, u.cost), coalesce(u.guess, 'observed'),
    u.series, u.run_no, u.thread, c.usage IS NOT NULL
    FROM usage u LEFT JOIN repriced c ON c.usage = u.id JOIN series s ON s.id = u.series JOIN kinds k ON k.id = u.kind JOIN thread_ids t ON t.no = u.thread
    JOIN thread_ids o ON o.no = u.root LEFT JOIN runs r ON r.no = u.run_no";

/// A row with its numbers.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: i64,
    pub(super) series: i64,
    pub(super) run_no: Option<i64>,
    thread: i64,
    /// Its price came later than it.
    repriced: bool,
    pub(super) row: UsageRow,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
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
            },
        })
    }

    /// The row as it was recorded, which is what the chains hold.
    pub(super) fn recorded(self) -> UsageRow {
        match self.repriced {
            true => UsageRow { pricing: UNPRICED.to_owned(), cost: None, ..self.row },
            false => self.row,
        }
    }

    /// Where its share of the sums belongs.
    pub(super) fn share(&self) -> Share {
        Share { at: self.row.at, series: self.series, thread: self.thread, run_no: self.run_no }
    }

    pub(super) fn response(self, conn: &Connection, book: &mut SeriesBook) -> Result<Response, LedgerError> {
        let series = book.get(conn, self.series)?;
        self.row.response(&series)
    }
}

/// What a row names by number, found or made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) thread: i64,
    pub(super) root: i64,
    pub(super) series: i64,
    pub(super) kind: i64,
}

impl Numbers {
    pub(super) fn of(conn: &Connection, row: &UsageRow) -> Result<Self, LedgerError> {
        let thread = number_thread(conn, &row.thread)?;
        Ok(Self {
            thread,
            root: if row.root == row.thread { thread } else { number_thread(conn, &row.root)? },
            series: number_series(conn, &row.series)?,
            kind: number_kind(conn, row.provider.as_deref(), &row.tier, &row.pricing)?,
        })
    }
}

const INSERT: &str = "INSERT INTO usage (run_no, thread, key, root, at, series, kind, input, cached_input, cache_write,
    output, reasoning, cost, guess) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    ON CONFLICT (thread, key) DO NOTHING";

/// What became of a row.
pub(super) enum Put {
    /// It is in the ledger under this number.
    New(i64),
    /// The ledger has the response already.
    Known,
    /// So it has, under this key, by what a hook told: to be kept by [`confirmed::keep`].
    Confirms(ResponseKey),
}

/// What became of a run's response.
pub(super) enum Inserted {
    /// It is in the ledger under this number, and this is what the row says.
    New(i64, Hash),
    /// As [`Put::Known`].
    Known,
    /// As [`Put::Confirms`].
    Confirms(ResponseKey),
}

/// Adds a row and gathers its share of the sums, unless the ledger has the response already. A row whose place in its
/// file is taken by another response is known by its time as well, and its key says so afterwards.
pub(super) fn put(
    conn: &Connection,
    run_no: Option<i64>,
    numbers: Numbers,
    row: &mut UsageRow,
    shares: &mut Shares,
) -> Result<Put, LedgerError> {
    match confirmed::of(conn, numbers.thread, row)? {
        Some(confirmed::Record::Known) => return Ok(Put::Known),
        Some(confirmed::Record::Confirms(told)) => return Ok(Put::Confirms(told)),
        None => {}
    }
    if !add(conn, run_no, numbers, row)? {
        if !is_taken_by_another(conn, numbers.thread, row)? {
            return Ok(Put::Known);
        }
        row.key = format!("{}~{}", row.key, row.at);
        if !add(conn, run_no, numbers, row)? {
            return Ok(Put::Known);
        }
    }
    let id = conn.last_insert_rowid();
    shares.add(Share { at: row.at, series: numbers.series, thread: numbers.thread, run_no }, &row.sum()?);
    Ok(Put::New(id))
}

/// One thread that goes on in two copies of its file has different responses at one place: they differ in time and in
/// numbers. The same response told twice differs at most in one of them, and a response's own id settles it.
fn is_taken_by_another(conn: &Connection, thread: i64, row: &UsageRow) -> Result<bool, LedgerError> {
    if !row.key.starts_with('@') {
        return Ok(false);
    }
    let mut statement = conn.prepare_cached(
        "SELECT at <> ?3 AND (input, cached_input, output) <> (?4, ?5, ?6) FROM usage WHERE thread = ?1 AND key = ?2",
    )?;
    let values = params![thread, row.key, row.at, row.input, row.cached_input, row.output];
    Ok(statement.query_row(values, |found| found.get(0)).optional()?.unwrap_or(false))
}

/// Says whether the row was new.
fn add(conn: &Connection, run_no: Option<i64>, numbers: Numbers, row: &UsageRow) -> Result<bool, LedgerError> {
    let Numbers { thread, root, series, kind } = numbers;
    let guess = Some(row.basis.as_str()).filter(|basis| *basis != OBSERVED);
    let added = conn.prepare_cached(INSERT)?.execute(params![
        run_no,
        thread,
        row.key,
        root,
        row.at,
        series,
        kind,
        row.input,
        row.cached_input,
        row.cache_write,
        row.output,
        row.reasoning,
        row.cost,
        guess
    ])?;
    Ok(added > 0)
}

/// Adds a run's response and its share of the sums, unless the ledger has it already.
pub(super) fn insert(
    conn: &Connection,
    run_no: i64,
    run: &RunId,
    response: &Response,
) -> Result<Inserted, LedgerError> {
    let mut row = UsageRow::of(response, run)?;
    let numbers = Numbers::of(conn, &row)?;
    let mut shares = Shares::default();
    Ok(match put(conn, Some(run_no), numbers, &mut row, &mut shares)? {
        Put::New(id) => {
            shares.write(conn)?;
            Inserted::New(id, row.digest()?)
        }
        Put::Known => Inserted::Known,
        Put::Confirms(told) => Inserted::Confirms(told),
    })
}

/// Whose a response is that the ledger has, if it is not this run's. What another run has recorded of a thread before this
/// one began is no spend of this one, which only goes on with the thread.
pub(super) fn holder(
    conn: &Connection,
    run_no: i64,
    thread: &ThreadId,
    key: &ResponseKey,
) -> Result<Option<Holder>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "SELECT run_no, at > (SELECT started FROM runs WHERE no = ?3) FROM usage \
         WHERE thread = (SELECT no FROM thread_ids WHERE id = ?1) AND key = ?2",
    )?;
    let found = statement
        .query_row(params![thread.as_str(), key.as_str(), run_no], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, bool>(1)?))
        })
        .optional()?;
    Ok(found.and_then(|(holder, since)| match holder {
        None => Some(Holder::Import),
        Some(other) if other != run_no && since => Some(Holder::AnotherRun),
        Some(_) => None,
    }))
}

pub(super) fn number_thread(conn: &Connection, id: &str) -> Result<i64, LedgerError> {
    let known =
        conn.prepare_cached("SELECT no FROM thread_ids WHERE id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    number(conn, known, |conn| Ok(conn.prepare_cached("INSERT INTO thread_ids (id) VALUES (?1)")?.execute([id])?))
}

pub(super) fn number_series(conn: &Connection, data: &str) -> Result<i64, LedgerError> {
    let known =
        conn.prepare_cached("SELECT id FROM series WHERE data = ?1")?.query_row([data], |row| row.get(0)).optional()?;
    number(conn, known, |conn| Ok(conn.prepare_cached("INSERT INTO series (data) VALUES (?1)")?.execute([data])?))
}

fn number_kind(conn: &Connection, provider: Option<&str>, tier: &str, pricing: &str) -> Result<i64, LedgerError> {
    let values = params![provider.unwrap_or_default(), tier, pricing];
    let known = conn
        .prepare_cached("SELECT id FROM kinds WHERE provider = ?1 AND tier = ?2 AND pricing = ?3")?
        .query_row(values, |row| row.get(0))
        .optional()?;
    number(conn, known, |conn| {
        Ok(conn.prepare_cached("INSERT INTO kinds (provider, tier, pricing) VALUES (?1, ?2, ?3)")?.execute(params![
            provider.unwrap_or_default(),
            tier,
            pricing
        ])?)
    })
}

fn number(
    conn: &Connection,
    known: Option<i64>,
    insert: impl FnOnce(&Connection) -> Result<usize, LedgerError>,
) -> Result<i64, LedgerError> {
    match known {
        Some(number) => Ok(number),
        None => {
            insert(conn)?;
            Ok(conn.last_insert_rowid())
        }
    }
}
