//! The governor model: a Codex of govern's own for each question, started with nothing but that, and gone after it.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::codex::{self, consult};
use crate::decide::message::{Consult, ConsultId, Input, NoAdvice};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::event::{AgentResult, EventKind, GOVERNOR};
use crate::model::{AgentName, Attribution, ProcessIdentity};
use crate::process::{self, How, Launch, Order, Output, Report, Session, Status, Stdin};

use super::owners::AGENT;
use super::supervisor::Supervisor;
use super::wake::launch_failed;

/// An answer is a line: what is longer is none.
const MOST_BYTES: u64 = 16 * 1024;

/// How a governor model can be asked.
#[derive(Clone, Debug)]
pub struct Adviser {
    /// What leads to Codex, such as `codex`: what the agents are started with.
    pub launcher: Vec<OsString>,
    /// A folder of its own, kept to its owner: what it is asked, and what it answers.
    pub folder: PathBuf,
    /// An empty folder in that, where it works.
    pub work: PathBuf,
    /// Codex's home as its environment names it.
    pub codex_home: Option<PathBuf>,
    /// Servers of that home's configuration, none of which it needs.
    pub servers: Vec<String>,
    /// Where its spend belongs.
    pub attribution: Attribution,
}

/// An adviser, and the question that it was given.
pub(super) struct Advising {
    pub(super) adviser: Adviser,
    asked: Option<Question>,
}

struct Question {
    id: ConsultId,
    argv: Vec<OsString>,
    status: Option<Status>,
    started: bool,
}

impl Advising {
    pub(super) fn new(adviser: Adviser) -> Self {
        Self { adviser, asked: None }
    }

    fn answer(&self) -> PathBuf {
        self.adviser.folder.join("answer.json")
    }
}

/// Its name in the run.
pub(super) fn name() -> AgentName {
    AgentName::new(GOVERNOR)
}

impl Supervisor {
    /// Starts a Codex for one question.
    pub(super) fn consult(&mut self, consult: &Consult) -> Result<(), Error> {
        self.sweeps = 0;
        let secrets = self.without_secrets();
        let Some(advising) = &mut self.advising else { return Ok(()) };
        let (folder, answer) = (advising.adviser.folder.clone(), advising.answer());
        let schema = folder.join("schema.json");
        let argv = consult::command(
            &advising.adviser.launcher,
            &consult::Question {
                model: &consult.model,
                effort: consult.effort.as_deref(),
                schema: &schema,
                answer: &answer,
                servers: &advising.adviser.servers,
                prompt: &consult.prompt.text,
            },
        );
        advising.asked = Some(Question { id: consult.id, argv: argv.clone(), status: None, started: false });
        let mut env =
            vec![("GOVERN_RUN".into(), Some(self.run.as_str().into())), (AGENT.into(), Some(GOVERNOR.into()))];
        env.extend(secrets);
        let launch = Launch {
            agent: name(),
            argv,
            env,
            cwd: Some(advising.adviser.work.clone()),
            stdin: Stdin::Null,
            output: Output::Files { out: folder.join("out"), err: folder.join("err") },
            session: Session::Own,
            full_screen: false,
        };
        // An answer that is there is to another question. Without its schema Codex ends, which is told then.
        let _none = fs::remove_file(&answer);
        if let Err(error) = fs::write(&schema, &consult.prompt.schema) {
            self.mark(format!("`{}` cannot be written: {error}", schema.display()));
        }
        self.order(Order::Launch(launch))
    }

    /// Ends that Codex.
    pub(super) fn end_consult(&mut self) -> Result<(), Error> {
        self.order(Order::End { agent: name(), how: How::KillNow })
    }

    /// What the guard reports of it; `None`: it is about another.
    pub(super) fn adviser_reported(&mut self, report: &Report) -> Result<Option<Vec<Input>>, Error> {
        let own = name();
        let Some(asked) = self.advising.as_mut().and_then(|advising| advising.asked.as_mut()) else { return Ok(None) };
        match report {
            Report::Launched { agent, root, .. } if *agent == own => {
                asked.started = true;
                let command = codex::redacted(&asked.argv);
                self.adviser_started(*root, command);
                Ok(Some(Vec::new()))
            }
            Report::LaunchFailed { agent, failure, .. } if *agent == own => {
                let because = launch_failed(failure).message().to_owned();
                Ok(Some(self.advised(Err(NoAdvice::NotStarted(because)))))
            }
            Report::RootExited { agent, status, left } if *agent == own => {
                asked.status = Some(*status);
                if *left > 0 {
                    self.end_consult()?;
                }
                Ok(Some(self.drain()))
            }
            Report::Ended { agent, .. } if *agent == own => {
                let mut inputs = self.drain();
                let answer = self.read_answer();
                inputs.extend(self.advised(answer));
                Ok(Some(inputs))
            }
            Report::Refused { agent, because, .. } if *agent == own && !asked.started => {
                Ok(Some(self.advised(Err(NoAdvice::Failed(format!("the guard refused to start it: {because:?}"))))))
            }
            _ => Ok(None),
        }
    }

    fn adviser_started(&mut self, root: ProcessIdentity, command: Vec<String>) {
        let own = name();
        self.owners.launched(root, &own);
        self.note_of(&own, EventKind::AgentStarted { command, pid: root.pid, resumes: None });
    }

    /// Its question is over.
    fn advised(&mut self, answer: Result<String, NoAdvice>) -> Vec<Input> {
        self.note_adviser_ended();
        let asked = self.advising.as_mut().and_then(|advising| advising.asked.take());
        asked.map(|asked| Input::Advised { consult: asked.id, answer }).into_iter().collect()
    }

    /// How the Codex of the question under way ended; one that was killed had a request under way.
    pub(super) fn note_adviser_ended(&mut self) {
        let Some(asked) = self.advising.as_mut().and_then(|advising| advising.asked.as_mut()) else { return };
        if !std::mem::take(&mut asked.started) {
            return;
        }
        let in_flight = !matches!(asked.status, Some(Status::Exited(_)));
        let code = i32::from(asked.status.map_or(Exit::Ended, Exit::from).code());
        let in_flight_cost = self.governor.likely_advice_cost(in_flight);
        let result = Some(match asked.status {
            Some(Status::Exited(0)) => AgentResult::Done,
            Some(Status::Exited(_)) => AgentResult::Failed,
            Some(Status::Signalled(_)) | None => AgentResult::Killed,
        });
        let because = String::new();
        let ended = EventKind::AgentEnded {
            code,
            in_flight: u32::from(in_flight),
            in_flight_cost,
            result,
            because,
            active_ms: None,
        };
        self.note_of(&name(), ended);
    }

    fn read_answer(&self) -> Result<String, NoAdvice> {
        let failed = |why: String| Err(NoAdvice::Failed(why));
        let Some(advising) = &self.advising else { return failed("nobody was asked".to_owned()) };
        match advising.asked.as_ref().and_then(|asked| asked.status) {
            Some(Status::Exited(0)) => {}
            Some(status) => return failed(format!("its Codex ended with code {}", Exit::from(status).code())),
            None => return failed("its Codex was ended".to_owned()),
        }
        match read_short(&advising.answer()) {
            Ok(text) if text.trim().is_empty() => failed("its Codex wrote no answer".to_owned()),
            Ok(text) => Ok(codex::redact(text.trim())),
            Err(error) => failed(format!("its answer cannot be read: {error}")),
        }
    }
}

fn read_short(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    process::open_to_read(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
