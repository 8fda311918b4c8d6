//! Budgets over a plan's own limits that are right, in words, and those that are wrong.

use super::*;
use crate::model::Verb;
use crate::policy::plan::PlanShare;
use crate::policy::rule::{AlertAction, Trigger};
use crate::policy::show::show;

/// Such a budget with these lines more.
fn plan(lines: &str) -> String {
    let per = if lines.contains("per =") { "" } else { "per = \"user\"\n" };
    let limit = if lines.contains("limit =") { "" } else { "limit = \"80% plan 5h\"\n" };
    format!("[[budget]]\nname = \"five hours\"\n{per}{limit}{lines}\n")
}

fn steps(steps: &str) -> String {
    plan(&format!("steps = [{steps}]"))
}

#[test]
fn each_mistake_is_told_in_one_sentence() {
    let cases = [
        (plan("window = \"day\""), "`window` does not go with a plan's own limit"),
        (plan("limits = { web = \"5 usd\" }"), "`limits` does not go with a plan's own limit"),
        (plan("grace = \"10%\""), "`grace` does not go with a plan's own limit"),
        (plan("allot = { by = \"equal\" }"), "`allot` does not go with a plan's own limit"),
        (plan("per = \"team\""), "a plan's own limit is its user's, over all that they do"),
        (plan("limit = \"80% plan moon\""), "`80% plan moon` names no limit of a plan"),
        (plan("limit = \"120% plan week\""), "`120% plan week` is more than all of it"),
        (steps(""), "`steps` is empty: nothing would happen at the limit"),
        (steps("{ do = \"warn\" }"), "the step has no `at`"),
        (steps("{ at = \"80%\" }"), "the step has no `do`"),
        (steps("{ at = \"5 usd left\", do = \"warn\" }"), "`5 usd left` is not a share"),
        (steps("{ at = \"80%\", do = \"hold\" }"), "`hold` does not say until when"),
        (
            steps("{ at = \"80%\", do = \"decide\" }"),
            "`decide` goes with a budget that can be allotted, not with a plan's own limit",
        ),
        (
            steps("{ at = \"80%\", do = \"hold\", until = \"reset\" }, { at = \"90%\", do = \"warn\" }"),
            "`warn` comes after `hold`, which is more severe",
        ),
        (
            steps("{ at = \"90%\", do = \"warn\" }, { at = \"90%\", do = \"stop\" }"),
            "this can never apply: `stop` does, at 90%",
        ),
        (steps("{ at = \"130%\", do = \"warn\" }"), "130% of `80% plan 5h` is more than all of the plan"),
        (
            format!("{}{}", plan(""), "[[alert]]\nname = \"a\"\npace = \"120%\"\nof = \"five hours\"\ndo = \"warn\""),
            "`five hours` has no even pace: what is used of a plan is only known from time to time",
        ),
        (format!("{}{}", plan(""), plan("")), "there are two budgets named `five hours`"),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
    }
}

#[test]
fn it_is_shown_as_the_budget_that_it_is() {
    let written = steps(
        "{ at = \"50%\", do = \"warn\" }, { at = \"90%\", do = \"hold\", until = \"reset\" }, { at = \"100%\", do = \"ask\", wait = \"5m\" }",
    );
    let week = "[[budget]]\nname = \"week\"\nper = \"everything\"\nlimit = \"95% plan week\"\nonly = { team = \"web\" }\nmode = \"observe\"\n";
    let text = format!("version = 1\n[models]\nladder = [\"a\", \"b\"]\n{written}{week}");
    let flags =
        FlagRules { plans: vec![("60%plan5h".into(), PlanShare::parse("60%plan5h").unwrap())], ..FlagRules::default() };
    let loaded = load(vec![layer(Layer::User, &text)], flags).unwrap();
    assert_eq!(loaded.warnings, []);
    let shown = show(&loaded.policy);
    insta::assert_snapshot!(&shown[shown.find("budget `").unwrap()..shown.find("\nmodels").unwrap()]);
}

#[test]
fn a_step_applies_at_its_share_of_the_limit_s_share_of_the_plan() {
    let policy = load_one(&steps("{ at = \"50%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }")).unwrap().policy;
    let marks: Vec<u32> = policy
        .alerts
        .iter()
        .map(|alert| match alert.trigger {
            Trigger::Plan { share, .. } => share,
            _ => panic!("{alert:?}"),
        })
        .collect();
    assert_eq!(marks, [400, 800]);
}

#[test]
fn without_steps_it_warns_and_then_holds_until_the_plan_begins_anew() {
    let policy = load_one(&plan("")).unwrap().policy;
    assert!(policy.budgets.is_empty());
    let holds: Vec<bool> = policy.alerts.iter().map(|alert| alert.act == AlertAction::Hold).collect();
    assert_eq!(holds, [false, true]);
}

#[test]
fn what_happens_at_the_limit_of_a_flag_is_what_at_limit_says() {
    let plans = vec![("80% plan 5h".to_owned(), PlanShare::parse("80% plan 5h").unwrap())];
    let said: Vec<String> = [None, Some(Verb::Warn), Some(Verb::Kill)]
        .map(|at_limit| {
            let flags = FlagRules { plans: plans.clone(), at_limit, ..FlagRules::default() };
            let policy = load(Vec::new(), flags).unwrap().policy;
            let words: Vec<String> =
                policy.plan_budgets[0].steps.iter().map(crate::policy::show::plan_step_in_words).collect();
            words.join(", ")
        })
        .into();
    assert_eq!(
        said,
        ["at 80%: warn, at 100%: hold until it begins anew", "at 100%: warn", "at 80%: warn, at 100%: kill"]
    );
}
