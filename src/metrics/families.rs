//! What is exposed: names, labels and their order are a contract.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bound::{Bounded, Name, Row, bound};
use super::budgets::bounded;
use super::figures::{BudgetFigure, Figures, LABELS, Spender};
use super::text::{Kind, Text, seconds};
use crate::model::AgentState;

/// So many series a metric has at the most.
pub const MOST: usize = 500;

const SPEND: &str = "govern_spend_usd_total";
const TOKENS: &str = "govern_tokens_total";
const RESPONSES: &str = "govern_responses_total";
const CALLS: &str = "govern_tool_calls_total";
const DECISIONS: &str = "govern_decisions_total";
const DROPPED: &str = "govern_series_dropped_total";

/// The kinds of tokens, as reports count them.
const TYPES: [&str; 5] = ["input", "cached_input", "cache_write_input", "output", "reasoning_output"];

/// Which series of each metric have names of their own, where there are too many.
pub type Kept = BTreeMap<String, Vec<Name>>;

/// Metrics whose names are kept.
pub const NAMED: [&str; 5] = [SPEND, TOKENS, RESPONSES, CALLS, DECISIONS];

const STANDINGS: [AgentState; 14] = [
    AgentState::Waiting,
    AgentState::Starting,
    AgentState::Working,
    AgentState::Resting,
    AgentState::Throttled,
    AgentState::Held,
    AgentState::Paused,
    AgentState::Ending,
    AgentState::Alive,
    AgentState::Done,
    AgentState::Failed,
    AgentState::Stopped,
    AgentState::Killed,
    AgentState::Skipped,
];

/// The text, and the names that are to be kept for the next one where they have changed.
pub fn exposition(figures: &Figures, kept: &Kept) -> (String, Kept) {
    let mut writer = Writer { text: Text::default(), kept, changed: Kept::new(), dropped: BTreeMap::new() };
    writer.spenders(&figures.spenders);
    writer.decisions(figures);
    writer.times(figures);
    writer.budgets(figures);
    writer.now(figures);
    writer.itself(figures);
    (writer.text.finish(), writer.changed)
}

struct Writer<'a> {
    text: Text,
    kept: &'a Kept,
    changed: Kept,
    dropped: BTreeMap<&'static str, u64>,
}

