//! Names in a policy of which nothing is known: keys of `limits` that are almost somebody's, and approvers that
//! nobody logs in by; and windows that are over.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::layers::Loaded;
use super::limit_key::LimitKey;
use super::mistake::{LayerText, Mistake, Notes, Span};
use super::rule::{Budget, Policy, Window};
use super::suggest;
use super::table::{Entry, Table};
use crate::model::{Dimension, Timestamp};

/// A warning for each value in a budget's `limits` that is unknown and near one that is known, at its place. `known` tells
/// what a dimension's values are, as far as the ledger has seen; the policy itself knows what its attribution rules set
/// and which models it names.
pub fn misspelt_limits(loaded: &Loaded, known: impl Fn(&Dimension) -> BTreeSet<String>) -> Vec<Mistake> {
    let mut said = Vec::new();
    for budget in loaded.policy.budgets.iter().filter(|budget| !budget.limits.is_empty()) {
        let keys = in_budget(&loaded.files, budget, |table| limits_of(table, budget));
        let Some((mut notes, keys)) = keys else { continue };
        for (place, dimension) in budget.scope.per.iter().enumerate() {
            let mut values = known(dimension);
            values.extend(named(&loaded.policy, dimension));
            let mut told = BTreeSet::new();
            for (key, span) in &keys {
                let Some(word) = key.parts().nth(place).flatten() else { continue };
                if values.contains(word) || !told.insert(word) {
                    continue;
                }
                if let Some(near) = suggest::nearest(word, values.iter().map(String::as_str)) {
                    let name = &budget.name;
                    let message = format!(
                        "`limits` of the budget `{name}` names the {dimension} `{word}`, of which nothing is known"
                    );
                    notes.warn(span, message, format!("did you mean `{near}`?"));
                }
            }
        }
        said.extend(notes.into_found());
    }
    said
}

/// A warning for each value in an `only` that is unknown and near one that is known, at its place: such a rule would be about
/// nobody. What `known` tells is as for [`misspelt_limits`].
pub fn misspelt_only(loaded: &Loaded, known: impl Fn(&Dimension) -> BTreeSet<String>) -> Vec<Mistake> {
    let mut said = Vec::new();
    for file in &loaded.files {
        let mut notes = Notes::new(Arc::clone(file));
        let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
        let whole = Table::new(&tree, 0..0);
        let rules = ["budget", "gate", "alert"].map(|kind| whole.tables(kind, &mut notes.silent()));
        let filters: Vec<Table<'_>> =
            rules.iter().flatten().filter_map(|rule| rule.table("only", "{}", &mut notes.silent())).collect();
        for filter in &filters {
            for Entry { key, .. } in filter.entries() {
                let Some(dimension) = Dimension::parse(key.value).filter(is_named) else { continue };
                let mut values = known(&dimension);
                values.extend(named(&loaded.policy, &dimension));
                let texts = filter.texts(key.value, "[]", &mut notes.silent());
                for text in texts.map(|texts| texts.value).unwrap_or_default() {
                    let is_pattern = text.value.contains(['*', '?', '[', '{']);
                    let near = suggest::nearest(text.value, values.iter().map(String::as_str));
                    if let Some(near) = near.filter(|_| !is_pattern && !values.contains(text.value)) {
                        let message =
                            format!("`only` names the {dimension} `{}`, of which nothing is known", text.value);
                        notes.warn(&text.span, message, format!("did you mean `{near}`?"));
                    }
                }
            }
        }
        said.extend(notes.into_found());
    }
    said
}

/// Its values are names that somebody gave, and that others may misspell. (Models are looked up in the price list.)
fn is_named(dimension: &Dimension) -> bool {
    !matches!(dimension, Dimension::Run | Dimension::Thread | Dimension::Model | Dimension::Work)
}

/// A warning for each of the approvers that is neither a person nor a login of this machine, at its place.
pub fn unknown_approvers(loaded: &Loaded, is_log_in: impl Fn(&str) -> bool) -> Vec<Mistake> {
    let mut said = Vec::new();
    for file in &loaded.files {
        let mut notes = Notes::new(Arc::clone(file));
        let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
        let approvals = Table::new(&tree, 0..0).table("approvals", "{}", &mut notes.silent());
        let texts = approvals.and_then(|table| table.texts("approvers", "[]", &mut notes.silent()));
        for text in texts.map(|texts| texts.value).unwrap_or_default() {
            let counts = loaded.policy.approvals.approvers.iter().any(|approver| approver == text.value);
            let known = text.value.contains(':')
                || loaded.policy.approvals.persons.iter().any(|person| person.name == text.value);
            if counts && !known && !is_log_in(text.value) {
                let message = format!("`approvers` names `{}`, whom this machine does not know", text.value);
                notes.warn(&text.span, message, "write the login that `id -un` shows, or the name of a `[[person]]`");
            }
        }
        said.extend(notes.into_found());
    }
    said
}

