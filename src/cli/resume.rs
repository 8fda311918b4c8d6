//! Owns `govern resume RUN`: goes on with a run that was stopped, in the same thread, with the same flags, in the same place.

mod kept;
mod next;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use self::kept::Kept;
use crate::codex::Invocation;
use crate::decide::people::lift::Lift;
use crate::decide::people::permission::{self, Lifting};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{HeldBack, Ledger, LedgerError, RunFilter, outbox};
use crate::model::quantity::quantity_hint;
use crate::model::{AgentName, Answerer, Brake, Door, Quantity, RunId, RunInfo, Token, TokenHash};
use crate::place;
use crate::policy::rule::{Approvals, Policy};
use crate::process;
use crate::report::Next;
use crate::report::text::{moment, printable, shell_words};
use crate::report::timeline::told;
use crate::supervise::EarlierEnd;

use super::env;
use super::fleet;
use super::here::{Here, join_with};
use super::run::{Shown, Start, Supervision, at_terminal, beside_stdout, govern, starter, whoami};

pub(super) use self::kept::{Resumable, ResumableFleet};
pub(super) use self::next::{last_end, next};

/// Options of `govern resume`.
#[derive(Args, Debug)]
#[command(override_usage = "govern resume [OPTIONS] <RUN>")]
pub struct ResumeArgs {
    /// The run, or the first characters of its id
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Lift the limit that stopped it by so much, such as `5usd`
    #[arg(long, value_name = "AMOUNT")]
    pub extend: Option<String>,
    /// Go on although the policy is no longer the one that the run was started under
    #[arg(long)]
    pub accept_policy: bool,
    /// Go on in this folder: the one where the run worked was moved
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// The token of the message that told of its end: it is whoever got that who lets it go on
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Go on when the limit that ended or holds it begins anew: show the timer that does it, and with `--yes` set it
    #[arg(long, conflicts_with_all = ["extend", "accept_policy", "folder", "token", "json"])]
    pub at_reset: bool,
    /// With `--at-reset`: set the timer
    #[arg(long, requires = "at_reset")]
    pub yes: bool,
    /// Take back what `--at-reset` has set
    #[arg(long, conflicts_with_all = ["at_reset", "extend", "accept_policy", "folder", "token", "json"])]
    pub cancel: bool,
    /// A timer calls
    #[arg(long, hide = true, conflicts_with_all = ["at_reset", "cancel", "extend", "token"])]
    pub due: bool,
    /// Write the run's summary as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Goes on.
pub fn run(args: &ResumeArgs, supervision: Supervision) -> Result<Exit> {
    super::for_no_agent("an agent cannot let a run go on", "resume it from a terminal that no agent started")?;
    beside_stdout(args.json.as_deref())?;
    let here = super::here()?;
    let extend = match &args.extend {
        Some(text) => Some(Quantity::parse(text).map_err(|error| {
            Error::new(format!("`--extend {text}` {error}")).hint(quantity_hint(text)).exit(Exit::Usage)
        })?),
        None => None,
    };
    let Some(prefix) = &args.run else { return Err(which(&here)?) };
    let (mut info, kept) = find(&here, prefix, args.quiet)?;
    if let Some(ledger) = here.ledger()?.filter(|_| info.rule.is_none()) {
        info.rule = next::last_end(&ledger, &info.id)?.flatten().and_then(|lifts| lifts.budget);
    }
    let kept = match &args.folder {
        Some(folder) => kept.moved(&here.cwd.join(folder)),
        None => kept,
    };
    let cwd = kept.cwd().to_owned();
    enter(&cwd, args)?;
    let here = Here { cwd, ..here };
    let token = args.token.as_deref().map(|text| Token::typed(text).hash());
    let who = answerer(&info, token, &here)?;
    let by = match &who.door {
        Door::Cli => format!("{} (cli)", whoami()),
        door => format!("{} ({})", who.identity.name(), door.as_str()),
    };
    let lift = extend.map(|by_amount| {
        let (who, by) = (who.clone(), by.clone());
        Lift { budget: info.rule.clone(), by_amount, who, started_by: starter(), by }
    });
    let approvers = kept.approvers().to_vec();
    let held_back = here.ledger()?.map(|ledger| ledger.held_back(&info.id)).transpose()?.flatten();
    let (accepts, extend) = (args.accept_policy, args.extend.clone());
    let earlier = Earlier { held_back, info, lift, accepts, approvers, extend, who, by, token };
    match kept {
        Kept::Run(kept) => run_alone(kept, earlier, supervision, (args, &here)),
        Kept::Fleet(kept) => fleet::go_on(&kept.args(args), supervision, &here, earlier),
    }
}

/// Goes to where the run worked: nothing was written down yet.
fn enter(folder: &Path, args: &ResumeArgs) -> Result<()> {
    std::env::set_current_dir(folder).map_err(|error| {
        let (whose, hint) = match args.folder {
            Some(_) => ("", "nothing was changed: the run can still go on"),
            None => (
                ", where the run worked,",
                "if it was moved, say where it is now: `--folder NEW`; nothing was changed, the run can still go on",
            ),
        };
        Error::new(format!("`{}`{whose} cannot be entered", folder.display()))
            .caused_by(&error)
            .hint(hint)
            .exit(Exit::Refused)
    })
}

/// A run that goes on.
pub(super) struct Earlier {
    /// The run.
    pub(super) info: RunInfo,
    /// What a person did to it that only one who may answer undoes.
    held_back: Option<HeldBack>,
    /// The limit that is lifted first.
    pub(super) lift: Option<Lift>,
    /// It goes on although its policy changed.
    accepts: bool,
    /// Who might answer when it was started.
    approvers: Vec<String>,
    /// What was typed after `--extend`.
    extend: Option<String>,
    /// Who lets it go on, and as records name that.
    who: Answerer,
    by: String,
    /// By which token.
    token: Option<TokenHash>,
}

/// Who lets the run go on: whoever is at the terminal, or who got the letter that had this token.
fn answerer(info: &RunInfo, token: Option<TokenHash>, here: &Here<'_>) -> Result<Answerer> {
    let Some(token) = token else { return Ok(at_terminal()) };
    let reader = match here.ledger()? {
        Some(ledger) => outbox::reader_with_leave(&ledger, &info.id, &token)?,
        None => None,
    };
    reader.map(|reader| Answerer::mail(&reader)).ok_or_else(|| {
        Error::new(format!("that is no token of a letter about the end of run `{}`, or it was used already", info.id))
            .hint("copy the whole command from the newest letter about it")
            .exit(Exit::Refused)
    })
}

impl Earlier {
    /// Whether this person may let it go on under this policy. A refusal is on record, and nothing else of it.
    pub(super) fn accept(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let judged = self.judge(policy, here);
        let mut ledger = Ledger::open(&here.state_folder()?)?;
        match (&judged, &self.token) {
            (Err(refused), _) => {
                ledger.turn(here.now, |turn| turn.refuse(&self.info.id, &self.by, refused.message()))?
            }
            (Ok(()), Some(token)) => outbox::use_leave(&mut ledger, here.now, token)?,
            (Ok(()), None) => {}
        }
        judged
    }

