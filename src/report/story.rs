//! What is told of one run when all of it is: when its threads worked, and what its tools cost.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{grouped, money_column};
use super::text::{clock, count};
use super::timeline::Entry;
use crate::compare::tools_by_cost::ToolCost;
use crate::model::{Money, Response, ThreadId, Timestamp};

/// A thread's answers over the time of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Which.
    pub thread: ThreadId,
    /// What it came to.
    pub cost: Money,
    /// How many answers.
    pub answers: u64,
    /// Its cost in each piece of the run's time.
    pub pieces: Vec<Money>,
}

/// The time of a run in equal pieces, and what each thread spent in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    /// The beginning of the first piece and the end of the last one; `None` without any answer.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The costliest first.
    pub lanes: Vec<Lane>,
    /// How many others there are.
    pub more: usize,
}

/// So many pieces has the time of a run, and so many threads are shown each.
const PIECES: usize = 120;
const MOST_LANES: usize = 16;

impl Lanes {
    /// Of all answers of a run.
    pub fn of(responses: &[Response]) -> Self {
        let times = || responses.iter().map(|response| response.at);
        let Some((first, last)) = times().min().zip(times().max()) else { return Self::default() };
        let mut lanes: BTreeMap<&ThreadId, Lane> = BTreeMap::new();
        for response in responses {
            let lane = lanes.entry(&response.thread).or_insert_with(|| Lane {
                thread: response.thread.clone(),
                cost: Money::ZERO,
                answers: 0,
                pieces: vec![Money::ZERO; PIECES],
            });
            let place = piece(response.at, (first, last));
            let cost = response.cost.money().unwrap_or_default();
            if let Some(piece) = lane.pieces.get_mut(place) {
                *piece += cost;
            }
            lane.cost += cost;
            lane.answers = lane.answers.saturating_add(1);
        }
        let mut lanes: Vec<Lane> = lanes.into_values().collect();
        lanes.sort_by(|one, other| (other.cost, &one.thread).cmp(&(one.cost, &other.thread)));
        let more = lanes.len().saturating_sub(MOST_LANES);
        lanes.truncate(MOST_LANES);
        Self { span: Some((first, last)), lanes, more }
    }

    /// What was done in each piece of the time, such as `14:02:11 warned`; `None`: nothing.
    pub fn done(&self, told: &[Entry], zone: Tz) -> Vec<Option<String>> {
        let Some(span) = self.span else { return Vec::new() };
        let mut pieces: Vec<Option<String>> = vec![None; PIECES];
        for one in told.iter().filter(|one| one.is_decision()) {
            if let Some(piece) = pieces.get_mut(piece(one.at, span)) {
                let said = format!("{} {}", clock(one.at, zone), one.what);
                *piece = Some(piece.take().map_or_else(|| said.clone(), |before| format!("{before}; {said}")));
            }
        }
        pieces
    }

    /// The highest piece of all.
    pub fn most(&self) -> Money {
        self.lanes.iter().flat_map(|lane| lane.pieces.iter().copied()).max().unwrap_or_default()
    }
}

/// In which piece of this time a moment lies.
fn piece(at: Timestamp, (first, last): (Timestamp, Timestamp)) -> usize {
    let whole = i128::from((last - first).num_milliseconds()).max(1);
    let passed = i128::from((at - first).num_milliseconds()).clamp(0, whole);
    usize::try_from(passed * (PIECES as i128 - 1) / whole).unwrap_or(0)
}

/// What the answers cost that called each tool.
pub fn of_tools(tools: &[ToolCost]) -> Page {
    let mut page = Page::default();
    page.title("Tools by cost");
    if tools.iter().all(|tool| tool.tool.is_none()) {
        page.list(vec![Item::note("No tool call is recorded: hooks tell of them.")]);
        return page;
    }
    let costs: Vec<_> = tools.iter().map(|tool| Some(tool.cost)).collect();
    let costs = money_column(&costs, "—");
    let whole = i128::from(tools.iter().map(|tool| tool.cost).sum::<Money>().nanos()).max(1);
    let rows = tools.iter().zip(&costs.parts).map(|(tool, cost)| {
        let name = match &tool.tool {
            Some(name) => Cell::new(name),
            None => Cell::toned("(no tool)", Tone::Quiet),
        };
        let calls = if tool.tool.is_some() { Cell::new(grouped(tool.calls.into())) } else { Cell::new("") };
        let part = i128::from(tool.cost.nanos()).saturating_mul(1_000) / whole;
        vec![name, calls, Cell::new(cost).share(i64::try_from(part).unwrap_or(0))]
    });
    let columns = vec![Column::key("tool", 8), Column::figure("calls"), Column::figure("cost")];
    let totals = Some(vec![Cell::toned("total", Tone::Strong), Cell::new(""), Cell::toned(&costs.total, Tone::Strong)]);
    page.table(Table { columns, rows: rows.collect(), totals });
    let calls = tools.iter().map(|tool| tool.calls).sum();
    let rule = format!(
        "{} that ran. Each answer's cost goes in equal parts to the calls that it made; a command counts by its program.",
        count(calls, "call", "calls")
    );
    page.list(vec![Item::new("", rule, Tone::Quiet)]);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_lane_has_the_cost_of_its_thread_where_it_was_spent() {
        let responses = [
            sample::response("2026-11-22T14:00:00Z", "web", "t1", "gpt-6-luna", "0.10"),
            sample::response("2026-11-22T14:05:00Z", "web", "t2", "gpt-6-luna", "0.70"),
            sample::response("2026-11-22T14:10:00Z", "web", "t1", "gpt-6-luna", "0.30"),
        ];
        let lanes = Lanes::of(&responses);
        let of = |lane: &Lane| -> Vec<(usize, String)> {
            let spent = lane.pieces.iter().enumerate().filter(|(_, cost)| **cost > Money::ZERO);
            spent.map(|(place, cost)| (place, cost.to_decimal())).collect()
        };
        assert_eq!(lanes.lanes[0].thread.as_str(), "t2");
        assert_eq!(of(&lanes.lanes[0]), [(59, "0.70".to_owned())]);
        assert_eq!(of(&lanes.lanes[1]), [(0, "0.10".to_owned()), (119, "0.30".to_owned())]);
        assert_eq!((lanes.most().to_decimal(), lanes.more), ("0.70".to_owned(), 0));
        assert_eq!(Lanes::of(&[]), Lanes::default());
        // One moment is all the time that there is.
        assert_eq!(of(&Lanes::of(&responses[..1]).lanes[0]), [(0, "0.10".to_owned())]);
    }
}
