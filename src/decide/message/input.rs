//! All that can happen to a run.

use std::time::Duration;

use crate::model::event::Answer;
use crate::model::{
    AgentName, Answerer, ApprovalId, Brake, Braked, BudgetKey, BudgetName, Examined, ModelId, PlanWindow,
    ProcessIdentity, Progress, Quantity, Response, ThreadId, Timestamp,
};
pub use crate::usage::meter::Phase;
pub use crate::work::Classed;

use super::consult::NoAdvice;
use super::hook::{Gone, Hook, Judged};
use super::ids::{ConsultId, HookId, RequestId};
use super::reserve::Reservation;

/// When something happened, on both clocks: the wall clock may jump, `uptime` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time.
    pub wall: Timestamp,
    /// Time since the run began.
    pub uptime: Duration,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Before anything is started: may this run begin?
    Begin,
    /// The agent's command is being executed.
    Launched(AgentName),
    /// A model answered; the ledger has it already, and the thread's phase is known.
    Responded(Box<Response>),
    /// A model answered, and an import, or a run inside this one or around it, was faster: the ledger has it as theirs. Told
    /// once.
    Taken {
        /// As this run would have it.
        response: Box<Response>,
        /// As the ledger has it.
        recorded: Box<Response>,
    },
    /// Responses of a turn that goes on are of another class of work than they were told as; the ledger has it already.
    Classed {
        /// Whose.
        agent: AgentName,
        /// Which, and what they are.
        classed: Classed,
    },
    /// A thread's request failed, as a hook says: no answer comes.
    Failed {
        /// Whose.
        agent: AgentName,
        /// Which.
        thread: ThreadId,
        /// Its answer broke off: it was perhaps served.
        cut_off: bool,
    },
    /// A thread's request was perhaps served, and its session file tells of no answer: its turn has ended, or its Codex.
    Unanswered {
        /// Whose.
        agent: AgentName,
        /// Which.
        thread: ThreadId,
    },
    /// A thread's request was answered, and its provider did not tell what it used.
    Untold {
        /// Whose.
        agent: AgentName,
        /// Which.
        thread: ThreadId,
    },
    /// A thread's requests started or ended.
    Phase {
        /// Whose.
        agent: AgentName,
        /// Which.
        thread: ThreadId,
        /// The root of its family, where that is known.
        root: Option<ThreadId>,
        /// How it stands now.
        phase: Phase,
        /// By an answer that is told of next: until then nothing is judged by it.
        by_answer: bool,
    },
    /// What other runs wrote into the same ledger since the last turn.
    Elsewhere(News),
    /// A person gave a grant, or took one back: it is on record already.
    Granted,
    /// Others wrote too much to be told one by one: what wider budgets have is counted again from the books.
    Recount,
    /// All processes of the agent stand still, and its records are read to their end.
    Frozen(AgentName),
    /// The agent's tree, which govern ended, is gone.
    Ended(AgentName),
    /// A hook of this agent's could not ask, and ended its Codex; its command's end follows.
    GateFailed(AgentName),
    /// The agent's command ended by itself.
    Exited {
        /// Whose.
        agent: AgentName,
        /// Codex processes that it left behind.
        leftover: u32,
        /// Its code was 0.
        ok: bool,
    },
    /// What came of `Effect::Examine`.
    Examined {
        /// Whose work.
        agent: AgentName,
        /// What it came to.
        examined: Examined,
        /// The last that its check wrote, secrets redacted.
        said: String,
    },
    /// The agent's command could not be executed.
    NotLaunched {
        /// Whose.
        agent: AgentName,
        /// Why.
        because: String,
    },
    /// Somebody ends the whole run: Ctrl-C, or a signal to govern.
    Interrupted {
        /// How fast.
        how: Interrupt,
        /// Such as `interrupted`.
        because: String,
    },
    /// Somebody asks to have a limit lifted before it is met.
    AskedAhead {
        /// For whom.
        agent: AgentName,
        /// Whose limit; `None`: the one that the agent comes to first.
        budget: Option<BudgetName>,
        /// By how much.
        by_amount: Quantity,
        /// Why.
        reason: String,
    },
    /// A question has its number and may be answered until then.
    Asked {
        /// Who is held.
        agent: AgentName,
        /// The number.
        approval: ApprovalId,
        /// How long its answer is waited for yet, where another run has put it before: its deadline is that one's.
        left: Option<Duration>,
    },
    /// A person answered; the ledger has it already.
    Answered {
        /// Which question.
        approval: ApprovalId,
        /// What.
        answer: Answer,
        /// Who, and through what: all that it took, the last one last.
        by: Vec<Answerer>,
        /// Why.
        reason: Option<String>,
    },
    /// A person uses the emergency brake, on all agents of the run.
    Braked {
        /// What they do.
        brake: Brake,
        /// Only on those of this team.
        team: Option<String>,
        /// Who, and through what.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody has paused all agents of the run, or nobody keeps them so any more: that is on record already.
    Paused(Option<Braked>),
    /// Somebody ended govern's own wait: the agent is held and is to go.
    GiveUp {
        /// Whose.
        agent: AgentName,
        /// Such as `signal 15`.
        because: String,
    },
    /// A Codex runs in the agent's tree.
    CodexSeen {
        /// Whose.
        agent: AgentName,
        /// Its process: a number alone may be another Codex's later.
        process: ProcessIdentity,
        /// Its command line says that it writes no session file.
        ephemeral: bool,
        /// What it spends is told all the same, by its session file or by hooks of govern's: all but an ephemeral one and
        /// a server that have no such hooks.
        tells: bool,
        /// Who makes it ask the model.
        works: Works,
    },
    /// A Codex that asks the model of itself, and does not ask govern before, is about to: with this model and on this thread,
    /// where its command line or its configuration says so.
    CodexBegins {
        /// Whose.
        agent: AgentName,
        /// Its process.
        process: ProcessIdentity,
        /// With which model.
        model: Option<ModelId>,
        /// On which thread: it goes on with that.
        thread: Option<ThreadId>,
    },
    /// A Codex runs a tool for a thread that neither a session file nor a hook tells of.
    Stranger {
        /// Whose.
        agent: AgentName,
        /// Its Codex.
        codex: ProcessIdentity,
        /// Which.
        thread: ThreadId,
    },
    /// What a Codex spends was not seen, and will not be.
    CodexHides {
        /// Whose.
        agent: AgentName,
        /// It.
        codex: ProcessIdentity,
        /// Which it is, and what stands in the way.
        what: String,
    },
    /// The agent's command has ended, and its Codex, which asks here before each request, never did: nothing was sent.
    AskedNothing(AgentName),
    /// Session files can no longer be followed.
    Blind {
        /// Whose.
        agent: AgentName,
        /// What stands in the way.
        what: String,
    },
    /// A Codex of the agent does not call govern's hooks: what it does with tools, and the sub-agents that it starts, are
    /// not counted beforehand.
    Uncounted {
        /// Whose.
        agent: AgentName,
        /// Which, and why.
        what: String,
    },
    /// A session file is not as its Codex wrote it, or not where. What is written to it is counted all the same.
    Altered {
        /// Whose.
        agent: AgentName,
        /// Which, and what was done to it.
        what: String,
    },
    /// A tool ran, as a session file tells, that is one of those that ask first.
    Ran {
        /// Whose.
        agent: AgentName,
        /// On which thread.
        thread: ThreadId,
        /// Which, as hooks name it.
        tool: String,
        /// Its call, by the id with which it asks.
        call: String,
        /// Its Codex has hooks of govern's, or its thread has called one.
        hooked: bool,
    },
    /// A tool ran, as a session file tells, that has asked and is not what was asked about: another hook has changed it.
    RanOtherwise {
        /// Whose.
        agent: AgentName,
        /// On which thread.
        thread: ThreadId,
        /// Which, as hooks name it.
        tool: String,
        /// Its call, by the id with which it asked.
        call: String,
        /// What the policy's gates say to what ran; `None`: it meets none.
        judged: Option<Judged>,
    },
    /// What that Codex spends can be seen: it has a session file open, or a hook of it names one, and govern reads that
    /// file.
    CodexObserved {
        /// Whose.
        agent: AgentName,
        /// Which.
        process: ProcessIdentity,
    },
    /// What an agent has to show for what it spent, as far as a rule needs it.
    Progress {
        /// Whose.
        agent: AgentName,
        /// All of it, not only what is new.
        progress: Box<Progress>,
    },
    /// The Codex of a question to the governor model is gone.
    Advised {
        /// Which question.
        consult: ConsultId,
        /// What was answered, word for word.
        answer: Result<String, NoAdvice>,
    },
    /// What Codex said of the plan's own limits.
    Plan {
        /// Whose.
        agent: AgentName,
        /// All of them.
        windows: Vec<PlanWindow>,
    },
    /// What was answered where a request's amounts were to be reserved: late, twice or never, as it comes.
    Reserved {
        /// The try.
        request: RequestId,
        /// What was answered.
        answer: Reservation,
    },
    /// A timer that the governor set.
    Due(Timer),
    /// Codex waits at the gate; what it wrote before is read.
    Hook(Box<Hook>),
    /// A hook that was not answered waits no longer.
    HookGone {
        /// Which.
        hook: HookId,
        /// Why.
        why: Gone,
    },
}

