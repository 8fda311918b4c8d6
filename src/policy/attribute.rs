//! Where an agent's spend belongs: flags before environment before rules before defaults.

use std::path::{Path, PathBuf};

use super::rule::AttributeRule;
use crate::model::{Attribution, Dimension};

/// Where an agent is started: what rules match against, and what defaults come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartedIn {
    /// The working folder, absolute.
    pub folder: PathBuf,
    /// The user's home, for rules that write `~`.
    pub home: Option<PathBuf>,
    /// The git remotes, as [`normalise_remote`] gives them.
    pub remotes: Vec<String>,
    /// The git branch; `None` outside a repository or on a detached head.
    pub branch: Option<String>,
    /// The repository's name: the default project.
    pub repository_name: Option<String>,
    /// `user.email`, else `user.name` of git: the default user.
    pub git_user: Option<String>,
    /// The login name: the user where git knows none.
    pub system_user: Option<String>,
}

/// Joins what is known, the first that says a field winning: flags, the environment, the rules in
/// their order, then the place itself. Labels are joined key by key. Empty texts count as unknown.
pub fn attribute(rules: &[AttributeRule], place: &StartedIn, flags: Attribution, env: Attribution) -> Attribution {
    let mut result = Attribution::default();
    take_over(&mut result, flags);
    take_over(&mut result, env);
    for rule in rules {
        apply(&mut result, rule, place);
    }
    let defaults = [
        (Dimension::Project, &place.repository_name),
        (Dimension::User, &place.git_user),
        (Dimension::User, &place.system_user),
        (Dimension::Branch, &place.branch),
    ];
    for (dimension, value) in defaults {
        fill(&mut result, &dimension, value.as_deref().unwrap_or_default());
    }
    result
}

/// What of a recorded attribution the place alone does not tell: somebody, or a rule, has said it.
pub fn said_beyond(recorded: &Attribution, place: &StartedIn) -> Attribution {
    let is_default = |value: &String, default: &Option<String>| default.as_ref() == Some(value);
    let project = recorded.project.clone().filter(|project| !is_default(project, &place.repository_name));
    let by_default = |user: &String| is_default(user, &place.git_user) || is_default(user, &place.system_user);
    let user = recorded.user.clone().filter(|user| !by_default(user));
    Attribution { project, user, ..recorded.clone() }
}

/// What the environment says, by the variables that a run reads.
pub fn said_by(variable: impl Fn(&str) -> Option<String>) -> Attribution {
    Attribution {
        team: variable("GOVERN_TEAM"),
        project: variable("GOVERN_PROJECT"),
        client: variable("GOVERN_CLIENT"),
        task: variable("GOVERN_TASK"),
        user: variable("GOVERN_USER"),
        ..Attribution::default()
    }
}

/// The part of an attribution that a named group of a branch pattern fills: `team`, `project`,
/// `client`, `user`, `task` or `label_KEY`.
pub fn group_dimension(group: &str) -> Option<Dimension> {
    match group {
        "team" => Some(Dimension::Team),
        "project" => Some(Dimension::Project),
        "client" => Some(Dimension::Client),
        "user" => Some(Dimension::User),
        "task" => Some(Dimension::Task),
        _ => group.strip_prefix("label_").filter(|key| !key.is_empty()).map(|key| Dimension::Label(key.to_owned())),
    }
}

/// `git@github.com:acme/x.git`, `https://user:secret@github.com/acme/x` and `ssh://git@github.com:22/acme/x/`
/// all are `github.com/acme/x`. A path of this machine stays a path.
pub fn normalise_remote(url: &str) -> String {
    let url = url.trim();
    let (authority, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => match url.split_once(':') {
            // As scp writes it; a slash before the colon makes it a path.
            Some((host, path)) if !host.contains('/') => (host, path),
            _ => ("", url),
        },
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
    if host.is_empty() {
        return if url.contains("://") { format!("/{path}") } else { path.to_owned() };
    }
    format!("{}/{}", host.to_lowercase(), path.trim_start_matches('/'))
}

/// How a rule stands to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// All that it says holds.
    Whole,
    /// What it sets holds. Its branch pattern is there to fill named groups, does not match, and fills none.
    Unfilled,
    /// Nothing of it holds, for this does not match.
    Not(Condition),
}

/// What a rule may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `folder`.
    Folder,
    /// `remote`.
    Remote,
    /// `branch`, of a pattern without named groups.
    Branch,
}

