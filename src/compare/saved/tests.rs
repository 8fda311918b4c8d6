//! What acts saved, over runs whose figures are known.

use crate::model::event::{Answer, Decision, EventKind};
use crate::model::{
    Attribution, Basis, Billing, Cost, Event, Family, ModelId, Money, Response, ServiceTier, Source, Timestamp, Tokens,
    Verb, WorkClass,
};

use super::super::likely::tests::family;
use super::{ActedRun, Amount, Intervention, Saved, saved};

/// `sol` takes ten nano-dollars a token, one from the cache; `luna` a tenth of that. `strange` has no price.
pub(in crate::compare) fn quote(model: &ModelId, _: &ServiceTier, _: Timestamp, tokens: &Tokens) -> Cost {
    let each = match model.as_str() {
        "sol" => 100,
        "luna" => 10,
        _ => return Cost::Unpriced,
    };
    let new = tokens.input - tokens.cached_input + tokens.output;
    let tenths = new * each + tokens.cached_input * each / 10;
    Cost::Priced(Money::from_nanos(i64::try_from(tenths / 10).unwrap()))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_341_600 + second, 0).unwrap()
}

fn event(second: i64, kind: EventKind) -> Event {
    Event { at: at(second), run: "r1".into(), agent: Some("coder".into()), kind }
}

/// An answer of a hundred tokens to so many.
pub(in crate::compare) fn answer_of(model: &str, input: u64) -> Response {
    match answered(1, "t1", model, input, 0).kind {
        EventKind::Response(response) => *response,
        other => panic!("no answer: {other:?}"),
    }
}

fn answered(second: i64, thread: &str, model: &str, input: u64, cached_input: u64) -> Event {
    let tokens = Tokens { input, cached_input, output: 100, ..Tokens::default() };
    let response = Response {
        run: Some("r1".into()),
        agent: Some("coder".into()),
        thread: thread.into(),
        root: "t1".into(),
        key: format!("k{second}").as_str().into(),
        at: at(second),
        model: Some(model.into()),
        provider: None,
        tier: ServiceTier::Standard,
        tokens,
        cost: quote(&model.into(), &ServiceTier::Standard, at(second), &tokens),
        basis: Basis::Observed,
        billing: Billing::Api,
        attribution: Attribution::default(),
        source: Source::Record,
        work: None,
    };
    event(second, EventKind::Response(Box::new(response)))
}

fn decided(second: i64, verb: Verb, to: Option<&str>, would: bool) -> Event {
    event(
        second,
        EventKind::Decided(Decision {
            verb,
            budget: "each run".into(),
            scope: "run=r1".into(),
            alert: None,
            because: vec!["at 80 %".into()],
            would,
            to: to.map(ModelId::from),
            chosen: None,
            wrap_up: None,
        }),
    )
}

fn resumed(second: i64) -> Event {
    let kind = EventKind::RunResumed { by: "alice".into(), policy: String::new(), prices: String::new() };
    event(second, kind)
}

fn started_again(second: i64) -> Event {
    event(second, EventKind::AgentStarted { command: Vec::new(), pid: 1, resumes: Some("t1".into()) })
}

fn of(events: &[Event], own: &Family, others: &[Family]) -> Vec<Saved> {
    let (own, others) = (vec![own], others.iter().collect::<Vec<_>>());
    saved(&ActedRun { run: &"r1".into(), events, own: &own, others: &others }, &quote)
}

fn own() -> Family {
    family("shop", WorkClass::Edit, "sol", 100)
}

fn known(least: i64, most: i64) -> Amount {
    Amount::Known { least: Money::from_nanos(least), most: Money::from_nanos(most) }
}

#[test]
fn a_route_saved_the_same_tokens_at_the_old_price_and_at_least_so_much_with_the_old_cache() {
    let events = [
        answered(1, "t1", "sol", 10_000, 0),
        decided(2, Verb::Route, Some("luna"), false),
        // The cheaper model has nothing in its cache; the old one had all of the last request.
        answered(3, "t1", "luna", 12_000, 0),
        answered(4, "t1", "luna", 12_000, 12_000),
    ];
    let found = of(&events, &own(), &[]);
    // 121,000 and 13,000 on `sol`, a tenth of that on `luna`.
    let most = (121_000 - 12_100) + (13_000 - 1_300);
    assert_eq!(found[0].amount, known(most - 90_000, most));
    assert_eq!(found[0].because, "2 answers of `luna` in the place of `sol`");
    assert_eq!(found.len(), 1);
}

