//! Alerts: each once for a crossing, by whatever verb.

use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::world::{CODEX, Plan, World};
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Timer;
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, Decision, EventKind};
use crate::model::{AgentName, Money, PlanLength, PlanWindow, Progress, Quantity, Registration, Streak, ThreadId};

fn alert(lines: &str) -> String {
    format!("[[alert]]\nname = \"watchful\"\n{lines}\n")
}

pub(super) fn agent() -> AgentName {
    AgentName::new(CODEX)
}

fn failing(times: u32) -> Progress {
    let streak = Streak { command: "make".to_owned(), times };
    Progress { failing: Some(streak).filter(|streak| streak.times > 0), ..Progress::default() }
}

/// So many thousandths of the plan's five hours are used, and so many seconds are left of them.
pub(super) fn plan_is(world: &mut World, used: u32, resets_in: u64) {
    let resets = Some(world.now.wall + Duration::from_secs(resets_in));
    let windows = vec![PlanWindow { length: PlanLength::of_minutes(300), used, resets }];
    world.feed(Input::Plan { agent: agent(), windows });
}

impl World {
    fn shows(&mut self, progress: Progress) {
        self.feed(Input::Progress { agent: agent(), progress: Box::new(progress) });
    }

    fn decisions(&self) -> Vec<&Decision> {
        let decided = self.effects.iter().filter_map(|effect| match effect {
            Effect::Record { kind: EventKind::Decided(decision), .. } => Some(decision),
            _ => None,
        });
        decided.filter(|decision| decision.alert.is_some()).collect()
    }

    fn state(&self) -> State {
        self.governor.agent(&agent()).unwrap().state
    }
}

#[test]
fn a_rate_is_told_once_for_a_crossing_and_once_more_after_it_fell() {
    // A thousand tokens of this model are a dollar.
    let mut world = Plan::of(&alert("rate = \"6 usd/h\"\nover = \"10m\"\ndo = \"warn\"")).started();
    world.works(500);
    world.pass(60);
    world.works(500);
    assert_eq!(world.decisions().len(), 0, "exactly the rate");
    world.works(100);
    world.works(300);
    assert_eq!(world.decisions().len(), 1);
    assert_snapshot!(world.decisions()[0].because[0], @"$1.10 in the last 10m is more than $6.00/h (watchful)");
    world.pass(601);
    world.works(1);
    world.works(2_000);
    assert_eq!(world.decisions().len(), 2);
}

#[test]
fn a_command_that_fails_again_and_again_is_asked_about_and_a_yes_lifts_no_limit() {
    let mut world = Plan::of(&alert("failing = 3\ndo = \"ask\"\nwait = \"5m\"\nelse = \"kill\"")).started();
    world.asks("root");
    world.shows(failing(2));
    world.shows(failing(3));
    assert_eq!(world.state(), State::Held);
    world.person(1, Answer::Once);
    assert_eq!(world.state(), State::Running);
    world.shows(failing(4));
    assert_eq!(world.state(), State::Running, "it was answered");
    world.shows(failing(0));
    world.shows(failing(3));
    assert_eq!(world.state(), State::Held, "another crossing");
    world.deadline(2);
    assert!(world.finished());
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Extend { .. })));
    assert_snapshot!(world.told());
}

#[test]
fn that_nothing_changed_is_said_only_after_a_look() {
    let mut world = Plan::of(&alert("spend = \"1 usd\"\nwithout = \"changes\"\ndo = \"stop\"")).started();
    world.works(900);
    world.asks("root");
    world.answers("root", 200);
    assert_eq!(world.state(), State::Running);
    let looks = world.effects.iter().filter(|effect| matches!(effect, Effect::Look(_))).count();
    assert_eq!(looks, 1);
    let seen = |world: &World| Progress { looked_at: Some(world.now.uptime), ..Progress::default() };
    // Something changed: what is spent is counted from there.
    world.pass(1);
    let changed = Progress { changes: vec![world.now.uptime], ..seen(&world) };
    world.shows(changed.clone());
    world.answers("root", 900);
    assert_eq!(world.state(), State::Running);
    world.answers("root", 200);
    let looked = Progress { looked_at: Some(world.now.uptime), ..changed };
    world.shows(looked);
    assert!(world.finished());
    assert_snapshot!(world.decisions()[0].because[0], @"since the last ones, $1.10 spent without changes (watchful)");
}

#[test]
fn an_idle_agent_is_told_of_by_the_clock() {
    let mut world = Plan::of(&alert("idle = \"10m\"\ndo = \"warn\"")).started();
    world.asks("root");
    world.pass(300);
    world.answers("root", 10);
    world.pass(301);
    world.due(Timer::Idle(agent()));
    assert_eq!(world.decisions().len(), 0);
    world.pass(300);
    world.due(Timer::Idle(agent()));
    assert_eq!(world.decisions().len(), 1);
    assert_snapshot!(world.decisions()[0].because[0], @"nothing happened for 10m 1s (watchful)");
}

