//! An agent more closely: its sessions, what it did last, what was decided about it and why, its spend over time.

use std::time::Duration;

use chrono_tz::Tz;

use super::rows::AgentRow;
use crate::model::{AgentName, LiveLimit, Money, RunId, ThreadInfo, Timestamp};
use crate::report::action::Action;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::status::{left_cell, limit_sentence, limit_tone, rate_cell, tone};
use crate::report::summary::Totals;
use crate::report::text::{between, clock, count, duration, shell_words};
use crate::report::timeline::Entry;

/// What is known of an agent beside how it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentLook {
    /// Its sessions, in the order they were seen, and what each spent.
    pub threads: Vec<(ThreadInfo, Totals)>,
    /// What it did last, the newest first.
    pub actions: Vec<Action>,
    /// What was decided about it lately, the newest first.
    pub told: Vec<Entry>,
    /// What it spent lately: when, and how much.
    pub spend: Vec<(Timestamp, Money)>,
}

/// Which agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// Its run.
    pub run: RunId,
    /// Its name.
    pub agent: AgentName,
}

/// So far back its spend is shown.
pub const SPEND_OVER: Duration = Duration::from_secs(30 * 60);

/// Eighths of a line's height.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl AgentLook {
    /// Its spend of the last half hour in so many equal parts, the oldest first.
    pub fn parts(&self, now: Timestamp, parts: usize) -> Vec<Money> {
        let mut sums = vec![Money::ZERO; parts];
        let whole = SPEND_OVER.as_millis().max(1);
        for (at, cost) in &self.spend {
            let ago = between(*at, now).as_millis();
            let place = (whole.saturating_sub(ago.saturating_add(1)) * parts as u128 / whole) as usize;
            if let Some(sum) = sums.get_mut(place).filter(|_| ago < whole) {
                *sum += *cost;
            }
        }
        sums
    }

    /// The same drawn: as high as it was dear, beside the dearest part. What is not zero is seen.
    pub fn sparkline(&self, now: Timestamp, columns: usize) -> String {
        let parts = self.parts(now, columns);
        let most = parts.iter().map(|part| part.nanos()).max().unwrap_or(0);
        let height = |part: &Money| match (part.nanos(), most) {
            (..=0, _) | (_, ..=0) => ' ',
            (nanos, most) => {
                let eighth = i128::from(nanos) * 8 / i128::from(most);
                let place = usize::try_from(eighth).unwrap_or(0).saturating_sub(1);
                HEIGHTS.get(place).copied().unwrap_or('█')
            }
        };
        parts.iter().map(height).collect()
    }

    /// All of it, on a page that has so many columns.
    pub fn page(&self, row: &AgentRow<'_>, now: Timestamp, zone: Tz, width: usize) -> Page {
        let mut page = Page::default();
        page.list(standing(row, now));
        let limits = limits(row);
        if !limits.is_empty() {
            page.title("Budgets");
            page.list(limits);
        }
        let spent: Money = self.spend.iter().map(|(_, cost)| *cost).sum();
        page.title(format!("Spend of the last {}: {spent}", duration(SPEND_OVER)));
        page.list(vec![Item::note(self.sparkline(now, width.clamp(10, 60)))]);
        if !self.told.is_empty() {
            page.title("Decisions, the last first");
            page.list(self.told.iter().map(|told| told.item(zone, false)).collect());
        }
        if !self.threads.is_empty() {
            page.title("Sessions");
            page.table(self.sessions());
        }
        if !self.actions.is_empty() {
            page.title("What it did, the last first");
            page.list(self.actions.iter().map(|action| did(action, zone)).collect());
        }
        page
    }

    fn sessions(&self) -> Table {
        let columns = vec![
            Column::key("thread", 13),
            Column::name("role", 6).useful(),
            Column::figure("resp."),
            Column::figure("cost"),
            Column::word("codex").spare(),
        ];
        let row = |(info, totals): &(ThreadInfo, Totals)| {
            let role = if info.thread == info.root { Some("root") } else { info.role.as_deref().or(Some("sub-agent")) };
            vec![
                Cell::new(info.thread.as_str()),
                Cell::or_unknown(role),
                Cell::new(totals.responses.to_string()),
                totals.known_cost().map_or_else(Cell::unknown, |cost| Cell::new(cost.to_string())),
                Cell::or_unknown(info.codex.as_deref()),
            ]
        };
        Table { columns, rows: self.threads.iter().map(row).collect(), totals: None }
    }
}

