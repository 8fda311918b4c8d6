//! Prices by hand: each expected amount is written out, none is computed the way the product does.

use proptest::prelude::*;

use chrono::NaiveDate;

use super::*;
use crate::model::Money;
use crate::model::{Cost, Timestamp, Tokens};
use crate::model::{ModelId, ServiceTier};

fn usd(text: &str) -> Money {
    Money::parse_decimal(text).unwrap()
}

fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

fn tokens(input: u64, cached_input: u64, cache_write_input: u64, output: u64) -> Tokens {
    Tokens { input, cached_input, cache_write_input, output, reasoning_output: 0 }
}

fn quote(model: &str, tier: &ServiceTier, at: Timestamp, tokens: Tokens) -> (Cost, Option<Doubt>) {
    let quote = PriceTable::embedded().quote(&ModelId::from(model), tier, at, &tokens);
    (quote.cost, quote.doubt)
}

fn priced(text: &str) -> (Cost, Option<Doubt>) {
    (Cost::Priced(usd(text)), None)
}

fn estimated(text: &str, doubt: Doubt) -> (Cost, Option<Doubt>) {
    (Cost::Estimated(usd(text)), Some(doubt))
}

const STANDARD: ServiceTier = ServiceTier::Standard;

/// The published table of 2026-11-29, in dollars a million tokens: model, input, cached, cache
/// write, output, then the same four of long requests. `-` where none is published.
const PUBLISHED: &str = "
gpt-6.2-astra            8     0.4    10      40    16  0.8  20    60
gpt-6.2-sol              2     0.1    2.5     10    4   0.2  5     15
gpt-6.1-sol              2     0.1    2.5     10    4   0.2  5     15
gpt-6.1-terra            1     0.05   1.25    5     2   0.1  2.5   7.5
gpt-6-astra              10    1      12.5    50    20  2    25    75
gpt-6-sol                2     0.2    2.5     10    4   0.4  5     15
gpt-6-luna               0.1   0.01   0.125   0.5   0.2 0.02 0.25  0.75
gpt-6-rosalind           15    1.5    18.75   75    30  3    37.5  112.5
gpt-rosalind-discovery   5     0.5    -       25    -   -    -     -
gpt-6-cyber              20    2      25      100   -   -    -     -
gpt-5.6-sol              4     0.4    5       20    8   0.8  10    30
gpt-5.6-terra            2     0.2    2.5     12    4   0.4  5     18
gpt-5.6-luna             0.2   0.02   0.25    1.2   0.4 0.04 0.5   1.8
gpt-daybreak-blue-latest 4     0.4    5       20    8   0.8  10    30
gpt-daybreak-red-latest  12.5  1.25   15.625  75    25  2.5  31.25 112.5
gpt-5.6-cyber            12.5  1.25   15.625  75    25  2.5  31.25 112.5
gpt-5.5                  5     0.5    -       30    10  1    -     45
gpt-5.5-pro              30    -      -       180   60  -    -     270
gpt-5.5-cyber            12.5  1.25   -       75    -   -    -     -
gpt-5.4                  2.5   0.25   -       15    5   0.5  -     22.5
gpt-5.4-mini             0.75  0.075  -       4.5   -   -    -     -
gpt-5.4-nano             0.2   0.02   -       1.25  -   -    -     -
gpt-5.4-pro              30    -      -       180   60  -    -     270
gpt-5.3-codex            1.75  0.175  -       14    -   -    -     -
gpt-5.3-codex-spark      1.75  0.175  -       14    -   -    -     -
gpt-5.3-chat-latest      1.75  0.175  -       14    -   -    -     -
gpt-5.2                  1.75  0.175  -       14    -   -    -     -
gpt-5.2-codex            1.75  0.175  -       14    -   -    -     -
gpt-5.2-pro              21    -      -       168   -   -    -     -
gpt-5.1                  1.25  0.125  -       10    -   -    -     -
gpt-5.1-codex            1.25  0.125  -       10    -   -    -     -
gpt-5.1-codex-max        1.25  0.125  -       10    -   -    -     -
gpt-5.1-codex-mini       0.25  0.025  -       2     -   -    -     -
gpt-5                    1.25  0.125  -       10    -   -    -     -
gpt-5-codex              1.25  0.125  -       10    -   -    -     -
gpt-5-codex-mini         0.25  0.025  -       2     -   -    -     -
gpt-5-mini               0.25  0.025  -       2     -   -    -     -
gpt-5-nano               0.05  0.005  -       0.4   -   -    -     -
gpt-5-pro                15    -      -       120   -   -    -     -
codex-mini-latest        1.5   0.375  -       6     -   -    -     -
o3                       2     0.5    -       8     -   -    -     -
o3-pro                   20    -      -       80    -   -    -     -
o1                       15    7.5    -       60    -   -    -     -
o1-pro                   150   -      -       600   -   -    -     -
o3-mini                  1.1   0.55   -       4.4   -   -    -     -
o4-mini                  1.1   0.275  -       4.4   -   -    -     -
gpt-4.1                  2     0.5    -       8     -   -    -     -
gpt-4.1-mini             0.4   0.1    -       1.6   -   -    -     -
gpt-4.1-nano             0.1   0.025  -       0.4   -   -    -     -
";

