//! One hook judged: the session is joined, what was answered since is recorded, and the governor is asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::clock;
use crate::codex::HookEvent;
use crate::decide::agents::lifecycle::{After, Intent, State};
use crate::decide::join::{Joined, JoinedThread};
use crate::decide::message::{Hook, Input, Moment, Phase, Timer, Wants};
use crate::decide::{Effect, Governor};
use crate::ledger::{LedgerError, RunState, Turn};
use crate::model::event::{EventKind, Lifts};
use crate::model::{AgentName, Billing, Brake, Braked, BudgetName, Event, ServiceTier, ThreadId, Timestamp};
use crate::policy::cost::has_no_price;
use crate::process;

use super::active_time::ClockReading;
use super::activity;
use super::session::{self, EndedRun, Place, Reading, Stood};
use super::standing::Stops;
use super::unasked_tools;
use super::usage_reports;
use super::{Alone, CALL, Call, HookOutcome, How, Kept, REQUEST};
use crate::turn::answers::may_answer;
use crate::turn::books::TurnBooks;
use crate::turn::hook::{asked, wants};
use crate::turn::record::{elsewhere, handle};
use crate::turn::refused_answer::NotTaken;

/// What comes of a turn, beside its effects.
#[derive(Default)]
struct Turned {
    kept: Option<Kept>,
    not_taken: Option<NotTaken>,
    /// Somebody is to be told what was written.
    posted: bool,
}