    fn judge(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        self.release(&policy.approvals)?;
        self.accept_change(policy, here)?;
        self.may_lift(policy, here)
    }

    /// What `--extend` asks for is judged before the run is opened again: a refusal changes nothing of it, neither its
    /// outcome nor its record.
    fn may_lift(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let Some(Lift { by_amount, who, .. }) = &self.lift else { return Ok(()) };
        let refused = |why: &str| {
            Error::new(format!("refused to resume run `{}`: {why}", self.info.id))
                .hint("nothing was changed: the run can still go on")
                .exit(Exit::Refused)
        };
        let Some(budget) = next::lifted(policy, self.info.rule.as_ref(), *by_amount) else {
            return Err(refused(&format!("no budget of this run counts what `--extend {by_amount}` would lift")));
        };
        let lifting =
            Lifting { budget: &budget.name, by: *by_amount, given: next::given(&self.info, policy, budget, here)? };
        permission::judge(&policy.approvals, who, &starter(), Some(lifting))
            .map_err(|not| refused(&not.to_string()))?;
        match policy.approvals.people_for(Some(*by_amount)) {
            0 | 1 => Ok(()),
            people => {
                Err(refused(&format!("{people} persons have to agree to `--extend {by_amount}`, and this is one")))
            }
        }
    }

    /// What a person stopped or paused, or said no to, only somebody who may answer lets go on: as `continue` does.
    fn release(&self, approvals: &Approvals) -> Result<()> {
        let Some(held_back) = &self.held_back else { return Ok(()) };
        permission::judge(approvals, &self.who, &starter(), None).map_err(|not| {
            let done = match held_back {
                HeldBack::Braked(Brake::Pause, braked) => format!("paused {}", braked.text()),
                HeldBack::Braked(Brake::Kill, braked) => format!("killed {}", braked.text()),
                HeldBack::Braked(Brake::Stop | Brake::Continue, braked) => format!("stopped {}", braked.text()),
                HeldBack::Denied(braked) => format!("denied {}", braked.text()),
            };
            Error::new(format!("refused to resume run `{}`, which was {done}: {not}", self.info.id))
                .hint(format!(
                    "to let it go on is an answer, as `govern continue` is; by a letter about its end: \
                     `govern resume {} --token TOKEN`",
                    self.info.id
                ))
                .exit(Exit::Refused)
        })
    }

