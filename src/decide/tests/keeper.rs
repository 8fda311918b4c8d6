//! Budgets that are kept elsewhere: nothing is sent that is not reserved, and nothing stays reserved for ever, however
//! late, doubled or lost what is ordered and answered is.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::elsewhere::{ASK, STOP, kept};
use super::headroom::SECOND;
use super::world::{CODEX, World, cents};
use crate::decide::message::{Gone, HookId, Phase, RequestId, Reservation, Timer, Used};
use crate::decide::reserving::kept::OnLost;
use crate::decide::{Effect, Input};
use crate::model::{AgentName, Brake, BudgetKey, ThreadId};

/// What one machine's orders come to, and what all of them have of one budget.
#[derive(Debug)]
struct Keeper {
    limit: i64,
    spent: i64,
    reserved: BTreeMap<RequestId, i64>,
    released: BTreeSet<RequestId>,
}

impl Keeper {
    fn of(limit: i64) -> Self {
        Self { limit, spent: 0, reserved: BTreeMap::new(), released: BTreeSet::new() }
    }

    fn left(&self) -> i64 {
        self.limit - self.spent - self.reserved.values().sum::<i64>()
    }

    /// One transaction: all that is wanted, or nothing.
    fn reserve(&mut self, request: RequestId, budget: &BudgetKey, amount: i64) -> Reservation {
        if self.released.contains(&request) || amount > self.left() || self.left() <= 0 {
            return Reservation::Refused { budget: budget.clone(), left: self.left() };
        }
        self.reserved.entry(request).or_insert(amount);
        assert!(self.left() >= 0);
        Reservation::Granted
    }

    /// The first one counts.
    fn release(&mut self, request: RequestId, used: &Used, costs: &BTreeMap<String, i64>) {
        if !self.released.insert(request) {
            return;
        }
        let reserved = self.reserved.remove(&request).unwrap_or(0);
        self.spent += match used {
            Used::Nothing => 0,
            Used::Response { key, .. } => costs[key.as_str()],
            Used::Unknown => reserved,
        };
    }
}

/// Something that happens, to one of two agents with two threads each, or on the way to whoever keeps the budget and back.
#[derive(Clone, Debug)]
enum Act {
    Request(usize, usize),
    Answer(usize, usize, u16),
    Fail(usize, usize, bool),
    Phase(usize, usize),
    Gone(u8),
    Exit(usize),
    Brake(u8),
    Person(u8),
    /// One of the orders that are under way arrives, and its answer leaves.
    Order(u8),
    /// One of them is lost; releases are sent again until they arrive.
    LoseOrder(u8),
    /// One of the answers that are under way arrives.
    Hear(u8),
    LoseAnswer(u8),
    /// It arrives, and once more later.
    Double(u8),
    /// Nobody answers one of the orders.
    Away(u8),
    /// One of the timers is due.
    Due(u8),
    /// Others spend.
    Others(u16),
}

fn acts() -> impl Strategy<Value = Act> {
    let of = (0_usize..2, 0_usize..2);
    prop_oneof![
        9 => of.clone().prop_map(|(who, thread)| Act::Request(who, thread)),
        6 => (of.clone(), 1_u16..1_000).prop_map(|((who, thread), tokens)| Act::Answer(who, thread, tokens)),
        1 => (of.clone(), any::<bool>()).prop_map(|((who, thread), cut_off)| Act::Fail(who, thread, cut_off)),
        1 => of.prop_map(|(who, thread)| Act::Phase(who, thread)),
        1 => any::<u8>().prop_map(Act::Gone),
        1 => (0_usize..2).prop_map(Act::Exit),
        2 => (0_u8..6).prop_map(Act::Brake),
        2 => any::<u8>().prop_map(Act::Person),
        8 => any::<u8>().prop_map(Act::Order),
        1 => any::<u8>().prop_map(Act::LoseOrder),
        8 => any::<u8>().prop_map(Act::Hear),
        1 => any::<u8>().prop_map(Act::LoseAnswer),
        1 => any::<u8>().prop_map(Act::Double),
        1 => any::<u8>().prop_map(Act::Away),
        2 => any::<u8>().prop_map(Act::Due),
        1 => (1_u16..300).prop_map(Act::Others),
    ]
}

/// The run, whoever keeps its budget, and what is under way between them.
struct Story {
    world: World,
    keeper: Keeper,
    orders: Vec<Effect>,
    answers: Vec<(RequestId, Reservation)>,
    timers: BTreeSet<Timer>,
    /// Granted, as the run has heard, and not released by it.
    live: BTreeSet<RequestId>,
    let_through: BTreeSet<HookId>,
    sent: BTreeSet<RequestId>,
    closed: BTreeSet<RequestId>,
    /// What each try wanted.
    amounts: BTreeMap<RequestId, i64>,
    /// What each response cost.
    costs: BTreeMap<String, i64>,
    seen: usize,
}