impl Writer<'_> {
    /// The rows of a metric, each of which is so many series.
    fn bounded(&mut self, metric: &'static str, each: usize, rows: Vec<Row>) -> Vec<Row> {
        let kept = self.kept.get(metric).map_or(&[][..], Vec::as_slice);
        let Bounded { rows, dropped, names } = bound(rows, MOST / each, kept);
        self.changed.extend(names.map(|names| (metric.to_owned(), names)));
        self.dropped.insert(metric, dropped);
        rows
    }

    /// What each spender counts of something; whoever has nothing of it is left out.
    fn of_spenders(
        &mut self,
        metric: &'static str,
        each: usize,
        spenders: &[Spender],
        values: impl Fn(&Spender) -> Vec<i64>,
    ) -> Vec<Row> {
        let row = |spender: &Spender| Row {
            labels: spender.labels.clone(),
            weight: spender.sum.cost.nanos(),
            values: values(spender),
        };
        let rows = spenders.iter().map(row).filter(|row| row.values.iter().any(|value| *value != 0)).collect();
        self.bounded(metric, each, rows)
    }

    fn spenders(&mut self, spenders: &[Spender]) {
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let help = "Observed spend by the list prices in force; of a ChatGPT plan what it would have cost by them.";
        self.text.family(SPEND, Kind::Counter, help);
        for row in self.of_spenders(SPEND, 1, spenders, |one| vec![one.sum.cost.nanos()]) {
            self.text.money(SPEND, &pairs(&row.labels), first(&row));
        }
        self.text.family(TOKENS, Kind::Counter, "Observed tokens; input includes what was cached.");
        let tokens = |one: &Spender| {
            let of = one.sum.tokens;
            let all = [of.input, of.cached_input, of.cache_write_input, of.output, of.reasoning_output];
            all.map(whole).to_vec()
        };
        for row in self.of_spenders(TOKENS, TYPES.len(), spenders, tokens) {
            for (kind, value) in TYPES.iter().zip(&row.values) {
                self.text.count(TOKENS, &with(&row.labels, ("type", kind)), value);
            }
        }
        self.text.family(RESPONSES, Kind::Counter, "Answers of models.");
        for row in self.of_spenders(RESPONSES, 1, spenders, |one| vec![whole(one.sum.responses)]) {
            self.text.count(RESPONSES, &pairs(&row.labels), first(&row));
        }
        self.text.family(CALLS, Kind::Counter, "Tool calls that hooks told of, by what was decided about them.");
        for row in self.of_spenders(CALLS, 2, spenders, |one| vec![one.allowed, one.denied]) {
            for (decision, value) in ["allowed", "denied"].iter().zip(&row.values) {
                self.text.count(CALLS, &with(&row.labels, ("decision", decision)), value);
            }
        }
        let unpriced = spenders.iter().fold(0_u64, |sum, one| sum.saturating_add(one.sum.unpriced));
        let name = "govern_responses_unpriced";
        self.text.family(name, Kind::Gauge, "Answers of models that have no price yet: spend lacks them.");
        self.text.count(name, &[], unpriced);
    }

    fn decisions(&mut self, figures: &Figures) {
        self.text.family(
            DECISIONS,
            Kind::Counter,
            "Decisions, by what was done and the budget or alert that wanted it.",
        );
        let rows = figures.decided.iter().map(|((action, budget), count)| {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let labels = super::labels([Some(action.clone()), Some(budget.clone())]);
            Row { labels, weight: count, values: vec![count] }
        });
        for row in self.bounded(DECISIONS, 1, rows.collect()) {
            let labels: Vec<(&str, &str)> =
                ["action", "budget"].into_iter().zip(row.labels.iter().map(String::as_str)).collect();
            self.text.count(DECISIONS, &labels, first(&row));
        }
    }

    fn times(&mut self, figures: &Figures) {
        let text = &mut self.text;
        let name = "govern_hook_seconds";
        text.family(name, Kind::Histogram, "How long Codex waited for answers of govern's that nothing held.");
        text.histogram(name, &figures.hooks);
        let name = "govern_approval_wait_seconds";
        text.family(name, Kind::Histogram, "How long questions waited until they were answered, or expired.");
        text.histogram(name, &figures.answers);
        let name = "govern_hold_seconds_total";
        text.family(name, Kind::Counter, "How long agents were kept from going on.");
        text.count(name, &[], seconds(figures.held.as_micros()));
    }

    fn budgets(&mut self, figures: &Figures) {
        let (shown, dropped) = bounded(&figures.budgets, MOST);
        self.dropped.insert("govern_budget_spent_usd", dropped);
        type Part = fn(&BudgetFigure) -> Option<i64>;
        let parts: [(&str, &str, Part); 4] = [
            ("govern_budget_limit_usd", "What a budget over money allows, extensions included.", |one| Some(one.limit)),
            ("govern_budget_spent_usd", "What of it is spent in its window.", |one| Some(one.spent)),
            ("govern_budget_reserved_usd", "What live agents are about to add.", |one| Some(one.reserved)),
            ("govern_budget_forecast_usd", "What will be spent when its window ends.", |one| one.forecast),
        ];
        for (name, help, part) in parts {
            self.text.family(name, Kind::Gauge, help);
            for figure in &shown {
                let Some(nanos) = part(figure) else { continue };
                let own = [("budget", figure.budget.as_str()), ("window", figure.window.as_str())];
                let labels: Vec<(&str, &str)> = own.into_iter().chain(pairs(&figure.labels)).collect();
                self.text.money(name, &labels, nanos);
            }
        }
        let name = "govern_policy_error";
        self.text.family(name, Kind::Gauge, "1 where the policy has a mistake, so that no budget is shown.");
        self.text.count(name, &[], u8::from(figures.policy_is_wrong));
    }

    fn now(&mut self, figures: &Figures) {
        let text = &mut self.text;
        let name = "govern_agents";
        text.family(name, Kind::Gauge, "Agents of live runs, by how they stand.");
        for standing in STANDINGS {
            let count = figures.agents.get(&standing).copied().unwrap_or(0);
            text.count(name, &[("state", standing.as_str())], count);
        }
        let name = "govern_approvals_pending";
        text.family(name, Kind::Gauge, "Questions that wait for an answer.");
        text.count(name, &[], figures.waiting.len());
        let name = "govern_approvals_oldest_seconds";
        text.family(name, Kind::Gauge, "How long the oldest of them has waited.");
        let oldest = figures.waiting.iter().max().copied().unwrap_or(Duration::ZERO);
        text.count(name, &[], seconds(oldest.as_micros()));
        let name = "govern_ungoverned_codex";
        text.family(name, Kind::Gauge, "Codexes of this account that run and that no govern governs.");
        text.count(name, &[], figures.ungoverned);
    }

    fn itself(&mut self, figures: &Figures) {
        let help = "Series that have no name of their own and are among those called other.";
        self.text.family(DROPPED, Kind::Counter, help);
        for (metric, dropped) in std::mem::take(&mut self.dropped) {
            self.text.count(DROPPED, &[("metric", metric)], dropped);
        }
        let name = "govern_build_info";
        self.text.family(name, Kind::Gauge, "1, and which govern this is.");
        self.text.count(name, &[("version", &figures.version)], 1);
    }
}

