//! A run's responses and tool calls by thread, in their order: what advice is read from.

use std::collections::BTreeMap;

use crate::model::event::{EventKind, ToolVerdict};
use crate::model::{Event, ModelId, Money, ServiceTier, ThreadId, Timestamp, Tokens};

/// What a run's threads did, each in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// By thread.
    pub threads: BTreeMap<ThreadId, Vec<Beat>>,
}

/// A response or a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// A model answered.
    Answer(Answered),
    /// A tool ran.
    Call {
        /// Its name, and for a command the program that it runs first.
        tool: String,
        /// Tells one input from another.
        input: String,
        /// The input in short.
        short: String,
    },
}

/// What is known of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// When.
    pub at: Timestamp,
    /// Who answered.
    pub model: Option<ModelId>,
    /// How it was served.
    pub tier: ServiceTier,
    /// Its tokens.
    pub tokens: Tokens,
    /// What it cost; zero where it has no price.
    pub cost: Money,
}

impl Story {
    /// Read from the run's chain.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut story = Self::default();
        for event in events {
            match &event.kind {
                EventKind::Response(response) => {
                    let beat = Beat::Answer(Answered {
                        at: response.at,
                        model: response.model.clone(),
                        tier: response.tier.clone(),
                        tokens: response.tokens,
                        cost: response.cost.money().unwrap_or(Money::ZERO),
                    });
                    story.threads.entry(response.thread.clone()).or_default().push(beat);
                }
                EventKind::ToolCalled { thread, tool, input, short, verdict: ToolVerdict::Allowed, .. } => {
                    let (tool, input, short) = (named(tool, short), input.clone(), short.clone());
                    story.threads.entry(thread.clone()).or_default().push(Beat::Call { tool, input, short });
                }
                _ => {}
            }
        }
        story
    }

    /// All answers.
    pub fn answers(&self) -> impl Iterator<Item = &Answered> {
        self.threads.values().flatten().filter_map(Beat::answer)
    }

    /// What all of it cost.
    pub fn cost(&self) -> Money {
        self.answers().map(|answer| answer.cost).sum()
    }
}

impl Beat {
    pub(super) fn answer(&self) -> Option<&Answered> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Call { .. } => None,
        }
    }
}

/// A command by its program, all else by the tool's name.
fn named(tool: &str, short: &str) -> String {
    let program = short.split_whitespace().next().filter(|_| tool == "Bash");
    program.map_or_else(|| tool.to_owned(), str::to_owned)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Cost;

    pub(in crate::compare) fn story(beats: Vec<Beat>) -> Story {
        Story { threads: [(ThreadId::new("t1"), beats)].into() }
    }

    pub(in crate::compare) fn answer(input: u64, cached_input: u64, output: u64) -> Beat {
        Beat::Answer(Answered {
            at: Timestamp::UNIX_EPOCH,
            model: Some("sol".into()),
            tier: ServiceTier::Standard,
            tokens: Tokens { input, cached_input, output, ..Tokens::default() },
            cost: Money::from_nanos(1_000),
        })
    }

    pub(in crate::compare) fn call(tool: &str, input: &str) -> Beat {
        Beat::Call { tool: tool.to_owned(), input: input.to_owned(), short: format!("{tool} {input}") }
    }

    /// Ten nano-dollars a token, one where it comes from the cache.
    pub(in crate::compare) fn nanos(_: &ModelId, _: &ServiceTier, _: Timestamp, tokens: &Tokens) -> Cost {
        let new = tokens.input - tokens.cached_input;
        Cost::Priced(Money::from_nanos(i64::try_from(new * 10 + tokens.cached_input).unwrap()))
    }

    #[test]
    fn a_command_is_known_by_its_program_and_another_tool_by_its_name() {
        for (tool, short, name) in
            [("Bash", "cat a b", "cat"), ("Bash", "", "Bash"), ("apply_patch", "x.rs", "apply_patch")]
        {
            assert_eq!(named(tool, short), name);
        }
    }
}
