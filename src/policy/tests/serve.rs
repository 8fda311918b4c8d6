//! `[serve]`: what it means, what is wrong with one, and who may write it.

use super::*;

#[test]
fn it_says_where_the_page_is() {
    let serve = policy("[serve]\nlisten = \"127.0.0.1:8000\"\nurl = \"https://govern.acme.example\"\n").serve;
    assert_eq!(serve.listen.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:8000"));
    assert_eq!(serve.url.and_then(|url| url.host().map(str::to_owned)).as_deref(), Some("govern.acme.example"));
}

#[test]
fn what_is_no_place_for_a_page_is_said_all_at_once() {
    for (text, said) in [
        ("listen = \"7411\"", "`7411` is no address with a port"),
        ("listen = \"localhost:7411\"", "`localhost:7411` is no address with a port"),
        ("url = \"http://govern.acme.example\"", "the address of the page is not one of TLS"),
        ("url = \"https://a:b@govern.acme.example\"", "the address of the page holds a user or a password"),
        ("url = \"https://govern.acme.example/page\"", "the address of the page has a path"),
        ("page = true", "`page`"),
        ("listen = \"unix:page.sock\"", "`unix:page.sock` names no socket by its whole path"),
        ("listen = \"unix:/\"", "`unix:/` names no socket by its whole path"),
        ("trust_header = \"X-User\"\nurl = \"https://a.example\"", "`trust_header` does not say whom it is taken from"),
        ("proxy_user = \"www-data\"\nurl = \"https://a.example\"", "does not say where the proxy names who asks"),
        ("trust_header = \"X-User\"\nproxy_user = \"www-data\"", "comes by its name, and `[serve]` does not say it"),
        ("trust_header = \"a b\"\nproxy_user = \"p\"\nurl = \"https://a.example\"", "`a b` is no header for a name"),
        ("trust_header = \"Host\"\nproxy_user = \"p\"\nurl = \"https://a.example\"", "`Host` is no header for a name"),
        ("trust_header = \"X-User\"\nproxy_user = \"\"\nurl = \"https://a.example\"", "`proxy_user` is empty"),
    ] {
        let mistakes = load_one(&format!("[serve]\n{text}\n")).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.message.contains(said)), "{text}: {mistakes:?}");
    }
}

#[test]
fn a_repository_says_nothing_of_it_and_a_given_file_in_vain() {
    let load_as =
        |which| load(vec![layer(which, "version = 1\n[serve]\nlisten = \"127.0.0.1:1\"\n")], FlagRules::default());
    assert!(load_as(Layer::Repository).is_err());
    let given = load_as(Layer::Given).unwrap();
    assert_eq!(given.policy.serve.listen, None);
    assert!(given.warnings[0].message.contains("counts only in the machine's or your own policy"));
    let both = ["127.0.0.1:1", "127.0.0.1:2"].map(|address| format!("version = 1\n[serve]\nlisten = \"{address}\"\n"));
    let joined =
        load(vec![layer(Layer::System, &both[0]), layer(Layer::User, &both[1])], FlagRules::default()).unwrap();
    let machines = joined.policy.serve.listen.map(|place| place.to_string());
    assert_eq!(machines.as_deref(), Some("127.0.0.1:1"), "the machine's counts");
}

#[test]
fn an_address_that_others_reach_is_warned_of_unless_a_proxy_stands_before_it() {
    let warned = |text: &str| {
        let text = format!("version = 1\n[serve]\n{text}\n");
        load(vec![layer(Layer::User, &text)], FlagRules::default()).unwrap().warnings.len()
    };
    assert_eq!(warned("listen = \"0.0.0.0:7411\""), 1);
    assert_eq!(warned("listen = \"127.0.0.1:7411\""), 0);
    assert_eq!(warned("listen = \"0.0.0.0:7411\"\nurl = \"https://govern.acme.example\""), 0);
}

const TRUST: &str =
    "url = \"https://govern.acme.example\"\ntrust_header = \"X-Forwarded-User\"\nproxy_user = \"www-data\"";

#[test]
fn a_proxy_that_says_who_asks_is_named_with_its_header_and_its_socket() {
    let serve = policy(&format!("[serve]\nlisten = \"unix:/run/govern/page.sock\"\n{TRUST}\n")).serve;
    assert_eq!(serve.listen.unwrap().to_string(), "unix:/run/govern/page.sock");
    let trust = serve.trust.unwrap();
    assert_eq!((trust.header.as_str(), trust.proxy_user.as_str()), ("x-forwarded-user", "www-data"));
    let over_tcp = format!("version = 1\n[serve]\nlisten = \"127.0.0.1:1\"\n{TRUST}\n");
    let loaded = load(vec![layer(Layer::User, &over_tcp)], FlagRules::default()).unwrap();
    assert!(loaded.warnings[0].message.contains("counts over a socket alone"), "{:?}", loaded.warnings);
}

#[test]
fn header_and_user_of_a_proxy_are_of_one_file() {
    let machine = format!("version = 1\n[serve]\n{TRUST}\n");
    let user = machine.replace("www-data", "mallory").replace("X-Forwarded-User", "X-Mine");
    let layers = vec![layer(Layer::System, &machine), layer(Layer::User, &user)];
    let trust = load(layers, FlagRules::default()).unwrap().policy.serve.trust.unwrap();
    assert_eq!((trust.header.as_str(), trust.proxy_user.as_str()), ("x-forwarded-user", "www-data"));
}
