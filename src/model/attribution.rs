//! Where spend belongs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What spend can be counted per, and filtered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// One `govern run`.
    Run,
    /// One supervised command.
    Agent,
    /// One Codex session.
    Thread,
    /// `team`.
    Team,
    /// `project`.
    Project,
    /// `client`.
    Client,
    /// `user`.
    User,
    /// `task`.
    Task,
    /// The model that answered.
    Model,
    /// The git branch the agent started on.
    Branch,
    /// The class of work: `research`, `edit`, …
    Work,
    /// `label:KEY`.
    Label(String),
}

impl Dimension {
    /// Reads a policy's or a flag's word; `None` for what is no dimension. `everything` is
    /// not one: it is the empty list of dimensions.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "run" => Self::Run,
            "agent" => Self::Agent,
            "thread" => Self::Thread,
            "team" => Self::Team,
            "project" => Self::Project,
            "client" => Self::Client,
            "user" => Self::User,
            "task" => Self::Task,
            "model" => Self::Model,
            "branch" => Self::Branch,
            "work" => Self::Work,
            _ => match word.strip_prefix("label:") {
                Some(key) if !key.is_empty() => Self::Label(key.to_owned()),
                _ => return None,
            },
        })
    }

    /// Its spend ends with the thing itself, so that it needs no window.
    pub fn has_own_life(&self) -> bool {
        matches!(self, Self::Run | Self::Agent | Self::Thread)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.pad("run"),
            Self::Agent => f.pad("agent"),
            Self::Thread => f.pad("thread"),
            Self::Team => f.pad("team"),
            Self::Project => f.pad("project"),
            Self::Client => f.pad("client"),
            Self::User => f.pad("user"),
            Self::Task => f.pad("task"),
            Self::Model => f.pad("model"),
            Self::Branch => f.pad("branch"),
            Self::Work => f.pad("work"),
            Self::Label(key) => f.pad(&format!("label:{key}")),
        }
    }
}

/// Who and what an agent's spend is for. Unknown is `None`, never an empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribution {
    /// The team that answers for the spend.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub team: Option<String>,
    /// By default the repository's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<String>,
    /// Whom it is billed on to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client: Option<String>,
    /// By default git's user, else the system's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// Such as a ticket number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub task: Option<String>,
    /// The git branch at the start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch: Option<String>,
    /// Free `key = value` pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
}

impl Attribution {
    /// The same with each value as `change` gives it.
    #[must_use]
    pub fn map_values(self, change: impl Fn(&str) -> String) -> Self {
        let Self { team, project, client, user, task, branch, labels } = self;
        let one = |value: Option<String>| value.map(|value| change(&value));
        let labels = labels.into_iter().map(|(key, value)| (key, change(&value))).collect();
        Self {
            team: one(team),
            project: one(project),
            client: one(client),
            user: one(user),
            task: one(task),
            branch: one(branch),
            labels,
        }
    }

    /// All that is known, each with its dimension.
    pub fn entries(&self) -> impl Iterator<Item = (Dimension, &str)> {
        use Dimension::{Branch, Client, Label, Project, Task, Team, User};
        let labels = self.labels.keys().map(|key| Label(key.clone()));
        let all = [Team, Project, Client, User, Task, Branch].into_iter().chain(labels);
        all.filter_map(|dimension| Some((dimension.clone(), self.get(&dimension)?)))
    }

    /// The value of an attribution's own dimension; `None` also for run, agent, thread and
    /// model, which an attribution does not know.
    pub fn get(&self, dimension: &Dimension) -> Option<&str> {
        match dimension {
            Dimension::Team => self.team.as_deref(),
            Dimension::Project => self.project.as_deref(),
            Dimension::Client => self.client.as_deref(),
            Dimension::User => self.user.as_deref(),
            Dimension::Task => self.task.as_deref(),
            Dimension::Branch => self.branch.as_deref(),
            Dimension::Label(key) => self.labels.get(key).map(String::as_str),
            Dimension::Run | Dimension::Agent | Dimension::Thread | Dimension::Model | Dimension::Work => None,
        }
    }
}
