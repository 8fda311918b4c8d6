//! Several agents in one run: who starts when, who is tried again, who never starts.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::world::{Plan, World, cents, five_dollars, lift, moment, response, setup};
use crate::decide::agents::lifecycle::State;
use crate::decide::agents::schedule::{Entry, Move, Stage, next};
use crate::decide::agents::{Agent, AgentSetup};
use crate::decide::message::{Ending, Interrupt, Phase};
use crate::decide::past_refusal::StartedBy;
use crate::decide::{Effect, Input};
use crate::model::event::Answer;
use crate::model::{AgentName, Brake, Priority, Registration};

const STOP: &str = "{ at = \"100%\", do = \"stop\" }";

fn one(name: &str, needs: &[&str]) -> AgentSetup {
    AgentSetup { needs: needs.iter().map(|need| AgentName::new(*need)).collect(), ..setup(name, true) }
}

fn fleet(policy: &str, agents: Vec<AgentSetup>) -> Plan {
    Plan { agents, ..Plan::of(policy) }
}

fn at_once(most: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(most)
}

fn exits(world: &mut World, name: &str, ok: bool) {
    world.pass(1);
    world.feed(Input::Exited { agent: AgentName::new(name), leftover: 0, ok });
}

fn interrupted(world: &mut World, how: Interrupt) {
    world.feed(Input::Interrupted { how, because: "interrupted".to_owned() });
}

