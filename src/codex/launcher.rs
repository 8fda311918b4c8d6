//! Where Codex's own arguments begin: after `codex`, or after a launcher that hands over to it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How many arguments stand before Codex's own; `None` if this command is not known to be Codex.
///
/// Only launchers are known that can be run again word for word, and whose end is Codex's end: `env NAME=VALUE…`,
/// `node …/codex.js` and `npx @openai/codex`. Behind `bash -c`, `make` or `npm run` a parent would see Codex end, and go
/// on with something else.
pub(super) fn length(argv: &[OsString]) -> Option<usize> {
    let program = file_name(argv.first()?)?;
    match program {
        "codex" | "codex.js" => Some(1),
        "env" => {
            let assigned = argv.iter().skip(1).take_while(|word| is_assignment(word)).count();
            let rest = argv.get(1 + assigned..)?;
            Some(1 + assigned + length(rest)?)
        }
        "node" | "nodejs" => matches!(file_name(argv.get(1)?)?, "codex.js" | "codex").then_some(2),
        "npx" => npx(argv),
        _ => None,
    }
}

/// What `env` assigns to this name, the last assignment first.
pub(super) fn assigned<'a>(prefix: &'a [OsString], name: &str) -> Option<&'a OsStr> {
    let value = |word: &'a OsString| word.as_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    prefix.iter().rev().find_map(value).map(OsStr::from_bytes)
}

fn npx(argv: &[OsString]) -> Option<usize> {
    let mut at = 1;
    let mut package = None;
    loop {
        match argv.get(at)?.to_str()? {
            "-y" | "--yes" | "-q" | "--quiet" | "--no" | "--no-install" | "--prefer-offline" | "--offline" => at += 1,
            "-p" | "--package" => {
                package = Some(argv.get(at + 1)?.to_str()?);
                at += 2;
            }
            "--" => at += 1,
            word => match word.strip_prefix("--package=") {
                Some(name) => {
                    package = Some(name);
                    at += 1;
                }
                None => {
                    let is_codex = match package {
                        Some(package) => is_package(package) && word == "codex",
                        // Without a package `codex` is the one that the project or the machine has installed.
                        None => is_package(word) || word == "codex",
                    };
                    return is_codex.then_some(at + 1);
                }
            },
        }
    }
}

fn is_package(word: &str) -> bool {
    word.strip_prefix("@openai/codex").is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

fn is_assignment(word: &OsStr) -> bool {
    let bytes = word.as_bytes();
    !bytes.starts_with(b"-") && bytes.contains(&b'=')
}

fn file_name(word: &OsStr) -> Option<&str> {
    Path::new(word).file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codex_is_known_where_running_the_same_words_again_runs_it_again() {
        for (line, expected) in [
            ("codex", Some(1)),
            ("codex exec hi", Some(1)),
            ("/opt/x/bin/codex exec", Some(1)),
            ("./node_modules/@openai/codex/bin/codex.js exec", Some(1)),
            ("node /x/bin/codex.js exec", Some(2)),
            ("node node_modules/.bin/codex exec", Some(2)),
            ("env CODEX_HOME=/x A=b codex exec", Some(4)),
            ("env A=b node /x/codex.js", Some(4)),
            ("npx @openai/codex exec", Some(2)),
            ("npx -y @openai/codex@0.169.0 exec", Some(3)),
            ("npx --yes -- @openai/codex", Some(4)),
            ("npx codex exec", Some(2)),
            ("npx -p @openai/codex@latest codex exec", Some(4)),
            ("npx --package=@openai/codex codex exec", Some(3)),
            ("codex-acp", None),
            ("mycodex exec", None),
            ("bash -lc codex", None),
            ("make codex", None),
            ("npm exec codex", None),
            ("node server.js codex", None),
            ("node --inspect /x/codex.js", None),
            ("env -i codex", None),
            ("env", None),
            ("npx", None),
            ("npx -y", None),
            ("npx @openai/codex-sdk", None),
            ("npx -p left-pad codex", None),
            ("npx --userconfig x codex", None),
            ("", None),
        ] {
            let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(length(&argv), expected, "{line}");
        }
    }

    #[test]
    fn the_last_assignment_holds() {
        let prefix = ["env", "A=1", "CODEX_HOME=/x", "CODEX_HOME=/y=z", "codex"].map(OsString::from);
        assert_eq!(assigned(&prefix, "CODEX_HOME"), Some(OsStr::new("/y=z")));
        assert_eq!(assigned(&prefix, "CODEX"), None);
    }
}
