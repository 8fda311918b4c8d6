//! A budget that is divided: allotments, the pool, and what the governor decides near an allotment's end.

use super::world::{CODEX, Plan, World, cents, expects, setup};
use crate::decide::agents::lifecycle::{Intent, State};
use crate::decide::message::{Phase, Timer};
use crate::decide::pool::Share;
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, EventKind};
use crate::model::{AgentName, Progress, Streak};

const REVIEW: &str = "review";

/// Ten dollars for the run, divided so.
fn ten_dollars(allot: &str) -> String {
    format!("[[budget]]\nname = \"fleet\"\nper = \"run\"\nlimit = \"10 usd\"\nallot = {{ {allot} }}\n")
}

fn expected(codex: &str, review: &str) -> Plan {
    let plan = Plan::of(&ten_dollars("by = \"expected\", reserve = \"10%\""));
    Plan { agents: vec![expects(CODEX, codex), expects(REVIEW, review)], ..plan }
}

/// It asks, is answered for so many cents' worth, and its tools run.
fn works_as(world: &mut World, agent: &str, cents: u64) {
    let thread = if agent == CODEX { "root".to_owned() } else { format!("{agent} root") };
    world.asks_as(agent, &thread);
    world.answers_as(agent, &thread, cents * 10, Phase::Tools);
}

fn progress(world: &mut World, agent: &str, progress: Progress) {
    world.feed(Input::Progress { agent: AgentName::new(agent), progress: Box::new(progress) });
}

fn changed_now(world: &mut World, agent: &str) {
    let changes = vec![world.now.uptime];
    progress(world, agent, Progress { changes, ..Progress::default() });
}

fn share(world: &World, agent: &str) -> Share {
    world.governor.allotments()[0].shares[&AgentName::new(agent)]
}

fn state(world: &World, agent: &str) -> State {
    world.governor.agent(&AgentName::new(agent)).unwrap().state
}

fn refusals(world: &World) -> Vec<&str> {
    world
        .effects
        .iter()
        .filter_map(|effect| if let Effect::Refuse(why) = effect { Some(why.as_str()) } else { None })
        .collect()
}

#[test]
fn an_agent_that_advances_is_given_more_and_gives_back_what_it_leaves() {
    let mut world = expected("2 usd", "5 usd").started();
    works_as(&mut world, CODEX, 60);
    works_as(&mut world, CODEX, 60);
    changed_now(&mut world, CODEX);
    works_as(&mut world, CODEX, 60);
    works_as(&mut world, REVIEW, 50);
    world.exits(CODEX);
    insta::assert_snapshot!(world.told());
    let allotments = world.governor.allotments();
    let found = (allotments[0].size, allotments[0].given, allotments[0].got_back);
    assert_eq!(found, (cents(320), cents(40), cents(60)));
}

#[test]
fn one_agent_alone_has_an_allotment_too() {
    let plan = Plan::of(&ten_dollars("by = \"expected\", reserve = \"10%\""));
    let mut world = Plan { agents: vec![expects(CODEX, "2 usd")], ..plan }.started();
    let streak = Some(Streak { command: "cargo test".to_owned(), times: 4 });
    progress(&mut world, CODEX, Progress { failing: streak, commands: 9, ..Progress::default() });
    for _ in 0..4 {
        works_as(&mut world, CODEX, 45);
    }
    assert_eq!(state(&world, CODEX), State::Held, "stuck: nothing more is given");
    world.person(1, Answer::Extend { amount: cents(100) });
    assert_eq!(state(&world, CODEX), State::Running);
    insta::assert_snapshot!(world.told());
}

#[test]
fn what_is_given_back_goes_to_one_that_is_held_before_a_person_answers() {
    let mut world = expected("7 usd", "2 usd").started();
    works_as(&mut world, REVIEW, 70);
    works_as(&mut world, REVIEW, 70);
    works_as(&mut world, CODEX, 600);
    let lift = [60, 60, 60];
    lift.into_iter().for_each(|cents| {
        if state(&world, REVIEW) == State::Running {
            works_as(&mut world, REVIEW, cents);
        }
    });
    world.skip();
    assert_eq!(state(&world, REVIEW), State::Held);
    world.exits(CODEX);
    assert_eq!(state(&world, REVIEW), State::Running);
    insta::assert_snapshot!(world.told());
}

#[test]
fn what_does_not_fit_is_refused_with_its_figures() {
    let too_much = expected("7 usd", "3 usd").started();
    let why = "fleet: its agents together expect $10.00, and $9.00 can be allotted: $10.00 less $0.00 spent and 10% in reserve";
    assert_eq!(refusals(&too_much), [why]);
    let month = "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"10 usd\"\nallot = { by = \"equal\" }\n";
    let mut spent = Plan::of(month).spent_before("r0", "2026-11-03T10:00:00Z", "dear", 9_000);
    spent.shelf.others.insert("month".to_owned(), cents(100));
    assert_eq!(
        refusals(&spent.started()),
        ["month: there is nothing to allot to its agent: $10.00 less $9.00 spent and $1.00 claimed by other runs"]
    );
}

