//! `[gateway]`: whose file says whether runs have one, and where it leads.

use super::*;

#[test]
fn the_users_policy_turns_gateways_on_and_says_where_they_lead() {
    let rule = policy("[gateway]\nmode = \"on\"\nupstream = \"https://litellm.acme.example/v1\"\n").gateway;
    assert!(rule.on);
    assert_eq!(rule.upstream.map(|uri| uri.to_string()).as_deref(), Some("https://litellm.acme.example/v1"));
    assert!(!policy("").gateway.on && !policy("[gateway]\nmode = \"off\"\n").gateway.on);
    assert!(policy("[gateway]\nupstream = \"http://localhost:4000\"\n").gateway.upstream.is_some());
}

#[test]
fn what_is_wrong_in_it_is_told_and_no_password_is_printed() {
    for (line, message) in [
        ("mode = \"always\"", "`always` is no mode of a gateway"),
        ("upstream = \"http://litellm.acme.example\"", "the address of the gateway's upstream is not one of TLS"),
        (
            "upstream = \"https://u:secret@x.example\"",
            "the address of the gateway's upstream holds a user or a password",
        ),
        ("upstream = \"x\"", "the address of the gateway's upstream is no address"),
        ("port = 1", "`[gateway]` has no key `port`"),
    ] {
        assert_eq!(messages(&format!("[gateway]\n{line}\n")), [message], "{line}");
    }
}

#[test]
fn only_the_machine_and_the_user_say_it_and_the_machine_first() {
    let text = "version = 1\n[gateway]\nmode = \"on\"\nupstream = \"https://evil.example\"\n";
    let given = load(vec![layer(Layer::Given, text)], FlagRules::default()).unwrap();
    assert_eq!(given.policy.gateway, crate::policy::gateway::GatewayRule::default());
    assert!(given.warnings[0].message.starts_with("`[gateway]` counts only in the machine's or your own policy"));
    let cloned = load(vec![layer(Layer::Repository, text)], FlagRules::default()).unwrap_err();
    assert_eq!(cloned[0].message, "a repository's policy may not set `[gateway]`");
    let off = "version = 1\n[gateway]\nmode = \"off\"\n";
    let both = load(vec![layer(Layer::System, off), layer(Layer::User, text)], FlagRules::default()).unwrap();
    assert!(!both.policy.gateway.on, "the machine's counts");
}
