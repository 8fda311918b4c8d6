//! Several layers together.

use super::*;
use crate::model::{Quantity, Verb};
use crate::policy::diagnostic::render;
use crate::policy::rule::{Threshold, Unpriced};
use crate::usage::price::Price;

fn run_budget(name: &str, limit: &str, more: &str) -> String {
    format!("version = 1\n[[budget]]\nname = \"{name}\"\nper = \"run\"\nlimit = \"{limit}\"\n{more}\n")
}

fn join(layers: &[(Layer, &str)]) -> Result<Loaded, Vec<Mistake>> {
    load(layers.iter().map(|(of, text)| layer(*of, text)).collect(), FlagRules::default())
}

fn names(policy: &Policy) -> Vec<(String, Layer)> {
    policy.budgets.iter().map(|budget| (budget.name.to_string(), budget.layer)).collect()
}

fn flags(budgets: &[&str]) -> FlagRules {
    let budgets = budgets.iter().map(|typed| ((*typed).to_owned(), Quantity::parse(typed).unwrap())).collect();
    FlagRules { budgets, ..FlagRules::default() }
}

#[test]
fn rules_of_all_layers_add_up_outermost_first() {
    let (user, system) = (run_budget("mine", "5 usd", ""), run_budget("ours", "9 usd", ""));
    let loaded = join(&[(Layer::User, &user), (Layer::System, &system)]).unwrap();
    assert_eq!(names(&loaded.policy), [("ours".to_owned(), Layer::System), ("mine".to_owned(), Layer::User)]);
    let sources: Vec<Layer> = loaded.policy.sources.iter().map(|source| source.layer).collect();
    assert_eq!(sources, [Layer::System, Layer::User]);
}

#[test]
fn a_nearer_budget_replaces_an_outer_one_only_where_that_says_so() {
    let nearer = run_budget("each run", "50 usd", "");
    let closed = run_budget("each run", "5 usd", "");
    let mistakes = join(&[(Layer::System, &closed), (Layer::Repository, &nearer)]).unwrap_err();
    insta::assert_snapshot!("not_overridable", render(&mistakes, false));

    let open = run_budget("each run", "5 usd", "overridable = true");
    let loaded = join(&[(Layer::System, &open), (Layer::Repository, &nearer)]).unwrap();
    assert_eq!(names(&loaded.policy), [("each run".to_owned(), Layer::Repository)]);
    assert_eq!(loaded.policy.budgets[0].limit, Quantity::parse("50 usd").ok());

    // The one that replaced it closes it again.
    assert!(join(&[(Layer::System, &open), (Layer::User, &nearer), (Layer::Given, &closed)]).is_err());
}

#[test]
fn a_repository_that_only_observes_weakens_no_outer_rule() {
    let open = run_budget("each run", "5 usd", "overridable = true");
    for (top, of_budget) in [("", "mode = \"observe\""), ("mode = \"observe\"\n", "")] {
        let nearer = run_budget("each run", "50 usd", of_budget).replacen('\n', &format!("\n{top}"), 1);
        let mistakes = join(&[(Layer::User, &open), (Layer::Repository, &nearer)]).unwrap_err();
        let said: Vec<_> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
        assert_eq!(
            said,
            [
                "`each run` would only observe, in place of a budget of /home/ann/.config/govern/policy.toml that is enforced"
            ]
        );
        // Whoever types `--policy` may, and so may a repository where the outer file observes itself.
        assert!(join(&[(Layer::User, &open), (Layer::Given, &nearer)]).is_ok());
        let observed = open.replacen('\n', "\nmode = \"observe\"\n", 1);
        assert!(join(&[(Layer::User, &observed), (Layer::Repository, &nearer)]).unwrap().policy.budgets[0].observe);
    }
    let closed = run_budget("mine", "5 usd", "");
    for outer in [closed.as_str(), "version = 1\n[models]\nallow = [\"gpt-6*\"]\n"] {
        let nearer = format!("{}\n", run_budget("theirs", "1 usd", "").replacen('\n', "\nmode = \"observe\"\n", 1));
        let policy = join(&[(Layer::User, outer), (Layer::Repository, &nearer)]).unwrap().policy;
        assert!(!policy.observe);
        assert!(policy.budgets.iter().all(|budget| budget.observe == (budget.layer == Layer::Repository)));
    }
}

