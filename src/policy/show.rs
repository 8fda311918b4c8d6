//! A policy in words: what `govern policy show` prints.

mod attribution;
mod channels;
mod prices;

use std::fmt::{self, Write};

use chrono_tz::Tz;
use globset::GlobMatcher;

use super::command::CommandPattern;
use super::gate::verb_in_words;
use super::plan::{PlanBudget, PlanShare, PlanStep};
use super::rule::{
    Alert, AlertAction, Allot, AllotBy, Budget, Calendar, FreshLedger, Gate, Layer, May, Policy, Step, Threshold,
    Unpriced, Window,
};
use super::spawn::SpawnLimit;
use super::{duration, percent};
use crate::model::{Dimension, Person, Timestamp, Unit, Verb};
pub use attribution::attribution_here;
use attribution::rule_in_words;

/// The whole policy in words, a line break at the end.
pub fn show(policy: &Policy) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_policy(&mut text, policy);
    text
}

fn write_policy(out: &mut String, policy: &Policy) -> fmt::Result {
    write_sources(out, policy)?;
    if !policy.has_rules() {
        writeln!(out, "\nno budgets: spend is metered, nothing is stopped")?;
    } else if policy.count_of_budgets() == 0 {
        writeln!(out, "\nno budgets: spend is metered, and no amount of it stops anything")?;
    }
    for budget in &policy.budgets {
        writeln!(out)?;
        write_budget(out, budget, policy.timezone)?;
    }
    for budget in &policy.plan_budgets {
        writeln!(out)?;
        write_plan_budget(out, budget)?;
    }
    for limit in &policy.spawn_limits {
        writeln!(out)?;
        write_spawn_limit(out, limit)?;
    }
    for gate in &policy.gates {
        writeln!(out)?;
        write_gate(out, gate)?;
    }
    for alert in policy.alerts.iter().filter(|alert| alert.step_of.is_none()) {
        writeln!(out)?;
        write_alert(out, alert)?;
    }
    write_models(out, policy)?;
    write_governor(out, policy)?;
    write_approvals(out, policy)?;
    channels::write(out, policy)?;
    write_page(out, policy)?;
    prices::write(out, policy)?;
    if !policy.work.rules.is_empty() {
        writeln!(out, "\nclasses of work, the first that fits")?;
        for rule in &policy.work.rules {
            let named =
                |what: &str, globs: &[GlobMatcher]| (!globs.is_empty()).then(|| format!("{what} {}", patterns(globs)));
            let named = [named("runs", &rule.commands), named("writes", &rule.paths)].into_iter().flatten();
            writeln!(out, "  {} where a turn {}", rule.class, joined(named, " or "))?;
        }
    }
    if !policy.attribute.is_empty() {
        writeln!(out, "\nattribution, the first that says it wins")?;
        for rule in &policy.attribute {
            writeln!(out, "  {}", rule_in_words(rule))?;
        }
    }
    Ok(())
}

fn write_sources(out: &mut String, policy: &Policy) -> fmt::Result {
    for (index, source) in policy.sources.iter().enumerate() {
        let title = if index == 0 { "from" } else { "" };
        match &source.path {
            Some(path) => writeln!(out, "{title:<10}{} ({})", path.display(), source.layer)?,
            None => {
                writeln!(out, "{title:<10}{}", if source.layer == Layer::Flags { "the command line" } else { "?" })?
            }
        }
    }
    if policy.sources.is_empty() {
        writeln!(out, "{:<10}nowhere: there is no policy file", "from")?;
    }
    writeln!(out, "{:<10}{}", "digest", policy.digest)?;
    writeln!(out, "{:<10}{}", "time zone", policy.timezone)?;
    if policy.observe {
        writeln!(out, "{:<10}observe: decides and records, does nothing", "mode")?;
    }
    if policy.fresh_ledger == FreshLedger::Refuse {
        writeln!(out, "{:<10}refuse to start where a budget is wider than what the ledger has seen", "ledger")?;
    }
    Ok(())
}

