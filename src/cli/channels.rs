//! Owns `govern notify`: tries a channel, and shows what waits.

use std::io::Write;

use serde::Serialize;

use super::format::{Format, put, put_as};
use super::here::Here;
use super::serve::notify;
use crate::clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::outbox::{self, AddressRow};
use crate::ledger::{Ledger, home};
use crate::model::notice::NOTICE_SCHEMA;
use crate::model::{Notice, NoticeKind};
use crate::net::Client;
use crate::notify::{Sent, Webhook};
use crate::report::json;
use crate::report::page::{Cell, Column, Item, Page, Table, Tone};
use crate::report::text::{between, duration, rfc3339};
use crate::serve::holder;

/// Channels: Slack, mail and others to come; today the webhook.
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
        #[arg(value_name = "CHANNEL", value_parser = ["webhook"])]
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
        NotifyVerb::Test { .. } => test(out, here),
        NotifyVerb::Status { format } => status(*format, out, here),
    }
}

fn test(out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::for_no_agent("an agent does not send notices", "try the channel in a terminal that no agent started")?;
    let notify = notify(here)?;
    let Some(webhook) = &notify.webhook else {
        return Err(Error::new("no channel is set up").hint("docs/notices.md has a `[notify.webhook]` to begin with"));
    };
    let webhook = Webhook::of(webhook, |name| here.variable(name))
        .map_err(|error| Error::new("nothing can be sent to `webhook`").caused_by(&error))?;
    let now = clock::now();
    let notice = Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
        time: now,
        kind: NoticeKind::Test,
        run: None,
        agent: None,
        team: None,
        project: None,
        text: "govern can reach you here".to_owned(),
        budget: None,
        question: None,
        decision: None,
    };
    let body = serde_json::to_string(&notice).map_err(|error| Error::new("no notice").caused_by(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("govern cannot start its loop").caused_by(&error))?;
    let client = Client::new(|name| here.variable(name));
    let sent = runtime.block_on(webhook.send(&client, &notice.id, &body, now));
    runtime.shutdown_background();
    match sent {
        Sent::Taken => {
            // It takes notices again, if it did not for a while.
            if here.ledger()?.is_some() {
                outbox::reopen(&mut Ledger::open(&here.state_folder()?)?, now, "webhook")?;
            }
            put(out, &format!("webhook: taken, as {}\n", notice.id))?;
            Ok(Exit::Success)
        }
        Sent::Gone => Err(Error::new("webhook: it answered 410 Gone: it wants no notices")),
        Sent::NotYet { why, .. } => Err(Error::new(format!("webhook: not taken: {why}"))),
    }
}

fn status(format: Format, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let rows = match here.ledger()? {
        Some(ledger) => outbox::addresses(&ledger)?,
        None => Vec::new(),
    };
    let serve = holder(&home::socket_folder(&here.state_folder()?)?)?;
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
        page.list(vec![Item::new("", "nothing was ever to be sent", Tone::Plain)]);
    } else {
        let columns = vec![
            Column::name("Channel", 8),
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
