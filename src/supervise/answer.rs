//! A person's answer, from the prompt or through the socket: who may, how far, and what it does.

use crate::clock;
use crate::codex::redact;
use crate::decide::Effect;
use crate::decide::Governor;
use crate::decide::message::{About, Input, Question};
use crate::decide::people::channel;
use crate::decide::people::permission::{self, Lifting};
use crate::decide::people::quorum::Counted;
use crate::error::Error;
use crate::gate::message::{Message, Reply, Stands, Wish};
use crate::gate::socket::{self, Call};
use crate::model::event::EventKind;
use crate::model::quantity::quantity_hint;
use crate::model::{
    AgentName, Answer, AnswerWord, Answerer, ApprovalId, Brake, Braked, BudgetName, Door, Identity, MayAnswer, Peer,
    Quantity, TokenHash,
};
use crate::policy::rule::Approvals;
use crate::process;
use crate::report::approvals::answer_text;

pub(super) use super::not_taken::NotTaken;
use super::supervisor::Supervisor;
use super::tokens::{Says, believed};

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

/// What a counted answer comes to.
pub(super) enum Agreed {
    /// It is given, by these.
    By(String),
    /// Others have to agree yet.
    NotYet(String),
    /// It does not count.
    Not(NotTaken),
}

/// Whether enough have said so, in words.
pub(super) fn agreed(
    approvals: &Approvals,
    counted: Counted,
    who: &Answerer,
    (question, answer): (&Question, &Answer),
) -> Agreed {
    let by = approvals.by(who);
    let what = answer_text(answer, question.key.unit, question.about.into());
    match counted {
        Counted::Enough(all) => Agreed::By(all.iter().map(|one| approvals.by(one)).collect::<Vec<_>>().join(" and ")),
        Counted::Short { have, need } => {
            Agreed::NotYet(format!("{by} says yes ({what}): {have} of {need} who have to have said so"))
        }
        Counted::Again { have, need } => {
            Agreed::Not(NotTaken::new(format!("{by} has said so before: {have} of {need} different persons have")))
        }
        Counted::Unknown(other) => Agreed::Not(
            NotTaken::new(format!(
                "whether `{}` and `{}` are two persons is not known, and it takes two",
                approvals.name(&who.identity),
                approvals.name(&other.identity)
            ))
            .hint("a `[[person]]` for each says so"),
        ),
    }
}

pub(super) fn nobody_waits(approval: ApprovalId) -> NotTaken {
    NotTaken::new(format!("nobody waits for approval {approval} here any more"))
        .hint("`govern approvals` shows what waits")
}

/// The login that this process, and so each agent of its run, runs under.
pub(super) fn own_login() -> String {
    let uid = process::own_uid();
    process::user_name(uid).unwrap_or_else(|| uid.to_string())
}

/// Who started what is answered for: whoever has the account.
pub(super) fn started_by() -> Identity {
    Identity::Login(own_login())
}

/// What is typed by whoever has the token of a letter, where such a one may.
pub(super) fn by_token(not: NotTaken, command: Option<String>) -> NotTaken {
    match command {
        Some(command) => not.hint(format!("with the TOKEN of the letter that asked: {command}")),
        None => not,
    }
}

/// Who may answer this question, and by what.
pub(super) fn may_answer(governor: &Governor, question: &Question) -> MayAnswer {
    let of = governor.agent(&question.agent).map(|agent| agent.setup.attribution.clone()).unwrap_or_default();
    let own = Answerer::login(own_login(), Door::Cli);
    channel::may_answer(governor.policy(), (&own, &started_by()), &question.agent, &of)
}

pub(super) fn refused(not: NotTaken) -> Reply {
    Reply::Refused { why: not.why, hint: not.hint }
}

/// The answer that a wish comes to for this question, if this person may give it. What earlier answers have used up of
/// `max_extend` is looked at in the turn that takes it.
pub(super) fn answer_of(
    question: &Question,
    wish: &Wish,
    who: &Answerer,
    approvals: &Approvals,
) -> Result<Answer, NotTaken> {
    permission::judge(approvals, who, &started_by(), None)?;
    let answer = understand(question, wish)?;
    answer_is_allowed(question, &answer, who, approvals)?;
    Ok(answer)
}

fn answer_is_allowed(
    question: &Question,
    answer: &Answer,
    who: &Answerer,
    approvals: &Approvals,
) -> Result<(), NotTaken> {
    let lifting = match answer {
        Answer::Extend { amount } if question.about.is_of_limit() => {
            let by = Quantity { unit: question.key.unit, amount: *amount };
            Some(Lifting { budget: &question.key.budget, by, given: 0 })
        }
        _ => None,
    };
    Ok(permission::judge(approvals, who, &started_by(), lifting)?)
}

