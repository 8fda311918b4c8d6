//! Where budgets stand and where they are heading: spent, reserved, left, forecast.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::footnotes::UNSEEN;
use super::forecast::{Forecast, Outlook, RULE};
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::plan_standing::{self, PlanStanding};
use super::rounding::{
    RoundedColumn, credit_column, grouped, money_column, scaled_column, share_column, signed_count_column,
};
use super::spawn_standing::SpawnStanding;
use super::text::{ahead, moment, rfc3339};
use crate::model::quantity::credits_exactly;
use crate::model::{BudgetName, Grant, LimitTold, Money, Quantity, Timestamp, Unit, scope_in_words};

/// One budget, for one thing that it is counted per, in one window. Amounts are in the unit's
/// smallest part: nano-dollars, tokens, responses, milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetStanding {
    /// Its name.
    pub budget: BudgetName,
    /// What it is counted per, such as `team=web`; empty for everything.
    pub scope: String,
    /// What it counts.
    pub unit: Unit,
    /// The policy's limit.
    pub limit: i64,
    /// What extensions added to it in this window.
    pub extended: i64,
    /// What grants add to it now, as far as the policy lets them.
    pub granted: i64,
    /// What was used.
    pub spent: i64,
    /// What live threads are likely to add.
    pub reserved: i64,
    /// When counting began; `None`: with the thing itself, or ever.
    pub window_start: Option<Timestamp>,
    /// When counting starts again; `None`: never.
    pub window_end: Option<Timestamp>,
    /// False where this ledger cannot know enough to bind it.
    pub earlier_known: bool,
    /// Part, or all, of what was used could not be seen: more was, and less is left.
    pub unobserved: bool,
}

impl BudgetStanding {
    /// The limit with its extensions and grants.
    pub fn allowed(&self) -> i64 {
        self.limit.saturating_add(self.extended).saturating_add(self.granted)
    }

    /// What is left of it, reserved or not yet; below zero when it was overshot.
    pub fn left(&self) -> i64 {
        self.allowed().saturating_sub(self.spent).saturating_sub(self.reserved)
    }

    /// Something was used, and nothing of it could be seen.
    pub fn is_unseen(&self) -> bool {
        self.unobserved && self.spent == 0
    }

    /// Nothing more may be spent: `--check` fails. A limit of nothing is kept as long as nothing was spent.
    pub fn is_over(&self) -> bool {
        self.spent >= self.allowed() && (self.spent > 0 || self.limit > 0)
    }

    /// Spent and reserved as a share of what is allowed, in thousandths.
    pub fn share(&self) -> i64 {
        let used = i128::from(self.spent) + i128::from(self.reserved);
        let allowed = i128::from(self.allowed()).max(1);
        i64::try_from(used * 1_000 / allowed).unwrap_or(i64::MAX)
    }

    /// `$4.93 + $0.21 reserved of $5.00`: why an early stop is no mistake.
    pub fn sentence(&self) -> String {
        let shown = self.shown();
        let part = |index: usize| shown.parts.get(index).map_or("", String::as_str);
        let reserved = if self.reserved == 0 { String::new() } else { format!(" + {} reserved", part(1)) };
        format!("{}{reserved} of {}", part(0), self.unit.show(self.allowed()))
    }

    /// Spent, reserved and left, rounded so that they add up to what is allowed.
    fn shown(&self) -> RoundedColumn {
        let parts = [self.spent, self.reserved, self.left()];
        let wide = parts.map(i128::from);
        match self.unit {
            Unit::Usd => money_column(&parts.map(|nanos| Some(Money::from_nanos(nanos))), ""),
            Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => signed_count_column(&wide),
            Unit::Minutes if self.allowed() < 600_000 => scaled_column(&wide, 1_000, " s"),
            Unit::Credits => credit_column(&wide),
            Unit::Minutes => scaled_column(&wide, 60_000, " min"),
        }
    }