#[test]
fn faster_than_registered_is_told_by_time_and_spend_together() {
    let mut plan = Plan::of(&alert("faster = \"150%\"\ndo = \"warn\""));
    plan.agents[0].registration = Registration {
        spend: Quantity::parse("2 usd").ok(),
        minutes: Quantity::parse("20 minutes").ok(),
        ..Registration::default()
    };
    let mut world = plan.started();
    world.works(140);
    assert_eq!(world.decisions().len(), 0, "a start is no pace");
    world.pass(600);
    world.works(1_300);
    assert_eq!(world.decisions().len(), 0);
    world.works(200);
    assert_snapshot!(world.decisions()[0].because[0], @"$1.64 spent in 10 min, where $2.00 in 20 min were registered (watchful)");
}

#[test]
fn a_slow_burn_is_told_by_the_part_of_the_window_that_has_passed() {
    let month = "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"100 usd\"\n";
    let text = format!("{month}{}", alert("pace = \"110%\"\nof = \"month\"\ndo = \"warn\""));
    // Four fifths of November have passed.
    let mut world = Plan::of(&text).spent_before("r0", "2026-11-20T10:00:00Z", "dear", 84_000).started();
    world.works(1_000);
    assert_eq!(world.decisions().len(), 0);
    world.works(4_000);
    assert_snapshot!(world.decisions()[0].because[0], @"$89.00 of $100.00 is 89% when 78% of its window has passed (watchful)");
}

#[test]
fn a_context_that_fills_is_told_by_what_its_model_can_read() {
    let mut world = Plan::of(&alert("context = \"80%\"\ndo = \"steer\"")).started();
    let windows = [(ThreadId::new("root"), 1_000)].into();
    world.shows(Progress { windows, ..Progress::default() });
    for input in [700, 799, 800, 900] {
        world.asks("root");
        let mut response = super::world::response(CODEX, "root", "dear", 1, world.now.wall);
        response.tokens.input = input;
        world.responds(response);
        let told = usize::from(input >= 800);
        world.phase(CODEX, "root", crate::decide::message::Phase::Tools);
        assert_eq!(world.decisions().len(), told, "{input}");
    }
}

#[test]
fn a_cache_that_is_missed_is_told_by_a_thread_s_last_inputs_together() {
    let mut world = Plan::of(&alert("cache_below = \"20%\"\ndo = \"warn\"")).started();
    // Of 1,000 tokens each, of the last five together: what was cached, and how often it was told so far.
    let story = [(0, 0), (0, 0), (600, 0), (0, 0), (0, 1), (0, 1), (900, 1), (0, 2), (99, 2), (1, 2), (0, 2), (999, 2)];
    for (number, (cached, told)) in story.into_iter().enumerate() {
        world.asks("root");
        let mut response = super::world::response(CODEX, "root", "dear", 1, world.now.wall);
        (response.tokens.input, response.tokens.cached_input) = (1_000, cached);
        world.responds(response);
        world.phase(CODEX, "root", crate::decide::message::Phase::Tools);
        assert_eq!(world.decisions().len(), told, "{number}");
    }
    assert_snapshot!(world.decisions()[0].because[0], @"12% of the input of the last 5 requests came from the cache (watchful)");
}

/// What an agent's last two runs began with, by this model and at so many times its price of today, in tenths.
fn began_with(model: &str, tenths: i64, lines: &str) -> World {
    let mut plan = Plan::of(&alert(lines));
    let mut first = super::world::response(CODEX, "before", model, 400, super::world::morning());
    first.cost = match first.cost {
        crate::model::Cost::Priced(cost) => crate::model::Cost::Priced(Money::from_nanos(cost.nanos() * tenths / 10)),
        other => other,
    };
    plan.firsts.insert(agent(), vec![first.clone(), first]);
    plan.started()
}

#[test]
fn another_model_than_in_the_last_runs_is_told_once_with_what_the_same_work_costs() {
    let warns = "changed = \"model\"\ndo = \"warn\"";
    let mut world = began_with("mid", 10, warns);
    world.works(500);
    world.works(500);
    assert_eq!(world.decisions().len(), 1);
    assert_snapshot!(world.decisions()[0].because[0], @"`dear` answers, where `mid` did in its last runs; the same work costs 2.5× (watchful)");
    let mut same = began_with("dear", 10, warns);
    same.works(500);
    assert_eq!(same.decisions().len(), 0);
    let mut first_ever = Plan::of(&alert(warns)).started();
    first_ever.works(500);
    assert_eq!(first_ever.decisions().len(), 0, "nothing is known of what was before");
}

#[test]
fn another_price_than_in_the_last_runs_is_told_and_one_that_only_rounding_changed_is_not() {
    let warns = "changed = \"price\"\ndo = \"warn\"";
    let mut dearer = began_with("dear", 5, warns);
    dearer.works(500);
    assert_eq!(dearer.decisions().len(), 1);
    assert_snapshot!(dearer.decisions()[0].because[0], @"the same work costs 2×: 2 first answers of `dear` cost $0.40 in its last runs, and $0.80 by today's prices (watchful)");
    let mut same = began_with("dear", 10, warns);
    same.works(500);
    assert_eq!(same.decisions().len(), 0);
    // Of another model its own price says nothing.
    let mut other = began_with("mid", 5, warns);
    other.works(500);
    assert_eq!(other.decisions().len(), 0);
}

