//! Slack: a question is a message with buttons, who may press one decides, and the message says what became of it.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::codex::CURRENT;
use crate::support::fake_responses::{Reply, Select};
use crate::support::fake_slack::{APP, BOT, FakeSlack};
use crate::support::process::LONG;
use crate::support::skip::skip;
use crate::support::world::World;

const ALICE: &str = "U0ALICE01";
const BOB: &str = "U0BOB00001";
const EVE: &str = "U0EVE00001";

const APPROVERS: &str = "[approvals]\napprovers = [\"slack:U0ALICE01\", \"slack-group:S0LEADS1\"]\n";

/// One person, who is known in Slack.
const PERSON: &str = "[[person]]\nname = \"alice\"\nslack = \"U0ALICE01\"\n[approvals]\napprovers = [\"alice\"]\n";

const PURSE: &str = "[[budget]]\nname = \"purse\"\nper = \"run\"\nlimit = \"0.05 usd\"\n\
                     steps = [{ at = \"100%\", do = \"ask\", wait = \"30m\", else = \"stop\" }]\n";

fn tokens(world: &mut World) {
    world.set_env("SLACK_BOT", BOT);
    world.set_env("SLACK_APP", APP);
}

/// A Codex that comes to its limit, and a workspace that hears of it.
fn at_limit(more: &str) -> Option<(World, FakeSlack)> {
    let mut world = World::with_codex(CURRENT)?;
    tokens(&mut world);
    let slack = FakeSlack::start();
    world.policy_for_nobody(&format!("{}{PURSE}{more}", slack.policy("[\"question\", \"stop\", \"run_end\"]")));
    world
        .server
        .script(Select::root(), [Reply::exec("env > seen"), Reply::exec("true"), Reply::message("all is done")]);
    Some((world, slack))
}

fn approvals(world: &World) -> Value {
    let said = world.govern(&["approvals", "--all", "--format", "json"]).expect_code(0);
    serde_json::from_slice::<Value>(&said.stdout).unwrap()["rows"].clone()
}

#[test]
fn a_click_by_who_may_lets_codex_go_on_and_the_message_says_so() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let governed = world.start_governed(&["--team", "web"], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    assert_eq!(slack.buttons(&ts), ["Approve", "Deny", "Extend by …", "Stop now"]);
    let shown = slack.becomes(&ts, "purse").to_string();
    assert!(
        shown.contains("2 responses, ") && shown.contains("0 files changed") && shown.contains("team `web`"),
        "{shown}"
    );
    slack.connected(1);
    let envelope = slack.click(ALICE, &ts, "approve");
    slack.acknowledged(&envelope);
    let decided = slack.becomes(&ts, "extended by $").to_string();
    assert!(decided.contains("by U0ALICE01 (slack)") && !decided.contains("button"), "{decided}");
    let end = governed.finish().expect_code(0).expect_outcome("ended");

    // The end of the run stands below its first message.
    let ended = slack.message_with("has ended");
    let thread = slack.look(|state| state.messages[&ended]["thread_ts"].clone());
    assert_eq!(thread, json!(ts));
    assert_eq!(approvals(&world)[0]["by"], "U0ALICE01 (slack)");
    world.govern(&["audit", "verify"]).expect_code(0);
    assert!(!end.id().is_empty());

    // The agent never saw the tokens, and no table holds them.
    let seen = std::fs::read_to_string(world.path("work/seen")).unwrap();
    assert!(seen.contains("GOVERN_RUN=") && !seen.contains("hunter2"), "{seen}");
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(world.path("govern").join(file));
        assert!(!String::from_utf8_lossy(&bytes.unwrap_or_default()).contains("hunter2"));
    }
}

