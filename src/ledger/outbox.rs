//! The outbox: what is to be told, to whom, and how far each copy has come.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

use crate::model::notice::{NOTICE_SCHEMA, NoticeDecision};
use crate::model::{Approval, ApprovalId, ApprovalState, Notice, NoticeKind, RunId, Timestamp, TokenHash};

use super::values::{count, json, moment};
use super::{Ledger, LedgerError, Turn};

/// What was told is kept so long.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// More copies than this do not wait: something is wrong that more of them do not mend.
const MOST_WAITING: i64 = 10_000;

/// A copy that waits and is not in hand, of a notice `n`, is to be sent at `?1`: its time has come, or was told by a clock
/// that was set back since. Before a first try that shows by the notice, which is from later than now; after one by a wait
/// that is longer than any between two tries.
const IS_DUE: &str =
    "(c.due <= ?1 OR (c.attempts = 0 AND n.at > ?1 + 60000) OR (c.attempts > 0 AND c.due > ?1 + 660000))";

/// What is to be told once a question is settled, and to whom, beside those who got the question.
pub type Follows = BTreeMap<NoticeKind, Vec<String>>;

/// A copy that is to be sent now; the ledger has it that it is being tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The notice's number, which counts up.
    pub notice: i64,
    /// Its id.
    pub id: String,
    /// Where to.
    pub address: String,
    /// Word for word what is sent.
    pub body: String,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// When the first one began.
    pub began: Timestamp,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    Delivered,
    /// It is there, and can be changed by this.
    Posted {
        /// By what the channel knows it.
        receipt: String,
    },
    /// It is tried again then.
    Again {
        /// When.
        at: Timestamp,
        /// Why not now.
        error: String,
    },
    /// It is given up.
    Failed {
        /// Why.
        error: String,
    },
    /// The address wants nothing more, ever; `mark` tells it from another one under the same name.
    Closed {
        /// By what it is known.
        mark: String,
    },
}

/// How an address stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressRow {
    /// Which.
    pub address: String,
    /// Copies that wait to be sent, or to be sent again.
    pub waiting: u64,
    /// Copies that were delivered.
    pub delivered: u64,
    /// Copies that were given up.
    pub failed: u64,
    /// When the oldest that waits was written.
    pub oldest: Option<Timestamp>,
    /// When one was last delivered.
    pub last: Option<Timestamp>,
    /// Why the latest that waits, or was given up and nothing delivered since, is not there.
    pub error: Option<String>,
    /// It wants nothing more since then.
    pub closed: Option<Timestamp>,
}

/// Writes a notice and who is to get it, each not before its time; `follows` is for a question. `false`: the outbox is
/// full, and nothing was written.
pub fn post(
    turn: &mut Turn<'_>,
    notice: &Notice,
    copies: &[(String, Timestamp)],
    follows: Option<&Follows>,
) -> Result<bool, LedgerError> {
    write(turn.tx, notice, copies, follows)
}

/// A notice of an alert, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTold {
    /// Its number.
    no: i64,
    /// What it says.
    pub notice: Notice,
    /// Who gets it.
    pub to: Vec<String>,
    /// Nobody has got it, and nobody is just being sent it: it can say something else yet.
    pub waits: bool,
}