    /// Refuses a policy that is not the one that the run was started under, unless that was accepted: by somebody who
    /// may answer under both.
    fn accept_change(&self, policy: &Policy, here: &Here<'_>) -> Result<()> {
        let Some(changed) = changed_policy(&self.info.policy, &policy.digest) else { return Ok(()) };
        let refused =
            |why: &str| Error::new(format!("refused to resume run `{}`: {why}", self.info.id)).exit(Exit::Refused);
        if !self.accepts {
            // The limit that ended it is in the way still, whether that was typed or not.
            let needed = match (&self.extend, here.ledger()?) {
                (None, Some(ledger)) => next::needed(&ledger, &self.info, policy, here)?,
                (typed, _) => typed.clone(),
            };
            let command = next::command(&self.info.id, needed.as_deref(), true);
            return Err(refused(&changed).hint(format!("{LOOK_FIRST}: {command}")));
        }
        let persons = policy.approvals.persons.clone();
        let then = Approvals { approvers: self.approvers.clone(), persons, ..Approvals::default() };
        for approvals in [&then, &policy.approvals] {
            permission::judge(approvals, &self.who, &starter(), None)
                .map_err(|not| refused(&not.to_string()).hint("whoever accepts a changed policy answers for it"))?;
        }
        super::to_stderr(&format!("govern: {changed}\n"));
        Ok(())
    }
}

fn run_alone(
    kept: Resumable,
    earlier: Earlier,
    supervision: Supervision,
    (args, here): (&ResumeArgs, &Here<'_>),
) -> Result<Exit> {
    let policy = kept.rules.load(here, args.quiet)?;
    earlier.accept(&policy, here)?;
    let Earlier { info, lift, .. } = earlier;
    let command = kept.again().ok_or_else(|| cannot(&info.id, "its thread or its command line is not known"))?;
    let is_screen = Invocation::parse(&command).is_some_and(|invocation| kept::is_screen(&invocation));
    if is_screen && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Error::new(format!(
            "run `{}` is a Codex screen, and standard input and output are no terminal",
            info.id
        ))
        .hint("type the same command in a terminal")
        .exit(Exit::Refused));
    }
    let start = Start {
        earlier_end: Some(EarlierEnd::of(&info)),
        run: info.id,
        resumes: kept.thread,
        lift,
        prices: here.prices(&policy)?,
        policy,
        attribution: info.attribution,
        place: place::look(&kept.cwd, env),
        agent: kept.agent,
        command,
        rules: kept.rules,
    };
    govern(start, supervision, &Shown { quiet: args.quiet, json: args.json.clone() })
}

/// What would go on with a run.
pub(super) struct Pending {
    /// The policy that it would go on under.
    pub(super) policy: Policy,
    /// Its command; of a fleet that of an agent without flags.
    pub(super) command: Vec<OsString>,
    /// Where it worked.
    pub(super) cwd: PathBuf,
    /// A person sits before it.
    pub(super) is_screen: bool,
}

/// What would go on with it by itself, or why nothing does.
pub(super) fn pending(
    ledger: &Ledger,
    info: &RunInfo,
    here: &Here<'_>,
) -> Result<std::result::Result<Pending, String>> {
    let kept = match Kept::of(ledger, &info.id)? {
        Ok(kept) => kept,
        Err(why) => return Ok(Err(why.to_owned())),
    };
    let policy = kept.policy_now(here)?;
    if let Some(changed) = changed_policy(&info.policy, &policy.digest) {
        return Ok(Err(changed));
    }
    let cwd = kept.cwd().to_owned();
    let command = match &kept {
        Kept::Run(kept) => match kept.again() {
            Some(command) => command,
            None => return Ok(Err("its thread or its command line is not known".to_owned())),
        },
        Kept::Fleet(_) => ["codex", "exec"].map(OsString::from).to_vec(),
    };
    let is_screen = Invocation::parse(&command).is_some_and(|invocation| kept::is_screen(&invocation));
    Ok(Ok(Pending { policy, command, cwd, is_screen }))
}

