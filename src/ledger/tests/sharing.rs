//! What several processes do to each other through the ledger.

use crate::ledger::tests::testing::*;
use crate::ledger::{ForeignRows, HeldBack, Ledger, LedgerError, Question, Verified};
use crate::model::event::{Answer, EventKind};
use crate::model::{ApprovalId, ApprovalState, Brake, Braked, BudgetKey, Response, RunProcess, Subject, Threshold};

fn two() -> (tempfile::TempDir, Ledger, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let (mut a, mut b) = (Ledger::open(dir.path()).unwrap(), Ledger::open(dir.path()).unwrap());
    govern(&mut a, "r1");
    govern(&mut b, "r2");
    (dir, a, b)
}

fn news(ledger: &mut Ledger) -> ForeignRows {
    turn(ledger, |turn| turn.news().unwrap())
}

fn keys(news: &ForeignRows) -> Vec<&str> {
    news.responses.iter().map(|response| response.key.as_str()).collect()
}

fn everyone(_: &RunProcess<'_>) -> bool {
    true
}

#[test]
fn news_is_what_others_wrote_since_and_nothing_of_ones_own() {
    let (_dir, mut a, mut b) = two();
    append(&mut b, &answered(response("r2", "t2", "before")));
    turn(&mut a, |turn| turn.watch_from_now().unwrap());
    append(&mut b, &answered(response("r2", "t2", "1")));
    append(&mut a, &answered(response("r1", "t1", "own 1")));
    append(&mut b, &answered(response("r2", "t2", "2")));
    let told = turn(&mut a, |turn| {
        turn.append(&answered(response("r1", "t1", "own 2"))).unwrap();
        turn.news().unwrap()
    });
    assert_eq!(told.responses[0], response("r2", "t2", "1"));
    assert_eq!(keys(&told), ["1", "2"]);
    assert!(news(&mut a).is_empty());
    append(&mut a, &answered(response("r1", "t1", "own 3")));
    append(&mut b, &answered(response("r2", "t2", "3")));
    assert_eq!(keys(&news(&mut a)), ["3"]);
}

#[test]
fn of_a_whole_history_only_that_there_is_one_is_told() {
    let (_dir, mut a, mut b) = two();
    assert!(news(&mut a).is_empty());
    append(&mut a, &answered(response("r1", "t1", "own")));
    let told = [1_000, 1_001].map(|rows| {
        turn(&mut b, |turn| {
            for n in 0..rows {
                turn.append(&answered(response("r2", &format!("{rows}"), &n.to_string()))).unwrap();
            }
        });
        // One's own is among the first thousand and one: to sum again is never wrong.
        news(&mut a)
    });
    assert!(told.iter().all(|news| news.many && news.responses.is_empty() && !news.is_empty()));
    append(&mut b, &answered(response("r2", "t2", "after")));
    assert_eq!(keys(&news(&mut a)), ["after"]);
}

#[test]
fn news_of_a_turn_that_failed_comes_again() {
    let (_dir, mut a, mut b) = two();
    assert!(news(&mut a).is_empty());
    append(&mut b, &answered(response("r2", "t2", "1")));
    let failed: Result<(), _> = a.turn(at(0), |turn| {
        assert_eq!(keys(&turn.news()?), ["1"]);
        Err(LedgerError::NoRun)
    });
    assert!(failed.is_err());
    assert_eq!(keys(&news(&mut a)), ["1"]);
}

#[test]
fn what_changed_elsewhere_can_be_asked_without_a_turn() {
    let (_dir, mut a, mut b) = two();
    assert!(a.changed_elsewhere().unwrap());
    assert!(!a.changed_elsewhere().unwrap());
    append(&mut a, &seen("r1", "t1"));
    assert!(!a.changed_elsewhere().unwrap());
    append(&mut b, &seen("r2", "t2"));
    assert!(a.changed_elsewhere().unwrap());
}

#[test]
fn a_reservation_is_replaced_not_added_to_and_ends_with_its_run() {
    let (_dir, mut a, mut b) = two();
    let web = key("team=web");
    turn(&mut a, |turn| turn.budgets().reserve(&web, 7).unwrap());
    turn(&mut a, |turn| turn.budgets().reserve(&web, 5).unwrap());
    turn(&mut a, |turn| turn.budgets().reserve(&key("team=infra"), 100).unwrap());
    let others = |ledger: &mut Ledger| turn(ledger, |turn| turn.budgets().reserved_by_others(&web, &everyone).unwrap());
    assert_eq!((others(&mut a), others(&mut b)), (0, 5));
    turn(&mut a, |turn| turn.budgets().reserve(&web, 0).unwrap());
    assert_eq!(others(&mut b), 0);
    turn(&mut a, |turn| turn.budgets().reserve(&web, 5).unwrap());
    append(&mut a, &ended("r1"));
    assert_eq!(others(&mut b), 0);
}

