//! What people write who have read one page, and what they are told: each slip once, with what to write.

use super::refused::{budget, gate, steps};
use super::*;
use crate::policy::diagnostic::render;

/// Of each text: its one mistake and the hint.
fn each_is_told_once(cases: &[(String, &str, &str)]) {
    for (text, message, hint) in cases {
        assert_eq!(told(text), [((*message).to_owned(), (*hint).to_owned())], "{text}");
    }
}

fn windowed(window: &str) -> String {
    budget(&format!("window = \"{window}\""))
}

fn alert(verb: &str) -> String {
    format!("[[alert]]\nname = \"a\"\nrate = \"3 usd/h\"\nover = \"10m\"\ndo = \"{verb}\"")
}

#[test]
fn a_window_has_the_words_of_the_calendar() {
    for (written, meant) in [
        ("daily", "day"),
        ("Weekly", "week"),
        ("monthly", "month"),
        ("per month", "month"),
        ("quarterly", "quarter"),
        ("annual", "year"),
        ("hourly", "1h"),
        ("hour", "1h"),
        ("forever", "total"),
    ] {
        let said = (format!("`{written}` is not a window"), format!("did you mean `{meant}`?"));
        assert_eq!(told(&windowed(written)), [said]);
    }
    assert_eq!(told(&windowed("1M")), [("`1M` is not a window".into(), "write `month`, or `1m` for a minute".into())]);
    assert!(told(&windowed("run"))[0].1.starts_with("leave `window` out"));
}

#[test]
fn when_a_step_applies_is_said_in_what_is_spent_or_left() {
    let at = |at: &str| steps(&format!("{{ at = \"{at}\", do = \"stop\" }}"));
    each_is_told_once(&[
        (at("80"), "`80` does not say when", "write `80%`"),
        (at("0.8"), "`0.8` does not say when", "write `80%`"),
        (at("80 percent"), "`80 percent` does not say when", "write `80%`"),
        (at("limit"), "`limit` does not say when", "write `100%`"),
        (at("2 usd"), "`2 usd` does not say when", "write `2 usd left`, or a share of the limit, such as `80%`"),
        (
            at("2 usd remaining"),
            "`2 usd remaining` does not say when",
            "write `2 usd left`, or a share of the limit, such as `80%`",
        ),
        (at("0 usd left"), "`0 usd left` is the limit itself", "write `100%`"),
        (at("20% left"), "`20% left` is a share, and no amount", "write `80%`: shares are of what is spent"),
    ]);
}

#[test]
fn what_steps_alerts_and_gates_can_do_is_said_of_each() {
    const STEPS: &str = "known are `warn`, `steer`, `throttle`, `route`, `ask`, `stop`, `kill` and `decide`";
    const ALERTS: &str = "known are `warn`, `steer`, `throttle`, `route`, `ask`, `stop` and `kill`";
    let step = |verb: &str| steps(&format!("{{ at = \"100%\", do = \"{verb}\" }}"));
    let deny = "write `stop`, or `ask`: `deny` is what a `[[gate]]` does to single calls";
    each_is_told_once(&[
        (step("deny"), "`deny` is nothing that a step can do", deny),
        (step("pause"), "`pause` is nothing that a step can do", &format!("write `ask`; {STEPS}")),
        (step("allow"), "`allow` is nothing that a step can do", STEPS),
        (alert("deny"), "`deny` is nothing that an alert can do", deny),
        (alert("block"), "`block` is nothing that an alert can do", &format!("write `stop`; {ALERTS}")),
        (alert("extend"), "`extend` is nothing that an alert can do", ALERTS),
        (
            alert("hold"),
            "`hold` goes with `used = \"… plan …\"`",
            "only what a plan's own limit stops begins anew by itself: write `do = \"ask\"`",
        ),
        (gate("do = \"block\""), "`block` is nothing that a gate can do", "write `deny`"),
        (gate("do = \"confirm\""), "`confirm` is nothing that a gate can do", "write `ask`"),
        (
            gate("do = \"allow\""),
            "`allow` is nothing that a gate can do",
            "what no gate holds is let past: name exceptions of a gate with `not`",
        ),
    ]);
}

#[test]
fn a_misspelt_key_or_table_is_told_once_and_what_it_holds_is_checked() {
    let plural = "[[budgets]]\nname = \"b\"\npre = \"rnu\"\nlimt = \"5 florins\"\nsteps = [{ att = \"80\", do = \"warn\" }]\n\
        [model]\nlader = [\"-m\"]\n";
    assert_eq!(
        messages(plural),
        [
            "a policy has no key `budgets`",
            "`[[budget]]` has no key `pre`",
            "unknown `per` value `rnu`",
            "`[[budget]]` has no key `limt`",
            "`5 florins` is not a quantity",
            "a step has no key `att`",
            "`80` does not say when",
            "a policy has no key `model`",
            "`[models]` has no key `lader`",
            "`-m` is not the name of a model",
        ]
    );
    assert_eq!(told("[model]\n")[0].1, "did you mean `models`?");
    each_is_told_once(&[(
        "limit = \"5 usd\"".to_owned(),
        "a policy has no key `limit`",
        "write it below `[[budget]]`",
    )]);
}

