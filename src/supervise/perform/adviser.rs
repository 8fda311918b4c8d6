//! The governor model: a Codex of govern's own for each question, started with nothing but that, and gone after it.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::codex::{self, consult};
use crate::decide::Governor;
use crate::decide::message::{Consult, ConsultId, Input, NoAdvice};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::AgentName;
use crate::model::event::{AgentResult, EventKind, GOVERNOR};
use crate::process::{self, How, Launch, Order, Output, Report, Status, Stdin, TerminalSession};

use crate::supervise::context::Context;
use crate::supervise::journal::Journal;
use crate::supervise::process_owners::AGENT;
use crate::supervise::run_plan::Adviser;

use super::launch::{launch_failed, without_secrets};

/// An answer is a line: what is longer is none.
const MOST_BYTES: u64 = 16 * 1024;

/// An adviser, and the question that it was given.
pub(in crate::supervise) struct Advising {
    adviser: Adviser,
    asked: Option<Question>,
}

struct Question {
    id: ConsultId,
    argv: Vec<OsString>,
    status: Option<Status>,
    started: bool,
}

impl Advising {
    pub(in crate::supervise) fn new(adviser: Adviser) -> Self {
        Self { adviser, asked: None }
    }

    fn answer(&self) -> PathBuf {
        self.adviser.folder.join("answer.json")
    }

    /// Starts a Codex for one question.
    pub(in crate::supervise) fn consult(&mut self, consult: &Consult, context: &mut Context<'_>) -> Result<(), Error> {
        let (folder, answer) = (self.adviser.folder.clone(), self.answer());
        let schema = folder.join("schema.json");
        let argv = consult::command(
            &self.adviser.launcher,
            &consult::Consultation {
                model: &consult.model,
                effort: consult.effort.as_deref(),
                schema: &schema,
                answer: &answer,
                servers: &self.adviser.servers,
                prompt: &consult.prompt.text,
            },
        );
        self.asked = Some(Question { id: consult.id, argv: argv.clone(), status: None, started: false });
        let mut env =
            vec![("GOVERN_RUN".into(), Some(context.run.id.as_str().into())), (AGENT.into(), Some(GOVERNOR.into()))];
        env.extend(without_secrets(context.governor));
        let launch = Launch {
            agent: name(),
            argv,
            env,
            cwd: Some(self.adviser.work.clone()),
            stdin: Stdin::Null,
            output: Output::Files { out: folder.join("out"), err: folder.join("err") },
            session: TerminalSession::Own,
            full_screen: false,
        };
        // An answer that is there is to another question. Without its schema Codex ends, which is told then.
        let _none = fs::remove_file(&answer);
        if let Err(error) = fs::write(&schema, &consult.prompt.schema) {
            context.journal.mark(format!("`{}` cannot be written: {error}", schema.display()));
        }
        context.processes.order(Order::Launch(launch))
    }

    /// What the guard reports of it; `None`: it is about another. All files are drained before its end is told.
    pub(in crate::supervise) fn reported(
        &mut self,
        report: &Report,
        drain: impl FnOnce(&mut Context<'_>) -> Vec<Input>,
        context: &mut Context<'_>,
    ) -> Result<Option<Vec<Input>>, Error> {
        let own = name();
        let Some(asked) = &mut self.asked else { return Ok(None) };
        match report {
            Report::Launched { agent, root, .. } if *agent == own => {
                asked.started = true;
                let command = codex::redacted(&asked.argv);
                context.processes.launched(*root, &own);
                context.journal.note_of(&own, EventKind::AgentStarted { command, pid: root.pid, resumes: None });
                Ok(Some(Vec::new()))
            }
            Report::LaunchFailed { agent, failure, .. } if *agent == own => {
                let because = launch_failed(failure).message().to_owned();
                Ok(Some(self.advised(Err(NoAdvice::NotStarted(because)), context)))
            }
            Report::RootExited { agent, status, left } if *agent == own => {
                asked.status = Some(*status);
                if *left > 0 {
                    context.processes.order(end())?;
                }
                Ok(Some(drain(context)))
            }
            Report::Ended { agent, .. } if *agent == own => {
                let mut inputs = drain(context);
                let answer = self.read_answer();
                inputs.extend(self.advised(answer, context));
                Ok(Some(inputs))
            }
            Report::Refused { agent, because, .. } if *agent == own && !asked.started => {
                let failed = NoAdvice::Failed(format!("the guard refused to start it: {because:?}"));
                Ok(Some(self.advised(Err(failed), context)))
            }
            _ => Ok(None),
        }
    }

    /// Its question is over.
    fn advised(&mut self, answer: Result<String, NoAdvice>, context: &mut Context<'_>) -> Vec<Input> {
        self.note_ended(context.governor, context.journal);
        self.asked.take().map(|asked| Input::Advised { consult: asked.id, answer }).into_iter().collect()
    }

    /// How the Codex of the question under way ended; one that was killed had a request under way.
    pub(in crate::supervise) fn note_ended(&mut self, governor: &Governor, journal: &mut Journal) {
        let Some(asked) = &mut self.asked else { return };
        if !std::mem::take(&mut asked.started) {
            return;
        }
        let in_flight = !matches!(asked.status, Some(Status::Exited(_)));
        let code = i32::from(asked.status.map_or(Exit::Ended, Exit::from).code());
        let in_flight_cost = governor.likely_advice_cost(in_flight);
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
        journal.note_of(&name(), ended);
    }

    fn read_answer(&self) -> Result<String, NoAdvice> {
        let failed = |why: String| Err(NoAdvice::Failed(why));
        match self.asked.as_ref().and_then(|asked| asked.status) {
            Some(Status::Exited(0)) => {}
            Some(status) => return failed(format!("its Codex ended with code {}", Exit::from(status).code())),
            None => return failed("its Codex was ended".to_owned()),
        }
        match read_short(&self.answer()) {
            Ok(text) if text.trim().is_empty() => failed("its Codex wrote no answer".to_owned()),
            Ok(text) => Ok(codex::redact(text.trim())),
            Err(error) => failed(format!("its answer cannot be read: {error}")),
        }
    }
}

/// Its name in the run.
pub(in crate::supervise) fn name() -> AgentName {
    AgentName::new(GOVERNOR)
}

/// Ends its Codex.
pub(in crate::supervise) fn end() -> Order {
    Order::End { agent: name(), how: How::KillNow }
}

fn read_short(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    process::open_to_read(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