fn write_budget(out: &mut String, budget: &Budget, tz: Tz) -> fmt::Result {
    writeln!(out, "budget `{}` ({})", budget.name, budget.layer)?;
    let per = match budget.scope.per.as_slice() {
        [] => "over everything".to_owned(),
        dimensions => format!("per {}", joined(dimensions.iter().map(ToString::to_string), " and ")),
    };
    let scope = format!("{per}, {}", window_in_words(&budget.window, tz));
    match budget.limit {
        Some(limit) => writeln!(out, "  {limit} {scope}")?,
        None => writeln!(out, "  {scope}: only where a limit is named")?,
    }
    for (value, limit) in &budget.limits {
        writeln!(out, "  {limit} for {value}")?;
    }
    let unnamed: Vec<String> = may_be_unnamed(budget).map(ToString::to_string).collect();
    if !unnamed.is_empty() && budget.limit.is_some() {
        writeln!(out, "  what names no {} counts together, as one", joined(unnamed.into_iter(), " or no "))?;
    }
    for (dimension, globs) in budget.scope.only.iter() {
        writeln!(out, "  counts only {dimension} {}", patterns(globs))?;
    }
    for step in &budget.steps {
        writeln!(out, "  {}", step_in_words(step, budget.unit()))?;
    }
    if let Some(allot) = &budget.allot {
        write_allot(out, allot, budget.unit())?;
    }
    if budget.grace > 0 {
        writeln!(out, "  the current turn may finish up to {} past the limit", percent::show(budget.grace))?;
    }
    if budget.observe {
        writeln!(out, "  only observes: does none of this")?;
    }
    Ok(())
}

/// What a budget counts per and that a run need not name; what `only` asks for, it must.
fn may_be_unnamed(budget: &Budget) -> impl Iterator<Item = &Dimension> {
    budget.scope.per.iter().filter(|dimension| match dimension {
        Dimension::Run | Dimension::Agent | Dimension::Thread | Dimension::Model | Dimension::Work => false,
        Dimension::Team
        | Dimension::Project
        | Dimension::Client
        | Dimension::User
        | Dimension::Task
        | Dimension::Branch
        | Dimension::Label(_) => !budget.scope.only.dimensions().any(|only| only == *dimension),
    })
}

fn write_plan_budget(out: &mut String, budget: &PlanBudget) -> fmt::Result {
    writeln!(out, "budget `{}` ({})", budget.name, budget.layer)?;
    let PlanShare { share, window } = budget.limit;
    writeln!(out, "  {} of the {window} limit of the user's ChatGPT plan, as Codex reports it", percent::show(share))?;
    for (dimension, globs) in budget.only.iter() {
        writeln!(out, "  binds only {dimension} {}", patterns(globs))?;
    }
    for step in &budget.steps {
        let part = percent::show(budget.limit.part(step.at));
        writeln!(out, "  {} ({part} of the plan's limit)", plan_step_in_words(step))?;
    }
    if budget.observe {
        writeln!(out, "  only observes: does none of this")?;
    }
    Ok(())
}

fn write_spawn_limit(out: &mut String, limit: &SpawnLimit) -> fmt::Result {
    writeln!(out, "budget `{}` ({})", limit.name, limit.layer)?;
    let per = joined(limit.scope.per.iter().map(ToString::to_string), " and ");
    writeln!(out, "  {} per {per}: one more is refused, and its model reads why", limit.cap)?;
    for (dimension, globs) in limit.scope.only.iter() {
        writeln!(out, "  binds only {dimension} {}", patterns(globs))?;
    }
    if limit.observe {
        writeln!(out, "  only observes: does none of this")?;
    }
    Ok(())
}

/// `at 80%: warn`, `at 100%: hold until it begins anew`.
pub fn plan_step_in_words(step: &PlanStep) -> String {
    format!("at {}: {}", percent::show(step.at), act_in_words(&step.act))
}

fn act_in_words(act: &AlertAction) -> String {
    match act {
        AlertAction::Step(step) => verb_of_step_in_words(step),
        AlertAction::Hold => "hold until it begins anew".to_owned(),
    }
}

