//! `govern top`: the account on a full screen, drawn again on news; what is asked there is done as other verbs do it.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

use super::format::put;
use super::overview::{agent, gather};
use super::{approve, brake, env};
use crate::clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::message::Wish;
use crate::ledger::{FileWatch as Ledgers, state_folder};
use crate::model::{RunInfo, RunProcess};
use crate::prepare::here::Here;
use crate::process::AskedToEnd;
use crate::report::Overview;
use crate::report::overview::agent::{AgentKey, AgentLook};
use crate::report::page::Tone;
use crate::turn;
use crate::ui::top::{Ask, Screen, TerminalInput, Top, TypedAnswer, once};

/// Between two looks at the account, at least; and so many times as long as the last one took, so that a large ledger
/// costs no more of a processor than a small one.
const REST: Duration = Duration::from_millis(200);
const REST_TIMES: u32 = 10;

/// The account on a full screen: what runs, what it spends, what waits; answer, pause, stop. `?` there says all keys.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TopArgs {
    /// Print one frame as plain text
    #[arg(long)]
    pub once: bool,
    /// One more policy file
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// Shows it.
pub fn run(args: &TopArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let seen = || gather(here, args.policy.as_deref());
    if args.once {
        put(out, &once(&mut Top::new(seen()?), here.look))?;
        return Ok(Exit::Success);
    }
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !is_terminal || env("TERM").is_none_or(|term| term == "dumb") {
        return Err(Error::new("`govern top` needs a terminal that it may fill")
            .hint("`govern top --once` prints one frame of plain text")
            .exit(Exit::Usage));
    }
    let top = Top::new(seen()?);
    let failed = |error: &io::Error| Error::new("govern cannot start its loop").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let ended = runtime.block_on(show(top, args.policy.clone(), here));
    // A run that does not answer holds up nobody who leaves.
    runtime.shutdown_background();
    ended.map(|()| Exit::Success)
}

async fn show(top: Top, policy: Option<PathBuf>, here: &Here<'_>) -> Result<()> {
    let lost = |error: &io::Error| Error::new("the terminal cannot be used").caused_by(error);
    let mut end = AskedToEnd::or_hung_up().map_err(|error| lost(&error))?;
    let mut screen = Screen::open(here.look.colour).map_err(|error| lost(&error))?;
    let mut keys = screen.listen();
    let folder = here.state_folder()?;
    let mut work = Work::new(top, policy);
    let mut news = listen(&folder);
    loop {
        screen.draw(&mut work.top).map_err(|error| lost(&error))?;
        work.begin();
        let rest = work.rest();
        tokio::select! {
            biased;
            () = end.wait() => return Ok(()),
            heard = keys.recv() => match heard {
                Some(TerminalInput::Key(key)) => match work.top.press(key) {
                    Some(Ask::Quit) => return Ok(()),
                    Some(ask) => work.carry_out(ask),
                    None => {}
                },
                Some(TerminalInput::Resized) => {}
                None => return Ok(()),
            },
            Some(done) = work.deeds.join_next() => work.done(done.unwrap_or_else(|_| Err(Error::new("it could not be done")))),
            Some(seen) = work.looks.join_next() => work.seen(seen.unwrap_or_else(|_| Err(Error::new("the account could not be looked at")))),
            () = next(&mut news) => work.is_stale = true,
            () = tokio::time::sleep(rest), if work.is_stale && work.looks.is_empty() => {}
            // What is known is drawn with the time that has passed; nothing is asked for it.
            () = tokio::time::sleep(Duration::from_secs(1)), if work.top.has_clock() || news.is_none() => {
                work.passes();
                if news.is_none() {
                    (news, work.is_stale) = (listen(&folder), true);
                }
            }
        }
    }
}

/// What somebody has written into the ledger is news; `None` where that cannot be heard, or there is no ledger yet.
fn listen(folder: &Path) -> Option<Receiver<()>> {
    let ledgers = Ledgers::listen(folder).ok()?;
    // Much that is written at once is one piece of news.
    let (say, news) = channel(1);
    let _listener = std::thread::spawn(move || {
        while ledgers.wait().is_ok() {
            if say.is_closed() {
                return;
            }
            let _told_already = say.try_send(());
        }
    });
    Some(news)
}

