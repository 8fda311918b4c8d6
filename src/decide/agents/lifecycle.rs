//! An agent's treatment as a table: state × happening → next state and orders.

/// How an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not started, or is to be started once more from the beginning.
    Waiting,
    /// Its command is being started; a wish that came meanwhile waits.
    Starting(Option<Intent>),
    /// It works.
    Running,
    /// It is being frozen, for this.
    Freezing(Intent),
    /// It stands still until a question is answered.
    Held,
    /// It stands still because somebody paused it; nothing is asked.
    Paused,
    /// Its tree is being ended, and then this follows.
    Ending(After),
    /// Nothing is left of it.
    Gone,
}

/// What is to be done with an agent once it stands still, by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// Go on with another model.
    Route,
    /// Let it stand still until somebody lets it go on.
    Pause,
    /// Ask a person.
    Ask,
    /// End it at this safe point.
    Stop,
    /// End it now.
    Kill,
}

/// What follows when the tree is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It failed, and begins from the beginning.
    Retry,
    /// The thread goes on with another model.
    Restart,
    /// The end, stopped.
    Stopped,
    /// The end, killed.
    Killed,
}

/// What happens to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its time has come.
    Launch,
    /// What it needs came to nothing.
    Skip,
    /// Its command had ended well before the run went on.
    Done,
    /// Its command is being executed.
    Launched,
    /// A verdict or an answer wants this.
    Wish(Intent),
    /// It stands still; `safe` when no request is under way.
    Frozen {
        /// No thread has a request under way.
        safe: bool,
    },
    /// It is held at the gate and to be stopped once the answers that are under way have come.
    Await,
    /// It may go on.
    Release,
    /// Nothing is asked any more, but it is paused.
    Park,
    /// It is paused at the gate, and something may go past that.
    Loose,
    /// Its command ended by itself, and well.
    Exited,
    /// Its command failed, or could not be started.
    Failed,
    /// Its command failed and is to be started anew.
    Retry,
    /// Its tree, which govern ended, is gone.
    Ended,
}

/// What the table wants done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start its command.
    Launch,
    /// Let it stand still.
    Freeze,
    /// Let it go on.
    Thaw,
    /// End its tree.
    End,
    /// Start its thread again.
    Restart,
    /// Put the question.
    Ask,
    /// It is over.
    Finish,
}

/// The table. What can't happen in a state changes nothing.
pub fn next(state: State, happening: Happening) -> (State, &'static [Order]) {
    use Happening as H;
    use State as S;
    match (state, happening) {
        (S::Gone, _) => (S::Gone, &[]),

        (S::Waiting, H::Launch) => (S::Starting(None), &[Order::Launch]),
        (S::Waiting, H::Skip | H::Done | H::Wish(Intent::Stop | Intent::Kill)) => (S::Gone, &[Order::Finish]),

        (S::Starting(None), H::Launched) => (S::Running, &[]),
        (S::Starting(Some(intent)), H::Launched) => (S::Freezing(intent), &[Order::Freeze]),
        (S::Starting(waiting), H::Wish(intent)) => (S::Starting(waiting.max(Some(intent))), &[]),

        (S::Running, H::Wish(intent)) => (S::Freezing(intent), &[Order::Freeze]),

        (S::Freezing(earlier), H::Wish(intent)) => (S::Freezing(earlier.max(intent)), &[]),
        (S::Freezing(Intent::Ask), H::Frozen { .. }) => (S::Held, &[Order::Ask]),
        (S::Freezing(Intent::Pause), H::Frozen { .. }) => (S::Paused, &[]),
        // A restart may wait for a moment when no answer would be lost; an end may not.
        (S::Freezing(Intent::Route), H::Frozen { safe: false }) => (S::Running, &[Order::Thaw]),
        (S::Freezing(intent), H::Frozen { .. }) => (S::Ending(after(intent)), &[Order::End]),
        (S::Freezing(_), H::Release) => (S::Running, &[Order::Thaw]),
        (S::Freezing(Intent::Route | Intent::Pause | Intent::Ask), H::Park) => (S::Freezing(Intent::Pause), &[]),

        (S::Held, H::Wish(Intent::Ask | Intent::Pause)) => (S::Held, &[]),
        (S::Held, H::Wish(intent)) => (S::Ending(after(intent)), &[Order::End]),
        (S::Held, H::Release) => (S::Running, &[Order::Thaw]),
        (S::Held, H::Park) => (S::Paused, &[]),

        (S::Paused, H::Wish(Intent::Pause)) => (S::Paused, &[]),
        (S::Paused, H::Wish(Intent::Ask)) => (S::Held, &[Order::Ask]),
        (S::Paused, H::Wish(intent)) => (S::Ending(after(intent)), &[Order::End]),
        (S::Held | S::Paused, H::Await) => (S::Freezing(Intent::Stop), &[Order::Freeze]),
        (S::Paused, H::Loose) => (S::Freezing(Intent::Pause), &[Order::Freeze]),
        (S::Paused, H::Release) => (S::Running, &[Order::Thaw]),

        // An end that is under way only gets more final.
        (S::Ending(After::Restart | After::Retry), H::Wish(Intent::Stop)) => (S::Ending(After::Stopped), &[]),
        (S::Ending(After::Restart | After::Retry | After::Stopped), H::Wish(Intent::Kill)) => {
            (S::Ending(After::Killed), &[Order::End])
        }
        (S::Ending(After::Restart), H::Ended) => (S::Starting(None), &[Order::Restart]),
        (S::Ending(After::Retry), H::Ended) => (S::Waiting, &[]),
        (S::Ending(After::Stopped | After::Killed), H::Ended) => (S::Gone, &[Order::Finish]),

        (S::Starting(_) | S::Running | S::Freezing(_) | S::Held | S::Paused, H::Exited | H::Failed | H::Ended) => {
            (S::Gone, &[Order::Finish])
        }
        // It failed before it stood still to be ended: it is not tried again.
        (S::Starting(Some(Intent::Stop | Intent::Kill)) | S::Freezing(Intent::Stop | Intent::Kill), H::Retry) => {
            (S::Gone, &[Order::Finish])
        }
        // What its command left behind must be gone before it is started again.
        (S::Starting(_) | S::Running | S::Freezing(_) | S::Held | S::Paused, H::Retry) => {
            (S::Ending(After::Retry), &[Order::End])
        }

        (S::Starting(Some(Intent::Pause)), H::Release) => (S::Starting(None), &[]),
        (
            S::Waiting,
            H::Launched
            | H::Wish(Intent::Route | Intent::Pause | Intent::Ask)
            | H::Frozen { .. }
            | H::Await
            | H::Release
            | H::Park
            | H::Loose
            | H::Exited
            | H::Failed
            | H::Retry
            | H::Ended,
        )
        | (
            S::Starting(_) | S::Running | S::Freezing(_) | S::Held | S::Paused | S::Ending(_),
            H::Launch | H::Skip | H::Done,
        )
        | (S::Starting(_) | S::Running, H::Frozen { .. } | H::Await | H::Release | H::Park | H::Loose)
        | (S::Running | S::Freezing(_) | S::Held | S::Paused | S::Ending(_), H::Launched)
        | (S::Freezing(_), H::Await | H::Park | H::Loose)
        | (S::Held, H::Loose)
        | (S::Held | S::Paused, H::Frozen { .. })
        | (S::Paused, H::Park)
        | (
            S::Ending(_),
            H::Wish(_)
            | H::Frozen { .. }
            | H::Await
            | H::Release
            | H::Park
            | H::Loose
            | H::Exited
            | H::Failed
            | H::Retry,
        ) => (state, &[]),
    }
}