fn understand(question: &Question, wish: &Wish) -> Result<Answer, NotTaken> {
    match wish {
        Wish::Extend { by: Some(_) } | Wish::Allow { .. } if question.about == About::Alert => {
            Err(NotTaken::new("there is no limit here that an answer could lift")
                .hint("a plain `govern approve` lets the agent go on"))
        }
        Wish::Extend { by: Some(_) } if question.about.at_gate().is_some() => {
            Err(NotTaken::new("there is no limit here that an answer could lift")
                .hint("a plain `govern approve` lets it go once; `--run` and `--for 1h` again, too"))
        }
        Wish::Extend { by: None } if question.about == About::Limit && question.extend.amount == 0 => {
            Err(NotTaken::new("answers have extended this budget by all that they may, `max_extend`")
                .hint("`govern deny` ends the agent"))
        }
        Wish::Extend { by: None } => Ok(match question.about {
            About::Limit | About::Ahead => Answer::Extend { amount: question.extend.amount },
            About::Step { past, .. } => Answer::NextStep { past },
            About::Alert | About::Call(_) | About::Request(_) => Answer::Once,
        }),
        Wish::Extend { by: Some(text) } => {
            let quantity = Quantity::parse(text).map_err(|error| {
                NotTaken::new(format!("`{text}` {error}")).hint(crate::model::quantity::quantity_hint(text))
            })?;
            if quantity.unit != question.key.unit {
                return Err(NotTaken::new(format!("this budget counts {}, not `{text}`", question.key.unit.as_str())));
            }
            Ok(Answer::Extend { amount: quantity.amount })
        }
        Wish::Allow { .. } if question.about.is_of_limit() => {
            Err(NotTaken::new("this question is about a limit, not about a tool at a gate")
                .hint("`--extend` says how much more; `--run` and `--for` are for tools"))
        }
        Wish::Allow { seconds } => Ok(Answer::Allow { seconds: *seconds }),
        Wish::Route { model } => match (&question.route_to, model) {
            (None, _) => {
                Err(NotTaken::new("there is no cheaper model on the ladder that this agent could continue with"))
            }
            (Some(next), Some(wanted)) if next != wanted => {
                Err(NotTaken::new(format!("the ladder's next model is `{next}`, not `{wanted}`")))
            }
            (Some(_), _) => Ok(Answer::Route),
        },
        Wish::Stop if question.about.at_gate().is_some() => Ok(Answer::Refuse),
        // Nobody is held by it: a no leaves everything as it is.
        Wish::Stop | Wish::Kill if question.about == About::Ahead => Ok(Answer::Refuse),
        Wish::Stop => Ok(Answer::Stop),
        Wish::Kill => Ok(Answer::Kill),
    }
}