/// What the published table says of the tiers, in multiples; `-` where the tier has no price.
const TIERS: &str = "
gpt-6.2-astra 2 0.5 - / gpt-6.2-sol 2 0.5 3 / gpt-6.1-sol 2 0.5 6 / gpt-6.1-terra 2 0.5 - / gpt-6-astra 2 0.5 6
gpt-6-sol 2 0.5 - / gpt-6-luna 2 0.5 - / gpt-6-rosalind - - - / gpt-rosalind-discovery - - - / gpt-6-cyber - - - / gpt-5.6-sol 2 0.5 -
gpt-5.6-terra 2 0.5 - / gpt-5.6-luna 2 0.5 - / gpt-daybreak-blue-latest - - - / gpt-daybreak-red-latest - - -
gpt-5.6-cyber - - - / gpt-5.5 2.5 0.5 - / gpt-5.5-pro - 0.5 - / gpt-5.5-cyber - - - / gpt-5.4 2 0.5 -
gpt-5.4-mini 2 0.5 - / gpt-5.4-nano - 0.5 - / gpt-5.4-pro - 0.5 - / gpt-5.3-codex 2 - - / gpt-5.3-codex-spark - - -
gpt-5.3-chat-latest - - - / gpt-5.2 2 0.5 - / gpt-5.2-codex - - - / gpt-5.2-pro - - - / gpt-5.1 2 0.5 -
gpt-5.1-codex 2 - - / gpt-5.1-codex-max - - - / gpt-5.1-codex-mini - - - / gpt-5 2 0.5 - / gpt-5-codex 2 - -
gpt-5-codex-mini - - - / gpt-5-mini 1.8 0.5 - / gpt-5-nano - 0.5 - / gpt-5-pro - - - / codex-mini-latest - - -
o3 1.75 0.5 - / o3-pro - - - / o1 - - - / o1-pro - - - / o3-mini - - - / gpt-4.1 1.75 - - / gpt-4.1-mini 1.75 - - / gpt-4.1-nano 2 - -
";

fn published() -> impl Iterator<Item = (&'static str, [Option<Money>; 8])> {
    PUBLISHED.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        let model = words.next().unwrap();
        let mut rates = [None; 8];
        for (rate, word) in rates.iter_mut().zip(words) {
            *rate = Money::parse_decimal(word);
        }
        (model, rates)
    })
}

