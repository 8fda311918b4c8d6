//! The questions to GitHub's API: which pull requests commits belong to. Only read, and only when it was asked for.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use http::{StatusCode, header};

use super::repository::NOT_ASKED;
use crate::cli::key_file;
use crate::clock;
use crate::error::{Error, Result};
use crate::model::{Commit, CommitId};
use crate::net::{Client, Limits, Reply};
use crate::place;
use crate::policy::url;
use crate::prepare::here::Here;
use crate::results::pull::{Pull, read, repository_of};

/// Where the API is, if the environment does not name another (GitHub Enterprise, and CI, do).
const API: &str = "https://api.github.com";
const API_NAMED: &str = "GITHUB_API_URL";
const SERVER: &str = "https://github.com";
const SERVER_NAMED: &str = "GITHUB_SERVER_URL";

/// Where a token is, the first first.
const TOKENS: [&str; 2] = ["GH_TOKEN", "GITHUB_TOKEN"];

/// Of so many commits of a repository it is asked, the latest.
const MOST: usize = 300;

const LIMITS: Limits = Limits { within: Duration::from_secs(20), most: 4 * 1024 * 1024 };

/// Pull requests of the commits of a repository, or why they are not known.
pub(super) type Of = std::result::Result<HashMap<CommitId, BTreeSet<Pull>>, String>;

/// Who asks, and where.
pub(in crate::cli) struct Asker {
    api: String,
    host: String,
    authorization: Option<String>,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Asker {
    /// With the token of this file, else of the environment, else with none.
    pub(in crate::cli) fn new(token_file: Option<&Path>, here: &Here<'_>) -> Result<Self> {
        let text = |name: &str| here.variable(name).and_then(|value| value.into_string().ok());
        let api = text(API_NAMED).unwrap_or_else(|| API.to_owned());
        url::web(&api).map_err(|error| {
            Error::new(format!("the address in ${API_NAMED} {error}")).hint(format!("GitHub's own is {API}"))
        })?;
        let server = text(SERVER_NAMED).unwrap_or_else(|| SERVER.to_owned());
        let host = server.split_once("://").map_or(server.as_str(), |(_, host)| host).trim_matches('/').to_owned();
        let authorization = match token_file {
            Some(file) => Some(key_file::read(&here.cwd.join(file), "token")?.bearer()),
            None => TOKENS.into_iter().find_map(text).map(|token| format!("Bearer {}", token.trim())),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::new("GitHub cannot be asked").caused_by(&error))?;
        Ok(Self {
            api: api.trim_end_matches('/').to_owned(),
            host,
            authorization,
            client: Client::new(here.env),
            runtime,
        })
    }

    /// Of these commits, in the repository that has this folder.
    pub(super) fn of(&self, folder: &Path, commits: &[&Commit], here: &Here<'_>, until: Instant) -> Of {
        let remotes = place::look(folder, |name| here.variable(name)).remotes;
        let found = remotes.iter().find_map(|remote| repository_of(remote, &self.host));
        let repository = found.ok_or_else(|| format!("no remote of its repository is on {}", self.host))?;
        if commits.len() > MOST {
            return Err(format!(
                "of more than {MOST} commits of a repository GitHub is not asked: narrow it with `--since`"
            ));
        }
        let mut of = HashMap::new();
        for commit in commits {
            if clock::monotonic() >= until {
                return Err(NOT_ASKED.to_owned());
            }
            let address = format!("{}/repos/{repository}/commits/{}/pulls?per_page=100", self.api, commit.id.as_str());
            let asked = self.client.get(&address, self.authorization.as_deref(), LIMITS);
            let reply = self.runtime.block_on(asked).map_err(|error| error.to_string())?;
            of.insert(commit.id.clone(), self.pulls(&reply, &repository)?);
        }
        Ok(of)
    }

    fn pulls(&self, reply: &Reply, repository: &str) -> std::result::Result<BTreeSet<Pull>, String> {
        let limited = reply.headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        match reply.status {
            status if status.is_success() => read(&reply.body, repository),
            // It was never pushed there, or was rewritten since.
            StatusCode::UNPROCESSABLE_ENTITY => Ok(BTreeSet::new()),
            StatusCode::UNAUTHORIZED => Err("GitHub does not take this token (401)".to_owned()),
            StatusCode::TOO_MANY_REQUESTS => Err("GitHub was asked too often (429): do it again later".to_owned()),
            StatusCode::FORBIDDEN if limited || reply.headers.contains_key(header::RETRY_AFTER) => {
                Err("GitHub was asked too often (403): a token may ask more".to_owned())
            }
            StatusCode::FORBIDDEN => Err(format!("this token may not read {repository} (403)")),
            StatusCode::NOT_FOUND if self.authorization.is_none() => {
                Err(format!("GitHub shows {repository} to nobody without a token (404): set GH_TOKEN"))
            }
            StatusCode::NOT_FOUND => Err(format!("GitHub has no {repository} for this token (404)")),
            status => Err(format!("GitHub answered {status}")),
        }
    }
}
