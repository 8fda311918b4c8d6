//! Languages that are seldom written on a command line: what in them starts processes or loads code.

use super::super::unknown::is_plain;
use super::names::{contains, first_of, named, names};

pub(super) fn ruby(text: &str) -> Option<String> {
    let denied = [
        "system",
        "exec",
        "spawn",
        "popen",
        "popen2",
        "popen3",
        "popen2e",
        "capture2",
        "capture2e",
        "capture3",
        "fork",
        "eval",
        "instance_eval",
        "class_eval",
        "module_eval",
        "instance_exec",
        "class_exec",
        "binding",
        "send",
        "public_send",
        "__send__",
        "method",
        "public_method",
        "instance_method",
        "define_method",
        "const_get",
        "Open3",
        "PTY",
        "Fiddle",
        "DL",
        "Process",
        "Kernel",
        "load",
        "autoload",
        "syscall",
        "trap",
        "ObjectSpace",
        "Shellwords",
        "pipeline",
        "constantize",
        "RubyVM",
        "Ractor",
        "require_relative",
        "TOPLEVEL_BINDING",
        "Marshal",
        "unsafe_load",
    ];
    let modules = [
        "json",
        "set",
        "date",
        "time",
        "yaml",
        "csv",
        "pp",
        "securerandom",
        "digest",
        "base64",
        "erb",
        "uri",
        "bigdecimal",
        "stringio",
        "bundler",
        "rubygems",
        "psych",
        "pathname",
        "fileutils",
        "tempfile",
        "net/http",
        "openssl",
    ];
    let required = names(text).filter(|(_, name)| *name == "require").any(|(before, name)| {
        let behind = text.get(before.len() + name.len()..).unwrap_or_default().trim_start_matches(['(', ' ']);
        super::names::literal(behind).is_none_or(|module| !modules.contains(&module))
    });
    let quoted = (text.contains('`') || text.contains("%x")).then(|| named("`"));
    let opened = contains(text, &["\"|", "'|", "(|"]);
    quoted.or_else(|| first_of(text, &denied)).or(opened).or(required.then(|| named("require")))
}

pub(super) fn php(text: &str) -> Option<String> {
    let denied = [
        "exec",
        "shell_exec",
        "system",
        "passthru",
        "popen",
        "proc_open",
        "pcntl_exec",
        "pcntl_fork",
        "eval",
        "assert",
        "create_function",
        "call_user_func",
        "call_user_func_array",
        "include",
        "include_once",
        "require",
        "dl",
        "ob_start",
        "FFI",
        "ReflectionFunction",
        "ReflectionMethod",
        "Closure",
        "unserialize",
        "mail",
        "mb_send_mail",
        "imap_open",
        "putenv",
        "forward_static_call",
        "register_shutdown_function",
        "fromCallable",
        "preg_replace_callback",
        "expect_popen",
        "ssh2_exec",
        "stream_wrapper_register",
    ];
    let dynamic = contains(text, &["\")(", "')(", "'(", "\"(", "`", "}(", "])(", "$$", "${", "::$", "->$"]);
    let variable = names(text).any(|(before, name)| {
        before.ends_with('$')
            && text.get(before.len() + name.len()..).is_some_and(|rest| rest.trim_start().starts_with('('))
    });
    first_of(text, &denied).or(dynamic).or(variable.then(|| named("$…()")))
}

pub(super) fn lua(text: &str) -> Option<String> {
    let denied = [
        "execute",
        "popen",
        "load",
        "loadstring",
        "loadfile",
        "dofile",
        "require",
        "package",
        "debug",
        "_G",
        "_ENV",
        "getfenv",
        "setfenv",
        "ffi",
        "io",
        "os",
    ];
    let plain =
        ["os.time", "os.date", "os.clock", "os.getenv", "io.write", "io.read", "io.lines", "io.stdout", "io.stderr"];
    let rest = plain.iter().fold(text.to_owned(), |text, plain| text.replace(plain, "x"));
    first_of(&rest, &denied)
}

pub(super) fn r(text: &str) -> Option<String> {
    let denied = [
        "system",
        "system2",
        "shell",
        "shell.exec",
        "pipe",
        "eval",
        "evalq",
        "parse",
        "str2lang",
        "str2expression",
        "do",
        "call",
        "match",
        "get",
        "get0",
        "mget",
        "getFunction",
        "getExportedValue",
        "source",
        "sys",
        "processx",
        "callr",
        "dyn",
        "Call",
        "External",
        "fifo",
        "Sys",
        "unz",
        "sourceCpp",
        "Reduce",
        "Recall",
        "readRDS",
        "load",
        "attach",
        "asNamespace",
        "getNamespace",
        "environment",
    ];
    first_of(text, &denied)
}

