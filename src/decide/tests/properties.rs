//! What holds whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::conserved::money_is_conserved;
use super::world::{CODEX, Plan, World, expects, setup};
use crate::decide::agents::lifecycle::State;
use crate::decide::message::{Asked, Gone, Hook, HookId, Judged, News, Phase, Settled, Timer, ToolCall, Wants, Works};
use crate::decide::{Books, Effect, Input};
use crate::model::event::{Answer, Course, Decision, EventKind};
use crate::model::{AgentName, ApprovalId, Brake, BudgetName, ProcessIdentity, Progress, Streak, ThreadId, Unit, Verb};
use crate::policy::rule::{Budget, GateVerb, Refusal, Window};
use crate::policy::verdict::judge;

const SECOND: &str = "second";
const THREADS: [&str; 2] = ["root", "sub"];

/// In those that divide a budget, one agent expects more than the other.
const POLICIES: [&str; 11] = [
    "[[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"9 usd\"\nsteps = [{ at = \"30%\", do = \"warn\" },\
     { at = \"50%\", do = \"route\" }, { at = \"80%\", do = \"ask\", else = \"route\" }, { at = \"100%\", do = \"stop\" }]\n",
    "[[budget]]\nname = \"life\"\nper = \"agent\"\nlimit = \"6 usd\"\nsteps = [{ at = \"50%\", do = \"route\" },\
     { at = \"100%\", do = \"ask\", else = \"kill\" }]\n\
     [[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"20 usd\"\n",
    "[[budget]]\nname = \"hour\"\nper = \"team\"\nwindow = \"1h\"\nlimit = \"8 usd\"\nsteps = [{ at = \"60%\", do = \"route\" },\
     { at = \"100%\", do = \"ask\" }]\n\
     [[budget]]\nname = \"time\"\nper = \"run\"\nlimit = \"40 minutes\"\ngrace = \"10%\"\nsteps = [{ at = \"100%\", do = \"ask\" }]\n",
    "[[budget]]\nname = \"models\"\nper = [\"model\", \"team\"]\nwindow = \"day\"\nlimit = \"5 usd\"\n\
     steps = [{ at = \"60%\", do = \"route\" }, { at = \"100%\", do = \"ask\" }]\n\
     [[budget]]\nname = \"threads\"\nper = \"thread\"\nlimit = \"4k tok\"\n",
    "[[budget]]\nname = \"watch\"\nper = \"run\"\nlimit = \"3 usd\"\nmode = \"observe\"\n\
     [[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"12 responses\"\ngrace = \"20%\"\nsteps = [{ at = \"100%\", do = \"kill\" }]\n",
    "[[budget]]\nname = \"mild\"\nper = \"run\"\nlimit = \"9 usd\"\nsteps = [{ at = \"20%\", do = \"steer\" },\
     { at = \"40%\", do = \"throttle\", to = \"3 responses/m\" }, { at = \"100%\", do = \"ask\" }]\n\
     [[budget]]\nname = \"tools\"\nper = \"run\"\nlimit = \"3 tool calls\"\n",
    "[[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"9 usd\"\nallot = { by = \"expected\", reserve = \"20%\" }\n",
    "[[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"12 usd\"\n\
     steps = [{ at = \"90%\", do = \"decide\", may = [\"steer\", \"route\"] }, { at = \"100%\", do = \"ask\", else = \"kill\" }]\n\
     [budget.allot]\nby = \"equal\"\nreserve = \"30%\"\nsteps = [\
     { at = \"40%\", do = \"decide\", may = [\"throttle\", \"route\"], to = \"3 responses/m\" },\
     { at = \"70%\", do = \"decide\", may = [\"extend\", \"steer\", \"ask\"], max_extend = \"1 usd\" },\
     { at = \"100%\", do = \"decide\", may = [\"extend\", \"route\", \"kill\"] }]\n",
    "[[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"9k tok\"\nallot = { by = \"expected\" }\n\
     [[budget]]\nname = \"team\"\nper = \"team\"\nwindow = \"1h\"\nlimit = \"20 usd\"\nallot = { by = \"pool\" }\n",
    "[governor]\nmodel = \"cheap\"\nshare = \"30%\"\n\
     [[budget]]\nname = \"life\"\nper = \"run\"\nlimit = \"9 usd\"\nallot = { by = \"expected\", reserve = \"20%\" }\n",
    "[governor]\nmodel = \"cheap\"\nshare = \"50%\"\n\
     [[budget]]\nname = \"day\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"12 usd\"\n\
     steps = [{ at = \"100%\", do = \"decide\", may = [\"route\", \"ask\", \"kill\"] }]\n\
     [budget.allot]\nby = \"equal\"\nreserve = \"30%\"\nsteps = [\
     { at = \"40%\", do = \"decide\", may = [\"throttle\", \"route\"], to = \"3 responses/m\" },\
     { at = \"70%\", do = \"decide\", may = [\"extend\", \"steer\", \"ask\"], max_extend = \"1 usd\" },\
     { at = \"100%\", do = \"decide\", may = [\"extend\", \"route\", \"ask\", \"kill\"] }]\n",
];

