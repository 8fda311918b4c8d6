//! Who may answer questions, how far, and who is who.

use crate::model::{Answerer, BudgetKey, Door, Grant, Granted, Identity, Person, Quantity, Timestamp, Unit};

/// `quorum`: how many different persons have to say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// So many.
    pub people: u32,
    /// Only to a yes that lifts a limit by more than this; `None`: to every yes.
    pub above: Option<Quantity>,
}

/// The `[approvals]` table, and the persons that it may name.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// Who may answer: persons, logins, `mail:`, `slack:` and `slack-group:`; empty: anyone with the ledger's rights.
    pub approvers: Vec<String>,
    /// The most one answer may extend by.
    pub max_extend: Option<Quantity>,
    /// The most that grants of one budget may come to at one time; `None`: as [`Approvals::max_extend`].
    pub max_grant: Option<Quantity>,
    /// A question is put and waited for even where nobody can be reached.
    pub wait_for_nobody: bool,
    /// Nobody answers for a run of their own.
    pub not_self: bool,
    /// How many have to say yes, as each file says it: all of them hold.
    pub quorums: Vec<Quorum>,
    /// `[[person]]`, as far as they count.
    pub persons: Vec<Person>,
    /// Of those who may answer, these alone: what a fleet's file says of one review. Empty: all of them.
    pub only: Vec<String>,
}

impl Approvals {
    /// Who may answer, where not everybody may: `alice or bob`.
    pub fn named(&self) -> Option<String> {
        (!self.listed().is_empty()).then(|| self.listed().join(" or "))
    }

    /// Who may answer, as they are named; empty: anyone with the ledger's rights.
    pub fn listed(&self) -> &[String] {
        if self.only.is_empty() { &self.approvers } else { &self.only }
    }

    /// The same rules, where of those who may answer these alone do.
    #[must_use]
    pub fn narrowed(&self, only: &[String]) -> Self {
        Self { only: only.to_vec(), ..self.clone() }
    }

    /// Somebody may answer, as far as it is about who they are.
    pub fn may_answer(&self, who: &Answerer) -> bool {
        let among = |entries: &[String]| entries.is_empty() || entries.iter().any(|entry| self.means(entry, who));
        among(&self.approvers) && among(&self.only)
    }

    /// The most that grants of a budget in this unit may come to at one time. A grant is one person's yes: where it takes
    /// several to lift a limit further, grants lift it no further.
    pub fn most_granted(&self, unit: Unit) -> Option<Quantity> {
        let written = self.max_grant.or(self.max_extend).filter(|most| most.unit == unit);
        let alone = self.quorums.iter().filter(|quorum| quorum.people > 1).filter_map(|quorum| match quorum.above {
            None => Some(Quantity { unit, amount: 0 }),
            Some(above) => (above.unit == unit).then_some(above),
        });
        written.into_iter().chain(alone).min_by_key(|most| most.amount)
    }

    /// What grants add to the limit of this key: those of people who may answer under this policy, and no more than it
    /// lets them come to.
    pub fn granted(&self, grants: &[Grant], key: &BudgetKey, now: Timestamp) -> Granted {
        let counts = |grant: &&Grant| {
            let who = Answerer::login(&grant.login, Door::Cli);
            grant.holds(now) && grant.lifts(key) && self.may_answer(&who)
        };
        let (amount, until) = grants.iter().filter(counts).fold((0_i64, None), |(amount, until), grant| {
            let first = until.map_or(grant.until, |until: Timestamp| until.min(grant.until));
            (amount.saturating_add(grant.by_amount.amount), Some(first))
        });
        let most = self.most_granted(key.unit).map_or(i64::MAX, |most| most.amount);
        Granted { amount: amount.min(most), until }
    }

    /// How many different persons have to say yes; `lifting` is what that lifts a limit by, where it does.
    pub fn people_for(&self, lifting: Option<Quantity>) -> u32 {
        let holds = |quorum: &&Quorum| match (quorum.above, lifting) {
            (None, _) => true,
            (Some(above), Some(by)) => above.unit == by.unit && by.amount > above.amount,
            (Some(_), None) => false,
        };
        self.quorums.iter().filter(holds).map(|quorum| quorum.people).max().unwrap_or(1)
    }

    /// The person behind a name at a door.
    pub fn person(&self, identity: &Identity) -> Option<&Person> {
        self.persons.iter().find(|person| person.is(identity))
    }

