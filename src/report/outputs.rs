//! What came of what was spent, as JSON and as cells of CSV: names and meanings are a contract.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::Money;
use crate::results::Results;
use crate::results::pull::PullState;
use crate::results::totals::{AFTER, Figure};

/// What came of each row of a summary, in their order, and of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Row by row.
    pub rows: Vec<Results>,
    /// Of all: a change that two rows had a part in counts once.
    pub totals: Results,
}

/// All figures by their names in JSON: each with its value, and why it is not known or what is missing from it.
pub(super) fn reasons(results: &Results) -> BTreeMap<String, String> {
    let mut unknown = BTreeMap::new();
    let mut keep = |name: &str, why: Option<String>| {
        if let Some(why) = why {
            unknown.insert(name.to_owned(), why);
        }
    };
    keep("commits", results.commits.why());
    keep("lines_added", results.added.why());
    keep("lines_removed", results.removed.why());
    for (days, kept) in AFTER.iter().zip(&results.kept) {
        keep(&format!("lines_kept.{days}d"), kept.why());
    }
    keep("merged_changes", results.merged_why());
    keep("reverted_commits", results.reverted.why());
    keep("abandoned_usd", results.abandoned.why());
    keep("tests_run", results.tests.why());
    keep("tests_failed", results.failed.why());
    keep("usd_per_merged_change", results.per_merged_why());
    keep("usd_per_kept_line", results.per_kept_why());
    if let Some(pulls) = &results.pulls {
        keep("pull_requests", pulls.why());
        keep("usd_per_merged_pull_request", pulls.per_merged().err().or_else(|| pulls.why()));
    }
    unknown
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept: BTreeMap<String, Option<u64>> =
            AFTER.iter().zip(&self.kept).map(|(days, kept)| (format!("{days}d"), kept.value())).collect();
        let kinds: BTreeMap<&str, _> = self.kinds.iter().map(|(kind, lines)| (kind.as_str(), lines)).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("commits", &self.commits.value())?;
        map.serialize_entry("lines_added", &self.added.value())?;
        map.serialize_entry("lines_removed", &self.removed.value())?;
        map.serialize_entry("lines_by_kind", &self.added.value().map(|_| kinds))?;
        map.serialize_entry("lines_kept", &kept)?;
        map.serialize_entry("merged_changes", &self.merged())?;
        map.serialize_entry("reverted_commits", &self.reverted.value())?;
        map.serialize_entry("abandoned_usd", &self.abandoned.value())?;
        map.serialize_entry("tests_run", &self.tests.value())?;
        map.serialize_entry("tests_failed", &self.failed.value())?;
        map.serialize_entry("usd_per_merged_change", &self.per_merged().ok().map(|rate| rate.cost))?;
        map.serialize_entry("usd_per_kept_line", &self.per_kept().ok().map(|(rate, _)| rate.cost))?;
        if let Some(pulls) = &self.pulls {
            map.serialize_entry("pull_requests", &pulls.count())?;
            map.serialize_entry("merged_pull_requests", &pulls.of(PullState::Merged))?;
            map.serialize_entry("open_pull_requests", &pulls.of(PullState::Open))?;
            map.serialize_entry("usd_per_merged_pull_request", &pulls.per_merged().ok())?;
        }
        map.serialize_entry("unknown", &reasons(self))?;
        map.end()
    }
}

/// Names of the columns that a CSV has of them.
pub(super) const COLUMNS: [&str; 14] = [
    "commits",
    "lines_added",
    "lines_removed",
    "lines_kept_1d",
    "lines_kept_7d",
    "lines_kept_30d",
    "merged_changes",
    "reverted_commits",
    "abandoned_usd",
    "tests_run",
    "tests_failed",
    "usd_per_merged_change",
    "usd_per_kept_line",
    "unknown",
];

/// The cells below them; what is not known is empty. The last one says why, and of which figures only a part is known.
pub(super) fn cells(results: &Results) -> [String; 14] {
    let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let usd = |value: Option<Money>| value.map(Money::to_decimal).unwrap_or_default();
    let [day, week, month] = results.kept.each_ref().map(Figure::value);
    [
        count(results.commits.value()),
        count(results.added.value()),
        count(results.removed.value()),
        count(day),
        count(week),
        count(month),
        count(results.merged()),
        count(results.reverted.value()),
        usd(results.abandoned.value()),
        count(results.tests.value()),
        count(results.failed.value()),
        usd(results.per_merged().ok().map(|rate| rate.cost)),
        usd(results.per_kept().ok().map(|(rate, _)| rate.cost)),
        reasons(results).into_iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join(" | "),
    ]
}