#[test]
fn every_published_row_prices_right() {
    let at = noon("2026-11-22");
    let million = 1_000_000;
    for (model, rates) in published() {
        let [input, cached, written, output, long_input, long_cached, long_written, long_output] = rates;
        let cost = |tokens| quote(model, &STANDARD, at, tokens).0.money();
        // A tenth of a million stays short, so ten of them make the rate.
        let ten_times = |tokens| cost(tokens).map(|money| money.scaled(10, 1));
        let tenth = million / 10;
        assert_eq!(ten_times(tokens(tenth, 0, 0, 0)), input, "{model}");
        assert_eq!(ten_times(tokens(tenth, tenth, 0, 0)), cached.or(input), "{model}");
        assert_eq!(ten_times(tokens(tenth, 0, tenth, 0)), written.or(input), "{model}");
        assert_eq!(cost(tokens(0, 0, 0, million)), output, "{model}");

        assert_eq!(cost(tokens(million, 0, 0, 0)), long_input.or(input), "{model} long");
        assert_eq!(
            cost(tokens(million, million, 0, 0)),
            long_cached.or(long_input).or(cached).or(input),
            "{model} long"
        );
        assert_eq!(
            cost(tokens(million, 0, million, 0)),
            long_written.or(long_input).or(written).or(input),
            "{model} long"
        );
        let with_output = cost(tokens(million, 0, 0, million)).unwrap() - cost(tokens(million, 0, 0, 0)).unwrap();
        assert_eq!(Some(with_output), long_output.or(output), "{model} long");
    }
}

#[test]
fn the_table_lists_what_is_published_and_nothing_else() {
    let mut listed: Vec<&str> = PriceTable::embedded().models().map(|model| model.name.as_str()).collect();
    listed.retain(|name| *name != "codex-auto-review");
    assert_eq!(listed, published().map(|(model, _)| model).collect::<Vec<_>>());
}

#[test]
fn every_published_tier_prices_right() {
    let at = noon("2026-11-22");
    let short = tokens(100_000, 0, 0, 10_000);
    for entry in TIERS.lines().flat_map(|line| line.split(" / ")).filter(|entry| !entry.is_empty()) {
        let words: Vec<&str> = entry.split_whitespace().collect();
        let model = words[0];
        let standard = quote(model, &STANDARD, at, short).0.money().unwrap();
        for (tier, multiple) in
            [ServiceTier::Fast, ServiceTier::Flex, ServiceTier::Ultrafast].into_iter().zip(&words[1..])
        {
            let got = quote(model, &tier, at, short);
            match (Money::parse_decimal(multiple), &tier) {
                (Some(times), _) => {
                    let expected = standard.scaled(u64::try_from(times.nanos()).unwrap(), 1_000_000_000);
                    assert_eq!(got.0.money(), Some(expected), "{model} {tier}");
                }
                (None, ServiceTier::Ultrafast) => {
                    assert_eq!(got, (Cost::Unpriced, Some(Doubt::TierUnpublished)), "{model}")
                }
                (None, _) => {
                    assert_eq!(got, (Cost::Estimated(standard), Some(Doubt::TierNotOffered)), "{model} {tier}")
                }
            }
        }
    }
}

