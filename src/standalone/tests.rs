//! Hooks of one Codex that come at the same time, with a real ledger and a real session file.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::session::{Place, Reading, read};
use super::*;
use crate::decide::message::{Gone, Input};
use crate::ledger::{Ended, RunState, Verified};
use crate::model::event::{Answer, EventKind};
use crate::model::{Answerer, Door, Event, Timestamp};
use crate::policy::layers::{FlagRules, load};
use crate::policy::mistake::LayerText;
use crate::policy::rule::Layer;
use crate::process;

const THREAD: &str = "01a20311-619a-7b13-a668-29fb2a4c2127";

/// More than is used here.
const PLENTY: &str = "[[budget]]\nname = \"a day\"\nper = \"everything\"\nwindow = \"day\"\nlimit = \"50 responses\"\n\
                      steps = [{ at = \"100%\", do = \"stop\" }]\n";

/// A session in a folder of its own.
struct Session {
    folder: tempfile::TempDir,
    policy: &'static str,
}

impl Session {
    /// One that was answered once, and goes on.
    fn begun() -> Self {
        let session = Self { folder: tempfile::tempdir().unwrap(), policy: PLENTY };
        let line = |kind: &str, payload| json!({ "timestamp": now(), "type": kind, "payload": payload }).to_string();
        let meta = json!({ "id": THREAD, "session_id": THREAD, "cli_version": "0.171.0", "model_provider": "mock" });
        let lines = [
            line("session_meta", meta),
            line("event_msg", json!({ "type": "task_started", "turn_id": "t" })),
            line("turn_context", json!({ "turn_id": "t", "model": "gpt-6.1-sol" })),
        ];
        std::fs::write(session.file(), lines.join("\n") + "\n").unwrap();
        let mut ledger = session.ledger();
        for event in [HookEvent::UserPromptSubmit, HookEvent::PreModelRequest] {
            session.hook(&session.call(event), &mut ledger);
        }
        session.answer("r0");
        session.hook(&session.call(HookEvent::PreToolUse), &mut ledger);
        session
    }

