//! The rules of the house, as text: which stage may lean on which, which crate belongs to whom. A reminder, not a proof.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A longer file has more than one thing to say.
const MOST_LINES: usize = 600;

/// The most files of a stage that import one another in a circle; 0 for a stage that is not named. A number only shrinks.
const CIRCLES: &[(&str, usize)] = &[];

/// Types whose methods stand in more files than [`MOST_FILES`], and in how many. A number only shrinks.
const SPREAD: &[(&str, usize)] = &[];

/// Whoever looks for what a type does, looks in no more files than these.
const MOST_FILES: usize = 3;

/// Every stage may use these.
const COMMON: &[&str] = &["clocks", "error", "exit", "model"];

/// Pure stages, in the order in which data flows, and what each may import beside [`COMMON`].
const PURE: &[(&str, &[&str])] = &[
    ("clocks", &[]),
    ("exit", &[]),
    ("error", &[]),
    ("model", &[]),
    ("rollout", &[]),
    ("usage", &["rollout"]),
    ("shell", &[]),
    ("work", &["rollout", "shell"]),
    ("results", &["work"]),
    ("compare", &[]),
    ("policy", &["usage", "shell", "work"]),
    ("decide", &["usage", "policy", "work"]),
    ("codex", &["policy"]),
    ("bill", &["usage", "codex"]),
    ("fleet", &["usage", "policy", "codex"]),
    ("report", &["usage", "results", "compare", "policy", "bill"]),
    ("metrics", &[]),
];

/// Files of owners and joiners that are as pure as a pure stage.
const PURE_PARTS: &[&str] = &[
    "cli/prices/json.rs",
    "cli/when.rs",
    "gate/hook.rs",
    "gate/message.rs",
    "notify/letter.rs",
    "notify/retry.rs",
    "notify/sent.rs",
    "notify/sign.rs",
    "notify/slack/event.rs",
    "notify/slack/id.rs",
    "notify/slack/message.rs",
    "notify/slack/trouble.rs",
    "prepare/declares.rs",
    "process/error.rs",
    "process/wire.rs",
    "proxy/codex.rs",
    "proxy/events.rs",
    "proxy/path.rs",
    "proxy/reader.rs",
    "proxy/refusal.rs",
    "proxy/request_body.rs",
    "proxy/usage.rs",
    "ui/answer.rs",
    "ui/layout.rs",
    "ui/top/ask.rs",
    "ui/top/draw.rs",
    "ui/top/keys.rs",
    "ui/top/lines.rs",
    "ui/top/state.rs",
];

/// Each owns one outside thing: it may use the pure stages and ask the clock, never another owner.
const OWNERS: &[&str] = &["clock", "net", "tail", "ledger", "process", "gate", "place", "notify", "proxy", "web", "ui"];

/// Owners that other owners may use: each is asked, and holds nothing of anybody's.
const FOR_OWNERS: &[&str] = &["clock", "net"];

/// These join what the owners own.
const JOINERS: &[&str] = &["turn", "standalone", "supervise", "import", "prepare", "serve", "cli"];

/// Crates that reach outside or shape a border, and the stages that may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["policy"]),
    ("base64", &["metrics", "notify"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("comfy_table", &["ui"]),
    ("http_body_util", &["net", "notify", "proxy", "web"]),
    ("http", &["policy", "net", "notify", "proxy", "supervise", "prepare", "cli"]),
    ("futures_util", &["net"]),
    ("hyper", &["net", "notify", "proxy", "web"]),
    ("hyper_util", &["net", "proxy", "web"]),
    ("indicatif", &["ui"]),
    ("nix", &["clock", "ledger", "process", "gate", "tail", "ui"]),
    ("notify", &["tail"]),
    ("ratatui", &["ui"]),
    ("ring", &["net", "notify"]),
    ("rusqlite", &["ledger"]),
    ("rustls_native_certs", &["net"]),
    (
        "tokio",
        &[
            "net",
            "notify",
            "process",
            "proxy",
            "gate",
            "tail",
            "web",
            "ui",
            "standalone",
            "supervise",
            "prepare",
            "serve",
            "cli",
        ],
    ),
    ("tokio_rustls", &["net"]),
    ("tokio_tungstenite", &["net"]),
    ("toml", &["policy", "usage", "codex", "fleet"]),
    ("toml_edit", &["codex"]),
    ("tree_sitter", &["shell"]),
    ("tree_sitter_bash", &["shell"]),
    ("zstd", &["proxy", "tail"]),
];

/// What a pure file has no business with.
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::os::fd",
    "std::os::unix::fs",
    "std::os::unix::net",
    "std::os::unix::process",
    "std::process::Command",
    "std::process::id",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "Utc::now",
    "Local::now",
    "File::open",
    "println!",
    "stdout()",
    "stderr()",
    "stdin()",
];