    /// An amount of its unit, as its column shows amounts.
    fn amount(&self, amount: i64) -> String {
        match self.unit {
            Unit::Usd => money_column(&[Some(Money::from_nanos(amount))], "").total,
            Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => signed_count_column(&[amount.into()]).total,
            Unit::Credits | Unit::Minutes => self.unit.show(amount),
        }
    }

    fn tone(&self) -> Tone {
        if !self.earlier_known {
            Tone::Quiet
        } else if self.is_over() {
            Tone::Bad
        } else if self.share() >= 800 {
            Tone::Warn
        } else {
            Tone::Plain
        }
    }
}

/// A budget of another time than now: it binds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherTime {
    /// Which.
    pub budget: BudgetName,
    /// Where its window starts.
    pub start: Option<Timestamp>,
    /// Where it ends; that was before now, if it does not start later.
    pub end: Option<Timestamp>,
}

impl OtherTime {
    fn sentence(&self, at: Timestamp, zone: Tz) -> String {
        match (self.start, self.end) {
            (Some(start), _) if start > at => format!("`{}` begins on {}.", self.budget, moment(start, zone)),
            (_, Some(end)) => format!("`{}` ended on {}.", self.budget, moment(end, zone)),
            (_, None) => format!("`{}` binds nothing now.", self.budget),
        }
    }
}

impl Serialize for OtherTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("window_start", &self.start.map(rfc3339))?;
        map.serialize_entry("window_end", &self.end.map(rfc3339))?;
        map.end()
    }
}

/// A budget and where it is heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRow {
    /// How it stands.
    pub standing: BudgetStanding,
    /// Where that leads to.
    pub outlook: Outlook,
    /// Grants that hold now.
    pub grants: Vec<Grant>,
}

impl BudgetRow {
    /// `` `month` for team=web: $91.20 of $100.00, crosses on 25 Nov 09:40``.
    pub fn sentence(&self, at: Timestamp, zone: Tz) -> String {
        let crosses = match self.outlook.crosses() {
            _ if self.standing.is_over() => ", used up".to_owned(),
            Some(crosses) => format!(", crosses on {}", ahead(crosses, at, zone)),
            None => String::new(),
        };
        format!("`{}`{}: {}{crosses}", self.standing.budget, per(&self.standing.scope), self.standing.sentence())
    }

    /// How it feels.
    pub fn tone(&self) -> Tone {
        self.standing.tone()
    }

    fn pace(&self) -> Cell {
        let Some(pace) = self.outlook.pace else { return Cell::unknown() };
        // To the nearest tenth.
        let tenths = pace.saturating_add(50) / 100;
        let tone = if pace > 1_000 { Tone::Warn } else { Tone::Plain };
        Cell::toned(format!("{}.{}×", grouped((tenths / 10).into()), tenths % 10), tone)
    }

    fn forecast(&self) -> Cell {
        match self.outlook.forecast {
            Forecast::Unknown => Cell::unknown(),
            Forecast::Steady => Cell::toned("steady", Tone::Quiet),
            Forecast::End { amount, .. } => {
                let tone = if amount > self.standing.allowed() { Tone::Bad } else { Tone::Plain };
                Cell::toned(self.standing.amount(amount), tone)
            }
        }
    }
}

/// All budgets, for `govern budget`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetReport {
    /// In the order of the policy, each with all that it is counted per.
    pub rows: Vec<BudgetRow>,
    /// When this was so.
    pub at: Timestamp,
    /// Where windows begin and end.
    pub zone: Tz,
    /// The first moment that the ledger knows of: wider budgets bind only what it has seen since.
    pub since: Option<Timestamp>,
    /// Budgets whose window is not now.
    pub waiting: Vec<OtherTime>,
    /// Budgets over a ChatGPT plan's own limits.
    pub plans: Vec<PlanStanding>,
    /// Limits on sub-agents, for what runs, else for the last run.
    pub sub_agents: Vec<SpawnStanding>,
    /// What is known of the account's other limits, which no budget looks at.
    pub others: Vec<LimitTold>,
}

