//! An amount of something that a budget can limit, in one spelling everywhere.

mod hint;

use std::fmt;

pub use hint::quantity_hint;

use super::Money;

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Dollars at list price; amounts are nano-dollars.
    Usd,
    /// What ChatGPT plans count: 25 a dollar at list price. Amounts are nano-dollars, too.
    Credits,
    /// Uncached input and output tokens.
    Tok,
    /// All input and output tokens.
    AllTok,
    /// Answers of a model.
    Responses,
    /// Calls of tools that an agent's model makes, those that are refused included.
    ToolCalls,
    /// Active time, holds not counted; amounts are milliseconds.
    Minutes,
}

/// An amount and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// What is counted.
    pub unit: Unit,
    /// How much, in the unit's smallest part: nano-dollars (of credits, too), tokens, responses, calls, milliseconds.
    pub amount: i64,
}

/// Why a text is no quantity. The texts complete "`…` ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// No number, or no known unit behind it.
    #[error("is not a quantity")]
    Malformed,
    /// How much of a ChatGPT plan's own limit, which only a budget and an alert can look at.
    #[error("is a share of a plan's own limit, and no amount")]
    OfPlan,
    /// Zero, where something must be left.
    #[error("must be more than zero")]
    NotPositive,
    /// Less than zero.
    #[error("is less than nothing")]
    Negative,
    /// A part of what is counted in whole ones.
    #[error("is a part of one, and only whole ones are counted")]
    Fraction,
    /// More than can be meant.
    #[error("is absurdly large")]
    TooLarge,
}

/// What a credit costs, in nano-dollars: 25 are a dollar (OpenAI's rate card for Codex, since 2026-04-02).
const CREDIT: i64 = 40_000_000;

/// A thousand million dollars, tokens by the million million: beyond is a typing mistake.
const MOST: i64 = 1_000_000_000_000_000_000;

impl Quantity {
    /// So many dollars.
    pub fn usd(money: Money) -> Self {
        Self { unit: Unit::Usd, amount: money.nanos() }
    }

    /// Reads `5 usd`, `$5`, `200k tok`, `2M all tok`, `500 credits`, `50 responses`, `60 tool calls`, `30 minutes`, and
    /// what can mean nothing else: `5 dollars`, `5$`, `USD 5`, `2 hours`, `90 s`;
    /// spaces are optional, case does not matter save that both `k` and `K`, `m` and `M` multiply.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        Self::parse_limit(text).and_then(|quantity| match quantity.amount {
            0 => Err(QuantityError::NotPositive),
            _ => Ok(quantity),
        })
    }

    /// The same, of a limit: one of zero lets nothing start.
    pub fn parse_limit(text: &str) -> Result<Self, QuantityError> {
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
        if let Some((hours, minutes)) = hours_and_minutes(&squeezed) {
            let (hours, minutes) = (Self::parse_limit(hours)?, Self::parse_limit(&minutes)?);
            let amount = hours.amount.checked_add(minutes.amount).filter(|_| hours.unit == minutes.unit);
            return amount.map(|amount| Self { unit: Unit::Minutes, amount }).ok_or(QuantityError::Malformed);
        }
        let before = ["$", "usd", "USD"].into_iter().find_map(|sign| squeezed.strip_prefix(sign));
        let (squeezed, dollar) = (before.unwrap_or(&squeezed), before.is_some());
        let split = squeezed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(squeezed.len());
        let (number, unit) = squeezed.split_at(split);
        let (factor, unit) = multiplier(unit);
        let unit = if dollar && unit.is_empty() { "usd" } else { unit };
        let lower = unit.to_ascii_lowercase();
        let (unit, per_one) = match lower.as_str() {
            "usd" | "$" | "dollar" | "dollars" => (Unit::Usd, 1_000_000_000),
            "tok" | "token" | "tokens" => (Unit::Tok, 1),
            "alltok" | "alltokens" => (Unit::AllTok, 1),
            "response" | "responses" => (Unit::Responses, 1),
            "minute" | "minutes" | "min" | "mins" => (Unit::Minutes, 60_000),
            "hour" | "hours" | "hr" | "hrs" | "h" => (Unit::Minutes, 3_600_000),
            "second" | "seconds" | "sec" | "secs" | "s" => (Unit::Minutes, 1_000),
            "toolcall" | "toolcalls" => (Unit::ToolCalls, 1),
            "credit" | "credits" => (Unit::Credits, CREDIT),
            _ if lower.starts_with("%plan") => return Err(QuantityError::OfPlan),
            _ => return Err(QuantityError::Malformed),
        };
        if dollar && unit != Unit::Usd {
            return Err(QuantityError::Malformed);
        }
        let amount = scaled_decimal(number, factor, per_one)?;
        // Less than the smallest part is no nothing that somebody wrote.
        if amount == 0 && per_one > 1 && number.contains(|c: char| matches!(c, '1'..='9')) {
            return Err(QuantityError::NotPositive);
        }
        Ok(Self { unit, amount })
    }
}