struct File {
    path: PathBuf,
    /// The first part of the path below `src`, without `.rs`.
    stage: String,
    text: String,
    /// `tests.rs`, or a file in a folder `tests`.
    is_test: bool,
    /// What is left without comments and tests.
    code: String,
}

/// The text without its declarations of modules that are tests, which stand among the others: `#[cfg(test)] mod tests;`.
fn without_test_modules(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        let declares = lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with(';'));
        if line == "#[cfg(test)]" && declares {
            lines.next();
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let below = path.strip_prefix(&root).unwrap();
                let stage = below.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
                // Tests stand at the end of a file, or are a file `tests.rs`.
                let is_test = below.iter().any(|part| part == "tests.rs" || part == "tests");
                let product = without_test_modules(&text);
                let product = product.split("#[cfg(test)]").next().unwrap_or_default();
                let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
                let code = if is_test { String::new() } else { lines.collect::<Vec<_>>().join("\n") };
                found.push(File { path: below.to_owned(), stage, text, is_test, code });
            }
        }
    }
    assert!(found.len() > 10, "the sources were found");
    found
}

/// Every place where `word` stands alone and `tail` follows it.
fn names<'a>(code: &'a str, word: &'a str, tail: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    let needle = format!("{word}{tail}");
    let length = needle.len();
    let starts: Vec<usize> = code.match_indices(&needle).map(|(at, _)| at).collect();
    starts.into_iter().filter_map(move |at| {
        let before = code.get(..at)?.chars().next_back();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        (!inside).then(|| code.get(at + length..)).flatten()
    })
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The stages that a file's code imports: `crate::stage` and `crate::{stage::…, other}`.
fn imports(file: &File) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in names(&file.code, "crate", "::") {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(identifier(rest).to_owned());
            continue;
        };
        let mut depth = 0_usize;
        let mut word = String::new();
        for c in group.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.insert(identifier(word.trim()).to_owned());
                    word.clear();
                    continue;
                }
                _ => {}
            }
            word.push(c);
        }
        found.insert(identifier(word.trim()).to_owned());
    }
    found.remove("");
    found.remove(&file.stage);
    found
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_stage_has_its_place() {
    let known: BTreeSet<&str> =
        PURE.iter().map(|(stage, _)| *stage).chain(OWNERS.iter().chain(JOINERS).copied()).collect();
    let strangers: Vec<String> = files()
        .iter()
        .filter(|file| !matches!(file.stage.as_str(), "main" | "lib") && !known.contains(file.stage.as_str()))
        .map(|file| file.path.display().to_string())
        .collect();
    report("a new stage is entered in this test, as pure or as an owner", &strangers);
}

#[test]
fn stages_lean_only_on_what_comes_before_and_owners_never_on_owners() {
    let pure: Vec<&str> = PURE.iter().map(|(stage, _)| *stage).collect();
    let mut broken = Vec::new();
    for file in files() {
        let stage = file.stage.as_str();
        let allowed: Vec<&str> = if let Some((_, more)) = PURE.iter().find(|(known, _)| *known == stage) {
            COMMON.iter().chain(*more).copied().collect()
        } else if OWNERS.contains(&stage) {
            pure.iter().chain(FOR_OWNERS).copied().collect()
        } else {
            continue;
        };
        for import in imports(&file) {
            if !allowed.contains(&import.as_str()) {
                broken.push(format!("{}: crate::{import}", file.path.display()));
            }
        }
    }
    report("a pure stage uses what comes before it, an owner no other owner but those that are for all", &broken);
}

