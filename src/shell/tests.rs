//! What is read out of programs in other languages, and of words with variables.

use super::*;

/// Why something of a command line is not understood.
fn not_understood(line: &str) -> Option<String> {
    let reading = Reading::of(CommandLine::Text(line));
    reading.commands().iter().find_map(|command| command.unreadable().map(str::to_owned))
}

#[test]
fn programs_that_only_compute_are_understood() {
    for line in [
        "python3 -c 'import os, sys; print(os.environ[\"HOME\"], sys.executable)'",
        "python3 -Ic 'import re; print(re.compile(\"a\").sub(\"b\", \"c\"))'",
        "python3 -c 'import platform; print(platform.system())'",
        "python3 -c 'print(getattr(x, \"name\", None))'",
        "python3 -c 'import yaml; print(yaml.safe_load(open(\"a.yml\")))'",
        "node -e 'const {a} = require(\"./dist/x.js\"); console.log(/b/.exec(a)[0])'",
        "node --input-type=module -e 'import fs from \"node:fs\"; console.log(fs.readdirSync(\".\"))'",
        "perl -ne 'print if /a|b/ && $x{system}' log",
        "perl -e 'open(my $f, \"<\", \"x\"); do { print } while (1)'",
        "perl -0777 -pe 's/a+/b/gs' x",
        "ruby -rjson -e 'puts JSON.parse(File.read(\"a.json\"))[\"b\"]'",
        "php -r 'echo json_encode([1]);'",
        "awk -F'|' '/a|b/ { print $1 \"|\" $2 }' x",
        "awk '{ print $1 / 2 }' x",
        "sed -n '1,5p;/^e/d;s/x/e/;$!N' x",
        "sed -e 's|a|e|g' -e '/x/i\\e git' y",
        "psql -c 'select 1' db",
        "sqlite3 a.db '.tables'",
    ] {
        assert_eq!(not_understood(line), None, "{line}");
    }
}

#[test]
fn programs_that_may_start_others_say_by_what() {
    for (line, what) in [
        ("python3 -c 'import random; random._os.system(\"x\")'", "system"),
        ("python3 -c 'from subprocess import run'", "subprocess"),
        ("python3 -c 'getattr(os, \"sys\" + \"tem\")(\"x\")'", "getattr"),
        ("python3 -c 'import sh'", "sh"),
        ("python3 -c 'print(().__class__)'", "__class__"),
        ("node -pe 'require(\"child_process\").execSync(\"x\")'", "child_process"),
        ("node -e 'require(\"child_\" + \"process\")'", "\"+\""),
        ("node -e 'const r = require; r(x)'", "require"),
        ("perl -e 'print `x`'", "`"),
        ("perl -e 'open(F, \"x|\")'", "open"),
        ("perl -pe 's/a/b/ee'", "replacement"),
        ("ruby -e 'Kernel.send(:x)'", "Kernel"),
        ("php -r '$f(\"x\");'", "$"),
        ("lua -e 'os.execute(\"x\")'", "os"),
        ("awk 'BEGIN { \"x\" | getline }'", "|"),
        ("awk '/[/\"]/ { print | \"x\" }'", "|"),
        ("sed 's/a/b/ge' x", "`e`"),
        ("sed 'e x' x", "`e`"),
        ("sqlite3 a '.shell x'", ".shell"),
        ("psql -c '\\! x'", "\\!"),
    ] {
        let why = not_understood(line);
        assert!(why.as_ref().is_some_and(|why| why.contains(what)), "{line}: {why:?}");
    }
}

/// Each command that it would surely run, as a person is shown it.
fn commands(line: &str) -> Vec<String> {
    let reading = Reading::of(CommandLine::Text(line));
    reading.commands().iter().filter(|c| !c.is_carried()).map(|command| command.shown().to_owned()).collect()
}

#[test]
fn a_variable_is_known_where_one_text_was_surely_set_before() {
    for (line, last) in [
        ("a=ls; $a -l", "ls -l"),
        ("a=ls; \"$a\" \"${a}x\"", "ls lsx"),
        ("a='x y'; ls $a", "ls …"),
        ("a='x y'; ls \"$a\"", "ls x y"),
        ("a=x && ls $a", "ls x"),
        ("a=x; a=y; ls $a", "ls …"),
        ("if b; then a=x; fi; ls $a", "ls …"),
        ("b && a=x; ls $a", "ls …"),
        ("a=x | b; ls $a", "ls …"),
        ("a=x & ls $a", "ls …"),
        ("(a=x); ls $a", "ls …"),
        ("ls $a; a=x", "ls …"),
        ("a=x; read a; ls $a", "ls …"),
        ("a=x; printf -v a y; ls $a", "ls …"),
        ("a=x; (( a = 1 )); ls $a", "ls …"),
        ("a=x; unset a; ls $a", "ls …"),
        ("a=x; a+=y; ls $a", "ls …"),
        ("a=x; for a in b; do ls $a; done", "ls …"),
        ("a=x; eval \"$b\"; ls $a", "ls …"),
        ("a=x; . ./b; ls $a", "ls …"),
        ("a=x; local a=y; ls $a", "ls …"),
        ("a=x,y; IFS=,; ls $a", "ls …"),
    ] {
        assert_eq!(commands(line).last().map(String::as_str), Some(last), "{line}");
    }
}

