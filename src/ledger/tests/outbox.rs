//! What the outbox keeps of notices, whoever dies in between.

use std::collections::BTreeMap;

use crate::ledger::outbox::{self, CopyState, Fate, Parcel};
use crate::ledger::tests::testing::*;
use crate::ledger::{Ledger, LedgerError};
use crate::model::event::Answer;
use crate::model::notice::{NOTICE_SCHEMA, NoticeQuestion};
use crate::model::{ApprovalId, ApprovalState, Notice, NoticeKind, Timestamp, Token, TokenHash};

fn ledger() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    govern(&mut ledger, "r1");
    (dir, ledger)
}

fn notice(id: &str, kind: NoticeKind, question: Option<ApprovalId>) -> Notice {
    Notice {
        schema: NOTICE_SCHEMA.into(),
        id: id.into(),
        time: at(0),
        kind,
        run: Some("r1".into()),
        agent: Some("coder".into()),
        team: Some("web".into()),
        project: None,
        text: "coder: extend by $2.00?".into(),
        budget: None,
        question: question.map(|id| NoticeQuestion {
            id: id.0,
            asks: "extend?".into(),
            options: vec!["approve".into()],
            expires: Some(at(60_000)),
            ..NoticeQuestion::default()
        }),
        decision: None,
        progress: None,
        alert: None,
    }
}

fn post(ledger: &mut Ledger, notice: &Notice, copies: &[(&str, i64)]) {
    let copies: Vec<(String, Timestamp)> = copies.iter().map(|(to, due)| ((*to).to_owned(), at(*due))).collect();
    assert!(turn(ledger, |turn| outbox::post(turn, notice, &copies, None).unwrap()));
}

fn claim(ledger: &mut Ledger, now: i64) -> Vec<Parcel> {
    outbox::claim(ledger, at(now), 10).unwrap()
}

fn ids(parcels: &[Parcel]) -> Vec<&str> {
    parcels.iter().map(|parcel| parcel.id.as_str()).collect()
}

#[test]
fn a_clock_that_was_set_back_leaves_no_copy_waiting_for_its_time() {
    let (_dir, mut ledger) = ledger();
    const DAY: i64 = 86_400_000;
    let ahead = Notice { time: at(DAY), ..notice("a", NoticeKind::Stop, None) };
    post(&mut ledger, &ahead, &[("webhook", DAY)]);
    // What is to wait for an answer first waits, as long as its clock is right.
    post(&mut ledger, &notice("b", NoticeKind::Stop, None), &[("webhook", 3_600_000)]);
    assert_eq!(outbox::next_due(&ledger, at(0)).unwrap(), Some(at(0)));
    let claimed = claim(&mut ledger, 0);
    assert_eq!(ids(&claimed), ["a"]);
    // A try that failed waits its time, and no longer if the clock is set back once more; nor does the other one.
    let again = Fate::Again { at: at(600_000), error: "down".into() };
    outbox::note(&mut ledger, at(0), &claimed[0], &again).unwrap();
    assert!(claim(&mut ledger, 599_999).is_empty());
    assert_eq!(ids(&claim(&mut ledger, -DAY)), ["a", "b"]);
}

