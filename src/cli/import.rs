//! `govern import`: history that no run governed, into the ledger.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::format::{Format, put_as};
use crate::clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::import::{self, ImportError, Origin, Terms, repriced};
use crate::ledger::Ledger;
use crate::model::Attribution;
use crate::place;
use crate::policy::attribute;
use crate::policy::mistake::LayerText;
use crate::policy::rule::{AttributeRule, Layer, Policy};
use crate::prepare::here::{Here, join};
use crate::prepare::policy_files;
use crate::process;
use crate::report::json;
use crate::tail::locate;
use crate::ui::progress::Bytes;

/// Reads the sessions that Codex has kept. Any number of times: nothing counts twice.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ImportArgs {
    /// Codex homes, folders of session files, or single files; without any, `$CODEX_HOME`, else ~/.codex
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Read files again that have not changed: for the classes of work of what was recorded before
    #[arg(long)]
    pub again: bool,
    /// One more policy file, for attribution and prices
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Imports, and writes what it came to.
pub fn run(args: &ImportArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let begun = clock::monotonic();
    let places = match args.paths.as_slice() {
        [] => vec![home(here)?],
        some => some.iter().map(|path| straight(here.cwd.join(path))).collect(),
    };
    let layers = policy_files::read(here.policy_places(args.policy.as_deref()))?;
    // What this folder's repository says is for this repository; other sessions have their own.
    let layers: Vec<LayerText> = layers.into_iter().filter(|layer| layer.layer != Layer::Repository).collect();
    let policy = join(layers.clone(), here.look.colour)?.policy;
    let prices = here.prices(&policy)?;
    let belongs = Belongs::new(here, &policy, layers);
    let mut bar = Bytes::on_stderr("reading");
    let mut ledger = Ledger::open(&here.state_folder()?)?;
    let terms = Terms {
        prices: &prices,
        unpriced: &policy.models.unpriced,
        attribute: &|origin| belongs.of(origin),
        work: Arc::clone(&policy.work),
        again: args.again,
        alive: here.alive,
        tell: &mut |done, total| bar.tell(done, total),
        readers: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let imported = import::import(&mut ledger, &places, terms);
    bar.clear();
    let mut imported = imported.map_err(|error| match error {
        ImportError::Unreadable(unreadable) => Error::new(unreadable.to_string())
            .caused_by(&unreadable.source)
            .hint("name a Codex home, a folder of its session files, or one of them"),
        ImportError::Ledger(error) => error.into(),
    })?;
    imported.repriced = repriced(&mut ledger, &policy, &prices, here.now)?;
    let took = clock::monotonic().duration_since(begun);
    put_as(out, here.look, args.format, &imported.page(took), || json::to_text(&imported))?;
    for mistake in belongs.mistakes() {
        super::to_stderr(&format!("govern: {mistake}\n"));
    }
    // Who names a file wants that file.
    let is_named = |path: &PathBuf| places.iter().any(|place| place == path);
    let failed = imported.failed.iter().any(|(path, _)| is_named(path));
    Ok(if failed { Exit::Negative } else { Exit::Success })
}

/// The same place without ways back (`..`): what was read is known by its path.
fn straight(path: PathBuf) -> PathBuf {
    let goes_back = path.components().any(|part| part == std::path::Component::ParentDir);
    path.canonicalize().ok().filter(|_| goes_back).unwrap_or(path)
}

fn home(here: &Here<'_>) -> Result<PathBuf> {
    locate::codex_home(|name| (here.env)(name)).ok_or_else(|| {
        Error::new("there is no Codex home to read").hint("set CODEX_HOME, or name a folder: govern import PATH")
    })
}

/// Where sessions belong, by the rules that hold where they were started.
pub(super) struct Belongs<'a> {
    rules: &'a [AttributeRule],
    layers: Vec<LayerText>,
    variables: Variables,
    known: Mutex<Known>,
}

/// What is asked of the environment, taken before there are several threads.
struct Variables {
    home: Option<PathBuf>,
    user: Option<String>,
    all: HashMap<&'static str, std::ffi::OsString>,
}