fn write_allot(out: &mut String, allot: &Allot, unit: Unit) -> fmt::Result {
    let each = match allot.by {
        AllotBy::Equal => "allotted to the agents of a run in equal parts",
        AllotBy::Expected => "allotted to each agent: what it expects",
        AllotBy::Pool => "allotted to nobody: all agents draw on the pool",
    };
    let reserve = match allot.reserve {
        0 => String::new(),
        reserve => format!(", {} kept in reserve", percent::show(reserve)),
    };
    writeln!(out, "  {each}{reserve}")?;
    if allot.by == AllotBy::Pool {
        return Ok(());
    }
    for step in &allot.steps {
        writeln!(out, "    {}", step_in_words(step, unit))?;
    }
    Ok(())
}

fn write_gate(out: &mut String, gate: &Gate) -> fmt::Result {
    writeln!(out, "gate `{}` ({})", gate.name, gate.layer)?;
    let tools = match gate.tools.is_empty() {
        _ if gate.is_on_requests() => "requests to a model".to_owned(),
        true => "any tool".to_owned(),
        false => patterns(&gate.tools),
    };
    writeln!(out, "  on {tools}: {}", verb_in_words(gate.verb))?;
    let commands = |patterns: &[CommandPattern]| joined(patterns.iter().map(ToString::to_string), ", ");
    if !gate.wanted.is_empty() {
        writeln!(out, "  commands that are or may be {}", commands(&gate.wanted))?;
    }
    if !gate.arguments.is_empty() {
        let sets = joined(gate.arguments.iter().map(ToString::to_string), ", ");
        writeln!(out, "  that have or may have, among their arguments, {sets}")?;
    }
    if !gate.except.is_empty() {
        writeln!(out, "  but not, where all is understood, {}", commands(&gate.except))?;
    }
    if !gate.except_arguments.is_empty() {
        let those = if gate.except.is_empty() { "  but not, where all is understood, those " } else { "    " };
        let sets = joined(gate.except_arguments.iter().map(ToString::to_string), ", ");
        writeln!(out, "{those}that surely have, among their arguments, {sets}")?;
    }
    if !gate.paths.is_empty() {
        writeln!(out, "  files {}", patterns(&gate.paths))?;
    }
    if !gate.models.is_empty() {
        writeln!(out, "  model {}", patterns(&gate.models))?;
    }
    for (dimension, globs) in gate.only.iter() {
        writeln!(out, "  only {dimension} {}", patterns(globs))?;
    }
    if let Some(most) = gate.cost_above {
        writeln!(out, "  when the next request is likely to cost more than {most}")?;
    }
    if gate.observe {
        writeln!(out, "  only observes: does none of this")?;
    }
    Ok(())
}

fn write_alert(out: &mut String, alert: &Alert) -> fmt::Result {
    writeln!(out, "alert `{}` ({})", alert.name, alert.layer)?;
    writeln!(out, "  {}: {}", alert.trigger, act_in_words(&alert.act))?;
    for (dimension, globs) in alert.only.iter() {
        writeln!(out, "  only {dimension} {}", patterns(globs))?;
    }
    if alert.observe {
        writeln!(out, "  only observes: does none of this")?;
    }
    Ok(())
}

/// `at 80%: warn`, `at 100%: ask, after 30m stop`.
pub fn step_in_words(step: &Step, unit: Unit) -> String {
    let at = match step.at {
        Threshold::Share(share) => format!("at {}", percent::show(share)),
        Threshold::Left(left) => format!("with {} left", unit.show(left)),
    };
    if let Some(may) = &step.may {
        return format!("{at}: decide: {}", may_in_words(may, step));
    }
    let first = match step.wrap_up {
        Some(more) => format!(", after {} more to commit and sum up", unit.show(more)),
        None => String::new(),
    };
    format!("{at}: {}{first}", verb_of_step_in_words(step))
}

