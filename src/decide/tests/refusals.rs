//! What is refused or stopped for what it is, not for what it spent.

use insta::assert_snapshot;

use super::world::{CODEX, Plan, World, cents, five_dollars, lift, moment, morning, response};
use crate::decide::message::{Interrupt, Phase, Timer, Works};
use crate::decide::people::lift::Lift;
use crate::decide::people::permission::NotAllowed;
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, Answerer, ApprovalId, BudgetKey, Door, Identity, ModelId, ProcessIdentity, Unit};

const STOP: &str = r#"{ at = "80%", do = "warn" }, { at = "100%", do = "stop" }"#;

/// A Codex.
const THIS: ProcessIdentity = ProcessIdentity { pid: 7, started: 70 };

/// Whether somebody who may answer may answer the first question so.
fn may_be_answered(world: &World, answer: &Answer) -> Result<(), NotAllowed> {
    let (who, started_by) = ([Answerer::login("ann", Door::Cli)], Identity::Login("sam".to_owned()));
    world.governor.may_be_answered(world.now, (ApprovalId(1), answer), (&who, &started_by), &*world.shelf.borrow())
}

fn codex_seen(world: &mut World, ephemeral: bool, works: Works) {
    world.feed(Input::CodexSeen { agent: AgentName::new(CODEX), process: THIS, ephemeral, tells: !ephemeral, works });
}

#[test]
fn a_model_without_a_price_is_stopped_under_a_limit_in_money() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.model = "unknown".to_owned();
    world.works(10);
    assert_snapshot!(world.told());
}

#[test]
fn a_model_without_a_price_goes_on_without_a_limit_in_money() {
    for text in [
        five_dollars(r#"{ at = "80%", do = "warn" }"#),
        five_dollars(STOP).replace("5 usd", "5k tok"),
        five_dollars(STOP).replace("steps", "mode = \"observe\"\nsteps"),
    ] {
        let mut world = Plan::of(&text).started();
        world.model = "unknown".to_owned();
        world.works(10);
        assert!(!world.finished(), "{text}");
    }
}

#[test]
fn a_model_that_is_not_allowed_is_stopped() {
    let mut world = Plan::of("[models]\nladder = [\"dear\"]\nallow = [\"dear\"]\n").started();
    world.works(10);
    world.model = "mid".to_owned();
    world.works(10);
    assert_snapshot!(world.told());
}

#[test]
fn an_ephemeral_codex_is_stopped_under_a_limit_and_marked_without() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    codex_seen(&mut world, true, Works::AtOnce);
    let limited = world.told();
    let mut world = Plan::of("").started();
    codex_seen(&mut world, true, Works::AtOnce);
    assert_snapshot!(limited + "---\n" + &world.told());
}

#[test]
fn a_codex_that_stays_unobserved_is_stopped_in_time() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    codex_seen(&mut world, false, Works::AtOnce);
    world.pass(20);
    world.due(Timer::Observe(AgentName::new(CODEX), THIS));
    assert_snapshot!(world.told());
}

#[test]
fn a_session_file_that_was_changed_stops_under_a_limit_and_is_marked_without() {
    for (policy, stops) in [(five_dollars(STOP), true), (String::new(), false)] {
        let mut world = Plan::of(&policy).started();
        let what = "session file `x` was replaced by another file while Codex writes it".to_owned();
        world.feed(Input::Altered { agent: AgentName::new(CODEX), what });
        let story = world.told();
        assert_eq!(story.contains("FREEZE"), stops, "{story}");
        assert_eq!(story.contains("what is written to it is counted"), !stops, "{story}");
    }
}

#[test]
fn a_codex_that_worked_unseen_until_its_end_is_told_of_once() {
    for (ephemeral, works, observed, told) in [
        (false, Works::AtOnce, false, true),
        (false, Works::AtOnce, true, false),
        (false, Works::WhenTyped, false, false),
        (true, Works::AtOnce, false, false),
    ] {
        let mut world = Plan::of("").started();
        codex_seen(&mut world, ephemeral, works);
        if observed {
            world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
        }
        let _before = world.told();
        world.feed(Input::Exited { agent: AgentName::new(CODEX), leftover: 0, ok: true });
        let story = world.told();
        let unseen = story.contains("no session file of it was seen: its spend cannot be observed");
        assert_eq!(unseen, told, "{ephemeral} {works:?} {observed}: {story}");
    }
}