#[derive(Default)]
struct Known {
    origins: HashMap<Origin, Attribution>,
    folders: HashMap<PathBuf, place::Place>,
    /// The rules of repositories that have a policy of their own.
    rules: HashMap<PathBuf, Option<Policy>>,
    mistakes: Vec<String>,
}

impl<'a> Belongs<'a> {
    pub(super) fn new(here: &Here<'_>, policy: &'a Policy, layers: Vec<LayerText>) -> Self {
        let names = ["HOME", "XDG_CONFIG_HOME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_NAME"];
        let all = names.into_iter().filter_map(|name| Some((name, here.variable(name)?))).collect();
        let variables = Variables {
            home: here.variable("HOME").map(PathBuf::from),
            user: process::user_name(process::own_uid()),
            all,
        };
        Self { rules: &policy.attribute, layers, variables, known: Mutex::default() }
    }

    /// Each origin is looked at once.
    pub(super) fn of(&self, origin: &Origin) -> Attribution {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attribution) = known.origins.get(origin) {
            return attribution.clone();
        }
        let attribution = self.look(origin, None, &mut known);
        known.origins.insert(origin.clone(), attribution.clone());
        attribution
    }

    /// The same where it was recorded for something: what was said of it then stays, and what only the place told gives way
    /// to rules.
    pub(super) fn of_recorded(&self, origin: &Origin, recorded: &Attribution) -> Attribution {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(origin, Some(recorded), &mut known)
    }

    fn look(&self, origin: &Origin, recorded: Option<&Attribution>, known: &mut Known) -> Attribution {
        let folder = PathBuf::from(origin.folder.clone().unwrap_or_default());
        // What git says there today fills in what Codex did not write down.
        let today = known.folders.entry(folder.clone()).or_insert_with(|| match folder.is_absolute() {
            true => place::look(&folder, |name| self.variables.all.get(name).cloned()),
            false => place::Place::default(),
        });
        let remotes = match &origin.remote {
            Some(remote) => vec![attribute::normalise_remote(remote)],
            None => today.remotes.iter().map(|remote| attribute::normalise_remote(remote)).collect(),
        };
        let root = today.repository.clone();
        let named = today.name.clone();
        let of_remote = || remotes.first().and_then(|remote| remote.rsplit('/').next()).map(str::to_owned);
        let place = attribute::StartedIn {
            home: self.variables.home.clone(),
            branch: origin.branch.clone(),
            repository_name: named.or_else(of_remote).filter(|name| !name.is_empty()),
            git_user: today.git_user.clone(),
            system_user: self.variables.user.clone(),
            folder,
            remotes,
        };
        let rules = root.and_then(|root| self.repository(&place.folder, root, known));
        let rules = rules.map_or(self.rules, |policy| policy.attribute.as_slice());
        let said = recorded.map(|recorded| attribute::said_beyond(recorded, &place)).unwrap_or_default();
        attribute::attribute(rules, &place, said, Attribution::default())
    }

    /// The policy of a repository together with the outer ones; `None` where it has none, or one that cannot be obeyed.
    fn repository<'k>(&self, folder: &Path, root: PathBuf, known: &'k mut Known) -> Option<&'k Policy> {
        let Known { rules, mistakes, .. } = known;
        let places = policy_files::places(folder, Some(&root), None, |_| None);
        let (_, path) = places.into_iter().find(|(layer, _)| *layer == Layer::Repository)?;
        rules
            .entry(path.clone())
            .or_insert_with(|| {
                let read = policy_files::read(vec![(Layer::Repository, path.clone())]);
                let joined = read.and_then(|own| join(self.layers.iter().cloned().chain(own).collect(), false));
                match joined {
                    Ok(loaded) => Some(loaded.policy),
                    Err(_) => {
                        mistakes.push(format!(
                            "the attribution of `{}` is not used, it has mistakes: `govern policy check {}` says which",
                            path.display(),
                            path.display()
                        ));
                        None
                    }
                }
            })
            .as_ref()
    }

    /// What could not be used.
    pub(super) fn mistakes(&self) -> Vec<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).mistakes.clone()
    }
}