/// Who makes a Codex ask the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Works {
    /// Its command line, without anybody typing first: a session file must appear.
    AtOnce,
    /// A person at its screen.
    WhenTyped,
    /// Another program: an app server. Its threads may be ephemeral ones, of which its command line says nothing.
    ForOthers,
}

/// How fast a whole run is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    /// Nothing new is started, what works ends at a safe point.
    Stop,
    /// Now.
    Kill,
}

/// What other runs wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Answers of models, in the ledger's order; none if there are too many to be told one by one.
    pub responses: Vec<Response>,
    /// There are too many: what was spent is to be read from the ledger.
    pub many: bool,
    /// Limits that were lifted.
    pub extensions: Vec<(BudgetKey, i64)>,
    /// Questions that were answered through another process.
    pub answers: Vec<Settled>,
}

/// A question that has its answer, written down already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub approval: ApprovalId,
    /// What.
    pub answer: Answer,
    /// Who, and through what.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A moment that the governor asked to be told of. One that no longer matters is ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A question's `wait` is over.
    Deadline(ApprovalId),
    /// A Codex should have been observed by now.
    Observe(AgentName, ProcessIdentity),
    /// What works on a paused agent's screen should have come to the gate by now.
    Gate(AgentName),
    /// A stop has waited long enough for what is under way.
    Drain(AgentName),
    /// A budget in minutes reaches its next step.
    Minutes,
    /// The window ends for which an agent is held.
    WindowEnd,
    /// A request at the gate has waited long enough for the record of the answer before it.
    Record(HookId),
    /// A governor model should have answered by now.
    Advice(ConsultId),
    /// An agent may have been idle for too long.
    Idle(AgentName),
    /// A plan's window begins anew for which the agent is held.
    PlanReset(AgentName),
    /// A throttled agent's next request may go.
    Pace(AgentName),
    /// An agent that waits for others' claims is looked at again.
    Room(AgentName),
    /// The answer to this try should have come by now; where nobody answered it, the request asks once more.
    Reserving(RequestId),
}
