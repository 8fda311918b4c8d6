//! Owns the answer to whether a request was meant for this listener: a page from elsewhere whose name was made to lead here is not.

use std::net::{IpAddr, SocketAddr};

/// The `Host` of a request names an address, or this machine itself. On a listener that only this machine reaches, any
/// other name is a page's that was made to lead here; one that all can reach is called whatever its network calls it.
pub fn is_ours(listens: SocketAddr, host: Option<&str>) -> bool {
    if !listens.ip().is_loopback() {
        return true;
    }
    let Some(host) = host else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_loopback_is_meant() {
        let near: SocketAddr = "127.0.0.1:9464".parse().unwrap();
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
            assert_eq!(is_ours(near, Some(host)), right, "{host}");
        }
        assert!(!is_ours(near, None));
        let far: SocketAddr = "0.0.0.0:9464".parse().unwrap();
        assert!(is_ours(far, Some("metrics.acme.example")));
    }
}