fn after(intent: Intent) -> After {
    match intent {
        Intent::Route => After::Restart,
        Intent::Pause | Intent::Ask | Intent::Stop => After::Stopped,
        Intent::Kill => After::Killed,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    const INTENTS: [Intent; 5] = [Intent::Route, Intent::Pause, Intent::Ask, Intent::Stop, Intent::Kill];

    fn states() -> Vec<State> {
        let starting = [None, Some(Intent::Pause), Some(Intent::Stop)].map(State::Starting);
        let mut all = vec![State::Waiting];
        all.extend(starting);
        all.push(State::Running);
        all.extend(INTENTS.map(State::Freezing));
        all.extend([State::Held, State::Paused]);
        all.extend([After::Restart, After::Retry, After::Stopped, After::Killed].map(State::Ending));
        all.push(State::Gone);
        all
    }

    fn happenings() -> Vec<Happening> {
        let mut all = vec![Happening::Launch, Happening::Skip, Happening::Done, Happening::Launched];
        all.extend(INTENTS.map(Happening::Wish));
        all.extend([Happening::Frozen { safe: true }, Happening::Frozen { safe: false }]);
        all.extend([Happening::Await, Happening::Release, Happening::Park, Happening::Loose]);
        all.extend([Happening::Exited, Happening::Failed, Happening::Retry, Happening::Ended]);
        all
    }

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in states() {
            for happening in happenings() {
                let (after, orders) = next(state, happening);
                if after == state && orders.is_empty() {
                    continue;
                }
                writeln!(table, "{state:?} × {happening:?} → {after:?} {orders:?}").unwrap();
            }
        }
        insta::assert_snapshot!(table);
    }

    fn any_happening() -> impl Strategy<Value = Happening> {
        proptest::sample::select(happenings())
    }

    proptest! {
        #[test]
        fn nothing_is_done_to_an_agent_that_is_gone(happening in any_happening()) {
            let (state, orders) = next(State::Gone, happening);
            prop_assert_eq!(state, State::Gone);
            prop_assert!(orders.is_empty());
        }

        #[test]
        fn a_kill_is_never_taken_back(story in proptest::collection::vec(any_happening(), 1..20)) {
            let mut state = next(State::Running, Happening::Wish(Intent::Kill)).0;
            for happening in story {
                if happening == Happening::Release {
                    continue; // Only a person or a new window releases, and neither does so against a kill.
                }
                let (after, orders) = next(state, happening);
                prop_assert!(!orders.contains(&Order::Thaw) && !orders.contains(&Order::Restart));
                state = after;
            }
        }
    }
}
