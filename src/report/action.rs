//! An entry of the audit as somebody reads it: who did what, when, at what cost, and why.

use serde_json::{Value, json};

use super::answer::answer_text;
use super::attributed::in_words;
use super::csv;
use super::page::{Item, Tone};
use super::text::{clock, count, rfc3339, shell_words, size};
use crate::model::event::{Decision, EventKind, GOVERNOR, ToolVerdict};
use crate::model::{Attribution, Brake, Event, Money, Subject, Timestamp, Unit, Verb};

/// The columns of the CSV, in order.
const COLUMNS: [&str; 15] = [
    "at",
    "run",
    "seq",
    "agent",
    "type",
    "tool",
    "thread",
    "model",
    "cost_usd",
    "spent_usd",
    "decision",
    "rule",
    "who",
    "rationale",
    "hash",
];

/// What was done, or seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// When; `None` never.
    pub at: Timestamp,
    /// Whose run; `None` for what concerns the ledger as a whole.
    pub run: Option<String>,
    /// Its place in the run's chain, or in the ledger's own.
    pub seq: u64,
    /// The agent.
    pub agent: Option<String>,
    /// What kind of thing, as the ledger names it.
    pub kind: String,
    /// The tool that was called.
    pub tool: Option<String>,
    /// The thread that it was in.
    pub thread: Option<String>,
    /// The model that answered, or called.
    pub model: Option<String>,
    /// What it cost.
    pub cost: Option<Money>,
    /// What its agent had cost until then.
    pub spent: Option<Money>,
    /// What was decided, in a word.
    pub decision: Option<String>,
    /// The rule of the policy that matched.
    pub rule: Option<String>,
    /// Who did it, or decided.
    pub who: Option<String>,
    /// Why, or what it is about.
    pub rationale: String,
}

/// Where a series belongs, as its JSON has it: `team web, project shop`.
fn belongs(series: Option<&str>) -> String {
    let series: Value = series.and_then(|series| serde_json::from_str(series).ok()).unwrap_or_default();
    let attribution =
        series.get("attribution").and_then(|found| serde_json::from_value::<Attribution>(found.clone()).ok());
    attribution.as_ref().map_or_else(|| "nothing".to_owned(), in_words)
}

/// `: “the release”`.
fn reason(reason: Option<String>) -> String {
    reason.map(|reason| format!(": “{reason}”")).unwrap_or_default()
}

/// What a grant's link says: ``grant 3 of $100.00 for `teams`: “the release”``.
fn granted(grant: &Value) -> String {
    let text = |key: &str| grant.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| grant.get(key).and_then(Value::as_i64).unwrap_or_default();
    let amount = Unit::from_str_exact(text("unit")).map(|unit| unit.show(number("amount"))).unwrap_or_default();
    format!("grant {} of {amount} for `{}`{}", number("id"), text("budget"), reason(Some(text("reason").to_owned())))
}

/// Which chain an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// A run's.
    Run,
    /// The ledger's own.
    Ledger,
}

impl Chain {
    fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ledger => "ledger",
        }
    }
}

impl Action {
    /// What an entry of a run's chain says.
    pub fn of(event: &Event, seq: u64, kind: &str) -> Self {
        let action = Self {
            at: event.at,
            run: Some(event.run.as_str().to_owned()),
            seq,
            agent: event.agent.as_ref().map(|agent| agent.as_str().to_owned()),
            kind: kind.to_owned(),
            ..Self::default()
        };
        action.told(&event.kind)
    }

