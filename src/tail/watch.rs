//! The session files: says when one changes, without asking again and again.
//!
//! Watched are folders, never a whole tree: `sessions`, the folders of its years, months
//! and days (a resumed session goes on in its old folder) and the archive. Where there are no
//! sessions yet, the nearest folder above is watched until there are. A new folder is watched
//! first and looked into afterwards, so that nothing made meanwhile is missed. Of files those alone that are held
//! open: they may be moved or removed while they are written.

mod error;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, INotifyWatcher, RecursiveMode, Watcher as _};

pub use error::WatchError;

use super::locate::{DATE_LEVELS, archive_dir, entries, is_folder, is_session_file, sessions_dir};
use super::open_file::{Held, OWN_DESCRIPTORS};

/// What a watcher has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// This session file was made, written or closed: go and read. It may be said more often
    /// than there is something new, and of sessions that are nobody's business. The path leads to the file, which it
    /// need not name.
    Touched(PathBuf),
    /// Something is no longer watched; what, and what to do about it.
    Trouble(String),
}

/// Where notices go.
type Listener = Arc<Mutex<dyn Fn(Notice) + Send>>;

/// Watches the sessions of any number of homes until it is dropped.
pub struct Watcher {
    folders: Arc<Mutex<Folders>>,
    changes: Sender<Change>,
}

/// The newest days of a home that are watched before [`Watcher::add_home`] returns. Older ones follow
/// at once in the background, at some 15 µs each: Codex takes longer to start and open a session.
const DAYS_AT_ONCE: usize = 64;

/// What happened to folders. notify's own thread may not add watches: another one takes these.
enum Change {
    Appeared(PathBuf),
    Gone(PathBuf),
    /// Days that are still to be watched.
    Left(Vec<PathBuf>),
    /// The kernel dropped events.
    Missed,
    End,
}

impl Watcher {
    /// A watcher of nothing yet. `send` is called from threads of the watcher's own; it must not block for long.
    pub fn new(send: impl Fn(Notice) + Send + 'static) -> Result<Self, WatchError> {
        let send: Listener = Arc::new(Mutex::new(send));
        let (changes, taken) = mpsc::channel();
        let handler = {
            let (send, changes) = (Arc::clone(&send), changes.clone());
            move |event: notify::Result<Event>| handle(event, &send, &changes)
        };
        let watcher = INotifyWatcher::new(handler, notify::Config::default()).map_err(WatchError::at_start)?;
        let folders = Arc::new(Mutex::new(Folders { watcher, homes: Vec::new(), others: Vec::new() }));
        let followed = Arc::clone(&folders);
        thread::Builder::new()
            .name("session folders".to_owned())
            .spawn(move || follow(&taken, &followed, &send))
            .map_err(WatchError::NoInotify)?;
        Ok(Self { folders, changes })
    }

    /// Watches a home's sessions, those to come included. Says nothing of files that are there.
    pub fn add_home(&mut self, home: &Path) -> Result<(), WatchError> {
        let home = absolute(home)?;
        let mut folders = lock(&self.folders);
        folders.homes.push(Home { path: home.clone(), waits_at: None });
        let mut walk = Walk::First(Vec::new());
        folders.settle(&home, &mut walk)?;
        let Walk::First(mut days) = walk else { return Ok(()) };
        days.sort_by(|a, b| b.cmp(a));
        let left = days.split_off(days.len().min(DAYS_AT_ONCE));
        for day in days {
            folders.watch_if_there(&day)?;
        }
        // The thread lives as long as this.
        let _ = self.changes.send(Change::Left(left));
        Ok(())
    }

    /// Watches one folder of session files, wherever it is.
    pub fn add_folder(&mut self, path: &Path) -> Result<(), WatchError> {
        let path = absolute(path)?;
        let mut folders = lock(&self.folders);
        folders.watch(&path)?;
        folders.others.push(path);
        Ok(())
    }

    /// Watches a file that is held open, under whatever name.
    pub fn add_held(&self, held: &Held) -> Result<(), WatchError> {
        lock(&self.folders).watch(&held.own_link()).map_err(|error| error.about(held.path()))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The thread holds the folders: it ends, and with it the last of them.
        let _ = self.changes.send(Change::End);
    }
}

