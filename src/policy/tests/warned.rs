//! Policies that can be obeyed, but cannot be meant: what is said about them, and what of them is left alone.

use super::refused::{budget, gate, steps};
use super::*;
use crate::policy::mistake::Severity;

/// What is said, each with its hint.
fn told(text: &str) -> Vec<(String, String)> {
    let text = format!("version = 1\n{text}\n");
    let loaded = load(vec![layer(Layer::User, &text)], FlagRules::default());
    let warnings = loaded.unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}")).warnings;
    assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning));
    warnings.into_iter().map(|warning| (warning.message, warning.hint)).collect()
}

/// Each text is warned of once, with this message and a hint that holds that; and what has no message, not at all.
#[track_caller]
fn expect(cases: &[(String, &str, &str)]) {
    for (text, message, hint) in cases {
        let told = told(text);
        match told.as_slice() {
            [] => assert_eq!("", *message, "{text}"),
            [(said, help)] => {
                assert_eq!(said, message, "{text}");
                assert!(help.contains(hint), "{text}\n{help}");
            }
            more => panic!("{text}\n{more:#?}"),
        }
    }
}

/// A budget per something, with limits of its own.
fn limits(per: &str, limits: &str) -> String {
    budget(&format!("per = {per}\nwindow = \"day\"\nlimits = {{ {limits} }}")).replacen("per = \"run\"\n", "", 1)
}

fn models(line: &str) -> String {
    format!("[models]\n{line}")
}

#[test]
fn a_pattern_where_values_are_named_as_they_are_is_told() {
    let branches = "a key of `limits` is the value itself: bind a budget with `only = { branch = [\"release/*\"] }`";
    expect(&[
        (
            limits("\"branch\"", "\"release/*\" = \"1 usd\""),
            "`release/*` is taken as it stands, and no branch is called so",
            branches,
        ),
        (
            limits("\"model\"", "\"gpt-6*\" = \"1 usd\""),
            "`gpt-6*` is taken as it stands, and no model is called so",
            "only = { model = [\"gpt-6*\"] }",
        ),
        (limits("\"team\"", "\"*\" = \"1 usd\""), "`*` is taken as it stands, and no team is called so", "`limit` is"),
        (
            limits("[\"team\", \"user\"]", "\"we?/*\" = \"1 usd\""),
            "`we?` is taken as it stands, and no team is called so",
            "only = { team = [\"we?\"] }",
        ),
        (
            limits("\"team\"", "\"web/alice\" = \"1 usd\""),
            "`web/alice` is one team: the budget is per one thing",
            "per = [\"team\", \"user\"]",
        ),
        (limits("\"branch\"", "\"feature/x\" = \"1 usd\""), "", ""),
        (limits("\"user\"", "\"bot[bot]\" = \"1 usd\""), "", ""),
        (limits("[\"team\", \"user\"]", "\"web/*\" = \"1 usd\", 'a\\*b/x' = \"1 usd\""), "", ""),
        (
            "[approvals]\napprovers = [\"team-*\"]".to_owned(),
            "`team-*` is taken as it stands, and nobody is called so",
            "name each",
        ),
        (
            "[[attribute]]\nset = { team = \"web-*\" }".to_owned(),
            "`web-*` is taken as it stands: spend would belong to a team of that name",
            "named group",
        ),
    ]);
}

