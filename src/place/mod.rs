//! The working folder: which repository, branch and people it belongs to. Read from git's
//! own files: starting git three times would cost more than the rest of govern's start.

mod checkout;

use std::fs;
use std::path::{Path, PathBuf};

pub use checkout::{Checkout, checkout};

/// Files larger than this are not a git configuration.
const MAX_CONFIG: u64 = 1024 * 1024;

/// What is known of a folder. Unknown is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The folder itself.
    pub folder: PathBuf,
    /// The root of the work tree that it lies in.
    pub repository: Option<PathBuf>,
    /// The repository's name, which all its work trees share: that of the folder that it was made in.
    pub name: Option<String>,
    /// The branch that is checked out; `None` on a detached head.
    pub branch: Option<String>,
    /// The remotes' addresses as configured, `origin` first.
    pub remotes: Vec<String>,
    /// `user.email`, else `user.name`, of the repository or the user.
    pub git_user: Option<String>,
}

/// Looks at a folder.
pub fn look(folder: &Path, env: impl Fn(&str) -> Option<std::ffi::OsString>) -> Place {
    let mut place = Place { folder: folder.to_owned(), ..Place::default() };
    let mut user = Config::default();
    let home = env("HOME").map(PathBuf::from);
    let xdg = env("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(".config")));
    for path in [xdg.map(|xdg| xdg.join("git/config")), home.map(|home| home.join(".gitconfig"))].into_iter().flatten()
    {
        user.read(&path);
    }
    if let Some((root, git)) = find_git(folder) {
        let common = common_folder(&git);
        user.read(&common.join("config"));
        place.branch = read_small(&git.join("HEAD"))
            .and_then(|head| head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned));
        place.name = name_of(&root, &git, &common);
        place.repository = Some(root);
        user.remotes.sort_by_key(|(name, _)| name != "origin");
        place.remotes = std::mem::take(&mut user.remotes).into_iter().map(|(_, url)| url).collect();
    }
    // As git itself has it: the environment wins over all files.
    let named = |name: &str| env(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty());
    place.git_user = named("GIT_AUTHOR_EMAIL").or(user.email).or_else(|| named("GIT_AUTHOR_NAME")).or(user.name);
    place
}

/// The work tree's root and its git folder; a linked work tree's `.git` is a file that names it.
fn find_git(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    folder.ancestors().find_map(|root| {
        let dot = root.join(".git");
        let kind = fs::symlink_metadata(&dot).ok()?;
        if kind.is_dir() || kind.is_symlink() {
            return Some((root.to_owned(), dot));
        }
        let text = read_small(&dot)?;
        let named = text.trim().strip_prefix("gitdir: ")?;
        Some((root.to_owned(), root.join(named)))
    })
}

/// Where configuration lies that all work trees of a repository share.
fn common_folder(git: &Path) -> PathBuf {
    match read_small(&git.join("commondir")) {
        Some(common) => git.join(common.trim()),
        None => git.to_owned(),
    }
}

/// A linked work tree is one of the repository whose git folder it shares.
fn name_of(root: &Path, git: &Path, common: &Path) -> Option<String> {
    let name = |folder: &Path| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    if git == common {
        return name(root);
    }
    let shared = common.canonicalize().ok()?;
    if shared.file_name().is_some_and(|name| name == ".git") {
        return name(shared.parent()?);
    }
    // A bare one is called `shop.git`.
    let bare = name(&shared)?;
    Some(bare.strip_suffix(".git").filter(|rest| !rest.is_empty()).unwrap_or(&bare).to_owned())
}