    /// What somebody is called: the person's name, else the name at the door.
    pub fn name<'a>(&'a self, identity: &'a Identity) -> &'a str {
        self.person(identity).map_or(identity.name(), |person| &person.name)
    }

    /// Who answered and through what, as it is written down: `alice (mail)`.
    pub fn by(&self, who: &Answerer) -> String {
        format!("{} ({})", self.name(&who.identity), who.door.as_str())
    }

    /// The same of several who have agreed.
    pub fn by_all(&self, all: &[Answerer]) -> String {
        all.iter().map(|one| self.by(one)).collect::<Vec<_>>().join(" and ")
    }

    /// This entry of `approvers` means somebody. A person's name means that person alone, not a login that happens to be
    /// called so.
    pub fn means(&self, entry: &str, who: &Answerer) -> bool {
        let known = self.person(&who.identity);
        match entry.split_once(':') {
            Some(("slack-group", group)) => who.groups.iter().any(|own| own == group),
            Some(("slack", id)) => self.are_one(&Identity::Slack(id.to_owned()), &who.identity),
            Some(("mail", address)) => self.are_one(&Identity::mail(address), &who.identity),
            _ if self.persons.iter().any(|person| person.name == entry) => {
                known.is_some_and(|person| person.name == entry)
            }
            _ => self.are_one(&Identity::Login(entry.to_owned()), &who.identity),
        }
    }

    /// Whoever this entry of `approvers` means is known in Slack, so that a click can be theirs.
    pub fn in_slack(&self, entry: &str) -> bool {
        let called = |person: &Person| match entry.split_once(':') {
            Some(("mail", address)) => person.is(&Identity::mail(address)),
            _ if self.persons.iter().any(|person| person.name == entry) => person.name == entry,
            _ => person.os.as_deref() == Some(entry),
        };
        entry.starts_with("slack:")
            || entry.starts_with("slack-group:")
            || self.persons.iter().any(|person| person.slack.is_some() && called(person))
    }

    fn are_one(&self, one: &Identity, other: &Identity) -> bool {
        one == other || self.person(one).is_some_and(|person| person.is(other))
    }