#[test]
fn a_model_that_is_almost_one_of_the_price_list_is_told() {
    let terra = "did you mean `gpt-6.1-terra`?";
    let unknown = "`gpt-6.1-tera` is no model that the price list knows";
    expect(&[
        (models("ladder = [\"gpt-6.1-sol\", \"gpt-6.1-tera\"]"), unknown, terra),
        (models("tiers = { cheap = \"gpt-6.1-tera\" }"), unknown, terra),
        (models("unpriced = \"as:gpt-6.1-tera\""), unknown, terra),
        (models("allow = [\"gpt-6.1-tera\"]"), unknown, terra),
        (models("allow = [\"gtp-6*\"]"), "`gtp-6*` matches no model that the price list knows", "`gpt-6*`"),
        (budget("only = { model = [\"gpt-6.1-tera\"] }"), unknown, terra),
        ("[[gate]]\nname = \"g\"\ntool = \"Bash\"\ndo = \"ask\"\nmodel = \"gpt-6.1-tera\"".to_owned(), unknown, terra),
        (limits("\"model\"", "\"gpt-6.1-tera\" = \"1 usd\""), unknown, terra),
        ("[prices.\"gpt-6.1-tera\"]\ninput = 1\noutput = 1".to_owned(), unknown, terra),
        (models("allow = [\"my-own\", \"qwen*\", \"gpt-6*\", \"openai/*\", \"gpt-7*\"]"), "", ""),
        (
            models("ladder = [\"gpt-6.1-sol\", { model = \"gpt-6.1-terra\", effort = \"lowest\" }]"),
            "`lowest` is no reasoning effort of a model that is known",
            "`low`",
        ),
        (
            models("ladder = [\"gpt-6.1-sol\", { model = \"gpt-6.1-terra\", effort = \"tiny\" }]"),
            "`tiny` is no reasoning effort of a model that is known",
            "known are `none`, `minimal`, `low`",
        ),
    ]);
    // What has a price of its own is meant; its name may still be a slip.
    let own = format!("{}\n[prices.\"gpt-6.1-tera\"]\ninput = 1\noutput = 1", models("allow = [\"gpt-6.1-tera\"]"));
    assert_eq!(told(&own).len(), 1);
}

#[test]
fn a_rung_without_a_price_is_told_where_money_is_limited() {
    let ladder = models("ladder = [\"gpt-6.1-sol\", \"qwen9-house\"]");
    let money = budget("");
    let calls = money.replace("5 usd", "5 responses");
    let message = "`qwen9-house` has no price: under a limit of money its requests are refused";
    let priced = "[prices.\"qwen9-house\"]\ninput = 0.01\noutput = 0.01";
    let let_past = ladder.replace("[models]", "[models]\nunpriced = \"as:gpt-6.1-sol\"");
    expect(&[
        (format!("{money}\n{ladder}"), message, "`[prices]`"),
        (format!("{calls}\n{ladder}"), "", ""),
        (format!("{money}\n{ladder}\n{priced}"), "", ""),
        (format!("{money}\n{let_past}"), "", ""),
        (
            models("unpriced = \"as:qwen9-house\""),
            "`qwen9-house` has no price itself, so that what is counted as it has none",
            "`govern prices`",
        ),
    ]);
}

#[test]
fn a_grace_and_a_reserve_that_nothing_can_use_are_told() {
    let stop = |at: &str| format!("steps = [{{ at = \"{at}\", do = \"stop\" }}]");
    let three = budget("grace = \"5%\"").replace("5 usd", "3 responses");
    let divided = |by: &str| budget(&format!("allot = {{ by = \"{by}\", reserve = \"10%\" }}"));
    expect(&[
        (three.clone(), "`5%` of 3 responses is less than one: nothing goes past the limit", "larger share"),
        (three.replace("5%", "50%"), "", ""),
        (
            budget(&format!("grace = \"10%\"\n{}", stop("75%"))),
            "`grace` is never used: `stop` at 75% comes before the limit",
            "`100%`",
        ),
        (budget(&format!("grace = \"10%\"\n{}", stop("100%"))), "", ""),
        (divided("pool"), "`reserve` holds nothing back: `by = \"pool\"` hands nothing out at the start", "`by ="),
        (divided("equal"), "", ""),
    ]);
}

