//! What a budget counts, and for whom.

use super::world::{CODEX, Plan, cents, response};
use crate::decide::message::Phase;
use crate::model::{Dimension, ThreadId};

fn budget(keys: &str) -> String {
    format!("[[budget]]\nname = \"B\"\n{keys}\nsteps = [{{ at = \"100%\", do = \"stop\" }}]\n")
}

#[test]
fn a_team_has_its_own_limit() {
    let text = budget("per = \"team\"\nwindow = \"day\"\nlimit = \"1 usd\"\nlimits = { web = \"9 usd\" }");
    let mut world = Plan::of(&text).started();
    world.works(2_000);
    assert!(!world.finished());
    assert_eq!(world.governor.accounts().next().unwrap().base, cents(900));
    let mut plan = Plan::of(&text);
    plan.agents[0].attribution.team = Some("infra".to_owned());
    let mut world = plan.started();
    world.works(2_000);
    assert!(world.finished());
}

#[test]
fn who_has_no_limit_of_his_own_and_none_for_all_has_none() {
    let text = budget("per = \"team\"\nwindow = \"day\"\nlimits = { infra = \"1 usd\" }");
    let mut world = Plan::of(&text).started();
    world.works(9_000);
    assert_eq!(world.governor.accounts().count(), 0);
}

#[test]
fn a_model_is_charged_for_what_it_answered() {
    let text = budget("per = \"model\"\nwindow = \"day\"\nlimit = \"3 usd\"");
    let mut world = Plan::of(&text).started();
    world.works(1_000);
    world.model = "mid".to_owned();
    world.works(1_000);
    let spent: Vec<(String, i64)> =
        world.governor.accounts().map(|account| (account.key.scope.clone(), account.spent)).collect();
    assert_eq!(spent, [("model=dear".to_owned(), cents(100)), ("model=mid".to_owned(), cents(40))]);
}

#[test]
fn a_model_that_is_spent_binds_no_agent_that_left_it() {
    let text = "[[budget]]\nname = \"B\"\nper = \"model\"\nwindow = \"day\"\nlimits = { dear = \"3 usd\" }\n\
        steps = [{ at = \"60%\", do = \"route\" }, { at = \"100%\", do = \"kill\" }]\n";
    let mut world = Plan::of(text).started();
    world.works(1_000);
    world.works(1_000);
    assert!(world.told().contains("RESTART codex/root with mid"));
    world.elsewhere("dear", 5_000);
    for _ in 0..5 {
        world.works(5_000);
    }
    assert!(!world.finished(), "{}", world.told());
    world.model = "dear".to_owned();
    world.works(1);
    assert!(world.finished(), "back on the model, its limit binds");
}

#[test]
fn a_thread_has_a_budget_of_its_own() {
    let text = budget("per = \"thread\"\nlimit = \"3 usd\"");
    let mut world = Plan::of(&text).started();
    world.works(1_000);
    world.asks("sub");
    world.answers("sub", 1_400);
    world.works(1_000);
    assert!(!world.finished());
    world.asks("sub");
    world.answers("sub", 300);
    assert!(world.finished(), "$1.70 and the next may be $1.40: {}", world.told());
}

#[test]
fn a_label_is_counted_apart_and_its_lack_is_a_value() {
    let text = budget("per = \"label:lane\"\nwindow = \"day\"\nlimit = \"3 usd\"");
    let mut plan = Plan::of(&text);
    plan.agents[0].attribution.labels.insert("lane".to_owned(), "fast".to_owned());
    let mut world = plan.started();
    world.works(1_000);
    world.elsewhere("dear", 3_000); // Without a label.
    let account = world.governor.accounts().next().unwrap();
    assert_eq!((account.key.scope.as_str(), account.spent), ("label:lane=fast", cents(100)));
    let world = Plan::of(&text).started();
    assert_eq!(world.governor.accounts().next().unwrap().key.scope, "label:lane=?");
}

#[test]
fn only_what_matches_is_counted() {
    let text = budget("per = \"team\"\nwindow = \"day\"\nlimit = \"3 usd\"\nonly = { branch = [\"release/*\"] }");
    let mut world = Plan::of(&text).started();
    world.works(9_000);
    assert_eq!(world.governor.accounts().count(), 0, "no branch is known");
    let mut plan = Plan::of(&text);
    plan.agents[0].attribution.branch = Some("release/1".to_owned());
    let mut world = plan.started();
    world.works(9_000);
    assert!(world.finished());
}

#[test]
fn only_one_model_counts_and_only_its_requests_are_foretold() {
    let text = budget("per = \"run\"\nlimit = \"3 usd\"\nonly = { model = [\"dear\"] }");
    let mut world = Plan::of(&text).started();
    world.works(2_000);
    assert!(world.finished(), "the next would pass");
    let mut world = Plan::of(&text).started();
    world.works(1_000);
    world.model = "mid".to_owned();
    for _ in 0..9 {
        world.works(9_000);
    }
    assert!(!world.finished());
    assert_eq!(world.spent("B"), cents(100));
}

#[test]
fn an_agents_budget_is_its_own_in_every_run() {
    let text = budget("per = \"agent\"\nlimit = \"3 usd\"");
    let plan = Plan::of(&text).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 9_000);
    let world = plan.started();
    let account = world.governor.accounts().next().unwrap();
    assert_eq!((account.spent, account.per.contains(&Dimension::Run)), (0, true));
}

#[test]
fn idle_threads_are_foretold_to_add_nothing() {
    let mut world = Plan::of(&budget("per = \"run\"\nlimit = \"5 usd\"")).started();
    world.asks("sub");
    world.answers_as(CODEX, "sub", 2_000, Phase::Idle);
    world.works(1_500);
    assert!(!world.finished());
    world.phase(CODEX, "sub", Phase::InFlight);
    assert!(world.finished(), "$3.50 and both may add as much again");
}

#[test]
fn an_answer_of_a_thread_that_was_unknown_counts() {
    let mut world = Plan::of(&budget("per = \"run\"\nlimit = \"5 usd\"")).started();
    let mut late = response(CODEX, "late", "dear", 5_000, world.now.wall);
    late.root = ThreadId::new("late");
    world.asks("late");
    world.responds(late);
    assert!(world.finished());
}
