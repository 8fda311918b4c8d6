//! Pure. What a path of the API asks for: an answer that is metered, something else that costs, or nothing that does.

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

/// What is paid for by other measures than a model's tokens, or told in no answer.
const COSTS: [&str; 8] =
    ["/embeddings", "/images", "/audio", "/videos", "/realtime", "/fine_tuning/jobs", "/batches", "/evals"];

impl Path {
    /// By method and path, without what leads to the API.
    pub(super) fn of(method: &str, path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        match (method, path) {
            ("POST", "/responses") => Self::Responses,
            ("POST", "/responses/compact") => Self::Compact,
            ("POST", "/chat/completions" | "/completions") => Self::Chat,
            ("GET", path) => response_id(path).map_or(Self::Free, Self::Response),
            ("POST", path) => match path.strip_suffix("/cancel").and_then(response_id) {
                Some(id) => Self::Response(id),
                None if costs(path) => Self::Costs,
                None => Self::Free,
            },
            _ => Self::Free,
        }
    }
}

fn response_id(path: &str) -> Option<String> {
    let id = path.strip_prefix("/responses/")?;
    (!id.is_empty() && !id.contains('/') && id != "compact" && id != "input_tokens").then(|| id.to_owned())
}

fn costs(path: &str) -> bool {
    COSTS.iter().any(|start| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
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
            ("POST", "/imagesque", Path::Free),
            ("GET", "/batches/b1", Path::Free),
            ("POST", "/files", Path::Free),
        ] {
            assert_eq!(Path::of(method, path), is, "{method} {path}");
        }
    }
}