    /// What an entry of the ledger's own chain says; `None` where it cannot be read.
    pub fn of_link(data: &str, n: u64) -> Option<Self> {
        let link: Value = serde_json::from_str(data).ok()?;
        let text = |key: &str| link.get(key).and_then(Value::as_str).map(str::to_owned);
        let rows = link.get("rows").and_then(Value::as_u64).unwrap_or_default();
        let rationale = match text("kind")?.as_str() {
            "import" => format!("{} of session files that no run governed", count(rows, "response", "responses")),
            "repriced" => format!(
                "{} recorded without a price before, by the list of {}",
                count(rows, "response", "responses"),
                text("prices").unwrap_or_default()
            ),
            "attributed" => format!(
                "{} from {} to {}",
                count(rows, "response", "responses"),
                belongs(text("from").as_deref()),
                belongs(text("to").as_deref()),
            ),
            "hooks" => {
                format!("{}: {}", text("what").unwrap_or_default().replace('_', " "), text("path").unwrap_or_default())
            }
            "refused" => text("why").unwrap_or_default(),
            "pruned" => {
                let number = |key: &str| link.get(key).and_then(Value::as_u64).unwrap_or_default();
                let runs = link.get("runs").and_then(Value::as_array).map_or(0, Vec::len) as u64;
                format!(
                    "{} ({}) of {} that were over before {}",
                    count(number("files"), "file", "files"),
                    size(number("bytes")),
                    count(runs, "run", "runs"),
                    text("before").unwrap_or_default()
                )
            }
            "grant" => granted(link.get("grant")?),
            "grant_revoked" => {
                let number = link.get("grant").and_then(Value::as_i64).unwrap_or_default();
                format!("grant {number}{}", reason(text("reason")))
            }
            "reviewed" => format!(
                "{} {}{}",
                text("exception").unwrap_or_default(),
                text("state").unwrap_or_default(),
                reason(text("reason"))
            ),
            _ => String::new(),
        };
        Some(Self {
            at: text("at")?.parse().ok()?,
            run: text("run"),
            seq: n,
            kind: text("kind")?,
            who: text("by").or_else(|| link.get("grant")?.get("by")?.as_str().map(str::to_owned)),
            rationale,
            ..Self::default()
        })
    }

    /// Of the ledger's own chain: no run's chain says it, too.
    pub fn is_of_ledger_alone(&self) -> bool {
        ["import", "repriced", "attributed", "hooks", "refused", "pruned", "grant", "grant_revoked", "reviewed"]
            .contains(&self.kind.as_str())
    }

    fn told(self, kind: &EventKind) -> Self {
        let owned = |text: &str| Some(text.to_owned());
        match kind {
            EventKind::Response(response) => Self {
                thread: owned(response.thread.as_str()),
                model: response.model.as_ref().map(|model| model.as_str().to_owned()),
                cost: response.cost.money(),
                rationale: format!(
                    "{} in, {} cached, {} out",
                    response.tokens.input, response.tokens.cached_input, response.tokens.output
                ),
                ..self
            },
            EventKind::ToolCalled { thread, model, tool, short, cost, verdict, rule, because, by, .. } => Self {
                tool: owned(tool),
                thread: owned(thread.as_str()),
                model: model.as_ref().map(|model| model.as_str().to_owned()),
                spent: Some(*cost),
                decision: owned(if *verdict == ToolVerdict::Denied { "denied" } else { "allowed" }),
                rule: rule.clone(),
                who: by.clone(),
                rationale: joined(&[short, because.as_deref().unwrap_or_default()]),
                ..self
            },
            EventKind::Decided(decision) => self.decided(decision),
            EventKind::Asked { budget, question, cost, .. } => Self {
                spent: *cost,
                rule: budget.as_ref().map(|budget| budget.as_str().to_owned()),
                rationale: question.clone(),
                ..self
            },
            EventKind::Answered { approval, answer, by, reason } => Self {
                decision: owned(&answer_text(answer, Unit::Usd, Subject::Call)),
                who: owned(by),
                rationale: joined(&[&format!("question {approval}"), reason.as_deref().unwrap_or_default()]),
                ..self
            },
            EventKind::Braked { brake, by, reason } => Self {
                decision: owned(brake.as_str()),
                who: owned(by),
                rationale: reason.clone().unwrap_or_default(),
                ..self
            },
            other => self.more(other),
        }
    }