/// Commands of the prompts of `sqlite3`, `psql` and `mysql`.
pub(super) fn sql(text: &str) -> Option<String> {
    let denied = [
        "load_extension",
        "PROGRAM",
        "program",
        "Program",
        "system",
        "edit",
        "pager",
        "sys_exec",
        "sys_eval",
        "plpythonu",
        "plpython3u",
        "plperlu",
        "install",
        "INSTALL",
        "shellfs",
    ];
    if let Some(found) = first_of(text, &denied).or_else(|| text.contains('`').then(|| named("`"))) {
        return Some(found);
    }
    let plain = [
        "tables",
        "schema",
        "headers",
        "header",
        "mode",
        "dump",
        "databases",
        "indexes",
        "indices",
        "quit",
        "exit",
        "width",
        "show",
        "timer",
        "help",
        "fullschema",
        "nullvalue",
        "separator",
        "open",
        "backup",
        "bail",
        "echo",
        "stats",
        "eqp",
        "changes",
        "dbinfo",
        "save",
        "restore",
        "version",
    ];
    for line in text.lines().map(str::trim_start) {
        let Some(command) = line.strip_prefix('.') else { continue };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let names_file = matches!(name, "read" | "import" | "output" | "once") && !rest.contains('|');
        if !plain.contains(&name) && !names_file {
            return Some(named(&format!(".{name}")));
        }
    }
    let known = [
        "d", "l", "t", "c", "x", "q", "z", "a", "f", "h", "?", "pset", "timing", "conninfo", "i", "ir", "echo",
        "connect", "encoding", "G", "s", "u", "n", "_", "%", "'", "\"", "\\", "N", ".", "b", "r", "gset", "watch",
        "sf", "sv", "set",
    ];
    for (at, _) in text.match_indices('\\') {
        let behind = text.get(at + 1..).unwrap_or_default();
        let name: String = behind.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let name = if name.is_empty() { behind.chars().take(1).collect() } else { name };
        if !known.contains(&name.as_str()) && !name.starts_with('d') && !name.is_empty() {
            return Some(named(&format!("\\{name}")));
        }
    }
    None
}

/// Commands of vi and ed that only move, change and write.
pub(super) fn editor(text: &str) -> Option<String> {
    let plain = [
        "w",
        "q",
        "wq",
        "x",
        "qa",
        "wqa",
        "q!",
        "qa!",
        "wq!",
        "w!",
        "x!",
        "xa",
        "$",
        "G",
        "F",
        "d",
        "p",
        "n",
        "u",
        "visual",
        "noswapfile",
    ];
    let clear = |line: &str| {
        let line = line.trim().trim_start_matches(':');
        line.is_empty()
            || plain.contains(&line)
            || line.chars().all(|c| c.is_ascii_digit())
            || line.starts_with("set ") && is_plain(line) && !line.contains("shell")
            || is_substitution(line)
    };
    text.lines().all(clear).then_some(()).map_or_else(|| Some("a command that is not known here".to_owned()), |()| None)
}

/// `%s/a/b/g`, whose replacement computes nothing.
fn is_substitution(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || "%,$.".contains(c));
    line.starts_with("s/")
        && !line.contains(['|', '!', '=', '`'])
        && line.split('/').next_back().is_some_and(|flags| flags.chars().all(|c| "giIp".contains(c)))
}

/// Commands of gdb that only look.
pub(super) fn debugger(text: &str) -> Option<String> {
    let plain = [
        "bt",
        "backtrace",
        "where",
        "run",
        "r",
        "info",
        "list",
        "l",
        "thread",
        "quit",
        "q",
        "frame",
        "f",
        "x",
        "disassemble",
        "break",
        "b",
        "continue",
        "c",
        "next",
        "step",
        "finish",
        "set",
        "print",
        "p",
        "up",
        "down",
        "watch",
    ];
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_clear =
        plain.contains(&first) && is_plain(text) && !text.contains("exec-wrapper") && !text.contains("startup");
    (!is_clear).then(|| named(first))
}

/// A language that is not read here: only words say nothing.
pub(super) fn other(text: &str) -> Option<String> {
    let says_nothing = is_plain(text) && !text.contains(char::is_whitespace);
    (!says_nothing).then(|| "what cannot be read here".to_owned())
}
