//! What people and their programs are told of a run: each notice is written in the transaction of what it is about.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::clock;
use crate::codex::redact;
use crate::decide::Governor;
use crate::decide::agents::Agent;
use crate::decide::message::{About, Question};
use crate::decide::people::permission;
use crate::ledger::outbox::{self, Follows};
use crate::ledger::{LedgerError, Put, Turn};
use crate::model::event::{Decision, EventKind};
use crate::model::notice::{NOTICE_SCHEMA, NoticeAlert, NoticeBudget, NoticeProgress, NoticeQuestion};
use crate::model::{
    AgentName, Answerer, Attribution, Brake, BudgetName, Door, Event, Money, Notice, NoticeKind, RunId, Timestamp,
    Unit, Verb,
};
use crate::policy::notify::{Address, Redact};
use crate::policy::rule::Refusal;
use crate::report::timeline::told;

use super::folding;
use super::login::{own_login, started_by};

/// What a question's followers are told by.
const SETTLED: [NoticeKind; 3] = [NoticeKind::Decided, NoticeKind::Withdrawn, NoticeKind::Expired];

/// Says what happened to whoever wants to know; whether anything was written.
pub(crate) fn of_event(
    turn: &mut Turn<'_>,
    governor: &Governor,
    run: &RunId,
    agent: Option<&AgentName>,
    kind: &EventKind,
) -> Result<bool, LedgerError> {
    let notify = &governor.policy().notify;
    if notify.is_empty() {
        return Ok(false);
    }
    let belongs = belongs(governor, agent);
    let (mut told_already, mut written) = (Vec::new(), false);
    for (number, what) in kinds(kind).into_iter().enumerate() {
        let mut copies = notify.copies(what, agent, &belongs);
        if what == NoticeKind::Pause && !may_continue_here(governor) {
            // To let it go on is an answer, and those alone can give it whom questions go to.
            copies.extend(notify.copies(NoticeKind::Question, agent, &belongs));
            copies.sort();
            copies.dedup_by(|one, other| one.to == other.to);
        }
        copies.retain(|copy| !told_already.contains(&copy.to));
        if copies.is_empty() {
            continue;
        }
        told_already.extend(copies.iter().map(|copy| copy.to.clone()));
        let now = clock::now();
        let text = redact(&in_words(run, agent, kind));
        let budget = match kind {
            EventKind::Decided(decision) if decision.alert.is_none() => {
                Some(budget(governor, &decision.budget, &decision.scope))
            }
            _ => None,
        };
        let alert = match kind {
            EventKind::Decided(decision) if what == NoticeKind::Alert => told_alert(decision, agent, now),
            _ => None,
        };
        let notice = Notice { id: new_id(number), text, budget, alert, ..blank(what, run, agent, &belongs, now) };
        if notice.alert.is_some() {
            // A program counts by itself; a person reads one message that counts.
            let (programs, persons): (Vec<_>, Vec<_>) =
                copies.into_iter().partition(|copy| copy.to == Address::Webhook);
            if !persons.is_empty() {
                let to = persons.iter().map(|copy| copy.to.to_string()).collect();
                let notice = Notice { id: format!("{}_folded", notice.id), ..notice.clone() };
                written |= folding::post(turn, notice, to, governor.policy().timezone)?;
            }
            copies = programs;
            if copies.is_empty() {
                continue;
            }
        }
        let to: Vec<(String, Timestamp)> = copies.iter().map(|copy| (copy.to.to_string(), now)).collect();
        written |= outbox::post(turn, &notice, &to, None)?;
    }
    Ok(written)
}

/// The alert of a decision that only tells of it: what holds or ends an agent is told each time.
fn told_alert(decision: &Decision, agent: Option<&AgentName>, since: Timestamp) -> Option<NoticeAlert> {
    let name = decision.alert.as_ref().filter(|_| decision.verb == Verb::Warn)?.to_string();
    let agents = agent.map(ToString::to_string).into_iter().collect();
    Some(NoticeAlert { name, times: 1, since, agents })
}

/// Whoever has the account may let a run go on.
fn may_continue_here(governor: &Governor) -> bool {
    let own = Answerer::login(own_login(), Door::Cli);
    permission::judge(&governor.policy().approvals, &own, &started_by(), None).is_ok()
}