/// Takes the element that this number means out of those that there are.
fn pick<T>(of: &mut Vec<T>, which: u8) -> Option<T> {
    let place = usize::from(which).checked_rem(of.len())?;
    Some(of.swap_remove(place))
}

impl Story {
    fn of(steps: &str, on_lost: OnLost, limit: i64) -> Self {
        let mut story = Self {
            world: kept(steps, on_lost, &[CODEX, SECOND]),
            keeper: Keeper::of(limit),
            orders: Vec::new(),
            answers: Vec::new(),
            timers: BTreeSet::new(),
            live: BTreeSet::new(),
            let_through: BTreeSet::new(),
            sent: BTreeSet::new(),
            closed: BTreeSet::new(),
            amounts: BTreeMap::new(),
            costs: BTreeMap::new(),
            seen: 0,
        };
        story.look();
        story
    }

    fn names(who: usize, thread: usize) -> (&'static str, &'static str) {
        match (who, thread) {
            (0, 0) => (CODEX, "root"),
            (0, _) => (CODEX, "sub"),
            (_, 0) => (SECOND, "second root"),
            (_, _) => (SECOND, "second sub"),
        }
    }

    /// Only what was sent is answered.
    fn is_sent(&self, who: usize, thread: usize) -> bool {
        let (agent, thread) = Self::names(who, thread);
        let agent = self.world.governor.agent(&AgentName::new(agent)).unwrap();
        agent.threads.get(&ThreadId::new(thread)).is_some_and(|thread| thread.admission.is_open())
    }

    /// Its Codex runs, and does not wait at the gate with this thread.
    fn works(&self, who: usize, thread: usize) -> bool {
        let (agent, thread) = Self::names(who, thread);
        let agent = self.world.governor.agent(&AgentName::new(agent)).unwrap();
        agent.ending.is_none() && !agent.gate.has(&ThreadId::new(thread))
    }

    fn hear(&mut self, request: RequestId, answer: Reservation) {
        if answer == Reservation::Granted && !self.closed.contains(&request) {
            self.live.insert(request);
        }
        self.world.feed(Input::Reserved { request, answer });
    }

    fn arrives(&mut self, order: &Effect) -> Option<(RequestId, Reservation)> {
        match order {
            Effect::Reserve { request, amounts } => {
                let [amount] = amounts.as_slice() else { panic!("one budget: {amounts:?}") };
                Some((*request, self.keeper.reserve(*request, &amount.key, amount.amount)))
            }
            Effect::Release { request, used } => {
                self.keeper.release(*request, used, &self.costs);
                None
            }
            other => panic!("no order: {other:?}"),
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Request(who, thread) if self.works(who, thread) && !self.is_sent(who, thread) => {
                let (agent, thread) = Self::names(who, thread);
                self.world.requests(agent, thread, "dear");
            }
            Act::Answer(who, thread, tokens) if self.is_sent(who, thread) => {
                let (agent, thread) = Self::names(who, thread);
                // It takes no more than was foretold.
                let known = self.world.governor.agent(&AgentName::new(agent)).unwrap();
                let request = known.threads[&ThreadId::new(thread)].reserved.unwrap();
                let most = self.amounts[&request] / (cents(100) / 1_000);
                let tokens = i64::from(tokens).min(most);
                self.world.answers_as(agent, thread, u64::try_from(tokens).unwrap(), Phase::Tools);
            }
            Act::Fail(who, thread, cut_off) if self.is_sent(who, thread) => {
                let (agent, thread) = Self::names(who, thread);
                let (agent, thread) = (AgentName::new(agent), ThreadId::new(thread));
                self.world.feed(Input::Failed { agent, thread, cut_off });
            }
            Act::Phase(who, thread) if !self.is_sent(who, thread) => {
                let (agent, thread) = Self::names(who, thread);
                self.world.phase(agent, thread, Phase::Idle);
            }
            Act::Request(..) | Act::Answer(..) | Act::Fail(..) | Act::Phase(..) => {}
            Act::Gone(which) => {
                let hook = u64::from(which).checked_rem(self.world.hooks + 1).unwrap_or(0);
                self.world.gone(hook, Gone::Withdrawn);
            }
            Act::Exit(who) => self.world.exits(Self::names(who, 0).0),
            Act::Brake(0) => self.world.brakes(Brake::Stop),
            Act::Brake(1..3) => self.world.brakes(Brake::Pause),
            Act::Brake(_) => self.world.brakes(Brake::Continue),
            Act::Person(which) => {
                let asked = self.world.effects.iter().filter(|effect| matches!(effect, Effect::Ask(_))).count();
                let approval = i64::try_from(asked).unwrap() - i64::from(which % 2);
                self.world.extends(approval, cents(100));
            }
            Act::Order(which) => {
                if let Some(order) = pick(&mut self.orders, which) {
                    let answer = self.arrives(&order);
                    self.answers.extend(answer);
                }
            }
            Act::LoseOrder(which) => {
                let lost = pick(&mut self.orders, which);
                self.orders.extend(lost.filter(|order| matches!(order, Effect::Release { .. })));
            }
            Act::Away(which) => {
                let order = pick(&mut self.orders, which);
                match order {
                    Some(Effect::Reserve { request, .. }) => self.answers.push((request, Reservation::Away)),
                    other => self.orders.extend(other),
                }
            }
            Act::Hear(which) => {
                if let Some((request, answer)) = pick(&mut self.answers, which) {
                    self.hear(request, answer);
                }
            }
            Act::LoseAnswer(which) => drop(pick(&mut self.answers, which)),
            Act::Double(which) => {
                if let Some((request, answer)) = pick(&mut self.answers, which) {
                    self.hear(request, answer.clone());
                    self.answers.push((request, answer));
                }
            }
            Act::Due(which) => {
                let mut timers: Vec<Timer> = self.timers.iter().cloned().collect();
                if let Some(timer) = pick(&mut timers, which) {
                    self.timers.remove(&timer);
                    self.world.due(timer);
                }
            }
            Act::Others(amount) => self.keeper.spent += cents(i64::from(amount)).min(self.keeper.left().max(0)),
        }
    }

