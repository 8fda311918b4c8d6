//! From the name that Codex recorded to the model in the table.

use chrono::NaiveDate;

use super::rates::Factor;
use super::table::{Model, PriceTable};
use crate::model::ModelId;

/// A model of the table, and what its provider adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The model.
    pub model: &'a Model,
    /// The surcharge for where it is served.
    pub region: Factor,
    /// Sources agree on that surcharge.
    pub region_is_certain: bool,
}

/// What providers put before a name, with their surcharge in thousandths and whether sources agree
/// on it. A prefix that begins with another one stands before it.
const PREFIXES: &[(&str, u32, bool)] = &[
    ("openrouter/openai/", 1000, true),
    ("perplexity/openai/", 1000, true),
    ("github_copilot/", 1000, true),
    ("openai-codex/", 1000, true),
    ("chatgpt/", 1000, true),
    ("openai/", 1000, true),
    ("models/", 1000, true),
    ("azure_ai/", 1000, true),
    ("azure/us/", 1100, true),
    ("azure/eu/", 1100, true),
    ("azure/", 1000, true),
    ("bedrock_mantle/global.openai.", 1000, true),
    ("bedrock_mantle/us-gov.openai.", 1100, false),
    ("bedrock_mantle/us.openai.", 1100, true),
    ("bedrock_mantle/openai.", 1100, true),
    ("global.openai.", 1000, true),
    // In-region like `us.`, but no price list was seen for it.
    ("us-gov.openai.", 1100, false),
    ("us.openai.", 1100, true),
    // Codex's own names on Bedrock: one source gives them with the surcharge and without.
    ("openai.", 1000, false),
];

impl PriceTable {
    /// Finds a model by its exact name, an alias, without a known provider's prefix, without a
    /// snapshot's `-YYYY-MM-DD`, in this order; letter case doesn't count, and `gpt-5-6-sol` is
    /// `gpt-5.6-sol`. Anything else is `None`, however much it looks like a model of the table.
    pub fn resolve(&self, model: &ModelId) -> Option<Resolved<'_>> {
        let plain = |model| Resolved { model, region: Factor::ONE, region_is_certain: true };
        if let Some(model) = self.get(model.as_str()) {
            return Some(plain(model));
        }
        let name = model.as_str().to_lowercase();
        if let Some(model) = self.get(&name) {
            return Some(plain(model));
        }
        let stripped = PREFIXES.iter().find_map(|(prefix, thousandths, certain)| {
            let rest = name.strip_prefix(prefix)?;
            Some((rest, Factor::from_thousandths(*thousandths), *certain))
        });
        let (rest, region, region_is_certain) = stripped.unwrap_or((&name, Factor::ONE, true));
        let model = self.get(rest).or_else(|| self.get(without_date(rest)?))?;
        Some(Resolved { model, region, region_is_certain })
    }
}

/// The name before a snapshot's date; `None` where there is no real date.
fn without_date(name: &str) -> Option<&str> {
    let (base, date) = name.split_at_checked(name.len().checked_sub("-YYYY-MM-DD".len())?)?;
    let digits = date.strip_prefix('-')?;
    let spelled_in_full = digits.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (spelled_in_full && digits.parse::<NaiveDate>().is_ok()).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Option<(String, u32)> {
        let resolved = PriceTable::embedded().resolve(&ModelId::from(name))?;
        Some((resolved.model.name.to_string(), resolved.region.thousandths()))
    }

    #[test]
    fn a_model_is_found_under_all_its_names() {
        for (asked, name, region) in [
            ("gpt-6.1-sol", "gpt-6.1-sol", 1000),
            ("GPT-6.1-Sol", "gpt-6.1-sol", 1000),
            ("gpt-6-1-sol", "gpt-6.1-sol", 1000),
            ("gpt-5-6-sol", "gpt-5.6-sol", 1000),
            ("gpt-5.6", "gpt-5.6-sol", 1000),
            ("gpt-5-6", "gpt-5.6-sol", 1000),
            ("gpt-5.3", "gpt-5.3-chat-latest", 1000),
            ("gpt-5.2-2025-12-11", "gpt-5.2", 1000),
            ("gpt-5-2-2025-12-11", "gpt-5.2", 1000),
            ("gpt-5-2025-08-07", "gpt-5", 1000),
            ("o3-2025-04-16", "o3", 1000),
            ("openai/gpt-6.1-sol", "gpt-6.1-sol", 1000),
            ("OpenAI/GPT-6.1-Sol", "gpt-6.1-sol", 1000),
            ("openrouter/openai/gpt-6.1-sol", "gpt-6.1-sol", 1000),
            ("openai-codex/gpt-5.3-codex", "gpt-5.3-codex", 1000),
            ("chatgpt/gpt-5.5", "gpt-5.5", 1000),
            ("models/gpt-5.5", "gpt-5.5", 1000),
            ("azure/gpt-5.4", "gpt-5.4", 1000),
            ("azure/eu/gpt-5.4-2026-03-05", "gpt-5.4", 1100),
            ("azure/us/gpt-5.6", "gpt-5.6-sol", 1100),
            ("openai.gpt-6.1-sol", "gpt-6.1-sol", 1000),
            ("global.openai.gpt-6.1-sol", "gpt-6.1-sol", 1000),
            ("us.openai.gpt-6.1-sol", "gpt-6.1-sol", 1100),
            ("bedrock_mantle/openai.gpt-6-astra", "gpt-6-astra", 1100),
        ] {
            assert_eq!(found(asked), Some((name.to_owned(), region)), "{asked}");
        }
    }

    #[test]
    fn a_name_that_only_looks_like_another_is_not_found() {
        for asked in [
            "",
            "gpt",
            "gpt-6",
            "gpt-6.1",
            "gpt-6.1.sol",
            "gpt-6-astra-private",
            "gpt-6.1-sol-mini",
            "gpt-6.3-sol",
            "gpt-6.1-sol ",
            "my-gpt-6.1-sol",
            "gpt-6.1-sol-2026-13-01",
            "gpt-6.1-sol-2026-9-1",
            "gpt-6.1-sol-+026-09-01",
            "-2026-09-01",
            "openai/openai/gpt-6.1-sol",
            "openrouter/anthropic/gpt-6.1-sol",
            "azure/ap/gpt-5.4",
            "eu.openai.gpt-6.1-sol",
            "us.gpt-6.1-sol",
            "gpt-oss:20b",
            "openai/gpt-oss-20b",
            "ünïcödé-2026-09-01",
            "ü2026-09-01",
        ] {
            assert_eq!(found(asked), None, "{asked}");
        }
    }

    #[test]
    fn no_prefix_hides_a_longer_one() {
        for (at, (prefix, ..)) in PREFIXES.iter().enumerate() {
            for (earlier, ..) in PREFIXES.iter().take(at) {
                assert!(!prefix.starts_with(earlier), "{earlier} stands before {prefix}");
            }
        }
    }
}
