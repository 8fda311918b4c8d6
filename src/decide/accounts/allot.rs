//! A budget is divided among the agents of a run, before any of them starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::event::{EventKind, GOVERNOR};
use crate::model::{AgentName, BudgetKey, Dimension, Granted, Quantity, Unit};
use crate::policy::rule::{Allot, AllotBy, Budget, LimitKey, Window};
use crate::policy::scope::Scope;

use super::account::Account;
use super::claims::is_shared;
use super::ids::AccountId;
use super::pool::{Pool, Share};
use super::{Accounts, Spenders};
use crate::decide::context::Context;
use crate::decide::message::Effects;

/// What each is given of what is left, the reserve aside.
///
/// # Errors
/// What the agents expect does not fit, or there is nothing to hand out: in words, for a person.
pub fn divide(
    unit: Unit,
    free: i64,
    by: AllotBy,
    expected: &BTreeMap<AgentName, Option<i64>>,
) -> Result<BTreeMap<AgentName, i64>, String> {
    let parts: BTreeMap<AgentName, i64> = match by {
        AllotBy::Pool => BTreeMap::new(),
        AllotBy::Expected => expected.iter().filter_map(|(name, said)| Some((name.clone(), (*said)?))).collect(),
        AllotBy::Equal => {
            let each = free.max(0).checked_div(i64::try_from(expected.len()).unwrap_or(i64::MAX)).unwrap_or(0);
            if each == 0 {
                return Err(format!("there is nothing to allot to {}", agents(expected.len())));
            }
            expected.keys().map(|name| (name.clone(), each)).collect()
        }
    };
    let all = parts.values().fold(0_i64, |sum, part| sum.saturating_add(*part));
    if all > free.max(0) && all > 0 {
        let who = if parts.len() == 1 { "its agent expects" } else { "its agents together expect" };
        return Err(format!("{who} {}, and {} can be allotted", unit.show(all), unit.show(free.max(0))));
    }
    Ok(parts)
}

fn agents(count: usize) -> String {
    if count == 1 { "its agent".to_owned() } else { format!("each of {count} agents") }
}

/// Divides what is left of budgets among the agents that fall under them, before any of them starts.
///
/// # Errors
/// What they expect does not fit: in words, for a person.
pub(in crate::decide) fn hand_out(
    accounts: &mut Accounts,
    cx: &Context<'_>,
    by: &Spenders<'_>,
    effects: &mut Effects,
) -> Result<(), String> {
    for whole in accounts.rules.clone() {
        let Some(allot) = &whole.allot else { continue };
        let current = |account: &Account| account.is_of(&whole) && !account.is_past(cx.now.wall);
        let wholes: Vec<AccountId> = accounts.ids().filter(|id| current(&accounts[*id])).collect();
        for id in wholes {
            match allot_one(accounts, cx, by, id, allot) {
                Ok(()) => {}
                Err(why) if accounts.observes(id) => effects.mark(None, format!("would refuse: {why}")),
                Err(why) => return Err(why),
            }
        }
    }
    open_allotments(accounts, cx, by, effects);
    Ok(())
}

fn allot_one(
    accounts: &mut Accounts,
    cx: &Context<'_>,
    by: &Spenders<'_>,
    id: AccountId,
    allot: &Allot,
) -> Result<(), String> {
    let account = &accounts[id];
    let (unit, key) = (account.key.unit, account.key.clone());
    let (taken, others) = left(accounts, cx, by, account, account);
    let reserve = i128::from(account.limit()) * i128::from(allot.reserve) / 1000;
    let mut tightest =
        (taken.saturating_sub(i64::try_from(reserve).unwrap_or(i64::MAX)), account, others, allot.reserve);
    let wider = wider(accounts, account);
    for around in &wider {
        let (left, others) = left(accounts, cx, by, around, account);
        if left < tightest.0 {
            tightest = (left, around, others, 0);
        }
    }
    let free = tightest.0;
    let setups = account.agents.iter().map(|who| &by.agents[*who].setup);
    let expected: BTreeMap<AgentName, Option<i64>> =
        setups.map(|setup| (setup.name.clone(), setup.registration.expected(unit))).collect();
    let parts = divide(unit, free, allot.by, &expected).map_err(|why| {
        let (_, found, others, reserve) = tightest;
        let name = if found.key == key { String::new() } else { format!("{}: ", found.key.budget) };
        format!("{}: {why}: {name}{}", key.budget, left_of(found, others, reserve))
    })?;
    let wider = wider.iter().map(|around| (Arc::clone(&around.rule), around.values.clone())).collect();
    let (whole, values) = (Arc::clone(&account.rule), account.values.clone());
    let rule = if parts.is_empty() { None } else { Some(rule_of(accounts, &whole, allot, unit, &parts)) };
    let share = |(name, expected): (AgentName, Option<i64>)| {
        let allotted = parts.get(&name).copied();
        (name, Share { expected, allotted, ..Share::default() })
    };
    let mut shares: BTreeMap<AgentName, Share> = expected.into_iter().map(share).collect();
    // What the governor model is asked comes out of the pool.
    shares.extend(accounts.adviser.is_some().then(|| (AgentName::new(GOVERNOR), Share::default())));
    let (taken, lifted, spoken_for) = (taken.max(0), 0, 0);
    accounts.pools.add(Pool { whole, rule, values, key, wider, taken, lifted, spoken_for, shares });
    Ok(())
}

