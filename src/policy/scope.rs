//! Whom a rule is about: what it is only for, and what it counts apart.

use globset::GlobMatcher;

use crate::model::Dimension;

/// Whom a rule is only for: for each dimension named, the value matches one of the patterns. One without any is for all.
#[derive(Clone, Debug, Default)]
pub struct Only(Vec<(Dimension, Vec<GlobMatcher>)>);

/// The value of a dimension, as far as it is known when a rule is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<T> {
    /// It has this one; `None`: none.
    Is(Option<T>),
    /// It shows later, or was looked at elsewhere: it rules nothing out.
    Open,
}

impl Only {
    /// For what matches one of the patterns, in each of these dimensions.
    pub fn new(patterns: Vec<(Dimension, Vec<GlobMatcher>)>) -> Self {
        Self(patterns)
    }

    /// The rule is for what has these values. What has no value in a dimension that is named is left out.
    pub fn matches<T: AsRef<str>>(&self, value: impl Fn(&Dimension) -> Option<T>) -> bool {
        self.may_match(|dimension| Value::Is(value(dimension)))
    }

    /// The same, where a value that is open may be any.
    pub fn may_match<T: AsRef<str>>(&self, value: impl Fn(&Dimension) -> Value<T>) -> bool {
        self.0.iter().all(|(dimension, patterns)| match value(dimension) {
            Value::Is(Some(found)) => is_one_of(patterns, found.as_ref()),
            Value::Is(None) => false,
            Value::Open => true,
        })
    }

    /// The dimensions that it looks at.
    pub fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.0.iter().map(|(dimension, _)| dimension)
    }

    /// It looks at nothing, and is for all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The dimensions and their patterns, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&Dimension, &[GlobMatcher])> {
        self.0.iter().map(|(dimension, patterns)| (dimension, patterns.as_slice()))
    }
}

fn is_one_of(patterns: &[GlobMatcher], value: &str) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(value))
}

/// What a budget counts, and apart for which values.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// It is counted apart for each combination of values; empty: everything together.
    pub per: Vec<Dimension>,
    /// Only this is counted.
    pub only: Only,
}

impl Scope {
    /// Each run by itself.
    pub fn of_run() -> Self {
        Self { per: vec![Dimension::Run], only: Only::default() }
    }

    /// The dimensions that it looks at: what it is counted per, then what it is only for.
    pub fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.per.iter().chain(self.only.dimensions())
    }

    /// A row of values, in the order of [`Self::dimensions`] with those of `per` being these, belongs to it.
    pub fn counts_row(&self, per: &[Option<&str>], row: &[Option<String>]) -> bool {
        let (found, only) = row.split_at(per.len().min(row.len()));
        let same = found.iter().map(Option::as_deref).eq(per.iter().copied());
        same && self
            .only
            .0
            .iter()
            .zip(only)
            .all(|((_, patterns), found)| found.as_deref().is_some_and(|found| is_one_of(patterns, found)))
    }
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::*;

    fn only(dimension: Dimension, patterns: &[&str]) -> Only {
        let globs = patterns.iter().map(|pattern| Glob::new(pattern).unwrap().compile_matcher());
        Only::new(vec![(dimension, globs.collect())])
    }

    #[test]
    fn what_has_no_value_is_left_out_and_what_is_open_is_not() {
        let web = only(Dimension::Team, &["web", "shop-*"]);
        for (value, is_for, may_be) in [
            (Value::Is(Some("web")), true, true),
            (Value::Is(Some("shop-eu")), true, true),
            (Value::Is(Some("ops")), false, false),
            (Value::Is(None), false, false),
            (Value::Open, false, true),
        ] {
            let known = match value {
                Value::Is(known) => known,
                Value::Open => None,
            };
            assert_eq!(web.matches(|_| known), is_for, "{value:?}");
            assert_eq!(web.may_match(|_| value), may_be, "{value:?}");
        }
        assert!(Only::default().matches(|_| None::<&str>), "one without patterns is for all");
    }

    #[test]
    fn each_dimension_that_is_named_has_to_match() {
        let Only(mut patterns) = only(Dimension::Team, &["web"]);
        patterns.extend(only(Dimension::Client, &["acme"]).0);
        let both = Only::new(patterns);
        let of = |team: &'static str, client: &'static str| {
            both.matches(|dimension| Some(if *dimension == Dimension::Team { team } else { client }))
        };
        assert!(of("web", "acme"));
        assert!(!of("web", "other"));
        assert!(!of("ops", "acme"));
    }

    #[test]
    fn a_row_has_the_values_of_per_then_those_of_only() {
        let scope = Scope { per: vec![Dimension::Project], only: only(Dimension::Team, &["web"]) };
        let row = |project: Option<&str>, team: Option<&str>| [project.map(str::to_owned), team.map(str::to_owned)];
        assert!(scope.counts_row(&[Some("shop")], &row(Some("shop"), Some("web"))));
        assert!(scope.counts_row(&[None], &row(None, Some("web"))), "no project is one of its own");
        assert!(!scope.counts_row(&[Some("shop")], &row(None, Some("web"))));
        assert!(!scope.counts_row(&[Some("shop")], &row(Some("shop"), Some("ops"))));
        assert!(!scope.counts_row(&[Some("shop")], &row(Some("shop"), None)));
    }
}