/// Something that happens to one of two agents.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Phase(usize, usize, u8),
    Answer(usize, usize, u16),
    Elsewhere(u16),
    Person(u8, u8),
    AnsweredElsewhere(u8, u8),
    ExtendedElsewhere(u16),
    Due(u8),
    Report,
    ByHand(bool),
    Exit(usize),
    Pass(u16),
    Jump(u8),
    Ephemeral(usize),
    Stray(usize, u8),
    Brake(u8),
    Progress(usize, u8),
    /// Codex at the gate: whose, on which thread, what for, and with which of two tools.
    Hook(usize, usize, u8, bool),
    HookGone(u8, bool),
    /// What a governor model says, or that it says nothing.
    Advice(u8, u16),
}

fn acts() -> impl Strategy<Value = Act> {
    let who = 0_usize..2;
    prop_oneof![
        6 => (who.clone(), 0_usize..2, 0_u8..3).prop_map(|(who, thread, phase)| Act::Phase(who, thread, phase)),
        9 => (who.clone(), 0_usize..2, 1_u16..1_500).prop_map(|(who, thread, n)| Act::Answer(who, thread, n)),
        1 => (1_u16..2_000).prop_map(Act::Elsewhere),
        3 => (0_u8..3, 0_u8..7).prop_map(|(which, what)| Act::Person(which, what)),
        1 => (0_u8..3, 0_u8..5).prop_map(|(which, what)| Act::AnsweredElsewhere(which, what)),
        1 => (1_u16..400).prop_map(Act::ExtendedElsewhere),
        2 => (0_u8..4).prop_map(Act::Due),
        6 => Just(Act::Report),
        1 => any::<bool>().prop_map(Act::ByHand),
        1 => who.clone().prop_map(Act::Exit),
        2 => (1_u16..3_000).prop_map(Act::Pass),
        1 => (0_u8..5).prop_map(Act::Jump),
        1 => who.clone().prop_map(Act::Ephemeral),
        1 => (who.clone(), 0_u8..3).prop_map(|(who, what)| Act::Stray(who, what)),
        1 => (who, 0_u8..5).prop_map(|(who, what)| Act::Progress(who, what)),
        2 => (0_u8..10).prop_map(Act::Brake),
        8 => (who_at_gate(), any::<bool>()).prop_map(|((who, thread, what), one)| Act::Hook(who, thread, what, one)),
        1 => (0_u8..3, any::<bool>()).prop_map(|(back, broken)| Act::HookGone(back, broken)),
        4 => (0_u8..11, 1_u16..900).prop_map(|(what, cents)| Act::Advice(what, cents)),
    ]
}

fn who_at_gate() -> impl Strategy<Value = (usize, usize, u8)> {
    (0_usize..2, 0_usize..2, 0_u8..8)
}

/// A tool that a person is asked about, or one that meets no gate.
fn tool(asked: bool, one: bool) -> Wants {
    let verb = GateVerb::Ask { wait: Duration::from_secs(60), otherwise: Refusal::Deny };
    let judged = Judged { rule: "leaves".to_owned(), verb, because: "`leaves`".to_owned(), would: false };
    let (tool, digest) = ("Bash".to_owned(), if one { "d1" } else { "d2" }.to_owned());
    Wants::Tool(ToolCall { tool, digest, short: "git push".to_owned(), judged: asked.then_some(judged), call: None })
}

fn wants(what: u8, one: bool) -> Wants {
    match what {
        0 => Wants::Turn,
        1..4 => Wants::Request,
        4 => Wants::Compaction,
        5 => Wants::TurnEnd,
        6 => tool(false, one),
        _ => tool(true, one),
    }
}

fn name(who: usize) -> &'static str {
    if who == 0 { CODEX } else { SECOND }
}

fn thread(who: usize, thread: usize) -> String {
    if who == 0 { THREADS[thread].to_owned() } else { format!("{SECOND} {}", THREADS[thread]) }
}

fn phase(which: u8) -> Phase {
    [Phase::Idle, Phase::InFlight, Phase::Tools][usize::from(which)]
}

