//! `check` and `review` of an agent.

use std::time::Duration;

use super::*;
use crate::model::{CheckFails, WorkCheck, WorkReview};

fn one(more: &str) -> String {
    format!("[[agent]]\nname = \"a\"\nprompt = \"x\"\n{more}\n")
}

#[test]
fn what_the_work_of_an_agent_has_to_pass_is_read() {
    let text = one("check = \"cargo test\"\ncheck_fails = \"again\"\ncheck_within = \"5m\"\n\
         review = { approvers = [\"alice\", \"bob\"], wait = \"4h\", else = \"stop\" }");
    let agent = &accepted(&text).fleet.agents[0];
    let within = Duration::from_secs(300);
    let command = "cargo test".to_owned();
    let check = WorkCheck { shown: command.clone(), command, within, fails: CheckFails::Again };
    assert_eq!(agent.check, Some(check));
    let approvers = vec!["alice".to_owned(), "bob".to_owned()];
    assert_eq!(agent.review, Some(WorkReview { approvers, wait: Duration::from_secs(4 * 3_600) }));

    let agent = &accepted(&one("check = '''\nset -e\nmake test'''\nreview = {}")).fleet.agents[0];
    let check = agent.check.as_ref().unwrap();
    assert_eq!((check.within, check.fails), (Duration::from_secs(600), CheckFails::Stop));
    assert_eq!(agent.review, Some(WorkReview { approvers: Vec::new(), wait: Duration::from_secs(1_800) }));
    let without = &accepted(&one("")).fleet.agents[0];
    assert_eq!((&without.check, &without.review), (&None, &None));
}

#[test]
fn a_check_is_shown_without_the_secrets_that_its_shell_gets() {
    let secret = format!("sk-proj-{}", "a1B2c3D4".repeat(6));
    let text = one(&format!("check = \"OPENAI_API_KEY={secret} make test\""));
    let check = accepted(&text).fleet.agents[0].check.clone().unwrap();
    assert!(check.command.contains(&secret));
    assert!(!check.shown.contains(&secret) && check.shown.ends_with("make test"), "{}", check.shown);
}

#[test]
fn a_fleet_file_only_narrows_who_may_answer() {
    let policy = "version = 1\n[approvals]\napprovers = [\"alice\", \"slack-group:S0123456789\"]\n";
    let under = |names: &str| {
        let text = format!("version = 1\n{}", one(&format!("review = {{ approvers = {names} }}")));
        read_in("/work/shop", policy, &text)
    };
    let named = |names: &str| under(names).unwrap().fleet.agents[0].review.clone().unwrap().approvers;
    assert_eq!(named("[\"alice\"]"), ["alice"]);
    assert_eq!(named("[\"slack-group:S0123456789\"]"), ["slack-group:S0123456789"]);
    insta::assert_snapshot!(render(&under("[\"alice\", \"mallory\"]").unwrap_err(), false));
}