#[test]
fn what_a_hard_alert_cannot_judge_goes_on_and_is_said_aloud() {
    let alert = |act: &str| format!("[[alert]]\nname = \"idle\"\nidle = \"5m\"\ndo = \"{act}\"\n");
    let plan = "[[budget]]\nname = \"plan\"\nper = \"user\"\nlimit = \"80% plan 5h\"\n";
    for (text, told) in [(alert("stop"), true), (alert("warn"), false), (plan.to_owned(), true)] {
        let mut world = Plan::of(&text).started();
        codex_seen(&mut world, false, Works::AtOnce);
        world.pass(20);
        world.due(Timer::Observe(AgentName::new(CODEX), THIS));
        assert!(!world.finished(), "{text}");
        let story = world.told();
        assert_eq!(story.contains("no alert can judge it"), told, "{text}\n{story}");
        assert_eq!(story.contains(" in 20s"), told, "it is looked for in time only where that matters: {story}");
        assert!(!story.contains("FREEZE"), "{text}\n{story}");
    }
}

#[test]
fn a_codex_that_is_observed_or_waits_for_a_person_is_left_alone() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    codex_seen(&mut world, false, Works::AtOnce);
    world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
    world.due(Timer::Observe(AgentName::new(CODEX), THIS));
    assert!(!world.finished());
    let mut world = Plan::of(&five_dollars(STOP)).started();
    world.skip();
    codex_seen(&mut world, false, Works::WhenTyped);
    assert_snapshot!(world.told(), @"codex runs codex 7, ephemeral false, works at once false");
}

#[test]
fn a_later_codex_with_the_same_number_must_be_observed_itself() {
    let mut world = Plan::of(&five_dollars(STOP)).started();
    codex_seen(&mut world, false, Works::AtOnce);
    world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
    let later = ProcessIdentity { started: THIS.started + 1, ..THIS };
    world.feed(Input::CodexSeen {
        agent: AgentName::new(CODEX),
        process: later,
        ephemeral: false,
        tells: false,
        works: Works::AtOnce,
    });
    world.due(Timer::Observe(AgentName::new(CODEX), THIS));
    assert!(!world.finished());
    world.due(Timer::Observe(AgentName::new(CODEX), later));
    assert!(world.finished());
}

#[test]
fn a_later_codex_of_a_script_begins_nothing_that_does_not_fit() {
    // $5 in all: a second request like the first one fits or does not.
    for (cost, ends) in [(2_400, false), (2_600, true), (5_000, true)] {
        for (works, ends) in [(Works::AtOnce, ends), (Works::WhenTyped, false)] {
            let mut world = Plan::of(&five_dollars(STOP)).started();
            codex_seen(&mut world, false, Works::AtOnce);
            world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
            world.phase(CODEX, "root", Phase::InFlight);
            world.concludes("root", cost);
            world.phase(CODEX, "root", Phase::Idle);
            assert!(!world.finished(), "what has said its last word ends by itself: {}", world.told());
            let later = ProcessIdentity { pid: THIS.pid + 1, ..THIS };
            let agent = AgentName::new(CODEX);
            world.feed(Input::CodexSeen { agent, process: later, ephemeral: false, tells: true, works });
            assert_eq!(world.finished(), ends, "{cost} {works:?}: {}", world.told());
        }
    }
}

#[test]
fn what_is_held_and_then_found_ephemeral_takes_its_question_back() {
    let mut world = Plan::of(&five_dollars(r#"{ at = "100%", do = "ask" }"#)).started();
    world.works(3_000);
    world.skip();
    codex_seen(&mut world, true, Works::AtOnce);
    assert_snapshot!(world.told());
}

#[test]
fn a_budget_that_is_spent_refuses_the_start() {
    let day = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n";
    let plan = Plan::of(day).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 5_000);
    let mut world = plan.world();
    world.feed(Input::Begin);
    assert_snapshot!(world.told());
    let plan = Plan::of(day).spent_before("r0", "2026-11-23T09:00:00Z", "dear", 5_000);
    assert!(!plan.started().told().contains("REFUSE"), "that was yesterday");
}

#[test]
fn a_route_before_any_answer_waits_until_the_model_is_known() {
    let day = "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"5 usd\"\n\
        steps = [{ at = \"60%\", do = \"route\" }, { at = \"100%\", do = \"ask\" }]\n";
    let mut world = Plan::of(day).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 3_500).started();
    world.works(200);
    assert_snapshot!(world.told());
}

