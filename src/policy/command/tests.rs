//! What is read out of commands: what they start, what is kept from being taken for a match, what bounds hold.

use proptest::prelude::*;

use super::*;
use crate::shell::CommandLine;

fn patterns(patterns: &[&str]) -> Vec<CommandPattern> {
    patterns.iter().map(|pattern| CommandPattern::new(pattern)).collect()
}

fn because(wanted: &[&str], except: &[&str], command: &str) -> Option<String> {
    let except = Exceptions { commands: &patterns(except), arguments: &[] };
    super::because(&Reading::of(CommandLine::Text(command)), &patterns(wanted), &[], except)
}

const NONE: Exceptions<'_> = Exceptions { commands: &[], arguments: &[] };

/// What the commands of a line are, as a person is shown them.
fn commands(command: &str) -> Vec<String> {
    let reading = Reading::of(CommandLine::Text(command));
    let surely = reading.commands().iter().filter(|command| !command.is_carried());
    surely.map(|command| command.unreadable().unwrap_or(command.shown()).to_owned()).collect()
}

#[test]
fn every_command_of_a_line_is_found_wherever_it_stands() {
    for (line, expected) in [
        ("a | b && c; d || e & f", vec!["a", "b", "c", "d", "e", "f"]),
        ("if a; then b; else c; fi", vec!["a", "b", "c"]),
        ("while a; do b; done; until c; do d; done", vec!["a", "b", "c", "d"]),
        ("for x in $(a); do b \"$x\"; done", vec!["a", "b …"]),
        ("case $(a) in x) b;; *) c;; esac", vec!["a", "b", "c"]),
        ("(a; { b; })", vec!["a", "b"]),
        ("a \"x$(b `c`)\" <(d) >$(e)", vec!["e", "c", "b …", "d", "a x… /dev/fd/63"]),
        ("! a", vec!["a"]),
        ("x=$(a) b", vec!["a", "b"]),
        ("[[ -n $(a) ]] && [ \"$(b)\" ]", vec!["a", "b"]),
        ("cat <<E\n$(a)\nE\nb", vec!["a", "cat", "b"]),
        ("cat <<E | b\nx\nE", vec!["b", "cat"]),
        ("a >log b", vec!["a b"]),
        ("# a\nb # c", vec!["b"]),
        ("f() { a; }; f", vec!["a", "f"]),
    ] {
        assert_eq!(commands(line), expected, "{line}");
    }
}

#[test]
fn programs_that_start_others_are_followed() {
    for (line, expected) in [
        ("bash -lc 'a && b'", vec!["bash -lc a && b", "a", "b"]),
        ("sh -x -c a", vec!["sh -x -c a", "a"]),
        (
            "env X=1 nohup time -p timeout 5 a b",
            vec![
                "env X=1 nohup time -p timeout 5 a b",
                "nohup time -p timeout 5 a b",
                "time -p timeout 5 a b",
                "timeout 5 a b",
                "a b",
            ],
        ),
        ("sudo -u x a", vec!["sudo -u x a", "a"]),
        ("xargs -n1 a", vec!["xargs -n1 a", "a …"]),
        ("xargs -I{} a {}", vec!["xargs -I{} a {}", "a … …"]),
        ("find . -exec a {} ; -exec b +", vec!["find . -exec a {}"]),
        ("find . -exec a {} \\; -exec b +", vec!["find . -exec a {} ; -exec b +", "a …", "b"]),
        ("eval 'a; b'", vec!["eval a; b", "a", "b"]),
        ("trap 'a' EXIT", vec!["trap a EXIT", "a"]),
        ("bash <<'E'\na $x\nE", vec!["bash", "a …"]),
        ("bash <<< 'a b'", vec!["bash", "a b"]),
        ("git -c alias.x='!a' x", vec!["git -c alias.x=!a x", "a"]),
        ("git submodule foreach 'a; b'", vec!["git submodule foreach a; b", "a", "b"]),
        ("git rebase -x 'a' main", vec!["git rebase -x a main", "a"]),
        ("GIT_EDITOR='a; b' git commit", vec!["a", "b", "git commit"]),
        ("docker exec -it c sh -c 'a; b'", vec!["docker exec -it c sh -c a; b", "sh -c a; b", "a", "b"]),
    ] {
        let found = commands(line);
        for command in &expected {
            assert!(found.contains(&(*command).to_owned()), "{line}: {command} is not in {found:?}");
        }
    }
}

