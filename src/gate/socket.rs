//! Owns a run's socket: its supervisor listens, another govern speaks.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::message::{MAX_LINE, Message, Reply};
use crate::model::RunId;

/// How long a silent peer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// The other side did not speak govern's language.
    #[error("run `{0}` answered with something that is not an answer")]
    Malformed(RunId),
}

/// Who is at the other end, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User.
    pub uid: u32,
    /// Process; `None` where the kernel does not say.
    pub pid: Option<i32>,
}

/// The supervisor's end. Its file goes with it.
#[derive(Debug)]
pub struct Socket {
    calls: mpsc::Receiver<Call>,
    accepting: tokio::task::JoinHandle<()>,
    path: PathBuf,
}

/// A message that waits for its reply.
#[derive(Debug)]
pub struct Call {
    /// Who speaks.
    pub peer: Peer,
    /// What was said; `None` when it could not be understood.
    pub message: Option<Message>,
    stream: UnixStream,
}

/// The socket of a run.
pub fn path_of(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("{run}.sock"))
}

/// A socket's address holds 107 bytes, a state folder may be deeper: through an open folder the
/// address is short whatever the path.
fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    if path.as_os_str().len() < 100 {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    let open = std::fs::File::open(folder)?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name))
}

impl Socket {
    /// Listens for this run. The folder exists and is its user's alone.
    pub fn listen(folder: &Path, run: &RunId) -> Result<Self, SocketError> {
        let path = path_of(folder, run);
        // A socket of the same run that is still here belongs to a govern that was killed.
        let _gone = std::fs::remove_file(&path);
        let listener = with_short_path(&path, |short| UnixListener::bind(short))
            .map_err(|source| SocketError::Io { path: path.clone(), source })?;
        let (heard, calls) = mpsc::channel(MAX_WAITING);
        let accepting = tokio::spawn(accept(listener, heard));
        Ok(Self { calls, accepting, path })
    }

    /// The next message of anybody. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

/// Each connection is read on its own, so that a silent one holds up nobody.
async fn accept(listener: UnixListener, heard: mpsc::Sender<Call>) {
    loop {
        // An accept that fails (out of descriptors) is worth another try once others have closed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let heard = heard.clone();
        tokio::spawn(async move {
            if let Some(call) = listen_to(stream).await {
                let _ended = heard.send(call).await;
            }
        });
    }
}

async fn listen_to(mut stream: UnixStream) -> Option<Call> {
    let credentials = stream.peer_cred().ok()?;
    let peer = Peer { uid: credentials.uid(), pid: credentials.pid() };
    let mut line = Vec::new();
    let mut reader = tokio::io::BufReader::new((&mut stream).take(MAX_LINE as u64));
    let read = tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await;
    let message = match read {
        Ok(Ok(_)) => serde_json::from_slice(&line).ok(),
        Ok(Err(_)) | Err(_) => None,
    };
    Some(Call { peer, message, stream })
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.accepting.abort();
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Call {
    /// Answers. A peer that has gone away misses it.
    pub async fn reply(mut self, reply: &Reply) {
        if let Ok(mut line) = serde_json::to_vec(reply) {
            line.push(b'\n');
            let _gone = tokio::time::timeout(PATIENCE, self.stream.write_all(&line)).await;
        }
    }
}

/// Says one thing to a live run and waits for its reply.
pub fn call(folder: &Path, run: &RunId, message: &Message) -> Result<Reply, SocketError> {
    let path = path_of(folder, run);
    let io = |source| SocketError::Io { path: path.clone(), source };
    let mut stream =
        with_short_path(&path, |short| StdStream::connect(short)).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => SocketError::NotLive(run.clone()),
            _ => io(source),
        })?;
    stream.set_read_timeout(Some(PATIENCE * 2)).map_err(io)?;
    let mut line = serde_json::to_vec(message).map_err(|_| SocketError::Malformed(run.clone()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(io)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(MAX_LINE as u64)).read_until(b'\n', &mut answer).map_err(io)?;
    serde_json::from_slice(&answer).map_err(|_| SocketError::Malformed(run.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::message::Wish;
    use crate::model::ApprovalId;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_message_reaches_the_run_and_its_reply_comes_back_even_from_a_deep_folder() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a".repeat(60)).join("b".repeat(60));
        std::fs::create_dir_all(&folder).unwrap();
        let run = RunId::new("k3f9x27m1a");
        let said = Message::Answer { approval: ApprovalId(7), wish: Wish::Stop, reason: Some("late".to_owned()) };
        let reply = Reply::Done { what: "stopped".to_owned() };

        runtime().block_on(async {
            let mut socket = Socket::listen(&folder, &run).unwrap();
            let caller = {
                let (folder, run, said) = (folder.clone(), run.clone(), said.clone());
                std::thread::spawn(move || call(&folder, &run, &said).unwrap())
            };
            let heard = socket.next().await.unwrap();
            assert_eq!(heard.message, Some(said));
            assert_eq!(heard.peer.uid, nix::unistd::getuid().as_raw());
            assert_eq!(heard.peer.pid, Some(i32::try_from(std::process::id()).unwrap()));
            heard.reply(&reply).await;
            assert_eq!(caller.join().unwrap(), reply);
        });
        assert!(!path_of(&folder, &run).exists(), "the socket's file goes with it");
    }

    #[test]
    fn a_run_that_is_over_is_told_from_one_that_fails() {
        let temp = tempfile::tempdir().unwrap();
        let error = call(temp.path(), &RunId::new("gone"), &Message::Wake).unwrap_err();
        assert!(matches!(error, SocketError::NotLive(_)), "{error}");
    }

    #[test]
    fn what_is_no_message_is_heard_as_none() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunId::new("k3f9x27m1a");
        runtime().block_on(async {
            let mut socket = Socket::listen(temp.path(), &run).unwrap();
            let path = path_of(temp.path(), &run);
            let speaker = std::thread::spawn(move || {
                StdStream::connect(path).unwrap().write_all(b"{\"say\":\"pay\"}\n").unwrap();
            });
            assert_eq!(socket.next().await.unwrap().message, None);
            speaker.join().unwrap();
        });
    }
}
