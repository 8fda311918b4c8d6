//! `govern status`: what runs on this machine now, asked of each run itself.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::format::put;
use super::resumes;
use crate::clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Filter, Ledger, state_folder};
use crate::model::{
    AgentName, AgentState, Live, LiveAgent, MayAnswer, Money, RATE_FROM, RATE_OVER, Response, RunInfo, Timestamp,
};
use crate::prepare::here::Here;
use crate::process;
use crate::report::text::printable;
use crate::report::{RunStatus, Source, StatusReport, json};
use crate::ui::board::Board;

/// How often `--watch` looks again.
const LOOKS: Duration = Duration::from_secs(1);

/// What runs now.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct StatusArgs {
    /// Look again every second, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: StatusFormat,
}

/// How it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StatusFormat {
    /// For people.
    #[default]
    Table,
    /// For programs; a contract. With `--watch` a line for each look.
    Json,
}

/// Writes it.
pub fn run(args: &StatusArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    if args.watch {
        return watch(args.format, out, here);
    }
    let report = look(here, here.now)?;
    let text = match args.format {
        StatusFormat::Table => here.look.render(&report.page()),
        StatusFormat::Json => json::to_text(&report),
    };
    put(out, &text)?;
    Ok(Exit::Success)
}

/// Looks again and again. On a terminal in place; elsewhere whenever something has changed.
fn watch(format: StatusFormat, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let mut board = Board::on_stdout().filter(|_| format == StatusFormat::Table);
    let mut before = None;
    loop {
        let report = look(here, clock::now())?;
        let mut text = String::new();
        let changed = before.as_ref() != Some(&report.runs);
        match (format, &mut board) {
            (StatusFormat::Table, Some(board)) => board.draw(fitting(&here.look.render(&report.page()))),
            (StatusFormat::Table, None) if changed => text = format!("{}\n", here.look.render(&report.page())),
            (StatusFormat::Json, _) if changed => text = json::to_line(&report),
            (StatusFormat::Table | StatusFormat::Json, _) => {}
        }
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Who reads no further has what they want.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Success),
            Err(error) => return Err(Error::new("the answer cannot be written").caused_by(&error)),
            Ok(()) => {}
        }
        before = Some(report.runs);
        std::thread::sleep(LOOKS);
    }
}

/// As many lines as the window has.
fn fitting(page: &str) -> Vec<String> {
    let most = process::window_lines().unwrap_or(usize::MAX).saturating_sub(2).max(1);
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    let hidden = lines.len().saturating_sub(most);
    if hidden > 0 {
        lines.truncate(most.saturating_sub(1));
        lines.push(format!("… {} more lines", hidden + 1));
    }
    lines
}

/// Every run that lives, and how it stands.
pub(super) fn look(here: &Here<'_>, now: Timestamp) -> Result<StatusReport> {
    let Some(ledger) = here.ledger()? else {
        return Ok(StatusReport { at: now, runs: Vec::new(), resumes: Vec::new() });
    };
    let live = ledger.runs().live(here.alive)?;
    let state = here.state_folder()?;
    let sockets = match state_folder::socket_folder(&state) {
        // A ledger that can only be read: where no folder can be made nobody listens in it.
        Err(_) if !state.join("run").exists() => state.join("run"),
        found => found?,
    };
    let answers = ask_all(&sockets, &live);
    let mut runs = Vec::new();
    for (info, answer) in live.into_iter().zip(answers) {
        let (source, live) = match answer {
            Answer::Stands(live) => (Source::Supervisor, live),
            Answer::Hooks => (Source::Hooks, recorded(&ledger, &info, now)?),
            Answer::Silent(why) => (Source::Ledger(why), recorded(&ledger, &info, now)?),
        };
        let asked = live.agents.iter().find_map(|agent| agent.approval);
        // One that was changed by hand, or that the ledger has no more, is answered by nobody.
        let kept = asked.and_then(|id| ledger.questions().find(id).ok()).and_then(|asked| asked.may);
        let may = kept.unwrap_or_else(|| MayAnswer::named(live.approvers.clone()));
        runs.push(RunStatus { info, source, live, may });
    }
    Ok(StatusReport { at: now, runs, resumes: resumes::listed(here)? })
}

/// What a run says of itself.
enum Answer {
    Stands(Live),
    /// Nobody supervises it.
    Hooks,
    Silent(String),
}

