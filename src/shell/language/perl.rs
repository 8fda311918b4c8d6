//! Perl: words that start processes, open commands, or make code of text.

use super::super::word::Word;
use super::names::{contains, named, names};

const NAMES: &[&str] = &[
    "system",
    "exec",
    "qx",
    "readpipe",
    "fork",
    "popen",
    "eval",
    "evalbytes",
    "do",
    "require",
    "syscall",
    "dlopen",
    "XSLoader",
    "DynaLoader",
    "AUTOLOAD",
    "CORE",
    "GLOBAL",
    "can",
    "sysopen",
    "glob",
    "dump",
    "kill",
    "use",
    "no",
    "IPC",
    "Inline",
    "B",
    "Symbol",
    "UNIVERSAL",
    "__SUB__",
    "goto",
    "tie",
    "bless",
];

/// Modules that only compute.
const MODULES: &[&str] = &[
    "strict",
    "warnings",
    "utf8",
    "feature",
    "integer",
    "bigint",
    "bignum",
    "open",
    "List::Util",
    "Scalar::Util",
    "Data::Dumper",
    "JSON",
    "JSON::PP",
    "JSON::XS",
    "POSIX",
    "Time::HiRes",
    "Time::Local",
    "Time::Piece",
    "File::Basename",
    "File::Spec",
    "File::Slurp",
    "Encode",
    "MIME::Base64",
    "Digest::MD5",
    "Digest::SHA",
    "URI::Escape",
    "Text::Wrap",
    "Text::CSV",
    "HTML::Entities",
    "v5",
];

pub(super) fn starts_processes(text: &str) -> Option<String> {
    let hidden = [
        "&{", "&$", "->$", "->\"", "->'", "*{", "%main::", "%::", "::{", "<$", "<<>>", "(?{", "(??{", "\\&$", "&\"",
        "&'",
    ];
    let without_logic = text.replace("&&", " ");
    let found = text.contains('`').then(|| named("`")).or_else(|| contains(&without_logic, &hidden));
    if found.is_some() || evaluates(text) {
        return found.or_else(|| Some("a replacement that is run".to_owned()));
    }
    for (before, name) in names(text) {
        let is_key = before.ends_with(['$', '@', '%'])
            || (before.ends_with('{')
                && text.get(before.len() + name.len()..).is_some_and(|rest| rest.starts_with('}')));
        let behind = text.get(before.len() + name.len()..).unwrap_or_default().trim_start();
        match name {
            "open" if !opens_file(behind) && !is_key => return Some(named("open")),
            "do" if behind.starts_with('{') => {}
            "use" | "no" | "require" => {
                let module: String =
                    behind.chars().take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '.')).collect();
                let is_version = module.starts_with(|c: char| c.is_ascii_digit()) || module.starts_with("v5");
                if !MODULES.contains(&module.as_str()) && !is_version {
                    return Some(named(name));
                }
            }
            _ if NAMES.contains(&name) && !is_key => return Some(named(name)),
            _ => {}
        }
    }
    None
}

/// `open(my $f, "<", $name)`: the way stands for itself.
fn opens_file(behind: &str) -> bool {
    let ways = ["\"<\"", "'<'", "\">\"", "'>'", "\">>\"", "'>>'", "\"<:", "'<:", "\">:", "'>:"];
    let until = behind.find(';').unwrap_or(behind.len());
    let arguments = behind.get(..until).unwrap_or_default();
    arguments.split(',').nth(1).is_some_and(|way| ways.iter().any(|known| way.trim_start().starts_with(known)))
}

/// `s/a/b/ee`: what comes out of the replacement is run as a program.
fn evaluates(text: &str) -> bool {
    let flags = |word: &str| {
        word.chars().filter(|c| *c == 'e').count() > 1 && word.chars().all(|c| "msixpodualngcer".contains(c))
    };
    names(text).any(|(before, name)| {
        flags(name) && before.ends_with(|c: char| c.is_ascii_punctuation() && c != '$' && c != '_')
    })
}

/// `-MModule`: a program where it is more than one that only computes.
pub(super) fn module(module: &Word) -> Option<Word> {
    let text = module.text();
    let name = text.as_deref().map(|text| text.trim_start_matches('-').split('=').next().unwrap_or_default());
    let plain = text.as_deref().is_some_and(super::super::unknown::is_plain);
    let is_ruby = [
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
    ];
    let known = name.is_some_and(|name| MODULES.contains(&name) || is_ruby.contains(&name) || name.starts_with("./"));
    (!(plain && known)).then(Word::unknown)
}
