//! What is put into a file is found there again, and taken out of it without a trace.

use super::*;

const FILE: &str = "/home/me/.codex/config.toml";

/// As a home has two names that is reached through a link.
fn both() -> [String; 2] {
    [FILE.to_owned(), "/real/codex/config.toml".to_owned()]
}

fn installation(observe: bool) -> Installation<'static> {
    Installation {
        govern: Path::new("/opt/it's here/govern"),
        of: Some(Owner {
            home: Path::new("/home/me/state"),
            user: Some(Path::new("/home/me")),
            config: Some(Path::new("/home/me/.config")),
        }),
        observe,
        posix_shell: true,
    }
}

/// Files as people have them.
const FILES: [&str; 17] = [
    "",
    "\n",
    "model = \"a\"",
    "model = \"a\"\n# the end",
    "model = \"a\"\r\n[features]\r\nx = true\r\n",
    "# mine\nmodel = \"a\" # dear\n\n[model_providers.x]\nname = \"x\"\n\n\n",
    "[hooks]\n",
    "[features] # his\n",
    "features.x = true\nfeatures.y = false # his\n\n[tui]\na = 1\n",
    "features = { x = true }\n",
    "[hooks.state]\n\n[tui]\ntheme = \"x\"\n",
    "hooks = {}\n",
    "hooks = { PreToolUse = [{ matcher = \"Bash\", hooks = [{ type = \"command\", command = \"his\" }] }] }\n[tui]\na = 1\n",
    "hooks.PreToolUse = [ { hooks = [{ type = \"command\", command = \"his\" }] } , ] # his\n",
    "[[hooks.PreToolUse]] # his\nmatcher = \"Bash\"\n[[hooks.PreToolUse.hooks]]\ntype = \"command\"\ncommand = \"his\"\n\n\
     [hooks.state.\"/home/me/.codex/config.toml:pre_tool_use:0:0\"]\ntrusted_hash = \"sha256:0\"\n\n[projects.\"/w\"]\ntrust_level = \"trusted\"\n",
    "[hooks]\nPreToolUse = [\n  # his\n  { hooks = [{ type = \"command\", command = \"his\" }] },\n]\nStop = []\n",
    "[tui]\na = 1\n[[hooks.Stop]]\nhooks = [{ type = \"command\", command = \"his\" }]\n[z]\n# the end\n",
];

#[test]
fn a_file_is_byte_for_byte_what_it_was_once_the_hooks_are_out() {
    for text in FILES {
        for trust in [Trust::Hashes(&both()), Trust::Managed("/opt/govern")] {
            if matches!(trust, Trust::Managed(_)) && text.starts_with("hooks = {") {
                assert!(matches!(install(text, &installation(false), trust), Err(NotChanged::Inline)));
                continue;
            }
            let installed = install(text, &installation(false), trust).unwrap();
            assert_eq!(remove(&installed, trust).unwrap(), text, "{trust:?}:\n{installed}");
        }
    }
}

#[test]
fn all_events_are_found_and_trusted_and_his_own_hooks_stay() {
    for text in FILES {
        for trust in [Trust::Hashes(&both()), Trust::Managed("/opt/govern")] {
            if matches!(trust, Trust::Managed(_)) && text.starts_with("hooks = {") {
                assert!(matches!(install(text, &installation(false), trust), Err(NotChanged::Inline)));
                continue;
            }
            let installed = install(text, &installation(false), trust).unwrap();
            let standing = standing(&installed, trust).unwrap();
            let events: Vec<HookEvent> = standing.hooks.iter().map(|found| found.event).collect();
            assert_eq!(events.len(), EVENTS.len(), "{installed}");
            assert!(standing.hooks.iter().all(|found| found.trusted && !found.observes()), "{installed}");
            assert_eq!(installed.matches("\"his\"").count(), text.matches("\"his\"").count());
            assert_eq!(installed.parse::<toml::Table>().unwrap().contains_key("model"), text.contains("model = "));
        }
    }
}

#[test]
fn to_install_twice_changes_nothing_and_to_install_otherwise_replaces() {
    for text in FILES {
        let once = install(text, &installation(false), Trust::Hashes(&both())).unwrap();
        assert_eq!(install(&once, &installation(false), Trust::Hashes(&both())).unwrap(), once, "\n{text}");
        let observing = install(&once, &installation(true), Trust::Hashes(&both())).unwrap();
        let found = standing(&observing, Trust::Hashes(&both())).unwrap().hooks;
        assert!(found.len() == EVENTS.len() && found.iter().all(|found| found.observes() && found.trusted));
    }
}

