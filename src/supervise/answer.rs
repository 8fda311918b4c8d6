//! A person's answer, from the prompt or through the socket: who may, how far, and what it does.

use crate::clock;
use crate::codex::redact;
use crate::decide::Effect;
use crate::decide::message::{Input, Question};
use crate::decide::people::permission;
use crate::error::Error;
use crate::gate::message::{Message, Reply, Stands, Wish};
use crate::gate::socket::{self, Call};
use crate::model::event::EventKind;
use crate::model::quantity::quantity_hint;
use crate::model::{AgentName, Answer, Answerer, ApprovalId, Brake, BudgetName, Door, Peer, Quantity, TokenHash};
use crate::process;
use crate::turn::answers::{Agreed, agreed, by_token, may_answer, nobody_waits, refused};
use crate::turn::login::{own_login, started_by};
use crate::turn::not_taken::NotTaken;
use crate::turn::tokens::{Says, believed};
use crate::turn::wish::{answer_is_allowed, answer_of, describe};

use super::supervisor::Supervisor;

impl Supervisor {
    /// Hears what another govern says, and replies.
    pub(super) async fn heard(&mut self, call: Call) -> Result<Vec<Effect>, Error> {
        let message = call.message.clone();
        if message == Some(Message::Status) {
            self.tell_status(call);
            return Ok(Vec::new());
        }
        // To ask is not to answer: an agent may.
        if let Some(Message::Request { by, budget, agent, reason }) = message {
            let wish = Ahead { by, budget, agent, reason };
            let (effects, reply) = match ask_ahead(self, &wish, &call.peer)? {
                Ok((effects, what)) => (effects, Reply::Done { what }),
                Err(not) => (Vec::new(), refused(not)),
            };
            call.reply(&reply).await;
            return Ok(effects);
        }
        let (effects, reply) = match (message, self.admits(&call.peer)) {
            (None, _) => (Vec::new(), refused(NotTaken::new("that is nothing a run understands"))),
            (_, Err(why)) => (Vec::new(), refused(why)),
            (Some(Message::Wake | Message::Status | Message::Request { .. }), Ok(_)) => {
                (self.turn(Vec::new())?, Reply::Done { what: "awake".to_owned() })
            }
            (Some(Message::Granted { link }), Ok(who)) => match self.believe_grant(link, &who)? {
                Ok(effects) => (effects, Reply::Done { what: "known".to_owned() }),
                Err(not) => (Vec::new(), refused(not)),
            },
            (Some(Message::Brake { brake, team, reason, token }), Ok(own)) => {
                match self.who_brakes(brake, token, (own, &call.peer)) {
                    Ok(who) => {
                        if brake == Brake::Continue {
                            self.tokens.forget(None);
                        }
                        return self.brake(call, &who, (brake, team), reason);
                    }
                    Err((by, not)) => {
                        self.note_overstep(&not, &format!("{by} may not let it go on"));
                        (Vec::new(), refused(not))
                    }
                }
            }
            (Some(Message::Answer { approval, wish, reason, who, token }), Ok(own)) => {
                match self.who_answers(approval, Says { who, token }, (own, &call.peer)) {
                    Ok(who) => match self.take_answer(approval, &wish, &who, reason.as_deref())? {
                        Ok((effects, what)) => (effects, Reply::Done { what }),
                        Err(not) => {
                            let by = self.by(&who);
                            self.note_overstep(&not, &format!("{by} may not answer question {approval} so"));
                            (Vec::new(), refused(not))
                        }
                    },
                    Err(not) => {
                        self.note_overstep(&not, &format!("question {approval} is not answered"));
                        (Vec::new(), refused(not))
                    }
                }
            }
            (Some(Message::Whose { approval, token }), Ok(own)) => {
                match self.who_answers(approval, Says { who: None, token: Some(token) }, (own, &call.peer)) {
                    Ok(who) => {
                        let what = self.governor.policy().approvals.name(&who.identity).to_owned();
                        (Vec::new(), Reply::Done { what })
                    }
                    Err(not) => (Vec::new(), refused(not)),
                }
            }
            (Some(Message::Token { approval, hash, who }), Ok(own)) => {
                match believed(own, Some(who), &call.peer, &self.sockets)
                    .and_then(|who| self.expect_token(approval, hash, who))
                {
                    Ok(()) => (Vec::new(), Reply::Done { what: "known".to_owned() }),
                    Err(not) => (Vec::new(), refused(not)),
                }
            }
        };
        call.reply(&reply).await;
        Ok(effects)
    }

    /// What a person says is in the ledger's chain counts from here on, if it is one who may answer: an agent can write
    /// there as well.
    fn believe_grant(&mut self, link: i64, who: &Answerer) -> Result<Result<Vec<Effect>, NotTaken>, Error> {
        if let Err(not) = permission::judge(&self.governor.policy().approvals, who, &started_by(), None) {
            let (by, not) = (self.by(who), NotTaken::from(not));
            self.note_overstep(&not, &format!("{by} may not grant anything of this run's limits"));
            return Ok(Err(not));
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.believe(link);
        }
        self.turn(vec![Input::Granted]).map(Ok)
    }