/// Puts a question to whoever wants to know; whether anything was written. Who waits for the answer to another run's
/// question puts it to those alone whom that run did not: one question, however many it holds.
pub(crate) fn of_question(
    turn: &mut Turn<'_>,
    governor: &Governor,
    run: &RunId,
    question: &Question,
    put: Put,
) -> Result<bool, LedgerError> {
    let notify = &governor.policy().notify;
    if notify.is_empty() {
        return Ok(false);
    }
    let agent = Some(&question.agent);
    let belongs = belongs(governor, agent);
    let reached = if put.new { Vec::new() } else { outbox::reached_by_question(turn, put.approval)? };
    let is_new = |copy: &crate::policy::notify::Copy| !reached.contains(&copy.to.to_string());
    let follows: Follows = SETTLED
        .into_iter()
        .map(|kind| {
            let copies = notify.copies(kind, agent, &belongs).into_iter().filter(is_new);
            (kind, copies.map(|copy| copy.to.to_string()).collect())
        })
        .collect::<BTreeMap<_, Vec<String>>>();
    let now = clock::now();
    let mut copies = notify.copies(NoticeKind::Question, agent, &belongs);
    copies.retain(is_new);
    let to: Vec<(String, Timestamp)> = copies
        .iter()
        .map(|copy| {
            let after = TimeDelta::from_std(copy.after).unwrap_or_default();
            (copy.to.to_string(), now.checked_add_signed(after).unwrap_or(now))
        })
        .collect();
    if to.is_empty() && follows.values().all(Vec::is_empty) {
        return Ok(false);
    }
    let asks = match (notify.redact, question.about.at_gate()) {
        (Redact::All, Some(_)) => "something waits at a gate; what it would do is not sent".to_owned(),
        (Redact::Secrets, _) | (Redact::All, None) => redact(&question.text),
    };
    let of_budget = question.about.is_of_limit();
    let notice = Notice {
        text: format!("{}: {asks}", question.agent),
        budget: of_budget.then(|| budget(governor, &question.key.budget, &question.key.scope)),
        question: Some(NoticeQuestion {
            id: put.approval.0,
            asks,
            options: options(question),
            expires: put.deadline,
            allows: Some(allows(question, governor)),
            offer: of_budget.then_some(question.extend).filter(|offer| offer.amount > 0).map(|offer| offer.to_string()),
            route_to: question.route_to.as_ref().map(ToString::to_string),
            otherwise: Some(otherwise(question)),
            approvers: governor.approvals_of(question).listed().to_vec(),
        }),
        progress: governor.agent(&question.agent).map(progress),
        ..blank(NoticeKind::Question, run, agent, &belongs, now)
    };
    outbox::post(turn, &notice, &to, Some(&follows))
}

/// The kinds of notices that an event is worth: whoever gets the first of them does not get the second as well.
fn kinds(kind: &EventKind) -> Vec<NoticeKind> {
    match kind {
        EventKind::Decided(decision) if !decision.would => {
            let by_verb = match decision.verb {
                Verb::Warn if decision.alert.is_none() => Some(NoticeKind::Warn),
                Verb::Route => Some(NoticeKind::Route),
                Verb::Stop => Some(NoticeKind::Stop),
                Verb::Kill => Some(NoticeKind::Kill),
                Verb::Warn | Verb::Steer | Verb::Throttle | Verb::Ask => None,
            };
            decision.alert.iter().map(|_| NoticeKind::Alert).chain(by_verb).collect()
        }
        EventKind::Braked { brake: Brake::Pause, .. } => vec![NoticeKind::Pause],
        EventKind::Braked { brake: Brake::Stop, .. } => vec![NoticeKind::Stop],
        EventKind::Braked { brake: Brake::Kill, .. } => vec![NoticeKind::Kill],
        EventKind::RunEnded { .. } => vec![NoticeKind::RunEnd],
        _ => Vec::new(),
    }
}

fn in_words(run: &RunId, agent: Option<&AgentName>, kind: &EventKind) -> String {
    if let EventKind::RunEnded { outcome, code, rule, .. } = kind {
        let code = code.map_or_else(String::new, |code| format!(" with code {code}"));
        let rule = rule.as_ref().map_or_else(String::new, |rule| format!(", by `{rule}`"));
        return format!("run {run} has ended{code}: {outcome}{rule}");
    }
    let event = Event { at: clock::now(), run: run.clone(), agent: agent.cloned(), kind: kind.clone() };
    let said = told(std::slice::from_ref(&event));
    let sentences: Vec<String> = said.iter().map(|told| format!("{}: {}", told.what, told.text())).collect();
    let who = agent.map_or_else(|| format!("run {run}"), ToString::to_string);
    format!("{who} {}", sentences.join("; "))
}