impl Alone<'_> {
    /// Joins the session, records what was answered since, and asks about the hook, all in one turn. A session that has
    /// ended stays so: what comes late is added to it, and nothing more is asked.
    pub(super) fn begin(&mut self, reading: &Reading, how: How) -> Result<(), LedgerError> {
        let (call, now) = (self.call, self.moment());
        let mut perform = Vec::new();
        let Self { ledger, governor, tier, asks_first, late, .. } = self;
        let work = |turn: &mut Turn<'_>| {
            let state = turn.runs().state(&call.run)?;
            let place = Place::of(call, state, now.wall);
            match place {
                Place::Over(over) => return Ok(Turned { kept: Some(Kept::Over(over)), ..Turned::default() }),
                Place::Late => turn.adds_late(),
                Place::Own => session::open(turn, call, state)?,
            }
            *late = place == Place::Late;
            let mut stood = session::stand(turn, call, reading, *late)?;
            turn.watch_from_now()?;
            *tier = stood.own(call).and_then(|own| own.tier.clone());
            let of_requests = [HookEvent::PreModelRequest, HookEvent::PostModelRequest];
            *asks_first = of_requests.contains(&call.event)
                || stood.threads.iter().any(|(_, known)| known.codex == call.codex && known.asks);
            let worked = stood.works(call, ClockReading::now());
            let joined = joined(turn, call, (state, *late), &stood, (now.wall, governor.pace_span()), worked)?;
            let told = usage_reports::tell(turn, call, stood.own_mut(call))?;
            let books = TurnBooks::new(turn);
            governor.join(now, joined, &books);
            books.into_error()?;
            let kept = kept(turn, call)?;
            let mut queue: VecDeque<Input> =
                stood.news.drain(..).map(|response| Input::Responded(Box::new(response))).collect();
            queue.extend(told);
            stood.lacks_records(call);
            // What was spent before counts all the same.
            queue.extend(stood.alterations(call, governor.enforces()));
            queue.extend(stood.untold(call, governor.enforces()));
            queue.extend(stood.ran.drain(..).map(|ran| unasked_tools::input(call, ran)));
            if kept.is_none() && !*late {
                let billing = stood.own(call).and_then(|own| own.billing);
                queue.extend(asks(call, governor, (tier.as_ref(), billing), *asks_first));
            }
            // Whoever sees time pass says what it has come to.
            queue.extend(activity::is_limited(&call.policy).then_some(Input::Due(Timer::Minutes)));
            stood.answered_by(&queue);
            stood.ends(call);
            let shows = call.stays && call.event.shows_messages();
            if shows {
                perform.extend(stood.take_unsaid().into_iter().map(Effect::Say));
            }
            session::keep(turn, call, &stood)?;
            let mut turned = handle_all(turn, call, governor, now, queue, &mut perform)?;
            activity::keep(turn, call, governor, (kept.is_some(), false))?;
            if call.stays && !shows {
                leave_unsaid(turn, call, &perform)?;
            }
            if governor.agent(&call.agent).is_some_and(|agent| agent.gate.is_broken()) {
                session::break_with(turn, call, governor.agent(&call.agent).map_or("", |agent| &agent.because))?;
            }
            turned.kept = kept;
            Ok(turned)
        };
        let turned = match how {
            How::Recorded => ledger.turn(clock::now(), work),
            How::Rehearsed => ledger.rehearse(clock::now(), work),
        };
        self.finish(turned?, perform);
        Ok(())
    }

    /// Handles inputs, and news of others before them; records what comes of them before any of it is done.
    pub(super) fn turn(&mut self, mut queue: VecDeque<Input>) -> Result<(), LedgerError> {
        let (call, now) = (self.call, self.moment());
        let Self { ledger, governor, held, .. } = self;
        let mut perform = Vec::new();
        let turned = ledger.turn(clock::now(), |turn| {
            // Another hook may have ended the session while this one was held.
            if let Some(over) = EndedRun::while_held(call, turn.runs().state(&call.run)?) {
                return Ok(Turned { kept: Some(Kept::Over(over)), ..Turned::default() });
            }
            let news = turn.news()?;
            if !news.is_empty() {
                queue.push_front(Input::Elsewhere(elsewhere(news)));
            }
            activity::tell(turn, call, governor, now)?;
            let left = queue.iter().any(|input| matches!(input, Input::HookGone { .. }));
            let mut kept = kept(turn, call)?.filter(|kept| *kept != Kept::Asks);
            let keeps = kept.is_some();
            // What is asked can be answered all the same, and the pause holds after that.
            let agent = governor.agent(&call.agent);
            let was_paused = agent.is_some_and(|agent| agent.pause.is_some());
            if was_paused || governor.waits_for_answer(&call.agent).is_some() {
                let pause = kept.take_if(|kept| matches!(kept, Kept::Braked(Brake::Pause, _)));
                let braked =
                    pause.and_then(|kept| if let Kept::Braked(_, braked) = kept { Some(braked) } else { None });
                if braked.is_some() != was_paused {
                    held.extend(braked.as_ref().map(|braked| paused_text(call, braked)));
                    queue.push_front(Input::Paused(braked));
                }
            }
            let turned = handle_all(turn, call, governor, now, queue, &mut perform)?;
            activity::keep(turn, call, governor, (keeps, left))?;
            Ok(Turned { kept, ..turned })
        })?;
        self.finish(turned, perform);
        Ok(())
    }

    fn finish(&mut self, turned: Turned, perform: Vec<Effect>) {
        self.not_taken = turned.not_taken.or(self.not_taken.take());
        self.kept = turned.kept;
        if turned.posted {
            (self.call.send)();
        }
        perform.into_iter().for_each(|effect| self.perform(effect));
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            // What a hook tells of by itself, has no work tree to be looked at.
            Effect::Look(_) => {}
            Effect::Tell { text, .. } => self.context.push(text),
            Effect::Answer { hook, deny } => self.answers.push((hook, deny)),
            Effect::End(_) | Effect::Restart { .. } => self.ends = true,
            Effect::Arm(timer, after) => self.timers.arm(clock::monotonic(), timer, after),
            Effect::Say(text) => self.said.push(text),
            Effect::Ask(question) => {
                let approval = self.governor.approval_of(&question);
                let may = may_answer(&self.governor, &question);
                let held = |approval| format!("held: {}: {}", question.text, may.short(approval));
                self.held.extend(approval.map(held));
            }
            Effect::Reserve { request, amounts } => {
                let answer = self.elsewhere.reserve(request, &amounts);
                self.heard_elsewhere.extend(answer.map(|answer| Input::Reserved { request, answer }));
            }
            Effect::Release { request, used } => self.elsewhere.release(request, &used),
            Effect::Record { .. }
            | Effect::Claim { .. }
            | Effect::Extend { .. }
            | Effect::Withdraw(_)
            | Effect::Expire(..)
            | Effect::Freeze(_)
            | Effect::Thaw(_)
            // Only what a fleet starts has a check or a review.
            | Effect::Examine(_)
            | Effect::Again { .. }
            | Effect::Launch { .. }
            | Effect::Open(_)
            // No governor model is asked for one hook.
            | Effect::Consult(_)
            | Effect::EndConsult(_)
            | Effect::Refuse(_)
            | Effect::Finish { .. } => {}
        }
    }

    /// Says what is asked, once an answer can be heard. A Codex without a screen shows no hook's words: they are said
    /// where it writes its errors.
    pub(super) fn say_held(&mut self) {
        for text in std::mem::take(&mut self.held).into_iter().filter(|_| !self.call.stays) {
            process::tell(self.call.codex.pid, &format!("govern: {text}\n"));
        }
    }

    /// What has come of it; `None` while it is held.
    pub(super) fn told(&self) -> Option<HookOutcome> {
        if self.late {
            return Some(HookOutcome::GoOn { deny: None, said: self.said.clone(), context: Vec::new() });
        }
        let again = matches!(self.kept, Some(Kept::Over(_)));
        let stop = |because: String, kill| HookOutcome::Stop { because, kill, asks_first: self.asks_first, again };
        let nothing_more = || "this session was stopped, and nothing more is asked in it".to_owned();
        let agent = self.governor.agent(&self.call.agent);
        match (&self.kept, agent.map(|agent| agent.state)) {
            (Some(Kept::Over(EndedRun::Stopped { kill })), _) => return Some(stop(nothing_more(), *kill)),
            (Some(Kept::Over(EndedRun::Ended)), _) => return Some(HookOutcome::Wait { because: None }),
            (Some(Kept::Braked(Brake::Stop, braked)), _) => {
                return Some(stop(format!("stopped {}", braked.text()), false));
            }
            (Some(Kept::Braked(Brake::Kill, braked)), _) => {
                return Some(stop(format!("killed {}", braked.text()), true));
            }
            // Answers under way to other threads are not waited for: their hooks stop those.
            (_, Some(State::Ending(after))) => {
                return Some(stop(
                    agent.map_or_else(String::new, |agent| agent.because.clone()),
                    after == After::Killed,
                ));
            }
            (_, Some(State::Freezing(intent @ (Intent::Stop | Intent::Kill)))) => {
                let because = agent.map_or_else(String::new, |agent| agent.because.clone());
                return Some(stop(because, intent == Intent::Kill));
            }
            (Some(Kept::Braked(_, braked)), _) => {
                return Some(HookOutcome::Wait { because: Some(paused_text(self.call, braked)) });
            }
            (Some(Kept::Stops(stops)), _) => return Some(stop(stops.because.clone(), stops.kill)),
            (Some(Kept::Asks), _) => return Some(HookOutcome::Wait { because: None }),
            (None, _) => {}
        }
        let deny = self.answers.iter().find_map(|(_, deny)| deny.clone());
        (deny.is_some() || self.answers.len() >= expected(self.call, self.asks_first)).then(|| HookOutcome::GoOn {
            deny,
            said: self.said.clone(),
            context: self.context.clone(),
        })
    }

    /// The budget that ends it, and what it takes to go on.
    fn ruled(&self) -> (Option<BudgetName>, Option<Lifts>) {
        if let Some(Kept::Stops(stops)) = &self.kept {
            return (stops.rule.clone(), stops.lifts.clone());
        }
        let rule = self.governor.last_hard_budget().cloned();
        let lifts = self.governor.lifts(rule.as_ref());
        (rule, lifts)
    }

    /// Leaves a stop to the hooks that come next.
    pub(super) fn will_stop(&mut self, because: &str, kill: bool) -> Result<(), LedgerError> {
        let (call, (rule, lifts)) = (self.call, self.ruled());
        let stops = Stops { because: because.to_owned(), kill, rule, lifts };
        self.ledger.turn(clock::now(), |turn| {
            turn.adds_late();
            session::will_stop(turn, call, stops)
        })
    }

    /// Seals the session's run, unless another of its hooks has; it is opened again if the session goes on.
    pub(super) fn seal(&mut self, outcome: &str) -> Result<(), LedgerError> {
        let Call { run, codex, .. } = self.call;
        let (rule, lifts) = match outcome {
            "ended" => (None, None),
            _ => self.ruled(),
        };
        self.ledger.turn(clock::now(), |turn| {
            if turn.runs().state(run)? != RunState::Open(*codex) {
                return Ok(());
            }
            // No hook sees with which code its Codex ends.
            let kind = EventKind::RunEnded { outcome: outcome.to_owned(), code: None, rule, lifts };
            turn.append(&Event { at: clock::now(), run: run.clone(), agent: None, kind })?;
            turn.questions().withdraw_for(run)?;
            Ok(())
        })
    }
}

