//! What a fleet is about to do: who starts when, on which model, with how much.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::budget::Amount;
use super::page::{Cell, Column, Item, Page, Table, Tone};
use super::rounding::{RoundedColumn, credit_column, money_column, scaled_column, signed_count_column};
use super::text::{count, duration};
use crate::model::{
    AgentName, BudgetName, CheckFails, ModelId, Money, Quantity, Registration, Unit, WorkCheck, WorkReview,
};

/// A fleet before anything of it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetPlan {
    /// What the fleet is called.
    pub name: String,
    /// How many agents may work at once; `None`: all that are ready.
    pub concurrency: Option<usize>,
    /// The budget over all of it.
    pub budget: Option<PlanBudget>,
    /// In the order in which they would start one at a time.
    pub rows: Vec<PlanRow>,
}

/// The budget over a fleet. Amounts are in the smallest part of the limit's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanBudget {
    /// Its name.
    pub name: BudgetName,
    /// All that may be spent.
    pub limit: Quantity,
    /// How it is shared out, such as `expected`; `None`: it is not.
    pub allot: Option<String>,
    /// What nobody is given at the start, whatever is expected.
    pub reserve: i64,
    /// What is not handed out, the reserve included; `None` where nothing is shared out.
    pub pool: Option<i64>,
}

/// One agent before it starts. Amounts are in the unit of the fleet's budget, else in nano-dollars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Its name.
    pub agent: AgentName,
    /// Those that must have ended well before.
    pub needs: Vec<AgentName>,
    /// The model that it starts on; `None` where Codex's configuration says it.
    pub model: Option<ModelId>,
    /// What it declares.
    pub registration: Registration,
    /// How often it is started again if it fails.
    pub retries: u32,
    /// What says whether its work is done.
    pub check: Option<WorkCheck>,
    /// Who says whether that is good enough.
    pub review: Option<WorkReview>,
    /// Where it works.
    pub folder: String,
    /// What agents like it took, where enough are known: four in five no more. In nano-dollars.
    pub likely: Option<Money>,
    /// The part of the budget that it is given.
    pub allotted: Option<i64>,
    /// The tightest limit over it, its allotment apart.
    pub limit: Option<i64>,
}

impl FleetPlan {
    fn unit(&self) -> Unit {
        self.budget.as_ref().map_or(Unit::Usd, |budget| budget.limit.unit)
    }

    fn expected(&self) -> Vec<Option<i64>> {
        self.rows.iter().map(|row| row.registration.expected(self.unit())).collect()
    }

    /// In the unit of the others: what others took is known in dollars.
    fn likely(&self) -> Vec<Option<i64>> {
        let in_dollars = self.unit() == Unit::Usd;
        self.rows.iter().map(|row| row.likely.filter(|_| in_dollars).map(Money::nanos)).collect()
    }

    fn allotted(&self) -> Vec<Option<i64>> {
        self.rows.iter().map(|row| row.allotted).collect()
    }

    /// As a person reads it.
    pub fn page(&self) -> Page {
        let mut page = Page::default();
        let agents = count(self.rows.len() as u64, "agent", "agents");
        let at_once = self.concurrency.map(|most| format!(", {most} at a time")).unwrap_or_default();
        page.title(format!("Fleet `{}`: {agents}{at_once}", self.name));
        page.table(self.table());
        page.list(self.notes());
        page
    }