#[test]
fn what_a_newer_price_list_knows_is_no_warning() {
    let text = format!("version = 1\n{}\n", models("allow = [\"gpt-6.1-tera\", \"gpt-6.1-tery\"]"));
    let warnings = load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap().warnings;
    let newer = "version = \"2027-01-01\"\nsource = \"s\"\n[long_context]\nabove = 1\ninput = 2\noutput = 2\n\
        [[model]]\nname = \"gpt-6.1-tera\"\nrates = [{ input = 1, output = 1 }]\n";
    let list = crate::usage::price::PriceTable::parse(newer).unwrap();
    let left = crate::policy::layers::without_known(warnings, &list);
    let said: Vec<_> = left.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(said, ["`gpt-6.1-tery` is no model that the price list knows"]);
}

#[test]
fn a_ladder_that_does_not_go_down_is_told() {
    expect(&[
        (
            models("ladder = [\"gpt-6.1-terra\", \"gpt-6.1-sol\"]"),
            "`gpt-6.1-sol` costs more than `gpt-6.1-terra`, which stands before it",
            "from expensive to cheap",
        ),
        (models("ladder = [\"gpt-6.1-sol\", { model = \"gpt-6.1-sol\", effort = \"low\" }, \"gpt-6-luna\"]"), "", ""),
        (models("ladder = [\"gpt-6-luna\", \"my-own\"]"), "", ""),
        (
            format!("{}\n[prices.my-own]\ninput = 90\noutput = 90", models("ladder = [\"gpt-6-luna\", \"my-own\"]")),
            "`my-own` costs more than `gpt-6-luna`, which stands before it",
            "from expensive to cheap",
        ),
    ]);
}

#[test]
fn a_gate_that_holds_nothing_is_told_what_to_write() {
    expect(&[
        (
            gate("match = [\"git push\"]"),
            "`git push` matches these words alone, with nothing behind them",
            "write `git push*` for whatever follows",
        ),
        (gate("match = [\"git push\", \"git push *\"]"), "", ""),
        (gate("match = [\"git push*\"]\nnot = [\"git push --dry-run\"]"), "", ""),
        (
            gate("match = [\"^git push\"]"),
            "`^git push` is read as a glob, in which `^` stands for itself",
            "write `git push*`",
        ),
        (
            gate("match = ['git\\s+push.*$']"),
            "`git\\s+push.*$` is read as a glob, in which `$` stands for itself",
            "write `git push*`",
        ),
        (
            gate("match = [\"git push.*\"]"),
            "`git push.*` is read as a glob, in which `.` stands for itself",
            "write `git push*`",
        ),
        (
            gate("match = [\"git (push|fetch)*\"]"),
            "`git (push|fetch)*` is read as a glob, in which `|` stands for itself",
            "one pattern for each",
        ),
        (gate("match = [\"rm *.*\", \"cat */.*\", \"rm ?\"]"), "", ""),
        (gate("paths = [\"src/\"]"), "`src/` can never match: it is a folder, and patches name files", "`src/*`"),
        (gate("paths = [\"src\"]"), "`src` matches a file of that name, and nothing in a folder", "`src/*`"),
        (
            gate("paths = [\".github\"]"),
            "`.github` matches a file of that name, and nothing in a folder",
            "`.github/*`",
        ),
        (gate("paths = [\"./src/*\"]"), "`./src/*` can never match: paths are compared without `./`", "`src/*`"),
        (gate("paths = [\"../x/*\"]"), "`../x/*` matches only what a patch writes so", "`x/*`"),
        (gate("paths = [\"~/.ssh/*\"]"), "`~/.ssh/*` can never match: a patch does not write `~`", "`.ssh/*`"),
        (
            gate("paths = [\"/src/*\"]"),
            "`/src/*` is a path from the machine's root on, not from the repository's",
            "write `src/*`",
        ),
        (gate("paths = [\"^src/.*$\"]"), "`^src/.*$` is read as a glob, in which `^` stands for itself", "`src/*`"),
        (gate("paths = [\"/etc/*\", \"Makefile\", \"*.rs\", \".env\", \"makefile\", \"src/.*\", \"src/*\"]"), "", ""),
        (
            gate("match = [\"git push*\"]\nnot = [\"git push*\"]"),
            "this gate can never fire: `not` lets past all that `match` would catch",
            "name in `not` less",
        ),
        (
            gate("tool = \"mcp_jira_*\""),
            "`mcp_jira_*` is no name of an MCP server's tool: that is `mcp__SERVER__TOOL`, with two underscores",
            "did you mean `mcp__jira__*`?",
        ),
        (
            gate("tool = \"mcp__jira\""),
            "`mcp__jira` is no name of an MCP server's tool: that is `mcp__SERVER__TOOL`, with two underscores",
            "did you mean `mcp__jira__*`?",
        ),
        (gate("tool = [\"mcp__*\", \"mcp__jira__*\", \"mcp__jira*\", \"*\"]"), "", ""),
        (gate("tool = \"Bash|apply_patch\""), "`Bash|apply_patch` is read as a glob, and no tool is called so", "list"),
        (gate("tool = \"Edit\""), "`Edit` is nothing that hooks call a tool", "`apply_patch`"),
        (
            "[[gate]]\nname = \"g\"\ndo = \"ask\"".to_owned(),
            "the gate has no condition: every call of every tool meets it",
            "`tool = \"*\"`",
        ),
    ]);
}

