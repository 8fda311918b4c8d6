//! What root threads and their sub-agents took together, imported ones too: read from the sums by thread.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use crate::model::{Family, ModelId, Money, RunId, ThreadId, Timestamp, WorkClass};

use super::rollup::DAY;
use super::series::SeriesBook;
use super::values::{moment, work_class};
use super::{Ledger, LedgerError};

/// One row of the sums by thread.
struct Part {
    thread: i64,
    run_no: i64,
    series: i64,
    work: i64,
    day: i64,
    responses: u64,
    cost: i64,
    unpriced: u64,
}

/// What is known of a family by now.
#[derive(Default)]
struct Sum {
    day: i64,
    responses: u64,
    cost: i64,
    unpriced: u64,
    project: Option<String>,
    task: Option<String>,
    by_work: BTreeMap<Option<WorkClass>, i64>,
    by_model: BTreeMap<Option<ModelId>, i64>,
}

/// All families that spent something since then, in the order of their runs and threads.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn families(ledger: &Ledger, since: Option<Timestamp>) -> Result<Vec<Family>, LedgerError> {
    let conn = &ledger.conn;
    let from = since.map_or(i64::MIN, |since| since.timestamp_millis().div_euclid(DAY));
    let mut statement = conn.prepare_cached(
        "SELECT thread, run_no, series, work, max(day), sum(responses), sum(cost), sum(unpriced) FROM rollup_by_thread
         WHERE day >= ?1 GROUP BY thread, run_no, series, work",
    )?;
    let mut rows = statement.query(params![from])?;
    let (mut sums, mut roots, mut book) = (BTreeMap::<(i64, i64), Sum>::new(), HashMap::new(), SeriesBook::default());
    while let Some(row) = rows.next()? {
        let part = Part {
            thread: row.get(0)?,
            run_no: row.get(1)?,
            series: row.get(2)?,
            work: row.get(3)?,
            day: row.get(4)?,
            responses: row.get::<_, i64>(5)?.unsigned_abs(),
            cost: row.get(6)?,
            unpriced: row.get::<_, i64>(7)?.unsigned_abs(),
        };
        let root = match roots.get(&part.thread) {
            Some(root) => *root,
            None => {
                let root = root_of(conn, part.thread)?;
                roots.insert(part.thread, root);
                root
            }
        };
        let series = book.get(conn, part.series)?;
        let sum = sums.entry((part.run_no, root)).or_default();
        sum.add(&part);
        *sum.by_model.entry(series.model.clone()).or_default() += part.cost;
        sum.project = sum.project.take().or_else(|| series.attribution.project.clone());
        sum.task = sum.task.take().or_else(|| series.attribution.task.clone());
    }
    sums.into_iter().map(|((run_no, root), sum)| named(conn, run_no, root, sum)).collect()
}

impl Sum {
    fn add(&mut self, part: &Part) {
        self.day = if self.responses == 0 { part.day } else { self.day.max(part.day) };
        self.responses = self.responses.saturating_add(part.responses);
        self.cost = self.cost.saturating_add(part.cost);
        self.unpriced = self.unpriced.saturating_add(part.unpriced);
        *self.by_work.entry(work_class(part.work)).or_default() += part.cost;
    }
}

fn root_of(conn: &Connection, thread: i64) -> Result<i64, LedgerError> {
    let mut statement = conn.prepare_cached("SELECT root FROM usage WHERE thread = ?1 LIMIT 1")?;
    Ok(statement.query_row([thread], |row| row.get(0))?)
}

/// Whatever most was spent on.
fn most<T>(of: BTreeMap<Option<T>, i64>) -> Option<T> {
    of.into_iter()
        .filter_map(|(value, cost)| Some((value?, cost)))
        .max_by_key(|(_, cost)| *cost)
        .map(|(value, _)| value)
}

fn named(conn: &Connection, run_no: i64, root: i64, sum: Sum) -> Result<Family, LedgerError> {
    let run = match run_no {
        0 => None,
        no => {
            let mut statement = conn.prepare_cached("SELECT id FROM runs WHERE no = ?1")?;
            Some(RunId::new(statement.query_row([no], |row| row.get::<_, String>(0))?))
        }
    };
    let mut statement = conn.prepare_cached("SELECT id FROM thread_ids WHERE no = ?1")?;
    Ok(Family {
        root: ThreadId::new(statement.query_row([root], |row| row.get::<_, String>(0))?),
        run,
        at: moment(sum.day.saturating_mul(DAY))?,
        project: sum.project,
        task: sum.task,
        work: most(sum.by_work),
        model: most(sum.by_model),
        responses: sum.responses,
        cost: Money::from_nanos(sum.cost),
        unpriced: sum.unpriced,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::testing::*;
    use crate::model::Response;

    #[test]
    fn a_root_thread_and_its_sub_agents_are_one_and_another_run_is_another() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        let child = Response { root: "t1".into(), ..response("r1", "t2", "b") };
        turn(&mut ledger, |turn| {
            turn.append(&answered(response("r1", "t1", "a"))).unwrap();
            turn.append(&answered(child)).unwrap();
        });
        govern(&mut ledger, "r2");
        turn(&mut ledger, |turn| turn.append(&answered(response("r2", "t3", "c"))).unwrap());
        let found = families(&ledger, None).unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.run.clone().unwrap().to_string(), one.root.to_string(), one.cost.nanos()))
            .collect();
        assert_eq!(told, [("r1".into(), "t1".into(), 20_000_000), ("r2".into(), "t3".into(), 10_000_000)]);
        assert_eq!(found[0].model.as_ref().map(ModelId::as_str), Some("gpt-6.1-sol"));
        assert!(families(&ledger, Some(at(200_000_000))).unwrap().is_empty());
    }
}
