//! Pure. What git runs besides itself: its settings and some of its subcommands name commands.

use super::forms::starts;
use super::options::values_of;
use super::start::{How, Reader, Stdin, odd_set_by};
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

impl Reader {
    /// git runs commands that its settings and some of its subcommands name.
    pub(super) fn git(&mut self, arguments: &[Word], stdin: &Stdin, depth: usize) {
        for (at, word) in arguments.iter().enumerate() {
            let shown = word.shown();
            if let Some((_, script)) =
                shown.split_once("ext::").filter(|(before, _)| before.is_empty() || before.ends_with('='))
            {
                // `% ` is a space within a word.
                let script = script.replace("% ", "\u{a0}");
                let words = script.split(' ').map(|word| Word::of(&word.replace('\u{a0}', " "))).collect();
                self.command(words, stdin, depth, How::Surely);
            }
            for value in COMMANDS.iter().flat_map(|option| values_of(arguments, at, option)) {
                self.value("git", &value, depth);
            }
            if let Some(setting) = shown.strip_prefix("--config-env=").or_else(|| shown.strip_prefix("--config=")) {
                self.setting(&Word::of(setting), shown.starts_with("--config-env"), depth);
            }
        }
        let Some(starts) = starts("git", arguments) else { return };
        for start in starts {
            for at in 0..start {
                if arguments.get(at).is_some_and(|word| matches!(word.shown().as_str(), "-c" | "--config-env")) {
                    let is_env = arguments.get(at).is_some_and(|word| word.shown() == "--config-env");
                    arguments.get(at + 1).iter().for_each(|setting| self.setting(setting, is_env, depth));
                }
            }
            if let Some(subcommand) = arguments.get(start).and_then(Word::text) {
                self.subcommand(&subcommand, arguments.get(start + 1..).unwrap_or_default(), stdin, depth);
            }
        }
    }

    fn subcommand(&mut self, name: &str, arguments: &[Word], stdin: &Stdin, depth: usize) {
        let options: &[&str] = match name {
            "grep" => &["-O"],
            "difftool" | "rebase" => &["-x"],
            "clone" | "fetch" | "pull" | "ls-remote" | "fetch-pack" => &["-u"],
            _ => &[],
        };
        self.data("git", arguments, options, depth);
        let words: Vec<String> = arguments.iter().map(Word::shown).collect();
        let behind = |word: &str| {
            let at = words.iter().position(|shown| shown == word);
            at.and_then(|at| arguments.get(at + 1..)).unwrap_or_default()
        };
        match name {
            "submodule" => self.told(behind("foreach"), stdin, depth),
            "bisect" => self.told(behind("run"), stdin, depth),
            "for-each-repo" => self.unreadable("what git runs in each repository cannot be read"),
            "remote-ext" | "remote-fd" => {
                for word in arguments.iter().skip(1) {
                    self.script_in(word, "what git is told to run", depth);
                }
            }
            "shell" => self.told(behind("-c"), stdin, depth),
            "clone" | "config" => self.configured(name, arguments, depth),
            _ => {}
        }
    }

    /// `git config KEY VALUE`, `git clone -c KEY=VALUE`.
    fn configured(&mut self, name: &str, arguments: &[Word], depth: usize) {
        for (at, word) in arguments.iter().enumerate() {
            if name == "clone" {
                for setting in ["-c", "--config"].iter().flat_map(|option| values_of(arguments, at, option)) {
                    self.setting(&setting, false, depth);
                }
            } else if let (Some(key), Some(value)) = (word.text(), arguments.get(at + 1))
                && key.contains('.')
                && !key.starts_with('-')
            {
                self.set_to(&key, value, true, depth);
            }
        }
    }

    /// What git is told to run: one word is a script, several are a command.
    fn told(&mut self, words: &[Word], stdin: &Stdin, depth: usize) {
        let words = match words.split_first() {
            Some((first, rest)) if first.shown().starts_with("--") => rest,
            _ => words,
        };
        match words {
            [script] => self.script_in(script, "what git is told to run", depth),
            command => self.command(command.to_vec(), stdin, depth, How::Surely),
        }
    }

    fn setting(&mut self, setting: &Word, is_in_environment: bool, depth: usize) {
        // The middle of a key may be anything: `credential.https://a.example.helper`.
        let Some((key, value)) = odd_set_by(setting) else {
            if !setting.is_known() {
                self.unreadable("what git is set to cannot be read");
            }
            return;
        };
        let value = if is_in_environment { Word::unknown() } else { value };
        self.set_to(&key, &value, false, depth);
    }

    fn set_to(&mut self, key: &str, value: &Word, stays: bool, depth: usize) {
        let key = key.to_ascii_lowercase();
        if key.starts_with("alias.") {
            match value.text() {
                Some(text) => match text.strip_prefix('!') {
                    Some(script) => self.script(script, depth + 1),
                    None => self.script(&format!("git {text}"), depth + 1),
                },
                None => self.unreadable("what an alias of git stands for cannot be read"),
            }
        } else if is_command(&key) {
            match value.text() {
                Some(text) => self.script(text.trim_start_matches('!'), depth + 1),
                None => self.unreadable(format!("what git's `{key}` is set to cannot be read")),
            }
        } else if key == "protocol.ext.allow" || (key.starts_with("url.") && key.contains("ext::")) {
            self.unreadable("the command that git takes for an address cannot be read");
        } else if key == "help.autocorrect" {
            let shows_only = ["0", "never", "show", "prompt", "no", "off", "false"];
            if value.text().is_none_or(|text| !shows_only.contains(&text.as_str())) {
                self.unreadable("which command git takes a misspelt one for cannot be read");
            }
        } else if key.ends_with("hookspath") || key.starts_with("include") {
            if stays {
                self.doubt(format!("git's `{key}` changes what is run"));
            } else {
                self.unreadable(format!("what git's `{key}` makes it run cannot be read"));
            }
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
