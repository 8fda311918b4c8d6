//! The work of an agent is checked and reviewed before what needs it starts.

use std::time::Duration;

use insta::assert_snapshot;

use super::world::{Plan, World, setup};
use crate::decide::agents::AgentSetup;
use crate::decide::message::{Ending, Interrupt};
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{
    AgentName, AgentState, Brake, Changed, CheckEnd, CheckFails, CheckOutcome, Examined, WorkCheck, WorkReview,
};

fn review() -> Option<WorkReview> {
    Some(WorkReview { approvers: Vec::new(), wait: Duration::from_secs(4 * 3_600) })
}

fn check(fails: CheckFails) -> Option<WorkCheck> {
    Some(WorkCheck {
        command: "TOKEN=x make test".to_owned(),
        shown: "make test".to_owned(),
        within: Duration::from_secs(600),
        fails,
    })
}

/// `plan`, as it is given, and `build`, which needs it.
fn fleet(plan: AgentSetup) -> Plan {
    let build = AgentSetup { needs: vec![AgentName::new("plan")], ..setup("build", true) };
    Plan { agents: vec![plan, build], ..Plan::of("") }
}

fn plan() -> AgentSetup {
    setup("plan", true)
}

/// Its command has ended well, after one response.
fn done(plan: AgentSetup) -> World {
    let mut world = fleet(plan).started();
    world.answers_as("plan", "plan root", 100, crate::decide::message::Phase::Idle);
    world.exits("plan");
    world
}

fn examined(world: &mut World, end: Option<CheckEnd>) {
    let check = end.map(|end| CheckOutcome { command: "make test".to_owned(), end });
    let changed = Some(Changed { files: 3, added: 120, removed: 4 });
    let examined = Examined { check, changed };
    world.feed(Input::Examined { agent: AgentName::new("plan"), examined, said: "1 test failed".to_owned() });
}

fn endings(world: &World) -> Vec<Option<Ending>> {
    world.governor.agents.as_named().map(|agent| agent.ending).collect()
}

fn launched(world: &World, name: &str) -> usize {
    let is = |effect: &&Effect| matches!(effect, Effect::Launch { agent, .. } if agent.as_str() == name);
    world.effects.iter().filter(is).count()
}

#[test]
fn what_needs_reviewed_work_starts_after_a_yes_and_the_question_says_what_it_came_to() {
    let mut world = done(AgentSetup { check: check(CheckFails::Stop), review: review(), ..plan() });
    assert_eq!(launched(&world, "build"), 0);
    examined(&mut world, Some(CheckEnd::Passed));
    let live = world.governor.live(world.now);
    assert_eq!((live.agents[0].state, live.agents[1].state), (AgentState::Held, AgentState::Waiting));
    assert_eq!(live.agents[1].because.as_deref(), Some("needs plan"));
    assert!(!world.governor.is_over());
    world.person(1, Answer::Once);
    assert_eq!(launched(&world, "build"), 1);
    world.exits("build");
    assert!(world.governor.is_over());
    assert_eq!(endings(&world), [Some(Ending::Itself); 2]);
    assert_snapshot!(world.told());
}

#[test]
fn without_a_yes_what_needs_it_does_not_start() {
    type Happens = fn(&mut World);
    let refused: [(Happens, &str); 4] = [
        (|world| world.person(1, Answer::Refuse), "its work was refused by ann (cli)"),
        (|world| world.deadline(1), "nobody has reviewed its work in time"),
        (|world| world.brakes(Brake::Stop), "stopped by ann (cli): “lunch”"),
        (
            |world| world.feed(Input::Interrupted { how: Interrupt::Stop, because: "interrupted".to_owned() }),
            "interrupted",
        ),
    ];
    for (happens, because) in refused {
        let mut world = done(AgentSetup { review: review(), ..plan() });
        examined(&mut world, None);
        happens(&mut world);
        assert!(world.governor.is_over(), "{because}");
        assert_eq!(launched(&world, "build"), 0, "{because}");
        assert_eq!(endings(&world)[0], Some(Ending::Stopped), "{because}");
        let plan = world.governor.agents.as_named().next().unwrap();
        assert!(plan.because.contains(because) || because.starts_with("stopped by"), "{}", plan.because);
    }
}