    fn decided(self, decision: &Decision) -> Self {
        let verb = if decision.would { format!("would {}", decision.verb) } else { decision.verb.to_string() };
        let chosen = decision.chosen.as_ref();
        let to = decision.to.as_ref().map(|model| format!("to {model}")).unwrap_or_default();
        let rationale = chosen.map(|chosen| chosen.rationale.clone()).unwrap_or_default();
        Self {
            decision: Some(verb),
            rule: Some(decision.alert.as_ref().map_or(decision.budget.as_str(), |alert| alert.as_str()).to_owned()),
            who: chosen.map(|_| GOVERNOR.to_owned()),
            rationale: joined(&[&to, &rationale, &decision.because.join("; ")]),
            ..self
        }
    }

    /// What is told of money that moves, and of a run's and an agent's life.
    fn more(self, kind: &EventKind) -> Self {
        let amount = |amount: i64, unit: &str| {
            Unit::from_str_exact(unit).map_or_else(|| format!("{amount} {unit}"), |unit| unit.show(amount))
        };
        match kind {
            EventKind::Extended { budget, scope, amount: by_amount, unit, by, reason } => Self {
                rule: Some(budget.as_str().to_owned()),
                who: Some(by.clone()),
                rationale: joined(&[
                    &format!("by {}", amount(*by_amount, unit)),
                    scope,
                    reason.as_deref().unwrap_or_default(),
                ]),
                ..self
            },
            EventKind::Allotted { budget, scope, amount: given, unit, .. } => Self {
                rule: Some(budget.as_str().to_owned()),
                rationale: joined(&[&amount(*given, unit), scope]),
                ..self
            },
            EventKind::Pooled { budget, scope, amount: moved, unit, reason, .. } => Self {
                rule: Some(budget.as_str().to_owned()),
                rationale: joined(&[&amount(*moved, unit), scope, reason.as_deref().unwrap_or_default()]),
                ..self
            },
            EventKind::RunEnded { outcome, rule, .. } => Self {
                decision: Some(outcome.clone()),
                rule: rule.as_ref().map(|rule| rule.as_str().to_owned()),
                ..self
            },
            EventKind::RunResumed { by, .. } => Self { who: Some(by.clone()), ..self },
            EventKind::CutOff { requests, cost } => Self {
                cost: Some(*cost),
                rationale: format!("{} without an answer", count(u64::from(*requests), "request", "requests")),
                ..self
            },
            EventKind::Confirmed { thread, .. } | EventKind::Differed { thread, .. } => {
                Self { thread: Some(thread.as_str().to_owned()), ..self }
            }
            EventKind::ThreadSeen { thread, path, .. } => {
                Self { thread: Some(thread.as_str().to_owned()), rationale: path.clone(), ..self }
            }
            other => Self { rationale: life(other), ..self },
        }
    }

    /// It fits a tool's name, whatever its case; `*` stands for any end.
    pub fn is_of_tool(&self, wanted: &str) -> bool {
        let wanted = wanted.to_ascii_lowercase();
        self.tool.as_ref().map(|tool| tool.to_ascii_lowercase()).is_some_and(|tool| match wanted.strip_suffix('*') {
            Some(beginning) => tool.starts_with(beginning),
            None => tool == wanted,
        })
    }

    /// Somebody of this name did it: `alice` is `alice (cli)` and `alice (prompt)`, too.
    pub fn is_by(&self, wanted: &str) -> bool {
        self.who
            .as_ref()
            .is_some_and(|who| who == wanted || who.strip_prefix(wanted).is_some_and(|rest| rest.starts_with(" (")))
    }

    /// A rule of the policy matched.
    pub fn is_matched(&self) -> bool {
        self.rule.is_some()
    }