#[test]
fn what_is_only_observed_is_not_refused() {
    let text = ten_dollars("by = \"expected\", reserve = \"10%\"");
    let plan = Plan { agents: vec![expects(CODEX, "20 usd")], ..Plan::of(&format!("mode = \"observe\"\n{text}")) };
    let mut world = plan.started();
    assert!(refusals(&world).is_empty());
    assert!(world.told().contains("would refuse: fleet: its agent expects $20.00"));
}

#[test]
fn who_declared_nothing_draws_on_the_pool_and_not_on_what_others_were_promised() {
    let plan = Plan::of(&ten_dollars("by = \"expected\""));
    let mut world = Plan { agents: vec![setup(CODEX, false), expects(REVIEW, "8 usd")], ..plan }.started();
    assert_eq!(share(&world, CODEX).allotted, None);
    works_as(&mut world, CODEX, 90);
    assert_eq!(state(&world, CODEX), State::Running);
    works_as(&mut world, CODEX, 90);
    assert_eq!(state(&world, CODEX), State::Held, "$1.80 and $0.90 more would pass the $2.00 that nobody was promised");
    world.exits(REVIEW);
    assert_eq!(state(&world, CODEX), State::Running);
}

#[test]
fn equal_parts_are_equal_and_a_pool_is_nobodys() {
    let plan = Plan::of(&ten_dollars("by = \"equal\", reserve = \"20%\""));
    let world = Plan { agents: vec![setup(CODEX, true), setup(REVIEW, true)], ..plan }.started();
    assert_eq!([CODEX, REVIEW].map(|agent| share(&world, agent).allotted), [Some(cents(400)); 2]);
    assert_eq!(world.governor.allotments()[0].size, cents(200));
    let world = Plan::of(&ten_dollars("by = \"pool\"")).started();
    assert_eq!((share(&world, CODEX).allotted, world.governor.allotments()[0].size), (None, cents(1_000)));
    assert_eq!(world.governor.accounts().count(), 1);
}

#[test]
fn a_shared_budget_keeps_what_was_promised_from_other_runs() {
    let month = "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"10 usd\"\nallot = { by = \"expected\" }\n";
    let mut world = Plan { agents: vec![expects(CODEX, "3 usd")], ..Plan::of(month) }.started();
    assert_eq!(world.claimed(), cents(300));
    works_as(&mut world, CODEX, 100);
    assert_eq!(world.claimed(), cents(200), "what was spent is not claimed besides");
    // Others take what is left: the pool is empty, what was promised is not touched.
    world.shelf.get_mut().others.insert("month".to_owned(), cents(650));
    world.elsewhere("dear", 500);
    let pool = world.governor.allotments()[0].clone();
    assert_eq!((pool.size, pool.spoken_for), (0, cents(700)));
    assert_eq!(state(&world, CODEX), State::Running, "what it was promised is there");
    world.elsewhere("dear", 1_100);
    assert_eq!(state(&world, CODEX), State::Paused, "$2.60 spent, $6.50 claimed: its next dollar would pass the limit");
    world.pass(60);
    world.due(Timer::Room(AgentName::new(CODEX)));
    assert_eq!(state(&world, CODEX), State::Held, "claims that stay are asked about");
    world.exits(CODEX);
    assert_eq!(world.claimed(), 0);
}

#[test]
fn a_person_may_lift_an_allotment_beyond_the_pool() {
    let mut world = expected("2 usd", "7 usd").started();
    let failing = Some(Streak { command: "make".to_owned(), times: 3 });
    progress(&mut world, CODEX, Progress { failing, ..Progress::default() });
    works_as(&mut world, CODEX, 90);
    works_as(&mut world, CODEX, 90);
    world.skip();
    assert_eq!(state(&world, CODEX), State::Held);
    world.person(1, Answer::Extend { amount: cents(300) });
    assert_eq!(state(&world, CODEX), State::Running);
    insta::assert_snapshot!(world.told());
    let pool = &world.governor.allotments()[0];
    assert_eq!((pool.taken, pool.size), (cents(1_200), 0), "the pool had $1.00: the whole is lifted by the rest");
}

#[test]
fn a_run_that_goes_on_is_allotted_anew() {
    let plan = Plan::of(&ten_dollars("by = \"expected\"")).spent_before("r1", "2026-11-24T09:00:00Z", "dear", 1_900);
    let mut world = Plan { agents: vec![expects(CODEX, "2 usd")], ..plan }.started();
    assert_eq!((share(&world, CODEX).allotted, world.governor.allotments()[0].taken), (Some(cents(200)), cents(810)));
    works_as(&mut world, CODEX, 90);
    assert_eq!(state(&world, CODEX), State::Running);
}

#[test]
fn a_failed_agent_that_is_started_again_keeps_what_is_left_of_its_own() {
    let mut plan = expected("2 usd", "5 usd");
    plan.agents[0].retries = 1;
    let mut world = plan.started();
    works_as(&mut world, CODEX, 60);
    world.fails(CODEX);
    let left = share(&world, CODEX);
    assert_eq!((left.returned, left.unspent()), (0, cents(140)), "its next try has it");
    world.fails(CODEX);
    let over = share(&world, CODEX);
    assert_eq!((over.returned, over.unspent()), (cents(140), 0));
}

