//! What is said about a budget that cannot be divided, and about choices that nobody can make.

use super::messages;
use super::refused::{budget, steps};

#[test]
fn what_a_governor_may_not_choose_and_what_cannot_be_allotted_is_said() {
    let decide = |keys: &str| steps(&format!("{{ at = \"80%\", do = \"decide\", {keys} }}"));
    let allot = |keys: &str| budget(&format!("allot = {{ {keys} }}"));
    let extends =
        "{ by = \"equal\", steps = [{ at = \"80%\", do = \"decide\", may = [\"extend\"], max_extend = \"9k tok\" }] }";
    let cases = [
        (
            steps("{ at = \"80%\", do = \"extend\" }"),
            "`extend` is no step of its own: the governor chooses it where that helps",
        ),
        (steps("{ at = \"80%\", do = \"deny\" }"), "`deny` is nothing that a step can do"),
        (steps("{ at = \"100%\", do = \"warn\", may = [] }"), "`may` goes with `do = \"decide\"`, not with `warn`"),
        (
            steps("{ at = \"100%\", do = \"warn\", max_extend = \"1 usd\" }"),
            "`max_extend` goes with `do = \"decide\"`, not with `warn`",
        ),
        (steps("{ at = \"80%\", do = \"decide\" }"), "the step does not say what the governor `may` choose among"),
        (decide("may = []"), "`may` is empty: there is nothing to choose"),
        (decide("may = 3"), "`may` must be a list of texts, not a number"),
        (decide("may = [\"rout\"]"), "`rout` is nothing that the governor can choose"),
        (decide("may = [\"stop\", \"stop\"]"), "`stop` stands twice in `may`"),
        (decide("may = [\"warn\"], max_extend = \"1 usd\""), "`max_extend` goes with `extend`, which `may` leaves out"),
        (decide("may = [\"stop\"], wait = \"1h\""), "`wait` goes with `ask`, which `may` leaves out"),
        (decide("may = [\"throttle\"]"), "the step does not say what it throttles `to`"),
        (decide("may = [\"stop\"], to = \"4 responses/m\""), "`to` goes with `throttle`, which `may` leaves out"),
        (
            decide("may = [\"extend\", \"stop\"]"),
            "`extend` is never chosen here: it raises an agent's allotment from the pool, not the limit itself",
        ),
        (
            steps("{ at = \"80%\", do = \"decide\", may = [\"stop\", \"ask\"] }, { at = \"100%\", do = \"ask\" }"),
            "`ask` comes after `decide` (up to `stop`), which is more severe",
        ),
        (
            steps("{ at = \"50%\", do = \"ask\" }, { at = \"80%\", do = \"decide\", may = [\"warn\", \"stop\"] }"),
            "`decide` comes after `ask`, which holds or ends the agent before there is anything to choose",
        ),
        (budget(&format!("allot = {extends}")), "`9k tok` is not of the limit's unit, `usd`"),
        (budget("allot = 3"), "`allot` must be a table, not a number"),
        (allot("reserve = \"10%\""), "`allot` does not say what it divides the budget `by`"),
        (allot("by = \"need\""), "`need` is no value of `by`"),
        (allot("by = \"equal\", reserve = \"100%\""), "`100%` would leave nothing to hand out"),
        (allot("by = \"equal\", per = \"team\""), "a budget is divided among agents, not per `team`"),
        (allot("by = \"equal\", steps = []"), "`steps` is empty: nothing would happen at the limit"),
        (
            allot("by = \"pool\", steps = [{ at = \"80%\", do = \"warn\" }]"),
            "these steps can never fire: `by = \"pool\"` allots nothing to anybody",
        ),
        (
            "budget = [{ name = \"b\", per = \"agent\", limit = \"5 usd\", allot = { by = \"equal\" } }]".to_owned(),
            "`allot` divides a budget among agents, and this one is `per` agent already",
        ),
        (
            "budget = [{ name = \"b\", per = \"run\", limit = \"5 minutes\", allot = { by = \"equal\" } }]".to_owned(),
            "`minutes` are not divided among agents",
        ),
        (
            budget("only = { model = [\"a*\"] }\nallot = { by = \"equal\" }"),
            "`allot` divides a budget before any model answers, and nobody knows its model then",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
    }
}