    /// A line of JSON: what it is, the text that is hashed, and its hash.
    pub fn to_json_line(&self, chain: Chain, data: &str, hash: &str) -> String {
        let money = |money: Option<Money>| money.map(Money::to_decimal);
        let line = json!({
            "at": rfc3339(self.at), "run": self.run, "seq": self.seq, "agent": self.agent, "type": self.kind,
            "tool": self.tool, "thread": self.thread, "model": self.model, "cost_usd": money(self.cost),
            "spent_usd": money(self.spent), "decision": self.decision, "rule": self.rule, "who": self.who,
            "rationale": self.rationale, "chain": chain.as_str(), "data": data, "hash": hash,
        });
        format!("{line}\n")
    }

    /// A line of CSV; of the chain it has the hash alone.
    pub fn to_csv_line(&self, hash: &str) -> String {
        let money = |money: Option<Money>| money.map(Money::to_decimal).unwrap_or_default();
        let word = |word: &Option<String>| csv::text(word.as_deref().unwrap_or_default());
        let cells = [
            rfc3339(self.at),
            word(&self.run),
            self.seq.to_string(),
            word(&self.agent),
            csv::text(&self.kind),
            word(&self.tool),
            word(&self.thread),
            word(&self.model),
            money(self.cost),
            money(self.spent),
            word(&self.decision),
            word(&self.rule),
            word(&self.who),
            csv::text(&self.rationale),
            hash.to_owned(),
        ];
        cells.join(",") + "\n"
    }

    /// The head of the CSV.
    pub fn csv_head() -> String {
        COLUMNS.join(",") + "\n"
    }

    /// A line for a person; agents are named where a run has several.
    pub fn item(&self, zone: chrono_tz::Tz, kind_width: usize) -> Item {
        let agent = self.agent.as_deref().map(|agent| format!("{agent}: ")).unwrap_or_default();
        let what = self.tool.as_deref().or(self.model.as_deref()).unwrap_or_default();
        let cost = self.cost.map(|cost| cost.to_string()).unwrap_or_default();
        let rule = self.rule.as_ref().map(|rule| format!("`{rule}`")).unwrap_or_default();
        let who = self.who.as_ref().map(|who| format!("by {who}")).unwrap_or_default();
        let decision = self.decision.as_deref().unwrap_or_default();
        let text = joined(&[what, &cost, decision, &rule, &self.rationale, &who]);
        let lead = format!("{}  {:kind_width$}", clock(self.at, zone), self.kind.replace('_', " "));
        Item::new(lead, format!("{agent}{text}"), self.tone())
    }

    /// Red where govern, or somebody, ended an agent; yellow where something was refused or kept waiting.
    fn tone(&self) -> Tone {
        let is = |words: &[&str]| self.decision.as_deref().is_some_and(|decision| words.contains(&decision));
        let ends = [Verb::Stop.as_str(), Verb::Kill.as_str(), Brake::Stop.as_str(), "failed"];
        match () {
            () if is(&ends) => Tone::Bad,
            () if is(&[
                "denied",
                Verb::Warn.as_str(),
                Verb::Ask.as_str(),
                Verb::Route.as_str(),
                Brake::Pause.as_str(),
            ]) =>
            {
                Tone::Warn
            }
            () => Tone::Plain,
        }
    }
}

