//! One session file whose Codex says that it has something to tell.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::ledger::{Ledger, Origin, PastResponse};
use crate::model::{Alive, Attribution, Billing, Response, RunId};
use crate::policy::rule::Unpriced;
use crate::tail::locate::SessionFile;
use crate::tail::login::Login;
use crate::tail::session::{home_of, name_of};
use crate::usage::meter::Meter;
use crate::usage::price::PriceTable;
use crate::work::Own;

use super::changed_files::Planned;
use super::family::{Families, Files};
use super::read::{self, Context, End, Part};
use super::write::Writer;
use super::{ImportError, Unreadable};

/// What a session's responses are recorded with.
#[derive(Clone, Debug)]
pub struct RecordedAs<'a> {
    /// What responses cost.
    pub prices: &'a PriceTable,
    /// What a model without a price is taken for.
    pub unpriced: &'a Unpriced,
    /// Where they belong.
    pub attribution: &'a Attribution,
    /// What turns are classed by, beside what they do.
    pub work: Arc<Own>,
}

/// A session file by its name, and what leads to it: the name itself, or a descriptor of somebody who has it open.
#[derive(Clone, Copy, Debug)]
pub struct NamedFile<'a> {
    /// Its name.
    pub name: &'a Path,
    /// What leads to it.
    pub link: &'a Path,
}

impl<'a> From<&'a Path> for NamedFile<'a> {
    fn from(name: &'a Path) -> Self {
        Self { name, link: name }
    }
}

/// Reads what a session file has that the ledger has not, as nobody's: no run governs its Codex. A file that is not
/// there has nothing to tell.
///
/// # Errors
/// As [`super::import`].
pub fn import_session(
    ledger: &mut Ledger,
    file: NamedFile<'_>,
    session: &RecordedAs<'_>,
    alive: &Alive<'_>,
) -> Result<(), ImportError> {
    let Some(file) = planned(file)? else { return Ok(()) };
    let found = &file.found;
    let mark = ledger.history().file_mark(&found.path)?;
    if mark.is_some_and(|mark| mark.is_of(found.identity, found.size, found.modified))
        && name_of(&found.path).map_or(Ok(true), |name| ledger.history().has_responses_of(&name.thread))?
    {
        return Ok(());
    }
    let parts = parts(&file, session);
    let mut writer = Writer::new(std::slice::from_ref(&file), 0, Vec::new()).of_nobody();
    Ok(writer.write(ledger, alive, parts)?)
}

/// All that a session file tells, as a run's.
#[derive(Debug)]
pub struct ReadSession {
    /// The file as it was before it was read.
    pub file: SessionFile,
    /// Its responses, in its order.
    pub responses: Vec<Response>,
    /// How its thread stands at its end: the model, the tier, the phase.
    pub meter: Meter,
    /// Who is paid for what the thread asks next.
    pub billing: Billing,
}

/// Reads all of a session file, as this run's; `None` where there is no such file.
///
/// # Errors
/// Where the file is there and cannot be read.
pub fn read_session(
    file: NamedFile<'_>,
    session: &RecordedAs<'_>,
    run: &RunId,
) -> Result<Option<ReadSession>, ImportError> {
    let name = file.name;
    let Some(file) = planned(file)? else { return Ok(None) };
    let mut responses = Vec::new();
    for part in parts(&file, session) {
        let Part { origins, responses: found, end, .. } = part;
        let named = found.into_iter().filter_map(|(place, past)| Some((origins.get(place)?, past)));
        responses.extend(named.map(|(origin, past)| response(origin, past, run)));
        match end {
            None => {}
            Some(Ok(End { meter, .. })) => {
                let billing = file.login.billing(meter.provider(), meter.plan_type());
                return Ok(Some(ReadSession { file: file.found, responses, meter, billing }));
            }
            Some(Err(source)) => return Err(Unreadable { place: name.to_owned(), source }.into()),
        }
    }
    Ok(None)
}

fn planned(NamedFile { name, link }: NamedFile<'_>) -> Result<Option<Planned>, ImportError> {
    match SessionFile::through(link, name.to_owned()) {
        Ok(found) => Ok(Some(Planned { login: Login::of(&home_of(name)), link: link.to_owned(), found })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Unreadable { place: name.to_owned(), source }.into()),
    }
}

fn parts(file: &Planned, session: &RecordedAs<'_>) -> Vec<Part> {
    let families = Families::new(Files::Home(home_of(&file.found.path)));
    let context = Context {
        prices: session.prices,
        unpriced: session.unpriced,
        attribute: &|_| session.attribution.clone(),
        families: &families,
        work: session.work.clone(),
    };
    let mut parts = Vec::new();
    let _wanted = read::read(file, &context, &AtomicU64::new(0), &mut |part| {
        parts.push(part);
        Ok(())
    });
    parts
}

fn response(origin: &Origin, past: PastResponse, run: &RunId) -> Response {
    let Origin { thread, root, model, provider, tier, billing, attribution } = origin.clone();
    let PastResponse { key, at, tokens, cost, basis, work } = past;
    Response {
        run: Some(run.clone()),
        agent: None,
        thread,
        root,
        key,
        at,
        model,
        provider,
        tier,
        tokens,
        cost,
        basis,
        billing,
        attribution,
        source: crate::model::Source::Record,
        work,
    }
}