fn verb_of_step_in_words(step: &Step) -> String {
    match step.verb {
        Verb::Ask => format!("ask, after {} {}", duration::show(step.wait), step.otherwise),
        Verb::Steer => match &step.say {
            Some(words) => format!("steer, “{words}”"),
            None => "steer".to_owned(),
        },
        Verb::Throttle => match step.to {
            Some(rate) => format!("throttle to {rate}"),
            None => "throttle".to_owned(),
        },
        Verb::Warn | Verb::Route | Verb::Stop | Verb::Kill => step.verb.to_string(),
    }
}

/// `extend from the pool by $2.00 at the most, route, ask (after 30m stop) or stop`.
fn may_in_words(may: &May, step: &Step) -> String {
    let most = may.max_extend.map_or_else(String::new, |most| format!(" by at most {most}"));
    let extend = may.extend.then(|| format!("extend from the pool{most}"));
    let verbs = may.verbs.iter().map(|verb| match (verb, may.to) {
        (Verb::Ask, _) => format!("ask (after {} {})", duration::show(step.wait), step.otherwise),
        (Verb::Throttle, Some(rate)) => format!("throttle to {rate}"),
        _ => verb.to_string(),
    });
    let all: Vec<String> = extend.into_iter().chain(verbs).collect();
    match all.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => all.concat(),
    }
}

/// `for its life`, `each month`, `in the last 30d`, `from 2026-12-01 until 2027-01-15`, `in all`.
pub fn window_in_words(window: &Window, tz: Tz) -> String {
    match window {
        Window::Life => "for its life".to_owned(),
        Window::Calendar(Calendar::Day) => "each day".to_owned(),
        Window::Calendar(Calendar::Week) => "each week".to_owned(),
        Window::Calendar(Calendar::Month) => "each month".to_owned(),
        Window::Calendar(Calendar::Quarter) => "each quarter".to_owned(),
        Window::Calendar(Calendar::Year) => "each year".to_owned(),
        Window::Rolling(duration) => format!("in the last {}", duration::show(*duration)),
        Window::Between(start, end) => {
            let start = start.map(|start| format!("from {}", moment(start, tz)));
            let end = end.map(|end| format!("until {}", moment(end, tz)));
            joined(start.into_iter().chain(end), " ")
        }
        Window::Total => "in all".to_owned(),
    }
}

/// A day where it is a midnight, else the minute.
fn moment(moment: Timestamp, tz: Tz) -> String {
    let shown = moment.with_timezone(&tz).format("%Y-%m-%d %H:%M").to_string();
    shown.strip_suffix(" 00:00").map_or(shown.clone(), str::to_owned)
}

/// Where the page of `govern serve` is, and the gateways of runs, if the policy says so.
fn write_page(out: &mut String, policy: &Policy) -> fmt::Result {
    if let Some(listen) = &policy.serve.listen {
        writeln!(out, "\nthe page listens on {listen}")?;
    }
    if let Some(url) = &policy.serve.url {
        writeln!(out, "\nthe page is reached at {url}")?;
    }
    if let Some(trust) = &policy.serve.trust {
        writeln!(out, "\nwho asks there is what user {} says in {}", trust.proxy_user, trust.header)?;
    }
    if policy.gateway.on {
        writeln!(out, "\nevery run has a gateway")?;
    }
    if let Some(upstream) = &policy.gateway.upstream {
        writeln!(out, "\ngateways lead to {upstream}")?;
    }
    if let Some(key) = &policy.reconcile.admin_key {
        writeln!(out, "\nan organisation's costs are asked for with the key in {}", key.display())?;
    }
    if let Some(api) = &policy.reconcile.api {
        writeln!(out, "\nan organisation's costs are asked for at {api}")?;
    }
    if !policy.reconcile.projects.is_empty() {
        writeln!(out, "\ncosts are asked for of the projects {}", policy.reconcile.projects.join(", "))?;
    }
    Ok(())
}

