//! Policies to begin with: what `govern init` writes, and where each belongs.

use super::layer::Layer;

/// The commented policy that `govern init` writes. Lines that begin with `#` and a letter or bracket are
/// rules to switch on; those that begin with `# ` are for reading.
pub const TEMPLATE: &str = include_str!("../../policies/init.toml");

/// What begins the part of a paragraph of [`TEMPLATE`] that a repository's file may not have.
const OWN_ONLY: &str = "# Only in your own policy";

/// The same for a repository's file: without what that may not say, and with names of its own, since budgets of all
/// layers add up.
pub fn template_of_repository() -> String {
    let allowed = |paragraph: &'static str| match paragraph.split_once(OWN_ONLY) {
        Some((before, _)) => before.trim_end(),
        None => paragraph.trim_end(),
    };
    let paragraphs: Vec<&str> = TEMPLATE.split("\n\n").map(allowed).filter(|left| !left.is_empty()).collect();
    let note = "# This file is the repository's. Time zone, prices, what a model without a price means, team, client and user \
                are said only\n# in your own policy, which `govern init --user` writes.";
    let text = format!("{}\n", paragraphs.join("\n\n"));
    text.replacen("\nversion = 1", &format!("\n{note}\nversion = 1"), 1).replacen(
        "\"each run\"",
        "\"each run here\"",
        1,
    )
}

/// A policy for somebody in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// One developer.
    Solo,
    /// A lead and the team.
    Team,
    /// Jobs that nobody watches.
    Ci,
    /// Dangerous commands are asked about.
    Gated,
    /// Whoever waits for agents.
    Alerts,
}

impl Template {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Solo, Self::Team, Self::Ci, Self::Gated, Self::Alerts];

    /// Its text, as in the folder `policies`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Solo => include_str!("../../policies/solo.toml"),
            Self::Team => include_str!("../../policies/team.toml"),
            Self::Ci => include_str!("../../policies/ci.toml"),
            Self::Gated => include_str!("../../policies/gated.toml"),
            Self::Alerts => include_str!("../../policies/alerts.toml"),
        }
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::Team => "team",
            Self::Ci => "ci",
            Self::Gated => "gated",
            Self::Alerts => "alerts",
        }
    }

    /// Where it belongs: what says a time zone, whose spend it is or what the ledger means may not be a repository's.
    pub fn home(self) -> Layer {
        match self {
            Self::Solo | Self::Team => Layer::User,
            Self::Ci => Layer::Given,
            Self::Gated | Self::Alerts => Layer::Repository,
        }
    }

    /// Why it is no policy of a repository; `None` where it may be one.
    pub fn not_in_a_repository(self) -> Option<&'static str> {
        match self {
            Self::Solo => Some("it sets `timezone`"),
            Self::Team => Some("it sets `timezone`, and says whose spend it is"),
            Self::Ci => Some("it says what a model without a price and a new ledger mean"),
            Self::Gated | Self::Alerts => None,
        }
    }
}