#[test]
fn nobody_who_can_be_asked_is_no_yes_and_a_run_that_observes_waits_for_none() {
    let mut plan_of = fleet(AgentSetup { review: review(), ..plan() });
    plan_of.askable = false;
    let mut world = plan_of.started();
    world.exits("plan");
    examined(&mut world, None);
    assert_eq!(endings(&world), [Some(Ending::Stopped), Some(Ending::Skipped)]);
    assert!(world.told().contains("nobody can be asked, since there is no terminal: what waits for a review does not"));

    let agents = fleet(AgentSetup { review: review(), ..plan() }).agents;
    let mut world = Plan { agents, ..Plan::of("mode = \"observe\"\n") }.started();
    world.exits("plan");
    examined(&mut world, None);
    assert_eq!(launched(&world, "build"), 1);
}

#[test]
fn a_check_that_fails_is_told_once_to_its_agent_and_then_the_agent_has_failed() {
    let mut world = done(AgentSetup { check: check(CheckFails::Again), ..plan() });
    examined(&mut world, Some(CheckEnd::Failed(2)));
    let told = world.effects.iter().find_map(|effect| match effect {
        Effect::Again { text, .. } => Some(text.clone()),
        _ => None,
    });
    assert_snapshot!(told.unwrap());
    world.exits("plan");
    examined(&mut world, Some(CheckEnd::Failed(2)));
    assert!(world.governor.is_over());
    assert_eq!(endings(&world), [Some(Ending::Failed), Some(Ending::Skipped)]);
}

#[test]
fn a_check_that_passes_the_second_time_lets_go_on() {
    let mut world = done(AgentSetup { check: check(CheckFails::Again), ..plan() });
    examined(&mut world, Some(CheckEnd::Late));
    world.exits("plan");
    examined(&mut world, Some(CheckEnd::Passed));
    assert_eq!(launched(&world, "build"), 1);
}

#[test]
fn a_failed_check_is_a_failure_and_its_agent_is_tried_again_where_it_may_be() {
    for (retries, attempts) in [(0, 1), (1, 2)] {
        let mut world = done(AgentSetup { check: check(CheckFails::Stop), retries, ..plan() });
        examined(&mut world, Some(CheckEnd::Failed(1)));
        assert_eq!(launched(&world, "plan"), attempts);
        assert_eq!(world.governor.is_over(), retries == 0);
    }
}

#[test]
fn a_stop_while_the_check_runs_ends_it() {
    let mut world = done(AgentSetup { check: check(CheckFails::Again), ..plan() });
    world.brakes(Brake::Kill);
    examined(&mut world, Some(CheckEnd::Failed(137)));
    assert!(world.governor.is_over());
    assert_eq!(endings(&world)[0], Some(Ending::Killed));
    assert_eq!(launched(&world, "build"), 0);
}

#[test]
fn work_that_is_under_review_takes_no_room_from_others() {
    let other = setup("other", true);
    let agents = vec![AgentSetup { review: review(), ..plan() }, other];
    let mut world = Plan { agents, concurrency: std::num::NonZeroUsize::new(1), ..Plan::of("") }.started();
    world.exits("plan");
    assert_eq!(launched(&world, "other"), 0);
    examined(&mut world, None);
    assert_eq!(launched(&world, "other"), 1);
}

#[test]
fn a_run_that_goes_on_asks_again_and_does_not_do_the_work_again() {
    let came = Examined { check: None, changed: Some(Changed { files: 1, added: 1, removed: 0 }) };
    let mut world = fleet(AgentSetup { review: review(), done: Some(came), ..plan() }).started();
    assert_eq!((launched(&world, "plan"), launched(&world, "build")), (0, 0));
    assert!(world.told().contains("1 file changed, +1 −0 lines; build waits for it"));
    world.person(1, Answer::Once);
    assert_eq!((launched(&world, "plan"), launched(&world, "build")), (0, 1));
}