fn first(row: &Row) -> i64 {
    row.values.first().copied().unwrap_or(0)
}

fn pairs(values: &[String]) -> Vec<(&'static str, &str)> {
    LABELS.iter().map(|(name, _)| *name).zip(values.iter().map(String::as_str)).collect()
}

fn with<'a>(values: &'a [String], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    pairs(values).into_iter().chain([more]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::labels;
    use crate::model::{Money, Sum, Tokens};

    fn spender(agent: &str, usd: i64) -> Spender {
        let tokens = Tokens { input: 90, cached_input: 50, cache_write_input: 10, output: 20, reasoning_output: 5 };
        let named = |text: &str| Some(text.to_owned());
        Spender {
            labels: labels([named("gpt-6.1-sol"), named("web"), None, None, named(agent)]),
            sum: Sum { responses: 3, tokens, cost: Money::from_usd(usd), unpriced: 1, ..Sum::default() },
            allowed: 7,
            denied: 2,
        }
    }

    fn busy() -> Figures {
        let mut figures = Figures::nothing("1.2.3");
        figures.spenders = vec![spender("codex", 2), spender("re\"view\u{1b}[2J\n", 1)];
        figures.decided.insert(("stop".to_owned(), "each run".to_owned()), 4);
        figures.hooks.add(Duration::from_millis(3));
        figures.held = Duration::from_millis(61_500);
        figures.answers.add(Duration::from_secs(40));
        figures.budgets.push(BudgetFigure {
            labels: labels([None, Some("web".to_owned()), None, None, None]),
            budget: "teams, monthly".to_owned(),
            window: "month".to_owned(),
            limit: 400_000_000_000,
            spent: 3_250_000_000,
            reserved: 1,
            forecast: Some(5_000_000_000),
        });
        figures.agents.insert(AgentState::Held, 2);
        figures.waiting = vec![Duration::from_secs(3), Duration::from_secs(900)];
        figures.ungoverned = 1;
        figures
    }

    #[test]
    fn all_that_a_ledger_tells() {
        let (text, changed) = exposition(&busy(), &Kept::new());
        assert!(changed.is_empty());
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_ledger_that_is_empty() {
        insta::assert_snapshot!(exposition(&Figures::nothing("1.2.3"), &Kept::new()).0);
    }

    #[test]
    fn no_metric_has_more_than_five_hundred_series_and_what_is_cut_off_is_counted() {
        let mut figures = Figures::nothing("1");
        figures.spenders = (0..700).map(|at| spender(&format!("a{at}"), at + 1)).collect();
        let (text, changed) = exposition(&figures, &Kept::new());
        let mut series: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            *series.entry(line.split(['{', ' ']).next().unwrap()).or_default() += 1;
        }
        assert_eq!((series[SPEND], series[TOKENS], series[RESPONSES], series[CALLS]), (500, 500, 500, 500));
        assert!(text.contains("govern_series_dropped_total{metric=\"govern_spend_usd_total\"} 201\n"), "{text}");
        assert!(text.contains("govern_series_dropped_total{metric=\"govern_tokens_total\"} 601\n"));
        let other = "govern_spend_usd_total{model=\"other\",team=\"other\",project=\"other\",client=\"other\",agent=\"other\"} 20301.00\n";
        assert!(text.contains(other), "{text}");
        let (again, unchanged) = exposition(&figures, &changed);
        assert_eq!(again, text);
        assert!(unchanged.is_empty());
    }
}
