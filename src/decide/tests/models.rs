//! The model that a request names is judged before it: not allowed, without a price, or on a budget that is spent.
//! What is a sub-agent's own ends that sub-agent's way, and a slip on Codex's own screen waits to be undone.

use super::world::{CODEX, Plan, World, cents, five_dollars, setup};
use crate::decide::agents::AgentSetup;
use crate::decide::message::{Asked, Hook, HookId, News, Wants};
use crate::decide::{Effect, Input};
use crate::model::{AgentName, ModelId, ThreadId};

const STOP: &str = r#"{ at = "100%", do = "stop" }"#;
const ALLOW: &str = "[models]\nladder = [\"dear\"]\nallow = [\"dear\"]\n";

impl World {
    fn denied(&self, id: u64) -> Option<String> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Answer { hook: HookId(of), deny: Some(why) } if *of == id => Some(why.clone()),
            _ => None,
        })
    }

    fn told_at(&self, id: u64) -> Vec<&str> {
        let at = |effect: &Effect| matches!(effect, Effect::Tell { hook: HookId(of), .. } if *of == id);
        self.effects
            .iter()
            .filter(|effect| at(effect))
            .filter_map(|effect| if let Effect::Tell { text, .. } = effect { Some(text.as_str()) } else { None })
            .collect()
    }

    /// A hook of a thread that is on another model than the rest.
    fn names(&mut self, id: u64, thread: &str, model: &str, wants: Wants) {
        let before = std::mem::replace(&mut self.model, model.to_owned());
        self.hook(id, thread, wants);
        self.model = before;
    }

    fn answers_by(&mut self, thread: &str, model: &str, tokens: u64) {
        let before = std::mem::replace(&mut self.model, model.to_owned());
        self.answers(thread, tokens);
        self.model = before;
    }
}

fn on_a_screen(text: &str) -> Plan {
    let mut plan = Plan::of(text);
    plan.agents = vec![AgentSetup { full_screen: true, ..setup(CODEX, false) }];
    plan
}

#[test]
fn a_model_that_is_not_allowed_is_not_asked_once() {
    for wants in [Wants::Request, Wants::Turn] {
        let mut world = Plan::of(ALLOW).started();
        world.names(1, "root", "mid", wants);
        assert!(world.finished() && !world.is_let_through(1));
    }
}

#[test]
fn a_model_without_a_price_is_not_asked_once_under_a_limit_in_money() {
    let asks = |text: &str| {
        let mut world = Plan::of(text).started();
        let (agent, thread, root) = (AgentName::new(CODEX), ThreadId::new("root"), ThreadId::new("root"));
        let model = Some(ModelId::new("unknown"));
        let hook = Hook {
            id: HookId(1),
            agent,
            thread,
            root,
            inside: None,
            model,
            tier: None,
            unpriced: true,
            wants: Wants::Request,
            asked: Asked::default(),
            has_file: true,
        };
        world.feed(Input::Hook(Box::new(hook)));
        (world.finished(), world.is_let_through(1))
    };
    assert_eq!(asks(&five_dollars(STOP)), (true, false));
    assert_eq!(asks(&five_dollars(STOP).replace("5 usd", "5k tok")), (false, true));
    assert_eq!(asks(&five_dollars(STOP).replace("steps", "mode = \"observe\"\nsteps")), (false, true));
}

#[test]
fn a_sub_agent_on_a_model_that_is_not_allowed_ends_there_and_the_rest_goes_on() {
    let mut world = Plan::of(&(five_dollars(STOP) + ALLOW)).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 1_000);
    world.names(2, "sub", "mid", Wants::Turn);
    assert!(world.denied(2).unwrap().contains("`mid` is not among the models"));
    // One whose Codex asked no leave for its turn waits at its request, and nothing is kept for it.
    world.names(3, "second sub", "mid", Wants::Request);
    assert!(world.denied(3).is_none() && !world.is_let_through(3) && !world.finished());
    let reserved = world.governor.accounts().next().unwrap().reserved;
    assert_eq!(reserved, cents(100), "root's next request alone");
    // The root hears of both, once, with its next tool.
    world.hook(4, "root", super::gate::tool());
    world.hook(5, "root", super::gate::tool());
    assert_eq!((world.told_at(4).len(), world.told_at(5).len()), (2, 0), "{:?}", world.told_at(4));
    assert!(world.told_at(4)[0].contains("will not go on"));
    world.hook(6, "root", Wants::Request);
    assert!(world.is_let_through(6) && !world.is_let_through(3));
}