fn answer(which: u8) -> Answer {
    match which {
        0 => Answer::Extend { amount: 1 },
        1 => Answer::Extend { amount: 3_000_000_000 },
        2 => Answer::Route,
        3 => Answer::Stop,
        5 => Answer::Allow { seconds: None },
        6 => Answer::Allow { seconds: Some(60) },
        _ => Answer::Kill,
    }
}

fn asked(world: &World) -> i64 {
    i64::try_from(world.effects.iter().filter(|effect| matches!(effect, Effect::Ask(_))).count()).unwrap()
}

fn act(world: &mut World, act: &Act) {
    match *act {
        Act::Phase(who, which, now) => world.phase(name(who), &thread(who, which), phase(now)),
        Act::Answer(who, which, tokens) => {
            world.answers_as(name(who), &thread(who, which), tokens.into(), Phase::Tools);
        }
        Act::Elsewhere(tokens) => world.elsewhere("dear", tokens.into()),
        Act::Person(back, what) => world.person(asked(world) - i64::from(back), answer(what)),
        Act::AnsweredElsewhere(back, what) => {
            let approval = ApprovalId(asked(world) - i64::from(back));
            let answers = vec![Settled { approval, answer: answer(what), by: "bob (cli)".to_owned(), reason: None }];
            world.feed(Input::Elsewhere(News { answers, ..News::default() }));
        }
        Act::ExtendedElsewhere(cents) => {
            let key = world.governor.accounts().last().map(|account| account.key.clone());
            let extensions: Vec<_> = key.map(|key| (key, i64::from(cents) * 10_000_000)).into_iter().collect();
            for (key, amount) in &extensions {
                *world.shelf.get_mut().extended.entry(key.clone()).or_default() += amount;
            }
            world.feed(Input::Elsewhere(News { extensions, ..News::default() }));
        }
        Act::Due(0) => world.due(Timer::Minutes),
        Act::Due(1) => world.due(Timer::WindowEnd),
        Act::Due(_) => world.deadline(asked(world)),
        Act::Report => {
            if let Some(input) = world.reports.pop_front() {
                world.feed(input);
            }
        }
        Act::ByHand(by_hand) => {
            while let Some(input) = world.reports.pop_front() {
                world.feed(input);
            }
            world.by_hand = by_hand;
        }
        Act::Exit(who) => world.feed(Input::Exited { agent: AgentName::new(name(who)), leftover: 0, ok: true }),
        Act::Pass(seconds) => world.pass(seconds.into()),
        Act::Jump(day) => {
            world.wall_jumps_to(&format!("2026-11-2{}T12:00:00Z", 3 + day));
            // A clock that jumps is no input; the next one sees it.
            world.due(Timer::Minutes);
        }
        Act::Ephemeral(who) => {
            let agent = AgentName::new(name(who));
            world.feed(Input::CodexSeen {
                agent,
                process: ProcessIdentity { pid: 1, started: 0 },
                ephemeral: false,
                tells: false,
                works: Works::AtOnce,
            });
        }
        Act::Progress(who, times) => {
            let failing = (times > 1).then(|| Streak { command: "make".to_owned(), times: times.into() });
            let changes = if times == 1 { vec![world.now.uptime] } else { Vec::new() };
            let progress = Box::new(Progress { failing, changes, ..Progress::default() });
            world.feed(Input::Progress { agent: AgentName::new(name(who)), progress });
        }
        Act::Brake(what) => world.brakes(match what {
            0..6 => Brake::Pause,
            6..8 => Brake::Continue,
            8 => Brake::Stop,
            _ => Brake::Kill,
        }),
        Act::Hook(who, which, what, one) => {
            world.pass(1);
            world.hooks += 1;
            let (id, root) = (HookId(world.hooks), ThreadId::new(thread(who, 0)));
            let (agent, thread) = (AgentName::new(name(who)), ThreadId::new(thread(who, which)));
            let wants = wants(what, one);
            world.feed(Input::Hook(Box::new(Hook {
                id,
                agent,
                thread,
                root,
                inside: None,
                model: None,
                tier: None,
                unpriced: false,
                wants,
                asked: Asked::default(),
                has_file: true,
            })));
        }
        Act::HookGone(back, broken) => {
            let hook = HookId(world.hooks.saturating_sub(u64::from(back)));
            world.feed(Input::HookGone { hook, why: if broken { Gone::Broken } else { Gone::Withdrawn } });
        }
        Act::Advice(what, cents) => super::consult::any_answer(world, what, cents),
        Act::Stray(who, what) => {
            let agent = AgentName::new(name(who));
            let thread = ThreadId::new("stray");
            world.feed(match what {
                0 => Input::Asked { agent, approval: ApprovalId(99), left: None },
                1 => Input::Phase { agent, thread, root: None, phase: Phase::Idle, by_answer: false },
                _ => Input::CodexObserved { agent, process: ProcessIdentity { pid: 9, started: 0 } },
            });
        }
    }
}