#[test]
fn gates_of_all_layers_add_up_and_none_replaces_another() {
    let gate = |name: &str| format!("version = 1\n[[gate]]\nname = \"{name}\"\ntool = \"*\"\ndo = \"deny\"\n");
    let (system, repository) = (gate("ours"), gate("theirs"));
    let loaded = join(&[(Layer::Repository, &repository), (Layer::System, &system)]).unwrap();
    let gates: Vec<_> = loaded.policy.gates.iter().map(|gate| (gate.name.as_str(), gate.layer)).collect();
    assert_eq!(gates, [("ours", Layer::System), ("theirs", Layer::Repository)]);

    let mistakes = join(&[(Layer::System, &system), (Layer::Repository, &system)]).unwrap_err();
    insta::assert_snapshot!("gate_named_twice", render(&mistakes, false));
}

#[test]
fn a_gate_that_enforces_keeps_the_policy_from_only_observing() {
    let gate = "[[gate]]\nname = \"g\"\ndo = \"deny\"\n";
    let observing = format!("version = 1\nmode = \"observe\"\n{gate}");
    let alone = join(&[(Layer::User, &observing)]).unwrap().policy;
    assert!(alone.observe && alone.gates[0].observe);
    let mixed = join(&[(Layer::User, &format!("{observing}mode = \"enforce\"\n"))]).unwrap().policy;
    assert!(!mixed.observe && !mixed.gates[0].observe);
}

#[test]
fn the_outermost_file_says_which_model_a_tier_stands_for() {
    let outer = "version = 1\n[models]\nallow = [\"gpt-6*\"]\ntiers = { cheap = \"gpt-6-luna\" }";
    let nearer = "version = 1\n[models]\ntiers = { cheap = \"gpt-6-astra\", dear = \"o3\" }";
    let loaded = join(&[(Layer::System, outer), (Layer::Repository, nearer)]).unwrap();
    let tiers: Vec<_> =
        loaded.policy.models.tiers.iter().map(|(tier, model)| (tier.as_str(), model.as_str())).collect();
    assert_eq!(tiers, [("cheap", "gpt-6-luna"), ("dear", "o3")]);
    let said: Vec<_> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "the tier `cheap` is `gpt-6-luna` in an outer file, and stays so",
            "no agent can start on `dear`: `allow` leaves `o3` out",
        ]
    );
}

#[test]
fn models_must_be_allowed_by_every_layer() {
    let outer = "version = 1\n[models]\nallow = [\"gpt-6*\", \"o3\"]";
    let nearer = "version = 1\n[models]\nallow = [\"*luna\", \"*\"]";
    let models = join(&[(Layer::System, outer), (Layer::Repository, nearer)]).unwrap().policy.models;
    assert!(models.allows("gpt-6-luna") && models.allows("o3") && !models.allows("gpt-5-luna"));
    assert!(join(&[]).unwrap().policy.models.allows("anything"));
}

