//! A run without processes: orders are carried out at once, the ledger is a list in memory.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;

use super::show::{show_effect, show_input};
use crate::decide::account::{Leave, SpentQuery, Started, amount};
use crate::decide::accounts::ids::AccountId;
use crate::decide::agents::AgentSetup;
use crate::decide::governor::Setup;
use crate::decide::message::{News, Phase, Timer};
use crate::decide::people::lift::Lift;
use crate::decide::people::reach::Nobody;
use crate::decide::{Before, Books, Effect, Governor, Input, Moment};
use crate::model::event::{Answer, EventKind, ToolVerdict};
use crate::model::{
    AgentName, Answerer, ApprovalId, Attribution, Basis, Billing, Brake, BudgetKey, BudgetName, Cost, Door, Grant,
    Identity, ModelId, Money, Quantity, Registration, Response, ResponseKey, RunId, ServiceTier, ThreadId, Threshold,
    Timestamp, Tokens, Unit,
};
use crate::policy::gate::starts_sub_agents;
use crate::policy::layers::{FlagRules, load};
use crate::policy::mistake::LayerText;
use crate::policy::rule::{Layer, Policy};
use crate::policy::verdict::Standing;

/// What a thousand tokens cost, in cents; any other model has no price.
pub(super) const RATES: [(&str, i64); 3] = [("dear", 100), ("mid", 40), ("cheap", 10)];

pub(super) const CODEX: &str = "codex";

/// The ledger in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    pub(super) responses: Vec<Response>,
    pub(super) extended: BTreeMap<BudgetKey, i64>,
    /// What answers have lifted, and when.
    pub(super) given: Vec<(BudgetKey, Timestamp, i64)>,
    /// Tool calls: when, and whose along which dimension.
    pub(super) calls: Vec<(Timestamp, BTreeMap<String, String>)>,
    /// Sub-agents that were started: by which agent, and on which thread.
    pub(super) spawned: Vec<(String, String)>,
    /// What other runs claim, by the budget's name.
    pub(super) others: BTreeMap<String, i64>,
    /// What persons let run again before this run went on.
    pub(super) leaves: BTreeMap<BudgetKey, Leave>,
    /// Steps before a limit that persons said yes to before this run, and when.
    pub(super) passed: Vec<(BudgetKey, Timestamp, Threshold)>,
    /// What people let be spent beyond limits.
    pub(super) grants: Vec<Grant>,
    /// The limit under which this run's agents were told to sum up before.
    pub(super) wrapped_up: Option<i64>,
    /// What this run claims.
    pub(super) claims: BTreeMap<BudgetKey, i64>,
}

impl Books for Shelf {
    fn spent(&self, query: &SpentQuery<'_>) -> i64 {
        if query.unit() == Unit::ToolCalls {
            let counts = |(at, of): &&(Timestamp, BTreeMap<String, String>)| {
                let per = query.values.iter().map(|(dimension, _)| *dimension);
                let dims = per.chain(query.budget.scope.only.dimensions());
                let row: Vec<_> = dims.map(|dimension| of.get(&dimension.to_string()).cloned()).collect();
                query.bounds.contains(*at) && query.counts(&row)
            };
            return i64::try_from(self.calls.iter().filter(counts).count()).unwrap();
        }
        let counts = |response: &&Response| {
            let of = |dimension| response.get(dimension).map(str::to_owned);
            let per = query.values.iter().map(|(dimension, _)| of(dimension));
            let row: Vec<_> = per.chain(query.budget.scope.only.dimensions().map(of)).collect();
            query.bounds.contains(response.at) && query.counts(&row)
        };
        self.responses.iter().filter(counts).map(|response| amount(response, query.unit())).sum()
    }

    fn extended(&self, key: &BudgetKey) -> i64 {
        self.extended.get(key).copied().unwrap_or(0)
    }

    fn given(&self, key: &BudgetKey, since: Option<Timestamp>) -> i64 {
        let counts = |(of, at, _): &&(BudgetKey, Timestamp, i64)| of == key && since.is_none_or(|since| *at >= since);
        self.given.iter().filter(counts).map(|(_, _, amount)| amount).sum()
    }

    fn grants(&self) -> Vec<Grant> {
        self.grants.clone()
    }