#[test]
fn a_dead_runs_reservation_binds_nobody() {
    let (_dir, mut a, mut b) = two();
    let web = key("team=web");
    turn(&mut a, |turn| turn.budgets().reserve(&web, 5).unwrap());
    assert_eq!(b.budgets().reserved(&web, &everyone).unwrap(), 5);
    let without_a = |govern: &RunProcess<'_>| govern.process.pid != 1;
    assert_eq!(b.budgets().reserved(&web, &without_a).unwrap(), 0);
    assert_eq!(turn(&mut b, |turn| turn.budgets().reserved_by_others(&web, &without_a).unwrap()), 0);
    assert_eq!(b.budgets().reserved(&web, &everyone).unwrap(), 0, "and it is removed");
}

#[test]
fn each_part_of_a_key_keeps_budgets_apart() {
    let (_dir, mut a, mut b) = two();
    let base = key("team=web");
    turn(&mut a, |turn| turn.budgets().reserve(&base, 5).unwrap());
    let others = [
        BudgetKey { budget: "other".into(), ..base.clone() },
        BudgetKey { scope: "team=infra".into(), ..base.clone() },
        BudgetKey { window_start: None, ..base.clone() },
        BudgetKey { window_start: Some(at(1)), ..base.clone() },
        BudgetKey { unit: crate::model::Unit::Tok, ..base.clone() },
    ];
    for other in others {
        assert_eq!(turn(&mut b, |turn| turn.budgets().reserved_by_others(&other, &everyone).unwrap()), 0, "{other:?}");
    }
}

