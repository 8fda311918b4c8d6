//! What setting a variable does to the commands that see it.

use super::tasks::{Finding, For, Tasks, is_stdin};
use super::unknown::{carried_text, is_plain, told_to_run};
use super::word::{Piece, Word};

/// What setting a variable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// Its value is a command that others run.
    Command,
    /// It tells others to run something in a way that is not followed.
    Hidden,
    /// It names a file that is run.
    Script,
    /// Options of a language's own program: they may carry code.
    Options,
    /// It is expanded like a script's text.
    Prompt,
    /// It changes which programs are found, what they load, or how words are split.
    Changes,
    /// Nothing of the kind.
    Plain,
}

/// A variable is set, for one command or for all that follow.
pub(super) fn assignment(tasks: &mut Tasks, name: &str, value: &Word, given: For) {
    tasks.found(Finding::Makes(name.to_owned()));
    if ["RANDOM", "SECONDS"].contains(&name) {
        // What is a number counts what it is given.
        tasks.found(Finding::Counts);
    }
    match variable(name) {
        Variable::Command => match value.text() {
            // `SHELL=bash`: a program alone.
            Some(text) if is_plain(&text) => carried_text(tasks, &text),
            _ => told_to_run(tasks, name, value),
        },
        Variable::Hidden => tasks.unreadable(format!("what `{name}` makes others run cannot be read")),
        Variable::Script if value.is_known() && !is_stdin(&value.shown()) => {
            tasks.doubt(format!("`{name}` changes what is run"));
        }
        Variable::Options if value.text().is_some_and(|text| are_plain(&text)) => {
            tasks.doubt(format!("`{name}` changes what is run"));
        }
        Variable::Prompt if value.text().is_some_and(|text| !text.contains("$(") && !text.contains('`')) => {}
        Variable::Script | Variable::Options | Variable::Prompt => {
            tasks.unreadable(format!("what `{name}` makes others run cannot be read"));
        }
        Variable::Changes => tasks.doubt(format!("`{name}` changes what is run")),
        Variable::Plain => plain(tasks, value, given),
    }
}

/// What programs make of a variable is not known: as with words, only those who name a command are meant.
fn plain(tasks: &mut Tasks, value: &Word, given: For) {
    let Some(text) = value.text().filter(|text| text.contains(char::is_whitespace)) else { return };
    match given {
        For::Shell => tasks.found(Finding::Sets(text)),
        For::OneCommand | For::AllCommands => carried_text(tasks, &text),
    }
}

/// Words of letters, numbers and paths.
fn are_plain(text: &str) -> bool {
    // `--checkpoint-action=exec=…`, `--to-command=…`, `-toolexec=…`: others' commands.
    !["data:", "eval", "exec", "command", "-I"].iter().any(|carries| text.contains(carries))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-=./:+, \n\\'\"".contains(c))
}