#[test]
fn who_may_not_is_told_alone_and_a_member_of_the_group_decides() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    slack.look(|state| state.groups.insert("S0LEADS1".to_owned(), vec![BOB.to_owned()]));
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    slack.connected(1);
    slack.click(EVE, &ts, "approve");
    slack.whispered(EVE, "not among the approvers");
    assert_eq!(approvals(&world)[0]["state"], "pending");
    slack.click(BOB, &ts, "deny");
    slack.becomes(&ts, "*stopped* by U0BOB00001 (slack)");
    governed.finish().expect_code(124).expect_outcome("stopped");
    // A stop is told below the question.
    slack.wait_for("the run's end", |state| {
        let below = |message: &Value| message["thread_ts"] == json!(ts) && message.to_string().contains("has ended");
        state.messages.values().any(below).then_some(())
    });
    let run = approvals(&world)[0]["run"].as_str().unwrap().to_owned();
    world.govern(&["report", "--run", &run]).expect_code(0);
}

#[test]
fn an_amount_is_asked_for_and_what_is_too_much_is_refused_to_who_wanted_it() {
    let Some((world, slack)) = at_limit(&format!("{PERSON}max_extend = \"2 usd\"\n")) else { return };
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    slack.connected(1);
    slack.click(ALICE, &ts, "extend");
    slack.submit(ALICE, "900 usd", "");
    slack.whispered(ALICE, "answers may extend `purse` by $2.00 in all");
    slack.submit(ALICE, "1 usd", "nearly done");
    let decided = slack.becomes(&ts, "extended by $1.00").to_string();
    assert!(decided.contains("nearly done") && decided.contains("by alice (slack)"), "{decided}");
    governed.finish().expect_code(0);
    assert_eq!(approvals(&world)[0]["reason"], "nearly done");
}

#[test]
fn a_late_click_is_told_who_decided_and_a_double_one_decides_once() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    slack.connected(1);
    let value = slack.look(|state| {
        let blocks = state.messages[&ts]["blocks"].as_array().unwrap().clone();
        let buttons = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
        buttons.filter_map(|button| button["value"].as_str()).map(str::to_owned).next().unwrap()
    });
    slack.press(ALICE, &ts, "approve", &value);
    slack.press(ALICE, &ts, "approve", &value);
    slack.becomes(&ts, "extended by $");
    slack.whispered(ALICE, "question 1: extended by U0ALICE01 (slack)");
    assert_eq!(approvals(&world).as_array().unwrap().len(), 1);
    slack.press(EVE, &ts, "deny", &value);
    slack.whispered(EVE, "question 1: extended by U0ALICE01 (slack)");
    // Nobody on this machine asked that.
    slack.press(ALICE, &ts, "approve", "msg_of_another_machine");
    slack.whispered(ALICE, "not on this machine");
    governed.finish_among_others().expect_code(0);
}

#[test]
fn of_two_runs_each_is_answered_by_its_own_message() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let first = world.start_governed(&[], &["codex", "exec", "one"]);
    let of_first = slack.message_with("*Question 1*");
    let second = world.start_governed(&[], &["codex", "exec", "two"]);
    let of_second = slack.message_with("*Question 2*");
    slack.connected(1);
    slack.click(ALICE, &of_second, "kill");
    slack.becomes(&of_second, "*killed* by U0ALICE01 (slack)");
    second.finish_among_others().expect_code(124).expect_outcome("killed");
    assert!(!slack.buttons(&of_first).is_empty());
    slack.click(ALICE, &of_first, "approve");
    slack.becomes(&of_first, "extended by $");
    first.finish().expect_code(0).expect_outcome("ended");
}

#[test]
fn a_connection_is_replaced_before_it_ends_and_one_that_broke_is_made_anew() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    slack.connected(1);
    let old = slack.ask_to_refresh();
    slack.connected(old + 2);
    slack.close(old);
    slack.close(old + 1);
    slack.connected(old + 3);
    let envelope = slack.click(ALICE, &ts, "approve");
    slack.acknowledged(&envelope);
    slack.becomes(&ts, "extended by $");
    governed.finish().expect_code(0);
}