fn write_models(out: &mut String, policy: &Policy) -> fmt::Result {
    let models = &policy.models;
    writeln!(out, "\nmodels")?;
    if models.ladder.is_empty() {
        writeln!(out, "  no ladder: `route` has nowhere to go")?;
    } else {
        let rungs = models.ladder.iter().map(|rung| match &rung.effort {
            Some(effort) => format!("{} (effort {effort})", rung.model),
            None => rung.model.to_string(),
        });
        writeln!(out, "  ladder: {}", joined(rungs, " → "))?;
    }
    for allowed in &models.allow {
        writeln!(out, "  allowed: {}", patterns(allowed))?;
    }
    for tiers in &models.service_tiers {
        writeln!(out, "  service tiers: {}", joined(tiers.iter().map(|tier| tier.as_str().to_owned()), ", "))?;
    }
    if !models.tiers.is_empty() {
        let tiers = models.tiers.iter().map(|(tier, model)| format!("{tier} = {model}"));
        writeln!(out, "  tiers: {}", joined(tiers, ", "))?;
    }
    let unpriced = match &models.unpriced {
        Unpriced::Refuse => "refused".to_owned(),
        Unpriced::Dearest => "counted as the dearest model, marked estimated".to_owned(),
        Unpriced::As(model) => format!("counted as {model}, marked estimated"),
    };
    writeln!(out, "  without a price, under a limit in money: {unpriced}")
}

fn write_governor(out: &mut String, policy: &Policy) -> fmt::Result {
    let Some(governor) = &policy.governor else { return Ok(()) };
    let effort = governor.effort.as_ref().map_or_else(String::new, |effort| format!(" (effort {effort})"));
    writeln!(out, "\ngovernor model, where the rule is not sure")?;
    writeln!(out, "  {}{effort}", governor.model)?;
    let (share, timeout) = (percent::show(governor.share), duration::show(governor.timeout));
    writeln!(out, "  for no more than {share} of the limit; after {timeout} the rule decides")
}

fn write_approvals(out: &mut String, policy: &Policy) -> fmt::Result {
    let approvals = &policy.approvals;
    let silent = approvals.approvers.is_empty()
        && approvals.max_extend.is_none()
        && approvals.max_grant.is_none()
        && approvals.quorums.is_empty()
        && approvals.persons.is_empty();
    if silent && !approvals.wait_for_nobody && !approvals.not_self {
        return Ok(());
    }
    writeln!(out, "\napprovals")?;
    if approvals.approvers.is_empty() {
        writeln!(out, "  by anyone with the ledger's rights")?;
    } else {
        let names = joined(approvals.approvers.iter().cloned(), ", ");
        writeln!(out, "  by {names}")?;
        writeln!(out, "  a login answers only for runs of its own account")?;
    }
    if approvals.not_self {
        writeln!(out, "  nobody answers for a run of their own")?;
    }
    if let Some(most) = approvals.max_extend {
        writeln!(out, "  one budget by no more than {most} within its window, all answers together; resume too")?;
    }
    if let Some(most) = approvals.max_grant {
        writeln!(out, "  grants of one budget come to no more than {most} at one time")?;
    }
    for quorum in &approvals.quorums {
        let above = quorum.above.map_or_else(|| "every yes".to_owned(), |above| format!("a yes to more than {above}"));
        writeln!(out, "  {above} takes {} persons", quorum.people)?;
    }
    if approvals.wait_for_nobody {
        writeln!(out, "  waited for even where nobody can be asked")?;
    }
    for person in &approvals.persons {
        let Person { os, mail, slack, proxy, store, .. } = person;
        let doors = [("login", os), ("", mail), ("Slack", slack), ("at the proxy", proxy), ("store", store)];
        let doors =
            doors.iter().filter_map(|(door, name)| Some(format!("{door} {}", name.as_ref()?).trim().to_owned()));
        writeln!(out, "  {} is {}", person.name, joined(doors, ", "))?;
    }
    Ok(())
}

fn patterns(globs: &[GlobMatcher]) -> String {
    joined(globs.iter().map(|glob| glob.glob().glob().to_owned()), ", ")
}

fn joined(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}