/// What is told of a life in one text.
fn life(kind: &EventKind) -> String {
    match kind {
        EventKind::RunStarted { command, cwd, .. } => joined(&[&shell_words(command), &format!("in {cwd}")]),
        EventKind::AgentStarted { command, pid, .. } => joined(&[&shell_words(command), &format!("as process {pid}")]),
        EventKind::AgentEnded { code, because, .. } => joined(&[&format!("with code {code}"), because]),
        EventKind::AgentSkipped { because } => because.clone(),
        EventKind::Examined(examined) => examined.to_string(),
        EventKind::Marked { what } => what.clone(),
        EventKind::Skipped { path, lines, reason } => {
            joined(&[&count(*lines, "line", "lines"), &format!("of {path}"), reason])
        }
        EventKind::Requested { what, because, .. } => joined(&[what, because]),
        EventKind::Outcome { ok, detail, .. } => joined(&[if *ok { "done" } else { "failed" }, detail]),
        EventKind::Gated { reach } => format!(
            "hooks hold {}",
            match reach {
                crate::model::event::GateReach::Tools => "tools",
                crate::model::event::GateReach::Requests => "tools and requests",
            }
        ),
        EventKind::Registered { tier, priority, .. } => {
            let tier = tier.as_ref().map(|tier| format!("tier {tier}")).unwrap_or_default();
            joined(&[&tier, &format!("priority {priority}")])
        }
        EventKind::RunReopened => "something is added to a run that has ended".to_owned(),
        EventKind::RunResumed { .. }
        | EventKind::ThreadSeen { .. }
        | EventKind::Response(_)
        | EventKind::Confirmed { .. }
        | EventKind::Differed { .. }
        | EventKind::Decided(_)
        | EventKind::Asked { .. }
        | EventKind::Answered { .. }
        | EventKind::Extended { .. }
        | EventKind::Allotted { .. }
        | EventKind::Pooled { .. }
        | EventKind::Braked { .. }
        | EventKind::CutOff { .. }
        | EventKind::ToolCalled { .. }
        | EventKind::RunEnded { .. } => String::new(),
    }
}

/// Those that say something, with a comma between them.
fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AgentName;

    fn event(kind: EventKind) -> Event {
        Event {
            at: crate::report::tests::sample::at("2026-11-22T14:00:00Z"),
            run: "r1".into(),
            agent: Some(AgentName::new("web")),
            kind,
        }
    }

    fn call() -> Event {
        event(EventKind::ToolCalled {
            thread: "t1".into(),
            model: Some("gpt-6.1-sol".into()),
            tool: "Bash".to_owned(),
            input: String::new(),
            short: "git push, \"now\"".to_owned(),
            cost: Money::from_nanos(1_500_000_000),
            verdict: ToolVerdict::Denied,
            rule: Some("nothing leaves".to_owned()),
            because: Some("not today".to_owned()),
            by: Some("alice (cli)".to_owned()),
        })
    }

    #[test]
    fn a_call_says_who_what_when_why_and_how_much() {
        let action = Action::of(&call(), 7, "tool_called");
        insta::assert_snapshot!(format!(
            "{}{}{}{:?}",
            action.to_json_line(Chain::Run, "{}", "ab"),
            Action::csv_head(),
            action.to_csv_line("ab"),
            action.item(chrono_tz::Tz::UTC, 12)
        ));
        assert_eq!(COLUMNS.len(), Action::csv_head().split(',').count());
    }

    #[test]
    fn actions_are_found_by_tool_person_and_rule() {
        let action = Action::of(&call(), 7, "tool_called");
        for (tool, is) in [("bash", true), ("Ba*", true), ("apply_patch", false), ("*", true)] {
            assert_eq!(action.is_of_tool(tool), is, "{tool}");
        }
        for (who, is) in [("alice", true), ("alice (cli)", true), ("ali", false), ("bob", false)] {
            assert_eq!(action.is_by(who), is, "{who}");
        }
        assert!(action.is_matched());
        let ended = Action::of(&event(EventKind::AgentSkipped { because: "no".to_owned() }), 8, "agent_skipped");
        assert!(!ended.is_matched() && !ended.is_of_tool("*") && !ended.is_by("alice"));
    }

    #[test]
    fn links_that_no_run_tells_are_told() {
        let import = r#"{"kind":"import","at":"2026-11-22T14:00:00Z","first":1,"last":3,"rows":3,"digest":"ab"}"#;
        let action = Action::of_link(import, 4).unwrap();
        assert_eq!(action.rationale, "3 responses of session files that no run governed");
        assert!(action.is_of_ledger_alone());
        let seal = Action::of_link(r#"{"kind":"seal","run":"r1","at":"2026-11-22T14:00:00Z"}"#, 1).unwrap();
        assert!(!seal.is_of_ledger_alone() && seal.run.as_deref() == Some("r1"));
        for other in ["nonsense", "{}"] {
            assert_eq!(Action::of_link(other, 1), None);
        }
    }
}