    /// Whether two names are of two persons; `None`: that cannot be told.
    pub fn are_two(&self, one: &Identity, other: &Identity) -> Option<bool> {
        if self.are_one(one, other) {
            return Some(false);
        }
        match (self.person(one), self.person(other)) {
            (Some(_), Some(_)) => Some(true),
            // Two logins are two, and so are a login and a person who has another one.
            (Some(person), None) => (matches!(other, Identity::Login(_)) && person.os.is_some()).then_some(true),
            (None, Some(person)) => (matches!(one, Identity::Login(_)) && person.os.is_some()).then_some(true),
            (None, None) => matches!((one, other), (Identity::Login(_), Identity::Login(_))).then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, os: Option<&str>, mail: Option<&str>) -> Person {
        let own = |text: &str| text.to_owned();
        Person { name: own(name), os: os.map(own), mail: mail.map(own), ..Person::default() }
    }

    fn acme() -> Approvals {
        let (slack, proxy) = (Some("U1".to_owned()), Some("a@sso".to_owned()));
        let alice = Person { slack, proxy, ..person("alice", Some("al"), Some("alice@acme.example")) };
        let persons = vec![alice, person("bob", None, Some("bob@acme.example"))];
        Approvals { persons, ..Approvals::default() }
    }

    #[test]
    fn a_person_is_one_through_every_door_and_a_login_called_alike_is_another() {
        let login = |name: &str| Answerer::login(name, Door::Cli);
        let slack = |id: &str, groups: &[&str]| Answerer {
            identity: Identity::Slack(id.to_owned()),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            door: Door::Slack,
        };
        let table = [
            ("alice", login("al"), true),
            ("alice", Answerer::mail("Alice@ACME.example"), true),
            ("alice", slack("U1", &[]), true),
            ("alice", login("alice"), false),
            ("al", slack("U1", &[]), true),
            ("mail:alice@acme.example", login("al"), true),
            ("slack:U1", Answerer::mail("alice@acme.example"), true),
            ("slack:U2", slack("U2", &[]), true),
            ("slack:U2", slack("U1", &[]), false),
            ("slack-group:S9", slack("U7", &["S8", "S9"]), true),
            ("slack-group:S9", slack("U7", &[]), false),
            ("bob", login("bob"), false),
            ("bob", Answerer::mail("bob@acme.example"), true),
            ("alice", Answerer::proxied("a@sso"), true),
            ("mail:alice@acme.example", Answerer::proxied("a@sso"), true),
            ("alice", Answerer::proxied("alice"), false),
            ("al", Answerer::proxied("al"), false),
            ("mail:alice@acme.example", Answerer::proxied("alice@acme.example"), false),
            ("carol", login("carol"), true),
            ("carol", Answerer::mail("carol"), false),
        ];
        for (entry, who, means) in table {
            assert_eq!(acme().means(entry, &who), means, "{entry} {who:?}");
        }
    }

    #[test]
    fn an_approver_is_in_slack_by_an_id_a_group_or_a_person_who_is() {
        let in_slack = ["alice", "al", "mail:alice@acme.example", "slack:U7", "slack-group:S9"];
        assert!(in_slack.iter().all(|entry| acme().in_slack(entry)));
        let elsewhere = ["bob", "carol", "mail:bob@acme.example", "mail:eve@acme.example"];
        assert!(!elsewhere.iter().any(|entry| acme().in_slack(entry)));
    }

    #[test]
    fn grants_count_while_they_hold_from_who_may_answer_and_up_to_the_most() {
        let at = |seconds| Timestamp::from_timestamp(seconds, 0).unwrap();
        let usd = |amount| Quantity { unit: Unit::Usd, amount };
        let grant = |id, login: &str, scope: Option<&str>, amount, until| Grant {
            id,
            budget: "teams".into(),
            scope: scope.map(str::to_owned),
            by_amount: usd(amount),
            until: at(until),
            login: login.to_owned(),
            by: format!("{login} (cli)"),
            reason: "the release".to_owned(),
            at: at(0),
            revoked: None,
        };
        let key =
            BudgetKey { budget: "teams".into(), scope: "team=web".to_owned(), window_start: None, unit: Unit::Usd };
        let grants = [
            grant(1, "al", None, 5, 100),
            grant(2, "al", Some("team=web"), 7, 50),
            grant(3, "al", Some("team=infra"), 100, 100),
            grant(4, "eve", None, 1_000, 100),
            Grant { revoked: Some((at(5), "al (cli)".to_owned())), ..grant(5, "al", None, 1_000, 100) },
        ];
        let only = Approvals { approvers: vec!["alice".to_owned()], ..acme() };
        let granted = |approvals: &Approvals, now| approvals.granted(&grants, &key, at(now));
        assert_eq!(granted(&only, 10), Granted { amount: 12, until: Some(at(50)) });
        assert_eq!(granted(&only, 50), Granted { amount: 5, until: Some(at(100)) });
        assert_eq!(granted(&only, 100), Granted::default());
        let most = Approvals { max_grant: Some(usd(9)), max_extend: Some(usd(1)), ..only.clone() };
        assert_eq!(granted(&most, 10).amount, 9);
        assert_eq!(granted(&Approvals { max_grant: None, ..most }, 10).amount, 1);
        assert_eq!(granted(&acme(), 10).amount, 1_012, "without approvers anybody with the ledger's rights");
    }

    #[test]
    fn who_answered_is_written_down_by_the_persons_name_and_the_door() {
        assert_eq!(acme().by(&Answerer::mail("alice@acme.example")), "alice (mail)");
        assert_eq!(acme().by(&Answerer::login("al", Door::Prompt)), "alice (prompt)");
        assert_eq!(acme().by(&Answerer::mail("eve@acme.example")), "eve@acme.example (mail)");
    }

    #[test]
    fn two_names_are_of_two_persons_only_where_that_is_known() {
        let (login, mail) = (|name: &str| Identity::Login(name.to_owned()), Identity::mail);
        let table = [
            (login("al"), mail("alice@acme.example"), Some(false)),
            (login("al"), mail("bob@acme.example"), Some(true)),
            (login("al"), login("carol"), Some(true)),
            (login("carol"), login("dave"), Some(true)),
            (login("carol"), mail("alice@acme.example"), Some(true)),
            (login("carol"), mail("bob@acme.example"), None),
            (login("al"), mail("eve@acme.example"), None),
            (mail("a@x.example"), mail("b@x.example"), None),
        ];
        for (one, other, two) in table {
            assert_eq!(acme().are_two(&one, &other), two, "{one:?} {other:?}");
            assert_eq!(acme().are_two(&other, &one), two, "{other:?} {one:?}");
        }
    }
}