#[test]
fn only_the_command_line_prepares_runs_and_nothing_asks_for_the_command_line() {
    let mut inner = Vec::new();
    for file in files().iter().filter(|file| !matches!(file.stage.as_str(), "cli" | "main")) {
        let wrong = imports(file).into_iter().filter(|import| matches!(import.as_str(), "prepare" | "cli"));
        inner.extend(wrong.map(|import| format!("{}: crate::{import}", file.path.display())));
    }
    report("cli alone imports prepare, and nothing imports cli", &inner);
}

#[test]
fn each_outside_crate_has_its_owner() {
    let mut broken = Vec::new();
    for file in files() {
        for (name, owners) in CRATES {
            if !owners.contains(&file.stage.as_str()) && names(&file.code, name, "::").next().is_some() {
                broken.push(format!("{}: {name}, which is for {owners:?}", file.path.display()));
            }
        }
    }
    report("crates that reach outside belong to their owners", &broken);
}

#[test]
fn every_file_says_first_what_it_is() {
    let broken: Vec<String> = files()
        .iter()
        .filter(|file| !file.is_test && !file.text.starts_with("//! "))
        .map(|file| file.path.display().to_string())
        .collect();
    report("the first line says what the file is", &broken);
}

#[test]
fn what_is_pure_does_not_reach_outside() {
    let files = files();
    let has = |path: &str| files.iter().any(|file| file.path == Path::new(path));
    let gone: Vec<String> = PURE_PARTS.iter().filter(|path| !has(path)).map(|path| (*path).to_owned()).collect();
    report("a pure part that is no more is taken out of this test", &gone);
    let is_pure = |file: &File| {
        PURE.iter().any(|(stage, _)| *stage == file.stage) || PURE_PARTS.iter().any(|path| file.path == Path::new(path))
    };
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| is_pure(file)) {
        for outside in OUTSIDE {
            if file.code.contains(outside) {
                broken.push(format!("{}: {outside}", file.path.display()));
            }
        }
    }
    report("pure means: no files, no clock, no environment, no threads, no output", &broken);
}

#[test]
fn unsafe_is_for_processes() {
    let broken: Vec<String> = files()
        .iter()
        .filter(|file| file.stage != "process")
        .filter(|file| {
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe_code,"].iter().any(|word| file.code.contains(word))
        })
        .map(|file| file.path.display().to_string())
        .collect();
    report("no unsafe outside process/", &broken);
}

#[test]
fn files_stay_small() {
    let long: Vec<String> = files()
        .iter()
        .filter(|file| file.text.lines().count() > MOST_LINES)
        .map(|file| format!("{}: {} lines", file.path.display(), file.text.lines().count()))
        .collect();
    report(&format!("no file over {MOST_LINES} lines"), &long);
}

/// `decide::accounts::pool`, by the path of its file.
fn module(file: &File) -> String {
    let parts: Vec<&str> = file.path.iter().filter_map(|part| part.to_str()).collect();
    let path = parts.join("::");
    let path = path.strip_suffix(".rs").unwrap_or(&path);
    path.strip_suffix("::mod").unwrap_or(path).to_owned()
}