impl AttributeRule {
    /// Whether it holds in a place, and why not. A branch pattern with named groups reads the branch; one without asks
    /// for it.
    pub fn matches(&self, place: &StartedIn) -> Match {
        if !self.folder.as_ref().is_none_or(|glob| in_folder(place, |path| glob.is_match(path))) {
            return Match::Not(Condition::Folder);
        }
        if !self.remote.as_ref().is_none_or(|glob| place.remotes.iter().any(|remote| glob.is_match(remote))) {
            return Match::Not(Condition::Remote);
        }
        let Some(pattern) = &self.branch else { return Match::Whole };
        match place.branch.as_deref().is_some_and(|branch| pattern.is_match(branch)) {
            true => Match::Whole,
            false if pattern.capture_names().flatten().next().is_some() => Match::Unfilled,
            false => Match::Not(Condition::Branch),
        }
    }
}

fn apply(result: &mut Attribution, rule: &AttributeRule, place: &StartedIn) {
    if matches!(rule.matches(place), Match::Not(_)) {
        return;
    }
    if let Some(pattern) = &rule.branch
        && let Some(captures) = place.branch.as_deref().and_then(|branch| pattern.captures(branch))
    {
        for name in pattern.capture_names().flatten() {
            if let (Some(dimension), Some(value)) = (group_dimension(name), captures.name(name)) {
                fill(result, &dimension, value.as_str());
            }
        }
    }
    take_over(result, rule.set.clone());
}

/// The folder or one above it matches, in full or with `~` for the home.
fn in_folder(place: &StartedIn, matches: impl Fn(&Path) -> bool) -> bool {
    place.folder.ancestors().any(|folder| {
        let from_home = place.home.as_deref().and_then(|home| folder.strip_prefix(home).ok());
        matches(folder)
            || from_home.is_some_and(|rest| matches(&Path::new("~").iter().chain(rest).collect::<PathBuf>()))
    })
}

fn take_over(result: &mut Attribution, other: Attribution) {
    let Attribution { team, project, client, user, task, branch, labels } = other;
    let fields = [
        (Dimension::Team, team),
        (Dimension::Project, project),
        (Dimension::Client, client),
        (Dimension::User, user),
        (Dimension::Task, task),
        (Dimension::Branch, branch),
    ];
    for (dimension, value) in fields {
        fill(result, &dimension, value.as_deref().unwrap_or_default());
    }
    for (key, value) in labels {
        fill(result, &Dimension::Label(key), &value);
    }
}

/// Sets what is not set yet; an empty value sets nothing.
pub(super) fn fill(result: &mut Attribution, dimension: &Dimension, value: &str) {
    if value.is_empty() {
        return;
    }
    let field = match dimension {
        Dimension::Team => &mut result.team,
        Dimension::Project => &mut result.project,
        Dimension::Client => &mut result.client,
        Dimension::User => &mut result.user,
        Dimension::Task => &mut result.task,
        Dimension::Branch => &mut result.branch,
        Dimension::Label(key) => {
            result.labels.entry(key.clone()).or_insert_with(|| value.to_owned());
            return;
        }
        Dimension::Run | Dimension::Agent | Dimension::Thread | Dimension::Model | Dimension::Work => return,
    };
    field.get_or_insert_with(|| value.to_owned());
}

#[cfg(test)]
mod tests {
    use globset::Glob;
    use regex::Regex;

    use super::super::rule::Layer;
    use super::*;

    fn place() -> StartedIn {
        StartedIn {
            folder: PathBuf::from("/home/ann/work/acme/web"),
            home: Some(PathBuf::from("/home/ann")),
            remotes: vec!["example.org/mirror/web".to_owned(), "github.com/acme/web".to_owned()],
            branch: Some("feature/WEB-123-login".to_owned()),
            repository_name: Some("web".to_owned()),
            git_user: Some("ann@example.com".to_owned()),
            system_user: Some("ann".to_owned()),
        }
    }

    fn rule(folder: Option<&str>, remote: Option<&str>, branch: Option<&str>, team: &str) -> AttributeRule {
        let glob = |pattern: &str| Glob::new(pattern).unwrap().compile_matcher();
        AttributeRule {
            folder: folder.map(glob),
            remote: remote.map(glob),
            branch: branch.map(|pattern| Regex::new(pattern).unwrap()),
            set: Attribution { team: Some(team.to_owned()), ..Attribution::default() },
            layer: Layer::User,
        }
    }

    fn team(rules: &[AttributeRule], place: &StartedIn) -> Option<String> {
        attribute(rules, place, Attribution::default(), Attribution::default()).team
    }