/// Everyday commands, none of which can be one of the rule's: a rule that asks about them would be switched off.
#[test]
fn everyday_commands_are_let_past() {
    for line in [
        "git status --short",
        "git commit -m \"$(cat <<'EOF'\ngit push will follow\nEOF\n)\"",
        "git commit -am 'then git push'",
        "git -C /repo log --oneline -n 5 && git diff --stat",
        "git push --dry-run origin main",
        "bash -lc 'git push --dry-run'",
        "bash -eo pipefail -c 'git push --dry-run | tee log'",
        "rg -n \"git push\" docs | head -20",
        "sed -n '1,200p' src/main.rs",
        "cargo test --lib 2>&1 | tail -n 30",
        "ls -la \"$HOME\"/src/*.rs $PWD",
        "for f in *.rs; do wc -l \"$f\"; done",
        "awk '{print $1}' a.txt || true",
        "find . -name '*.rs' -exec grep -l main {} +",
        "npm run build && npm test -- --watch=false",
        "echo 'git push' > notes.txt",
        "cat > run.sh <<'EOF'\n#!/bin/sh\ngit push\nEOF",
        "python3 scripts/gen.py --out \"$OUT\"",
        "PYTHONPATH=src python3 -m pytest -q",
        "GIT_PAGER=cat git log",
        "docker build -t x . && docker ps",
        "source .venv/bin/activate && pip install -r requirements.txt",
        "test -f x && [ \"$y\" = z ] || exit 1",
        "kill -0 $! ; wait",
        "make -j4",
        "",
        "  # nothing\n",
    ] {
        let wanted = ["git push*", "npm publish*", "terraform apply*"];
        assert_eq!(because(&wanted, &["git push --dry-run*"], line), None, "{line}");
    }
}

/// The grammar's own scanner ends the process when it looks for a digit and finds one of these.
#[test]
fn characters_beyond_ascii_are_parts_of_words_and_harm_nobody() {
    let strange = "{\u{1d12b}..{5..\u{10ffff}}{\u{16f1d}..9} $\u{1d12b} ${\u{e9}} <\u{1d12b}> `\u{eab9}`";
    assert!(because(&["never*"], &[], strange).is_some());
    assert_eq!(commands("écho «a b» 日本\u{a0}x"), ["écho «a b» 日本\u{a0}x"]);
    assert_eq!(because(&["git push*"], &[], "git commit -m 'déjà vu' && ls 日本"), None);
    assert!(because(&["git push*"], &[], "echo é; git push ü").is_some());
}

#[test]
fn exceptions_count_only_where_everything_is_understood() {
    let met = |line| because(&["git push*"], &["git push --dry-run*"], line).is_some();
    assert!(!met("git push --dry-run"));
    assert!(!met("cd /repo && git push --dry-run origin"));
    for line in [
        "git push --dry-run && git push",
        "git push --dry-run $REMOTE",
        "git push --dry-run; $x",
        "git push --dry-run; eval \"$x\"",
        "PATH=/x git push --dry-run",
        "git() { command git \"$@\" --force; }; git push --dry-run",
    ] {
        assert!(met(line), "{line}");
    }
}

#[test]
fn without_patterns_all_but_the_exceptions_is_meant() {
    let met = |line| because(&[], &["git status*", "ls*"], line);
    assert_eq!(met("git status && ls -l"), None);
    assert_eq!(met("bash -lc 'ls -l'"), None);
    assert_eq!(met("timeout 5 ls"), None);
    assert_eq!(met("ls; rm x").as_deref(), Some("`rm x`"));
    assert!(met("ls $(rm x)").is_some() && met("ls $x").is_some() && met("PATH=/x ls").is_some());
}

#[test]
fn reasons_say_what_is_certain_and_what_may_be() {
    for (line, reason) in [
        ("cd x && /usr/bin/git -C y push origin", "`/usr/bin/git -C y push origin` matches `git push*`"),
        ("git $x", "`git …` may be `git push*`"),
        ("eval \"$x\"", "what `eval` is given cannot be read: it may be `git push*`"),
        ("curl -s x | sh", "what `sh` reads cannot be read: it may be `git push*`"),
        (
            "python3 -c 'import os; os.system(\"x\")'",
            "a program in the language of `python3` has `system`: it may be `git push*`",
        ),
        ("linux9 git push", "`git push`, which a program that is not known is given, matches `git push*`"),
        ("linux9 'f(x)'", "`linux9` is not known here, and what it is given may be code: it may be `git push*`"),
        ("python3 -q -i", "a program in the language of `python3` cannot be read: it may be `git push*`"),
        ("echo 'unclosed", "parts of it cannot be read as a shell's: it may be `git push*`"),
        ("$x; git push", "`git push` matches `git push*`"),
    ] {
        assert_eq!(because(&["git push*"], &[], line).as_deref(), Some(reason), "{line}");
    }
    let endless = format!("git push {}", "x".repeat(1_000));
    assert!(because(&["git push*"], &[], &endless).unwrap().len() < 200);
}

