//! Programs of bash that nobody has written, against the reader: whatever really pushes must have been asked about.
//!
//! They run in a real bash, in an empty folder, where `git` is a stand-in that writes down how it was called and only
//! a handful of harmless programs are to be found at all.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestError, TestRunner};

use govern::policy::command::{self, CommandPattern, Exceptions};
use govern::shell::{CommandLine, Reading};

/// All programs that the generated ones find, beside `git`.
const TOOLS: [&str; 14] =
    ["bash", "sh", "env", "xargs", "find", "cat", "nice", "timeout", "nohup", "base64", "rev", "tr", "sleep", "tee"];

/// Where the programs run.
struct Place {
    root: tempfile::TempDir,
    tried: usize,
    pushed: usize,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let git = bin.join("git");
        std::fs::write(&git, "#!/bin/sh\necho \"$*\" >> \"$LOG\"\n").unwrap();
        std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
        for tool in TOOLS {
            if let Some(found) =
                ["/usr/bin", "/bin"].iter().map(|dir| Path::new(dir).join(tool)).find(|path| path.exists())
            {
                symlink(found, bin.join(tool)).unwrap();
            }
        }
        Self { root, tried: 0, pushed: 0 }
    }

    /// Whether it really pushes.
    fn pushes(&mut self, program: &str) -> bool {
        self.tried += 1;
        let root = self.root.path();
        let (folder, log) = (root.join(format!("run-{}", self.tried)), root.join(format!("log-{}", self.tried)));
        std::fs::create_dir(&folder).unwrap();
        let mut bash = Command::new("/usr/bin/env");
        // What waits for ever is ended; what it has done until then counts.
        bash.args(["-i", &format!("PATH={}", root.join("bin").display()), &format!("LOG={}", log.display())])
            .arg(timeout())
            .args(["-s", "KILL", "5", "bash", "--norc", "-c", program])
            .process_group(0)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        bash.status().unwrap();
        let pushed = std::fs::read_to_string(log).unwrap_or_default().lines().any(is_deed);
        self.pushed += usize::from(pushed);
        pushed
    }
}

/// The first word that is no option is the subcommand.
fn is_deed(call: &str) -> bool {
    let mut words = call.split(' ');
    while let Some(word) = words.next() {
        match word {
            "-C" | "-c" | "--work-tree" | "--git-dir" => {
                words.next();
            }
            _ if word.starts_with('-') => {}
            subcommand => return subcommand == "push" && !call.contains("--dry-run"),
        }
    }
    false
}

fn timeout() -> PathBuf {
    ["/usr/bin/timeout", "/bin/timeout"].iter().map(PathBuf::from).find(|path| path.exists()).unwrap()
}

fn is_asked_about(program: &str) -> bool {
    let wanted = [CommandPattern::new("git push*")];
    let except = [CommandPattern::new("git push --dry-run*")];
    command::because(
        &Reading::of(CommandLine::Text(program)),
        &wanted,
        &[],
        Exceptions { commands: &except, arguments: &[] },
    )
    .is_some()
}