fn variable(name: &str) -> Variable {
    match name {
        "EDITOR"
        | "VISUAL"
        | "PAGER"
        | "BROWSER"
        | "MANPAGER"
        | "GIT_EDITOR"
        | "GIT_SEQUENCE_EDITOR"
        | "GIT_PAGER"
        | "GIT_SSH"
        | "GIT_SSH_COMMAND"
        | "GIT_EXTERNAL_DIFF"
        | "GIT_ASKPASS"
        | "SSH_ASKPASS"
        | "SUDO_ASKPASS"
        | "SUDO_EDITOR"
        | "SYSTEMD_EDITOR"
        | "SYSTEMD_PAGER"
        | "GIT_PROXY_COMMAND"
        | "PROMPT_COMMAND"
        | "LESSOPEN"
        | "LESSCLOSE"
        | "RSYNC_RSH"
        | "CVS_RSH"
        | "SVN_SSH"
        | "CARGO_BUILD_RUSTC_WRAPPER"
        | "RUSTC_WRAPPER"
        | "RUSTC_WORKSPACE_WRAPPER"
        | "RUSTC"
        | "CARGO_BUILD_RUSTC"
        | "AWS_PAGER"
        | "GH_PAGER"
        | "GH_EDITOR"
        | "GH_BROWSER"
        | "KUBE_EDITOR"
        | "PSQL_PAGER"
        | "PSQL_EDITOR"
        | "DELTA_PAGER"
        | "BAT_PAGER"
        | "FCEDIT"
        | "TEXEDIT"
        | "HGEDITOR"
        | "SVN_EDITOR"
        | "CC"
        | "CXX"
        | "LD"
        | "AR"
        | "CPP"
        | "FC"
        | "MAKE"
        | "PYTHONBREAKPOINT"
        | "GIT_TEMPLATE_COMMAND"
        | "FZF_DEFAULT_COMMAND"
        | "DOCKER_CONTEXT_COMMAND"
        | "SHELL" => Variable::Command,
        "GIT_CONFIG_PARAMETERS" | "GIT_CONFIG_COUNT" | "BASH_ALIASES" | "BASH_CMDS" | "PERL5DB" => Variable::Hidden,
        "BASH_ENV"
        | "ENV"
        | "ZDOTDIR"
        | "PYTHONSTARTUP"
        | "GIT_CONFIG_GLOBAL"
        | "GIT_CONFIG_SYSTEM"
        | "GIT_CONFIG"
        | "BASH_LOADABLES_PATH" => Variable::Script,
        "NODE_OPTIONS" | "PERL5OPT" | "RUBYOPT" | "MAKEFLAGS" | "GNUMAKEFLAGS" | "TAR_OPTIONS" | "BUN_OPTIONS"
        | "GOFLAGS" | "JAVA_TOOL_OPTIONS" | "_JAVA_OPTIONS" | "LESS" | "MANOPT" => Variable::Options,
        "PS0" | "PS1" | "PS2" | "PS4" => Variable::Prompt,
        "PATH" | "IFS" | "SHELLOPTS" | "BASHOPTS" | "PERL5LIB" | "RUBYLIB" | "PYTHONPATH" | "PYTHONHOME"
        | "NODE_PATH" | "GIT_EXEC_PATH" | "HOME" | "XDG_CONFIG_HOME" | "GIT_DIR" => Variable::Changes,
        _ if name.starts_with("GIT_CONFIG_KEY_") || name.starts_with("GIT_CONFIG_VALUE_") => Variable::Hidden,
        _ if name.starts_with("BASH_FUNC_") || name.starts_with("CARGO_ALIAS_") => Variable::Hidden,
        _ if name.starts_with("LD_") || name.starts_with("DYLD_") => Variable::Changes,
        _ if name.starts_with("CARGO_TARGET_") && (name.ends_with("_RUNNER") || name.ends_with("_LINKER")) => {
            Variable::Command
        }
        _ if name.to_ascii_lowercase().starts_with("npm_config_") => {
            if ["script_shell", "editor", "git", "shell", "viewer", "node_options"]
                .iter()
                .any(|key| name.to_ascii_lowercase().ends_with(key))
            {
                Variable::Command
            } else {
                Variable::Plain
            }
        }
        _ => Variable::Plain,
    }
}

/// `NAME=value`.
pub(super) fn set_by(word: &Word) -> Option<(String, Word)> {
    let (name, value) = odd_set_by(word)?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_name.then_some((name, value))
}

/// The same of an element of an array, `NAME[x]=value`, of which the brackets are not told.
pub(super) fn set_element(word: &Word) -> Option<(String, Word)> {
    let (name, value) = odd_set_by(word)?;
    let name = name.trim_end_matches('+').split('…').next().unwrap_or_default().to_owned();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// The same, whatever the name is: `env` asks for nothing but `=`.
pub(super) fn odd_set_by(word: &Word) -> Option<(String, Word)> {
    let equals = word.pieces.iter().position(|piece| *piece == Piece::Character('='))?;
    Some((word.part(word.pieces.get(..equals)).shown(), word.part(word.pieces.get(equals + 1..))))
}