/// `1h30m` as `1h` and `30min`: behind hours an `m` can only be minutes. Likewise of minutes and seconds.
fn hours_and_minutes(squeezed: &str) -> Option<(&str, String)> {
    let letters = squeezed.find(|c: char| c.is_ascii_alphabetic())?;
    let second = letters + squeezed.get(letters..)?.find(|c: char| c.is_ascii_digit())?;
    let (first, rest) = squeezed.split_at(second);
    let unit = |text: &str| text.trim_start_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase();
    let is_more = match unit(first).as_str() {
        "h" | "hr" | "hrs" | "hour" | "hours" => {
            matches!(unit(rest).as_str(), "m" | "min" | "mins" | "minute" | "minutes")
        }
        "min" | "mins" | "minute" | "minutes" => {
            matches!(unit(rest).as_str(), "s" | "sec" | "secs" | "second" | "seconds")
        }
        _ => false,
    };
    is_more.then(|| (first, if unit(rest) == "m" { format!("{rest}in") } else { rest.to_owned() }))
}

/// A leading `k` or `M` of what follows the number, and the rest.
fn multiplier(unit: &str) -> (i64, &str) {
    let is_word = |rest: &str| {
        let rest = rest.to_ascii_lowercase();
        rest.is_empty()
            || ["tok", "all", "usd", "$", "dollar", "cred", "resp", "tool"].iter().any(|word| rest.starts_with(word))
    };
    for (letters, factor) in [(['k', 'K'], 1_000), (['m', 'M'], 1_000_000)] {
        if let Some(rest) = unit.strip_prefix(letters)
            && is_word(rest)
        {
            return (factor, rest);
        }
    }
    (1, unit)
}

fn scaled_decimal(number: &str, factor: i64, per_one: i64) -> Result<i64, QuantityError> {
    let whole_digits = number.trim_start_matches('-').split('.').next().unwrap_or_default();
    if whole_digits.len() > 15 {
        return Err(QuantityError::TooLarge);
    }
    // Nine decimal places are read exactly, then carried over to the unit's smallest part.
    let nanos = match Money::parse_decimal(number) {
        Some(money) => i128::from(money.nanos()),
        None => {
            let whole: i128 = number.parse().map_err(|_| QuantityError::Malformed)?;
            whole * 1_000_000_000
        }
    };
    let scale = i128::from(factor) * i128::from(per_one);
    let amount = nanos.checked_mul(scale).ok_or(QuantityError::TooLarge)?;
    if amount < 0 {
        return Err(QuantityError::Negative);
    }
    if per_one == 1 && amount % 1_000_000_000 != 0 {
        return Err(QuantityError::Fraction);
    }
    let amount = amount / 1_000_000_000;
    if amount > i128::from(MOST) {
        return Err(QuantityError::TooLarge);
    }
    i64::try_from(amount).map_err(|_| QuantityError::TooLarge)
}

impl Unit {
    /// Shows an amount of this unit: `$1.20`, `200k tok`, `2.5M all tok`, `12 responses`, `30 min`.
    pub fn show(self, amount: i64) -> String {
        match self {
            Self::Usd => Money::from_nanos(amount).to_string(),
            Self::Credits if amount == CREDIT => "1 credit".to_owned(),
            Self::Credits => format!("{} credits", credits_in_short(amount)),
            Self::Tok => format!("{} tok", short_count(amount)),
            Self::AllTok => format!("{} all tok", short_count(amount)),
            Self::Responses if amount == 1 => "1 response".to_owned(),
            Self::Responses => format!("{amount} responses"),
            Self::ToolCalls if amount == 1 => "1 tool call".to_owned(),
            Self::ToolCalls => format!("{amount} tool calls"),
            Self::Minutes => {
                // A tenth tells apart what a limit of a few would else call the same.
                let (unit, of, tenths) = if amount < 120_000 { ("s", 1_000, 120) } else { ("min", 60_000, 10) };
                match (amount / of, (amount % of * 10 / of).abs()) {
                    (whole, tenth) if tenth != 0 && whole < tenths => format!("{whole}.{tenth} {unit}"),
                    (whole, _) => format!("{whole} {unit}"),
                }
            }
        }
    }