/// Tries programs until one pushes that nobody was asked about; gives how many have pushed, and of how many.
fn hunt(cases: u32, programs: &impl Strategy<Value = String>) -> (usize, usize) {
    let place = std::cell::RefCell::new(Place::new());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let end = runner.run(programs, |program| {
        // What is asked about need not be run to be found right; some of it is, to know that programs push at all.
        let asked = is_asked_about(&program);
        if asked && place.borrow().pushed > 40 {
            return Ok(());
        }
        let pushed = place.borrow_mut().pushes(&program);
        prop_assert!(asked || !pushed, "it pushes, and nobody is asked:\n{}", program);
        Ok(())
    });
    if let Err(TestError::Fail(why, program)) = &end {
        panic!("{why}\n{program}");
    }
    end.unwrap();
    let place = place.into_inner();
    (place.pushed, place.tried)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A word in some of the ways in which it can be written.
fn written(word: &'static str) -> impl Strategy<Value = String> {
    let (first, rest) = word.split_at(1);
    let octal = format!("$'\\{:o}{rest}'", word.as_bytes()[0]);
    let hex = format!("$'\\x{:x}'{rest}", word.as_bytes()[0]);
    let ways = vec![
        word.to_owned(),
        word.to_owned(),
        format!("'{word}'"),
        format!("\"{word}\""),
        format!("{first}''{rest}"),
        format!("\"{first}\"{rest}"),
        format!("{first}\\{rest}"),
        format!("{first}\\\n{rest}"),
        format!("$\"{word}\""),
        format!("{first}${{NOTHING}}{rest}"),
        format!("{first}$(:){rest}"),
        format!("{first}`:`{rest}"),
        octal,
        hex,
        format!("$(printf {word})"),
        format!("${{NOTHING:-{word}}}"),
    ];
    select(ways)
}

/// The deed itself.
fn deed() -> impl Strategy<Value = String> {
    let program = prop_oneof![
        4 => written("git"),
        1 => select(vec![
            "../bin/git", "../bin/[g]it", "../bin/g?t", "../b*/git", "\"$(command -v git)\"", "../bin/g[a-z]t", "../bin/../bin/git", "../{bin,x}/git",
        ]).prop_map(str::to_owned),
    ];
    let options = subsequence(vec!["-C .", "-c a.b=c", "--no-pager", "--git-dir=.git", "-P", "--work-tree ."], 0..3);
    let plain = (program, options, written("push"), select(vec!["", " origin", " -f", " --force origin main"]))
        .prop_map(|(git, options, push, rest)| format!("{git} {} {push}{rest}", options.join(" ")));
    let by_name = select(vec![
        "g=git; $g push",
        "p=push; git \"$p\"",
        "set -- push; git \"$@\"",
        "a=(git push); \"${a[@]}\"",
        "read -r a b <<< 'git push'; \"$a\" \"$b\"",
        "printf -v c '%s' git; $c push",
        "x=xgit; ${x#x} push",
        "x=PUSH; git \"${x,,}\"",
        "for w in git; do $w push; done",
        "for w in push; do git $w; done",
        "IFS=,; c=git,push; $c",
        "declare c=push; git $c",
        "mapfile -t a <<< push; git \"${a[0]}\"",
        "x=git\\ push; $x",
        "x=push; y=x; git ${!y}",
        "f() { git \"$@\"; }; f push",
        "f() { \"$@\"; }; f git push",
        "f() { local x=push; git $x; }; f",
        "shopt -s expand_aliases\nalias g=git\ng push",
        "BASH_CMDS[g]=$(command -v git); g push",
        "hash -p \"$(command -v git)\" g; g push",
        "x='a[$(git push)]'; (( x ))",
        "x='a[$(git push)]'; echo $(( x ))",
        "let 'x=a[$(git push)]'",
        "declare -i x='a[$(git push)]'",
        "[[ 'a[$(git push)]' -eq 0 ]]",
        "a=(1); [[ -v 'a[$(git push)]' ]]",
        "printf -v 'a[$(git push)]' x",
        "read 'a[$(git push)]' <<< x",
        "x='$(git push)'; echo \"${x@P}\"",
        "PS4='$(git push)'; set -x; :",
        "x='a[$(git push)]'; echo ${y:x}",
        "a=(1); unset 'a[$(git push)]'",
        "g=git; g=${g/x/y}; $g push",
        "g=ls; { g=git; }; $g push",
        "g=ls; true && g=git; $g push",
        "g=ls; if true; then g=git; fi; $g push",
        "g=ls; f() { g=git; }; f; $g push",
        "g=ls; : ${g:=x} $((g=0)); g=git; $g push",
        "g=ls; read g <<< git; $g push",
        "g=ls; unset g; : ${g:=git}; $g push",
        "g=ls; g+=x; g=git; $g push",
        "export g=git; bash -c '$g push'",
        "g=git bash -c '$g push'",
        "v='git push'; bash -c \"$v\"",
        "export v='git push'; bash -c 'eval \"$v\"'",
    ])
    .prop_map(str::to_owned);
    prop_oneof![3 => plain, 1 => by_name]
}

/// One more construct around a program.
fn wrapped(inner: String, way: usize) -> String {
    let q = quoted(&inner);
    let line = inner.len();
    match way {
        0 => format!("bash -c {q}"),
        1 => format!("sh -ec {q}"),
        2 => format!("bash -oc pipefail {q}"),
        3 => format!("eval -- {q}"),
        4 => format!("eval {q}"),
        5 => format!("trap -- {q} EXIT"),
        6 => format!(". /dev/stdin <<< {q}"),
        7 => format!("bash <<'END{line}'\n{inner}\nEND{line}"),
        8 => format!("echo {q} | bash"),
        9 => format!("printf '%s\\n' {q} | sh -s"),
        10 => format!("env X=1 'Y Z=2' bash -c {q}"),
        11 => format!("env -i PATH=\"$PATH\" LOG=\"$LOG\" bash -c {q}"),
        12 => format!("timeout -k 1 5 bash -c {q}"),
        13 => format!("nice -n 1 bash -c {q}"),
        14 => format!("nohup bash -c {q}"),
        15 => format!("echo x | xargs -I{{}} bash -c {q}"),
        16 => format!("echo x | xargs -r -n 1 bash -c {q}"),
        17 => format!("find . -maxdepth 0 -exec bash -c {q} \\;"),
        18 => format!("find . -maxdepth 0 -execdir sh -c {q} {{}} +"),
        19 => format!("x=$({inner}\n)"),
        20 => format!("echo \"a $({inner}\n) b\""),
        21 => format!("cat <({inner}\n)"),
        22 => format!("echo x > >({inner}\n); sleep 0.1"),
        23 => format!("if true; then\n{inner}\nfi"),
        24 => format!("while true; do\n{inner}\nbreak; done"),
        25 => format!("for i in 1 2; do\n{inner}\ndone"),
        26 => format!("case x in x)\n{inner}\n;; esac"),
        27 => format!("( {inner}\n)"),
        28 => format!("{{ {inner}\n}} 2>&1 | cat"),
        29 => format!("w() {{ {inner}\n}}; w"),
        30 => format!("w() {{ {inner}\n}}; export -f w; bash -c w"),
        31 => format!("command_not_found_handle() {{ {inner}\n}}; nosuchprogram"),
        32 => format!("coproc {{ {inner}\n}}; wait"),
        33 => format!("coproc W {{ {inner}\n}}; wait"),
        34 => format!("! {inner}"),
        35 => format!("time {inner}"),
        36 => format!("true && {inner}"),
        37 => format!("false || {inner}"),
        38 => format!(": $(( $({inner}\necho 1) ))"),
        39 => format!("echo ${{NOTHING:-$({inner}\n)}}"),
        40 => format!("cat <<END{line}\n$({inner}\n)\nEND{line}"),
        41 => format!("[ -n \"$({inner}\n)\" ]"),
        42 => format!("[[ -n $({inner}\n) ]]"),
        43 => format!("mapfile -C {} -c 1 a <<< x", quoted(&format!("{inner}\n:"))),
        44 => format!("compgen -C {q} x"),
        45 => format!("BASH_ENV=<(echo {q}) bash -c :"),
        46 => format!("X={q} bash -c 'eval \"$X\"'"),
        47 => format!("x={q}; eval \"$x\""),
        48 => format!("x={q}; bash -c \"$x\""),
        49 => format!("echo {q} | base64 | base64 -d | sh"),
        50 => format!("echo {q} | rev | rev | sh"),
        51 => format!("source <(printf '%s\\n' {q})"),
        52 => format!("exec bash -c {q}"),
        53 => format!("exec -a name bash -c {q}"),
        54 => format!("command bash -c {q}"),
        55 => format!("builtin eval {q}"),
        56 => format!("env -S {}", quoted(&format!("bash -c {q}"))),
        57 => format!("true # a comment \\\n{inner}"),
        58 => format!("cat <<A <<'B'\nx\nA\n$(y)\nB\n{inner}"),
        59 => format!("a[$({inner}\necho 1)]=x"),
        60 => format!("true\\\n; {inner}"),
        61 => format!("echo 'a '\\'' b' \"c \\\" d\"; {inner}"),
        62 => format!("echo `{}`", inner.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$")),
        63 => format!("select x in a; do\n{inner}\nbreak; done <<< 1"),
        64 => format!("until {inner}\ntrue; do :; done"),
        65 => format!("jobs -x bash -c {q}"),
        66 => format!("echo > log; {inner} > log 2>&1 < /dev/null"),
        67 => format!("(( 1 )) && {inner}"),
        68 => format!("for ((i=0; i<1; i++)); do\n{inner}\ndone"),
        69 => format!("x=1 y=(a b) z+=c\n{inner}"),
        70 => format!("x=1; echo ${{x/`{}`/}}", inner.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$")),
        71 => format!("set -o posix\n{inner}"),
        _ => format!("echo $'a\\'b'; {inner}"),
    }
}

const WAYS: usize = 73;

/// What is no program by itself: put together by chance it is one now and then.
const PIECES: &[&str] = &[
    "git push",
    "git push",
    "git push",
    "git",
    " push",
    "git -C . push",
    ";",
    "\n",
    " ",
    " ",
    "&&",
    "||",
    "|",
    "&",
    "(",
    ")",
    "((",
    "))",
    "{ ",
    "; }",
    "[[ ",
    " ]]",
    "$(",
    "$((",
    "${",
    "${x:-",
    "${x/",
    "`",
    "'",
    "\"",
    "$'",
    "$\"",
    "\\",
    "\\\n",
    "if ",
    "; then ",
    "; fi",
    "for x in a; do ",
    "; done",
    "case x in ",
    "x) ",
    ";; esac",
    "! ",
    "x=",
    "x+=",
    "x=(",
    "a[1]=",
    "#",
    " # x\n",
    "<(",
    "<<< ",
    "<<E\n",
    "\nE\n",
    "<<'E'\n",
    "<<-E\n",
    "\tE\n",
    " >x ",
    " 2>&1 ",
    " 2>x ",
    "echo ",
    ": ",
    "eval ",
    "bash -c ",
    "env ",
    "true ",
    "x",
    "y",
    "*",
    "{a,b}",
    "$x",
    "\"$x\"",
    "=~ ",
    "-eq ",
];

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// However it is written and wrapped, it is asked about.
    #[test]
    fn the_deed_is_found_in_every_dress(deed in deed(), ways in prop::collection::vec(0..WAYS, 0..4)) {
        let program = ways.iter().fold(deed, |inner, way| wrapped(inner, *way));
        prop_assert!(is_asked_about(&program), "{}", program);
    }
}

/// The dresses are real: most of them push, and none of those that do goes unasked.
#[test]
fn what_pushes_in_a_real_bash_is_asked_about() {
    let programs = (deed(), prop::collection::vec(0..WAYS, 0..3))
        .prop_map(|(deed, ways)| ways.iter().fold(deed, |inner, way| wrapped(inner, *way)));
    let (pushed, tried) = hunt(300, &programs);
    assert!(pushed * 2 > tried, "only {pushed} of {tried} push: the test shows little");
}

/// Every way to wrap a command does run it.
#[test]
fn every_dress_runs_what_it_wraps() {
    let mut place = Place::new();
    let idle: Vec<usize> = (0..WAYS).filter(|way| !place.pushes(&wrapped("git push".to_owned(), *way))).collect();
    assert!(idle.is_empty(), "these run nothing: {idle:?}");
}

/// Pieces of scripts in any order: where bash reads them otherwise than the grammar does, it shows here.
#[test]
fn no_order_of_pieces_pushes_unasked() {
    let programs = prop::collection::vec(select(PIECES), 1..9).prop_map(|pieces| pieces.concat());
    let (pushed, tried) = hunt(800, &programs);
    assert!(pushed > 0, "{pushed} of {tried}");
}