/// Leaves what a person should know to the next hook whose words Codex's screen shows.
fn leave_unsaid(turn: &mut Turn<'_>, call: &Call, perform: &[Effect]) -> Result<(), LedgerError> {
    let text = |effect: &Effect| if let Effect::Say(text) = effect { Some(text.clone()) } else { None };
    let texts: Vec<String> = perform.iter().filter_map(text).collect();
    if texts.is_empty() { Ok(()) } else { session::leave_unsaid(turn, call, texts) }
}

fn paused_text(call: &Call, braked: &Braked) -> String {
    format!("paused {}; to go on: govern continue {}", braked.text(), call.run)
}

/// How many calls are to be answered before Codex goes on.
fn expected(call: &Call, asks_first: bool) -> usize {
    match call.event {
        HookEvent::PreToolUse if !asks_first => 2,
        HookEvent::PostModelRequest => 0,
        _ => 1,
    }
}

/// What Codex is about to do. One that does not ask before its requests is about to make the one that follows a tool.
fn asks(
    call: &Call,
    governor: &Governor,
    (tier, billing): (Option<&ServiceTier>, Option<Billing>),
    asks_first: bool,
) -> Vec<Input> {
    let Call { event, input, agent, run, prices, policy, .. } = call;
    let standard = ServiceTier::default();
    let unpriced = billing.filter(|_| input.model.is_some()).is_some_and(|billing| {
        let (model, tier) = (input.model.as_ref(), tier.unwrap_or(&standard));
        has_no_price(prices, &policy.models.unpriced, billing, model, tier, clock::now())
    });
    let hook = |id, wants| {
        Input::Hook(Box::new(Hook {
            id,
            agent: agent.clone(),
            thread: input.thread(),
            root: input.session_id.clone(),
            inside: None,
            model: input.model.clone(),
            tier: tier.cloned(),
            unpriced,
            wants,
            asked: asked(*event, input),
            has_file: !input.has_no_file(),
        }))
    };
    if *event == HookEvent::PostModelRequest {
        return Vec::new();
    }
    let mut asks = vec![hook(CALL, wants(*event, input, governor, agent, run))];
    if expected(call, asks_first) > asks.len() {
        asks.push(hook(REQUEST, Wants::Request));
    }
    asks
}

