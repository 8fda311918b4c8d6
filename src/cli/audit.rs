//! `govern audit`: what was done, by whom and why; and whether the ledger is what it was.

pub mod trail;

use std::io::Write;

use serde_json::json;

use super::format::{Format, put, put_as};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Head, Ledger, Verified};
use crate::prepare::here::Here;
use crate::report::json::to_text;
use crate::report::page::{Item, Page, Tone};
use crate::report::text::count;

/// What was done, by whom and why: every action with its time and cost; and whether the ledger is what it was.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    /// What to do with the chains
    #[command(subcommand)]
    pub verb: Option<AuditVerb>,
    #[command(flatten)]
    trail: trail::TrailArgs,
}

/// What to do with the chains.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum AuditVerb {
    /// Recompute every hash: exits with 0 intact, 1 broken, 4 intact but with an unsealed run
    Verify {
        /// A head that was kept elsewhere, as `audit head` printed it: the ledger must still contain it
        #[arg(long, value_name = "N:HASH")]
        against: Option<String>,
        /// How it is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print the last link, to keep elsewhere
    Head {
        /// How it is written
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Does it. A missing ledger is an error to who asks for its chain: a deleted one must not look intact. To who only reads
/// it holds nothing yet, as for `govern runs`.
pub fn run(args: &AuditArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    if args.verb.is_none() && args.trail.is_for_people() && here.ledger()?.is_none() {
        put(out, &here.look.render(&super::report::nothing_yet()))?;
        return Ok(Exit::Success);
    }
    let ledger = Ledger::open_read_only(&here.state_folder()?)?;
    match &args.verb {
        None => trail::run(&args.trail, &ledger, out, here),
        Some(AuditVerb::Verify { against, format }) => verify(&ledger, against.as_deref(), *format, out, here),
        Some(AuditVerb::Head { format }) => {
            let head = ledger.audit().head()?;
            let page = Page::of_notes([spelled(head)]);
            let document = || to_text(&json!({ "schema": "govern.audit/1", "head": as_json(head) }));
            put_as(out, here.look, *format, &page, document)?;
            Ok(Exit::Success)
        }
    }
}

fn verify(
    ledger: &Ledger,
    against: Option<&str>,
    format: Format,
    out: &mut dyn Write,
    here: &Here<'_>,
) -> Result<Exit> {
    let mut found = ledger.audit().verify()?;
    if let Some(kept) = against
        && !matches!(found, Verified::Broken { .. })
        && let Some(what) = differs(ledger, kept)?
    {
        found = Verified::Broken { place: format!("link {}", kept.split(':').next().unwrap_or(kept)), what };
    }
    let (exit, item, document) = match &found {
        Verified::Intact { runs, entries, head } => (
            Exit::Success,
            Item::new("intact", format!("{}, head {}", size(*runs, *entries), spelled(*head)), Tone::Good),
            json!({ "schema": "govern.audit/1", "state": "intact", "runs": runs, "entries": entries,
                    "unsealed": [], "head": as_json(*head) }),
        ),
        Verified::Open { runs, entries, head, unsealed } => {
            let names: Vec<String> = unsealed.iter().map(|run| format!("`{run}`")).collect();
            let text = format!(
                "{}, head {}; not sealed, because they run or their govern was killed: {}",
                size(*runs, *entries),
                spelled(*head),
                names.join(", ")
            );
            let document = json!({ "schema": "govern.audit/1", "state": "open", "runs": runs, "entries": entries,
                                   "unsealed": unsealed, "head": as_json(*head) });
            (Exit::Unsealed, Item::new("intact, open", text, Tone::Warn), document)
        }
        Verified::Broken { place, what } => (
            Exit::Negative,
            Item::new("broken", format!("at {place}: {what}"), Tone::Bad),
            json!({ "schema": "govern.audit/1", "state": "broken", "place": place, "what": what }),
        ),
    };
    let mut page = Page::default();
    page.list(vec![item]);
    put_as(out, here.look, format, &page, || to_text(&document))?;
    Ok(exit)
}

/// What is wrong with a head that was kept; `None` if the ledger contains it.
fn differs(ledger: &Ledger, kept: &str) -> Result<Option<String>> {
    let malformed = || {
        Error::new(format!("`{kept}` is no head"))
            .exit(Exit::Usage)
            .hint("give it as `govern audit head` printed it, such as `42:5d1f…`")
    };
    let (n, hash) = kept.split_once(':').ok_or_else(malformed)?;
    let n: u64 = n.parse().map_err(|_| malformed())?;
    Ok(match ledger.audit().link_hash(n)? {
        None => Some("the ledger has fewer links than when this head was kept".to_owned()),
        Some(found) if found.to_string() == hash.to_ascii_lowercase() => None,
        Some(found) => Some(format!("it is {found} now")),
    })
}

fn size(runs: u64, entries: u64) -> String {
    format!("{}, {}", count(runs, "run", "runs"), count(entries, "entry", "entries"))
}

fn spelled(head: Head) -> String {
    format!("{}:{}", head.n, head.hash)
}

fn as_json(head: Head) -> serde_json::Value {
    json!({ "links": head.n, "hash": head.hash.to_string() })
}
