//! Where limits on sub-agents stand, as the ledger tells.

use crate::ledger::{Ledger, LedgerError};
use crate::model::{AgentName, Dimension, RunInfo, ThreadInfo};
use crate::policy::rule::{Policy, SpawnLimit};
use crate::policy::scope::Value;
use crate::policy::spawn::SpawnUnit;
use crate::report::SpawnStanding;

/// Where each of a policy's limits on sub-agents stands for a run: how many were started, or how deep they stand. A limit
/// that binds only others is left out.
///
/// # Errors
///
/// The ledger cannot be read.
pub fn spawn_standings(ledger: &Ledger, policy: &Policy, run: &RunInfo) -> Result<Vec<SpawnStanding>, LedgerError> {
    if policy.spawn_limits.is_empty() {
        return Ok(Vec::new());
    }
    let threads = ledger.runs().threads(&run.id)?;
    let mut standings = Vec::new();
    for limit in policy.spawn_limits.iter().filter(|limit| may_bind(limit, run)) {
        standings.extend(standings_of(ledger, limit, run, &threads)?);
    }
    Ok(standings)
}

fn may_bind(limit: &SpawnLimit, run: &RunInfo) -> bool {
    limit.scope.only.may_match(|dimension| match dimension {
        // Some of its threads may be such.
        Dimension::Run | Dimension::Agent | Dimension::Thread | Dimension::Model => Value::Open,
        other => Value::Is(run.attribution.get(other)),
    })
}

fn standings_of(
    ledger: &Ledger,
    limit: &SpawnLimit,
    run: &RunInfo,
    threads: &[ThreadInfo],
) -> Result<Vec<SpawnStanding>, LedgerError> {
    let stands = |scope: String, used: u64| SpawnStanding { budget: limit.name.clone(), scope, cap: limit.cap, used };
    let deepest = |agent: Option<&AgentName>| -> Result<u64, LedgerError> {
        let mut of = threads.iter().filter(|info| agent.is_none_or(|agent| info.agent.as_ref() == Some(agent)));
        of.try_fold(0, |most, info| Ok(most.max(u64::from(ledger.sub_agents().depth(&info.thread)?))))
    };
    let deep = limit.cap.of == SpawnUnit::Deep;
    if limit.scope.per.contains(&Dimension::Thread) && !deep {
        let mut all = Vec::new();
        for info in threads {
            match ledger.sub_agents().started(&run.id, info.agent.as_ref(), Some(&info.thread))? {
                0 => {}
                started => all.push(stands(format!("thread={}", info.thread), started)),
            }
        }
        return Ok(all);
    }
    if limit.scope.per.contains(&Dimension::Agent) {
        let mut agents: Vec<&AgentName> = threads.iter().filter_map(|info| info.agent.as_ref()).collect();
        agents.sort_unstable();
        agents.dedup();
        let used = |agent: &AgentName| match limit.cap.of {
            SpawnUnit::Started => ledger.sub_agents().started(&run.id, Some(agent), None),
            SpawnUnit::Deep => deepest(Some(agent)),
        };
        return agents.into_iter().map(|agent| Ok(stands(format!("agent={agent}"), used(agent)?))).collect();
    }
    let used = if deep { deepest(None)? } else { ledger.sub_agents().started(&run.id, None, None)? };
    Ok(vec![stands(format!("run={}", run.id), used)])
}
