//! What a message holds, and that what an agent names in it is text.

use super::*;
use crate::model::notice::{NOTICE_SCHEMA, NoticeBudget, NoticeDecision};

const HOSTILE: &str = "<!channel> & <https://evil.example|Approve> `*x*`\u{1b}[31m\u{202e}";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn notice(kind: NoticeKind) -> Notice {
    Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: "msg_1".to_owned(),
        time: at(0),
        kind,
        run: Some("k3f9x27m1a0b".to_owned()),
        agent: Some("codex".to_owned()),
        team: Some("web".to_owned()),
        project: Some("shop".to_owned()),
        text: "codex: $4.98 of $5.00 is spent".to_owned(),
        budget: Some(NoticeBudget {
            name: "each run".to_owned(),
            window: None,
            spent_usd: Some("4.98".to_owned()),
            limit_usd: Some("5".to_owned()),
        }),
        question: Some(NoticeQuestion {
            id: 7,
            asks: "$4.98 of $5.00 is spent".to_owned(),
            options: ["approve", "extend", "deny", "kill", "route"].map(str::to_owned).to_vec(),
            expires: Some(at(1_800)),
            allows: Some("$1.00 more".to_owned()),
            offer: Some("$1.00".to_owned()),
            route_to: Some("gpt-6.1-terra".to_owned()),
            otherwise: Some("stop".to_owned()),
            approvers: vec!["alice".to_owned()],
        }),
        decision: None,
        progress: Some(NoticeProgress {
            cost_usd: "4.98".to_owned(),
            responses: 41,
            commands: Some(120),
            files_changed: Some(9),
            commits: Some(2),
            tests: Some(3),
        }),
        alert: None,
    }
}

fn asked(notice: &Notice) -> &NoticeQuestion {
    notice.question.as_ref().unwrap()
}

fn pretty(message: &Message) -> String {
    serde_json::to_string_pretty(&message.body("#agents")).unwrap()
}

#[test]
fn a_question_has_its_figures_and_the_buttons_that_it_offers() {
    let notice = notice(NoticeKind::Question);
    insta::assert_snapshot!(pretty(&question(&notice, asked(&notice), true)));
    let without = pretty(&question(&notice, asked(&notice), false));
    assert!(!without.contains("button") && without.contains("govern approve 7"));
}

#[test]
fn what_became_of_it_stands_in_its_place_without_buttons() {
    let mut notice = notice(NoticeKind::Decided);
    let decision = |answer: &str, by: &str, reason: Option<&str>| NoticeDecision {
        answer: Some(answer.to_owned()),
        by: Some(by.to_owned()),
        reason: reason.map(str::to_owned),
    };
    notice.decision = Some(decision("extended", "alice (slack)", Some("nearly <done>")));
    insta::assert_snapshot!(pretty(&settled(&notice, asked(&notice), Some("extended by $1.00"))));
    let head = |notice: &Notice| {
        settled(notice, asked(notice), None).body("")["blocks"][0]["text"]["text"].as_str().unwrap().to_owned()
    };
    notice.kind = NoticeKind::Expired;
    notice.decision = Some(decision("stopped", "deadline", None));
    assert!(head(&notice).starts_with("*Question 7*: nobody answered in time: *stopped*, <!date^1800000000^"));
    notice.kind = NoticeKind::Withdrawn;
    assert!(head(&notice).starts_with("*Question 7* needs no answer any more, <!date^"));
}

#[test]
fn nothing_that_an_agent_names_is_markup_or_too_long() {
    let mut notice = notice(NoticeKind::Question);
    let long = HOSTILE.repeat(500);
    for field in [&mut notice.agent, &mut notice.team, &mut notice.project, &mut notice.run] {
        *field = Some(long.clone());
    }
    notice.text.clone_from(&long);
    notice.budget.as_mut().unwrap().name.clone_from(&long);
    let question_of = notice.question.as_mut().unwrap();
    question_of.asks.clone_from(&long);
    question_of.route_to = Some(long.clone());
    question_of.allows = Some(long.clone());
    notice.decision =
        Some(NoticeDecision { answer: Some(long.clone()), by: Some(long.clone()), reason: Some(long.clone()) });
    for message in [
        question(&notice, asked(&notice), true),
        settled(&notice, asked(&notice), Some(&long)),
        told(&notice),
        Message::of(escaped(&long, 1_000)),
    ] {
        let body = message.body("#agents");
        let text = body.to_string();
        assert!(!text.contains("<!channel") && !text.contains("<https") && !text.contains('\u{1b}'), "{text}");
        for block in body["blocks"].as_array().unwrap() {
            for shown in [&block["text"]["text"], &block["elements"][0]["text"]] {
                if let Some(shown) = shown.as_str() {
                    assert!(shown.chars().count() <= MOST, "{}", shown.len());
                    let fences = shown.matches('`').count();
                    assert!(fences % 2 == 0, "{shown}");
                }
            }
        }
    }
    assert_eq!(escaped("a<b>&c", 100), "a&lt;b&gt;&amp;c");
    assert_eq!(escaped("<<<<", 10), "&lt;&lt;…", "no escape is cut");
}

#[test]
fn the_form_asks_by_how_much_and_offers_what_the_question_does() {
    let notice = notice(NoticeKind::Question);
    insta::assert_snapshot!(serde_json::to_string_pretty(&form(&notice, asked(&notice))).unwrap());
}