#[test]
fn costs_agree_with_those_worked_out_by_hand() {
    let today = noon("2026-11-22");
    for (model, tier, at, tokens, expected) in [
        // 8,000 plain × $2 + 2,000 cached × $0.10 + 500 out × $10, a million each.
        ("gpt-6.1-sol", STANDARD, today, tokens(10_000, 2_000, 0, 500), priced("0.0212")),
        // 5,000 plain + 2,000 cached + 3,000 written × $2.50 + 500 out.
        ("gpt-6.1-sol", STANDARD, today, tokens(10_000, 2_000, 3_000, 500), priced("0.0227")),
        ("gpt-6.1-sol", ServiceTier::Fast, today, tokens(10_000, 2_000, 3_000, 500), priced("0.0454")),
        ("gpt-6.1-sol", ServiceTier::Flex, today, tokens(10_000, 2_000, 3_000, 500), priced("0.01135")),
        ("gpt-6.1-sol", ServiceTier::Ultrafast, today, tokens(10_000, 2_000, 3_000, 500), priced("0.1362")),
        // The cliff: 272,000 in is short, one more makes the whole request long.
        ("gpt-6.1-terra", STANDARD, today, tokens(272_000, 0, 0, 1_000), priced("0.277")),
        ("gpt-6.1-terra", STANDARD, today, tokens(272_001, 0, 0, 1_000), priced("0.551502")),
        // Cached tokens count towards it, and are dearer beyond it too.
        ("gpt-6.1-terra", STANDARD, today, tokens(300_000, 290_000, 0, 0), priced("0.049")),
        ("gpt-6.1-terra", ServiceTier::Fast, today, tokens(300_000, 290_000, 0, 1_000), priced("0.113")),
        // No surcharge on models that have none.
        ("gpt-5.4-mini", STANDARD, today, tokens(400_000, 0, 0, 0), priced("0.30")),
        // No cached rate, no write fee: plain input.
        ("gpt-5.4-pro", STANDARD, today, tokens(10_000, 9_000, 500, 100), priced("0.318")),
        ("gpt-5.5", STANDARD, today, tokens(10_000, 0, 10_000, 0), priced("0.05")),
        // Published rates that are no clean multiples.
        ("gpt-5.4", ServiceTier::Flex, today, tokens(100_000, 100_000, 0, 0), priced("0.013")),
        ("o4-mini", ServiceTier::Flex, today, tokens(100_000, 100_000, 0, 10_000), priced("0.0358")),
        ("o4-mini", ServiceTier::Fast, today, tokens(100_000, 0, 0, 10_000), priced("0.28")),
        ("gpt-5.5", ServiceTier::Fast, today, tokens(100_000, 0, 0, 10_000), priced("2.00")),
        ("gpt-5-mini", ServiceTier::Fast, today, tokens(100_000, 0, 0, 0), priced("0.045")),
        // Half a nano-dollar: 1 cached token of gpt-5-nano on flex is 2.5.
        ("gpt-5-nano", ServiceTier::Flex, today, tokens(1, 1, 0, 0), priced("0.000000003")),
        ("gpt-6.1-sol", STANDARD, today, tokens(0, 0, 0, 0), priced("0")),
    ] {
        assert_eq!(quote(model, &tier, at, tokens), expected, "{model} {tier} {tokens:?}");
    }
}

#[test]
fn a_price_holds_from_midnight_utc_of_its_day() {
    let million_out = tokens(0, 0, 0, 1_000_000);
    for (model, at, expected) in [
        ("gpt-5.6-terra", "2026-07-29T23:59:59.999Z", "15"),
        ("gpt-5.6-terra", "2026-07-30T00:00:00Z", "12"),
        ("gpt-5.6-luna", "2026-07-29T23:59:59.999Z", "6"),
        ("gpt-5.6-luna", "2026-07-30T00:00:00Z", "1.2"),
        ("gpt-5.6", "2026-08-20T12:00:00Z", "30"),
        ("gpt-5.6", "2026-08-21T00:00:00Z", "20"),
        // The promotion is not taken back by itself.
        ("gpt-5.6-sol", "2026-12-24T00:00:00Z", "20"),
        ("o3", "2025-06-09T12:00:00Z", "40"),
        ("o3", "2025-06-10T12:00:00Z", "8"),
        // The first row is open to the past.
        ("gpt-6.1-sol", "2020-01-01T00:00:00Z", "10"),
        ("gpt-5.6-terra", "2026-01-01T00:00:00Z", "15"),
    ] {
        assert_eq!(quote(model, &STANDARD, at.parse().unwrap(), million_out), priced(expected), "{model} {at}");
    }
}

#[test]
fn tiers_change_on_their_days_too() {
    let out = tokens(1_000, 0, 0, 100_000);
    let long = tokens(300_000, 0, 0, 0);
    let ultrafast = |at| quote("gpt-6.2-sol", &ServiceTier::Ultrafast, noon(at), out);
    assert_eq!(ultrafast("2027-02-28"), priced("3.006"));
    assert_eq!(ultrafast("2027-03-01"), priced("6.012"));
    let fast = |model, at| quote(model, &ServiceTier::Fast, noon(at), long);
    assert_eq!(fast("gpt-5.6-terra", "2026-08-04"), estimated("1.20", Doubt::TierNotOfferedForLong));
    assert_eq!(fast("gpt-5.6-terra", "2026-08-05"), priced("2.40"));
    assert_eq!(fast("gpt-5.5", "2026-11-22"), estimated("3.00", Doubt::TierNotOfferedForLong));
    assert_eq!(fast("gpt-5.4", "2026-11-22"), estimated("1.50", Doubt::TierNotOfferedForLong));
}