    /// The same, as it stands, in another folder.
    fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), policy: self.policy };
        std::fs::copy(self.file(), copy.file()).unwrap();
        std::fs::create_dir(copy.state()).unwrap();
        std::fs::copy(self.state().join("ledger.db"), copy.state().join("ledger.db")).unwrap();
        copy
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(format!("rollout-2026-11-22T10-00-00-{THREAD}.jsonl"))
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.state()).unwrap()
    }

    /// Its Codex is answered.
    fn answer(&self, response: &str) {
        let usage = json!({ "input_tokens": 10_000, "cached_input_tokens": 8_000, "cache_write_input_tokens": 0,
            "output_tokens": 500, "reasoning_output_tokens": 0, "total_tokens": 10_500 });
        let payload = json!({ "thread_id": THREAD, "session_id": THREAD, "turn_id": "t", "response_id": response,
            "usage": usage });
        let mut file = std::fs::File::options().append(true).open(self.file()).unwrap();
        writeln!(file, "{}", json!({ "timestamp": now(), "type": "token_usage_record", "payload": payload })).unwrap();
    }

    fn call(&self, event: HookEvent) -> Call {
        self.call_of(event, process::own_identity().unwrap())
    }

    /// A hook of this Codex, which ends after its turn.
    fn call_of(&self, event: HookEvent, codex: ProcessIdentity) -> Call {
        let input = json!({ "session_id": THREAD, "transcript_path": self.file(), "cwd": self.folder.path(),
            "hook_event_name": event.name(), "model": "gpt-6.1-sol", "turn_id": "t", "tool_name": "Bash",
            "tool_input": { "command": "true" } });
        let text = format!("version = 1\n{}", self.policy);
        let layer = LayerText { layer: Layer::User, path: Some(PathBuf::from("policy.toml")), text };
        Call {
            event,
            input: HookInput::read(event, input.to_string().as_bytes()).unwrap(),
            run: RunId::from("r1"),
            policy: load(vec![layer], FlagRules::default()).unwrap().policy,
            repository: None,
            policies: Vec::new(),
            prices: PriceTable::embedded().clone(),
            agent: AgentName::from("codex"),
            attribution: Attribution::default(),
            codex,
            command: vec!["codex".into(), "exec".into()],
            cwd: self.folder.path().to_owned(),
            by: "ann".to_owned(),
            stays: false,
            nobody: None,
            sockets: self.folder.path().to_owned(),
            codex_home: None,
            send: Box::new(|| {}),
        }
    }

    /// A hook from its beginning to its end.
    fn hook(&self, call: &Call, ledger: &mut Ledger) -> Option<HookOutcome> {
        ledger.start_run(call.run.clone(), call.codex);
        let reading = read(call, ledger).unwrap();
        let mut alone = Alone::new(call, ledger);
        alone.begin(&reading, How::Recorded).unwrap();
        let told = alone.told()?;
        Some(alone.settle(told).unwrap())
    }

    /// A person stops it.
    fn stop(&self) {
        self.brake(Brake::Stop);
    }

    fn brake(&self, brake: Brake) {
        let kind = EventKind::Braked { brake, by: "ann (cli)".to_owned(), reason: None };
        let event = Event { at: clock::now(), run: RunId::from("r1"), agent: None, kind };
        self.ledger().turn(event.at, |turn| turn.append(&event).map(drop)).unwrap();
    }

    /// The ends of the run, and how often somebody let it go on; the chain must hold.
    #[track_caller]
    fn ends(&self) -> (Vec<String>, usize) {
        let ledger = self.ledger();
        let events: Vec<EventKind> =
            ledger.runs().events(&RunId::from("r1")).unwrap().into_iter().map(|entry| entry.event.kind).collect();
        let verified = ledger.audit().verify().unwrap();
        assert!(!matches!(verified, Verified::Broken { .. }), "{verified:?}: {events:#?}");
        let ends = events.iter().filter_map(|kind| match kind {
            EventKind::RunEnded { outcome, .. } => Some(outcome.clone()),
            _ => None,
        });
        let resumed = events.iter().filter(|kind| matches!(kind, EventKind::RunResumed { .. })).count();
        (ends.collect(), resumed)
    }

    fn responses(&self) -> usize {
        let mut count = 0;
        self.ledger().responses().each(&crate::ledger::Filter::default(), |_| count += 1).unwrap();
        count
    }

    fn is_intact(&self) -> bool {
        matches!(self.ledger().audit().verify().unwrap(), Verified::Intact { .. })
    }
}

fn now() -> String {
    clock::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// All orders of what two do that do three things each: `true` where it is the first one's turn.
fn orders() -> Vec<Vec<bool>> {
    let all = (0_u32..64).filter(|order| order.count_ones() == 3);
    all.map(|order| (0..6).map(|place| order >> place & 1 == 1).collect()).collect()
}

/// One of two hooks that come at once, and how far it has come.
struct Coming<'a> {
    session: &'a Session,
    call: &'a Call,
    response: &'a str,
    alone: Alone<'a>,
    reading: Option<Reading>,
    told: Option<HookOutcome>,
    steps: usize,
}

impl<'a> Coming<'a> {
    fn new(session: &'a Session, (call, ledger): &'a mut (Call, Ledger), response: &'a str) -> Self {
        ledger.start_run(call.run.clone(), call.codex);
        let alone = Alone::new(call, ledger);
        Self { session, call, response, alone, reading: None, told: None, steps: 0 }
    }

    /// It reads, it judges, it records what comes of that. One that begins nothing comes with an answer.
    fn step(&mut self) {
        match self.steps {
            0 => {
                if !session::begins(self.call.event) {
                    self.session.answer(self.response);
                }
                self.reading = Some(read(self.call, self.alone.ledger).unwrap());
            }
            1 => {
                self.alone.begin(self.reading.as_ref().unwrap(), How::Recorded).unwrap();
                self.told = Some(self.alone.told().expect("nothing holds it"));
            }
            _ => drop(self.alone.settle(self.told.take().unwrap()).unwrap()),
        }
        self.steps += 1;
    }
}