fn absolute(path: &Path) -> Result<PathBuf, WatchError> {
    std::path::absolute(path).map_err(|source| WatchError::Folder { path: path.to_owned(), source })
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On notify's thread: session files at once, folders to the other thread.
fn handle(event: notify::Result<Event>, send: &Listener, changes: &Sender<Change>) {
    let event = match event {
        Ok(event) => event,
        Err(error) => return lock(send)(WatchError::of(error, Path::new("sessions")).trouble()),
    };
    if event.need_rescan() {
        let _ = changes.send(Change::Missed);
        return;
    }
    if event.paths.iter().any(|path| path.starts_with(OWN_DESCRIPTORS)) {
        // Written, cut, closed, moved or removed.
        let tells = matches!(event.kind, EventKind::Modify(_) | EventKind::Access(AccessKind::Close(_)));
        event.paths.into_iter().filter(|_| tells).for_each(|path| lock(send)(Notice::Touched(path)));
        return;
    }
    match event.kind {
        EventKind::Create(CreateKind::Folder) => {
            for path in event.paths {
                let _ = changes.send(Change::Appeared(path));
            }
        }
        EventKind::Create(_)
        | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Name(RenameMode::To))
        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            let may_be_folder = !matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)) | EventKind::Access(_));
            for path in event.paths {
                if is_session_file(&path) {
                    lock(send)(Notice::Touched(path));
                } else if may_be_folder {
                    // Moved here, or a link to one.
                    let _ = changes.send(Change::Appeared(path));
                }
            }
        }
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            for path in event.paths.into_iter().filter(|path| !is_session_file(path)) {
                let _ = changes.send(Change::Gone(path));
            }
        }
        EventKind::Any | EventKind::Access(_) | EventKind::Modify(_) | EventKind::Other => {}
    }
}

/// On the watcher's own thread.
fn follow(changes: &Receiver<Change>, folders: &Mutex<Folders>, send: &Listener) {
    for change in changes {
        let mut walk = Walk::Again(Vec::new());
        let result = match change {
            Change::Appeared(path) => lock(folders).appeared(&path, &mut walk),
            Change::Gone(path) => lock(folders).gone(&path, &mut walk),
            Change::Left(days) => days.iter().try_for_each(|day| lock(folders).watch_if_there(day).map(drop)),
            Change::Missed => lock(folders).all(&mut walk),
            Change::End => return,
        };
        let send = lock(send);
        if let Err(error) = result {
            send(error.trouble());
        }
        match walk {
            Walk::First(_) => {}
            Walk::Again(files) => files.into_iter().for_each(|path| send(Notice::Touched(path))),
        }
    }
}

struct Folders {
    watcher: INotifyWatcher,
    homes: Vec<Home>,
    /// Folders that were asked for one by one.
    others: Vec<PathBuf>,
}

struct Home {
    path: PathBuf,
    /// The folder above its sessions that is watched until there are sessions.
    waits_at: Option<PathBuf>,
}

/// What is gathered on the way through a home's folders.
enum Walk {
    /// The folders of its days, neither watched nor looked into yet.
    First(Vec<PathBuf>),
    /// The session files that are there.
    Again(Vec<PathBuf>),
}

impl Folders {
    /// Watches what there is of a home, or waits for it.
    fn settle(&mut self, home: &Path, walk: &mut Walk) -> Result<(), WatchError> {
        let sessions = sessions_dir(home);
        let reached = self.reach(&sessions)?;
        let waits_at = reached.filter(|reached| *reached != sessions);
        self.wait(home, waits_at.clone());
        if waits_at.is_none() {
            self.cover(&sessions, 0, walk)?;
        }
        if self.watch_if_there(&archive_dir(home))? {
            self.look_into(&archive_dir(home), walk)?;
        }
        Ok(())
    }

