//! What a path of the API asks for: an answer that is metered, something else that costs, or nothing that does.

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// `POST /responses`.
    Responses,
    /// `POST /responses/compact`.
    Compact,
    /// `POST /chat/completions` or `/completions`.
    Chat,
    /// How a response stands that was asked for in the background, by its id; cancelling tells it, too.
    Response(String),
    /// Something that is paid for and not metered.
    Costs,
    /// Anything else.
    Free,
}

/// What is posted and asks no model: everything else that is posted may be paid for.
const FREE: [&str; 6] =
    ["/files", "/uploads", "/vector_stores", "/conversations", "/moderations", "/responses/input_tokens"];

impl Path {
    /// By method and path, without what leads to the API. However a path is spelled, a server may take it for what it
    /// means: it is judged by that, and sent as it is.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let path = plain(path);
        match method.to_ascii_uppercase().as_str() {
            "GET" => response_id(&path).map_or(Self::Free, Self::Response),
            "HEAD" | "OPTIONS" | "DELETE" => Self::Free,
            _ => match path.as_str() {
                "/responses" => Self::Responses,
                "/responses/compact" => Self::Compact,
                "/chat/completions" | "/completions" => Self::Chat,
                path => match path.strip_suffix("/cancel").and_then(response_id) {
                    Some(id) => Self::Response(id),
                    None if is_free(path) => Self::Free,
                    None => Self::Costs,
                },
            },
        }
    }
}

/// One spelling of a path: decoded, in small letters but for ids, without empty and relative segments and their parameters,
/// nor a version before it.
fn plain(path: &str) -> String {
    let mut segments: Vec<String> = Vec::new();
    let decoded = decoded(path);
    for segment in decoded.split(['/', '\\']).filter_map(|segment| segment.split(';').next()) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            "v1" if segments.is_empty() => {}
            // An id has capitals.
            id if segments.last().is_some_and(|before| before == "responses")
                && id.contains('_')
                && id != "input_tokens" =>
            {
                segments.push(id.to_owned());
            }
            word => segments.push(word.to_ascii_lowercase()),
        }
    }
    segments.iter().map(|segment| format!("/{segment}")).collect()
}

/// Percent signs undone, once.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, more) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn response_id(path: &str) -> Option<String> {
    let id = path.strip_prefix("/responses/")?;
    (!id.is_empty() && !id.contains('/') && id != "compact" && id != "input_tokens").then(|| id.to_owned())
}

fn is_free(path: &str) -> bool {
    let below = |start: &&str| path.strip_prefix(*start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // What was stored of a completion is given a label.
    FREE.iter().any(below) || path.starts_with("/chat/completions/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_a_model_is_told_from_what_only_costs_and_what_does_not() {
        let response = |id: &str| Path::Response(id.to_owned());
        for (method, path, is) in [
            ("POST", "/responses", Path::Responses),
            ("POST", "/responses/", Path::Responses),
            ("POST", "/responses/compact", Path::Compact),
            ("POST", "/chat/completions", Path::Chat),
            ("POST", "/completions", Path::Chat),
            ("GET", "/responses/resp_1", response("resp_1")),
            ("POST", "/responses/resp_1/cancel", response("resp_1")),
            ("GET", "/responses/resp_1/input_items", Path::Free),
            ("POST", "/responses/input_tokens", Path::Free),
            ("DELETE", "/responses/resp_1", Path::Free),
            ("GET", "/responses", Path::Free),
            ("GET", "/models", Path::Free),
            ("POST", "/embeddings", Path::Costs),
            ("POST", "/images/generations", Path::Costs),
            ("POST", "/imagesque", Path::Costs),
            ("POST", "/vector_stores/vs_1/search", Path::Free),
            ("POST", "/engines/x/completions", Path::Costs),
            ("POST", "/messages", Path::Costs),
            ("GET", "/batches/b1", Path::Free),
            ("POST", "/files", Path::Free),
        ] {
            assert_eq!(Path::of(method, path), is, "{method} {path}");
        }
    }

    #[test]
    fn a_path_is_judged_by_what_it_means_however_it_is_spelled() {
        for path in [
            "//responses",
            "/%72esponses",
            "/RESPONSES",
            "/responses%2f",
            "/./responses",
            "/x/../responses",
            "/responses/../responses",
            "/responses;a",
            "/v1/responses",
            "\\responses",
        ] {
            assert_eq!(Path::of("POST", path), Path::Responses, "{path}");
            assert_eq!(Path::of("post", path), Path::Responses, "{path}");
        }
        assert_eq!(Path::of("POST", "/chat//completions"), Path::Chat);
        assert_eq!(Path::of("POST", "/%zz%7"), Path::Costs);
        assert_eq!(Path::of("GET", "/responses/resp_Ab1"), Path::Response("resp_Ab1".to_owned()));
    }
}