    fn table(&self) -> Table {
        let columns = vec![
            Column::figure("#").spare(),
            Column::key("agent", 8),
            Column::name("needs", 8).useful(),
            Column::word("tier").spare(),
            Column::name("model", 8),
            Column::figure("expected"),
            Column::figure("likely").useful(),
            Column::figure("allotted"),
            Column::figure("limit").useful(),
        ];
        let (expected, allotted) = (self.column(&self.expected()), self.column(&self.allotted()));
        let likely = self.column(&self.likely());
        let rows = self.rows.iter().enumerate().map(|(place, row)| {
            let of = |column: &RoundedColumn| Cell::new(column.parts.get(place).map_or("", String::as_str));
            let names: Vec<&str> = row.needs.iter().map(AgentName::as_str).collect();
            vec![
                Cell::toned((place + 1).to_string(), Tone::Quiet),
                Cell::new(row.agent.as_str()),
                if names.is_empty() { Cell::unknown() } else { Cell::new(names.join(", ")) },
                Cell::or_unknown(row.registration.tier.as_deref()),
                row.model
                    .as_ref()
                    .map_or_else(|| Cell::toned("configured", Tone::Quiet), |model| Cell::new(model.as_str())),
                of(&expected),
                of(&likely),
                of(&allotted),
                row.limit.map_or_else(Cell::unknown, |limit| Cell::new(self.column(&[Some(limit)]).total)),
            ]
        });
        let limit = self.budget.as_ref().map(|budget| self.column(&[Some(budget.limit.amount)]).total);
        let strong = |text: &str| Cell::toned(text, Tone::Strong);
        let totals = vec![
            Cell::new(""),
            strong("total"),
            Cell::new(""),
            Cell::new(""),
            Cell::new(""),
            strong(&expected.total),
            strong(&likely.total),
            strong(&allotted.total),
            limit.map_or_else(Cell::unknown, |limit| strong(&limit)),
        ];
        let figures = self.budget.is_some() || self.expected().iter().chain(&self.allotted()).any(Option::is_some);
        self.without_silent(Table { columns, rows: rows.collect(), totals: figures.then_some(totals) })
    }

    /// Leaves out the columns that have nothing to say of any agent.
    fn without_silent(&self, mut table: Table) -> Table {
        let silent = |title: &str| match title {
            "needs" => self.rows.iter().all(|row| row.needs.is_empty()),
            "tier" => self.rows.iter().all(|row| row.registration.tier.is_none()),
            "expected" => self.expected().iter().all(Option::is_none),
            "likely" => self.likely().iter().all(Option::is_none),
            "allotted" => self.allotted().iter().all(Option::is_none),
            "limit" => self.budget.is_none() && self.rows.iter().all(|row| row.limit.is_none()),
            _ => false,
        };
        let told: Vec<bool> = table.columns.iter().map(|column| !silent(&column.title)).collect();
        let keep = |cells: &mut Vec<Cell>| {
            let mut told = told.iter().copied();
            cells.retain(|_| told.next().unwrap_or(true));
        };
        table.rows.iter_mut().chain(table.totals.as_mut()).for_each(keep);
        let mut told = told.iter().copied();
        table.columns.retain(|_| told.next().unwrap_or(true));
        table
    }

    fn notes(&self) -> Vec<Item> {
        let mut notes = Vec::new();
        if let Some(budget) = &self.budget {
            let show = |amount| self.column(&[Some(amount)]).total;
            let limit = show(budget.limit.amount);
            let text = match (&budget.allot, budget.pool) {
                (Some(by), Some(pool)) => {
                    let given = show(budget.limit.amount.saturating_sub(pool));
                    let reserve = match budget.reserve {
                        0 => String::new(),
                        reserve => format!(", {} of it in reserve", show(reserve)),
                    };
                    format!("{limit}: {given} allotted ({by}), {} in the pool{reserve}", show(pool))
                }
                (_, _) => format!("{limit}: all agents draw on it"),
            };
            notes.push(Item::new(format!("budget  `{}`", budget.name), text, Tone::Plain));
        } else {
            notes.push(Item::warning("The fleet has no budget of its own: add `[budget]` with a `limit`."));
        }
        let silent = self.expected().iter().filter(|amount| amount.is_none()).count();
        if silent > 0 && silent < self.rows.len() {
            let text = format!("not said by {}", count(silent as u64, "agent", "agents"));
            notes.push(Item::new("expected", text, Tone::Quiet));
        }
        if self.likely().iter().any(Option::is_some) {
            let text = "p80: four in five runs like it took no more (`govern estimate`)";
            notes.push(Item::new("likely", text, Tone::Quiet));
        }
        notes.extend(self.rows.iter().filter_map(passes));
        notes
    }

    /// Amounts of the fleet's unit that add up as they are shown.
    fn column(&self, amounts: &[Option<i64>]) -> RoundedColumn {
        const ABSENT: &str = "—";
        let wide: Vec<i128> = amounts.iter().map(|amount| i128::from(amount.unwrap_or_default())).collect();
        let shown = match self.unit() {
            Unit::Usd => {
                let money: Vec<Option<Money>> = amounts.iter().map(|amount| amount.map(Money::from_nanos)).collect();
                return money_column(&money, ABSENT);
            }
            Unit::Tok | Unit::AllTok | Unit::Responses | Unit::ToolCalls => signed_count_column(&wide),
            Unit::Credits => credit_column(&wide),
            Unit::Minutes => scaled_column(&wide, 60_000, " min"),
        };
        let part = |(text, amount): (String, &Option<i64>)| amount.map_or_else(|| ABSENT.to_owned(), |_| text);
        RoundedColumn { parts: shown.parts.into_iter().zip(amounts).map(part).collect(), total: shown.total }
    }
}

