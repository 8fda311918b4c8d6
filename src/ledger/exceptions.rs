//! What passed or bent a rule, as far as it is recorded: read from questions, extensions, grants and the runs' chains.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::model::event::{Decision, EventKind};
use crate::model::{
    AgentName, Alive, Approval, ApprovalState, Dimension, Event, Exception, ExceptionId, ExceptionKind, Grant, Money,
    Quantity, RunId, Subject, Timestamp, Unit, Verb, scope_in_words,
};

use super::grants;
use super::responses::Filter;
use super::rows::extension::{self, ExtensionRow};
use super::sums::SliceQuery;
use super::values::{at_least, before};
use super::{Ledger, LedgerError};

/// All of a time, the newest first.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn exceptions(ledger: &Ledger, filter: &Filter, alive: &Alive<'_>) -> Result<Vec<Exception>, LedgerError> {
    let mut found = extensions(ledger)?;
    found.extend(ledger.questions().all(false)?.iter().filter_map(unanswered));
    found.extend(grants::grants(ledger)?.iter().map(granted));
    found.extend(decided(ledger, filter)?);
    found.extend(unobserved(ledger, filter, alive)?);
    found.extend(unpriced(ledger, filter)?);
    let asked =
        |at: Timestamp| filter.since.is_none_or(|since| since <= at) && filter.until.is_none_or(|until| at < until);
    found.retain(|one| asked(one.at) && filter.run.as_ref().is_none_or(|run| one.run.as_ref() == Some(run)));
    found.sort_by(|one, other| (other.at, &one.id).cmp(&(one.at, &other.id)));
    Ok(found)
}

fn dollars(unit: Unit, amount: i64) -> Option<Money> {
    match unit {
        Unit::Usd => Some(Money::from_nanos(amount)),
        Unit::Tok | Unit::AllTok | Unit::Credits | Unit::Responses | Unit::ToolCalls | Unit::Minutes => None,
    }
}

/// ` for team=web`; nothing for everything, or for one run or agent, which is told apart.
fn per(scope: &str) -> String {
    let own_life = ["run=", "agent=", "thread="].iter().any(|start| scope.starts_with(start));
    if scope.is_empty() || own_life { String::new() } else { format!(" for {}", scope_in_words(scope)) }
}

/// Limits that were lifted, as runs tell.
fn extensions(ledger: &Ledger) -> Result<Vec<Exception>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(&format!("{} ORDER BY id", extension::SELECT))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let row = ExtensionRow::read(row)?;
        let Some(run) = row.told_by(&ledger.conn)? else { continue };
        let agent = lifted_for(ledger, &run, &row)?;
        let extension = row.extension()?;
        let (unit, amount) = (extension.key.unit, extension.amount);
        found.push(Exception {
            id: ExceptionId::new(format!("extension-{}", extension.id)),
            at: extension.at,
            kind: ExceptionKind::Extension,
            run: Some(run),
            agent,
            what: format!("`{}`{} lifted by {}", extension.key.budget, per(&extension.key.scope), unit.show(amount)),
            budget: Some(extension.key.budget),
            scope: extension.key.scope,
            raise: Some(Quantity { unit, amount }),
            amount: dollars(unit, amount),
            reason: extension.reason,
            by: Some(extension.by),
        });
    }
    Ok(found)
}

/// The agent for which a run says that it lifted a limit.
fn lifted_for(ledger: &Ledger, run: &RunId, row: &ExtensionRow) -> Result<Option<AgentName>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(
        "SELECT data FROM events WHERE run_no = (SELECT no FROM runs WHERE id = ?1)
         AND instr(data, '\"kind\":\"extended\"') > 0",
    )?;
    let mut rows = statement.query([run.as_str()])?;
    while let Some(event) = rows.next()? {
        let event: Option<Event> = serde_json::from_str(&event.get::<_, String>(0)?).ok();
        if let Some(event) = event.filter(|event| row.is_told_by(event)) {
            return Ok(event.agent);
        }
    }
    Ok(None)
}

/// A question that nobody answered in time, or that somebody answered with no.
fn unanswered(approval: &Approval) -> Option<Exception> {
    let (kind, word) = match approval.state {
        ApprovalState::Expired => (ExceptionKind::Expiry, "nobody answered in time"),
        ApprovalState::Denied => (ExceptionKind::Denial, "denied"),
        ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Withdrawn => return None,
    };
    Some(Exception {
        id: ExceptionId::new(format!("{kind}-{}", approval.id)),
        at: approval.answered.unwrap_or(approval.asked),
        kind,
        run: Some(approval.run.clone()),
        agent: Some(approval.agent.clone()),
        budget: Some(approval.budget.clone()),
        scope: approval.scope.clone(),
        raise: Some(approval.extend)
            .filter(|by| matches!(approval.about, Subject::Limit | Subject::Ahead) && by.amount > 0),
        amount: None,
        what: format!("{word}: {}", approval.question),
        reason: approval.reason.clone(),
        by: approval.by.clone(),
    })
}

