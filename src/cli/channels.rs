//! `govern notify`: tries a channel, and shows what waits.

use std::io::Write;

use serde::Serialize;
use tokio::runtime::Runtime;

use super::format::{Format, put, put_as};
use super::serve::own_policy;
use crate::clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::outbox::{self, AddressRow};
use crate::ledger::{Ledger, state_folder};
use crate::model::notice::NOTICE_SCHEMA;
use crate::model::{Notice, NoticeKind};
use crate::net::{Client, NetError};
use crate::notify::slack::{Slack, Trouble, message};
use crate::notify::{Answering, Mail, Sent, Webhook};
use crate::policy::notify::{self as policy, Address};
use crate::policy::rule::{Approvals, Policy};
use crate::prepare::here::Here;
use crate::report::json;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::text::{between, duration, printable, rfc3339};
use crate::serve::{holder, whence_of};

/// Channels: the webhook, mail and Slack.
#[derive(clap::Args, Clone, Debug)]
pub struct NotifyArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: NotifyVerb,
}

/// What to do with channels.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum NotifyVerb {
    /// Send a real message, and say what came back
    Test {
        /// The channel [default: all that are set up]
        #[arg(value_name = "CHANNEL", value_parser = channel_or_address)]
        channel: Option<String>,
    },
    /// What waits, was delivered, was given up
    Status {
        /// How it is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Does it.
pub fn run(args: &NotifyArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    match &args.verb {
        NotifyVerb::Test { channel } => test(channel.as_deref(), out, here),
        NotifyVerb::Status { format } => status(*format, out, here),
    }
}

fn test(channel: Option<&str>, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::for_no_agent("an agent does not send notices", "try the channel in a terminal that no agent started")?;
    let Policy { notify, approvals, .. } = own_policy(here)?;
    let wanted = |name: &str| channel.is_none_or(|channel| channel.split(':').next() == Some(name));
    let webhook = notify.webhook.as_ref().filter(|_| wanted("webhook"));
    let mail = notify.mail.as_ref().filter(|_| wanted("mail"));
    let slack = notify.slack.as_ref().filter(|_| wanted("slack"));
    if webhook.is_none() && mail.is_none() && slack.is_none() {
        let what = channel.map_or_else(|| "no channel".to_owned(), |channel| format!("no `{channel}`"));
        return Err(Error::new(format!("{what} is set up"))
            .hint("docs/notices.md has a `[notify.webhook]`, a `[notify.mail]` and a `[notify.slack]` to begin with"));
    }
    let readers = match channel.and_then(|channel| channel.strip_prefix("mail:")) {
        Some(reader) => vec![reader.to_owned()],
        None => notify.readers(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("govern cannot start its loop").caused_by(&error))?;
    let client = Client::new(|name| here.variable(name));
    let of_webhook = webhook.map(|webhook| try_webhook(webhook, &client, &runtime, out, here));
    let of_mail = mail.map(|mail| try_mail((mail, &readers), &client, &runtime, out, here));
    let named = channel.and_then(|channel| channel.strip_prefix("slack:"));
    let of_slack = slack.map(|slack| try_slack((slack, named, &approvals), &client, &runtime, out, here));
    runtime.shutdown_background();
    let mut failed = None;
    for error in [of_webhook, of_mail, of_slack].into_iter().flatten().filter_map(Result::err) {
        if let Some(earlier) = failed.replace(error) {
            super::to_stderr(&format!("{earlier}\n"));
        }
    }
    failed.map_or(Ok(Exit::Success), Err)
}

fn try_webhook(
    webhook: &policy::Webhook,
    client: &Client,
    runtime: &Runtime,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<()> {
    let webhook = Webhook::of(webhook, |name| here.variable(name))
        .map_err(|error| Error::new("nothing can be sent to `webhook`").caused_by(&error))?;
    let (notice, now) = (of_test(), clock::now());
    let body = serde_json::to_string(&notice).map_err(|error| Error::new("no notice").caused_by(&error))?;
    match runtime.block_on(webhook.send(client, &notice.id, &body, now)) {
        Sent::Taken | Sent::Posted { .. } => {
            // It takes notices again, if it did not for a while.
            if here.ledger()?.is_some() {
                outbox::reopen(&mut Ledger::open(&here.state_folder()?)?, now, "webhook")?;
            }
            put(out, &format!("webhook: taken, as {}\n", notice.id))
        }
        Sent::Gone => Err(Error::new("webhook: it answered 410 Gone: it wants no notices")),
        Sent::NotYet { why, .. } | Sent::Never { why } => Err(Error::new(format!("webhook: not taken: {why}"))),
    }
}

/// Each reader gets a letter.
fn try_mail(
    (mail, readers): (&policy::Mail, &[String]),
    client: &Client,
    runtime: &Runtime,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<()> {
    if readers.is_empty() {
        return Err(Error::new("nobody reads mail: neither `to` of `[notify.mail]` nor a route names anybody")
            .hint("`govern notify test mail:lead@acme.example` tries one address"));
    }
    let mail = Mail::of(mail, |name| here.variable(name))
        .map_err(|error| Error::new("nothing can be sent to `mail`").caused_by(&error))?;
    let (notice, now, whence) = (of_test(), clock::now(), whence_of(None));
    let zone = here.timezone()?;
    let mut not = Vec::new();
    for reader in readers {
        let address = format!("mail:{reader}");
        match runtime.block_on(mail.send(client, &notice, (reader, &whence, zone), &Answering::Nothing)) {
            Sent::Taken | Sent::Posted { .. } => {
                if here.ledger()?.is_some() {
                    outbox::reopen(&mut Ledger::open(&here.state_folder()?)?, now, &address)?;
                }
                put(out, &format!("{address}: taken, as {}\n", notice.id))?;
            }
            Sent::Gone => not.push(format!("{address}: not taken")),
            Sent::NotYet { why, .. } | Sent::Never { why } => not.push(format!("{address}: not taken: {why}")),
        }
    }
    if not.is_empty() { Ok(()) } else { Err(Error::new(not.join("; "))) }
}

/// A message is sent, and the way is tried by which clicks come.
fn try_slack(
    (slack, named, approvals): (&policy::Slack, Option<&str>, &Approvals),
    client: &Client,
    runtime: &Runtime,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<()> {
    let slack = Slack::of(slack, |name| here.variable(name))
        .map_err(|error| Error::new("nothing can be sent to `slack`").caused_by(&error))?;
    let not = |trouble: Trouble| Error::new(format!("slack: {trouble}"));
    let who = runtime.block_on(slack.who(client)).map_err(not)?;
    let channel = slack.channel(named).to_owned();
    runtime.block_on(slack.post(client, &channel, None, &message::told(&of_test()))).map_err(not)?;
    put(out, &format!("slack: {} has taken a message, as {}\n", printable(&channel), printable(&who)))?;
    if !slack.hears() {
        return put(out, "slack: without an `app_token` no clicks are heard, and messages have no buttons\n");
    }
    let heard =
        runtime.block_on(async { slack.connect(client).await?.next().await.map_err(|error| not_heard(&error)) });
    match heard {
        Ok(Some(_)) => put(out, &format!("slack: {}\n", heard_from(approvals))),
        Ok(None) => Err(Error::new("slack: no clicks are heard: Slack closed the connection at once")),
        Err(trouble) => Err(Error::new(format!("slack: no clicks are heard: {trouble}"))),
    }
}

/// Whose clicks are heard.
fn heard_from(approvals: &Approvals) -> &'static str {
    if approvals.approvers.iter().any(|approver| approvals.in_slack(approver)) {
        "clicks are heard"
    } else {
        "messages have no buttons: `approvers` of `[approvals]` names nobody in Slack"
    }
}

/// How each channel stands that a policy has, without a message: its name, and what was found or is wrong.
pub(super) fn standing(here: &Here<'_>) -> Vec<(&'static str, std::result::Result<String, String>)> {
    // What is wrong with a policy is told by itself.
    let Ok(Policy { notify, approvals, .. }) = own_policy(here) else { return Vec::new() };
    let env = |name: &str| here.variable(name);
    let mut found = Vec::new();
    if let Some(webhook) = &notify.webhook {
        let host = webhook.url.host().unwrap_or_default();
        let tried = Webhook::of(webhook, env).map_err(|error| error.to_string()).and_then(|webhook| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let tried = runtime.block_on(webhook.reach(&Client::new(env)));
            runtime.shutdown_background();
            tried.map(|()| format!("signed, to {}", printable(host)))
        });
        found.push(("webhook", tried));
    }
    if let Some(wanted) = &notify.mail {
        let tried = Mail::of(wanted, env).map_err(|error| error.to_string()).and_then(|mail| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let tried = runtime.block_on(mail.reach(&Client::new(env)));
            runtime.shutdown_background();
            tried.map(|()| format!("{}:{} takes letters from {}", wanted.host, wanted.port, wanted.from))
        });
        found.push(("mail", tried));
    }
    if let Some(wanted) = &notify.slack {
        let tried = Slack::of(wanted, env).map_err(|error| error.to_string()).and_then(|slack| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            let client = Client::new(env);
            let tried = runtime.block_on(async {
                let who = slack.who(&client).await?;
                let clicks = if slack.hears() {
                    slack.connect(&client).await.map(|_| heard_from(&approvals))?
                } else {
                    "no `app_token`: messages have no buttons"
                };
                Ok(format!("{}, to {}, {clicks}", printable(&who), printable(slack.channel(None))))
            });
            runtime.shutdown_background();
            tried.map_err(|trouble: Trouble| trouble.why)
        });
        found.push(("slack", tried));
    }
    found
}

fn not_heard(error: &NetError) -> Trouble {
    Trouble { why: error.to_string(), after: None, lasting: false }
}

fn of_test() -> Notice {
    Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
        time: clock::now(),
        kind: NoticeKind::Test,
        run: None,
        agent: None,
        team: None,
        project: None,
        text: "govern can reach you here".to_owned(),
        budget: None,
        question: None,
        decision: None,
        progress: None,
        alert: None,
    }
}