/// What the work of an agent has to pass before what needs it starts.
fn passes(row: &PlanRow) -> Option<Item> {
    let again = |check: &WorkCheck| match check.fails {
        CheckFails::Again => ", and may fail once if its thread can go on",
        CheckFails::Stop => "",
    };
    let check = row.check.as_ref().map(|check| format!("`{}` has to pass{}", check.shown, again(check)));
    let review = row.review.as_ref().map(|review| {
        let who = if review.approvers.is_empty() { "somebody".to_owned() } else { review.approvers.join(" or ") };
        format!("{who} has to say yes within {}", duration(review.wait))
    });
    let both: Vec<String> = check.into_iter().chain(review).collect();
    (!both.is_empty()).then(|| Item::new(format!("after   {}", row.agent), both.join(", then "), Tone::Plain))
}

/// A row, its place in the order, and the unit of its amounts.
struct Row<'a>(&'a PlanRow, usize, Unit);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(row, order, unit) = *self;
        let said = &row.registration;
        let amount = |amount: Option<i64>| amount.map(|amount| Amount(unit, amount));
        let of_own_unit = |quantity: Option<Quantity>| quantity.map(|quantity| Amount(quantity.unit, quantity.amount));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("order", &order)?;
        map.serialize_entry("agent", &row.agent)?;
        map.serialize_entry("needs", &row.needs)?;
        map.serialize_entry("priority", &said.priority.get())?;
        map.serialize_entry("retries", &row.retries)?;
        map.serialize_entry("check", &row.check.as_ref().map(|check| &check.shown))?;
        map.serialize_entry("reviewed_by", &row.review.as_ref().map(|review| &review.approvers))?;
        map.serialize_entry("folder", &row.folder)?;
        map.serialize_entry("tier", &said.tier)?;
        map.serialize_entry("model", &row.model)?;
        map.serialize_entry("expected", &amount(said.expected(unit)))?;
        map.serialize_entry("expected_spend", &of_own_unit(said.spend))?;
        map.serialize_entry("expected_spend_unit", &said.spend.map(|spend| spend.unit.as_str()))?;
        map.serialize_entry("expected_responses", &said.responses)?;
        map.serialize_entry("expected_minutes", &of_own_unit(said.minutes))?;
        map.serialize_entry("likely_p80_usd", &row.likely)?;
        map.serialize_entry("allotted", &amount(row.allotted))?;
        map.serialize_entry("limit", &amount(row.limit))?;
        map.end()
    }
}

impl Serialize for PlanBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amount = |amount| Amount(self.limit.unit, amount);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("unit", self.limit.unit.as_str())?;
        map.serialize_entry("limit", &amount(self.limit.amount))?;
        map.serialize_entry("allot", &self.allot)?;
        map.serialize_entry("reserve", &amount(self.reserve))?;
        map.serialize_entry("pool", &self.pool.map(amount))?;
        map.end()
    }
}

/// What the rows come to.
struct Totals<'a>(&'a FleetPlan);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.0.unit();
        // Nothing is known where no row says anything.
        let sum = |amounts: Vec<Option<i64>>| {
            amounts.into_iter().flatten().reduce(i64::saturating_add).map(|sum| Amount(unit, sum))
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("expected", &sum(self.0.expected()))?;
        map.serialize_entry("allotted", &sum(self.0.allotted()))?;
        map.end()
    }
}

impl Serialize for FleetPlan {
    /// `govern.fleet-plan/1`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.unit();
        let rows: Vec<Row<'_>> =
            self.rows.iter().enumerate().map(|(place, row)| Row(row, place.saturating_add(1), unit)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "govern.fleet-plan/1")?;
        map.serialize_entry("fleet", &self.name)?;
        map.serialize_entry("concurrency", &self.concurrency)?;
        map.serialize_entry("unit", unit.as_str())?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("totals", &Totals(self))?;
        map.end()
    }
}
