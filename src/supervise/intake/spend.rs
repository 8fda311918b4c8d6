//! What was spent, by which of its sources: session files, and what Codex tells its hooks after a request, which is the only
//! one of a thread without a file. Each response counts once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::clock;
use crate::codex::Defaults;
use crate::decide::message::{Input, Phase};
use crate::gate::hook::HookInput;
use crate::model::event::EventKind;
use crate::model::with_unit::counted;
use crate::model::{
    AgentName, Basis, Billing, ModelId, ProcessIdentity, Response, ResponseKey, ServiceTier, Source, ThreadId, Tokens,
    recorded_at,
};
use crate::policy::cost::{billed, cost, has_no_price};
use crate::process;
use crate::supervise::context::Context;
use crate::supervise::journal::Journal;
use crate::tail::login::Login;
use crate::turn::configured::layers;
use crate::turn::hook::lacks;
use crate::usage::meter::Answer;
use crate::usage::pairing::{Difference, One, Paired, Pairings, Recorded};

use super::sessions::{Found, Sessions};

/// What is known of a thread that writes no session file.
#[derive(Clone, Debug)]
pub(super) struct WithoutFile {
    agent: AgentName,
    home: PathBuf,
    defaults: Defaults,
    /// The Codex that runs it; `None` once it is gone.
    codex: Option<ProcessIdentity>,
}

/// Who pays for a thread: its home, its provider and the plan that its file names.
type Payer = (PathBuf, Option<String>, Option<String>);

/// What is known of what a run's threads spend.
#[derive(Default)]
pub(super) struct Spend {
    /// What session files and hooks have told, each response once.
    pairings: Pairings,
    /// The ids of responses that the gateway told of.
    told_by_gateway: BTreeSet<ResponseKey>,
    /// Threads without a session file.
    without_file: BTreeMap<ThreadId, WithoutFile>,
    logins: BTreeMap<PathBuf, Login>,
}

impl Spend {
    /// Codex tells what a request used.
    pub(super) fn hear(
        &mut self,
        (agent, input): (&AgentName, &HookInput),
        sessions: &Sessions,
        context: &mut Context<'_>,
    ) -> Option<Input> {
        let (thread, telling) = (input.thread(), input.telling());
        match self.pairings.tell(&thread, &telling) {
            Paired::New(key) => {
                let tokens = telling.tokens.unwrap_or_default();
                let response = self.told_response((agent, input), (key, tokens), sessions, context);
                Some(Input::Responded(Box::new(response)))
            }
            Paired::Known(difference) => {
                differs(agent, &thread, difference, context.journal);
                None
            }
            Paired::Failed => Some(Input::Failed { agent: agent.clone(), thread, cut_off: telling.cut_off }),
            Paired::Unsaid => Some(Input::Untold { agent: agent.clone(), thread }),
            Paired::Again => None,
        }
    }

    /// A request of a thread is about to be sent: the answer before it that no record came for.
    pub(super) fn asks(&mut self, thread: &ThreadId, turn: Option<&str>) -> Option<One> {
        self.pairings.asks(thread, turn)
    }

    /// The gateway tells of a response; says whether by a new id.
    pub(super) fn is_new_at_gateway(&mut self, key: &ResponseKey) -> bool {
        self.told_by_gateway.insert(key.clone())
    }

    /// A record: says whether a hook has told of its response before.
    pub(super) fn is_told_first(&mut self, agent: &AgentName, answer: &Answer, journal: &mut Journal) -> bool {
        // One whose request nothing but the gateway was to tell of.
        if self.told_by_gateway.contains(&answer.key) {
            return true;
        }
        match self.pairings.record(&answer.thread, &answer.key, &answer.tokens) {
            // What was read before is the ledger's to know.
            Recorded::New | Recorded::Again => false,
            Recorded::Known { told, difference } => {
                if told != answer.key {
                    let (thread, key) = (answer.thread.clone(), answer.key.clone());
                    journal.note_of(agent, EventKind::Confirmed { thread, told, key });
                }
                differs(agent, &answer.thread, difference, journal);
                true
            }
        }
    }

    /// The run is over, and its files were read to their end: what hooks told and no record came for is told once.
    pub(super) fn tell_what_lacks(&mut self, sessions: &Sessions, journal: &mut Journal) {
        for (thread, one) in self.pairings.all_missing() {
            let what = lacks(&thread, &one);
            journal.say(&what);
            match sessions.agent_of(&thread) {
                Some(agent) => journal.mark_of(agent, what),
                None => journal.mark(what),
            }
        }
    }

    fn told_response(
        &mut self,
        (agent, input): (&AgentName, &HookInput),
        (key, tokens): (ResponseKey, Tokens),
        sessions: &Sessions,
        context: &Context<'_>,
    ) -> Response {
        let thread = input.thread();
        let (home, provider, plan) = self.payer_of(&thread, sessions).unwrap_or_default();
        let answer = Answer {
            root: input.session_id.clone(),
            key,
            at: clock::now(),
            model: input.model.clone(),
            provider,
            tier: self.tier_of(&thread, sessions).cloned().unwrap_or_default(),
            tokens,
            basis: self.without_file.get(&thread).map_or(Basis::Observed, |known| known.defaults.basis()),
            has_tool_calls: false,
            counts: true,
            thread,
        };
        Response { source: Source::Hook, ..self.price(agent.clone(), answer, (&home, plan.as_deref()), context) }
    }

    fn payer_of(&self, thread: &ThreadId, sessions: &Sessions) -> Option<Payer> {
        let without_file = || {
            let known = self.without_file.get(thread)?;
            Some((known.home.clone(), known.defaults.provider.clone(), None))
        };
        sessions.payer_of(thread).or_else(without_file)
    }

