//! Lines of real versions, shortened.

use super::*;

fn at() -> Timestamp {
    "2026-11-22T11:45:40.330Z".parse().unwrap()
}

fn read(kind: &str, payload: &str) -> Option<(String, DeedKind)> {
    let line =
        format!(r#"{{"timestamp":"2026-11-22T11:45:40.330Z","ordinal":15,"type":"{kind}","payload":{payload}}}"#);
    let found = deed(line.as_bytes())?;
    assert_eq!(found.at, at());
    Some((found.call, found.kind))
}

fn item(item: &str) -> Option<(String, DeedKind)> {
    read("event_msg", &format!(r#"{{"type":"item_completed","thread_id":"t","turn_id":"u","item":{item}}}"#))
}

fn returned(output: &str) -> Option<Outcome> {
    let output = Value::from(output).to_string();
    let payload = format!(r#"{{"type":"function_call_output","call_id":"c","output":{output}}}"#);
    match read("response_item", &payload)? {
        (call, DeedKind::Returned(outcome)) if call == "c" => Some(outcome),
        other => panic!("{other:?}"),
    }
}

fn ended(code: i64) -> Outcome {
    Outcome { code: Some(code), ..Outcome::default() }
}

#[test]
fn later_versions_say_what_was_run_and_changed_in_a_cell_too() {
    // 0.169, from a cell of code mode.
    let ran = item(
        r#"{"type":"CommandExecution","id":"exec-1","process_id":"1","command":["/bin/bash","-lc","echo incode; exit 6"],"cwd":"file:///w","source":"unified_exec_startup","status":"failed","exit_code":6}"#,
    );
    assert_eq!(ran, Some(("exec-1".into(), DeedKind::Ran { command: "echo incode; exit 6".into(), code: 6 })));
    let changed = item(
        r#"{"type":"FileChange","id":"exec-2","changes":{"/w/a.txt":{"type":"add","content":"hi\n"}},"status":"completed"}"#,
    );
    assert_eq!(changed, Some(("exec-2".into(), DeedKind::Changed(vec!["/w/a.txt".into()]))));
}

#[test]
fn what_was_refused_or_typed_or_run_by_a_person_is_no_deed_of_the_agent() {
    for other in [
        r#"{"type":"FileChange","id":"x","changes":{"/w/a.txt":{}},"status":"declined"}"#,
        r#"{"type":"CommandExecution","id":"x","command":["bash","-lc","ls"],"source":"unified_exec_interaction","exit_code":0}"#,
        r#"{"type":"CommandExecution","id":"x","command":["bash","-lc","ls"],"source":"user_shell","exit_code":0}"#,
        r#"{"type":"CommandExecution","id":"x","command":["bash","-lc","ls"],"status":"declined"}"#,
        r#"{"type":"AgentMessage","id":"x","content":[]}"#,
    ] {
        assert_eq!(item(other), None, "{other}");
    }
}

#[test]
fn every_version_s_way_to_ask_for_a_command_is_known() {
    let asked = [
        (r#""name":"exec_command","arguments":"{\"cmd\":\"make\"}""#, "make"),
        (r#""name":"shell_command","arguments":"{\"command\":\"make\"}""#, "make"),
        (r#""name":"shell","arguments":"{\"command\":[\"bash\",\"-lc\",\"make all\"]}""#, "make all"),
        (r#""name":"shell","arguments":"{\"command\":[\"git\",\"status\"]}""#, "git status"),
    ];
    for (call, command) in asked {
        let payload = format!(r#"{{"type":"function_call",{call},"call_id":"c"}}"#);
        assert_eq!(read("response_item", &payload), Some(("c".into(), DeedKind::Asked(command.into()))), "{call}");
    }
    let local = r#"{"type":"local_shell_call","call_id":"c","status":"completed","action":{"type":"exec","command":["bash","-lc","exit 8"]}}"#;
    assert_eq!(read("response_item", local), Some(("c".into(), DeedKind::Asked("exit 8".into()))));
    let poll = r#"{"type":"function_call","name":"write_stdin","arguments":"{\"session_id\":7,\"chars\":\"\"}","call_id":"c"}"#;
    assert_eq!(read("response_item", poll), Some(("c".into(), DeedKind::Polled(7))));
}

#[test]
fn every_version_s_output_says_how_a_command_ended() {
    let background = Outcome { session: Some(23459), ..Outcome::default() };
    let patched = |files: &[&str]| Outcome { files: files.iter().map(ToString::to_string).collect(), ..ended(0) };
    let cases = [
        // 0.169 and 0.118.
        (
            "Chunk ID: 33b789\nWall time: 0.0000 seconds\nProcess exited with code 3\nOriginal token count: 2\nOutput:\nhello\n",
            ended(3),
        ),
        ("Command: /bin/bash -lc 'exit 3'\nChunk ID: 1\nProcess exited with code 3\nOutput:\nExit code: 0\n", ended(3)),
        // 0.135.
        ("Exit code: 5\nWall time: 0 seconds\nOutput:\nsc\n", ended(5)),
        // 0.45 to 0.118.
        (r#"{"output":"shell\n","metadata":{"exit_code":4,"duration_seconds":0.0}}"#, ended(4)),
        ("Chunk ID: 6837a2\nWall time: 0.3 seconds\nProcess running with session ID 23459\nOutput:\n", background),
        (
            r#"{"output":"Success. Updated the following files:\nA a.txt\nM b/c.txt\n","metadata":{"exit_code":0,"duration_seconds":0.0}}"#,
            patched(&["a.txt", "b/c.txt"]),
        ),
        (
            "Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess. Updated the following files:\nD a.txt\n",
            patched(&["a.txt"]),
        ),
    ];
    for (output, expected) in cases {
        assert_eq!(returned(output), Some(expected), "{output}");
    }
    for other in ["ok", "unsupported call: shell", "apply_patch verification failed: no such file", "{}", "[1]", ""] {
        assert_eq!(returned(other), None, "{other}");
    }
}

#[test]
fn other_lines_are_not_looked_into() {
    let reasoning = r#"{"type":"reasoning","call_id":"c","output":"Exit code: 5\nOutput:\n"}"#;
    assert_eq!(read("response_item", reasoning), None);
    assert_eq!(deed(b"torn"), None);
}