#[test]
fn a_budget_that_does_nothing_at_its_limit_is_told() {
    let nothing = "nothing is done at the limit itself: no step asks or stops";
    let never = "this step can never fire: `stop` always comes first";
    expect(&[
        (steps("{ at = \"80%\", do = \"warn\" }"), nothing, "add `{ at = \"100%\", do = \"stop\" }`"),
        (steps("{ at = \"50%\", do = \"warn\" }, { at = \"1 usd left\", do = \"steer\" }"), nothing, "add"),
        (steps("{ at = \"80%\", do = \"warn\" }, { at = \"100%\", do = \"warn\" }"), "", ""),
        (steps("{ at = \"100%\", do = \"steer\" }"), nothing, "add"),
        (steps("{ at = \"100%\", do = \"throttle\", to = \"1 responses/m\" }"), nothing, "add"),
        (steps("{ at = \"80%\", do = \"stop\" }"), "", ""),
        (
            steps("{ at = \"100%\", do = \"ask\" }, { at = \"100%\", do = \"stop\" }"),
            never,
            "leave `stop` out, and write `else = \"stop\"` into the question",
        ),
        (
            steps("{ at = \"100%\", do = \"warn\" }, { at = \"100%\", do = \"stop\" }"),
            never,
            "give the milder step the lower share",
        ),
    ]);
    let ladder = models("ladder = [\"gpt-6.1-sol\", \"gpt-6-luna\"]");
    let routed = steps("{ at = \"100%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }");
    assert_eq!(told(&format!("{ladder}\n{routed}")), []);
}

#[test]
fn what_answers_may_add_in_a_unit_of_no_budget_is_told() {
    expect(&[
        (
            format!("{}\n[approvals]\nmax_extend = \"20k tok\"", budget("limit = \"5 usd\"")),
            "`max_extend` is 20k tok, and no budget counts in that",
            "in the unit of the budgets",
        ),
        (format!("{}\n[approvals]\nmax_extend = \"20 usd\"", budget("limit = \"5 usd\"")), "", ""),
        ("[approvals]\nmax_extend = \"20 usd\"".to_owned(), "", ""),
        (
            "[approvals]\napprovers = []".to_owned(),
            "`approvers` is empty: anyone with the ledger's rights may answer",
            "name who may answer",
        ),
        (
            "[prices.x]\ninput = 1\ncached_input = 1.5\noutput = 4".to_owned(),
            "cached input costs more than input that is not cached",
            "wrong way round",
        ),
    ]);
    assert_eq!(messages("[approvals]\napprovers = [1]"), ["`approvers` must be a list of texts, not a number"]);
}

