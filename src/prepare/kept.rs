//! What the ledger keeps of a run so that it can go on. No prompts, no secrets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fleet_file;
use super::here::{Here, join_with};
use super::rules::Rules;
use super::start::{FleetStart, Start};
use crate::codex::{self, Invocation, Kind};
use crate::error::Result;
use crate::ledger::{Ledger, LedgerError};
use crate::model::{AgentName, RunId, ThreadId};
use crate::policy::layers::FlagRules;
use crate::policy::rule::Policy;
use crate::supervise::GO_ON;

/// What the ledger keeps of a run of one command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resumable {
    pub(crate) cwd: PathBuf,
    pub(crate) agent: AgentName,
    pub(crate) rules: Rules,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) command: Vec<String>,
    /// Who might answer when it was started.
    #[serde(default)]
    approvers: Vec<String>,
}

impl Resumable {
    /// What is known before there is a thread.
    pub(crate) fn of(start: &Start) -> Self {
        let cwd = start.place.folder.clone();
        let policy = start.rules.policy.as_ref().map(|policy| cwd.join(policy));
        Self {
            cwd,
            agent: start.agent.clone(),
            rules: Rules { policy, ..start.rules.clone() },
            thread: None,
            command: Vec::new(),
            approvers: start.policy.approvals.approvers.clone(),
        }
    }

    /// The same with the thread and the command that would go on with it, as the ledger keeps it.
    pub(crate) fn text(&self, thread: &ThreadId, command: Vec<String>) -> String {
        let kept = Self { thread: Some(thread.clone()), command, ..self.clone() };
        // INVARIANT: paths that are not UTF-8 are the only thing that JSON can't hold.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// The command that goes on: a screen as it is, anything else with a prompt, of which only the size was kept.
    pub(crate) fn again(&self) -> Option<Vec<OsString>> {
        let stored: Vec<OsString> = self.command.iter().map(OsString::from).collect();
        let invocation = Invocation::parse(&stored)?;
        let prompt = if is_screen(&invocation) { "" } else { GO_ON };
        invocation.resume_with(self.thread.as_ref()?, None, prompt).ok()
    }
}

/// A person sits before it.
pub(crate) fn is_screen(invocation: &Invocation) -> bool {
    matches!(invocation.kind(), Kind::Interactive(_))
}

/// What the ledger keeps of a fleet so that it can go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResumableFleet {
    cwd: PathBuf,
    fleet: PathBuf,
    policy: Option<PathBuf>,
    observe: bool,
    show: bool,
    #[serde(default)]
    approvers: Vec<String>,
}

impl ResumableFleet {
    /// As the ledger keeps it.
    pub(crate) fn text(start: &FleetStart, cwd: &Path, policy_now: &Policy) -> String {
        let (fleet, policy) = (cwd.join(&start.file), start.policy.as_ref().map(|policy| cwd.join(policy)));
        let approvers = policy_now.approvals.approvers.clone();
        let kept = Self { cwd: cwd.to_owned(), fleet, policy, observe: start.observe, show: start.show, approvers };
        // INVARIANT: paths that are not UTF-8 are the only thing that JSON can't hold.
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// The fleet that goes on.
    pub(crate) fn start(self) -> FleetStart {
        let Self { fleet, policy, observe, show, .. } = self;
        FleetStart { file: fleet, policy, observe, show }
    }
}

/// What the ledger keeps of a run, of either kind.
#[derive(Debug)]
pub(crate) enum Kept {
    Run(Resumable),
    Fleet(ResumableFleet),
}

impl Kept {
    /// What the ledger kept of a run, or why that is not enough to go on.
    pub(crate) fn of(
        ledger: &Ledger,
        run: &RunId,
    ) -> std::result::Result<std::result::Result<Self, &'static str>, LedgerError> {
        let Some(text) = ledger.runs().command_of(run)? else { return Ok(Err(NOT_KEPT)) };
        if let Ok(kept) = serde_json::from_str::<ResumableFleet>(&text) {
            return Ok(Ok(Self::Fleet(kept)));
        }
        Ok(match serde_json::from_str::<Resumable>(&text) {
            Err(_) => Err(NOT_KEPT),
            Ok(kept) if codex::is_whole(&kept.command) => Ok(Self::Run(kept)),
            Ok(_) => Err(CUT),
        })
    }

    /// Where it worked.
    pub(crate) fn cwd(&self) -> &Path {
        match self {
            Self::Run(kept) => &kept.cwd,
            Self::Fleet(kept) => &kept.cwd,
        }
    }

    /// Who might answer when it was started; empty: anybody.
    pub(crate) fn approvers(&self) -> &[String] {
        match self {
            Self::Run(kept) => &kept.approvers,
            Self::Fleet(kept) => &kept.approvers,
        }
    }

