//! Lines as Codex writes them, and lines that nobody should write.

use proptest::prelude::*;

use super::*;

fn kind(line: &str) -> RecordKind {
    read(line.as_bytes()).unwrap().kind
}

fn event_line(payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-22T05:37:30.041Z","type":"event_msg","payload":{payload}}}"#)
}

fn item_line(payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-22T05:37:30.041Z","ordinal":7,"type":"response_item","payload":{payload}}}"#)
}

#[test]
fn a_usage_record_carries_its_thread_response_and_numbers() {
    let line = r#"{"timestamp":"2026-11-22T05:37:11.616Z","ordinal":14,"type":"token_usage_record","payload":{"thread_id":"t","turn_id":"u","session_id":"r","root_turn_id":"u","response_id":"resp_0","usage":{"input_tokens":10000,"cached_input_tokens":2000,"cache_write_input_tokens":300,"output_tokens":500,"reasoning_output_tokens":100,"total_tokens":10500},"turn_token_usage":{"input_tokens":1},"thread_token_usage":{"input_tokens":20000,"output_tokens":900}}}"#;
    assert_eq!(
        read(line.as_bytes()),
        Ok(Record {
            at: moment("2026-11-22T05:37:11.616Z"),
            ordinal: Some(14),
            kind: RecordKind::UsageRecord {
                thread: Some("t".into()),
                root: Some("r".into()),
                turn: Some("u".into()),
                response_id: Some("resp_0".into()),
                usage: Tokens {
                    input: 10_000,
                    cached_input: 2_000,
                    cache_write_input: 300,
                    output: 500,
                    reasoning_output: 100
                },
                thread_total: Some(Tokens { input: 20_000, output: 900, ..Tokens::default() }),
            }
        })
    );
}

#[test]
fn keys_may_stand_in_any_order_and_have_escapes() {
    let line = r#"{"payload":{"last":1,"usage":{"output_tokens":1,"input_tokens":2},"thread_\u0069d":"\u0074","response_id":"r"},"type":"token_usage_record","timestamp":"2026-11-22T05:37:11Z"}"#;
    let RecordKind::UsageRecord { thread, usage, .. } = kind(line) else { panic!("{line}") };
    assert_eq!((thread, usage.input, usage.output), (Some("t".into()), 2, 1));
}

#[test]
fn a_sub_agents_meta_names_its_family() {
    let old = r#"{"timestamp":"2026-11-22T05:52:19.157Z","type":"session_meta","payload":{"id":"child","timestamp":"2026-11-22T05:52:19.150Z","cwd":"/w","originator":"codex_exec","cli_version":"0.118.0","source":{"subagent":{"thread_spawn":{"parent_thread_id":"root","depth":1,"agent_path":null,"agent_nickname":"Bohr","agent_role":null}}},"agent_nickname":"Bohr","model_provider":"openai","git":{"commit_hash":"c","branch":"main"}}}"#;
    let new = r#"{"timestamp":"2026-11-22T05:52:19.157Z","ordinal":0,"type":"session_meta","payload":{"session_id":"root","id":"child","parent_thread_id":"root","source":{"subagent":"review"},"thread_source":"subagent","agent_role":"reviewer","agent_nickname":"Sagan","history_base":{"thread_id":"base","end_ordinal_exclusive":22,"end_byte_offset":91481},"forked_from_id":"base"}}"#;
    let expected_old = Meta {
        thread: Some("child".into()),
        parent: Some("root".into()),
        source: Some("subagent".into()),
        role: Some("Bohr".into()),
        cwd: Some("/w".into()),
        cli_version: Some("0.118.0".into()),
        provider: Some("openai".into()),
        originator: Some("codex_exec".into()),
        branch: Some("main".into()),
        ..Meta::default()
    };
    let expected_new = Meta {
        thread: Some("child".into()),
        root: Some("root".into()),
        parent: Some("root".into()),
        forked_from: Some("base".into()),
        history_base: Some(HistoryBase { thread: Some("base".into()), end_ordinal: Some(22) }),
        source: Some("subagent".into()),
        thread_source: Some("subagent".into()),
        role: Some("reviewer".into()),
        is_review: true,
        ..Meta::default()
    };
    assert_eq!(kind(old), RecordKind::Meta(Box::new(expected_old)));
    assert_eq!(kind(new), RecordKind::Meta(Box::new(expected_new)));
}

