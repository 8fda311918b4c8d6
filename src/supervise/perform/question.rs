//! A question that was asked: put at the terminal where somebody there may answer it, or said.

use std::time::Duration;

use crate::clock;
use crate::decide::message::{About, Question};
use crate::decide::people::permission;
use crate::model::{Answerer, ApprovalId, Door, MayAnswer};
use crate::policy::rule::Refusal;
use crate::supervise::core::Core;
use crate::supervise::intake::people::Asking;
use crate::supervise::turns::Turns;
use crate::turn::answers;
use crate::turn::login::{own_login, started_by};
use crate::ui;

/// Puts a question to whoever sits at the terminal, or says who else answers it.
pub(super) fn open_prompt(question: Question, asking: &mut Asking, core: &mut Core) {
    // INVARIANT: the turn that asked gave the question its number.
    let Some(approval) = core.governor().approval_of(&question) else { return };
    if question.about == About::Ahead {
        let who = core.governor().policy().approvals.named().unwrap_or_else(|| "somebody".to_owned());
        core.journal.say(&format!("asked ahead: {} — `{}`", question.text, question.agent));
        core.journal
            .say(&format!("it goes on meanwhile; {who} answers: govern approve {approval}, govern deny {approval}"));
        return;
    }
    let (agent, text, cost, about) = (question.agent.clone(), question.text.clone(), question.cost, question.about);
    // A screen that is alive is left to its program, which shows what is said.
    let asked = core.governor().agent(&agent);
    let at_gate = asked
        .is_some_and(|agent| agent.gate.is_shut() || (agent.gate.approval(&question).is_some() && !agent.is_stilled()));
    let alive = core.run.full_screen && at_gate;
    // Nobody is asked here whose answer would not be taken.
    let here = Answerer::login(own_login(), Door::Prompt);
    let may_answer = permission::judge(&core.governor().approvals_of(&question), &here, &started_by(), None).is_ok();
    let may = answers::may_answer(core.governor(), &question);
    let seen = !alive
        && may_answer
        && asking.put(ui::answer::PromptQuestion {
            approval,
            agent: question.agent,
            standing: question.text,
            cost: question.cost,
            extend: question.extend,
            most: core.governor().policy().approvals.max_extend,
            route: question.route_to,
            left: time_left(approval, &core.turns).or(Some(question.wait)),
            otherwise: question.about.at_gate().map_or(question.otherwise.as_str(), Refusal::as_str),
            about: question.about,
        });
    if !seen {
        core.journal.say(&format!("ask: {text} — `{agent}`, {cost} so far"));
        let waits = if about == About::Review { "is done, and what needs it waits" } else { "is held" };
        core.journal.say(&format!("agent `{agent}` {waits} until {}", until_answered(&may, approval)));
    }
}

/// How long a question waits yet: one that another run has put, as long as it does there.
fn time_left(approval: ApprovalId, turns: &Turns) -> Option<Duration> {
    let deadline = turns.ledger()?.questions().find(approval).ok()?.deadline?;
    Some((deadline - clock::now()).to_std().unwrap_or_default())
}

/// `alice answers: govern approve 7, govern deny 7`.
fn until_answered(may: &MayAnswer, approval: ApprovalId) -> String {
    let who = may.who().unwrap_or_else(|| "somebody".to_owned());
    match (may.command("approve", approval), may.command("deny", approval)) {
        (Some(approve), Some(deny)) if may.here => format!("{who} answers: {approve}, {deny}"),
        (Some(approve), Some(deny)) => format!("{who} answers, with the TOKEN of the letter: {approve}, {deny}"),
        _ if may.slack => format!("{who} answers question {approval} in Slack"),
        _ if may.page => format!("{who} answers question {approval} on the page of `govern serve`"),
        _ => format!("{who} answers question {approval}: no channel of `[notify]` reaches them"),
    }
}