#[test]
fn an_attribution_that_never_applies_is_told() {
    let rule = |line: &str| format!("[[attribute]]\nset = {{ team = \"web\" }}\n{line}");
    expect(&[
        (
            rule("branch = \"release/*\""),
            "`release/*` looks like a glob: `branch` is a regular expression, in which `*` repeats what stands before it",
            "write `'^release/'`",
        ),
        (rule("branch = '^release/.*'"), "", ""),
        (rule("branch = 'ab*c'"), "", ""),
        (
            rule("branch = \"refs/heads/main\""),
            "`refs/heads/main` can never match: a branch is compared without `refs/heads/`",
            "write `'^main$'`",
        ),
        (
            rule("folder = \"~/work/\""),
            "`~/work/` can never match: folders are compared without a `/` at the end",
            "write `~/work`",
        ),
        (
            rule("folder = \"work/acme\""),
            "`work/acme` is relative, and folders are compared from the root on",
            "write `~/work/acme`",
        ),
        (rule("folder = \"$HOME/work\""), "`$HOME/work` holds a variable, and none is filled in", "write `~/work`"),
        (rule("folder = \"*/acme\""), "", ""),
        (
            rule("remote = \"acme/repo\""),
            "`acme/repo` names no host: remotes are compared as `host/path`",
            "write `github.com/acme/repo`",
        ),
        (rule("remote = \"*/acme/*\""), "", ""),
        (rule("remote = \"/srv/git/*\""), "", ""),
    ]);
    // A host does not tell capital letters from small ones, nor do the names of GitHub's owners.
    let text = format!("version = 1\n{}\n", rule("remote = \"github.com/Acme/*\""));
    let rules = load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap().policy.attribute;
    let remotes = vec![crate::policy::attribute::normalise_remote("git@github.com:acme/X.git")];
    let place = crate::policy::attribute::StartedIn { remotes, ..Default::default() };
    assert_eq!(rules[0].matches(&place), crate::policy::attribute::Match::Whole);
}

#[test]
fn a_regular_expression_is_told_wherever_a_glob_is_read() {
    let gpt = "no regular expressions: write `gpt-6*`";
    let said = "`^gpt-6.*` is read as a glob, in which `^` stands for itself";
    let either = "`foo|bar` is read as a glob, in which `|` stands for itself";
    let each = "write one pattern for each: `foo`, `bar`";
    let home = "`/home/.*$` is read as a glob, in which `$` stands for itself";
    expect(&[
        (models("allow = [\"^gpt-6.*\"]"), said, gpt),
        (budget("only = { model = [\"^gpt-6.*\"] }"), said, gpt),
        (budget("only = { branch = [\"foo|bar\"] }"), either, each),
        (budget("only = { team = [\"foo|bar\"] }"), either, each),
        (gate("do = \"ask\"").replace("\"*\"", "\"^gpt-6.*\""), said, gpt),
        (gate("do = \"ask\"\ntool = \"Bash\"\nonly = { agent = [\"foo|bar\"] }"), either, each),
        (gate("do = \"ask\"\nmatch = [\"/home/.*$\"]"), home, "write `/home/*`"),
        (
            "[[alert]]\nname = \"a\"\nidle = \"10m\"\ndo = \"warn\"\nonly = { project = [\"foo|bar\"] }".to_owned(),
            either,
            each,
        ),
        ("[[attribute]]\nfolder = \"/home/.*$\"\nset = { team = \"x\" }".to_owned(), home, "write `/home/*`"),
        (
            "[[attribute]]\nfolder = \"^/home\"\nset = { team = \"x\" }".to_owned(),
            "`^/home` is read as a glob, in which `^` stands for itself",
            "write `/home*`",
        ),
        (
            "[[attribute]]\nremote = \"^github.com/acme/.*\"\nset = { team = \"x\" }".to_owned(),
            "`^github.com/acme/.*` is read as a glob, in which `^` stands for itself",
            "write `github.com/acme/*`",
        ),
        (
            "[approvals]\napprovers = [\"foo|bar\"]".to_owned(),
            "`foo|bar` is taken as it stands, and nobody is called so",
            "name each",
        ),
        (budget("only = { branch = [\"release/1.*\", \"{a,b}*\"] }"), "", ""),
        (
            budget("only = { model = [\"gpt6*\"] }"),
            "`gpt6*` matches no model that the price list knows",
            "did you mean `gpt-6*`?",
        ),
    ]);
}