#[test]
fn extensions_lift_for_all_until_they_end() {
    let (_dir, mut a, mut b) = two();
    turn(&mut a, |turn| turn.watch_from_now().unwrap());
    turn(&mut b, |turn| turn.watch_from_now().unwrap());
    let web = key("team=web");
    turn(&mut b, |turn| {
        extend(turn, "r2", &web, 2, Some("release"), None);
        extend(turn, "r2", &web, 3, None, Some(at(1000)));
    });
    assert_eq!(turn(&mut a, |turn| turn.budgets().extended(&web).unwrap()), 5);
    assert_eq!(a.budgets().extended(&web, at(999)).unwrap(), 5);
    assert_eq!(a.budgets().extended(&web, at(1000)).unwrap(), 2);
    assert_eq!(a.budgets().extended(&key("team=infra"), at(0)).unwrap(), 0);
    let told = news(&mut a).extensions;
    assert_eq!(told.iter().map(|extension| extension.amount).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(told[0].key, web);
    assert_eq!(told, b.budgets().extensions().unwrap());
    assert!(news(&mut b).is_empty());
}

/// Puts a question: its number, and whether nobody had put it before.
fn put(turn: &mut crate::ledger::Turn<'_>, asked: &Question) -> (ApprovalId, bool) {
    let put = turn.questions().ask(asked, &everyone).unwrap();
    (put.approval, put.new)
}

#[test]
fn who_joins_a_question_waits_until_the_time_that_it_was_put_with() {
    let (_dir, mut a, mut b) = two();
    let until = |millis: i64| Question { deadline: Some(at(millis)), ..question("team=web") };
    let first = turn(&mut a, |turn| turn.questions().ask(&until(5_000), &everyone).unwrap());
    let second = turn(&mut b, |turn| turn.questions().ask(&until(9_000), &everyone).unwrap());
    assert_eq!((first.new, first.deadline), (true, Some(at(5_000))));
    assert_eq!((second.approval, second.new, second.deadline), (first.approval, false, Some(at(5_000))));
}

#[test]
fn one_question_waits_for_all_runs_that_a_budget_holds() {
    let (_dir, mut a, mut b) = two();
    let ask = |ledger: &mut Ledger, scope: &str| {
        let question = question(scope);
        turn(ledger, |turn| put(turn, &question))
    };
    assert_eq!(ask(&mut a, "team=web"), (ApprovalId(1), true));
    assert_eq!(ask(&mut b, "team=web"), (ApprovalId(1), false));
    assert_eq!(ask(&mut a, "team=web"), (ApprovalId(1), false));
    assert_eq!(ask(&mut b, "team=infra"), (ApprovalId(2), true));
    assert_eq!(a.questions().waiting_for(ApprovalId(1)).unwrap(), ["r1".into(), "r2".into()]);
    let approval = a.questions().find(ApprovalId(1)).unwrap();
    assert_eq!((approval.run, approval.state), ("r1".into(), ApprovalState::Pending));
    assert_eq!(approval.extend.to_string(), "$2.00");
    assert_eq!(a.questions().find(ApprovalId(2)).unwrap().key(), key("team=infra"));
    assert!(matches!(a.questions().find(ApprovalId(3)), Err(LedgerError::NoSuchApproval { .. })));
}

#[test]
fn a_question_that_only_dead_runs_wait_for_is_withdrawn_whoever_looks() {
    let (_dir, mut a, mut b) = two();
    turn(&mut a, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap());
    turn(&mut b, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap());
    turn(&mut a, |turn| turn.questions().ask(&question("team=infra"), &everyone).unwrap());
    let second_lives = |govern: &RunProcess<'_>| govern.process.pid == 2;
    let ids = |found: Vec<crate::model::Approval>| found.iter().map(|asked| asked.id.0).collect::<Vec<_>>();
    assert_eq!(ids(a.questions().standing(true, &everyone).unwrap()), [1, 2]);
    assert_eq!(ids(a.questions().standing(true, &second_lives).unwrap()), [1]);
    let all = a.questions().standing(false, &second_lives).unwrap();
    assert_eq!((all[0].state, all[1].state), (ApprovalState::Pending, ApprovalState::Withdrawn));
    assert!(a.runs().is_over(&"r1".into(), &second_lives).unwrap());
    assert!(!a.runs().is_over(&"r2".into(), &second_lives).unwrap());
    assert!(!a.runs().is_over(&"r3".into(), &second_lives).unwrap());
}

#[test]
fn a_question_is_answered_once_and_everyone_else_hears_of_it() {
    let (_dir, mut a, mut b) = two();
    let id = turn(&mut a, |turn| {
        turn.watch_from_now().unwrap();
        turn.questions().ask(&question("team=web"), &everyone).unwrap().approval
    });
    turn(&mut b, |turn| turn.watch_from_now().unwrap());
    let answers = |ledger: &mut Ledger, said: Answer| {
        turn(ledger, |turn| answer(turn, id, &said, "alice (cli)", Some("because")))
    };
    assert!(!turn(&mut b, |turn| turn
        .questions()
        .answer(id, ApprovalState::Pending, None, "alice (cli)", None)
        .unwrap()));
    assert!(answers(&mut b, Answer::Extend { amount: 5 }));
    assert!(!answers(&mut a, Answer::Kill));
    let told = news(&mut a).approvals;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0], a.questions().find(id).unwrap());
    assert_eq!(told[0].answer, Some(Answer::Extend { amount: 5 }));
    assert_eq!((told[0].state, told[0].by.as_deref()), (ApprovalState::Approved, Some("alice (cli)")));
    assert!(news(&mut a).is_empty() && news(&mut b).is_empty());
    assert_eq!(a.questions().all(true).unwrap(), []);
    // The next crossing asks anew.
    assert_eq!(turn(&mut a, |turn| put(turn, &question("team=web"))), (ApprovalId(2), true));
    let missing =
        a.turn(at(0), |turn| turn.questions().answer(ApprovalId(9), ApprovalState::Expired, None, "deadline", None));
    assert!(matches!(missing, Err(LedgerError::NoSuchApproval { .. })));
}

#[test]
fn a_question_is_withdrawn_when_its_last_run_gives_up() {
    let (_dir, mut a, mut b) = two();
    let id = turn(&mut a, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap().approval);
    turn(&mut b, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap());
    assert_eq!(turn(&mut a, |turn| turn.questions().withdraw_for(&"r1".into()).unwrap()), []);
    assert_eq!(a.questions().find(id).unwrap().state, ApprovalState::Pending);
    assert_eq!(turn(&mut b, |turn| turn.questions().withdraw_for(&"r2".into()).unwrap()), [id]);
    assert_eq!(a.questions().find(id).unwrap().state, ApprovalState::Withdrawn);
}