    fn who_answers(
        &mut self,
        approval: ApprovalId,
        says: Says,
        (own, peer): (Answerer, &Peer),
    ) -> Result<Answerer, NotTaken> {
        if self.governor.waits_for(approval).is_none() {
            return Err(nobody_waits(approval));
        }
        self.tokens.who(Some(approval), says, (own, peer, &self.sockets), clock::monotonic())
    }

    /// Who uses the brake: whoever speaks, or whom the token of a letter was sent to. Where it may not be, also by which
    /// name that is noted.
    fn who_brakes(
        &mut self,
        brake: Brake,
        token: Option<String>,
        (own, peer): (Answerer, &Peer),
    ) -> Result<Answerer, (String, NotTaken)> {
        let by = self.by(&own);
        let who = match token {
            None => own,
            Some(token) => {
                let says = Says { who: None, token: Some(token) };
                let of = (own, peer, self.sockets.as_path());
                self.tokens.who(None, says, of, clock::monotonic()).map_err(|not| (by, not))?
            }
        };
        self.may_brake(brake, &who).map_err(|not| (self.by(&who), not))?;
        Ok(who)
    }

    /// A message with this token is about to be sent: it is known here, if an answer of its reader would be taken.
    fn expect_token(&mut self, approval: Option<ApprovalId>, hash: TokenHash, who: Answerer) -> Result<(), NotTaken> {
        match approval {
            Some(approval) if self.governor.waits_for(approval).is_none() => return Err(nobody_waits(approval)),
            None if !self.is_paused() => return Err(NotTaken::new("the run is paused no more")),
            Some(_) | None => {}
        }
        permission::judge(&self.governor.policy().approvals, &who, &started_by(), None)?;
        self.tokens.expect(approval, hash, who);
        Ok(())
    }

    /// Writes down that somebody wanted what is not his to give.
    fn note_overstep(&mut self, not: &NotTaken, what: &str) {
        if not.oversteps {
            self.mark(format!("{what}: {}", not.why));
        }
    }

    /// Tells how the run stands, beside the loop: who reads slowly holds up nobody. An agent may know, too.
    fn tell_status(&self, call: Call) {
        if call.peer.uid == process::own_uid() {
            let stands = self.governor.live(self.moment());
            tokio::spawn(async move { call.reply(&Stands { stands }).await });
        }
    }

    /// Only this user's own processes, and none that an agent started: an agent may not approve itself.
    fn admits(&self, peer: &Peer) -> Result<Answerer, NotTaken> {
        if peer.uid != process::own_uid() {
            return Err(NotTaken::new("only the user who started the run may speak to it"));
        }
        // Who has gone, or is not to be told from another, may be an agent.
        if !process::is_outside(peer) {
            return Err(NotTaken::new("this comes from inside a governed agent: agents do not decide about agents")
                .hint("do it in a terminal that no agent started"));
        }
        Ok(Answerer::login(own_login(), Door::Cli))
    }

    /// As records name somebody: by the person, where the policy knows one.
    pub(super) fn by(&self, who: &Answerer) -> String {
        self.governor.policy().approvals.by(who)
    }

    /// What was answered at the prompt.
    pub(super) fn prompted(&mut self, approval: ApprovalId, answer: Answer) -> Result<Vec<Effect>, Error> {
        let Some(question) = self.governor.waits_for(approval) else { return Ok(Vec::new()) };
        let who = Answerer::login(own_login(), Door::Prompt);
        let by = self.by(&who);
        let (effects, not) = match answer_is_allowed(&question, &answer, &who, &self.governor.policy().approvals) {
            Ok(()) => {
                let (effects, settled) = self.settle(approval, &question, answer, &who, None)?;
                if let Ok(what) = &settled
                    && self.governor.waits_for(approval).is_some()
                {
                    self.say(what);
                    self.asking.put_again();
                }
                (effects, settled.err())
            }
            Err(not) => (Vec::new(), Some(not)),
        };
        match not {
            None => self.wake_others(approval),
            Some(not) => {
                self.note_overstep(&not, &format!("{by} may not answer question {approval} so"));
                self.say(&format!("not answered: {}", not.why));
                self.asking.put_again();
            }
        }
        Ok(effects)
    }

    /// Tells the other runs that wait for the same answer, beside the loop: each may take its time.
    pub(super) fn wake_others(&self, approval: ApprovalId) {
        let waiting = self.ledger.as_ref().and_then(|ledger| ledger.waiting_for(approval).ok()).unwrap_or_default();
        let others: Vec<_> = waiting.into_iter().filter(|run| *run != self.run).collect();
        let sockets = self.sockets.clone();
        if !others.is_empty() {
            std::thread::spawn(move || {
                for run in others {
                    // One that is gone needs no waking; nothing that is said to this is believed.
                    let _gone = socket::call(&sockets, &run, &Message::Wake, &|_, _| true);
                }
            });
        }
    }

