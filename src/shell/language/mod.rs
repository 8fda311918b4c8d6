//! Other languages than a shell's: where a program stands on a command line, and whether it may start a process
//! or load code.
//!
//! A program is not run in the mind: it is looked through for all that its language has to start a process, to load
//! code, or to make a name out of text. One that has none of these can only compute.

mod awk;
mod javascript;
mod names;
mod others;
mod perl;
mod place;
mod python;
mod sed;

use super::word::Word;
use place::{Found, OptionForms, by_options, by_shape, editor, words};

/// The language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Python.
    Python,
    /// `python -m timeit`: every argument is a program.
    PythonWords,
    /// JavaScript, of Node, Deno or Bun.
    JavaScript,
    /// Perl.
    Perl,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Lua.
    Lua,
    /// R.
    R,
    /// awk.
    Awk,
    /// sed.
    Sed,
    /// SQL and the commands of a database's own prompt.
    Sql,
    /// Editors that run commands: vi, ed, emacs.
    Editor,
    /// A debugger.
    Debugger,
    /// A language that is not read here.
    Other,
}

impl Language {
    /// The language of a program by its name; versions and platforms stand behind some: `python3.12`,
    /// `perl5.36-x86_64-linux-gnu`.
    pub(super) fn of(name: &str) -> Option<Self> {
        let base =
            name.split('-').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let with_version = |names: &[&str]| names.contains(&base) && !matches!(name, "lua-format");
        Some(match name {
            "awk" | "gawk" | "mawk" | "nawk" | "original-awk" => Self::Awk,
            "sed" | "gsed" => Self::Sed,
            "sqlite3" | "sqlite" | "duckdb" | "psql" | "pgcli" | "mysql" | "mariadb" | "mycli" | "litecli" => Self::Sql,
            "ed" | "red" | "ex" | "vi" | "vim" | "nvim" | "view" | "vimdiff" | "gvim" | "emacs" | "emacsclient" => {
                Self::Editor
            }
            "gdb" | "lldb" | "cgdb" => Self::Debugger,
            "R" | "Rscript" => Self::R,
            "m4" | "dc" | "osascript" | "julia" | "elixir" | "iex" | "erl" | "escript" | "groovy" | "scala"
            | "guile" | "racket" | "sbcl" | "clisp" | "ecl" | "ghc" | "ghci" | "runghc" | "ocaml" | "octave"
            | "gnuplot" | "jshell" | "tclsh" | "wish" | "ftp" | "lftp" | "telnet" | "jrunscript" | "jjs" | "irb"
            | "pry" | "fish" | "csh" | "tcsh" | "pwsh" | "powershell" | "nu" | "xonsh" | "elvish" | "swipl"
            | "maxima" | "newlisp" | "gimp" | "slsh" | "raku" | "rc" | "es" | "ksshell" | "latexmk" | "exiftool" => {
                Self::Other
            }
            "less" | "more" | "most" => Self::Editor,
            _ if with_version(&["python", "pypy", "ipython"]) => Self::Python,
            _ if with_version(&["node", "nodejs", "deno", "bun", "tsx"]) => Self::JavaScript,
            _ if with_version(&["perl"]) => Self::Perl,
            _ if with_version(&["ruby", "jruby", "truffleruby"]) => Self::Ruby,
            _ if with_version(&["php"]) => Self::Php,
            _ if with_version(&["lua", "luajit"]) => Self::Lua,
            _ if with_version(&["tclsh", "wish", "guile", "ghc", "m"]) && base != "m" => Self::Other,
            _ => return None,
        })
    }

    /// The language of what a module of Python is given: `python3 -m timeit`.
    pub(super) fn of_module(name: &str) -> Option<Self> {
        let runs = ["timeit", "cProfile", "profile", "pdb", "trace", "code", "runpy", "asyncio", "idlelib", "this"];
        runs.contains(&name).then_some(Self::PythonWords)
    }

