//! The reading of `/proc`: which processes there are, whose children they are, how they fare.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use crate::model::ProcessIdentity;

/// One process, as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Which.
    pub identity: ProcessIdentity,
    /// Its parent, or who adopted it.
    pub parent: i32,
    /// How its first thread fares.
    pub state: State,
    /// All its threads are stopped (or dead): it does nothing until it is continued.
    pub still: bool,
    /// Its program is loaded. Until then its command line and its environment are not there, and read as empty. (On a
    /// kernel that does not say it, such as gVisor's, all are.)
    pub loaded: bool,
}

impl Process {
    /// All its threads are dead; only its number and status are left.
    pub fn is_dead(&self) -> bool {
        self.state == State::Zombie && self.still
    }

    /// It does something, or may at any moment.
    pub fn runs(&self) -> bool {
        match self.state {
            State::Running | State::Sleeping | State::Waiting => true,
            State::Stopped | State::Traced => false,
            // Its first thread has ended before the others.
            State::Zombie => !self.still,
        }
    }
}

/// What a process does (field 3 of `/proc/PID/stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `R`.
    Running,
    /// `S`, `I`: waits for something.
    Sleeping,
    /// `D`: waits inside the kernel, and takes no signal but KILL, or not even that.
    Waiting,
    /// `T`: by a signal.
    Stopped,
    /// `t`: by a debugger.
    Traced,
    /// `Z`, `X`: dead, its status perhaps not yet taken.
    Zombie,
}

impl State {
    fn from_letter(letter: u8) -> Self {
        match letter {
            b'R' => Self::Running,
            b'D' => Self::Waiting,
            b'T' => Self::Stopped,
            b't' => Self::Traced,
            b'Z' | b'X' | b'x' => Self::Zombie,
            _ => Self::Sleeping,
        }
    }

    fn is_still(self) -> bool {
        match self {
            Self::Stopped | Self::Traced | Self::Zombie => true,
            Self::Running | Self::Sleeping | Self::Waiting => false,
        }
    }
}

/// What a guard calls itself: by this an agent's processes are told from all others.
pub(super) const GUARD_NAME: &std::ffi::CStr = c"govern-guard";

/// The process of this number, if there is one, with its start time.
pub fn identity_of(pid: i32) -> Option<ProcessIdentity> {
    read(pid).map(|process| process.identity)
}

/// This very process still lives (a zombie does not).
pub fn alive(identity: ProcessIdentity) -> bool {
    read(identity.pid).is_some_and(|now| now.identity == identity && now.state != State::Zombie)
}

/// The number that a process has in the innermost namespace of processes that it is in, where that is not this one.
pub(super) fn number_inside(pid: i32) -> Option<i32> {
    let mut bytes = Vec::new();
    if !slurp(Path::new(&format!("/proc/{pid}/status")), &mut bytes) {
        return None;
    }
    let line = bytes.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"))?;
    let mut numbers = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    numbers.next()?;
    number(numbers.next_back()?)
}

/// All children, grandchildren and so on of a process, parents before children, itself not
/// included. Orphans that it adopted count.
pub fn descendants(ancestor: i32) -> Vec<Process> {
    walk(&children(ancestor), &mut |_| ())
}

/// `pid` descends from `ancestor`, or is it. Orphans do not get away: the guard adopts them.
pub fn is_descendant_of(pid: i32, ancestor: i32) -> bool {
    let mut at = pid;
    // A chain of parents has no loop, but it can change while it is read.
    for _ in 0..4096 {
        if at == ancestor {
            return true;
        }
        match read(at) {
            Some(process) if process.parent > 0 => at = process.parent,
            _ => return false,
        }
    }
    false
}

/// A process and those above it, itself first, as far as they can be seen.
pub fn lineage(pid: i32) -> Vec<Process> {
    let first = read(pid);
    std::iter::successors(first, |below| read(below.parent)).take(4096).collect()
}

/// A guard, of whichever run, is among the process's ancestors: an agent started it. Where the
/// chain can't be followed to its end it counts as one, too.
pub fn is_governed(pid: i32) -> bool {
    above(pid).governed
}

/// What is above a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Above {
    /// Itself and those above it, the nearest first.
    pub(super) lineage: Vec<ProcessIdentity>,
    /// A guard is among them, or not all of them can be seen.
    pub(super) governed: bool,
}

/// Looks at a process and all above it.
pub(super) fn above(pid: i32) -> Above {
    let (mut lineage, mut at) = (Vec::new(), pid);
    for _ in 0..4096 {
        let Some((process, is_guard)) = read_named(at) else { break };
        lineage.push(process.identity);
        if is_guard {
            return Above { lineage, governed: true };
        }
        if process.parent <= 0 {
            return Above { lineage, governed: false };
        }
        at = process.parent;
    }
    Above { lineage, governed: true }
}

