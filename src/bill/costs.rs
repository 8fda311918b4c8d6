//! A page of an organisation's costs, as OpenAI's `/v1/organization/costs` answers it: days of UTC, each with what it
//! was charged for.

use chrono::{DateTime, NaiveDate, Timelike};
use serde::Deserialize;

use super::thread::named;
use crate::model::{Money, ServiceTier, ToldPart};
use crate::usage::price::PriceTable;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Nano-dollars in a dollar.
const NANOS: f64 = 1e9;

/// No organisation pays so much for one thing on one day: a number beyond it is none.
const MOST_USD: f64 = 1e9;

/// What words at the end of a charge say of its kind of tokens, and nothing of its model.
const KINDS: [&str; 6] = ["input", "output", "cached", "cache", "write", "audio"];

/// A page of the answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Whole days, in the order of the answer.
    pub days: Vec<(NaiveDate, Vec<ToldPart>)>,
    /// What of it can't be compared, and why.
    pub problems: Vec<String>,
    /// Where it goes on.
    pub next: Next,
}

/// Where an answer goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// It is complete.
    #[default]
    Nowhere,
    /// With this page.
    Page(String),
    /// There is more, and no word of where.
    Lost,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Bucket>,
    #[serde(default)]
    has_more: bool,
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Bucket {
    start_time: i64,
    end_time: i64,
    #[serde(alias = "result")]
    results: Vec<Charge>,
}

#[derive(Deserialize)]
struct Charge {
    amount: Option<Amount>,
    line_item: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    value: Value,
    currency: String,
}

/// A number, or one that is written as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Text(String),
}

/// Reads a page; the error says what is wrong with all of it.
pub fn read(body: &[u8], prices: &PriceTable) -> Result<Page, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        // What stands there is another's text: only its place is told.
        format!("the answer cannot be read (line {}, column {})", error.line(), error.column())
    })?;
    let mut page = Page::default();
    for bucket in answer.data {
        match day_of(&bucket).and_then(|day| Ok((day, charges(day, &bucket, prices)?))) {
            Ok(day) => page.days.push(day),
            Err(why) => page.problems.push(why),
        }
    }
    page.next = match (answer.has_more, answer.next_page) {
        (true, Some(next)) if !next.is_empty() => Next::Page(next),
        (true, _) => Next::Lost,
        (false, _) => Next::Nowhere,
    };
    Ok(page)
}

fn day_of(bucket: &Bucket) -> Result<NaiveDate, String> {
    let at = |seconds: i64| DateTime::from_timestamp(seconds, 0);
    let (Some(start), Some(end)) = (at(bucket.start_time), at(bucket.end_time)) else {
        return Err("a day of the answer has no time that can be read: it is left out".to_owned());
    };
    let is_midnight = start.num_seconds_from_midnight() == 0;
    if is_midnight && bucket.end_time.checked_sub(bucket.start_time) == Some(DAY) {
        return Ok(start.date_naive());
    }
    let show = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    Err(format!("what is charged from {} to {} is no day of UTC: it is left out", show(start), show(end)))
}

fn charges(day: NaiveDate, bucket: &Bucket, prices: &PriceTable) -> Result<Vec<ToldPart>, String> {
    let mut parts: Vec<ToldPart> = Vec::new();
    for charge in &bucket.results {
        let Some(amount) = &charge.amount else { return Err(format!("{day}: a charge has no amount; it is left out")) };
        if !amount.currency.eq_ignore_ascii_case("usd") {
            let currency: String = amount.currency.chars().take(12).collect();
            return Err(format!("{day} is charged in `{currency}`: only dollars are compared, so it is left out"));
        }
        let usd = money(&amount.value).ok_or_else(|| format!("{day}: a charge is no amount; it is left out"))?;
        let item: String = charge.line_item.as_deref().unwrap_or("everything").chars().take(200).collect();
        let (model, tier) = meant(&item, prices);
        match parts.iter_mut().find(|part| part.item == item) {
            // Of another project.
            Some(part) => part.usd = Some(part.usd.unwrap_or_default() + usd),
            None => parts.push(ToldPart { item, model, tier, usd: Some(usd), credit_micros: None }),
        }
    }
    parts.sort_by(|one, other| one.item.cmp(&other.item));
    Ok(parts)
}

