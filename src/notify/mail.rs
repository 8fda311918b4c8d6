//! Mail: a notice goes out as a letter, and its server's word comes back.

use std::ffi::OsString;

use chrono_tz::Tz;

use super::letter::{self, Answers, Beside, Envelope};
use super::secret::{Password, SecretError};
use super::sent::Sent;
use super::smtp::{Letter, Transport, Trouble, deliver, greet_only};
use crate::model::{Notice, Token, Whence};
use crate::net::{Client, Server};
use crate::policy::notify::Mail as Wanted;

/// How a reader may answer the question that a letter puts.
#[derive(Clone, Debug)]
pub enum Answering {
    /// By this token, which the run knows; and on the page below this address, if it has a public one.
    By(Token, Option<String>),
    /// Not, and why.
    Not(String),
    /// It is no question, or nobody waits for its answer any more.
    Nothing,
}

/// A mail server, and who writes.
#[derive(Debug)]
pub struct Mail {
    way: Transport,
    from_name: Option<String>,
    from: String,
}

impl Mail {
    /// The policy's, with its password.
    ///
    /// # Errors
    ///
    /// The password is not where the policy says.
    pub fn of(mail: &Wanted, env: impl Fn(&str) -> Option<OsString>) -> Result<Self, SecretError> {
        let login = match &mail.login {
            Some(login) => Some((login.user.clone(), Password::read(&login.password, env)?)),
            None => None,
        };
        let server = Server { host: mail.host.clone(), port: mail.port };
        let way = Transport { server, security: mail.security, login };
        Ok(Self { way, from_name: mail.from_name.clone(), from: mail.from.clone() })
    }

    /// Whether the server would take a letter, as far as that shows without one.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    pub async fn reach(&self, client: &Client) -> Result<(), String> {
        greet_only(client, &self.way, &self.from).await.map_err(|trouble| trouble.to_string())
    }

    /// Sends a notice to somebody, once.
    pub async fn send(
        &self,
        client: &Client,
        notice: &Notice,
        (to, whence, zone): (&str, &Whence, Tz),
        answering: &Answering,
    ) -> Sent {
        let envelope = Envelope { from_name: self.from_name.as_deref(), from: &self.from, to };
        let answers = match answering {
            Answering::By(token, page) => Answers::By(token, page.as_deref()),
            Answering::Not(why) => Answers::Not(why),
            Answering::Nothing => Answers::Nothing,
        };
        let text = letter::write(notice, envelope, Beside { whence, zone }, answers);
        match deliver(client, &self.way, &Letter { from: &self.from, to, text: &text }).await {
            Ok(()) => Sent::Taken,
            Err(trouble @ Trouble::Refused { for_good: true, .. }) => Sent::Never { why: trouble.to_string() },
            Err(trouble) => Sent::NotYet { why: trouble.to_string(), after: None },
        }
    }
}

/// A new token. `None`: the system has no chance to give.
pub fn new_token() -> Option<Token> {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(Token::of(u128::from_be_bytes(bytes)))
}