#[test]
fn an_answer_given_elsewhere_and_the_death_of_a_run_rewrite_the_message() {
    let Some((world, slack)) = at_limit("") else { return };
    // A channel without approvers in it makes nobody reachable.
    world.policy(&format!("{}{PURSE}", slack.policy("[\"question\"]")));
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    assert!(slack.buttons(&ts).is_empty(), "nobody in Slack may answer");
    world.govern(&["approve", "1", "--extend", "1usd"]).expect_code(0);
    slack.becomes(&ts, "extended by $1.00");
    governed.finish().expect_code(0);

    world.server.script(Select::root(), [Reply::exec("true"), Reply::exec("true"), Reply::message("all is done")]);
    let governed = world.start_governed(&[], &["codex", "exec", "again"]);
    let ts = slack.message_with("*Question 2*");
    signal::kill(Pid::from_raw(governed.running.pid()), Signal::SIGKILL).unwrap();
    slack.becomes(&ts, "needs no answer any more");
    governed.finish_among_others();
}

#[test]
fn a_sender_that_is_killed_in_mid_question_is_followed_by_one_that_hears_the_click() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    let ts = slack.message_with("*Question 1*");
    slack.connected(1);
    let until = Instant::now() + LONG;
    let status = loop {
        let said = world.govern(&["notify", "status", "--format", "json"]).expect_code(0);
        let status: Value = serde_json::from_slice(&said.stdout).unwrap();
        // By what the message is known is written down.
        if status["rows"][0]["delivered"] == 1 {
            break status;
        }
        assert!(Instant::now() < until, "{status}");
    };
    let sender = i32::try_from(status["serve"]["pid"].as_i64().unwrap()).unwrap();
    signal::kill(Pid::from_raw(sender), Signal::SIGKILL).unwrap();
    let _next = world.start("govern", &["serve"]);
    slack.connected(2);
    slack.click(ALICE, &ts, "approve");
    slack.becomes(&ts, "extended by $");
    governed.finish_among_others().expect_code(0).expect_outcome("ended");
}

#[test]
fn slack_is_left_alone_as_long_as_it_wants_and_nothing_is_lost() {
    let mut world = World::without_codex();
    tokens(&mut world);
    let slack = FakeSlack::start();
    world.policy(&slack.policy("[\"run_end\"]"));
    slack.answers("chat.postMessage", 429, "retry-after: 2", json!({ "ok": false, "error": "ratelimited" }));
    for _ in 0..3 {
        world.govern(&["run", "--", "true"]).expect_code(0);
    }
    slack.wait_for("three messages", |state| (state.messages.len() == 3).then_some(()));
    let tries = slack.look(|state| state.calls.iter().filter(|call| call.method == "chat.postMessage").count());
    assert_eq!(tries, 4, "while Slack wants to be left alone nothing else is tried either");
}

#[test]
fn what_is_wrong_with_the_app_is_said_with_what_to_do() {
    let mut world = World::without_codex();
    let slack = FakeSlack::start();
    world.policy(&format!("{}{APPROVERS}", slack.policy("[\"stop\"]")));
    world.govern(&["notify", "test"]).expect_code(125).expect_said("SLACK_APP is not set");
    tokens(&mut world);
    let said = world.govern(&["notify", "test", "slack"]).expect_code(0);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains("#agents has taken a message, as govern in Acme") && said.contains("clicks are heard"),
        "{said}"
    );
    for (method, answer, wanted) in [
        ("auth.test", json!({ "ok": false, "error": "invalid_auth" }), "Slack does not take the bot token"),
        ("chat.postMessage", json!({ "ok": false, "error": "not_in_channel" }), "write `/invite @govern` there"),
        ("chat.postMessage", json!({ "ok": false, "error": "channel_not_found" }), "Slack has no channel `#agents`"),
        (
            "chat.postMessage",
            json!({ "ok": false, "error": "missing_scope", "needed": "chat:write" }),
            "the app lacks the scope `chat:write`",
        ),
        ("apps.connections.open", json!({ "ok": false, "error": "invalid_auth" }), "Slack does not take the app token"),
    ] {
        slack.answers(method, 200, "", answer);
        world.govern(&["notify", "test", "slack"]).expect_code(125).expect_said(wanted);
    }
    // Nobody in Slack may answer: that there are no buttons is said.
    world.policy(&slack.policy("[\"question\"]"));
    let said = world.govern(&["notify", "test", "slack"]).expect_code(0);
    assert!(String::from_utf8_lossy(&said.stdout).contains("names nobody in Slack"));
    let said = world.govern(&["doctor"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("govern in Acme, to #agents"), "{said}");
    world.set_env("SLACK_BOT", APP);
    let said = world.govern(&["notify", "test"]).expect_code(125).expect_said("holds no `xoxb-…` token");
    assert!(!said.to_string().contains("hunter2"), "{said}");
}

