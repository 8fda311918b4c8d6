//! People: who may answer and brake, how far, and what is replied. They speak at the prompt or through the socket.

mod ahead;
mod asking;
mod brakes;

use crate::codex::redact;
use crate::decide::Governor;
use crate::decide::message::Input;
use crate::decide::people::permission;
use crate::gate::message::{Message, Reply, Stands, Wish};
use crate::gate::socket::{self, Call};
use crate::model::{Answer, Answerer, ApprovalId, Brake, Door, Peer, RunId};
use crate::process::{self, Terminal};
use crate::supervise::context::Context;
use crate::supervise::journal::Journal;
use crate::supervise::run::Run;
use crate::turn::answers::{Agreed, Answers, Given, by_token, may_answer, refused, waiting};
use crate::turn::login::{own_login, started_by};
use crate::turn::refused_answer::NotTaken;
use crate::turn::tokens::{Says, believed};
use crate::turn::wanted_answer::{answer_is_allowed, answer_of};

use ahead::Ahead;
use brakes::{Brakes, is_paused, may_brake};

pub(in crate::supervise) use ahead::Asked;
pub(in crate::supervise) use asking::Asking;
pub(in crate::supervise) use brakes::stands_still;

/// What was said of questions, and who waits to hear what came of it.
pub(in crate::supervise) struct People {
    asking: Asking,
    brakes: Brakes,
    answers: Answers,
}

/// What another govern said comes to.
pub(in crate::supervise) enum Heard {
    /// Nothing but what is replied.
    Reply(Reply),
    /// Others have written into the ledger.
    Wake,
    /// This row of the ledger is a grant of somebody's who may give it.
    Granted(i64),
    /// A question is to be put.
    Ahead(Input, Asked),
    /// It is replied to once it has taken hold.
    Brake { brake: Brake, team: Option<String>, by: String, reason: Option<String> },
    /// It is judged by all that was said before.
    Answer(Given),
}

impl People {
    /// `prompt`: there is a terminal to ask at. `screen`: it, if the agent takes it whole.
    pub(in crate::supervise) fn new(prompt: bool, screen: Option<Terminal>) -> Self {
        let asking = Asking::new(prompt, screen);
        Self { asking, brakes: Brakes::default(), answers: Answers::default() }
    }

    /// The question at the terminal.
    pub(in crate::supervise) fn asking(&mut self) -> &mut Asking {
        &mut self.asking
    }

    /// Those who have used the brake.
    pub(in crate::supervise) fn brakes(&mut self) -> &mut Brakes {
        &mut self.brakes
    }

    /// What another govern says.
    pub(in crate::supervise) fn hear(
        &mut self,
        message: Option<Message>,
        peer: &Peer,
        context: &mut Context<'_>,
    ) -> Heard {
        let heard = match message {
            None => Err(NotTaken::new("that is nothing a run understands")),
            // To ask is not to answer: an agent may.
            Some(Message::Request { by, budget, agent, reason }) => {
                let asked = ahead::ask(&Ahead { by, budget, agent, reason }, peer, context);
                asked.map(|(input, asked)| Heard::Ahead(input, asked))
            }
            Some(message) => admits(peer).and_then(|own| self.understand(message, (own, peer), context)),
        };
        heard.unwrap_or_else(|not| Heard::Reply(refused(not)))
    }

    /// What one who may speak says. Who wants what is not theirs to give is written down.
    fn understand(
        &mut self,
        message: Message,
        (own, peer): (Answerer, &Peer),
        context: &mut Context<'_>,
    ) -> Result<Heard, NotTaken> {
        let done = |what: &str| Heard::Reply(Reply::Done { what: what.to_owned() });
        let governor = context.governor;
        match message {
            Message::Wake | Message::Status | Message::Request { .. } => Ok(Heard::Wake),
            // An agent can write into the ledger's chain as well.
            Message::Granted { link } => {
                let may = permission::judge(&governor.policy().approvals, &own, &started_by(), None);
                let what = || format!("{} may not grant anything of this run's limits", by(&own, governor));
                noted(may.map_err(NotTaken::from), what, context.journal).map(|()| Heard::Granted(link))
            }
            Message::Brake { brake, team, reason, token } => {
                let (mut name, who) =
                    (by(&own, governor), self.answers.who_brakes(token, (own, peer, &context.run.sockets)));
                let may = who.and_then(|who| {
                    name = by(&who, governor);
                    may_brake(brake, &who, context.run, governor)
                });
                noted(may, || format!("{name} may not let it go on"), context.journal)?;
                if brake == Brake::Continue {
                    self.answers.forget(None);
                }
                let reason = reason.map(|reason| redact(&reason));
                Ok(Heard::Brake { brake, team, by: name, reason })
            }
            Message::Answer { approval, wish, reason, who, token } => {
                let who = self.answers.who(approval, Says { who, token }, (own, peer, &context.run.sockets), governor);
                let who = noted(who, || format!("question {approval} is not answered"), context.journal)?;
                let given = given((approval, &wish), &who, reason, governor);
                noted(given, || not_so(approval, &who, governor), context.journal).map(Heard::Answer)
            }
            Message::Whose { approval, token } => {
                let says = Says { who: None, token: Some(token) };
                let who = self.answers.who(approval, says, (own, peer, &context.run.sockets), governor)?;
                Ok(done(governor.policy().approvals.name(&who.identity)))
            }
            Message::Token { approval, hash, who } => {
                let who = believed(own, Some(who), peer, &context.run.sockets)?;
                match approval {
                    Some(approval) => waiting(approval, governor).map(drop)?,
                    None if !is_paused(context.run, governor) => {
                        return Err(NotTaken::new("the run is paused no more"));
                    }
                    None => {}
                }
                self.answers.expect(approval, hash, who, governor).map(|()| done("known"))
            }
        }
    }

