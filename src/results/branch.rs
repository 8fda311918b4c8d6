//! Which branch is the default one, by the names of branches here and at the remote.

use crate::model::CommitId;

/// A branch's last commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Which.
    pub commit: CommitId,
    /// When it was committed, in seconds since 1970.
    pub at: i64,
}

/// The default branch, as it is here and as the remote was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultBranch {
    /// Such as `main`.
    pub name: String,
    /// Such as `origin`, with the branch's last commit there.
    pub remote: Option<(String, Tip)>,
    /// Its last commit here.
    pub local: Option<Tip>,
}

/// What the branch is called where no remote says it.
const USUAL: [&str; 3] = ["main", "master", "trunk"];

/// One line of what git tells of references.
struct Ref {
    name: String,
    tip: Tip,
    leads_to: String,
}

/// The default branch by `refname NUL objectname NUL symref NUL time` lines; `None`: nobody can say which it is.
pub fn default_branch(told: &[u8]) -> Option<DefaultBranch> {
    let refs: Vec<Ref> = told.split(|byte| *byte == b'\n').filter_map(one).collect();
    let tip =
        |name: &str| refs.iter().find(|one| one.name == name && one.leads_to.is_empty()).map(|one| one.tip.clone());
    let heads = refs.iter().filter(|one| one.name.ends_with("/HEAD") && !one.leads_to.is_empty());
    let named: Vec<(String, String)> = heads.filter_map(|one| split(&one.leads_to)).collect();
    let said = named.iter().find(|(remote, _)| remote == "origin").or_else(|| named.first());
    let of = |remote: &str, name: &str| DefaultBranch {
        name: name.to_owned(),
        remote: tip(&format!("refs/remotes/{remote}/{name}")).map(|tip| (remote.to_owned(), tip)),
        local: tip(&format!("refs/heads/{name}")),
    };
    let is_there = |branch: &DefaultBranch| branch.remote.is_some() || branch.local.is_some();
    if let Some(branch) = said.map(|(remote, name)| of(remote, name)).filter(is_there) {
        return Some(branch);
    }
    if let Some(branch) = USUAL.iter().map(|name| of("origin", name)).find(is_there) {
        return Some(branch);
    }
    let mut local = refs.iter().filter_map(|one| one.name.strip_prefix("refs/heads/"));
    match (local.next(), local.next()) {
        (Some(only), None) => Some(of("origin", only)),
        _ => None,
    }
}

fn one(line: &[u8]) -> Option<Ref> {
    let line = String::from_utf8_lossy(line);
    let mut fields = line.split('\0');
    let (name, commit, leads_to) = (fields.next()?, fields.next()?, fields.next()?);
    let at = fields.next()?.parse().ok()?;
    Some(Ref {
        name: name.to_owned(),
        tip: Tip { commit: CommitId::parse(commit)?, at },
        leads_to: leads_to.to_owned(),
    })
}

/// `refs/remotes/origin/release/2` is `release/2` of `origin`.
fn split(name: &str) -> Option<(String, String)> {
    let (remote, branch) = name.strip_prefix("refs/remotes/")?.split_once('/')?;
    Some((remote.to_owned(), branch.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(refs: &[(&str, u8, &str)]) -> Vec<u8> {
        let line = |(name, n, to): &(&str, u8, &str)| format!("{name}\0{}\0{to}\0{n}\n", format!("{n:02x}").repeat(20));
        refs.iter().map(line).collect::<String>().into_bytes()
    }

    fn found(refs: &[(&str, u8, &str)]) -> Option<(String, Option<i64>, Option<i64>)> {
        let branch = default_branch(&told(refs))?;
        Some((branch.name, branch.remote.map(|(_, tip)| tip.at), branch.local.map(|tip| tip.at)))
    }

    #[test]
    fn a_remote_says_which_it_is_and_else_its_usual_name() {
        let (a, b, c) = (("refs/heads/main", 1, ""), ("refs/heads/dev", 2, ""), ("refs/remotes/origin/dev", 3, ""));
        let head = ("refs/remotes/origin/HEAD", 3, "refs/remotes/origin/dev");
        assert_eq!(found(&[a, b, c, head]), Some(("dev".into(), Some(3), Some(2))));
        assert_eq!(found(&[a, b, c]), Some(("main".into(), None, Some(1))));
        assert_eq!(found(&[b]), Some(("dev".into(), None, Some(2))));
        assert_eq!(found(&[b, ("refs/heads/fix", 4, "")]), None);
        assert_eq!(found(&[]), None);
        let fork = ("refs/remotes/fork/HEAD", 5, "refs/remotes/fork/main");
        assert_eq!(found(&[fork, head, c, a]), Some(("dev".into(), Some(3), None)));
    }
}