/// Who it is and how it stands.
fn standing(row: &AgentRow<'_>, now: Timestamp) -> Vec<Item> {
    let info = &row.run.info;
    let of = &info.attribution;
    let mut items = vec![Item::new("command", shell_words(&info.command), Tone::Plain)];
    items.push(Item::new("folder", &info.cwd, Tone::Plain));
    let belongs: Vec<String> =
        [("team", &of.team), ("project", &of.project), ("client", &of.client), ("task", &of.task)]
            .into_iter()
            .filter_map(|(word, value)| value.as_ref().map(|value| format!("{word} {value}")))
            .collect();
    if !belongs.is_empty() {
        items.push(Item::new("for", belongs.join(", "), Tone::Plain));
    }
    let Some(agent) = row.agent else { return items };
    let since = duration(between(agent.since, now));
    items.push(Item::new("state", format!("{} for {since}", agent.state), tone(agent.state)));
    if let Some(because) = &agent.because {
        let question = agent.approval.map(|id| format!(" (question {id})")).unwrap_or_default();
        items.push(Item::new("because", format!("{because}{question}"), tone(agent.state)));
    }
    if let Some(paused) = &agent.paused {
        items.push(Item::new("paused", paused.text(), Tone::Warn));
    }
    let model = agent.model.as_ref().map_or("—", |model| model.as_str());
    items.push(Item::new("model", model, Tone::Plain));
    let rate = rate_cell(agent).text;
    let left = left_cell(agent.state, agent.limit.as_ref());
    let responses = count(agent.responses, "response", "responses");
    let text = format!("{} in {responses}; rate {rate}; left {}", agent.cost_usd, left.text);
    items.push(Item::new("spent", text, left.tone));
    items
}

/// Its own limit first, then those of its run.
fn limits(row: &AgentRow<'_>) -> Vec<Item> {
    let live = &row.run.live;
    let own = row.agent.and_then(|agent| agent.limit.as_ref());
    let item = |lead: &str, limit: &LiveLimit| Item::new(lead, limit_sentence(limit), limit_tone(limit));
    let mut items: Vec<Item> =
        own.map(|limit| item(if limit.allotment { "own" } else { "first" }, limit)).into_iter().collect();
    items.extend(live.limits.iter().filter(|limit| Some(*limit) != own).map(|limit| item("run", limit)));
    items
}

/// A line of what it did; it is known whose it is.
fn did(action: &Action, zone: Tz) -> Item {
    let mut item = Action { agent: None, ..action.clone() }.item(zone, 0);
    item.lead = format!("{}  {}", clock(action.at, zone), action.kind.replace('_', " "));
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::overview::Order;
    use crate::report::page::Block;
    use crate::report::tests::sample;

    #[test]
    fn spend_is_drawn_over_half_an_hour_and_the_least_is_seen() {
        let now = sample::at("2026-11-22T14:30:00Z");
        let spent = |at: &str, cents: i64| (sample::at(at), Money::from_nanos(cents * 10_000_000));
        let look = AgentLook {
            spend: vec![
                spent("2026-11-22T13:59:00Z", 500),
                spent("2026-11-22T14:00:01Z", 1),
                spent("2026-11-22T14:16:00Z", 40),
                spent("2026-11-22T14:29:59Z", 60),
                spent("2026-11-22T14:30:00Z", 20),
            ],
            ..AgentLook::default()
        };
        assert_eq!(look.sparkline(now, 6), "▁  ▄ █");
        assert_eq!(look.sparkline(now, 0), "");
        assert_eq!(AgentLook::default().sparkline(now, 3), "   ");
    }

    #[test]
    fn a_closer_look_has_what_is_known_and_no_title_over_nothing() {
        let overview = sample::overview();
        let rows = overview.agents(Order::State, "document");
        let titles = |look: &AgentLook| {
            let page = look.page(&rows[0], overview.at, overview.zone, 80);
            let titles = page.blocks.into_iter().filter_map(|block| match block {
                Block::Title(title) => Some(title),
                Block::Table(_) | Block::List(_) | Block::Command(_) => None,
            });
            titles.collect::<Vec<_>>()
        };
        let all = [
            "Budgets",
            "Spend of the last 30 min: $0.83",
            "Decisions, the last first",
            "Sessions",
            "What it did, the last first",
        ];
        assert_eq!(titles(&sample::look()), all);
        assert_eq!(titles(&AgentLook::default()), ["Budgets", "Spend of the last 30 min: $0.00"]);
    }
}
