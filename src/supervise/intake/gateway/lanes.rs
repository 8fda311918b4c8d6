//! What passes the run's gateway: what waits there, what was sent, and who is let go.
//!
//! A program asks for several things at once, and each is admitted by itself. The governor knows threads, which ask for one
//! thing after the other: so each request goes on a **lane**, the first of its agent's that is free, and a lane is a thread
//! to the governor and to the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock;
use crate::decide::message::HookId;
use crate::error::Error;
use crate::model::{AgentName, Billing, ModelId, RunId, ServiceTier, ThreadId};
use crate::process;
use crate::proxy::messages::{Ask, GatewayMessage, Refused, Verdict};
use crate::proxy::{self, Setup};

use crate::supervise::run_plan::GatewayPlan;

use super::shim::{CODEX_URL, Shim};

/// How long a program has to end by itself whose request was refused.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);

/// Calls of the gateway are told from those of hooks by this bit.
const OF_GATEWAY: u64 = 1 << 63;

/// A request's call to the governor.
pub(super) fn call_of(number: u64) -> HookId {
    HookId(number | OF_GATEWAY)
}

/// The request whose call this is; `None`: it is a hook's.
pub(in crate::supervise) fn number_of(hook: HookId) -> Option<u64> {
    (hook.0 & OF_GATEWAY != 0).then_some(hook.0 & !OF_GATEWAY)
}

/// A request that waits, or was sent.
#[derive(Clone, Debug)]
pub(super) struct Passenger {
    /// Whose budgets it counts for.
    pub(super) agent: AgentName,
    /// Whose it is by its own word; else the same.
    pub(super) named: AgentName,
    /// What Codex asks for unseen, such as `thread_title`.
    pub(super) role: Option<String>,
    pub(super) lane: ThreadId,
    pub(super) model: Option<ModelId>,
    pub(super) tier: Option<ServiceTier>,
    pub(super) billing: Billing,
    pub(super) provider: Option<String>,
}

/// An agent's lanes, by who it says that asks: which are taken.
type Lanes = BTreeMap<String, Vec<Option<u64>>>;

/// The gateway of a run, and what passes it.
pub(in crate::supervise) struct Gateway {
    gateway: proxy::Gateway,
    /// The `codex` of this run, first in `PATH`.
    shim: Option<Shim>,
    no_proxy: Vec<(OsString, OsString)>,
    waiting: BTreeMap<u64, oneshot::Sender<Verdict>>,
    under_way: BTreeMap<u64, Passenger>,
    lanes: Lanes,
    /// Lanes that the ledger knows, and whose budgets they count for.
    known: BTreeMap<ThreadId, AgentName>,
    /// Agents that have asked for something through it.
    asked: BTreeSet<AgentName>,
    /// Agents that are to end by themselves, and until when.
    leaving: BTreeMap<AgentName, Instant>,
}

/// Starts the gateway of a run, where it is to have one.
///
/// # Errors
///
/// What the system says: nothing is started without it.
pub(in crate::supervise) fn opened(
    plan: Option<GatewayPlan>,
    (sockets, run): (&Path, &RunId),
    guard: Option<i32>,
    strict: bool,
) -> Result<Option<Gateway>, Error> {
    let Some((GatewayPlan { upstreams, codex, client, no_proxy }, guard)) = plan.zip(guard) else { return Ok(None) };
    let holder = Arc::new(move |ours, theirs| process::holder_below(guard, ours, theirs));
    let gateway = proxy::Gateway::start(Setup { upstreams, client, holder, strict })
        .map_err(|error| Error::new("the gateway cannot listen on this machine's loopback").caused_by(&error))?;
    let shim = match codex {
        Some(codex) => Some(Shim::write(sockets, run, &codex).map_err(|error| {
            Error::new("the run's own `codex` cannot be written beside its socket").caused_by(&error)
        })?),
        None => None,
    };
    Ok(Some(Gateway {
        gateway,
        shim,
        no_proxy,
        waiting: BTreeMap::new(),
        under_way: BTreeMap::new(),
        lanes: Lanes::new(),
        known: BTreeMap::new(),
        asked: BTreeSet::new(),
        leaving: BTreeMap::new(),
    }))
}

/// What the gateway tells next; never, where there is none.
pub(in crate::supervise) async fn next_news(gateway: &mut Option<Gateway>) -> Option<GatewayMessage> {
    match gateway {
        Some(gateway) => gateway.gateway.next().await,
        None => std::future::pending().await,
    }
}

