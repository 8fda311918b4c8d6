//! Lines whose head says all that matters, so that their body need not be read.
//!
//! Most bytes of a session file are prompts, answers, reasoning, the output of tools and whole world states. What
//! they are stands in the first two hundred bytes, in an order that Codex has kept in all versions. A line that does not
//! look exactly so is read properly.

use std::sync::LazyLock;

use chrono::NaiveDate;
use memchr::{memchr, memmem};

use crate::model::Timestamp;

/// How every line begins.
const START: &[u8] = br#"{"timestamp":""#;

/// What comes after this many bytes is looked through from the end only.
const LOOKED_THROUGH: usize = 64 << 10;

/// Ids and names are shorter.
const LONGEST_TEXT: usize = 100;

static FIND_START: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(START));

/// What records are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To know what a thread spends and what it does now.
    Control,
    /// To know what a thread has spent.
    Accounting,
}

/// What every line begins with, exactly as Codex writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) at: Timestamp,
    pub(super) ordinal: Option<u64>,
    /// The outer `type`.
    pub(super) kind: &'a str,
    /// What follows `"payload":{`, the line's end included.
    pub(super) payload: &'a [u8],
}

/// What a line is whose body does not matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed<'a> {
    UserMessage,
    Compacted,
    ToolOutput(&'a str),
    Answering,
    Review { begins: bool },
    Other,
}

impl<'a> Head<'a> {
    /// `None` for every line that does not begin exactly as Codex begins them.
    pub(super) fn of(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(START)?;
        let (timestamp, rest) = rest.split_first_chunk()?;
        let at = moment(timestamp)?;
        let rest = rest.strip_prefix(b"\",\"")?;
        let (ordinal, rest) = match rest.strip_prefix(br#"ordinal":"#) {
            None => (None, rest),
            Some(rest) => {
                let (ordinal, rest) = count(rest)?;
                (Some(ordinal), rest.strip_prefix(b",\"")?)
            }
        };
        let (kind, rest) = until_quote(rest.strip_prefix(br#"type":""#)?)?;
        Some(Self { at, ordinal, kind, payload: rest.strip_prefix(br#","payload":{"#)? })
    }

    /// `None` is "read it properly": what matters, what does not look exactly as Codex writes it, and whatever may be two
    /// records run into one.
    pub(super) fn passed_over(&self, purpose: Purpose) -> Option<Passed<'a>> {
        let passed = match self.kind {
            "session_meta" | "turn_context" | "token_usage_record" => return None,
            "compacted" => Passed::Compacted,
            "response_item" => response_item(self.payload, purpose)?,
            "event_msg" => event(self.payload, purpose)?,
            _ => Passed::Other,
        };
        (self.payload.ends_with(b"}}") && !runs_into_another(self.payload)).then_some(passed)
    }
}

fn response_item(payload: &[u8], purpose: Purpose) -> Option<Passed<'_>> {
    let (kind, rest) = until_quote(payload.strip_prefix(br#""type":""#)?)?;
    match (purpose, kind) {
        (Purpose::Accounting, _) => Some(Passed::Other),
        (
            Purpose::Control,
            "function_call_output" | "custom_tool_call_output" | "mcp_tool_call_output" | "tool_search_output",
        ) => {
            // From about 0.150 an output has an id of its own.
            let rest = rest.strip_prefix(br#","id":""#).map_or(Some(rest), |id| Some(until_quote(id)?.1))?;
            let (call_id, _) = until_quote(rest.strip_prefix(br#","call_id":""#)?)?;
            Some(Passed::ToolOutput(call_id))
        }
        (Purpose::Control, "function_call" | "custom_tool_call" | "local_shell_call" | "tool_search_call") => None,
        (Purpose::Control, _) => Some(Passed::Other),
    }
}

fn event(payload: &[u8], purpose: Purpose) -> Option<Passed<'_>> {
    let (kind, rest) = until_quote(payload.strip_prefix(br#""type":""#)?)?;
    match (purpose, kind) {
        (_, "token_count" | "thread_settings_applied" | "task_started" | "turn_started") => None,
        (_, "user_message") => Some(Passed::UserMessage),
        (_, "item_completed") => {
            let (_, rest) = until_quote(rest.strip_prefix(br#","thread_id":""#)?)?;
            let (_, rest) = until_quote(rest.strip_prefix(br#","turn_id":""#)?)?;
            let (item, _) = until_quote(rest.strip_prefix(br#","item":{"type":""#)?)?;
            Some(match (purpose, item) {
                (_, "UserMessage") => Passed::UserMessage,
                (Purpose::Control, "EnteredReviewMode") => Passed::Review { begins: true },
                (Purpose::Control, "ExitedReviewMode") => Passed::Review { begins: false },
                (Purpose::Control, "AgentMessage" | "Reasoning") => Passed::Answering,
                _ => Passed::Other,
            })
        }
        (Purpose::Control, "agent_message" | "agent_reasoning") => Some(Passed::Answering),
        (
            Purpose::Control,
            "task_complete" | "turn_complete" | "turn_aborted" | "entered_review_mode" | "exited_review_mode",
        ) => None,
        _ => Some(Passed::Other),
    }
}

/// A write that failed half-way leaves no line feed, so that the next record stands on the same line. Of a long line
/// only the end is looked through: what was torn is lost, and no record that spends is as long.
fn runs_into_another(payload: &[u8]) -> bool {
    let end = payload.get(payload.len().saturating_sub(LOOKED_THROUGH)..).unwrap_or(payload);
    FIND_START.find(end).is_some()
}

/// Where the last record begins on a line that holds several, or something torn before it.
pub(super) fn last_start(line: &[u8]) -> Option<usize> {
    memmem::rfind(line, START).filter(|at| *at > 0)
}

/// A short text without escapes up to its closing quote, and what follows that.
pub(super) fn until_quote(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr(b'"', bytes.get(..LONGEST_TEXT).unwrap_or(bytes))?;
    let (text, rest) = bytes.split_at_checked(end)?;
    let is_plain = !text.iter().fold(false, |found, byte| found | (*byte == b'\\') | (*byte < b' '));
    Some((std::str::from_utf8(text).ok().filter(|_| is_plain)?, rest.get(1..)?))
}

/// A whole number, and what follows it.
pub(super) fn count(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    // Any nineteen digits fit.
    for (digits, byte) in bytes.iter().enumerate().take(20) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let starts_well = digits == 1 || (digits > 1 && bytes.first() != Some(&b'0'));
            return starts_well.then(|| bytes.split_at_checked(digits).map(|(_, rest)| (number, rest)))?;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    None
}

/// A moment exactly as Codex writes it, `2026-11-22T05:37:30.041Z`: twenty times as fast as by any format.
pub(super) fn moment(text: &[u8; 24]) -> Option<Timestamp> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'.', f0, f1, f2, b'Z'] =
        text
    else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit < 10).then_some(number * 10 + u32::from(digit))
        })
    };
    let year = i32::try_from(number(&[y0, y1, y2, y3])?).ok()?;
    let date = NaiveDate::from_ymd_opt(year, number(&[m0, m1])?, number(&[d0, d1])?)?;
    let second = number(&[s0, s1]).filter(|second| *second < 60)?;
    Some(date.and_hms_milli_opt(number(&[h0, h1])?, number(&[n0, n1])?, second, number(&[f0, f1, f2])?)?.and_utc())
}

#[cfg(test)]
mod tests;
