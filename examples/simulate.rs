//! Thousands of made-up fleets under the real governor: `cargo run --release --example simulate -- [FLEETS] [SEED]`.
//!
//! No process, no Codex: the governor that `govern` runs is told of requests and answers, and what it wants done is done
//! at once. Each fleet is governed three times, with the same agents: killed at an equal share of the limit each; under
//! one limit over all, with nothing divided; and with allotments, a pool and the `decide` rule. Agents need far more or
//! less than they say (lognormal, one in twelve with a Pareto tail), some are stuck half-way and repeat a failing command,
//! some show nothing of what they do, some wait for others. There is nobody to ask and no cheaper model: what differs is
//! who may spend what.
#![expect(clippy::print_stdout, reason = "a simulation prints its figures")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use govern::decide::account::{Leave, SpentQuery, Started};
use govern::decide::agents::AgentSetup;
use govern::decide::agents::lifecycle::State;
use govern::decide::message::Ending;
use govern::decide::message::Phase;
use govern::decide::people::reach::Nobody;
use govern::decide::{Before, Books, Effect, Governor, Input, Moment, Setup};
use govern::model::{
    AgentName, Attribution, Basis, Billing, BudgetKey, Cost, ModelId, Money, Progress, Quantity, Registration,
    Response, ResponseKey, RunId, ServiceTier, Streak, ThreadId, Timestamp, Tokens, Unit,
};
use govern::policy::layers::{FlagRules, load};
use govern::policy::mistake::LayerText;
use govern::policy::rule::{Layer, Policy};

/// What agents declare together, and what there is: a fleet's plan has some air.
const AIR: f64 = 1.25;
/// Of every so many agents one is stuck, one shows nothing, one needs far more than it said.
const STUCK: f64 = 0.15;
const SILENT: f64 = 0.20;
const TAILED: f64 = 0.08;

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let (fleets, seed) = (args.next().unwrap_or(2_000), args.next().unwrap_or(1));
    println!("{fleets} fleets of 3 to 10 agents, seeds {seed} to {}", seed + fleets - 1);
    let rules = [
        ("killed at equal shares", Rule::Equal),
        ("one limit over all", Rule::Whole),
        ("allot + decide", Rule::Decide),
    ];
    let sums: Vec<(&str, Sums)> = rules.map(|(name, rule)| (name, run_all(seed..seed + fleets, rule))).into();
    println!(
        "{:<24}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}{:>11}",
        "", "spent", "useful", "cut off", "wasted", "over", "beyond", "pool given"
    );
    for (name, sum) in &sums {
        println!(
            "{name:<24}{:>8.1}%{:>8.1}%{:>8.1}%{:>8.1}%{:>10}{:>10}{:>10.1}%",
            share(sum.spent, sum.limit),
            share(sum.done, sum.work),
            share(sum.work - sum.done, sum.work),
            share(sum.wasted, sum.limit),
            sum.over,
            sum.beyond,
            share(sum.given, sum.limit),
        );
    }
    println!(
        "spent, wasted (by agents that were stuck), pool given: of the limit; useful, cut off: of the work there was to do"
    );
    println!(
        "over: fleets past the limit by an answer dearer than foreseen; beyond: past it by more than such answers explain"
    );
    if let [(_, naive), (_, whole), (_, decide)] = sums.as_slice() {
        let ratio =
            |other: &Sums| share(decide.work - decide.done, decide.work) / share(other.work - other.done, other.work);
        println!("ratio of useful work cut off, allot + decide to killed at equal shares: {:.3}", ratio(naive));
        println!("ratio of useful work cut off, allot + decide to one limit over all: {:.3}", ratio(whole));
        println!(
            "ratio of waste, allot + decide to killed at equal shares: {:.3}",
            decide.wasted as f64 / naive.wasted as f64
        );
        println!(
            "ratio of what the pool got back to what it gave: {:.3}",
            decide.got_back as f64 / decide.given.max(1) as f64
        );
    }
    assert!(
        sums.iter().all(|(_, sum)| sum.beyond == 0),
        "a limit was passed by more than answers nobody could foresee"
    );
}