/// What keeps the session from what this hook is about.
fn kept(turn: &mut Turn<'_>, call: &Call) -> Result<Option<Kept>, LedgerError> {
    if !call.event.gates() && call.event != HookEvent::UserPromptSubmit {
        return Ok(None);
    }
    if let Some((brake, braked)) = turn.runs().brake_of(&call.run)? {
        return Ok(Some(Kept::Braked(brake, braked)));
    }
    if let Some(stops) = session::stops(turn, call)? {
        return Ok(Some(Kept::Stops(stops)));
    }
    // Requests wait with whatever of the session waits already.
    Ok((session::spends(call.event) && turn.questions().is_asking(&call.run)?).then_some(Kept::Asks))
}

/// The session as the governor joins it.
fn joined(
    turn: &Turn<'_>,
    call: &Call,
    (state, late): (RunState, bool),
    stood: &Stood,
    (now, pace): (Timestamp, Option<Duration>),
    (active, passed): (BTreeMap<AgentName, Duration>, Duration),
) -> Result<Joined, LedgerError> {
    let own = call.input.thread();
    let answered = |thread: &ThreadId| stood.news.iter().any(|response| response.thread == *thread);
    let live = stood.threads.iter().filter(|(_, known)| known.codex == call.codex);
    let threads = live.map(|(thread, known)| JoinedThread {
        thread: thread.clone(),
        phase: match (*thread == own, call.event) {
            (true, HookEvent::PreToolUse) => Phase::Tools,
            (true, _) => known.phase,
            (false, _) => known.phase_for_others(answered(thread)),
        },
        gated: known.asks,
        has_file: known.has_file(),
        named: known.named,
        admission: known.admission.clone(),
        sent: known
            .admission
            .sent()
            .map(|sent| Duration::from_millis(u64::try_from(sent.timestamp_millis()).unwrap_or_default())),
        recent: known.recent.clone(),
        barred: known.barred.clone().filter(|_| *thread != own),
    });
    let mut imported = Vec::new();
    for (thread, _) in stood.threads.iter().filter(|(_, known)| known.imported) {
        imported.extend(turn.responses().imported_of(thread)?);
    }
    // They count as if this run had recorded them.
    for response in &mut imported {
        (response.run, response.agent) = (Some(call.run.clone()), Some(call.agent.clone()));
    }
    imported.retain(|old| !stood.news.iter().any(|new| (&new.thread, &new.key) == (&old.thread, &old.key)));
    let unknown = stood.threads.iter().all(|(_, known)| known.recent.is_empty());
    let project = call.attribution.project.as_deref();
    let firsts = if unknown { turn.responses().first_answers(&call.agent, project, &call.run)? } else { Vec::new() };
    let since =
        pace.and_then(|span| chrono::TimeDelta::from_std(span).ok()).and_then(|span| now.checked_sub_signed(span));
    let mut paced = since.map(|since| turn.responses().since(&call.run, since)).transpose()?.unwrap_or_default();
    paced.sort_by_key(|response| response.at);
    Ok(Joined {
        agent: call.agent.clone(),
        root: call.input.session_id.clone(),
        begins: state == RunState::New,
        threads: threads.collect(),
        imported,
        paced,
        firsts,
        broken: stood.own(call).filter(|_| !late).and_then(|own| own.broken.clone()),
        defers: !session::spends(call.event),
        active,
        passed,
    })
}

