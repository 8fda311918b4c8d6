//! From one command to those that it starts.

use super::builtins::built_in;
use super::git::git;
use super::inside;
use super::interpreter::{input, interpreter, shell};
use super::launch::{env, fed, found, launch, launched, started, without_launching};
use super::make::make;
use super::program::{self, Program};
use super::tasks::{How, Stdin, Tasks};
use super::unknown::{data, unknown};
use super::word::Word;

/// What a command starts, beside itself: of a program of this kind and name.
pub(super) fn starts(kind: Program, name: &str, words: &[Word], stdin: &Stdin, how: How) -> Tasks {
    let mut tasks = Tasks::default();
    let arguments = words.get(1..).unwrap_or_default();
    let next = match kind {
        Program::Starts(options) => started(&mut tasks, name, arguments, options, how),
        Program::Env => env(&mut tasks, arguments, how),
        Program::Git => match name.strip_prefix("git-") {
            Some(own) if how != How::Carried => Some([&[Word::of("git"), Word::of(own)], arguments].concat()),
            _ => {
                git(&mut tasks, arguments, stdin);
                return tasks;
            }
        },
        other => {
            special(&mut tasks, other, name, words, stdin, how);
            return tasks;
        }
    };
    match next {
        Some(rest) => tasks.command(rest, stdin, how),
        None if how == How::Surely => launched(&mut tasks, words, stdin),
        None => {}
    }
    tasks
}

fn special(tasks: &mut Tasks, kind: Program, name: &str, words: &[Word], stdin: &Stdin, how: How) {
    let arguments = words.get(1..).unwrap_or_default();
    // `mytool completion bash` names a shell and starts none.
    let is_last = arguments.is_empty() && how == How::Carried;
    match kind {
        Program::Shell if !is_last => shell(tasks, name, arguments, stdin),
        Program::Code(language) if !is_last => interpreter(tasks, name, language, arguments, stdin, how),
        Program::Launches(_)
            if name == "coproc" && arguments.iter().take(2).any(|word| begins_group(word) || word.is("time")) =>
        {
            tasks.unreadable("a group of commands behind `coproc` cannot be read");
        }
        Program::Launches(subcommands) => {
            let launches = |word: &Word| word.text().is_some_and(|text| subcommands.contains(&text.as_str()));
            let first = arguments.iter().find(|word| !word.shown().starts_with('-'));
            let may_launch = arguments.iter().any(launches) || first.is_some_and(|word| !word.is_known());
            if how == How::Surely && !subcommands.is_empty() && !may_launch {
                without_launching(tasks, name, arguments, stdin);
            } else if how == How::Surely {
                let shown = arguments.iter().map(Word::shown).collect::<Vec<_>>();
                if program::opens_shell(name, &shown) || inside::opens_shell(name, arguments) {
                    tasks.unreadable(format!("what the shell that `{name}` opens will read cannot be read"));
                }
                launch(tasks, name, words, stdin);
            }
        }
        Program::Feeds => fed(tasks, name, arguments, stdin),
        Program::Finds => found(tasks, arguments, stdin),
        Program::Schedules => input(tasks, name, stdin),
        Program::Make => make(tasks, arguments, stdin),
        Program::Data(options) => {
            if name == "set" && takes_assignments_anywhere(arguments) {
                tasks.unreadable("assignments among the words of a command cannot be read");
            }
            data(tasks, name, arguments, options);
        }
        Program::Unknown if how == How::Surely => unknown(tasks, name, arguments, stdin),
        other => built_in(tasks, other, name, arguments),
    }
}

/// `set -k`, `set -o keyword`: from there on what looks like an assignment is one, wherever it stands.
fn takes_assignments_anywhere(arguments: &[Word]) -> bool {
    let options = arguments.iter().map(Word::shown).take_while(|shown| shown != "--" && shown != "-");
    options.into_iter().any(|shown| shown == "keyword" || (shown.starts_with('-') && shown.contains(['k', '…'])))
}

/// What begins more than a simple command: the grammar takes it for a word where it does not know that it stands there.
pub(super) fn begins_group(word: &Word) -> bool {
    const RESERVED: &[&str] = &[
        "{", "}", "(", ")", "((", "[[", "]]", "if", "then", "elif", "else", "fi", "while", "until", "for", "do",
        "done", "case", "esac", "select", "!", "function",
    ];
    RESERVED.contains(&word.shown().as_str())
}
