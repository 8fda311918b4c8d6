//! Programs that start a command: launchers, `env`, and with what they read or find: `xargs`, `parallel`, `find`.

use super::environment::{assignment, odd_set_by, set_by};
use super::options::{self, Options};
use super::tasks::{For, How, Stdin, Tasks};
use super::unknown::{carried_text, data, told_to_run, unknown};
use super::word::Word;
use super::{data, inside};

const XARGS: Options = Options {
    valued: "adEeIJLlnPsSR",
    flags: "0oprtx",
    long_valued: &["arg-file", "delimiter", "max-args", "max-procs", "max-chars", "process-slot-var"],
    ..Options::NONE
};

/// A launcher: where it is known where the command begins, that command, else any that its words may be.
pub(super) fn launch(tasks: &mut Tasks, name: &str, words: &[Word], stdin: &Stdin) {
    let arguments = words.get(1..).unwrap_or_default();
    for entrypoint in (0..arguments.len()).flat_map(|at| options::values_of(arguments, at, "--entrypoint")) {
        tasks.command(vec![entrypoint, Word::unknown()], stdin, How::Launched);
    }
    let begins = inside::begins(name, arguments);
    let Some(rest) = begins.and_then(|at| arguments.get(at..)).filter(|rest| !rest.is_empty()) else {
        launched(tasks, words, stdin);
        return;
    };
    if name == "ssh" {
        for option in (0..arguments.len()).flat_map(|at| options::values_of(arguments, at, "-o")) {
            told_to_run(tasks, name, &option);
        }
        let text: Option<Vec<String>> = rest.iter().map(|word| word.as_program("${_}")).collect();
        match text {
            Some(text) => tasks.script(text.join(" ")),
            None => launched(tasks, words, stdin),
        }
        return;
    }
    tasks.command(rest.to_vec(), stdin, How::Surely);
}

/// A launcher whose subcommand launches nothing.
pub(super) fn without_launching(tasks: &mut Tasks, name: &str, arguments: &[Word], stdin: &Stdin) {
    match data::options(name) {
        Some(options) => data(tasks, name, arguments, options),
        None => unknown(tasks, name, arguments, stdin),
    }
}

/// What stands behind `nohup`, `timeout 5`; `None` where its own options are not understood.
pub(super) fn started(
    tasks: &mut Tasks,
    name: &str,
    arguments: &[Word],
    options: &Options,
    how: How,
) -> Option<Vec<Word>> {
    let at = options::operand(arguments, options)?;
    let rest = arguments.get(at..).unwrap_or_default();
    if rest.is_empty() && matches!(name, "sudo" | "doas") && !arguments.is_empty() && how == How::Surely {
        let says_only = |word: &Word| ["-v", "-k", "-K", "-l", "-V", "-h"].contains(&word.shown().as_str());
        if !arguments.iter().any(says_only) {
            tasks.unreadable(format!("what the shell that `{name}` opens will read cannot be read"));
        }
    }
    Some(rest.to_vec())
}

/// What stands behind `env X=1`.
pub(super) fn env(tasks: &mut Tasks, arguments: &[Word], how: How) -> Option<Vec<Word>> {
    let options = Options { valued: "uC", flags: "i0v", long_valued: &["unset", "chdir"], ..Options::NONE };
    let values = |at| ["-S", "--split-string"].map(|option| options::values_of(arguments, at, option)).concat();
    for script in (0..arguments.len()).flat_map(values) {
        let is_escaped = script.shown().contains('\\');
        match how {
            How::Carried => {}
            _ if is_escaped => tasks.unreadable("what `env` is told to run has escapes of its own"),
            How::Surely | How::Launched => tasks.script_in(&script, "what `env` is told to run"),
        }
    }
    let mut at = 0;
    // A lone `-` is `-i`.
    while arguments.get(at).is_some_and(|word| word.is("-")) {
        at += 1;
    }
    at += options::operand(arguments.get(at..).unwrap_or_default(), &options)?;
    while let Some((variable, value)) = arguments.get(at).and_then(odd_set_by) {
        if how != How::Carried {
            assignment(tasks, &variable, &value, For::OneCommand);
        }
        at += 1;
    }
    Some(arguments.get(at..).unwrap_or_default().to_vec())
}

/// Every word of a launcher may begin a command or be a script: its options are not followed.
pub(super) fn launched(tasks: &mut Tasks, words: &[Word], stdin: &Stdin) {
    for (index, word) in words.iter().enumerate().skip(1) {
        if tasks.is_full() {
            return;
        }
        if let Some((variable, value)) = set_by(word) {
            assignment(tasks, &variable, &value, For::OneCommand);
        }
        match word.as_program("${_}") {
            Some(text) if text.contains(char::is_whitespace) => {
                let script = text.trim_start_matches("--").trim_start_matches("-S");
                let value = text.starts_with('-').then(|| script.split_once('=')).flatten();
                tasks.script(value.map_or(script, |(_, value)| value));
                carried_text(tasks, &text);
            }
            _ if word.shown().starts_with('-') => {}
            _ => {
                tasks.command_at(words, index, stdin, How::Launched);
            }
        }
    }
}