/// Handles inputs one by one; what is left to be performed is added in order.
fn handle_all(
    turn: &mut Turn<'_>,
    call: &Call,
    governor: &mut Governor,
    now: Moment,
    mut queue: VecDeque<Input>,
    perform: &mut Vec<Effect>,
) -> Result<Turned, LedgerError> {
    let mut turned = Turned::default();
    while let Some(input) = queue.pop_front() {
        let Some(input) = session::enter(turn, call, input)? else { continue };
        let handled = handle(turn, &call.run, governor, (now, input), &mut queue, |turn, effect, queue| {
            match effect {
                // Whoever waits for this process stands still.
                Effect::Freeze(agent) => queue.push_back(Input::Frozen(agent)),
                // It was waited for before.
                Effect::Arm(Timer::Record(hook), _) => queue.push_back(Input::Due(Timer::Record(hook))),
                effect => {
                    if matches!(effect, Effect::Answer { hook: CALL, deny: None }) && session::spends(call.event) {
                        session::pass(turn, call)?;
                    }
                    perform.push(effect);
                }
            }
            Ok(())
        })?;
        turned.posted |= handled.posted;
        turned.not_taken = handled.not_taken.or(turned.not_taken.take());
    }
    session::keep_bars(turn, call, &governor.bars(&call.agent))?;
    Ok(turned)
}

impl Stood {
    /// The answers that are being recorded are awaited no longer.
    fn answered_by(&mut self, queue: &VecDeque<Input>) {
        for (thread, known) in &mut self.threads {
            let of = |input: &Input| match input {
                Input::Responded(response) if response.thread == *thread => Some(Ok(response.at)),
                Input::Failed { thread: failed, .. } if failed == thread => Some(Err(())),
                _ => None,
            };
            // Whether each was let through is the governor's to say.
            queue.iter().filter_map(of).for_each(|answer| match answer {
                Ok(at) => {
                    known.admission.is_answered(at);
                }
                Err(()) => known.admission.fails(),
            });
        }
    }
}