#[test]
fn a_slip_on_codex_own_screen_is_refused_with_the_reason_and_undone_by_switching_back() {
    let mut world = on_a_screen(ALLOW).started();
    world.hook(1, "root", Wants::Turn);
    world.hook(2, "root", Wants::Request);
    world.concludes("root", 100);
    world.names(3, "root", "mid", Wants::Turn);
    assert!(world.denied(3).unwrap().contains("`mid` is not among the models"));
    // As it would come in the middle of a turn.
    world.names(4, "root", "mid", Wants::Request);
    assert!(!world.is_let_through(4) && !world.finished());
    world.gone(4, crate::decide::message::Gone::Withdrawn);
    world.hook(5, "root", Wants::Turn);
    world.hook(6, "root", Wants::Request);
    assert!(world.is_let_through(5) && world.is_let_through(6) && !world.finished());
}

#[test]
fn a_budget_of_a_model_or_a_thread_that_is_spent_lets_nothing_through_in_a_new_run() {
    let budget = |per: &str, more: &str| {
        format!("[[budget]]\nname = \"b\"\nper = \"{per}\"\n{more}limit = \"5 usd\"\nsteps = [{STOP}]\n")
    };
    let day = "window = \"day\"\n";
    for text in [
        budget("model", day),
        budget("team", &format!("{day}only = {{ model = \"dear\" }}\n")),
        budget("thread", day),
        budget("thread", ""),
    ] {
        let mut plan = Plan::of(&text).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 5_000);
        plan.shelf.responses[0].thread = ThreadId::new("root");
        let mut world = plan.started();
        world.hook(1, "root", Wants::Request);
        assert!(world.finished() && !world.is_let_through(1), "{text}\n{}", world.told());
    }
    for text in [budget("model", day), budget("team", &format!("{day}only = {{ model = \"dear\" }}\n"))] {
        let mut world = Plan::of(&text).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 5_000).started();
        world.names(1, "root", "mid", Wants::Request);
        assert!(world.is_let_through(1), "it is on another model: {text}");
        // Until somebody switches.
        world.answers_by("root", "mid", 100);
        world.hook(2, "root", Wants::Request);
        assert!(!world.is_let_through(2) && world.finished(), "{text}");
    }
}

#[test]
fn a_sub_agents_own_limit_ends_that_sub_agent_and_goes_on_when_it_is_lifted() {
    let text = format!("[[budget]]\nname = \"each thread\"\nper = \"thread\"\nlimit = \"2 usd\"\nsteps = [{STOP}]\n");
    let mut world = Plan::of(&text).started();
    world.hook(1, "root", Wants::Request);
    world.answers("root", 100);
    world.hook(2, "sub", Wants::Request);
    world.answers("sub", 1_200);
    world.hook(3, "sub", Wants::Request);
    world.hook(4, "root", Wants::Request);
    assert!(!world.is_let_through(3) && world.is_let_through(4) && !world.finished());
    assert_eq!(world.told().matches("nothing more is asked of a model there").count(), 2, "said and kept, once each");
    let key = world.governor.accounts().find(|account| account.spent == cents(120)).unwrap().key.clone();
    world.feed(Input::Elsewhere(News { extensions: vec![(key, cents(200))], ..News::default() }));
    world.phase(CODEX, "root", crate::decide::message::Phase::Tools);
    assert!(world.is_let_through(3), "{}", world.told());
    // The root's own limit is its agent's.
    world.answers("root", 1_950);
    world.hook(5, "root", Wants::Request);
    assert!(!world.is_let_through(5));
    world.answers("sub", 100);
    assert!(!world.finished(), "its tool is paid for");
    world.hook(6, "sub", Wants::Request);
    assert!(!world.is_let_through(6) && world.finished());
}
