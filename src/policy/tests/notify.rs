//! `[notify]`: what it means, what is wrong with one, and who may write it.

use std::time::Duration;

use super::*;
use crate::model::{AgentName, Attribution, NoticeKind};
use crate::policy::diagnostic::render;
use crate::policy::mistake::Severity;
use crate::policy::notify::{Address, Copy, SecretSource};
use crate::policy::show::show;

const WEBHOOK: &str = r#"
[notify.webhook]
url    = "https://hooks.acme.example/services/T0/B0"
secret = { env = "GOVERN_WEBHOOK_SECRET" }
"#;

const ROUTES: &str = r#"
[[notify.route]]
on    = ["stop", "kill"]
to    = ["webhook"]
only  = { team = ["web*"] }
[[notify.route]]
on    = "question"
to    = "webhook"
after = "10m"
[[notify.route]]
on    = ["run_end"]
to    = ["webhook"]
only  = { agent = ["review"] }
"#;

fn of_team(team: &str) -> Attribution {
    Attribution { team: Some(team.to_owned()), ..Attribution::default() }
}

#[test]
fn channels_and_routes_say_who_is_told_what() {
    let policy = policy(&format!("{WEBHOOK}{ROUTES}"));
    let notify = &policy.notify;
    let webhook = notify.webhook.as_ref().unwrap();
    assert_eq!(webhook.secret, SecretSource::Env("GOVERN_WEBHOOK_SECRET".to_owned()));
    assert_eq!(notify.variables(), ["GOVERN_WEBHOOK_SECRET"]);

    let copy = |after| vec![Copy { to: Address::Webhook, after: Duration::from_secs(after) }];
    assert_eq!(notify.copies(NoticeKind::Stop, None, &of_team("web-2")), copy(0));
    assert_eq!(notify.copies(NoticeKind::Question, None, &of_team("infra")), copy(600));
    assert_eq!(notify.copies(NoticeKind::Kill, None, &Attribution::default()), []);
    let review = AgentName::new("review");
    assert_eq!(notify.copies(NoticeKind::RunEnd, Some(&review), &of_team("infra")), copy(0));
    assert_eq!(notify.copies(NoticeKind::RunEnd, None, &of_team("infra")), [], "a whole run is of no agent");
    insta::assert_snapshot!(show(&policy).split("\n\n").skip(2).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn slack_has_a_channel_of_its_own_and_others_by_name() {
    let slack = "[notify.slack]\nbot_token = { env = \"BOT\" }\napp_token = { file = \"/run/secrets/app\" }\nchannel = \"#agents\"\n\
                 api = \"https://slack-gov.com/api\"\n\
                 [[notify.route]]\non = [\"question\"]\nto = [\"slack\", \"slack:#web-leads\", \"slack:C0123456789\"]\n";
    let policy = policy(slack);
    let notify = &policy.notify;
    assert_eq!(notify.slack.as_ref().unwrap().api, "https://slack-gov.com/api/");
    assert_eq!(notify.variables(), ["BOT"]);
    let copies = notify.copies(NoticeKind::Question, None, &Attribution::default());
    let to: Vec<String> = copies.iter().map(|copy| copy.to.to_string()).collect();
    assert_eq!(to, ["slack", "slack:#web-leads", "slack:C0123456789"]);
    assert!(copies.iter().all(|copy| Address::parse(&copy.to.to_string()) == Some(copy.to.clone())));
    insta::assert_snapshot!(show(&policy).split("\n\n").skip(2).collect::<Vec<_>>().join("\n\n"));
}

#[test]
fn an_address_named_twice_gets_one_copy_as_early_as_any_route_wants() {
    let route =
        |after: &str| format!("[[notify.route]]\non = [\"question\"]\nto = [\"webhook\"]\nafter = \"{after}\"\n");
    let text = format!("{WEBHOOK}{}{}", route("1h"), route("5m"));
    let copies = policy(&text).notify.copies(NoticeKind::Question, None, &Attribution::default());
    assert_eq!(copies.iter().map(|copy| copy.after.as_secs()).collect::<Vec<_>>(), [300]);
}

#[test]
fn mail_goes_to_each_of_its_readers_once_and_takes_answers() {
    let text = "[notify.mail]\nsmtp = \"smtps://mail.acme.example\"\nuser = \"govern\"\npassword = { env = \"P\" }\n\
        from = \"govern <g@acme.example>\"\nto = [\"a@acme.example\", \"b@acme.example\"]\n\
        [[notify.route]]\non = [\"question\", \"stop\"]\nto = [\"mail\", \"mail:b@acme.example\", \"mail:c@acme.example\"]\n";
    let policy = policy(text);
    let copies = policy.notify.copies(NoticeKind::Stop, None, &Attribution::default());
    let to: Vec<_> = copies.iter().map(|copy| copy.to.to_string()).collect();
    assert_eq!(to, ["mail:a@acme.example", "mail:b@acme.example", "mail:c@acme.example"]);
    assert!(to.iter().all(|to| Address::parse(to).is_some_and(|address| address.to_string() == *to)));
    assert_eq!(policy.notify.answers(None, &Attribution::default()).len(), 3);
    assert_eq!(policy.notify.readers(), ["a@acme.example", "b@acme.example", "c@acme.example"]);
    assert_eq!(policy.notify.variables(), ["P"]);
    assert!(
        show(&policy).contains(
            "  mail from g@acme.example by mail.acme.example:465 in TLS, as govern with the password in $P\n"
        )
    );
}

#[test]
fn what_is_wrong_with_it_is_said() {
    let webhook = |line: &str| format!("[notify.webhook]\n{line}\n[[notify.route]]\non = \"stop\"\nto = \"webhook\"\n");
    let with_url = |url: &str| webhook(&format!("url = \"{url}\"\nsecret = {{ env = \"S\" }}"));
    let with_secret = |secret: &str| webhook(&format!("url = \"https://h/\"\nsecret = {secret}"));
    let route = |lines: &str| format!("{WEBHOOK}[[notify.route]]\n{lines}\n");
    let mail = |lines: &str| {
        format!("[notify.mail]\nfrom = \"a@b.c\"\n{lines}\n[[notify.route]]\non = \"stop\"\nto = \"mail\"\n")
    };
    let cases: Vec<(String, Vec<&str>)> = vec![
        (with_url("http://hooks.acme.example/x"), vec!["the address of the webhook is not one of TLS"]),
        (with_url("https://me:word@h/"), vec!["the address of the webhook holds a user or a password"]),
        (with_url("hooks"), vec!["the address of the webhook is no address"]),
        (with_secret("\"hunter2\""), vec!["`secret` stands in the policy itself, where everybody reads it"]),
        (with_secret("{ env = \"hunter-2\" }"), vec!["this is no name of a variable"]),
        (with_secret("{ file = \"secret\" }"), vec!["this is no whole path of a file"]),
        (with_secret("{ vault = \"x\" }"), vec!["`vault` is no place where a secret lies"]),
        (with_secret("{}"), vec!["`secret` needs one of `env` and `file`"]),
        (webhook("url = \"https://h/\""), vec!["`[notify.webhook]` has no `secret`"]),
        (route("on = [\"stopp\"]\nto = \"webhook\""), vec!["`stopp` is no kind of notice"]),
        (route("on = [\"exception\"]\nto = \"webhook\""), vec!["`exception` comes with a later version of govern"]),
        (route("to = \"webhook\""), vec!["the route does not say what goes `on` it"]),
        (route("on = \"stop\""), vec!["the route goes nowhere: it has no `to`"]),
        (route("on = \"stop\"\nto = [\"webhok\", \"webhook\"]"), vec!["`webhok` is no channel"]),
        (route("on = \"stop\"\nto = [\"slack\", \"webhook\"]"), vec!["`slack` is a channel that nobody has set up"]),
        (route("on = \"stop\"\nto = [\"slack:general\", \"webhook\"]"), vec!["`slack:general` is no channel of Slack"]),
        (route("on = \"stop\"\nto = [\"mail\", \"webhook\"]"), vec!["`mail` is a channel that nobody has set up"]),
        (route("on = \"stop\"\nto = [\"mail:lead\", \"webhook\"]"), vec!["`mail:lead` is no mail address"]),
        (mail("smtp = \"smtp://mail.acme.example\""), vec!["the address of the mail server is not one of TLS"]),
        (mail("smtp = \"smtps://me:word@h\""), vec!["the address of the mail server holds a user or a password"]),
        (mail("smtp = \"https://h\""), vec!["the address of the mail server is of another kind"]),
        (mail("smtp = \"smtps://h\"\nuser = \"u\""), vec!["`[notify.mail]` has no `password`"]),
        (mail("smtp = \"smtps://h\"\npassword = { env = \"P\" }"), vec!["`password` is there without `user`"]),
        (mail("smtp = \"smtps://h\"\nto = [\"Lead <a@b.c>\"]"), vec!["`Lead <a@b.c>` is no mail address"]),
        (mail("smtp = \"smtps://h\""), vec!["`mail` has nobody who reads it"]),
        (mail("smtp = \"smtps://h\"\nto = []"), vec!["`mail` has nobody who reads it"]),
        ("[notify.mail]\nsmtp = \"smtps://h\"\nfrom = \"a b@c\"".to_owned(), vec!["`from` is no mail address"]),
        (
            route("on = \"stop\"\nto = \"webhook\"\nafter = \"10m\""),
            vec!["`after` waits for an answer, and no question goes this way"],
        ),
        (route("on = \"stop\"\nto = \"webhook\"\nafter = \"soon\""), vec!["`soon` is not a duration"]),
        (
            route("on = \"stop\"\nto = \"webhook\"\nonly = { model = [\"gpt-6.1-sol\"] }"),
            vec!["no notice is of a model"],
        ),
        (WEBHOOK.to_owned(), vec!["nothing is sent to `webhook`: no route names it"]),
        (
            "[notify.slack]\nchannel = \"general\"".to_owned(),
            vec!["`[notify.slack]` has no `bot_token`", "`general` is no channel of Slack"],
        ),
        (
            "[notify.slack]\nbot_token = \"xoxb-1-hunter2\"\napp_token = \"xapp-1-hunter2\"".to_owned(),
            vec![
                "`bot_token` stands in the policy itself, where everybody reads it",
                "`app_token` stands in the policy itself, where everybody reads it",
                "`[notify.slack]` has no `channel`",
            ],
        ),
        (
            "[notify.slack]\nbot_token = { env = \"B\" }\nchannel = \"#x\"\napi = \"http://slack.com/api/\"".to_owned(),
            vec!["the address of Slack's API is not one of TLS"],
        ),
        ("[notify]\nredact = \"none\"".to_owned(), vec!["`none` is no value of `redact`"]),
    ];
    for (text, wanted) in cases {
        let found = messages(&text);
        for message in wanted {
            assert!(found.iter().any(|one| one.contains(message)), "{text}\n{found:?}");
        }
    }
}

#[test]
fn a_secret_in_the_policy_is_refused_and_shown_nowhere() {
    let texts = [
        "[notify.webhook]\nurl = \"https://h/\"\nsecret = \"hunter2\"\n",
        "[notify.webhook]\nurl = \"https://h/\"\nsecret = \"hunter2\n",
        "notify.webhook = { url = \"https://h/\", secret = \"hunter2\", colour = 1 }\n",
        "[notify.webhook]\nurl = \"https://me:hunter2@h/\"\nsecret = { env = \"S\" }\n",
        "[notify.mail]\npassword = \"\"\"hunter2\"\"\"\npassword = \"hunter2\"\n",
        "[notify.mail]\npassword = hunter2\n",
        "[notify.webhook]\nsecret = [\"hunter2\"]\n",
        "[notify.slack]\nbot_token = \"xoxb-hunter2\"\nchannel = \"#x\"\n",
        "[notify.slack]\nbot_token = { env = \"xoxb-hunter2\" }\napp_token = \"xapp-hunter2\nchannel = \"#x\"\n",
    ];
    for text in texts {
        for of in [Layer::System, Layer::User, Layer::Repository, Layer::Given] {
            let mistakes = load(vec![layer(of, &format!("version = 1\n{text}"))], FlagRules::default()).unwrap_err();
            let shown = render(&mistakes, false);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
    let mistakes = load_one(texts[0]).unwrap_err();
    insta::assert_snapshot!(render(&mistakes[..1], false));
}

#[test]
fn a_repository_tells_nobody_and_a_given_file_only_says_so() {
    let text = format!("version = 1\n{WEBHOOK}{ROUTES}");
    let mistakes = load(vec![layer(Layer::Repository, &text)], FlagRules::default()).unwrap_err();
    let told: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert_eq!(told, ["a repository's policy may not set `[notify]`"]);
    let loaded = load(vec![layer(Layer::Given, &text)], FlagRules::default()).unwrap();
    assert!(loaded.policy.notify.webhook.is_none() && loaded.policy.notify.is_empty());
    let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
    assert_eq!(warning.severity, Severity::Warning);
    assert!(warning.message.contains("only in the machine's or your own policy"), "{}", warning.message);
}

#[test]
fn the_machines_channels_stay_and_routes_add_up() {
    let system =
        layer(Layer::System, &format!("version = 1\n{WEBHOOK}[[notify.route]]\non = \"stop\"\nto = \"webhook\"\n"));
    let own = WEBHOOK.replace("hooks.acme.example", "elsewhere.example");
    let user =
        layer(Layer::User, &format!("version = 1\n{own}[[notify.route]]\non = \"question\"\nto = \"webhook\"\n"));
    let loaded = load(vec![user, system], FlagRules::default()).unwrap();
    let notify = loaded.policy.notify;
    assert_eq!(notify.webhook.unwrap().url.host(), Some("hooks.acme.example"));
    assert_eq!(notify.routes.len(), 2);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
}

#[test]
fn a_channel_with_a_mistake_is_told_by_that_alone() {
    let route = "[[notify.route]]\non = [\"question\"]\nto = [\"mail\"]\n";
    let mistakes = load_one(&format!("[notify.mail]\nfrom = \"govern@acme.example\"\n{route}")).unwrap_err();
    let said: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
    assert!(said.len() == 1 && said[0].contains("smtp"), "{said:?}");
    let mistakes = load_one(route).unwrap_err();
    assert_eq!(mistakes[0].message, "`mail` is a channel that nobody has set up");
}

#[test]
fn names_that_people_see_in_slack_are_no_ids() {
    for (text, said) in [
        ("[[person]]\nname = \"alice\"\nslack = \"@alice\"\n", "`@alice` is no id of a user of Slack"),
        ("[[person]]\nname = \"alice\"\nslack = \"alice\"\n", "`alice` is no id of a user of Slack"),
        ("[approvals]\napprovers = [\"slack:bob\"]\n", "`slack:bob` names nobody"),
        ("[approvals]\napprovers = [\"slack:S123\"]\n", "`slack:S123` names nobody"),
        ("[approvals]\napprovers = [\"slack-group:leads\"]\n", "`slack-group:leads` names nobody"),
    ] {
        let mistakes = load_one(text).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.message == said), "{text}: {mistakes:?}");
    }
    policy("[approvals]\napprovers = [\"slack:U1\", \"slack:W0123\", \"slack-group:S9\"]\n");
}
