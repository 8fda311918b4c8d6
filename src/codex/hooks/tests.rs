//! Hooks as they stand in a command line, and what no flag of the user can do to them.

use super::*;

fn call(failing: Failing) -> HookTarget<'static> {
    HookTarget {
        running: None,
        govern: Path::new("/opt/it's here/govern"),
        socket: Path::new("/s/r1.sock"),
        failed: Path::new("/s/r1.0.failed"),
        failing,
        posix_shell: true,
    }
}

fn hooked(words: &[&str], failing: Failing) -> Result<Vec<String>, NoHooks> {
    let argv: Vec<OsString> = words.iter().map(OsString::from).collect();
    let hooked = Invocation::parse(&argv).unwrap().with_hooks(&call(failing))?;
    Ok(hooked.into_iter().map(|word| word.into_string().unwrap()).collect())
}

/// All `-c` of a command line, put together as Codex does.
fn configured(argv: &[String]) -> Table {
    let mut table = Table::new();
    let mut words = argv.iter();
    while let Some(word) = words.next() {
        if word == "-c" {
            set(&mut table, words.next().unwrap());
        }
    }
    table
}

#[test]
fn hooks_stand_last_and_deepest_and_before_what_is_no_option() {
    for (line, before, after) in [
        (&["codex", "exec", "do it"][..], 3, 0),
        (&["codex", "-c", "a=1", "exec", "-m", "sol", "resume", "T1", "--", "-go on"], 8, 2),
        (&["codex"], 1, 0),
        (&["codex", "resume", "T1", "do it"], 4, 0),
        (&["env", "A=b", "npx", "codex", "review"], 5, 0),
        (&["codex", "app-server", "--listen", "unix://"], 4, 0),
    ] {
        let argv = hooked(line, Failing::Open).unwrap();
        assert_eq!(argv[..before], line[..before]);
        assert_eq!(argv[argv.len() - after..], line[line.len() - after..]);
        assert!(
            argv[before..argv.len() - after].chunks(2).all(|pair| pair[0] == "-c" && pair[1].starts_with("hooks."))
        );
    }
}

#[test]
fn a_command_that_starts_no_session_gets_none() {
    for line in
        [&["codex", "login"][..], &["codex", "app-server", "generate-ts", "--out", "x"], &["codex", "--version"]]
    {
        assert_eq!(hooked(line, Failing::Closed), Err(NoHooks::NoSession));
    }
}

#[test]
fn what_fails_closed_refuses_or_ends_and_what_fails_open_lets_pass() {
    let commands = |failing| {
        let table = configured(&hooked(&["codex", "exec", "x"], failing).unwrap());
        let hooks = table["hooks"].as_table().unwrap().clone();
        let of = |name: &str| hooks[name][0]["hooks"][0]["command"].as_str().unwrap().to_owned();
        ["SessionStart", "PreModelRequest", "PreCompact", "PreToolUse"].map(of)
    };
    insta::assert_snapshot!(commands(Failing::Closed).join("\n"), @r"
    '/opt/it'\''s here/govern' hook session-start '/s/r1.sock' || true
    '/opt/it'\''s here/govern' hook pre-model-request '/s/r1.sock' || { echo >'/s/r1.0.failed'; kill -KILL $PPID; }
    '/opt/it'\''s here/govern' hook pre-compact '/s/r1.sock' || { echo >'/s/r1.0.failed'; kill -KILL $PPID; }
    '/opt/it'\''s here/govern' hook pre-tool-use '/s/r1.sock' || { cat >/dev/null; echo 'govern: the gate failed, so nothing runs' >&2; exit 2; }
    ");
    assert!(commands(Failing::Open).iter().all(|command| command.ends_with("'/s/r1.sock' || true")));
}

#[test]
fn the_users_own_hooks_stay_and_govern_stands_beside_them() {
    let his = r#"hooks.PreToolUse=[{matcher="Bash",hooks=[{type="command",command="mine"}]}]"#;
    let state = r#"hooks.state={"/<session-flags>/config.toml:pre_tool_use:0:0"={trusted_hash="sha256:his"}}"#;
    let table = configured(&hooked(&["codex", "-c", his, "exec", "-c", state, "x"], Failing::Open).unwrap());
    let groups = table["hooks"]["PreToolUse"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0]["hooks"][0]["command"].as_str(), Some("mine"));
    let state = table["hooks"]["state"].as_table().unwrap();
    assert_eq!(state["/<session-flags>/config.toml:pre_tool_use:0:0"]["trusted_hash"].as_str(), Some("sha256:his"));
    assert!(state.contains_key("/<session-flags>/config.toml:pre_tool_use:1:0"));
    assert!(state.contains_key("/<session-flags>/config.toml:pre_model_request:0:0"));
}

#[test]
fn no_order_of_his_flags_takes_them_away() {
    for his in [
        "hooks={}",
        "hooks.state={}",
        "hooks.PreToolUse=[]",
        "hooks.PreModelRequest=[]",
        "hooks={PreToolUse=[{hooks=[{type=\"command\",command=\"mine\"}]}]}",
        "features.hooks=true",
    ] {
        for line in
            [["codex", "-c", his, "exec", "x"], ["codex", "exec", "-c", his, "x"], ["codex", "exec", "x", "-c", his]]
        {
            let table = configured(&hooked(&line, Failing::Closed).unwrap());
            for event in ["PreModelRequest", "PreToolUse"] {
                let groups = table["hooks"][event].as_array().unwrap();
                let last = groups.last().unwrap()["hooks"][0]["command"].as_str().unwrap();
                assert!(last.contains("govern' hook"), "{line:?}");
            }
        }
    }
}

#[test]
fn what_turns_hooks_off_or_leaves_them_no_place_is_told() {
    for (his, why) in [
        (["--disable", "hooks"], NoHooks::TurnedOff("--disable hooks".to_owned())),
        (["-c", "features.hooks=false"], NoHooks::TurnedOff("-c features.hooks=false".to_owned())),
        (["-c", "features={hooks=false}"], NoHooks::TurnedOff("-c features={hooks=false}".to_owned())),
        (["-c", "hooks=1"], NoHooks::NotAList("hooks".to_owned())),
        (["-c", "hooks.PreToolUse=mine"], NoHooks::NotAList("hooks.PreToolUse".to_owned())),
        (["-c", "hooks.state=1"], NoHooks::NotAList("hooks.state".to_owned())),
    ] {
        assert_eq!(hooked(&["codex", "exec", his[0], his[1], "x"], Failing::Closed), Err(why));
    }
}

#[test]
fn a_shell_of_another_kind_hands_over_to_sh() {
    let strange = HookTarget { posix_shell: false, ..call(Failing::Closed) };
    let line = command(HookEvent::PreModelRequest, &strange).unwrap();
    assert!(line.starts_with("exec /bin/sh -c '") && line.ends_with("kill -KILL $PPID; }'"), "{line}");
}

#[test]
fn the_hash_is_the_one_that_codex_computes() {
    // As `hooks/list` of 0.169 answers for these definitions.
    for (event, expected) in [
        (HookEvent::SessionStart, "60dd4498710e9bdba14a9f5a6afce6d705a2859c29c0aca7a55fff52183869fd"),
        (HookEvent::PreToolUse, "5d685eeb343459d3db366045d9d4b3b117d13fa74e31833bacf3e115a26f5797"),
    ] {
        let hook = Hook { event, command: "true".to_owned() };
        assert_eq!(hook.hash(), format!("sha256:{expected}"));
    }
}