#[test]
fn a_copy_is_sent_when_its_time_has_come_and_again_until_it_is_there() {
    let (_dir, mut ledger) = ledger();
    post(&mut ledger, &notice("a", NoticeKind::Stop, None), &[("webhook", 0)]);
    post(&mut ledger, &notice("b", NoticeKind::Stop, None), &[("webhook", 500)]);
    assert_eq!(outbox::next_due(&ledger, at(0)).unwrap(), Some(at(0)));
    let first = claim(&mut ledger, 0);
    assert_eq!(ids(&first), ["a"]);
    assert_eq!(serde_json::from_str::<Notice>(&first[0].body).unwrap(), notice("a", NoticeKind::Stop, None));
    assert_eq!(claim(&mut ledger, 100), [], "it is in hand");
    let again = Fate::Again { at: at(1_000), error: "it answered 500".into() };
    outbox::note(&mut ledger, at(100), &first[0], &again).unwrap();
    assert_eq!(ids(&claim(&mut ledger, 999)), ["b"]);
    let second = claim(&mut ledger, 1_000);
    assert_eq!((ids(&second), second[0].attempt, second[0].began), (vec!["a"], 2, at(0)));
    outbox::note(&mut ledger, at(1_100), &second[0], &Fate::Delivered).unwrap();
    let row = outbox::addresses(&ledger).unwrap().remove(0);
    assert_eq!((row.waiting, row.delivered, row.failed, row.last), (1, 1, 0, Some(at(1_100))));
}

#[test]
fn what_a_dead_sender_had_in_hand_is_the_next_ones_at_once() {
    let (dir, mut first) = ledger();
    post(&mut first, &notice("a", NoticeKind::Stop, None), &[("webhook", 0)]);
    assert_eq!(ids(&claim(&mut first, 0)), ["a"]);
    drop(first);
    let mut next = Ledger::open(dir.path()).unwrap();
    assert_eq!(claim(&mut next, 5_000), []);
    outbox::take_over(&mut next, at(5_000)).unwrap();
    assert_eq!(claim(&mut next, 5_000).first().map(|parcel| parcel.attempt), Some(2));
}

#[test]
fn a_notice_of_a_turn_that_fails_was_never_there() {
    let (_dir, mut ledger) = ledger();
    let failed = ledger.turn(at(0), |turn| {
        outbox::post(turn, &notice("a", NoticeKind::Stop, None), &[("webhook".into(), at(0))], None)?;
        Err::<(), _>(LedgerError::Locked)
    });
    assert!(failed.is_err());
    assert_eq!(outbox::next_due(&ledger, at(0)).unwrap(), None);
}

#[test]
fn whoever_got_a_question_is_told_what_became_of_it_and_who_was_to_get_it_later_is_spared() {
    let (_dir, mut ledger) = ledger();
    let id = turn(&mut ledger, |turn| turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval);
    let follows = BTreeMap::from([(NoticeKind::Decided, vec!["log".to_owned()])]);
    let copies = [("webhook".to_owned(), at(0)), ("boss".to_owned(), at(600_000))];
    let asked = notice("q", NoticeKind::Question, Some(id));
    turn(&mut ledger, |turn| outbox::post(turn, &asked, &copies, Some(&follows)).unwrap());
    let first = claim(&mut ledger, 0);
    outbox::note(&mut ledger, at(1), &first[0], &Fate::Delivered).unwrap();
    let yes = Answer::Extend { amount: 5 };
    turn(&mut ledger, |turn| assert!(answer(turn, id, &yes, "alice (cli)", Some("worth it"))));
    let told = claim(&mut ledger, 600_000);
    let mut to: Vec<(&str, &str)> = told.iter().map(|one| (one.id.as_str(), one.address.as_str())).collect();
    to.sort_unstable();
    assert_eq!(to, [("q_decided", "log"), ("q_decided", "webhook")]);
    let body: Notice = serde_json::from_str(&told[0].body).unwrap();
    let decision = body.decision.unwrap();
    assert_eq!((decision.answer.as_deref(), decision.by.as_deref()), (Some("extended"), Some("alice (cli)")));
    assert_eq!((decision.reason.as_deref(), body.question.unwrap().id), (Some("worth it"), id.0));
    assert_eq!(body.text, "question 1: extended by alice (cli): worth it");
}

