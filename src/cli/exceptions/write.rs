//! `govern exceptions write`: a change to the policy by which an exception would have been none, shown before it is made.

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{WriteArgs, by, line, one};
use crate::cli::format::put;
use crate::compare::Remedy;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, reviews};
use crate::model::{BudgetName, Exception, ExceptionKind, ExceptionState, Quantity, Timestamp};
use crate::policy::edit;
use crate::policy::mistake::LayerText;
use crate::prepare::here::{Here, join};
use crate::prepare::next::last_end;
use crate::prepare::policy_files;
use crate::report::diff;
use crate::report::exceptions::ExceptionRow;
use crate::report::text::printable_lines;

/// A change to one file of the policy.
pub(super) struct Change {
    path: PathBuf,
    before: String,
    after: String,
}

/// Shows the change, asks, and makes it.
pub(super) fn run(args: &WriteArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::needs_reason(&args.reason)?;
    let row = one(&args.id, here)?;
    let change = change(&row, args.policy.as_deref(), here)?;
    put(out, &change.shown())?;
    if !args.yes {
        if !std::io::stdin().is_terminal() {
            return Err(Error::new("nobody was asked whether the policy is to be changed so")
                .hint("nothing was changed: `--yes` changes it without a question")
                .exit(Exit::Usage));
        }
        let mut input = std::io::stdin().lock();
        let answer = line("change it so? [y/N] ", &mut input, out)?.unwrap_or_default();
        if !answer.eq_ignore_ascii_case("y") && !answer.eq_ignore_ascii_case("yes") {
            put(out, "Nothing was changed.\n")?;
            return Ok(Exit::Success);
        }
    }
    change.carry_out(&row, &args.reason, here)?;
    put(out, &format!("{}: written\n", row.exception.id))?;
    Ok(Exit::Success)
}

/// The change that this exception asks for: a higher limit, or an alert that would have told of it before.
pub(super) fn change(row: &ExceptionRow, given: Option<&Path>, here: &Here<'_>) -> Result<Change> {
    let one = &row.exception;
    if row.state() == ExceptionState::Written {
        return Err(Error::new(format!("`{}` was written into the policy before", one.id)).hint(
            "nothing was changed: edit the policy, or decide otherwise with `govern exceptions accept` or `dismiss`",
        ));
    }
    let layers = policy_files::read(here.policy_places(given))?;
    let change = match (still_to_raise(one, &layers, here)?, &one.budget, &row.advice) {
        (Some(by_amount), Some(budget), _) => raised(&layers, budget, &one.scope, by_amount)?,
        // A no stands, and what an alert has told of needs no other alert.
        _ if matches!(one.kind, ExceptionKind::Denial | ExceptionKind::Alert) => return Err(nothing_to_write(one)),
        (_, _, Some(advice)) => match alert(advice.remedy) {
            Some(part) => with_alert(&layers, part, given, here)?,
            None => return Err(nothing_to_write(one)),
        },
        (_, _, None) => return Err(nothing_to_write(one)),
    };
    // What comes of it is a policy that can be obeyed, or nothing is changed.
    let changed = layers.into_iter().map(|layer| match layer.path.as_deref() == Some(change.path.as_path()) {
        true => LayerText { text: change.after.clone(), ..layer },
        false => layer,
    });
    join(changed.collect(), here.look.colour)?;
    Ok(change)
}

/// By how much the limit would have to be higher than it is now: what was written since for the same budget counts.
fn still_to_raise(one: &Exception, layers: &[LayerText], here: &Here<'_>) -> Result<Option<Quantity>> {
    let (Some(by), Some(ledger)) = (raise(one, here)?, here.ledger()?) else { return Ok(None) };
    let mut written = super::rows_of(&ledger, (None, None), here)?;
    written.retain(|row| row.state() == ExceptionState::Written && row.exception.budget == one.budget);
    written.retain(|row| limit_of(&row.exception, layers) == limit_of(one, layers));
    written.sort_by_key(|row| row.review.as_ref().map(|review| review.at));
    // Each has raised it by what was missing then.
    let mut raised: Vec<(Timestamp, i64)> = Vec::new();
    let missing = |at: Timestamp, by: Quantity, raised: &[(Timestamp, i64)]| {
        let since = raised.iter().filter(|(when, _)| *when > at).map(|(_, amount)| *amount);
        by.amount.saturating_sub(since.fold(0, i64::saturating_add)).max(0)
    };
    for row in &written {
        if let (Some(review), Some(more)) =
            (&row.review, raise(&row.exception, here)?.filter(|more| more.unit == by.unit))
        {
            raised.push((review.at, missing(row.exception.at, more, &raised)));
        }
    }
    match missing(one.at, by, &raised) {
        0 => Err(Error::new(format!("the limit was raised since by all that `{}` would have taken", one.id))
            .hint("nothing was changed: `govern exceptions accept` or `dismiss` decides about it")),
        amount => Ok(Some(Quantity { amount, ..by })),
    }
}

