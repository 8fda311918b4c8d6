//! The question at govern's own terminal, beside the loop: answered there, or taken back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::clock;
use crate::model::event::Answer;
use crate::model::{AgentName, ApprovalId};
use crate::process::{Lent, Terminal};
use crate::ui::Layout;
use crate::ui::answer::PromptQuestion;
use crate::ui::prompt::{Prompt, PromptEnd};

/// How long a program that was given its screen back has to see that the window is shorter.
const SEEN: Duration = Duration::from_millis(500);

/// At most one question is on the screen.
pub(in crate::supervise) struct Asking {
    allowed: bool,
    /// The terminal, where the agent takes the whole screen: it is borrowed for the question.
    screen: Option<Terminal>,
    lent: Option<Lent>,
    waiting: Option<Waiting>,
    /// Of other agents, with their ends: one after the other.
    later: VecDeque<(PromptQuestion, Option<Instant>)>,
    /// A line for each of those, which stands above the one that is put.
    others: watch::Sender<Vec<String>>,
    send: mpsc::UnboundedSender<(ApprovalId, Answer)>,
    answers: mpsc::UnboundedReceiver<(ApprovalId, Answer)>,
}

/// A question that has no answer yet, on the screen or not.
struct Waiting {
    question: PromptQuestion,
    until: Option<Instant>,
    /// What became of it, once an answer came from elsewhere.
    became: Option<String>,
    open: Option<Open>,
}

struct Open {
    prompt: Arc<Prompt>,
    task: JoinHandle<()>,
}

impl Asking {
    /// `allowed`: there is a terminal to ask at. `screen`: it, if the agent takes it whole.
    pub(in crate::supervise) fn new(allowed: bool, screen: Option<Terminal>) -> Self {
        let (send, answers) = mpsc::unbounded_channel();
        Self {
            allowed,
            screen,
            lent: None,
            waiting: None,
            later: VecDeque::new(),
            others: watch::Sender::new(Vec::new()),
            send,
            answers,
        }
    }

    /// The agent goes on: it gets its screen back, if that was borrowed.
    pub(in crate::supervise) fn give_back_screen(&mut self) {
        if let (Some(screen), Some(lent)) = (&self.screen, self.lent.take())
            && let Some(shorter) = screen.give_back(&lent)
        {
            tokio::spawn(async move {
                tokio::time::sleep(SEEN).await;
                drop(shorter);
            });
        }
    }

    /// The agent's screen is in govern's hands.
    pub(in crate::supervise) fn has_screen(&self) -> bool {
        self.lent.is_some()
    }

    /// A question stands on the screen.
    pub(in crate::supervise) fn is_on_screen(&self) -> bool {
        let open = self.waiting.as_ref().and_then(|waiting| waiting.open.as_ref());
        open.is_some_and(|open| !open.task.is_finished() && open.prompt.may_ask())
    }

    /// The question that waits for an answer here.
    pub(in crate::supervise) fn approval(&self) -> Option<ApprovalId> {
        self.waiting.as_ref().map(|waiting| waiting.question.approval)
    }

    /// The agent that it is about.
    pub(in crate::supervise) fn agent(&self) -> Option<&AgentName> {
        self.waiting.as_ref().map(|waiting| &waiting.question.agent)
    }

    /// Puts the next question that still waits, where none is on the screen.
    pub(in crate::supervise) fn put_next(&mut self, waits: impl Fn(ApprovalId) -> bool) {
        self.later.retain(|(question, _)| waits(question.approval));
        while self.waiting.is_none() {
            let Some((mut question, until)) = self.later.pop_front() else { break };
            question.left = until.map(|until| until.saturating_duration_since(clock::monotonic()));
            self.tell_others();
            self.put(question);
        }
        self.tell_others();
    }

    /// Has the question on the screen say which others are open.
    fn tell_others(&self) {
        let lines: Vec<String> = self.later.iter().map(|(question, _)| question.in_a_line()).collect();
        self.others.send_if_modified(|known| {
            let differs = *known != lines;
            *known = lines;
            differs
        });
    }

    /// Puts a question, if there is a terminal to put it to; says whether it can be seen there at once. That of another
    /// agent is put later.
    pub(in crate::supervise) fn put(&mut self, question: PromptQuestion) -> bool {
        let until = question.left.and_then(|left| clock::monotonic().checked_add(left));
        if self.agent().is_some_and(|agent| *agent != question.agent) {
            self.later.push_back((question, until));
            self.tell_others();
            return false;
        }
        self.take_back(None);
        let open = self.show(&question);
        let seen = open.as_ref().is_some_and(|open| open.prompt.may_ask());
        self.waiting = Some(Waiting { question, until, became: None, open });
        seen
    }

    /// govern was stopped and goes on, perhaps in the foreground: the question is put again.
    pub(in crate::supervise) fn put_again(&mut self) {
        let Some(mut waiting) = self.waiting.take() else { return };
        if let Some(open) = waiting.open.take() {
            open.task.abort();
        }
        waiting.question.left = waiting.until.map(|until| until.saturating_duration_since(clock::monotonic()));
        waiting.open = self.show(&waiting.question);
        self.waiting = Some(waiting);
    }

    fn show(&mut self, question: &PromptQuestion) -> Option<Open> {
        if self.allowed && self.lent.is_none() {
            self.lent = self.screen.as_ref().and_then(Terminal::lend);
        }
        let prompt = match Prompt::open() {
            Ok(Some(prompt)) if self.allowed => Arc::new(prompt),
            // Answers can still come from elsewhere.
            Ok(_) | Err(_) => return None,
        };
        let (asked, send, question) = (Arc::clone(&prompt), self.send.clone(), question.clone());
        let others = self.others.subscribe();
        let task = tokio::spawn(async move {
            if let Ok(PromptEnd::Answer(answer)) = asked.ask(&question, Layout::terminal(), others).await {
                // The run may be over already.
                let _ended = send.send((question.approval, answer));
            }
        });
        Some(Open { prompt, task })
    }

    /// An answer came from elsewhere: this is said where the question stood when it is taken back.
    pub(in crate::supervise) fn became(&mut self, what: String) {
        if let Some(waiting) = &mut self.waiting {
            waiting.became = Some(what);
        }
    }

    /// Takes the question back. What was typed and not read is dropped when this returns, so that nobody else
    /// reads half an answer. `otherwise` is said where nobody told what [`Asking::became`] of it.
    pub(in crate::supervise) fn take_back(&mut self, otherwise: Option<&str>) {
        let Some(Waiting { became, open: Some(open), .. }) = self.waiting.take() else { return };
        let unanswered = !open.task.is_finished();
        open.task.abort();
        open.prompt.forget_typing();
        if unanswered {
            open.prompt.withdraw(became.as_deref().or(otherwise));
        }
    }

    /// The next answer. Nothing is lost when the wait is given up.
    pub(in crate::supervise) async fn answer(&mut self) -> (ApprovalId, Answer) {
        match self.answers.recv().await {
            Some(answer) => answer,
            // INVARIANT: `send` lives as long as `self`, so the channel never ends.
            None => std::future::pending().await,
        }
    }
}