    fn shape(self) -> Option<OptionForms> {
        let none = OptionForms {
            code: "",
            valued: "",
            attached: "",
            modules: "",
            flags: "",
            long_code: &[],
            long_valued: &[],
        };
        Some(match self {
            Self::Python => OptionForms {
                code: "c",
                valued: "WX",
                modules: "m",
                flags: "bBdEhiIOPqRsSuvVxt3",
                long_valued: &["check-hash-based-pycs"],
                ..none
            },
            Self::JavaScript => OptionForms {
                code: "ep",
                valued: "rC",
                flags: "civhAN",
                long_code: &["eval", "print"],
                long_valued: &[
                    "require",
                    "import",
                    "loader",
                    "experimental-loader",
                    "conditions",
                    "env-file",
                    "config",
                ],
                ..none
            },
            Self::Perl => OptionForms {
                code: "eE",
                attached: "il0FCDxdVt",
                modules: "Mm",
                valued: "I",
                flags: "acnpsSTuUvwWXtfhg",
                ..none
            },
            Self::Ruby => OptionForms {
                code: "e",
                attached: "i0FKTWx",
                modules: "r",
                valued: "ICE",
                flags: "acnpsSvwyhlU",
                ..none
            },
            Self::Php => OptionForms {
                code: "rBRE",
                valued: "cdFgtSz",
                flags: "ahilmnqsvwHC",
                long_code: &["run", "process-code", "process-begin", "process-end"],
                ..none
            },
            Self::Lua => OptionForms { code: "e", valued: "l", flags: "ivWE", ..none },
            Self::R => OptionForms { code: "e", valued: "fgd", flags: "hq", ..none },
            _ => return None,
        })
    }

    /// Where the programs stand among the arguments.
    pub(super) fn programs(self, arguments: &[Word]) -> Found {
        let mut found = match (self, self.shape()) {
            (_, Some(shape)) => by_shape(self, arguments, &shape),
            (Self::Awk, _) => awk::programs(arguments),
            (Self::Sed, _) => sed::programs(arguments),
            (Self::Sql, _) => by_options(
                arguments,
                &["-c", "-e", "--command", "--execute", "-cmd", "--init-command", "-v", "--set"],
                true,
            ),
            (Self::Editor, _) => editor(arguments),
            (Self::Debugger, _) => {
                by_options(arguments, &["-ex", "-iex", "-eval-command", "--eval-command", "-o", "--one-line"], false)
            }
            _ => words(arguments),
        };
        // What another program writes is data for awk and sed, and a pager shows it; for these it may be commands.
        if matches!(self, Self::Sql | Self::Editor | Self::Debugger | Self::Other) {
            arguments.iter().for_each(|word| found.reads(word));
        }
        let says = ["--version", "-V", "-version", "--help", "-h", "-v"];
        found.says_only = !arguments.is_empty() && arguments.iter().all(|word| says.contains(&word.shown().as_str()));
        found.prompts = arguments.iter().any(|word| matches!(word.shown().as_str(), "-i" | "--interactive"));
        found
    }

    /// A file's name may be a command that is opened.
    pub(super) fn opens_commands(self) -> bool {
        matches!(self, Self::Perl | Self::Ruby)
    }

    /// Without a program among its options it runs the file that its first argument names.
    pub(super) fn takes_file(self) -> bool {
        !matches!(self, Self::Awk | Self::Sed | Self::Sql)
    }

    /// What in a program may start a process or load code.
    pub(super) fn starts_processes(self, text: &str) -> Option<String> {
        match self {
            Self::Python | Self::PythonWords => python::starts_processes(text),
            Self::JavaScript => javascript::starts_processes(text),
            Self::Perl => perl::starts_processes(text),
            Self::Ruby => others::ruby(text),
            Self::Php => others::php(text),
            Self::Lua => others::lua(text),
            Self::R => others::r(text),
            Self::Awk => awk::starts_processes(text),
            Self::Sed => sed::starts_processes(text),
            Self::Sql => others::sql(text),
            Self::Editor => others::editor(text),
            Self::Debugger => others::debugger(text),
            Self::Other => others::other(text),
        }
    }
}
