//! The marks that one answer leaves behind it: only the last one's step is carried out, and all are named.

use crate::decide::accounts::account::Account;
use crate::model::Verb;
use crate::policy::rule::{Step, Threshold};
use crate::policy::verdict::{Fired, Standing};

/// `, past 5% (warn) and 10% (steer)`: what was reached together with the step that fired, and is named nowhere else.
pub(super) fn passed(account: &Account, standing: &Standing, fired: Fired) -> String {
    passed_of(account, standing, fired, |_| true)
}

/// The same of the steps that would have let it go on. (Questions and choices before the limit may have been answered.)
pub(super) fn passed_mild(account: &Account, standing: &Standing, fired: Fired) -> String {
    passed_of(account, standing, fired, |step| !step.verb.is_hard() && step.may.is_none())
}

fn passed_of(account: &Account, standing: &Standing, fired: Fired, named: impl Fn(&Step) -> bool) -> String {
    let is_new = |(of, step): &(_, &Step)| {
        // A throttle is carried out beside a route, and said there.
        let beside = fired.verb == Verb::Route && step.verb == Verb::Throttle;
        Some(*of) > standing.fired
            && *of < fired.step
            && step.at.amount(standing.limit) <= standing.spent
            && !beside
            && named(step)
    };
    let marks: Vec<String> = account.rule.own_steps().filter(is_new).map(|(_, step)| mark(account, step)).collect();
    match marks.as_slice() {
        [] => String::new(),
        [only] => format!(", past {only}"),
        [first @ .., last] => format!(", past {} and {last}", first.join(", ")),
    }
}

fn mark(account: &Account, step: &Step) -> String {
    let at = match step.at {
        Threshold::Share(share) => format!("{}%", f64::from(share) / 10.0),
        Threshold::Left(left) => format!("{} left", account.key.unit.show(left)),
    };
    let verb = if step.may.is_some() { "decide" } else { step.verb.as_str() };
    format!("{at} ({verb})")
}