#[test]
fn a_model_that_govern_routed_to_is_no_change() {
    let mut plan = Plan::of(&format!(
        "{}[[budget]]\nname = \"each\"\nper = \"run\"\nlimit = \"5 usd\"\nsteps = [{{ at = \"10%\", do = \"route\" }}, \
         {{ at = \"100%\", do = \"stop\" }}]\n[models]\nladder = [\"dear\", \"mid\"]\n",
        alert("changed = \"model\"\ndo = \"warn\"")
    ));
    plan.firsts.insert(agent(), vec![super::world::response(CODEX, "before", "dear", 400, super::world::morning())]);
    let mut world = plan.started();
    world.works(1_000);
    world.model = "mid".to_owned();
    world.works(100);
    assert_eq!(world.decisions().len(), 0);
}

#[test]
fn an_agent_that_only_waits_is_told_and_one_that_works_is_not() {
    for (cached, output, changes, told) in
        [(900, 100, false, 1), (900, 301, false, 0), (799, 100, false, 0), (900, 100, true, 0)]
    {
        let mut world = Plan::of(&alert("waiting = \"3 responses\"\ndo = \"warn\"")).started();
        let mut seen = Progress::default();
        for number in 0..3 {
            world.asks("root");
            let mut response = super::world::response(CODEX, "root", "dear", output, world.now.wall);
            (response.tokens.input, response.tokens.cached_input) = (1_000, cached);
            world.responds(response);
            world.phase(CODEX, "root", crate::decide::message::Phase::Tools);
            world.pass(1);
            if changes && number == 1 {
                seen.changes.push(world.now.uptime);
            }
            seen.looked_at = Some(world.now.uptime);
            world.shows(seen.clone());
        }
        assert_eq!(world.decisions().len(), told, "{cached} {output} {changes}");
    }
}

#[test]
fn what_a_plan_holds_goes_on_when_its_window_begins_anew() {
    let mut world = Plan::of(&alert("used = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"")).started();
    world.asks("root");
    plan_is(&mut world, 799, 3_600);
    assert_eq!(world.state(), State::Running);
    plan_is(&mut world, 800, 3_600);
    assert_eq!(world.state(), State::Paused);
    world.due(Timer::PlanReset(agent()));
    assert_eq!(world.state(), State::Paused, "not before its time");
    world.pass(3_601);
    world.due(Timer::PlanReset(agent()));
    assert_eq!(world.state(), State::Running);
    assert_snapshot!(world.told());
}

#[test]
fn what_looks_at_a_plan_says_once_that_none_is_told_of() {
    let told = |acts: &dyn Fn(&mut World)| {
        let mut world = Plan::of(&alert("used = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"")).started();
        world.asks("root");
        acts(&mut world);
        world.told().matches("`watchful` cannot be judged here").count()
    };
    // Said and recorded.
    let once = 2;
    assert_eq!(told(&|world| world.works(1)), 0, "what the first answer tells may come yet");
    assert_eq!(told(&|world| (0..4).for_each(|_| world.works(1))), once);
    assert_eq!(
        told(&|world| {
            plan_is(world, 100, 600);
            (0..4).for_each(|_| world.works(1));
        }),
        0
    );
    let of_nothing = {
        let mut world = Plan::of(&alert("idle = \"20m\"\ndo = \"warn\"")).started();
        world.asks("root");
        (0..4).for_each(|_| world.works(1));
        world.told().contains("cannot be judged")
    };
    assert!(!of_nothing);
}

#[test]
fn what_only_observes_says_what_it_would_do_once() {
    for lines in [
        "failing = 3\ndo = \"kill\"\nmode = \"observe\"",
        "used = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"\nmode = \"observe\"",
    ] {
        let mut world = Plan::of(&alert(lines)).started();
        world.asks("root");
        for _ in 0..3 {
            world.shows(failing(3));
            plan_is(&mut world, 900, 600);
        }
        assert_eq!(world.state(), State::Running);
        assert_eq!(world.told().matches("say would").count(), 1, "{lines}");
    }
}

proptest! {
    #[test]
    fn an_alert_is_carried_out_once_for_each_crossing_and_lifts_no_limit(
        story in proptest::collection::vec(0_u32..6, 1..40),
        verb in proptest::sample::select(vec!["warn", "steer", "route"]),
    ) {
        let mut world = Plan::of(&alert(&format!("failing = 3\ndo = \"{verb}\""))).started();
        world.works(1);
        world.asks("root");
        let mut crossings = 0;
        let mut before = 0;
        for times in story {
            world.shows(failing(times));
            crossings += usize::from(times >= 3 && before < 3);
            before = times;
            prop_assert_eq!(world.decisions().len(), crossings);
        }
        let lifts = world.effects.iter().any(|effect| matches!(effect, Effect::Extend { .. }));
        prop_assert!(!lifts);
    }
}
