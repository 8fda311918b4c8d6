//! Where a budget over a ChatGPT plan's own limit stands, as far as a session file tells.

use chrono_tz::Tz;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Item, Tone};
use super::text::{ahead, rfc3339};
use crate::model::{BudgetName, LimitTold, PlanWindow, Timestamp};
use crate::policy::plan::PlanShare;

/// Such a budget, and what was last said of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStanding {
    /// Its name.
    pub budget: BudgetName,
    /// How much of which limit it allows.
    pub limit: PlanShare,
    /// What Codex wrote last, and when; `None` where it wrote nothing.
    pub last: Option<(PlanWindow, Timestamp)>,
    /// When this was so.
    pub at: Timestamp,
}

impl PlanStanding {
    /// What is known still: the plan's window has not begun anew since.
    fn known(&self) -> Option<(PlanWindow, Timestamp)> {
        self.last.filter(|(window, _)| window.resets.is_none_or(|resets| resets > self.at))
    }

    /// As much is used as the budget allows: `--check` fails.
    pub fn is_over(&self) -> bool {
        self.known().is_some_and(|(window, _)| window.used >= self.limit.share)
    }

    /// ``five hours`: 65% of the plan's 5h limit was used at 14:05, of 80%; it begins anew at 16:30.`
    pub(super) fn item(&self, zone: Tz) -> Item {
        let Self { budget, limit, at, .. } = self;
        let when = |moment| ahead(moment, *at, zone);
        let window = limit.window;
        let text = match (self.known(), self.last) {
            (Some((found, then)), _) => {
                let anew =
                    found.resets.map_or_else(String::new, |resets| format!("; it begins anew at {}", when(resets)));
                let (used, of) = (percent(found.used), percent(limit.share));
                format!("{used} of the plan's {window} limit was used at {}, of {of}{anew}.", when(then))
            }
            (None, Some((PlanWindow { resets: Some(resets), .. }, _))) => {
                let anew = when(resets);
                format!(
                    "the plan's {window} limit began anew at {anew}; what is used since is known when an agent works."
                )
            }
            (None, _) => format!("how much of the plan's {window} limit is used is known only while an agent works."),
        };
        let tone = match self.known() {
            _ if self.is_over() => Tone::Bad,
            Some((found, _)) if found.used.saturating_mul(1000) >= self.limit.share.saturating_mul(800) => Tone::Warn,
            Some(_) => Tone::Plain,
            None => Tone::Quiet,
        };
        Item::new("", format!("`{budget}`: {text}"), tone)
    }
}

/// What another limit of the account is used up to; nothing once its window began anew.
pub(super) fn of_another(told: &LimitTold, at: Timestamp, zone: Tz) -> Option<Item> {
    let LimitTold { other, window, at: then } = told;
    if window.resets.is_some_and(|resets| resets <= at) {
        return None;
    }
    let (name, used, length) = (other.as_deref()?, percent(window.used), window.length);
    let when = ahead(*then, at, zone);
    let text = format!(
        "`{name}` is another limit of this account, which no budget looks at: {used} of its {length} was used at {when}."
    );
    Some(Item::new("", text, Tone::Quiet))
}

/// The account's other limits, as JSON has them.
pub(super) struct Others<'a>(pub(super) &'a [LimitTold]);

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|told| {
            serde_json::json!({
                "limit_id": told.other,
                "window": told.window.length.to_string(),
                "used_percent": f64::from(told.window.used) / 10.0,
                "resets": told.window.resets.map(rfc3339),
                "known_at": rfc3339(told.at),
            })
        }))
    }
}

/// `42.5%`, `80%`.
fn percent(thousandths: u32) -> String {
    format!("{}%", f64::from(thousandths) / 10.0)
}

impl Serialize for PlanStanding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("window", &self.limit.window.to_string())?;
        map.serialize_entry("limit_percent", &(f64::from(self.limit.share) / 10.0))?;
        let known = self.known();
        map.serialize_entry("used_percent", &known.map(|(window, _)| f64::from(window.used) / 10.0))?;
        map.serialize_entry("resets", &known.and_then(|(window, _)| window.resets).map(rfc3339))?;
        map.serialize_entry("known_at", &known.map(|(_, then)| rfc3339(then)))?;
        map.serialize_entry("over", &self.is_over())?;
        map.end()
    }
}