#[test]
fn a_run_that_goes_on_repeats_no_warning_and_its_limit_may_be_lifted() {
    let stopped = || Plan::of(&five_dollars(STOP)).spent_before("r1", "2026-11-24T09:00:00Z", "dear", 4_900);
    let mut plan = stopped();
    plan.lift = Some(lift(Some("each run"), "2 usd"));
    let mut world = plan.started();
    world.works(1_000);
    world.works(500); // $6.40 of $7.00
    assert_snapshot!(world.told());
    let mut plan = stopped();
    plan.shelf.responses[0].thread = "root".into();
    plan.history = plan.shelf.responses.clone();
    let mut world = plan.world();
    world.feed(Input::Begin);
    assert!(world.told().contains("REFUSE"), "its next request would pass the limit");
}

#[test]
fn what_only_an_answer_tells_of_is_lifted_by_the_last_answer() {
    let kinds =
        ["per = \"model\"\nwindow = \"day\"", "per = \"thread\"", "per = \"run\"\nonly = { model = [\"dear\"] }"];
    for kind in kinds {
        let late = format!("[[budget]]\nname = \"late\"\n{kind}\nlimit = \"5 usd\"\nsteps = [{STOP}]\n");
        let wider = "[[budget]]\nname = \"wider\"\nper = \"run\"\nlimit = \"90 usd\"\n";
        let mut plan = Plan::of(&format!("{late}{wider}")).spent_before("r1", "2026-11-24T09:00:00Z", "dear", 4_900);
        plan.shelf.responses[0].thread = "root".into();
        plan.history = plan.shelf.responses.clone();
        plan.lift = Some(lift(Some("late"), "6 usd"));
        let mut world = plan.started();
        let lifted = |effect: &Effect| matches!(effect, Effect::Extend { key, .. } if key.budget.as_str() == "late");
        assert!(world.effects.iter().any(lifted), "{kind}: {}", world.told());
        world.works(1_000);
        assert!(!world.finished(), "{kind}: {}", world.told());
        world.works(1_000);
        assert!(world.finished(), "{kind}: {}", world.told());
    }
}

#[test]
fn what_another_model_took_for_its_first_request_keeps_none_from_starting() {
    for (asks, starts) in [(None, false), (Some("dear"), false), (Some("cheap"), true)] {
        let mut plan = Plan::of(&five_dollars(STOP));
        plan.firsts.insert(AgentName::new(CODEX), vec![response(CODEX, "old", "dear", 6_000, morning())]);
        plan.agents[0].asks = asks.map(ModelId::new);
        let mut world = plan.world();
        world.feed(Input::Begin);
        assert_eq!(world.told().contains("REFUSE"), !starts, "{asks:?}: {}", world.told());
    }
}

#[test]
fn a_lift_of_nothing_that_is_limited_is_refused() {
    let mut plan = Plan::of(&five_dollars(STOP));
    plan.lift = Some(lift(None, "5k tok"));
    let mut world = plan.world();
    world.feed(Input::Begin);
    assert!(world.told().contains("REFUSE"));
}

/// Held at the limit of five dollars, where answers may extend by two in all.
fn held_under_most(given: i64, at: &str) -> World {
    let budget = five_dollars("{ at = \"100%\", do = \"ask\", wait = \"5m\", else = \"stop\" }");
    let mut plan = Plan::of(&format!("{budget}[approvals]\nmax_extend = \"2 usd\"\n"));
    let key = BudgetKey { budget: "each run".into(), scope: "run=r1".to_owned(), window_start: None, unit: Unit::Usd };
    plan.shelf.given.push((key, moment(at), given));
    let mut world = plan.started();
    world.works(3_000);
    world
}

#[test]
fn a_question_that_follows_an_extension_offers_what_that_has_left() {
    let mut world = held_under_most(cents(150), "2026-11-24T09:00:00Z");
    world.person(1, Answer::Extend { amount: cents(50) });
    let question = world.governor.waits_for(ApprovalId(2)).unwrap();
    assert_eq!(question.extend.amount, 0, "{}", question.text);
}

#[test]
fn what_answers_may_still_extend_by_is_offered_and_no_more_is_taken() {
    for (given, offered, taken, refused) in
        [(0, 100, 200, 201), (150, 50, 50, 51), (200, 0, 0, 1), (500, 0, 0, 1), (-100, 100, 300, 301)]
    {
        let world = held_under_most(cents(given), "2026-11-24T09:00:00Z");
        let question = world.governor.waits_for(ApprovalId(1)).unwrap();
        assert_eq!(question.extend.amount, cents(offered), "{given}");
        let may = |amount| {
            let answer = Answer::Extend { amount: cents(amount) };
            may_be_answered(&world, &answer).is_ok()
        };
        assert!(taken == 0 || may(taken), "{given}");
        assert!(!may(refused), "{given}");
        for answer in [Answer::Stop, Answer::Kill] {
            let not = may_be_answered(&world, &answer);
            assert_eq!(not, Ok(()), "whoever may answer may end it");
        }
    }
}

