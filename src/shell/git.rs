//! What git runs besides itself: its settings and some of its subcommands name commands.

use super::environment::odd_set_by;
use super::forms::starts;
use super::options::values_of;
use super::tasks::{How, Stdin, Tasks};
use super::unknown::{data, told_to_run};
use super::word::Word;

/// Options of all subcommands whose value is a command.
const COMMANDS: &[&str] = &[
    "--upload-pack",
    "--receive-pack",
    "--exec",
    "--tree-filter",
    "--index-filter",
    "--msg-filter",
    "--env-filter",
    "--parent-filter",
    "--commit-filter",
    "--tag-name-filter",
    "--open-files-in-pager",
    "--extcmd",
    "--sendmail-cmd",
    "--to-cmd",
    "--cc-cmd",
    "--smtp-server",
    "--header-cmd",
];

/// git runs commands that its settings and some of its subcommands name.
pub(super) fn git(tasks: &mut Tasks, arguments: &[Word], stdin: &Stdin) {
    for (at, word) in arguments.iter().enumerate() {
        let shown = word.shown();
        if let Some((_, script)) =
            shown.split_once("ext::").filter(|(before, _)| before.is_empty() || before.ends_with('='))
        {
            // `% ` is a space within a word.
            let script = script.replace("% ", "\u{a0}");
            let words = script.split(' ').map(|word| Word::of(&word.replace('\u{a0}', " "))).collect();
            tasks.command(words, stdin, How::Surely);
        }
        for value in COMMANDS.iter().flat_map(|option| values_of(arguments, at, option)) {
            told_to_run(tasks, "git", &value);
        }
        if let Some(setting) = shown.strip_prefix("--config-env=").or_else(|| shown.strip_prefix("--config=")) {
            set(tasks, &Word::of(setting), shown.starts_with("--config-env"));
        }
    }
    let Some(starts) = starts("git", arguments) else { return };
    for start in starts {
        for at in 0..start {
            if arguments.get(at).is_some_and(|word| matches!(word.shown().as_str(), "-c" | "--config-env")) {
                let is_env = arguments.get(at).is_some_and(|word| word.shown() == "--config-env");
                arguments.get(at + 1).iter().for_each(|setting| set(tasks, setting, is_env));
            }
        }
        if let Some(subcommand) = arguments.get(start).and_then(Word::text) {
            run(tasks, &subcommand, arguments.get(start + 1..).unwrap_or_default(), stdin);
        }
    }
}

fn run(tasks: &mut Tasks, name: &str, arguments: &[Word], stdin: &Stdin) {
    let options: &[&str] = match name {
        "grep" => &["-O"],
        "difftool" | "rebase" => &["-x"],
        "clone" | "fetch" | "pull" | "ls-remote" | "fetch-pack" => &["-u"],
        _ => &[],
    };
    data(tasks, "git", arguments, options);
    let words: Vec<String> = arguments.iter().map(Word::shown).collect();
    let behind = |word: &str| {
        let at = words.iter().position(|shown| shown == word);
        at.and_then(|at| arguments.get(at + 1..)).unwrap_or_default()
    };
    match name {
        "submodule" => told(tasks, behind("foreach"), stdin),
        "bisect" => told(tasks, behind("run"), stdin),
        "for-each-repo" => tasks.unreadable("what git runs in each repository cannot be read"),
        "remote-ext" | "remote-fd" => {
            for word in arguments.iter().skip(1) {
                tasks.script_in(word, "what git is told to run");
            }
        }
        "shell" => told(tasks, behind("-c"), stdin),
        "clone" | "config" => configured(tasks, name, arguments),
        _ => {}
    }
}

/// `git config KEY VALUE`, `git clone -c KEY=VALUE`.
fn configured(tasks: &mut Tasks, name: &str, arguments: &[Word]) {
    for (at, word) in arguments.iter().enumerate() {
        if name == "clone" {
            for setting in ["-c", "--config"].iter().flat_map(|option| values_of(arguments, at, option)) {
                set(tasks, &setting, false);
            }
        } else if let (Some(key), Some(value)) = (word.text(), arguments.get(at + 1))
            && key.contains('.')
            && !key.starts_with('-')
        {
            set_to(tasks, &key, value, true);
        }
    }
}

/// What git is told to run: one word is a script, several are a command.
fn told(tasks: &mut Tasks, words: &[Word], stdin: &Stdin) {
    let words = match words.split_first() {
        Some((first, rest)) if first.shown().starts_with("--") => rest,
        _ => words,
    };
    match words {
        [script] => tasks.script_in(script, "what git is told to run"),
        command => tasks.command(command.to_vec(), stdin, How::Surely),
    }
}

fn set(tasks: &mut Tasks, setting: &Word, is_in_environment: bool) {
    // The middle of a key may be anything: `credential.https://a.example.helper`.
    let Some((key, value)) = odd_set_by(setting) else {
        if !setting.is_known() {
            tasks.unreadable("what git is set to cannot be read");
        }
        return;
    };
    let value = if is_in_environment { Word::unknown() } else { value };
    set_to(tasks, &key, &value, false);
}

fn set_to(tasks: &mut Tasks, key: &str, value: &Word, stays: bool) {
    let key = key.to_ascii_lowercase();
    if key.starts_with("alias.") {
        match value.text() {
            Some(text) => match text.strip_prefix('!') {
                Some(script) => tasks.script(script),
                None => tasks.script(format!("git {text}")),
            },
            None => tasks.unreadable("what an alias of git stands for cannot be read"),
        }
    } else if is_command(&key) {
        match value.text() {
            Some(text) => tasks.script(text.trim_start_matches('!')),
            None => tasks.unreadable(format!("what git's `{key}` is set to cannot be read")),
        }
    } else if key == "protocol.ext.allow" || (key.starts_with("url.") && key.contains("ext::")) {
        tasks.unreadable("the command that git takes for an address cannot be read");
    } else if key == "help.autocorrect" {
        let shows_only = ["0", "never", "show", "prompt", "no", "off", "false"];
        if value.text().is_none_or(|text| !shows_only.contains(&text.as_str())) {
            tasks.unreadable("which command git takes a misspelt one for cannot be read");
        }
    } else if key.ends_with("hookspath") || key.starts_with("include") {
        if stays {
            tasks.doubt(format!("git's `{key}` changes what is run"));
        } else {
            tasks.unreadable(format!("what git's `{key}` makes it run cannot be read"));
        }
    }
}

/// The value of this setting of git is a command that git runs.
fn is_command(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    let commands = [
        "pager",
        "editor",
        "sshcommand",
        "askpass",
        "helper",
        "textconv",
        "command",
        "cmd",
        "program",
        "driver",
        "clean",
        "smudge",
        "process",
        "fsmonitor",
        "external",
        "gitproxy",
        "update",
        "receivepack",
        "uploadpack",
        "packobjectshook",
        "variant",
        "vcs",
        "proxycommand",
        "defaultkeycommand",
        "difffilter",
        "alternaterefscommand",
        "sendmailcmd",
        "tocmd",
        "cccmd",
        "headercmd",
        "browser",
    ];
    commands.contains(&last) || key.starts_with("pager.")
}