#[test]
fn a_run_that_leaves_takes_the_question_from_nobody_else() {
    let (_dir, mut a, mut b) = two();
    let asked = |ledger: &mut Ledger, scope: &str| {
        turn(ledger, |turn| {
            turn.watch_from_now().unwrap();
            turn.questions().ask(&question(scope), &everyone).unwrap().approval
        })
    };
    let id = asked(&mut a, "team=web");
    let other = asked(&mut a, "team=infra");
    asked(&mut b, "team=web");
    assert!(!turn(&mut a, |turn| turn.questions().leave(id, &everyone).unwrap()));
    assert_eq!(a.questions().find(id).unwrap().state, ApprovalState::Pending);
    assert_eq!(a.questions().waiting_for(id).unwrap(), ["r2".into()]);
    assert_eq!(a.questions().waiting_for(other).unwrap(), ["r1".into()], "its other waits go on");
    assert!(news(&mut b).is_empty());
    assert!(turn(&mut b, |turn| turn.questions().leave(id, &everyone).unwrap()));
    assert_eq!(a.questions().find(id).unwrap().state, ApprovalState::Withdrawn);
    assert!(!turn(&mut b, |turn| turn.questions().leave(id, &everyone).unwrap()), "once");
    // A dead run's wait holds no question open.
    asked(&mut b, "team=infra");
    assert!(turn(&mut b, |turn| turn.questions().leave(other, &|govern| govern.process.pid != 1).unwrap()));
}

#[test]
fn a_question_that_only_the_dead_wait_for_is_asked_anew() {
    let (_dir, mut a, mut b) = two();
    turn(&mut a, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap());
    let without_a = |govern: &RunProcess<'_>| govern.process.pid != 1;
    let anew = turn(&mut b, |turn| turn.questions().ask(&question("team=web"), &without_a).unwrap());
    assert_eq!((anew.approval, anew.new), (ApprovalId(2), true));
    assert_eq!(b.questions().find(ApprovalId(1)).unwrap().state, ApprovalState::Withdrawn);
    turn(&mut a, |turn| turn.budgets().reserve(&key("team=web"), 5).unwrap());
    assert_eq!(turn(&mut b, |turn| turn.questions().clear_dead(&|_| false).unwrap()), [ApprovalId(2)]);
    assert_eq!(b.budgets().reserved(&key("team=web"), &everyone).unwrap(), 0);
}

#[test]
fn what_runs_did_before_a_watch_is_in_the_sums_and_not_in_the_news() {
    let (_dir, mut a, mut b) = two();
    append(&mut b, &answered(response("r2", "t2", "1")));
    let seeded = turn(&mut a, |turn| {
        turn.watch_from_now().unwrap();
        turn.sums().spent(&[(crate::model::Dimension::Team, Some("web".into()))], Some(at(0)), None).unwrap()
    });
    let other = Response { attribution: Default::default(), ..response("r2", "t2", "2") };
    append(&mut b, &answered(other));
    assert_eq!(seeded.responses, 1);
    assert_eq!(keys(&news(&mut a)), ["2"]);
}

#[test]
fn the_last_answer_to_a_question_is_found_and_one_that_was_written_by_hand_is_none() {
    let (_dir, mut a, b) = two();
    let allow = Answer::Allow { seconds: Some(3_600) };
    for (scope, said) in [("call=1", &allow), ("call=1", &Answer::Stop), ("call=2", &Answer::Stop), ("call=2", &allow)]
    {
        turn(&mut a, |turn| {
            let id = turn.questions().ask(&question(scope), &everyone).unwrap().approval;
            assert!(answer(turn, id, said, "ann (cli)", None));
        });
    }
    turn(&mut a, |turn| turn.questions().ask(&question("call=2"), &everyone).unwrap());
    let mut last = |scope: &str| turn(&mut a, |turn| turn.questions().last_answered(&key(scope)).unwrap());
    assert_eq!(last("call=1").unwrap().answer, Some(Answer::Stop));
    let of_two = last("call=2").unwrap();
    assert_eq!((of_two.answer, of_two.by.as_deref()), (Some(allow), Some("ann (cli)")));
    assert_eq!(last("call=3"), None);
    b.conn.execute("UPDATE approvals SET answer = '{\"answer\":\"allow\"}' WHERE id = 4", []).unwrap();
    assert_eq!(last("call=2"), None);
}

