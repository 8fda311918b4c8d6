//! What the provider says of the account: its plan, and how much of the plan's own limits is used.

use chrono::DateTime;

use super::wire::{RateLimits, RateWindow};
use crate::model::{PlanLength, PlanWindow, Timestamp};

/// What the provider says of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The ChatGPT plan; none with an API key.
    pub plan_type: Option<String>,
    /// Another limit of the account than the plan's own has these windows, by Codex's `limit_id`. One account writes
    /// rows of both in turn (openai/codex#43136).
    pub other: Option<String>,
    /// The plan's windows and what is used of them.
    pub windows: Vec<PlanWindow>,
}

/// The `limit_id` of what a ChatGPT plan allows; absent or null in older versions.
const PLAN_S_OWN: &str = "codex";

impl Limits {
    /// They say how much of the plan's own limits is used.
    pub fn is_of_plan(&self) -> bool {
        self.other.is_none() && !self.windows.is_empty()
    }

    /// As the line says it that was written then.
    pub(super) fn read(limits: RateLimits<'_>, at: Option<Timestamp>) -> Self {
        let windows = [limits.primary, limits.secondary].into_iter().filter_map(|window| plan_window(&window.0?, at));
        let other = limits.limit_id.owned().filter(|id| id != PLAN_S_OWN);
        Self { windows: windows.collect(), plan_type: limits.plan_type.owned(), other }
    }
}

fn plan_window(window: &RateWindow, at: Option<Timestamp>) -> Option<PlanWindow> {
    let minutes = u32::try_from(window.window_minutes.0?).ok().filter(|minutes| *minutes > 0)?;
    let used = window.used_percent.0.filter(|used| (0.0..=100_000.0).contains(used))?;
    let seconds = |seconds: u64| i64::try_from(seconds).ok();
    let later = |ahead: u64| at?.checked_add_signed(chrono::TimeDelta::try_seconds(seconds(ahead)?)?);
    let resets = window.resets_at.0.and_then(|resets| DateTime::from_timestamp(seconds(resets)?, 0));
    Some(PlanWindow {
        length: PlanLength::of_minutes(minutes),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range was looked at")]
        used: (used * 10.0).round() as u32,
        resets: resets.or_else(|| window.resets_in_seconds.0.and_then(later)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(line: &str) -> Vec<(String, u32, Option<i64>)> {
        let limits: RateLimits<'_> = serde_json::from_str(line).unwrap();
        let at = DateTime::from_timestamp(1_795_348_000, 0);
        let shown = |window: PlanWindow| {
            (window.length.to_string(), window.used, window.resets.map(|resets| resets.timestamp()))
        };
        Limits::read(limits, at).windows.into_iter().map(shown).collect()
    }

    #[test]
    fn every_version_s_way_to_tell_of_a_plan_s_limits_is_read() {
        let expected = [("5h".to_owned(), 425, Some(1_795_360_000)), ("week".to_owned(), 810, Some(1_795_748_000))];
        for line in [
            // 0.169.
            r#"{"limit_id":"codex","limit_name":null,"primary":{"used_percent":42.5,"window_minutes":300,"resets_at":1795360000},"secondary":{"used_percent":81.0,"window_minutes":10080,"resets_at":1795748000},"credits":null,"individual_limit":null,"spend_control_reached":null,"plan_type":null,"rate_limit_reached_type":null}"#,
            // 0.63.
            r#"{"primary":{"used_percent":42.5,"window_minutes":300,"resets_at":1795360000},"secondary":{"used_percent":81,"window_minutes":10080,"resets_at":1795748000},"credits":null}"#,
            // Autumn of 2025.
            r#"{"primary":{"used_percent":42.5,"window_minutes":299,"resets_in_seconds":12000},"secondary":{"used_percent":81.0,"window_minutes":10079,"resets_in_seconds":400000}}"#,
            // 0.45.
            r#"{"primary":{"used_percent":42.5,"window_minutes":300,"resets_in_seconds":12000},"secondary":{"used_percent":81.0,"window_minutes":10080,"resets_in_seconds":400000}}"#,
        ] {
            assert_eq!(windows(line), expected, "{line}");
        }
    }

    #[test]
    fn a_limit_of_another_name_is_not_the_plan_s() {
        let cases = [
            (r#"{"primary":null}"#, None),
            (r#"{"limit_id":null}"#, None),
            (r#"{"limit_id":""}"#, None),
            (r#"{"limit_id":7}"#, None),
            (r#"{"limit_id":"codex","limit_name":null}"#, None),
            (r#"{"limit_id":"codex_other","limit_name":"Other"}"#, Some("codex_other")),
        ];
        for (line, other) in cases {
            assert_eq!(Limits::read(serde_json::from_str(line).unwrap(), None).other.as_deref(), other, "{line}");
        }
    }

    #[test]
    fn what_is_no_share_or_no_window_says_nothing() {
        for window in [
            "null",
            r#"{"used_percent":"much","window_minutes":300}"#,
            r#"{"used_percent":-1,"window_minutes":300}"#,
            r#"{"used_percent":1e300,"window_minutes":300}"#,
            r#"{"used_percent":10,"window_minutes":0}"#,
            r#"{"used_percent":10,"window_minutes":99999999999}"#,
        ] {
            assert_eq!(windows(&format!(r#"{{"primary":{window},"secondary":7}}"#)), [], "{window}");
        }
        let no_end = r#"{"primary":{"used_percent":10,"window_minutes":300,"resets_at":18446744073709551615}}"#;
        assert_eq!(windows(no_end), [("5h".to_owned(), 100, None)]);
    }
}
