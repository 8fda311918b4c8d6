//! The question at govern's own terminal, beside the loop: answered there, or taken back.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock;
use crate::model::ApprovalId;
use crate::model::event::Answer;
use crate::ui::Look;
use crate::ui::answer::Question;
use crate::ui::prompt::{Asked, Prompt};

/// At most one question is on the screen.
pub(super) struct Asking {
    allowed: bool,
    waiting: Option<Waiting>,
    send: mpsc::UnboundedSender<(ApprovalId, Answer)>,
    answers: mpsc::UnboundedReceiver<(ApprovalId, Answer)>,
}

/// A question that has no answer yet, on the screen or not.
struct Waiting {
    question: Question,
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
    /// `allowed`: the agent leaves the terminal to govern while it is held.
    pub(super) fn new(allowed: bool) -> Self {
        let (send, answers) = mpsc::unbounded_channel();
        Self { allowed, waiting: None, send, answers }
    }

    /// Puts a question, if there is a terminal to put it to; says whether it can be seen there at once.
    pub(super) fn put(&mut self, question: Question) -> bool {
        self.take_back(None);
        let until = question.left.and_then(|left| clock::monotonic().checked_add(left));
        let open = self.show(&question);
        let seen = open.as_ref().is_some_and(|open| open.prompt.may_ask());
        self.waiting = Some(Waiting { question, until, became: None, open });
        seen
    }

    /// govern was stopped and goes on, perhaps in the foreground: the question is put again.
    pub(super) fn put_again(&mut self) {
        let Some(mut waiting) = self.waiting.take() else { return };
        if let Some(open) = waiting.open.take() {
            open.task.abort();
        }
        waiting.question.left = waiting.until.map(|until| until.saturating_duration_since(clock::monotonic()));
        waiting.open = self.show(&waiting.question);
        self.waiting = Some(waiting);
    }

    fn show(&self, question: &Question) -> Option<Open> {
        let prompt = match Prompt::open() {
            Ok(Some(prompt)) if self.allowed => Arc::new(prompt),
            // Answers can still come from elsewhere.
            Ok(_) | Err(_) => return None,
        };
        let (asked, send, question) = (Arc::clone(&prompt), self.send.clone(), question.clone());
        let task = tokio::spawn(async move {
            let width = Look::stderr().width;
            if let Ok(Asked::Answer(answer)) = asked.ask(&question, width).await {
                // The run may be over already.
                let _ended = send.send((question.approval, answer));
            }
        });
        Some(Open { prompt, task })
    }

    /// An answer came from elsewhere: this is said where the question stood when it is taken back.
    pub(super) fn became(&mut self, what: String) {
        if let Some(waiting) = &mut self.waiting {
            waiting.became = Some(what);
        }
    }

    /// Takes the question back. What was typed and not read is dropped when this returns, so that nobody else
    /// reads half an answer. `otherwise` is said where nobody told what [`Asking::became`] of it.
    pub(super) fn take_back(&mut self, otherwise: Option<&str>) {
        let Some(Waiting { became, open: Some(open), .. }) = self.waiting.take() else { return };
        let unanswered = !open.task.is_finished();
        open.task.abort();
        open.prompt.forget_typing();
        if unanswered {
            open.prompt.withdraw(became.as_deref().or(otherwise));
        }
    }

    /// The next answer. Nothing is lost when the wait is given up.
    pub(super) async fn answer(&mut self) -> (ApprovalId, Answer) {
        match self.answers.recv().await {
            Some(answer) => answer,
            // INVARIANT: `send` lives as long as `self`, so the channel never ends.
            None => std::future::pending().await,
        }
    }
}