#[test]
fn what_an_outer_layer_says_a_nearer_one_cannot_change() {
    let outer = "version = 1\ntimezone = \"Europe/Berlin\"\n[models]\nladder = [\"a\", \"b\"]\nunpriced = \"refuse\"\n\
        [approvals]\napprovers = [\"alice\"]\nmax_extend = \"20 usd\"\n[prices.m]\ninput = 1\noutput = 1\n[ledger]\nfresh = \"refuse\"\n";
    let nearer = "version = 1\ntimezone = \"UTC\"\n[models]\nladder = [\"b\", \"a\"]\nunpriced = \"dearest\"\n\
        [approvals]\napprovers = [\"mallory\"]\nmax_extend = \"99 usd\"\n[prices.m]\ninput = 0.5\noutput = 0.5\n[ledger]\nfresh = \"warn\"\n";
    let loaded = join(&[(Layer::System, outer), (Layer::Given, nearer)]).unwrap();
    let policy = &loaded.policy;
    assert_eq!(policy.timezone, chrono_tz::Tz::Europe__Berlin);
    assert_eq!(policy.models.ladder[0].model.as_str(), "a");
    assert_eq!(policy.models.unpriced, Unpriced::Refuse);
    assert_eq!(policy.approvals.approvers, ["alice"]);
    assert_eq!(policy.approvals.max_extend, Quantity::parse("20 usd").ok());
    let [price] = policy.prices.as_slice() else { panic!("{:?}", policy.prices) };
    assert!(matches!(&price.price, Price::Listed(rows) if rows[0].rates.input == crate::model::Money::from_usd(1)));
    assert_eq!(policy.fresh_ledger, crate::policy::rule::FreshLedger::Refuse);
    insta::assert_snapshot!("outer_stays", render(&loaded.warnings, false));
}

#[test]
fn persons_count_from_the_file_that_says_who_answers_or_from_outside_of_it() {
    let person = |name: &str, os: &str| format!("[[person]]\nname = \"{name}\"\nos = \"{os}\"\n");
    let named = "version = 1\n[approvals]\napprovers = [\"alice\"]\n";
    let plain = "version = 1\n";
    let joined = |system: &str, user: &str| {
        let loaded = join(&[(Layer::System, system), (Layer::User, user)]).unwrap();
        let persons: Vec<_> = loaded.policy.approvals.persons.into_iter().map(|person| person.name).collect();
        (persons, loaded.warnings.into_iter().map(|warning| warning.message).collect::<Vec<_>>())
    };
    let outside = "`alice` does not count: an outer file says who answers";
    let (alice, mallory) = (person("alice", "al"), person("alice", "mallory"));
    let table = [
        (format!("{named}{alice}"), plain.to_owned(), vec!["alice"], vec![]),
        (format!("{plain}{alice}"), named.to_owned(), vec!["alice"], vec![]),
        (named.to_owned(), format!("{plain}{mallory}"), vec![], vec![outside]),
        (format!("{plain}[approvals]\nnot_self = true\n"), format!("{plain}{alice}"), vec![], vec![outside]),
        (
            format!("{plain}{alice}"),
            format!("{plain}{mallory}"),
            vec!["alice"],
            vec!["there are two persons `alice`: the outer file's stays"],
        ),
        (format!("{plain}{alice}"), format!("{plain}{alice}"), vec!["alice"], vec![]),
    ];
    for (system, user, persons, warnings) in table {
        let (found, said) = joined(&system, &user);
        assert_eq!(found, persons, "{system}{user}");
        assert_eq!(said, warnings, "{system}{user}");
    }
    let given = join(&[(Layer::Given, &format!("{plain}{alice}"))]).unwrap();
    assert!(given.policy.approvals.persons.is_empty());
    assert_eq!(given.warnings[0].message, "`[[person]]` counts only in the machine's or your own policy");
}

#[test]
fn whoever_may_not_answer_for_themselves_may_not_by_a_nearer_file_either() {
    let strict = "version = 1\n[approvals]\nnot_self = true\n";
    let loose = "version = 1\n[approvals]\nnot_self = false\n";
    for (outer, nearer) in [(strict, loose), (loose, strict)] {
        let loaded = join(&[(Layer::System, outer), (Layer::Repository, nearer)]).unwrap();
        assert!(loaded.policy.approvals.not_self, "{outer}{nearer}");
    }
}

