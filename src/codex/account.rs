//! What a Codex can ask of OpenAI about threads: the questions to its app server, and the answers.
//!
//! `account/usage/read` with a thread's id, over JSON-RPC on stdio, a line a message, as the schema of 0.171 has it
//! (`codex app-server generate-json-schema`). Codex asks its account's server; only a ChatGPT login has one.

use serde_json::{Value, json};

use crate::model::ThreadId;

/// The number of the first question; those before it open the conversation.
const FIRST: u64 = 1;

/// What a Codex says of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadAnswer {
    /// This much was used.
    Usage(ThreadUsage),
    /// Nothing is known of it: another account's, or too new.
    Unknown,
    /// It cannot be asked, and why.
    Refused(Refusal),
}

/// Why a Codex tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It has no login that has an account.
    NoLogin,
    /// It does not know the question.
    TooOld,
    /// The server lets nobody in with this login.
    Denied,
    /// The server was asked too often.
    TooOften,
    /// The answer is none that can be read.
    Unreadable(String),
    /// Something else, in its own words.
    Other(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoLogin => {
                f.write_str("it has no ChatGPT login: `codex login` makes one; an API key has no such account")
            }
            Self::TooOld => f.write_str("this Codex does not know how to ask: a newer one does (0.171 was tried)"),
            Self::Denied => f.write_str("OpenAI refuses its login: `codex login` renews it"),
            Self::TooOften => f.write_str("OpenAI was asked too often: do it again later"),
            Self::Unreadable(why) => write!(f, "the answer cannot be read: {why}"),
            Self::Other(said) => write!(f, "it says: {said}"),
        }
    }
}

/// What was used by one thread, in its server's own figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadUsage {
    /// In millionths of a dollar, from the account's own dollars; `None`: it is not known.
    pub native_usd: Option<i64>,
    /// In millionths of a dollar, as estimated from credits.
    pub estimated_usd: Option<i64>,
    /// In millionths of a credit.
    pub credits: i64,
    /// The same by model, effort and speed.
    pub groups: Vec<UsageGroup>,
}

/// What a thread used of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageGroup {
    /// The model.
    pub model: Option<String>,
    /// How much it was to think.
    pub effort: Option<String>,
    /// How fast it was to answer.
    pub speed: Option<String>,
    /// In millionths of a credit.
    pub credits: i64,
}

/// What is written to it to be told of these threads.
pub fn questions(threads: &[ThreadId]) -> Vec<u8> {
    let client = json!({ "name": "govern", "version": env!("CARGO_PKG_VERSION") });
    let opening = [
        json!({ "id": 0, "method": "initialize", "params": { "clientInfo": client } }),
        json!({ "method": "initialized" }),
    ];
    let asked = (FIRST..).zip(threads).map(
        |(id, thread)| json!({ "id": id, "method": "account/usage/read", "params": { "threadId": thread.as_str() } }),
    );
    opening.into_iter().chain(asked).map(|message| format!("{message}\n")).collect::<String>().into_bytes()
}

/// Reads a line of it: which of the threads it is about, and what it says; `None` for one that is no answer.
pub fn answer(line: &str, threads: &[ThreadId]) -> Option<(usize, ThreadAnswer)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("method").is_some() {
        return None;
    }
    let place = usize::try_from(message.get("id")?.as_u64()?.checked_sub(FIRST)?).ok()?;
    let thread = threads.get(place)?;
    if let Some(error) = message.get("error") {
        return Some((place, ThreadAnswer::Refused(refusal(error))));
    }
    let answer = match message.get("result").map(|result| result.get("threadUsage").unwrap_or(&Value::Null)) {
        None => ThreadAnswer::Refused(Refusal::Unreadable("it has no result".to_owned())),
        Some(Value::Null) => ThreadAnswer::Unknown,
        Some(usage) => match of_thread(usage, thread) {
            Ok(usage) => ThreadAnswer::Usage(usage),
            Err(why) => ThreadAnswer::Refused(Refusal::Unreadable(why)),
        },
    };
    Some((place, answer))
}

fn refusal(error: &Value) -> Refusal {
    let text: String = error.get("message").and_then(Value::as_str).unwrap_or("nothing").chars().take(200).collect();
    let has = |word: &str| text.contains(word);
    if has("unknown variant `account/usage/read`") || error.get("code") == Some(&json!(-32601)) {
        return Refusal::TooOld;
    }
    if has("authentication required") {
        return Refusal::NoLogin;
    }
    if has("429") {
        return Refusal::TooOften;
    }
    if has("401") || has("403") {
        return Refusal::Denied;
    }
    Refusal::Other(text)
}

