//! The session files of the Codex that called the hook: what it has open, whatever their names lead to by now.

use std::io;
use std::path::{Path, PathBuf};

use crate::decide::message::Phase;
use crate::error::Error;
use crate::import::{self, NamedFile, RecordedAs};
use crate::ledger::Ledger;
use crate::model::{ProcessIdentity, ThreadId};
use crate::process::{self, SessionFile};
use crate::tail::Alteration;
use crate::tail::open_file::file_at;
use crate::tail::session::{name_of, thread_of};
use crate::tail::{Fingerprint, Held, Whereabouts};
use crate::turn::is_live::lives;

/// What a Codex has open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    codex: i32,
    /// `None` where this user may not see it.
    open: Option<Vec<SessionFile>>,
}

/// A thread's file, open here.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: Held,
    pub(super) name: PathBuf,
    /// Its Codex has it open.
    open: bool,
}

/// How a thread's file was when it was read last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub(super) name: &'a Path,
    pub(super) read: &'a Fingerprint,
    pub(super) phase: Phase,
}

impl OpenFiles {
    /// Of this Codex now. Files of these fingerprints are sessions, whatever they are called.
    pub(super) fn by(codex: ProcessIdentity, known: &[&Fingerprint]) -> Self {
        let is_known = |id| known.iter().any(|known| known.id == id);
        Self { codex: codex.pid, open: process::session_files_open_in(codex.pid, &is_known).ok() }
    }

    /// The file of a thread that Codex calls `name`; `None` where there is none.
    pub(super) fn find(&self, thread: &ThreadId, name: &Path, before: Option<Before<'_>>) -> io::Result<Option<Found>> {
        let name = process::path_seen_by(self.codex, name);
        if let Some(open) = self.open_of(thread, &name, before) {
            // A page of the thread has a name of its own.
            let is_page = name_of(&open.path).is_some_and(|page| page.thread == *thread)
                && open.path.file_name() != name.file_name();
            let called = if is_page { open.path.clone() } else { name.clone() };
            match Held::open_through(&open.link, open.id, called.clone()) {
                Ok(file) => return Ok(Some(Found { file, name: called, open: true })),
                // It was closed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        match Held::open(&name) {
            Ok(file) => Ok(Some(Found { file, name, open: false })),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_of(&self, thread: &ThreadId, name: &Path, before: Option<Before<'_>>) -> Option<SessionFile> {
        let open = self.open.as_ref()?;
        let (read, named) = (before.filter(|before| before.name == name).map(|before| before.read.id), file_at(name));
        let is = |id| open.iter().find(|file| Some(file.id) == id);
        let by_name = || open.iter().rev().find(|file| name_of(&file.path).is_some_and(|name| name.thread == *thread));
        let known = read.and_then(|id| is(Some(id))).or_else(|| is(named)).or_else(by_name);
        known.cloned().or_else(|| self.renamed(thread))
    }

    /// A file that was moved to where no session has its place, before it was read.
    fn renamed(&self, thread: &ThreadId) -> Option<SessionFile> {
        let open = process::session_files_open_in(self.codex, &|_| true).ok()?;
        open.into_iter().find(|file| thread_of(&file.link).ok().flatten().as_ref() == Some(thread))
    }

    /// What somebody else than its writer has done to a file. What becomes of one that nobody writes is no matter: a
    /// user archives, restores and resumes sessions.
    pub(super) fn alteration(
        &self,
        found: Option<&mut Found>,
        before: Option<Before<'_>>,
    ) -> io::Result<Option<Alteration>> {
        // Where it cannot be seen who has what open, a turn that goes on writes.
        let may_write = self.open.is_none() || before.is_some_and(|before| before.phase != Phase::Idle);
        let Some(found) = found else {
            return Ok(before.filter(|_| may_write).map(|_| Alteration::Lost));
        };
        let before = before.filter(|before| before.name == found.name && (found.open || may_write));
        match before {
            Some(before) if before.read.id == found.file.id() && !found.file.holds(before.read)? => {
                return Ok(Some(Alteration::Rewritten));
            }
            // Else its writer itself has opened another.
            Some(before) if before.read.id != found.file.id() && !found.open => {
                return Ok(Some(Alteration::Replaced));
            }
            Some(_) | None => {}
        }
        Ok(match found.open.then(|| found.file.whereabouts()) {
            None | Some(Whereabouts::Known) => None,
            Some(Whereabouts::Replaced) => Some(Alteration::Replaced),
            Some(Whereabouts::Lost) => Some(Alteration::Lost),
        })
    }
}

impl Found {
    /// Codex has it open at the moment.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

/// Such as ``session file `…` was replaced by another file while Codex writes it``.
pub(super) fn text_of(name: &Path, how: Alteration) -> String {
    format!("session file `{}` {} while Codex writes it", name.display(), how.text())
}

/// Reads what a thread's file has that the ledger has not, as nobody's: no limit makes its session a run. Says what a
/// person should know of it.
///
/// # Errors
/// Where the file or the ledger fails.
pub fn read_unlimited(
    ledger: &mut Ledger,
    (codex, thread, name): (ProcessIdentity, &ThreadId, &Path),
    session: &RecordedAs<'_>,
) -> Result<Option<String>, Error> {
    let failed = |error: io::Error| Error::new("the session file cannot be read").caused_by(&error);
    let written = OpenFiles::by(codex, &[]);
    let Some(mut found) = written.find(thread, name, None).map_err(failed)? else { return Ok(None) };
    let mut how = written.alteration(Some(&mut found), None).map_err(failed)?;
    let cut = || {
        let read = ledger.history().file_mark(&found.name).ok().flatten()?;
        let now = found.file.fingerprint().ok()?;
        // What was read before this Codex began, its user may have changed since.
        let began = i64::try_from(process::age(codex)?.as_nanos())
            .ok()
            .and_then(|age| crate::clock::now().timestamp_nanos_opt()?.checked_sub(age))?;
        let is_cut = read.identity == (now.id.device, now.id.inode) && read.size > now.size && read.modified > began;
        is_cut.then_some(Alteration::Rewritten)
    };
    how = how.or_else(cut);
    let link = found.file.own_link();
    import::import_session(ledger, NamedFile { name: &found.name, link: &link }, session, &lives)
        .map_err(|error| Error::new("the session file cannot be recorded").caused_by(&error))?;
    Ok(how.map(|how| format!("{}; what is written to it is counted", text_of(&found.name, how))))
}
