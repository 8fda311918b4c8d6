//! The answer to whether a request was meant for this listener: a page elsewhere can have its name made to lead here.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderName;

/// What a listener takes.
#[derive(Clone, Debug, Default)]
pub struct Takes {
    /// Forms as well, where something is answered by them.
    pub forms: bool,
    /// Other names under which it is meant; where it takes forms, no further ones.
    pub names: Vec<String>,
    /// The header in which a proxy says who asks.
    pub named_in: Option<HeaderName>,
}

/// Other machines reach this address.
pub fn is_far(listens: SocketAddr) -> bool {
    !listens.ip().to_canonical().is_loopback()
}

/// The name or the address in a `Host`, without its port.
pub fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// The `Host` of a request names an address, this machine itself, or a name that the listener was given. On a listener
/// that only this machine reaches, any other name is a page's that was made to lead here, and so it is where forms are
/// taken. One that all can read is called whatever its network calls it.
pub fn is_ours(far: bool, host: Option<&str>, takes: &Takes) -> bool {
    if far && !takes.forms {
        return true;
    }
    let Some(host) = host else { return false };
    let name = name_of(host);
    let is_address = |ip: IpAddr| far || ip.is_loopback();
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(is_address)
        || takes.names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_loopback_is_meant() {
        for (host, right) in [
            ("127.0.0.1:9464", true),
            ("127.0.0.1", true),
            ("localhost:9464", true),
            ("LocalHost", true),
            ("[::1]:9464", true),
            ("evil.example:9464", false),
            ("127.0.0.1.evil.example", false),
            ("192.0.2.1:9464", false),
            ("", false),
            ("[", false),
        ] {
            assert_eq!(is_ours(false, Some(host), &Takes::default()), right, "{host}");
        }
        assert!(!is_ours(false, None, &Takes::default()));
        assert!(is_far("0.0.0.0:9464".parse().unwrap()) && !is_far("127.0.0.1:9464".parse().unwrap()));
        assert!(is_ours(true, Some("metrics.acme.example"), &Takes::default()));
    }

    #[test]
    fn a_page_is_meant_by_its_addresses_and_by_the_names_it_was_given() {
        let page = Takes { forms: true, names: vec!["govern.acme.example".to_owned()], ..Takes::default() };
        for (listens, host, right) in [
            ("127.0.0.1:7411", "govern.acme.example", true),
            ("127.0.0.1:7411", "Govern.Acme.Example:443", true),
            ("127.0.0.1:7411", "192.0.2.1:7411", false),
            ("127.0.0.1:7411", "evil.example", false),
            ("0.0.0.0:7411", "192.0.2.1:7411", true),
            ("192.0.2.1:7411", "[2001:db8::1]:7411", true),
            ("192.0.2.1:7411", "evil.example:7411", false),
        ] {
            assert_eq!(is_ours(is_far(listens.parse().unwrap()), Some(host), &page), right, "{host} at {listens}");
        }
    }
}
