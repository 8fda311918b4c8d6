//! Sums add up, whichever way they are asked.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::ledger::tests::testing::*;
use crate::ledger::{Ledger, SliceQuery, SumQuery};
use crate::model::{Attribution, Cost, Dimension, Money, Response, Sum, Timestamp, Tokens, Unit, WorkClass};

fn with(responses: &[Response]) -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    govern(&mut ledger, "r2");
    turn(&mut ledger, |turn| {
        for response in responses {
            turn.append(&answered(response.clone())).unwrap();
        }
    });
    ledger
}

#[test]
fn unpriced_and_estimated_responses_are_counted_apart() {
    let one = |key: &str, cost| Response { cost, ..response("r1", "t1", key) };
    let ledger = with(&[
        one("1", Cost::Priced(Money::from_nanos(7))),
        one("2", Cost::Estimated(Money::from_nanos(3))),
        one("3", Cost::Unpriced),
    ]);
    let sum = ledger.sums().by(&[], None, None).unwrap()[0].1;
    assert_eq!((sum.responses, sum.cost.nanos(), sum.estimated, sum.unpriced), (3, 10, 1, 1));
    let amounts = [Unit::Usd, Unit::Tok, Unit::AllTok, Unit::Responses, Unit::Minutes].map(|unit| sum.amount(unit));
    assert_eq!(amounts, [Some(10), Some(1950), Some(3150), Some(3), None]);
}

#[test]
fn absurd_counts_stay_at_the_end_of_the_scale() {
    let absurd = Tokens { input: u64::MAX, output: u64::MAX, ..Tokens::default() };
    let cost = Cost::Priced(Money::from_nanos(i64::MAX));
    let many: Vec<Response> =
        (0..3).map(|n| Response { tokens: absurd, cost, ..response("r1", "t1", &n.to_string()) }).collect();
    let ledger = with(&many);
    let dims = [Dimension::Team];
    let rolled = ledger.sums().by(&dims, None, None).unwrap()[0].1;
    assert_eq!(rolled.cost.nanos(), i64::MAX);
    assert_eq!(rolled.amount(Unit::AllTok), Some(i64::MAX));
    let apart = ledger.sums().by(&[Dimension::Run], None, None).unwrap()[0].1;
    assert_eq!(apart.cost.nanos(), i64::MAX);
    // A run that is still open is all that an audit finds.
    assert!(matches!(ledger.audit().verify().unwrap(), crate::ledger::Verified::Open { .. }));
}

#[test]
fn an_absurd_record_before_a_window_hides_nothing_of_what_was_spent_in_it() {
    let day = 86_400_000;
    let absurd = Response { cost: Cost::Priced(Money::from_nanos(i64::MAX)), ..response("r1", "t1", "absurd") };
    let mut many = vec![Response { at: at(0), ..absurd }];
    many.extend((1..9).map(|n| Response {
        at: at(n * day + 5),
        cost: Cost::Priced(Money::from_nanos(7)),
        ..response("r1", "t1", &n.to_string())
    }));
    let ledger = with(&many);
    let since = |from: i64| ledger.sums().by(&[Dimension::Team], Some(at(from * day)), None).unwrap()[0].1.cost.nanos();
    assert_eq!([since(1), since(2), since(8)], [56, 49, 7]);
}

#[test]
fn time_comes_in_pieces_that_fit_every_time_zones_day() {
    let quarter = 900_000;
    let times = [0, quarter - 1, quarter, 4 * quarter];
    let many: Vec<Response> =
        times.iter().map(|t| Response { at: at(*t), ..response("r1", "t1", &t.to_string()) }).collect();
    let ledger = with(&many);
    let starts = |millis: i64| {
        let piece = move |quarter: Timestamp| {
            let start = quarter.timestamp_millis().div_euclid(millis) * millis;
            Timestamp::from_timestamp_millis(start).unwrap()
        };
        let rows = ledger.sums().rows(&SumQuery { piece: Some(&piece), ..SumQuery::default() }).unwrap();
        rows.iter().map(|row| (row.start.unwrap(), row.sum.responses)).collect::<Vec<_>>()
    };
    assert_eq!(starts(quarter), [(at(0), 2), (at(quarter), 1), (at(4 * quarter), 1)]);
    assert_eq!(starts(4 * quarter), [(at(0), 3), (at(4 * quarter), 1)]);
}

