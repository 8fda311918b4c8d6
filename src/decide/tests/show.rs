//! Inputs and effects as lines of a transcript.

use crate::decide::message::{Amount, News, Phase, Question, Reservation, Settled, Timer, Used, Works};
use crate::decide::{Effect, Input};
use crate::model::event::{Answer, Chosen, Course, Decision, EventKind};
use crate::model::{AgentName, ModelId, Quantity, ThreadId};
use crate::policy::rule::Approvals;

pub(super) fn show_input(input: &Input) -> String {
    match input {
        Input::Begin => "begin".to_owned(),
        Input::Launched(agent) => format!("{agent} launched"),
        Input::Responded(response) => format!(
            "{}/{} answered by {}: {}",
            name(response.agent.as_ref()),
            response.thread,
            response.model.as_ref().map_or("?", |model| model.as_str()),
            response.cost.money().map_or_else(|| "no price".to_owned(), |money| money.to_string())
        ),
        Input::Phase { agent, thread, phase, .. } => {
            let phase = match phase {
                Phase::Idle => "is idle",
                Phase::InFlight => "asks",
                Phase::Tools => "runs tools",
                Phase::Answered => "was answered",
            };
            format!("{agent}/{thread} {phase}")
        }
        Input::Failed { agent, thread, .. } => format!("{agent}/{thread}: a request failed"),
        Input::Unanswered { agent, thread } => format!("{agent}/{thread}: a request has no answer on file"),
        Input::Untold { agent, thread } => format!("{agent}/{thread}: nobody tells what a request used"),
        Input::Classed { agent, classed } => {
            format!("{agent}: {} of {} are {}", classed.responses.len(), agent, classed.class)
        }
        Input::Elsewhere(news) => show_news(news),
        Input::Taken { response, .. } => {
            format!("recorded elsewhere: {} by {}", response.key.as_str(), response.thread)
        }
        Input::Granted => "grants changed".to_owned(),
        Input::AskedAhead { agent, by_amount, reason, .. } => format!("{agent} asks for {by_amount} ahead: {reason}"),
        Input::Recount => "counted again".to_owned(),
        Input::Frozen(agent) => format!("{agent} stands still"),
        Input::Ended(agent) => format!("{agent} was ended"),
        Input::GateFailed(agent) => format!("{agent}: a hook could not ask"),
        Input::Exited { agent, leftover, ok } => {
            let how = if *ok { "exited" } else { "failed" };
            format!("{agent} {how}, {leftover} left behind")
        }
        Input::Examined { agent, examined, said } => format!("{agent} was examined: {examined}; it said {said:?}"),
        Input::NotLaunched { agent, because } => format!("{agent} was not launched: {because}"),
        Input::Interrupted { how, because } => format!("interrupted to {how:?}: {because}"),
        Input::Asked { agent, approval, .. } => format!("{agent} waits for approval {approval}"),
        Input::Answered { approval, answer, by, .. } => {
            format!("{} answers {approval}: {}", Approvals::default().by_all(by), show_answer(answer))
        }
        Input::CodexHides { agent, codex, what } => format!("{agent} hides codex {}: {what}", codex.pid),
        Input::Stranger { agent, codex, thread } => {
            format!("{agent}'s codex {} works for a thread that nothing tells of: {thread}", codex.pid)
        }
        Input::AskedNothing(agent) => format!("{agent} has asked nothing"),
        Input::Blind { agent, what } => format!("{agent} is out of sight: {what}"),
        Input::Uncounted { agent, what } => format!("{agent} is not counted: {what}"),
        Input::Ran { agent, thread, tool, call, hooked } => {
            format!("{agent}: {tool} ran on {thread} as {call}{}", if *hooked { "" } else { ", without hooks" })
        }
        Input::RanOtherwise { agent, thread, tool, call, .. } => {
            format!("{agent}: {tool} ran changed on {thread} as {call}")
        }
        Input::Altered { agent, what } => format!("{agent} is in doubt: {what}"),
        Input::Paused(Some(braked)) => format!("paused already, {}", braked.text()),
        Input::Paused(None) => "paused no longer".to_owned(),
        Input::Braked { brake, by, .. } => format!("{by}: {brake}"),
        Input::GiveUp { agent, because } => format!("{agent} is given up: {because}"),
        Input::CodexSeen { agent, process, ephemeral, tells: _, works } => {
            let (pid, works_at_once) = (process.pid, *works == Works::AtOnce);
            format!("{agent} runs codex {pid}, ephemeral {ephemeral}, works at once {works_at_once}")
        }
        Input::Progress { agent, progress } => format!(
            "{agent} has changed {} files in {} commits, run {} tests",
            progress.files_changed(),
            progress.commits,
            progress.tests
        ),
        Input::Plan { agent, windows } => {
            let windows = windows.iter().map(|window| format!("{} {}‰", window.length, window.used));
            format!("{agent}'s plan: {}", windows.collect::<Vec<_>>().join(", "))
        }
        Input::CodexBegins { process, model, thread, .. } => {
            let word = |known: Option<&str>| known.unwrap_or("unknown").to_owned();
            let (model, thread) =
                (word(model.as_ref().map(ModelId::as_str)), word(thread.as_ref().map(ThreadId::as_str)));
            format!("codex {} begins with {model}, thread {thread}", process.pid)
        }
        Input::CodexObserved { agent: _, process } => format!("codex {} is observed", process.pid),
        Input::Hook(hook) => format!("{}/{} at the gate: {:?}", hook.agent, hook.thread, hook.wants),
        Input::HookGone { hook, why } => format!("call {} is gone: {why:?}", hook.0),
        Input::Advised { consult, answer: Ok(text) } => format!("question {} is answered: {text}", consult.0),
        Input::Advised { consult, answer: Err(why) } => format!("question {} is not answered: {why:?}", consult.0),
        Input::Reserved { request, answer: Reservation::Granted } => format!("granted elsewhere: {}", request.0),
        Input::Reserved { request, answer: Reservation::Refused { budget, left } } => {
            format!("refused elsewhere: {}, {} is left of {}", request.0, budget.unit.show(*left), budget.budget)
        }
        Input::Reserved { request, answer: Reservation::Away } => format!("nobody answers elsewhere: {}", request.0),
        Input::Due(timer) => format!("due: {}", show_timer(timer)),
    }
}

