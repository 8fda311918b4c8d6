//! Pull requests that commits belong to, as GitHub's API answers it.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What became of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullState {
    /// It waits.
    Open,
    /// It was closed without a merge.
    Closed,
    /// It came to its branch.
    Merged,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pull {
    /// `owner/name` of where it was opened.
    pub repository: String,
    /// Its number there.
    pub number: u64,
    /// What became of it.
    pub state: PullState,
}

#[derive(Deserialize)]
struct Told {
    number: u64,
    state: String,
    merged_at: Option<serde::de::IgnoredAny>,
    base: Base,
}

#[derive(Deserialize)]
struct Base {
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    full_name: String,
}

/// Reads the answer about one commit of this repository.
pub fn read(body: &[u8], repository: &str) -> Result<BTreeSet<Pull>, String> {
    let told: Vec<Told> = serde_json::from_slice(body).map_err(|_| "GitHub's answer cannot be read".to_owned())?;
    let pull = |one: Told| Pull {
        // One that came from a fork stands where it was opened.
        repository: one
            .base
            .repo
            .map_or_else(|| repository.to_owned(), |repo| repo.full_name.chars().take(200).collect()),
        number: one.number,
        state: match (one.merged_at, one.state.as_str()) {
            (Some(_), _) => PullState::Merged,
            (None, "open") => PullState::Open,
            (None, _) => PullState::Closed,
        },
    };
    Ok(told.into_iter().map(pull).collect())
}

/// `owner/name` of a remote of this host; `None` for one of another.
pub fn repository_of(remote: &str, host: &str) -> Option<String> {
    let rest = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let path = rest.strip_prefix(host)?.strip_prefix(['/', ':'])?;
    let path = path.strip_prefix("443/").unwrap_or(path).trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_part = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.len() <= 100 && part != ".." && part != "." && part.chars().all(fits)
    };
    let (owner, name) = path.split_once('/')?;
    (is_part(owner) && is_part(name)).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(number: u64, state: &str, merged: Option<&str>) -> serde_json::Value {
        json!({ "number": number, "state": state, "merged_at": merged, "title": "x", "base": { "repo": { "full_name": "acme/shop" } } })
    }

    #[test]
    fn a_pull_request_is_open_merged_or_closed() {
        let body =
            json!([told(1, "open", None), told(2, "closed", Some("2026-01-01T00:00:00Z")), told(3, "closed", None)]);
        let found = read(body.to_string().as_bytes(), "acme/shop").unwrap();
        let states: Vec<(u64, PullState)> = found.iter().map(|one| (one.number, one.state)).collect();
        assert_eq!(states, [(1, PullState::Open), (2, PullState::Merged), (3, PullState::Closed)]);
        assert!(read(b"{\"message\":\"Bad credentials\"}", "acme/shop").is_err());
    }

    #[test]
    fn remotes_are_read_in_all_their_forms_and_lead_nowhere_else() {
        for (remote, found) in [
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("https://github.com/acme/shop", Some("acme/shop")),
            ("https://ann:word@github.com/acme/shop.git/", Some("acme/shop")),
            ("ssh://git@github.com/acme/shop.git", Some("acme/shop")),
            ("https://github.com.evil.example/acme/shop", None),
            ("https://gitlab.com/acme/shop", None),
            ("https://github.com/acme/../shop", None),
            ("https://github.com/acme/shop?x=1", None),
            ("/srv/git/shop.git", None),
        ] {
            assert_eq!(repository_of(remote, "github.com").as_deref(), found, "{remote}");
        }
    }
}
