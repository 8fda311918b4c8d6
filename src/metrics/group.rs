//! The group that a Pushgateway keeps figures under: whose they are, and never which run's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The path of a group below a Pushgateway's address: `/metrics/job/govern/repository/…`. A label without a value is
/// left out.
pub fn path(labels: &[(&str, Option<&str>)]) -> String {
    let mut path = "/metrics/job/govern".to_owned();
    for (name, value) in labels {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        path += &match value.bytes().all(is_plain) {
            true => format!("/{name}/{value}"),
            // As the gateway has it for values with a slash in them; it reads all others so, too.
            false => format!("/{name}@base64/{}", URL_SAFE_NO_PAD.encode(value)),
        };
    }
    path
}

/// It stands in a path for itself, and is no step of one.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_path_whatever_its_labels_hold() {
        for (labels, wanted) in [
            (vec![], "/metrics/job/govern"),
            (vec![("repository", Some("shop")), ("workflow", None)], "/metrics/job/govern/repository/shop"),
            (
                vec![("repository", Some("acme/shop")), ("workflow", Some("nightly"))],
                "/metrics/job/govern/repository@base64/YWNtZS9zaG9w/workflow/nightly",
            ),
            (vec![("workflow", Some(".."))], "/metrics/job/govern/workflow@base64/Li4"),
            (vec![("workflow", Some("a b?c#d\r\n"))], "/metrics/job/govern/workflow@base64/YSBiP2MjZA0K"),
            (vec![("workflow", Some(""))], "/metrics/job/govern"),
        ] {
            assert_eq!(path(&labels), wanted);
        }
    }
}
