//! Pure. Limits of their own whose keys name nobody that is known, but almost somebody.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::layers::Loaded;
use super::limit_key::LimitKey;
use super::mistake::{LayerText, Mistake, Notes, Span};
use super::rule::{Budget, Policy};
use super::suggest;
use super::table::{Entry, Table};
use crate::model::Dimension;

/// A warning for each value in a budget's `limits` that is unknown and near one that is known, at its place. `known` tells
/// what a dimension's values are, as far as the ledger has seen; the policy itself knows what its attribution rules set
/// and which models it names.
pub fn misspelt_limits(loaded: &Loaded, known: impl Fn(&Dimension) -> BTreeSet<String>) -> Vec<Mistake> {
    let mut said = Vec::new();
    for budget in loaded.policy.budgets.iter().filter(|budget| !budget.limits.is_empty()) {
        let Some((mut notes, keys)) = written(&loaded.files, budget) else { continue };
        for (place, dimension) in budget.per.iter().enumerate() {
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

/// The keys of a budget's `limits` with their places, in the order in which they are written, and where to note what is
/// wrong with them.
fn written(files: &[Arc<LayerText>], budget: &Budget) -> Option<(Notes, Vec<(LimitKey, Span)>)> {
    files.iter().filter(|file| file.layer == budget.layer).find_map(|file| {
        let notes = Notes::new(Arc::clone(file));
        let tree = DeTable::parse_recoverable(&file.text).0.into_inner();
        let tables = Table::new(&tree, 0..0).tables("budget", &mut notes.silent());
        let is_it = |table: &Table<'_>| {
            let name = table.text("name", "\"each run\"", &mut notes.silent());
            name.is_some_and(|name| name.value == budget.name.as_str())
        };
        let value = tables.into_iter().find(is_it)?.get("limits")?;
        let DeValue::Table(entries) = value.get_ref() else { return None };
        let keys = Table::new(entries, value.span()).entries().into_iter().filter_map(|Entry { key, .. }| {
            let read = LimitKey::parse(key.value, budget.per.len()).ok()?;
            Some((read, key.span))
        });
        let keys = keys.collect();
        Some((notes, keys))
    })
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
}
