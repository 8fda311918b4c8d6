//! History under a policy: each run that was is governed again by the same governor, all on one timeline.
//!
//! Responses come in the order of time. What each run would have spent goes into books that all of them share; what is
//! saved does not, so that one run's stop makes room for the next. What history does not tell is taken so:
//! a thread that is answered once more had its turn under way, unless it was silent for [`REST`]; a model that a run
//! is routed to answers with the same tokens; nobody answers a question, so that its `else` applies after its `wait`
//! and the rest of the run happens by so much later; a run that was held for long spends later than it did.

mod past_run;
mod totals;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::model::trial::{Origin, Trial, TriedRun};
use crate::model::{AgentName, Attribution, Cost, Dimension, Response, RunId, Sum, ThreadId, Timestamp};
use crate::policy::rule::{Policy, Unpriced};
use crate::usage::price::PriceTable;

use past_run::{Past, World};
use totals::Shelf;

/// A thread that was silent for longer had nothing under way.
pub const REST: Duration = Duration::from_secs(15 * 60);

/// The name of an agent of imported history: that of an agent to which nobody gave one.
pub const UNNAMED: &str = "codex";

/// What questions get for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply {
    /// None: the step's `else` applies.
    #[default]
    Nobody,
    /// A plain yes: the limit is lifted by what is offered.
    Approve,
}

/// A run of history that govern ran, as far as it is known beforehand.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// When it was started.
    pub started: Timestamp,
    /// Where its spend belongs.
    pub attribution: Attribution,
    /// govern could have started its Codex again.
    pub restartable: bool,
    /// How the governor of the time ended it, if it did.
    pub cut: Option<String>,
}

/// What is to come: who answers how often. Without it nobody could tell a run's end from a pause.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    threads: HashMap<(Option<RunId>, ThreadId), u64>,
    agents: HashMap<RunId, BTreeSet<AgentName>>,
    runs: HashMap<RunId, PastRun>,
}

impl Outline {
    /// So many responses of a thread are to come within this run, or imported.
    pub fn add(&mut self, run: Option<RunId>, agent: Option<AgentName>, thread: ThreadId, responses: u64) {
        if let (Some(run), Some(agent)) = (&run, agent) {
            self.agents.entry(run.clone()).or_default().insert(agent);
        }
        *self.threads.entry((run, thread)).or_default() += responses;
    }

    /// A run that began within the time. One that is not told of began before.
    pub fn add_run(&mut self, run: RunId, known: PastRun) {
        self.runs.insert(run, known);
    }

    /// The threads to come, and the runs that they are part of.
    pub fn threads(&self) -> impl Iterator<Item = (Option<&RunId>, &ThreadId)> {
        self.threads.keys().map(|(run, thread)| (run.as_ref(), thread))
    }
}

/// When a thread was made, by its id; `None` where that is no UUID that tells.
pub fn born(thread: &ThreadId) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(thread.as_str()).ok()?.get_timestamp()?.to_unix();
    Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// A replay under way.
pub struct Replay {
    world: World,
    outline: Outline,
    since: Option<Timestamp>,
    places: HashMap<Origin, usize>,
    past: Vec<Past>,
    earlier: BTreeSet<Origin>,
    trial: Trial,
}

impl Replay {
    /// Before the first response. `prices` has the policy's own; runs that began before `since` are left as they were.
    pub fn new(
        policy: Arc<Policy>,
        prices: PriceTable,
        reply: Reply,
        outline: Outline,
        since: Option<Timestamp>,
    ) -> Self {
        // They look at what history does not keep: what was done, what stood in a work tree, what a plan had left.
        let mut policy = policy;
        Arc::make_mut(&mut policy).alerts.clear();
        let shelf = Shelf::new(Arc::clone(&policy));
        Self {
            world: World { policy, prices: Arc::new(prices), reply, shelf },
            outline,
            since,
            places: HashMap::new(),
            past: Vec::new(),
            earlier: BTreeSet::new(),
            trial: Trial::default(),
        }
    }

    /// What a budget, by its place in the policy, had when the time began, for these values of `dims`.
    pub fn open(
        &mut self,
        budget: usize,
        dims: &[Dimension],
        mut values: Vec<Option<String>>,
        sum: &Sum,
        at: Timestamp,
    ) {
        for (dimension, value) in dims.iter().zip(&mut values) {
            if *dimension == Dimension::Agent && value.is_none() {
                *value = Some(UNNAMED.to_owned());
            }
        }
        self.world.shelf.open(budget, dims, &values, sum, at);
    }

