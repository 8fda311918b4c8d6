//! Names that Slack gives: channels, people, messages.

use std::fmt;

/// By what a message that was sent is known: its channel, its moment, and that of the message whose thread it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The channel's id.
    pub channel: String,
    /// When Slack took it: with the channel, its name.
    pub ts: String,
    /// The first message of its thread, where it is not that itself.
    pub thread: Option<String>,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.channel, self.ts)?;
        self.thread.iter().try_for_each(|thread| write!(f, "/{thread}"))
    }
}

impl Receipt {
    /// As it was written; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let (channel, ts, thread) = (parts.next()?, parts.next()?, parts.next());
        let is_one = is_id(&channel) && is_ts(&ts) && thread.as_deref().is_none_or(is_ts) && parts.next().is_none();
        is_one.then_some(Self { channel, ts, thread })
    }

    /// The first message of the thread that this one is in, or begins.
    pub fn root(&self) -> &str {
        self.thread.as_deref().unwrap_or(&self.ts)
    }
}

/// An id as Slack makes them.
pub(super) fn is_id(text: &str) -> bool {
    (2..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// A message's moment as Slack writes it.
pub(super) fn is_ts(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_reads_as_it_was_written_and_nothing_else_does() {
        for text in ["C0AB/1700000000.000100", "C0AB/1700000000.000200/1700000000.000100"] {
            let receipt = Receipt::parse(text).unwrap();
            assert_eq!((receipt.to_string().as_str(), receipt.root()), (text, "1700000000.000100"));
        }
        for text in ["", "C0AB", "C0AB/", "#a/1", "C0AB/1/2/3", "C0AB/1\"}", "c/1"] {
            assert_eq!(Receipt::parse(text), None, "{text}");
        }
    }
}
