//! The dialogue with a mail server: one letter, one connection, and what the server said.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::secret::Password;
use crate::net::{Client, NetError, Server, Wire};
use crate::policy::notify::Security;
use crate::report::text::printable;

/// A whole attempt: servers keep strangers waiting.
const WITHIN: Duration = Duration::from_secs(30);

/// Longer answers are of no mail server.
const MOST_LINE: u64 = 4_096;
const MOST_LINES: usize = 100;

/// Of what a server says, so much is told.
const TOLD: usize = 200;

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There is no connection, or no TLS.
    #[error("{}", with_hint(.0))]
    Net(#[from] NetError),
    /// It hung up.
    #[error("the mail server broke the dialogue off: {0}")]
    Broken(#[from] std::io::Error),
    /// It took too long.
    #[error("the mail server did not answer within {} s", WITHIN.as_secs())]
    Late,
    /// What came was no answer.
    #[error("the mail server speaks no SMTP")]
    NoSmtp,
    /// It cannot do what the policy asks for.
    #[error("the mail server offers no {0}")]
    Lacks(&'static str),
    /// The password is not taken.
    #[error("the mail server does not take the user and the password: {0}")]
    Login(String),
    /// It said no.
    #[error("the mail server refused {step}: {said}")]
    Refused {
        /// What.
        step: &'static str,
        /// Its answer.
        said: String,
        /// It will say so again.
        for_good: bool,
    },
}

fn with_hint(error: &NetError) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error} ({hint})"))
}

/// How a mail server is reached.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) server: Server,
    pub(super) security: Security,
    pub(super) login: Option<(String, Password)>,
}

/// A letter and its envelope.
pub(super) struct Letter<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) text: &'a str,
}

struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn said(&self) -> String {
        let text: String = self.lines.join(" ").chars().take(TOLD).collect();
        printable(&format!("{} {text}", self.code))
    }

    fn has(&self, word: &str) -> bool {
        self.lines
            .iter()
            .any(|line| line.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(word)))
    }

    /// The ways to log in that are offered.
    fn logins(&self) -> impl Iterator<Item = String> {
        let line = self.lines.iter().find_map(|line| {
            let line = line.to_ascii_uppercase();
            line.strip_prefix("AUTH").map(|rest| rest.trim_start_matches('=').to_owned())
        });
        line.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
    }
}

struct Dialogue(BufReader<Wire>);

impl Dialogue {
    async fn hear(&mut self) -> Result<Answer, Trouble> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            (&mut self.0).take(MOST_LINE).read_until(b'\n', &mut line).await?;
            let line = String::from_utf8_lossy(&line);
            if line.is_empty() {
                return Err(Trouble::Broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
            let (code, rest) = line.trim_end().split_at_checked(3).ok_or(Trouble::NoSmtp)?;
            let code: u16 = code.parse().map_err(|_| Trouble::NoSmtp)?;
            let (goes_on, text) = match rest.strip_prefix('-') {
                Some(text) => (true, text),
                None => (false, rest.trim_start()),
            };
            lines.push(text.to_owned());
            if !goes_on {
                return Ok(Answer { code, lines });
            }
            if lines.len() > MOST_LINES {
                return Err(Trouble::NoSmtp);
            }
        }
    }

    async fn say(&mut self, line: &str) -> Result<Answer, Trouble> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.0.flush().await?;
        self.hear().await
    }

    /// Says something that must be answered by a yes of this kind (2 or 3).
    async fn must(&mut self, line: &str, kind: u16, step: &'static str) -> Result<Answer, Trouble> {
        let answer = self.say(line).await?;
        if answer.code / 100 == kind { Ok(answer) } else { Err(refused(&answer, step)) }
    }
}

fn refused(answer: &Answer, step: &'static str) -> Trouble {
    Trouble::Refused { step, said: answer.said(), for_good: answer.code / 100 == 5 }
}

/// Hands a letter over. What is not taken by then may have been: it is sent again under the same id.
pub(super) async fn deliver(client: &Client, way: &Transport, letter: &Letter<'_>) -> Result<(), Trouble> {
    tokio::time::timeout(WITHIN, hand_over(client, way, letter)).await.map_err(|_| Trouble::Late)?
}

/// Greets the server and logs in, as for a letter, and hands none over.
pub(super) async fn greet_only(client: &Client, way: &Transport, from: &str) -> Result<(), Trouble> {
    let dialogue = async {
        let mut dialogue = begin(client, way, from).await?;
        let _said = dialogue.say("QUIT").await;
        Ok(())
    };
    tokio::time::timeout(WITHIN, dialogue).await.map_err(|_| Trouble::Late)?
}

