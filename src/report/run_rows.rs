//! What a run spent: a row for each thread and model, sub-agents below their root.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::summary::Totals;
use crate::model::{AgentName, Cost, ModelId, Response, ThreadId, ThreadInfo, WorkClass};

/// What one thread spent on one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The agent.
    pub agent: Option<AgentName>,
    /// The thread.
    pub thread: ThreadId,
    /// The root of its family.
    pub root: ThreadId,
    /// The thread that spawned or was forked into it.
    pub parent: Option<ThreadId>,
    /// The sub-agent's nickname or role.
    pub role: Option<String>,
    /// How far below its root it stands.
    pub depth: usize,
    /// The model that answered; `None`: unknown, or none did yet.
    pub model: Option<ModelId>,
    /// Not the thread's first row.
    pub again: bool,
    /// What it adds up to.
    pub totals: Totals,
}

/// What a run spent, in the making: responses are added as they stream past.
#[derive(Clone, Debug, Default)]
pub struct RunTally {
    groups: Vec<Group>,
    index: HashMap<(ThreadId, Option<ModelId>), usize>,
    /// All of it.
    pub totals: Totals,
    /// Models that have no price; `None` where a file did not say which.
    pub unpriced_models: BTreeSet<Option<String>>,
    /// What each team spent; `None`: no team.
    pub(super) teams: BTreeMap<Option<String>, Totals>,
    /// What each model was paid; `None`: unknown.
    pub(super) models: BTreeMap<Option<String>, Totals>,
    /// What each class of work came to; `None`: not known.
    pub(super) work: BTreeMap<Option<WorkClass>, Totals>,
    /// The model that each thread was answered by last, and how often that was another one than before.
    last: HashMap<ThreadId, (Option<ModelId>, u32)>,
}

#[derive(Clone, Debug)]
struct Group {
    agent: Option<AgentName>,
    thread: ThreadId,
    root: ThreadId,
    model: Option<ModelId>,
    totals: Totals,
}

impl RunTally {
    /// Counts one more response.
    pub fn add(&mut self, response: &Response) {
        let key = (response.thread.clone(), response.model.clone());
        let index = *self.index.entry(key).or_insert_with(|| {
            self.groups.push(Group {
                agent: response.agent.clone(),
                thread: response.thread.clone(),
                root: response.root.clone(),
                model: response.model.clone(),
                totals: Totals::default(),
            });
            self.groups.len() - 1
        });
        if let Some(group) = self.groups.get_mut(index) {
            group.totals.add(response);
        }
        self.totals.add(response);
        self.teams.entry(response.attribution.team.clone()).or_default().add(response);
        let model = response.model.as_ref().map(|model| model.as_str().to_owned());
        self.models.entry(model).or_default().add(response);
        self.work.entry(response.work).or_default().add(response);
        let (last, changes) = self.last.entry(response.thread.clone()).or_insert_with(|| (response.model.clone(), 0));
        *changes += u32::from(*last != response.model);
        last.clone_from(&response.model);
        if response.cost == Cost::Unpriced {
            self.unpriced_models.insert(response.model.as_ref().map(|model| model.as_str().to_owned()));
        }
    }

    /// How often a thread was answered by another model than before.
    pub(super) fn model_changes(&self, thread: &ThreadId) -> u32 {
        self.last.get(thread).map_or(0, |(_, changes)| *changes)
    }

    /// Agents as they first spent; below each its root threads; below each of these its sub-agents. A thread without a
    /// response stands there with nothing.
    pub fn rows(&self, threads: &[ThreadInfo]) -> Vec<RunRow> {
        let mut groups = self.groups.clone();
        for thread in threads {
            if !self.index.keys().any(|(known, _)| *known == thread.thread) {
                groups.push(Group {
                    agent: thread.agent.clone(),
                    thread: thread.thread.clone(),
                    root: thread.root.clone(),
                    model: None,
                    totals: Totals::default(),
                });
            }
        }
        let infos: HashMap<&ThreadId, &ThreadInfo> = threads.iter().map(|info| (&info.thread, info)).collect();
        let mut family = Family { infos, ..Family::default() };
        let mut agents: Vec<&Option<AgentName>> = Vec::new();
        for group in &groups {
            if !agents.contains(&&group.agent) {
                agents.push(&group.agent);
            }
            family.own.entry(&group.thread).or_default().push(group);
        }
        for group in &groups {
            if let Some(parent) = family.parent(group) {
                let children = family.children.entry(parent).or_default();
                if !children.contains(&&group.thread) {
                    children.push(&group.thread);
                }
            }
        }
        for agent in agents {
            let mine = || groups.iter().filter(|group| group.agent == *agent);
            for root in mine() {
                if family.parent(root).is_none() {
                    family.visit(&root.thread, 0);
                }
            }
            // What only a circle of parents leads to is shown rather than lost.
            for rest in mine() {
                family.visit(&rest.thread, 0);
            }
        }
        family.rows
    }
}

#[derive(Default)]
struct Family<'a> {
    infos: HashMap<&'a ThreadId, &'a ThreadInfo>,
    own: HashMap<&'a ThreadId, Vec<&'a Group>>,
    children: HashMap<&'a ThreadId, Vec<&'a ThreadId>>,
    visited: HashSet<&'a ThreadId>,
    rows: Vec<RunRow>,
}

impl<'a> Family<'a> {
    /// The parent, if it is a thread of the same agent; the root stands in for one that is not known.
    fn parent(&self, group: &'a Group) -> Option<&'a ThreadId> {
        let known = |parent: &&'a ThreadId| {
            **parent != group.thread
                && self.own.get(*parent).and_then(|own| own.first()).is_some_and(|own| own.agent == group.agent)
        };
        let parent = self.infos.get(&group.thread).and_then(|info| info.parent.as_ref());
        parent.filter(known).or_else(|| Some(&group.root).filter(known))
    }

    fn visit(&mut self, thread: &'a ThreadId, depth: usize) {
        if !self.visited.insert(thread) {
            return;
        }
        let info = self.infos.get(thread).copied();
        for (index, group) in self.own.get(thread).into_iter().flatten().enumerate() {
            self.rows.push(RunRow {
                agent: group.agent.clone(),
                thread: thread.clone(),
                root: group.root.clone(),
                parent: info.and_then(|info| info.parent.clone()),
                role: info.and_then(|info| info.role.clone()),
                depth,
                model: group.model.clone(),
                again: index > 0,
                totals: group.totals.clone(),
            });
        }
        for child in self.children.get(thread).cloned().unwrap_or_default() {
            self.visit(child, depth + 1);
        }
    }
}