impl BudgetReport {
    /// Something is over its budget.
    pub fn any_over(&self) -> bool {
        self.rows.iter().any(|row| row.standing.is_over())
            || self.plans.iter().any(PlanStanding::is_over)
            || self.sub_agents.iter().any(SpawnStanding::is_over)
    }

    /// Something is expected to be over before its window ends.
    pub fn any_crosses(&self) -> bool {
        self.rows.iter().any(|row| row.outlook.crosses().is_some())
    }

    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        if self.rows.is_empty() && !(self.plans.is_empty() && self.sub_agents.is_empty()) {
            page.title(format!("Budgets ({})", self.zone.name()));
            page.list(
                self.of_sub_agents()
                    .chain(self.of_plans())
                    .chain(self.of_other_limits())
                    .chain(self.of_other_times())
                    .collect(),
            );
            return page;
        }
        if self.rows.is_empty() {
            page.list(vec![
                Item::note("No budget of a policy applies here. What `--budget` limits is shown by its run."),
                Item::note(BUDGET_HINT),
            ]);
            page.list(self.of_other_times().collect());
            return page;
        }
        page.title(format!("Budgets ({})", self.zone.name()));
        page.table(self.table());
        page.list(self.notes());
        page
    }

    fn table(&self) -> Table {
        let columns = vec![
            Column::key("budget", 8),
            Column::key("per", 8),
            Column::figure("spent"),
            Column::figure("reserved").spare(),
            Column::figure("left"),
            Column::figure("limit").useful(),
            Column::figure("used").spare(),
            Column::figure("pace").spare(),
            Column::figure("forecast").useful(),
            Column::word("resets").useful(),
        ];
        let rows = self.rows.iter().map(|row| {
            let standing = &row.standing;
            let shown = standing.shown();
            let part = |index: usize, tone| Cell::toned(shown.parts.get(index).map_or("", String::as_str), tone);
            let seen = |cell: Cell| if standing.is_unseen() { Cell::toned(UNSEEN, Tone::Warn) } else { cell };
            // Nothing has no shares.
            let used = match standing.allowed() {
                ..=0 => "—".to_owned(),
                allowed => share_column(&[Some(standing.spent), Some(standing.reserved)], allowed).total,
            };
            let limit = match standing.unit {
                Unit::Usd => shown.total.clone(),
                Unit::Credits | Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls | Unit::Minutes => {
                    standing.unit.show(standing.allowed())
                }
            };
            vec![
                Cell::new(standing.budget.as_str()),
                Cell::new(match standing.scope.as_str() {
                    "" => "everything".to_owned(),
                    scope => scope_in_words(scope),
                }),
                seen(part(0, Tone::Plain)),
                if standing.reserved == 0 { Cell::unknown() } else { part(1, Tone::Plain) },
                seen(part(2, standing.tone())),
                Cell::new(if standing.extended == 0 && standing.granted == 0 { limit } else { format!("{limit} *") }),
                seen(Cell::toned(used, standing.tone()).share(standing.share())),
                row.pace(),
                row.forecast(),
                match (standing.window_end, row.outlook.forecast) {
                    (Some(end), _) => Cell::new(ahead(end, self.at, self.zone)),
                    (None, Forecast::Steady) => Cell::toned("rolls", Tone::Quiet),
                    (None, Forecast::Unknown | Forecast::End { .. }) => Cell::toned("never", Tone::Quiet),
                },
            ]
        });
        without_silent_columns(Table { columns, rows: rows.collect(), totals: None })
    }

    /// ``* `teams`: $100.00 more until 5 Dec 00:00, by alice (cli): “the release” (grant 3).``
    fn granted(&self, name: &str, grant: &Grant) -> Item {
        let (until, id) = (ahead(grant.until, self.at, self.zone), grant.id);
        let Grant { by_amount, by, reason, .. } = grant;
        Item::note(format!("* {name}: {by_amount} more until {until}, by {by}: “{reason}” (grant {id})."))
    }

    fn of_sub_agents(&self) -> impl Iterator<Item = Item> {
        self.sub_agents.iter().map(|standing| standing.item("", &per(&standing.scope)))
    }

    fn of_plans(&self) -> impl Iterator<Item = Item> {
        self.plans.iter().map(|plan| plan.item(self.zone))
    }

    fn of_other_limits(&self) -> impl Iterator<Item = Item> {
        self.others.iter().filter_map(|told| plan_standing::of_another(told, self.at, self.zone))
    }

    fn of_other_times(&self) -> impl Iterator<Item = Item> {
        self.waiting.iter().map(|other| Item::note(other.sentence(self.at, self.zone)))
    }

    fn notes(&self) -> Vec<Item> {
        let mut notes = Vec::new();
        for BudgetRow { standing, outlook, grants } in &self.rows {
            let name = format!("`{}`{}", standing.budget, per(&standing.scope));
            if standing.extended != 0 {
                let shown = |amount| match standing.unit {
                    Unit::Usd => money_column(&[Some(Money::from_nanos(amount))], "").total,
                    unit => unit.show(amount),
                };
                let (limit, more) = (shown(standing.limit), shown(standing.extended));
                notes.push(Item::note(format!("* {name}: {limit}, extended by {more}.")));
            }
            notes.extend(grants.iter().map(|grant| self.granted(&name, grant)));
            if standing.is_over() {
                notes.push(Item::new("", format!("{name} is used up."), Tone::Bad));
            }
            if let Some(crosses) = outlook.crosses() {
                let when = ahead(crosses, self.at, self.zone);
                notes.push(Item::warning(format!("{name} crosses its limit on {when}, if it goes on so.")));
            }
            if standing.unobserved {
                let what = if standing.is_unseen() { "what was spent" } else { "part of what was spent" };
                notes.push(Item::warning(format!("{name}: {what} could not be observed: more is used up than this.")));
            }
            if !standing.earlier_known {
                notes.push(Item::warning(format!(
                    "{name} counts from this ledger's beginning: earlier spend is unknown."
                )));
            }
        }
        notes.extend(self.of_sub_agents());
        notes.extend(self.of_plans());
        notes.extend(self.of_other_limits());
        notes.extend(self.of_other_times());
        let forecasts = |row: &BudgetRow| row.outlook.forecast != Forecast::Unknown;
        if self.rows.iter().any(forecasts) {
            notes.push(Item::new("", format!("Forecast: {RULE}. Pace: 1.0× would last to the end."), Tone::Quiet));
        }
        if let Some(since) = self.since {
            let since = moment(since, self.zone);
            notes.push(Item::new("", format!("Counted from what this ledger has seen since {since}."), Tone::Quiet));
        }
        notes
    }
}

