//! Reads a command line, within bounds: does one task after the other, and keeps what was found.

use std::collections::HashSet;

use super::environment::{assignment, set_element};
use super::forms::forms;
use super::grammar::{joined_lines, parse};
use super::program::{Program, program};
use super::start::{begins_group, starts};
use super::syntax;
use super::tasks::{Finding, For, How, MOST_COMMANDS, MOST_TOLD, Stdin, Task, Tasks};
use super::unknown::{carried_text, unknown};
use super::values::Outer;
use super::variables::of_script;
use super::word::Word;
use super::{Command, Reading};

/// How many scripts may stand in one another.
const MOST_DEPTH: usize = 8;
/// All scripts of a command line together, in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// All characters of its commands together, however often what one starts is a part of it.
const MOST_CHARACTERS: usize = 8 * MOST_BYTES;

/// Collects a [`Reading`], within bounds.
#[derive(Debug, Default)]
pub(super) struct Reader {
    reading: Reading,
    bytes: usize,
    characters: usize,
    /// There is more than is read.
    full: bool,
    /// Somewhere the shell counts, or takes a word for the name of a variable.
    counts: bool,
    /// Somewhere a text stands that runs a command where it is counted with.
    bears: bool,
    /// Variables are handed on to programs after they were set.
    exports: bool,
    /// What variables of the shell were set to.
    set: Vec<String>,
    /// Functions that a script has surely defined so far, by how deep it stands.
    functions: HashSet<(usize, String)>,
    /// What scripts set variables, for those that stand in them.
    outer: Outer,
}

impl Reader {
    /// All that a script would run.
    pub(super) fn read_text(mut self, text: &str) -> Reading {
        let tasks = self.script(text, 0);
        self.finish(tasks)
    }

    /// All that a program would run, with its arguments.
    pub(super) fn read_words(self, words: Vec<Word>) -> Reading {
        let mut tasks = Tasks::default();
        tasks.command(words, &Stdin::Inherited, How::Surely);
        self.finish(tasks)
    }

    fn finish(mut self, tasks: Tasks) -> Reading {
        self.work(tasks);
        if self.counts && self.bears {
            self.unreadable("a text in it is a command where the shell counts with it".to_owned());
        }
        if self.exports {
            let mut tasks = Tasks::default();
            for text in std::mem::take(&mut self.set) {
                carried_text(&mut tasks, &text);
            }
            self.work(tasks);
        }
        self.reading
    }

    /// Does these, and what each comes to before the next.
    fn work(&mut self, tasks: Tasks) {
        let mut open: Vec<(usize, Task)> = tasks.into_iter().rev().map(|task| (0, task)).collect();
        while let Some((depth, task)) = open.pop().filter(|_| !self.full) {
            let (depth, tasks) = match task {
                Task::Command { words, stdin, how } => (depth, self.command(words, &stdin, how, depth)),
                Task::Script(text) => (depth + 1, self.script(&text, depth + 1)),
                Task::Joined(text) => (depth, self.parsed(&text, depth)),
                Task::Piped { writes, mut tasks } => {
                    let is_as_it_seems = self.reading.doubts.is_empty();
                    tasks.read(if is_as_it_seems { &writes } else { &Stdin::Unknown });
                    (depth, tasks)
                }
                Task::Found(finding) => {
                    self.keep(finding, depth);
                    continue;
                }
            };
            open.extend(tasks.into_iter().rev().map(|task| (depth, task)));
        }
    }

    fn keep(&mut self, finding: Finding, depth: usize) {
        match finding {
            Finding::Unreadable(why) => self.unreadable(why),
            Finding::Doubt(why) => self.reading.doubts.push(why),
            Finding::Counts => self.counts = true,
            Finding::Bears => self.bears = true,
            Finding::Exports => self.exports = true,
            Finding::Sets(text) => self.set.push(text),
            Finding::Makes(name) => {
                self.outer.names.insert(name);
            }
            Finding::Defines(name) => {
                self.functions.insert((depth, name));
            }
        }
    }

    /// There is a command that may be anything.
    fn unreadable(&mut self, why: String) {
        if !self.reading.commands.iter().any(|command| command.unreadable() == Some(&why)) {
            self.reading.commands.push(Command::of_nothing_known(why));
        }
    }