    fn reserved_by_others(&self, key: &BudgetKey) -> i64 {
        self.others.get(key.budget.as_str()).copied().unwrap_or(0)
    }

    fn cost(&self, run: &RunId, agent: &AgentName) -> Money {
        let own = |response: &&Response| response.run.as_ref() == Some(run) && response.agent.as_ref() == Some(agent);
        self.responses.iter().filter(own).filter_map(|response| response.cost.money()).sum()
    }

    fn passed(&self, key: &BudgetKey, since: Option<Timestamp>) -> Vec<Threshold> {
        let counts =
            |(of, at, _): &&(BudgetKey, Timestamp, Threshold)| of == key && since.is_none_or(|since| *at >= since);
        self.passed.iter().filter(counts).map(|(_, _, step)| *step).collect()
    }

    fn started(&self, of: &Started<'_>) -> u64 {
        let own = |(agent, thread): &&(String, String)| {
            of.agent.is_none_or(|wanted| wanted.as_str() == *agent)
                && of.thread.is_none_or(|wanted| wanted.as_str() == *thread)
        };
        u64::try_from(self.spawned.iter().filter(own).count()).unwrap()
    }

    fn depth(&self, thread: &ThreadId) -> u32 {
        // `root`, `sub`, `sub/sub` …
        if thread.as_str() == "root" { 0 } else { u32::try_from(thread.as_str().split('/').count()).unwrap() }
    }

    fn wrapped_up(&self, _: &RunId, _: &BudgetKey) -> Option<i64> {
        self.wrapped_up
    }

    fn let_again(&self, key: &BudgetKey) -> Option<Leave> {
        self.leaves.get(key).cloned()
    }
}

/// What a run is begun with.
pub(super) struct Plan {
    pub(super) policy: Policy,
    pub(super) agents: Vec<AgentSetup>,
    pub(super) concurrency: Option<NonZeroUsize>,
    pub(super) askable: bool,
    pub(super) lift: Option<Lift>,
    pub(super) history: Vec<Response>,
    pub(super) active: BTreeMap<AgentName, Duration>,
    pub(super) firsts: BTreeMap<AgentName, Vec<Response>>,
    pub(super) shelf: Shelf,
}

/// A run, and what was said of it so far.
pub(super) struct World {
    pub(super) governor: Governor,
    pub(super) shelf: RefCell<Shelf>,
    pub(super) now: Moment,
    /// The model that answers.
    pub(super) model: String,
    /// Orders wait until they are reported by hand.
    pub(super) by_hand: bool,
    /// What would be reported of them.
    pub(super) reports: VecDeque<Input>,
    pub(super) effects: Vec<Effect>,
    pub(super) teams: BTreeMap<String, Attribution>,
    /// How many hooks have called, where a test does not number them itself.
    pub(super) hooks: u64,
    approvals: i64,
    /// How long the next question waits yet, which another run has put.
    pub(super) joins: Option<Duration>,
    answers: u64,
    text: String,
}

/// Ten in the morning of a Tuesday.
pub(in crate::decide) fn morning() -> Timestamp {
    moment("2026-11-24T10:00:00Z")
}

pub(super) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many cents, in nano-dollars.
pub(super) fn cents(cents: i64) -> i64 {
    cents * 10_000_000
}

pub(super) fn price(model: &str, tokens: u64) -> Cost {
    let rate = RATES.iter().find(|(known, _)| *known == model);
    rate.map_or(Cost::Unpriced, |(_, cents)| Cost::Priced(Money::from_nanos(cents * 10_000).scaled(tokens, 1)))
}

pub(super) fn policy(text: &str) -> Policy {
    let ladder = "[models]\nladder = [\"dear\", \"mid\", \"cheap\"]\n";
    let ladder = if text.contains("[models]") { "" } else { ladder };
    let text = format!("version = 1\n{text}{ladder}");
    let file = LayerText { layer: Layer::User, path: Some(PathBuf::from("policy.toml")), text };
    match load(vec![file], FlagRules::default()) {
        Ok(loaded) => loaded.policy,
        Err(mistakes) => panic!("{}", crate::policy::diagnostic::render(&mistakes, false)),
    }
}

/// A budget of five dollars per run with these steps.
pub(super) fn five_dollars(steps: &str) -> String {
    format!("[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"5 usd\"\nsteps = [{steps}]\n")
}

