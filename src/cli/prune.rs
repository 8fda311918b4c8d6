//! `govern prune`: removes what agents wrote in runs that were over long ago. The ledger keeps every row.

use std::io::Write;
use std::time::Duration;

use chrono::TimeDelta;

use super::format::put;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::socket;
use crate::ledger::prune::{self, Leftover};
use crate::ledger::{Ledger, state_folder};
use crate::policy::duration::{self, DURATION_HINT};
use crate::prepare::here::Here;
use crate::report::page::{Cell, Column, Page, Table};
use crate::report::text::{count, moment, size};

/// Remove what agents wrote in fleets that were over long ago, and sockets of dead runs; never a row of the ledger.
#[derive(clap::Args, Clone, Debug)]
pub struct PruneArgs {
    /// Of runs that were over so long ago, such as 30d
    #[arg(long, value_name = "TIME", value_parser = older)]
    pub older: Duration,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn older(text: &str) -> std::result::Result<Duration, String> {
    duration::parse(text).map_err(|error| format!("`{text}` {error}: {DURATION_HINT}"))
}

/// Removes it, and writes down first what.
pub fn run(args: &PruneArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::for_no_agent("an agent cannot remove what agents wrote", "do it in a terminal that no agent started")?;
    let state = here.state_folder()?;
    let Some(reader) = here.ledger()? else {
        put(out, "Nothing was recorded yet.\n")?;
        return Ok(Exit::Success);
    };
    let since = TimeDelta::from_std(args.older).ok().and_then(|older| here.now.checked_sub_signed(older));
    let before = since.ok_or_else(|| Error::new("nothing is as old as that").exit(Exit::Usage))?;
    let found = prune::leftovers(&reader, &state, before, here.alive)?;
    if !found.is_empty() {
        put(out, &here.look.render(&page(&found, here)?))?;
    }
    let sum = |of: fn(&Leftover) -> u64| found.iter().map(of).fold(0_u64, u64::saturating_add);
    let (files, bytes) = (sum(|one| one.files), sum(|one| one.bytes));
    let what =
        format!("{} of {}, {}", count(files, "file", "files"), count(found.len() as u64, "run", "runs"), size(bytes));
    if !args.dry_run {
        socket::sweep(&state_folder::socket_folder(&state)?, &|run| {
            reader.runs().is_over(run, here.alive).unwrap_or(false)
        });
    }
    if args.dry_run || found.is_empty() {
        let text =
            if found.is_empty() { "Nothing is as old as that.".to_owned() } else { format!("Would remove {what}.") };
        put(out, &format!("{text}\n"))?;
        return Ok(Exit::Success);
    }
    let mut ledger = Ledger::open_existing(&state)?;
    let by = format!("{} (cli)", crate::prepare::identity::whoami());
    let runs: Vec<_> = found.iter().map(|one| one.run.clone()).collect();
    ledger.turn(here.now, |turn| turn.prune(&by, before, &runs, (files, bytes)))?;
    for leftover in &found {
        prune::remove(leftover).map_err(|error| {
            Error::new(format!("`{}` cannot be removed", leftover.path.display())).caused_by(&error)
        })?;
    }
    put(out, &format!("Removed {what}; the ledger has every row, and says so.\n"))?;
    Ok(Exit::Success)
}

fn page(found: &[Leftover], here: &Here<'_>) -> Result<Page> {
    let zone = here.timezone()?;
    let columns = vec![Column::key("run", 10), Column::word("over"), Column::figure("files"), Column::figure("size")];
    let rows = found.iter().map(|one| {
        let cells = [one.run.as_str().to_owned(), moment(one.over, zone), one.files.to_string(), size(one.bytes)];
        cells.iter().map(Cell::new).collect()
    });
    let mut page = Page::default();
    page.table(Table { columns, rows: rows.collect(), totals: None });
    Ok(page)
}