#[test]
fn below_the_limit_a_whole_budget_lets_the_governor_choose_once() {
    let steps = "steps = [{ at = \"50%\", do = \"decide\", may = [\"throttle\", \"route\"], to = \"4 responses/m\" },\
                 { at = \"100%\", do = \"decide\", may = [\"route\", \"ask\", \"stop\"], wait = \"5m\", else = \"kill\" }]\n";
    let text = format!("[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"5 usd\"\n{steps}");
    let mut world = Plan::of(&text).started();
    world.pass(120);
    for _ in 0..4 {
        works_as(&mut world, CODEX, 80);
    }
    world.model = "cheap".to_owned();
    works_as(&mut world, CODEX, 100);
    works_as(&mut world, CODEX, 100);
    insta::assert_snapshot!(world.told());
}

#[test]
fn what_is_chosen_under_observation_is_told_and_not_done() {
    let text = format!("mode = \"observe\"\n{}", ten_dollars("by = \"expected\""));
    let mut world = Plan { agents: vec![expects(CODEX, "2 usd")], ..Plan::of(&text) }.started();
    works_as(&mut world, CODEX, 170);
    works_as(&mut world, CODEX, 170);
    works_as(&mut world, CODEX, 170);
    insta::assert_snapshot!(world.told());
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Extend { .. })));
}

#[test]
fn an_extension_from_the_pool_is_an_exception_of_the_governors() {
    let mut world = expected("2 usd", "5 usd").started();
    works_as(&mut world, CODEX, 170);
    let extended = world.effects.iter().find_map(|effect| match effect {
        Effect::Record { agent, kind: EventKind::Extended { by, scope, reason, .. } } => {
            Some((agent.clone().unwrap(), by.as_str(), scope.as_str(), reason.clone().unwrap()))
        }
        _ => None,
    });
    let why = "extended by $1.40 from the pool: nothing is known of its progress".to_owned();
    assert_eq!(extended, Some((AgentName::new(CODEX), "governor", "agent=codex, run=r1", why)));
}

#[test]
fn while_an_agent_is_made_to_stand_still_for_a_question_no_milder_choice_is_made() {
    let mut plan =
        Plan::of("[[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"9 usd\"\nallot = { by = \"expected\" }\n");
    plan.agents = vec![expects(CODEX, "2 usd")];
    let mut world = plan.started();
    world.answers("root", 600);
    world.answers("sub", 1_400); // As much again is given, and no more: nothing is known of its progress.
    world.by_hand = true;
    world.answers("root", 1_300);
    world.skip();
    // Now a route would make the next request fit.
    world.phase(CODEX, "sub", Phase::Idle);
    let told = world.told();
    assert!(!told.contains("routed"), "{told}");
    assert!(world.governor.agent(&AgentName::new(CODEX)).unwrap().treatment() == Some(Intent::Ask));
}

/// A fleet of $1.80 under $2.00 a month, which others claim so much of.
fn under_a_month(by: &str, others: i64) -> World {
    let month = "[[budget]]\nname = \"month\"\nper = \"everything\"\nwindow = \"month\"\nlimit = \"2 usd\"\n\
        steps = [{ at = \"100%\", do = \"stop\" }]\n";
    let text = ten_dollars(&format!("by = \"{by}\"")).replace("10 usd", "1.8 usd");
    let plan = Plan::of(&(month.to_owned() + &text));
    let mut plan = Plan { agents: vec![expects(CODEX, "0.9 usd"), expects(REVIEW, "0.9 usd")], ..plan };
    plan.shelf.others.insert("month".to_owned(), others);
    plan.started()
}

#[test]
fn what_is_allotted_is_reserved_in_wider_budgets_and_a_second_fleet_does_not_start_beside_it() {
    let mut first = under_a_month("expected", 0);
    assert_eq!(first.claimed(), cents(180));
    works_as(&mut first, CODEX, 30);
    assert_eq!(first.claimed(), cents(150));
    let second = under_a_month("expected", first.claimed() + cents(30));
    let why = "fleet: its agents together expect $1.80, and $0.20 can be allotted: month: $2.00 less $0.00 spent and \
        $1.80 claimed by other runs";
    assert_eq!(refusals(&second), [why]);
    first.exits(CODEX);
    assert_eq!(first.claimed(), cents(90), "what is given back is free again");
    first.exits(REVIEW);
    assert_eq!(first.claimed(), 0);
}

#[test]
fn equal_parts_are_of_what_all_limits_have_left() {
    let world = under_a_month("equal", cents(180));
    assert_eq!(world.claimed(), cents(20));
    assert_eq!(share(&world, CODEX).allotted, Some(cents(10)));
}

#[test]
fn a_pool_gives_no_more_than_wider_budgets_have() {
    let world = under_a_month("pool", cents(150));
    assert_eq!(world.governor.allotments()[0].size, cents(50));
}