#[test]
fn hooks_that_come_at_once_at_a_stop_leave_the_run_sealed_once_and_as_it_ended() {
    use HookEvent::{PostModelRequest, PreModelRequest, PreToolUse, SessionEnd, Stop};
    let begun = Session::begun();
    begun.stop();
    for other in [PreModelRequest, PreToolUse, PostModelRequest, Stop, SessionEnd] {
        for order in orders() {
            let session = begun.copy();
            let mut hooks = [PreModelRequest, other].map(|event| (session.call(event), session.ledger()));
            let mut hooks = hooks.iter_mut();
            let mut of = |response| Coming::new(&session, hooks.next().unwrap(), response);
            let (mut stops, mut beside) = (of("r1"), of("r2"));
            for first in &order {
                if *first { &mut stops } else { &mut beside }.step();
            }
            drop((stops, beside));
            let (ends, resumed) = session.ends();
            assert!(ends.iter().all(|outcome| *outcome == ends[0]) && resumed == 0, "{other:?} {order:?}: {ends:?}");
            assert!(ends[0] == "stopped" || other == SessionEnd, "{other:?} {order:?}: {ends:?}");
            assert!(session.is_intact(), "{other:?} {order:?}");
            assert_eq!(session.responses(), if session::begins(other) { 1 } else { 2 }, "{other:?} {order:?}");
        }
    }
}

#[test]
fn what_comes_after_a_stop_is_added_and_its_codex_goes_no_further() {
    let session = Session::begun();
    session.stop();
    let mut ledger = session.ledger();
    let mut hook = |event| session.hook(&session.call(event), &mut ledger);
    assert!(matches!(hook(HookEvent::PreModelRequest), Some(HookOutcome::Stop { again: false, .. })));
    assert!(matches!(hook(HookEvent::PreToolUse), Some(HookOutcome::Stop { again: true, .. })));
    // Nothing is written for a hook that brings nothing.
    for event in [HookEvent::PostModelRequest, HookEvent::Stop, HookEvent::SessionEnd] {
        assert!(matches!(hook(event), Some(HookOutcome::GoOn { .. })), "{event:?}");
        assert_eq!(session.ends(), (vec!["stopped".to_owned()], 0), "{event:?}");
    }
    session.answer("r1");
    assert!(matches!(hook(HookEvent::SessionEnd), Some(HookOutcome::GoOn { .. })));
    assert!(matches!(hook(HookEvent::UserPromptSubmit), Some(HookOutcome::Stop { again: true, .. })));
    assert_eq!(session.ends(), (vec!["stopped".to_owned(); 2], 0));
    assert_eq!(session.responses(), 2);
    assert!(session.is_intact());
}

#[test]
fn another_codex_goes_on_and_hooks_of_the_one_before_take_nothing_from_it() {
    let session = Session::begun();
    session.stop();
    let mut ledger = session.ledger();
    session.hook(&session.call(HookEvent::PreModelRequest), &mut ledger);
    let own = process::own_identity().unwrap();
    let later = ProcessIdentity { started: own.started + 1, ..own };
    let prompt = session.call_of(HookEvent::UserPromptSubmit, later);
    assert!(
        matches!(session.hook(&prompt, &mut ledger), Some(HookOutcome::GoOn { .. })),
        "the stop was for the one before"
    );
    assert!(session.hook(&session.call_of(HookEvent::PreModelRequest, later), &mut ledger).is_some());
    session.answer("r1");
    for event in [HookEvent::PostModelRequest, HookEvent::SessionEnd] {
        session.hook(&session.call(event), &mut ledger);
    }
    assert_eq!(session.ends(), (vec!["stopped".to_owned()], 1));
    let state = ledger.turn(clock::now(), |turn| turn.runs().state(&"r1".into())).unwrap();
    assert_eq!((state, session.responses()), (RunState::Open(later), 2));
    session.hook(&session.call_of(HookEvent::SessionEnd, later), &mut ledger);
    assert_eq!(session.ends(), (vec!["stopped".to_owned(), "ended".to_owned()], 1));
    assert!(session.is_intact());
}

