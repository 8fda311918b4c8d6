//! What a person who looks is told of a run, while it goes through its states.

use super::world::{CODEX, Plan, World, cents, expects};
use crate::decide::Input;
use crate::decide::message::Phase;
use crate::model::{AgentName, AgentState, Brake, LiveAgent, Unit};

const REVIEW: &str = "review";

fn live(world: &World, agent: &str) -> LiveAgent {
    let live = world.governor.live(world.now);
    live.agents.into_iter().find(|one| one.agent == AgentName::new(agent)).unwrap()
}

/// Two agents that share out $10; the second needs the first.
fn fleet() -> World {
    let text = "[[budget]]\nname = \"fleet\"\nper = \"run\"\nlimit = \"10 usd\"\n\
                allot = { by = \"expected\", reserve = \"10%\", steps = [{ at = \"100%\", do = \"ask\", else = \"stop\" }] }\n";
    let mut review = expects(REVIEW, "5 usd");
    review.needs = vec![AgentName::new(CODEX)];
    Plan { agents: vec![expects(CODEX, "2 usd"), review], ..Plan::of(text) }.started()
}

#[test]
fn an_agent_is_told_with_its_allotment_its_rate_and_how_long_that_lasts() {
    let mut world = fleet();
    let (codex, review) = (live(&world, CODEX), live(&world, REVIEW));
    assert_eq!((codex.state, review.state), (AgentState::Working, AgentState::Waiting));
    assert_eq!(review.because.as_deref(), Some("needs codex"));
    let begun = world.now.wall;
    world.asks("root");
    world.pass(30);
    world.answers_as(CODEX, "root", 600, Phase::Tools);
    let codex = live(&world, CODEX);
    let limit = codex.limit.unwrap();
    assert_eq!((limit.allotment, limit.unit, limit.spent, limit.limit), (true, Unit::Usd, cents(60), cents(200)));
    // In the first minute, too, the rate is one: to ask and to be answered took a second each.
    assert_eq!((limit.per_minute, limit.seconds_left), (cents(60) * 60 / 32, Some(74)));
    assert_eq!((codex.since, codex.model.unwrap().as_str()), (begun, "dear"), "it works since it was started");
    // Two minutes after the start.
    world.pass(88);
    assert_eq!(live(&world, CODEX).limit.unwrap().per_minute, cents(30));
    let whole = &world.governor.live(world.now).limits[0];
    assert_eq!(
        (whole.allotment, whole.spent, whole.limit, whole.per_minute),
        (false, cents(60), cents(1_000), cents(30))
    );
}

#[test]
fn who_is_held_or_paused_adds_nothing_and_says_why() {
    let mut world = fleet();
    world.asks("root");
    world.answers_as(CODEX, "root", 1_500, Phase::Tools);
    let held = live(&world, CODEX);
    assert_eq!((held.state, held.limit.unwrap().seconds_left), (AgentState::Held, None));
    assert!(held.approval.is_some() && held.because.unwrap().contains("of $2.00"));
    let mut world = fleet();
    world.asks("root");
    world.answers_as(CODEX, "root", 100, Phase::Tools);
    world.feed(Input::Braked {
        brake: Brake::Pause,
        team: None,
        by: "ann (cli)".to_owned(),
        reason: Some("lunch".to_owned()),
    });
    let paused = live(&world, CODEX);
    assert_eq!((paused.state, paused.because.as_deref()), (AgentState::Paused, Some("by ann (cli): “lunch”")));
    // One that has not begun is paused as well, and says by whom.
    let waiting = live(&world, REVIEW);
    assert_eq!(
        (waiting.state, waiting.paused.map(|pause| pause.by)),
        (AgentState::Paused, Some("ann (cli)".to_owned()))
    );
    world.exits(CODEX);
    assert_eq!(live(&world, CODEX).state, AgentState::Done);
}
