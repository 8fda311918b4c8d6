//! Questions on the page: a token is shown to the run that waits, and the answer is taken to it.

use crate::cli::here;
use crate::error::Result;
use crate::gate::message::{Message, Reply};
use crate::gate::socket::{self, SocketError};
use crate::ledger::{Ledger, LedgerError, outbox, state_folder};
use crate::model::notice::{NOTICE_SCHEMA, NoticeQuestion};
use crate::model::{Approval, ApprovalId, ApprovalState, Notice, NoticeKind, RunInfo, Subject};
use crate::prepare::here::Here;
use crate::report::html::question::QuestionPage;
use crate::report::text::moment;
use crate::serve::page::questions::{Came, FormAnswer, Found, Right};
use crate::serve::whence_of;

/// What whoever has this right to it may see of a question.
pub(super) fn question(id: ApprovalId, right: &Right) -> Result<Found> {
    let here = here()?;
    let Some(ledger) = here.ledger()? else { return Ok(Found::Foreign) };
    let approval = match ledger.questions().find(id) {
        Ok(approval) => approval,
        Err(LedgerError::NoSuchApproval { .. }) => return Ok(Found::Foreign),
        Err(error) => return Err(error.into()),
    };
    if approval.state != ApprovalState::Pending {
        return Ok(Found::Over);
    }
    let newest = outbox::newest_question(&ledger, id)?;
    let asked = newest.as_ref().and_then(|notice| notice.question.clone());
    let (reader, notice, asked) = match (right, newest.zip(asked)) {
        (Right::Token(token), Some((notice, asked))) => {
            let message = Message::Whose { approval: id, token: token.clone() };
            let Ok(reader) = say(&ledger, id, &message, &here)? else { return Ok(Found::Foreign) };
            (reader, notice, asked)
        }
        // The letter of a token was made of a notice.
        (Right::Token(_), None) => return Ok(Found::Foreign),
        (Right::Person(_, name), Some((notice, asked))) => (name.clone(), notice, asked),
        // Where nothing is sent to anybody, no notice was written.
        (Right::Person(_, name), None) => {
            let asked = asked_as(&approval);
            let run = ledger.runs().find(approval.run.as_str()).ok();
            (name.clone(), noticed(&approval, &asked, run.as_ref()), asked)
        }
    };
    let zone = here.timezone().unwrap_or(chrono_tz::Tz::UTC);
    let until = approval.deadline.map(|deadline| format!("until {} {}", moment(deadline, zone), zone.name()));
    let whence = whence_of(run_of(&ledger, &notice).as_ref());
    Ok(Found::Waits(Box::new(QuestionPage { notice, asked, reader, whence, until })))
}

/// The question as the ledger has it. What a cheaper model would be is known to the run alone.
fn asked_as(approval: &Approval) -> NoticeQuestion {
    let (options, allows): (&[&str], String) = match approval.about {
        Subject::Limit => (&["approve", "extend", "deny", "kill"], format!("{} more", approval.extend)),
        Subject::Step => {
            (&["approve", "extend", "deny", "kill"], "it goes on to the next step of the budget".to_owned())
        }
        Subject::Ahead => (&["approve", "extend", "deny"], format!("{} more", approval.extend)),
        Subject::Review => (&["approve", "deny"], "what needs its work starts".to_owned()),
        Subject::Alert => (&["approve", "deny", "kill"], "it goes on".to_owned()),
        Subject::Call if approval.is_of_request() => {
            (&["approve", "for", "run", "deny"], "this request is sent, once".to_owned())
        }
        Subject::Call => (&["approve", "for", "run", "deny"], "this call runs, once".to_owned()),
    };
    NoticeQuestion {
        id: approval.id.0,
        asks: approval.question.clone(),
        options: options.iter().map(|&option| option.to_owned()).collect(),
        expires: approval.deadline,
        allows: Some(allows),
        offer: (approval.extend.amount > 0).then(|| approval.extend.to_string()),
        ..NoticeQuestion::default()
    }
}

fn noticed(approval: &Approval, asked: &NoticeQuestion, run: Option<&RunInfo>) -> Notice {
    let belongs = run.map(|run| run.attribution.clone()).unwrap_or_default();
    Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: String::new(),
        time: approval.asked,
        kind: NoticeKind::Question,
        run: Some(approval.run.to_string()),
        agent: Some(approval.agent.to_string()),
        team: belongs.team,
        project: belongs.project,
        text: approval.question.clone(),
        budget: None,
        question: Some(asked.clone()),
        decision: None,
        progress: None,
        alert: None,
    }
}

fn run_of(ledger: &Ledger, notice: &Notice) -> Option<RunInfo> {
    ledger.runs().find(notice.run.as_deref()?).ok()
}

/// Takes an answer to the run that waits for it.
pub(super) fn answer(wanted: FormAnswer) -> Result<Came> {
    let here = here()?;
    let Some(ledger) = here.ledger()? else { return Ok(Came::Not("nobody waits for an answer".to_owned())) };
    let FormAnswer { approval, wish, reason, by } = wanted;
    let (who, token) = match by {
        Right::Token(token) => (None, Some(token)),
        Right::Person(who, _) => (Some(who), None),
    };
    let message = Message::Answer { approval, wish, reason, who, token };
    Ok(match say(&ledger, approval, &message, &here)? {
        Ok(what) => {
            wake_all(&ledger, approval, &here)?;
            Came::Taken(what)
        }
        Err(why) => Came::Not(why),
    })
}

/// Says it to each run that waits until one does it. Of several that share a question one may know the token that another
/// was not told.
fn say(
    ledger: &Ledger,
    id: ApprovalId,
    message: &Message,
    here: &Here<'_>,
) -> Result<std::result::Result<String, String>> {
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    let mut why = "nobody waits for an answer any more: the run is over".to_owned();
    for run in ledger.questions().waiting_for(id)? {
        let info = ledger.runs().find(run.as_str())?;
        match socket::call(&sockets, &run, message, &|connection, named| crate::cli::is_own(&info, connection, named)) {
            Ok(Reply::Done { what }) => return Ok(Ok(what)),
            Ok(Reply::Refused { why: said, .. }) => why = said,
            Err(SocketError::NotLive(_)) => {}
            Err(error) => why = error.to_string(),
        }
    }
    Ok(Err(why))
}

/// All that wait for the same answer look at once.
fn wake_all(ledger: &Ledger, id: ApprovalId, here: &Here<'_>) -> Result<()> {
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    for run in ledger.questions().waiting_for(id)? {
        // One that is gone needs no waking; nothing that is said to this is believed.
        let _gone = socket::call(&sockets, &run, &Message::Wake, &|_, _| true);
    }
    Ok(())
}