/// Leaves out the columns that have nothing to say of any budget.
fn without_silent_columns(mut table: Table) -> Table {
    let silent = |at: usize| table.rows.iter().all(|row| row.get(at) == Some(&Cell::unknown()));
    let told: Vec<bool> = (0..table.columns.len()).map(|at| !silent(at)).collect();
    let mut keep = told.iter().copied();
    table.columns.retain(|_| keep.next().unwrap_or(true));
    for row in &mut table.rows {
        let mut keep = told.iter().copied();
        row.retain(|_| keep.next().unwrap_or(true));
    }
    table
}

/// What to do where there is no budget.
const BUDGET_HINT: &str = "Set one with `govern run --budget 5usd -- …`, or write a policy with `govern init`.";

/// ` for team=web`; nothing for everything.
fn per(scope: &str) -> String {
    if scope.is_empty() { String::new() } else { format!(" for {}", scope_in_words(scope)) }
}

/// An amount as JSON spells it: dollars and credits as a decimal string, minutes as a number, counts as whole numbers.
pub(super) struct Amount(pub(super) Unit, pub(super) i64);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(unit, amount) = *self;
        match unit {
            Unit::Usd => Money::from_nanos(amount).serialize(serializer),
            Unit::Credits => serializer.serialize_str(&credits_exactly(amount)),
            Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => serializer.serialize_i64(amount),
            #[expect(clippy::cast_precision_loss, reason = "2⁵³ milliseconds are 285,000 years; only shown")]
            Unit::Minutes => serializer.serialize_f64((amount as f64 / 60.0).round() / 1_000.0),
        }
    }
}