#[test]
fn a_gate_that_its_own_exceptions_empty_and_one_on_what_calls_no_hook_are_told() {
    let covered = "this gate can never fire: `not` lets past all that `match` would catch";
    let on = |wanted: &str, except: &str| gate(&format!("do = \"ask\"\nmatch = [{wanted}]\nnot = [{except}]"));
    expect(&[
        (on("\"git push*\"", "\"git *\""), covered, "name in `not` less"),
        (on("\"git push --force*\", \"git push -f*\"", "\"git push*\""), covered, "name in `not` less"),
        (on("\"git push*\"", "\"git push*\""), covered, "name in `not` less"),
        (on("\"git push*\", \"npm publish*\"", "\"git push --dry-run*\""), "", ""),
        (
            gate("do = \"ask\"\ntool = \"write_stdin\""),
            "no gate can hold `write_stdin`: typing into a program that runs already calls no hook",
            "`tool = \"Bash\"`",
        ),
    ]);
}

#[test]
fn arguments_that_say_nothing_are_told() {
    expect(&[
        (gate("args = \"*\""), "`*` is any argument at all", "leave `args` out"),
        (gate("args = \"^-f\""), "`^-f` is read as a glob, in which `^` stands for itself", "no regular expressions"),
        (
            gate("tool = \"apply_patch\"\nargs = \"-f\""),
            "this gate can never fire: its tools run no commands",
            "add `Bash` to `tool`",
        ),
        (gate("args = [\"-f\", \"+*\", [\"-r\", \"-d\"]]"), "", ""),
        (gate("not_args = \"*\""), "`*` is any argument at all", "leave `not_args` out"),
        (gate("match = \"git push*\"\nnot = \"git push*\"\nnot_args = [\"--dry-run\", \"-n\"]"), "", ""),
    ]);
}

#[test]
fn a_price_by_which_no_limit_binds_is_told() {
    let price = |input: &str| format!("[prices.mine]\ninput = {input}\noutput = 10");
    let little = "`input` is less than a tenth of a cent for a million tokens";
    expect(&[
        (price("0"), "`input` costs nothing: no limit in money counts it", "in tokens"),
        (price("0.00000125"), little, "write `1.25`, if that is the price of one"),
        (price("0.0009"), little, "write `900.00`"),
        (price("0.01"), "", ""),
        (price("0").replace("10", "0"), "`input` and `output` cost nothing: no limit in money counts it", "in tokens"),
        ("[prices.mine]\ninput = 1\ncached_input = 0\noutput = 10".to_owned(), "", ""),
    ]);
}

#[test]
fn more_than_the_limit_to_sum_up_is_no_limit() {
    let steps = |amount: &str| steps(&format!("{{ at = \"100%\", do = \"stop\", wrap_up = \"{amount}\" }}"));
    assert_eq!(messages(&steps("6 usd")), ["`wrap_up` is more than the limit itself"]);
    let policy = policy(&steps("0.20 usd"));
    assert_eq!(policy.budgets[0].steps[0].wrap_up, Some(200_000_000));
    assert!(crate::policy::show::show(&policy).contains("at 100%: stop, after $0.20 more to commit and sum up"));
}