    /// An amount as one word that a shell leaves alone and [`Quantity::parse`] reads back: `0.02usd`.
    pub fn typed(self, amount: i64) -> String {
        match self {
            Self::Usd => format!("{}usd", Money::from_nanos(amount).to_decimal()),
            Self::Credits => format!("{}credits", credits_exactly(amount)),
            Self::Tok => format!("{amount}tok"),
            Self::AllTok => format!("{amount}alltok"),
            Self::Responses => format!("{amount}responses"),
            Self::ToolCalls => format!("{amount}toolcalls"),
            // Whole minutes, and at least one: a person types no milliseconds.
            Self::Minutes => format!("{}minutes", (amount + 59_999) / 60_000),
        }
    }

    /// As JSON spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usd => "usd",
            Self::Credits => "credits",
            Self::Tok => "tok",
            Self::AllTok => "all_tok",
            Self::Responses => "responses",
            Self::ToolCalls => "tool_calls",
            Self::Minutes => "minutes",
        }
    }

    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Usd, Self::Credits, Self::Tok, Self::AllTok, Self::Responses, Self::ToolCalls, Self::Minutes];

    /// The unit that [`Unit::as_str`] spells so.
    pub fn from_str_exact(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == word)
    }

    /// It is counted by what a response costs, so that one without a price cannot be counted.
    pub fn is_money(self) -> bool {
        matches!(self, Self::Usd | Self::Credits)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.unit.show(self.amount))
    }
}

