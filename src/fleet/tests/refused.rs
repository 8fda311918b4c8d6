//! Fleets that are wrong, and what is said about them.

use super::*;

const EVERYTHING_WRONG: &str = r#"
concurrency = 0
colour = "blue"

[budget]
limit = "5 usd"
per   = "team"
steps = [{ at = "80%", do = "wran" }]

[agents]
team   = ""
tier   = "standrad"
prompt = "Do it."

[[agent]]
name   = "plan"
prompt = "Plan."
needs  = ["review"]
expect = { spend = "9 usd", minutes = "3 usd", time = "1h" }

[[agent]]
name   = "implement"
prompt = "Implement."
needs  = ["plan", "implemnt", "implement"]
folder = "ap"
codex  = ["--ephemeral"]
model  = "gpt-6.1-sool"

[[agent]]
name    = "review"
prompt  = "Review."
command = ["codex", "exec", "Review."]
needs   = ["implement", "implement"]

[[agent]]
name     = "plan"
command  = ["codex", "exec", "-m", "o3", "Plan again."]
tier     = "cheap"
priority = 10

[[agent]]
name     = "../../etc/passwd"
worktree = "feature..x"
folder   = "README.md"
retries  = 1000000000000000000000000

[[agent]]
name   = "document"
prompt = "-"
codex  = ["resume", "--last"]
model  = "o3"
needs  = ["reviw"]
folder = "README.md"
"#;

#[test]
fn all_mistakes_come_at_once_with_place_and_hint() {
    let mistakes = read(EVERYTHING_WRONG).unwrap_err();
    assert!(mistakes.iter().all(|mistake| !mistake.hint.is_empty()));
    insta::assert_snapshot!("everything_wrong", render(&mistakes, false));
}

#[test]
fn mistakes_of_the_policy_are_told_with_those_of_the_fleet() {
    let text = "version = 1\n[budget]\nlimit = \"5 usd\"\nname = \"ours\"\n[[agent]]\nname = \"a\"";
    let policy = "version = 1\ntimezone = \"Mars\"\n[[budget]]\nname = \"ours\"\nper = \"run\"\nlimit = \"1 usd\"\n";
    let mistakes = read_in("/work/shop", policy, text).unwrap_err();
    insta::assert_snapshot!("with_the_policy", render(&mistakes, false));
}

#[test]
fn what_is_no_toml_does_not_hide_the_other_mistakes() {
    let text = "[[agent]]\nname = plan\nprompt = \"x\"\n\n[[agent]]\nname = \"b\"\nprompt = \"\"\nneeds = [\"plan\"]\n";
    let said = messages(text);
    assert_eq!(said, ["`plan` is not in quotes", "`prompt` is empty"], "`plan` may be there, as it was meant");
}

#[test]
fn circles_are_told_once_as_a_path() {
    let circle = [
        agent("a", "needs = [\"b\"]"),
        agent("b", "needs = [\"c\"]"),
        agent("c", "needs = [\"a\"]"),
        agent("d", "needs = [\"a\"]"),
        agent("e", "needs = [\"f\", \"d\"]"),
        agent("f", "needs = [\"e\"]"),
    ];
    assert_eq!(
        messages(&circle.concat()),
        ["agents need one another: `a` → `b` → `c` → `a`", "agents need one another: `e` → `f` → `e`"]
    );
}