/// Which limit of which file an exception is about: a budget has one for all, and may have others for some.
fn limit_of(one: &Exception, layers: &[LayerText]) -> Option<(usize, Range<usize>)> {
    let budget = one.budget.as_ref()?;
    let found = |(index, layer): (usize, &LayerText)| {
        let (_, place) = edit::limit(&layer.text, budget, only_value(&one.scope)).ok()?;
        Some((index, place))
    };
    layers.iter().enumerate().rev().find_map(found)
}

/// The value in `team=web`; none of several.
fn only_value(scope: &str) -> Option<&str> {
    scope.split_once('=').map(|(_, value)| value).filter(|value| !value.contains(", "))
}

/// By how much the limit would have had to be higher then.
fn raise(one: &Exception, here: &Here<'_>) -> Result<Option<Quantity>> {
    match (one.kind, &one.run) {
        // A person has said no to it.
        (ExceptionKind::Denial, _) => Ok(None),
        // What it takes to go on is what the run's end says.
        (ExceptionKind::Stop, Some(run)) => {
            let Some(ledger) = here.ledger()? else { return Ok(None) };
            let lifts = last_end(&ledger, run)?.flatten();
            Ok(lifts.and_then(|lifts| Quantity::parse(lifts.needs.as_ref().unwrap_or(&lifts.amount)).ok()))
        }
        _ => Ok(one.raise),
    }
}

fn nothing_to_write(one: &Exception) -> Error {
    Error::new(format!("there is nothing in a policy that `{}` would change", one.id))
        .hint("`govern exceptions accept` or `dismiss` decides about it")
}

/// The nearest file that has the budget.
fn raised(layers: &[LayerText], budget: &BudgetName, scope: &str, by_amount: Quantity) -> Result<Change> {
    let mut why = None;
    for layer in layers.iter().rev() {
        let Some(path) = &layer.path else { continue };
        match edit::raised(&layer.text, budget, only_value(scope), by_amount) {
            Ok(after) => return Ok(Change { path: path.clone(), before: layer.text.clone(), after }),
            Err(edit::NotAmended::NoBudget(_)) => {}
            Err(not) => {
                why.get_or_insert_with(|| format!("`{}`: {not}", path.display()));
            }
        }
    }
    let why = why.unwrap_or_else(|| format!("no file of the policy has a budget `{budget}`"));
    Err(Error::new(why).hint("a limit of the command line is another one with the next `--budget`"))
}

/// The alert that tells of it the next time, before so much is spent.
fn alert(remedy: Remedy) -> Option<&'static str> {
    match remedy {
        Remedy::Loop => Some("[[alert]]\nname     = \"again and again\"\nrepeated = 5\ndo       = \"ask\"\n"),
        Remedy::Context => {
            Some("[[alert]]\nname        = \"the cache is missed\"\ncache_below = \"20%\"\ndo          = \"warn\"\n")
        }
        Remedy::Tools => {
            Some("[[alert]]\nname    = \"the context is nearly full\"\ncontext = \"80%\"\ndo      = \"steer\"\n")
        }
        Remedy::Model | Remedy::Person => None,
    }
}

/// In the policy that was named, else in the user's own.
fn with_alert(layers: &[LayerText], part: &str, given: Option<&Path>, here: &Here<'_>) -> Result<Change> {
    let own = || here.user_policy();
    let path = given.map(Path::to_owned).or_else(own).ok_or_else(|| Error::new("there is no folder for a policy"))?;
    let known = layers.iter().find(|layer| layer.path.as_deref() == Some(path.as_path()));
    let before = known.map(|layer| layer.text.clone()).unwrap_or_default();
    let start = if before.is_empty() { "version = 1\n" } else { before.as_str() };
    Ok(Change { after: edit::with_part(start, part), before, path })
}

impl Change {
    /// The file, and the lines that change.
    pub(super) fn shown(&self) -> String {
        let lines = diff::lines(&self.before, &self.after).join("\n");
        printable_lines(&format!("{}\n{lines}", self.path.display()))
    }

    /// Makes it: what is about to be done is written down first.
    pub(super) fn carry_out(&self, row: &ExceptionRow, reason: &str, here: &Here<'_>) -> Result<()> {
        let (by, reason, id) = (by(), crate::codex::redact(reason), &row.exception.id);
        let file = self.path.display().to_string();
        let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
        let written = reviews::WrittenPolicy { file: &file, text: &self.after };
        let state = ExceptionState::Written;
        ledger.turn(here.now, |turn| reviews::review(turn, id, state, (&by, Some(&reason)), Some(written)))?;
        self.write().map_err(|error| {
            let state = ExceptionState::Open;
            let undone =
                ledger.turn(here.now, |turn| reviews::review(turn, id, state, (&by, Some("not written")), None));
            let error = Error::new(format!("`{file}` cannot be written")).caused_by(&error);
            match undone {
                Ok(()) => error,
                Err(_) => error.hint(format!("`{id}` stands as written in the ledger: decide about it again")),
            }
        })
    }

    /// In one step: nobody reads half of it. A link stays one.
    fn write(&self) -> std::io::Result<()> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = path.with_extension(format!("toml.{}", std::process::id()));
        std::fs::write(&new, &self.after)?;
        if let Ok(known) = path.metadata() {
            std::fs::set_permissions(&new, known.permissions())?;
        }
        std::fs::rename(&new, &path)
    }
}