#[test]
fn what_was_given_in_an_earlier_window_leaves_this_one_whole() {
    let budget = five_dollars("{ at = \"100%\", do = \"ask\", wait = \"5m\", else = \"stop\" }")
        .replace("per = \"run\"", "per = \"run\"\nwindow = \"day\"");
    for (given_at, offered) in [("2026-11-23T09:00:00Z", 100), ("2026-11-24T00:00:00Z", 0)] {
        let mut plan = Plan::of(&format!("{budget}[approvals]\nmax_extend = \"2 usd\"\n"));
        let window_start = Some(moment(&format!("{}T00:00:00Z", &given_at[..10])));
        let key = BudgetKey { budget: "each run".into(), scope: "run=r1".to_owned(), window_start, unit: Unit::Usd };
        plan.shelf.given.push((key, moment(given_at), cents(200)));
        let mut world = plan.started();
        world.works(3_000);
        let question = world.governor.waits_for(ApprovalId(1)).unwrap();
        assert_eq!(question.extend.amount, cents(offered), "{given_at}");
    }
}

#[test]
fn a_lift_is_judged_like_an_answer_at_the_start_and_once_more_when_it_is_written_down() {
    let plan = || {
        let policy = five_dollars(STOP);
        let mut plan = Plan::of(&format!("{policy}[approvals]\napprovers = [\"ann\"]\nmax_extend = \"2 usd\"\n"))
            .spent_before("r1", "2026-11-24T09:00:00Z", "dear", 4_900);
        plan.lift = Some(lift(Some("each run"), "2 usd"));
        plan
    };
    let extended =
        |world: &World| world.effects.iter().filter(|effect| matches!(effect, Effect::Extend { .. })).count();
    let mut stranger = plan();
    stranger.lift = stranger.lift.map(|lift| Lift { who: Answerer::login("eve", Door::Cli), ..lift });
    let mut world = stranger.world();
    world.feed(Input::Begin);
    assert!(world.told().contains("REFUSE `eve` is not among the approvers"), "{}", world.told());
    let mut too_much = plan();
    too_much.lift = Some(lift(Some("each run"), "2.01 usd"));
    let mut world = too_much.world();
    world.feed(Input::Begin);
    assert!(world.told().contains("REFUSE answers may extend `each run` by $2.00 in all"), "{}", world.told());
    // Nothing was started by it: nothing is written down.
    let mut world = plan().world();
    world.by_hand = true;
    world.feed(Input::Begin);
    assert_eq!(extended(&world), 0);
    // Another answer has used it up meanwhile: it takes effect no longer.
    let key = world.governor.accounts().next().unwrap().key.clone();
    world.shelf.borrow_mut().given.push((key, morning(), cents(200)));
    world.feed(Input::Launched(AgentName::new(CODEX)));
    assert_eq!(extended(&world), 0);
    assert_eq!(world.governor.accounts().next().unwrap().extended, 0);
    assert!(world.told().contains("not extended: answers have extended `each run` by all that they may"));
    assert_eq!(extended(&plan().started()), 1);
}

#[test]
fn under_a_limit_of_nothing_nothing_starts() {
    for steps in [STOP, r#"{ at = "80%", do = "warn" }, { at = "100%", do = "ask" }"#] {
        for limit in ["0 usd", "0 credits", "0 tok", "0 responses"] {
            let mut world = Plan::of(&five_dollars(steps).replace("5 usd", limit)).started();
            let told = world.told();
            assert!(told.contains("REFUSE") && !told.contains("LAUNCH"), "{limit}: {told}");
        }
    }
    let mut world = Plan::of(&five_dollars(STOP).replace("5 usd", "1 credit")).started();
    assert!(!world.told().contains("REFUSE"));
}

#[test]
fn credits_are_what_a_response_costs_at_25_a_dollar() {
    let mut world = Plan::of(&five_dollars(STOP).replace("5 usd", "125 credits")).started();
    world.works(2_000);
    world.works(1_500); // $3.50, and the next may be $2.00.
    let told = world.told();
    assert!(told.contains("87.5 credits + 50 credits reserved of 125 credits"), "{told}");
    assert!(world.finished());
    world.model = "unknown".to_owned();
    let mut world = Plan::of(&five_dollars(STOP).replace("5 usd", "125 credits")).started();
    world.model = "unknown".to_owned();
    world.works(10);
    assert!(world.finished(), "what has no price has no credits");
}