    /// The service tier that a thread's next request asks for.
    pub(super) fn tier_of<'a>(&'a self, thread: &ThreadId, sessions: &'a Sessions) -> Option<&'a ServiceTier> {
        let by_default = || self.without_file.get(thread)?.defaults.tier.as_ref();
        sessions.tier_of(thread).or_else(by_default)
    }

    /// A thread without a session file comes to the gate.
    pub(super) fn found_without_file(
        &mut self,
        home: PathBuf,
        (agent, input, codex): (&AgentName, &HookInput, Option<i32>),
        sessions: &Sessions,
        journal: &mut Journal,
    ) {
        let thread = input.thread();
        // A side chat goes by the name of its root, which has a file.
        if self.without_file.contains_key(&thread) || sessions.payer_of(&thread).is_some() {
            return;
        }
        let command = codex.map(process::command_line).unwrap_or_default();
        let folder = input.cwd.as_deref().map(|folder| match codex {
            Some(codex) => process::path_seen_by(codex, folder),
            None => folder.to_owned(),
        });
        let defaults = Defaults::of(&command, &layers(&command, Some(&home), folder.as_deref()));
        let billing = self.billing(&home, defaults.provider.as_deref(), None);
        let seen = EventKind::ThreadSeen {
            thread: thread.clone(),
            root: input.session_id.clone(),
            parent: (thread != input.session_id).then(|| input.session_id.clone()),
            path: String::new(),
            codex: None,
            billing,
            role: None,
        };
        journal.note_of(agent, seen);
        let codex = codex.and_then(process::identity_of);
        self.without_file.insert(thread, WithoutFile { agent: agent.clone(), home, defaults, codex });
    }

    /// The threads without a session file whose Codex is gone: each is told once.
    pub(super) fn ended_without_file(&mut self) -> Vec<Input> {
        let known = self.without_file.iter_mut();
        let gone = known.filter_map(|(thread, known)| {
            known.codex.take_if(|codex| !process::alive(*codex))?;
            let (agent, thread) = (known.agent.clone(), thread.clone());
            Some(Input::Phase { agent, thread, root: None, phase: Phase::Idle, by_answer: false })
        });
        gone.collect()
    }

    /// The agent of a thread without a session file.
    pub(super) fn agent_without_file(&self, thread: &ThreadId) -> Option<&AgentName> {
        self.without_file.get(thread).map(|known| &known.agent)
    }

    /// A thread shows itself.
    pub(super) fn found(&mut self, found: &Found, journal: &mut Journal) {
        let billing = self.billing(&found.home, found.provider.as_deref(), found.plan.as_deref());
        let seen = EventKind::ThreadSeen {
            thread: found.thread.clone(),
            root: found.root.clone(),
            parent: found.parent.clone(),
            path: found.path.display().to_string(),
            codex: found.codex.clone(),
            billing,
            role: found.role.clone(),
        };
        journal.note_of(&found.agent, seen);
    }

    fn billing(&mut self, home: &Path, provider: Option<&str>, plan: Option<&str>) -> Billing {
        self.logins.entry(home.to_owned()).or_insert_with(|| Login::of(home)).billing(provider, plan)
    }

    pub(super) fn price(
        &mut self,
        agent: AgentName,
        answer: Answer,
        (home, plan): (&Path, Option<&str>),
        context: &Context<'_>,
    ) -> Response {
        let prices = &context.run.prices;
        let billing = self.billing(home, answer.provider.as_deref(), plan);
        let billing = billed(prices, billing, answer.model.as_ref());
        let attribution = context.agents.attribution(&agent);
        let unpriced = &context.governor.policy().models.unpriced;
        let cost = cost(prices, unpriced, billing, answer.model.as_ref(), &answer.tier, answer.at, &answer.tokens);
        Response {
            run: Some(context.run.id.clone()),
            agent: Some(agent),
            thread: answer.thread,
            root: answer.root,
            key: answer.key,
            at: recorded_at(answer.at, clock::now()),
            model: answer.model,
            provider: answer.provider,
            tier: answer.tier,
            tokens: answer.tokens,
            cost,
            basis: answer.basis,
            billing,
            attribution,
            source: Source::Record,
            work: None,
        }
    }

    /// The model that is asked next has no price. Where its provider is not known yet, that is not known either.
    pub(super) fn is_unpriced(
        &mut self,
        thread: &ThreadId,
        model: Option<&ModelId>,
        sessions: &Sessions,
        context: &Context<'_>,
    ) -> bool {
        let Some((home, provider, plan)) = self.payer_of(thread, sessions) else { return false };
        let billing = self.billing(&home, provider.as_deref(), plan.as_deref());
        let tier = self.tier_of(thread, sessions).cloned().unwrap_or_default();
        let unpriced = &context.governor.policy().models.unpriced;
        model.is_some() && has_no_price(&context.run.prices, unpriced, billing, model, &tier, clock::now())
    }
}

/// The two do not agree: what came first counts, and both are kept.
fn differs(agent: &AgentName, thread: &ThreadId, difference: Option<Difference>, journal: &mut Journal) {
    let Some(Difference { key, record, hook }) = difference else { return };
    let (record_total, hook_total) = (counted(record.total(), "token", "tokens"), hook.total());
    journal.say_of(
        agent,
        &format!(
            "a response of thread {thread} has {record_total} in the session file, and {hook_total} by what \
             Codex told after the request: what came first counts"
        ),
    );
    journal.note_of(agent, EventKind::Differed { thread: thread.clone(), key, record, hook });
}