/// The govern that supervises a process: the parent of the guard among its ancestors. `None` if there is none.
pub fn supervisor_above(pid: i32) -> Option<ProcessIdentity> {
    let mut at = pid;
    for _ in 0..4096 {
        let (process, is_guard) = read_named(at)?;
        if is_guard {
            return identity_of(process.parent);
        }
        at = process.parent;
    }
    None
}

/// These processes and all their descendants, parents before children, each shown to `see` before its children
/// are looked for.
///
/// Of a process that is [`Process::still`], the children are complete: its state is read first. A tree that moves is
/// not seen whole: what is orphaned during the walk may be missing. The next walk has it.
pub(super) fn walk(roots: &[i32], see: &mut dyn FnMut(&Process)) -> Vec<Process> {
    let table = if has_children_files() { None } else { Some(table()) };
    let mut seen: HashSet<i32> = roots.iter().copied().collect();
    let mut queue: Vec<i32> = roots.to_vec();
    let mut found = Vec::with_capacity(roots.len());
    let mut next = 0;
    while let Some(&pid) = queue.get(next) {
        next += 1;
        let Some(mut process) = read(pid) else { continue };
        see(&process);
        let mut below = Vec::new();
        process.still = threads(pid, process.state, &mut below);
        if let Some(table) = &table {
            below = table.get(&pid).cloned().unwrap_or_default();
        }
        queue.extend(below.into_iter().filter(|child| seen.insert(*child)));
        found.push(process);
    }
    found
}

/// The children of a process, adopted ones included.
pub(super) fn children(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    if has_children_files() {
        threads(pid, State::Running, &mut found);
    } else {
        found = table().remove(&pid).unwrap_or_default();
    }
    found
}

/// Looks at each thread: is it stopped, and whom did it start? Says whether all are stopped.
fn threads(pid: i32, state: State, children: &mut Vec<i32>) -> bool {
    let Ok(folder) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return state.is_still() };
    let mut still = state.is_still();
    let mut bytes = Vec::new();
    for thread in folder.flatten() {
        let path = thread.path();
        if still && slurp_line(&path.join("stat"), &mut bytes) {
            still = parse_stat(&bytes).is_none_or(|thread| thread.state.is_still());
        }
        if slurp(&path.join("children"), &mut bytes) {
            children.extend(bytes.split(|byte| *byte == b' ').filter_map(number::<i32>));
        }
    }
    still
}

/// All processes that can be seen.
pub(super) fn all() -> Vec<Process> {
    let folder = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    folder.filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Parents and their children, from one pass over `/proc`: for kernels without `children` files.
fn table() -> HashMap<i32, Vec<i32>> {
    let mut table: HashMap<i32, Vec<i32>> = HashMap::new();
    let Ok(folder) = std::fs::read_dir("/proc") else { return table };
    for entry in folder.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(process) = pid.and_then(read) {
            table.entry(process.parent).or_default().push(process.identity.pid);
        }
    }
    table
}

fn has_children_files() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| Path::new("/proc/thread-self/children").exists())
}

/// The number that the kernel gave last, to a process or a thread of this namespace: while it stands still nothing was
/// started. `None` where `/proc` does not tell.
pub fn last_number() -> Option<u32> {
    let mut bytes = Vec::new();
    if !slurp_line(Path::new("/proc/loadavg"), &mut bytes) {
        return None;
    }
    number(bytes.split(|byte| *byte == b' ').next_back()?)
}

/// One process by its number. `still` says of the first thread only.
pub(super) fn read(pid: i32) -> Option<Process> {
    read_named(pid).map(|(process, _)| process)
}

/// As [`read`], and whether it calls itself a guard. What stands at the place of one process and tells of another was
/// put there by somebody.
fn read_named(pid: i32) -> Option<(Process, bool)> {
    let mut bytes = Vec::new();
    if !slurp_line(Path::new(&format!("/proc/{pid}/stat")), &mut bytes) {
        return None;
    }
    let mut process = parse_stat(&bytes).filter(|process| process.identity.pid == pid)?;
    process.loaded |= !tells_of_loading();
    Some((process, name_in(&bytes) == Some(GUARD_NAME.to_bytes())))
}

/// What a process calls itself, by its `stat` line.
fn name_in(line: &[u8]) -> Option<&[u8]> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    line.get(open.checked_add(1)?..close)
}

/// The kernel says of a process whether its program is loaded: this one's is.
fn tells_of_loading() -> bool {
    static TOLD: OnceLock<bool> = OnceLock::new();
    *TOLD.get_or_init(|| {
        let mut bytes = Vec::new();
        slurp_line(Path::new("/proc/self/stat"), &mut bytes);
        parse_stat(&bytes).is_some_and(|own| own.loaded)
    })
}