#[test]
fn what_is_not_known_is_never_free_and_never_guessed_silently() {
    let at = noon("2026-11-22");
    let some = tokens(100_000, 0, 0, 10_000);
    for (model, tier, expected) in [
        ("gpt-6-astra-private", STANDARD, (Cost::Unpriced, Some(Doubt::UnknownModel))),
        ("claude-opus-5", STANDARD, (Cost::Unpriced, Some(Doubt::UnknownModel))),
        ("gpt-oss:20b", STANDARD, (Cost::Unpriced, Some(Doubt::UnknownModel))),
        ("gpt-6.1-sol", ServiceTier::Other("batch".into()), (Cost::Unpriced, Some(Doubt::UnknownTier))),
        ("gpt-5.6-sol", ServiceTier::Ultrafast, (Cost::Unpriced, Some(Doubt::TierUnpublished))),
        ("gpt-6.2-astra", ServiceTier::Ultrafast, (Cost::Unpriced, Some(Doubt::TierUnpublished))),
        ("gpt-6-rosalind", ServiceTier::Fast, estimated("2.25", Doubt::TierNotOffered)),
        ("gpt-5.3-codex-spark", STANDARD, estimated("0.315", Doubt::LowConfidence)),
        ("openai.gpt-6.1-sol", STANDARD, estimated("0.30", Doubt::Region)),
        ("us.openai.gpt-6.1-sol", STANDARD, priced("0.33")),
        ("us.openai.gpt-6.1-sol", ServiceTier::Fast, priced("0.66")),
        ("codex-auto-review", STANDARD, estimated("0.032", Doubt::StandIn)),
        ("codex-auto-review", ServiceTier::Fast, estimated("0.064", Doubt::StandIn)),
    ] {
        assert_eq!(quote(model, &tier, at, some), expected, "{model} {tier}");
    }
    let before = quote("codex-auto-review", &STANDARD, noon("2026-07-29"), some);
    assert_eq!(before, estimated("0.40", Doubt::StandIn));
}

#[test]
fn a_quote_names_the_rate_it_used() {
    let table = PriceTable::embedded();
    let long = tokens(300_000, 0, 0, 1);
    let quote = table.quote(&"azure/us/gpt-5.6".into(), &ServiceTier::Fast, noon("2026-11-22"), &long);
    let rate = quote.rate.unwrap();
    assert_eq!(rate.model.name.as_str(), "gpt-5.6-sol");
    assert_eq!(rate.since, NaiveDate::from_ymd_opt(2026, 8, 21));
    assert!(rate.long_context);
    // $4 × 2 fast × 2 long × 1.1 region; output × 1.5.
    assert_eq!(rate.rates, Rates::new(usd("17.6"), Some(usd("1.76")), Some(usd("22")), usd("66")));
}

fn own(model: &str, input: &str, output: &str) -> PriceOverride {
    let rates = Rates::new(usd(input), None, None, usd(output));
    let row = RateRow { since: None, rates, confidence: Confidence::High, note: None };
    PriceOverride {
        model: model.into(),
        price: Price::Listed(vec![row]),
        long_context: None,
        fast: None,
        flex: None,
        ultrafast: None,
    }
}

fn times(thousandths: u32) -> Option<Vec<TierRow>> {
    let price = TierPrice::Times(Factor::from_thousandths(thousandths));
    Some(vec![TierRow { since: None, price, long: true, note: None }])
}

