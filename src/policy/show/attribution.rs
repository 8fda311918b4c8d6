//! Attribution rules in words, and what became of them in a place.

use std::fmt::Write;

use super::joined;
use crate::model::{Attribution, Dimension};
use crate::policy::attribute::{Condition, Match, StartedIn, group_dimension};
use crate::policy::rule::AttributeRule;

/// `remote github.com/acme/*, branch (?<task>…): client = acme, task from the branch`.
pub(super) fn rule_in_words(rule: &AttributeRule) -> String {
    let conditions = [
        ("folder", rule.folder.as_ref().map(|glob| glob.glob().glob())),
        ("remote", rule.remote.as_ref().map(|glob| glob.glob().glob())),
        ("branch", rule.branch.as_ref().map(regex::Regex::as_str)),
    ];
    let conditions: Vec<String> =
        conditions.into_iter().filter_map(|(key, pattern)| Some(format!("{key} {}", pattern?))).collect();
    let conditions = if conditions.is_empty() { "everywhere".to_owned() } else { conditions.join(", ") };
    let groups = groups(rule).map(|dimension| format!("{dimension} from the branch"));
    let set = settings(&rule.set).into_iter().map(|(dimension, value)| format!("{dimension} = {value}"));
    format!("{conditions}: {}", joined(set.chain(groups), ", "))
}

/// What became of each rule in this place, and where spend belongs that is made here. Ends with a line break.
pub fn attribution_here(rules: &[AttributeRule], place: &StartedIn, belongs: &Attribution) -> String {
    let mut text = String::from("attribution here\n");
    for rule in rules {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}\n    {}", rule_in_words(rule), what_became_of(rule, place));
    }
    let known = settings(belongs).into_iter().map(|(dimension, value)| format!("{dimension} = {value}"));
    let known = joined(known, ", ");
    let known = if known.is_empty() { "nothing is known" } else { &known };
    let _ = writeln!(text, "  a run that is started here without flags: {known}");
    text
}

fn what_became_of(rule: &AttributeRule, place: &StartedIn) -> String {
    let branch = match &place.branch {
        Some(branch) => format!("the branch is `{branch}`"),
        None => "there is no branch".to_owned(),
    };
    match rule.matches(place) {
        Match::Whole => "matches".to_owned(),
        Match::Unfilled => {
            let unfilled = joined(groups(rule).map(|dimension| dimension.to_string()), " and ");
            format!("matches, but {branch}, which does not fill {unfilled}")
        }
        Match::Not(Condition::Folder) => format!("does not match: the folder is {}", place.folder.display()),
        Match::Not(Condition::Branch) => format!("does not match: {branch}"),
        Match::Not(Condition::Remote) if place.remotes.is_empty() => {
            "does not match: there is no git remote".to_owned()
        }
        Match::Not(Condition::Remote) => {
            format!("does not match: the remotes are {}", place.remotes.join(", "))
        }
    }
}

fn groups(rule: &AttributeRule) -> impl Iterator<Item = Dimension> {
    rule.branch.iter().flat_map(|pattern| pattern.capture_names().flatten()).filter_map(group_dimension)
}

fn settings(set: &Attribution) -> Vec<(Dimension, &str)> {
    let fields = [Dimension::Team, Dimension::Project, Dimension::Client, Dimension::User, Dimension::Task].into_iter();
    let labels = set.labels.keys().map(|key| Dimension::Label(key.clone()));
    fields.chain(labels).filter_map(|dimension| set.get(&dimension).map(|value| (dimension.clone(), value))).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::policy::attribute::attribute;
    use crate::policy::layers::{FlagRules, load};
    use crate::policy::mistake::LayerText;
    use crate::policy::rule::Layer;

    #[test]
    fn what_a_rule_came_to_here_is_said_with_the_reason() {
        let text = r#"
            version = 1
            [[attribute]]
            remote = "github.com/acme/*"
            branch = '(?<task>[A-Z]+-\d+)'
            set    = { client = "acme", team = "web" }
            [[attribute]]
            branch = '^release/'
            set    = { team = "releases" }
            [[attribute]]
            folder = "~/play/*"
            set    = { team = "nobody" }
            [[attribute]]
            remote = "gitlab.com/*"
            set    = { "label:host" = "gitlab" }
        "#;
        let layers = vec![LayerText { layer: Layer::User, path: None, text: text.to_owned() }];
        let rules = load(layers, FlagRules::default()).unwrap().policy.attribute;
        let place = |branch: Option<&str>, remotes: &[&str]| StartedIn {
            folder: "/home/ann/work/web".into(),
            home: Some("/home/ann".into()),
            remotes: remotes.iter().map(|remote| (*remote).to_owned()).collect(),
            branch: branch.map(str::to_owned),
            ..StartedIn::default()
        };
        let shown = |place: &StartedIn| {
            let belongs = attribute(&rules, place, Attribution::default(), Attribution::default());
            attribution_here(&rules, place, &belongs)
        };
        let places = [
            place(Some("main"), &["github.com/acme/web"]),
            place(Some("WEB-12"), &["github.com/acme/web"]),
            place(None, &[]),
        ];
        assert_snapshot!(places.each_ref().map(shown).join("\n"));
    }
}
