//! Which files there are, and which of them changed since they were read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::ledger::FileMark;
use crate::tail::locate::{SessionFile, session_files};
use crate::tail::login::Login;
use crate::tail::session::{home_of, name_of};

use super::Index;

/// A place that cannot be looked through.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be looked through", place.display())]
pub struct Unreadable {
    /// Which.
    pub place: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// A file to read.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) found: SessionFile,
    /// What leads to it: its name, or a descriptor.
    pub(super) link: PathBuf,
    /// How its home is logged in.
    pub(super) login: Login,
}

/// What an import has to do.
pub(super) struct Plan {
    /// In the order of their names, and so of time.
    pub(super) files: Vec<Planned>,
    /// How many are as they were.
    pub(super) unchanged: u64,
    /// All of them.
    pub(super) index: Index,
    /// Folders and files that could not even be looked at, and why.
    pub(super) unreadable: Vec<(PathBuf, std::io::Error)>,
}

impl Plan {
    pub(super) fn of(places: &[PathBuf], marks: &HashMap<PathBuf, FileMark>) -> Result<Self, Unreadable> {
        let mut found: Vec<SessionFile> = Vec::new();
        let mut unreadable: Vec<(PathBuf, std::io::Error)> = Vec::new();
        for place in places {
            let failed = |source| Unreadable { place: place.clone(), source };
            // Marks go by whole paths, however a place was typed.
            let whole = std::path::absolute(place).map_err(failed)?;
            let below = session_files(&whole).map_err(failed)?;
            found.extend(below.files);
            unreadable.extend(below.unreadable);
        }
        // Places may lie in one another, or be one under two names.
        let mut known = HashSet::new();
        found.retain(|file| known.insert(file.identity));
        let mut told = HashSet::new();
        unreadable.retain(|(path, _)| told.insert(path.clone()));
        found.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()).then_with(|| a.path.cmp(&b.path)));
        let mut index = Index::new();
        for file in &found {
            if let Some(name) = name_of(&file.path) {
                index.entry(name.thread).or_default().push(file.path.clone());
            }
        }
        let all = found.len();
        found.retain(|file| {
            !marks.get(&file.path).is_some_and(|mark| mark.is_of(file.identity, file.size, file.modified))
        });
        let unchanged = (all - found.len()) as u64;
        let mut logins = Logins::default();
        let files = found
            .into_iter()
            .map(|found| Planned { login: logins.of(&found.path), link: found.path.clone(), found })
            .collect();
        Ok(Self { files, unchanged, index, unreadable })
    }
}

/// How homes are logged in, each looked at once.
#[derive(Default)]
struct Logins(HashMap<PathBuf, Login>);

impl Logins {
    fn of(&mut self, path: &Path) -> Login {
        *self.0.entry(home_of(path)).or_insert_with_key(|home| Login::of(home))
    }
}
