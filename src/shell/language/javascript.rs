//! JavaScript: names and modules that start processes or make code of text.

use super::names::{contains, literal, named, names};

const NAMES: &[&str] = &[
    "child_process",
    "worker_threads",
    "eval",
    "Function",
    "AsyncFunction",
    "GeneratorFunction",
    "constructor",
    "binding",
    "_linkedBinding",
    "getBuiltinModule",
    "dlopen",
    "mainModule",
    "createRequire",
    "_load",
    "_compile",
    "runInThisContext",
    "runInNewContext",
    "runInContext",
    "compileFunction",
    "Worker",
    "SharedWorker",
    "Reflect",
    "__proto__",
    "__defineGetter__",
    "fromCharCode",
    "fromCodePoint",
    "atob",
    "unescape",
    "spawn",
    "spawnSync",
    "execSync",
    "execFile",
    "execFileSync",
    "fork",
    "execa",
    "execaSync",
    "shelljs",
    "cross_spawn",
    "importScripts",
    "getOwnPropertyDescriptors",
    "WebAssembly",
];

const MODULES: &[&str] = &[
    "child_process",
    "cluster",
    "vm",
    "module",
    "repl",
    "inspector",
    "worker_threads",
    "execa",
    "shelljs",
    "zx",
    "cross-spawn",
    "simple-git",
    "isomorphic-git",
    "process",
    "node-pty",
    "ssh2",
    "dockerode",
    "sandbox",
    "vm2",
    "jiti",
    "tsx",
    "ts-node",
    "esm",
];

pub(super) fn starts_processes(text: &str) -> Option<String> {
    let hidden = [
        "\\u00",
        "\\u{",
        "\\x4",
        "\\x5",
        "\\x6",
        "\\x7",
        "'+'",
        "\"+\"",
        "`+`",
        "'+\"",
        "\"+'",
        "Bun.$",
        "Bun[",
        "Deno.Command",
        "Deno.run",
        "Deno[",
        "data:",
        "process[",
        "globalThis[",
        "global[",
        "require[",
        "module[",
    ];
    let tricks = contains(text, &hidden);
    if tricks.is_some() {
        return tricks;
    }
    for (before, name) in names(text) {
        if NAMES.contains(&name) {
            return Some(named(name));
        }
        let behind = text.get(before.len() + name.len()..).unwrap_or_default();
        let asks = match name {
            "require" => Some(behind.trim_start().strip_prefix(".resolve").unwrap_or(behind)),
            "import" if behind.trim_start().starts_with(['(', '"', '\'', '`']) => Some(behind),
            "import" if before.trim_end().ends_with('.') || behind.starts_with(".meta") => None,
            "from" if behind.trim_start().starts_with(['"', '\'', '`']) => Some(behind),
            _ => None,
        };
        if let Some(asked) = asks {
            let asked = asked.trim_start();
            let module = literal(asked.strip_prefix('(').unwrap_or(asked));
            let module = module.map(|module| module.strip_prefix("node:").unwrap_or(module));
            if module.is_none_or(|module| MODULES.contains(&module.split('/').next().unwrap_or_default())) {
                return Some(module.map_or_else(|| named(name), named));
            }
        }
    }
    None
}
