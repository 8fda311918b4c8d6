//! A hook that is held: until a person answers, the deadline passes, room is made, or nobody waits any more.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock;
use crate::decide::message::{Gone, Input};
use crate::error::Error;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, Received, Socket};
use crate::model::{Answerer, Door, Peer};
use crate::process::{self, Parent, Woken};
use crate::turn::answers::{Agreed, Given, refused, waiting};
use crate::turn::is_live::lives;
use crate::turn::login::own_login;
use crate::turn::refused_answer::NotTaken;
use crate::turn::tokens::{Says, believed};
use crate::turn::wanted_answer::answer_of;

use super::{Alone, CALL, Held, HookOutcome, REQUEST, Words};

/// How often the ledger is asked whether others have written: a microsecond each time.
const TICK: Duration = Duration::from_millis(100);

impl Alone<'_> {
    /// Waits until something is told; says what, where that is not for the governor to say.
    pub(super) async fn hold(&mut self, parent: &Arc<Parent>) -> Result<Option<Held>, Error> {
        let failed = |error: socket::SocketError| Error::new("govern cannot listen for an answer").caused_by(&error);
        let mut socket = Socket::listen_beside(&self.call.sockets, &self.call.run, process::peer_of).map_err(failed)?;
        let mut woken = watch(parent)?;
        while self.told().is_none() {
            self.say_held();
            let next = self.timers.next().map_or(TICK, |at| at.saturating_duration_since(clock::monotonic()).min(TICK));
            tokio::select! {
                heard = socket.next() => {
                    if let Some(Received::Call(call)) = heard {
                        let reply = self.heard(call.message.as_ref(), &call.peer)?;
                        call.reply(&reply).await;
                    }
                }
                why = &mut woken => match why {
                    Ok(Woken::Orphaned) if !parent.is_unheard_soon() => {
                        self.leave(Gone::Broken)?;
                        return Ok(None);
                    }
                    Ok(_) | Err(_) => {
                        self.leave(Gone::Withdrawn)?;
                        return Ok(Some(Held::Over(HookOutcome::Withdrawn)));
                    }
                },
                () = tokio::time::sleep(next) => {
                    // What others of the session have told, their hooks have written, or their files say.
                    let is_due = self.timers.next().is_some_and(|at| at <= clock::monotonic());
                    if self.waits_beside() && (is_due || self.ledger.changed_elsewhere()?) {
                        let (said, context) = (std::mem::take(&mut self.said), std::mem::take(&mut self.context));
                        return Ok(Some(Held::Anew(Words { said, context })));
                    }
                    self.look(clock::monotonic())?;
                }
            }
        }
        Ok(None)
    }

    /// It waits for answers to other threads of its session.
    fn waits_beside(&self) -> bool {
        let gate = self.governor.agent(&self.call.agent).map(|agent| &agent.gate);
        gate.is_some_and(|gate| [CALL, REQUEST].iter().any(|hook| gate.waits_beside(*hook)))
    }

    /// What is due, and what others wrote.
    fn look(&mut self, now: Instant) -> Result<(), Error> {
        let mut due: VecDeque<Input> = std::mem::take(&mut self.heard_elsewhere).into();
        due.extend(self.timers.due(now).into_iter().map(Input::Due));
        if !due.is_empty() || self.ledger.changed_elsewhere()? {
            self.turn(due)?;
        }
        Ok(())
    }

    /// Nobody waits for this hook any more.
    fn leave(&mut self, why: Gone) -> Result<(), Error> {
        let waits = self.governor.held_approval(&self.call.agent);
        self.turn([CALL, REQUEST].map(|hook| Input::HookGone { hook, why }).into())?;
        if let Some(approval) = waits {
            self.ledger.turn(clock::now(), |turn| {
                // Its run may be over by now.
                turn.adds_late();
                turn.questions().leave(approval, &lives).map(drop)
            })?;
        }
        Ok(())
    }

    fn heard(&mut self, message: Option<&Message>, peer: &Peer) -> Result<Reply, Error> {
        let given = match self.understand(message, peer) {
            Ok(Said::Answer(given)) => given,
            Ok(Said::Wake) => {
                self.turn(VecDeque::new())?;
                return Ok(Reply::Done { what: "awake".to_owned() });
            }
            Ok(Said::Done(what)) => return Ok(Reply::Done { what }),
            Err(not) => return Ok(refused(not)),
        };
        let what = given.what(self.ledger.runs().pause_of(&self.call.run)?.as_ref());
        let by = match self.people.agree(&given, &self.governor) {
            Agreed::By(by) => by,
            Agreed::NotYet(what) => {
                let by = self.governor.policy().approvals.by(&given.who);
                self.ledger.turn(clock::now(), |turn| turn.questions().vote(given.approval, &by))?;
                return Ok(Reply::Done { what });
            }
            Agreed::Not(not) => return Ok(refused(not)),
        };
        self.turn([given.input(by)].into())?;
        Ok(self.not_taken.take().map_or(Reply::Done { what }, refused))
    }

    fn understand(&mut self, message: Option<&Message>, peer: &Peer) -> Result<Said, NotTaken> {
        let own = (self.admits(peer)?, peer, self.call.sockets.as_path());
        let governor = &self.governor;
        match message {
            None => Err(NotTaken::new("that is nothing a hook understands")),
            Some(Message::Wake) => Ok(Said::Wake),
            Some(Message::Answer { approval, wish, reason, who, token }) => {
                let says = Says { who: who.clone(), token: token.clone() };
                let who = self.people.who(*approval, says, own, governor)?;
                let question = waiting(*approval, governor)?;
                let answer = answer_of(&question, wish, &who, &governor.policy().approvals)?;
                let (approval, reason) = (*approval, reason.clone());
                Ok(Said::Answer(Box::new(Given { approval, question, answer, who, reason })))
            }
            Some(Message::Whose { approval, token }) => {
                let says = Says { who: None, token: Some(token.clone()) };
                let who = self.people.who(*approval, says, own, governor)?;
                Ok(Said::Done(governor.policy().approvals.name(&who.identity).to_owned()))
            }
            Some(Message::Token { approval: Some(approval), hash, who }) => {
                waiting(*approval, governor)?;
                let reader = believed(own.0, Some(who.clone()), peer, own.2)?;
                self.people.expect(Some(*approval), *hash, reader, governor)?;
                Ok(Said::Done("known".to_owned()))
            }
            Some(_) => {
                Err(NotTaken::new("this Codex was not started by govern: it can be answered, not stopped from here")
                    .hint("interrupt it at its own screen"))
            }
        }
    }

    /// Only this user's own processes, and none that a Codex started: an agent may not approve itself.
    fn admits(&self, peer: &Peer) -> Result<Answerer, NotTaken> {
        if peer.uid != process::own_uid() {
            return Err(NotTaken::new("only the user who runs this Codex may answer"));
        }
        // Who has gone, or is not to be told from another, may be an agent.
        let started_by_codex = peer.pid().is_none_or(process::is_agents);
        if started_by_codex || !process::is_outside(peer) {
            return Err(NotTaken::new("this comes from inside an agent: agents do not answer for agents")
                .hint("answer from a terminal that no agent started"));
        }
        Ok(Answerer::login(own_login(), Door::Cli))
    }
}

/// What somebody said to a hook that is held.
enum Said {
    /// Others have written into the ledger.
    Wake,
    /// Nothing comes of it but this reply.
    Done(String),
    /// It is judged by all that was said before.
    Answer(Box<Given>),
}

/// Tells when nobody waits for this process any more. Its thread ends with the process.
fn watch(parent: &Arc<Parent>) -> Result<oneshot::Receiver<Woken>, Error> {
    let failed = |error: std::io::Error| Error::new("govern cannot watch the Codex that called it").caused_by(&error);
    let (never, held) = UnixStream::pair().map_err(failed)?;
    let (tell, told) = oneshot::channel();
    let parent = Arc::clone(parent);
    std::thread::spawn(move || {
        let _open = held;
        let _unheard = tell.send(parent.wait_for(never.as_fd()).unwrap_or(Woken::Orphaned));
    });
    Ok(told)
}
