//! `govern exceptions review`: the open ones at a terminal, one after the other.

use std::io::{BufRead, IsTerminal, Write};

use super::{decide, gather, line, outside, write};
use crate::cli::format::put;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::ExceptionState;
use crate::prepare::here::Here;
use crate::report::Page;
use crate::report::exceptions::ExceptionRow;

/// What is done with one.
enum Choice {
    Decide(ExceptionState),
    Write,
    Skip,
    Quit,
}

/// Asks about each.
pub(super) fn run(out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    outside()?;
    if !std::io::stdin().is_terminal() {
        return Err(Error::new("there is no terminal to review exceptions at")
            .hint("without one: `govern exceptions accept|dismiss|write ID --reason \"…\"`")
            .exit(Exit::Usage));
    }
    let wanted = gather::Wanted { since: None, until: None, all: false };
    let rows = here.ledger()?.map(|ledger| gather::rows(&ledger, wanted, here)).transpose()?.unwrap_or_default();
    if rows.is_empty() {
        put(out, "Nothing is open.\n")?;
        return Ok(Exit::Success);
    }
    let mut input = std::io::stdin().lock();
    go_through(&rows, &mut input, out, here)?;
    Ok(Exit::Success)
}

fn go_through(rows: &[ExceptionRow], input: &mut dyn BufRead, out: &mut dyn Write, here: &Here<'_>) -> Result<()> {
    let zone = here.timezone()?;
    for (place, row) in rows.iter().enumerate() {
        let mut page = Page::default();
        page.title(format!("{} ({} of {})", row.exception.id, place.saturating_add(1), rows.len()));
        page.list(row.in_full(zone));
        put(out, &here.look.render(&page))?;
        match choice(input, out)? {
            Choice::Quit => return Ok(()),
            Choice::Skip => {}
            Choice::Decide(state) => {
                let Some(reason) = reason(input, out)? else { return Ok(()) };
                decide(&row.exception.id, state, &reason, here)?;
                put(out, &format!("{}: {state}\n\n", row.exception.id))?;
            }
            // What cannot be written is told, and the next one comes.
            Choice::Write => match write::change(row, None, here) {
                Err(error) => put(out, &format!("{error}\n\n"))?,
                Ok(change) => {
                    put(out, &change.shown())?;
                    let Some(answer) = line("change it so? [y/N] ", input, out)? else { return Ok(()) };
                    if answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes") {
                        let Some(reason) = reason(input, out)? else { return Ok(()) };
                        change.carry_out(row, &reason, here)?;
                        put(out, &format!("{}: written\n\n", row.exception.id))?;
                    }
                }
            },
        }
    }
    Ok(())
}

fn choice(input: &mut dyn BufRead, out: &mut dyn Write) -> Result<Choice> {
    loop {
        let Some(typed) = line("[a]ccept, [d]ismiss, [w]rite into the policy, [s]kip, [q]uit? ", input, out)? else {
            return Ok(Choice::Quit);
        };
        match typed.to_lowercase().as_str() {
            "a" | "accept" => return Ok(Choice::Decide(ExceptionState::Accepted)),
            "d" | "dismiss" => return Ok(Choice::Decide(ExceptionState::Dismissed)),
            "w" | "write" => return Ok(Choice::Write),
            "s" | "skip" | "" => return Ok(Choice::Skip),
            "q" | "quit" => return Ok(Choice::Quit),
            _ => put(out, "a, d, w, s or q\n")?,
        }
    }
}

/// Why; asked again until something is typed.
fn reason(input: &mut dyn BufRead, out: &mut dyn Write) -> Result<Option<String>> {
    loop {
        match line("reason: ", input, out)? {
            Some(reason) if reason.is_empty() => put(out, "people read it\n")?,
            typed => return Ok(typed),
        }
    }
}