    /// Says once that there is more than is read.
    fn fill(&mut self) {
        if !self.full {
            self.full = true;
            self.unreadable("it is too long to be read".to_owned());
        }
    }

    /// All commands of a script.
    fn script(&mut self, text: &str, depth: usize) -> Tasks {
        let mut tasks = Tasks::default();
        self.bytes = self.bytes.saturating_add(text.len());
        if depth > MOST_DEPTH {
            tasks.unreadable("its scripts are nested too deeply to be read");
        } else if self.bytes > MOST_BYTES {
            self.fill();
        } else if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
            tasks.unreadable("control characters in it cannot be read");
        } else if text.contains("\\\n") {
            // The grammar ends a word at a line that goes on; a comment does end there, and where one begins is not always
            // certain. So all of it is read.
            let joined = text.replace("\\\n", "");
            let with_comments = joined_lines(text);
            tasks.push(Task::Joined(text.to_owned()));
            if with_comments != joined {
                tasks.push(Task::Joined(with_comments));
            }
            tasks.push(Task::Joined(joined));
        } else {
            tasks = self.parsed(text, depth);
        }
        tasks
    }

    fn parsed(&mut self, text: &str, depth: usize) -> Tasks {
        let Some(tree) = parse(text) else {
            self.unreadable("it cannot be read".to_owned());
            return Tasks::default();
        };
        if tree.root_node().has_error() {
            self.unreadable("parts of it cannot be read as a shell's".to_owned());
        }
        self.functions.retain(|(at, _)| *at != depth);
        let values = of_script(tree.root_node(), text, &mut self.outer);
        syntax::tasks(tree.root_node(), text, values)
    }

    /// A command, and what it starts.
    fn command(&mut self, mut words: Vec<Word>, stdin: &Stdin, how: How, depth: usize) -> Tasks {
        let mut tasks = Tasks::default();
        if how == How::Surely
            && let Some((variable, value)) = words.first().and_then(set_element)
        {
            // Behind `time`, and where the grammar does not expect them.
            assignment(&mut tasks, &variable, &value, For::OneCommand);
            words.remove(0);
            tasks.command(words, stdin, how);
            return tasks;
        }
        if how != How::Surely && words.len() > MOST_TOLD {
            words.truncate(MOST_TOLD);
            words.push(Word::unknown());
        }
        self.characters = words.iter().fold(self.characters, |sum, word| sum.saturating_add(word.pieces.len() + 1));
        if self.reading.commands.len() >= MOST_COMMANDS || self.characters > MOST_CHARACTERS {
            self.fill();
            return tasks;
        }
        let Some(first) = words.first() else { return tasks };
        // Of an element of an array no more than the name is told.
        let renames = ["BASH_CMDS", "BASH_ALIASES"].iter().any(|name| first.shown().starts_with(name));
        if how == How::Surely && (begins_group(first) || renames) {
            tasks.unreadable("a part of it stands where it cannot be read");
            return tasks;
        }
        let name = first.file_name().text();
        let kind = name.as_deref().map_or(Program::Data(&[]), program);
        // What is a part of a shell cannot be launched: the `.` of `docker build .` is a folder.
        let kind = if how == How::Surely || !kind.is_built_in() { kind } else { Program::Data(&[]) };
        let only_starts = matches!(kind, Program::Starts(_) | Program::Env | Program::Shell | Program::Evaluates);
        let Some(forms) = forms(&words, name.as_deref()) else {
            self.fill();
            return tasks;
        };
        self.reading.commands.push(Command::new(&words, forms, only_starts, how == How::Carried));
        match name {
            // A function's own commands have been read, whatever it is called with.
            Some(name) if kind == Program::Unknown && self.functions.contains(&(depth, name.clone())) => {}
            Some(name) => return starts(kind, &name, &words, stdin, how),
            // A program of whose name a part is not known may start what it is given.
            None if how == How::Surely => {
                unknown(&mut tasks, &first.file_name().shown(), words.get(1..).unwrap_or_default(), stdin);
            }
            None => {}
        }
        tasks
    }
}
