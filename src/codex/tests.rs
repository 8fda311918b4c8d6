//! Command lines as people write them, and what becomes of them.
//!
//! The commands of [`RESUMED`] were run with the real Codex 0.118, 0.135 and 0.169 against a fake server (`fork` and
//! `--trust` with 0.169 alone, `npx` not at all): the first, then the one that goes on. Each time the same thread went on
//! in its own file, with the first prompt in its context, on the model, effort, sandbox, folder and schema that the second
//! names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use proptest::prelude::*;

use super::*;
use crate::model::{ModelId, ThreadId};
use crate::policy::rule::Rung;

/// Words, split at spaces; quotes hold together and are dropped, as in a shell.
fn words(line: &str) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from).collect()
}

fn parsed(line: &str) -> Invocation {
    Invocation::parse(&words(line)).unwrap()
}

fn rung(model: &str, effort: Option<&str>) -> Rung {
    Rung { model: model.into(), effort: effort.map(str::to_owned) }
}

/// A command, a rung (`-` for none), and what goes on with thread `T1`.
const RESUMED: &[(&str, &str, &str)] = &[
    ("codex exec 'fix it'", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("codex exec 'fix it'", "luna low", "codex exec resume T1 -m luna -c 'model_reasoning_effort=\"low\"' 'go on'"),
    ("codex exec 'fix it'", "-", "codex exec resume T1 'go on'"),
    (
        "codex exec --skip-git-repo-check -m sol -s workspace-write -C sub --add-dir more --color never --json -o last \
         --output-schema s.json -c model_reasoning_effort=\"high\" 'fix it'",
        "luna low",
        "codex exec --skip-git-repo-check -s workspace-write -C sub --add-dir more --color never --json -o last \
         --output-schema s.json resume T1 -m luna -c 'model_reasoning_effort=\"low\"' 'go on'",
    ),
    // Without an effort on the rung the user's own one stays.
    (
        "codex exec -c model_reasoning_effort=\"high\" 'fix it'",
        "luna",
        "codex exec -c model_reasoning_effort=\"high\" resume T1 -m luna 'go on'",
    ),
    (
        "codex exec -msol --sandbox=read-only -C=sub -cmodel_reasoning_effort=high 'fix it'",
        "luna low",
        "codex exec --sandbox=read-only -C=sub resume T1 -m luna -c 'model_reasoning_effort=\"low\"' 'go on'",
    ),
    ("codex exec 'fix it' --model sol --json", "luna", "codex exec --json resume T1 -m luna 'go on'"),
    ("codex exec -m sol --json 'fix it'", "-", "codex exec -m sol --json resume T1 'go on'"),
    ("codex -m sol -s read-only exec 'fix it'", "luna", "codex -s read-only exec resume T1 -m luna 'go on'"),
    ("codex -c a=1 e -c b=2 'fix it'", "luna", "codex -c a=1 exec -c b=2 resume T1 -m luna 'go on'"),
    ("codex exec -c model=\"sol\" -c a=1 'fix it'", "luna", "codex exec -c a=1 resume T1 -m luna 'go on'"),
    ("codex exec -i a.png b.png -- 'fix it'", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("codex exec -i a.png --json 'fix it'", "luna", "codex exec --json resume T1 -m luna 'go on'"),
    ("codex exec --image=a.png 'fix it'", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("codex exec -p work 'fix it'", "luna", "codex exec -p work resume T1 -m luna 'go on'"),
    ("codex exec --yolo -", "luna", "codex exec --yolo resume T1 -m luna 'go on'"),
    ("codex exec --json", "luna", "codex exec --json resume T1 -m luna 'go on'"),
    ("codex exec --trust 'fix it'", "luna", "codex exec --trust resume T1 -m luna 'go on'"),
    ("codex exec -- --help", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("codex exec resume T0 -m sol 'more'", "luna", "codex exec resume T1 -m luna 'go on'"),
    (
        "codex exec --json -m astra -s read-only resume --last --all -m sol --json -c a=1 'more'",
        "luna",
        "codex exec --json -s read-only resume T1 --json -c a=1 -m luna 'go on'",
    ),
    ("codex exec resume T0 -i a.png 'more'", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("codex exec fork T0 -m sol 'more'", "luna", "codex exec resume T1 -m luna 'go on'"),
    ("env A=b node x/codex.js exec 'fix it'", "luna", "env A=b node x/codex.js exec resume T1 -m luna 'go on'"),
    ("npx -y @openai/codex exec 'fix it'", "luna", "npx -y @openai/codex exec resume T1 -m luna 'go on'"),
    // Screens.
    ("codex -m sol -s read-only 'fix it'", "luna", "codex -s read-only resume T1 -m luna 'go on'"),
    (
        "codex -C sub --search 'fix it'",
        "luna low",
        "codex -C sub --search resume T1 -m luna -c 'model_reasoning_effort=\"low\"' 'go on'",
    ),
    ("codex resume --last -m sol -C sub", "luna", "codex resume T1 -C sub -m luna 'go on'"),
    ("codex fork T0", "luna", "codex resume T1 -m luna 'go on'"),
];

#[test]
fn a_thread_goes_on_with_the_users_own_flags() {
    for (first, next, expected) in RESUMED {
        let mut parts = next.split(' ');
        let model = parts.next().filter(|model| *model != "-");
        let effort = parts.next();
        let rung = model.map(|model| rung(model, effort));
        let resumed = parsed(first).resume_with(&"T1".into(), rung.as_ref(), "go on").unwrap();
        assert_eq!(resumed, words(expected), "{first}");
    }
}

#[test]
fn what_goes_on_can_go_on_again() {
    let luna = rung("luna", Some("low"));
    for (first, ..) in RESUMED {
        let once = parsed(first).resume_with(&"T1".into(), Some(&luna), "go on").unwrap();
        let twice = Invocation::parse(&once).unwrap().resume_with(&"T1".into(), Some(&luna), "go on").unwrap();
        assert_eq!(once, twice, "{first}");
    }
}

#[test]
fn a_prompt_that_looks_like_an_option_is_kept_from_being_one() {
    let resumed = parsed("codex exec x").resume_with(&"T1".into(), None, "- go on").unwrap();
    assert_eq!(resumed, words("codex exec resume T1 -- '- go on'"));
    let screen = parsed("codex x").resume_with(&"T1".into(), None, "").unwrap();
    assert_eq!(screen, words("codex resume T1"));
}

#[test]
fn what_cannot_go_on_says_why() {
    let luna = rung("luna", None);
    let why = |line: &str, rung: Option<&Rung>| {
        parsed(line).resume_with(&"T1".into(), rung, "go on").map_err(|error| error.to_string())
    };
    for (line, reason) in [
        (
            "codex exec --ephemeral x",
            "`--ephemeral`, or a thread store in memory, writes no session file, and this Codex does not tell hooks what its requests use, so its spend cannot be observed",
        ),
        ("codex --remote ws://h:1 x", "`--remote` hands the work to another server, out of govern's reach"),
        ("codex cloud exec x", "`codex cloud` works on another machine, where its spend cannot be observed"),
        ("codex exec --worktree x", "`--worktree` sessions cannot be resumed by Codex"),
        ("codex exec --oss -m gpt-oss:20b x", "the agent runs a local model (`--oss`), which has no next one"),
        ("codex review", "a review cannot be resumed"),
        ("codex exec -m sol review", "a review cannot be resumed"),
        ("codex app-server", "`codex app-server` belongs to the program that started it"),
        ("codex login", "`codex login` has no session to resume"),
        ("codex --version", "`codex --version` has no session to resume"),
        ("codex exec --new-thing=4 x", "govern does not know Codex's option `--new-thing`, or its value is missing"),
    ] {
        assert_eq!(why(line, Some(&luna)), Err(reason.to_owned()), "{line}");
    }
    // On the same model a local one goes on.
    assert!(why("codex exec --oss x", None).is_ok());
}

#[test]
fn the_kind_is_told_as_codex_tells_it() {
    let named = |name: &str| EarlierSession::Named(name.to_owned());
    for (line, kind) in [
        ("codex", Kind::Interactive(Start::New)),
        ("codex 'fix it'", Kind::Interactive(Start::New)),
        ("codex -m sol", Kind::Interactive(Start::New)),
        // `-i` takes all that follows it.
        ("codex -i a.png exec", Kind::Interactive(Start::New)),
        ("codex -- exec", Kind::Interactive(Start::New)),
        ("codex exec", Kind::Exec(Start::New)),
        ("codex e hi", Kind::Exec(Start::New)),
        ("codex -m sol -c a=b exec hi", Kind::Exec(Start::New)),
        ("codex hi exec", Kind::Exec(Start::New)),
        ("codex exec -- resume", Kind::Exec(Start::New)),
        ("codex exec -i a.png resume", Kind::Exec(Start::New)),
        ("codex exec -m resume hi", Kind::Exec(Start::New)),
        ("codex exec resume T1 hi", Kind::Exec(Start::Resume(named("T1")))),
        ("codex exec hi resume T1 more", Kind::Exec(Start::Resume(named("T1")))),
        ("codex exec -i=a.png resume T1", Kind::Exec(Start::Resume(named("T1")))),
        ("codex exec resume -i a.png T1 hi", Kind::Exec(Start::Resume(named("T1")))),
        ("codex exec resume --last hi", Kind::Exec(Start::Resume(EarlierSession::Last))),
        ("codex exec resume", Kind::Exec(Start::Resume(EarlierSession::Picked))),
        ("codex exec fork T1 hi", Kind::Exec(Start::Fork(named("T1")))),
        ("codex resume", Kind::Interactive(Start::Resume(EarlierSession::Picked))),
        ("codex resume T1", Kind::Interactive(Start::Resume(named("T1")))),
        ("codex fork --last", Kind::Interactive(Start::Fork(EarlierSession::Last))),
        ("codex review --base main", Kind::Review),
        ("codex exec review", Kind::Review),
        ("codex app-server --listen stdio://", Kind::AppServer),
        ("codex cloud list", Kind::Cloud),
        ("codex mcp list", Kind::Other("mcp".into())),
        ("codex exec --help", Kind::Other("--help".into())),
        ("codex -V", Kind::Other("-V".into())),
        ("codex exec help resume", Kind::Other("help".into())),
    ] {
        assert_eq!(parsed(line).kind(), kind, "{line}");
    }
}

#[test]
fn the_model_asked_for_is_the_deepest_one() {
    let model = |name: &str| AskedModel::Model(ModelId::from(name));
    for (line, asked) in [
        ("codex exec hi", AskedModel::Configured),
        ("codex exec -m sol hi", model("sol")),
        ("codex -m sol exec hi", model("sol")),
        ("codex -m sol exec --model=luna hi", model("luna")),
        ("codex exec -m sol resume --last -mluna hi", model("luna")),
        ("codex exec -c model=\"sol\" hi", model("sol")),
        ("codex exec -c 'model = \"sol\"' hi", model("sol")),
        ("codex exec -c model=sol -c model=luna hi", model("luna")),
        ("codex exec -c model=sol -m luna hi", model("luna")),
        ("codex exec -c model_provider=x hi", AskedModel::Configured),
        ("codex exec -p work hi", AskedModel::Profile("work".into())),
        ("codex exec -p work -m sol hi", model("sol")),
        ("codex exec --oss hi", AskedModel::Local(None)),
        ("codex exec --oss -m gpt-oss:20b hi", AskedModel::Local(Some("gpt-oss:20b".into()))),
    ] {
        assert_eq!(parsed(line).asked(), asked, "{line}");
    }
}

#[test]
fn prompt_and_stdin_are_told_apart() {
    for (line, prompt, stdin) in [
        ("codex exec hi", Prompt::Text(OsStr::new("hi")), StdinUse::Appended),
        ("codex exec", Prompt::Stdin, StdinUse::Prompt),
        ("codex exec -", Prompt::Stdin, StdinUse::Prompt),
        ("codex exec -m sol -", Prompt::Stdin, StdinUse::Prompt),
        ("codex exec -i a.png hi", Prompt::Stdin, StdinUse::Prompt),
        ("codex exec -i a.png -- hi", Prompt::Text(OsStr::new("hi")), StdinUse::Appended),
        ("codex exec -- -x", Prompt::Text(OsStr::new("-x")), StdinUse::Appended),
        ("codex exec resume T1", Prompt::Stdin, StdinUse::Prompt),
        ("codex exec resume T1 -", Prompt::Stdin, StdinUse::Prompt),
        // A resumed thread does not look at stdin if it has a prompt.
        ("codex exec resume T1 hi", Prompt::Text(OsStr::new("hi")), StdinUse::No),
        ("codex exec resume --last hi", Prompt::Text(OsStr::new("hi")), StdinUse::No),
        ("codex", Prompt::None, StdinUse::Conversation),
        ("codex hi", Prompt::Text(OsStr::new("hi")), StdinUse::Conversation),
        ("codex resume T1", Prompt::None, StdinUse::Conversation),
        ("codex resume T1 hi", Prompt::Text(OsStr::new("hi")), StdinUse::Conversation),
        ("codex review", Prompt::None, StdinUse::No),
        ("codex app-server", Prompt::None, StdinUse::Conversation),
        ("codex --help", Prompt::None, StdinUse::No),
    ] {
        let invocation = parsed(line);
        assert_eq!((invocation.prompt(), invocation.stdin()), (prompt, stdin), "{line}");
    }
}

#[test]
fn flags_that_matter_are_found_wherever_they_stand() {
    let invocation = parsed("env CODEX_HOME=/h codex -C a exec --json -C b -o last.txt hi");
    assert_eq!(invocation.working_folder(), Some(OsStr::new("b")));
    assert_eq!(invocation.assigned("CODEX_HOME"), Some(OsStr::new("/h")));
    assert!(invocation.json());
    assert_eq!(invocation.last_message_file(), Some(OsStr::new("last.txt")));
    let bare = parsed("codex exec -- --json");
    assert!(!bare.json());
    assert_eq!(bare.working_folder(), None);
}

#[test]
fn what_cannot_be_governed_is_named() {
    for (line, expected) in [
        ("codex exec hi", vec![]),
        ("codex exec --ephemeral hi", vec![Ungovernable::Ephemeral]),
        ("codex exec --ephemeral resume --last", vec![Ungovernable::Ephemeral]),
        ("codex exec -- --ephemeral", vec![]),
        ("codex cloud", vec![Ungovernable::Cloud]),
        ("codex cloud-tasks list", vec![Ungovernable::Cloud]),
        ("codex resume T1 --remote unix://", vec![Ungovernable::Remote]),
        ("codex agents", vec![Ungovernable::Background("agents".into())]),
        ("codex queue --thread T1 --message hi", vec![Ungovernable::Background("queue".into())]),
        ("codex app-server", vec![]),
        ("codex app-server daemon start", vec![Ungovernable::Background("app-server daemon".into())]),
        ("codex login", vec![]),
    ] {
        assert_eq!(parsed(line).ungovernable(), expected, "{line}");
    }
}

#[test]
fn a_screen_keeps_its_work_in_its_own_process() {
    for (line, expected) in [
        ("codex", "codex -c notice={}"),
        ("codex -m sol 'fix it'", "codex -c notice={} -m sol 'fix it'"),
        ("codex resume T1", "codex -c notice={} resume T1"),
        ("npx codex fork", "npx codex -c notice={} fork"),
        // Nothing to do.
        ("codex -c a=b", "codex -c a=b"),
        ("codex resume -c a=b", "codex resume -c a=b"),
        ("codex --no-daemon hi", "codex --no-daemon hi"),
        ("codex --search", "codex --search"),
        ("codex --enable x", "codex --enable x"),
        ("codex exec hi", "codex exec hi"),
        ("codex app-server", "codex app-server"),
        ("codex login", "codex login"),
        ("codex --version", "codex --version"),
    ] {
        assert_eq!(parsed(line).with_no_daemon(), words(expected), "{line}");
    }
}

#[test]
fn words_that_are_no_text_survive() {
    let odd = OsString::from_vec(vec![b'-', b'C', 0xff]);
    let argv = vec!["codex".into(), "exec".into(), odd.clone(), OsString::from_vec(vec![0xfe])];
    let invocation = Invocation::parse(&argv).unwrap();
    assert_eq!(invocation.argv(), argv);
    assert_eq!(invocation.working_folder(), Some(OsString::from_vec(vec![0xff]).as_os_str()));
    let resumed = invocation.resume_with(&ThreadId::from("T1"), None, "go").unwrap();
    assert_eq!(resumed, ["codex".into(), "exec".into(), odd, "resume".into(), "T1".into(), OsString::from("go")]);
}

fn some_word() -> impl Strategy<Value = String> {
    let words = [
        "exec",
        "resume",
        "fork",
        "review",
        "cloud",
        "-m",
        "-c",
        "-i",
        "-i=a",
        "-C",
        "--json",
        "--",
        "-",
        "--last",
        "--ephemeral",
        "model=x",
        "-cmodel=x",
        "--image",
        "--model=y",
        "hi there",
        "--odd",
        "-z",
        "",
        "T1",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn nothing_is_lost_in_reading(own in proptest::collection::vec(some_word(), 0..8)) {
        let argv: Vec<OsString> = std::iter::once("codex".to_owned()).chain(own).map(OsString::from).collect();
        let invocation = Invocation::parse(&argv).unwrap();
        prop_assert_eq!(invocation.argv(), argv.clone());
        prop_assert_eq!(redacted(&argv).len(), argv.len());
    }

    #[test]
    fn a_resumed_command_asks_for_the_rung_once(own in proptest::collection::vec(some_word(), 0..8)) {
        let argv: Vec<OsString> = std::iter::once("codex".to_owned()).chain(own).map(OsString::from).collect();
        let luna = rung("luna", Some("low"));
        let Ok(resumed) = Invocation::parse(&argv).unwrap().resume_with(&"T1".into(), Some(&luna), "go on") else {
            return Ok(());
        };
        let again = Invocation::parse(&resumed).unwrap();
        prop_assert_eq!(again.asked(), AskedModel::Model("luna".into()));
        prop_assert_eq!(again.prompt(), Prompt::Text(OsStr::new("go on")));
        prop_assert_eq!(again.config("model_reasoning_effort"), Some("low".to_owned()));
        prop_assert_eq!(resumed.iter().filter(|word| *word == "-m").count(), 1);
        let resumes = |start: &Start| matches!(start, Start::Resume(EarlierSession::Named(thread)) if thread == "T1");
        prop_assert!(matches!(again.kind(), Kind::Exec(ref start) | Kind::Interactive(ref start) if resumes(start)));
    }

    #[test]
    fn no_prompt_is_stored(prompt in "[a-z]{3,8} [a-z]{3,8}", first in some_word()) {
        let argv: Vec<OsString> = ["codex".into(), "exec".into(), first, prompt.clone()].map(OsString::from).to_vec();
        let stored = redacted(&argv).join(" ");
        // An option that takes a value takes this one.
        prop_assume!(!matches!(argv[2].to_str(), Some("-m" | "-c" | "-C")));
        prop_assert!(!stored.contains(&prompt), "{}", stored);
    }
}
