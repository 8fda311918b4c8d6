//! Addresses of servers, as policies write them: in TLS, or on this machine.

use http::Uri;

use super::notify::Security;

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

/// `smtps://HOST`, `smtp://HOST?tls=required`, or `smtp://HOST` to this machine itself: the host, without brackets, the
/// port and how TLS is spoken.
pub fn smtp(text: &str) -> Result<(String, u16, Security), UrlError> {
    let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(UrlError::Malformed) };
    if authority.as_str().contains('@') {
        return Err(UrlError::Credentials);
    }
    let host = authority.host();
    let after_host = authority.as_str().strip_prefix(host).unwrap_or_default();
    let port = authority.port_u16();
    if host.is_empty() || !(after_host.is_empty() || port.is_some_and(|port| port > 0)) {
        return Err(UrlError::Malformed);
    }
    if !matches!(uri.path(), "" | "/") {
        return Err(UrlError::Malformed);
    }
    let (security, usual) = match (scheme, uri.query()) {
        ("smtps", None) => (Security::Tls, 465),
        ("smtp", Some("tls=required")) => (Security::StartTls, 587),
        ("smtp", None) if is_loopback(host) => (Security::Plain, 25),
        ("smtp", None) => return Err(UrlError::Plain),
        ("smtp" | "smtps", Some(_)) => return Err(UrlError::Malformed),
        _ => return Err(UrlError::Scheme),
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    Ok((bare.to_owned(), port.unwrap_or(usual), security))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_goes_out_in_tls_or_stays_on_this_machine() {
        let right = |host: &str, port: u16, security| Ok((host.to_owned(), port, security));
        let cases = [
            ("smtps://mail.acme.example", right("mail.acme.example", 465, Security::Tls)),
            ("smtps://mail.acme.example:2465/", right("mail.acme.example", 2465, Security::Tls)),
            ("smtp://mail.acme.example?tls=required", right("mail.acme.example", 587, Security::StartTls)),
            ("smtp://mail.acme.example:25?tls=required", right("mail.acme.example", 25, Security::StartTls)),
            ("smtp://localhost:1025", right("localhost", 1025, Security::Plain)),
            ("smtp://[::1]:1025", right("::1", 1025, Security::Plain)),
            ("smtp://mail.acme.example", Err(UrlError::Plain)),
            ("smtp://mail.acme.example?tls=optional", Err(UrlError::Malformed)),
            ("smtps://u:p@mail.acme.example", Err(UrlError::Credentials)),
            ("smtps://mail.acme.example/inbox", Err(UrlError::Malformed)),
            ("smtps://mail.acme.example:0", Err(UrlError::Malformed)),
            ("https://mail.acme.example", Err(UrlError::Scheme)),
            ("mail.acme.example", Err(UrlError::Malformed)),
        ];
        for (text, wanted) in cases {
            assert_eq!(smtp(text), wanted, "{text}");
        }
    }

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