    /// Whether enough have said so.
    pub(in crate::supervise) fn agree(&mut self, given: &Given, governor: &Governor) -> Agreed {
        self.answers.agree(given, governor)
    }

    /// A question is settled: what was said of it is past.
    pub(in crate::supervise) fn settled(&mut self, approval: ApprovalId, became: String) {
        self.answers.forget(Some(approval));
        self.asking.became(became);
    }
}

/// The answer that somebody at the prompt gives; `None`: nobody waits for it any more.
pub(in crate::supervise) fn prompted(approval: ApprovalId, answer: Answer, governor: &Governor) -> Option<Given> {
    let question = governor.waits_for(approval)?;
    Some(Given { approval, question, answer, who: Answerer::login(own_login(), Door::Prompt), reason: None })
}

/// Checks an answer that came over the socket.
fn given(
    (approval, wish): (ApprovalId, &Wish),
    who: &Answerer,
    reason: Option<String>,
    governor: &Governor,
) -> Result<Given, NotTaken> {
    let question = waiting(approval, governor)?;
    match answer_of(&question, wish, who, &governor.approvals_of(&question)) {
        // Who may not answer here may know who can, and by what.
        Err(not) if not.oversteps && who.door == Door::Cli => {
            let may = may_answer(governor, &question);
            Err(by_token(not, may.command("approve", approval).filter(|_| !may.here)))
        }
        answer => answer.map(|answer| Given { approval, question, answer, who: who.clone(), reason }),
    }
}

/// Writes down that somebody wanted what is not theirs to give.
fn noted<T>(may: Result<T, NotTaken>, what: impl FnOnce() -> String, journal: &mut Journal) -> Result<T, NotTaken> {
    may.inspect_err(|not| {
        if not.oversteps {
            journal.mark(format!("{}: {}", what(), not.why));
        }
    })
}

fn not_so(approval: ApprovalId, who: &Answerer, governor: &Governor) -> String {
    format!("{} may not answer question {approval} so", by(who, governor))
}

/// Its giver may give it.
pub(in crate::supervise) fn is_allowed(given: &Given, governor: &Governor) -> Result<(), NotTaken> {
    answer_is_allowed(&given.question, &given.answer, &given.who, &governor.approvals_of(&given.question))
}

/// What became of an answer; one that was not its giver's to give is written down.
pub(in crate::supervise) fn taken(
    given: &Given,
    settled: Result<String, NotTaken>,
    context: &mut Context<'_>,
) -> Result<String, NotTaken> {
    let governor = context.governor;
    noted(settled, || not_so(given.approval, &given.who, governor), context.journal)
}

/// As records name somebody: by the person, where the policy knows one.
pub(in crate::supervise) fn by(who: &Answerer, governor: &Governor) -> String {
    governor.policy().approvals.by(who)
}

/// Only this user's own processes, and none that an agent started: an agent may not approve itself.
fn admits(peer: &Peer) -> Result<Answerer, NotTaken> {
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

/// Tells how the run stands, beside the loop: who reads slowly holds up nobody. An agent may know, too.
pub(in crate::supervise) fn tell_status(call: Call, run: &Run, governor: &Governor) {
    if call.peer.uid == process::own_uid() {
        let stands = governor.live(run.moment());
        tokio::spawn(async move { call.reply(&Stands { stands }).await });
    }
}

/// Tells the other runs that wait for the same answer, beside the loop: each may take its time.
pub(in crate::supervise) fn wake_others(waiting: Vec<RunId>, run: &Run) {
    let others: Vec<_> = waiting.into_iter().filter(|other| *other != run.id).collect();
    let sockets = run.sockets.clone();
    if !others.is_empty() {
        std::thread::spawn(move || {
            for run in others {
                // One that is gone needs no waking; nothing that is said to this is believed.
                let _gone = socket::call(&sockets, &run, &Message::Wake, &|_, _| true);
            }
        });
    }
}