/// Where the spend of an agent belongs, or of a whole run as far as all of its agents agree.
fn belongs(governor: &Governor, agent: Option<&AgentName>) -> Attribution {
    if let Some(agent) = agent.and_then(|agent| governor.agent(agent)) {
        return agent.setup.attribution.clone();
    }
    let mut all = governor.attributions().cloned();
    let first = all.next().unwrap_or_default();
    all.fold(first, |common, other| Attribution {
        team: common.team.filter(|one| other.team.as_ref() == Some(one)),
        project: common.project.filter(|one| other.project.as_ref() == Some(one)),
        client: common.client.filter(|one| other.client.as_ref() == Some(one)),
        user: common.user.filter(|one| other.user.as_ref() == Some(one)),
        task: common.task.filter(|one| other.task.as_ref() == Some(one)),
        branch: common.branch.filter(|one| other.branch.as_ref() == Some(one)),
        labels: common.labels.into_iter().filter(|(key, value)| other.labels.get(key) == Some(value)).collect(),
    })
}

fn budget(governor: &Governor, name: &BudgetName, scope: &str) -> NoticeBudget {
    let account = governor.accounts().find(|account| account.key.budget == *name && account.key.scope == scope);
    let of_money = account.filter(|account| account.key.unit == Unit::Usd);
    let usd = |amount: i64| Money::from_nanos(amount).to_decimal();
    NoticeBudget {
        name: name.to_string(),
        window: account.and_then(|account| account.key.window_start).map(crate::report::text::rfc3339),
        spent_usd: of_money.map(|account| usd(account.spent)),
        limit_usd: of_money.map(|account| usd(account.limit())),
    }
}

/// What a plain yes does.
fn allows(question: &Question, governor: &Governor) -> String {
    let approvals = &governor.policy().approvals;
    let by = question.about.is_of_limit().then_some(question.extend);
    let people = match approvals.people_for(by) {
        0 | 1 => String::new(),
        people => format!(", once {people} persons have said yes"),
    };
    format!("{}{people}", allows_alone(question))
}

fn allows_alone(question: &Question) -> String {
    match question.about {
        About::Ahead => format!("{} more", question.extend),
        About::Limit if question.extend.amount > 0 => format!("{} more", question.extend),
        About::Limit => "nothing: answers have extended this budget by all that they may".to_owned(),
        About::Step { .. } => "it goes on to the next step of the budget".to_owned(),
        About::Call(_) => "this call runs, once".to_owned(),
        About::Request(_) => "this request is sent, once".to_owned(),
        About::Alert => "it goes on".to_owned(),
        About::Review => "what needs its work starts".to_owned(),
    }
}

/// What is done if nobody answers.
fn otherwise(question: &Question) -> String {
    match question.about.at_gate() {
        Some(Refusal::Deny) => "refused".to_owned(),
        Some(Refusal::Stop) => Verb::Stop.to_string(),
        Some(Refusal::Kill) => Verb::Kill.to_string(),
        None if question.about == About::Ahead => "nothing".to_owned(),
        None if question.about == About::Review => "what needs its work does not start".to_owned(),
        None => question.otherwise.to_string(),
    }
}

fn progress(agent: &Agent) -> NoticeProgress {
    let progress = &agent.progress;
    let looked = |count: u64| progress.looked_at.map(|_| count);
    NoticeProgress {
        cost_usd: agent.cost.to_decimal(),
        responses: agent.responses,
        commands: looked(progress.commands.into()),
        files_changed: looked(progress.files_changed() as u64),
        commits: looked(progress.commits.into()),
        tests: looked(progress.tests.into()),
    }
}

/// The words of `govern approve` and `govern deny` that this question takes.
fn options(question: &Question) -> Vec<String> {
    let own: &[&str] = match question.about {
        About::Limit | About::Step { .. } => &["approve", "extend", "deny", "kill"],
        About::Call(_) | About::Request(_) => &["approve", "for", "run", "deny"],
        About::Alert => &["approve", "deny", "kill"],
        About::Ahead => &["approve", "extend", "deny"],
        About::Review => &["approve", "deny"],
    };
    let route = question.route_to.as_ref().map(|_| "route");
    own.iter().copied().chain(route).map(str::to_owned).collect()
}

fn blank(kind: NoticeKind, run: &RunId, agent: Option<&AgentName>, belongs: &Attribution, time: Timestamp) -> Notice {
    Notice {
        schema: NOTICE_SCHEMA.to_owned(),
        id: new_id(0),
        time,
        kind,
        run: Some(run.to_string()),
        agent: agent.map(ToString::to_string),
        team: belongs.team.clone(),
        project: belongs.project.clone(),
        text: String::new(),
        budget: None,
        question: None,
        decision: None,
        progress: None,
        alert: None,
    }
}

/// Unlike any other's.
fn new_id(number: usize) -> String {
    let suffix = if number == 0 { String::new() } else { format!("_{number}") };
    format!("msg_{}{suffix}", uuid::Uuid::now_v7().simple())
}