fn granted(grant: &Grant) -> Exception {
    let scope = grant.scope.as_deref().map(per).unwrap_or_default();
    let back = grant.revoked.as_ref().map(|(_, by)| format!(", taken back by {by}")).unwrap_or_default();
    Exception {
        id: ExceptionId::new(format!("grant-{}", grant.id)),
        at: grant.at,
        kind: ExceptionKind::Grant,
        run: None,
        agent: None,
        budget: Some(grant.budget.clone()),
        scope: grant.scope.clone().unwrap_or_default(),
        raise: Some(grant.by_amount),
        amount: dollars(grant.by_amount.unit, grant.by_amount.amount),
        what: format!("`{}`{scope} lifted by {} for a time{back}", grant.budget, grant.by_amount),
        reason: Some(grant.reason.clone()),
        by: Some(grant.by.clone()),
    }
}

/// Where policies ended agents, and alerts fired: an alert that fires again for the same agent is told once.
fn decided(ledger: &Ledger, filter: &Filter) -> Result<Vec<Exception>, LedgerError> {
    let mut statement = ledger.conn.prepare_cached(
        "SELECT e.seq, e.data FROM events e JOIN runs r ON r.no = e.run_no
         WHERE instr(e.data, '\"kind\":\"decided\"') > 0 AND (r.ended IS NULL OR r.ended >= ?1) AND r.started < ?2
         ORDER BY e.run_no, e.seq",
    )?;
    let mut rows = statement.query(params![at_least(filter.since), before(filter.until)])?;
    let mut alerts: BTreeMap<(RunId, Option<AgentName>, String), (Exception, u64)> = BTreeMap::new();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let unreadable = |error| LedgerError::unreadable(format!("an event of a run: {error}"));
        let event: Event = serde_json::from_str(&row.get::<_, String>(1)?).map_err(unreadable)?;
        let EventKind::Decided(decision) = &event.kind else { continue };
        if decision.would {
            continue;
        }
        match (&decision.alert, decision.verb) {
            (Some(alert), _) => {
                let key = (event.run.clone(), event.agent.clone(), alert.to_string());
                let one = |kind| of_decision(&event, decision, kind, seq);
                let (known, times) = alerts.entry(key).or_insert_with(|| (one(ExceptionKind::Alert), 0));
                known.at = event.at;
                *times = times.saturating_add(1);
            }
            (None, Verb::Stop | Verb::Kill) => found.push(of_decision(&event, decision, ExceptionKind::Stop, seq)),
            (None, Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Route | Verb::Ask) => {}
        }
    }
    found.extend(alerts.into_values().map(|(one, times)| match times {
        ..=1 => one,
        times => Exception { what: format!("{} ({times} times)", one.what), ..one },
    }));
    Ok(found)
}

fn of_decision(event: &Event, decision: &Decision, kind: ExceptionKind, seq: i64) -> Exception {
    let verb = match kind {
        ExceptionKind::Alert => format!("{}, {}", decision.budget, decision.verb),
        _ => decision.verb.to_string(),
    };
    Exception {
        id: ExceptionId::new(format!("{kind}-{}-{seq}", event.run)),
        at: event.at,
        kind,
        run: Some(event.run.clone()),
        agent: event.agent.clone(),
        budget: Some(decision.budget.clone()),
        scope: decision.scope.clone(),
        raise: None,
        amount: None,
        what: format!("{verb}: {}", decision.because.first().map_or("", String::as_str)),
        reason: None,
        by: None,
    }
}

/// Agents of which part, or all, of what they spent could not be seen: each once a run.
fn unobserved(ledger: &Ledger, filter: &Filter, alive: &Alive<'_>) -> Result<Vec<Exception>, LedgerError> {
    let mut found: BTreeMap<(RunId, AgentName), Exception> = BTreeMap::new();
    for one in ledger.runs().unobserved(filter, alive)? {
        found.entry((one.run.clone(), one.agent.clone())).or_insert_with(|| Exception {
            id: ExceptionId::new(format!("unobserved-{}-{}", one.run, one.agent)),
            at: one.at,
            kind: ExceptionKind::Unobserved,
            run: Some(one.run),
            agent: Some(one.agent),
            budget: None,
            scope: String::new(),
            raise: None,
            amount: None,
            what: "part, or all, of what was spent could not be observed".to_owned(),
            reason: None,
            by: None,
        });
    }
    Ok(found.into_values().collect())
}

