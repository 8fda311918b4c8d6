//! Mail addresses, as policies write them.

/// `name@host`, in the plain form that every server takes: nothing that a header or a command of SMTP would read as more.
pub fn is_mail(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |label: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        label.len() <= 63
            && ends(label.chars().next())
            && ends(label.chars().next_back())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let dots = !name.starts_with('.') && !name.ends_with('.') && !name.contains("..");
    !name.is_empty()
        && name.len() <= 64
        && dots
        && name.chars().all(atom)
        && host.len() <= 253
        && host.split('.').all(label)
}

/// `name@host` or `Name <name@host>`: the name, where there is one, and the address.
pub fn mailbox(text: &str) -> Option<(Option<&str>, &str)> {
    let (name, address) = match text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address),
        None => ("", text.trim()),
    };
    let is_name = !name.contains(|c: char| c.is_control() || "<>\"\\".contains(c)) && name.len() <= 200;
    (is_name && is_mail(address)).then_some((Some(name).filter(|name| !name.is_empty()), address))
}

/// The id of a user of Slack, which is no name that anybody sees there.
pub fn is_slack_user(text: &str) -> bool {
    is_slack_id(text, &['U', 'W'])
}

/// The id of a group of users of Slack.
pub fn is_slack_group(text: &str) -> bool {
    is_slack_id(text, &['S'])
}

fn is_slack_id(text: &str, begins: &[char]) -> bool {
    let rest = text.strip_prefix(begins);
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_or_none() {
        for good in ["lead@acme.example", "a.b+c@x-y.example", "root@localhost", "A@B.C"] {
            assert!(is_mail(good), "{good}");
        }
        let long = format!("a@{}.example", "x".repeat(64));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b c",
            "a@b\r\nBcc: c@d",
            "a@-b",
            "a@b.",
            ".a@b",
            "a..b@c",
            "<a@b>",
            "a@b>",
            "a,b@c",
            "\"a b\"@c",
            "a@[127.0.0.1]",
            "ä@b.example",
            &long,
        ] {
            assert!(!is_mail(bad), "{bad}");
        }
        assert_eq!(mailbox("govern <govern@acme.example>"), Some((Some("govern"), "govern@acme.example")));
        assert_eq!(mailbox("\"The govern\" <g@a.example>"), Some((Some("The govern"), "g@a.example")));
        assert_eq!(mailbox("g@a.example"), Some((None, "g@a.example")));
        assert_eq!(mailbox("a <b@c"), None);
        assert_eq!(mailbox("x\r\nBcc: y <b@c>"), None);
    }
}
