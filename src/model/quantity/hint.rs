//! What to write instead of a text that is no quantity.

use super::{Quantity, QuantityError};

/// Where nothing better is known: every unit.
const ALL: &str = "write `5 usd`, `$5`, `200k tok` (uncached input + output), `2M all tok`, `500 credits`, `50 responses`, `60 tool calls` or `30 minutes`";

/// What a hint says next to a [`QuantityError`] about this text.
pub fn quantity_hint(text: &str) -> String {
    match Quantity::parse_limit(text) {
        Err(QuantityError::Malformed) => meant(text).unwrap_or_else(|| ALL.to_owned()),
        Ok(_) | Err(_) => ALL.to_owned(),
    }
}

/// What was meant, where that can be told.
fn meant(text: &str) -> Option<String> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if text.contains('/') || text.split_whitespace().any(|word| word == "per") {
        let hint = "write the amount alone: how often it begins anew is the `window` of a budget in a policy";
        return Some(hint.to_owned());
    }
    if let Some(without) = without_comma(&squeezed) {
        return Some(format!("write `{without}`: thousands have no comma, and decimals a point"));
    }
    let start = squeezed.find(|c: char| c.is_ascii_digit())?;
    let (before, rest) = squeezed.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, after) = rest.split_at(end);
    let unit = if before.is_empty() { after } else { before };
    of_unit(number, unit)
}

fn of_unit(number: &str, unit: &str) -> Option<String> {
    let lower = unit.to_lowercase();
    let hint = match lower.as_str() {
        "" => format!("say what is counted, such as `{number} usd`, `{number}k tok` or `{number} responses`"),
        "m" => format!("`m` may be minutes or millions: write `{number} minutes` or `{number}M tok`"),
        "k" => format!("say what is counted, such as `{number}k tok` or `{number}k usd`"),
        "€" | "eur" | "euro" | "euros" | "£" | "gbp" | "pound" | "pounds" | "¥" | "jpy" | "chf" => {
            format!("prices are in dollars: write `{number} usd`")
        }
        "cent" | "cents" | "ct" | "¢" => {
            let cents: u32 = number.parse().ok()?;
            format!("write `{}.{:02} usd`", cents / 100, cents % 100)
        }
        "d" | "day" | "days" | "w" | "week" | "weeks" | "month" | "months" | "year" | "years" => {
            "active time is limited in minutes or hours, such as `24 hours`; how often a budget begins anew is its `window`"
                .to_owned()
        }
        "call" | "calls" => format!("write `{number} tool calls`, or `{number} responses` for what a model is asked"),
        "tool" | "tools" | "tooluse" | "tooluses" => format!("write `{number} tool calls`"),
        "request" | "requests" | "turn" | "turns" | "answer" | "answers" | "message" | "messages" | "prompt"
        | "prompts" => format!("write `{number} responses`"),
        "%" => "write an amount, or a share of a ChatGPT plan's own limit, such as `80% plan 5h`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// `5,000tok` as `5000tok`, `1,5usd` as `1.5usd`, where that is a quantity.
fn without_comma(squeezed: &str) -> Option<String> {
    let (_, rest) = squeezed.split_once(',')?;
    let digits = rest.chars().take_while(char::is_ascii_digit).count();
    let read = if digits == 3 { squeezed.replace(',', "") } else { squeezed.replacen(',', ".", 1) };
    Quantity::parse_limit(&read).ok()?;
    let unit = read.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = read.split_at(unit);
    Some(format!("{number} {unit}").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_said_where_that_can_be_told() {
        let cases = [
            ("30m", "`m` may be minutes or millions: write `30 minutes` or `30M tok`"),
            ("1M", "`m` may be minutes or millions: write `1 minutes` or `1M tok`"),
            ("5k", "say what is counted, such as `5k tok` or `5k usd`"),
            ("5", "say what is counted, such as `5 usd`, `5k tok` or `5 responses`"),
            ("5 eur", "prices are in dollars: write `5 usd`"),
            ("€5", "prices are in dollars: write `5 usd`"),
            ("5 cents", "write `0.05 usd`"),
            ("10 requests", "write `10 responses`"),
            ("5 tools", "write `5 tool calls`"),
            ("5 calls", "write `5 tool calls`, or `5 responses` for what a model is asked"),
            ("5,000 tok", "write `5000 tok`: thousands have no comma, and decimals a point"),
            ("1,5 usd", "write `1.5 usd`: thousands have no comma, and decimals a point"),
            ("50%", "write an amount, or a share of a ChatGPT plan's own limit, such as `80% plan 5h`"),
        ];
        for (text, hint) in cases {
            assert_eq!(Quantity::parse(text), Err(QuantityError::Malformed), "{text}");
            assert_eq!(quantity_hint(text), hint, "{text}");
        }
        for text in ["5usd/day", "5 usd per day"] {
            assert!(quantity_hint(text).contains("`window` of a budget"), "{text}");
        }
        assert!(quantity_hint("1d").starts_with("active time is limited in minutes or hours"));
        for text in ["", "much", "-5 usd", "5 florins", "99999999999999999 usd"] {
            assert_eq!(quantity_hint(text), ALL, "{text}");
        }
    }
}
