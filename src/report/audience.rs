//! For whom a report is, and what they may read in it: nothing that names anybody else.

use super::{BudgetReport, By};
use crate::model::{Attribution, Dimension};

/// A client, a team or a project that is shown what was spent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Which of the three.
    pub dimension: Dimension,
    /// Its name.
    pub name: String,
}

impl Audience {
    /// `client acme`; `None` where the word is none of the three.
    pub fn parse(dimension: &str, name: &str) -> Option<Self> {
        let dimension = match dimension {
            "client" => Dimension::Client,
            "team" => Dimension::Team,
            "project" => Dimension::Project,
            _ => return None,
        };
        Some(Self { dimension, name: name.to_owned() })
    }

    /// What belongs there was spent on it.
    pub fn has(&self, attribution: &Attribution) -> bool {
        attribution.get(&self.dimension) == Some(self.name.as_str())
    }

    /// What its own spend may be told by: who did it, for whom else, where and under which name are not for it to know.
    pub fn dimensions(&self) -> Vec<By> {
        let all: &[Dimension] = match self.dimension {
            Dimension::Project => &[Dimension::Model, Dimension::Work],
            _ => &[Dimension::Project, Dimension::Model, Dimension::Work],
        };
        all.iter().cloned().map(By::Of).collect()
    }

    /// It may be asked for.
    pub fn may_read(&self, by: &By) -> bool {
        match by {
            By::Day | By::Week | By::Month => true,
            By::Source => false,
            By::Of(_) => self.dimensions().contains(by),
        }
    }

    /// The scope of a budget that counts it and nothing else.
    pub fn scope(&self) -> String {
        format!("{}={}", self.dimension, self.name)
    }

    /// Budgets that count it and nothing else: by its own name in the place of theirs, without who granted what and why.
    pub fn budgets(&self, report: &BudgetReport) -> BudgetReport {
        let own = report.rows.iter().filter(|row| row.standing.scope == self.scope());
        let rows = own.cloned().map(|mut row| {
            row.standing.budget = self.in_words().as_str().into();
            row.grants.clear();
            row
        });
        BudgetReport {
            rows: rows.collect(),
            since: None,
            waiting: Vec::new(),
            plans: Vec::new(),
            sub_agents: Vec::new(),
            others: Vec::new(),
            ..report.clone()
        }
    }

    /// `client acme`.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.dimension, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_reads_of_its_projects_models_and_work_and_of_nobody() {
        let acme = Audience::parse("client", "acme").unwrap();
        for (word, may) in [
            ("project", true),
            ("model", true),
            ("work", true),
            ("day", true),
            ("client", false),
            ("team", false),
            ("user", false),
            ("agent", false),
            ("task", false),
            ("thread", false),
            ("branch", false),
            ("run", false),
            ("source", false),
            ("label:tier", false),
        ] {
            assert_eq!(acme.may_read(&By::parse(word).unwrap()), may, "{word}");
        }
        assert!(acme.has(&Attribution { client: Some("acme".into()), ..Attribution::default() }));
        assert!(!acme.has(&Attribution { client: Some("acme corp".into()), ..Attribution::default() }));
        assert!(!acme.has(&Attribution { project: Some("acme".into()), ..Attribution::default() }));
        assert_eq!(acme.scope(), "client=acme");
    }

    #[test]
    fn only_clients_teams_and_projects_are_written_for() {
        assert_eq!(Audience::parse("user", "ada"), None);
        let site = Audience::parse("project", "site").unwrap();
        assert!(!site.may_read(&By::Of(Dimension::Project)) && site.may_read(&By::Of(Dimension::Model)));
    }
}