pub(super) fn setup(name: &str, restartable: bool) -> AgentSetup {
    AgentSetup { restartable, ..AgentSetup::alone(AgentName::new(name), web()) }
}

/// The same, and it declared this.
pub(super) fn expects(name: &str, spend: &str) -> AgentSetup {
    let spend = Quantity::parse(spend).ok();
    AgentSetup { registration: Registration { spend, ..Registration::default() }, ..setup(name, true) }
}

pub(super) fn web() -> Attribution {
    Attribution { team: Some("web".to_owned()), ..Attribution::default() }
}

impl Plan {
    /// One agent that govern can start again, of team web; a person can be asked.
    pub(super) fn of(text: &str) -> Self {
        Self {
            policy: policy(text),
            agents: vec![setup(CODEX, true)],
            concurrency: None,
            askable: true,
            lift: None,
            history: Vec::new(),
            active: BTreeMap::new(),
            firsts: BTreeMap::new(),
            shelf: Shelf::default(),
        }
    }

    /// An answer that the ledger had before this run.
    pub(super) fn spent_before(mut self, run: &str, at: &str, model: &str, tokens: u64) -> Self {
        let mut old = response(CODEX, "old", model, tokens, moment(at));
        old.run = Some(RunId::new(run));
        old.key = ResponseKey::new(format!("old {}", self.shelf.responses.len()));
        self.shelf.responses.push(old);
        self
    }

    pub(super) fn world(self) -> World {
        let teams = self.agents.iter().map(|agent| (agent.name.to_string(), agent.attribution.clone())).collect();
        let governor = Governor::new(Setup {
            run: RunId::new("r1"),
            policy: std::sync::Arc::new(self.policy),
            agents: self.agents,
            concurrency: self.concurrency,
            nobody: (!self.askable).then_some(Nobody::NoTerminal),
            quote: Box::new(|model, _, _, tokens| price(model.as_str(), tokens.output)),
            lift: self.lift,
            before: Before { responses: self.history, active: self.active, firsts: self.firsts, unanswered: 0 },
        })
        .advised(web());
        World {
            governor,
            shelf: RefCell::new(self.shelf),
            now: Moment { wall: morning(), uptime: Duration::ZERO },
            model: "dear".to_owned(),
            by_hand: false,
            reports: VecDeque::new(),
            effects: Vec::new(),
            teams,
            hooks: 0,
            approvals: 0,
            joins: None,
            answers: 0,
            text: String::new(),
        }
    }

    /// Begun, and every agent launched.
    pub(super) fn started(self) -> World {
        let mut world = self.world();
        world.feed(Input::Begin);
        world
    }
}

pub(in crate::decide) fn response(agent: &str, thread: &str, model: &str, tokens: u64, at: Timestamp) -> Response {
    Response {
        run: Some(RunId::new("r1")),
        agent: Some(AgentName::new(agent)),
        thread: ThreadId::new(thread),
        root: ThreadId::new("root"),
        key: ResponseKey::new("key"),
        at,
        model: Some(ModelId::new(model)),
        provider: Some("openai".to_owned()),
        tier: ServiceTier::Standard,
        tokens: Tokens { output: tokens, ..Tokens::default() },
        cost: price(model, tokens),
        basis: Basis::Observed,
        billing: Billing::Api,
        attribution: web(),
        source: crate::model::Source::Record,
        work: None,
    }
}

