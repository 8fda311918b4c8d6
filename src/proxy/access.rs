//! The gateway's key, and who may come in: the processes of the run, with the token, by the gateway's own name.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;

use sha2::{Digest, Sha256};

/// The token of a gateway: 128 bits that nobody can guess.
pub(super) struct Token([u8; 32]);

impl Token {
    /// A new one, and as it stands in the path.
    pub(super) fn new() -> io::Result<(Self, String)> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((Self(digest(&text)), text))
    }

    /// The path below `/TOKEN/v1`; `None` where that does not stand before it. Takes as long for a wrong token as for the
    /// right one.
    pub(super) fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (token, rest) = path.strip_prefix('/')?.split_once('/')?;
        let differ = self.0.iter().zip(digest(token)).fold(0, |differ, (one, other)| differ | (one ^ other));
        let below = rest.strip_prefix("v1").filter(|below| below.is_empty() || below.starts_with('/'));
        below.filter(|_| differ == 0)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// A request means this listener by its `Host`: a page of a browser can have any other name made to lead here.
pub(super) fn is_meant(host: Option<&str>, ours: SocketAddr) -> bool {
    let port = ours.port();
    host.is_some_and(|host| {
        host == format!("127.0.0.1:{port}") || host.eq_ignore_ascii_case(&format!("localhost:{port}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_and_what_is_below_it_is_the_path() {
        let (token, text) = Token::new().unwrap();
        assert_eq!(text.len(), 32);
        for (path, below) in [
            (format!("/{text}/v1/responses"), Some("/responses")),
            (format!("/{text}/v1"), Some("")),
            (format!("/{text}/v1/a/b"), Some("/a/b")),
            (format!("/{text}/v12/responses"), None),
            (format!("/{text}/responses"), None),
            (format!("/{}/v1/responses", &text[1..]), None),
            (format!("/{}/v1/responses", text.replace(char::is_alphanumeric, "0")), None),
            ("/v1/responses".to_owned(), None),
            ("/".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(token.below(&path), below, "{path}");
        }
    }

    #[test]
    fn another_name_is_not_meant() {
        let ours = "127.0.0.1:4000".parse().unwrap();
        for (host, is) in [
            (Some("127.0.0.1:4000"), true),
            (Some("LocalHost:4000"), true),
            (Some("127.0.0.1:4001"), false),
            (Some("127.0.0.1"), false),
            (Some("evil.example:4000"), false),
            (None, false),
        ] {
            assert_eq!(is_meant(host, ours), is, "{host:?}");
        }
    }
}
