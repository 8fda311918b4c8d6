//! The trail that `govern audit` prints: every action, one by one, as the chains have them.

use std::io::{self, BufWriter, Write};

use chrono_tz::Tz;

use crate::cli::when::When;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::trail::{self, TrailQuery};
use crate::ledger::{Ledger, LedgerError};
use crate::prepare::here::Here;
use crate::report::action::{Action, Chain};
use crate::report::page::{Item, Page};
use crate::report::text::{moment, shell_words};
use crate::ui::Layout;

/// So many lines are laid out together: a run may have any number of them.
const TOGETHER: usize = 500;

/// How wide the kinds stand, so that lines of one run stand below one another wherever it is cut.
const KIND: usize = 13;

/// Which actions.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TrailArgs {
    /// Of one run, by its id or the beginning of it
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Calls of this tool, such as Bash or `mcp__*`
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// What this person, or `governor`, did or decided
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Only what a rule of the policy matched
    #[arg(long)]
    matched: bool,
    /// Not before: a day, a month, a moment, or so long ago (2026-11-01, today, month, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Before: a day (not included), a month, a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    until: Option<When>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: TrailFormat,
}

/// How the trail is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum TrailFormat {
    /// For people.
    #[default]
    Table,
    /// A line of JSON for each action, with what is hashed: the chains can be checked without govern.
    Jsonl,
    /// For spreadsheets.
    Csv,
}

/// Why a walk ends before its end.
enum Ended {
    /// The ledger.
    Ledger(LedgerError),
    /// Whoever reads: what they have is enough, or it cannot be written.
    Out(io::Error),
    /// The rest.
    Other(Error),
}

impl From<LedgerError> for Ended {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Out(error)
    }
}

