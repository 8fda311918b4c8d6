//! Requests under way, and what becomes of them when their govern is killed.

use crate::ledger::tests::testing::*;
use crate::ledger::{Filter, Ledger};
use crate::model::event::EventKind;
use crate::model::{AgentName, Alive, Event, Money, UnderWay};

const ALIVE: &Alive<'_> = &|_| true;
const DEAD: &Alive<'_> = &|_| false;

fn keep(ledger: &mut Ledger, run: &str, agent: &str, requests: u32) {
    let what = UnderWay { requests, cost: Money::from_nanos(7), sent: Some(at(5)) };
    turn(ledger, |turn| turn.keep_under_way(&run.into(), &agent.into(), what).unwrap());
}

fn cut_off(run: &str, agent: &str, requests: u32) -> Event {
    let kind = EventKind::CutOff { requests, cost: Money::from_nanos(7) };
    Event { at: at(5), agent: Some(agent.into()), ..event(run, kind) }
}

#[test]
fn what_a_killed_govern_left_is_told_once_and_taken_over_by_the_chain() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    for (agent, requests) in [("coder", 1), ("coder", 0), ("coder", 2), ("tester", 1)] {
        keep(&mut ledger, "r1", agent, requests);
    }
    let left = [cut_off("r1", "coder", 2), cut_off("r1", "tester", 1)];
    let unseen = |ledger: &Ledger, alive: &Alive<'_>| -> Vec<(AgentName, Option<String>)> {
        let found = ledger.runs().unobserved(&Filter::default(), alive).unwrap();
        found.into_iter().map(|one| (one.agent, one.attribution.team)).collect()
    };
    assert_eq!(
        (ledger.runs().cut_off(None, ALIVE).unwrap(), unseen(&ledger, ALIVE)),
        (Vec::new(), Vec::new()),
        "it lives"
    );
    assert_eq!(ledger.runs().cut_off(None, DEAD).unwrap(), left);
    assert_eq!(ledger.runs().cut_off(Some(&"r2".into()), DEAD).unwrap(), []);
    let both = ["coder", "tester"].map(|agent| (AgentName::from(agent), Some("web".to_owned())));
    assert_eq!(unseen(&ledger, DEAD), both);

    ledger.start_run("r1".into(), process(9));
    append(&mut ledger, &resumed("r1", 60_000));
    let chained: Vec<Event> =
        ledger.runs().events(&"r1".into()).unwrap().into_iter().map(|entry| entry.event).collect();
    assert_eq!(chained.get(2..).unwrap(), left);
    assert_eq!((ledger.runs().cut_off(None, DEAD).unwrap(), unseen(&ledger, ALIVE)), (Vec::new(), both.to_vec()));
    ledger.audit().verify().unwrap();
}

#[test]
fn an_agent_that_has_ended_and_a_run_that_is_over_leave_nothing() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    keep(&mut ledger, "r1", "coder", 1);
    keep(&mut ledger, "r1", "tester", 1);
    let (because, in_flight_cost) = (String::new(), Money::ZERO);
    let ends = EventKind::AgentEnded { code: 0, in_flight: 1, in_flight_cost, result: None, because, active_ms: None };
    append(&mut ledger, &event("r1", ends));
    assert_eq!(ledger.runs().cut_off(None, DEAD).unwrap(), [cut_off("r1", "tester", 1)]);
    append(&mut ledger, &ended("r1"));
    keep(&mut ledger, "r1", "tester", 3);
    assert_eq!(ledger.runs().cut_off(None, DEAD).unwrap(), []);
    ledger.start_run("r1".into(), process(9));
    append(&mut ledger, &resumed("r1", 60_000));
    assert_eq!(ledger.runs().unobserved(&Filter::default(), DEAD).unwrap(), []);
}
