//! A run's socket: its supervisor listens, another govern speaks.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::hook::{HookHeader, HookInput, HookReply, HookWord, MAX_INPUT};
use super::message::{MAX_LINE, MAX_REPLY, Message, Reply, Stands};
use crate::clock;
use crate::clocks::SOCKET_WITHIN;
use crate::codex::HookEvent;
use crate::model::{Live, Peer, RunId};

/// The same where somebody only looks.
const GLANCE: Duration = Duration::from_millis(1_500);

/// Messages that may wait while the supervisor is busy.
const MAX_WAITING: usize = 64;

/// Why a run could not be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens: the run is over, or its govern was killed.
    #[error("run `{0}` does not listen")]
    NotLive(RunId),
    /// The file system or the connection.
    #[error("cannot speak to a run through `{path}`")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Who listens is not the run's own: an agent may have put a socket of its own in the place of its run's.
    #[error("who listens at the socket of run `{0}` is not its govern, as far as can be seen from here")]
    Impostor(RunId),
    /// The other side did not speak govern's language.
    #[error("run `{0}` answered with something that is not an answer")]
    Malformed(RunId),
}

/// Who is at the other end of a connection, as the kernel says when it is accepted: by the time that somebody is asked
/// about, a number may be another process's. `None` where it does not say.
pub type WhoSpeaks = fn(BorrowedFd<'_>) -> Option<Peer>;

/// Says whether who listens at the other end of a connection is one that speaks for the run: nothing is said to another, and
/// nothing is believed. With the number that the socket is named after, where it is one of several.
pub type IsOwn<'a> = dyn Fn(BorrowedFd<'_>, Option<i32>) -> bool + Sync + 'a;

/// The supervisor's end. Its file goes with it.
#[derive(Debug)]
pub struct Socket {
    calls: mpsc::Receiver<Received>,
    accepting: tokio::task::JoinHandle<()>,
    path: PathBuf,
}

/// What came over the socket.
#[derive(Debug)]
pub enum Received {
    /// Another govern speaks.
    Call(Call),
    /// A hook asks.
    Hook(Box<HookCall>),
    /// The connection of a hook has ended, answered or not.
    HookGone {
        /// Which call, by [`HookCall::number`].
        number: u64,
        /// What it said last.
        word: Option<HookWord>,
    },
}

/// A hook that waits for its answer.
#[derive(Debug)]
pub struct HookCall {
    /// Tells it from all others of this run.
    pub number: u64,
    /// Who asks.
    pub peer: Peer,
    /// What for.
    pub event: HookEvent,
    /// What Codex said.
    pub input: HookInput,
    /// When it was heard.
    pub heard: Instant,
    stream: OwnedWriteHalf,
}

/// A message that waits for its reply.
#[derive(Debug)]
pub struct Call {
    /// Who speaks.
    pub peer: Peer,
    /// What was said; `None` when it could not be understood.
    pub message: Option<Message>,
    stream: OwnedWriteHalf,
}

/// The socket of a run.
pub fn path_of(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("{run}.sock"))
}

/// A socket's address holds 107 bytes, a state folder may be deeper: through an open folder the
/// address is short whatever the path.
pub(super) fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    if path.as_os_str().len() < 100 {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    let open = std::fs::File::open(folder)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name))
}

impl Socket {
    /// Listens for this run. The folder exists and is its user's alone.
    pub fn listen(folder: &Path, run: &RunId, who: WhoSpeaks) -> Result<Self, SocketError> {
        Self::listen_at(path_of(folder, run), who)
    }

    /// Listens for one of several processes that speak for the same run: each has a socket by its number.
    pub fn listen_beside(folder: &Path, run: &RunId, who: WhoSpeaks) -> Result<Self, SocketError> {
        Self::listen_at(folder.join(format!("{run}.{}.sock", std::process::id())), who)
    }

    fn listen_at(path: PathBuf, who: WhoSpeaks) -> Result<Self, SocketError> {
        // A socket of the same run that is still here belongs to a govern that was killed.
        let _gone = std::fs::remove_file(&path);
        let listener = with_short_path(&path, |short| UnixListener::bind(short))
            .map_err(|source| SocketError::Io { path: path.clone(), source })?;
        let (heard, calls) = mpsc::channel(MAX_WAITING);
        let accepting = tokio::spawn(accept(listener, heard, who));
        Ok(Self { calls, accepting, path })
    }

    /// The next message of anybody. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Received> {
        self.calls.recv().await
    }
}

/// Removes what killed governs have left in the folder of sockets: of runs that are over, and nobody listens.
pub fn sweep(folder: &Path, is_over: &dyn Fn(&RunId) -> bool) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Some((run, rest)) = path.file_name().and_then(|name| name.to_str()?.split_once('.')) else { continue };
        let is_gone = || match rest.rsplit('.').next() {
            Some("sock") => with_short_path(&path, |short| StdStream::connect(short))
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused),
            Some("failed" | "bin") => true,
            Some(_) | None => false,
        };
        if is_over(&RunId::new(run)) && is_gone() {
            let _gone = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
        }
    }
}

