//! Python: names that start processes, load code, or find names by text.

use super::names::{contains, literal, named, names};

/// Wherever they stand: without one of these no process is started.
const NAMES: &[&str] = &[
    "system",
    "popen",
    "popen2",
    "popen3",
    "popen4",
    "Popen",
    "subprocess",
    "_posixsubprocess",
    "fork_exec",
    "posix",
    "nt",
    "spawn",
    "spawnl",
    "spawnle",
    "spawnlp",
    "spawnlpe",
    "spawnv",
    "spawnve",
    "spawnvp",
    "spawnvpe",
    "posix_spawn",
    "posix_spawnp",
    "exec",
    "execl",
    "execle",
    "execlp",
    "execlpe",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "execfile",
    "fork",
    "forkpty",
    "startfile",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
    "pty",
    "ctypes",
    "_ctypes",
    "cffi",
    "importlib",
    "runpy",
    "builtins",
    "eval",
    "vars",
    "globals",
    "locals",
    "attrgetter",
    "methodcaller",
    "getmembers",
    "getattr_static",
    "import_module",
    "load_module",
    "exec_module",
    "run_path",
    "run_module",
    "FunctionType",
    "CodeType",
    "LambdaType",
    "get_type_hints",
    "ForwardRef",
    "eval_str",
    "dictConfig",
    "fileConfig",
    "resolve_name",
    "load_extension",
    "unsafe_load",
    "UnsafeLoader",
    "allow_pickle",
    "read_pickle",
    "breakpoint",
    "InteractiveConsole",
    "InteractiveInterpreter",
    "get_objects",
    "meta_path",
    "path_hooks",
    "settrace",
    "setprofile",
    "loadTestsFromName",
    "webbrowser",
];

/// Modules that do so, which may be other names elsewhere.
const MODULES: &[&str] = &[
    "code",
    "codeop",
    "imp",
    "pickle",
    "cPickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "types",
    "gc",
    "pdb",
    "bdb",
    "timeit",
    "doctest",
    "profile",
    "cProfile",
    "trace",
    "commands",
    "popen2",
    "distutils",
    "setuptools",
    "pip",
    "ensurepip",
    "venv",
    "tkinter",
    "turtle",
    "pydoc",
    "idlelib",
    "antigravity",
    "sh",
    "plumbum",
    "fabric",
    "invoke",
    "pexpect",
    "ptyprocess",
    "delegator",
    "sarge",
    "git",
    "dulwich",
    "pygit2",
    "paramiko",
    "IPython",
    "xonsh",
    "docker",
    "psutil",
    "anyio",
    "trio",
    "multiprocessing",
    "code_context",
    "zipimport",
    "modulefinder",
];

/// Names with two underscores that say nothing but what they say.
const PLAIN: &[&str] = &[
    "__version__",
    "__name__",
    "__main__",
    "__file__",
    "__doc__",
    "__init__",
    "__len__",
    "__str__",
    "__repr__",
    "__eq__",
    "__hash__",
    "__enter__",
    "__exit__",
    "__iter__",
    "__next__",
    "__all__",
    "__future__",
    "__author__",
    "__call__",
    "__lt__",
    "__add__",
    "__contains__",
    "__getitem__",
    "__setitem__",
    "__path__",
    "__annotations__",
    "__post_init__",
    "__pycache__",
];

pub(super) fn starts_processes(text: &str) -> Option<String> {
    if let Some(c) = text.chars().find(|c| may_be_a_letter(*c)) {
        return Some(format!("`{c}`, which may stand for a letter"));
    }
    if text.contains("coding") && contains(text, &["coding:", "coding="]).is_some() && !is_utf8(text) {
        return Some("another coding".to_owned());
    }
    let has_sys = names(text).any(|(_, name)| name == "sys");
    let has_yaml = names(text).any(|(_, name)| name == "yaml");
    for (before, name) in names(text) {
        let is_plain_system = name == "system" && before.trim_end().ends_with("platform.");
        let is_hidden = name.starts_with("__") && name.len() > 4 && name.ends_with("__") && !PLAIN.contains(&name);
        let is_plain_import = name == "importlib" && loads_nothing(text, before);
        if (NAMES.contains(&name) && !is_plain_system && !is_plain_import) || is_hidden {
            return Some(named(name));
        }
        let finds = matches!(name, "getattr" | "setattr" | "delattr" | "hasattr");
        if (finds && !takes_literal(text, before, name))
            || (name == "modules" && has_sys)
            || (has_yaml && matches!(name, "load" | "load_all" | "Loader" | "FullLoader") && !before.ends_with("json."))
        {
            let is_safe = has_yaml && text.contains("SafeLoader") && name.starts_with("load");
            if !is_safe {
                return Some(named(name));
            }
        }
        if matches!(name, "import" | "from") {
            let statement = text.get(before.len()..).unwrap_or_default();
            let end = statement.find(['\n', ';']).unwrap_or(statement.len());
            let statement = statement.get(..end).unwrap_or_default();
            if let Some((_, module)) = names(statement).find(|(_, name)| MODULES.contains(name)) {
                return Some(named(module));
            }
        }
    }
    None
}

/// `importlib.metadata` and `importlib.resources` tell of what is installed, and load none of it.
fn loads_nothing(text: &str, before: &str) -> bool {
    let behind = text.get(before.len() + "importlib".len()..).unwrap_or_default();
    let behind = behind.strip_prefix('.').or_else(|| behind.strip_prefix(" import ")).unwrap_or_default();
    names(behind).next().is_some_and(|(_, name)| matches!(name, "metadata" | "resources") && behind.starts_with(name))
}

/// `getattr(x, "name")`: the name is written down, and has been looked at like any other.
fn takes_literal(text: &str, before: &str, name: &str) -> bool {
    let behind = text.get(before.len() + name.len()..).unwrap_or_default();
    let Some(arguments) = behind.trim_start().strip_prefix('(') else { return false };
    arguments.split_once(',').is_some_and(|(object, rest)| !object.contains('(') && literal(rest).is_some())
}

fn is_utf8(text: &str) -> bool {
    contains(&text.to_ascii_lowercase(), &["coding:utf-8", "coding=utf-8", "coding:utf8", "encoding="]).is_some()
}

/// Python takes some letters for those of ASCII that they look like.
fn may_be_a_letter(c: char) -> bool {
    matches!(c, '\u{aa}' | '\u{ba}' | '\u{17f}' | '\u{1d2c}'..='\u{1d6a}' | '\u{2071}' | '\u{207f}' | '\u{2090}'..='\u{209c}'
        | '\u{2100}'..='\u{2149}' | '\u{2160}'..='\u{217f}' | '\u{24b6}'..='\u{24e9}' | '\u{fb00}'..='\u{fb06}'
        | '\u{ff21}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}
