//! `[reconcile]`: whose file says where the admin key lies, and never the environment.

use super::*;
use crate::policy::reconcile::ReconcileRule;

#[test]
fn the_users_policy_names_the_file_of_the_key_and_whom_it_opens() {
    let rule = policy("[reconcile]\nadmin_key = { file = \"/k\" }\nprojects = [\"proj_a\", \"proj_b\"]\n").reconcile;
    assert_eq!(rule.admin_key.as_deref(), Some(std::path::Path::new("/k")));
    assert_eq!((rule.projects.len(), rule.api), (2, None));
    let api = policy("[reconcile]\napi = \"http://localhost:4000/v1\"\n").reconcile.api;
    assert_eq!(api.map(|api| api.to_string()).as_deref(), Some("http://localhost:4000/v1"));
}

#[test]
fn what_is_wrong_in_it_is_told_and_no_key_is_printed() {
    for (line, message) in [
        ("admin_key = { env = \"OPENAI_ADMIN_KEY\" }", "an admin key in the environment is in every agent's reach"),
        ("admin_key = \"sk-admin-x\"", "`admin_key` stands in the policy itself, where everybody reads it"),
        ("admin_key = { file = \"key\" }", "this is no whole path of a file"),
        ("api = \"http://api.example/v1\"", "the address of the API is not one of TLS"),
        ("api = \"https://api.example/v1?x=1\"", "the address of the API has a query"),
        ("projects = [\"a&b\"]", "`a&b` is no project's id"),
        ("key = 1", "`[reconcile]` has no key `key`"),
    ] {
        let told = messages(&format!("[reconcile]\n{line}\n"));
        assert_eq!(told, [message], "{line}");
    }
}

#[test]
fn only_the_machine_and_the_user_say_it_and_the_machine_first() {
    let text = "version = 1\n[reconcile]\napi = \"https://evil.example/v1\"\nadmin_key = { file = \"/k\" }\n";
    let given = load(vec![layer(Layer::Given, text)], FlagRules::default()).unwrap();
    assert_eq!(given.policy.reconcile, ReconcileRule::default());
    assert!(given.warnings[0].message.starts_with("`[reconcile]` counts only in the machine's or your own policy"));
    let cloned = load(vec![layer(Layer::Repository, text)], FlagRules::default()).unwrap_err();
    assert_eq!(cloned[0].message, "a repository's policy may not set `[reconcile]`");
    let own = "version = 1\n[reconcile]\napi = \"https://api.acme.example/v1\"\n";
    let both = load(vec![layer(Layer::System, own), layer(Layer::User, text)], FlagRules::default()).unwrap();
    assert_eq!(both.policy.reconcile.api.unwrap().host(), Some("api.acme.example"));
}