#[test]
fn words_that_no_shell_reads_mean_themselves() {
    let met = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        super::because(&Reading::of(CommandLine::Words(&words)), &patterns(&["git push*"]), &[], NONE).is_some()
    };
    assert!(met(&["git", "push"]) && met(&["bash", "-lc", "x; git push"]) && met(&["git", "-C", "a b", "push"]));
    assert!(!met(&["echo", "$(git push)"]) && !met(&["git", "$x"]) && !met(&[]));
}

#[test]
fn what_nobody_wrote_by_hand_is_a_match_in_bounded_time() {
    let nested = |open: &str, close: &str, times: usize| format!("{}a{}", open.repeat(times), close.repeat(times));
    for line in [
        nested("(", ")", 20_000),
        nested("$(", ")", 10_000),
        nested("((", "))", 5_000),
        nested("{ ", "; }", 5_000),
        nested("\"$(", ")\"", 5_000),
        "a\n".repeat(40_000),
        "a ".repeat(40_000),
        "sudo ".repeat(5_000),
        "xargs ".repeat(5_000),
        "env sudo -z bash -c 'a' ".repeat(2_000),
        format!("git {}push", "-P ".repeat(200)),
        format!("xargs {}git", "-Q ".repeat(200)),
        "if ".repeat(10_000),
        "<<A ".repeat(5_000),
        "`".repeat(10_000),
        "find -exec ".repeat(3_000),
    ] {
        assert!(because(&["never*"], &[], &line).is_some(), "{line:.20}…");
    }
    let eval = (0..9).fold("a".to_owned(), |script, _| format!("eval {}", shell_quoted(&script)));
    assert!(because(&["never*"], &[], &eval).is_some());
}

fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

const PIECES: &[&str] = &[
    "git push",
    "<<E",
    "<<-'E'",
    "<<\"E F\"",
    "\nE\n",
    "\n\tE\n",
    "\n",
    " ",
    "\t",
    ";",
    ";;",
    "&&",
    "|",
    "&",
    "(",
    ")",
    "((",
    "))",
    "{",
    "}",
    "[[",
    "]]",
    "[",
    "]",
    "$(",
    "$((",
    "${",
    "${x:-",
    "${x/",
    "${#",
    "${!x@}",
    "`",
    "'",
    "\"",
    "$'",
    "$\"",
    "\\",
    "\\\n",
    "if ",
    "then ",
    "fi",
    "for x in ",
    "do ",
    "done",
    "case x in ",
    "esac",
    "while ",
    "function f ",
    "f() ",
    "select ",
    "coproc ",
    "time ",
    "! ",
    "=",
    "+=",
    "a=(",
    "a[1]=",
    "1",
    "{1..9}",
    "{a,b}",
    "*",
    "?",
    "!(",
    "@(",
    "~",
    "#",
    "# x\n",
    "<(",
    ">(",
    "<<<",
    "2>&1",
    ">&-",
    "<>",
    "é",
    "\u{1d12b}",
    "xargs ",
    "find . -exec ",
    "sudo ",
    "bash -c ",
    "eval ",
    "git -c alias.x=",
    "=~ ",
    "-eq ",
    "==",
    ",",
    "%",
    "^",
    "$x",
    "$1",
    "$@",
    "$?",
    "--",
    "-c ",
];

proptest! {
    #[test]
    fn no_command_makes_govern_panic(command in "(\\PC|[ \n\t'\"\\\\$`(){}<>|&;*?=-]){0,120}") {
        let _ = because(&["git push*"], &["git push --dry-run*"], &command);
    }

    /// Pieces of scripts in any order: the grammar's scanner keeps a state of its own between them.
    #[test]
    fn no_order_of_pieces_makes_govern_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)
    ) {
        let _ = because(&["git push*"], &["git push --dry-run*"], &pieces.concat());
    }

    /// However a command is wrapped, it is found.
    #[test]
    fn wrapping_never_hides_a_command(wraps in prop::collection::vec(0_usize..12, 0..4)) {
        let mut command = "git push origin".to_owned();
        for wrap in &wraps {
            command = match wrap {
                0 => format!("bash -lc {}", shell_quoted(&command)),
                1 => format!("sudo -u x sh -c {}", shell_quoted(&command)),
                2 => format!("x=$({command})"),
                3 => format!("if true; then\n{command}\nfi"),
                4 => format!("cd /x && {command} 2>&1 | tee log"),
                5 => format!("( {command} )"),
                6 => format!("eval {}", shell_quoted(&command)),
                7 => format!("find . -exec sh -c {} \\;", shell_quoted(&command)),
                8 => format!("f() {{ {command}\n}}; f"),
                9 => format!("echo \"a $({command}) b\""),
                10 => format!("bash <<'END{}'\n{command}\nEND{}", command.len(), command.len()),
                _ => format!("for x in 1 2; do {command}; done"),
            };
        }
        prop_assert!(because(&["git push*"], &[], &command).is_some(), "{}", command);
    }
}