#[test]
fn a_question_that_two_runs_have_put_is_told_as_settled_to_all_whom_either_told() {
    let (_dir, mut ledger) = ledger();
    let id = turn(&mut ledger, |turn| turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval);
    let follows = BTreeMap::from([(NoticeKind::Decided, vec!["log".to_owned()])]);
    let asked = notice("q", NoticeKind::Question, Some(id));
    let posted = [("mail:ann@x.example".to_owned(), at(0))];
    turn(&mut ledger, |turn| outbox::post(turn, &asked, &posted, Some(&follows)).unwrap());
    let mut reached = turn(&mut ledger, |turn| outbox::reached_by_question(turn, id).unwrap());
    reached.sort();
    assert_eq!(reached, ["log", "mail:ann@x.example"]);
    post(&mut ledger, &notice("q2", NoticeKind::Question, Some(id)), &[("mail:bob@x.example", 0)]);
    claim(&mut ledger, 0);
    turn(&mut ledger, |turn| assert!(answer(turn, id, &Answer::Extend { amount: 5 }, "ann (mail)", None)));
    let told = claim(&mut ledger, 1);
    let mut to: Vec<(&str, &str)> = told.iter().map(|one| (one.id.as_str(), one.address.as_str())).collect();
    to.sort_unstable();
    let settled = [("q2_decided", "mail:bob@x.example"), ("q_decided", "log"), ("q_decided", "mail:ann@x.example")];
    assert_eq!(to, settled);
}

#[test]
fn a_letter_lets_a_run_go_on_once_and_only_that_run() {
    let (_dir, mut ledger) = ledger();
    let (token, other) = (Token::of(7).hash(), Token::of(8).hash());
    post(&mut ledger, &notice("s", NoticeKind::Stop, None), &[("mail:ann@x.example", 0)]);
    let parcel = claim(&mut ledger, 0).remove(0);
    let reader =
        |ledger: &Ledger, run: &str, token: &TokenHash| outbox::reader_with_leave(ledger, &run.into(), token).unwrap();
    assert_eq!(reader(&ledger, "r1", &token), None, "it was not sent yet");
    outbox::note(&mut ledger, at(1), &parcel, &Fate::Posted { receipt: outbox::leave_of(&token) }).unwrap();
    assert_eq!(reader(&ledger, "r1", &token).as_deref(), Some("ann@x.example"));
    assert_eq!((reader(&ledger, "r2", &token), reader(&ledger, "r1", &other)), (None, None));
    outbox::use_leave(&mut ledger, at(2), &token).unwrap();
    assert_eq!(reader(&ledger, "r1", &token), None);
}

#[test]
fn what_a_channel_knows_a_copy_by_is_found_by_the_question_the_notice_and_the_run() {
    let (_dir, mut ledger) = ledger();
    let id = turn(&mut ledger, |turn| turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval);
    post(&mut ledger, &notice("q", NoticeKind::Question, Some(id)), &[("slack", 0), ("webhook", 0)]);
    let asked = |ledger: &Ledger, to: &str| outbox::copy_of_question(ledger, id, to).unwrap();
    assert_eq!((asked(&ledger, "slack"), asked(&ledger, "slack:#x")), (CopyState::Waits, CopyState::Never));
    assert_eq!(outbox::first_of_run(&ledger, "r1", "slack").unwrap(), None);
    for parcel in claim(&mut ledger, 0) {
        let posted = Fate::Posted { receipt: "C1/17.1".into() };
        let fate = if parcel.address == "slack" { posted } else { Fate::Delivered };
        outbox::note(&mut ledger, at(1), &parcel, &fate).unwrap();
    }
    assert_eq!(asked(&ledger, "slack"), CopyState::There { receipt: "C1/17.1".into() });
    assert_eq!(asked(&ledger, "webhook"), CopyState::Told);
    assert_eq!(outbox::receipts(&ledger, "q").unwrap(), ["C1/17.1"]);
    assert_eq!(outbox::first_of_run(&ledger, "r1", "slack").unwrap().as_deref(), Some("C1/17.1"));
    assert_eq!(outbox::first_of_run(&ledger, "r2", "slack").unwrap(), None);
    assert!(outbox::addresses(&ledger).unwrap().iter().all(|row| row.error.is_none()), "it is no error");

    assert_eq!(outbox::question_by_id(&ledger, "q").unwrap().unwrap().question.unwrap().id, id.0);
    assert_eq!(outbox::question_by_id(&ledger, "of another machine").unwrap(), None);
    assert_eq!(outbox::end_of_question(&ledger, id).unwrap(), None);
    turn(&mut ledger, |turn| assert!(answer(turn, id, &Answer::Extend { amount: 5 }, "alice (slack)", None)));
    let end = outbox::end_of_question(&ledger, id).unwrap().unwrap();
    assert_eq!((end.kind, end.text.as_str()), (NoticeKind::Decided, "question 1: extended by alice (slack)"));
    assert_eq!(outbox::question_by_id(&ledger, &end.id).unwrap(), None, "no question is known by its end");
}

