//! Responses that were recorded without a price, and one that comes later.

use crate::ledger::tests::testing::*;
use crate::ledger::{Filter, Ledger, Origin, PastResponse, SliceQuery, SumQuery, Verified};
use crate::model::{Cost, Dimension, Money, Repriced, Response, Timestamp};

const MODELS: [&str; 2] = ["gpt-6.3-sol", "gpt-7"];

/// A response without a price, `minutes` after the others.
fn unpriced(thread: &str, key: &str, model: &str, minutes: i64) -> Response {
    Response {
        model: Some(model.into()),
        cost: Cost::Unpriced,
        at: at(minutes * 60_000),
        ..response("r1", thread, key)
    }
}

fn import(ledger: &mut Ledger, response: &Response) {
    let Response { thread, root, model, provider, tier, billing, attribution, .. } = response.clone();
    let Response { key, at: when, tokens, cost, basis, .. } = response.clone();
    ledger
        .import(at(1_000_000_000), &|_| false, |batch| {
            let origin = Origin { thread, root, model, provider, tier, billing, attribution };
            let mut known = batch.origin(&origin)?;
            batch.add(&mut known, &PastResponse { key, at: when, tokens, cost, basis, work: None })
        })
        .unwrap();
}

/// One of a run, one imported, one of a model that nobody knows, one that had its price.
fn busy(ledger: &mut Ledger) {
    govern(ledger, "r1");
    turn(ledger, |turn| {
        turn.append(&seen("r1", "t1")).unwrap();
        turn.append(&answered(unpriced("t1", "a", MODELS[0], 0))).unwrap();
        turn.append(&answered(unpriced("t1", "b", MODELS[1], 1))).unwrap();
        turn.append(&answered(response("r1", "t1", "c"))).unwrap();
        turn.append(&ended("r1")).unwrap();
    });
    import(ledger, &unpriced("t2", "d", MODELS[0], 60 * 24));
}

/// A cent for the first model, estimated where the key says so.
fn cents(response: &Response) -> Cost {
    let cent = Money::from_nanos(10_000_000);
    match response.model.as_ref().map(|model| model.as_str() == MODELS[0]) {
        Some(true) if response.key.as_str() == "d" => Cost::Estimated(cent),
        Some(true) => Cost::Priced(cent),
        Some(false) | None => Cost::Unpriced,
    }
}

fn reprice(ledger: &mut Ledger) -> Repriced {
    ledger.reprice(at(5), "2026-12-01", &cents).unwrap()
}

/// Cost in cents, estimated and unpriced ones.
fn totals(ledger: &Ledger, since: Option<Timestamp>, until: Option<Timestamp>) -> (i64, u64, u64) {
    let sums = ledger.sums().rows(&SumQuery { since, until, ..SumQuery::default() }).unwrap();
    let sum = sums.first().map(|row| row.sum).unwrap_or_default();
    (sum.cost.nanos() / 10_000_000, sum.estimated, sum.unpriced)
}

#[test]
fn a_later_price_is_in_every_sum_and_the_chain_still_holds() {
    let mut ledger = Ledger::in_memory().unwrap();
    busy(&mut ledger);
    assert_eq!(totals(&ledger, None, None), (1, 0, 3));
    assert_eq!(reprice(&mut ledger), Repriced { responses: 2, cost: Money::from_nanos(20_000_000) });
    assert_eq!(totals(&ledger, None, None), (3, 1, 1));
    // By whole days, by quarters of an hour, by rows at the edges.
    assert_eq!(totals(&ledger, Some(at(0)), Some(at(1_000))), (2, 0, 0));
    assert_eq!(totals(&ledger, None, Some(at(30_000))), (2, 0, 0));
    assert_eq!(totals(&ledger, Some(at(30_000)), None), (1, 1, 1));
    let slices = ledger.sums().slices(&SliceQuery { by_run: true, by_thread: true, ..SliceQuery::default() }).unwrap();
    assert_eq!(slices.iter().map(|slice| slice.sum.cost.nanos() / 10_000_000).sum::<i64>(), 3);
    let by_model = ledger.sums().by(&[Dimension::Model], None, None).unwrap();
    assert!(by_model.iter().any(|(values, sum)| values[0].as_deref() == Some(MODELS[1]) && sum.unpriced == 1));
    let mut costs = Vec::new();
    ledger
        .responses()
        .each(&Filter::default(), |response| costs.push((response.key.to_string(), response.cost)))
        .unwrap();
    costs.sort_by(|one, other| one.0.cmp(&other.0));
    let cent = Money::from_nanos(10_000_000);
    let costs: Vec<Cost> = costs.into_iter().map(|(_, cost)| cost).collect();
    assert_eq!(costs, [Cost::Priced(cent), Cost::Unpriced, Cost::Priced(cent), Cost::Estimated(cent)]);
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }), "{:?}", ledger.audit().verify());
}

#[test]
fn a_price_is_given_once_and_what_stays_unknown_may_get_one_later() {
    let mut ledger = Ledger::in_memory().unwrap();
    busy(&mut ledger);
    reprice(&mut ledger);
    assert_eq!(reprice(&mut ledger), Repriced::default());
    let dearer = |_: &Response| Cost::Priced(Money::from_nanos(50_000_000));
    let done = ledger.reprice(at(6), "2027-01-01", &dearer).unwrap();
    assert_eq!(done, Repriced { responses: 1, cost: Money::from_nanos(50_000_000) });
    assert_eq!(totals(&ledger, None, None), (8, 1, 0));
    // Read again from its file it is known, at the price that it got.
    import(&mut ledger, &unpriced("t2", "d", MODELS[0], 60 * 24));
    assert_eq!(totals(&ledger, None, None), (8, 1, 0));
    assert!(matches!(ledger.audit().verify().unwrap(), Verified::Intact { .. }), "{:?}", ledger.audit().verify());
}

#[test]
fn later_prices_that_were_changed_or_made_by_hand_are_found() {
    for change in [
        "DROP TRIGGER repriced_stays; UPDATE repriced SET cost = 1",
        "DROP TRIGGER repriced_stays; UPDATE repriced SET pricing = 'priced'",
        "DROP TRIGGER repriced_remains; DELETE FROM repriced WHERE usage = 1",
        "DROP TRIGGER repriced_remains; DELETE FROM repriced",
        "INSERT INTO repriced SELECT id, 1, 'priced', 0 FROM usage WHERE key = 'b'",
        "INSERT INTO repriced SELECT id, (SELECT max(batch) FROM repriced), 'priced', 0 FROM usage WHERE key = 'b'",
        "INSERT INTO repriced SELECT id, (SELECT max(batch) FROM repriced), 'priced', 0 FROM usage WHERE key = 'c'",
    ] {
        let mut ledger = Ledger::in_memory().unwrap();
        busy(&mut ledger);
        reprice(&mut ledger);
        ledger.conn.execute_batch(change).unwrap();
        assert!(matches!(ledger.audit().verify().unwrap(), Verified::Broken { .. }), "{change}");
    }
    let mut ledger = Ledger::in_memory().unwrap();
    busy(&mut ledger);
    reprice(&mut ledger);
    let sure = ledger.conn.execute("UPDATE repriced SET cost = 1", []).unwrap_err().to_string();
    assert!(sure.contains("a price is given once"), "{sure}");
}
