//! Owns `govern approvals`: what waits for an answer.

use std::io::Write;

use super::format::{Format, put_as};
use super::here::Here;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{ApprovalReport, json};

/// What waits for an answer.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ApprovalsArgs {
    /// Answered, expired and withdrawn ones too
    #[arg(long)]
    pub all: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Writes the questions.
pub fn run(args: &ApprovalsArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let rows = match here.ledger()? {
        Some(ledger) => ledger.approvals(!args.all)?,
        None => Vec::new(),
    };
    let report = ApprovalReport { rows, at: here.now, zone: here.timezone()?, all: args.all };
    put_as(out, here.look, args.format, &report.page(), || json::to_text(&report))?;
    Ok(Exit::Success)
}