/// One line of a transcript.
pub(super) fn show_effect(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Record { kind, .. } => return show_record(kind),
        Effect::Claim { key, amount } => format!("reserve {} of {}", key.unit.show(*amount), key.budget),
        Effect::Reserve { request, amounts } => {
            let of = |amount: &Amount| format!("{} of {}", amount.key.unit.show(amount.amount), amount.key.budget);
            let amounts: Vec<String> = amounts.iter().map(of).collect();
            format!("RESERVE elsewhere {}: {}", request.0, amounts.join(", "))
        }
        Effect::Release { request, used } => {
            let used = match used {
                Used::Nothing => "nothing was used",
                Used::Response { .. } => "it was answered",
                Used::Unknown => "nobody knows what was used",
            };
            format!("RELEASE elsewhere {}: {used}", request.0)
        }
        Effect::Extend { key, amount, by, .. } => {
            format!("extend {} ({}) by {}, says {by}", key.budget, key.scope, key.unit.show(*amount))
        }
        Effect::Ask(question) => show_question(question),
        Effect::Withdraw(approval) => format!("withdraw {approval}"),
        Effect::Expire(approval, answer) => format!("expire {approval}: {}", show_answer(answer)),
        Effect::Freeze(agent) => format!("FREEZE {agent}"),
        Effect::Thaw(agent) => format!("THAW {agent}"),
        Effect::Look(agent) => format!("LOOK at the work tree of {agent}"),
        Effect::Tell { hook, text } => format!("TELL with {}: {text}", hook.0),
        Effect::Answer { hook, deny: None } => format!("LET {} through", hook.0),
        Effect::Answer { hook, deny: Some(why) } => format!("DENY {}: {why}", hook.0),
        Effect::Open(agent) => format!("OPEN {agent}"),
        Effect::End(agent) => format!("END {agent}"),
        Effect::Launch { agent, attempt: 1 } => format!("LAUNCH {agent}"),
        Effect::Launch { agent, attempt } => format!("LAUNCH {agent}, attempt {attempt}"),
        Effect::Restart { agent, thread, rung } => format!("RESTART {agent}/{thread} with {}", rung.model),
        Effect::Consult(consult) => format!("CONSULT {} about {}: {}", consult.model, consult.about, consult.id.0),
        Effect::Examine(agent) => format!("EXAMINE {agent}"),
        Effect::Again { agent, thread, text } => format!("AGAIN {agent}/{thread}: {text:?}"),
        Effect::EndConsult(consult) => format!("END question {}", consult.0),
        Effect::Arm(timer, after) => format!("arm {} in {after:?}", show_timer(timer)),
        Effect::Say(text) => format!("say {text}"),
        Effect::Refuse(text) => format!("REFUSE {text}"),
        Effect::Finish { agent, ending, in_flight, in_flight_cost } => {
            let lost = match in_flight {
                0 => String::new(),
                count => format!(", {count} in flight, {in_flight_cost}"),
            };
            format!("FINISH {agent}: {ending:?}{lost}")
        }
    })
}