/// All at once: one that does not answer holds up no other.
fn ask_all(sockets: &Path, runs: &[RunInfo]) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = runs.iter().map(|run| scope.spawn(move || ask(sockets, run))).collect();
        let lost = || Answer::Silent("it could not be asked".to_owned());
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| lost())).collect()
    })
}

fn ask(sockets: &Path, run: &RunInfo) -> Answer {
    if process::is_codex(run.process.pid) {
        return Answer::Hooks;
    }
    match socket::ask_status(sockets, &run.id, &|connection, named| super::is_own(run, connection, named)) {
        Ok(live) => Answer::Stands(live),
        Err(SocketError::Impostor(_)) => {
            Answer::Silent("who listens in the place of its govern is not it: its agent may have done that".to_owned())
        }
        Err(SocketError::NotLive(_)) => Answer::Silent("its govern does not listen: it begins, or ends".to_owned()),
        Err(SocketError::Io { .. }) => Answer::Silent("its govern does not answer: it may be suspended".to_owned()),
        Err(SocketError::Malformed(_)) => Answer::Silent("its govern is of another version".to_owned()),
    }
}

/// How a run stands as far as the ledger can tell: what its agents spent, who is asked about, who is paused.
fn recorded(ledger: &Ledger, run: &RunInfo, now: Timestamp) -> Result<Live> {
    let mut agents: Vec<LiveAgent> = Vec::new();
    for thread in ledger.runs().threads(&run.id)? {
        if let Some(name) = thread.agent.filter(|name| !agents.iter().any(|agent| agent.agent == *name)) {
            agents.push(unheard(name, run));
        }
    }
    ledger.responses().each(&Filter { run: Some(run.id.clone()), ..Filter::default() }, |response| {
        count(&mut agents, run, &response, now);
    })?;
    let pause = ledger.runs().pause_of(&run.id)?;
    let mut asked = Vec::new();
    for question in ledger.questions().all(true)? {
        // It may be another run's, whose answer this one waits for, too.
        let joined = question.run != run.id && ledger.questions().waiting_for(question.id)?.contains(&run.id);
        if joined || question.run == run.id {
            asked.push((question, joined));
        }
    }
    for agent in &mut agents {
        agent.paused.clone_from(&pause);
        let question = asked.iter().find(|(asked, joined)| *joined || asked.agent == agent.agent);
        if let Some((question, _)) = question {
            (agent.state, agent.since) = (AgentState::Held, question.asked);
            (agent.because, agent.approval) = (Some(printable(&question.question)), Some(question.id));
        } else if let Some(pause) = &pause {
            (agent.state, agent.since, agent.because) = (AgentState::Paused, pause.at, Some(pause.text()));
        }
    }
    Ok(Live { agents, ..Live::default() })
}

fn unheard(agent: AgentName, run: &RunInfo) -> LiveAgent {
    LiveAgent {
        agent,
        state: AgentState::Alive,
        since: run.started,
        because: None,
        approval: None,
        paused: None,
        attempt: 1,
        model: None,
        work: None,
        responses: 0,
        cost_usd: Money::ZERO,
        cost_usd_per_minute: Some(Money::ZERO),
        limit: None,
    }
}

/// Adds a response to its agent; the rate is that of the last five minutes by the wall clock, or since the run began.
fn count(agents: &mut Vec<LiveAgent>, run: &RunInfo, response: &Response, now: Timestamp) {
    let Some(name) = &response.agent else { return };
    if !agents.iter().any(|agent| agent.agent == *name) {
        agents.push(unheard(name.clone(), run));
    }
    let Some(agent) = agents.iter_mut().find(|agent| agent.agent == *name) else { return };
    agent.responses = agent.responses.saturating_add(1);
    agent.model = response.model.clone().or(agent.model.take());
    let cost = response.cost.money().unwrap_or_default();
    agent.cost_usd += cost;
    let since_start = (now - run.started).to_std().unwrap_or_default();
    let over = since_start.clamp(RATE_FROM, RATE_OVER).as_secs();
    if (now - response.at).to_std().unwrap_or_default() < RATE_OVER {
        agent.cost_usd_per_minute = agent.cost_usd_per_minute.map(|rate| rate + cost.scaled(60, over));
    }
}