    /// Watches a folder, or the nearest one above it; says which.
    fn reach(&mut self, folder: &Path) -> Result<Option<PathBuf>, WatchError> {
        loop {
            let mut missing = None;
            for folder in folder.ancestors() {
                if self.watch_if_there(folder)? {
                    match missing {
                        // Made after it was looked for and before the folder above was watched.
                        Some(below) if Path::is_dir(below) => break,
                        _ => return Ok(Some(folder.to_owned())),
                    }
                }
                missing = Some(folder);
            }
            if missing.is_none_or(|missing| !missing.is_dir()) {
                return Ok(None);
            }
        }
    }

    /// Remembers where a home is waited for, and no longer watches where it was.
    fn wait(&mut self, home: &Path, waits_at: Option<PathBuf>) {
        let mut left = Vec::new();
        for known in self.homes.iter_mut().filter(|known| known.path == home) {
            if known.waits_at != waits_at {
                left.extend(std::mem::replace(&mut known.waits_at, waits_at.clone()));
            }
        }
        for folder in left {
            let needed = self
                .homes
                .iter()
                .any(|home| home.waits_at.as_ref() == Some(&folder) || folder.starts_with(sessions_dir(&home.path)));
            if !needed && !self.others.contains(&folder) {
                // It may be gone already.
                let _ = self.watcher.unwatch(&folder);
            }
        }
    }

    /// Watches a folder at a level below `sessions`, and those below it.
    fn cover(&mut self, folder: &Path, level: usize, walk: &mut Walk) -> Result<(), WatchError> {
        if level == DATE_LEVELS
            && let Walk::First(days) = walk
        {
            days.push(folder.to_owned());
            return Ok(());
        }
        if !self.watch_if_there(folder)? || level == DATE_LEVELS {
            return self.look_into(folder, walk);
        }
        for entry in entries(folder).map_err(|source| WatchError::Folder { path: folder.to_owned(), source })? {
            if is_folder(&entry) {
                self.cover(&entry.path(), level + 1, walk)?;
            }
        }
        self.look_into(folder, walk)
    }

    fn look_into(&self, folder: &Path, walk: &mut Walk) -> Result<(), WatchError> {
        let Walk::Again(files) = walk else { return Ok(()) };
        let entries = entries(folder).map_err(|source| WatchError::Folder { path: folder.to_owned(), source })?;
        files.extend(entries.iter().map(std::fs::DirEntry::path).filter(|path| is_session_file(path)));
        Ok(())
    }

    fn watch(&mut self, folder: &Path) -> Result<(), WatchError> {
        self.watcher.watch(folder, RecursiveMode::NonRecursive).map_err(|error| WatchError::of(error, folder))
    }

    fn watch_if_there(&mut self, folder: &Path) -> Result<bool, WatchError> {
        if !folder.is_dir() {
            return Ok(false);
        }
        match self.watch(folder) {
            Ok(()) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn appeared(&mut self, path: &Path, walk: &mut Walk) -> Result<(), WatchError> {
        if !path.is_dir() {
            return Ok(());
        }
        for home in self.homes.iter().map(|home| home.path.clone()).collect::<Vec<_>>() {
            let sessions = sessions_dir(&home);
            if sessions.starts_with(path) || archive_dir(&home) == path {
                self.settle(&home, walk)?;
            } else if let Ok(below) = path.strip_prefix(&sessions) {
                let level = below.components().count();
                if level <= DATE_LEVELS {
                    self.cover(path, level, walk)?;
                }
            }
        }
        Ok(())
    }

    fn gone(&mut self, path: &Path, walk: &mut Walk) -> Result<(), WatchError> {
        for home in self.homes.iter().map(|home| home.path.clone()).collect::<Vec<_>>() {
            if sessions_dir(&home).starts_with(path) {
                self.settle(&home, walk)?;
            }
        }
        Ok(())
    }

    /// Everything, as if it were new.
    fn all(&mut self, walk: &mut Walk) -> Result<(), WatchError> {
        for home in self.homes.iter().map(|home| home.path.clone()).collect::<Vec<_>>() {
            self.settle(&home, walk)?;
        }
        for folder in &self.others {
            self.look_into(folder, walk)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
