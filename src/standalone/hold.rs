//! A hook that is held: until a person answers, the deadline passes, room is made, or nobody waits any more.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock;
use crate::decide::message::{Gone, Input};
use crate::decide::people::permission;
use crate::error::Error;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, Heard, Socket};
use crate::model::{Answerer, Door, Peer};
use crate::process::{self, Parent, Woken};
use crate::turn::answers::{Agreed, agreed, nobody_waits, refused};
use crate::turn::lives::lives;
use crate::turn::login::{own_login, started_by};
use crate::turn::not_taken::NotTaken;
use crate::turn::tokens::{Says, believed};
use crate::turn::wish::{answer_of, describe};

use super::{Alone, CALL, Held, REQUEST, Told, Words};

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
                    if let Some(Heard::Call(call)) = heard {
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
                        return Ok(Some(Held::Over(Told::Withdrawn)));
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
        let due: VecDeque<Input> = self.timers.due(now).into_iter().map(Input::Due).collect();
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
                turn.leave(approval, &lives).map(drop)
            })?;
        }
        Ok(())
    }

    fn heard(&mut self, message: Option<&Message>, peer: &Peer) -> Result<Reply, Error> {
        let who = match self.admits(peer) {
            Ok(who) => who,
            Err(why) => return Ok(refused(why)),
        };
        match message {
            None => Ok(refused(NotTaken::new("that is nothing a hook understands"))),
            Some(Message::Wake) => {
                self.turn(VecDeque::new())?;
                Ok(Reply::Done { what: "awake".to_owned() })
            }
            Some(Message::Answer { approval, wish, reason, who: claimed, token }) => {
                let Some(question) = self.governor.waits_for(*approval) else {
                    return Ok(refused(nobody_waits(*approval)));
                };
                let says = Says { who: claimed.clone(), token: token.clone() };
                let own = (who, peer, self.call.sockets.as_path());
                let who = match self.tokens.who(Some(*approval), says, own, clock::monotonic()) {
                    Ok(who) => who,
                    Err(not) => return Ok(refused(not)),
                };
                let approvals = &self.governor.policy().approvals;
                let paused = self.ledger.pause_of(&self.call.run)?;
                let answer = match answer_of(&question, wish, &who, approvals) {
                    Ok(answer) => answer,
                    Err(not) => return Ok(refused(not)),
                };
                let what = describe(&question, &answer, paused.as_ref());
                let counted = self.votes.count(approvals, *approval, (&question, &answer), &who);
                let (approval, reason) = (*approval, reason.clone());
                let by = match agreed(approvals, counted, &who, (&question, &answer)) {
                    Agreed::By(by) => by,
                    Agreed::NotYet(what) => {
                        let by = approvals.by(&who);
                        self.ledger.turn(clock::now(), |turn| turn.vote(approval, &by))?;
                        return Ok(Reply::Done { what });
                    }
                    Agreed::Not(not) => return Ok(refused(not)),
                };
                self.turn([Input::Answered { approval, answer, by, reason }].into())?;
                if let Some(not) = self.not_taken.take() {
                    return Ok(refused(not));
                }
                Ok(Reply::Done { what })
            }
            Some(Message::Whose { approval, token }) => {
                if self.governor.waits_for(*approval).is_none() {
                    return Ok(refused(nobody_waits(*approval)));
                }
                let says = Says { who: None, token: Some(token.clone()) };
                let own = (who, peer, self.call.sockets.as_path());
                Ok(match self.tokens.who(Some(*approval), says, own, clock::monotonic()) {
                    Ok(who) => Reply::Done { what: self.governor.policy().approvals.name(&who.identity).to_owned() },
                    Err(not) => refused(not),
                })
            }
            Some(Message::Token { approval: Some(approval), hash, who: reader }) => {
                if self.governor.waits_for(*approval).is_none() {
                    return Ok(refused(nobody_waits(*approval)));
                }
                let known = believed(who, Some(reader.clone()), peer, &self.call.sockets).and_then(|reader| {
                    permission::judge(&self.governor.policy().approvals, &reader, &started_by(), None)?;
                    self.tokens.expect(Some(*approval), *hash, reader);
                    Ok(())
                });
                Ok(match known {
                    Ok(()) => Reply::Done { what: "known".to_owned() },
                    Err(not) => refused(not),
                })
            }
            Some(_) => Ok(refused(
                NotTaken::new("this Codex was not started by govern: it can be answered, not stopped from here")
                    .hint("interrupt it at its own screen"),
            )),
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