fn endings(world: &World) -> String {
    let of = |agent: &Agent| format!("{}: {:?} after {}", agent.setup.name, agent.ending, agent.attempt);
    world.governor.agents.as_named().map(of).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_next_move_by_needs_priority_and_room() {
    use Stage::{Done, Failed, Paused, Waiting, Working};
    let names: Vec<AgentName> = ["a", "b", "c"].map(AgentName::new).into();
    let needs = |text: &str| text.chars().map(|name| AgentName::new(name.to_string())).collect::<Vec<_>>();
    // Each agent by its stage, its needs and its priority.
    let cases = [
        ([(Waiting, "", 5), (Waiting, "a", 9), (Waiting, "", 5)], 0, "launch a"),
        ([(Waiting, "", 5), (Waiting, "", 6), (Waiting, "", 6)], 0, "launch b"),
        ([(Working, "", 5), (Waiting, "a", 5), (Waiting, "", 5)], 1, "nothing"),
        ([(Working, "", 5), (Waiting, "a", 5), (Waiting, "", 5)], 2, "launch c"),
        ([(Working, "", 5), (Waiting, "a", 5), (Waiting, "b", 5)], 0, "nothing"),
        ([(Done, "", 5), (Waiting, "a", 5), (Waiting, "ab", 5)], 0, "launch b"),
        ([(Failed, "", 5), (Waiting, "a", 5), (Waiting, "", 5)], 1, "skip b for a"),
        ([(Failed, "", 5), (Failed, "a", 5), (Waiting, "b", 5)], 1, "skip c for b"),
        ([(Paused, "", 5), (Waiting, "a", 5), (Waiting, "b", 5)], 0, "nothing"),
        ([(Paused, "", 5), (Waiting, "", 5), (Done, "", 5)], 0, "launch b"),
        ([(Waiting, "c", 5), (Waiting, "a", 5), (Waiting, "b", 5)], 0, "skip a for c"),
        ([(Waiting, "a", 5), (Working, "", 5), (Done, "", 5)], 0, "nothing"),
        ([(Waiting, "z", 5), (Working, "", 5), (Done, "", 5)], 0, "skip a for z"),
        ([(Done, "", 5), (Failed, "", 5), (Done, "", 5)], 0, "nothing"),
    ];
    for (agents, most, expected) in cases {
        let own: Vec<Vec<AgentName>> = agents.iter().map(|(_, own, _)| needs(own)).collect();
        let entries: Vec<Entry<'_>> = (0..3)
            .map(|at| Entry {
                name: &names[at],
                needs: &own[at],
                priority: Priority::new(agents[at].2).unwrap(),
                stage: agents[at].0,
            })
            .collect();
        let found = match next(&entries, at_once(most)) {
            Some(Move::Launch(name)) => format!("launch {name}"),
            Some(Move::Skip(name, need)) => format!("skip {name} for {need}"),
            None => "nothing".to_owned(),
        };
        assert_eq!(found, expected, "{agents:?}");
    }
}

#[test]
fn a_pipeline_goes_on_step_by_step() {
    let agents = vec![one("test", &["build"]), one("plan", &[]), one("build", &["plan"])];
    let mut world = fleet(&five_dollars(STOP), agents).started();
    exits(&mut world, "plan", true);
    exits(&mut world, "build", true);
    exits(&mut world, "test", true);
    assert!(world.governor.is_over());
    assert_snapshot!(world.told());
}

#[test]
fn what_fails_is_tried_again_and_then_takes_along_what_needs_it() {
    let tried = AgentSetup { retries: 1, ..one("build", &[]) };
    let agents = vec![tried, one("test", &["build"]), one("ship", &["test"]), one("lint", &[])];
    let mut world = fleet(&five_dollars(STOP), agents).started();
    world.skip();
    exits(&mut world, "build", false);
    exits(&mut world, "build", false);
    exits(&mut world, "lint", true);
    assert!(world.governor.is_over());
    assert_snapshot!(world.told());
}

#[test]
fn a_new_attempt_is_told_and_slowed_down_like_the_first_and_its_spend_goes_on_counting() {
    let mut world = fleet(
        &five_dollars("{ at = \"20%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }"),
        vec![AgentSetup { retries: 1, ..one("build", &[]) }],
    )
    .started();
    let name = AgentName::new("build");
    world.phase("build", "build root", Phase::InFlight);
    world.answers_as("build", "build root", 1_500, Phase::Tools);
    assert!(world.told().contains("RESTART build/build root with mid"), "{}", world.told());
    exits(&mut world, "build", false);
    let agent = world.governor.agent(&name).unwrap();
    assert_eq!((agent.attempt, agent.routed.is_some(), agent.threads.len()), (2, false, 0));
    world.model = "dear".to_owned();
    world.phase("build", "build root", Phase::InFlight);
    world.answers_as("build", "build root", 100, Phase::Tools);
    assert!(world.told().contains("with mid"));
    assert_eq!(world.spent("each run"), cents(160));
}

#[test]
fn what_cannot_be_executed_is_not_tried_again() {
    let tried = AgentSetup { retries: 3, ..one("build", &[]) };
    let mut world = fleet(&five_dollars(STOP), vec![tried, one("test", &["build"])]).world();
    world.by_hand = true;
    world.feed(Input::Begin);
    world.skip();
    world.feed(Input::NotLaunched { agent: AgentName::new("build"), because: "no such program".to_owned() });
    assert_snapshot!(world.told());
}

#[test]
fn at_a_spent_limit_nobody_is_started_any_more() {
    let agents = vec![one("plan", &[]), one("build", &["plan"]), one("test", &["build"])];
    let mut world = fleet(&five_dollars("{ at = \"100%\", do = \"stop\" }"), agents).started();
    world.asks_as("plan", "plan root");
    world.answers_as("plan", "plan root", 5_100, Phase::Idle);
    world.skip();
    exits(&mut world, "plan", true);
    assert_snapshot!(world.told());
}

#[test]
fn where_a_person_is_to_be_asked_an_agent_is_started_and_held_before_its_first_request() {
    let agents = vec![one("plan", &[]), one("build", &["plan"])];
    let mut world = fleet(&five_dollars("{ at = \"100%\", do = \"ask\" }"), agents).started();
    world.asks_as("plan", "plan root");
    world.answers_as("plan", "plan root", 5_100, Phase::Idle);
    world.skip();
    exits(&mut world, "plan", true);
    world.extends(1, cents(500));
    assert_snapshot!(world.told());
}

const MONTH: &str = "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"10 usd\"\n\
    steps = [{ at = \"60%\", do = \"ask\" }, { at = \"100%\", do = \"stop\" }]\n";

fn refused(world: &World) -> Option<String> {
    world.effects.iter().find_map(|effect| if let Effect::Refuse(why) = effect { Some(why.clone()) } else { None })
}

fn asked(world: &World) -> Vec<String> {
    let asks = world.effects.iter();
    asks.filter_map(|effect| if let Effect::Ask(question) = effect { Some(question.text.clone()) } else { None })
        .collect()
}

#[test]
fn a_question_before_the_limit_that_is_reached_already_is_put_and_refuses_nothing() {
    let reached = |text: &str, agents: Vec<AgentSetup>| {
        Plan { agents, ..Plan::of(text) }.spent_before("r0", "2026-11-23T10:00:00Z", "dear", 7_000)
    };
    for agents in [vec![setup("codex", true)], vec![one("plan", &[]), one("build", &["plan"]), one("lint", &[])]] {
        let mut world = reached(MONTH, agents).started();
        assert_eq!(refused(&world), None, "{}", world.told());
        assert!(asked(&world).iter().all(|text| text.ends_with("60% reached")), "{}", world.told());
        assert!(!asked(&world).is_empty());
        world.skip();
        // The ledger would make one question of them.
        (1..=asked(&world).len()).for_each(|id| {
            world.person(i64::try_from(id).unwrap(), Answer::NextStep { past: cents(600) });
        });
        assert!(world.governor.agents.values().all(|agent| agent.state != State::Held), "{}", world.told());
    }
    // At the limit itself nothing is started, whoever could be asked.
    let at_limit = MONTH.replace("do = \"stop\"", "do = \"ask\"");
    for text in [at_limit.as_str(), &MONTH.replace(", { at = \"100%\", do = \"stop\" }", "")] {
        let spent = Plan::of(text).spent_before("r0", "2026-11-23T10:00:00Z", "dear", 10_000).started();
        assert!(refused(&spent).is_some_and(|why| why.ends_with("spent")), "{:?}", refused(&spent));
    }
}

#[test]
fn a_refused_start_is_told_only_what_lets_it_start() {
    let ways = |text: &str, by: StartedBy| {
        let plan = Plan { askable: false, ..Plan::of(text) };
        let world = plan.spent_before("r0", "2026-11-23T10:00:00Z", "dear", 20_000).started();
        assert!(refused(&world).is_some(), "{text}");
        world.governor.ways_past_refusal(by)
    };
    let written = "its limit is written in policy.toml:2";
    let lifted = "`govern resume r1 --extend 11.00usd` lifts it";
    let team = "it is that of team web: work for another is started with `--team NAME`";
    let project = "it is that of all that names no project: work for another is started with `--project NAME`";
    let of = |per: &str, window: &str| MONTH.replace("per = \"team\"", per).replace("window = \"month\"", window);
    let anew = "it begins anew at 2026-12-01 00:00 (UTC)";
    assert_eq!(ways(&of("per = \"team\"", "window = \"month\""), StartedBy::Flags), [anew, written, team]);
    assert_eq!(ways(&of("per = \"team\"", "window = \"month\""), StartedBy::Before), [anew, lifted]);
    let named = format!("{}[approvals]\napprovers = [\"ann\", \"bob\"]\n", of("per = \"team\"", "window = \"month\""));
    assert_eq!(ways(&named, StartedBy::Before), [anew.to_owned(), format!("{lifted}, by ann or bob")]);
    let rolls = "what was spent counts for 30d, and then no more";
    assert_eq!(ways(&of("per = \"project\"", "window = \"30d\""), StartedBy::Flags), [rolls, written, project]);
    assert_eq!(ways(&of("per = \"everything\"", "window = \"total\""), StartedBy::Flags), [written]);
    let by_file = "it is that of team web: agents of another have `team = \"NAME\"` in the fleet file";
    assert_eq!(ways(MONTH, StartedBy::File), [anew, written, by_file]);
}

#[test]
fn a_question_before_the_limit_that_nobody_can_be_asked_gets_its_else_before_anything_starts() {
    for (otherwise, starts) in [("stop", false), ("kill", false), ("route", true)] {
        let text = MONTH.replace("do = \"ask\"", &format!("do = \"ask\", else = \"{otherwise}\""));
        // Which model it is routed to is known only where it was answered before.
        let old = response("codex", "root", "dear", 500, moment("2026-11-23T10:00:00Z"));
        let plan = Plan { askable: false, history: vec![old.clone()], ..Plan::of(&text) };
        let mut plan = plan.spent_before("r0", "2026-11-23T10:00:00Z", "dear", 6_500);
        plan.shelf.responses.push(old);
        let mut world = plan.started();
        assert_eq!(refused(&world).is_none(), starts, "{otherwise}: {}", world.told());
        assert!(asked(&world).is_empty(), "{otherwise}: {}", world.told());
    }
}

#[test]
fn a_run_that_goes_on_by_an_extension_is_asked_what_lies_before_the_new_limit() {
    let plan = Plan { lift: Some(lift(None, "5 usd")), ..Plan::of(MONTH) };
    let mut world = plan.spent_before("r0", "2026-11-23T10:00:00Z", "dear", 10_000).started();
    assert_eq!(refused(&world), None, "{}", world.told());
    assert_eq!(asked(&world), ["$10.00 of $15.00 (month, team=web): 60% reached"]);
}

#[test]
fn what_was_stopped_is_a_failed_need() {
    let agents = vec![one("plan", &[]), one("build", &["plan"]), one("lint", &[])];
    let mut world = fleet("", agents).started();
    world.feed(Input::GiveUp { agent: AgentName::new("plan"), because: "signal 15".to_owned() });
    exits(&mut world, "lint", true);
    assert_eq!(
        endings(&world),
        "plan: Some(Stopped) after 1; build: Some(Skipped) after 0; lint: Some(Itself) after 1"
    );
}

#[test]
fn one_interrupt_ends_at_a_safe_point_and_starts_nothing_and_a_second_one_makes_haste() {
    let agents = vec![AgentSetup { retries: 2, ..one("plan", &[]) }, one("build", &["plan"]), one("lint", &[])];
    let mut world = fleet(&five_dollars(STOP), agents).started();
    world.by_hand = true;
    world.skip();
    interrupted(&mut world, Interrupt::Stop);
    interrupted(&mut world, Interrupt::Kill);
    while let Some(report) = world.reports.pop_front() {
        world.feed(report);
    }
    assert_snapshot!(world.told());
    assert_eq!(endings(&world), "plan: Some(Killed) after 1; build: Some(Stopped) after 0; lint: Some(Killed) after 1");
}

#[test]
fn what_is_paused_before_it_started_starts_when_it_is_continued() {
    let agents = vec![one("plan", &[]), one("build", &["plan"])];
    let mut world = fleet(&five_dollars(STOP), agents).started();
    world.brakes(Brake::Pause);
    exits(&mut world, "plan", true);
    let build = AgentName::new("build");
    assert_eq!(world.governor.agent(&build).unwrap().state, State::Waiting);
    world.brakes(Brake::Continue);
    assert_eq!(world.governor.agent(&build).unwrap().state, State::Running);
}

/// Something that happens to one of some agents.
#[derive(Clone, Debug)]
enum Act {
    Answer(usize, u16),
    Exit(usize, bool),
    NotLaunched(usize),
    Report(usize),
    ByHand(bool),
    Brake(u8),
    Interrupt(bool),
    GiveUp(usize),
}

fn acts() -> impl Strategy<Value = Act> {
    let who = 0_usize..6;
    prop_oneof![
        4 => (who.clone(), 1_u16..900).prop_map(|(who, tokens)| Act::Answer(who, tokens)),
        8 => (who.clone(), prop::bool::weighted(0.7)).prop_map(|(who, ok)| Act::Exit(who, ok)),
        1 => who.clone().prop_map(Act::NotLaunched),
        8 => (0_usize..4).prop_map(Act::Report),
        1 => any::<bool>().prop_map(Act::ByHand),
        1 => (0_u8..8).prop_map(Act::Brake),
        1 => prop::bool::weighted(0.3).prop_map(Act::Interrupt),
        1 => who.prop_map(Act::GiveUp),
    ]
}

/// Needs may form circles, and name agents that are not there.
fn agents() -> impl Strategy<Value = Vec<AgentSetup>> {
    let one = (prop::collection::vec(0_usize..8, 0..3), 0_u32..3, 0_u8..=9);
    prop::collection::vec(one, 1..6).prop_map(|all| {
        let setup = |(at, (needs, retries, priority)): (usize, (Vec<usize>, u32, u8))| AgentSetup {
            // Mostly those before it, so that fleets get somewhere.
            needs: needs.into_iter().map(|need| name(if need > 5 { need } else { need % (at + 1) })).collect(),
            retries,
            registration: Registration { priority: Priority::new(priority).unwrap(), ..Registration::default() },
            ..setup(name(at).as_str(), at.is_multiple_of(2))
        };
        all.into_iter().enumerate().map(setup).collect()
    })
}

fn name(at: usize) -> AgentName {
    AgentName::new(format!("agent {at}"))
}

const POLICIES: [&str; 3] = [
    "",
    "[[budget]]\nname = \"whole\"\nper = \"run\"\nlimit = \"5 usd\"\nsteps = [{ at = \"50%\", do = \"route\" },\
     { at = \"100%\", do = \"stop\" }]\n",
    "[[budget]]\nname = \"each\"\nper = \"agent\"\nlimit = \"2 usd\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n",
];

fn act(world: &mut World, act: &Act) {
    match *act {
        Act::Answer(who, tokens) => {
            let (agent, thread) = (name(who).to_string(), format!("agent {who} root"));
            if world.governor.agent(&name(who)).is_some_and(|agent| agent.state == State::Running) {
                world.answers_as(&agent, &thread, tokens.into(), Phase::Tools);
            }
        }
        // Only what was started ends.
        Act::Exit(who, ok) => {
            if world.governor.agent(&name(who)).is_some_and(works) {
                exits(world, name(who).as_str(), ok);
            }
        }
        Act::NotLaunched(who) => {
            let starts = |agent: &crate::decide::agents::Agent| matches!(agent.state, State::Starting(_));
            if world.governor.agent(&name(who)).is_some_and(starts) {
                world.feed(Input::NotLaunched { agent: name(who), because: "no such program".to_owned() });
            }
        }
        Act::Report(at) => {
            let at = at.min(world.reports.len().saturating_sub(1));
            if let Some(report) = world.reports.remove(at) {
                world.feed(report);
            }
        }
        Act::ByHand(by_hand) => world.by_hand = by_hand,
        Act::Brake(what) => world.brakes(match what {
            0..4 => Brake::Pause,
            4..7 => Brake::Continue,
            _ => Brake::Stop,
        }),
        Act::Interrupt(kill) => interrupted(world, if kill { Interrupt::Kill } else { Interrupt::Stop }),
        Act::GiveUp(who) => world.feed(Input::GiveUp { agent: name(who), because: "signal 15".to_owned() }),
    }
}

fn works(agent: &crate::decide::agents::Agent) -> bool {
    !matches!(agent.state, State::Waiting | State::Gone)
}

/// Looks at what came of one act.
fn check(world: &World, from: usize, plan: &BTreeMap<AgentName, AgentSetup>, most: Option<NonZeroUsize>) {
    for effect in &world.effects[from..] {
        if let Effect::Launch { agent, attempt } = effect {
            let setup = &plan[agent];
            assert!(*attempt <= setup.retries + 1, "{agent} tried {attempt} times");
            for need in &setup.needs {
                let ending = world.governor.agent(need).and_then(|need| need.ending);
                assert_eq!(ending, Some(Ending::Itself), "{agent} started, and {need} had not ended well");
            }
        }
    }
    let working = world.governor.agents.values().filter(|agent| works(agent)).count();
    assert!(most.is_none_or(|most| working <= most.get()), "{working} at once");
    for agent in world.governor.agents.values() {
        assert_eq!(agent.ending.is_some(), agent.state == State::Gone, "{}", agent.setup.name);
    }
}

/// Lets everything end that can, and says whether all of it did.
fn run_out(world: &mut World) {
    world.brakes(Brake::Continue);
    for _ in 0..100 {
        world.by_hand = false;
        while let Some(report) = world.reports.pop_front() {
            world.feed(report);
        }
        let Some(agent) = world.governor.agents.values().find(|agent| works(agent)) else { return };
        let name = agent.setup.name.to_string();
        exits(world, &name, true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nobody_starts_on_a_failed_need_or_beyond_the_room_and_every_agent_ends_once(
        policy in 0..POLICIES.len(),
        agents in agents(),
        most in 0_usize..4,
        acts in prop::collection::vec(acts(), 0..60),
    ) {
        let by_name: BTreeMap<AgentName, AgentSetup> =
            agents.iter().map(|agent| (agent.name.clone(), agent.clone())).collect();
        let count = by_name.len();
        let mut world = Plan { concurrency: at_once(most), ..fleet(POLICIES[policy], agents) }.world();
        world.by_hand = true;
        world.feed(Input::Begin);
        check(&world, 0, &by_name, at_once(most));
        for one in &acts {
            let from = world.effects.len();
            act(&mut world, one);
            check(&world, from, &by_name, at_once(most));
        }
        let from = world.effects.len();
        run_out(&mut world);
        check(&world, from, &by_name, at_once(most));
        prop_assert!(world.governor.is_over(), "{}", world.told());
        let ends = world.effects.iter().filter(|effect| matches!(effect, Effect::Finish { .. })).count();
        prop_assert_eq!(ends, count);
    }
}
