//! Words of other programs and of plain English, and what a policy writes for them.

/// The verb of a step or an alert that such a word means.
pub(super) fn step(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "deny" | "refuse" | "block" | "reject" | "forbid" | "halt" | "abort" | "end" | "cancel" => "stop",
        "hold" | "pause" | "wait" | "approve" | "approval" | "confirm" | "prompt" | "suspend" => "ask",
        "notify" | "alert" | "log" | "message" | "report" | "email" | "mail" | "slack" | "warning" => "warn",
        "slow" | "limit" | "ratelimit" | "rate_limit" => "throttle",
        "downgrade" | "switch" | "fallback" | "cheaper" | "reroute" => "route",
        "hint" | "tell" | "nudge" => "steer",
        "terminate" | "sigkill" => "kill",
        _ => return None,
    })
}

/// What a gate does that such a word means.
pub(super) fn gate(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "block" | "refuse" | "reject" | "forbid" | "stop" | "kill" | "halt" | "abort" | "never" => "deny",
        "hold" | "pause" | "wait" | "approve" | "approval" | "confirm" | "prompt" => "ask",
        _ => return None,
    })
}

/// The window that such a word means.
pub(super) fn window(word: &str) -> Option<&'static str> {
    let lower = word.trim().to_lowercase();
    let prefixes = ["per ", "each ", "every ", "a ", "1 ", "one ", "this ", "calendar "];
    let bare = prefixes.into_iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower).trim();
    Some(match bare {
        "day" | "daily" | "today" | "days" => "day",
        "week" | "weekly" | "weeks" => "week",
        "month" | "monthly" | "months" | "1mo" | "1month" => "month",
        "quarter" | "quarterly" | "quarters" => "quarter",
        "year" | "yearly" | "annual" | "annually" | "years" | "1y" | "1year" => "year",
        "hour" | "hourly" | "hours" => "1h",
        "minute" | "minutely" | "minutes" => "1m",
        "fortnight" | "fortnightly" | "biweekly" => "14d",
        "forever" | "ever" | "always" | "all" | "all time" | "lifetime" | "unlimited" | "never" => "total",
        _ => return None,
    })
}