#[test]
fn a_service_tier_is_absent_cleared_or_set() {
    for (json, expected) in [
        ("{}", TierSetting::Absent),
        (r#"{"service_tier":null}"#, TierSetting::Cleared),
        (r#"{"service_tier":"priority"}"#, TierSetting::Set("priority".into())),
        (r#"{"service_tier":{"odd":1}}"#, TierSetting::Absent),
    ] {
        let line =
            event_line(&format!(r#"{{"type":"thread_settings_applied","thread_id":"t","thread_settings":{json}}}"#));
        let RecordKind::Settings { tier, .. } = kind(&line) else { panic!("{line}") };
        assert_eq!(tier, expected, "{json}");
    }
}

#[test]
fn a_token_count_may_have_no_numbers_yet() {
    let none = event_line(r#"{"type":"token_count","info":null,"rate_limits":{"plan_type":"pro","primary":null}}"#);
    assert_eq!(
        kind(&none),
        RecordKind::TokenCount {
            total: None,
            last: None,
            window: None,
            rate_limits: Some(Limits { plan_type: Some("pro".into()), windows: Vec::new(), other: None })
        }
    );
}

#[test]
fn tools_of_the_client_wait_for_an_output_and_tools_of_the_provider_do_not() {
    let call = |call_id: &str, name: &str| RecordKind::ToolCall { call_id: Some(call_id.into()), name: name.into() };
    let output = |call_id: &str| RecordKind::ToolOutput { call_id: Some(call_id.into()) };
    let cases = [
        (r#"{"type":"function_call","name":"exec_command","arguments":"{}","call_id":"c"}"#, call("c", "exec_command")),
        (r#"{"type":"custom_tool_call","call_id":"c","name":"exec","input":"x"}"#, call("c", "exec")),
        (r#"{"type":"local_shell_call","call_id":"c","status":"completed","action":{}}"#, call("c", "local_shell")),
        (r#"{"type":"tool_search_call","call_id":"c","execution":"client"}"#, call("c", "tool_search")),
        (r#"{"type":"tool_search_call","call_id":"c","execution":"server"}"#, RecordKind::Other),
        (r#"{"type":"web_search_call","id":"w","action":{}}"#, RecordKind::Other),
        (r#"{"type":"function_call_output","call_id":"c","output":"hi"}"#, output("c")),
        (r#"{"type":"custom_tool_call_output","call_id":"c","output":[]}"#, output("c")),
    ];
    for (payload, expected) in cases {
        assert_eq!(kind(&item_line(payload)), expected, "{payload}");
    }
}

#[test]
fn turns_and_people_are_told_from_the_rest() {
    let cases = [
        (r#"{"type":"task_started","turn_id":"u"}"#, RecordKind::TurnStarted { turn: Some("u".into()) }),
        (
            r#"{"type":"task_complete","turn_id":"u"}"#,
            RecordKind::TurnEnded { aborted: false, wordless: true, broke_off: false },
        ),
        (
            r#"{"type":"turn_aborted","reason":"interrupted"}"#,
            RecordKind::TurnEnded { aborted: true, wordless: true, broke_off: false },
        ),
        (r#"{"type":"user_message","message":"do it"}"#, RecordKind::UserMessage),
        (r#"{"type":"item_completed","item":{"type":"UserMessage","content":[]}}"#, RecordKind::UserMessage),
        (r#"{"type":"item_completed","item":{"type":"AgentMessage"}}"#, RecordKind::Answering),
        (r#"{"type":"item_completed","item":{"type":"Plan"}}"#, RecordKind::Other),
        (r#"{"type":"agent_message","message":"done"}"#, RecordKind::Answering),
        (
            r#"{"type":"task_complete","last_agent_message":"done"}"#,
            RecordKind::TurnEnded { aborted: false, wordless: false, broke_off: false },
        ),
        (
            r#"{"type":"task_complete","error":{"message":"stream disconnected before completion: it broke"}}"#,
            RecordKind::TurnEnded { aborted: false, wordless: true, broke_off: true },
        ),
        (
            r#"{"type":"task_complete","error":{"message":"exceeded retry limit, last status: 429 Too Many Requests"}}"#,
            RecordKind::TurnEnded { aborted: false, wordless: true, broke_off: false },
        ),
        (r#"{"type":"not_known_yet","info":[1,{"a":2}],"usage":"text","item":7}"#, RecordKind::Other),
        (r#"{"type":12}"#, RecordKind::Other),
        ("null", RecordKind::Other),
    ];
    for (payload, expected) in cases {
        assert_eq!(kind(&event_line(payload)), expected, "{payload}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let deep = format!(r#"{{"type":"x","payload":{}"#, r#"{"info":"#.repeat(10));
    let cases: &[(&str, Refused)] = &[
        ("", Refused::NotJson),
        ("not json", Refused::NotJson),
        (r#"{"timestamp":"2026-11-22T05:37:11.616Z","type":"token_usage_rec"#, Refused::NotJson),
        (r#"{"type":"event_msg"}{"type":"event_msg"}"#, Refused::NotJson),
        ("[1,2]", Refused::NotAnObject),
        ("17", Refused::NotAnObject),
        ("{}", Refused::NoType),
        (r#"{"type":null}"#, Refused::NoType),
        (&deep, Refused::NotJson),
        (r#"{"type":"session_meta","payload":{}}"#, Refused::Incomplete { record: "session_meta", field: "id" }),
        (
            r#"{"type":"token_usage_record","payload":{"usage":{"input_tokens":-1,"output_tokens":1}}}"#,
            Refused::Incomplete { record: "token_usage_record", field: "usage" },
        ),
        (
            r#"{"type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":-1000,"output_tokens":10}}}}"#,
            Refused::Incomplete { record: "token_count", field: "usage" },
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(read(line.as_bytes()), Err(*expected), "{line}");
    }
}

#[test]
fn an_answers_text_is_not_parsed_but_two_records_run_into_one_are_seen() {
    let whole = item_line(r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi"}]}"#);
    assert_eq!(
        read(whole.as_bytes()),
        Ok(Record { at: moment("2026-11-22T05:37:30.041Z"), ordinal: Some(7), kind: RecordKind::Other })
    );
    let run_together = format!("{}{whole}", whole.get(..whole.len() - 20).unwrap());
    assert_eq!(read(run_together.as_bytes()), Err(Refused::NotJson));
    let torn = whole.get(..whole.len() - 3).unwrap();
    assert_eq!(read(torn.as_bytes()), Err(Refused::NotJson));
    let quoted = item_line(r#"{"type":"message","content":"{\"timestamp\":\"2026\""}"#);
    assert_eq!(kind(&quoted), RecordKind::Other);
}

#[test]
fn nesting_without_end_does_no_harm() {
    let deep = format!(r#"{{"type":"x","payload":{{"model":{}{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(kind(&deep), RecordKind::Other);
    let open = format!(r#"{{"type":"x","payload":{}"#, r#"{"thread_settings":"#.repeat(100_000));
    assert_eq!(read(open.as_bytes()), Err(Refused::NotJson));
}

#[test]
fn parts_are_never_more_than_their_whole() {
    let line = r#"{"type":"token_usage_record","payload":{"usage":{"input_tokens":10,"cached_input_tokens":8,"cache_write_input_tokens":50,"output_tokens":5,"reasoning_output_tokens":9}}}"#;
    let RecordKind::UsageRecord { usage, .. } = kind(line) else { panic!("{line}") };
    assert_eq!(usage, Tokens { input: 10, cached_input: 8, cache_write_input: 2, output: 5, reasoning_output: 5 });
}

/// A line with the fields that matter, each of any type.
fn odd_line() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-1.5e300".to_owned()),
        Just("\"text \\u00e9\"".to_owned()),
        Just("[[{}],\"x\"]".to_owned()),
        Just("{\"input_tokens\":18446744073709551615,\"output_tokens\":1}".to_owned()),
        Just(
            "{\"total_token_usage\":{\"input_tokens\":3,\"output_tokens\":4},\"subagent\":{\"thread_spawn\":7}}"
                .to_owned()
        ),
    ];
    let field = prop::sample::select(vec![
        "id",
        "source",
        "usage",
        "info",
        "rate_limits",
        "item",
        "thread_settings",
        "git",
        "history_base",
        "call_id",
        "turn_id",
    ]);
    let outer =
        prop::sample::select(vec!["session_meta", "turn_context", "token_usage_record", "event_msg", "response_item"]);
    let inner = prop::sample::select(vec![
        "token_count",
        "item_completed",
        "thread_settings_applied",
        "function_call",
        "task_started",
    ]);
    (outer, inner, prop::collection::hash_map(field, value, 0..6)).prop_map(|(outer, inner, fields)| {
        let fields: String = fields.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
        format!(r#"{{"type":"{outer}","payload":{{"type":"{inner}"{fields}}}}}"#)
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&line);
    }

    #[test]
    fn fields_of_unexpected_types_never_spoil_a_line(line in odd_line()) {
        prop_assert!(!matches!(read(line.as_bytes()), Err(Refused::NotJson | Refused::NotAnObject | Refused::NoType)), "{}", line);
    }

    #[test]
    fn a_cut_line_is_refused(cut in 0_usize..250) {
        let line = event_line(r#"{"type":"token_count","info":{"total_token_usage":{"input_tokens":3,"output_tokens":4}},"rate_limits":null,"more":"text that goes on and on and on"}"#);
        prop_assume!(cut < line.len());
        prop_assert!(read(&line.as_bytes()[..cut]).is_err());
    }
}
