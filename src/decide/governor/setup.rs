//! A governor before its run: what it is made of, and how it is to look at things.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clocks::Clocks;
use crate::model::{Attribution, RunId};
use crate::policy::rule::Policy;

use super::{Governor, Quoter};
use crate::decide::accounts::Accounts;
use crate::decide::agents::{Agent, AgentSetup, Agents};
use crate::decide::context::Fixed;
use crate::decide::discretion::advisor::Adviser;
use crate::decide::evaluate::throttle::Pace;
use crate::decide::history::Before;
use crate::decide::message::Effects;
use crate::decide::people::lift::{Lift, Lifting};
use crate::decide::people::reach::Nobody;
use crate::decide::request_gates;
use crate::decide::reserving::kept::KeptElsewhere;
use crate::decide::starting::Starting;

/// All that a governor is made of.
pub struct Setup {
    /// The run.
    pub run: RunId,
    /// What it obeys.
    pub policy: Arc<Policy>,
    /// Whom it governs.
    pub agents: Vec<AgentSetup>,
    /// How many of them may work at once; `None`: all that are ready.
    pub concurrency: Option<NonZeroUsize>,
    /// Why nobody can be asked; `None`: somebody can.
    pub nobody: Option<Nobody>,
    /// Prices for what-if.
    pub quote: Quoter,
    /// A limit that a person lifted before the run goes on.
    pub lift: Option<Lift>,
    /// What is known before it begins.
    pub before: Before,
}

impl Governor {
    /// A governor before its run.
    pub fn new(setup: Setup) -> Self {
        let Before { responses, mut active, mut firsts, unanswered } = setup.before;
        let agents = Agents::new(setup.agents, |id, setup_of| {
            let before = active.remove(&setup_of.name).unwrap_or_default();
            let mut agent = Agent::new(id, setup_of, Pace::of(&setup.policy));
            agent.was_active(before);
            agent.work = setup.policy.work.said;
            agent.work_is_said = agent.work.is_some();
            agent.firsts = firsts.remove(&agent.setup.name).unwrap_or_default();
            agent
        });
        let mut accounts = Accounts::under(&setup.policy);
        accounts.over_before = active;
        let fixed = Fixed {
            run: setup.run,
            alerts: setup.policy.alerts.iter().cloned().collect(),
            policy: setup.policy,
            nobody: setup.nobody,
            quote: Rc::from(setup.quote),
            observe_within: Clocks::STANDARD.observe,
            patient: true,
            elsewhere: KeptElsewhere::default(),
        };
        Self {
            fixed: Rc::new(fixed),
            starting: Starting::before(responses, setup.concurrency),
            lifting: Lifting::before(setup.lift),
            unanswered,
            agents,
            accounts,
            effects: Effects::default(),
        }
    }

    /// The same governor, which lets nobody wait for room: it is told of what was, where nothing changes by waiting.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        Rc::make_mut(&mut self.fixed).patient = false;
        self
    }

    /// The same governor, which gives a working Codex this time until what it spends must be seen.
    #[must_use]
    pub fn observing_within(mut self, within: Duration) -> Self {
        Rc::make_mut(&mut self.fixed).observe_within = within;
        self
    }

    /// The same governor, which holds by signals what its gates on requests are met by, where an agent's Codex does not
    /// ask before its requests.
    #[must_use]
    pub fn watches_requests(mut self) -> Self {
        let fixed = Rc::make_mut(&mut self.fixed);
        fixed.alerts = fixed.alerts.iter().cloned().chain(request_gates::alerts(&fixed.policy)).collect();
        self
    }

    /// The same governor, under budgets of which some are kept elsewhere: a request that they count is not sent before it is
    /// reserved there. No policy can say so yet.
    #[must_use]
    pub fn with_budgets_elsewhere(mut self, elsewhere: KeptElsewhere) -> Self {
        Rc::make_mut(&mut self.fixed).elsewhere = elsewhere;
        self
    }

    /// The policy's governor model can be asked here; what it costs belongs there.
    #[must_use]
    pub fn advised(mut self, attribution: Attribution) -> Self {
        let model = self.fixed.policy.governor.clone();
        let (run, history) = (&self.fixed.run, self.starting.history());
        let adviser = |model| Box::new(Adviser::new(model, run, attribution, (history, self.unanswered)));
        self.accounts.adviser = model.map(adviser);
        self
    }
}