fn read_small(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    // A stranger's folder may have a pipe there, or a device without an end.
    if !meta.is_file() || meta.len() > MAX_CONFIG {
        return None;
    }
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The few settings that matter here. Includes are not followed.
#[derive(Debug, Default)]
struct Config {
    name: Option<String>,
    email: Option<String>,
    remotes: Vec<(String, String)>,
}

impl Config {
    fn read(&mut self, path: &Path) {
        if let Some(text) = read_small(path) {
            self.take(&text);
        }
    }

    fn take(&mut self, text: &str) {
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix('[') {
                section = rest.split(']').next().unwrap_or_default().trim().to_owned();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim().trim_matches('"').to_owned();
            if value.is_empty() {
                continue;
            }
            let remote = section.strip_prefix("remote ").map(|name| name.trim().trim_matches('"'));
            match (section.to_ascii_lowercase().as_str(), key.trim().to_ascii_lowercase().as_str(), remote) {
                ("user", "name", _) => self.name = Some(value),
                ("user", "email", _) => self.email = Some(value),
                (_, "url", Some(name)) => self.remotes.push((name.to_owned(), value)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look_with_home(folder: &Path, home: &Path) -> Place {
        look(folder, |name| (name == "HOME").then(|| home.as_os_str().to_owned()))
    }

    #[test]
    fn a_repository_says_its_branch_remotes_and_user() {
        let temp = tempfile::tempdir().unwrap();
        let (home, repo) = (temp.path().join("home"), temp.path().join("work/shop"));
        write(home.join(".gitconfig"), "[user]\n\tname = Ann\n\temail = ann@home.example\n");
        write(repo.join(".git/HEAD"), "ref: refs/heads/feature/ABC-12-cart\n");
        write(
            repo.join(".git/config"),
            "[core]\n\tbare = false\n[remote \"backup\"]\n\turl = /mnt/x\n[remote \"origin\"]\n\turl = git@github.com:acme/shop.git\n[user]\n\temail = ann@acme.example\n",
        );
        let inner = repo.join("src/deep");
        fs::create_dir_all(&inner).unwrap();
        let place = look_with_home(&inner, &home);
        assert_eq!(place.repository, Some(repo));
        assert_eq!(place.branch.as_deref(), Some("feature/ABC-12-cart"));
        assert_eq!(place.remotes, ["git@github.com:acme/shop.git", "/mnt/x"]);
        assert_eq!(place.git_user.as_deref(), Some("ann@acme.example"));
    }

    #[test]
    fn a_linked_work_tree_has_its_own_branch_and_the_shared_remotes() {
        let temp = tempfile::tempdir().unwrap();
        let main = temp.path().join("main/.git");
        write(main.join("config"), "[remote \"origin\"]\n url = https://example.org/a/b\n");
        write(main.join("worktrees/fix/HEAD"), "ref: refs/heads/fix\n");
        write(main.join("worktrees/fix/commondir"), "../..\n");
        let tree = temp.path().join("fix");
        write(tree.join(".git"), &format!("gitdir: {}\n", main.join("worktrees/fix").display()));
        let place = look_with_home(&tree, temp.path());
        assert_eq!(place.branch.as_deref(), Some("fix"));
        assert_eq!(place.remotes, ["https://example.org/a/b"]);
        assert_eq!(place.name.as_deref(), Some("main"), "work trees of one repository are one project");
    }

    #[test]
    fn a_work_tree_of_a_bare_repository_is_called_as_that() {
        let temp = tempfile::tempdir().unwrap();
        let bare = temp.path().join("shop.git");
        write(bare.join("worktrees/fix/HEAD"), "ref: refs/heads/fix\n");
        write(bare.join("worktrees/fix/commondir"), "../..\n");
        let tree = temp.path().join("fix");
        write(tree.join(".git"), &format!("gitdir: {}\n", bare.join("worktrees/fix").display()));
        assert_eq!(look_with_home(&tree, temp.path()).name.as_deref(), Some("shop"));
        write(temp.path().join("own.git/.git/HEAD"), "ref: refs/heads/main\n");
        assert_eq!(look_with_home(&temp.path().join("own.git"), temp.path()).name.as_deref(), Some("own.git"));
    }

    #[test]
    fn a_plain_folder_and_a_detached_head_know_less() {
        let temp = tempfile::tempdir().unwrap();
        // The folder for such files may itself be in a repository.
        let above = look_with_home(temp.path().parent().unwrap(), temp.path());
        assert_eq!(look_with_home(temp.path(), temp.path()), Place { folder: temp.path().to_owned(), ..above });
        write(temp.path().join(".git/HEAD"), "4b825dc642cb6eb9a060e54bf8d69288fbee4904\n");
        assert_eq!(look_with_home(temp.path(), temp.path()).branch, None);
    }
}