async fn next(news: &mut Option<Receiver<()>>) {
    match news {
        Some(heard) => {
            if heard.recv().await.is_none() {
                *news = None;
            }
        }
        None => std::future::pending().await,
    }
}

type Seen = (Overview, Option<(AgentKey, AgentLook)>, Duration);

/// What goes on beside the keys: nothing of it holds them up.
struct Work {
    top: Top,
    policy: Option<PathBuf>,
    /// Looks at the account; one at a time.
    looks: JoinSet<Result<Seen>>,
    /// What was asked for.
    deeds: JoinSet<Result<String>>,
    /// There is news that was not looked at.
    is_stale: bool,
    /// When the next look may be.
    not_before: Instant,
}

impl Work {
    fn new(top: Top, policy: Option<PathBuf>) -> Self {
        let (looks, deeds) = (JoinSet::new(), JoinSet::new());
        Self { top, policy, looks, deeds, is_stale: false, not_before: clock::monotonic() }
    }

    fn rest(&self) -> Duration {
        self.not_before.saturating_duration_since(clock::monotonic())
    }

    /// Looks again, where there is news and the last look was long enough ago.
    fn begin(&mut self) {
        if !self.is_stale || !self.looks.is_empty() || !self.rest().is_zero() {
            return;
        }
        self.is_stale = false;
        let (policy, wants) = (self.policy.clone(), self.top.wants());
        self.looks.spawn_blocking(move || {
            let began = clock::monotonic();
            let here = super::here()?;
            let seen = gather(&here, policy.as_deref())?;
            let look = wants.map(|key| agent(&here, &key).map(|look| (key, look))).transpose()?;
            Ok((seen, look, clock::monotonic().saturating_duration_since(began)))
        });
    }

    fn seen(&mut self, seen: Result<Seen>) {
        let took = match seen {
            Ok((seen, look, took)) => {
                self.top.sees(seen);
                if let Some((key, look)) = look {
                    self.top.looks(key, look);
                }
                took
            }
            Err(error) => {
                self.top.say(&error.to_string(), Tone::Bad);
                Duration::ZERO
            }
        };
        self.not_before = clock::monotonic() + REST.max(took.saturating_mul(REST_TIMES));
    }

    /// A run that was killed writes nothing.
    fn passes(&mut self) {
        self.top.passes(clock::now());
        let folder = super::here().and_then(|here| here.state_folder()).ok();
        let sockets = folder.as_deref().map(state_folder::sockets);
        let lives = |run: &RunInfo| {
            turn::is_live::lives(&RunProcess { run: &run.id, process: run.process, sockets: sockets.as_deref() })
        };
        self.is_stale |= !self.top.runs().all(lives);
    }

    fn carry_out(&mut self, ask: Ask) {
        match ask {
            Ask::Quit => {}
            Ask::Look(_) => (self.is_stale, self.not_before) = (true, clock::monotonic()),
            Ask::Brake { brake, run } => {
                self.top.say("asked …", Tone::Quiet);
                self.deeds.spawn_blocking(move || brake::on_one(brake, &run, &super::here()?));
            }
            Ask::Answer { approval, wanted, reason } => {
                self.top.say("sent …", Tone::Quiet);
                self.deeds
                    .spawn_blocking(move || approve::send(approval, wish(wanted), (reason, None), &super::here()?));
            }
        }
    }

    fn done(&mut self, done: Result<String>) {
        match done {
            Ok(what) => self.top.say(&what, Tone::Good),
            Err(error) => self.top.say(&error.to_string().replace('\n', "; "), Tone::Bad),
        }
        self.is_stale = true;
    }
}

/// As `govern approve` and `deny` mean it.
fn wish(wanted: TypedAnswer) -> Wish {
    match wanted {
        TypedAnswer::Approve => Wish::Extend { by: None },
        TypedAnswer::Extend(amount) => Wish::Extend { by: Some(amount) },
        TypedAnswer::Route => Wish::Route { model: None },
        TypedAnswer::Run => Wish::Allow { seconds: None },
        TypedAnswer::Deny => Wish::Stop,
        TypedAnswer::Kill => Wish::Kill,
    }
}
