//! Pure. What git runs besides itself: its settings and some of its subcommands name commands.

use super::program;
use super::start::{Reader, Stdin, is, set_by};
use super::word::Word;

impl Reader {
    /// git runs commands that its settings and some of its subcommands name.
    pub(super) fn git(&mut self, arguments: &[Word], stdin: &Stdin, depth: usize) {
        for (index, word) in arguments.iter().enumerate() {
            let shown = word.shown();
            let next = arguments.get(index + 1);
            let rest = || arguments.get(index + 1..).unwrap_or_default();
            match shown.as_str() {
                "-c" => self.setting_of_git(next, depth),
                "config" if rest().iter().any(|word| word.shown().starts_with("alias.")) => {
                    self.unreadable("a command that `git config` gives another name cannot be read");
                }
                "foreach" | "run" => {
                    match rest() {
                        [script] => self.script_in(script, "what git is told to run", depth),
                        command => self.command(command.to_vec(), stdin, depth, true),
                    };
                }
                "-x" | "--exec" | "--tree-filter" | "--index-filter" | "--msg-filter" | "--env-filter" => {
                    if let Some(script) = next.filter(|_| !is(word, "-x") || arguments.iter().any(|w| is(w, "rebase")))
                    {
                        self.script_in(script, "what git is told to run", depth);
                    }
                }
                _ => {
                    if let Some(script) = shown.strip_prefix("--exec=").filter(|_| word.text().is_some()) {
                        self.script(script, depth + 1);
                    }
                }
            }
        }
    }

    fn setting_of_git(&mut self, setting: Option<&Word>, depth: usize) {
        let Some((key, value)) = setting.and_then(set_by) else { return };
        let key = key.to_ascii_lowercase();
        if key.starts_with("alias.") {
            match value.text() {
                Some(text) => match text.strip_prefix('!') {
                    Some(script) => self.script(script, depth + 1),
                    None => self.script(&format!("git {text}"), depth + 1),
                },
                None => self.unreadable("what an alias of git stands for cannot be read"),
            }
        } else if program::is_command_of_git(&key) {
            self.script_in(&value, &format!("what git's `{key}` is set to"), depth);
        } else if key.ends_with("hookspath") || key.starts_with("include") {
            self.doubt(format!("git's `{key}` changes what is run"));
        }
    }
}
