//! More of a limit, asked for before the agent is held by it.

use crate::codex::redact;
use crate::decide::Governor;
use crate::decide::message::Input;
use crate::model::quantity::quantity_hint;
use crate::model::{AgentName, BudgetName, Peer, Quantity};
use crate::process;
use crate::supervise::context::Context;
use crate::turn::refused_answer::NotTaken;

/// What is asked for.
pub(super) struct Ahead {
    /// By how much, as typed.
    pub(super) by: String,
    /// Whose limit; `None`: the one that the agent comes to first.
    pub(super) budget: Option<String>,
    /// For which agent, where it does not come from one.
    pub(super) agent: Option<String>,
    /// Why.
    pub(super) reason: String,
}

/// What is put to people.
pub(in crate::supervise) struct Asked {
    agent: AgentName,
    by_amount: Quantity,
}

/// So long a reason may be: it is shown to people, and an agent may write it.
const LONGEST_REASON: usize = 500;

/// The question that is to be put. Nobody is held by it.
pub(super) fn ask(wish: &Ahead, peer: &Peer, context: &Context<'_>) -> Result<(Input, Asked), NotTaken> {
    if peer.uid != process::own_uid() {
        return Err(NotTaken::new("only the user who started the run may speak to it"));
    }
    let (agent, by_amount) = (whose(wish, peer, context)?, amount(&wish.by)?);
    let budget = wish.budget.as_deref().map(BudgetName::new);
    let may = context.governor.may_ask_ahead(context.run.moment(), &agent, budget.as_ref(), by_amount);
    may.map_err(NotTaken::new)?;
    let reason: String = redact(&wish.reason).chars().take(LONGEST_REASON).collect();
    Ok((Input::AskedAhead { agent: agent.clone(), budget, by_amount, reason }, Asked { agent, by_amount }))
}

impl Asked {
    /// Its number, and what answers it.
    pub(in crate::supervise) fn told(&self, governor: &Governor) -> String {
        match governor.asked_ahead(&self.agent) {
            Some(question) => {
                format!("question {question} asks for {} more; `govern approve {question}` answers it", self.by_amount)
            }
            None => "nobody could be asked".to_owned(),
        }
    }
}

fn amount(text: &str) -> Result<Quantity, NotTaken> {
    Quantity::parse(text).map_err(|error| NotTaken::new(format!("`{text}` {error}")).hint(quantity_hint(text)))
}

/// The agent that it comes from, or is for.
fn whose(wish: &Ahead, peer: &Peer, context: &Context<'_>) -> Result<AgentName, NotTaken> {
    let named = wish.agent.as_deref().map(AgentName::new);
    let from = peer.pid().filter(|_| !process::is_outside(peer)).and_then(|pid| context.processes.owner(pid));
    let found = from.or(named).or_else(|| context.run.alone.clone()).ok_or_else(|| {
        NotTaken::new("the run has several agents").hint("`--agent NAME` says for which one is asked")
    })?;
    match context.governor.agent(&found) {
        Some(_) => Ok(found),
        None => Err(NotTaken::new(format!("the run has no agent `{found}`"))),
    }
}
