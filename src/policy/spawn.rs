//! Limits on sub-agents: how many are started, and how deep they stand.

use std::fmt;

use super::layer::Layer;
use super::scope::Scope;
use crate::model::BudgetName;

/// What a hint says next to a [`SpawnCapError`].
pub const SPAWN_HINT: &str =
    "write `20 sub-agents` (started in the thing's life), or `3 deep` (a root's own are 1 deep)";

/// So many sub-agents, or so deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnCap {
    /// What is counted.
    pub of: SpawnUnit,
    /// The most; zero allows none.
    pub most: u32,
}

/// What such a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnUnit {
    /// Sub-agents that were started.
    Started,
    /// How many steps a sub-agent stands below a root, as Codex counts: a root's own is 1.
    Deep,
}

/// Why a text is no such limit. The texts complete "`…` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnCapError {
    /// No whole number stands before the unit.
    #[error("is no whole number of sub-agents")]
    Number,
    /// More than can be meant.
    #[error("is absurdly large")]
    TooLarge,
}

/// More is a typing mistake.
const MOST: u32 = 1_000_000;

impl SpawnCap {
    /// The text speaks of sub-agents, right or wrong: it is no amount of spend.
    pub fn is_meant(text: &str) -> bool {
        unit(text).is_some()
    }

    /// Reads `20 sub-agents`, `1 sub-agent`, `3 deep`; spaces are optional.
    ///
    /// # Errors
    ///
    /// No whole number stands there, or an absurd one.
    pub fn parse(text: &str) -> Result<Self, SpawnCapError> {
        let (of, number) = unit(text).ok_or(SpawnCapError::Number)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpawnCapError::Number);
        }
        let most = number.parse().ok().filter(|most| *most <= MOST).ok_or(SpawnCapError::TooLarge)?;
        Ok(Self { of, most })
    }
}

/// What is counted, and what stands before it.
fn unit(text: &str) -> Option<(SpawnUnit, String)> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
    let lower = squeezed.to_ascii_lowercase();
    let words = ["sub-agents", "sub-agent", "subagents", "subagent"].map(|word| (word, SpawnUnit::Started));
    words
        .into_iter()
        .chain([("deep", SpawnUnit::Deep)])
        .find_map(|(word, of)| Some((of, lower.strip_suffix(word)?.to_owned())))
}

impl fmt::Display for SpawnCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match (self.of, self.most) {
            (SpawnUnit::Started, 1) => "1 sub-agent".to_owned(),
            (SpawnUnit::Started, most) => format!("{most} sub-agents"),
            (SpawnUnit::Deep, most) => format!("{most} deep"),
        })
    }
}

/// A budget over sub-agents. It has no steps: the start that would pass it is refused, and its model reads why.
#[derive(Clone, Debug)]
pub struct SpawnLimit {
    /// Unique among the policy's budgets.
    pub name: BudgetName,
    /// The run, agent or thread that starts them, all where several are named; and which of them are bound.
    pub scope: Scope,
    /// How many, or how deep.
    pub cap: SpawnCap,
    /// This limit alone is recorded, and refuses nothing.
    pub observe: bool,
    /// Which layer it stands in.
    pub layer: Layer,
}

impl SpawnLimit {
    /// Why one more is too many; `None`: it fits. `started` counts those that were started before, `depth` is that of
    /// the thread that would start it.
    pub fn refuses(&self, started: u64, depth: u32) -> Option<String> {
        let SpawnCap { of, most } = self.cap;
        match of {
            SpawnUnit::Started if started >= u64::from(most) => {
                Some(format!("`{}`: {started} of {} started", self.name, self.cap))
            }
            SpawnUnit::Deep if depth >= most => {
                let next = depth.saturating_add(1);
                Some(format!("`{}`: this sub-agent would stand {next} deep, and the most is {most}", self.name))
            }
            SpawnUnit::Started | SpawnUnit::Deep => None,
        }
    }

    /// Why this tool, whose one call starts nobody knows how many sub-agents, is too much.
    pub fn refuses_many(&self, tool: &str) -> String {
        let why = match self.cap.of {
            SpawnUnit::Started => "starts one for each row of a file, and how many that are is not known beforehand",
            SpawnUnit::Deep => "starts such as do not tell how deep they stand",
        };
        format!("`{}`: at most {}, and a call of `{tool}` {why}", self.name, self.cap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_are_read_as_they_are_shown() {
        let cases = [
            ("20 sub-agents", SpawnUnit::Started, 20),
            ("1 sub-agent", SpawnUnit::Started, 1),
            ("0sub-agents", SpawnUnit::Started, 0),
            ("5 Subagents", SpawnUnit::Started, 5),
            ("3 deep", SpawnUnit::Deep, 3),
            ("3deep", SpawnUnit::Deep, 3),
        ];
        for (text, of, most) in cases {
            assert!(SpawnCap::is_meant(text), "{text}");
            assert_eq!(SpawnCap::parse(text), Ok(SpawnCap { of, most }), "{text}");
        }
        for (text, error) in [
            ("sub-agents", SpawnCapError::Number),
            ("many sub-agents", SpawnCapError::Number),
            ("1.5 deep", SpawnCapError::Number),
            ("-1 deep", SpawnCapError::Number),
            ("9999999 sub-agents", SpawnCapError::TooLarge),
            ("99999999999999999999 deep", SpawnCapError::TooLarge),
        ] {
            assert_eq!(SpawnCap::parse(text), Err(error), "{text}");
        }
        assert!(!SpawnCap::is_meant("5 usd") && !SpawnCap::is_meant("20 agents"));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(most in 0_u32..=MOST, deep: bool) {
            let of = if deep { SpawnUnit::Deep } else { SpawnUnit::Started };
            let cap = SpawnCap { of, most };
            prop_assert_eq!(SpawnCap::parse(&cap.to_string()), Ok(cap));
        }
    }
}
