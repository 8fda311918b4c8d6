//! `govern metrics`: what the ledger tells, for Prometheus.

mod file;
mod gather;
mod listen;
mod push;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::format::put;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::policy::duration;
use crate::prepare::here::Here;
use crate::process::AskedToEnd;

/// Spend, tokens, decisions, budgets, agents and questions in Prometheus' text format, from the ledger: no counter starts
/// again with a run.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct MetricsArgs {
    /// Print them once; so do no flags
    #[arg(long, group = "way")]
    pub once: bool,
    /// Answer scrapes of http://ADDRESS/metrics, until Ctrl-C [default address: 127.0.0.1:9464]
    #[arg(
        long, group = "way", value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9464",
        value_parser = address
    )]
    pub listen: Option<SocketAddr>,
    /// Write DIR/govern.prom, for the textfile collector of node_exporter
    #[arg(long, group = "way", value_name = "DIR")]
    pub textfile: Option<PathBuf>,
    /// Put them into a Pushgateway, in the place of those of this repository's workflow: for CI, after a run
    #[arg(long, group = "way", value_name = "URL")]
    pub push: Option<String>,
    /// Write it again and again, such as every 15s, until Ctrl-C
    #[arg(long, requires = "textfile", value_name = "TIME", value_parser = every)]
    pub every: Option<Duration>,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

pub(super) fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    text.parse().map_err(|_| "an address is a number and a port, such as `127.0.0.1:9464` or `[::1]:9464`".to_owned())
}

fn every(text: &str) -> std::result::Result<Duration, String> {
    duration::parse(text).map_err(|error| format!("`{text}` {error}: {}", duration::DURATION_HINT))
}

/// Prints them, writes them, pushes them, or answers whoever asks for them.
pub fn run(args: &MetricsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let policy = args.policy.as_deref();
    if let Some(address) = &args.push {
        push::push(address, gather::strict(here, policy)?, here)?;
        return Ok(Exit::Success);
    }
    match (&args.listen, &args.textfile) {
        (Some(address), _) => until_ended(listen::serve(*address, policy))?,
        (None, Some(folder)) => match args.every {
            Some(every) => until_ended(file::every(every, folder, policy))?,
            None => file::write(folder, &gather::strict(here, policy)?)?,
        },
        (None, None) => put(out, &gather::strict(here, policy)?)?,
    }
    Ok(Exit::Success)
}

/// Answers scrapes at this address until somebody asks it to end: for `govern serve`, beside what else it does.
pub(super) async fn answer_scrapes(address: SocketAddr, end: AskedToEnd) -> Result<()> {
    listen::serve(address, None)(end).await
}

/// What goes on until somebody asks it to end.
fn until_ended(work: impl AsyncFnOnce(AskedToEnd) -> Result<()>) -> Result<()> {
    let cannot = |error: &std::io::Error| Error::new("metrics cannot be served").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| cannot(&error))?;
    runtime.block_on(async { work(AskedToEnd::new().map_err(|error| cannot(&error))?).await })
}