/// To the nano-dollar; an amount below nothing is a credit note.
fn money(value: &Value) -> Option<Money> {
    let value = match value {
        Value::Number(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
    };
    let fits = value.is_finite() && value.abs() < MOST_USD;
    fits.then(|| Money::from_nanos((value * NANOS).round() as i64))
}

/// The model and the tier that a charge names: `gpt-6.2-sol-2026-11-02, cached input`, with `priority`, `flex` or `batch`
/// somewhere.
fn meant(item: &str, prices: &PriceTable) -> (Option<crate::model::ModelId>, Option<ServiceTier>) {
    let lower = item.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let tier = words().find_map(|word| match word {
        "priority" | "flex" => Some(ServiceTier::from_codex(word)),
        "batch" => Some(ServiceTier::Other("batch".to_owned())),
        _ => None,
    });
    let name = lower.split([',', '|']).next().unwrap_or_default().trim();
    let name = name.split_whitespace().next().unwrap_or_default();
    let known = prices.resolve(&name.into()).is_some();
    // One that the table does not know is a model all the same where it is charged by kinds of tokens.
    let by_tokens = lower.contains(',') && words().any(|word| KINDS.contains(&word));
    let is_model = !name.is_empty() && (known || by_tokens);
    (is_model.then(|| named(name, prices)), tier)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-11-01, a midnight of UTC.
    const FIRST: i64 = 1_793_491_200;

    fn bucket(start: i64, results: &serde_json::Value) -> serde_json::Value {
        json!({ "object": "bucket", "start_time": start, "end_time": start + DAY, "results": results })
    }

    fn charge(value: &serde_json::Value, currency: &str, item: &str) -> serde_json::Value {
        json!({ "object": "organization.costs.result", "amount": { "value": value, "currency": currency },
            "line_item": item, "project_id": null })
    }

    fn page(data: &[serde_json::Value]) -> Page {
        let body = json!({ "object": "page", "data": data, "has_more": false, "next_page": null }).to_string();
        read(body.as_bytes(), PriceTable::embedded()).unwrap()
    }

    #[test]
    fn a_day_has_its_charges_by_model_and_tier() {
        let day = bucket(
            FIRST,
            &json!([
                charge(&json!(0.06), "usd", "gpt-6.2-sol-2026-11-02, input"),
                charge(&json!("1.5e-3"), "USD", "gpt-6.2-sol, cached input, priority"),
                charge(&json!(0.000_000_000_6), "usd", "gpt-6.2-sol-2026-11-02, input"),
                charge(&json!(-0.01), "usd", "web search tool calls"),
                charge(&json!(2), "usd", "gpt-99-nova, output"),
            ]),
        );
        let page = page(&[day]);
        let (day, parts) = &page.days[0];
        assert_eq!((day.to_string().as_str(), page.problems.len(), &page.next), ("2026-11-01", 0, &Next::Nowhere));
        let told: Vec<(&str, Option<&str>, Option<&str>, i64)> = parts
            .iter()
            .map(|part| {
                let tier = part.tier.as_ref().map(ServiceTier::as_str);
                (part.item.as_str(), part.model.as_ref().map(|m| m.as_str()), tier, part.usd.unwrap().nanos())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("gpt-6.2-sol, cached input, priority", Some("gpt-6.2-sol"), Some("fast"), 1_500_000),
                ("gpt-6.2-sol-2026-11-02, input", Some("gpt-6.2-sol"), None, 60_000_001),
                ("gpt-99-nova, output", Some("gpt-99-nova"), None, 2_000_000_000),
                ("web search tool calls", None, None, -10_000_000),
            ]
        );
    }

    #[test]
    fn what_cannot_be_compared_is_left_out_by_the_day_and_said() {
        let good = json!([charge(&json!(1), "usd", "gpt-6.2-sol, input")]);
        let berlin = bucket(FIRST - 3_600, &good);
        let mut short = bucket(FIRST, &good);
        short["end_time"] = json!(FIRST + 3_600);
        let euro = bucket(FIRST, &json!([charge(&json!(1), "eur", "gpt-6.2-sol, input")]));
        let absurd = bucket(FIRST, &json!([charge(&json!(1e300), "usd", "gpt-6.2-sol, input")]));
        let worded = bucket(FIRST, &json!([charge(&json!("much"), "usd", "gpt-6.2-sol, input")]));
        let page = page(&[berlin, short, euro, absurd, worded, bucket(FIRST + DAY, &good)]);
        assert_eq!(page.days.len(), 1, "the one that can be");
        assert!(page.problems[0].contains("2026-10-31 23:00 to 2026-11-01 23:00 is no day of UTC"), "{page:?}");
        assert!(page.problems[1].contains("to 2026-11-01 01:00"), "{page:?}");
        assert!(page.problems[2].contains("`eur`"), "{page:?}");
        assert!(page.problems[3].contains("no amount") && page.problems[4].contains("no amount"), "{page:?}");
    }

    #[test]
    fn an_answer_goes_on_where_it_says_so() {
        let next = |more: bool, next: serde_json::Value| {
            let body = json!({ "data": [], "has_more": more, "next_page": next }).to_string();
            read(body.as_bytes(), PriceTable::embedded()).unwrap().next
        };
        assert_eq!(next(true, json!("p2")), Next::Page("p2".to_owned()));
        assert_eq!(next(true, json!(null)), Next::Lost);
        assert_eq!(next(false, json!("p2")), Next::Nowhere);
    }

    #[test]
    fn what_is_no_answer_is_refused_without_its_words() {
        for body in ["", "<html>sk-admin-secret</html>", "[]", r#"{"data":7}"#, r#"{"data":[{"start_time":"x"}]}"#] {
            let why = read(body.as_bytes(), PriceTable::embedded()).unwrap_err();
            assert!(why.contains("cannot be read") && !why.contains("secret"), "{body}: {why}");
        }
    }
}
