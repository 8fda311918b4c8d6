//! The processes of a run: the guard that starts, stops and ends them, and whose each is.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::model::{AgentName, Peer, ProcessIdentity};
use crate::process::{self, Guard, Order, Process, Report};

use super::process_owners::Owners;
use super::process_scan::ProcessScan;

/// The guard of a run, and what it has started.
pub(super) struct Processes {
    /// `None` once it was let go.
    guard: Option<Guard>,
    owners: Owners,
    /// Orders whose reports are nothing to the governor.
    in_passing: BTreeSet<u64>,
}

impl Processes {
    pub(super) fn new(guard: Guard, agents: Vec<AgentName>) -> Self {
        Self { guard: Some(guard), owners: Owners::new(agents), in_passing: BTreeSet::new() }
    }

    /// What the guard reports next.
    pub(super) async fn report(&mut self) -> Option<Report> {
        match &mut self.guard {
            Some(guard) => guard.next().await,
            None => None,
        }
    }

    pub(super) fn order(&self, order: Order) -> Result<(), Error> {
        self.send(order).map(drop)
    }

    /// An order that the governor did not give and whose report it does not get.
    pub(super) fn order_in_passing(&mut self, order: Order) -> Result<(), Error> {
        let sent = self.send(order)?;
        self.in_passing.extend(sent);
        Ok(())
    }

    /// The number by which its report is known.
    pub(super) fn order_numbered(&self, order: Order) -> Result<Option<u64>, Error> {
        self.send(order)
    }

    fn send(&self, order: Order) -> Result<Option<u64>, Error> {
        let sent = self.guard.as_ref().map(|guard| guard.send(order)).transpose();
        sent.map_err(|error| Error::new("the guard process cannot be reached").caused_by(&error))
    }

    /// It reports an order in passing; told once.
    pub(super) fn was_in_passing(&mut self, report: &Report) -> bool {
        match report {
            Report::Frozen { request, .. }
            | Report::Thawed { request, .. }
            | Report::Refused { request, .. }
            | Report::Ended { request: Some(request), .. } => self.in_passing.remove(request),
            _ => false,
        }
    }

    pub(super) fn guard_pid(&self) -> Option<i32> {
        self.guard.as_ref().map(|guard| guard.identity().pid)
    }

    /// A signal stopped the guard, which govern let go on.
    pub(super) fn guard_was_stopped(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::was_stopped)
    }

    /// The run is over: its guard is let go by whoever takes it.
    pub(super) fn take_guard(&mut self) -> Option<Guard> {
        self.guard.take()
    }

    /// An agent's first process.
    pub(super) fn launched(&mut self, root: ProcessIdentity, agent: &AgentName) {
        self.owners.launched(root, agent);
    }

    /// Whose this process is; it lives.
    pub(super) fn owner(&self, pid: i32) -> Option<AgentName> {
        self.owners.of(pid)
    }

    /// The processes of all agents.
    pub(super) fn owned(&mut self) -> Vec<(Process, AgentName)> {
        let tree = self.guard_pid().map_or_else(Vec::new, process::descendants);
        self.owners.sort(tree)
    }

    /// The processes of all agents, and which of them are Codexes.
    pub(super) fn seen(&mut self) -> ProcessScan {
        ProcessScan::new(self.owned())
    }

    pub(super) fn codexes(&mut self) -> Vec<(Process, AgentName)> {
        self.seen().codexes()
    }

    /// Who called it is inside the tree of the run.
    pub(super) fn holds(&self, peer: &Peer) -> bool {
        let caller = peer.caller.as_ref().zip(self.guard_pid());
        caller.is_some_and(|(caller, guard)| caller.descends_from(guard))
    }
}