/// Nobody said which run: those that can go on, the newest first.
fn which(here: &Here<'_>) -> Result<Error> {
    let Some(ledger) = here.ledger()? else {
        return Ok(Error::new("no run was recorded yet, so that none can go on").exit(Exit::Usage));
    };
    let mut hints = Vec::new();
    let ended = |info: &RunInfo| match info.outcome.as_deref() {
        Some(outcome) => matches!(outcome, "stopped" | "killed" | "lost"),
        None => !ledger.lives(info, here.alive),
    };
    for info in ledger.runs(&RunFilter { limit: Some(LOOKED_THROUGH), ..RunFilter::default() })? {
        if hints.len() < NAMED
            && ended(&info)
            && let Next::Command(command) = next(&ledger, &info, here)?
        {
            let what = printable(&shell_words(&info.command));
            hints.push(format!("`{command}`: {what}, {}", moment(info.started, here.timezone()?)));
        }
    }
    if hints.is_empty() {
        return Ok(Error::new("no run waits to go on").exit(Exit::Usage).hint("`govern runs` lists all"));
    }
    let error = Error::new("say which run is to go on").exit(Exit::Usage);
    Ok(hints.into_iter().fold(error, Error::hint))
}

/// How many questions or runs hints name.
pub(super) const NAMED: usize = 8;

/// Of so many runs, the newest, those are named that can go on.
const LOOKED_THROUGH: u32 = 50;

fn find(here: &Here<'_>, prefix: &str, quiet: bool) -> Result<(RunInfo, Kept)> {
    let nothing = || Error::new(format!("there is no run `{prefix}`")).hint("`govern runs` lists them");
    let ledger = here.ledger()?.ok_or_else(nothing)?;
    let found = ledger.find_run(prefix)?;
    if found.outcome.is_none() && ledger.lives(&found, here.alive) {
        return Err(is_taken(LedgerError::Claimed { run: found.id, by: found.process }));
    }
    let own = process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let mut ledger = Ledger::open(&here.state_folder()?)?;
    let kept = |ledger: &Ledger| Kept::of(ledger, &found.id)?.map_err(|why| cannot(&found.id, why));
    kept(&ledger)?;
    let cut_off = ledger.cut_off(Some(&found.id), here.alive)?;
    // From here on nobody else goes on with it; who was quicker may have, and ended since.
    let info = ledger.claim(&found.id, own, here.alive).map_err(is_taken)?;
    let kept = kept(&ledger)?;
    for told in told(&cut_off).iter().filter(|_| !quiet) {
        let agent = told.agent.as_ref().map_or("", AgentName::as_str);
        super::to_stderr(&format!("govern: agent `{agent}` was killed with govern: {}\n", told.because));
    }
    Ok((info, kept))
}

fn is_taken(error: LedgerError) -> Error {
    let is_refusal = matches!(error, LedgerError::Claimed { .. });
    let error = Error::from(error);
    if is_refusal { error.exit(Exit::Refused) } else { error }
}

/// Who may answer in this run, as far as it was kept when it was started; empty: whoever has the account.
pub(super) fn approvers(ledger: &Ledger, run: &RunId) -> Result<Vec<String>> {
    Ok(Kept::of(ledger, run)?.map(|kept| kept.approvers().to_vec()).unwrap_or_default())
}

/// What the run's own `--budget` flags limit, as far as the ledger keeps them.
pub(super) fn flag_policy(ledger: &Ledger, run: &RunId) -> Result<Option<Policy>> {
    let kept = ledger.command_of(run)?.and_then(|text| serde_json::from_str::<Resumable>(&text).ok());
    kept.map(|kept| Ok(join_with(Vec::new(), kept.rules.flags()?, false)?.policy)).transpose()
}

const LOOK_FIRST: &str = "the agent may have edited it: look at `govern policy show --here` in the run's folder, then, if it is as it should be";

fn cannot(run: &RunId, why: &str) -> Error {
    Error::new(format!("run `{run}` cannot go on: {why}"))
        .hint("`codex resume` can continue the session by hand, under a run of its own")
}

/// What to say where the policy is not the one that the run was started under; both by the start of their digests.
fn changed_policy(recorded: &str, now: &str) -> Option<String> {
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    (recorded != now).then(|| {
        format!("the policy has changed since the run began: it was `{}`, now it is `{}`", short(recorded), short(now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_changed_is_told_by_the_start_of_both_digests() {
        assert_eq!(changed_policy("abc", "abc"), None);
        let said = changed_policy(&"a1".repeat(32), &"b2".repeat(32)).unwrap();
        assert_eq!(said, "the policy has changed since the run began: it was `a1a1a1a1a1a1`, now it is `b2b2b2b2b2b2`");
    }
}