#[test]
fn a_scope_is_spent_exactly_and_unknown_is_a_value_of_its_own() {
    let nobody = Response { attribution: Attribution::default(), ..response("r2", "t2", "1") };
    let mut ledger = with(&[response("r1", "t1", "1"), response("r1", "t1", "2"), nobody]);
    turn(&mut ledger, |turn| {
        let spent = |scope: &[(Dimension, Option<&str>)]| {
            let scope: Vec<_> = scope.iter().map(|(dim, value)| (dim.clone(), value.map(str::to_owned))).collect();
            turn.sums().spent(&scope, None, None).unwrap().responses
        };
        assert_eq!(spent(&[]), 3);
        assert_eq!(spent(&[(Dimension::Team, Some("web"))]), 2);
        assert_eq!(spent(&[(Dimension::Team, None)]), 1);
        assert_eq!(spent(&[(Dimension::Team, Some("infra"))]), 0);
        assert_eq!(spent(&[(Dimension::Thread, Some("t1"))]), 2);
        assert_eq!(spent(&[(Dimension::Run, Some("r2")), (Dimension::Agent, Some("coder"))]), 1);
    });
}

/// A response's place in time, thread, run, team and model.
fn any_response() -> impl Strategy<Value = (i64, u8, u8, u8, u8, u32)> {
    (0_i64..400_000_000, 0_u8..3, 0_u8..2, 0_u8..3, 0_u8..2, 0_u32..1000)
}

fn build(parts: &[(i64, u8, u8, u8, u8, u32)]) -> Vec<Response> {
    let make = |(n, (time, thread, run, team, model, nanos)): (usize, &(i64, u8, u8, u8, u8, u32))| Response {
        at: at(*time),
        model: (*model > 0).then(|| format!("m{model}").as_str().into()),
        attribution: Attribution { team: (*team > 0).then(|| format!("team {team}")), ..Attribution::default() },
        cost: Cost::Priced(Money::from_nanos((*nanos).into())),
        ..response(&format!("r{}", run + 1), &format!("t{thread}"), &n.to_string())
    };
    parts.iter().enumerate().map(make).collect()
}