/// What an answer did, for the person who gave it: its word first. An agent that somebody paused stays so.
pub(super) fn describe(question: &Question, answer: &Answer, paused: Option<&Braked>) -> String {
    let (agent, about) = (&question.agent, question.about.into());
    let did = match (answer, &question.route_to) {
        (Answer::Extend { .. }, _) => {
            format!("{} (`{}`)", answer_text(answer, question.key.unit, about), question.key.budget)
        }
        (Answer::Route, Some(model)) => format!("{} to {model}", answer.word(about)),
        _ => answer_text(answer, question.key.unit, about),
    };
    let goes_on = match paused {
        Some(paused) => format!("stays paused, {}; to go on: govern continue {}", paused.text(), question.run),
        None => "goes on".to_owned(),
    };
    match answer.word(about) {
        AnswerWord::Allowed | AnswerWord::NextStep | AnswerWord::Extended | AnswerWord::Routed => {
            format!("{did}: agent `{agent}` {goes_on}")
        }
        AnswerWord::Refused if matches!(question.about, About::Request(_)) => {
            format!("{did}: agent `{agent}` does not send the request")
        }
        AnswerWord::Refused if question.about == About::Ahead => {
            format!("{did}: agent `{agent}` goes on under the limit as it is")
        }
        AnswerWord::Refused => format!("{did}: agent `{agent}` goes on without the tool"),
        AnswerWord::Stopped => format!("{did}: agent `{agent}` ends at a safe point"),
        AnswerWord::Killed => format!("{did}: agent `{agent}` ends now"),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{AgentName, BudgetKey, BudgetName, ModelId, Money, RunId, Unit, Verb};

    fn question(unit: Unit, route_to: Option<&str>) -> Question {
        let key = BudgetKey { budget: BudgetName::new("purse"), scope: "run=r1".to_owned(), window_start: None, unit };
        Question {
            run: RunId::new("r1"),
            agent: AgentName::new("codex"),
            key,
            text: "$4.93 of $5.00".to_owned(),
            cost: Money::ZERO,
            extend: Quantity { unit, amount: 1_000_000_000 },
            route_to: route_to.map(ModelId::new),
            wait: Duration::from_secs(60),
            otherwise: Verb::Stop,
            about: About::Limit,
        }
    }

    fn at_most(text: &str) -> Approvals {
        Approvals { approvers: Vec::new(), max_extend: Some(Quantity::parse(text).unwrap()), ..Approvals::default() }
    }

    fn login(name: &str) -> Answerer {
        Answerer::login(name, Door::Cli)
    }

    fn by(text: &str) -> Wish {
        Wish::Extend { by: Some(text.to_owned()) }
    }

    #[test]
    fn a_wish_becomes_the_answer_that_it_names() {
        let question = question(Unit::Usd, Some("cheap"));
        let route = |model: Option<&str>| Wish::Route { model: model.map(ModelId::new) };
        let cases = [
            (Wish::Extend { by: None }, Answer::Extend { amount: 1_000_000_000 }),
            (by("2 usd"), Answer::Extend { amount: 2_000_000_000 }),
            (route(None), Answer::Route),
            (route(Some("cheap")), Answer::Route),
            (Wish::Stop, Answer::Stop),
            (Wish::Kill, Answer::Kill),
        ];
        for (wish, answer) in cases {
            assert_eq!(answer_of(&question, &wish, &login("ann"), &Approvals::default()).unwrap(), answer, "{wish:?}");
        }
    }

    #[test]
    fn what_the_question_does_not_allow_is_refused_with_its_reason() {
        let cases = [
            (by("soon"), "`soon` is not a quantity"),
            (by("-2 usd"), "`-2 usd` is less than nothing"),
            (by("0 usd"), "`0 usd` must be more than zero"),
            (by("9999999999 usd"), "`9999999999 usd` is absurdly large"),
            (by("200k tok"), "this budget counts usd, not `200k tok`"),
            (by("21 usd"), "answers may extend `purse` by $20.00 in all, and this is $21.00"),
            (Wish::Route { model: Some(ModelId::new("dear")) }, "the ladder's next model is `cheap`, not `dear`"),
        ];
        for (wish, why) in cases {
            let not =
                answer_of(&question(Unit::Usd, Some("cheap")), &wish, &login("ann"), &at_most("20 usd")).unwrap_err();
            assert_eq!(not.why, why, "{wish:?}");
        }
        let nowhere =
            answer_of(&question(Unit::Usd, None), &Wish::Route { model: None }, &login("ann"), &Approvals::default());
        assert!(nowhere.unwrap_err().why.starts_with("there is no cheaper model"));
    }

    #[test]
    fn exactly_the_most_is_allowed_and_a_limit_of_another_unit_does_not_count() {
        let twenty = answer_of(&question(Unit::Usd, None), &by("20 usd"), &login("ann"), &at_most("20 usd"));
        assert_eq!(twenty.unwrap(), Answer::Extend { amount: 20_000_000_000 });
        let tokens = answer_of(&question(Unit::Tok, None), &by("9M tok"), &login("ann"), &at_most("20 usd"));
        assert_eq!(tokens.unwrap(), Answer::Extend { amount: 9_000_000 });
    }

    #[test]
    fn a_policy_may_name_who_answers() {
        let named = Approvals { approvers: vec!["ann".to_owned(), "bob".to_owned()], ..Approvals::default() };
        let route = || Wish::Route { model: None };
        for wish in [Wish::Extend { by: None }, by("2 usd"), route(), Wish::Stop, Wish::Kill] {
            let question = question(Unit::Usd, Some("cheap"));
            assert!(answer_of(&question, &wish, &login("anyone"), &Approvals::default()).is_ok(), "{wish:?}");
            assert!(answer_of(&question, &wish, &login("bob"), &named).is_ok(), "{wish:?}");
            let not = answer_of(&question, &wish, &login("eve"), &named).unwrap_err();
            assert_eq!(not.why, "`eve` is not among the approvers of this policy (they are: ann, bob)", "{wish:?}");
        }
    }
}
