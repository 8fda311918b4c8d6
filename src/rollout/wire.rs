//! The JSON as Codex writes it: borrowed, and only what is of use.
//!
//! The order of keys differs between versions, so one flat [`Payload`] takes what it knows of
//! any kind. Every field may have any type: an unexpected one reads as absent and never spoils
//! the line.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A line of a session file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Text<'a>,
    pub(super) ordinal: Count,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) payload: Object<Payload<'a>>,
}

/// The fields of all kinds of payload that matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Payload<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) id: Text<'a>,
    pub(super) session_id: Text<'a>,
    pub(super) parent_thread_id: Text<'a>,
    pub(super) forked_from_id: Text<'a>,
    pub(super) cwd: Text<'a>,
    pub(super) originator: Text<'a>,
    pub(super) cli_version: Text<'a>,
    pub(super) source: Either<'a, Source<'a>>,
    pub(super) thread_source: Text<'a>,
    pub(super) agent_nickname: Text<'a>,
    pub(super) agent_role: Text<'a>,
    pub(super) model_provider: Text<'a>,
    pub(super) history_base: Object<HistoryBase<'a>>,
    pub(super) git: Object<Git<'a>>,
    pub(super) thread_id: Text<'a>,
    pub(super) turn_id: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) effort: Text<'a>,
    pub(super) thread_settings: Object<Settings<'a>>,
    pub(super) response_id: Text<'a>,
    pub(super) usage: Object<Usage>,
    pub(super) thread_token_usage: Object<Usage>,
    pub(super) info: Object<Info>,
    pub(super) rate_limits: Object<RateLimits<'a>>,
    pub(super) call_id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) execution: Text<'a>,
    pub(super) item: Object<Item<'a>>,
    pub(super) last_agent_message: Text<'a>,
    pub(super) error: Object<Failure<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Source<'a> {
    pub(super) subagent: Either<'a, Subagent<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Subagent<'a> {
    pub(super) thread_spawn: Object<ThreadSpawn<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct ThreadSpawn<'a> {
    pub(super) parent_thread_id: Text<'a>,
    pub(super) agent_nickname: Text<'a>,
    pub(super) agent_role: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct HistoryBase<'a> {
    pub(super) thread_id: Text<'a>,
    pub(super) end_ordinal_exclusive: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Git<'a> {
    pub(super) commit_hash: Text<'a>,
    pub(super) branch: Text<'a>,
    pub(super) repository_url: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Settings<'a> {
    pub(super) model: Text<'a>,
    pub(super) model_provider_id: Text<'a>,
    pub(super) service_tier: Nullable<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    pub(super) total_token_usage: Object<Usage>,
    pub(super) last_token_usage: Object<Usage>,
    pub(super) model_context_window: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) input_tokens: Count,
    pub(super) cached_input_tokens: Count,
    pub(super) cache_write_input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) reasoning_output_tokens: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct RateLimits<'a> {
    /// Which of the account's limits the windows belong to.
    pub(super) limit_id: Text<'a>,
    pub(super) plan_type: Text<'a>,
    pub(super) primary: Object<RateWindow>,
    pub(super) secondary: Object<RateWindow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RateWindow {
    pub(super) used_percent: Number,
    pub(super) window_minutes: Count,
    /// Seconds since 1970.
    pub(super) resets_at: Count,
    /// From the record's own time on: 0.45.
    pub(super) resets_in_seconds: Count,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Item<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Failure<'a> {
    pub(super) message: Text<'a>,
}

/// A text, or nothing where something else stands.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Owned, an empty text being none.
    pub(super) fn owned(self) -> Option<String> {
        self.0.map(Cow::into_owned).filter(|text| !text.is_empty())
    }
}

/// A count, or nothing where something else stands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count(pub(super) Option<u64>);

/// A number with or without a fraction, or nothing where something else stands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Number(pub(super) Option<f64>);

/// An object, or nothing where something else stands.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A text or an object.
#[derive(Debug, Default)]
pub(super) enum Either<'a, T> {
    #[default]
    Neither,
    Text(Cow<'a, str>),
    Object(T),
}

/// A text that tells `null` from being absent.
#[derive(Debug, Default)]
pub(super) enum Nullable<'a> {
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
}

/// What a value turned out to be.
enum Any<'a, T> {
    Null,
    Text(Cow<'a, str>),
    Count(u64),
    Number(f64),
    Object(T),
    Other,
}

/// Takes whatever comes.
struct AnyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyVisitor<T> {
    type Value = Any<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Any::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Any::Other)
    }

    fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
        Ok(Any::Count(count))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Any::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Any::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Any::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Any::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Any::Object)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<IgnoredAny>(PhantomData))? {
            Any::Text(text) => Self(Some(text)),
            Any::Null | Any::Count(_) | Any::Number(_) | Any::Object(_) | Any::Other => Self(None),
        })
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<IgnoredAny>(PhantomData))? {
            Any::Count(count) => Self(Some(count)),
            Any::Null | Any::Text(_) | Any::Number(_) | Any::Object(_) | Any::Other => Self(None),
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<IgnoredAny>(PhantomData))? {
            #[expect(clippy::cast_precision_loss, reason = "a share of a hundred is small")]
            Any::Count(count) => Self(Some(count as f64)),
            Any::Number(number) => Self(Some(number)),
            Any::Null | Any::Text(_) | Any::Object(_) | Any::Other => Self(None),
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<T>(PhantomData))? {
            Any::Object(object) => Self(Some(object)),
            Any::Null | Any::Text(_) | Any::Count(_) | Any::Number(_) | Any::Other => Self(None),
        })
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Either<'a, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<T>(PhantomData))? {
            Any::Text(text) => Self::Text(text),
            Any::Object(object) => Self::Object(object),
            Any::Null | Any::Count(_) | Any::Number(_) | Any::Other => Self::Neither,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Nullable<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyVisitor::<IgnoredAny>(PhantomData))? {
            Any::Null => Self::Null,
            Any::Text(text) => Self::Text(text),
            Any::Count(_) | Any::Number(_) | Any::Object(_) | Any::Other => Self::Absent,
        })
    }
}