#[test]
fn a_session_that_has_ended_goes_on_with_a_prompt_or_if_its_codex_lives_on() {
    let session = Session::begun();
    let codex = process::own_identity().unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let ended = RunState::Ended { process: codex, at, how: Ended::Otherwise };
    let place = |event, seconds| Place::of(&session.call(event), ended, at + chrono::TimeDelta::seconds(seconds));
    assert_eq!(place(HookEvent::UserPromptSubmit, 0), Place::Own);
    assert_eq!(place(HookEvent::PreModelRequest, 0), Place::Over(EndedRun::Ended), "it was under way");
    assert_eq!(place(HookEvent::PreModelRequest, 6), Place::Own);
    assert_eq!(place(HookEvent::Stop, 6), Place::Late);
    // After a restart of the machine numbers begin anew.
    let newer = ProcessIdentity { started: codex.started + 1, ..codex };
    let call = session.call_of(HookEvent::Stop, newer);
    assert_eq!(Place::of(&call, ended, at), Place::Own);
}

#[test]
fn a_hook_that_is_held_while_another_stops_the_session_stops_too() {
    let gate = "[[gate]]\nname = \"all\"\ntool = \"Bash\"\nmatch = [\"*\"]\ndo = \"ask\"\nwait = \"30m\"\n";
    let session = Session { policy: gate, ..Session::begun() };
    let (mut held, mut other) = (session.ledger(), session.ledger());
    let call = session.call(HookEvent::PreToolUse);
    held.start_run(call.run.clone(), call.codex);
    let reading = read(&call, &held).unwrap();
    let mut alone = Alone::new(&call, &mut held);
    alone.begin(&reading, How::Recorded).unwrap();
    assert_eq!(alone.told(), None, "a question waits");
    session.stop();
    session.hook(&session.call(HookEvent::PreModelRequest), &mut other);
    alone.turn(VecDeque::new()).unwrap();
    assert!(matches!(alone.told(), Some(HookOutcome::Stop { again: true, .. })));
    alone.turn(VecDeque::from([Input::HookGone { hook: CALL, why: Gone::Withdrawn }])).unwrap();
    let approvals = session.ledger().questions().all(false).unwrap();
    assert!(approvals.iter().all(|approval| approval.state == crate::model::ApprovalState::Withdrawn));
    assert_eq!(session.ends(), (vec!["stopped".to_owned()], 0));
    assert!(session.is_intact());
}

#[test]
fn a_question_can_be_answered_while_its_session_is_paused_and_the_pause_holds_after_that() {
    let gate = "[[gate]]\nname = \"all\"\ntool = \"Bash\"\nmatch = [\"*\"]\ndo = \"ask\"\nwait = \"30m\"\n";
    let spent = "[[budget]]\nname = \"spent\"\nper = \"run\"\nlimit = \"1 responses\"\nsteps = [{ at = \"100%\", do = \"ask\", wait = \"30m\" }]\n";
    for (policy, event) in [(gate, HookEvent::PreToolUse), (spent, HookEvent::PreModelRequest)] {
        let session = Session { policy, ..Session::begun() };
        let mut ledger = session.ledger();
        let call = session.call(event);
        ledger.start_run(call.run.clone(), call.codex);
        let reading = read(&call, &ledger).unwrap();
        let mut alone = Alone::new(&call, &mut ledger);
        alone.begin(&reading, How::Recorded).unwrap();
        let asked = alone.governor.waits_for_answer(&call.agent).expect("it asks");
        session.brake(Brake::Pause);
        alone.turn(VecDeque::new()).unwrap();
        assert_eq!((alone.told(), alone.governor.waits_for(asked).is_some()), (None, true), "{event:?}");
        let question = alone.governor.waits_for(asked).unwrap();
        let answer = match event {
            HookEvent::PreToolUse => Answer::Once,
            _ => Answer::Extend { amount: question.extend.amount },
        };
        let answer =
            Input::Answered { approval: asked, answer, by: vec![Answerer::login("ann", Door::Cli)], reason: None };
        alone.turn(VecDeque::from([answer])).unwrap();
        assert_eq!(alone.told(), None, "{event:?}: paused still");
        session.brake(Brake::Continue);
        alone.turn(VecDeque::new()).unwrap();
        assert!(matches!(alone.told(), Some(HookOutcome::GoOn { deny: None, .. })), "{event:?}: {:?}", alone.told());
    }
}
