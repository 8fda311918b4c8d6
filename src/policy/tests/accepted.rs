//! Policies that are right, and what they mean.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Dimension, Money, Quantity, ServiceTier, Unit, Verb};
use crate::policy::rule::{Calendar, FreshLedger, Step, Threshold, Unpriced, Window};
use crate::policy::show::show;
use crate::policy::template::{TEMPLATE, Template, template_of_repository};
use crate::usage::price::{Price, Rates};

const SHIPPED: [(&str, &str); 6] = [
    ("init", TEMPLATE),
    ("solo", include_str!("../../../policies/solo.toml")),
    ("ci", include_str!("../../../policies/ci.toml")),
    ("team", include_str!("../../../policies/team.toml")),
    ("gated", include_str!("../../../policies/gated.toml")),
    ("alerts", include_str!("../../../policies/alerts.toml")),
];

/// The template with its rules switched on.
fn template_switched_on() -> String {
    switched_on(TEMPLATE)
}

fn switched_on(template: &str) -> String {
    let is_rule = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let lines = template.lines().map(|line| line.strip_prefix('#').filter(|rest| is_rule(rest)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// In words, whatever the digest is.
fn shown(policy: Policy) -> String {
    show(&Policy { digest: "…".to_owned(), ..policy })
}

#[test]
fn sub_agents_are_limited_by_number_and_by_depth() {
    let policy = policy(
        "[[budget]]\nname = \"few\"\nper = [\"run\", \"thread\"]\nlimit = \"20 sub-agents\"\n\
         [[budget]]\nname = \"shallow\"\nper = \"agent\"\nlimit = \"3 deep\"\nonly = { team = [\"web\"] }\n",
    );
    assert!(policy.limits_spawns() && !policy.observe && policy.budgets.is_empty());
    let shown = crate::policy::show::show(&policy);
    for line in [
        "budget `few` (user)\n  20 sub-agents per run and thread: one more is refused, and its model reads why\n",
        "budget `shallow` (user)\n  3 deep per agent: one more is refused, and its model reads why\n  binds only team web\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn any_one_rule_is_a_rule() {
    for rule in [
        "[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"1 usd\"\n",
        "[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"3 deep\"\n",
        "[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"3 sub-agents\"\nmode = \"observe\"\n",
        "[[budget]]\nname = \"b\"\nper = \"everything\"\nlimit = \"80% plan 5h\"\n",
        "[[gate]]\nname = \"g\"\ntool = \"Bash\"\ndo = \"deny\"\n",
        "[[alert]]\nname = \"a\"\nrate = \"3 usd/h\"\nover = \"10m\"\ndo = \"warn\"\n",
        "[models]\nallow = [\"gpt-6*\"]\n",
        "[models]\nservice_tiers = [\"standard\"]\n",
    ] {
        let policy = policy(rule);
        assert!(policy.has_rules(), "{rule}");
        assert!(!shown(policy).contains("nothing is stopped"), "{rule}");
    }
    for nothing in ["", "timezone = \"Europe/Berlin\"\n", "[models]\nladder = [\"gpt-6.1-sol\", \"gpt-6-luna\"]\n"] {
        assert!(!policy(nothing).has_rules(), "{nothing}");
    }
}

#[test]
fn a_list_s_limits_are_those_of_each_combination() {
    let policy = policy(
        "[[budget]]\nname = \"b\"\nper = [\"team\", \"user\"]\nwindow = \"day\"\nlimit = \"9 credits\"\n\
         limits = { \"web/alice\" = \"3 credits\", \"web/*\" = \"2 credits\", \"*/bob\" = \"0 credits\" }\n",
    );
    let limit = |team, user| policy.budgets[0].limit_for(&[team, user]).map(|limit| limit.to_string());
    for (team, user, is) in [
        (Some("web"), Some("alice"), "3 credits"),
        (Some("web"), Some("bob"), "2 credits"),
        (Some("infra"), Some("bob"), "0 credits"),
        (Some("infra"), Some("carol"), "9 credits"),
        (None, None, "9 credits"),
    ] {
        assert_eq!(limit(team, user).as_deref(), Some(is), "{team:?} {user:?}");
    }
}

#[test]
fn shipped_policies_are_accepted_without_a_warning() {
    for (name, text) in SHIPPED {
        let loaded = load(vec![layer(Layer::Given, text)], FlagRules::default());
        let mistakes = loaded.map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
        assert!(mistakes.is_empty(), "{name}:\n{}", crate::policy::diagnostic::render(&mistakes, false));
    }
}

#[test]
fn every_line_of_the_template_is_a_rule_that_can_be_switched_on() {
    let text = template_switched_on();
    assert!(text.matches("[[budget]]").count() == 2 && text.contains("\nmode = \"observe\""), "{text}");
    let loaded = load(vec![layer(Layer::Given, &text)], FlagRules::default());
    let mistakes = loaded.map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
    assert!(mistakes.is_empty(), "{}", crate::policy::diagnostic::render(&mistakes, false));
}

#[test]
fn the_template_of_a_repository_invites_to_nothing_that_it_may_not_say() {
    let template = template_of_repository();
    assert!(template.contains("`govern init --user`") && template.contains("\"each run here\""), "{template}");
    let text = switched_on(&template);
    assert!(text.matches("[[budget]]").count() == 2 && text.contains("\n[approvals]"), "{text}");
    let loaded = load(vec![layer(Layer::Repository, &text)], FlagRules::default());
    let mistakes = loaded.map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
    assert!(mistakes.is_empty(), "{}", crate::policy::diagnostic::render(&mistakes, false));
}

#[test]
fn policies_are_shown_in_words() {
    for (name, text) in SHIPPED.into_iter().skip(1) {
        let flags =
            FlagRules { budgets: vec![("5usd".to_owned(), Quantity::parse("5usd").unwrap())], ..FlagRules::default() };
        let loaded = load(vec![layer(Layer::Given, text)], flags).unwrap();
        insta::assert_snapshot!(format!("show_{name}"), shown(loaded.policy));
    }
    let all = load(vec![layer(Layer::User, &template_switched_on())], FlagRules::default()).unwrap();
    insta::assert_snapshot!("show_all_of_the_template", shown(all.policy));
}

#[test]
fn no_policy_is_a_policy_without_budgets() {
    let loaded = load(Vec::new(), FlagRules::default()).unwrap();
    let policy = loaded.policy;
    assert!(policy.budgets.is_empty() && policy.sources.is_empty() && !policy.observe && loaded.warnings.is_empty());
    assert_eq!((policy.timezone, &policy.models.unpriced), (chrono_tz::Tz::UTC, &Unpriced::Refuse));
    assert_eq!(policy.fresh_ledger, FreshLedger::Warn);
    insta::assert_snapshot!(show(&policy), @"
    from      nowhere: there is no policy file
    digest    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    time zone UTC

    no budgets: spend is metered, nothing is stopped

    models
      no ladder: `route` has nowhere to go
      without a price, under a limit in money: refused
    ");
}

#[test]
fn a_budget_without_steps_warns_and_then_asks() {
    let policy = policy("budget = [{ name = \"b\", per = \"run\", limit = \"5 usd\" }]");
    let [budget] = policy.budgets.as_slice() else { panic!("one budget") };
    let wait = Duration::from_secs(1_800);
    assert_eq!(
        budget.steps,
        [
            Step {
                at: Threshold::Share(800),
                verb: Verb::Warn,
                may: None,
                say: None,
                to: None,
                wait,
                otherwise: Verb::Stop,
                wrap_up: None,
                insists: false
            },
            Step {
                at: Threshold::Share(1000),
                verb: Verb::Ask,
                may: None,
                say: None,
                to: None,
                wait,
                otherwise: Verb::Stop,
                wrap_up: None,
                insists: false
            },
        ]
    );
    assert_eq!((&budget.window, budget.unit(), budget.grace), (&Window::Life, Unit::Usd, 0));
}

#[test]
fn the_limit_is_kept_by_the_last_step_that_asks_or_ends() {
    let all = |policy: &Policy| -> Vec<(Threshold, Verb)> {
        policy.budgets.iter().flat_map(|budget| &budget.steps).map(|step| (step.at, step.verb)).collect()
    };
    let left = Threshold::Left(10_000_000);
    for (written, kept) in [
        (
            "{ at = \"90%\", do = \"stop\" }",
            vec![(Threshold::Share(900), Verb::Stop), (Threshold::Share(1000), Verb::Stop)],
        ),
        ("{ at = \"0.01 usd left\", do = \"kill\" }", vec![(left, Verb::Kill), (Threshold::Share(1000), Verb::Kill)]),
        ("{ at = \"100%\", do = \"warn\" }", vec![(Threshold::Share(1000), Verb::Warn)]),
    ] {
        let policy =
            policy(&format!("budget = [{{ name = \"b\", per = \"run\", limit = \"5 usd\", steps = [{written}] }}]"));
        assert_eq!(all(&policy), kept, "{written}");
    }
}

#[test]
fn every_window_is_read() {
    let hour = Window::Rolling(Duration::from_secs(3_600));
    for (written, window) in [
        ("\"day\"", Window::Calendar(Calendar::Day)),
        ("\"week\"", Window::Calendar(Calendar::Week)),
        ("\"month\"", Window::Calendar(Calendar::Month)),
        ("\"quarter\"", Window::Calendar(Calendar::Quarter)),
        ("\"year\"", Window::Calendar(Calendar::Year)),
        ("\"1h\"", hour),
        ("\"total\"", Window::Total),
    ] {
        let text = format!("budget = [{{ name = \"b\", per = \"team\", window = {written}, limit = \"5 usd\" }}]");
        assert_eq!(policy(&text).budgets[0].window, window);
    }
    for dates in ["from = \"2026-12-01\", until = \"2027-01-15\"", "from = 2026-12-01, until = 2027-01-15"] {
        let window = format!("window = {{ {dates} }}");
        let text = format!(
            "timezone = \"Europe/Berlin\"\n[[budget]]\nname = \"b\"\nper = \"team\"\n{window}\nlimit = \"5 usd\""
        );
        let Window::Between(Some(from), Some(until)) = policy(&text).budgets[0].window else { panic!("{dates}") };
        assert_eq!(from.to_rfc3339(), "2026-11-30T23:00:00+00:00");
        assert_eq!(until.to_rfc3339(), "2027-01-14T23:00:00+00:00");
    }
}

#[test]
fn every_thing_to_count_per_is_read() {
    let per = |written: &str| {
        let text = format!("[[budget]]\nname = \"b\"\nper = {written}\nwindow = \"day\"\nlimit = \"50 responses\"");
        policy(&text).budgets[0].scope.per.clone()
    };
    assert_eq!(per("\"everything\""), []);
    assert_eq!(per("[\"team\", \"label:cost-center\"]"), [Dimension::Team, Dimension::Label("cost-center".to_owned())]);
    for word in ["run", "agent", "thread", "team", "project", "client", "user", "task", "model", "branch", "label:k"] {
        assert_eq!(per(&format!("\"{word}\"")), [Dimension::parse(word).unwrap()]);
    }
}

#[test]
fn prices_are_taken_exactly_as_written() {
    let policy = load_one(
        "[prices.\"gpt-6.1-sol\"]\ninput = 1.005\ncached_input = \"0.125\"\noutput = 10\n[prices.local]\ninput = 0\noutput = 0.0",
    )
    .unwrap()
    .policy;
    let usd = |text| Money::parse_decimal(text).unwrap();
    let listed = |index: usize| match &policy.prices[index].price {
        Price::Listed(rows) => rows[0].rates,
        Price::As(_) => panic!("rates of its own"),
    };
    assert_eq!(policy.prices[0].model.as_str(), "gpt-6.1-sol");
    assert_eq!(listed(0), Rates::new(usd("1.005"), Some(usd("0.125")), None, usd("10")));
    assert_eq!(listed(1), Rates::new(Money::ZERO, None, None, Money::ZERO));
}

#[test]
fn an_own_price_takes_all_that_the_list_takes() {
    let policy = policy(
        "[prices.\"gpt-6.3-sol\"]
rates = [{ input = 2, output = 10 }, { since = 2026-12-01, input = 1.5, cached_input = 0.1, output = 9 }]
long_context = true
fast = 2
flex = { input = 1, output = 5, long = false }
ultrafast = [{ x = 3 }, { since = \"2027-03-01\", x = 6.5 }]
[prices.ours]
priced_as = [{ model = \"gpt-6.1-sol\" }, { since = 2027-01-01, model = \"gpt-6.3-sol\" }]
[prices.theirs]
priced_as = \"gpt-6-luna\"",
    );
    let shown = shown(policy);
    let prices = &shown[shown.find("prices of your own").unwrap()..];
    insta::assert_snapshot!("own_prices", prices);
}

#[test]
fn a_warning_may_come_twice_and_so_may_a_route() {
    let policy = policy(
        "[models]\nladder = [\"gpt-6.1-sol\", \"gpt-6.1-terra\", \"gpt-6-luna\"]\n[[budget]]\nname = \"b\"\nper = \"run\"\nlimit = \"9 usd\"\nsteps = [
        { at = \"50%\", do = \"warn\" }, { at = \"60%\", do = \"warn\" },
        { at = \"70%\", do = \"route\" }, { at = \"1 usd left\", do = \"route\" },
        { at = \"95%\", do = \"stop\" }, { at = \"100%\", do = \"kill\" }]",
    );
    assert_eq!(policy.budgets[0].steps.len(), 6);
    assert_eq!(policy.budgets[0].steps[3].at, Threshold::Left(1_000_000_000));
}

#[test]
fn what_is_milder_than_an_end_is_read_and_shown_in_words() {
    let text = "[models]\nladder = [\"gpt-6.1-sol\", \"gpt-6.1-terra\"]\nservice_tiers = [\"standard\", \"flex\"]\n\
        [[budget]]\nname = \"mild\"\nper = \"run\"\nlimit = \"5 usd\"\nsteps = [
        { at = \"50%\", do = \"warn\" }, { at = \"60%\", do = \"steer\" },
        { at = \"70%\", do = \"steer\", say = \"commit what works\" },
        { at = \"80%\", do = \"throttle\", to = \"4 responses/m\" },
        { at = \"90%\", do = \"throttle\", to = \"20k tok / 10m\" },
        { at = \"95%\", do = \"route\" }, { at = \"100%\", do = \"stop\" }]\n\
        [[budget]]\nname = \"pace\"\nper = \"agent\"\nwindow = \"1m\"\nlimit = \"60 tool calls\"\n";
    let loaded = load_one(text).unwrap();
    assert!(loaded.warnings.is_empty());
    let tiers = [ServiceTier::Standard, ServiceTier::Flex, ServiceTier::Fast];
    assert_eq!(tiers.map(|tier| loaded.policy.models.allows_tier(&tier)), [true, true, false]);
    insta::assert_snapshot!("show_what_is_milder_than_an_end", shown(loaded.policy));
}

proptest! {
    #[test]
    fn arbitrary_text_never_makes_govern_panic(text in "(\\PC|\n){0,200}") {
        let mistakes = load_one(&text).map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
        let _ = crate::policy::diagnostic::render(&mistakes, true);
    }

    #[test]
    fn a_valid_policy_that_was_damaged_never_makes_govern_panic(
        which in 0..SHIPPED.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\"'=#%,.\n\u{1b}ä0-9a-z -]{0,4}", 0_usize..12), 1..6),
    ) {
        let mut text = if which == 0 { template_switched_on() } else { SHIPPED[which].1.to_owned() };
        for (place, inserted, removed) in damage {
            let start = text.floor_char_boundary(place.index(text.len().max(1)));
            let end = text.ceil_char_boundary((start + removed).min(text.len()));
            text.replace_range(start..end, &inserted);
        }
        match load(vec![layer(Layer::Repository, &text)], FlagRules::default()) {
            Ok(loaded) => {
                let _ = show(&loaded.policy);
            }
            Err(mistakes) => {
                let rendered = crate::policy::diagnostic::render(&mistakes, false);
                prop_assert!(rendered.contains("error"));
                prop_assert_eq!(rendered.find('\u{1b}'), None);
            }
        }
    }
}

#[test]
fn what_is_allotted_and_what_a_governor_may_choose_is_shown_in_words() {
    let all = policy(
        "[models]\nladder = [\"gpt-6.1-sol\", \"gpt-6.1-terra\"]\n\
         [[budget]]\nname = \"fleet\"\nper = \"run\"\nlimit = \"10 usd\"\nallot = { by = \"expected\", reserve = \"10%\" }\n\
         steps = [{ at = \"90%\", do = \"decide\", may = [\"steer\", \"throttle\"], to = \"4 responses/m\" }]\n\
         [[budget]]\nname = \"month\"\nper = \"team\"\nwindow = \"month\"\nlimit = \"2M tok\"\n\
         [budget.allot]\nper = \"agent\"\nby = \"equal\"\nsteps = [{ at = \"70%\", do = \"decide\", may = [\"extend\"], max_extend = \"50k tok\" },\
         { at = \"100%\", do = \"decide\", may = [\"stop\", \"ask\", \"extend\"], wait = \"5m\", else = \"kill\" }]\n\
         [[budget]]\nname = \"all\"\nper = \"everything\"\nwindow = \"total\"\nlimit = \"99 responses\"\nallot = { by = \"pool\" }\n",
    );
    insta::assert_snapshot!(shown(all));
}

#[test]
fn each_template_is_accepted_where_it_belongs_and_says_where_it_does_not() {
    for template in Template::ALL {
        let at = |stands: Layer| load(vec![layer(stands, template.text())], FlagRules::default()).is_ok();
        let name = template.name();
        assert!(at(template.home()), "{name} where it belongs");
        assert!(at(Layer::User) && at(Layer::System) && at(Layer::Given), "{name} as one's own");
        assert_eq!(at(Layer::Repository), template.not_in_a_repository().is_none(), "{name} in a repository");
    }
}

#[test]
fn ones_own_template_and_a_repositorys_apply_together() {
    let of = |layer: Layer| Template::ALL.into_iter().filter(move |template| template.home() == layer);
    for (own, here) in of(Layer::User).flat_map(|own| of(Layer::Repository).map(move |here| (own, here))) {
        let layers = vec![layer(Layer::User, own.text()), layer(Layer::Repository, here.text())];
        assert!(load(layers, FlagRules::default()).is_ok(), "{} and {}", own.name(), here.name());
    }
}

#[test]
fn how_many_have_to_say_yes_goes_by_what_is_lifted_and_the_largest_file_counts() {
    let text = |quorum: &str| format!("version = 1\n[approvals]\nquorum = {quorum}\n");
    let outer = text("{ people = 2, above = \"20 usd\" }");
    let inner = text("{ people = 3, above = \"50 usd\" }");
    let layers = vec![layer(Layer::User, &outer), layer(Layer::Repository, &inner)];
    let approvals = load(layers, FlagRules::default()).unwrap().policy.approvals;
    let usd = |text: &str| Some(crate::model::Quantity::parse(text).unwrap());
    for (lifting, people) in
        [(None, 1), (usd("20 usd"), 1), (usd("21 usd"), 2), (usd("60 usd"), 3), (usd("900k tok"), 1)]
    {
        assert_eq!(approvals.people_for(lifting), people, "{lifting:?}");
    }
    assert_eq!(policy("[approvals]\nquorum = { people = 2 }\n").approvals.people_for(None), 2);
    for (quorum, said) in
        [("{ above = \"20 usd\" }", "does not say how many"), ("{ people = 1 }", "people"), ("2", "quorum")]
    {
        let mistakes = load_one(&format!("[approvals]\nquorum = {quorum}\n")).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.message.contains(said)), "{quorum}: {mistakes:?}");
    }
    let few = load_one("[approvals]\napprovers = [\"alice\"]\nquorum = { people = 2 }\n").unwrap_err();
    assert_eq!(few[0].message, "2 have to say yes, and `approvers` names 1");
}