fn show_record(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Decided(Decision { verb, budget, because, would, chosen: Some(Chosen { what, .. }), .. }) => {
            let would = if *would { "would " } else { "" };
            let more: String = because.iter().skip(1).map(|because| format!("; {because}")).collect();
            let what = match what {
                Course::GoOn => "to let it go on".to_owned(),
                Course::Extend { amount } => format!("to extend by {amount}"),
                Course::Act { verb } => format!("to {verb}"),
            };
            format!("decided {would}{what}, {verb} ({budget}{more})")
        }
        EventKind::Allotted { budget, scope, amount, pool, .. } => {
            format!("allotted {amount} of {budget}, {scope}: {pool} in the pool")
        }
        EventKind::Pooled { budget, moved, amount, pool, .. } => {
            format!("{moved:?} {amount} of {budget}: {pool} in the pool")
        }
        EventKind::Decided(Decision { verb, budget, because, would, to, .. }) => {
            let would = if *would { "would " } else { "" };
            let to = to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
            // The first reason is said, too.
            let more: String = because.iter().skip(1).map(|because| format!("; {because}")).collect();
            format!("decided {would}{verb}{to} ({budget}{more})")
        }
        EventKind::Requested { request, what, .. } => format!("#{request} {what}"),
        EventKind::Outcome { request, ok, detail } => match (ok, detail.as_str()) {
            (true, "") => format!("#{request} done"),
            (_, detail) => format!("#{request} {}: {detail}", if *ok { "done" } else { "came to nothing" }),
        },
        EventKind::Braked { brake, by, .. } => format!("{brake} ({by})"),
        EventKind::Marked { what } => format!("marked: {what}"),
        EventKind::Answered { approval, answer, by, .. } => {
            format!("answered {approval}: {} ({by})", show_answer(answer))
        }
        // The effects beside them say the same.
        EventKind::Asked { .. } | EventKind::Extended { .. } => return None,
        other => format!("{other:?}"),
    })
}

fn show_question(question: &Question) -> String {
    let Question { key, text, extend, route_to, wait, otherwise, agent, .. } = question;
    let route = route_to.as_ref().map_or_else(String::new, |model| format!(" or route to {model}"));
    format!("ASK {agent}: {text}? (extend {} by {extend}{route}; after {wait:?} {otherwise})", key.budget)
}

fn show_answer(answer: &Answer) -> String {
    match answer {
        Answer::Extend { amount } => format!("extend by {amount}"),
        Answer::Allow { seconds } => format!("allow again, {seconds:?} s"),
        Answer::Once => "allow".to_owned(),
        Answer::NextStep { past } => format!("on to the next step past {past}"),
        Answer::Route => "route".to_owned(),
        Answer::Refuse => "refuse".to_owned(),
        Answer::Stop => "stop".to_owned(),
        Answer::Kill => "kill".to_owned(),
    }
}

fn show_timer(timer: &Timer) -> String {
    match timer {
        Timer::Deadline(approval) => format!("deadline of {approval}"),
        Timer::Observe(agent, codex) => format!("observation of {agent} {}", codex.pid),
        Timer::Gate(agent) => format!("the gate of {agent}"),
        Timer::Drain(agent) => format!("the end of what {agent} has under way"),
        Timer::Minutes => "minutes".to_owned(),
        Timer::WindowEnd => "the window's end".to_owned(),
        Timer::Record(hook) => format!("the record before call {}", hook.0),
        Timer::Advice(consult) => format!("the answer to question {}", consult.0),
        Timer::Idle(agent) => format!("a look whether {agent} is idle"),
        Timer::PlanReset(agent) => format!("the plan's window of {agent}"),
        Timer::Room(agent) => format!("a look whether {agent} has room"),
        Timer::Reserving(request) => format!("a look at what is reserved elsewhere for {}", request.0),
        Timer::Pace(agent) => format!("the next request of {agent}"),
    }
}

fn show_news(news: &News) -> String {
    let mut told = Vec::new();
    for response in &news.responses {
        let cost = response.cost.money().map_or_else(|| "no price".to_owned(), |money| money.to_string());
        told.push(format!(
            "another run was answered by {}: {cost}",
            response.model.as_ref().map_or("?", |m| m.as_str())
        ));
    }
    for (key, amount) in &news.extensions {
        told.push(format!("{} was extended by {}", key.budget, Quantity { unit: key.unit, amount: *amount }));
    }
    for Settled { approval, answer, .. } in &news.answers {
        told.push(format!("{approval} was answered: {}", show_answer(answer)));
    }
    format!("elsewhere: {}", told.join("; "))
}

fn name(agent: Option<&AgentName>) -> &str {
    agent.map_or("nobody", AgentName::as_str)
}