impl Serialize for BudgetStanding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.put(&mut map)?;
        map.end()
    }
}

impl BudgetStanding {
    fn put<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let amount = |amount| Amount(self.unit, amount);
        let seen = |of| (!self.is_unseen()).then(|| amount(of));
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("scope", &self.scope)?;
        map.serialize_entry("unit", self.unit.as_str())?;
        map.serialize_entry("limit", &amount(self.limit))?;
        map.serialize_entry("extended", &amount(self.extended))?;
        map.serialize_entry("granted", &amount(self.granted))?;
        map.serialize_entry("spent", &seen(self.spent))?;
        map.serialize_entry("reserved", &amount(self.reserved))?;
        map.serialize_entry("left", &seen(self.left()))?;
        map.serialize_entry("used_permille", &(!self.is_unseen()).then(|| self.share()))?;
        map.serialize_entry("over", &self.is_over())?;
        map.serialize_entry("window_start", &self.window_start.map(rfc3339))?;
        map.serialize_entry("resets_at", &self.window_end.map(rfc3339))?;
        // The older name says less than it seems to: the budget binds, but earlier spend is not in it.
        map.serialize_entry("enforceable", &self.earlier_known)?;
        map.serialize_entry("earlier_spend_known", &self.earlier_known)?;
        map.serialize_entry("unobserved", &self.unobserved)
    }
}

/// A grant of a budget's row.
struct GrantJson<'a>(&'a Grant);

impl Serialize for GrantJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Quantity { unit, amount } = self.0.by_amount;
        let dollars = (unit == Unit::Usd).then(|| Money::from_nanos(amount));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("amount_usd", &dollars)?;
        map.serialize_entry("amount", &Amount(unit, amount))?;
        map.serialize_entry("until", &rfc3339(self.0.until))?;
        map.serialize_entry("by", &self.0.by)?;
        map.serialize_entry("reason", &self.0.reason)?;
        map.end()
    }
}

impl Serialize for BudgetRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, forecast, since) = match self.outlook.forecast {
            Forecast::Unknown => (None, None, None),
            Forecast::Steady => (Some("steady"), None, None),
            Forecast::End { amount, since, .. } => {
                (Some("window_end"), Some(Amount(self.standing.unit, amount)), Some(rfc3339(since)))
            }
        };
        let mut map = serializer.serialize_map(None)?;
        self.standing.put(&mut map)?;
        map.serialize_entry("pace_permille", &self.outlook.pace)?;
        map.serialize_entry("forecast_kind", &kind)?;
        map.serialize_entry("forecast", &forecast)?;
        map.serialize_entry("forecast_from", &since)?;
        map.serialize_entry("crosses_at", &self.outlook.crosses().map(rfc3339))?;
        map.serialize_entry("grants", &self.grants.iter().map(GrantJson).collect::<Vec<_>>())?;
        map.end()
    }
}

impl Serialize for BudgetReport {
    /// `govern.budget/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.budget/1")?;
        map.serialize_entry("at", &rfc3339(self.at))?;
        map.serialize_entry("timezone", self.zone.name())?;
        map.serialize_entry("ledger_since", &self.since.map(rfc3339))?;
        map.serialize_entry("over", &self.any_over())?;
        map.serialize_entry("crosses", &self.any_crosses())?;
        map.serialize_entry("forecast_rule", RULE)?;
        map.serialize_entry("rows", &self.rows)?;
        map.serialize_entry("plans", &self.plans)?;
        map.serialize_entry("sub_agents", &self.sub_agents)?;
        map.serialize_entry("other_limits", &plan_standing::Others(&self.others))?;
        map.serialize_entry("not_now", &self.waiting)?;
        map.end()
    }
}