fn share(part: i64, whole: i64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn run_all(seeds: std::ops::Range<u64>, rule: Rule) -> Sums {
    let mut all = Sums::default();
    for seed in seeds {
        let one = Fleet::made_up(seed).run(rule);
        all.add(&one);
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Equal,
    Whole,
    Decide,
}

/// Amounts in nano-dollars; `over` and `beyond` are counts.
#[derive(Default)]
struct Sums {
    limit: i64,
    spent: i64,
    work: i64,
    done: i64,
    wasted: i64,
    over: u64,
    beyond: u64,
    given: i64,
    got_back: i64,
}

impl Sums {
    fn add(&mut self, one: &Self) {
        let of = |sums: &Self| [sums.limit, sums.spent, sums.work, sums.done, sums.wasted, sums.given, sums.got_back];
        let [limit, spent, work, done, wasted, given, got_back] = of(one);
        (self.limit, self.spent, self.work) = (self.limit + limit, self.spent + spent, self.work + work);
        (self.done, self.wasted) = (self.done + done, self.wasted + wasted);
        (self.given, self.got_back) = (self.given + given, self.got_back + got_back);
        (self.over, self.beyond) = (self.over + one.over, self.beyond + one.beyond);
    }
}

/// SplitMix64: small, seeded, good enough for made-up work.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Over zero, up to one.
    fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn lognormal(&mut self, sigma: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (sigma * normal).exp()
    }

    fn pareto(&mut self, alpha: f64) -> f64 {
        self.unit().powf(-1.0 / alpha)
    }
}

/// What an agent is made of.
struct Made {
    name: AgentName,
    /// What its requests cost, in nano-dollars, in order: all its work, if it is let.
    requests: Vec<i64>,
    expected: i64,
    needs: Vec<AgentName>,
    stuck: bool,
    silent: bool,
    pace: u64,
}

struct Fleet {
    agents: Vec<Made>,
    limit: i64,
}

impl Fleet {
    fn made_up(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let count = 3 + dice.bits() % 8;
        let mut agents: Vec<Made> = Vec::new();
        for number in 0..count {
            let (mean, median) = (20_000_000.0 * dice.lognormal(0.5), 25.0);
            let mut wanted = median * dice.lognormal(0.7);
            if dice.unit() < TAILED {
                wanted *= dice.pareto(1.3).min(20.0);
            }
            let costs = (0..wanted.max(3.0) as usize).map(|_| (mean * dice.lognormal(0.5)) as i64);
            let requests: Vec<i64> = costs.collect();
            let before = agents.last().map(|agent| agent.name.clone());
            let needs = before.filter(|_| dice.unit() < 0.3).into_iter().collect();
            let (stuck, silent) = (dice.unit() < STUCK, dice.unit() < SILENT);
            let (expected, pace) = ((mean * median * 1.13) as i64, 5_000 + dice.bits() % 20_000);
            let name = AgentName::new(format!("agent {number}"));
            agents.push(Made { name, requests, expected, needs, stuck, silent, pace });
        }
        let expected: i64 = agents.iter().map(|agent| agent.expected).sum();
        Self { limit: (expected as f64 * AIR) as i64, agents }
    }

    fn policy(&self, rule: Rule) -> Policy {
        let usd = |nanos: i64| format!("{} usd", Money::from_nanos(nanos).to_decimal());
        let count = self.agents.len() as i64;
        let text = match rule {
            Rule::Equal => format!(
                "per = \"agent\"\nlimit = \"{}\"\nsteps = [{{ at = \"100%\", do = \"kill\" }}]",
                usd(self.limit / count)
            ),
            Rule::Whole => {
                format!("per = \"run\"\nlimit = \"{}\"\nsteps = [{{ at = \"100%\", do = \"kill\" }}]", usd(self.limit))
            }
            Rule::Decide => format!(
                "per = \"run\"\nlimit = \"{}\"\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\nallot = {{ by = \"expected\", reserve = \"10%\" }}",
                usd(self.limit)
            ),
        };
        let text = format!("version = 1\n[[budget]]\nname = \"fleet\"\n{text}\n");
        let file = LayerText { layer: Layer::Given, path: None, text };
        match load(vec![file], FlagRules::default()) {
            Ok(loaded) => loaded.policy,
            Err(mistakes) => unreachable!("{}", govern::policy::diagnostic::render(&mistakes, false)),
        }
    }

    fn run(&self, rule: Rule) -> Sums {
        let mut world = World::new(self, self.policy(rule));
        world.feed(Input::Begin);
        while world.step() {}
        world.sums(rule)
    }
}

/// Where an agent is in its work.
#[derive(Default)]
struct Way {
    /// Requests that were answered.
    answered: usize,
    /// What comes next, and when; `None`: it waits, is held or over.
    next: Option<(u64, Then)>,
    spent: i64,
    done: i64,
    wasted: i64,
    recent: VecDeque<i64>,
    /// By how much its answers were dearer than foreseen, at the most.
    surprise: i64,
}

#[derive(Clone, Copy)]
enum Then {
    Asks,
    Answered,
}

struct World<'f> {
    fleet: &'f Fleet,
    governor: Governor,
    ways: BTreeMap<AgentName, Way>,
    now: u64,
    answers: u64,
}