/// Every path that a `use` of this text names, its braces opened.
fn opened(path: &str) -> Vec<String> {
    let Some((before, inside)) = path.split_once('{') else {
        return vec![path.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut word, mut found) = (0_usize, String::new(), Vec::new());
    for c in inside.chars().chain([',']) {
        match c {
            ',' if depth == 0 => {
                let one = std::mem::take(&mut word);
                if !one.trim().is_empty() {
                    found.extend(opened(&format!("{before}{}", one.trim())));
                }
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        word.push(c);
    }
    found
}

/// The modules of the same stage that a file imports.
fn imports_within(file: &File, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let own = module(file);
    let mut found = BTreeSet::new();
    for rest in names(&file.code, "use", " ") {
        let own_crate = ["crate::", "super::", "self::"].iter().any(|start| rest.starts_with(start));
        let Some((path, _)) = rest.split_once(';').filter(|_| own_crate) else { continue };
        for path in opened(path) {
            let mut base: Vec<&str> = own.split("::").collect();
            let mut parts = path.split("::").peekable();
            match parts.peek() {
                Some(&"crate") => base.clear(),
                Some(&("super" | "self")) => {}
                _ => continue,
            }
            while let Some(step) = parts.next_if(|part| matches!(*part, "crate" | "super" | "self")) {
                if step == "super" {
                    base.pop();
                }
            }
            base.extend(parts);
            let mut above = (1..=base.len()).rev().filter_map(|length| base.get(..length));
            let named = above.find_map(|parts| modules.get(&parts.join("::")).cloned());
            found.extend(named.filter(|one| *one != own && one.split("::").next() == Some(file.stage.as_str())));
        }
    }
    found
}

/// All that can be reached over these edges.
fn reached<'a>(from: &'a str, edges: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for to in edges.get(next).into_iter().flatten() {
            if found.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    found
}

#[test]
fn files_of_a_stage_import_one_another_in_no_circle() {
    let files: Vec<File> = files().into_iter().filter(|file| !file.is_test).collect();
    let modules: BTreeSet<String> = files.iter().map(module).collect();
    let edges: BTreeMap<String, BTreeSet<String>> =
        files.iter().map(|file| (module(file), imports_within(file, &modules))).collect();
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|from| (from.as_str(), reached(from, &edges))).collect();
    let mut largest: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in reach.iter().filter(|(from, to)| to.contains(*from)) {
        let circle: Vec<&str> = to.iter().copied().filter(|other| reach[other].contains(from)).collect();
        let stage = from.split("::").next().unwrap();
        let known = largest.entry(stage).or_default();
        if circle.len() > known.len() {
            *known = circle;
        }
    }
    let allowed = |stage: &str| CIRCLES.iter().find(|(known, _)| *known == stage).map_or(0, |(_, most)| *most);
    let stages: BTreeSet<&str> = largest.keys().copied().chain(CIRCLES.iter().map(|(stage, _)| *stage)).collect();
    let broken: Vec<String> = stages
        .into_iter()
        .map(|stage| (stage, largest.get(stage).cloned().unwrap_or_default()))
        .filter(|(stage, circle)| circle.len() != allowed(stage))
        .map(|(stage, circle)| {
            format!("{stage}: {} files, not {}: {}", circle.len(), allowed(stage), circle.join(", "))
        })
        .collect();
    report("no new import circle, and one that shrank is entered in this test", &broken);
}

#[test]
fn messages_know_no_component() {
    let files: Vec<File> = files().into_iter().filter(|file| !file.is_test).collect();
    let modules: BTreeSet<String> = files.iter().map(module).collect();
    let leaf = |name: &str| name.starts_with("decide::message");
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| leaf(&module(file))) {
        let outside = imports_within(file, &modules).into_iter().filter(|import| !leaf(import));
        broken.extend(outside.map(|import| format!("{}: {import}", file.path.display())));
    }
    report("what the governor is told and what it orders is read without knowing how it decides", &broken);
}

#[test]
fn what_a_type_does_stands_in_few_files() {
    let mut spread: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files().iter().filter(|file| !file.is_test) {
        for line in file.code.lines().filter(|line| line.starts_with("impl") && !line.contains(" for ")) {
            let after = line.trim_start_matches("impl");
            let after = after.strip_prefix('<').and_then(|rest| rest.split_once('>')).map_or(after, |(_, rest)| rest);
            let name = identifier(after.trim_start());
            spread.entry(format!("{}::{name}", file.stage)).or_default().insert(module(file));
        }
    }
    let known = |name: &str| SPREAD.iter().find(|(known, _)| *known == name).map(|(_, count)| *count);
    let mut broken: Vec<String> = spread
        .iter()
        .filter(|(name, files)| known(name).map_or(files.len() > MOST_FILES, |count| files.len() != count))
        .map(|(name, files)| format!("{name}: {} files, not {}", files.len(), known(name).unwrap_or(MOST_FILES)))
        .collect();
    broken
        .extend(SPREAD.iter().filter(|(name, _)| !spread.contains_key(*name)).map(|(name, _)| format!("{name}: gone")));
    report(&format!("methods of a type stand in {MOST_FILES} files at most; what shrank is entered here"), &broken);
}

#[test]
fn the_library_lists_its_modules_in_the_order_of_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(root).unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let order: Vec<&str> = PURE.iter().map(|(stage, _)| *stage).filter(|stage| listed.contains(stage)).collect();
    let place = |stage: &str| listed.iter().position(|known| *known == stage);
    let flow: Vec<&str> = order.into_iter().filter(|stage| !matches!(*stage, "exit" | "error")).collect();
    for pair in flow.windows(2) {
        if let [earlier, later] = pair {
            assert!(place(earlier) < place(later), "`{earlier}` flows before `{later}`");
        }
    }
}

