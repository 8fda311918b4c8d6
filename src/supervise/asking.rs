//! The question at govern's own terminal, beside the loop: answered there, or taken back.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::model::ApprovalId;
use crate::model::event::Answer;
use crate::ui::Look;
use crate::ui::answer::Question;
use crate::ui::prompt::{Asked, Prompt};

/// At most one question is on the screen.
pub(super) struct Asking {
    allowed: bool,
    open: Option<Open>,
    send: mpsc::UnboundedSender<(ApprovalId, Answer)>,
    answers: mpsc::UnboundedReceiver<(ApprovalId, Answer)>,
}

struct Open {
    prompt: Arc<Prompt>,
    task: JoinHandle<()>,
}

impl Asking {
    /// `allowed`: the agent leaves the terminal to govern while it is held.
    pub(super) fn new(allowed: bool) -> Self {
        let (send, answers) = mpsc::unbounded_channel();
        Self { allowed, open: None, send, answers }
    }

    /// Puts a question, if there is a terminal to put it to.
    pub(super) fn put(&mut self, question: Question) {
        self.take_back(None);
        let prompt = match Prompt::open() {
            Ok(Some(prompt)) if self.allowed => Arc::new(prompt),
            // Answers can still come from elsewhere.
            Ok(_) | Err(_) => return,
        };
        let (asked, send) = (Arc::clone(&prompt), self.send.clone());
        let task = tokio::spawn(async move {
            let width = Look::stderr().width;
            if let Ok(Asked::Answer(answer)) = asked.ask(&question, width).await {
                // The run may be over already.
                let _ended = send.send((question.approval, answer));
            }
        });
        self.open = Some(Open { prompt, task });
    }

    /// Takes the question back; `because` is said where it stood.
    pub(super) fn take_back(&mut self, because: Option<&str>) {
        let Some(open) = self.open.take() else { return };
        let unanswered = !open.task.is_finished();
        open.task.abort();
        if let Some(because) = because.filter(|_| unanswered).map(str::to_owned) {
            tokio::spawn(async move {
                // A terminal that went away has nobody to tell.
                let _gone = open.prompt.withdraw(&because).await;
            });
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