    #[test]
    fn flags_beat_the_environment_beats_rules_beats_the_place() {
        let says = |text: &str| Attribution { team: Some(text.to_owned()), ..Attribution::default() };
        let rules = [rule(None, None, None, "rule"), rule(None, None, None, "later rule")];
        let nothing = Attribution::default;
        assert_eq!(attribute(&rules, &place(), says("flag"), says("env")).team.as_deref(), Some("flag"));
        assert_eq!(attribute(&rules, &place(), nothing(), says("env")).team.as_deref(), Some("env"));
        assert_eq!(attribute(&rules, &place(), nothing(), nothing()).team.as_deref(), Some("rule"));
        assert_eq!(attribute(&[], &place(), nothing(), nothing()).team, None);
    }

    #[test]
    fn the_place_itself_gives_project_user_and_branch() {
        let result = attribute(&[], &place(), Attribution::default(), Attribution::default());
        assert_eq!(result.project.as_deref(), Some("web"));
        assert_eq!(result.user.as_deref(), Some("ann@example.com"));
        assert_eq!(result.branch.as_deref(), Some("feature/WEB-123-login"));
        let without_git = StartedIn { git_user: None, branch: None, repository_name: None, ..place() };
        let result = attribute(&[], &without_git, Attribution::default(), Attribution::default());
        assert_eq!((result.user.as_deref(), result.project, result.branch), (Some("ann"), None, None));
    }

    #[test]
    fn all_conditions_of_a_rule_must_hold() {
        let cases = [
            (rule(Some("/home/ann/work/acme"), None, None, "t"), true),
            (rule(Some("~/work/*"), None, None, "t"), true),
            (rule(Some("~"), None, None, "t"), true),
            (rule(Some("~/other"), None, None, "t"), false),
            (rule(None, Some("github.com/acme/*"), None, "t"), true),
            (rule(None, Some("github.com/other/*"), None, "t"), false),
            (rule(None, None, Some("^feature/"), "t"), true),
            (rule(None, None, Some("^release/"), "t"), false),
            (rule(Some("~/work/*"), Some("github.com/acme/*"), Some("^feature/"), "t"), true),
            (rule(Some("~/work/*"), Some("github.com/acme/*"), Some("^release/"), "t"), false),
        ];
        for (rule, holds) in cases {
            assert_eq!(team(std::slice::from_ref(&rule), &place()).is_some(), holds, "{rule:?}");
        }
        let nowhere = StartedIn { folder: PathBuf::from("/tmp"), ..StartedIn::default() };
        assert_eq!(team(&[rule(None, None, Some(".*"), "t")], &nowhere), None);
    }

    #[test]
    fn named_groups_of_the_branch_are_filled_in() {
        let pattern = r"^(?<label_kind>[a-z]+)/(?<task>[A-Z]+-\d+)(?<project>x?)";
        let result = attribute(
            &[rule(None, None, Some(pattern), "web")],
            &place(),
            Attribution::default(),
            Attribution::default(),
        );
        assert_eq!(result.task.as_deref(), Some("WEB-123"));
        assert_eq!(result.labels.get("kind").map(String::as_str), Some("feature"));
        assert_eq!(result.project.as_deref(), Some("web"), "an empty group fills nothing");
    }

    #[test]
    fn a_branch_that_fills_nothing_takes_nothing_else_away() {
        let rule = rule(None, Some("github.com/acme/*"), Some(r"(?<task>[A-Z]+-\d+)"), "web");
        let rules = std::slice::from_ref(&rule);
        let task = |place: &StartedIn| attribute(rules, place, Attribution::default(), Attribution::default()).task;
        assert_eq!((rule.matches(&place()), task(&place()).as_deref()), (Match::Whole, Some("WEB-123")));
        for branch in [Some("main".to_owned()), None] {
            let main = StartedIn { branch, ..place() };
            assert_eq!((rule.matches(&main), task(&main)), (Match::Unfilled, None));
            assert_eq!(team(rules, &main).as_deref(), Some("web"));
        }
        let elsewhere = StartedIn { remotes: Vec::new(), ..place() };
        assert_eq!((rule.matches(&elsewhere), team(rules, &elsewhere)), (Match::Not(Condition::Remote), None));
    }

    #[test]
    fn every_way_to_write_a_remote_is_one() {
        for url in [
            "git@github.com:acme/x.git",
            "github.com:acme/x",
            "https://github.com/acme/x.git",
            "https://user:secret@GitHub.com/acme/x/",
            "ssh://git@github.com:22/acme/x.git",
            "git://github.com/acme/x.git/",
        ] {
            assert_eq!(normalise_remote(url), "github.com/acme/x", "{url}");
        }
        assert_eq!(normalise_remote("/srv/git/x.git"), "/srv/git/x");
        assert_eq!(normalise_remote("file:///srv/git/x.git"), "/srv/git/x");
        assert_eq!(normalise_remote("../x"), "../x");
        assert_eq!(normalise_remote(""), "");
    }
}