    /// The same in another folder, with the files that lay below the old one.
    pub(crate) fn moved(self, to: &Path) -> Self {
        let from = self.cwd().to_owned();
        let moved = |path: PathBuf| path.strip_prefix(&from).map(|below| to.join(below)).unwrap_or(path.clone());
        match self {
            Self::Run(kept) => {
                let policy = kept.rules.policy.clone().map(|policy| moved(from.join(policy)));
                Self::Run(Resumable { cwd: to.to_owned(), rules: Rules { policy, ..kept.rules.clone() }, ..kept })
            }
            Self::Fleet(kept) => {
                let (fleet, policy) = (moved(kept.fleet.clone()), kept.policy.clone().map(moved));
                Self::Fleet(ResumableFleet { cwd: to.to_owned(), fleet, policy, ..kept })
            }
        }
    }

    /// The policy that it would go on under now.
    pub(crate) fn policy_now(&self, here: &Here<'_>) -> Result<Policy> {
        let here = Here { cwd: self.cwd().to_owned(), ..*here };
        match self {
            Self::Run(kept) => {
                let policy = kept.rules.policy.as_ref().map(|policy| kept.cwd.join(policy));
                Rules { policy, ..kept.rules.clone() }.load(&here, true)
            }
            Self::Fleet(kept) => {
                let flags = FlagRules { observe: kept.observe, ..FlagRules::default() };
                Ok(fleet_file::read(&kept.fleet, kept.policy.as_deref(), flags, &here)?.policy)
            }
        }
    }
}

/// Who may answer in this run, as far as it was kept when it was started; empty: whoever has the account.
pub(crate) fn approvers(ledger: &Ledger, run: &RunId) -> Result<Vec<String>> {
    Ok(Kept::of(ledger, run)?.map(|kept| kept.approvers().to_vec()).unwrap_or_default())
}

/// What the run's own `--budget` flags limit, as far as the ledger keeps them.
pub(crate) fn flag_policy(ledger: &Ledger, run: &RunId) -> Result<Option<Policy>> {
    let kept = ledger.runs().command_of(run)?.and_then(|text| serde_json::from_str::<Resumable>(&text).ok());
    kept.map(|kept| Ok(join_with(Vec::new(), kept.rules.flags()?, false)?.policy)).transpose()
}

const NOT_KEPT: &str = "it was not a `codex exec` that govern can start again, or had no session yet";
const CUT: &str =
    "its command line held what is not written down: a secret, a text, or a `-c` setting that govern does not know";

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(command: &[&str]) -> Resumable {
        Resumable {
            cwd: Path::new("/work/shop").to_owned(),
            agent: "codex".into(),
            rules: Rules { policy: Some("own.toml".into()), ..Rules::default() },
            thread: Some(ThreadId::new("01a2")),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            approvers: Vec::new(),
        }
    }

    #[test]
    fn a_resumed_agent_is_told_to_go_on_and_not_the_size_of_a_prompt() {
        let stored = ["codex", "exec", "--json", "resume", "01a2", "-m", "gpt-6", "<prompt, 38 bytes>"];
        let command = kept(&stored).again().unwrap();
        assert_eq!(
            command,
            ["codex", "exec", "--json", "resume", "01a2", "-m", "gpt-6", "Go on with the task where you left off."]
        );
        assert_eq!(kept(&["make"]).again(), None);
    }

    #[test]
    fn a_screen_goes_on_as_a_screen_with_nothing_typed() {
        let stored = ["codex", "resume", "01a2", "-m", "gpt-6", "<prompt, 38 bytes>"];
        assert_eq!(kept(&stored).again().unwrap(), ["codex", "resume", "01a2", "-m", "gpt-6"]);
    }

    #[test]
    fn what_lay_in_the_folder_moves_with_it_and_nothing_else() {
        let Kept::Run(run) = Kept::Run(kept(&["codex", "exec"])).moved(Path::new("/new")) else { panic!("a run") };
        assert_eq!(
            (run.cwd.as_path(), run.rules.policy.as_deref()),
            (Path::new("/new"), Some(Path::new("/new/own.toml")))
        );
        let fleet = ResumableFleet {
            cwd: "/work".into(),
            fleet: "/work/agents/fleet.toml".into(),
            policy: Some("/etc/ours.toml".into()),
            observe: false,
            show: false,
            approvers: Vec::new(),
        };
        let Kept::Fleet(fleet) = Kept::Fleet(fleet).moved(Path::new("/new")) else { panic!("a fleet") };
        assert_eq!(fleet.fleet, Path::new("/new/agents/fleet.toml"));
        assert_eq!(fleet.policy.as_deref(), Some(Path::new("/etc/ours.toml")));
    }

    #[test]
    fn what_an_older_govern_kept_is_read() {
        let text = r#"{"cwd":"/w","agent":"codex","rules":{},"thread":"01a2","command":["codex","exec"]}"#;
        assert!(serde_json::from_str::<Resumable>(text).unwrap().approvers.is_empty());
        let text = r#"{"cwd":"/w","fleet":"/w/f.toml","policy":null,"observe":false,"show":false}"#;
        assert!(serde_json::from_str::<ResumableFleet>(text).unwrap().approvers.is_empty());
    }
}