#[test]
fn the_document_has_the_same_table_of_stages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(root).unwrap();
    let table = text.split("\n## ").find(|part| part.starts_with("The stages")).unwrap();
    let mut written = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let [stage, kind, imports] = [1, 2, 3].map(|at| line.split('|').nth(at).unwrap().trim());
        written.insert(format!("{} {kind}: {}", stage.trim_matches('`'), imports.replace('`', "")));
    }
    let kind = |stage: &str| {
        let pure = PURE.iter().find(|(known, _)| *known == stage);
        match pure {
            Some((_, imports)) => format!("{stage} pure: {}", imports.join(", ")),
            None if OWNERS.contains(&stage) => format!("{stage} owner: "),
            None => format!("{stage} joiner: "),
        }
    };
    let stages: BTreeSet<String> = files()
        .iter()
        .map(|file| file.stage.clone())
        .filter(|stage| !matches!(stage.as_str(), "main" | "lib"))
        .collect();
    let wanted: BTreeSet<String> = stages.iter().map(|stage| kind(stage)).collect();
    let differ: Vec<String> = written.symmetric_difference(&wanted).cloned().collect();
    report("docs/architecture.md and this test name the same stages", &differ);
}

/// What `docs/style.md` says is not written, and where it is all the same: there it means what it says.
const MEANT: &[(&str, &str)] = &[
    // It is said of invoices that nobody gets.
    ("billed", "nobody is billed"),
    // A file system's.
    ("quota", "check the disk, its quota"),
];

/// The phrases of the second column of the table of words.
fn not_written(style: &str) -> Vec<String> {
    let rows = style.lines().skip_while(|line| !line.starts_with("| write | not |")).skip(2);
    let column = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(2));
    column.flat_map(|cell| cell.split(',').map(|phrase| phrase.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// Every text between quotes of a file's code, and what its command line says of options and verbs.
fn texts(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = file.code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A quote as a character is no beginning of a text.
            '\'' if matches!(chars.peek(), Some('"' | '\\')) => drop((chars.next(), chars.next())),
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    text.push(c);
                    if c == '\\' {
                        text.extend(chars.next());
                    }
                }
                found.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }
    let mut said = Vec::new();
    for line in file.text.lines().map(str::trim_start) {
        match line.strip_prefix("///") {
            Some(line) => said.push(line.trim().to_owned()),
            None if line.starts_with("#[arg") => found.push(std::mem::take(&mut said).join(" ")),
            None => said.clear(),
        }
    }
    found
}

#[test]
fn no_text_has_a_word_that_the_table_of_style_does_not_want() {
    let style = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/style.md");
    let phrases = not_written(&fs::read_to_string(style).unwrap());
    assert!(phrases.iter().any(|phrase| phrase == "at the most") && phrases.len() > 8, "{phrases:?}");
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| !file.is_test && file.stage != "shell") {
        for text in texts(file) {
            // A name between braces is the code's, and one word alone may be another's, such as a mistyped verb.
            let said = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            let said: Vec<&str> = said.collect();
            let words: String =
                said.join(" ").chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { ' ' }).collect();
            let words = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
            for phrase in
                phrases.iter().filter(|phrase| words != format!(" {phrase} ") && words.contains(&format!(" {phrase} ")))
            {
                if !MEANT.iter().any(|(word, meant)| word == phrase && text.contains(meant)) {
                    broken.push(format!("{}: {phrase}: {text}", file.path.display()));
                }
            }
        }
    }
    report("texts use the words of docs/style.md", &broken);
}
