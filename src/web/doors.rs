//! The key of a page, and who has shown it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Asked;
use crate::clock;

/// What the browser keeps is called so.
const COOKIE: &str = "govern";

/// How long one who has shown the key is let in.
const STAYS: Duration = Duration::from_secs(12 * 60 * 60);

/// So many at once; the one that came first goes for one more.
const MOST: usize = 64;

/// So many wrong keys an address may show in a minute.
const GUESSES: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// The doors of a page.
pub struct Doors {
    key: String,
    /// It is reached by TLS, as far as the policy says.
    secure: bool,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    /// What was given to those who have shown the key, and until when it counts.
    passes: VecDeque<([u8; 32], Instant)>,
    /// Wrong keys of the last minute.
    guesses: VecDeque<(Option<IpAddr>, Instant)>,
}

/// What comes of showing a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is the right one: the browser keeps this.
    In(String),
    /// It is not.
    Wrong,
    /// Nor is it, and this address has shown too many.
    TooMany,
}

/// 128 bits that nobody can guess, in letters that are read aloud without mistakes.
fn chance() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Takes as long for a wrong one as for the right one: what is compared are digests, each to its end.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

impl Doors {
    /// New ones, with a key of their own.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn new(secure: bool) -> io::Result<Self> {
        Ok(Self { key: chance()?, secure, inside: Mutex::default() })
    }

    /// The key, for whoever started the page.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody shows a key. The right one opens however many wrong ones were shown from there: who guesses locks
    /// nobody out. `from` is nothing where it comes over a socket in the file system.
    pub fn enter(&self, key: &str, from: Option<IpAddr>) -> io::Result<Entry> {
        let now = clock::monotonic();
        let mut inside = self.inside();
        inside.guesses.retain(|(_, at)| now.saturating_duration_since(*at) < MINUTE);
        if !same(&digest(key.trim()), &digest(&self.key)) {
            let shown = inside.guesses.iter().filter(|(address, _)| *address == from).count();
            if shown >= GUESSES {
                return Ok(Entry::TooMany);
            }
            inside.guesses.push_back((from, now));
            // Whoever comes from a thousand addresses does not fill the memory.
            if inside.guesses.len() > 1_000 {
                inside.guesses.pop_front();
            }
            return Ok(Entry::Wrong);
        }
        let pass = chance()?;
        if inside.passes.len() >= MOST {
            inside.passes.pop_front();
        }
        inside.passes.push_back((digest(&pass), now + STAYS));
        let secure = if self.secure { "; Secure" } else { "" };
        let seconds = STAYS.as_secs();
        Ok(Entry::In(format!("{COOKIE}={pass}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")))
    }

    /// The browser was given a pass, and it still counts.
    pub fn knows(&self, asked: &Asked) -> bool {
        let now = clock::monotonic();
        let mut inside = self.inside();
        inside.passes.retain(|(_, until)| *until > now);
        let shown = asked.cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        shown.filter(|(name, _)| *name == COOKIE).any(|(_, pass)| {
            let pass = digest(pass);
            inside.passes.iter().fold(false, |known, (one, _)| known | same(one, &pass))
        })
    }
}

/// A form was filled in on a page of this host's own, or by a program that is no browser: those say where one was.
pub fn is_from_here(asked: &Asked) -> bool {
    let Some(origin) = &asked.origin else { return true };
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| host.eq_ignore_ascii_case(&asked.host))
}

/// A field of a form, or of what follows the `?` of an address; its first one of that name.
pub fn field(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| decoded(value))
    })
}

/// `a+b%3F` is `a b?`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.and_then(|d| char::from(d).to_digit(16)));
                match digits {
                    [Some(high), Some(low)] => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
                    _ => bytes.push(b'%'),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Way;

    fn asked(cookies: &str, origin: Option<&str>) -> Asked {
        Asked {
            path: "/".to_owned(),
            query: String::new(),
            form: None,
            host: "127.0.0.1:7411".to_owned(),
            origin: origin.map(str::to_owned),
            cookies: cookies.to_owned(),
            forwarded: false,
            named: None,
            way: Way::Socket(None),
        }
    }

    #[test]
    fn the_key_opens_and_a_guesser_shuts_out_nobody() {
        let doors = Doors::new(false).unwrap();
        assert_eq!(doors.key().len(), 32);
        let (near, far) = ("127.0.0.1".parse().ok(), "192.0.2.1".parse().ok());
        for _ in 0..GUESSES {
            assert_eq!(doors.enter("x", near).unwrap(), Entry::Wrong);
        }
        assert_eq!(doors.enter("x", near).unwrap(), Entry::TooMany);
        assert_eq!(doors.enter("x", far).unwrap(), Entry::Wrong);
        let key = doors.key().to_owned();
        let Entry::In(cookie) = doors.enter(&format!(" {key}\n"), near).unwrap() else { panic!("it is the key") };
        let pass = cookie.split(';').next().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("Secure"));
        assert!(!cookie.contains(&key), "what the browser keeps is not the key");
        assert!(doors.knows(&asked(&format!("a=b; {pass}"), None)));
        for other in ["", "govern=", "govern=1", &format!("govern={key}"), &format!("x{pass}")] {
            assert!(!doors.knows(&asked(other, None)), "{other}");
        }
        let other = Doors::new(true).unwrap();
        assert!(other.key() != key && !other.knows(&asked(pass, None)));
    }

    #[test]
    fn the_first_pass_goes_for_one_too_many() {
        let doors = Doors::new(false).unwrap();
        let passes: Vec<String> = (0..=MOST)
            .map(|_| match doors.enter(doors.key(), None).unwrap() {
                Entry::In(cookie) => cookie.split(';').next().unwrap().to_owned(),
                Entry::Wrong | Entry::TooMany => panic!("it is the key"),
            })
            .collect();
        let known: Vec<bool> = passes.iter().map(|pass| doors.knows(&asked(pass, None))).collect();
        assert_eq!(known.iter().filter(|known| **known).count(), MOST);
        assert!(!known[0]);
    }

    #[test]
    fn forms_come_from_the_page_itself() {
        for (origin, right) in [
            (None, true),
            (Some("http://127.0.0.1:7411"), true),
            (Some("https://127.0.0.1:7411"), true),
            (Some("http://127.0.0.1:7412"), false),
            (Some("http://evil.example"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_from_here(&asked("", origin)), right, "{origin:?}");
        }
    }

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let form = "token=a%2Bb+c&reason=%E2%82%AC%zz&token=2&x";
        assert_eq!(field(form, "token").as_deref(), Some("a+b c"));
        assert_eq!(field(form, "reason").as_deref(), Some("€%"));
        assert_eq!(field(form, "x"), None);
    }
}