/// Writes the trail as it is read: it is never held as a whole.
pub(super) fn run(args: &TrailArgs, ledger: &Ledger, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let zone = here.timezone()?;
    let run = args.run.as_deref().map(|prefix| ledger.runs().find(prefix)).transpose()?.map(|info| info.id);
    let at = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let query = TrailQuery { run, since: at(args.since), until: at(args.until) };
    let mut sheet =
        Sheet { out: BufWriter::new(out), look: here.look, zone, ledger, open: None, items: Vec::new(), any: false };
    let done = match args.format {
        TrailFormat::Table => as_table(args, &query, &mut sheet),
        TrailFormat::Jsonl => as_lines(args, &query, &mut sheet),
        TrailFormat::Csv => as_csv(args, &query, &mut sheet),
    };
    match done.and_then(|()| Ok(sheet.out.flush()?)) {
        Ok(()) => Ok(Exit::Success),
        Err(Ended::Out(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(Ended::Out(error)) => Err(Error::new("the answer cannot be written").caused_by(&error)),
        Err(Ended::Ledger(error)) => Err(error.into()),
        Err(Ended::Other(error)) => Err(error),
    }
}

impl TrailArgs {
    /// As a table: programs are told by an error that there is no ledger.
    pub(super) fn is_for_people(&self) -> bool {
        self.format == TrailFormat::Table
    }

    /// Whatever the run and the time: it is asked for.
    fn wants(&self, action: &Action) -> bool {
        self.tool.as_ref().is_none_or(|tool| action.is_of_tool(tool))
            && self.who.as_ref().is_none_or(|who| action.is_by(who))
            && (!self.matched || action.is_matched())
    }

    /// Entries of the ledger's own chain concern all runs.
    fn wants_links(&self) -> bool {
        self.run.is_none()
    }
}

/// The actions of the ledger's own chain that no run tells, and all of them where `all` are wanted.
fn links(
    args: &TrailArgs,
    query: &TrailQuery,
    ledger: &Ledger,
    all: bool,
    mut each: impl FnMut(&Action, &trail::LinkStep) -> std::result::Result<(), Ended>,
) -> std::result::Result<(), Ended> {
    if !args.wants_links() {
        return Ok(());
    }
    trail::links(ledger, |link| {
        let Some(action) = Action::of_link(&link.data, link.n) else { return Ok(()) };
        let in_time =
            query.since.is_none_or(|since| since <= action.at) && query.until.is_none_or(|until| action.at < until);
        if in_time && args.wants(&action) && (all || action.is_of_ledger_alone()) {
            each(&action, &link)
        } else {
            Ok(())
        }
    })
}

fn as_lines(args: &TrailArgs, query: &TrailQuery, sheet: &mut Sheet<'_>) -> std::result::Result<(), Ended> {
    let ledger = sheet.ledger;
    let head = serde_json::json!({ "schema": "govern.audit-trail/1", "ledger": trail::ledger_id(ledger)? });
    writeln!(sheet.out, "{head}")?;
    trail::steps(ledger, query, |step| {
        let action = Action::of(&step.event, step.seq, &step.kind());
        if args.wants(&action) {
            sheet.out.write_all(action.to_json_line(Chain::Run, &step.data, &step.hash.to_string()).as_bytes())?;
        }
        Ok::<(), Ended>(())
    })?;
    links(args, query, ledger, true, |action, link| {
        Ok(sheet.out.write_all(action.to_json_line(Chain::Ledger, &link.data, &link.hash.to_string()).as_bytes())?)
    })
}

fn as_csv(args: &TrailArgs, query: &TrailQuery, sheet: &mut Sheet<'_>) -> std::result::Result<(), Ended> {
    let ledger = sheet.ledger;
    sheet.out.write_all(Action::csv_head().as_bytes())?;
    trail::steps(ledger, query, |step| {
        let action = Action::of(&step.event, step.seq, &step.kind());
        if args.wants(&action) {
            sheet.out.write_all(action.to_csv_line(&step.hash.to_string()).as_bytes())?;
        }
        Ok::<(), Ended>(())
    })?;
    links(args, query, ledger, false, |action, link| {
        Ok(sheet.out.write_all(action.to_csv_line(&link.hash.to_string()).as_bytes())?)
    })
}

fn as_table(args: &TrailArgs, query: &TrailQuery, sheet: &mut Sheet<'_>) -> std::result::Result<(), Ended> {
    let ledger = sheet.ledger;
    trail::steps(ledger, query, |step| {
        let action = Action::of(&step.event, step.seq, &step.kind());
        if args.wants(&action) { sheet.add(Some(step.event.run.as_str()), &action) } else { Ok(()) }
    })?;
    links(args, query, ledger, false, |action, _| sheet.add(None, action))?;
    sheet.flush()?;
    if !sheet.any {
        let nothing = Page::of_notes(["Nothing of that kind is recorded."]);
        sheet.out.write_all(sheet.look.render(&nothing).as_bytes())?;
    }
    Ok(())
}

/// The table on its way: run by run.
struct Sheet<'a> {
    out: BufWriter<&'a mut dyn Write>,
    look: Layout,
    zone: Tz,
    ledger: &'a Ledger,
    /// Whose lines are collected.
    open: Option<Option<String>>,
    items: Vec<Item>,
    any: bool,
}

impl Sheet<'_> {
    fn add(&mut self, run: Option<&str>, action: &Action) -> std::result::Result<(), Ended> {
        if self.open.as_ref().map(Option::as_deref) != Some(run) {
            self.flush()?;
            let title = self.title(run)?;
            let gap = if self.any { "\n" } else { "" };
            let mut page = Page::default();
            page.title(title);
            write!(self.out, "{gap}{}", self.look.render(&page))?;
            self.open = Some(run.map(str::to_owned));
            self.any = true;
        }
        self.items.push(action.item(self.zone, KIND));
        if self.items.len() >= TOGETHER { self.flush() } else { Ok(()) }
    }

    /// A run's day and command: its lines have the time alone.
    fn title(&self, run: Option<&str>) -> std::result::Result<String, Ended> {
        let Some(run) = run else { return Ok("The ledger as a whole".to_owned()) };
        let info = self.ledger.runs().find(run).map_err(|error| Ended::Other(error.into()))?;
        let outcome = info.outcome.as_deref().unwrap_or("not ended");
        Ok(format!("{run}  {}  {outcome}  {}", moment(info.started, self.zone), shell_words(&info.command)))
    }

    fn flush(&mut self) -> std::result::Result<(), Ended> {
        let mut page = Page::default();
        page.list(std::mem::take(&mut self.items));
        Ok(self.out.write_all(self.look.render(&page).as_bytes())?)
    }
}