/// Somebody takes connections in the name of this run. What cannot be told counts as taken.
pub fn is_taken(folder: &Path, run: &RunId) -> bool {
    takes_connections(&path_of(folder, run)) || beside(folder, run).iter().any(|(path, _)| takes_connections(path))
}

/// Asks without waiting: one that is suspended may have a long queue before it.
fn takes_connections(path: &Path) -> bool {
    let connected = with_short_path(path, |short| {
        let address = UnixAddr::new(short)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        Ok(nix::sys::socket::connect(socket.as_raw_fd(), &address)?)
    });
    let nobody = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
    };
    !connected.is_err_and(|error| nobody(&error))
}

/// Each connection is read on its own, so that a silent one holds up nobody.
async fn accept(listener: UnixListener, heard: mpsc::Sender<Received>, who: WhoSpeaks) {
    let numbers = Arc::new(AtomicU64::new(1));
    loop {
        // An accept that fails (out of descriptors) is worth another try once others have closed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(peer) = who(stream.as_fd()) else { continue };
        let (heard, numbers) = (heard.clone(), Arc::clone(&numbers));
        tokio::spawn(async move {
            match tokio::time::timeout(SOCKET_WITHIN, listen_to(stream, peer, &numbers)).await {
                Ok(Some(Spoken::Call(call))) => {
                    let _ended = heard.send(Received::Call(call)).await;
                }
                Ok(Some(Spoken::Hook(spoken))) => {
                    let (call, rest) = *spoken;
                    let number = call.number;
                    if heard.send(Received::Hook(Box::new(call))).await.is_ok() {
                        let word = last_word(rest).await;
                        let _ended = heard.send(Received::HookGone { number, word }).await;
                    }
                }
                // Who says nothing is not waited for.
                Ok(None) | Err(_) => {}
            }
        });
    }
}

enum Spoken {
    Call(Call),
    Hook(Box<(HookCall, tokio::io::BufReader<OwnedReadHalf>)>),
}

async fn listen_to(stream: UnixStream, peer: Peer, numbers: &AtomicU64) -> Option<Spoken> {
    let heard = clock::monotonic();
    let mut line = Vec::new();
    let (read, write) = stream.into_split();
    let mut reader = tokio::io::BufReader::new(read);
    (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line).await.ok()?;
    if line.is_empty() {
        // It only looked whether anybody listens.
        return None;
    }
    let Ok(header) = serde_json::from_slice::<HookHeader>(&line) else {
        let message = serde_json::from_slice(&line).ok();
        return Some(Spoken::Call(Call { peer, message, stream: write }));
    };
    let event = HookEvent::from_verb(&header.hook)?;
    let mut input = Vec::new();
    let length = u64::try_from(header.length.min(MAX_INPUT)).ok()?;
    (&mut reader).take(length).read_to_end(&mut input).await.ok()?;
    // One that says less or more than it announced is answered by the end of the connection: it fails.
    let input = HookInput::read(event, &input).filter(|_| input.len() == header.length)?;
    let number = numbers.fetch_add(1, Ordering::Relaxed);
    Some(Spoken::Hook(Box::new((HookCall { number, peer, event, input, heard, stream: write }, reader))))
}

/// Waits for the end of a hook's connection.
async fn last_word(mut rest: tokio::io::BufReader<OwnedReadHalf>) -> Option<HookWord> {
    let mut line = Vec::new();
    (&mut rest).take(MAX_LINE as u64).read_until(b'\n', &mut line).await.ok()?;
    serde_json::from_slice(&line).ok()
}