/// Models without a price, by run; of imported history together.
fn unpriced(ledger: &Ledger, filter: &Filter) -> Result<Vec<Exception>, LedgerError> {
    let (since, until) = (filter.since, filter.until);
    let query = SliceQuery { run: filter.run.as_ref(), since, until, by_run: true, ..SliceQuery::default() };
    let mut sums: BTreeMap<(Option<RunId>, Option<String>), u64> = BTreeMap::new();
    ledger.sums().each_slice(&query, |slice| {
        if slice.sum.unpriced > 0 {
            let model = slice.get(&Dimension::Model).map(str::to_owned);
            let sum = sums.entry((slice.run, model)).or_default();
            *sum = sum.saturating_add(slice.sum.unpriced);
        }
    })?;
    let mut found = Vec::new();
    for ((run, model), responses) in sums {
        let of_run = Filter { run: run.clone(), ..filter.clone() };
        let Some((_, last)) = ledger.sums().span(&of_run)? else { continue };
        let (place, model) = (run.as_ref().map_or("imported", RunId::as_str), model.as_deref().unwrap_or("unknown"));
        let responses = if responses == 1 { "1 response".to_owned() } else { format!("{responses} responses") };
        found.push(Exception {
            id: ExceptionId::new(format!("unpriced-{place}-{model}")),
            at: last,
            kind: ExceptionKind::Unpriced,
            what: format!("{responses} of `{model}`, which has no price"),
            run,
            agent: None,
            budget: None,
            scope: String::new(),
            raise: None,
            amount: None,
            reason: None,
            by: None,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::testing::*;
    use crate::model::{AlertName, Answer, BudgetName, Cost, Response};

    fn ids(ledger: &Ledger) -> Vec<String> {
        let found = exceptions(ledger, &Filter::default(), &|_| true).unwrap();
        found.iter().map(|one| one.id.to_string()).collect()
    }

    fn decision(verb: Verb, alert: Option<&str>, would: bool) -> Event {
        let Event { kind: EventKind::Decided(decision), .. } = decided_event("r1") else { panic!() };
        let budget = alert.map_or_else(|| decision.budget.clone(), BudgetName::new);
        let alert = alert.map(AlertName::new);
        event("r1", EventKind::Decided(Decision { verb, budget, alert, would, to: None, ..decision }))
    }

    fn decided_event(run: &str) -> Event {
        crate::ledger::tests::testing::decided(run)
    }

    #[test]
    fn stops_and_alerts_are_told_once_each_and_what_only_would_have_happened_is_not() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        turn(&mut ledger, |turn| {
            for event in [
                decision(Verb::Warn, None, false),
                decision(Verb::Warn, Some("loops"), false),
                decision(Verb::Warn, Some("loops"), false),
                decision(Verb::Stop, None, true),
                decision(Verb::Stop, None, false),
            ] {
                turn.append(&event).unwrap();
            }
        });
        let mut found = ids(&ledger);
        found.sort();
        assert_eq!(found, ["alert-r1-3", "stop-r1-6"]);
        let told = exceptions(&ledger, &Filter::default(), &|_| true).unwrap();
        assert!(told.iter().any(|one| one.what.ends_with("(2 times)")), "{told:?}");
    }

    #[test]
    fn a_lifted_limit_has_its_run_its_amount_and_its_reason_and_a_forged_one_is_none() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        turn(&mut ledger, |turn| extend(turn, "r1", &key("team=web"), 2_000_000_000, Some("the release"), None));
        turn(&mut ledger, |turn| turn.budgets().extend(&key("team=web"), 9, "nobody", None, None).unwrap());
        let found = exceptions(&ledger, &Filter::default(), &|_| true).unwrap();
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((only.run.as_ref().unwrap().as_str(), only.amount.unwrap().nanos()), ("r1", 2_000_000_000));
        assert_eq!(only.what, "`teams` for team=web lifted by $2.00");
        assert_eq!(only.reason.as_deref(), Some("the release"));
    }

    #[test]
    fn a_no_is_a_denial_and_silence_an_expiry() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        for (scope, state) in [("team=web", ApprovalState::Denied), ("team=infra", ApprovalState::Expired)] {
            turn(&mut ledger, |turn| {
                let asked = turn.questions().ask(&question(scope), &|_| true).unwrap();
                turn.questions()
                    .answer(asked.approval, state, Some(&Answer::Stop), "alice (cli)", Some("too much"))
                    .unwrap();
            });
        }
        let mut found = ids(&ledger);
        found.sort();
        assert_eq!(found, ["denial-1", "expiry-2"]);
    }

    #[test]
    fn what_has_no_price_is_told_by_run_and_model() {
        let mut ledger = Ledger::in_memory().unwrap();
        govern(&mut ledger, "r1");
        let unpriced = Response { cost: Cost::Unpriced, model: Some("strange".into()), ..response("r1", "t1", "a") };
        turn(&mut ledger, |turn| turn.append(&answered(unpriced)).unwrap());
        assert_eq!(ids(&ledger), ["unpriced-r1-strange"]);
        let later = Filter { since: Some(at(1)), ..Filter::default() };
        assert!(exceptions(&ledger, &later, &|_| true).unwrap().is_empty());
    }
}
