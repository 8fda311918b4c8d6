//! The `[governor]` table: what it means, what is wrong with one, and who may write it.

use std::time::Duration;

use super::*;
use crate::model::ModelId;
use crate::policy::diagnostic::render;
use crate::policy::mistake::Severity;
use crate::policy::rule::GovernorModel;
use crate::policy::show::show;

/// A budget that leaves a choice.
const DECIDES: &str = "[[budget]]\nname = \"each run\"\nper = \"run\"\nlimit = \"5 usd\"\n\
                       steps = [{ at = \"100%\", do = \"decide\", may = [\"ask\", \"stop\"] }]\n";

fn governor(lines: &str) -> String {
    format!("[governor]\n{lines}\n{DECIDES}")
}

#[test]
fn a_model_is_all_that_must_be_said() {
    let said = policy(&governor("model = \"gpt-6-luna\"")).governor.unwrap();
    let (model, timeout) = (ModelId::new("gpt-6-luna"), Duration::from_secs(30));
    assert_eq!(said, GovernorModel { model: model.clone(), share: 20, timeout, effort: None });
    let all = "model = \"gpt-6-luna\"\nshare = \"0.5%\"\ntimeout = \"2m\"\neffort = \"low\"";
    let said = policy(&governor(all)).governor.unwrap();
    let (timeout, effort) = (Duration::from_secs(120), Some("low".to_owned()));
    assert_eq!(said, GovernorModel { model, share: 5, timeout, effort });
    let shown = show(&policy(&governor(all)));
    assert!(
        shown.contains(
            "governor model, where the rule is not sure\n  gpt-6-luna (effort low)\n  \
             for no more than 0.5% of the limit; after 2m the rule decides\n"
        ),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_with_it_is_said() {
    let model = |line: &str| governor(&format!("model = \"gpt-6-luna\"\n{line}"));
    let cases = [
        (governor("share = \"2%\""), "`[governor]` does not say which `model` is asked"),
        (governor("model = 6"), "`model` must be a text, not a number"),
        (model("share = \"2\""), "`2` is not a share"),
        (model("share = \"60%\""), "`60%` is more than 50% of a limit"),
        (model("timeout = \"soon\""), "`soon` is not a duration"),
        (model("timeout = \"1h\""), "`1h` is longer than 10m"),
        (model("effort = \"very much\""), "`very much` is not a reasoning effort"),
        (model("modle = \"x\""), "`[governor]` has no key `modle`"),
        (format!("governor = \"gpt-6-luna\"\n{DECIDES}"), "`governor` must be a table, not a text"),
        (
            format!(
                "[governor]\nmodel = \"gpt-6-luna\"\n{}",
                DECIDES.replace("decide\", may = [\"ask\", \"stop\"]", "stop\"")
            ),
            "the governor model is never asked: no step leaves a choice",
        ),
        (
            format!("[models]\nallow = [\"gpt-6.1*\"]\n{}", model("")),
            "`gpt-6-luna` cannot be asked: `allow` leaves it out",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
    }
}

#[test]
fn a_repository_may_not_have_a_model_asked() {
    let own = layer(Layer::Repository, &format!("version = 1\n{}", governor("model = \"gpt-6-astra\"")));
    let mistakes = load(vec![own], FlagRules::default()).unwrap_err();
    insta::assert_snapshot!(render(&mistakes, false));
}

#[test]
fn the_outermost_file_says_which_model_is_asked() {
    let user = layer(Layer::User, &format!("version = 1\n{}", governor("model = \"gpt-6-luna\"")));
    let given = layer(Layer::Given, "version = 1\n[governor]\nmodel = \"gpt-6-astra\"\nshare = \"50%\"\n");
    let loaded = load(vec![user, given], FlagRules::default()).unwrap();
    assert_eq!(loaded.policy.governor.unwrap().model, ModelId::new("gpt-6-luna"));
    let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
    assert_eq!(
        (warning.severity, warning.hint.as_str()),
        (Severity::Warning, "what an outer file says, a nearer one cannot change")
    );
}
