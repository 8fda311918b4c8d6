//! Governors that come to a session one after another, each for one hook, decide as one that stays.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::world::{CODEX, Shelf, five_dollars, morning, policy, price, response, setup};
use crate::decide::admission::Admission;
use crate::decide::governor::Setup;
use crate::decide::join::{Joined, JoinedThread};
use crate::decide::message::{About, Asked, Hook, HookId, Moment, Phase, Timer, ToolCall, Wants};
use crate::decide::{Before, Effect, Governor, Input};
use crate::model::{AgentName, ModelId, Response, RunId, ThreadId};

/// A session whose every hook has a governor of its own.
struct Session {
    rules: String,
    shelf: Shelf,
    /// Its sub-agents.
    others: Vec<(&'static str, Phase)>,
    /// How long after its answers it asks.
    ago: Duration,
    /// How long it was active until the hook before, and since.
    active: (u64, u64),
}

impl Session {
    fn under(rules: &str) -> Self {
        Self {
            rules: rules.to_owned(),
            shelf: Shelf::default(),
            others: Vec::new(),
            ago: Duration::ZERO,
            active: (0, 0),
        }
    }

    fn joined(&self, begins: bool, answered: bool) -> Joined {
        let thread = |name: &str, phase, gated| {
            let of = |response: &&Response| response.thread.as_str() == name;
            let recent = self.shelf.responses.iter().filter(of).cloned().collect();
            let mut admission = Admission::default();
            if answered {
                admission.passes(morning(), &Asked::default());
            }
            let (thread, has_file, named) = (ThreadId::new(name), true, false);
            JoinedThread { thread, phase, gated, has_file, named, admission, sent: None, recent, barred: None }
        };
        let mut threads = vec![thread("root", Phase::Idle, !begins)];
        threads.extend(self.others.iter().map(|(name, phase)| thread(name, *phase, true)));
        Joined {
            agent: AgentName::new(CODEX),
            root: ThreadId::new("root"),
            begins,
            threads,
            imported: Vec::new(),
            firsts: Vec::new(),
            paced: self.shelf.responses.clone(),
            broken: None,
            defers: false,
            active: [(AgentName::new(CODEX), Duration::from_secs(self.active.0))].into(),
            passed: Duration::from_secs(self.active.1),
        }
    }

    /// What comes of a request, after an answer that no hook has told of.
    fn asks(&mut self, answered: Option<u64>) -> Vec<Effect> {
        self.wants(answered, Wants::Request)
    }

    /// What comes of a hook that comes so many seconds after the one before.
    fn comes_after(&mut self, passed: u64, wants: Wants) -> Vec<Effect> {
        self.active = (self.active.0 + self.active.1, passed);
        self.wants(None, wants)
    }

    fn wants(&mut self, answered: Option<u64>, wants: Wants) -> Vec<Effect> {
        let begins = self.shelf.responses.is_empty() && answered.is_none() && self.active == (0, 0);
        let now = Moment { wall: morning() + self.ago, uptime: Duration::from_secs(3_600) };
        let mut governor = Governor::new(Setup {
            run: RunId::new("r1"),
            policy: Arc::new(policy(&self.rules)),
            concurrency: None,
            agents: vec![setup(CODEX, false)],
            nobody: None,
            quote: Box::new(|model, _, _, tokens| price(model.as_str(), tokens.total())),
            lift: None,
            before: Before::default(),
        });
        let joined = Joined { defers: !wants.spends(), ..self.joined(begins, answered.is_some()) };
        governor.join(now, joined, &self.shelf);
        let mut effects = Vec::new();
        if let Some(tokens) = answered {
            let key = self.shelf.responses.len();
            let mut new = response(CODEX, "root", "dear", tokens, morning());
            new =
                Response { key: crate::model::ResponseKey::new(format!("k{key}")), run: Some(RunId::new("r1")), ..new };
            self.shelf.responses.push(new.clone());
            effects.extend(governor.handle(now, Input::Responded(Box::new(new)), &self.shelf));
        }
        let hook = Hook {
            id: HookId(1),
            agent: AgentName::new(CODEX),
            thread: ThreadId::new("root"),
            root: ThreadId::new("root"),
            inside: None,
            model: Some(ModelId::new("dear")),
            tier: None,
            unpriced: false,
            wants,
            asked: Asked::default(),
            has_file: true,
        };
        effects.extend(governor.handle(now, Input::Hook(Box::new(hook)), &self.shelf));
        effects.extend(governor.handle(now, Input::Due(Timer::Minutes), &self.shelf));
        effects
    }
}

fn said(effects: &[Effect]) -> Vec<&str> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Say(text) = effect { Some(text.as_str()) } else { None })
        .collect()
}