impl<'f> World<'f> {
    fn new(fleet: &'f Fleet, policy: Policy) -> Self {
        let setup = |made: &Made| {
            let spend = Some(Quantity { unit: Unit::Usd, amount: made.expected });
            let registration = Registration { spend, ..Registration::default() };
            let alone = AgentSetup::alone(made.name.clone(), Attribution::default());
            AgentSetup { registration, needs: made.needs.clone(), ..alone }
        };
        let governor = Governor::new(Setup {
            run: RunId::new("simulated"),
            policy: Arc::new(policy),
            agents: fleet.agents.iter().map(setup).collect(),
            concurrency: None,
            nobody: Some(Nobody::NoTerminal),
            quote: Box::new(|_, _, _, _| Cost::Unpriced),
            lift: None,
            before: Before::default(),
        });
        let ways = fleet.agents.iter().map(|made| (made.name.clone(), Way::default())).collect();
        Self { fleet, governor, ways, now: 0, answers: 0 }
    }

    fn made(&self, name: &AgentName) -> Option<&'f Made> {
        self.fleet.agents.iter().find(|made| made.name == *name)
    }

    fn moment(&self) -> Moment {
        let wall = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::milliseconds(self.now as i64);
        Moment { wall, uptime: Duration::from_millis(self.now) }
    }

    /// The next thing that happens; `false`: nothing does.
    fn step(&mut self) -> bool {
        let soonest = self.ways.iter().filter_map(|(name, way)| Some((way.next?, name.clone())));
        let Some(((at, then), name)) = soonest.min_by_key(|((at, _), _)| *at) else { return false };
        self.now = self.now.max(at);
        if let Some(way) = self.ways.get_mut(&name) {
            way.next = None;
        }
        match then {
            Then::Asks => self.asks(&name),
            Then::Answered => self.answered(&name),
        }
        true
    }

    fn asks(&mut self, name: &AgentName) {
        let Some(made) = self.made(name) else { return };
        self.phase(name, Phase::InFlight);
        let runs = self.governor.agent(name).is_some_and(|agent| agent.state == State::Running);
        if let Some(way) = self.ways.get_mut(name).filter(|_| runs) {
            way.next = Some((self.now + made.pace, Then::Answered));
        }
    }

    fn answered(&mut self, name: &AgentName) {
        let (Some(made), Some(way)) = (self.made(name), self.ways.get_mut(name)) else { return };
        // One that is stuck never comes to its end: its requests cost what they did before.
        let Some(cost) = made.requests.iter().cycle().nth(way.answered).copied() else { return };
        let is_stuck = made.stuck && way.answered >= made.requests.len() / 2;
        way.answered += 1;
        way.spent += cost;
        if is_stuck {
            way.wasted += cost;
        } else {
            way.done += cost;
        }
        // As the governor foretells: the largest of the last five.
        way.surprise = way.surprise.max(cost - way.recent.iter().copied().max().unwrap_or(0));
        way.recent.truncate(4);
        way.recent.push_front(cost);
        let over = !made.stuck && way.answered >= made.requests.len();
        let failed = if is_stuck { way.answered - made.requests.len() / 2 } else { 0 };
        let advances = !made.silent && way.answered % 3 == 0;
        self.shows(name, failed, advances && !is_stuck);
        self.phase(name, if over { Phase::Idle } else { Phase::Tools });
        self.answers += 1;
        let response = self.response(name, cost);
        self.feed(Input::Responded(Box::new(response)));
        if over {
            self.feed(Input::Exited { agent: name.clone(), leftover: 0, ok: true });
        } else if self.governor.agent(name).is_some_and(|agent| agent.state == State::Running)
            && let Some(way) = self.ways.get_mut(name)
        {
            way.next = Some((self.now + made.pace / 2, Then::Asks));
        }
    }

    fn shows(&mut self, name: &AgentName, failed: usize, changed: bool) {
        let Some(agent) = self.governor.agent(name) else { return };
        let mut progress: Progress = agent.progress.clone();
        if changed {
            progress.changes = vec![Duration::from_millis(self.now)];
        }
        let times = u32::try_from(failed).unwrap_or(u32::MAX);
        progress.failing = (times > 0).then(|| Streak { command: "cargo test".to_owned(), times });
        self.feed(Input::Progress { agent: name.clone(), progress: Box::new(progress) });
    }

    fn phase(&mut self, name: &AgentName, phase: Phase) {
        self.feed(Input::Phase {
            agent: name.clone(),
            thread: ThreadId::new(name.as_str()),
            root: None,
            phase,
            by_answer: false,
        });
    }

    fn response(&self, name: &AgentName, nanos: i64) -> Response {
        Response {
            run: Some(RunId::new("simulated")),
            agent: Some(name.clone()),
            thread: ThreadId::new(name.as_str()),
            root: ThreadId::new(name.as_str()),
            key: ResponseKey::new(self.answers.to_string()),
            at: self.moment().wall,
            model: Some(ModelId::new("made-up")),
            provider: None,
            tier: ServiceTier::Standard,
            tokens: Tokens { output: nanos.unsigned_abs() / 1_000, ..Tokens::default() },
            cost: Cost::Priced(Money::from_nanos(nanos)),
            basis: Basis::Observed,
            billing: Billing::Api,
            attribution: Attribution::default(),
            source: govern::model::Source::Record,
            work: None,
        }
    }

    fn feed(&mut self, input: Input) {
        let mut queue = VecDeque::from([input]);
        while let Some(input) = queue.pop_front() {
            for effect in self.governor.handle(self.moment(), input, &Nothing) {
                match effect {
                    Effect::Launch { agent, .. } => {
                        if let Some(way) = self.ways.get_mut(&agent) {
                            way.next = Some((self.now + 1_000, Then::Asks));
                        }
                        queue.push_back(Input::Launched(agent));
                    }
                    Effect::Freeze(agent) => queue.push_back(Input::Frozen(agent)),
                    Effect::End(agent) => queue.push_back(Input::Ended(agent)),
                    Effect::Finish { agent, ending, .. } if ending != Ending::Itself => {
                        self.ways.entry(agent).or_default().next = None;
                    }
                    _ => {}
                }
            }
        }
    }

    fn sums(&self, rule: Rule) -> Sums {
        let all = |of: fn(&Way) -> i64| self.ways.values().map(of).sum::<i64>();
        let useful = |made: &Made| {
            let half = made.requests.len() / 2;
            let until = if made.stuck { half } else { made.requests.len() };
            made.requests.iter().take(until).sum::<i64>()
        };
        let (spent, pools) = (all(|way| way.spent), self.governor.allotments());
        let past = match rule {
            Rule::Equal => {
                let each = self.fleet.limit / self.fleet.agents.len() as i64;
                self.ways.values().map(|way| (way.spent - each).max(0)).sum()
            }
            Rule::Whole | Rule::Decide => (spent - self.fleet.limit).max(0),
        };
        Sums {
            limit: self.fleet.limit,
            spent,
            work: self.fleet.agents.iter().map(useful).sum(),
            done: all(|way| way.done),
            wasted: all(|way| way.wasted),
            over: u64::from(past > 0),
            beyond: u64::from(past > all(|way| way.surprise)),
            given: pools.iter().map(|pool| pool.given).sum(),
            got_back: pools.iter().map(|pool| pool.got_back).sum(),
        }
    }
}

/// Nothing was spent before, and nobody else spends.
struct Nothing;

impl Books for Nothing {
    fn spent(&self, _: &SpentQuery<'_>) -> i64 {
        0
    }

    fn extended(&self, _: &BudgetKey) -> i64 {
        0
    }

    fn given(&self, _: &BudgetKey, _: Option<Timestamp>) -> i64 {
        0
    }

    fn reserved_by_others(&self, _: &BudgetKey) -> i64 {
        0
    }

    fn cost(&self, _: &RunId, _: &AgentName) -> Money {
        Money::ZERO
    }

    fn started(&self, _: &Started<'_>) -> u64 {
        0
    }

    fn depth(&self, _: &ThreadId) -> u32 {
        0
    }

    fn let_again(&self, _: &BudgetKey) -> Option<Leave> {
        None
    }
}