/// A warning where questions are put, and nobody who may answer is reached with one, at what says who may.
pub fn unreached_approvers(loaded: &Loaded, is_reached: bool) -> Vec<Mistake> {
    if is_reached || loaded.policy.approvals.wait_for_nobody {
        return Vec::new();
    }
    let message = "nobody who may answer is reached: a question waits for its `else` alone";
    let hint = "name a login of this machine, or send `question` to whoever may answer: `[[notify.route]]` to mail or \
                Slack, and a `[[person]]` who has that address";
    of_approvals(loaded, &["approvers", "not_self"], (message, hint))
}

/// A warning where several persons have to agree and no channel brings the answer of a second one: whoever is at the
/// terminals of one account is one person.
pub fn unreached_quorum(loaded: &Loaded, has_channel: bool) -> Vec<Mistake> {
    if has_channel || !loaded.policy.approvals.quorums.iter().any(|quorum| quorum.people > 1) {
        return Vec::new();
    }
    let message = "this can never be met: nothing brings a second person's answer here";
    let hint =
        "send `question` to whoever may answer: `[[notify.route]]` to mail or Slack, and a `[[person]]` for each";
    of_approvals(loaded, &["quorum"], (message, hint))
}

/// Warns at the first of these keys of the outermost `[approvals]` that has one.
fn of_approvals(loaded: &Loaded, keys: &[&str], (message, hint): (&str, &str)) -> Vec<Mistake> {
    for file in &loaded.files {
        let mut notes = Notes::new(Arc::clone(file));
        let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
        let Some(table) = Table::new(&tree, 0..0).table("approvals", "{}", &mut notes.silent()) else { continue };
        let Some(value) = keys.iter().find_map(|key| table.get(key)) else { continue };
        notes.warn(&value.span(), message, hint);
        return notes.into_found();
    }
    Vec::new()
}

/// A warning for each budget whose window is over, at that.
pub fn windows_that_are_over(loaded: &Loaded, now: Timestamp) -> Vec<Mistake> {
    let mut said = Vec::new();
    for budget in &loaded.policy.budgets {
        let Window::Between(_, Some(end)) = budget.window else { continue };
        let place = |table: &Table<'_>| Some(table.get("window")?.span());
        let Some((mut notes, span)) = in_budget(&loaded.files, budget, place).filter(|_| end <= now) else { continue };
        let end = end.with_timezone(&loaded.policy.timezone).format("%Y-%m-%d %H:%M");
        let message =
            format!("the window of the budget `{}` was over on {end}: it limits nothing any more", budget.name);
        notes.warn(&span, message, "give it another window, or leave the budget out");
        said.extend(notes.into_found());
    }
    said
}

/// What is read of a budget where it is written, and where to note what is wrong with it.
fn in_budget<T>(
    files: &[Arc<LayerText>],
    budget: &Budget,
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Option<(Notes, T)> {
    files.iter().filter(|file| file.layer == budget.layer).find_map(|file| {
        let notes = Notes::new(Arc::clone(file));
        let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
        let tables = Table::new(&tree, 0..0).tables("budget", &mut notes.silent());
        let is_it = |table: &Table<'_>| {
            let name = table.text("name", "\"each run\"", &mut notes.silent());
            name.is_some_and(|name| name.value == budget.name.as_str())
        };
        let found = read(&tables.into_iter().find(is_it)?)?;
        Some((notes, found))
    })
}

/// The keys of a budget's `limits` with their places, in the order in which they are written.
fn limits_of(table: &Table<'_>, budget: &Budget) -> Option<Vec<(LimitKey, Span)>> {
    let value = table.get("limits")?;
    let DeValue::Table(entries) = value.get_ref() else { return None };
    let keys = Table::new(entries, value.span()).entries().into_iter().filter_map(|Entry { key, .. }| {
        let read = LimitKey::parse(key.value, budget.scope.per.len()).ok()?;
        Some((read, key.span))
    });
    Some(keys.collect())
}

