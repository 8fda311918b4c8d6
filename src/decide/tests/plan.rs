//! Budgets over a plan's own limits.

use insta::assert_snapshot;

use super::alert::{agent, plan_is};
use super::world::{Plan, World};
use crate::decide::Effect;
use crate::decide::agents::lifecycle::State;
use crate::decide::message::Timer;
use crate::model::event::{Decision, EventKind};
use crate::model::{ModelId, Verb};

fn budget(steps: &str) -> World {
    let steps = if steps.is_empty() { String::new() } else { format!("steps = [{steps}]\n") };
    let head = "[[budget]]\nname = \"five hours\"\nper = \"user\"\nlimit = \"80% plan 5h\"\n";
    let mut world = Plan::of(&format!("{head}{steps}")).started();
    world.asks("root");
    world
}

impl World {
    fn decided(&self) -> Vec<&Decision> {
        let decided = self.effects.iter().filter_map(|effect| match effect {
            Effect::Record { kind: EventKind::Decided(decision), .. } => Some(decision),
            _ => None,
        });
        decided.collect()
    }

    fn is(&self) -> State {
        self.governor.agent(&agent()).unwrap().state
    }
}

#[test]
fn it_warns_and_holds_by_its_name_and_goes_on_when_the_plan_begins_anew() {
    let mut world = budget("");
    plan_is(&mut world, 639, 3_600);
    assert!(world.decided().is_empty());
    plan_is(&mut world, 640, 3_600);
    let warned = world.decided()[0];
    assert_eq!((warned.verb, warned.budget.as_str(), warned.alert.as_ref()), (Verb::Warn, "five hours", None));
    plan_is(&mut world, 650, 3_600);
    assert_eq!(world.decided().len(), 1, "once");
    plan_is(&mut world, 800, 3_600);
    assert_eq!(world.is(), State::Paused);
    world.pass(3_601);
    world.due(Timer::PlanReset(agent()));
    assert_eq!(world.is(), State::Running);
    assert_snapshot!(world.told());
}

#[test]
fn of_several_steps_that_are_reached_at_once_only_the_severest_is_carried_out() {
    let mut world = budget(
        "{ at = \"50%\", do = \"warn\" }, { at = \"90%\", do = \"ask\", wait = \"5m\" }, { at = \"100%\", do = \"stop\" }",
    );
    plan_is(&mut world, 730, 3_600);
    assert_eq!(world.decided().iter().map(|decision| decision.verb).collect::<Vec<_>>(), [Verb::Ask]);
    assert_eq!(world.decided()[0].because.len(), 1);
    plan_is(&mut world, 900, 3_600);
    assert!(world.finished());
    assert_eq!(world.decided().last().unwrap().verb, Verb::Stop);
}

#[test]
fn a_question_goes_away_when_the_plan_begins_anew() {
    let mut world = budget("{ at = \"100%\", do = \"ask\", wait = \"10h\" }");
    plan_is(&mut world, 800, 3_600);
    assert_eq!(world.is(), State::Held);
    world.pass(3_599);
    world.due(Timer::WindowEnd);
    assert_eq!(world.is(), State::Held, "not before its time");
    world.pass(2);
    world.due(Timer::WindowEnd);
    assert_eq!(world.is(), State::Running);
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::Withdraw(_))));
    plan_is(&mut world, 10, 18_000);
    plan_is(&mut world, 800, 18_000);
    assert_eq!(world.is(), State::Held, "the next window has a limit, too");
}

#[test]
fn a_route_waits_for_the_first_answer_which_tells_the_model() {
    let mut world = budget("{ at = \"50%\", do = \"steer\" }, { at = \"75%\", do = \"route\" }");
    plan_is(&mut world, 400, 60);
    plan_is(&mut world, 600, 60);
    let verbs = |world: &World| world.decided().iter().map(|decision| decision.verb).collect::<Vec<_>>();
    assert_eq!(verbs(&world), [Verb::Steer]);
    world.answers("root", 10);
    assert_eq!(verbs(&world), [Verb::Steer, Verb::Route]);
    assert_eq!(world.decided()[1].to.as_ref().map(ModelId::as_str), Some("mid"));
}