    /// What the run has ordered since the last look, and what must hold of it.
    fn look(&mut self) {
        for response in &self.world.shelf.borrow().responses {
            let cost = response.cost.money().unwrap().nanos();
            self.costs.insert(response.key.as_str().to_owned(), cost);
        }
        for effect in &self.world.effects[self.seen..] {
            match effect {
                Effect::Reserve { request, amounts } => {
                    self.orders.push(effect.clone());
                    self.amounts.insert(*request, amounts[0].amount);
                }
                Effect::Release { request, .. } => {
                    self.orders.push(effect.clone());
                    self.live.remove(request);
                    self.closed.insert(*request);
                }
                Effect::Arm(timer @ Timer::Reserving(_), _) => drop(self.timers.insert(timer.clone())),
                Effect::Answer { hook, .. } => {
                    assert!(self.let_through.insert(*hook), "{hook:?} was answered twice");
                }
                _ => {}
            }
        }
        self.seen = self.world.effects.len();
        let said = self.world.told();
        // What is under way was granted, each by a grant of its own.
        let mut backed = BTreeSet::new();
        for agent in self.world.governor.agents.values() {
            for (id, thread) in agent.threads.iter().filter(|(_, thread)| thread.admission.is_open()) {
                let Some(request) = thread.reserved else { panic!("{id} was sent unreserved\n{said}") };
                assert!(self.live.contains(&request), "{id} was sent by what was not granted\n{said}");
                assert!(backed.insert(request), "one grant, two requests\n{said}");
                self.sent.insert(request);
            }
            let forgotten = agent.threads.values().filter(|thread| !thread.admission.is_open());
            assert!(forgotten.map(|thread| thread.reserved).all(|one| one.is_none()), "{said}");
        }
        // A grant is used at once, or goes back.
        assert_eq!(self.live, backed, "{said}");
    }

    /// All agents end, and whatever is under way arrives.
    fn ends(&mut self) {
        self.world.brakes(Brake::Kill);
        self.look();
        while let Some(order) = self.orders.pop() {
            if let Some((request, answer)) = self.arrives(&order) {
                self.hear(request, answer);
            }
            self.look();
        }
        while let Some((request, answer)) = self.answers.pop() {
            self.hear(request, answer);
            self.look();
        }
        while let Some(order) = self.orders.pop() {
            assert_eq!(self.arrives(&order), None, "{order:?} after the end");
        }
        assert!(self.live.is_empty());
        assert_eq!(self.keeper.reserved, BTreeMap::new(), "that stays reserved for ever\n{}", self.world.told());
        assert_eq!(self.world.claimed(), 0);
    }
}

fn story(ask: bool, stops: bool, limit: i64, acts: &[Act]) -> (usize, usize) {
    let on_lost = if stops { OnLost::Stop } else { OnLost::Hold };
    let mut story = Story::of(if ask { ASK } else { STOP }, on_lost, limit);
    for act in acts {
        story.act(act);
        story.look();
        assert!(story.keeper.spent <= story.keeper.limit, "{act:?}: {:?}", story.keeper);
    }
    let tries = story.world.tries();
    story.ends();
    (tries, story.sent.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_sent_that_is_not_reserved_and_nothing_stays_reserved(
        ask in any::<bool>(),
        stops in proptest::bool::weighted(0.2),
        limit in 100_i64..700,
        acts in proptest::collection::vec(acts(), 1..80),
    ) {
        story(ask, stops, cents(limit), &acts);
    }
}

#[test]
fn the_stories_send_something() {
    let round = [Act::Request(0, 0), Act::Order(0), Act::Order(0), Act::Hear(0), Act::Answer(0, 0, 500)];
    let acts: Vec<Act> = round.iter().cycle().take(15).cloned().collect();
    let (tries, sent) = story(false, false, cents(500), &acts);
    assert!(tries >= 3 && sent >= 3, "{tries} tries, {sent} sent");
}
