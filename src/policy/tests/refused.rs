//! Policies that are wrong, and what is said about them.

use super::*;
use crate::policy::diagnostic::render;
use crate::policy::mistake::Severity;

/// A run's budget with one more line, or one line instead of its own.
pub(super) fn budget(line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let lines = ["name = \"b\"", "per = \"run\"", "limit = \"5 usd\""];
    let kept = lines.iter().filter(|own| !own.starts_with(&format!("{key} =")));
    format!("[[budget]]\n{}\n{line}", kept.copied().collect::<Vec<_>>().join("\n"))
}

pub(super) fn steps(steps: &str) -> String {
    budget(&format!("steps = [{steps}]"))
}

/// A gate with one more line, or one line instead of its own.
pub(super) fn gate(line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let kept = ["name = \"g\"", "do = \"ask\"", "model = \"*\""]
        .into_iter()
        .filter(|own| !own.starts_with(&format!("{key} =")));
    format!("[[gate]]\n{}\n{line}", kept.collect::<Vec<_>>().join("\n"))
}

const TEN_MISTAKES: &str = r#"
timezone = "Europe/Berln"

[models]
ladder = ["gpt-6-astra", "gpt-6-astra"]
unpriced = "guess"

[[budget]]
name  = "each run"
per   = "rnu"
limit = "5 eur"
steps = [
  { at = "100%", do = "stop" },
  { at = "80%", do = "steer" },
]

[[budget]]
name   = "teams"
per    = "team"
limit  = "200 usd"
limits = { web = "2M tok" }
allot  = { per = "agent" }

[[budget]]
name  = "each run"
per   = "thread"
limt  = "3 usd"

[prices.gpt-6.1-sol]
input = 1.25
"#;

#[test]
fn all_mistakes_come_at_once_with_place_and_hint() {
    let mistakes = load(vec![layer(Layer::User, TEN_MISTAKES)], FlagRules::default()).unwrap_err();
    assert!(mistakes.len() >= 10);
    assert!(mistakes.iter().all(|mistake| !mistake.hint.is_empty()));
    insta::assert_snapshot!("ten_mistakes", render(&mistakes, false));
}

#[test]
fn what_is_no_toml_does_not_hide_the_other_mistakes() {
    let text = "version = 1\ntimezone = Europe/Berlin\n\n[models]\nladder = [\"a\", \"b\"\n\n[[budget]]\nname = \"each run\nper = \"run\"\nlimit =\n\n[ledger]\nfresh = \"never\"\n";
    let mistakes = load(vec![layer(Layer::Repository, text)], FlagRules::default()).unwrap_err();
    insta::assert_snapshot!("not_toml", render(&mistakes, false));
}

#[test]
fn what_does_not_go_with_a_limit_on_sub_agents_is_refused() {
    let text = "[[budget]]\nname = \"few\"\nper = \"team\"\nwindow = \"day\"\nlimit = \"1.5 sub-agents\"\n\
        grace = \"10%\"\nsteps = [{ at = \"100%\", do = \"stop\" }]\nlimits = { web = \"3 deep\" }\n\
        allot = { by = \"equal\" }\n";
    insta::assert_snapshot!("spawn_limits", render(&load_one(text).unwrap_err(), false));
}

#[test]
fn whose_limit_it_is_is_said_value_by_value() {
    let limits =
        |limits: &str| budget(&format!("per = [\"team\", \"user\"]\nwindow = \"day\"\nlimits = {{ {limits} }}"));
    let all = limits(
        "web = \"1 usd\", \"web/\" = \"1 usd\", \"a/b/c\" = \"1 usd\", 'a\\b' = \"1 usd\", \"web/*\" = \"0 usd\"",
    );
    let mistakes = load_one(&all).unwrap_err();
    insta::assert_snapshot!("limit_keys", render(&mistakes, false));
    let wide = budget(
        "per = [\"team\", \"model\"]\nwindow = \"day\"\nonly = { model = [\"gpt-6*\"] }\nlimits = { \"web/o3\" = \"1 usd\" }",
    );
    assert_eq!(messages(&wide), ["the limit of `web/o3` can never apply: `only` leaves it out"]);
}