/// Runs a story and looks after every act.
pub(super) fn story(policy: usize, acts: &[Act]) -> World {
    let mut plan = Plan::of(POLICIES[policy]);
    plan.agents = match policy {
        6 | 9 => vec![expects(CODEX, "3 usd"), expects(SECOND, "2 usd")],
        8 => vec![expects(CODEX, "4k tok"), setup(SECOND, true)],
        _ => vec![setup(CODEX, true), setup(SECOND, policy.is_multiple_of(2))],
    };
    let mut world = plan.started();
    let mut seen = Seen::default();
    for one in acts {
        let from = world.effects.len();
        if matches!(one, Act::ExtendedElsewhere(_)) {
            seen.steered.clear();
        }
        act(&mut world, one);
        if let Act::Hook(who, _, 1..5, _) = one {
            seen.requests.insert(HookId(world.hooks), AgentName::new(name(*who)));
        }
        seen.check(&world, from);
        seen.held_is_held(&world, from);
        let said = world.told();
        standing_is_kept(&world, &said);
        money_is_conserved(&world, &said);
    }
    sums_are_right(&world);
    world
}

/// What earlier effects forbid later ones.
#[derive(Default)]
struct Seen {
    finished: BTreeSet<AgentName>,
    verbs: BTreeMap<(Option<AgentName>, BudgetName, String), Verb>,
    paused: BTreeSet<AgentName>,
    answered: BTreeSet<HookId>,
    /// Who, and by which limit of which budget, since a limit was lifted.
    steered: BTreeSet<(Option<AgentName>, String)>,
    told: BTreeSet<(u64, String)>,
    /// Whose tools are asked about.
    asking: BTreeSet<AgentName>,
    /// Requests that came to the gate, and whose.
    requests: BTreeMap<HookId, AgentName>,
}

impl Seen {
    fn check(&mut self, world: &World, from: usize) {
        let mut requested: Option<&AgentName> = None;
        for effect in &world.effects[from..] {
            let subject = match effect {
                Effect::Freeze(agent) | Effect::Thaw(agent) | Effect::End(agent) | Effect::Restart { agent, .. } => {
                    assert_eq!(requested, Some(agent), "{effect:?} was not recorded before");
                    Some(agent)
                }
                Effect::Finish { agent, .. } => Some(agent),
                Effect::Ask(question) => Some(&question.agent),
                Effect::Record { agent, kind: EventKind::Decided(_) } => agent.as_ref(),
                _ => None,
            };
            assert!(subject.is_none_or(|agent| !self.finished.contains(agent)), "{effect:?} after the end");
            requested = match effect {
                Effect::Record { agent: Some(agent), kind: EventKind::Requested { .. } } => Some(agent),
                _ => None,
            };
            match effect {
                // Only a person lets go on what a person paused.
                Effect::Thaw(agent) => assert!(!self.paused.contains(agent), "{effect:?}"),
                Effect::Answer { hook, .. } => assert!(self.answered.insert(*hook), "{hook:?} was answered twice"),
                Effect::Record { agent, kind: EventKind::Requested { what, because, .. } } if what == "steer" => {
                    let at = because.split(" of ").nth(1).and_then(|limit| limit.split(')').next()).unwrap_or(because);
                    let crossing = (agent.clone(), at.to_owned());
                    assert!(self.steered.insert(crossing), "{agent:?} was steered twice at one crossing: {because}");
                }
                Effect::Record { kind: EventKind::Outcome { request, detail, .. }, .. } if detail.contains("told") => {
                    assert!(self.told.insert((*request, detail.clone())), "{detail}, twice");
                }
                Effect::Record { agent: Some(agent), kind: EventKind::Braked { brake, .. } } => {
                    if *brake == Brake::Pause {
                        self.paused.insert(agent.clone());
                    } else {
                        self.paused.remove(agent);
                    }
                    // What the budgets did is done anew from here.
                    self.verbs.clear();
                }
                Effect::Finish { agent, .. } => drop(self.finished.insert(agent.clone())),
                Effect::Extend { .. } => {
                    self.verbs.clear();
                    self.steered.clear();
                }
                Effect::Record { kind: EventKind::Answered { .. }, .. } => self.verbs.clear(),
                Effect::Record { agent, kind: EventKind::Decided(decision) }
                    if decision.budget.as_str() == "life" && !goes_on(decision) =>
                {
                    let of = (agent.clone(), decision.budget.clone(), decision.scope.clone());
                    let before = self.verbs.insert(of, decision.verb);
                    assert!(before <= Some(decision.verb), "{before:?}, then {decision:?}");
                }
                _ => {}
            }
        }
        // Extensions and answers elsewhere have no effect of their own.
        if world.effects[from..].is_empty() {
            self.verbs.clear();
        }
    }
}