/// `12.5`: credits of so many nano-dollars, exactly.
pub fn credits_exactly(nanos: i64) -> String {
    let billionths = i128::from(nanos) * 25;
    let (whole, part) = (billionths / 1_000_000_000, (billionths % 1_000_000_000).unsigned_abs());
    let sign = if billionths < 0 && whole == 0 { "-" } else { "" };
    format!("{sign}{whole}.{part:09}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `12.5`, `1,250`: credits of so many nano-dollars in hundredths, `<0.01` where there are less.
fn credits_in_short(nanos: i64) -> String {
    let hundredth = i128::from(CREDIT) / 100;
    let hundredths = (i128::from(nanos) + hundredth / 2).div_euclid(hundredth);
    if hundredths == 0 && nanos > 0 {
        return "<0.01".to_owned();
    }
    let (sign, hundredths) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    let text = format!("{sign}{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `950`, `12.3k`, `1.5M`: counts as people say them.
pub fn short_count(count: i64) -> String {
    let magnitude = count.unsigned_abs();
    let sign = if count < 0 { "-" } else { "" };
    let tenths = |unit: u64| {
        let tenths = (magnitude + unit / 20) / (unit / 10);
        if tenths.is_multiple_of(10) {
            format!("{sign}{}", tenths / 10)
        } else {
            format!("{sign}{}.{}", tenths / 10, tenths % 10)
        }
    };
    if magnitude >= 999_950 {
        format!("{}M", tenths(1_000_000))
    } else if magnitude >= 1_000 {
        format!("{}k", tenths(1_000))
    } else {
        count.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_the_design_is_read() {
        let cases = [
            ("5 usd", Unit::Usd, 5_000_000_000),
            ("5usd", Unit::Usd, 5_000_000_000),
            ("$5", Unit::Usd, 5_000_000_000),
            ("$0.05", Unit::Usd, 50_000_000),
            ("1k usd", Unit::Usd, 1_000_000_000_000),
            ("200ktok", Unit::Tok, 200_000),
            ("200k tok", Unit::Tok, 200_000),
            ("1.5M tok", Unit::Tok, 1_500_000),
            ("2M all tok", Unit::AllTok, 2_000_000),
            ("500 credits", Unit::Credits, 20_000_000_000),
            ("1credit", Unit::Credits, 40_000_000),
            ("12.5 Credits", Unit::Credits, 500_000_000),
            ("2k credits", Unit::Credits, 80_000_000_000),
            ("50 responses", Unit::Responses, 50),
            ("60 tool calls", Unit::ToolCalls, 60),
            ("1toolcall", Unit::ToolCalls, 1),
            ("2k tool calls", Unit::ToolCalls, 2_000),
            ("30 minutes", Unit::Minutes, 1_800_000),
            ("0.5 minutes", Unit::Minutes, 30_000),
            ("5$", Unit::Usd, 5_000_000_000),
            ("USD 5", Unit::Usd, 5_000_000_000),
            ("5 dollars", Unit::Usd, 5_000_000_000),
            ("1 dollar", Unit::Usd, 1_000_000_000),
            ("2k$", Unit::Usd, 2_000_000_000_000),
            ("30 mins", Unit::Minutes, 1_800_000),
            ("2h", Unit::Minutes, 7_200_000),
            ("30min", Unit::Minutes, 1_800_000),
            ("1 hour", Unit::Minutes, 3_600_000),
            ("2 hrs", Unit::Minutes, 7_200_000),
            ("1h 30m", Unit::Minutes, 5_400_000),
            ("1h30min", Unit::Minutes, 5_400_000),
            ("2 minutes 30 seconds", Unit::Minutes, 150_000),
            ("1.5 hours", Unit::Minutes, 5_400_000),
            ("90 s", Unit::Minutes, 90_000),
        ];
        for (text, unit, amount) in cases {
            assert_eq!(Quantity::parse(text), Ok(Quantity { unit, amount }), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_budget_is_refused_with_its_reason() {
        let cases = [
            ("", QuantityError::Malformed),
            ("five usd", QuantityError::Malformed),
            ("5", QuantityError::Malformed),
            ("5 eur", QuantityError::Malformed),
            ("30m", QuantityError::Malformed),
            ("5m 30m", QuantityError::Malformed),
            ("1h 5 usd", QuantityError::Malformed),
            ("$5 tok", QuantityError::Malformed),
            ("0 usd", QuantityError::NotPositive),
            ("-3 usd", QuantityError::Negative),
            ("0.0000000001 usd", QuantityError::Malformed),
            ("99999999999999999999 usd", QuantityError::TooLarge),
            ("9999999999 usd", QuantityError::TooLarge),
            ("999999999999999M usd", QuantityError::TooLarge),
            ("$5 credits", QuantityError::Malformed),
            ("0.4 responses", QuantityError::Fraction),
            ("1.9 responses", QuantityError::Fraction),
            ("0.0015k tok", QuantityError::Fraction),
            ("0 credits", QuantityError::NotPositive),
            ("80% plan 5h", QuantityError::OfPlan),
        ];
        for (text, error) in cases {
            assert_eq!(Quantity::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_shown_to_be_typed_is_read_back() {
        let amounts = [
            (Unit::Usd, 20_000_000),
            (Unit::Credits, 20_000_001),
            (Unit::Credits, 40_000_000),
            (Unit::Tok, 40_000),
            (Unit::AllTok, 7),
            (Unit::Responses, 12),
            (Unit::ToolCalls, 60),
            (Unit::Minutes, 120_000),
        ];
        for (unit, amount) in amounts {
            assert_eq!(Quantity::parse(&unit.typed(amount)), Ok(Quantity { unit, amount }));
        }
    }

    #[test]
    fn every_unit_has_a_word_of_its_own() {
        for unit in Unit::ALL {
            assert_eq!(Unit::from_str_exact(unit.as_str()), Some(unit));
        }
        assert_eq!([Unit::ToolCalls.show(1), Unit::ToolCalls.show(60)], ["1 tool call", "60 tool calls"]);
    }

    #[test]
    fn a_limit_may_be_nothing_at_all() {
        for text in ["0 usd", "$0", "0.00 credits", "0 tok", "0 tool calls", "0k responses"] {
            assert_eq!(Quantity::parse_limit(text).map(|limit| limit.amount), Ok(0), "{text}");
            assert_eq!(Quantity::parse(text), Err(QuantityError::NotPositive), "{text}");
        }
        for (text, error) in [
            ("-1 usd", QuantityError::Negative),
            ("0.4 tok", QuantityError::Fraction),
            ("0.0001 ms minutes", QuantityError::Malformed),
            ("0.00000001 minutes", QuantityError::NotPositive),
        ] {
            assert_eq!(Quantity::parse_limit(text), Err(error), "{text}");
        }
    }

    #[test]
    fn credits_are_shown_as_such() {
        let cases = [
            (20_000_000_000, "500 credits"),
            (40_000_000, "1 credit"),
            (500_000_000, "12.5 credits"),
            (0, "0 credits"),
            (1, "<0.01 credits"),
            (-40_000_000, "-1 credits"),
        ];
        for (nanos, shown) in cases {
            assert_eq!(Unit::Credits.show(nanos), shown, "{nanos}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_back(unit in proptest::sample::select(Unit::ALL.to_vec()), amount in 1_i64..1_000_000_000_000) {
            let read = Quantity::parse(&unit.typed(amount)).unwrap();
            // Minutes are typed whole.
            let amount = if unit == Unit::Minutes { (amount + 59_999) / 60_000 * 60_000 } else { amount };
            prop_assert_eq!(read, Quantity { unit, amount });
        }

        #[test]
        fn arbitrary_text_is_read_or_refused(text in ".{0,30}") {
            let limit = Quantity::parse_limit(&text);
            prop_assert!(limit.is_err() || limit.is_ok_and(|limit| limit.amount >= 0));
        }
    }

    #[test]
    fn counts_are_short() {
        for (count, shown) in
            [(0, "0"), (999, "999"), (1_000, "1k"), (12_345, "12.3k"), (999_960, "1M"), (2_500_000, "2.5M")]
        {
            assert_eq!(short_count(count), shown);
        }
    }
}