/// The notices of alerts that were written since then, the newest first.
pub fn alerts_since(turn: &Turn<'_>, since: Timestamp) -> Result<Vec<AlertTold>, LedgerError> {
    let sql = "SELECT no, body FROM notices WHERE kind = 'alert' AND at >= ?1 ORDER BY no DESC LIMIT 500";
    let mut statement = turn.tx.prepare_cached(sql)?;
    let rows = statement.query_map([since.timestamp_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for (no, body) in rows {
        let unreadable = |error| LedgerError::unreadable(format!("notice {no}: {error}"));
        let notice = serde_json::from_str(&body).map_err(unreadable)?;
        let sql = "SELECT address, state = 'waiting' AND attempts = 0 AND in_hand = 0 FROM copies WHERE notice = ?1
                   ORDER BY address";
        let mut statement = turn.tx.prepare_cached(sql)?;
        let copies = statement.query_map([no], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let copies: Vec<(String, bool)> = copies.collect::<Result<_, _>>()?;
        let waits = copies.iter().all(|(_, waits)| *waits);
        found.push(AlertTold { no, notice, to: copies.into_iter().map(|(address, _)| address).collect(), waits });
    }
    Ok(found)
}

/// Has a notice of an alert that waits say this instead.
pub fn retell(turn: &Turn<'_>, told: &AlertTold, notice: &Notice) -> Result<(), LedgerError> {
    let mut statement = turn.tx.prepare_cached("UPDATE notices SET body = ?2, at = ?3 WHERE no = ?1")?;
    statement.execute(params![told.no, json(notice)?, notice.time.timestamp_millis()])?;
    Ok(())
}

fn write(
    tx: &Transaction<'_>,
    notice: &Notice,
    copies: &[(String, Timestamp)],
    follows: Option<&Follows>,
) -> Result<bool, LedgerError> {
    let waiting: i64 = tx
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM copies WHERE state = 'waiting' LIMIT ?1)")?
        .query_row([MOST_WAITING], |row| row.get(0))?;
    if waiting >= MOST_WAITING {
        return Ok(false);
    }
    let approval = notice.question.as_ref().map(|question| question.id);
    tx.prepare_cached("INSERT INTO notices (id, at, kind, approval, body, follows) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
        notice.id,
        notice.time.timestamp_millis(),
        notice.kind.as_str(),
        approval,
        json(notice)?,
        follows.map(json).transpose()?
    ])?;
    let no = tx.last_insert_rowid();
    for (address, due) in copies {
        tx.prepare_cached("INSERT OR IGNORE INTO copies (notice, address, state, due) VALUES (?1, ?2, 'waiting', ?3)")?
            .execute(params![no, address, due.timestamp_millis()])?;
    }
    Ok(true)
}

/// A question is settled: whoever got it, or was to be told, is told so, and those whose turn had not come are spared it.
pub(super) fn settled(tx: &Transaction<'_>, now: Timestamp, approval: &Approval) -> Result<(), LedgerError> {
    let kind = match approval.state {
        ApprovalState::Approved | ApprovalState::Denied => NoticeKind::Decided,
        ApprovalState::Expired => NoticeKind::Expired,
        ApprovalState::Withdrawn => NoticeKind::Withdrawn,
        ApprovalState::Pending => return Ok(()),
    };
    // Each run that waits for the answer may have put it to others.
    questions_of(tx, approval.id)?.into_iter().try_for_each(|asked| settle(tx, now, approval, kind, asked))
}

fn settle(
    tx: &Transaction<'_>,
    now: Timestamp,
    approval: &Approval,
    kind: NoticeKind,
    (no, asked, follows): (i64, Notice, Follows),
) -> Result<(), LedgerError> {
    tx.prepare_cached(
        "UPDATE copies SET state = 'needless', ended = ?2 WHERE notice = ?1 AND state = 'waiting' AND attempts = 0 AND due > ?2",
    )?
    .execute(params![no, now.timestamp_millis()])?;
    let mut statement = tx.prepare_cached("SELECT address FROM copies WHERE notice = ?1 AND state <> 'needless'")?;
    let mut to: Vec<String> = statement.query_map([no], |row| row.get(0))?.collect::<Result<_, _>>()?;
    to.extend(follows.get(&kind).into_iter().flatten().cloned());
    let copies: Vec<(String, Timestamp)> = to.into_iter().map(|address| (address, now)).collect();
    if copies.is_empty() {
        return Ok(());
    }
    let answer = approval.answer.as_ref().map(|answer| answer.word(approval.about).as_str().to_owned());
    let notice = Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: format!("{}_{}", asked.id, kind.as_str()),
        time: now,
        kind,
        text: in_words(kind, approval, answer.as_deref()),
        decision: Some(NoticeDecision { answer, by: approval.by.clone(), reason: approval.reason.clone() }),
        ..asked
    };
    write(tx, &notice, &copies, None).map(drop)
}

fn in_words(kind: NoticeKind, approval: &Approval, answer: Option<&str>) -> String {
    let (id, by) = (approval.id, approval.by.as_deref().unwrap_or("somebody"));
    let reason = approval.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let answer = answer.unwrap_or("answered").replace('_', " ");
    match kind {
        NoticeKind::Expired => format!("question {id}: nobody answered in time ({answer})"),
        NoticeKind::Withdrawn => format!("question {id} needs no answer any more{reason}"),
        _ => format!("question {id}: {answer} by {by}{reason}"),
    }
}