#[test]
fn a_deadline_and_a_dead_run_are_told_as_well() {
    let (_dir, mut ledger) = ledger();
    for (state, kind) in
        [(ApprovalState::Expired, NoticeKind::Expired), (ApprovalState::Withdrawn, NoticeKind::Withdrawn)]
    {
        let id = turn(&mut ledger, |turn| turn.questions().ask(&question("team=web"), &|_| true).unwrap().approval);
        post(&mut ledger, &notice(kind.as_str(), NoticeKind::Question, Some(id)), &[("webhook", 0)]);
        if state == ApprovalState::Expired {
            turn(&mut ledger, |turn| {
                turn.questions().answer(id, state, Some(&Answer::Stop), "deadline", None).unwrap()
            });
        } else {
            turn(&mut ledger, |turn| turn.questions().clear_dead(&|_| false).unwrap());
        }
        let told = claim(&mut ledger, 0);
        let kinds: Vec<NoticeKind> =
            told.iter().map(|one| serde_json::from_str::<Notice>(&one.body).unwrap().kind).collect();
        assert_eq!(kinds, [NoticeKind::Question, kind]);
    }
}

#[test]
fn an_address_that_wants_nothing_more_is_known_by_what_it_was() {
    let (_dir, mut ledger) = ledger();
    post(&mut ledger, &notice("a", NoticeKind::Stop, None), &[("webhook", 0)]);
    let parcel = claim(&mut ledger, 0).remove(0);
    outbox::note(&mut ledger, at(1), &parcel, &Fate::Closed { mark: "one".into() }).unwrap();
    assert!(outbox::is_closed(&ledger, "webhook", "one").unwrap());
    assert!(!outbox::is_closed(&ledger, "webhook", "another").unwrap());
    assert_eq!(outbox::addresses(&ledger).unwrap()[0].closed, Some(at(1)));
    outbox::reopen(&mut ledger, at(2), "webhook").unwrap();
    assert!(!outbox::is_closed(&ledger, "webhook", "one").unwrap());
}

#[test]
fn a_full_outbox_takes_nothing_more_and_what_was_told_long_ago_is_forgotten() {
    let (_dir, mut ledger) = ledger();
    turn(&mut ledger, |turn| {
        for number in 0..10_000 {
            let copies = [("webhook".to_owned(), at(0))];
            assert!(outbox::post(turn, &notice(&number.to_string(), NoticeKind::Warn, None), &copies, None).unwrap());
        }
        let copies = [("webhook".to_owned(), at(0))];
        assert!(!outbox::post(turn, &notice("one more", NoticeKind::Warn, None), &copies, None).unwrap());
    });
    for parcel in outbox::claim(&mut ledger, at(0), 10_000).unwrap().iter().take(2) {
        outbox::note(&mut ledger, at(1), parcel, &Fate::Delivered).unwrap();
    }
    outbox::take_over(&mut ledger, at(31 * 86_400_000)).unwrap();
    let row = outbox::addresses(&ledger).unwrap().remove(0);
    assert_eq!((row.waiting, row.delivered), (9_998, 0));
}