    /// Checks an answer that came over the socket.
    fn take_answer(
        &mut self,
        approval: ApprovalId,
        wish: &Wish,
        who: &Answerer,
        reason: Option<&str>,
    ) -> Result<Result<(Vec<Effect>, String), NotTaken>, Error> {
        let Some(question) = self.governor.waits_for(approval) else {
            return Ok(Err(nobody_waits(approval)));
        };
        match answer_of(&question, wish, who, &self.governor.policy().approvals) {
            // Who may not answer here may know who can, and by what.
            Err(not) if not.oversteps && who.door == Door::Cli => {
                let may = may_answer(&self.governor, &question);
                Ok(Err(by_token(not, may.command("approve", approval).filter(|_| !may.here))))
            }
            Ok(answer) => {
                let (effects, what) = self.settle(approval, &question, answer, who, reason)?;
                Ok(what.map(|what| (effects, what)))
            }
            Err(not) => Ok(Err(not)),
        }
    }

    /// Writes an answer down, if it is the first, and hands it to the governor.
    fn settle(
        &mut self,
        approval: ApprovalId,
        question: &Question,
        answer: Answer,
        who: &Answerer,
        reason: Option<&str>,
    ) -> Result<(Vec<Effect>, Result<String, NotTaken>), Error> {
        let counted = self.votes.count(&self.governor.policy().approvals, approval, (question, &answer), who);
        let by = match agreed(&self.governor.policy().approvals, counted, who, (question, &answer)) {
            Agreed::By(by) => by,
            Agreed::NotYet(what) => {
                self.note_of(&question.agent, EventKind::Marked { what: format!("question {approval}: {what}") });
                let effects = self.turn(Vec::new())?;
                let by = self.by(who);
                // It is only shown: what counts is what was heard here.
                let _shown =
                    self.ledger.as_mut().map(|ledger| ledger.turn(clock::now(), |turn| turn.vote(approval, &by)));
                return Ok((effects, Ok(what)));
            }
            Agreed::Not(not) => return Ok((Vec::new(), Err(not))),
        };
        let paused = self.governor.agent(&question.agent).and_then(|agent| agent.pause.clone());
        let what = describe(question, &answer, paused.as_ref());
        let input = Input::Answered { approval, answer, by: by.clone(), reason: reason.map(str::to_owned) };
        let effects = self.turn(vec![input])?;
        if let Some(not) = self.not_taken.take() {
            return Ok((effects, Err(not)));
        }
        self.tokens.forget(Some(approval));
        self.votes.forget(approval);
        self.asking.became(format!("{by}: {what}"));
        Ok((effects, Ok(what)))
    }
}

/// What is asked for.
struct Ahead {
    /// By how much, as typed.
    by: String,
    /// Whose limit; `None`: the one that the agent comes to first.
    budget: Option<String>,
    /// For which agent, where it does not come from one.
    agent: Option<String>,
    /// Why.
    reason: String,
}

/// So long a reason may be: it is shown to people, and an agent may write it.
const LONGEST_REASON: usize = 500;

/// Puts the question; says its number and what answers it. Nobody is held by it.
fn ask_ahead(
    run: &mut Supervisor,
    wish: &Ahead,
    peer: &Peer,
) -> Result<Result<(Vec<Effect>, String), NotTaken>, Error> {
    if peer.uid != process::own_uid() {
        return Ok(Err(NotTaken::new("only the user who started the run may speak to it")));
    }
    let (agent, by_amount) = match whose(run, wish, peer).and_then(|agent| Ok((agent, amount(&wish.by)?))) {
        Ok(wanted) => wanted,
        Err(not) => return Ok(Err(not)),
    };
    let budget = wish.budget.as_deref().map(BudgetName::new);
    if let Err(why) = run.governor.may_ask_ahead(run.moment(), &agent, budget.as_ref(), by_amount) {
        return Ok(Err(NotTaken::new(why)));
    }
    let reason: String = redact(&wish.reason).chars().take(LONGEST_REASON).collect();
    let effects = run.turn(vec![Input::AskedAhead { agent: agent.clone(), budget, by_amount, reason }])?;
    let question = run.governor.asked_ahead(&agent);
    Ok(Ok((
        effects,
        match question {
            Some(question) => {
                format!("question {question} asks for {by_amount} more; `govern approve {question}` answers it")
            }
            None => "nobody could be asked".to_owned(),
        },
    )))
}

fn amount(text: &str) -> Result<Quantity, NotTaken> {
    Quantity::parse(text).map_err(|error| NotTaken::new(format!("`{text}` {error}")).hint(quantity_hint(text)))
}

/// The agent that it comes from, or is for.
fn whose(run: &Supervisor, wish: &Ahead, peer: &Peer) -> Result<AgentName, NotTaken> {
    let named = wish.agent.as_deref().map(AgentName::new);
    let from = peer.pid().filter(|_| !process::is_outside(peer)).and_then(|pid| run.owners.of(pid));
    let found = from.or(named).or_else(|| run.alone.clone()).ok_or_else(|| {
        NotTaken::new("the run has several agents").hint("`--agent NAME` says for which one is asked")
    })?;
    match run.governor.agent(&found) {
        Some(_) => Ok(found),
        None => Err(NotTaken::new(format!("the run has no agent `{found}`"))),
    }
}