#[test]
fn trust_in_hooks_that_he_added_later_moves_with_them() {
    let installed = install("", &installation(false), Trust::Hashes(&both())).unwrap();
    let later = format!(
        "{installed}\n[[hooks.Stop]]\nhooks = [{{ type = \"command\", command = \"his\" }}]\n\
         [hooks.state.\"{FILE}:stop:1:0\"]\ntrusted_hash = \"sha256:1\"\nenabled = false\n"
    );
    let removed = remove(&later, Trust::Hashes(&both())).unwrap();
    assert!(
        removed.contains(&format!("[hooks.state.\"{FILE}:stop:0:0\"]\ntrusted_hash = \"sha256:1\"\nenabled = false"))
    );
    assert!(removed.contains("\"his\"") && !removed.contains("govern"), "{removed}");
}

#[test]
fn what_somebody_changed_is_not_trusted_any_more() {
    let installed = install("[[hooks.Stop]]\nhooks = []\n", &installation(false), Trust::Hashes(&both())).unwrap();
    for (from, to) in [
        ("timeout = 31536000", "timeout = 1"),
        ("hook --installed stop", "hook --installed  stop"),
        ("[[hooks.Stop]]\nhooks = []\n", ""),
        ("trusted_hash", "enabled = false\ntrusted_hash"),
        ("govern: held", "x: held"),
    ] {
        let changed = installed.replace(from, to);
        assert_ne!(changed, installed, "{from}");
        let found = standing(&changed, Trust::Hashes(&both())).unwrap().hooks;
        assert!(found.iter().any(|found| !found.trusted), "{changed}");
    }
}

#[test]
fn what_is_no_file_of_codexs_is_left_alone() {
    for text in ["[", "hooks = 1", "hooks = []", "[hooks]\nPreToolUse = 1", "[hooks.Stop]\na = 1", "[hooks]\nstate = 1"]
    {
        assert!(install(text, &installation(false), Trust::Hashes(&both())).is_err(), "{text}");
    }
}

#[test]
fn hooks_that_are_turned_off_are_told() {
    for (text, off) in [("[features]\nhooks = false", true), ("[features]\nhooks = true", false), ("", false)] {
        assert_eq!(standing(text, Trust::Hashes(&both())).unwrap().off, off);
    }
}

#[test]
fn a_command_fails_closed_unless_it_only_observes() {
    let command = |observe, event| installation(observe).command(event).unwrap();
    let call = "'/opt/it'\\''s here/govern' hook --installed";
    assert_eq!(
        command(false, HookEvent::PreModelRequest),
        format!(
            "{call} pre-model-request --home '/home/me/state' --user '/home/me' --config '/home/me/.config' || kill -KILL $PPID"
        )
    );
    assert_eq!(
        command(true, HookEvent::Stop),
        format!("{call} stop --home '/home/me/state' --user '/home/me' --config '/home/me/.config' --observe || true")
    );
    for posix_shell in [true, false] {
        let command = Installation { posix_shell, ..installation(true) }.command(HookEvent::Stop).unwrap();
        let found = Found { event: HookEvent::Stop, command, trusted: true };
        assert_eq!(found.program().as_deref(), Some("/opt/it's here/govern"));
    }
    let anyones = Installation { of: None, ..installation(false) };
    assert_eq!(anyones.command(HookEvent::SessionEnd).unwrap(), format!("{call} session-end || true"));
    let other = Installation { posix_shell: false, ..installation(false) };
    assert!(other.command(HookEvent::PreToolUse).unwrap().starts_with("exec /bin/sh -c '"));
}

#[test]
fn in_the_machines_file_nobody_turns_hooks_off_unless_its_owner_does() {
    let trust = Trust::Managed("/opt/govern");
    for text in FILES.into_iter().filter(|text| !text.starts_with("hooks = {")) {
        let installed = install(text, &installation(false), trust).unwrap();
        // An inline table has no room for it.
        assert_eq!(standing(&installed, trust).unwrap().pinned, !text.starts_with("features = {"), "{installed}");
        let users = install(text, &installation(false), Trust::Hashes(&both())).unwrap();
        assert!(!standing(&users, Trust::Hashes(&both())).unwrap().pinned, "{users}");
    }
    let off = "[features]\nhooks = false\n";
    let installed = install(off, &installation(false), trust).unwrap();
    assert!(standing(&installed, trust).unwrap().off, "{installed}");
    assert_eq!(remove(&installed, trust).unwrap(), off);
}
