//! `govern attribute`: attribution rules applied to what is recorded, as linked corrections.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::path::PathBuf;

use super::format::{Format, put_as};
use super::import::Belongs;
use super::report::nothing_yet;
use super::when::When;
use crate::codex::redact;
use crate::error::Result;
use crate::exit::Exit;
use crate::import::Origin;
use crate::ledger::Ledger;
use crate::ledger::attributed::{self, Belonging, Span};
use crate::model::{Attribution, RunId, ThreadId};
use crate::policy::mistake::LayerText;
use crate::policy::rule::Layer;
use crate::prepare::here::{Here, join};
use crate::prepare::policy_files;
use crate::report::attributed::{Attributed, pairs};
use crate::report::json;
use crate::tail::session::{began, name_of};

/// Apply `[[attribute]]` rules to what is recorded: spend moves to where it belongs, and the ledger's chain keeps where it was
#[derive(clap::Args, Clone, Debug)]
pub struct AttributeArgs {
    /// Not before: a day, a month, a moment, or so long ago (2026-11-01, today, month, 30d)
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub since: When,
    /// Before: a day (not included), a month, a moment, or so long ago
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    pub until: Option<When>,
    /// Say what would be moved, and move nothing
    #[arg(long)]
    pub dry_run: bool,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Moves it, or says what would be moved.
pub fn run(args: &AttributeArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    if !args.dry_run {
        super::for_no_agent("an agent cannot say where spend belongs", "do it in a terminal that no agent started")?;
    }
    let zone = here.timezone()?;
    let at = |when: Option<When>| when.and_then(|when| when.resolve(here.now, zone));
    let span = Span { since: at(Some(args.since)), until: at(args.until) };
    let layers = policy_files::read(here.policy_places(args.policy.as_deref()))?;
    // What this folder's repository says is for this repository; other sessions have their own.
    let layers: Vec<LayerText> = layers.into_iter().filter(|layer| layer.layer != Layer::Repository).collect();
    let policy = join(layers.clone(), here.look.colour)?.policy;
    let belongs = Belongs::new(here, &policy, layers);
    let Some(reader) = here.ledger()? else {
        let nothing = Attributed::of_nothing(args.dry_run, (span.since, span.until), zone);
        put_as(out, here.look, args.format, &nothing_yet(), || json::to_text(&nothing))?;
        return Ok(Exit::Success);
    };
    let mut told = Attributed::of_nothing(args.dry_run, (span.since, span.until), zone);
    let moves = moves(&reader, span, &belongs, here, &mut told)?;
    if !args.dry_run && !moves.is_empty() {
        let mut ledger = Ledger::open_existing(&here.state_folder()?)?;
        let by = format!("{} (cli)", crate::prepare::identity::whoami());
        attributed::attribute(&mut ledger, here.now, &by, span, &moves)?;
    }
    put_as(out, here.look, args.format, &told.page(), || json::to_text(&told))?;
    for mistake in belongs.mistakes() {
        super::to_stderr(&format!("govern: {mistake}\n"));
    }
    Ok(Exit::Success)
}

/// What belongs elsewhere by the rules of today.
fn moves(
    ledger: &Ledger,
    span: Span,
    belongs: &Belongs<'_>,
    here: &Here<'_>,
    told: &mut Attributed,
) -> Result<Vec<(Belonging, Attribution)>> {
    let live: HashSet<RunId> = ledger.runs().live(here.alive)?.into_iter().map(|run| run.id).collect();
    let files = files(ledger)?;
    let mut moves = Vec::new();
    for one in attributed::belongings(ledger, span)? {
        if one.run.as_ref().is_some_and(|run| live.contains(run)) {
            told.live += 1;
            continue;
        }
        let to = match &one.cwd {
            Some(cwd) => {
                let branch = one.attribution.branch.clone();
                let origin = Origin { folder: Some(cwd.clone()), branch, remote: None };
                Some(belongs.of_recorded(&origin, &one.attribution))
            }
            None => files.get(&one.thread).and_then(|path| began(path)).map(|began| {
                let origin = Origin { folder: began.folder, branch: began.branch, remote: began.remote };
                belongs.of(&origin)
            }),
        };
        let Some(to) = to.map(|to| to.map_values(redact)) else {
            told.unknown += 1;
            continue;
        };
        if to == one.attribution {
            told.unmoved += 1;
            continue;
        }
        let moved = told.moves.entry((pairs(&one.attribution), pairs(&to))).or_default();
        moved.threads += 1;
        moved.responses += one.responses;
        moved.cost += one.cost;
        moved.unpriced += one.unpriced;
        moves.push((one, to));
    }
    Ok(moves)
}

/// The session files that were imported, by thread.
fn files(ledger: &Ledger) -> Result<HashMap<ThreadId, PathBuf>> {
    let mut files: BTreeMap<PathBuf, ThreadId> = BTreeMap::new();
    files.extend(
        ledger.history().file_marks()?.into_keys().filter_map(|path| Some((path.clone(), name_of(&path)?.thread))),
    );
    Ok(files.into_iter().rev().map(|(path, thread)| (thread, path)).collect())
}