impl HookCall {
    /// Answers. A hook that is gone misses it; one that does not read has only itself to wait for.
    pub fn reply(self, reply: &HookReply) {
        if let Ok(mut line) = serde_json::to_vec(reply) {
            line.push(b'\n');
            // The first line on a fresh connection fits into its buffer.
            let _gone = self.stream.try_write(&line);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.accepting.abort();
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Call {
    /// Answers. A peer that has gone away misses it.
    pub async fn reply(mut self, reply: &(impl Serialize + Sync)) {
        if let Ok(mut line) = serde_json::to_vec(reply) {
            line.push(b'\n');
            let _gone = tokio::time::timeout(SOCKET_WITHIN, self.stream.write_all(&line)).await;
        }
    }
}

/// Says one thing to a live run and waits for its reply. Where several processes speak for it, the first that does not
/// refuse has replied.
pub fn call(folder: &Path, run: &RunId, message: &Message, is_own: &IsOwn<'_>) -> Result<Reply, SocketError> {
    let patience = SOCKET_WITHIN * 2;
    let own = path_of(folder, run);
    let mut result: Result<Reply, SocketError> = Way { path: &own, run, number: None, is_own }.call(message, patience);
    if !matches!(result, Err(SocketError::NotLive(_))) {
        return result;
    }
    for (path, number) in beside(folder, run) {
        match (Way { path: &path, run, number: Some(number), is_own }).call(message, patience) {
            Err(SocketError::NotLive(_)) => {}
            done @ Ok(Reply::Done { .. }) => return done,
            other => result = other,
        }
    }
    result
}

/// Says one thing to all that speak for a run, and gives what each has replied.
pub fn call_each(folder: &Path, run: &RunId, message: &Message, is_own: &IsOwn<'_>) -> Vec<Result<Reply, SocketError>> {
    let own = path_of(folder, run);
    let all = std::iter::once((own, None)).chain(beside(folder, run).into_iter().map(|(path, no)| (path, Some(no))));
    all.map(|(path, number)| (Way { path: &path, run, number, is_own }).call(message, SOCKET_WITHIN * 2)).collect()
}

/// The sockets of several processes that speak for the same run, with their numbers.
fn beside(folder: &Path, run: &RunId) -> Vec<(PathBuf, i32)> {
    let prefix = format!("{run}.");
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(&prefix)?.strip_suffix(".sock")?.parse().ok();
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    names.filter_map(|path| number(&path).map(|number| (path, number))).collect()
}

/// Asks a run how it stands. Who does not answer soon is suspended or busy, and is not waited for.
pub fn ask_status(folder: &Path, run: &RunId, is_own: &IsOwn<'_>) -> Result<Live, SocketError> {
    let path = path_of(folder, run);
    let Stands { stands } = Way { path: &path, run, number: None, is_own }.call(&Message::Status, GLANCE)?;
    Ok(stands)
}

/// The way to one that speaks for a run.
struct Way<'a> {
    path: &'a Path,
    run: &'a RunId,
    number: Option<i32>,
    is_own: &'a IsOwn<'a>,
}

impl Way<'_> {
    fn call<R: DeserializeOwned>(&self, message: &Message, patience: Duration) -> Result<R, SocketError> {
        let run = || self.run.clone();
        let io = |source| SocketError::Io { path: self.path.to_owned(), source };
        let mut stream =
            with_short_path(self.path, |short| StdStream::connect(short)).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => SocketError::NotLive(run()),
                _ => io(source),
            })?;
        if !(self.is_own)(stream.as_fd(), self.number) {
            return Err(SocketError::Impostor(run()));
        }
        stream.set_read_timeout(Some(patience)).map_err(io)?;
        let mut line = serde_json::to_vec(message).map_err(|_| SocketError::Malformed(run()))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(io)?;
        let mut answer = Vec::new();
        BufReader::new(stream.take(MAX_REPLY as u64)).read_until(b'\n', &mut answer).map_err(io)?;
        serde_json::from_slice(&answer).map_err(|_| SocketError::Malformed(run()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::message::Wish;
    use crate::model::ApprovalId;

    #[expect(clippy::unnecessary_wraps, reason = "it stands for one that may not know")]
    fn somebody(_: BorrowedFd<'_>) -> Option<Peer> {
        Some(Peer { uid: 7, caller: None })
    }

    fn anybody(_: BorrowedFd<'_>, _: Option<i32>) -> bool {
        true
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_run_lives_while_somebody_takes_connections_in_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::new("d208m2p66fcy");
        assert!(!is_taken(folder.path(), &run), "there is no socket");
        let own = std::os::unix::net::UnixListener::bind(path_of(folder.path(), &run)).unwrap();
        assert!(is_taken(folder.path(), &run));
        drop(own);
        assert!(!is_taken(folder.path(), &run), "its file was left by one that was killed");
        let _beside = std::os::unix::net::UnixListener::bind(folder.path().join(format!("{run}.7.sock"))).unwrap();
        assert!(is_taken(folder.path(), &run), "one of several speaks for it");
    }

    #[test]
    fn a_message_reaches_the_run_and_its_reply_comes_back_even_from_a_deep_folder() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a".repeat(60)).join("b".repeat(60));
        std::fs::create_dir_all(&folder).unwrap();
        let run = RunId::new("k3f9x27m1a");
        let said = Message::Answer {
            approval: ApprovalId(7),
            wish: Wish::Stop,
            reason: Some("late".to_owned()),
            who: None,
            token: None,
        };
        let reply = Reply::Done { what: "stopped".to_owned() };

        runtime().block_on(async {
            let mut socket = Socket::listen(&folder, &run, somebody).unwrap();
            let caller = {
                let (folder, run, said) = (folder.clone(), run.clone(), said.clone());
                std::thread::spawn(move || call(&folder, &run, &said, &anybody).unwrap())
            };
            let Some(Received::Call(heard)) = socket.next().await else { panic!("no call") };
            assert_eq!(heard.message, Some(said));
            assert_eq!(heard.peer.uid, 7);
            heard.reply(&reply).await;
            assert_eq!(caller.join().unwrap(), reply);
        });
        assert!(!path_of(&folder, &run).exists(), "the socket's file goes with it");
    }

    #[test]
    fn of_several_that_speak_for_a_run_the_one_that_knows_the_question_replies() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunId::new("k3f9x27m1a");
        let path = |pid: u32| temp.path().join(format!("{run}.{pid}.sock"));
        let said = Message::Answer { approval: ApprovalId(7), wish: Wish::Stop, reason: None, who: None, token: None };
        // One that was killed has left its socket behind.
        drop(std::os::unix::net::UnixListener::bind(path(1)).unwrap());
        runtime().block_on(async {
            let mut knows = Socket::listen_at(path(2), somebody).unwrap();
            let mut knows_not = Socket::listen_at(path(3), somebody).unwrap();
            let caller = {
                let (folder, run, said) = (temp.path().to_owned(), run.clone(), said.clone());
                std::thread::spawn(move || call(&folder, &run, &said, &anybody).unwrap())
            };
            let reply = Reply::Done { what: "stopped".to_owned() };
            while !caller.is_finished() {
                let (heard, reply) = tokio::select! {
                    heard = knows.next() => (heard, reply.clone()),
                    heard = knows_not.next() => (heard, Reply::Refused { why: "not here".to_owned(), hint: None }),
                    () = tokio::time::sleep(Duration::from_millis(1)) => continue,
                };
                let Some(Received::Call(call)) = heard else { panic!("no call") };
                call.reply(&reply).await;
            }
            assert_eq!(caller.join().unwrap(), reply);
        });
    }