/// The other budgets that hold all who spend from this one: nobody can be promised what those have not. One that
/// counts threads or models knows only later what it holds; one that ends nobody is no limit.
fn wider<'a>(accounts: &'a Accounts, whole: &Account) -> Vec<&'a Account> {
    let late = |dimension: &Dimension| matches!(dimension, Dimension::Thread | Dimension::Model | Dimension::Work);
    let holds = |(id, account): &(AccountId, &Account)| {
        let dims = account.per.iter().chain(account.rule.scope.only.dimensions());
        account.key != whole.key
            && account.key.unit == whole.key.unit
            && whole.agents.is_subset(&account.agents)
            && !dims.into_iter().any(late)
            && account.rule.is_hard()
            && !accounts.observes(*id)
    };
    accounts.with_ids().filter(holds).map(|(_, account)| account).collect()
}

/// What can be promised of an account to those that spend from `whole`, and what of it other runs claim.
fn left(accounts: &Accounts, cx: &Context<'_>, by: &Spenders<'_>, account: &Account, whole: &Account) -> (i64, i64) {
    let others = if is_shared(&account.rule) { cx.books.reserved_by_others(&account.key).max(0) } else { 0 };
    let beside = account.agents.difference(&whole.agents).map(|who| accounts.pools.promised(account, &by.agents[*who]));
    let taken = beside.fold(account.spent.saturating_add(others), i64::saturating_add);
    (account.limit().saturating_sub(taken), others)
}

/// The budget that allotments out of this one are judged by, with these limits in it.
fn rule_of(
    accounts: &mut Accounts,
    whole: &Budget,
    allot: &Allot,
    unit: Unit,
    parts: &BTreeMap<AgentName, i64>,
) -> Arc<Budget> {
    let limits =
        parts.iter().map(|(name, amount)| (LimitKey::single(name.as_str()), Quantity { unit, amount: *amount }));
    let rule = Arc::new(Budget {
        scope: Scope { per: vec![Dimension::Agent], only: whole.scope.only.clone() },
        window: Window::Life,
        limit: None,
        limits: limits.collect(),
        steps: allot.steps.clone(),
        allot: None,
        ..whole.clone()
    });
    accounts.rules.push(Arc::clone(&rule));
    rule
}

/// Each allotment is an account of its own. An agent that goes on is allotted anew, beside what it has spent.
fn open_allotments(accounts: &mut Accounts, cx: &Context<'_>, by: &Spenders<'_>, effects: &mut Effects) {
    for who in by.agents.ids() {
        accounts.open_current(cx, by, who);
    }
    let mut told = Vec::new();
    for account in &mut accounts.list {
        let Some(pool) = accounts.pools.iter().find(|pool| pool.is_share(account)) else { continue };
        let amount = account.base;
        account.allotted = true;
        // A grant lifts the whole that this is a part of.
        account.granted = Granted::default();
        account.base = amount.saturating_add(account.spent).saturating_sub(account.extended);
        account.fired = account.still_behind(account.fired);
        told.push((pool.agent(account), pool.key.clone(), amount, pool.rest().max(0)));
    }
    for (agent, BudgetKey { budget, scope, unit, .. }, amount, pool) in told {
        let unit = unit.as_str().to_owned();
        effects.record(agent.as_ref(), EventKind::Allotted { budget, scope, amount, unit, pool });
    }
}

/// `$10.00 less $1.60 spent, $0.40 claimed by other runs and 10% in reserve`.
fn left_of(account: &Account, others: i64, reserve: u32) -> String {
    let unit = account.key.unit;
    let mut less = vec![format!("{} spent", unit.show(account.spent))];
    if others > 0 {
        less.push(format!("{} claimed by other runs", unit.show(others)));
    }
    if reserve > 0 {
        less.push(format!("{}% in reserve", f64::from(reserve) / 10.0));
    }
    let last = less.pop().unwrap_or_default();
    let less = if less.is_empty() { last } else { format!("{} and {last}", less.join(", ")) };
    format!("{} less {less}", unit.show(account.limit()))
}
