//! Sub-agents, as the ledger counts them.

use crate::ledger::Ledger;
use crate::ledger::tests::testing::*;
use crate::model::event::{EventKind, ToolVerdict};
use crate::model::{Money, ThreadId};

fn spawn(run: &str, thread: &str, tool: &str, verdict: ToolVerdict) -> crate::model::Event {
    let kind = EventKind::ToolCalled {
        thread: thread.into(),
        model: None,
        tool: tool.to_owned(),
        input: "d".to_owned(),
        short: String::new(),
        cost: Money::ZERO,
        verdict,
        rule: None,
        because: None,
        by: None,
    };
    event(run, kind)
}

fn child(run: &str, thread: &str, parent: &str, role: Option<&str>) -> crate::model::Event {
    let mut seen = seen(run, thread);
    if let EventKind::ThreadSeen { parent: of, role: as_what, .. } = &mut seen.kind {
        (*of, *as_what) = (Some(parent.into()), role.map(str::to_owned));
    }
    seen
}

#[test]
fn sub_agents_are_counted_by_calls_and_by_threads_whichever_are_more() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    let count = |ledger: &mut Ledger, agent: Option<&str>, thread: Option<&str>| {
        let (agent, thread) = (agent.map(Into::into), thread.map(ThreadId::from));
        turn(ledger, |turn| turn.sub_agents().started(&"r1".into(), agent.as_ref(), thread.as_ref()).unwrap())
    };
    for (tool, verdict, counted) in [
        ("spawn_agent", ToolVerdict::Allowed, 1),
        ("spawn_agent", ToolVerdict::Denied, 1),
        ("collaborationspawn_agent", ToolVerdict::Allowed, 2),
        ("mcp__x__spawn_agent", ToolVerdict::Allowed, 2),
        ("Bash", ToolVerdict::Allowed, 2),
        ("spawn_agents_on_csv", ToolVerdict::Denied, 2),
        ("spawn_agents_on_csv", ToolVerdict::Allowed, 3),
        ("mcp__x__spawn_agents_on_csv", ToolVerdict::Allowed, 3),
    ] {
        append(&mut ledger, &spawn("r1", "root", tool, verdict));
        assert_eq!(count(&mut ledger, None, None), counted, "{tool}");
    }
    append(&mut ledger, &spawn("r1", "kid", "spawn_agent", ToolVerdict::Allowed));
    assert_eq!([None, Some("root"), Some("kid"), Some("x")].map(|of| count(&mut ledger, None, of)), [4, 3, 1, 0]);
    assert_eq!([Some("coder"), Some("other")].map(|of| count(&mut ledger, of, None)), [4, 0]);
    // Started by no call that was seen; a person's fork is none.
    for number in 0..3 {
        append(&mut ledger, &child("r1", &format!("kid-{number}"), "kid", Some("Bohr")));
    }
    append(&mut ledger, &child("r1", "fork", "kid", None));
    assert_eq!([None, Some("root"), Some("kid")].map(|of| count(&mut ledger, None, of)), [4, 3, 3]);
}

#[test]
fn a_root_s_own_sub_agent_is_one_deep() {
    let mut ledger = Ledger::in_memory().unwrap();
    govern(&mut ledger, "r1");
    append(&mut ledger, &seen("r1", "root"));
    append(&mut ledger, &child("r1", "a", "root", Some("Bohr")));
    append(&mut ledger, &child("r1", "b", "a", Some("Bohr")));
    append(&mut ledger, &child("r1", "fork", "b", None));
    append(&mut ledger, &child("r1", "loop", "loop", Some("Bohr")));
    let depth = |ledger: &mut Ledger, of: &str| turn(ledger, |turn| turn.sub_agents().depth(&of.into()).unwrap());
    let depths = ["root", "a", "b", "fork", "unknown", "loop"].map(|of| depth(&mut ledger, of));
    assert_eq!(depths, [0, 1, 2, 0, 0, 1_000]);
}
