//! `govern resume RUN --at-reset`: a run that a limit ended, or holds, goes on when that begins anew, by a timer of the
//! user's own; and `--cancel`, which takes that back.

mod timer;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use chrono::{DurationRound, TimeDelta};

use self::timer::Wanted;
use super::format::put;
use super::resume::{Pending, ResumeArgs, pending};
use super::resumes::{self, Keeper, Noted};
use crate::codex::{Defaults, Invocation, Layers, key_variable};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::Ledger;
use crate::model::{RunInfo, Timestamp};
use crate::policy::alert::Trigger;
use crate::policy::rule::{Policy, Window};
use crate::prepare::here::Here;
use crate::prepare::next::last_end;
use crate::report::text::{moment, printable};
use crate::tail::login::Login;
use crate::tail::plan_limits::last_limits;
use crate::tail::{locate, settings};

/// A variable that Codex takes its key from before any login.
const KEY: &str = "CODEX_API_KEY";

/// Variables that say where programs and folders are: nothing else of the environment is kept.
const PLACES: [&str; 5] = ["PATH", "GOVERN_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "CODEX_HOME"];

/// Sets the timer, or takes it back.
pub fn run(args: &ResumeArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    super::for_no_agent("an agent cannot let a run go on", "do it in a terminal that no agent started")
        .map_err(|no| no.exit(Exit::Refused))?;
    let (ledger, info) = find(args, here)?;
    if args.cancel {
        return cancel(&info, out, here);
    }
    let pending = pending(&ledger, &info, here)?.map_err(|why| refused(&info, &why))?;
    let (at, limit) = reset(&info, &ledger, &pending.policy, here)?.map_err(|why| refused(&info, &why))?;
    if at <= here.now {
        let hint = format!("`govern resume {}` goes on now", info.id);
        return Err(refused(&info, &format!("`{limit}` has begun anew already")).hint(hint));
    }
    can_start_alone(&pending, here).map_err(|why| refused(&info, &why))?;
    // Not in the very moment: clocks differ a little, and cron knows minutes.
    let minute = TimeDelta::minutes(1);
    let at = at.duration_trunc(minute).ok().and_then(|at| at.checked_add_signed(minute)).unwrap_or(at);
    let keeper = timer::keeper(here).ok_or_else(|| {
        refused(&info, "neither the user's own systemd nor `crontab` can be asked to keep a timer").hint(format!(
            "at {} it can go on: `govern resume {}`",
            moment(at, pending.policy.timezone),
            info.id
        ))
    })?;
    let wanted = Wanted { run: &info.id, at, command: command(&info, here)? };
    let shown = show(&wanted, keeper, here)?;
    let when = moment(at, pending.policy.timezone);
    if !args.yes {
        let what = format!(
            "{shown}\nNothing was written: add `--yes`, and run {} goes on at {when}, when `{limit}` begins anew.\n",
            info.id
        );
        put(out, &what)?;
        return Ok(Exit::Success);
    }
    match keeper {
        Keeper::Systemd => timer::enable(&timer::units(&wanted, here)?, &info.id, here)?,
        Keeper::Cron => timer::add(&timer::lines(&wanted), &info.id, here)?,
    }
    resumes::note(&Noted { run: info.id.clone(), at, limit: limit.clone(), keeper, ended: info.ended }, here)?;
    let lingers = match keeper {
        Keeper::Systemd => {
            "\nWhere you are not logged in then, it waits for you unless `loginctl enable-linger` was done."
        }
        Keeper::Cron => "",
    };
    put(
        out,
        &format!(
            "{shown}\nRun {} goes on at {when}, when `{limit}` begins anew; to take that back: `govern resume {} \
             --cancel`.{lingers}\n",
            info.id, info.id
        ),
    )?;
    Ok(Exit::Success)
}

/// A timer calls: it is taken away, and the run goes on unless it does already. `Some`: that is all.
pub fn is_over(args: &ResumeArgs, here: &Here<'_>) -> Result<Option<Exit>> {
    let (ledger, info) = find(args, here)?;
    let noted = resumes::noted(here)?.into_iter().find(|noted| noted.run == info.id);
    let Some(noted) = noted else {
        super::to_stderr(&format!("govern: run {} was to go on by itself no more\n", info.id));
        return Ok(Some(Exit::Success));
    };
    if here.now < noted.at {
        // The machine was started before its time.
        return Ok(Some(Exit::Success));
    }
    take_back(&info, here)?;
    if info.outcome.is_none() && ledger.runs().lives(&info, here.alive) {
        super::to_stderr(&format!("govern: run {} lives, and goes on by itself\n", info.id));
        return Ok(Some(Exit::Success));
    }
    if info.ended != noted.ended {
        super::to_stderr(&format!(
            "govern: run {} has gone on and ended since: it goes on by itself no more\n",
            info.id
        ));
        return Ok(Some(Exit::Success));
    }
    Ok(None)
}

fn find(args: &ResumeArgs, here: &Here<'_>) -> Result<(Ledger, RunInfo)> {
    let prefix = args.run.as_deref().ok_or_else(|| {
        Error::new("say which run").exit(Exit::Usage).hint("`govern runs` lists them: `govern resume RUN --at-reset`")
    })?;
    let nothing = || Error::new(format!("there is no run `{prefix}`")).hint("`govern runs` lists them");
    let ledger = here.ledger()?.ok_or_else(nothing)?;
    let info = ledger.runs().find(prefix)?;
    Ok((ledger, info))
}

fn refused(info: &RunInfo, why: &str) -> Error {
    Error::new(format!("run `{}` is not let go on by a timer: {why}", info.id)).exit(Exit::Refused)
}

fn cancel(info: &RunInfo, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let was = take_back(info, here)?;
    let what = match was {
        true => format!("run {} goes on by itself no more\n", info.id),
        false => format!("run {} was not to go on by itself: nothing was changed\n", info.id),
    };
    put(out, &what)?;
    Ok(Exit::Success)
}

fn take_back(info: &RunInfo, here: &Here<'_>) -> Result<bool> {
    let noted = resumes::noted(here)?.into_iter().find(|noted| noted.run == info.id);
    let removed = match noted.as_ref().map(|noted| noted.keeper) {
        Some(Keeper::Systemd) => timer::disable(&info.id, here)?,
        Some(Keeper::Cron) => timer::remove(&info.id, here)?,
        None => false,
    };
    resumes::forget(&info.id, here)?;
    Ok(removed || noted.is_some())
}

/// When the limit that ended the run, or holds it, begins anew, and its name; else why that is not known.
fn reset(
    info: &RunInfo,
    ledger: &Ledger,
    policy: &Policy,
    here: &Here<'_>,
) -> Result<std::result::Result<(Timestamp, String), String>> {
    let ended = last_end(ledger, &info.id)?.flatten().and_then(|lifts| lifts.budget);
    let waits = ledger.questions().all(false)?.into_iter().rfind(|approval| approval.run == info.id);
    let rule = info.rule.clone().or(ended).or(waits.map(|approval| approval.budget));
    let budget = rule.as_ref().and_then(|rule| policy.budgets.iter().find(|budget| budget.name == *rule));
    if let Some(budget) = budget {
        let name = printable(budget.name.as_str());
        let then = info.ended.unwrap_or(here.now);
        return Ok(match (&budget.window, budget.window.bounds(then, policy.timezone).end) {
            (Window::Calendar(_) | Window::Between(..), Some(end)) => Ok((end, name)),
            (Window::Rolling(_), _) => {
                Err(format!("`{name}` counts what was spent in a time that goes along, and never begins anew"))
            }
            (Window::Life | Window::Total | Window::Calendar(_) | Window::Between(..), _) => {
                Err(format!("`{name}` never begins anew: only `govern resume {} --extend …` goes on", info.id))
            }
        });
    }
    Ok(of_plan(rule.as_ref().map(|rule| rule.as_str()), policy, here)
        .ok_or_else(|| "no limit that begins anew has ended it, as far as the ledger tells".to_owned()))
}

/// The latest moment at which a window of the plan begins anew that keeps the run: the one of the rule, else those that are
/// used as far as a rule that looks at them says.
fn of_plan(rule: Option<&str>, policy: &Policy, here: &Here<'_>) -> Option<(Timestamp, String)> {
    let own = policy.plan_budgets.iter().flat_map(|budget| budget.alerts()).collect::<Vec<_>>();
    let looks = own.iter().chain(policy.alerts.iter()).filter_map(|alert| match alert.trigger {
        Trigger::Plan { window, share } => Some((alert.name.as_str(), window, share)),
        _ => None,
    });
    let home = locate::codex_home(|name| here.variable(name))?;
    let told = last_limits(&home).ok()?;
    let named = |name: &str| rule.is_none_or(|rule| rule == name);
    let waits = looks.filter_map(|(name, length, share)| {
        let told = told.iter().find(|told| told.other.is_none() && told.window.length == length)?;
        let keeps = named(name) && (rule.is_some() || told.window.used >= share);
        told.window.resets.filter(|_| keeps).map(|resets| (resets, printable(name)))
    });
    waits.max()
}

/// Whether it can be started where nobody sits, without anything of this shell's environment.
fn can_start_alone(pending: &Pending, here: &Here<'_>) -> std::result::Result<(), String> {
    if pending.is_screen {
        return Err("a Codex screen waits for a person; `codex exec` goes on by itself".to_owned());
    }
    if here.variable(KEY).is_some() {
        return Err(format!("its Codex takes its API key from ${KEY}, and no timer keeps one: `codex login` does"));
    }
    let home = locate::codex_home(|name| here.variable(name)).ok_or("there is no home of Codex")?;
    let config = settings::of(&home);
    let of = |command: &[OsString]| {
        let profile = Invocation::parse(command).and_then(|own| own.profile());
        let layers = Layers {
            home: config.clone(),
            profile: profile.and_then(|name| settings::of_profile(&home, &name)),
            project: settings::of_project(&pending.cwd),
        };
        Defaults::of(command, &layers).provider
    };
    let provider = of(&pending.command);
    let named = provider.as_deref().zip(config.as_deref());
    if let Some(variable) = named.and_then(|(provider, config)| key_variable(config, provider)) {
        let variable = printable(&variable);
        return Err(format!(
            "its Codex takes its API key from ${variable}, and no timer keeps one: `codex login` does"
        ));
    }
    let own = provider.is_none_or(|provider| provider == "openai");
    if own && Login::of(&home) == Login::Unknown {
        return Err("no login of its Codex is kept in a file, so that it takes an API key from the environment, which no timer \
                    keeps: `codex login` keeps one"
            .to_owned());
    }
    Ok(())
}

fn command(info: &RunInfo, here: &Here<'_>) -> Result<Vec<String>> {
    let own = timer::own_program()?;
    if timer::is_deleted(&own) {
        return Err(Error::new("this govern was replaced by another one while it ran").hint("do it once more"));
    }
    let mut words = vec!["/usr/bin/env".to_owned()];
    for name in PLACES {
        if let Some(value) = here.variable(name).and_then(|value| value.into_string().ok()) {
            words.push(format!("{name}={value}"));
        }
    }
    words.push(in_text(&own)?);
    words.extend(["resume", info.id.as_str(), "--due", "--quiet"].map(str::to_owned));
    match words.iter().find(|word| word.chars().any(char::is_control)) {
        Some(_) => Err(Error::new("a path that the timer needs has a control character in it")),
        None => Ok(words),
    }
}

fn in_text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(format!("`{}` cannot be written into a timer", path.display())))
}

fn show(wanted: &Wanted<'_>, keeper: Keeper, here: &Here<'_>) -> Result<String> {
    Ok(match keeper {
        Keeper::Systemd => {
            let files = timer::units(wanted, here)?;
            files.iter().map(|(path, text)| format!("{}:\n{}\n", path.display(), indented(text))).collect()
        }
        Keeper::Cron => format!("crontab:\n{}\n", indented(&timer::lines(wanted))),
    })
}

fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {}\n", printable(line)) };
    text.lines().map(line).collect()
}