#[test]
fn an_own_price_takes_the_listed_multipliers_where_it_says_none() {
    let flat = PriceOverride { long_context: Some(false), fast: times(1_000), ..own("gpt-6-sol", "1", "2") };
    let table = PriceTable::embedded().with_overrides(&[
        own("gpt-6.1-sol", "1", "2"),
        own("gpt-5.6", "7", "8"),
        own("gpt-6.1-sol", "0.5", "2"),
        flat,
    ]);
    let (short, long) = (tokens(100_000, 100_000, 0, 0), tokens(1_000_000, 1_000_000, 0, 0));
    let cost = |model: &str, tier: &ServiceTier, tokens: &Tokens| {
        let quote = table.quote(&model.into(), tier, noon("2026-11-22"), tokens);
        (quote.cost, quote.doubt)
    };
    let priced = |usd_text: &str| (Cost::Priced(usd(usd_text)), None);
    let odd = ServiceTier::Other("warp".into());
    for (model, tier, tokens, expected) in [
        ("gpt-6.1-sol", &STANDARD, &short, priced("0.05")),
        ("gpt-6.1-sol", &STANDARD, &long, priced("1")),
        ("gpt-6.1-sol", &ServiceTier::Fast, &short, priced("0.1")),
        ("gpt-6.1-sol", &ServiceTier::Flex, &short, priced("0.025")),
        ("gpt-6.1-sol", &odd, &short, estimated("0.05", Doubt::TierUnsaid)),
        ("gpt-6-1-sol", &STANDARD, &short, priced("0.05")),
        ("openai/gpt-6.1-sol-2026-09-29", &STANDARD, &short, priced("0.05")),
        ("us.openai.gpt-6.1-sol", &STANDARD, &short, priced("0.055")),
        // Only the alias was overridden.
        ("gpt-5.6", &STANDARD, &short, priced("0.7")),
        ("gpt-5.6", &ServiceTier::Fast, &short, priced("1.4")),
        ("gpt-5.6-sol", &STANDARD, &short, priced("0.04")),
        ("gpt-6-sol", &STANDARD, &long, priced("1")),
        ("gpt-6-sol", &ServiceTier::Fast, &long, priced("1")),
        ("gpt-6.1-sol-x", &STANDARD, &short, (Cost::Unpriced, Some(Doubt::UnknownModel))),
    ] {
        assert_eq!(cost(model, tier, tokens), expected, "{model} {tier}");
    }
    let overridden: Vec<&str> = table.overridden().map(|model| model.name.as_str()).collect();
    assert_eq!(overridden, ["gpt-6.1-sol", "gpt-6-sol", "gpt-5.6"]);
    assert_eq!(table.version(), PriceTable::embedded().version());
    assert_eq!(PriceTable::embedded().overridden().count(), 0);
}

#[test]
fn what_nobody_says_of_an_own_models_price_is_estimated() {
    let said = PriceOverride { long_context: Some(true), fast: times(2_000), ..own("said/model", "2", "10") };
    let table = PriceTable::embedded().with_overrides(&[own("my/model", "3", "4"), said]);
    let cost = |model: &str, tier: &ServiceTier, input: u64| {
        let quote = table.quote(&model.into(), tier, noon("2026-11-22"), &tokens(input, 0, 0, 0));
        (quote.cost, quote.doubt)
    };
    assert_eq!(cost("my/model", &STANDARD, 272_000), (Cost::Priced(usd("0.816")), None));
    assert_eq!(cost("my/model", &STANDARD, 300_000), estimated("0.9", Doubt::LongUnsaid));
    for tier in [ServiceTier::Fast, ServiceTier::Flex, ServiceTier::Ultrafast] {
        assert_eq!(cost("my/model", &tier, 1_000), estimated("0.003", Doubt::TierUnsaid), "{tier}");
    }
    assert_eq!(cost("said/model", &STANDARD, 300_000), (Cost::Priced(usd("1.2")), None));
    assert_eq!(cost("said/model", &ServiceTier::Fast, 1_000), (Cost::Priced(usd("0.004")), None));
    assert_eq!(cost("said/model", &ServiceTier::Flex, 1_000), estimated("0.002", Doubt::TierUnsaid));
}