fn goes_on(effects: &[Effect]) -> bool {
    effects.contains(&Effect::Answer { hook: HookId(1), deny: None })
}

#[test]
fn a_step_is_said_once_by_whoever_sees_it_reached() {
    let mut session = Session::under(&five_dollars(r#"{ at = "50%", do = "warn" }, { at = "100%", do = "stop" }"#));
    assert!(said(&session.asks(None)).is_empty());
    // $1 for each thousand.
    let warned: Vec<usize> = [1_000, 1_000, 1_000].map(|tokens| said(&session.asks(Some(tokens))).len()).into();
    assert_eq!(warned, [0, 0, 1]);
    assert!(said(&session.asks(None)).is_empty(), "a request that is sent again");
    let last = session.asks(Some(1_500));
    assert!(!goes_on(&last), "$4.50, and $1.50 more would pass it");
    assert_eq!(said(&last).len(), 1, "{last:?}");
}

#[test]
fn alerts_are_said_not_to_be_looked_at_and_are_not() {
    let rules = "[[budget]]\nname = \"five hours\"\nper = \"user\"\nlimit = \"80% plan 5h\"\n\
                 [[alert]]\nname = \"fast\"\nrate = \"0.01 usd/h\"\nover = \"10m\"\ndo = \"stop\"\n";
    let mut session = Session::under(rules);
    let begun = session.asks(None);
    assert_eq!(
        said(&begun),
        ["only `govern run` looks at alerts and at what is used of a plan, and not here: `fast`, `five hours`"]
    );
    assert!(goes_on(&begun));
    let later = session.asks(Some(3_000));
    assert!(goes_on(&later) && said(&later).is_empty(), "{later:?}");
}

fn tool() -> Wants {
    let (tool, digest, short) = ("Bash".to_owned(), String::new(), String::new());
    Wants::Tool(ToolCall { tool, digest, short, judged: None, call: None })
}

#[test]
fn time_between_hooks_is_spent_and_the_next_request_or_tool_is_not_let_through_after_its_end() {
    let rules = five_dollars(r#"{ at = "50%", do = "warn" }, { at = "100%", do = "stop" }"#);
    for wants in [Wants::Request, tool()] {
        let mut session = Session::under(&rules.replace("5 usd", "10 minutes"));
        assert!(said(&session.asks(None)).is_empty());
        let half = session.comes_after(301, wants.clone());
        assert!(goes_on(&half) && said(&half)[0].starts_with("warn: "), "{half:?}");
        let more = session.comes_after(298, wants.clone());
        assert!(goes_on(&more) && said(&more).is_empty(), "said once: {more:?}");
        let over = session.comes_after(1, wants);
        assert!(!goes_on(&over) && said(&over)[0].starts_with("stop: 10 min of 10 min"), "{over:?}");
    }
}

#[test]
fn what_ends_a_turn_tells_of_the_time_and_stops_nothing() {
    let rules = five_dollars(r#"{ at = "50%", do = "warn" }, { at = "100%", do = "stop" }"#);
    let mut session = Session::under(&rules.replace("5 usd", "10 minutes"));
    session.asks(None);
    let half = session.comes_after(400, Wants::TurnEnd);
    assert!(goes_on(&half) && said(&half).len() == 1, "{half:?}");
    let over = session.comes_after(400, Wants::TurnEnd);
    assert!(goes_on(&over) && said(&over).is_empty(), "{over:?}");
    assert!(!goes_on(&session.comes_after(0, Wants::Turn)));
}

#[test]
fn a_question_is_put_and_not_answered() {
    let mut session = Session::under(&five_dollars(r#"{ at = "100%", do = "ask" }"#));
    session.asks(None);
    let effects = session.asks(Some(3_000));
    assert!(!goes_on(&effects) && effects.iter().any(|effect| matches!(effect, Effect::Ask(_))), "{effects:?}");
}

#[test]
fn a_step_that_was_answered_is_behind_for_every_hook_that_comes_after_also_under_a_lifted_limit() {
    let rules = five_dollars(r#"{ at = "50%", do = "ask" }, { at = "100%", do = "stop" }"#);
    let asks = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Ask(_)));
    for lifted in [0, 5_000_000_000] {
        let mut session = Session::under(&rules);
        session.asks(None);
        session.asks(Some(1_300));
        let reached = session.asks(Some(1_300));
        let question =
            reached.iter().find_map(|effect| if let Effect::Ask(asked) = effect { Some(asked) } else { None });
        let question = question.unwrap();
        let About::Step { at, .. } = question.about else { panic!("{question:?}") };
        session.shelf.passed.push((question.key.clone(), morning(), at));
        session.shelf.extended.insert(question.key.clone(), lifted);
        assert!(goes_on(&session.asks(None)), "{lifted}");
        // $5.20 where the limit was lifted: past half of that, too.
        let more: &[u64] = if lifted > 0 { &[1_300, 1_300] } else { &[700] };
        for tokens in more {
            let effects = session.asks(Some(*tokens));
            assert!(!asks(&effects) && goes_on(&effects), "{lifted}: {effects:?}");
        }
    }
}

#[test]
fn what_sub_agents_have_under_way_leaves_no_room_for_it() {
    let rules = five_dollars(r#"{ at = "100%", do = "stop" }"#);
    for (phase, fits) in [(Phase::Idle, true), (Phase::Tools, false), (Phase::InFlight, false)] {
        let mut session = Session::under(&rules);
        session.asks(None);
        let other = response(CODEX, "other", "dear", 1_000, morning());
        session.shelf.responses.push(Response { run: Some(RunId::new("r1")), ..other });
        session.others = vec![("other", phase)];
        // $3 are spent; this thread's next takes $2, the other's $1.
        assert_eq!(goes_on(&session.asks(Some(2_000))), fits, "{phase:?}");
    }
}

#[test]
fn a_throttle_goes_on_from_hook_to_hook_and_is_said_once() {
    let steps = r#"{ at = "20%", do = "throttle", to = "2 responses/m" }, { at = "100%", do = "stop" }"#;
    let mut session = Session::under(&five_dollars(steps));
    assert!(goes_on(&session.asks(None)));
    let reached = session.asks(Some(1_000));
    assert!(goes_on(&reached), "{reached:?}");
    assert!(said(&reached)[0].starts_with("throttle: $1.00 of $5.00"), "{reached:?}");
    let waits = session.asks(Some(100));
    assert!(!goes_on(&waits) && said(&waits).is_empty(), "{waits:?}");
    let armed = Effect::Arm(Timer::Pace(AgentName::new(CODEX)), Duration::from_millis(60_001));
    assert!(waits.contains(&armed), "{waits:?}");
    session.ago = Duration::from_secs(60);
    assert!(goes_on(&session.asks(None)));
}

proptest! {
    #[test]
    fn equal_answers_never_pass_a_limit(tokens in 1_u64..4_000) {
        let mut session = Session::under(&five_dollars(r#"{ at = "100%", do = "stop" }"#));
        let mut effects = session.asks(None);
        let mut asked = 0_u64;
        while goes_on(&effects) {
            asked += 1;
            prop_assert!(asked * tokens <= 5_000 || asked == 1, "{asked} answers of {tokens}");
            effects = session.asks(Some(tokens));
        }
    }
}

#[test]
fn who_waits_for_room_gives_back_what_the_hook_before_it_claimed() {
    let mut session = Session::under(
        "[[budget]]\nname = \"all\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"5 responses\"\n\
         steps = [{ at = \"100%\", do = \"stop\" }]\n",
    );
    let claims = |effects: &[Effect]| -> Vec<i64> {
        let amount = |effect: &Effect| if let Effect::Claim { amount, .. } = effect { Some(*amount) } else { None };
        effects.iter().filter_map(amount).collect()
    };
    let first = session.asks(Some(1_000));
    assert!(goes_on(&first));
    assert_eq!(claims(&first).last(), Some(&1));
    // Three of five are spent, and two others claim one each.
    session.asks(Some(1_000));
    session.shelf.others.insert("all".to_owned(), 2);
    let held = session.asks(Some(1_000));
    assert!(!goes_on(&held), "{held:?}");
    assert_eq!(claims(&held).last(), Some(&0), "{held:?}");
}