fn serves(world: &mut World, tells: bool) {
    let agent = AgentName::new(CODEX);
    world.feed(Input::CodexSeen { agent, process: THIS, ephemeral: false, tells, works: Works::ForOthers });
}

#[test]
fn a_server_without_hooks_is_stopped_under_a_limit_and_told_of_at_its_end_without_one() {
    let mut limited = Plan::of(&five_dollars(STOP)).started();
    serves(&mut limited, false);
    assert!(limited.finished());
    assert!(limited.told().contains("govern hooks install"));
    for (observed, told) in [
        (true, "without govern's hooks: what a thread without a session file spent cannot be observed"),
        (false, "no session file of it was seen: its spend cannot be observed"),
    ] {
        let mut world = Plan::of("").started();
        serves(&mut world, false);
        if observed {
            world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
            assert!(world.governor.sees_spend_of(THIS));
        }
        world.exits(CODEX);
        let story = world.told();
        assert_eq!(story.matches(told).count(), 2, "it is said and noted: {story}");
    }
}

#[test]
fn a_server_with_hooks_that_showed_no_thread_is_told_of_where_somebody_relies_on_it() {
    for (text, observed, told) in
        [(five_dollars(STOP), false, true), (five_dollars(STOP), true, false), (String::new(), false, false)]
    {
        let mut world = Plan::of(&text).started();
        serves(&mut world, true);
        if observed {
            world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
        }
        world.exits(CODEX);
        assert_eq!(world.told().contains("no thread of it was seen"), told, "{text} {observed}");
    }
}

#[test]
fn what_was_not_seen_is_told_of_where_govern_ends_the_run_as_well() {
    type Begins = fn(&mut World);
    let cases: [(Begins, &str); 3] = [
        (
            |world| codex_seen(world, false, Works::AtOnce),
            "no session file of it was seen: its spend cannot be observed",
        ),
        (|world| serves(world, false), "no session file of it was seen: its spend cannot be observed"),
        (
            |world| {
                serves(world, false);
                world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
            },
            "what a thread without a session file spent cannot be observed",
        ),
    ];
    for (begins, told) in cases {
        for how in [Interrupt::Stop, Interrupt::Kill] {
            let mut world = Plan::of("").started();
            begins(&mut world);
            world.feed(Input::Interrupted { how, because: "interrupted".to_owned() });
            assert!(world.finished());
            let story = world.told();
            assert_eq!(story.matches(told).count(), 2, "{how:?}: it is said and noted once: {story}");
        }
    }
}

#[test]
fn a_codex_that_works_for_a_thread_that_nothing_tells_of_is_stopped_under_a_limit_and_told_of_once_without_one() {
    let stranger = || Input::Stranger { agent: AgentName::new(CODEX), codex: THIS, thread: "t".into() };
    let mut limited = Plan::of(&five_dollars(STOP)).started();
    serves(&mut limited, true);
    limited.feed(stranger());
    assert!(limited.finished());
    let mut world = Plan::of("").started();
    // That one is known to hide.
    codex_seen(&mut world, true, Works::AtOnce);
    let _told = world.told();
    world.feed(stranger());
    assert!(!world.told().contains("cannot be observed"));
    let mut world = Plan::of("").started();
    serves(&mut world, true);
    world.feed(stranger());
    world.feed(stranger());
    world.exits(CODEX);
    let story = world.told();
    assert_eq!(story.matches("its spend cannot be observed").count(), 1, "{story}");
}

#[test]
fn a_codex_that_hides_is_stopped_once_and_one_that_was_seen_is_not() {
    let hides = || Input::CodexHides { agent: AgentName::new(CODEX), codex: THIS, what: "codex 7 hides".to_owned() };
    for (works, observed, stopped) in
        [(Works::AtOnce, false, true), (Works::WhenTyped, false, true), (Works::AtOnce, true, false)]
    {
        let mut world = Plan::of(&five_dollars(STOP)).started();
        codex_seen(&mut world, false, works);
        if observed {
            world.feed(Input::CodexObserved { agent: AgentName::new(CODEX), process: THIS });
        }
        world.skip();
        world.feed(hides());
        world.feed(hides());
        let story = world.told();
        let times = story.matches("codex 7 hides: under a limit what cannot be observed is stopped").count();
        assert_eq!(times > 0, stopped, "{works:?} {observed}: {story}");
        let mut again = Plan::of("").started();
        codex_seen(&mut again, false, works);
        again.feed(hides());
        again.skip();
        again.feed(hides());
        assert!(!again.told().contains("its spend"), "told once");
    }
}
