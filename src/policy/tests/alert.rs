//! Alerts that are right, in words, and alerts that are wrong.

use super::*;
use crate::policy::show::show;

/// An alert with one more line, or one line instead of its own.
fn alert(lines: &str) -> String {
    let keys: Vec<&str> = lines.lines().filter_map(|line| line.split('=').next()).map(str::trim).collect();
    let kept = ["name = \"a\"", "do = \"warn\""];
    let kept = kept.into_iter().filter(|own| !keys.iter().any(|key| own.starts_with(&format!("{key} ="))));
    format!("[[alert]]\n{}\n{lines}", kept.collect::<Vec<_>>().join("\n"))
}

const MONTHLY: &str = "[[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"200 usd\"\n";

#[test]
fn an_alert_says_what_it_looks_at_and_what_goes_with_that() {
    let run = "[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"5 usd\"\n";
    let cases = [
        (alert(""), "the alert does not say what it looks at"),
        (alert("failing = 3\nidle = \"5m\""), "the alert has `failing` and `idle`"),
        (alert("rate = \"3 usd/h\""), "the alert does not say `over` how long it looks at the `rate`"),
        (
            alert("rate = \"3 usd\"\nover = \"10m\""),
            "`3 usd` does not say in how long: a rate is an amount and a time, with `/` between them",
        ),
        (
            alert("rate = \"3 tool calls/h\"\nover = \"10m\""),
            "`3 tool calls/h` is no rate of money, tokens or responses",
        ),
        (alert("rate = \"3 usd/h\"\nover = \"soon\""), "`soon` is not a duration"),
        (alert("idle = \"5m\"\nover = \"10m\""), "`over` goes with `rate`"),
        (alert("pace = \"120%\""), "the alert does not say the `pace` `of` what"),
        (alert("pace = \"120%\"\nof = \"month\""), "there is no budget named `month`"),
        (
            format!("{run}\n{}", alert("pace = \"120%\"\nof = \"b\"")),
            "`b` has no even pace: its window has no start and end",
        ),
        (alert("spend = \"2 usd\""), "the alert does not say what is spent `without`"),
        (alert("spend = \"2 minutes\"\nwithout = \"changes\""), "`2 minutes` is nothing that responses add up to"),
        (alert("spend = \"2 usd\"\nwithout = \"luck\""), "`luck` is no value of `without`"),
        (alert("failing = 1"), "`failing = 1`: nothing is in a row before it comes twice"),
        (alert("failing = \"3\""), "`failing` must be a whole number, not a text"),
        (alert("context = \"130%\""), "`130%` is more than all of it"),
        (alert("cache_below = \"low\""), "`low` is not a share"),
        (alert("waiting = \"5 usd\""), "`5 usd` is no number of responses from 2 on"),
        (alert("waiting = \"1 responses\""), "`1 responses` is no number of responses from 2 on"),
        (alert("changed = \"luck\""), "`luck` is no value of `changed`"),
        (alert("used = \"80%\""), "`80%` is no share of a plan's limit"),
        (alert("used = \"80% plan moon\""), "`80% plan moon` names no limit of a plan"),
        (alert("idle = \"5m\"\ndo = \"hold\""), "`hold` goes with `used = \"… plan …\"`"),
        (alert("used = \"80% plan 5h\"\ndo = \"hold\""), "`hold` does not say until when"),
        (alert("used = \"80% plan 5h\"\nuntil = \"reset\""), "`until` goes with `do = \"hold\"`"),
        (alert("idle = \"5m\"\ndo = \"throttle\""), "the alert does not say what it throttles `to`"),
        (alert("idle = \"5m\"\ndo = \"warn\"\nwait = \"5m\""), "`wait` goes with `do = \"ask\"`, not with `warn`"),
        ("[[alert]]\nname = \"a\"\nidle = \"5m\"".to_owned(), "the alert has no `do`"),
        (alert("idle = \"5m\"\ndo = \"decide\""), "`decide` goes with a budget's step, not with an alert"),
        (alert("idle = \"5m\"\ndo = \"dance\""), "`dance` is nothing that an alert can do"),
        (alert("moed = \"observe\"\nfailing = 3"), "`[[alert]]` has no key `moed`"),
        (format!("{}\n{}", alert("failing = 3"), alert("failing = 3")), "there are two alerts named `a`"),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
    }
}

#[test]
fn every_kind_of_alert_is_understood_and_shown_in_words() {
    let kinds = [
        "rate = \"3 usd/h\"\nover = \"10m\"",
        "pace = \"120%\"\nof = \"month\"\ndo = \"steer\"",
        "faster = \"150%\"",
        "spend = \"2 usd\"\nwithout = \"changes\"\ndo = \"ask\"\nwait = \"5m\"\nelse = \"kill\"",
        "failing = 3\ndo = \"steer\"\nsay = \"Read the error first.\"",
        "repeated = 5\ndo = \"stop\"",
        "context = \"80%\"\nmode = \"observe\"",
        "cache_below = \"20%\"\nonly = { team = [\"web\"] }",
        "waiting = \"30 responses\"",
        "changed = \"model\"",
        "changed = \"price\"\ndo = \"ask\"\nwait = \"1h\"\nelse = \"stop\"",
        "idle = \"10m\"\ndo = \"throttle\"\nto = \"4 responses/m\"",
        "used = \"80% plan 5h\"\ndo = \"hold\"\nuntil = \"reset\"",
        "used = \"95% plan week\"",
    ];
    let alerts = kinds.iter().enumerate();
    let alerts = alerts.map(|(index, lines)| alert(&format!("name = \"a{index}\"\n{lines}")));
    let text = format!("version = 1\n{MONTHLY}{}", alerts.collect::<Vec<_>>().join("\n"));
    let loaded = load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap();
    assert_eq!(loaded.warnings, []);
    let shown = show(&loaded.policy);
    let from = shown.find("alert `a0`").unwrap();
    insta::assert_snapshot!(&shown[from..shown.find("\nmodels").unwrap()]);
}
