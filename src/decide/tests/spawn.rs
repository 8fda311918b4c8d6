//! Limits on sub-agents.

use std::time::Duration;

use super::steer::tool;
use super::world::{CODEX, Plan, World};
use crate::decide::Effect;
use crate::decide::message::{HookId, Input, Judged, ToolCall, Wants};
use crate::model::AgentName;
use crate::policy::rule::{GateVerb, Refusal};

fn spawn(name: &str) -> Wants {
    let Wants::Tool(call) = tool() else { unreachable!() };
    Wants::Tool(ToolCall { tool: name.to_owned(), ..call })
}

fn limit(limit: &str, more: &str) -> String {
    format!("[[budget]]\nname = \"few\"\nper = \"run\"\nlimit = \"{limit}\"\n{more}\n")
}

impl World {
    fn refusal(&self, id: u64) -> Option<&str> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer { hook: HookId(of), deny: Some(why) } if *of == id => Some(why.as_str()),
            _ => None,
        })
    }
}

#[test]
fn the_start_that_would_pass_the_limit_is_refused_and_the_agent_goes_on() {
    let mut world = Plan::of(&limit("2 sub-agents", "")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    for (id, name) in [(2, "spawn_agent"), (3, "collaborationspawn_agent"), (4, "mcp__x__spawn_agent"), (5, "Bash")] {
        world.hook(id, "root", spawn(name));
        assert!(world.is_let_through(id), "{name}");
    }
    world.hook(6, "root", spawn("spawn_agent"));
    assert_eq!(world.refusal(6), Some("govern: `few`: 2 of 2 sub-agents started"));
    world.hook(7, "sub", spawn("spawn_agent"));
    assert!(world.refusal(7).is_some(), "sub-agents start none for it, either");
    world.hook(8, "root", Wants::Request);
    assert!(world.is_let_through(8) && !world.finished());
}

#[test]
fn a_call_that_starts_nobody_knows_how_many_is_refused_under_any_such_limit() {
    for (cap, why) in [
        ("20 sub-agents", "how many that are is not known beforehand"),
        ("3 deep", "starts such as do not tell how deep they stand"),
    ] {
        let mut world = Plan::of(&limit(cap, "")).started();
        world.hook(1, "root", spawn("spawn_agents_on_csv"));
        let refusal = world.refusal(1).unwrap_or_default();
        assert!(refusal.starts_with(&format!("govern: `few`: at most {cap}")) && refusal.contains(why), "{refusal}");
    }
    let mut world = Plan::of(&limit("20 sub-agents", "only = { team = [\"infra\"] }")).started();
    world.hook(1, "root", spawn("spawn_agents_on_csv"));
    assert!(world.is_let_through(1));
    let mut world = Plan::of(&limit("20 sub-agents", "")).started();
    world.hook(1, "root", spawn("mcp__x__spawn_agents_on_csv"));
    assert!(world.is_let_through(1));
}

#[test]
fn a_codex_that_calls_no_hooks_is_stopped_under_a_limit_that_hooks_count() {
    let calls = "[[budget]]\nname = \"c\"\nper = \"run\"\nlimit = \"3 tool calls\"\n";
    let money = calls.replace("3 tool calls", "3 usd");
    let observed = limit("3 deep", "mode = \"observe\"");
    for (policy, ends) in [
        (limit("3 sub-agents", ""), true),
        (limit("3 deep", ""), true),
        (calls.to_owned(), true),
        (money, false),
        (observed, false),
        (String::new(), false),
    ] {
        let mut world = Plan::of(&policy).started();
        world.hook(1, "root", Wants::Session);
        world.feed(Input::Uncounted { agent: AgentName::new(CODEX), what: "codex (process 7)".to_owned() });
        assert_eq!(world.finished(), ends, "{policy}");
        assert_eq!(world.told().contains("codex (process 7), so its tool calls and sub-agents"), ends, "{policy}");
    }
}

#[test]
fn those_that_wait_are_counted() {
    let mut world = Plan::of(&limit("1 sub-agent", "")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    let Wants::Tool(call) = spawn("spawn_agent") else { unreachable!() };
    let verb = GateVerb::Ask { wait: Duration::from_secs(60), otherwise: Refusal::Deny };
    let judged = Judged { rule: "g".to_owned(), verb, because: "g".to_owned(), would: false };
    world.hook(2, "root", Wants::Tool(ToolCall { judged: Some(judged), ..call }));
    world.hook(3, "root", spawn("spawn_agent"));
    assert!(!world.is_let_through(2) && world.refusal(2).is_none());
    assert_eq!(world.refusal(3), Some("govern: `few`: 1 of 1 sub-agent started"));
}

#[test]
fn a_thread_counts_its_own_and_depth_is_codexs() {
    let mut world = Plan::of(&limit("1 sub-agent", "").replace("\"run\"", "\"thread\"")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    for (id, thread, fits) in [(2, "root", true), (3, "sub", true), (4, "root", false), (5, "sub", false)] {
        world.hook(id, thread, spawn("spawn_agent"));
        assert_eq!(world.is_let_through(id), fits, "{id}");
    }
    let mut world = Plan::of(&limit("2 deep", "")).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 10);
    for (id, thread, fits) in [(2, "root", true), (3, "sub", true), (4, "sub/sub", false)] {
        world.hook(id, thread, spawn("spawn_agent"));
        assert_eq!(world.is_let_through(id), fits, "{thread}");
    }
    assert_eq!(world.refusal(4), Some("govern: `few`: this sub-agent would stand 3 deep, and the most is 2"));
}

#[test]
fn none_may_be_meant_and_who_only_observes_refuses_none() {
    for none in ["0 sub-agents", "0 deep"] {
        let mut world = Plan::of(&limit(none, "")).started();
        world.hook(1, "root", spawn("spawn_agent"));
        assert!(world.refusal(1).is_some(), "{none}");
        assert!(world.governor.gates() && world.governor.agent(&AgentName::new(CODEX)).is_some());
    }
    for more in ["mode = \"observe\"", "only = { team = [\"infra\"] }"] {
        let mut world = Plan::of(&limit("0 sub-agents", more)).started();
        world.hook(1, "root", spawn("spawn_agent"));
        assert!(world.is_let_through(1), "{more}");
        assert_eq!(world.told().contains("would deny"), more.contains("observe"));
    }
}