async fn hand_over(client: &Client, way: &Transport, letter: &Letter<'_>) -> Result<(), Trouble> {
    let mut dialogue = begin(client, way, letter.from).await?;
    dialogue.must(&format!("MAIL FROM:<{}>", letter.from), 2, "the sender").await?;
    dialogue.must(&format!("RCPT TO:<{}>", letter.to), 2, "the reader").await?;
    dialogue.must("DATA", 3, "the letter").await?;
    dialogue.must(&format!("{}.", dotted(letter.text)), 2, "the letter").await?;
    // It is there, whatever comes of the farewell.
    let _said = dialogue.say("QUIT").await;
    Ok(())
}

/// Connects, in TLS as the policy has it, and logs in.
async fn begin(client: &Client, way: &Transport, from: &str) -> Result<Dialogue, Trouble> {
    let mut dialogue = Dialogue(BufReader::new(client.open(&way.server, way.security == Security::Tls).await?));
    let greeting = dialogue.hear().await?;
    if greeting.code / 100 != 2 {
        return Err(Trouble::Refused { step: "the connection", said: greeting.said(), for_good: false });
    }
    let name = from.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let hello = format!("EHLO {name}");
    let mut offers = greet(&mut dialogue, &hello).await?;
    if way.security == Security::StartTls {
        if !offers.has("STARTTLS") {
            return Err(Trouble::Lacks("STARTTLS"));
        }
        dialogue.must("STARTTLS", 2, "TLS").await.map_err(not_for_good)?;
        // What came in plain text after that is from nobody whose certificate was seen.
        if !dialogue.0.buffer().is_empty() {
            return Err(Trouble::NoSmtp);
        }
        dialogue = Dialogue(BufReader::new(client.secure(dialogue.0.into_inner(), &way.server).await?));
        offers = greet(&mut dialogue, &hello).await?;
    }
    if let Some((user, password)) = &way.login {
        log_in(&mut dialogue, &offers, (user, password)).await?;
    }
    Ok(dialogue)
}

async fn greet(dialogue: &mut Dialogue, hello: &str) -> Result<Answer, Trouble> {
    dialogue.must(hello, 2, "the greeting").await.map_err(not_for_good)
}

/// What is set up wrong may be mended while the letter waits.
fn not_for_good(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Refused { step, said, .. } => Trouble::Refused { step, said, for_good: false },
        other => other,
    }
}

async fn log_in(dialogue: &mut Dialogue, offers: &Answer, (user, password): (&str, &Password)) -> Result<(), Trouble> {
    let ways: Vec<String> = offers.logins().collect();
    let offered = |way: &str| ways.iter().any(|offered| offered == way);
    let answer = if offered("PLAIN") {
        let secret = STANDARD.encode(format!("\0{user}\0{}", password.text()));
        dialogue.say(&format!("AUTH PLAIN {secret}")).await?
    } else if offered("LOGIN") {
        dialogue.must("AUTH LOGIN", 3, "the login").await.map_err(not_for_good)?;
        dialogue.must(&STANDARD.encode(user), 3, "the user").await.map_err(not_for_good)?;
        dialogue.say(&STANDARD.encode(password.text())).await?
    } else {
        return Err(Trouble::Lacks("login by a password"));
    };
    if answer.code / 100 == 2 { Ok(()) } else { Err(Trouble::Login(answer.said())) }
}

/// A line that is a dot ends the letter: each that begins with one gets another. Ends with a line break.
fn dotted(text: &str) -> String {
    let mut dotted = String::with_capacity(text.len());
    for line in text.lines() {
        if line.starts_with('.') {
            dotted.push('.');
        }
        dotted.push_str(line);
        dotted.push_str("\r\n");
    }
    dotted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_letter_ends_it() {
        assert_eq!(dotted("a\r\n.\r\n..b\nc"), "a\r\n..\r\n...b\r\nc\r\n");
    }

    #[test]
    fn ways_to_log_in_are_read_as_servers_write_them() {
        let ways = |line: &str| Answer { code: 250, lines: vec![line.to_owned()] }.logins().collect::<Vec<_>>();
        assert_eq!(ways("AUTH PLAIN LOGIN"), ["PLAIN", "LOGIN"]);
        assert_eq!(ways("auth=login"), ["LOGIN"]);
        assert!(ways("SIZE 1000").is_empty());
    }
}