/// `xargs` and `parallel`: what they add is not known.
pub(super) fn fed(tasks: &mut Tasks, name: &str, arguments: &[Word], stdin: &Stdin) {
    let replaced = replaced_by(arguments);
    let as_run = |word: &Word| {
        let shown = word.shown();
        let is_replaced = replaced.as_deref().is_some_and(|replaced| shown.contains(replaced));
        if is_replaced || (name == "parallel" && shown.contains('{')) {
            Word::unknown_in_quotes()
        } else {
            word.clone()
        }
    };
    let command = options::operand(&without_optional(arguments), &XARGS).filter(|_| name == "xargs");
    if let Some(at) = command {
        let mut words: Vec<Word> = arguments.get(at..).unwrap_or_default().iter().map(as_run).collect();
        // Without a command it is `echo`.
        if !words.is_empty() {
            words.push(Word::unknown());
            tasks.command(words, &Stdin::Unknown, How::Surely);
        }
        return;
    }
    if *stdin != Stdin::Inherited && arguments.iter().all(|word| word.shown().starts_with('-')) {
        tasks.unreadable(format!("what `{name}` reads cannot be read"));
    }
    // Behind `:::` stand arguments, or commands where none is named before.
    let end = arguments.iter().position(|word| word.shown().starts_with(":::")).unwrap_or(arguments.len());
    let command = arguments.get(..end).unwrap_or_default();
    for word in arguments.get(end..).unwrap_or_default().iter().skip(1) {
        if command.iter().all(|word| word.shown().starts_with('-')) {
            tasks.script_in(word, "what `parallel` is told to run");
        }
    }
    let mut words = vec![Word::of(name)];
    words.extend(command.iter().map(as_run));
    words.push(Word::unknown());
    let last = words.len() - 1;
    for (index, word) in words.iter().enumerate().take(last).skip(1) {
        if tasks.is_full() {
            return;
        }
        match word.text() {
            Some(text) if text.contains(char::is_whitespace) => tasks.script(text),
            Some(text) if text.starts_with('-') => {}
            _ => {
                tasks.command_at(&words, index, &Stdin::Unknown, How::Launched);
            }
        }
    }
}

/// `find … -exec COMMAND ;`
pub(super) fn found(tasks: &mut Tasks, arguments: &[Word], stdin: &Stdin) {
    let executes = ["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"];
    for (index, word) in arguments.iter().enumerate() {
        if tasks.is_full() {
            return;
        }
        let shown = word.shown();
        let attached = ["--exec=", "--exec-batch="].iter().find_map(|option| shown.strip_prefix(option));
        if let Some(first) = attached {
            let rest = arguments.get(index + 1..).unwrap_or_default();
            let command = [&[Word::of(first)], rest].concat();
            tasks.command(command.iter().map(found_in).collect(), stdin, How::Surely);
        }
        if !executes.iter().any(|option| word.is(option)) {
            continue;
        }
        let rest = arguments.get(index + 1..).unwrap_or_default().iter();
        let command = rest.take_while(|word| !word.is(";") && !word.is("+")).map(found_in);
        tasks.command(command.collect(), stdin, How::Surely);
    }
}

/// A word in which the name that was found is put.
fn found_in(word: &Word) -> Word {
    if word.shown().contains('{') { Word::unknown_in_quotes() } else { word.clone() }
}

/// Options whose value may be left out take no next word.
fn without_optional(arguments: &[Word]) -> Vec<Word> {
    let alone = |word: &Word| ["-i", "-e", "-l", "--replace", "--eof", "--max-lines"].contains(&word.shown().as_str());
    let attached = |word: &Word| {
        let shown = word.shown();
        (shown.starts_with("-i") || shown.starts_with("-e") || shown.starts_with("-l")) && shown.len() > 2
    };
    arguments.iter().map(|word| if alone(word) || attached(word) { Word::of("-0") } else { word.clone() }).collect()
}

/// The option of `xargs` that names a token.
fn is_replace(word: &Word) -> bool {
    ["-I", "-J", "-i", "--replace"].iter().any(|option| word.shown().starts_with(option))
}

/// What `xargs -I TOKEN` puts its input in the place of.
fn replaced_by(arguments: &[Word]) -> Option<String> {
    let at = arguments.iter().position(is_replace)?;
    let option = arguments.get(at)?.shown();
    let attached = option.strip_prefix("--replace=").or_else(|| option.get(2..).filter(|_| !option.starts_with("--")));
    match attached {
        Some(token) if !token.is_empty() => Some(token.to_owned()),
        _ if option == "-I" || option == "-J" => arguments.get(at + 1).map(Word::shown),
        _ => Some("{}".to_owned()),
    }
}