fn of_thread(usage: &Value, asked: &ThreadId) -> Result<ThreadUsage, String> {
    let of = usage.get("threadId").and_then(Value::as_str).unwrap_or_default();
    if of != asked.as_str() {
        return Err("it is of another thread than the one that was asked for".to_owned());
    }
    let groups = usage.get("groups").and_then(Value::as_array).ok_or("it has no groups")?;
    Ok(ThreadUsage {
        native_usd: amount(usage, "nativeUsageUsdMicros")?,
        estimated_usd: amount(usage, "estimatedUsageUsdMicros")?,
        credits: amount(usage, "estimatedUsageCreditsMicros")?.ok_or("it has no credits")?,
        groups: groups.iter().map(group).collect::<Result<_, _>>()?,
    })
}

fn group(group: &Value) -> Result<UsageGroup, String> {
    let text = |name: &str| group.get(name).and_then(Value::as_str).map(|text| text.chars().take(200).collect());
    Ok(UsageGroup {
        model: text("model"),
        effort: text("reasoningEffort"),
        speed: text("speed"),
        credits: amount(group, "estimatedUsageCreditsMicros")?.ok_or("a group has no credits")?,
    })
}

/// A whole number that is not below nothing.
fn amount(of: &Value, name: &str) -> Result<Option<i64>, String> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64().filter(|amount| *amount >= 0) {
            Some(amount) => Ok(Some(amount)),
            None => Err(format!("`{name}` is no amount")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads() -> Vec<ThreadId> {
        vec![ThreadId::new("t-one"), ThreadId::new("t-two")]
    }

    /// As 0.171 wrote it.
    fn line(thread: &str) -> String {
        json!({ "id": 2, "result": { "summary": { "lifetimeTokens": null }, "dailyUsageBuckets": null, "threadUsage": {
            "threadId": thread, "estimatedUsageCreditsMicros": 1_250_000, "estimatedUsageUsdMicros": 50_000,
            "nativeUsageUsdMicros": null, "groups": [{ "model": "gpt-6.2-sol", "reasoningEffort": "medium",
            "speed": "standard", "estimatedUsageCreditsMicros": 1_250_000, "netNewInputTokens": 100,
            "cachedInputTokens": 10, "inputTokens": 110, "outputTokens": 20, "totalTokens": 130 }] } } })
        .to_string()
    }

    #[test]
    fn a_thread_is_told_of_by_model_and_speed() {
        let (place, ThreadAnswer::Usage(usage)) = answer(&line("t-two"), &threads()).unwrap() else { panic!() };
        assert_eq!((place, usage.native_usd, usage.estimated_usd), (1, None, Some(50_000)));
        assert_eq!(usage.groups[0].model.as_deref(), Some("gpt-6.2-sol"));
        assert_eq!(usage.groups[0].speed.as_deref(), Some("standard"));
    }

    #[test]
    fn what_tells_nothing_says_why() {
        let refused = |said: &str| match answer(said, &threads()) {
            Some((0, ThreadAnswer::Refused(refusal))) => refusal,
            other => panic!("{said}: {other:?}"),
        };
        let error = |message: &str| json!({ "id": 1, "error": { "code": -32603, "message": message } }).to_string();
        for (message, wanted) in [
            ("codex account authentication required to read token usage", Refusal::NoLogin),
            ("Invalid request: unknown variant `account/usage/read`, expected", Refusal::TooOld),
            ("failed to fetch thread usage: unexpected status 429 Too Many Requests", Refusal::TooOften),
            ("failed to fetch thread usage: unexpected status 401 Unauthorized", Refusal::Denied),
            ("no", Refusal::Other("no".to_owned())),
        ] {
            assert_eq!(refused(&error(message)), wanted, "{message}");
        }
        assert_eq!(answer(r#"{"id":1,"result":{"threadUsage":null}}"#, &threads()), Some((0, ThreadAnswer::Unknown)));
        let other = line("t-nine").replace("\"id\":2", "\"id\":1");
        assert!(refused(&other).to_string().contains("another thread"), "{other}");
        for (was, is) in [(":50000", ":-1"), (":1250000", ":\"much\""), ("\"groups\"", "\"others\"")] {
            let bad = line("t-one").replace("\"id\":2", "\"id\":1").replace(was, is);
            assert!(matches!(refused(&bad), Refusal::Unreadable(_)), "{bad}");
        }
    }

    #[test]
    fn what_is_no_answer_is_passed_over_and_nothing_makes_it_panic() {
        for other in ["", "{", "[]", r#"{"id":0,"result":{}}"#, r#"{"id":9,"result":{}}"#, r#"{"method":"x","id":1}"#] {
            assert_eq!(answer(other, &threads()), None, "{other}");
        }
    }

    #[test]
    fn the_questions_are_a_line_a_thread() {
        let text = String::from_utf8(questions(&threads())).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains(r#""threadId":"t-two""#), "{text}");
    }
}