/// Reads a `stat` line: number, name in parentheses (which may hold anything), state, parent, …
/// start time as field 22, the end of its code as field 27: 0 until its program is loaded (Linux 2.6 to 6.17 set it after
/// the command line and the environment).
fn parse_stat(line: &[u8]) -> Option<Process> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let pid = number(line.get(..open)?)?;
    let mut fields = line.get(close + 1..)?.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let state = State::from_letter(*fields.next()?.first()?);
    let parent = number(fields.next()?)?;
    let started = number(fields.nth(17)?)?;
    let loaded = number(fields.nth(4)?) != Some(0u64);
    Some(Process { identity: ProcessIdentity { pid, started }, parent, state, still: state.is_still(), loaded })
}

/// Its controlling terminal is there: of this process alone, whatever its parents have.
pub(super) fn has_terminal(pid: i32) -> bool {
    let mut bytes = Vec::new();
    slurp_line(Path::new(&format!("/proc/{pid}/stat")), &mut bytes)
        && terminal_number(&bytes).is_some_and(|number| number != 0)
}

/// The terminal's number, field 7 of a `stat` line; 0 where there is none.
fn terminal_number(line: &[u8]) -> Option<i32> {
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let mut fields = line.get(close + 1..)?.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    number(fields.nth(4)?)
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// What is read of a file of `/proc` at once, in bytes: these files do not say how long they are, and this is more than
/// most of them have.
const AT_ONCE: usize = 4096;

/// Reads a file of `/proc` whole; says whether there was one.
pub(super) fn slurp(path: &Path, into: &mut Vec<u8>) -> bool {
    slurp_until(path, into, |_| false)
}

/// The same of one that is a single line, which needs no second look for its end.
fn slurp_line(path: &Path, into: &mut Vec<u8>) -> bool {
    slurp_until(path, into, |read| read.ends_with(b"\n"))
}

fn slurp_until(path: &Path, into: &mut Vec<u8>, is_whole: impl Fn(&[u8]) -> bool) -> bool {
    into.clear();
    into.resize(AT_ONCE, 0);
    let Ok(mut file) = File::open(path) else {
        into.clear();
        return false;
    };
    let mut filled = 0;
    loop {
        if filled == into.len() {
            into.resize(filled * 2, 0);
        }
        match into.get_mut(filled..).map(|space| file.read(space)) {
            Some(Ok(0)) | None => break,
            Some(Ok(read)) => filled += read,
            Some(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Some(Err(_)) => {
                into.clear();
                return false;
            }
        }
        if into.get(..filled).is_some_and(&is_whole) {
            break;
        }
    }
    into.truncate(filled);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_process_knows_itself() {
        let pid = std::process::id().cast_signed();
        let me = identity_of(pid).unwrap();
        assert!(alive(me));
        assert!(!alive(ProcessIdentity { started: me.started + 1, ..me }), "a later process of the same number");
        assert!(is_descendant_of(pid, pid));
        assert!(is_descendant_of(pid, read(pid).unwrap().parent));
        assert!(!is_descendant_of(1, pid));
    }

    #[test]
    fn both_ways_of_finding_children_agree() {
        let pid = std::process::id().cast_signed();
        let parent = read(pid).unwrap().parent;
        assert!(children(parent).contains(&pid));
        assert!(table().get(&parent).unwrap().contains(&pid));
    }

    #[test]
    fn a_line_that_is_cut_or_not_one_is_nothing() {
        for line in ["", "12", "12 (a", "12 (a)", "12 (a) ", "12 (a) S 1 2 3", "x (a) S 1", ")(", "() S"] {
            assert_eq!(parse_stat(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_program_is_loaded_once_its_code_has_an_end() {
        let line = |end: &str| format!("1 (a) R 2 {}7 0 0 0 0 {end} 9\n", "0 ".repeat(17));
        assert!(!parse_stat(line("0").as_bytes()).unwrap().loaded);
        assert!(parse_stat(line("4198400").as_bytes()).unwrap().loaded);
        assert!(read(std::process::id().cast_signed()).unwrap().loaded);
    }

    proptest! {
        #[test]
        fn a_name_may_hold_anything(name in "[ -~]{0,15}", pid in 1..i32::MAX, parent in 0..i32::MAX, started: u64) {
            let zeros = "0 ".repeat(17);
            let line = format!("{pid} ({name}) T {parent} {zeros}{started} 7 8 9 10 11\n");
            let read = parse_stat(line.as_bytes()).unwrap();
            prop_assert_eq!(read.identity, ProcessIdentity { pid, started });
            prop_assert_eq!((read.parent, read.state), (parent, State::Stopped));
            prop_assert_eq!(name_in(line.as_bytes()), Some(name.as_bytes()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse_stat(&bytes);
        }
    }
}