#[test]
fn one_bracket_or_two_is_told_and_what_stands_below_is_checked() {
    let wrong = "name = \"b\"\nper = \"rnu\"\nlimit = \"5 usd\"\n";
    assert_eq!(
        told(&format!("[budget]\n{wrong}")),
        [
            ("`budget` must be a list of tables", "write `[[budget]]`, with two brackets: there can be several"),
            ("unknown `per` value `rnu`", "did you mean `run`?"),
        ]
        .map(|(message, hint)| (message.to_owned(), hint.to_owned()))
    );
    assert_eq!(
        told(&format!("[budget.each]\n{wrong}"))[0].1,
        "write `[[budget]]`, with two brackets, and `name = \"each\"` below it"
    );
    let models = "[[models]]\nladder = [\"-m\"]\n";
    assert_eq!(
        told(models)[0],
        (
            "`models` must be a table, not a list of tables".to_owned(),
            "write `[models]` with one bracket: there is only one".to_owned()
        )
    );
    assert_eq!(told(models)[1].0, "`-m` is not the name of a model");
    assert_eq!(
        told(&format!("{models}[[models]]\n"))[0].1,
        "write `[models]` once, with one bracket, and all of it below"
    );
}

#[test]
fn one_slip_in_a_tables_name_and_brackets_is_one_mistake_with_one_hint() {
    let by_model = |model: &str| {
        [(
            "prices stand by model, not in a list".to_owned(),
            format!("write `[prices.\"{model}\"]`, with one bracket, and the figures below it"),
        )]
    };
    for word in ["price", "prices"] {
        let text = format!("[[{word}]]\nmodel = \"gpt-9\"\ninput = 1.0\noutput = 2.0\n");
        assert_eq!(told(&text), by_model("gpt-9"), "{word}");
        assert_eq!(told(&format!("{text}{text}")), by_model("gpt-9"), "{word} twice");
        assert_eq!(told(&format!("[[{word}]]\ninput = 1.0\n")), by_model("gpt-6.1-sol"), "{word} without a model");
        let wrong = told(&text.replace("2.0", "\"two\""));
        assert_eq!((wrong.len(), &wrong[0]), (2, &by_model("gpt-9")[0]), "what stands below is checked");
    }
    assert_eq!(
        told("[[model]]\nladder = [\"gpt-6-luna\"]\n"),
        [(
            "`model` must be `models`, a table, not a list of tables".to_owned(),
            "write `[models]` with one bracket: there is only one".to_owned()
        )]
    );
}

#[test]
fn a_version_is_a_whole_number() {
    for (written, found) in [("1.0", "one with a decimal point"), ("\"1\"", "a text")] {
        let text = format!("version = {written}\n");
        let mistakes = load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap_err();
        assert_eq!(mistakes[0].message, format!("`version` must be a whole number, not {found}"));
    }
}

#[test]
fn what_is_no_toml_is_told_in_words_of_the_trade() {
    let text = "version = 1\nmode = “observe”\n\n[[budget]]\nname = \"each run”\n\n[[attribute]]\n\
        branch = \"(?<task>[A-Z]+-\\d+)\"\n\n[models]\nladder = []\nladder = [\"a\"]\n\n[ledger]\n\n[ledger]\nfresh = \"warn\"\n";
    let mistakes = load(vec![layer(Layer::User, text)], FlagRules::default()).unwrap_err();
    insta::assert_snapshot!(render(&mistakes, false));
    assert_eq!(
        told("[[attribute]]\nbranch = \"\\bx\"\nset = { team = \"a\" }"),
        [(
            "the text has control characters in it".to_owned(),
            "`\\b`, `\\t` and `\\n` are such in double quotes: write patterns in single quotes".to_owned()
        )]
    );
}

#[test]
fn a_table_that_is_written_twice_is_told_once_with_both_places() {
    let text = "version = 1\n[budget]\nname = \"a\"\nper = \"run\"\nlimit = \"5 usd\"\n[budget]\nname = \"b\"\nper = \"run\"\nlimit = \"6 usd\"\n";
    let mistakes = load(vec![layer(Layer::User, text)], FlagRules::default()).unwrap_err();
    let twice: Vec<_> = mistakes.iter().filter(|mistake| mistake.message.contains("twice")).collect();
    let [twice] = twice.as_slice() else { panic!("{}", render(&mistakes, false)) };
    assert_eq!((twice.message.as_str(), twice.line_and_column().0), ("`[budget]` is written twice", 6));
    assert!(twice.also.as_ref().is_some_and(|also| text[..also.span.start].matches('\n').count() == 1));
}

#[test]
fn a_fleet_file_and_a_policy_are_told_apart() {
    let fleet = "[budget]\nlimit = \"10 usd\"\n[[agent]]\nname = \"a\"\nprompt = \"x\"\n";
    each_is_told_once(&[(
        fleet.to_owned(),
        "this is a fleet file, not a policy: it has agents",
        "check it with `govern fleet FILE --plan`, which starts nothing",
    )]);
}
