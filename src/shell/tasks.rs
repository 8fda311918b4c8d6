//! What a part of a command line comes to: commands and scripts that are still to be read, and what is found out.

use super::word::Word;

/// As many commands as one part may start: of a whole command line no more are read, see `reader.rs`.
pub(super) const MOST_COMMANDS: usize = 2_000;
/// A command that may be started by another is told by so many of its words.
pub(super) const MOST_TOLD: usize = 40;

/// What a command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stdin {
    /// What the whole command line reads: for an agent's tools, nothing.
    Inherited,
    /// This text.
    Text(String),
    /// A text that the command line holds, and that only the shell will know.
    Written,
    /// A file by its name.
    File,
    /// What another program writes.
    Unknown,
    /// What the command before it writes: [`Task::Piped`] says it.
    Piped,
}

/// Whom an assignment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The shell itself.
    Shell,
    /// The one command that it stands before.
    OneCommand,
    /// The shell and maybe all that it starts: `export`, `declare -x`.
    AllCommands,
}

/// How it is known that a command would be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It stands there.
    Surely,
    /// It stands among the words of a program that starts commands, which has looked at all of its words.
    Launched,
    /// It stands among the words of a program of which nothing is known.
    Carried,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Task {
    /// A command and all that it starts.
    Command { words: Vec<Word>, stdin: Stdin, how: How },
    /// A script, which stands within what it was found in.
    Script(String),
    /// The same script again, with lines joined that go on.
    Joined(String),
    /// These, whose command reads what the one before it writes, if nothing so far has changed what commands mean.
    Piped { writes: Stdin, tasks: Tasks },
    /// Something was found out.
    Found(Finding),
}

/// What was found out on the way.
#[derive(Debug)]
pub(super) enum Finding {
    /// There is a command that may be anything.
    Unreadable(String),
    /// The commands may not do what they seem to.
    Doubt(String),
    /// The shell counts, or takes a word for the name of a variable.
    Counts,
    /// A text runs a command where the shell counts with it.
    Bears,
    /// The script has surely defined a function.
    Defines(String),
    /// This variable is set by the command line.
    Makes(String),
    /// A variable of the shell is set to this text, which programs may come to see.
    Sets(String),
    /// Variables of the shell are seen by programs.
    Exports,
}

/// Tasks in the order in which they are to be done.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    list: Vec<Task>,
    commands: usize,
}

impl Tasks {
    pub(super) fn push(&mut self, task: Task) {
        self.list.push(task);
    }

    pub(super) fn found(&mut self, finding: Finding) {
        self.push(Task::Found(finding));
    }

    pub(super) fn unreadable(&mut self, why: impl Into<String>) {
        self.found(Finding::Unreadable(why.into()));
    }

    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        self.found(Finding::Doubt(why.into()));
    }

    pub(super) fn script(&mut self, text: impl Into<String>) {
        self.push(Task::Script(text.into()));
    }

    /// A script that a word holds.
    pub(super) fn script_in(&mut self, word: &Word, what: &str) {
        match word.as_program("${_}") {
            Some(text) => self.script(text),
            None => self.unreadable(format!("{what} cannot be read")),
        }
    }

    pub(super) fn command(&mut self, words: Vec<Word>, stdin: &Stdin, how: How) {
        self.commands += 1;
        self.push(Task::Command { words, stdin: stdin.clone(), how });
    }

    /// A command that begins at one of these words. No more of it is copied than will be told.
    pub(super) fn command_at(&mut self, words: &[Word], at: usize, stdin: &Stdin, how: How) {
        let rest = words.get(at..).unwrap_or_default();
        self.command(rest.iter().take(MOST_TOLD + 1).cloned().collect(), stdin, how);
    }

    /// It has more commands than will be read.
    pub(super) fn is_full(&self) -> bool {
        self.commands > MOST_COMMANDS
    }

    /// What its commands read of the one before them.
    pub(super) fn read(&mut self, written: &Stdin) {
        for task in &mut self.list {
            if let Task::Command { stdin: stdin @ Stdin::Piped, .. } = task {
                stdin.clone_from(written);
            }
        }
    }
}

impl IntoIterator for Tasks {
    type Item = Task;
    type IntoIter = std::vec::IntoIter<Task>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// A file that is the input, or a door of a process.
pub(super) fn is_stdin(path: &str) -> bool {
    path == "-" || path == "…" || path.starts_with("/dev/") || path.starts_with("/proc/")
}