impl Gateway {
    /// What a command finds in its environment.
    pub(in crate::supervise) fn environment(&self) -> Vec<(OsString, Option<OsString>)> {
        let own = ("OPENAI_BASE_URL".into(), Some(self.gateway.url().into()));
        let of_codex = (CODEX_URL.into(), Some(self.gateway.codex_url().into()));
        let path = self.shim.as_ref().map(|shim| ("PATH".into(), Some(shim.before_all())));
        [own, of_codex]
            .into_iter()
            .chain(path)
            .chain(self.no_proxy.iter().map(|(name, value)| (name.clone(), Some(value.clone()))))
            .collect()
    }

    /// Where a Codex asks.
    pub(in crate::supervise) fn codex_url(&self) -> &str {
        self.gateway.codex_url()
    }

    /// A request waits on the first lane that is free; what Codex asks unseen has lanes of its own.
    pub(super) fn waits(&mut self, run: &RunId, agent: AgentName, named: AgentName, ask: Ask) -> Passenger {
        let role = ask.codex.as_ref().and_then(|codex| codex.source.clone());
        let of = role.as_ref().map_or_else(|| named.to_string(), |role| format!("{named}:{role}"));
        let lanes = self.lanes.entry(of.clone()).or_default();
        let place = lanes.iter().position(Option::is_none).unwrap_or(lanes.len());
        match lanes.get_mut(place) {
            Some(free) => *free = Some(ask.number),
            None => lanes.push(Some(ask.number)),
        }
        let lane = ThreadId::new(format!("gateway:{run}:{of}:{}", place + 1));
        let Ask { number, model, tier, billing, provider, answer, .. } = ask;
        let passenger = Passenger { agent: agent.clone(), named, role, lane, model, tier, billing, provider };
        self.asked.insert(agent);
        self.waiting.insert(number, answer);
        self.under_way.insert(number, passenger.clone());
        passenger
    }

    /// A request may go on.
    pub(in crate::supervise) fn lets_pass(&mut self, number: u64) {
        if let Some(answer) = self.waiting.remove(&number) {
            // Who hung up meanwhile is told of by that.
            let _gone = answer.send(Verdict::Pass);
        }
    }

    /// A request may not.
    pub(in crate::supervise) fn refuses(&mut self, number: u64, why: Refused) {
        if let Some(answer) = self.waiting.remove(&number) {
            let _gone = answer.send(Verdict::Refuse(why));
        }
        self.is_over(number);
    }

    /// All that waits of this agent.
    pub(super) fn waiting_of(&self, agent: &AgentName) -> Vec<u64> {
        let of = |number: &&u64| self.under_way.get(number).is_some_and(|passenger| passenger.agent == *agent);
        self.waiting.keys().filter(of).copied().collect()
    }

    /// A request is over, and its lane free.
    pub(super) fn is_over(&mut self, number: u64) -> Option<Passenger> {
        self.waiting.remove(&number);
        for lane in self.lanes.values_mut().flatten() {
            if *lane == Some(number) {
                *lane = None;
            }
        }
        self.under_way.remove(&number)
    }

    /// The agent whose budgets a lane counts for.
    pub(in crate::supervise) fn agent_of(&self, lane: &ThreadId) -> Option<AgentName> {
        self.known.get(lane).cloned()
    }

    /// Takes note of a lane; says whether it is a new one.
    pub(super) fn is_new(&mut self, passenger: &Passenger) -> bool {
        self.known.insert(passenger.lane.clone(), passenger.agent.clone()).is_none()
    }

    /// The agent has asked for something through the gateway.
    pub(in crate::supervise) fn has_asked(&self, agent: &AgentName) -> bool {
        self.asked.contains(agent)
    }

    /// The agent is to end by itself.
    pub(super) fn let_leave(&mut self, agent: &AgentName) {
        self.leaving.insert(agent.clone(), clock::monotonic() + LEAVES_WITHIN);
    }

    /// It was to, and is no longer waited for.
    pub(in crate::supervise) fn has_left(&mut self, agent: &AgentName) -> bool {
        self.leaving.remove(agent).is_some()
    }

    /// When somebody has had long enough.
    pub(in crate::supervise) fn next_leave(&self) -> Option<Instant> {
        self.leaving.values().min().copied()
    }

    /// Those who have had long enough.
    pub(in crate::supervise) fn who_stays(&self) -> Vec<AgentName> {
        let now = clock::monotonic();
        self.leaving.iter().filter(|(_, until)| **until <= now).map(|(agent, _)| agent.clone()).collect()
    }

    /// Ends the gateway; gives all that it tells.
    pub(in crate::supervise) async fn close(mut self) -> (Vec<GatewayMessage>, Self) {
        self.gateway.close();
        let mut last = Vec::new();
        while let Some(news) = self.gateway.next().await {
            last.push(news);
        }
        (last, self)
    }
}