#[test]
fn each_mistake_is_told_in_one_sentence() {
    let one = |more: &str| agent("a", more);
    let told = |text: &str| format!("[[agent]]\nname = \"a\"\n{text}");
    let under = |limit: &str, more: &str| format!("[budget]\nlimit = \"{limit}\"\n{}", agent("a", more));
    let cases = [
        (String::new(), "the fleet has no agent"),
        (one("").replace("[[agent]]", "[agent]"), "`agent` must be a list of tables"),
        ("[[budget]]\nname = \"b\"\nper = \"rnu\"".to_owned(), "this is a policy, not a fleet file"),
        ("[models]\nladder = [\"-m\"]".to_owned(), "this is a policy, not a fleet file"),
        ("agent = 3".to_owned(), "`agent` must be a list of tables"),
        ("[[agent]]\nprompt = \"x\"".to_owned(), "the agent has no `name`"),
        ("[[agent]]\nname = 3\nprompt = \"x\"".to_owned(), "`name` must be a text, not a number"),
        (agent("", ""), "`` is not the name of an agent"),
        (agent(".hidden", ""), "`.hidden` is not the name of an agent"),
        (agent("a/b", ""), "`a/b` is not the name of an agent"),
        (agent(&"x".repeat(65), ""), &format!("`{}` is not the name of an agent", "x".repeat(65))),
        (told(""), "the agent has nothing to do"),
        (told("prompt = \" \""), "`prompt` is empty"),
        (told("prompt = \"a\\u0000b\""), "the text has control characters in it"),
        (told("command = []"), "`command` is empty"),
        (told("command = [\"\"]"), "`command` is empty"),
        (told("command = [\"codex\", 3]"), "`command` must be a list of texts, not a number"),
        (told("command = [\"codex\", \"x\"]\ncodex = [\"--json\"]"), "`codex` goes with `prompt`, not with `command`"),
        (one("codex = [\"--new\", \"value\"]"), "`codex` holds more than flags of `codex exec`"),
        (one("codex = [\"resume\", \"T1\"]"), "`codex` holds more than flags of `codex exec`"),
        (one("codex = [\"--\"]"), "`codex` holds more than flags of `codex exec`"),
        (one("check = \" \""), "`check` is empty"),
        (one("check = 3"), "`check` must be a text, not a number"),
        (one("check = \"make\"\ncheck_fails = \"agian\""), "`agian` says nothing about a check that fails"),
        (one("check = \"make\"\ncheck_within = \"soon\""), "`soon` is not a duration"),
        (one("check_fails = \"stop\""), "there is no `check` that this could be about"),
        (one("review = true"), "`review` must be a table, not true or false"),
        (one("review = { who = [\"alice\"] }"), "`review` has no key `who`"),
        (one("review = { else = \"go\" }"), "`go` is nothing that follows where nobody reviews"),
        (one("review = { wait = \"4\" }"), "`4` is not a duration"),
        (
            one("review = { approvers = [\"slack:U0123456789\"] }"),
            "a fleet's file does not say `slack:U0123456789`: a clone may name anybody's",
        ),
        (one("folder = \"app\"\nworktree = \"x\""), "there is a `folder` and a `worktree`"),
        (one("folder = \"\""), "`folder` names no folder"),
        (one("folder = \"nowhere\""), "`/work/shop/nowhere` is not there"),
        (one("folder = \"README.md\""), "`/work/shop/README.md` is no folder"),
        (one("worktree = \"-x\""), "`-x` is not the name of a branch"),
        (one("worktree = \"a..b\""), "`a..b` is not the name of a branch"),
        (one("worktree = \"a/.lock/b.lock\""), "`a/.lock/b.lock` is not the name of a branch"),
        (one("retries = 11"), "`retries` is out of bounds"),
        (one("retries = -1"), "`retries` is out of bounds"),
        (one("retries = \"one\""), "`retries` must be a whole number, not a text"),
        (one("priority = 10"), "`priority` is out of bounds"),
        (one("expect = { spend = \"20 minutes\" }"), "`20 minutes` is not money or tokens"),
        (one("expect = { minutes = \"2 usd\" }"), "`2 usd` is not a time"),
        (one("expect = { responses = 0 }"), "`responses` is out of bounds"),
        (one("expect = { cost = \"1 usd\" }"), "`expect` has no key `cost`"),
        (one("tier = \"huge\""), "there is no tier `huge`"),
        (one("tier = \"cheap\"\nmodel = \"gpt-6-luna\""), "there is a `tier` and a `model`"),
        (one("model = \"-m\""), "`-m` is not the name of a model"),
        (one("model = \"o3\""), "`o3` is not among the models that the policy allows"),
        (one("model = \"gpt-6-lune\""), "the price table does not know `gpt-6-lune`"),
        (under("1 usd", "model = \"gpt-6-lune\""), "`gpt-6-lune` has no price, so a limit in money cannot be kept"),
        (
            one("tier = \"cheap\"\ncodex = [\"-m\", \"gpt-6-astra\"]"),
            "the agent cannot start on `gpt-6-luna`: its command line asks for `gpt-6-astra` already",
        ),
        (
            told("tier = \"cheap\"\ncommand = [\"make\", \"x\"]"),
            "the agent cannot start on `gpt-6-luna`: `make` is not Codex itself",
        ),
        (
            told("tier = \"cheap\"\ncommand = [\"codex\", \"review\"]"),
            "the agent cannot start on `gpt-6-luna`: `codex review` takes no model from its command line",
        ),
        (
            under("1 usd", "codex = [\"--ephemeral\"]"),
            "`--ephemeral`, or a thread store in memory, writes no session file, and this Codex does not tell hooks what its requests use, so its spend cannot be observed",
        ),
        (
            "[budget]\nlimit = \"1 usd\"\n[[agent]]\nname = \"a\"\ncommand = [\"make\", \"x\"]".to_owned(),
            "`make` is not Codex itself: no hook keeps a request of its agents from being sent",
        ),
        (
            "[budget]\nlimit = \"9 tool calls\"\n[[agent]]\nname = \"a\"\ncommand = [\"make\"]".to_owned(),
            "a limit in tool calls cannot be kept for a command that is not Codex itself",
        ),
        (under("1 usd", "expect = { spend = \"2 usd\" }"), "`a` expects $2.00: more than the whole limit of $1.00"),
        (
            under("9 responses", "expect = { responses = 10 }"),
            "`a` expects 10 responses: more than the whole limit of 9 responses",
        ),
        (format!("[budget]\nlimt = \"1 usd\"\n{}", one("")), "the `[budget]` of a fleet has no key `limt`"),
        (format!("[[budget]]\nlimit = \"1 usd\"\n{}", one("")), "`budget` must be a table, not a list of tables"),
        (format!("[agents]\nname = \"x\"\n{}", one("")), "`[agents]` has no key `name`"),
    ];
    for (text, message) in cases {
        let said = messages(&text);
        assert!(said.iter().any(|said| said == message), "{text}\n{said:?}");
        assert!(said.len() <= 2, "{text}\n{said:?}");
    }
}

