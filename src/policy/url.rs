//! Pure. Addresses of servers, as policies write them: in TLS, or on this machine.

use http::Uri;

/// Why an address is none that a message may go to. The texts complete "the address ": it may hold a secret, and is not
/// quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read as one.
    #[error("is no address")]
    Malformed,
    /// A user or a password stands in it.
    #[error("holds a user or a password")]
    Credentials,
    /// It would go out in plain text.
    #[error("is not one of TLS")]
    Plain,
    /// It is none of what is spoken there.
    #[error("is of another kind")]
    Scheme,
}

/// The host is this machine, by a name or an address of the loopback.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<core::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `https://HOST/PATH`, or `http://` to this machine itself.
pub fn web(text: &str) -> Result<Uri, UrlError> {
    let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(UrlError::Malformed) };
    if authority.as_str().contains('@') {
        return Err(UrlError::Credentials);
    }
    let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let port_is_one = after_host.is_empty() || authority.port_u16().is_some_and(|port| port > 0);
    if authority.host().is_empty() || !port_is_one {
        return Err(UrlError::Malformed);
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_loopback(authority.host()) => Ok(uri),
        "http" => Err(UrlError::Plain),
        _ => Err(UrlError::Scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_out_in_tls_or_not_at_all() {
        let cases = [
            ("https://hooks.acme.example/govern?x=1", Ok(())),
            ("https://10.1.2.3:8443/", Ok(())),
            ("http://127.0.0.1:8080/hook", Ok(())),
            ("http://[::1]:8080/hook", Ok(())),
            ("http://localhost/hook", Ok(())),
            ("http://hooks.acme.example/", Err(UrlError::Plain)),
            ("http://127.0.0.1.evil.example/", Err(UrlError::Plain)),
            ("https://user:pass@hooks.acme.example/", Err(UrlError::Credentials)),
            ("http://127.0.0.1:80@evil.example/", Err(UrlError::Credentials)),
            ("ftp://hooks.acme.example/", Err(UrlError::Scheme)),
            ("hooks.acme.example/govern", Err(UrlError::Malformed)),
            ("https:///path", Err(UrlError::Malformed)),
            ("https://host:99999/", Err(UrlError::Malformed)),
            ("https://host:0/", Err(UrlError::Malformed)),
            ("", Err(UrlError::Malformed)),
        ];
        for (text, wanted) in cases {
            assert_eq!(web(text).map(drop), wanted, "{text}");
        }
    }
}