impl World {
    /// Hands one input over, and carries out what comes of it until nothing more does.
    pub(super) fn feed(&mut self, input: Input) {
        let mut queue = VecDeque::from([input]);
        let mut handled = 0;
        while let Some(input) = queue.pop_front() {
            handled += 1;
            assert!(handled < 2_000, "one input leads to another for ever: {}", self.text);
            writeln!(self.text, "{}", show_input(&input)).unwrap();
            let shelf = self.shelf.borrow().clone();
            let effects = self.governor.handle(self.now, input, &shelf);
            for effect in effects {
                if let Some(line) = show_effect(&effect) {
                    writeln!(self.text, "    {line}").unwrap();
                }
                let (first, later) = self.carry_out(&effect);
                // A question gets its number within the same turn.
                first.into_iter().for_each(|input| queue.push_front(input));
                queue.extend(later);
                self.effects.push(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: &Effect) -> (Option<Input>, Option<Input>) {
        let shelf = self.shelf.get_mut();
        let later = match effect {
            Effect::Claim { key, amount } => {
                shelf.claims.insert(key.clone(), *amount);
                None
            }
            Effect::Extend { key, amount, .. } => {
                *shelf.extended.entry(key.clone()).or_default() += amount;
                None
            }
            Effect::Ask(question) => {
                self.approvals += 1;
                let approval = ApprovalId(self.approvals);
                let left = self.joins.take();
                return (Some(Input::Asked { agent: question.agent.clone(), approval, left }), None);
            }
            Effect::Again { agent, .. } => Some(Input::Launched(agent.clone())),
            Effect::Launch { agent, .. } => Some(Input::Launched(agent.clone())),
            Effect::Freeze(agent) => Some(Input::Frozen(agent.clone())),
            Effect::End(agent) => Some(Input::Ended(agent.clone())),
            Effect::Restart { agent, rung, .. } => {
                self.model = rung.model.to_string();
                Some(Input::Launched(agent.clone()))
            }
            Effect::Record { agent: Some(agent), kind: EventKind::ToolCalled { thread, model, tool, verdict, .. } } => {
                if starts_sub_agents(tool).is_some() && *verdict == ToolVerdict::Allowed {
                    shelf.spawned.push((agent.to_string(), thread.to_string()));
                }
                let of = [("run", "r1"), ("agent", agent.as_str()), ("thread", thread.as_str()), ("team", "web")];
                let model = model.iter().map(|model| ("model", model.as_str()));
                let of = of.into_iter().chain(model).map(|(dim, value)| (dim.to_owned(), value.to_owned())).collect();
                shelf.calls.push((self.now.wall, of));
                None
            }
            Effect::Record { .. }
            // Whoever keeps budgets elsewhere is a part of the test.
            | Effect::Reserve { .. }
            | Effect::Release { .. }
            | Effect::Withdraw(_)
            | Effect::Expire(..)
            | Effect::Thaw(_)
            | Effect::Look(_)
            | Effect::Examine(_)
            | Effect::Tell { .. }
            | Effect::Answer { .. }
            | Effect::Open(_)
            | Effect::Consult(_)
            | Effect::EndConsult(_)
            | Effect::Arm(..)
            | Effect::Say(_)
            | Effect::Refuse(_)
            | Effect::Finish { .. } => None,
        };
        if self.by_hand {
            self.reports.extend(later);
            return (None, None);
        }
        (None, later)
    }

    /// So many seconds pass.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.now.uptime += Duration::from_secs(seconds);
        self.now.wall += TimeDelta::seconds(i64::try_from(seconds).unwrap());
    }

    /// The wall clock shows another time; no time passes.
    pub(super) fn wall_jumps_to(&mut self, at: &str) {
        self.now.wall = moment(at);
        writeln!(self.text, "  (the wall clock shows {at})").unwrap();
    }

    /// The root thread asks, is answered, and its tools run.
    pub(super) fn works(&mut self, tokens: u64) {
        self.asks("root");
        self.answers("root", tokens);
    }

    pub(super) fn asks(&mut self, thread: &str) {
        self.asks_as(CODEX, thread);
    }

    pub(super) fn asks_as(&mut self, agent: &str, thread: &str) {
        self.phase(agent, thread, Phase::InFlight);
    }

    /// As the session file tells it: the phase comes first.
    pub(super) fn answers(&mut self, thread: &str, tokens: u64) {
        self.answers_as(CODEX, thread, tokens, Phase::Tools);
    }

    /// The thread's last word: no tool is called.
    pub(super) fn concludes(&mut self, thread: &str, tokens: u64) {
        self.answers_as(CODEX, thread, tokens, Phase::Idle);
    }

    pub(super) fn answers_as(&mut self, agent: &str, thread: &str, tokens: u64, then: Phase) {
        self.pass(1);
        let of = (AgentName::new(agent), ThreadId::new(thread));
        self.feed(Input::Phase { agent: of.0, thread: of.1, root: None, phase: then, by_answer: true });
        let mut response = response(agent, thread, &self.model, tokens, self.now.wall);
        response.attribution = self.teams.get(agent).cloned().unwrap_or_default();
        if agent != CODEX {
            response.root = ThreadId::new(format!("{agent} root"));
        }
        self.responds(response);
    }

    pub(super) fn responds(&mut self, mut response: Response) {
        self.answers += 1;
        response.key = ResponseKey::new(format!("resp {}", self.answers));
        self.shelf.get_mut().responses.push(response.clone());
        self.feed(Input::Responded(Box::new(response)));
    }

    pub(super) fn phase(&mut self, agent: &str, thread: &str, phase: Phase) {
        self.pass(1);
        self.feed(Input::Phase {
            agent: AgentName::new(agent),
            thread: ThreadId::new(thread),
            root: None,
            phase,
            by_answer: false,
        });
    }

    /// The session file of a sub-agent of `root` tells how it stands.
    pub(super) fn phase_of_sub_agent(&mut self, agent: &str, thread: &str, phase: Phase) {
        self.pass(1);
        let (agent, thread, root) = (AgentName::new(agent), ThreadId::new(thread), Some(ThreadId::new("root")));
        self.feed(Input::Phase { agent, thread, root, phase, by_answer: false });
    }

    /// Its command ends by itself.
    pub(super) fn exits(&mut self, agent: &str) {
        self.pass(1);
        self.feed(Input::Exited { agent: AgentName::new(agent), leftover: 0, ok: true });
    }

    /// The same, with an error.
    pub(super) fn fails(&mut self, agent: &str) {
        self.pass(1);
        self.feed(Input::Exited { agent: AgentName::new(agent), leftover: 0, ok: false });
    }

    pub(super) fn person(&mut self, approval: i64, answer: Answer) {
        self.pass(1);
        let (approval, by) = (ApprovalId(approval), vec![Answerer::login("ann", Door::Cli)]);
        self.feed(Input::Answered { approval, answer, by, reason: None });
    }

    pub(super) fn brakes(&mut self, brake: Brake) {
        self.pass(1);
        self.feed(Input::Braked { brake, team: None, by: "ann (cli)".to_owned(), reason: Some("lunch".to_owned()) });
    }

    pub(super) fn extends(&mut self, approval: i64, amount: i64) {
        self.person(approval, Answer::Extend { amount });
    }

    pub(super) fn due(&mut self, timer: Timer) {
        self.feed(Input::Due(timer));
    }

    pub(super) fn deadline(&mut self, approval: i64) {
        self.due(Timer::Deadline(ApprovalId(approval)));
    }

    /// Another run's answer, of this team, at this moment.
    pub(super) fn elsewhere(&mut self, model: &str, tokens: u64) {
        self.pass(1);
        let mut other = response("other", "elsewhere", model, tokens, self.now.wall);
        other.run = Some(RunId::new("r2"));
        self.shelf.get_mut().responses.push(other.clone());
        self.feed(Input::Elsewhere(News { responses: vec![other], ..News::default() }));
    }

    /// What was written since the last time this was asked.
    pub(super) fn told(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// What other transcripts show already.
    pub(super) fn skip(&mut self) {
        self.text.clear();
    }

    pub(super) fn finished(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Finish { .. }))
    }

    /// What this run still claims of shared budgets.
    pub(super) fn claimed(&self) -> i64 {
        self.shelf.borrow().claims.values().sum()
    }

    pub(super) fn standing(&self, account: AccountId, name: &AgentName) -> Standing {
        let (fixed, shelf) = (&self.governor.fixed, self.shelf.borrow());
        let who = self.governor.agents.id(name).unwrap();
        self.governor.accounts.standing(&fixed.at(self.now, &*shelf), &self.governor.spenders(), account, who)
    }

    pub(super) fn spent(&self, budget: &str) -> i64 {
        let of = |account: &&crate::decide::account::Account| account.key.budget == BudgetName::new(budget);
        self.governor.accounts().filter(of).map(|account| account.spent).sum()
    }
}

/// What `govern resume --extend` hands over.
pub(super) fn lift(budget: Option<&str>, text: &str) -> Lift {
    let by_amount = Quantity::parse(text).unwrap();
    let who = Answerer::login("ann", Door::Cli);
    let started_by = Identity::Login("sam".to_owned());
    Lift { budget: budget.map(BudgetName::new), by_amount, who, started_by, by: "ann".to_owned() }
}