#[test]
fn who_is_no_sender_speaks_for_nobody() {
    let Some((world, slack)) = at_limit(APPROVERS) else { return };
    let governed = world.start_governed(&[], &["codex", "exec", "do it"]);
    slack.message_with("*Question 1*");
    let run = approvals(&world)[0]["run"].as_str().unwrap().to_owned();
    let claim = json!({ "say": "answer", "approval": 1, "wish": { "wish": "extend" },
                        "who": { "identity": { "door": "slack", "name": ALICE }, "groups": ["S0LEADS1"], "door": "slack" } });
    let program = "import glob, os, socket, sys\n\
        for path in glob.glob(os.environ['GOVERN_HOME'] + '/**/' + sys.argv[1] + '.sock', recursive=True):\n\
        \x20   s = socket.socket(socket.AF_UNIX)\n    os.chdir(os.path.dirname(path))\n    s.connect(os.path.basename(path))\n\
        \x20   s.sendall((sys.argv[2] + '\\n').encode())\n    print(s.makefile().readline())\n";
    let said = world.run("python3", &["-c", program, &run, &claim.to_string()]).expect_code(0);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("refused") && said.contains("govern serve"), "{said}");
    assert_eq!(approvals(&world)[0]["state"], "pending");
    world.govern(&["stop", "--all"]).expect_code(0);
    governed.finish_among_others();
}

/// The workspace of these tests is no fiction.
#[test]
fn the_workspace_is_one_that_slacks_own_clients_take() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install-slack-clients");
    let said = Command::new(script).stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    if !said.status.success() {
        skip(&format!("Slack's clients cannot be installed: {}", said.status));
        return;
    }
    let home = String::from_utf8(said.stdout).unwrap().trim().to_owned();
    let slack = FakeSlack::start();
    slack.look(|state| state.groups.insert("S0LEADS1".to_owned(), vec![BOB.to_owned()]));
    let program = r#"
        const { createRequire } = require('module');
        const load = createRequire(process.argv[1] + '/node_modules/');
        const { WebClient } = load('@slack/web-api');
        const { SocketModeClient } = load('@slack/socket-mode');
        const [, , api, bot, app] = process.argv;
        (async () => {
            const web = new WebClient(bot, { slackApiUrl: api });
            const who = await web.auth.test();
            const blocks = [{ type: 'section', text: { type: 'mrkdwn', text: 'hello' } },
                { type: 'actions', elements: [{ type: 'button', action_id: 'approve', value: 'm', text: { type: 'plain_text', text: 'Approve' } }] }];
            const sent = await web.chat.postMessage({ channel: '#agents', text: 'hello', blocks });
            await web.chat.postEphemeral({ channel: sent.channel, user: 'U0ALICE01', text: 'only you' });
            const members = await web.usergroups.users.list({ usergroup: 'S0LEADS1' });
            const socket = new SocketModeClient({ appToken: app, clientOptions: { slackApiUrl: api } });
            socket.on('interactive', async ({ body, ack }) => {
                await ack();
                await web.chat.update({ channel: sent.channel, ts: sent.ts, text: 'done by ' + body.user.id, blocks: [] });
                await socket.disconnect();
                console.log(JSON.stringify([who.team, members.users]));
                process.exit(0);
            });
            await socket.start();
        })().catch((error) => { console.error(error); process.exit(1); });
    "#;
    let child = Command::new("node")
        .args(["-e", program, &home, &slack.api(), BOT, APP])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ts = slack.message_with("hello");
    slack.connected(1);
    let envelope = slack.click(ALICE, &ts, "approve");
    slack.acknowledged(&envelope);
    let end = child.wait_with_output().unwrap();
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    assert_eq!(String::from_utf8_lossy(&end.stdout).trim(), "[\"Acme\",[\"U0BOB00001\"]]");
    slack.becomes(&ts, "done by U0ALICE01");
    slack.whispered(ALICE, "only you");
}