    /// A response from before the time, for windows that roll.
    pub fn before(&mut self, response: Response) {
        let (_, response) = self.named(response);
        let at = response.at;
        self.world.shelf.charge_rolling(&response, at);
    }

    /// The next response.
    pub fn answered(&mut self, response: Response) {
        let run = response.run.clone();
        let (origin, mut response) = self.named(response);
        let counted = self.counted(&response);
        self.trial.repriced += u64::from(counted != response.cost);
        response.cost = counted;
        self.trial.actual.add(&response);
        let Some(index) = self.place(&origin, &response) else {
            self.trial.would.add(&response);
            self.trial.earlier_spend.add(&response);
            self.earlier.insert(origin);
            self.world.shelf.charge(&response, response.at);
            return;
        };
        let ahead = self.outline.threads.get_mut(&(run, response.thread.clone()));
        let left = ahead.map_or(0, |left| {
            *left = left.saturating_sub(1);
            *left
        });
        if let Some(past) = self.past.get_mut(index) {
            past.answered(response, left > 0, &mut self.world);
        }
    }

    /// What it came to.
    pub fn finish(mut self) -> Trial {
        self.trial.earlier = self.earlier.len() as u64;
        for past in self.past {
            let run: TriedRun = past.finish(&mut self.world);
            self.trial.would.add_all(&run.would);
            self.trial.imported += u64::from(matches!(run.origin, Origin::Imported(_)));
            if run.steps.is_empty() {
                self.trial.untouched += 1;
            } else {
                self.trial.runs.push(run);
            }
        }
        self.trial.runs.sort_by(|a, b| (a.started, &a.origin).cmp(&(b.started, &b.origin)));
        self.trial
    }

    /// A response as part of a run: imported history has neither run nor agent of its own.
    fn named(&self, mut response: Response) -> (Origin, Response) {
        let origin = match &response.run {
            Some(run) => Origin::Run(run.clone()),
            None => {
                response.run = Some(RunId::new(response.root.as_str()));
                Origin::Imported(response.root.clone())
            }
        };
        response.agent.get_or_insert_with(|| UNNAMED.into());
        (origin, response)
    }

    /// As this policy would have counted it: with its own rates, and its word on what has no price.
    fn counted(&self, response: &Response) -> Cost {
        let Some(model) = &response.model else { return response.cost };
        let quote = |table: &PriceTable| table.quote(model, &response.tier, response.at, &response.tokens).cost;
        let table = &self.world.prices;
        match response.cost {
            Cost::Unpriced => match (quote(table), &self.world.policy.models.unpriced) {
                (Cost::Unpriced, Unpriced::Dearest) => {
                    table.dearest(&response.tier, response.at, &response.tokens).cost
                }
                (Cost::Unpriced, Unpriced::As(other)) => {
                    table.quote_as(other, &response.tier, response.at, &response.tokens).cost
                }
                (quoted, _) => quoted,
            },
            _ if table.resolve(model).is_some_and(|found| found.model.own.is_some()) => quote(table),
            recorded => recorded,
        }
    }

    /// The run's place; `None` for one that began before the time.
    fn place(&mut self, origin: &Origin, response: &Response) -> Option<usize> {
        if let Some(place) = self.places.get(origin) {
            return Some(*place);
        }
        let known = match origin {
            Origin::Run(run) => self.outline.runs.remove(run)?,
            Origin::Imported(root) => {
                let begun = born(root).filter(|born| *born < response.at).unwrap_or(response.at);
                if self.since.is_some_and(|since| begun < since) {
                    return None;
                }
                // Its restart is taken to be possible: imported history does not tell what was typed.
                let attribution = response.attribution.clone();
                PastRun { started: response.at, attribution, restartable: true, cut: None }
            }
        };
        let agents = match origin {
            Origin::Run(run) => self.outline.agents.remove(run).unwrap_or_default(),
            Origin::Imported(_) => response.agent.iter().cloned().collect(),
        };
        let place = self.past.len();
        self.past.push(Past::new(place, origin.clone(), known, agents));
        self.places.insert(origin.clone(), place);
        Some(place)
    }
}

#[cfg(test)]
mod tests;
