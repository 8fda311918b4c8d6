//! `govern resume RUN`: goes on with a run that was stopped, in the same thread, with the same flags, in the same place.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;

use super::run::beside_stdout;
use crate::codex::Invocation;
use crate::decide::people::lift::Lift;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, LedgerError, RunFilter, claim, outbox};
use crate::model::quantity::quantity_hint;
use crate::model::{AgentName, Answerer, Door, Quantity, RunId, RunInfo, Token, TokenHash};
use crate::place;
use crate::policy::rule::Policy;
use crate::prepare::fleet;
use crate::prepare::here::{Here, env};
use crate::prepare::identity::{at_terminal, starter, whoami};
use crate::prepare::kept::{Kept, Resumable, is_screen};
use crate::prepare::next::{last_end, next};
use crate::prepare::resume::{Earlier, changed_policy};
use crate::prepare::run::govern;
use crate::prepare::start::{Shown, Start};
use crate::prepare::supervision::Supervision;
use crate::process;
use crate::report::Next;
use crate::report::text::{moment, printable, shell_words};
use crate::report::timeline::told;
use crate::supervise::EarlierEnd;

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
        info.rule = last_end(&ledger, &info.id)?.flatten().and_then(|lifts| lifts.budget);
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
    let held_back = here.ledger()?.map(|ledger| ledger.runs().held_back(&info.id)).transpose()?.flatten();
    let (accepts, extend) = (args.accept_policy, args.extend.clone());
    let earlier = Earlier { held_back, info, lift, accepts, approvers, extend, who, by, token };
    let shown = Shown { quiet: args.quiet, json: args.json.clone() };
    match kept {
        Kept::Run(kept) => run_alone(kept, earlier, supervision, (&here, &shown)),
        Kept::Fleet(kept) => fleet::govern(&kept.start(), supervision, (&here, &shown), Some(earlier)),
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

fn run_alone(
    kept: Resumable,
    earlier: Earlier,
    supervision: Supervision,
    (here, shown): (&Here<'_>, &Shown),
) -> Result<Exit> {
    let policy = kept.rules.load(here, shown.quiet)?;
    earlier.accept(&policy, here)?;
    let Earlier { info, lift, .. } = earlier;
    let command = kept.again().ok_or_else(|| cannot(&info.id, "its thread or its command line is not known"))?;
    let is_screen = Invocation::parse(&command).as_ref().is_some_and(is_screen);
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
    govern(start, supervision, shown)
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
    let is_screen = Invocation::parse(&command).as_ref().is_some_and(is_screen);
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
        None => !ledger.runs().lives(info, here.alive),
    };
    for info in ledger.runs().list(&RunFilter { limit: Some(LOOKED_THROUGH), ..RunFilter::default() })? {
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
    let found = ledger.runs().find(prefix)?;
    if found.outcome.is_none() && ledger.runs().lives(&found, here.alive) {
        return Err(is_taken(LedgerError::Claimed { run: found.id, by: found.process }));
    }
    let own = process::own_identity().ok_or_else(|| Error::new("govern cannot tell its own process from /proc"))?;
    let mut ledger = Ledger::open(&here.state_folder()?)?;
    let kept = |ledger: &Ledger| Kept::of(ledger, &found.id)?.map_err(|why| cannot(&found.id, why));
    kept(&ledger)?;
    let cut_off = ledger.runs().cut_off(Some(&found.id), here.alive)?;
    // From here on nobody else goes on with it; who was quicker may have, and ended since.
    let info = claim(&mut ledger, &found.id, own, here.alive).map_err(is_taken)?;
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

fn cannot(run: &RunId, why: &str) -> Error {
    Error::new(format!("run `{run}` cannot go on: {why}"))
        .hint("`codex resume` can continue the session by hand, under a run of its own")
}
