//! The rule as a table that a reader can study, and what holds for all facts.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::Quantity;

const CENT: i64 = 10_000_000;

/// Forty minutes into a run, $1.60 of $2.00 spent, five dollars in the pool.
fn facts() -> Facts {
    Facts {
        unit: Unit::Usd,
        strict: false,
        needed: 5 * CENT,
        offer: 40 * CENT,
        pool: Some(Stock { size: 500 * CENT, allotted: 200 * CENT, given: 0 }),
        rate: Some(31 * CENT),
        declared: Some(40 * CENT),
        progress: Progress::default(),
        uptime: minutes(40),
        growth: Some(Growth { first: 12_000, last: 30_000, cached: 900 }),
        cheaper: Some(Cheaper { model: ModelId::new("cheap"), saves: 400, fits: true }),
        priority: Priority::default(),
        waiting: 0,
        askable: true,
        slowable: true,
        floor: None,
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn changed(ago: &[u64]) -> Progress {
    Progress { changes: ago.iter().rev().map(|ago| minutes(40 - ago)).collect(), ..Progress::default() }
}

fn failing(times: u32) -> Progress {
    let failing = Some(Streak { command: "cargo test".to_owned(), times });
    Progress { failing, commands: 20, ..changed(&[20]) }
}

fn repeated(times: u32) -> Progress {
    Progress { repeated: Some(Streak { command: "rg TODO".to_owned(), times }), commands: 20, ..Progress::default() }
}

fn all() -> May {
    let verbs = vec![Verb::Steer, Verb::Throttle, Verb::Route, Verb::Ask, Verb::Stop, Verb::Kill];
    May { extend: true, verbs, max_extend: None, to: None }
}

fn may(extend: bool, verbs: &[Verb]) -> May {
    May { extend, verbs: verbs.to_vec(), ..all() }
}

fn pool(size: i64, given: i64) -> Option<Stock> {
    Some(Stock { size: size * CENT, allotted: 200 * CENT, given: given * CENT })
}

fn tell(out: &mut String, what: &str, facts: &Facts, may: &May) {
    for strict in [false, true] {
        let chosen = choose(&Facts { strict, ..facts.clone() }, may);
        let at = if strict { "at the limit" } else { "below it" };
        let open = if chosen.open { "  (open)" } else { "" };
        writeln!(out, "{what}, {at}\n    {}{open}", chosen.rationale).unwrap();
    }
}

#[test]
fn the_rule() {
    let mut out = String::new();
    let advances = || Facts { progress: changed(&[1, 2, 4, 12]), ..facts() };
    let fast = || Facts { rate: Some(95 * CENT), ..facts() };
    let dear = Some(Cheaper { model: ModelId::new("cheap"), saves: 50, fits: false });
    let cases = [
        ("advances, two wait", Facts { waiting: 2, ..advances() }),
        ("advances, the pool is empty", Facts { pool: pool(0, 0), ..advances() }),
        ("advances, the pool is nearly empty", Facts { pool: pool(3, 0), ..advances() }),
        (
            "advances, nothing in the pool and no cheaper model that helps",
            Facts { pool: pool(0, 0), cheaper: dear, ..advances() },
        ),
        ("advances and is fast", Facts { rate: Some(95 * CENT), ..advances() }),
        (
            "advances, little in the pool and it matters less",
            Facts { priority: Priority::new(2).unwrap(), pool: pool(8, 0), ..advances() },
        ),
        (
            "the same, and one waits for it",
            Facts { priority: Priority::new(2).unwrap(), pool: pool(8, 0), waiting: 1, ..advances() },
        ),
        (
            "a commit lately",
            Facts { progress: Progress { commits: 2, committed_at: Some(minutes(38)), ..changed(&[9]) }, ..facts() },
        ),
        (
            "tests lately",
            Facts { progress: Progress { tests: 1, tested_at: Some(minutes(39)), ..changed(&[9]) }, ..facts() },
        ),
        ("nothing is known", facts()),
        ("nothing is known and it has had as much again", Facts { pool: pool(500, 200), ..facts() }),
        ("nothing changed for long", Facts { progress: changed(&[22]), ..facts() }),
        ("nothing changed at all", Facts { progress: Progress { commands: 9, ..Progress::default() }, ..facts() }),
        ("nothing is known and it is fast", fast()),
        ("the same, and no hook holds its requests", Facts { slowable: false, ..fast() }),
        (
            "its requests grow and are not cached",
            Facts { growth: Some(Growth { first: 12_000, last: 180_000, cached: 210 }), ..facts() },
        ),
        ("a command fails", Facts { progress: failing(4), ..facts() }),
        ("a command fails and nobody can be asked", Facts { progress: failing(4), askable: false, ..facts() }),
        ("a command is repeated", Facts { progress: repeated(6), waiting: 3, ..facts() }),
        ("a command failed twice", Facts { progress: failing(2), ..facts() }),
        ("it was routed before", Facts { floor: Some(Verb::Route), rate: Some(95 * CENT), ..advances() }),
        ("a whole budget: there is no pool", Facts { pool: None, ..facts() }),
    ];
    for (what, facts) in &cases {
        tell(&mut out, what, facts, &all());
    }
    let most = |cents: i64| May {
        max_extend: Some(Quantity { unit: Unit::Usd, amount: cents * CENT }),
        ..may(true, &[Verb::Stop])
    };
    tell(&mut out, "ten cents at the most", &advances(), &most(10));
    tell(&mut out, "three cents at the most", &advances(), &most(3));
    tell(&mut out, "it may be killed alone", &Facts { pool: None, ..facts() }, &may(false, &[Verb::Kill]));
    insta::assert_snapshot!(out);
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let money = || 0_i64..1_000;
    let pool = proptest::option::of((money(), money(), money()));
    let rates = (proptest::option::of(money()), proptest::option::of(money()));
    let cheaper = proptest::option::of((0_u32..1_000, any::<bool>()));
    let progress = (0_u64..60, 0_u32..6, 0_u32..8);
    let rest = (any::<[bool; 3]>(), 0_u8..10, 0_usize..3, 0_usize..8);
    (pool, rates, (1_i64..500, money()), cheaper, progress, rest).prop_map(
        |(pool, (rate, declared), (needed, offer), cheaper, (ago, failed, repeats), rest)| {
            let ([strict, askable, slowable], priority, waiting, floor) = rest;
            let streak = |times: u32| (times > 0).then(|| Streak { command: "x".to_owned(), times });
            let (failing, repeated) = (streak(failed), streak(repeats));
            let changes = if ago < 40 { vec![minutes(40 - ago)] } else { Vec::new() };
            Facts {
                strict,
                needed,
                offer,
                pool: pool.map(|(size, allotted, given)| Stock { size, allotted, given }),
                rate,
                declared,
                progress: Progress { failing, repeated, changes, ..Progress::default() },
                cheaper: cheaper.map(|(saves, fits)| Cheaper { model: ModelId::new("cheap"), saves, fits }),
                priority: Priority::new(priority).unwrap(),
                waiting,
                askable,
                slowable,
                floor: all().verbs.get(floor).copied(),
                ..facts()
            }
        },
    )
}

fn any_may() -> impl Strategy<Value = May> {
    let verbs = proptest::sample::subsequence(all().verbs, 0..=6);
    let most = proptest::option::of(1_i64..400);
    (any::<bool>(), verbs, most).prop_map(|(extend, verbs, most)| May {
        max_extend: most.map(|amount| Quantity { unit: Unit::Usd, amount }),
        ..may(extend, &verbs)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_chosen_that_the_policy_leaves_out_and_no_more_is_given_than_there_is(
        facts in any_facts(),
        may in any_may(),
    ) {
        // A step keeps the limit itself only where it can hold or end the agent.
        let facts = Facts { strict: facts.strict && may.severest().is_hard(), ..facts };
        let chosen = choose(&facts, &may);
        match chosen.what {
            Course::GoOn => prop_assert!(!facts.strict, "{}", chosen.rationale),
            Course::Extend { amount } => {
                let stock = facts.pool.unwrap();
                prop_assert!(may.extend && amount >= facts.needed && amount <= stock.size);
                prop_assert!(may.max_extend.is_none_or(|most| amount <= most.amount));
            }
            Course::Act { verb } => {
                prop_assert!(may.has(verb) && (facts.strict || facts.floor.is_none_or(|floor| verb >= floor)));
                // At the limit a request is kept from being started, or fits.
                let fits = verb == Verb::Route && facts.cheaper.as_ref().is_some_and(|cheaper| cheaper.fits);
                prop_assert!(!facts.strict || verb.is_hard() || fits);
                prop_assert!(facts.strict || !matches!(verb, Verb::Stop | Verb::Kill), "too severe below the limit");
            }
        }
        prop_assert_eq!(chosen.clone(), choose(&facts, &may), "the same facts, the same choice");
    }
}
