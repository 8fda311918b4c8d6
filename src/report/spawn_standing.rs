//! Where a limit on sub-agents stands: how many were started of how many, or how deep they stand.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::page::{Item, Tone};
use crate::model::BudgetName;
use crate::policy::spawn::{SpawnCap, SpawnUnit};

/// Such a limit, for one thing that it is counted per.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnStanding {
    /// Its name.
    pub budget: BudgetName,
    /// What it is counted per, such as `run=k3f9x27m1a`.
    pub scope: String,
    /// The most.
    pub cap: SpawnCap,
    /// How many were started, or how deep the deepest stands.
    pub used: u64,
}

impl SpawnStanding {
    /// No more may be started: `--check` fails. A depth is not used up, and a limit of none is kept by starting none.
    pub fn is_over(&self) -> bool {
        let most = u64::from(self.cap.most);
        match self.cap.of {
            SpawnUnit::Started => self.used >= most && self.used > 0,
            SpawnUnit::Deep => self.used > most,
        }
    }

    /// `3 of 20 sub-agents started`, `sub-agents stood 2 of 3 deep`.
    pub fn sentence(&self) -> String {
        let Self { cap, used, .. } = self;
        match cap.of {
            SpawnUnit::Started => format!("{used} of {cap} started"),
            SpawnUnit::Deep => format!("sub-agents stood {used} of {cap}"),
        }
    }

    pub(super) fn item(&self, title: &str, scope: &str) -> Item {
        let tone = if self.is_over() { Tone::Bad } else { Tone::Plain };
        Item::new(title, format!("`{}`{scope}: {}", self.budget, self.sentence()), tone)
    }
}

impl Serialize for SpawnStanding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("budget", &self.budget)?;
        map.serialize_entry("scope", &self.scope)?;
        let unit = match self.cap.of {
            SpawnUnit::Started => "sub_agents",
            SpawnUnit::Deep => "deep",
        };
        map.serialize_entry("unit", unit)?;
        map.serialize_entry("limit", &self.cap.most)?;
        map.serialize_entry("used", &self.used)?;
        map.serialize_entry("left", &u64::from(self.cap.most).saturating_sub(self.used))?;
        map.serialize_entry("over", &self.is_over())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn started_ones_are_used_up_and_a_depth_is_not() {
        let standing = |text: &str, used| SpawnStanding {
            budget: "few".into(),
            scope: "run=r".to_owned(),
            cap: SpawnCap::parse(text).unwrap(),
            used,
        };
        for (limit, used, over, said) in [
            ("2 sub-agents", 1, false, "1 of 2 sub-agents started"),
            ("2 sub-agents", 2, true, "2 of 2 sub-agents started"),
            ("0 sub-agents", 0, false, "0 of 0 sub-agents started"),
            ("3 deep", 0, false, "sub-agents stood 0 of 3 deep"),
            ("3 deep", 3, false, "sub-agents stood 3 of 3 deep"),
            ("3 deep", 4, true, "sub-agents stood 4 of 3 deep"),
        ] {
            let standing = standing(limit, used);
            assert_eq!((standing.is_over(), standing.sentence().as_str()), (over, said));
        }
    }
}