#[test]
fn what_a_person_stopped_or_denied_is_told_until_it_goes_on() {
    let (_dir, mut a, mut b) = two();
    let held_back = |ledger: &Ledger, run: &str| ledger.runs().held_back(&run.into()).unwrap();
    assert_eq!(held_back(&a, "r1"), None);
    // A question that both wait for, and a no that one of them hears.
    let id = turn(&mut a, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap().approval);
    turn(&mut b, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap());
    b.turn(at(1_000), |turn| {
        turn.questions().answer(id, ApprovalState::Denied, Some(&Answer::Stop), "ann (cli)", Some("no"))
    })
    .unwrap();
    let denied = Some(HeldBack::Denied(Braked { by: "ann (cli)".into(), reason: Some("no".into()), at: at(1_000) }));
    assert_eq!((held_back(&a, "r1"), held_back(&a, "r2")), (denied.clone(), denied));
    // To refuse a tool ended nobody.
    let call = Question { about: Subject::Call, ..question("call=1") };
    let refused = turn(&mut a, |turn| turn.questions().ask(&call, &everyone).unwrap().approval);
    a.turn(at(2_000), |turn| {
        turn.append(&resumed("r1", 2_000))?;
        turn.questions().answer(refused, ApprovalState::Denied, Some(&Answer::Refuse), "ann (cli)", None)
    })
    .unwrap();
    assert_eq!(held_back(&a, "r1"), None);
    let braked = |brake| EventKind::Braked { brake, by: "ann (cli)".into(), reason: None };
    append(&mut a, &event("r1", braked(Brake::Stop)));
    assert!(matches!(held_back(&a, "r1"), Some(HeldBack::Braked(Brake::Stop, _))));
    append(&mut a, &event("r1", braked(Brake::Continue)));
    assert_eq!(held_back(&a, "r1"), None);
}

#[test]
fn every_yes_to_a_step_before_the_limit_is_found_whatever_a_yes_it_was_and_whatever_was_answered_after_it() {
    let (_dir, mut a, mut b) = two();
    let (half, left) = (Threshold::Share(500), Threshold::Left(7));
    let next = Answer::NextStep { past: 5 };
    let rows: [(Option<Threshold>, Answer, i64); 6] = [
        (Some(half), next.clone(), 1_000),
        (Some(left), Answer::Extend { amount: 3 }, 2_000),
        (Some(Threshold::Share(600)), Answer::Route, 3_000),
        (Some(Threshold::Share(800)), Answer::Stop, 4_000),
        (None, Answer::Extend { amount: 3 }, 5_000),
        (Some(Threshold::Share(900)), next, 6_000),
    ];
    for (step, said, when) in rows {
        let asked = Question { step, about: Subject::Step, ..question("team=web") };
        let id = turn(&mut a, |turn| turn.questions().ask(&asked, &everyone).unwrap().approval);
        a.turn(at(when), |turn| Ok(answer(turn, id, &said, "ann (cli)", None))).unwrap();
    }
    let mut passed = |scope: &str, since: Option<i64>| {
        turn(&mut b, |turn| turn.questions().steps_passed(&key(scope), since.map(at)).unwrap())
    };
    let all = [half, left, Threshold::Share(600), Threshold::Share(900)];
    assert_eq!(passed("team=web", None), all);
    assert_eq!(passed("team=web", Some(2_000)), all[1..]);
    assert_eq!(passed("team=infra", None), []);
    a.conn.execute("UPDATE approvals SET step = '{\"share\":990}' WHERE id = 6", []).unwrap();
    assert_eq!(passed("team=web", None), all[..3], "written by hand it is nobody's yes");
    assert!(matches!(a.audit().verify().unwrap(), Verified::Broken { .. }));
}

#[test]
fn what_an_older_govern_asked_and_answered_is_told_in_today_s_words() {
    let (_dir, mut ledger, _) = two();
    let call = "run=r1, agent=coder, call=Bash 0f";
    for (unit, scope, extend, answer, about, word) in [
        ("usd", "team=web", 5, r#"{"answer":"extend","amount":5}"#, Subject::Limit, "extended"),
        ("usd", "team=infra", 5, r#"{"answer":"stop"}"#, Subject::Limit, "stopped"),
        ("tool_calls", call, 1, r#"{"answer":"extend","amount":1}"#, Subject::Call, "allowed"),
        ("tool_calls", call, 1, r#"{"answer":"allow","seconds":60}"#, Subject::Call, "allowed"),
        ("tool_calls", call, 1, r#"{"answer":"stop"}"#, Subject::Call, "refused"),
        ("responses", "agent=coder, run=r1", 0, r#"{"answer":"extend","amount":0}"#, Subject::Alert, "allowed"),
    ] {
        let id = turn(&mut ledger, |turn| turn.questions().ask(&question("team=web"), &everyone).unwrap().approval);
        let sql =
            "UPDATE approvals SET unit = ?2, scope = ?3, extend = ?4, answer = ?5, about = NULL, state = 'approved'
             WHERE id = ?1";
        ledger.conn.execute(sql, rusqlite::params![id.0, unit, scope, extend, answer]).unwrap();
        let found = ledger.questions().find(id).unwrap();
        assert_eq!((found.about, found.answer_word().unwrap().as_str()), (about, word), "{answer}");
    }
}