#[test]
fn a_nearer_layer_may_be_stricter() {
    let outer = "version = 1\n[models]\nunpriced = \"as:a\"\n[approvals]\nmax_extend = \"20 usd\"";
    let nearer = "version = 1\n[models]\nunpriced = \"dearest\"\n[approvals]\nmax_extend = \"5 usd\"";
    let loaded = join(&[(Layer::System, outer), (Layer::User, nearer)]).unwrap();
    assert!(loaded.warnings.is_empty());
    assert_eq!(loaded.policy.models.unpriced, Unpriced::Dearest);
    assert_eq!(loaded.policy.approvals.max_extend, Quantity::parse("5 usd").ok());
}

#[test]
fn a_flags_budget_is_per_run_and_named_as_typed() {
    let loaded = load(Vec::new(), flags(&["5usd", "200ktok", "5usd"])).unwrap();
    let policy = loaded.policy;
    assert_eq!(
        names(&policy),
        [("--budget 5usd".to_owned(), Layer::Flags), ("--budget 200ktok".to_owned(), Layer::Flags)]
    );
    let steps: Vec<_> = policy.budgets[0].steps.iter().map(|step| (step.at, step.verb)).collect();
    assert_eq!(steps, [(Threshold::Share(800), Verb::Warn), (Threshold::Share(1000), Verb::Ask)]);
    for verb in [Verb::Ask, Verb::Stop, Verb::Kill] {
        let policy = load(Vec::new(), FlagRules { at_limit: Some(verb), ..flags(&["5usd"]) }).unwrap().policy;
        assert_eq!(policy.budgets[0].steps[1].verb, verb);
    }
}

#[test]
fn observing_never_disarms_another_layers_rules() {
    let observing = run_budget("watched", "5 usd", "").replace("version = 1", "version = 1\nmode = \"observe\"");
    let enforcing = run_budget("bound", "5 usd", "");
    let alone = join(&[(Layer::User, &observing)]).unwrap().policy;
    assert!(alone.observe && alone.budgets[0].observe);

    let both = join(&[(Layer::System, &enforcing), (Layer::Repository, &observing)]).unwrap().policy;
    let observed: Vec<bool> = both.budgets.iter().map(|budget| budget.observe).collect();
    assert_eq!((both.observe, observed), (false, vec![false, true]));

    let with_flag = load(vec![layer(Layer::Repository, &observing)], flags(&["1usd"])).unwrap().policy;
    assert!(!with_flag.observe && !with_flag.budgets[1].observe);

    let asked_for = load(vec![layer(Layer::System, &enforcing)], FlagRules { observe: true, ..flags(&[]) }).unwrap();
    assert!(asked_for.policy.observe);
}

#[test]
fn a_file_that_observes_refuses_no_model() {
    let observing = "version = 1\nmode = \"observe\"\n[models]\nallow = [\"x\"]";
    let loaded = join(&[(Layer::User, observing), (Layer::Given, "version = 1")]).unwrap();
    assert!(loaded.policy.models.allows("y"));
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn the_digest_tells_texts_layers_and_flags_apart() {
    let one = run_budget("b", "5 usd", "");
    let loads = [
        load(vec![layer(Layer::User, &one)], flags(&[])),
        load(vec![layer(Layer::System, &one)], flags(&[])),
        load(vec![layer(Layer::User, &format!("{one}\n"))], flags(&[])),
        load(vec![layer(Layer::User, &one)], flags(&["5usd"])),
        load(vec![layer(Layer::User, &one)], FlagRules { observe: true, ..flags(&[]) }),
        load(vec![layer(Layer::User, &one)], FlagRules { at_limit: Some(Verb::Kill), ..flags(&[]) }),
    ];
    let mut digests: Vec<String> = loads.into_iter().map(|loaded| loaded.unwrap().policy.digest).collect();
    assert!(digests.iter().all(|digest| digest.len() == 64));
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 6);
}