#[test]
fn what_is_read_is_known_where_the_line_itself_writes_it() {
    for (line, expected) in [
        ("echo 'a b' | bash", Some("a b")),
        ("echo -n a b | sh -s", Some("a b")),
        ("echo 'select 1' | sqlite3 x", None),
        ("sqlite3 x < a.sql", None),
        ("cat a.py | python3 -", None),
        ("git log | less", None),
        ("log() { echo \"$*\"; }; log 'a (b)'", None),
    ] {
        assert_eq!(not_understood(line), None, "{line}");
        let found = commands(line);
        assert!(expected.is_none_or(|expected| found.contains(&expected.to_owned())), "{line}: {found:?}");
    }
    for line in [
        "echo \"$x\" | bash",
        "echo -e 'a' | bash",
        "cat a | bash",
        "bash < a",
        "echo a | tr a b | bash",
        "echo() { b; }; echo a | bash",
        "python3 <<< 'import pty' 3< a",
        "if a; then log() { b; }; fi; log 'a (b)'",
        "log 'a (b)'; log() { b; }",
    ] {
        assert!(not_understood(line).is_some(), "{line}");
    }
}

#[test]
fn a_launcher_s_command_is_found_behind_its_options() {
    for (line, expected) in [
        ("docker exec -it -e A=b web sh -c 'a; b'", "b"),
        ("docker compose exec -T web a b", "a b"),
        ("kubectl exec -n x pod -- a b", "a b"),
        ("npx -y a b", "a b"),
        ("ssh -p 22 host a b", "a b"),
        ("sudo -u x -- a b", "a b"),
        ("env -u X A=b 'C D=e' a b", "a b"),
        ("timeout -k 1 5 a b", "a b"),
        ("xargs -0 -n 1 a b", "a b …"),
    ] {
        assert_eq!(commands(line).last().map(String::as_str), Some(expected), "{line}");
    }
}

#[test]
fn a_process_s_name_is_a_part_of_the_word_that_it_stands_in() {
    for (line, expected) in
        [("cat a<(b)", "cat a/dev/fd/63"), ("cat <(b)a c", "cat /dev/fd/63a c"), ("cat a <(b) c", "cat a /dev/fd/63 c")]
    {
        assert_eq!(commands(line).last().map(String::as_str), Some(expected), "{line}");
    }
    for line in [
        "time BASH_ENV=<(a) bash -c :",
        "time -p BASH_ENV=<(a) bash -c :",
        "env BASH_ENV=<(a) bash -c :",
        "sudo BASH_ENV=<(a) bash -c :",
        "! BASH_ENV=<(a) bash -c :",
        "coproc BASH_ENV=<(a) bash -c :",
        "export BASH_ENV=<(a); bash -c :",
        "declare -x BASH_ENV=<(a); bash -c :",
        "bash --rcfile <(a) -i",
        "bash <(a)",
        "find . -exec env BASH_ENV=<(a) bash -c : ';'",
    ] {
        assert!(not_understood(line).is_some(), "{line}");
    }
}

#[test]
fn an_empty_pair_of_backquotes_hides_no_word() {
    for line in ["a``b c", "a b c``", "a b``c", "a \"b``c\"", "a ''b``c"] {
        let found = commands(line);
        let is_read = found.iter().any(|command| matches!(command.as_str(), "ab c" | "a b c" | "a bc"));
        assert!(is_read || not_understood(line).is_some(), "{line}: {found:?}");
    }
    for line in [">x ``a b", "a ``b", "x=y ``a b", "a x ``b", "``a b", "a ``", ">x ``a b | c", "<<< x ``a b", "x=``a b"]
    {
        assert!(not_understood(line).is_some(), "{line}: {:?}", commands(line));
    }
    // Blanks that belong to a word.
    for line in ["a x\\ y", "a 'x y'z", "a \"x y\"$z", "a ${x:-y z}w", "a x\\\ny", "a $(b c)d", "a {b,c}\\ d"] {
        assert_eq!(not_understood(line), None, "{line}");
    }
}
