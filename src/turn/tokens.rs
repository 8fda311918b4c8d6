//! Who answers, where that is not the user at a terminal: the tokens that messages carried, and how often one was guessed.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::{Answerer, ApprovalId, Peer, Token, TokenHash};

use super::refused_answer::NotTaken;

/// So many wrong ones are told and noted within this time.
const GUESSES: usize = 10;
const WITHIN: Duration = Duration::from_secs(60);

/// So many tokens of one question are kept, the newest: a letter that is sent again carries a new one.
const MOST: usize = 1_000;

/// What was put to whom with which token. It lives in the memory of whoever waits for the answer, and nowhere else.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// By question; `None`: whether a run that is paused goes on.
    known: BTreeMap<Option<ApprovalId>, VecDeque<(TokenHash, Answerer)>>,
    wrong: BTreeMap<Option<ApprovalId>, VecDeque<Instant>>,
}

/// What somebody says of themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    /// Whom the sender of notices has heard.
    pub(crate) who: Option<Answerer>,
    /// What the message had.
    pub(crate) token: Option<String>,
}

impl Tokens {
    /// A message with this token is about to be sent.
    pub(crate) fn expect(&mut self, approval: Option<ApprovalId>, hash: TokenHash, who: Answerer) {
        let known = self.known.entry(approval).or_default();
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back((hash, who));
    }

    /// The question is settled: its tokens are dead.
    pub(crate) fn forget(&mut self, approval: Option<ApprovalId>) {
        self.known.remove(&approval);
        self.wrong.remove(&approval);
    }

    /// Who answers this question, which somebody waits for: by the token, or whom the sender has heard, else the user of the
    /// process that speaks. A right token is taken however many were guessed before.
    pub(crate) fn who(
        &mut self,
        approval: Option<ApprovalId>,
        says: Says,
        (own, peer, sockets): (Answerer, &Peer, &Path),
        now: Instant,
    ) -> Result<Answerer, NotTaken> {
        let Some(token) = says.token else { return believed(own, says.who, peer, sockets) };
        let hash = Token::typed(&token).hash();
        let known = self.known.get(&approval).into_iter().flatten();
        // All are looked at, whichever it is.
        let found = known.fold(None, |found, (known, who)| if known.is(&hash) { Some(who) } else { found });
        if let Some(who) = found {
            return Ok(who.clone());
        }
        let wrong = self.wrong.entry(approval).or_default();
        wrong.retain(|at| now.saturating_duration_since(*at) < WITHIN);
        if wrong.len() >= GUESSES {
            return Err(NotTaken::new(format!("too many wrong tokens for {} within a minute", what(approval))));
        }
        wrong.push_back(now);
        Err(NotTaken::new(format!("that is no token of {}", what(approval)))
            .hint("copy the whole command from the newest message about it")
            .oversteps())
    }
}

fn what(approval: Option<ApprovalId>) -> String {
    approval.map_or_else(|| "this pause".to_owned(), |approval| format!("question {approval}"))
}

/// Who answers: the user of the process that speaks, or whom the sender of notices has heard. Nobody else is believed that
/// it speaks for another.
pub(crate) fn believed(
    own: Answerer,
    claimed: Option<Answerer>,
    peer: &Peer,
    sockets: &Path,
) -> Result<Answerer, NotTaken> {
    let Some(claimed) = claimed else { return Ok(own) };
    let sender = crate::serve::holder(sockets).ok().flatten();
    if sender.is_some_and(|sender| peer.pid() == Some(sender.pid)) {
        return Ok(claimed);
    }
    Err(NotTaken::new("only the sender of notices, `govern serve`, speaks for somebody else"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Door;

    #[test]
    fn a_token_is_its_readers_and_guesses_are_bounded_without_shutting_the_reader_out() {
        let temp = tempfile::tempdir().unwrap();
        let mut tokens = Tokens::default();
        let (seven, eight) = (Some(ApprovalId(7)), Some(ApprovalId(8)));
        let alice = Answerer::mail("alice@acme.example");
        let right = Token::of(42);
        tokens.expect(seven, right.hash(), alice.clone());
        let own = Answerer::login("sam", Door::Cli);
        let peer = Peer { uid: 0, caller: None };
        let start = crate::clock::monotonic();
        let mut who = |approval, token: Option<&str>, after: u64| {
            let says = Says { who: None, token: token.map(str::to_owned) };
            tokens.who(approval, says, (own.clone(), &peer, temp.path()), start + Duration::from_secs(after))
        };
        assert_eq!(who(seven, None, 0).unwrap(), own);
        assert_eq!(who(seven, Some(right.text()), 0).unwrap(), alice);
        assert!(who(eight, Some(right.text()), 0).is_err(), "it is of another question");
        for guess in 0..GUESSES {
            let not = who(seven, Some(&format!("guess{guess}")), 1).unwrap_err();
            assert!(format!("{not:?}").contains("no token of question 7"), "{not:?}");
        }
        let not = who(seven, Some("guess"), 2).unwrap_err();
        assert!(format!("{not:?}").contains("too many wrong tokens"), "{not:?}");
        assert_eq!(who(seven, Some(right.text()), 2).unwrap(), alice);
        assert!(format!("{:?}", who(seven, Some("guess"), 62).unwrap_err()).contains("no token"));
    }

    #[test]
    fn nobody_but_the_sender_speaks_for_somebody_else() {
        let temp = tempfile::tempdir().unwrap();
        let (own, peer) = (Answerer::login("sam", Door::Cli), Peer { uid: 0, caller: None });
        let claimed = Answerer::mail("alice@acme.example");
        assert!(believed(own.clone(), Some(claimed), &peer, temp.path()).is_err());
        assert_eq!(believed(own.clone(), None, &peer, temp.path()).unwrap(), own);
    }
}