/// The notices that asked a question, where anybody was to get them.
fn questions_of(tx: &Transaction<'_>, id: ApprovalId) -> Result<Vec<(i64, Notice, Follows)>, LedgerError> {
    let mut statement = tx.prepare_cached(
        "SELECT no, body, follows FROM notices WHERE approval = ?1 AND kind = 'question' ORDER BY no",
    )?;
    let mut rows = statement.query([id.0])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (no, body, follows): (i64, String, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let unreadable = |error| LedgerError::unreadable(format!("notice {no}: {error}"));
        let notice = serde_json::from_str(&body).map_err(unreadable)?;
        let follows = follows.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)?;
        found.push((no, notice, follows.unwrap_or_default()));
    }
    Ok(found)
}

/// Whom a question was put to already, or who will be told what has become of it.
pub fn reached_by_question(turn: &Turn<'_>, id: ApprovalId) -> Result<Vec<String>, LedgerError> {
    let sql = "SELECT DISTINCT c.address FROM notices n JOIN copies c ON c.notice = n.no
               WHERE n.approval = ?1 AND n.kind = 'question'";
    let mut statement = turn.tx.prepare_cached(sql)?;
    let mut reached: Vec<String> = statement.query_map([id.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let followers = questions_of(turn.tx, id)?.into_iter().flat_map(|(_, _, follows)| follows.into_values().flatten());
    reached.extend(followers);
    Ok(reached)
}

/// A sender begins: what a dead one had in hand is its own, at once; what was told long ago is forgotten.
pub fn take_over(ledger: &mut Ledger, now: Timestamp) -> Result<(), LedgerError> {
    ledger.turn(now, |turn| {
        turn.tx.execute(
            "UPDATE copies SET in_hand = 0, due = ?1 WHERE state = 'waiting' AND in_hand = 1",
            [now.timestamp_millis()],
        )?;
        let long_ago = (now - KEPT).timestamp_millis();
        let old = "SELECT no FROM notices n WHERE at < ?1
                   AND NOT EXISTS (SELECT 1 FROM copies c WHERE c.notice = n.no AND c.state = 'waiting')";
        turn.tx.execute(&format!("DELETE FROM copies WHERE notice IN ({old})"), [long_ago])?;
        turn.tx.execute(&format!("DELETE FROM notices WHERE no IN ({old})"), [long_ago])?;
        Ok(())
    })
}

/// Up to so many copies whose time has come, the oldest first. That each is being tried is written before it is.
pub fn claim(ledger: &mut Ledger, now: Timestamp, most: usize) -> Result<Vec<Parcel>, LedgerError> {
    if next_due(ledger, now)?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    ledger.turn(now, |turn| {
        let mut statement = turn.tx.prepare_cached(&format!(
            "SELECT c.notice, n.id, c.address, n.body, c.attempts, c.began FROM copies c JOIN notices n ON n.no = c.notice
             WHERE c.state = 'waiting' AND c.in_hand = 0 AND {IS_DUE} ORDER BY c.notice LIMIT ?2",
        ))?;
        let millis = now.timestamp_millis();
        let parcels: Vec<Parcel> = statement
            .query_map(params![millis, count(most as u64)], |row| parcel(row, now))?
            .collect::<Result<_, _>>()?;
        for parcel in &parcels {
            turn.tx
                .prepare_cached(
                    "UPDATE copies SET in_hand = 1, attempts = ?3, began = coalesce(began, ?4)
                     WHERE notice = ?1 AND address = ?2",
                )?
                .execute(params![parcel.notice, parcel.address, parcel.attempt, millis])?;
        }
        Ok(parcels)
    })
}

fn parcel(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Parcel> {
    let began: Option<i64> = row.get(5)?;
    Ok(Parcel {
        notice: row.get(0)?,
        id: row.get(1)?,
        address: row.get(2)?,
        body: row.get(3)?,
        attempt: row.get::<_, u32>(4)?.saturating_add(1),
        began: began.and_then(Timestamp::from_timestamp_millis).unwrap_or(now),
    })
}

/// Writes down what became of a try.
pub fn note(ledger: &mut Ledger, now: Timestamp, parcel: &Parcel, fate: &Fate) -> Result<(), LedgerError> {
    ledger.turn(now, |turn| {
        let (state, due, error) = match fate {
            Fate::Delivered => ("delivered", now, None),
            // What came back of a copy stands in one place: of one that is there it is no error.
            Fate::Posted { receipt } => ("delivered", now, Some(receipt.as_str())),
            Fate::Again { at, error } => ("waiting", *at, Some(error.as_str())),
            Fate::Failed { error } => ("failed", now, Some(error.as_str())),
            Fate::Closed { .. } => ("failed", now, Some("the address wants nothing more (410)")),
        };
        let (millis, ended) = (now.timestamp_millis(), (state != "waiting").then_some(now.timestamp_millis()));
        turn.tx
            .prepare_cached(
                "UPDATE copies SET state = ?3, due = ?4, error = ?5, ended = ?6, in_hand = 0
                 WHERE notice = ?1 AND address = ?2 AND state = 'waiting'",
            )?
            .execute(params![parcel.notice, parcel.address, state, due.timestamp_millis(), error, ended])?;
        if let Fate::Closed { mark } = fate {
            turn.tx.execute(
                "INSERT OR REPLACE INTO closed_addresses (address, mark, at) VALUES (?1, ?2, ?3)",
                params![parcel.address, mark, millis],
            )?;
        }
        Ok(())
    })
}

/// Somebody has tried the address, and it takes notices.
pub fn reopen(ledger: &mut Ledger, now: Timestamp, address: &str) -> Result<(), LedgerError> {
    ledger.turn(now, |turn| {
        turn.tx.execute("DELETE FROM closed_addresses WHERE address = ?1", [address])?;
        Ok(())
    })
}

/// The address wants nothing more, as long as it is this one.
pub fn is_closed(ledger: &Ledger, address: &str, mark: &str) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM closed_addresses WHERE address = ?1 AND mark = ?2";
    Ok(ledger.conn.prepare_cached(sql)?.exists([address, mark])?)
}

/// How far the copy of a question at an address has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// None was to go there, or it never will.
    Never,
    /// It is there, and cannot be changed.
    Told,
    /// It is on its way.
    Waits,
    /// It is there, under this.
    There {
        /// By what the channel knows it.
        receipt: String,
    },
}

/// How far the copy of a question at this address has come.
pub fn copy_of_question(ledger: &Ledger, approval: ApprovalId, address: &str) -> Result<CopyState, LedgerError> {
    let found: Option<(String, Option<String>)> = ledger
        .conn
        .prepare_cached(
            "SELECT c.state, c.error FROM notices n JOIN copies c ON c.notice = n.no
             WHERE n.approval = ?1 AND n.kind = 'question' AND c.address = ?2 ORDER BY n.no DESC LIMIT 1",
        )?
        .query_row(params![approval.0, address], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match found {
        Some((state, Some(receipt))) if state == "delivered" => CopyState::There { receipt },
        Some((state, _)) if state == "delivered" => CopyState::Told,
        Some((state, _)) if state == "waiting" => CopyState::Waits,
        Some(_) | None => CopyState::Never,
    })
}

/// By what each copy of a notice that is there is known.
pub fn receipts(ledger: &Ledger, notice: &str) -> Result<Vec<String>, LedgerError> {
    let sql = "SELECT c.error FROM notices n JOIN copies c ON c.notice = n.no
               WHERE n.id = ?1 AND c.state = 'delivered' AND c.error IS NOT NULL ORDER BY c.address";
    let mut statement = ledger.conn.prepare_cached(sql)?;
    let rows = statement.query_map([notice], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is kept of a letter by whose token a run may go on that has been ended.
pub fn leave_of(token: &TokenHash) -> String {
    format!("leave {}", token.digits())
}

/// Who got the letter about this run that had this token, where it was not used yet.
pub fn reader_with_leave(ledger: &Ledger, run: &RunId, token: &TokenHash) -> Result<Option<String>, LedgerError> {
    let sql = "SELECT substr(c.address, 6) FROM notices n JOIN copies c ON c.notice = n.no
               WHERE c.state = 'delivered' AND c.error = ?2 AND substr(c.address, 1, 5) = 'mail:'
               AND json_extract(n.body, '$.run') = ?1";
    let key = params![run.as_str(), leave_of(token)];
    Ok(ledger.conn.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?)
}

/// The run has gone on by this token: it is good for nothing more.
pub fn use_leave(ledger: &mut Ledger, now: Timestamp, token: &TokenHash) -> Result<(), LedgerError> {
    ledger.turn(now, |turn| {
        turn.tx.execute("UPDATE copies SET error = NULL WHERE error = ?1", [leave_of(token)])?;
        Ok(())
    })
}

/// By what the first message about a run at this address is known.
pub fn first_of_run(ledger: &Ledger, run: &str, address: &str) -> Result<Option<String>, LedgerError> {
    let sql = "SELECT c.error FROM notices n JOIN copies c ON c.notice = n.no
               WHERE c.address = ?2 AND c.state = 'delivered' AND c.error IS NOT NULL
               AND json_extract(n.body, '$.run') = ?1 ORDER BY n.no LIMIT 1";
    Ok(ledger.conn.prepare_cached(sql)?.query_row([run, address], |row| row.get(0)).optional()?)
}

/// The notice of this id, if it asked a question.
pub fn question_by_id(ledger: &Ledger, id: &str) -> Result<Option<Notice>, LedgerError> {
    body_of(ledger, "SELECT body FROM notices WHERE id = ?1 AND kind = 'question'", &id)
}

/// The notice that asked a question last, where anybody was to get it.
pub fn newest_question(ledger: &Ledger, approval: ApprovalId) -> Result<Option<Notice>, LedgerError> {
    let sql = "SELECT body FROM notices WHERE approval = ?1 AND kind = 'question' ORDER BY no DESC LIMIT 1";
    body_of(ledger, sql, &approval.0)
}

/// What has become of a question, as it was told.
pub fn end_of_question(ledger: &Ledger, approval: ApprovalId) -> Result<Option<Notice>, LedgerError> {
    let sql = "SELECT body FROM notices WHERE approval = ?1 AND kind IN ('decided', 'withdrawn', 'expired')
               ORDER BY no DESC LIMIT 1";
    body_of(ledger, sql, &approval.0)
}

fn body_of(ledger: &Ledger, sql: &str, of: &dyn ToSql) -> Result<Option<Notice>, LedgerError> {
    let found: Option<String> = ledger.conn.prepare_cached(sql)?.query_row([of], |row| row.get(0)).optional()?;
    let unreadable = |error| LedgerError::unreadable(format!("a notice: {error}"));
    found.map(|body| serde_json::from_str(&body)).transpose().map_err(unreadable)
}

/// When the next copy is to be sent, not after `now` if its time has come; `None`: nothing waits.
pub fn next_due(ledger: &Ledger, now: Timestamp) -> Result<Option<Timestamp>, LedgerError> {
    let sql = format!(
        "SELECT min(iif({IS_DUE}, min(c.due, ?1), c.due)) FROM copies c JOIN notices n ON n.no = c.notice
         WHERE c.state = 'waiting' AND c.in_hand = 0"
    );
    let due: Option<i64> = ledger.conn.prepare_cached(&sql)?.query_row([now.timestamp_millis()], |row| row.get(0))?;
    due.map(moment).transpose()
}

/// How each address stands that anything was written for.
pub fn addresses(ledger: &Ledger) -> Result<Vec<AddressRow>, LedgerError> {
    let conn: &Connection = &ledger.conn;
    let mut statement = conn.prepare_cached(
        "SELECT c.address, sum(c.state = 'waiting'), sum(c.state = 'delivered'), sum(c.state = 'failed'),
           min(iif(c.state = 'waiting', n.at, NULL)), max(iif(c.state = 'delivered', c.ended, NULL)),
           (SELECT e.error FROM copies e WHERE e.address = c.address AND e.error IS NOT NULL AND (e.state = 'waiting'
              OR e.state = 'failed' AND e.notice > (SELECT coalesce(max(d.notice), 0) FROM copies d
                                                    WHERE d.address = c.address AND d.state = 'delivered'))
            ORDER BY e.notice DESC LIMIT 1),
           (SELECT at FROM closed_addresses k WHERE k.address = c.address)
         FROM copies c JOIN notices n ON n.no = c.notice GROUP BY c.address ORDER BY c.address",
    )?;
    let at = |millis: Option<i64>| millis.and_then(Timestamp::from_timestamp_millis);
    let rows = statement.query_map([], |row| {
        let count = |place: usize| row.get::<_, i64>(place).map(i64::unsigned_abs);
        Ok(AddressRow {
            address: row.get(0)?,
            waiting: count(1)?,
            delivered: count(2)?,
            failed: count(3)?,
            oldest: at(row.get(4)?),
            last: at(row.get(5)?),
            error: row.get(6)?,
            closed: at(row.get(7)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
