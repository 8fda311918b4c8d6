//! Budgets over a class of work: they bind a thread while its last response is of that class, and from the start where
//! a person has said the class.

use std::sync::Arc;

use super::world::{CODEX, Plan, World, cents, response};
use crate::decide::Input;
use crate::model::{AgentName, Response, WorkClass};
use crate::work::{Classed, Own};

const LOOKING: &str = "[[budget]]\nname = \"looking\"\nper = \"run\"\nlimit = \"2.50 usd\"\nonly = { work = [\"research\"] }\n\
                       steps = [{ at = \"100%\", do = \"stop\" }]\n";

/// The same for all runs of a day.
fn over_runs() -> String {
    LOOKING.replace("\"run\"", "\"team\"\nwindow = \"day\"")
}

impl World {
    /// The thread is answered as part of a turn of this class.
    fn answers_of(&mut self, thread: &str, tokens: u64, class: WorkClass) {
        self.pass(1);
        let answer = response(CODEX, thread, "dear", tokens, self.now.wall);
        self.responds(Response { work: Some(class), ..answer });
    }

    /// The thread's last response is of another class than it was told as; the ledger has it first.
    fn turns_into(&mut self, thread: &str, class: WorkClass) {
        let last = self.shelf.get_mut().responses.iter_mut().rfind(|one| one.thread.as_str() == thread).unwrap();
        last.work = Some(class);
        let responses = vec![(last.thread.clone(), last.key.clone())];
        self.feed(Input::Classed { agent: AgentName::new(CODEX), classed: Classed { class, responses } });
    }
}

#[test]
fn another_threads_class_takes_no_budget_off_a_thread() {
    let mut world = Plan::of(&over_runs()).started();
    world.requests(CODEX, "root", "dear");
    world.answers_of("root", 1_000, WorkClass::Research);
    world.requests(CODEX, "sub", "dear");
    world.answers_of("sub", 100, WorkClass::Research);
    world.turns_into("sub", WorkClass::Edit);
    assert_eq!(world.spent("looking"), cents(100), "what is no research any more is not counted");
    assert!(world.requests(CODEX, "root", "dear"), "{}", world.told());
    assert_eq!(world.claimed(), cents(100), "room is kept for a request of the research");
}

#[test]
fn a_thread_that_turns_to_other_work_is_free_and_bound_again_when_it_turns_back() {
    let mut world = Plan::of(LOOKING).started();
    world.requests(CODEX, "root", "dear");
    world.answers_of("root", 1_000, WorkClass::Research);
    world.turns_into("root", WorkClass::Edit);
    assert!(world.requests(CODEX, "root", "dear"));
    assert_eq!((world.spent("looking"), world.claimed()), (0, 0));
    world.answers_of("root", 1_000, WorkClass::Research);
    assert_eq!(world.spent("looking"), cents(100));
    assert!(world.requests(CODEX, "root", "dear"));
    world.answers_of("root", 1_000, WorkClass::Research);
    // Two dollars of two and a half, and the next one takes one.
    assert!(!world.requests(CODEX, "root", "dear"), "{}", world.told());
}

#[test]
fn a_class_that_is_said_is_bound_before_the_first_response() {
    for (class, goes_on) in [(WorkClass::Research, false), (WorkClass::Edit, true)] {
        let mut plan = Plan::of(&over_runs()).spent_before("r0", "2026-11-24T09:00:00Z", "dear", 2_400);
        plan.shelf.responses.iter_mut().for_each(|earlier| earlier.work = Some(WorkClass::Research));
        plan.policy.work = Arc::new(Own { said: Some(class), ..Own::default() });
        plan.firsts.insert(AgentName::new(CODEX), plan.shelf.responses.clone());
        let mut world = plan.started();
        assert_eq!(world.requests(CODEX, "root", "dear"), goes_on, "{class}: {}", world.told());
    }
}