/// The values of a dimension that the policy names elsewhere.
fn named(policy: &Policy, dimension: &Dimension) -> BTreeSet<String> {
    let set = policy.attribute.iter().filter_map(|rule| rule.set.get(dimension)).map(str::to_owned);
    let ladder = policy.models.ladder.iter().map(|rung| &rung.model);
    let models = ladder.chain(policy.models.tiers.values());
    let models = models.filter(|_| *dimension == Dimension::Model).map(ToString::to_string);
    set.chain(models).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::diagnostic::render;
    use crate::policy::layers::{FlagRules, load};
    use crate::policy::mistake::{LayerText, Severity};
    use crate::policy::rule::Layer;

    #[test]
    fn an_approver_that_nobody_logs_in_by_is_told_with_its_place() {
        let text = "version = 1\n[approvals]\napprovers = [\"alice\", \"bbo\"]\n";
        let layers = vec![LayerText { layer: Layer::User, path: None, text: text.to_owned() }];
        let loaded = load(layers, FlagRules::default()).unwrap();
        insta::assert_snapshot!(render(&unknown_approvers(&loaded, |name| name == "alice"), false), @r#"
        warning: `approvers` names `bbo`, whom this machine does not know
         --> <user>:3:23
          |
        3 | approvers = ["alice", "bbo"]
          |                       ^^^^^
          |
          = hint: write the login that `id -un` shows, or the name of a `[[person]]`
        "#);
    }

    #[test]
    fn a_person_and_an_address_are_no_logins_and_known() {
        let text = "version = 1\n[approvals]\napprovers = [\"alice\", \"mail:lead@acme.example\"]\n\
            [[person]]\nname = \"alice\"\nmail = \"alice@acme.example\"\n";
        let file = LayerText { layer: Layer::User, path: None, text: text.to_owned() };
        let loaded = load(vec![file], FlagRules::default()).unwrap();
        assert!(unknown_approvers(&loaded, |_| false).is_empty());
    }

    #[test]
    fn a_slip_of_the_finger_is_told_and_a_newcomer_is_not() {
        let text = r#"
            version = 1
            [[budget]]
            name   = "teams"
            per    = ["team", "user"]
            window = "month"
            limit  = "1 usd"
            limits = { "wbe/*" = "5 usd", "web/alise" = "2 usd", "newcomers/*" = "3 usd", "infra/bob" = "4 usd" }
            [[attribute]]
            set = { team = "infra" }
        "#;
        let layers = vec![LayerText { layer: Layer::User, path: None, text: text.to_owned() }];
        let loaded = load(layers, FlagRules::default()).unwrap();
        let known = |dimension: &Dimension| match dimension {
            Dimension::Team => ["web".to_owned()].into(),
            Dimension::User => ["alice".to_owned(), "bob".to_owned()].into(),
            _ => BTreeSet::new(),
        };
        let said = misspelt_limits(&loaded, known);
        assert!(said.iter().all(|mistake| mistake.severity == Severity::Warning));
        insta::assert_snapshot!(render(&said, false), @r#"
        warning: `limits` of the budget `teams` names the team `wbe`, of which nothing is known
         --> <user>:8:24
          |
        8 |             limits = { "wbe/*" = "5 usd", "web/alise" = "2 usd", "newcomers/*" = "3 usd", "infra/bob" = "4 usd" }
          |                        ^^^^^^^
          |
          = hint: did you mean `web`?

        warning: `limits` of the budget `teams` names the user `alise`, of which nothing is known
         --> <user>:8:43
          |
        8 |             limits = { "wbe/*" = "5 usd", "web/alise" = "2 usd", "newcomers/*" = "3 usd", "infra/bob" = "4 usd" }
          |                                           ^^^^^^^^^^^
          |
          = hint: did you mean `alice`?
        "#);
        assert!(misspelt_limits(&loaded, |_| BTreeSet::new()).is_empty(), "nobody else is known");
    }

    #[test]
    fn a_rule_that_is_only_about_a_slip_of_the_finger_is_told() {
        let text = r#"
            version = 1
            [[budget]]
            name  = "web"
            per   = "run"
            limit = "1 usd"
            only  = { team = ["wbe", "we*"], user = ["bob", "newcomer"] }
            [[gate]]
            name  = "push"
            tool  = "Bash"
            match = "git push*"
            do    = "ask"
            only  = { team = "webb" }
        "#;
        let layers = vec![LayerText { layer: Layer::User, path: None, text: text.to_owned() }];
        let loaded = load(layers, FlagRules::default()).unwrap();
        let known = |dimension: &Dimension| match dimension {
            Dimension::Team => ["web".to_owned()].into(),
            Dimension::User => ["bob".to_owned()].into(),
            _ => BTreeSet::new(),
        };
        let said: Vec<String> = misspelt_only(&loaded, known).into_iter().map(|mistake| mistake.message).collect();
        let unknown = |name: &str| format!("`only` names the team `{name}`, of which nothing is known");
        assert_eq!(said, [unknown("wbe"), unknown("webb")]);
    }
}