/// What adding the responses of a window up one by one gives.
fn added_up<K: Ord>(
    responses: &[Response],
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    key: impl Fn(&Response) -> K,
) -> Vec<(K, Sum)> {
    let mut sums: BTreeMap<K, Sum> = BTreeMap::new();
    let inside = |response: &&Response| {
        since.is_none_or(|since| response.at >= since) && until.is_none_or(|until| response.at < until)
    };
    for response in responses.iter().filter(inside) {
        sums.entry(key(response)).or_default().add(&Sum::of(response));
    }
    sums.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Any window by any dimensions gives what adding the responses up one by one gives.
    #[test]
    fn sums_are_those_of_the_responses(
        parts in prop::collection::vec(any_response(), 0..40),
        window in (prop::option::of(0_i64..400_000_000), prop::option::of(0_i64..400_000_000)),
        which in 0_usize..5,
    ) {
        let responses = build(&parts);
        let ledger = with(&responses);
        let (since, until) = (window.0.map(at), window.1.map(at));
        let dims = [
            vec![],
            vec![Dimension::Team],
            vec![Dimension::Model, Dimension::Team],
            vec![Dimension::Run],
            vec![Dimension::Thread, Dimension::Model],
        ][which].clone();
        let key = |response: &Response| -> Vec<Option<String>> {
            dims.iter().map(|dimension| response.get(dimension).map(str::to_owned)).collect()
        };
        prop_assert_eq!(ledger.sums().by(&dims, since, until).unwrap(), added_up(&responses, (since, until), key));
    }

    /// Classes of work change while their turns go on: each sum is of what the responses are in the end, and no other sum
    /// has changed.
    #[test]
    fn classes_that_change_move_their_sums_and_no_others(
        parts in prop::collection::vec(any_response(), 0..40),
        told in prop::collection::vec(0_usize..8, 40),
        changes in prop::collection::vec((0_usize..7, prop::collection::vec(0_usize..40, 0..6)), 0..8),
        window in (prop::option::of(0_i64..400_000_000), prop::option::of(0_i64..400_000_000)),
        beside in 0_usize..4,
    ) {
        let mut responses = build(&parts);
        for (response, told) in responses.iter_mut().zip(&told) {
            response.work = WorkClass::ALL.get(*told).copied();
        }
        let mut ledger = with(&responses);
        let dims: Vec<Dimension> =
            [Dimension::Team, Dimension::Thread, Dimension::Run].into_iter().take(beside).collect();
        let (since, until) = (window.0.map(at), window.1.map(at));
        let before = ledger.sums().by(&dims, since, until).unwrap();
        for (class, places) in &changes {
            let class = WorkClass::ALL[*class];
            let mut moved = Vec::new();
            for place in places {
                if let Some(response) = responses.get_mut(*place) {
                    response.work = Some(class);
                    moved.push((response.thread.clone(), response.key.clone()));
                }
            }
            turn(&mut ledger, |turn| turn.classify(class, &moved).unwrap());
        }
        prop_assert_eq!(ledger.sums().by(&dims, since, until).unwrap(), before);
        let mut by_class = dims.clone();
        by_class.push(Dimension::Work);
        let key = |response: &Response| -> Vec<Option<String>> {
            by_class.iter().map(|dimension| response.get(dimension).map(str::to_owned)).collect()
        };
        prop_assert_eq!(ledger.sums().by(&by_class, since, until).unwrap(), added_up(&responses, (since, until), key));
        let is_sound = matches!(ledger.audit().verify().unwrap(), crate::ledger::Verified::Open { .. });
        prop_assert!(is_sound);
    }

    /// Whatever is kept apart, and in whichever zone days begin, slices are those of the responses.
    #[test]
    fn slices_are_those_of_the_responses(
        parts in prop::collection::vec(any_response(), 0..40),
        window in (prop::option::of(0_i64..400_000_000), prop::option::of(0_i64..400_000_000)),
        (by_run, by_thread) in (any::<bool>(), any::<bool>()),
        zone in prop::sample::select(vec![None, Some(0_i64), Some(8), Some(-23), Some(39)]),
        only in prop::option::of(0_u8..2),
    ) {
        let responses = build(&parts);
        let ledger = with(&responses);
        let (since, until) = (window.0.map(at), window.1.map(at));
        let day_of = |time: Timestamp, quarters: i64| {
            let offset = quarters * 900_000;
            let start = (time.timestamp_millis() + offset).div_euclid(86_400_000) * 86_400_000 - offset;
            Timestamp::from_timestamp_millis(start).unwrap()
        };
        let piece = |time: Timestamp| day_of(time, zone.unwrap_or(0));
        let run = only.map(|run| crate::model::RunId::new(format!("r{}", run + 1)));
        let query = SliceQuery {
            run: run.as_ref(), since, until, by_run, by_thread, by_work: false,
            piece: if zone.is_some() { Some(&piece) } else { None },
        };
        let mine: Vec<Response> =
            responses.into_iter().filter(|response| run.is_none() || response.run == run).collect();
        let key = |response: &Response| (
            zone.map(|_| piece(response.at)),
            response.run.clone().filter(|_| by_run),
            response.thread.as_str().to_owned().into(),
            response.model.clone(),
            response.attribution.team.clone(),
        );
        let key = |response: &Response| {
            let (start, run, thread, model, team): (_, _, Option<String>, _, _) = key(response);
            (start, run, thread.filter(|_| by_thread), model, team)
        };
        let found: BTreeMap<_, _> = ledger.sums().slices(&query).unwrap().into_iter().map(|slice| {
            let thread = slice.thread.map(|thread| thread.as_str().to_owned());
            ((slice.start, slice.run, thread, slice.model, slice.attribution.team), slice.sum)
        }).collect();
        prop_assert_eq!(found.into_iter().collect::<Vec<_>>(), added_up(&mine, (since, until), key));
    }
}