#[test]
fn what_does_not_fit_the_budget_is_told_with_figures() {
    let fleet = |limit: &str, allot: &str, expects: &[&str]| {
        let agents = expects.iter().zip('a'..).map(|(expect, name)| {
            let expect = if expect.is_empty() { String::new() } else { format!("expect = {{ {expect} }}") };
            agent(&name.to_string(), &expect)
        });
        messages(&format!("[budget]\nlimit = \"{limit}\"\n{allot}\n{}", agents.collect::<String>()))
    };
    let (four, five) = ("spend = \"4 usd\"", "spend = \"5 usd\"");
    let by = |words: &str| format!("allot = {{ {words} }}");
    let expected = by("by = \"expected\", reserve = \"10%\"");
    assert_eq!(fleet("10 usd", &expected, &[four, five]), [""; 0], "exactly fits");
    assert_eq!(
        fleet("10 usd", &expected, &[five, five]),
        ["the agents expect $10.00 and $1.00 are kept in reserve: $1.00 more than $10.00"]
    );
    assert_eq!(
        fleet("8 usd", &by("by = \"expected\""), &[four, five]),
        ["the agents expect $9.00: $1.00 more than $8.00"]
    );
    assert_eq!(fleet("4 usd", &expected, &[four, five]), ["`b` expects $5.00: more than the whole limit of $4.00"]);
    assert_eq!(
        fleet("200k tok", &expected, &[four, ""]),
        ["nobody is allotted anything: no agent says what it expects in the limit's unit"]
    );
    let equal = by("by = \"equal\", reserve = \"10%\"");
    assert_eq!(fleet("10 usd", &equal, &[four, five]), ["`b` expects $5.00, and its equal part is $4.50"]);
    for shared in ["", &by("by = \"pool\"")] {
        assert_eq!(fleet("8 usd", shared, &[four, five]), ["the agents expect $9.00 together, and the limit is $8.00"]);
    }
}

#[test]
fn a_worktree_needs_a_repository() {
    let text = format!("version = 1\n{}", agent("a", "worktree = \"x\""));
    let mistakes = read_in("/plain", POLICY, &text).unwrap_err();
    assert_eq!(mistakes[0].message, "`/plain` is not in a git repository, so that it has no worktrees");
}

#[test]
fn what_agents_share_is_wrong_once() {
    let agents: String = ('a'..='e').map(|name| agent(&name.to_string(), "")).collect();
    assert_eq!(messages(&format!("[agents]\ntier = \"huge\"\nfolder = \"nowhere\"\n{agents}")).len(), 2);
}

#[test]
fn absurd_sizes_are_refused_in_bounded_time() {
    let many: String =
        (0..1_500).map(|number| agent(&format!("a{number}"), &format!("needs = [\"a{}\"]", number + 1))).collect();
    let said = messages(&many);
    assert!(said.contains(&"the fleet has 1000 agents, which is absurdly many".to_owned()), "{said:?}");
    let long = format!("[[agent]]\nname = \"a\"\nprompt = \"{}\"", "x".repeat(200_000));
    assert_eq!(messages(&long), ["`prompt` is longer than 100,000 bytes"]);
    let words = format!("[[agent]]\nname = \"a\"\ncommand = [{}]", "\"x\",".repeat(600));
    assert_eq!(messages(&words), ["`command` has more than 500 words"]);
    let huge = format!("{}#{}", agent("a", ""), "x".repeat(1 << 20));
    assert!(messages(&huge).contains(&"the fleet file is larger than 1 MiB".to_owned()));
}
