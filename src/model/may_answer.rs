//! Who may answer a question and by what, as far as whoever looks has to know it.

use serde::{Deserialize, Serialize};

use super::ApprovalId;

/// What stands for the token, which only the letter has.
const TOKEN: &str = "TOKEN";

/// Who may answer, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayAnswer {
    /// As the policy names them; empty: whoever has the account.
    #[serde(default)]
    pub names: Vec<String>,
    /// The account itself may, in a terminal.
    pub here: bool,
    /// A letter takes it to somebody who may, with a token.
    #[serde(default)]
    pub letter: bool,
    /// A message in Slack does, with buttons.
    #[serde(default)]
    pub slack: bool,
    /// Somebody who may is known to the proxy before the page, and answers there.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub page: bool,
}

impl Default for MayAnswer {
    /// Whoever has the account.
    fn default() -> Self {
        Self { names: Vec::new(), here: true, letter: false, slack: false, page: false }
    }
}

impl MayAnswer {
    /// The same, as far as an older govern kept it: its names alone.
    pub fn named(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// `alice or bob`; `None`: whoever has the account.
    pub fn who(&self) -> Option<String> {
        (!self.names.is_empty()).then(|| self.names.join(" or "))
    }

    /// The command that answers, such as `govern approve 7`; `None`: none that is typed here is taken.
    pub fn command(&self, verb: &str, id: ApprovalId) -> Option<String> {
        match self {
            Self { here: true, .. } => Some(format!("govern {verb} {id}")),
            Self { letter: true, .. } => Some(format!("govern {verb} {id} --token {TOKEN}")),
            _ => None,
        }
    }

    /// What stands before the commands, or in their place; `None`: they say enough.
    pub fn note(&self, id: ApprovalId) -> Option<String> {
        let who = self.who().unwrap_or_else(|| "somebody else".to_owned());
        match self {
            Self { here: true, .. } => self.who().map(|who| format!("To answer question {id}, {who} may:")),
            Self { letter: true, .. } => {
                Some(format!("To answer question {id}, {who} may, with the {TOKEN} of the letter that asked:"))
            }
            Self { slack: true, .. } => Some(format!("Question {id} is answered in Slack, by {who}.")),
            Self { page: true, .. } => Some(format!("Question {id} is answered on the page, by {who}.")),
            _ => Some(format!("Question {id} is for {who}, whom no channel of `[notify]` reaches.")),
        }
    }

    /// Behind what is asked, in one line: `govern approve 7`, and by whom.
    pub fn short(&self, id: ApprovalId) -> String {
        let who = self.who().map(|who| format!(" (by {who})")).unwrap_or_default();
        match self.command("approve", id) {
            Some(command) => format!("{command}{who}"),
            None if self.slack => format!("question {id} is answered in Slack{who}"),
            None if self.page => format!("question {id} is answered on the page{who}"),
            None => format!("nobody who may answer question {id} is reached{who}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_only_where_it_is_taken() {
        let id = ApprovalId(7);
        let names = vec!["alice".to_owned(), "mail:bob@acme.example".to_owned()];
        let of = |here, letter, slack| MayAnswer { names: names.clone(), here, letter, slack, page: false };
        for (may, command, note) in [
            (MayAnswer::default(), Some("govern approve 7"), None),
            (
                of(true, true, true),
                Some("govern approve 7"),
                Some("To answer question 7, alice or mail:bob@acme.example may:"),
            ),
            (
                of(false, true, true),
                Some("govern approve 7 --token TOKEN"),
                Some(
                    "To answer question 7, alice or mail:bob@acme.example may, with the TOKEN of the letter that asked:",
                ),
            ),
            (of(false, false, true), None, Some("Question 7 is answered in Slack, by alice or mail:bob@acme.example.")),
            (
                MayAnswer { page: true, ..of(false, false, false) },
                None,
                Some("Question 7 is answered on the page, by alice or mail:bob@acme.example."),
            ),
            (
                of(false, false, false),
                None,
                Some("Question 7 is for alice or mail:bob@acme.example, whom no channel of `[notify]` reaches."),
            ),
        ] {
            assert_eq!((may.command("approve", id).as_deref(), may.note(id).as_deref()), (command, note), "{may:?}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        for page in [false, true] {
            let may = MayAnswer { here: false, letter: true, page, ..MayAnswer::named(vec!["alice".to_owned()]) };
            let text = serde_json::to_string(&may).unwrap();
            assert_eq!(serde_json::from_str::<MayAnswer>(&text).unwrap(), may);
            assert_eq!(text.contains("page"), page, "an older govern reads what it knows");
        }
    }
}
