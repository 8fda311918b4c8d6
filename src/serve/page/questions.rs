//! A question on the page: whoever has the token of its letter reads it there, and answers by the form; so does a person
//! whom the proxy before the page has named. What a reader of mail opens by itself decides nothing: a look is no answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Known, Site, blocking};
use crate::clock;
use crate::error::Result;
use crate::gate::message::Wish;
use crate::model::{Answerer, ApprovalId};
use crate::report::html::question::{self, QuestionPage};
use crate::web::doors::field;
use crate::web::{Answer, Asked};

/// So many wrong tokens of a question are told within a minute; the right one is taken all the same.
const GUESSES: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Whoever names a thousand questions does not fill the memory.
const MOST: usize = 1_000;

/// What a form's button for an hour means.
const HOUR: u64 = 3_600;

const HTML: &str = "text/html; charset=utf-8";

/// By what somebody sees a question, and answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// The token of a letter.
    Token(String),
    /// A person whom the proxy has named, and what the policy calls them.
    Person(Answerer, String),
}

impl Right {
    /// What the form brings back.
    fn token(&self) -> Option<&str> {
        match self {
            Self::Token(token) => Some(token),
            Self::Person(..) => None,
        }
    }
}

/// What is found of a question, by whoever has a right to it.
#[derive(Debug)]
pub enum Found {
    /// It waits, and the right to it is one.
    Waits(Box<QuestionPage>),
    /// It needs no answer any more.
    Over,
    /// There is none, or a token is not its own.
    Foreign,
}

/// What came of an answer.
#[derive(Debug)]
pub enum Came {
    /// It was taken; what it did.
    Taken(String),
    /// It was not, and why.
    Not(String),
}

/// What somebody answers by the form.
#[derive(Clone, Debug)]
pub struct FormAnswer {
    /// Which question.
    pub approval: ApprovalId,
    /// What.
    pub wish: Wish,
    /// Why.
    pub reason: Option<String>,
    /// By what right.
    pub by: Right,
}

/// Wrong tokens of the last minute.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<BTreeMap<ApprovalId, VecDeque<Instant>>>);

impl Guesses {
    /// One more of this question; says whether there were too many.
    fn note(&self, approval: ApprovalId, now: Instant) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, guesses| {
            guesses.retain(|at| now.saturating_duration_since(*at) < MINUTE);
            !guesses.is_empty()
        });
        if known.len() >= MOST && !known.contains_key(&approval) {
            return true;
        }
        let guesses = known.entry(approval).or_default();
        if guesses.len() >= GUESSES {
            return true;
        }
        guesses.push_back(now);
        false
    }
}

/// The question of this path, if it is one.
pub(super) fn of_path(path: &str) -> Option<ApprovalId> {
    let id = path.strip_prefix("/questions/")?;
    let is_id = (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| id.parse().ok().map(ApprovalId)).flatten()
}

/// Shows it, or takes the answer of its form. A token goes before whoever is named: it is its reader's.
pub(super) async fn answer(site: &Site, id: ApprovalId, asked: &Asked, known: Option<&Known>) -> Result<Answer> {
    let form = asked.form.as_deref();
    let token = field(form.unwrap_or(&asked.query), "token").filter(|token| !token.is_empty());
    let right = match (token, known) {
        (None, Some(known)) => {
            // Whoever has logged in at the proxy is so in every tab: that the form is this page's own has to be said.
            if form.is_some() && asked.origin.is_none() {
                return Ok(Answer::line(403, "from which page this form was sent is not said"));
            }
            Right::Person(known.who.clone(), known.name.clone())
        }
        (token, _) => Right::Token(token.unwrap_or_default()),
    };
    let shown = match look(site, id, &right).await? {
        Found::Waits(shown) => shown,
        Found::Over => return Ok(over(id)),
        Found::Foreign if right.token().is_some() && site.guesses.note(id, clock::monotonic()) => {
            return Ok(Answer::new(429, HTML, question::told(id.0, "Too many wrong tokens: wait a minute.")));
        }
        Found::Foreign => {
            let what = "That is no token of a question that waits here. Open the link of the newest letter about it.";
            return Ok(Answer::new(403, HTML, question::told(id.0, what)));
        }
    };
    let again = |status, wrong| Answer::new(status, HTML, question::page(&shown, right.token(), wrong));
    let Some(form) = form else { return Ok(again(200, None)) };
    let Some(wish) = wish(form) else { return Ok(again(400, Some("say what the answer is"))) };
    let reason = field(form, "reason").map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let wanted = FormAnswer { approval: id, wish, reason, by: right.clone() };
    let take = site.views.answer;
    let came = blocking(move || take(wanted)).await?;
    let waits = matches!(look(site, id, &right).await?, Found::Waits(_));
    Ok(match came {
        Came::Taken(what) => Answer::new(200, HTML, question::answered(id.0, &what, waits)),
        Came::Not(why) if waits => again(400, Some(&why)),
        // Somebody else was quicker.
        Came::Not(_) => over(id),
    })
}

async fn look(site: &Site, id: ApprovalId, right: &Right) -> Result<Found> {
    let (look, right) = (site.views.question, right.clone());
    blocking(move || look(id, &right)).await
}

fn over(id: ApprovalId) -> Answer {
    Answer::new(409, HTML, question::told(id.0, "This question needs no answer any more."))
}

/// What a form's button means.
fn wish(form: &str) -> Option<Wish> {
    Some(match field(form, "answer")?.as_str() {
        "approve" => Wish::Extend { by: None },
        "extend" => Wish::Extend { by: Some(field(form, "amount").filter(|amount| !amount.trim().is_empty())?) },
        "route" => Wish::Route { model: None },
        "for" => Wish::Allow { seconds: Some(HOUR) },
        "run" => Wish::Allow { seconds: None },
        "deny" => Wish::Stop,
        "kill" => Wish::Kill,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_names_a_question() {
        for (path, id) in [
            ("/questions/7", Some(7)),
            ("/questions/", None),
            ("/questions/7/", None),
            ("/questions/-7", None),
            ("/questions/99999999999999999999", None),
            ("/runs/7", None),
        ] {
            assert_eq!(of_path(path).map(|id| id.0), id, "{path}");
        }
    }

    #[test]
    fn a_button_is_an_answer_and_nothing_else_is() {
        assert_eq!(wish("token=x&answer=approve"), Some(Wish::Extend { by: None }));
        let by = Some("2 usd".to_owned());
        assert_eq!(wish("token=x&amount=2+usd&answer=extend"), Some(Wish::Extend { by }));
        assert_eq!(wish("answer=deny"), Some(Wish::Stop));
        for form in ["", "token=x", "answer=", "answer=yes", "answer=extend&amount=+"] {
            assert_eq!(wish(form), None, "{form}");
        }
    }

    #[test]
    fn guesses_are_counted_for_each_question_and_for_a_minute() {
        let guesses = Guesses::default();
        let now = clock::monotonic();
        assert!((0..GUESSES).all(|_| !guesses.note(ApprovalId(7), now)));
        assert!(guesses.note(ApprovalId(7), now) && !guesses.note(ApprovalId(8), now));
        assert!(!guesses.note(ApprovalId(7), now + MINUTE));
    }
}