/// The agent is left as it is.
fn goes_on(decision: &Decision) -> bool {
    decision.chosen.as_ref().is_some_and(|chosen| !matches!(chosen.what, Course::Act { .. }))
}

impl Seen {
    /// While a tool of an agent is asked about, none of its requests goes past the gate, and one whose requests might
    /// stands still.
    fn held_is_held(&mut self, world: &World, from: usize) {
        let asks = world.governor.agents.values().filter(|agent| agent.gate.is_asking());
        let now: BTreeSet<AgentName> = asks.map(|agent| agent.setup.name.clone()).collect();
        for effect in &world.effects[from..] {
            let Effect::Answer { hook, deny: None } = effect else { continue };
            let whose = self.requests.get(hook).filter(|whose| now.contains(*whose) && self.asking.contains(*whose));
            assert_eq!(whose, None, "{hook:?} went past the gate");
        }
        self.asking = now;
        for agent in world.governor.agents.values() {
            let loose = agent.state == State::Running && agent.gate.is_asking() && !agent.gate_holds();
            assert!(!loose || agent.is_stilled(), "{} asks about a tool, and moves", agent.setup.name);
        }
    }
}

/// An agent in a turn has no hard step due; one is held exactly while a question is about it.
fn standing_is_kept(world: &World, said: &str) {
    let governor = &world.governor;
    for agent in governor.agents.values() {
        assert_eq!(agent.held.is_some(), agent.state == State::Held, "{said}");
        let works = matches!(agent.state, State::Running | State::Starting(None));
        assert!(agent.pause.is_none() || !works, "paused, and {:?}: {said}", agent.state);
        if agent.state != State::Running || !agent.turn_under_way() {
            continue;
        }
        let name = &agent.setup.name;
        for (id, account) in governor.accounts.with_ids() {
            let budget = &account.rule;
            // After the last call that may be made there is a last word: the next call is what passes the limit.
            if budget.unit() == Unit::ToolCalls
                || budget.observe
                || account.is_past(world.now.wall)
                || !governor.accounts.concerns(&governor.spenders(), id, agent.id)
                || moves(budget)
                || governor.accounts.adviser.as_ref().is_some_and(|adviser| adviser.asks_below_limit(agent.id, id))
            {
                continue;
            }
            let standing = world.standing(id, name);
            let due = judge(budget, &standing).filter(|fired| fired.verb.is_hard());
            assert_eq!(due, None, "{name} works, {standing:?}\n{said}");
            assert!(budget.grace > 0 || standing.spent < standing.limit, "{name} works, {standing:?}\n{said}");
        }
    }
}

/// Its count changes with the clock, without an input.
fn moves(budget: &Budget) -> bool {
    matches!(budget.window, Window::Rolling(_)) || budget.unit() == crate::model::Unit::Minutes
}

/// Accounts hold what was answered, no more and no less; who is gone claims nothing.
fn sums_are_right(world: &World) {
    let shelf = world.shelf.borrow();
    for account in world.governor.accounts().filter(|account| !moves(&account.rule)) {
        let values = account.per.iter().zip(account.values.iter().map(Option::as_deref)).collect();
        let query = crate::decide::account::SpentQuery { values, budget: &account.rule, bounds: account.bounds };
        assert_eq!(account.spent, shelf.spent(&query), "{}", account.key.budget);
    }
    if world.governor.agents.values().all(|agent| agent.state == State::Gone) {
        assert_eq!(shelf.claims.values().sum::<i64>(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_agent_works_past_a_limit_and_nothing_is_done_to_one_that_is_gone(
        policy in 0..POLICIES.len(),
        acts in proptest::collection::vec(acts(), 1..60),
    ) {
        story(policy, &acts);
    }

    #[test]
    fn the_same_inputs_have_the_same_effects(
        policy in 0..POLICIES.len(),
        acts in proptest::collection::vec(acts(), 1..40),
    ) {
        prop_assert_eq!(story(policy, &acts).effects, story(policy, &acts).effects);
    }
}
