//! `govern policy`: whether a policy can be obeyed, what applies here, and what one would have done.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::format::{Format, put};
use super::policy_try::{self, TryArgs};
use crate::decide::people::{channel, permission};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::model::{Attribution, Dimension};
use crate::policy::layers::Loaded;
use crate::policy::misspelt::{
    misspelt_limits, misspelt_only, unknown_approvers, unreached_approvers, unreached_quorum, windows_that_are_over,
};
use crate::policy::mistake::Mistake;
use crate::policy::rule::{Layer, Policy};
use crate::policy::show::{attribution_here, show};
use crate::policy::{attribute, diagnostic};
use crate::prepare::here::{Here, join};
use crate::prepare::identity::{at_terminal, starter};
use crate::prepare::{policy_files, price_list};
use crate::process;
use crate::report::text::printable_lines;

/// Where a repository keeps its policy.
pub(super) const REPOSITORY_POLICY: &str = "govern.toml";

/// Policies: whether they can be obeyed, what applies here, and what one would have done.
#[derive(clap::Args, Clone, Debug)]
pub struct PolicyArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: PolicyVerb,
}

/// What to do with policies.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum PolicyVerb {
    /// Say all mistakes, each with its line; without files, of what applies here
    Check {
        /// Each is checked for itself; one named `govern.toml` as a repository's, which may say less
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say in words what applies, and from where
    Show {
        /// What applies in this folder (as without a file)
        #[arg(long, conflicts_with = "file")]
        here: bool,
        /// This file alone
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Say what a policy would have done with the runs that were recorded, and what it would have saved
    Try(TryArgs),
}

/// Does it.
pub fn run(args: &PolicyArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    match &args.verb {
        PolicyVerb::Check { files } if files.is_empty() => {
            let loaded = here.policy(None)?;
            let files = loaded.policy.sources.len();
            let warnings = warn(out, here, &loaded)? + warn_of_names(out, here, &loaded)?;
            warn_of_hidden(out, here)?;
            let found = found(warnings);
            let what = match files {
                0 => "no policy applies here".to_owned(),
                1 => format!("the policy that applies here has {found}"),
                more => format!("the {more} policies that apply here have {found}"),
            };
            put(out, &format!("{what}\n"))?;
            Ok(Exit::Success)
        }
        PolicyVerb::Check { files } => check(files, out, here),
        PolicyVerb::Show { file, .. } => {
            let loaded = match file {
                Some(file) => read_alone(file, here)?,
                None => here.policy(None)?,
            };
            put(out, &printable_lines(&show(&loaded.policy)))?;
            warn_of_names(out, here, &loaded)?;
            if file.is_none() {
                put(out, &format!("\n{}", attribution(&loaded.policy, here)))?;
                warn_of_hidden(out, here)?;
            }
            warn(out, here, &loaded)?;
            Ok(Exit::Success)
        }
        PolicyVerb::Try(args) => {
            let loaded = match &args.file {
                Some(file) => read_alone(file, here)?,
                None => here.policy(None)?,
            };
            // Programs read what is written.
            if args.format == Format::Table {
                warn(out, here, &loaded)?;
            }
            policy_try::run(args, loaded.policy, out, here)
        }
    }
}

/// Where a run's spend belongs that is started in this folder, and by which rules.
fn attribution(policy: &Policy, here: &Here<'_>) -> String {
    let place = here.place();
    let env = |name: &str| here.variable(name).and_then(|value| value.into_string().ok());
    let belongs = attribute::attribute(&policy.attribute, &place, Attribution::default(), attribute::said_by(env));
    attribution_here(&policy.attribute, &place, &belongs)
}

/// All files are checked, whatever is wrong with the first.
fn check(files: &[PathBuf], out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let mut wrong: Vec<Error> = Vec::new();
    for file in files {
        match read_alone(file, here) {
            Ok(loaded) => {
                let warnings = warn(out, here, &loaded)? + warn_of_names(out, here, &loaded)?;
                put(out, &format!("{}: {}\n", file.display(), found(warnings)))?;
            }
            Err(error) => wrong.push(error),
        }
    }
    let Some(last) = wrong.pop() else { return Ok(Exit::Success) };
    for error in wrong {
        put(out, &format!("{error}\n\n"))?;
    }
    Err(last)
}

/// How many there were.
fn warn(out: &mut dyn Write, here: &Here<'_>, loaded: &Loaded) -> Result<usize> {
    if !loaded.warnings.is_empty() {
        put(out, &format!("{}\n", diagnostic::render(&loaded.warnings, here.look.colour)))?;
    }
    Ok(loaded.warnings.len())
}

/// What a check has found that can be obeyed.
fn found(warnings: usize) -> String {
    match warnings {
        0 => "no mistake".to_owned(),
        1 => "no error, 1 warning".to_owned(),
        more => format!("no error, {more} warnings"),
    }
}

fn warn_of_hidden(out: &mut dyn Write, here: &Here<'_>) -> Result<()> {
    here.hidden_policy().map_or(Ok(()), |hidden| put(out, &format!("warning: {hidden}\n")))
}

/// Limits for somebody of whom neither the ledger nor the policy knows, but of somebody with almost that name.
/// Says how many there were.
fn warn_of_names(out: &mut dyn Write, here: &Here<'_>, loaded: &Loaded) -> Result<usize> {
    // Without a ledger only the policy knows names; one that cannot be read is for other verbs to tell of.
    let ledger = here.ledger().ok().flatten();
    let known = |dimension: &Dimension| {
        let sums =
            ledger.as_ref().and_then(|ledger| ledger.sums().by(std::slice::from_ref(dimension), None, None).ok());
        sums.into_iter().flatten().filter_map(|(values, _)| values.into_iter().next().flatten()).collect()
    };
    let misspelt: Vec<Mistake> =
        misspelt_limits(loaded, known).into_iter().chain(misspelt_only(loaded, known)).collect();
    let here_and_now = of_here_and_now(loaded, here);
    for found in [&misspelt, &here_and_now].into_iter().filter(|found| !found.is_empty()) {
        put(out, &format!("{}\n", diagnostic::render(found, here.look.colour)))?;
    }
    Ok(misspelt.len() + here_and_now.len())
}

/// What of a policy can hold nothing on this machine, or no more: names that nobody logs in by, windows that are over.
pub(super) fn of_here_and_now(loaded: &Loaded, here: &Here<'_>) -> Vec<Mistake> {
    let mut found = unknown_approvers(loaded, process::is_log_in);
    found.extend(windows_that_are_over(loaded, here.now));
    found.extend(unreached_approvers(loaded, is_anybody_reached(&loaded.policy)));
    found.extend(unreached_quorum(loaded, channel::reaches_anybody(&loaded.policy, &starter())));
    found
}

/// Somebody may answer at a terminal of this account, or a channel goes to somebody who may.
fn is_anybody_reached(policy: &Policy) -> bool {
    let approvals = &policy.approvals;
    let own = || permission::judge(approvals, &at_terminal(), &starter(), None).is_ok();
    // What `[notify]` says counts in two files alone, and says nothing in others.
    own() || channel::reaches_anybody(policy, &starter())
}

/// The file by itself, as the layer that it would be read as.
fn read_alone(file: &Path, here: &Here<'_>) -> Result<Loaded> {
    let places = here.policy_places(None);
    let path = here.cwd.join(file);
    let found = |is_it: &dyn Fn(&Path) -> bool| {
        places.iter().find(|(layer, place)| *layer != Layer::Given && is_it(place)).map(|(layer, _)| *layer)
    };
    let real = path.canonicalize().ok();
    let same = |place: &Path| real.is_some() && place.canonicalize().ok() == real;
    let layer = match found(&|place| place == path) {
        Some(layer) => layer,
        None if file.file_name().is_some_and(|name| name == REPOSITORY_POLICY) => Layer::Repository,
        // By another path, or a link to it.
        None => found(&same).unwrap_or(Layer::Given),
    };
    let mut layers = policy_files::read(vec![(Layer::Given, file.to_owned())])?;
    for read in &mut layers {
        read.layer = layer;
    }
    let loaded = join(layers, here.look.colour)?;
    Ok(Loaded { warnings: price_list::told(loaded.warnings, |name| here.variable(name)), ..loaded })
}
