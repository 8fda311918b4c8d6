//! A fleet while it runs: a bar for each agent, one for the whole, and what is left in the pool.

use super::page::{Cell, Column, Table, Tone};
use super::status::{left_cell, limit_tone, rate_cell, spent_cell, tally, tone, without_silent};
use crate::model::{AgentState, Live, LiveAgent, LiveLimit, Money};

/// How wide a bar is, in columns of the screen.
const WIDE: i64 = 8;

/// The lines, without a head: those agents that are under way first where not all of them fit on `most` lines.
pub fn table(live: &Live, most: usize) -> Table {
    let columns = vec![
        Column::name("agent", 8),
        Column::word("state"),
        Column::word("bar").useful(),
        Column::figure("spent"),
        Column::figure("left").useful(),
        Column::figure("rate").useful(),
        Column::name("model", 8).useful(),
    ];
    let below = 1 + live.pools.len();
    let (shown, hidden) = chosen(&live.agents, most.saturating_sub(below).max(1));
    let mut rows: Vec<Vec<Cell>> = shown.into_iter().map(of_agent).collect();
    if !hidden.is_empty() {
        rows.push(named("…", &tally(&hidden), Cell::new("")));
    }
    rows.push(whole(live));
    rows.extend(live.pools.iter().map(|pool| {
        let size = format!("{} to give", pool.unit.show(pool.size.max(0)));
        named("pool", "", Cell::toned(size, Tone::Quiet))
    }));
    let mut table = without_silent(Table { columns, rows, totals: None });
    // What is not known yet needs no mark where it comes soon.
    let unknown = Cell::unknown();
    table.rows.iter_mut().flatten().filter(|cell| **cell == unknown).for_each(|cell| *cell = Cell::new(""));
    table
}

/// Those that are shown, as they were named, and those that are not.
fn chosen(agents: &[LiveAgent], most: usize) -> (Vec<&LiveAgent>, Vec<LiveAgent>) {
    if agents.len() <= most {
        return (agents.iter().collect(), Vec::new());
    }
    let mut places: Vec<usize> = (0..agents.len()).collect();
    places.sort_by_key(|place| agents.get(*place).map(|agent| rank(agent.state)));
    // One line says what became of the others.
    places.truncate(most.saturating_sub(1).max(1));
    let (shown, hidden): (Vec<_>, Vec<_>) = agents.iter().enumerate().partition(|(place, _)| places.contains(place));
    let hidden = hidden.into_iter().map(|(_, agent)| agent.clone()).collect();
    (shown.into_iter().map(|(_, agent)| agent).collect(), hidden)
}

/// What needs to be seen comes first.
fn rank(state: AgentState) -> u8 {
    match state {
        AgentState::Held => 0,
        AgentState::Paused | AgentState::Throttled | AgentState::Ending => 1,
        AgentState::Working | AgentState::Starting | AgentState::Resting | AgentState::Alive => 2,
        AgentState::Failed | AgentState::Stopped | AgentState::Killed => 3,
        AgentState::Waiting => 4,
        AgentState::Done | AgentState::Skipped => 5,
    }
}

fn of_agent(agent: &LiveAgent) -> Vec<Cell> {
    let own = agent.limit.as_ref().filter(|limit| limit.allotment);
    vec![
        Cell::new(agent.agent.as_str()),
        Cell::toned(agent.state.as_str(), tone(agent.state)),
        // A limit that all share is drawn once, below.
        own.map_or_else(|| Cell::new(""), bar),
        spent_cell(agent.cost_usd, own),
        left_cell(agent.state, own),
        rate_cell(agent),
        Cell::or_unknown(agent.model.as_ref().map(|model| model.as_str())),
    ]
}

/// What the fleet's first limit has: of several the one that is used up furthest.
fn whole(live: &Live) -> Vec<Cell> {
    let own = live.limits.iter().filter(|limit| limit.is_of_one_run());
    let limit = own.max_by_key(|limit| limit.share());
    let over = live.agents.iter().filter(|agent| agent.state.is_over()).count();
    let cost: Money = live.agents.iter().map(|agent| agent.cost_usd).sum();
    let rate: Money = live.agents.iter().filter_map(|agent| agent.cost_usd_per_minute).sum();
    let under_way = if over < live.agents.len() { AgentState::Working } else { AgentState::Done };
    vec![
        Cell::toned("all", Tone::Strong),
        Cell::toned(format!("{over} of {}", live.agents.len()), Tone::Strong),
        limit.map_or_else(|| Cell::new(""), bar),
        spent_cell(cost, limit),
        left_cell(under_way, limit),
        if rate > Money::ZERO { Cell::new(format!("{rate}/min")) } else { Cell::unknown() },
        Cell::unknown(),
    ]
}

fn named(name: &str, state: &str, spent: Cell) -> Vec<Cell> {
    let nothing = Cell::unknown;
    vec![
        Cell::toned(name, Tone::Quiet),
        Cell::toned(state, Tone::Quiet),
        Cell::new(""),
        spent,
        nothing(),
        nothing(),
        nothing(),
    ]
}

/// `███▒░░░░`: spent, about to be, and left.
pub fn bar(limit: &LiveLimit) -> Cell {
    let eighths = |amount: i64| {
        let part = i128::from(amount) * i128::from(WIDE) / i128::from(limit.limit).max(1);
        i64::try_from(part).unwrap_or(WIDE).clamp(0, WIDE)
    };
    let spent = eighths(limit.spent);
    let used = eighths(limit.spent.saturating_add(limit.reserved)).max(spent);
    let text: String = (0..WIDE)
        .map(|place| match place {
            _ if place < spent => '█',
            _ if place < used => '▒',
            _ => '░',
        })
        .collect();
    Cell::toned(text, limit_tone(limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn what_does_not_fit_is_counted_and_what_needs_to_be_seen_is_shown() {
        let live = sample::live();
        let names = |most: usize| {
            let rows = table(&live, most).rows;
            rows.iter().filter_map(|row| row.first()).map(|cell| cell.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(40), ["plan", "implement", "test", "review-of-everything", "document", "all", "pool"]);
        assert_eq!(names(6), ["implement", "test", "document", "…", "all", "pool"]);
        assert_eq!(names(4), ["document", "…", "all", "pool"]);
        assert_eq!(names(0), ["document", "…", "all", "pool"]);
        let hidden = table(&live, 5).rows.into_iter().find(|row| row[0].text == "…").unwrap();
        assert_eq!(hidden[1].text, "1 waiting, 1 working, 1 done");
    }
}
