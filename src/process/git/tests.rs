//! Questions to repositories that try to run something.

#![expect(clippy::disallowed_methods, reason = "the repositories are made with git")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const LONG: Duration = Duration::from_secs(30);

struct Trap {
    temp: tempfile::TempDir,
}

impl Trap {
    /// A repository with one commit on top of another, and a program that leaves a trace when it is run.
    fn new() -> Self {
        let trap = Self { temp: tempfile::tempdir().unwrap() };
        let program = trap.program();
        fs::write(&program, format!("#!/bin/sh\ntouch {}\n", trap.trace().display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(trap.folder()).unwrap();
        trap.git(&["init", "--quiet", "--initial-branch=main"]);
        for text in ["one\n", "two\n"] {
            fs::write(trap.folder().join("a.txt"), text).unwrap();
            trap.git(&["add", "."]);
            trap.git(&["commit", "--quiet", "--message", text]);
        }
        trap
    }

    fn folder(&self) -> PathBuf {
        self.temp.path().join("repository")
    }

    fn program(&self) -> PathBuf {
        self.temp.path().join("program")
    }

    fn trace(&self) -> PathBuf {
        self.temp.path().join("trace")
    }

    fn config(&self, name: &str) {
        self.git(&["config", name, self.program().to_str().unwrap()]);
    }

    fn plain(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-C"]).arg(self.folder()).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdin(Stdio::null()).output().unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.plain(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn commit(&self, name: &str) -> CommitId {
        CommitId::parse(&self.git(&["rev-parse", name])).unwrap()
    }

    /// Asks everything that can be asked, of a repository whose answers matter to nobody.
    fn ask_all(&self) {
        let (first, last) = (self.commit("main~1"), self.commit("main"));
        let repository = Repository::at(&self.folder(), LONG);
        let (commits, paths) = ([first.clone(), last.clone()], ["a.txt".to_owned()]);
        for question in [
            GitQuery::Refs,
            GitQuery::RefWith(&first),
            GitQuery::Changes(&commits),
            GitQuery::History(&last, 0),
            GitQuery::HistoryOf(&last, 0, &paths),
            GitQuery::MergeBase(&first, &last),
            GitQuery::Between(&first, &last),
            GitQuery::Renames(&first, &last),
            GitQuery::Blame { at: &last, after: Some(&first), path: "a.txt" },
            GitQuery::Blame { at: &last, after: None, path: "a.txt" },
        ] {
            let answer = repository.ask(&question).unwrap_or_else(|error| panic!("{question:?}: {error}"));
            assert!(!answer.is_empty() || matches!(question, GitQuery::Renames(..)), "{question:?}");
        }
    }

    fn is_quiet(&self) {
        self.ask_all();
        assert!(!self.trace().exists(), "something was run");
    }

    fn is_run_by(&self, arguments: &[&str]) {
        let _whatever = self.plain(arguments);
        assert!(self.trace().exists(), "else the trap is none: {arguments:?}");
    }
}

#[test]
fn programs_that_the_configuration_names_are_not_run() {
    for (name, otherwise) in [
        ("core.fsmonitor", &["status"][..]),
        ("diff.external", &["diff", "main~1", "main"]),
        ("filter.x.clean", &["status"]),
        ("filter.x.process", &["status"]),
        ("diff.x.textconv", &["blame", "a.txt"]),
        ("diff.x.command", &["log", "--patch", "--ext-diff"]),
        ("core.pager", &["--paginate", "log"]),
        ("pager.log", &["--paginate", "log"]),
        ("pager.blame", &["--paginate", "blame", "a.txt"]),
    ] {
        let trap = Trap::new();
        trap.config(name);
        fs::write(trap.folder().join(".git/info/attributes"), "* filter=x diff=x\n").unwrap();
        fs::write(trap.folder().join("a.txt"), "2wo\n").unwrap();
        trap.is_quiet();
        // A pager is run only where there is a terminal.
        if !name.contains("pager") {
            trap.is_run_by(otherwise);
        }
    }
}

#[test]
fn hooks_are_not_run_wherever_they_lie() {
    let trap = Trap::new();
    let hooks = trap.folder().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for name in ["post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc"] {
        fs::copy(trap.program(), hooks.join(name)).unwrap();
    }
    trap.is_quiet();
    trap.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    trap.is_quiet();
    trap.is_run_by(&["checkout", "--quiet", "-b", "other"]);
}

#[test]
fn no_signature_is_checked() {
    let trap = Trap::new();
    let commit = trap.git(&["cat-file", "commit", "main"]);
    let signed =
        commit.replacen("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n", 1);
    let file = trap.temp.path().join("signed");
    fs::write(&file, signed).unwrap();
    let signed = trap.git(&["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    trap.git(&["update-ref", "refs/heads/main", &signed]);
    trap.config("gpg.program");
    trap.git(&["config", "log.showSignature", "true"]);
    trap.is_quiet();
    trap.is_run_by(&["log"]);
}

#[test]
fn what_is_missing_is_not_fetched() {
    let trap = Trap::new();
    let blob = trap.git(&["rev-parse", "main:a.txt"]);
    fs::remove_file(trap.folder().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let url = format!("ext::{}", trap.program().display());
    for (name, value) in [
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &url),
        ("protocol.ext.allow", "always"),
        ("protocol.allow", "always"),
        ("core.repositoryFormatVersion", "1"),
    ] {
        trap.git(&["config", name, value]);
    }
    let last = trap.commit("main");
    let repository = Repository::at(&trap.folder(), LONG);
    assert!(repository.ask(&GitQuery::Changes(std::slice::from_ref(&last))).is_err());
    assert!(repository.ask(&GitQuery::Blame { at: &last, after: None, path: "a.txt" }).is_err());
    assert!(!trap.trace().exists(), "something was run");
    trap.is_run_by(&["show", "main:a.txt"]);
}

#[test]
fn an_alias_is_not_taken_for_the_command() {
    let trap = Trap::new();
    let program = format!("!{}", trap.program().display());
    for name in ["alias.log", "alias.blame", "alias.for-each-ref", "alias.diff-tree", "alias.merge-base"] {
        trap.git(&["config", name, &program]);
    }
    trap.is_quiet();
}

#[test]
fn what_the_environment_names_is_not_run_and_leads_nowhere() {
    let trap = Trap::new();
    let repository = Repository::at(&trap.folder(), LONG);
    let command = repository.command(&GitQuery::Refs);
    let named: Vec<_> = command.get_envs().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
    for name in ["GIT_EXTERNAL_DIFF", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_TRACE", "GIT_ASKPASS", "GIT_CONFIG_PARAMETERS"]
    {
        assert!(!named.iter().any(|known| *known == name), "{name}");
    }
    let debug = format!("{command:?}");
    assert!(debug.starts_with("env -i "), "nothing but what is named: {debug}");
}

#[test]
fn a_pipe_in_the_place_of_a_file_costs_no_more_than_the_time_that_there_is() {
    let trap = Trap::new();
    let made = Command::new("mkfifo").arg(trap.folder().join(".mailmap")).status().unwrap();
    assert!(made.success());
    let made = Command::new("mkfifo").arg(trap.temp.path().join("pipe")).status().unwrap();
    assert!(made.success());
    for name in ["blame.ignoreRevsFile", "diff.orderFile", "mailmap.file", "core.attributesFile"] {
        trap.git(&["config", name, trap.temp.path().join("pipe").to_str().unwrap()]);
    }
    let last = trap.commit("main");
    // Whatever opens one of them waits for ever.
    let repository = Repository::at(&trap.folder(), Duration::from_secs(2));
    let began = clock::monotonic();
    let _whatever = repository.ask(&GitQuery::Blame { at: &last, after: None, path: "a.txt" });
    assert!(clock::monotonic() - began < Duration::from_secs(20));
    let none_left = Repository::at(&trap.folder(), Duration::ZERO);
    assert_eq!(none_left.ask(&GitQuery::Refs).unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_bare_repository_inside_a_folder_is_nobodys() {
    let trap = Trap::new();
    let inside = trap.folder().join("vendor");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&inside).status().unwrap();
    assert!(made.success());
    assert!(Repository::at(&inside, LONG).ask(&GitQuery::Refs).is_err());
}

#[test]
fn only_subcommands_that_read_are_ever_asked() {
    const READ: [&str; 5] = ["blame", "diff-tree", "for-each-ref", "log", "merge-base"];
    let commit = CommitId::parse(&"ab".repeat(20)).unwrap();
    let paths = ["--output=x".to_owned()];
    for question in [
        GitQuery::Refs,
        GitQuery::RefWith(&commit),
        GitQuery::Changes(std::slice::from_ref(&commit)),
        GitQuery::History(&commit, -1),
        GitQuery::HistoryOf(&commit, 0, &paths),
        GitQuery::MergeBase(&commit, &commit),
        GitQuery::Between(&commit, &commit),
        GitQuery::Renames(&commit, &commit),
        GitQuery::Blame { at: &commit, after: None, path: "--output=x" },
    ] {
        let words = question.words();
        assert!(READ.contains(&words[0].as_str()), "{words:?}");
        let ends = words.iter().position(|word| word == "--");
        let path = words.iter().position(|word| word == "--output=x");
        assert!(path.is_none() || ends < path, "a path is no option: {words:?}");
    }
}

#[test]
fn what_belongs_to_somebody_else_is_read_only_where_the_user_says_so() {
    let trap = Trap::new();
    let home = trap.temp.path().join("home");
    fs::create_dir(&home).unwrap();
    let repository = Repository::at(&trap.folder(), LONG);
    let is_read = || {
        let mut command = repository.command(&GitQuery::Refs);
        // Git's own tests have no second user either.
        command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1").env("HOME", &home).env_remove("XDG_CONFIG_HOME");
        command.output().unwrap().status.success()
    };
    assert!(!is_read());
    let folder = trap.folder().canonicalize().unwrap();
    fs::write(home.join(".gitconfig"), format!("[safe]\n\tdirectory = {}\n", folder.display())).unwrap();
    assert!(is_read());
}