#[test]
fn an_own_price_may_be_another_models_and_may_change_by_day() {
    let as_sol = |since: Option<&str>, model: &str| StandIn {
        since: since.map(|day| day.parse().unwrap()),
        model: model.into(),
    };
    let rows = vec![as_sol(None, "gpt-6.1-sol"), as_sol(Some("2026-12-01"), "gpt-6-luna")];
    let table = PriceTable::embedded()
        .with_overrides(&[PriceOverride { price: Price::As(rows), ..own("house-model", "1", "1") }]);
    let cost = |day: &str, tier: &ServiceTier, input: u64| {
        let quote = table.quote(&"house-model".into(), tier, noon(day), &tokens(input, 0, 0, 0));
        (quote.cost, quote.doubt)
    };
    assert_eq!(cost("2026-11-30", &STANDARD, 1_000_000), (Cost::Priced(usd("4")), None));
    assert_eq!(cost("2026-11-30", &ServiceTier::Fast, 100_000), (Cost::Priced(usd("0.4")), None));
    assert_eq!(cost("2026-12-01", &STANDARD, 100_000), (Cost::Priced(usd("0.01")), None));
}

#[test]
fn the_dearest_depends_on_the_tokens() {
    let at = noon("2026-11-22");
    let table = PriceTable::embedded();
    let dearest = |tier: &ServiceTier, tokens| {
        let quote = table.dearest(tier, at, &tokens);
        (quote.cost, quote.doubt)
    };
    let output = tokens(1_000, 0, 0, 100_000);
    assert_eq!(dearest(&STANDARD, output), estimated("18.03", Doubt::Dearest));
    // gpt-6-astra at six times its price.
    assert_eq!(dearest(&ServiceTier::Ultrafast, output), estimated("30.06", Doubt::Dearest));
    assert_eq!(dearest(&ServiceTier::Other("warp".into()), output), estimated("30.06", Doubt::Dearest));
    let as_sol = table.quote_as(&"gpt-6.1-sol".into(), &STANDARD, at, &output);
    assert_eq!((as_sol.cost, as_sol.doubt), estimated("1.002", Doubt::AsAnother));
    assert_eq!(table.quote_as(&"nobody".into(), &STANDARD, at, &output).cost, Cost::Unpriced);
}

fn some_model() -> impl Strategy<Value = ModelId> {
    let names: Vec<ModelId> = PriceTable::embedded().models().map(|model| model.name.clone()).collect();
    proptest::sample::select(names)
}

fn some_tier() -> impl Strategy<Value = ServiceTier> {
    proptest::sample::select(vec![STANDARD, ServiceTier::Fast, ServiceTier::Flex, ServiceTier::Ultrafast])
}

proptest! {
    #[test]
    fn more_tokens_never_cost_less(
        model in some_model(), tier in some_tier(), day in 0..1200_i64,
        input in 0..400_000_u64, cached in 0..100_u64, written in 0..100_u64, output in 0..100_000_u64,
        more_input in 0..1_000_u64, more_output in 0..1_000_u64,
    ) {
        let at = noon("2024-01-01") + chrono::TimeDelta::days(day);
        let cached = input * cached / 200;
        let written = input * written / 200;
        let less = tokens(input, cached, written, output);
        let more = tokens(input + more_input, cached, written, output + more_output);
        let table = PriceTable::embedded();
        let cost = |tokens| table.quote(&model, &tier, at, tokens).cost.money();
        // Flex and fast may end at the cliff, so compare only within one side of it.
        prop_assume!((input > 272_000) == (more.input > 272_000));
        prop_assert!(cost(&less) <= cost(&more));
    }

    #[test]
    fn no_model_costs_more_than_the_dearest(
        model in some_model(), tier in some_tier(), input in 0..600_000_u64, output in 0..100_000_u64,
    ) {
        let at = noon("2026-11-22");
        let some = tokens(input, input / 2, input / 4, output);
        let table = PriceTable::embedded();
        prop_assume!(table.resolve(&model).is_some_and(|found| found.model.retired.is_none_or(|day| at.date_naive() < day)));
        let cost = table.quote(&model, &tier, at, &some).cost.money();
        prop_assert!(cost <= table.dearest(&tier, at, &some).cost.money());
    }

    #[test]
    fn any_name_is_found_or_refused_without_a_panic(name in ".{0,40}") {
        let _ = PriceTable::embedded().resolve(&ModelId::new(name));
    }
}