#[test]
fn each_mistake_is_told_in_one_sentence() {
    let cases = [
        (budget("limit = 5"), "`limit` must be a text, not a number"),
        (budget("limit = \"-5 usd\""), "`-5 usd` is less than nothing"),
        (budget("limit = \"99999999999999999 usd\""), "`99999999999999999 usd` is absurdly large"),
        (budget("name = \"\""), "`name` is empty"),
        (budget("name = \"--budget 5usd\""), "`--budget 5usd` is the name of a budget that a flag gives"),
        (budget("name = \"a\\u001b[2J\""), "the text has control characters in it"),
        (budget("per = \"rum\""), "unknown `per` value `rum`"),
        (budget("per = []"), "`per` is empty"),
        (budget("per = [\"run\", \"run\"]"), "`run` stands twice in `per`"),
        (budget("per = [\"run\", \"everything\"]"), "`everything` stands alone"),
        (budget("per = \"team\""), "the budget does not say its `window`"),
        (budget("window = \"fortnight\""), "`fortnight` is not a window"),
        (budget("window = \"0h\""), "`0h` must be more than zero"),
        (budget("window = { from = \"2027-01-01\", until = \"2026-01-01\" }"), "the window ends before it begins"),
        (budget("window = { from = \"soon\" }"), "`soon` is not a date"),
        (budget("window = {}"), "the window has neither `from` nor `until`"),
        (budget("grace = \"200%\""), "`200%` would let more than twice the limit past"),
        (budget("grace = \"ten\""), "`ten` is not a share"),
        (budget("mode = \"watch\""), "`watch` is no value of `mode`"),
        (budget("overridable = \"yes\""), "`overridable` must be true or false, not a text"),
        (budget("only = { color = [\"red\"] }"), "unknown `only` key `color`"),
        (budget("only = { branch = [\"[\"] }"), "`[` is not a pattern: unclosed character class; missing ']'"),
        (budget("steps = []"), "`steps` is empty: nothing would happen at the limit"),
        (steps("{ do = \"warn\" }"), "the step has no `at`"),
        (steps("{ at = \"80%\" }"), "the step has no `do`"),
        (steps("{ at = 80, do = \"warn\" }"), "`at` must be a text, not a number"),
        (steps("{ at = \"80\", do = \"warn\" }"), "`80` does not say when"),
        (steps("{ at = \"0%\", do = \"warn\" }"), "`0%` must be more than zero"),
        (steps("{ at = \"9k tok left\", do = \"warn\" }"), "`9k tok left` is not of the limit's unit, `usd`"),
        (steps("{ at = \"5 usd left\", do = \"warn\" }"), "`5 usd left` holds from the start: the limit is $5.00"),
        (steps("{ at = \"80%\", do = \"halt\" }"), "`halt` is nothing that a step can do"),
        (steps("{ at = \"80%\", do = \"stop\", wait = \"1h\" }"), "`wait` goes with `do = \"ask\"`, not with `stop`"),
        (steps("{ at = \"80%\", do = \"ask\", wait = \"long\" }"), "`long` is not a duration"),
        (
            steps("{ at = \"100%\", do = \"kill\", wrap_up = \"1 usd\" }"),
            "`wrap_up` goes with `do = \"stop\"`: nothing else ends an agent that could sum up first",
        ),
        (
            steps("{ at = \"100%\", do = \"stop\", wrap_up = \"9k tok\" }"),
            "`wrap_up` is 9k tok, and the budget counts `usd`",
        ),
        (
            steps("{ at = \"80%\", do = \"ask\", else = \"warn\" }"),
            "`else = \"warn\"` would leave the agent held without an end",
        ),
        (
            steps("{ at = \"80%\", do = \"stop\" }, { at = \"90%\", do = \"warn\" }"),
            "`warn` comes after `stop`, which is more severe",
        ),
        (budget("").replace("[[budget]]", "[budget]"), "`budget` must be a list of tables"),
        (budget("").replace("[[budget]]", "[budget.b]"), "`budget` must be a list of tables"),
        (budget("").replace("[[budget]]", "[[budgets]]"), "a policy has no key `budgets`"),
        (budget("limit = \"5 usd\"").replace("limit", "limt"), "`[[budget]]` has no key `limt`"),
        ("mode = \"dry\"".to_owned(), "`dry` is no value of `mode`"),
        ("timezone = \"Mars\"".to_owned(), "`Mars` is not a time zone"),
        ("[ledger]\nfresh = \"panic\"".to_owned(), "`panic` is no value of `fresh`"),
        ("[models]\nallow = []".to_owned(), "`allow` is empty: no model could be used"),
        ("[models]\nladder = [\"-m\"]".to_owned(), "`-m` is not the name of a model"),
        ("[models]\nladder = [{ effort = \"low\" }]".to_owned(), "the rung has no `model`"),
        ("[models]\ntiers = { big = 3 }".to_owned(), "`big` must be the name of a model, not a number"),
        ("[models]\ntiers = { big = \"-m\" }".to_owned(), "`-m` is not the name of a model"),
        ("[models]\ntiers = { \"very big\" = \"a\" }".to_owned(), "`very big` is not the name of a tier"),
        ("[models]\nunpriced = \"as:\"".to_owned(), "`` is not the name of a model"),
        ("[approvals]\nmax_extend = \"much\"".to_owned(), "`much` is not a quantity"),
        ("[prices.x]\ninput = -1\noutput = 1".to_owned(), "`-1` is less than nothing"),
        (
            "[prices.x]\ninput = 0.00000000001\noutput = 1".to_owned(),
            "`0.00000000001` has more than nine decimal places",
        ),
        ("[prices.x]\ninput = 1".to_owned(), "the price has no `output`"),
        (
            "[prices.x]\ninput = 1\noutput = 1\nrates = [{ input = 1, output = 1 }]".to_owned(),
            "the price has `input` and `rates`",
        ),
        ("[prices.x]\npriced_as = \"gpt-6-sol\"\nfast = 2".to_owned(), "`fast` has no effect beside `priced_as`"),
        ("[prices.x]\npriced_as = [{ since = 2027-01-01 }]".to_owned(), "the row has no `model`"),
        (
            "[prices.x]\nrates = [{ input = 1, output = 1 }, { input = 2, output = 2 }]".to_owned(),
            "rows stand oldest first, each with its own `since`",
        ),
        ("[prices.x]\nrates = []".to_owned(), "the price has no rates"),
        ("[prices.x]\nrates = [{ since = \"soon\", input = 1, output = 1 }]".to_owned(), "`soon` is not a day"),
        ("[prices.x]\ninput = 1\noutput = 1\nfast = \"2x\"".to_owned(), "`fast` must be a number, not a text"),
        (
            "[prices.x]\ninput = 1\noutput = 1\nfast = 1.00001".to_owned(),
            "`1.00001` is not a multiplier of at most three places",
        ),
        (
            "[prices.x]\ninput = 1\noutput = 1\nflex = { x = 2, input = 1 }".to_owned(),
            "a tier has either `x`, or `input` and `output`",
        ),
        ("[prices.x]\ninput = 1\noutput = 1\nflex = { input = 1 }".to_owned(), "the tier has no `output`"),
        ("[prices.gpt-6.1]\ninput = 1".to_owned(), "`gpt-6.1` is read as a table `1` in a table `gpt-6`"),
        (
            "[[attribute]]\nremote = \"git@github.com:acme/*\"\nset = { team = \"a\" }".to_owned(),
            "`git@github.com:acme/*` can never match: remotes are compared as `host/path`",
        ),
        ("[[attribute]]\nbranch = '(?<ticket>x)'".to_owned(), "the group `ticket` fills nothing"),
        ("[[attribute]]\nset = { branch = \"x\" }".to_owned(), "a rule cannot set `branch`"),
        (
            "[[attribute]]\nbranch = '(?<task>x)'\nset = { task = \"x\" }".to_owned(),
            "`task` is set here and by a named group of `branch`",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
        assert!(load_one(&text).is_err(), "{text}");
    }
}

const WRONG_GATES: &str = r#"version = 1

[[gate]]
tool  = "Bash"
match = ["git push*", ""]
do    = "block"

[[gate]]
name       = "dear"
cost_above = "200k tok"
model      = "["
do         = "deny"
wait       = "15m"

[[gate]]
name  = "dear"
tools = ["Bash"]
only  = { teem = ["web"] }
do    = "ask"
else  = "allow"
wait  = "soon"
"#;

#[test]
fn all_mistakes_of_gates_come_at_once() {
    let mistakes = load(vec![layer(Layer::Repository, WRONG_GATES)], FlagRules::default()).unwrap_err();
    insta::assert_snapshot!("wrong_gates", render(&mistakes, false));
}

#[test]
fn each_mistake_of_a_gate_is_told_in_one_sentence() {
    let cases = [
        (gate("name = \"\""), "`name` is empty"),
        (gate("do = \"stop\""), "`stop` is nothing that a gate can do"),
        ("[[gate]]\nname = \"g\"".to_owned(), "the gate has no `do`"),
        ("[[gate]]\ndo = \"ask\"".to_owned(), "the gate has no `name`"),
        (gate("").replace("[[gate]]", "[gate]"), "`gate` must be a list of tables"),
        (gate("match = []"), "`match` is empty"),
        (gate("match = [3]"), "`match` must be a list of texts, not a number"),
        (gate("match = \" \""), "the pattern is empty"),
        (gate("args = []"), "`args` is empty"),
        (gate("args = [[]]"), "a list in `args` is empty"),
        (gate("args = [3]"), "`args` must be a list of texts, or of lists of texts, not a number"),
        (gate("args = [[\"-r\", 3]]"), "`args` must be a list of texts, or of lists of texts, not a number"),
        (gate("args = \" \""), "the pattern is empty"),
        (gate("args = \"-f origin\""), "`-f origin` is more than one argument, and each is compared by itself"),
        (gate("tool = 1"), "`tool` must be a list of texts, not a number"),
        (gate("paths = [\"[\"]"), "`[` is not a pattern: unclosed character class; missing ']'"),
        (gate("cost_above = \"5 responses\""), "`5 responses` is no amount of money"),
        (gate("else = \"allow\""), "`else = \"allow\"` would let past what nobody has answered"),
        (gate("else = \"warn\""), "`warn` is no value of `else`"),
        (gate("wait = \"long\""), "`long` is not a duration"),
        (gate("do = \"deny\"\nwait = \"1h\""), "`wait` goes with `do = \"ask\"`, not with `deny`"),
        (gate("mode = \"dry\""), "`dry` is no value of `mode`"),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
        assert!(load_one(&text).is_err(), "{text}");
    }
}

#[test]
fn a_gate_that_can_never_fire_is_a_warning() {
    let cases = [
        (gate("tool = \"apply_patch\"\nmatch = \"git*\""), "this gate can never fire: its tools run no commands"),
        (gate("tool = \"Bash\"\npaths = \"*.rs\""), "this gate can never fire: its tools touch no files by name"),
        (gate("tool = \"bash\""), "`bash` is nothing that hooks call a tool"),
        (gate("tool = \"exec_command\""), "`exec_command` is nothing that hooks call a tool"),
        (gate("match = \"cd x && git push*\""), "`cd x && git push*` can never match: `&&` stands between commands"),
        (
            gate("match = \"git commit -m 'x'\""),
            "`git commit -m 'x'` can hardly match: commands are compared without their quotes",
        ),
        (
            gate("match = \"CC=gcc make*\""),
            "`CC=gcc make*` can hardly match: commands are compared without assignments before them",
        ),
        (
            gate("match = \"echo * 2>/dev/sda\""),
            "`echo * 2>/dev/sda` can hardly match: commands are compared without redirections",
        ),
        (
            gate("match = \"$HOME/bin/x*\""),
            "`$HOME/bin/x*` can hardly match: commands are compared with the values of variables and substitutions",
        ),
        (gate("match = \"git push*\"\nnot = \"npm *\""), "`not` has `npm *`, which `match` does not have either"),
        (gate("not = \"*\""), "`not` lets every command past that can be read"),
        (gate("only = { team = [] }"), "the gate can never apply: no team matches an empty list"),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
        assert!(load_one(&text).is_ok(), "{text}");
    }
}

#[test]
fn each_mistake_of_a_later_versions_step_is_told_in_one_sentence() {
    let cases = [
        (steps("{ at = \"80%\", do = \"throttle\" }"), "the step does not say what it throttles `to`"),
        (steps("{ at = \"80%\", do = \"throttle\", to = 4 }"), "`to` must be a text, not a number"),
        (
            steps("{ at = \"80%\", do = \"throttle\", to = \"4 responses\" }"),
            "`4 responses` does not say in how long: a rate is an amount and a time, with `/` between them",
        ),
        (steps("{ at = \"80%\", do = \"throttle\", to = \"3 usd/h\" }"), "`3 usd/h` is no rate of responses or tokens"),
        (steps("{ at = \"80%\", do = \"throttle\", to = \"0 tok/m\" }"), "`0 tok/m` must be more than zero"),
        (
            steps("{ at = \"80%\", do = \"warn\", to = \"4 responses/m\" }"),
            "`to` goes with `do = \"throttle\"`, not with `warn`",
        ),
        (
            steps("{ at = \"80%\", do = \"route\", say = \"hurry\" }"),
            "`say` goes with `do = \"steer\"`, not with `route`",
        ),
        (steps("{ at = \"80%\", do = \"steer\", say = \"\" }"), "`say` is empty"),
        (
            steps("{ at = \"80%\", do = \"ask\", else = \"throttle\" }"),
            "`else = \"throttle\"` would leave the agent held without an end",
        ),
        (
            steps("{ at = \"80%\", do = \"route\" }, { at = \"90%\", do = \"steer\" }"),
            "`steer` comes after `route`, which is more severe",
        ),
        ("[models]\nservice_tiers = []".to_owned(), "`service_tiers` is empty: no request could be made"),
        ("[models]\nservice_tiers = [\"fats\"]".to_owned(), "`fats` is not a service tier"),
        (
            "[[budget]]\nname = \"b\"\nper = \"team\"\nlimit = \"60 tool calls\"".to_owned(),
            "the budget does not say its `window`",
        ),
    ];
    for (text, message) in cases {
        let mistakes = load_one(&text).unwrap_err();
        let errors: Vec<_> = mistakes.iter().filter(|mistake| mistake.severity == Severity::Error).collect();
        assert_eq!(errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>(), [message], "{text}");
    }
}

#[test]
fn what_can_never_be_meant_is_a_warning() {
    let cases = [
        (
            steps("{ at = \"100%\", do = \"stop\" }, { at = \"150%\", do = \"kill\" }"),
            "this step can never fire: `stop` keeps spend from going so far",
        ),
        (steps("{ at = \"150%\", do = \"stop\" }"), "this step comes after the limit: spend up to it is let past"),
        (
            steps("{ at = \"90%\", do = \"warn\" }, { at = \"80%\", do = \"stop\" }"),
            "this step can never fire: `stop` always comes first",
        ),
        (
            steps("{ at = \"50%\", do = \"warn\" }, { at = \"4 usd left\", do = \"stop\" }"),
            "this step can never fire: `stop` always comes first",
        ),
        (
            steps("{ at = \"80%\", do = \"kill\" }, { at = \"90%\", do = \"kill\" }"),
            "this step can never fire: `kill` has ended the agent before",
        ),
        (
            steps("{ at = \"100%\", do = \"route\" }"),
            "`route` has nowhere to go: there is no ladder of two or more models",
        ),
        (
            steps("{ at = \"80%\", do = \"ask\", else = \"route\" }"),
            "`route` has nowhere to go: there is no ladder of two or more models",
        ),
        (
            budget("per = \"everything\"\nwindow = \"day\"\nlimits = { web = \"1 usd\" }"),
            "`limits` can never apply: the budget is over everything",
        ),
        (budget("limits = { web = \"1 usd\" }"), "`limits` can never apply: nobody knows the id of a run beforehand"),
        (
            budget("per = \"team\"\nwindow = \"day\"\nonly = { team = [\"w*\"] }\nlimits = { infra = \"1 usd\" }"),
            "the limit of `infra` can never apply: `only` leaves it out",
        ),
        (budget("only = { branch = [] }"), "the budget can never apply: no branch matches an empty list"),
        ("[approvals]\napprovers = []".to_owned(), "`approvers` is empty: anyone with the ledger's rights may answer"),
        ("[[attribute]]\nfolder = \"~/x\"".to_owned(), "this rule sets nothing"),
        (
            "[models]\nladder = [\"a\", \"b\"]\nallow = [\"a\"]".to_owned(),
            "`route` can never take `b`: `allow` leaves it out",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(messages(&text), [message], "{text}");
        assert!(load_one(&text).is_ok(), "{text}");
    }
}

#[test]
fn a_repository_is_not_trusted_with_names_prices_and_time() {
    let text = "version = 1\ntimezone = \"UTC\"\n[models]\nunpriced = \"dearest\"\n[prices.x]\ninput = 0\noutput = 0\n\
        [[attribute]]\nset = { user = \"u\", team = \"t\", client = \"c\", project = \"p\", task = \"k\" }\n\
        [[attribute]]\nbranch = '(?<client>.*)'\n";
    let mistakes = load(vec![layer(Layer::Repository, text)], FlagRules::default()).unwrap_err();
    assert_eq!(mistakes.len(), 7);
    insta::assert_snapshot!("repository", render(&mistakes, false));
    for trusted in [Layer::System, Layer::User, Layer::Given] {
        assert!(load(vec![layer(trusted, text)], FlagRules::default()).is_ok(), "{trusted}");
    }
}

#[test]
fn a_person_needs_a_name_of_ones_own_and_a_door() {
    let person = |lines: &str| format!("version = 1\n[[person]]\n{lines}\n");
    let two = |one: &str, other: &str| format!("{}[[person]]\n{other}\n", person(one));
    for (text, said) in [
        (person("os = \"al\""), "the person has no `name`"),
        (person("name = \"alice\""), "nobody can come as this person: it has no name at any door"),
        (person("name = \"a:b\"\nos = \"al\""), "`name` has a colon in it"),
        (person("name = \"alice\"\nmail = \"alice\""), "`alice` is no mail address"),
        (person("name = \"alice\"\nos = 7"), "`os` must be a text, not a number"),
        (person("name = \"alice\"\nmial = \"a@b.c\""), "`[[person]]` has no key `mial`"),
        (two("name = \"a\"\nos = \"x\"", "name = \"a\"\nos = \"y\""), "there are two persons `a`"),
        (two("name = \"a\"\nos = \"x\"", "name = \"b\"\nos = \"x\""), "`a` and `b` have the same login"),
        (
            two("name = \"a\"\nmail = \"x@y.z\"", "name = \"b\"\nmail = \"X@Y.z\""),
            "`a` and `b` have the same mail address",
        ),
        (two("name = \"a\"\nos = \"b\"", "name = \"b\"\nos = \"x\""), "one of `a` and `b` logs in by the other's name"),
    ] {
        let mistakes = load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap_err();
        assert_eq!(mistakes[0].message, said, "{text}");
    }
    let names = "version = 1\n[approvals]\napprovers = [\"alice\", \"mail:a@b.c\", \"slack:U1\", \"slack-group:S9\"]\n";
    assert!(load(vec![layer(Layer::User, names)], FlagRules::default()).is_ok());
    let mistakes = load(vec![layer(Layer::Repository, names)], FlagRules::default()).unwrap_err();
    let said: Vec<_> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    let wrong = |door: &str| format!("a repository's file does not say `{door}:`: a clone may name anybody's");
    assert_eq!(said, ["mail", "slack", "slack-group"].map(wrong));
}

#[test]
fn what_is_closed_to_a_repository_is_refused_by_name_whatever_stands_in_it() {
    let closed = [
        ("timezone = 7", "`timezone`"),
        ("on_failure = \"warn\"", "`on_failure`"),
        ("[prices]", "`[prices]`"),
        ("[governor]\nmodel = \"x\"", "`[governor]`, which asks a model at your cost"),
        ("[ledger]\nfresh = \"warn\"", "`[ledger]`"),
        ("[[person]]\nname = \"mallory\"", "`[[person]]`"),
        ("[notify.slack]\ntoken = \"x\"", "`[notify]`"),
        ("[serve]\nurl = \"https://x\"", "`[serve]`"),
        ("[shared]\nurl = \"x\"", "`[shared]`"),
        ("[gateway]\nmode = \"on\"", "`[gateway]`"),
        ("[[work]]\nas = \"test\"", "`[[work]]`"),
        ("[metrics]\nx = 1", "`[metrics]`"),
    ];
    for (text, what) in closed {
        let text = format!("version = 1\n{text}\n");
        let mistakes = load(vec![layer(Layer::Repository, &text)], FlagRules::default()).unwrap_err();
        let said: Vec<_> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
        assert_eq!(said, [format!("a repository's policy may not set {what}")], "{text}");
    }
    let open = "version = 1\nmode = \"observe\"\n[models]\nallow = [\"x\"]\n[approvals]\nmax_extend = \"1 usd\"\n\
        [[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"1 usd\"\n[[gate]]\nname = \"g\"\ndo = \"ask\"\n\
        [[alert]]\nname = \"a\"\nfailing = 3\ndo = \"warn\"\n\
        [[attribute]]\nset = { project = \"p\", task = \"t\", \"label:k\" = \"v\" }\n";
    assert!(load(vec![layer(Layer::Repository, open)], FlagRules::default()).is_ok());
}

#[test]
fn the_version_must_be_said() {
    for (text, message) in [
        ("", "the policy does not say its `version`"),
        ("version = 2", "this govern understands version 1, not 2"),
        ("version = \"1\"", "`version` must be a whole number, not a text"),
    ] {
        let mistakes = load(vec![layer(Layer::User, text)], FlagRules::default()).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{text}");
        assert_eq!(mistakes[0].message, message);
        assert_eq!(mistakes[0].severity, Severity::Error);
        assert!(render(&mistakes, false).contains("policy.toml:1:1") || text.starts_with("version"));
    }
}

#[test]
fn endless_mistakes_are_counted_not_shown() {
    let text = (0..2_000).map(|n| format!("k{n} = 1\n")).collect::<String>();
    let mistakes = load_one(&text).unwrap_err();
    assert_eq!(mistakes.len(), 2_000);
    assert!(render(&mistakes, false).ends_with("… and 1950 more\n"));
}

#[test]
fn an_endless_line_is_cut() {
    let text = format!("name = \"{}\"\n", "ä".repeat(200_000));
    assert!(render(&load_one(&text).unwrap_err(), true).len() < 20_000);
}

#[test]
fn what_nobody_wrote_by_hand_is_refused_in_bounded_time() {
    let budgets = (0..20_000).map(|n| format!("[[budget]]\nname = \"{n}\"\n")).collect::<String>();
    let steps = format!("[[budget]]\nsteps = [{}]", "{ at = \"1 usd left\", do = \"warn\" },".repeat(20_000));
    let names = (0..50_000).map(|n| format!("[{n}]\n")).collect::<String>();
    for text in [budgets, steps, names, "= ".repeat(500_000), "a=\n".repeat(200_000), "\"\n".repeat(400_000)] {
        let mistakes = load_one(&text).unwrap_err();
        let _ = render(&mistakes, false);
    }
}

#[test]
fn no_text_of_a_policy_gives_orders_to_the_terminal_that_its_mistakes_are_told_on() {
    for order in ["\u{9b}31m", "\u{1b}[31m", "\u{90}q", "\u{85}"] {
        let text =
            format!("version = 1\n[[budget]]\nname = \"a{order}b\"\nper = \"{order}\"\nlimit = \"5 usd\"\n# {order}\n");
        let mistakes = load_one(&text).unwrap_err();
        let said = render(&mistakes, false);
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
}