fn channel_or_address(text: &str) -> std::result::Result<String, String> {
    Address::parse(text)
        .map(|address| address.to_string())
        .ok_or_else(|| "known are `webhook`, `mail`, `mail:ADDRESS`, `slack` and `slack:CHANNEL`".to_owned())
}

fn status(format: Format, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let mut rows = match here.ledger()? {
        Some(ledger) => outbox::addresses(&ledger)?,
        None => Vec::new(),
    };
    // What is set up is shown before the first notice, too.
    let notify = own_policy(here).map(|policy| policy.notify).unwrap_or_default();
    for address in notify.addresses().into_iter().map(ToString::to_string) {
        if !rows.iter().any(|row| row.address == address) {
            rows.push(AddressRow { address, ..AddressRow::default() });
        }
    }
    let serve = holder(&state_folder::socket_folder(&here.state_folder()?)?)?;
    let serve = serve.map(|holder| ServeJson { pid: holder.pid, stays: holder.says });
    let page = page(&rows, serve.as_ref(), here);
    let document = StatusJson { schema: "govern.notify/1", serve, rows: rows.iter().map(RowJson::of).collect() };
    put_as(out, here.look, format, &page, || json::to_text(&document))?;
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct StatusJson {
    schema: &'static str,
    serve: Option<ServeJson>,
    rows: Vec<RowJson>,
}

#[derive(Serialize)]
struct ServeJson {
    pid: i32,
    stays: String,
}

#[derive(Serialize)]
struct RowJson {
    channel: String,
    waiting: u64,
    delivered: u64,
    failed: u64,
    oldest: Option<String>,
    last: Option<String>,
    error: Option<String>,
    off: Option<String>,
}

impl RowJson {
    fn of(row: &AddressRow) -> Self {
        Self {
            channel: row.address.clone(),
            waiting: row.waiting,
            delivered: row.delivered,
            failed: row.failed,
            oldest: row.oldest.map(rfc3339),
            last: row.last.map(rfc3339),
            error: row.error.clone(),
            off: row.closed.map(rfc3339),
        }
    }
}

fn page(rows: &[AddressRow], serve: Option<&ServeJson>, here: &Here<'_>) -> Page {
    let mut page = Page::default();
    if rows.is_empty() {
        page.list(vec![Item::new("", "no channel is set up, and nothing was ever to be sent", Tone::Plain)]);
    } else {
        let columns = vec![
            Column::key("Channel", 8),
            Column::figure("Waiting"),
            Column::figure("Delivered"),
            Column::figure("Given up"),
            Column::word("Oldest that waits"),
        ];
        let cells = |row: &AddressRow| {
            let tone = if row.failed > 0 || row.closed.is_some() { Tone::Bad } else { Tone::Plain };
            let oldest = row.oldest.map_or_else(String::new, |at| duration(between(at, here.now)));
            vec![
                Cell::new(&row.address),
                Cell::new(row.waiting.to_string()),
                Cell::new(row.delivered.to_string()),
                Cell::toned(row.failed.to_string(), tone),
                Cell::new(oldest),
            ]
        };
        page.table(Table { columns, rows: rows.iter().map(cells).collect(), totals: None });
    }
    let mut items = Vec::new();
    for row in rows {
        if row.closed.is_some() {
            let text = format!("it answered 410; `govern notify test {}` opens it again", row.address);
            items.push(Item::new(format!("{} is off", row.address), text, Tone::Bad));
        } else if let Some(error) = &row.error {
            items.push(Item::new(row.address.clone(), error.clone(), Tone::Warn));
        }
    }
    let sender = match serve {
        Some(serve) => format!("process {} sends ({})", serve.pid, serve.stays),
        None => "none: the next run with `[notify]` starts one, or `govern serve`".to_owned(),
    };
    items.push(Item::new("sender", sender, Tone::Plain));
    page.list(items);
    page
}
