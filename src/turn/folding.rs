//! Alerts that come again soon are told once, with how often: the first at once, those after it together.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::clocks::ALERTS_FOLDED;
use crate::ledger::outbox::{self, AlertTold};
use crate::ledger::{LedgerError, Turn};
use crate::model::Notice;
use crate::model::notice::NoticeAlert;
use crate::report::text::moment;

/// More agents than these are not named.
const NAMED: usize = 5;

/// Writes a notice of an alert for these addresses, or has one that waits tell of it as well.
pub(super) fn post(turn: &mut Turn<'_>, notice: Notice, mut to: Vec<String>, zone: Tz) -> Result<bool, LedgerError> {
    to.sort();
    to.dedup();
    let window = TimeDelta::from_std(ALERTS_FOLDED).unwrap_or_default();
    let since = notice.time.checked_sub_signed(window).unwrap_or(notice.time);
    let earlier = outbox::alerts_since(turn, since)?.into_iter().find(|told| is_same(told, &notice, &to));
    match earlier {
        Some(told) if told.waits => {
            outbox::retell(turn, &told, &together(&told.notice, notice, zone))?;
            Ok(true)
        }
        earlier => {
            let due = earlier.and_then(|told| told.notice.time.checked_add_signed(window)).unwrap_or(notice.time);
            let copies: Vec<_> = to.into_iter().map(|address| (address, due)).collect();
            outbox::post(turn, &notice, &copies, None)
        }
    }
}

/// It is of the same alert of the same run, for the same readers.
fn is_same(told: &AlertTold, notice: &Notice, to: &[String]) -> bool {
    let name = |notice: &Notice| notice.alert.as_ref().map(|alert| alert.name.clone());
    told.notice.run == notice.run && name(&told.notice) == name(notice) && told.to == to
}

/// The later notice, which tells of the earlier ones as well; the one that is written already keeps its id.
fn together(earlier: &Notice, later: Notice, zone: Tz) -> Notice {
    let Some((before, now)) = earlier.alert.as_ref().zip(later.alert.as_ref()) else { return later };
    let mut agents = before.agents.clone();
    agents.extend(now.agents.iter().filter(|agent| !before.agents.contains(agent)).cloned());
    let alert = NoticeAlert { times: before.times.saturating_add(now.times), agents, ..before.clone() };
    let text = format!("{} ({})", later.text, often(&alert, zone));
    Notice { id: earlier.id.clone(), text, alert: Some(alert), ..later }
}

/// `3 times since 12:01 UTC, by plan and build`.
fn often(alert: &NoticeAlert, zone: Tz) -> String {
    let named: Vec<&str> = alert.agents.iter().take(NAMED).map(String::as_str).collect();
    let more = alert.agents.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let by = if alert.agents.len() > 1 { format!(", by {}{more}", named.join(", ")) } else { String::new() };
    format!("{} times since {} {}{by}", alert.times, moment(alert.since, zone), zone.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, outbox::claim};
    use crate::model::notice::NOTICE_SCHEMA;
    use crate::model::{NoticeKind, Timestamp};

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-24T10:{minute:02}:00Z").parse().unwrap()
    }

    fn notice(minute: u32, name: &str, agent: &str) -> Notice {
        let alert = NoticeAlert { name: name.to_owned(), times: 1, since: at(minute), agents: vec![agent.to_owned()] };
        Notice {
            schema: NOTICE_SCHEMA.to_owned(),
            id: format!("msg {minute} {name} {agent}"),
            time: at(minute),
            kind: NoticeKind::Alert,
            run: Some("r1".to_owned()),
            agent: Some(agent.to_owned()),
            team: None,
            project: None,
            text: format!("{agent} warned: {name}"),
            budget: None,
            question: None,
            decision: None,
            progress: None,
            alert: Some(alert),
        }
    }

    fn comes(ledger: &mut Ledger, minute: u32, name: &str, agent: &str) {
        let to = vec!["slack".to_owned(), "mail:a@x.example".to_owned()];
        let written = ledger.turn(at(minute), |turn| post(turn, notice(minute, name, agent), to.clone(), Tz::UTC));
        assert!(written.unwrap());
    }

    /// What is sent at this minute, each text once for each reader.
    fn sent(ledger: &mut Ledger, minute: u32) -> Vec<String> {
        let parcels = claim(ledger, at(minute), 100).unwrap();
        let text = |body: &str| serde_json::from_str::<Notice>(body).unwrap().text;
        let mut texts: Vec<String> = parcels.iter().map(|parcel| text(&parcel.body)).collect();
        assert_eq!(texts.len() % 2, 0, "both readers get all");
        texts.dedup();
        texts
    }

    #[test]
    fn the_first_is_told_at_once_and_those_that_follow_together_ten_minutes_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        comes(&mut ledger, 0, "stalls", "plan");
        assert_eq!(sent(&mut ledger, 0), ["plan warned: stalls"]);
        for (minute, agent) in [(1, "plan"), (2, "build"), (3, "plan"), (9, "plan")] {
            comes(&mut ledger, minute, "stalls", agent);
        }
        assert_eq!(sent(&mut ledger, 9), [""; 0]);
        let folded = "plan warned: stalls (4 times since 2026-11-24 10:01 UTC, by plan, build)";
        assert_eq!(sent(&mut ledger, 10), [folded]);
        // It is some time since the last one.
        comes(&mut ledger, 25, "stalls", "plan");
        assert_eq!(sent(&mut ledger, 25), ["plan warned: stalls"]);
    }

    #[test]
    fn another_alert_is_another_notice() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        comes(&mut ledger, 0, "stalls", "plan");
        comes(&mut ledger, 0, "repeats", "plan");
        assert_eq!(sent(&mut ledger, 0), ["plan warned: stalls", "plan warned: repeats"]);
    }
}