#[test]
fn the_second_of_two_routes_is_held_against_the_model_before_the_first() {
    let events = [
        answered(1, "t1", "sol", 1_000, 0),
        decided(2, Verb::Route, Some("strange"), false),
        answered(3, "t1", "strange", 1_000, 0),
        decided(4, Verb::Route, Some("luna"), false),
        answered(5, "t1", "luna", 1_000, 1_000),
    ];
    let found = of(&events, &own(), &[]);
    assert!(matches!(&found[0].amount, Amount::NotKnown(why) if why.contains("without a price")), "{found:?}");
    assert_eq!(found[1].amount, known(2_000 - 200, 2_000 - 200));
}

#[test]
fn threads_that_began_after_a_route_and_routes_that_never_came_off_are_not_counted() {
    let begun = [
        answered(1, "t1", "sol", 1_000, 0),
        decided(2, Verb::Route, Some("luna"), false),
        answered(3, "t2", "luna", 1_000, 0),
    ];
    let found = of(&begun, &own(), &[]);
    assert!(matches!(&found[0].amount, Amount::NotKnown(why) if why.contains("began after")), "{found:?}");
    assert_eq!(of(&begun[..2], &own(), &[]), []);
    let observed = [answered(1, "t1", "sol", 1_000, 0), decided(2, Verb::Route, Some("luna"), true), begun[2].clone()];
    assert_eq!(of(&observed, &own(), &[]), []);
}

#[test]
fn a_stop_saved_what_ten_like_runs_went_on_to_spend() {
    let events =
        [answered(1, "t1", "sol", 10, 0), decided(2, Verb::Stop, None, false), decided(3, Verb::Kill, None, false)];
    // Ten that went on by 10 to 100 cents, and many that ended before.
    let mut others: Vec<Family> =
        (1..=10).map(|more| family("shop", WorkClass::Edit, "sol", 100 + 10 * more)).collect();
    others.extend(vec![family("shop", WorkClass::Edit, "sol", 40); 20]);
    let found = of(&events, &own(), &others);
    assert_eq!(found.iter().map(|one| one.act).collect::<Vec<_>>(), [Intervention::Stop]);
    assert_eq!(found[0].amount, known(200_000_000, 800_000_000));
    assert_eq!(found[0].because, "it had spent $1.00; 10 like runs came so far, and on");
    let nine = of(&events, &own(), &others[1..]);
    assert_eq!(nine[0].amount, Amount::NotKnown("only 9 like runs came so far, and ten are needed".into()));
}

#[test]
fn an_answer_that_ends_an_agent_is_a_stop_and_one_that_lets_it_go_on_is_none() {
    let answer = |answer| {
        let kind =
            EventKind::Answered { approval: crate::model::ApprovalId(1), answer, by: "deadline".into(), reason: None };
        [answered(1, "t1", "sol", 10, 0), event(2, kind)]
    };
    let others = vec![family("shop", WorkClass::Edit, "sol", 150); 10];
    assert_eq!(of(&answer(Answer::Stop), &own(), &others)[0].amount, known(500_000_000, 500_000_000));
    assert_eq!(of(&answer(Answer::Once), &own(), &others), []);
}

#[test]
fn runs_of_another_model_argue_nothing_and_a_run_that_went_on_was_only_put_off() {
    let events = [answered(1, "t1", "sol", 10, 0), decided(2, Verb::Stop, None, false)];
    let luna = vec![family("shop", WorkClass::Edit, "luna", 200); 30];
    assert_eq!(
        of(&events, &own(), &luna)[0].amount,
        Amount::NotKnown("no like runs came so far, and ten are needed".into())
    );
    let site = vec![family("site", WorkClass::Review, "sol", 200); 10];
    assert_eq!(of(&events, &own(), &site)[0].amount, known(1_000_000_000, 1_000_000_000));
    let went_on = [events.as_slice(), &[resumed(9)]].concat();
    assert!(matches!(&of(&went_on, &own(), &site)[0].amount, Amount::NotKnown(why) if why.contains("went on")));
}

#[test]
fn a_thread_that_goes_on_reads_its_context_from_the_cache() {
    let events = [answered(1, "t1", "sol", 1_000, 0), started_again(5), answered(6, "t1", "sol", 1_200, 1_000)];
    let found = of(&events, &own(), &[]);
    assert_eq!((found[0].act, found[0].amount.clone()), (Intervention::Cache, known(0, 9_000)));
    // Another model has another cache: that is the route's to tell.
    let routed = [events[0].clone(), events[1].clone(), answered(6, "t1", "luna", 1_200, 1_000)];
    assert_eq!(of(&routed, &own(), &[]), []);
}

#[test]
fn what_steering_saved_nobody_knows() {
    let found = of(&[decided(2, Verb::Steer, None, false), decided(3, Verb::Throttle, None, false)], &own(), &[]);
    assert_eq!(found.iter().map(|one| one.act).collect::<Vec<_>>(), [Intervention::Steer, Intervention::Throttle]);
    assert!(found.iter().all(|one| matches!(one.amount, Amount::NotKnown(_))));
}