    #[test]
    fn a_run_that_is_over_is_told_from_one_that_fails() {
        let temp = tempfile::tempdir().unwrap();
        let error = call(temp.path(), &RunId::new("gone"), &Message::Wake, &anybody).unwrap_err();
        assert!(matches!(error, SocketError::NotLive(_)), "{error}");
    }

    #[test]
    fn to_one_that_is_not_the_runs_own_nothing_is_said() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunId::new("k3f9x27m1a");
        let stop = Message::Brake { brake: crate::model::Brake::Stop, team: None, reason: None, token: None };
        for (name, number) in [("k3f9x27m1a.sock", None), ("k3f9x27m1a.7.sock", Some(7))] {
            let listener = std::os::unix::net::UnixListener::bind(temp.path().join(name)).unwrap();
            let error = call(temp.path(), &run, &stop, &|_, named| {
                assert_eq!(named, number);
                false
            });
            assert!(matches!(error, Err(SocketError::Impostor(_))), "{error:?}");
            let (mut heard, _) = listener.accept().unwrap();
            let mut said = String::new();
            heard.read_to_string(&mut said).unwrap();
            assert_eq!(said, "");
            std::fs::remove_file(temp.path().join(name)).unwrap();
        }
        let _listens = std::os::unix::net::UnixListener::bind(path_of(temp.path(), &run)).unwrap();
        let error = ask_status(temp.path(), &run, &|_, _| false).unwrap_err();
        assert!(matches!(error, SocketError::Impostor(_)), "{error}");
    }

    #[test]
    fn what_a_killed_govern_has_left_is_removed_and_nothing_else_is() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        let dead = ["over.sock", "over.7.sock", "lives.sock"];
        dead.iter().for_each(|name| drop(std::os::unix::net::UnixListener::bind(path(name)).unwrap()));
        let _listens = std::os::unix::net::UnixListener::bind(path("over.8.sock")).unwrap();
        for name in ["over.0.failed", "lives.0.failed", "over.txt", "over"] {
            std::fs::write(path(name), "").unwrap();
        }
        sweep(temp.path(), &|run| run.as_str() == "over");
        let left =
            std::fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut left: Vec<String> = left.collect();
        left.sort();
        assert_eq!(left, ["lives.0.failed", "lives.sock", "over", "over.8.sock", "over.txt"]);
    }

    #[test]
    fn what_is_no_message_is_heard_as_none() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunId::new("k3f9x27m1a");
        runtime().block_on(async {
            let mut socket = Socket::listen(temp.path(), &run, somebody).unwrap();
            let path = path_of(temp.path(), &run);
            let speaker = std::thread::spawn(move || {
                StdStream::connect(path).unwrap().write_all(b"{\"say\":\"pay\"}\n").unwrap();
            });
            let Some(Received::Call(call)) = socket.next().await else { panic!("no call") };
            assert_eq!(call.message, None);
            speaker.join().unwrap();
        });
    }
}
