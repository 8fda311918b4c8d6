//! What a request's body asks for, and the one word that is added to it: that a streamed completion tell its usage.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::model::{ModelId, ServiceTier};

/// What a body asks for, as far as it is admitted and metered by that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestBody {
    /// Which model.
    pub(super) model: Option<ModelId>,
    /// On which tier.
    pub(super) tier: Option<ServiceTier>,
    /// The answer comes as events.
    pub(super) streams: bool,
    /// The answer is fetched later.
    pub(super) background: bool,
    /// A streamed completion is to tell what it used.
    tells_usage: bool,
}

#[derive(Deserialize)]
struct Wire {
    model: Option<String>,
    service_tier: Option<String>,
    stream: Option<bool>,
    background: Option<bool>,
    stream_options: Option<Value>,
}

impl RequestBody {
    /// Reads a body; `None` if it is no object that either API would take.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        let includes = wire.stream_options.as_ref().and_then(|options| options.get("include_usage"));
        Some(Self {
            model: wire.model.map(ModelId::new),
            tier: wire.service_tier.map(|tier| ServiceTier::from_codex(&tier)),
            streams: wire.stream.unwrap_or_default(),
            background: wire.background.unwrap_or_default(),
            tells_usage: includes.and_then(Value::as_bool).unwrap_or_default(),
        })
    }

    /// A completion whose usage has to be asked for.
    pub(super) fn hides_usage(&self) -> bool {
        self.streams && !self.tells_usage
    }
}

/// The body of a streamed completion that tells its usage: all other bytes are as they were, since the order of keys is
/// part of what a provider caches. `None` where that cannot be done for certain.
pub(super) fn with_usage(body: &[u8]) -> Option<Vec<u8>> {
    let (place, added) = match options(body)? {
        None => {
            (body.iter().position(|byte| *byte == b'{')? + 1, b"\"stream_options\":{\"include_usage\":true},".to_vec())
        }
        Some(place) => (place, b"\"include_usage\":true,".to_vec()),
    };
    let (before, after) = body.split_at_checked(place)?;
    let asks = [before, &added, after].concat();
    RequestBody::read(&asks).is_some_and(|asked| asked.tells_usage).then_some(asks)
}

/// Where options begin that are there and not empty; nothing where there are none, and no answer where that is not clear.
fn options(body: &[u8]) -> Option<Option<usize>> {
    const KEY: &[u8] = b"\"stream_options\"";
    let mut found = memmem::find_iter(body, KEY);
    let Some(at) = found.next() else { return Some(None) };
    if found.next().is_some() {
        return None;
    }
    let blank = |place: usize| {
        let rest = body.get(place..)?;
        Some(place + rest.iter().position(|byte| !byte.is_ascii_whitespace())?)
    };
    let colon = blank(at + KEY.len()).filter(|place| body.get(*place) == Some(&b':'))?;
    let brace = blank(colon + 1).filter(|place| body.get(*place) == Some(&b'{'))?;
    let first = blank(brace + 1)?;
    (body.get(first) == Some(&b'"')).then_some(Some(brace + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_its_model_and_how_it_wants_to_be_answered() {
        let asked =
            RequestBody::read(br#"{"model":"gpt-6-luna","stream":true,"service_tier":"flex","input":[]}"#).unwrap();
        assert_eq!(asked.model, Some(ModelId::new("gpt-6-luna")));
        assert_eq!(asked.tier, Some(ServiceTier::Flex));
        assert!(asked.streams && !asked.background && asked.hides_usage());
        let told = br#"{"stream":true,"stream_options":{"include_usage":true}}"#;
        assert!(!RequestBody::read(told).unwrap().hides_usage());
        for body in [&b""[..], b"[]", b"{", b"\"x\"", br#"{"model":1}"#] {
            assert_eq!(RequestBody::read(body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn only_the_option_is_added_and_the_order_of_keys_stays() {
        for (body, is) in [
            (
                r#"{"model":"m","stream":true,"messages":[{"b":1,"a":2}]}"#,
                Some(
                    r#"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[{"b":1,"a":2}]}"#,
                ),
            ),
            (
                r#"{"stream":true, "stream_options" : { "include_obfuscation":false}}"#,
                Some(r#"{"stream":true, "stream_options" : {"include_usage":true, "include_obfuscation":false}}"#),
            ),
            // What stands in a message may be the same words: then nothing is done by guessing.
            (
                r#"{"stream":true,"stream_options":{"x":1},"messages":[{"\"stream_options\"":1},{"stream_options":{}}]}"#,
                None,
            ),
            (r#"{"stream":true,"messages":[{"stream_options":{"x":1}}]}"#, None),
            (r#"{"stream":true,"stream_options":null}"#, None),
            (r#"{"stream":true,"stream_options":{"include_usage":false}}"#, None),
        ] {
            let asks = with_usage(body.as_bytes()).map(|asks| String::from_utf8(asks).unwrap());
            assert_eq!(asks.as_deref(), is, "{body}");
        }
    }
}
