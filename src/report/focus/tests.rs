//! What a reader of FOCUS may rely on.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{Guess, Tokens};
use crate::report::tests::sample;
use crate::usage::price::{Confidence, Price, PriceOverride, RateRow, Rates};

/// The columns that FOCUS 1.3 calls mandatory, among them those that 1.2 has and 1.3 deprecates.
const MANDATORY: [&str; 23] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
];

/// A response at the list's price.
fn listed(when: &str, model: &str, tokens: Tokens) -> Response {
    let mut response = sample::response(when, "codex", "t1", model, "0");
    response.tokens = tokens;
    response.cost = PriceTable::embedded().quote(&model.into(), &response.tier, response.at, &tokens).cost;
    response
}

fn tokens(input: u64, cached_input: u64, cache_write_input: u64, output: u64) -> Tokens {
    Tokens { input, cached_input, cache_write_input, output, reasoning_output: 0 }
}

fn csv_with(own: &PriceTable, responses: &[Response]) -> String {
    let mut charges = Charges::new(PriceTable::embedded(), own, Tz::Europe__Berlin);
    responses.iter().for_each(|response| charges.add(response.clone()));
    charges.to_csv()
}

/// The rows, each value under its column's name.
fn read(csv: &str) -> Vec<BTreeMap<String, String>> {
    let cells = |line: &str| {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        cells
    };
    let mut lines = csv.lines();
    let names = cells(lines.next().unwrap());
    lines.map(|line| names.iter().cloned().zip(cells(line)).collect()).collect()
}

fn rows(responses: &[Response]) -> Vec<BTreeMap<String, String>> {
    read(&csv_with(PriceTable::embedded(), responses))
}

fn usd(row: &BTreeMap<String, String>, column: &str) -> i64 {
    Money::parse_decimal(&row[column]).unwrap().nanos()
}

#[test]
fn all_mandatory_columns_are_there_in_order_and_own_ones_come_last() {
    let head = csv_with(PriceTable::embedded(), &[]);
    let names: Vec<&str> = head.trim_end().split(',').collect();
    for name in MANDATORY {
        assert!(names.contains(&name), "{name}");
    }
    let (own, theirs): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("x_"));
    assert!(theirs.is_sorted() && own.is_sorted() && names.ends_with(&own), "{names:?}");
}

#[test]
fn a_dataset() {
    let mut labelled = listed("2026-11-20T22:59:59Z", "gpt-6.1-sol", tokens(300_000, 100_000, 50_000, 2_000));
    labelled.attribution.labels =
        BTreeMap::from([("tier", "gold"), ("team", "a, \"b\"")].map(|(k, v)| (k.into(), v.into())));
    let next_day = Response { at: sample::at("2026-11-20T23:00:00Z"), ..labelled.clone() };
    let plan = Response { billing: Billing::Plan, basis: Basis::Estimated(Guess::Pause), ..labelled.clone() };
    insta::assert_snapshot!(csv_with(PriceTable::embedded(), &[labelled.clone(), labelled, plan, next_day]));
}

#[test]
fn nobody_is_ever_billed_and_a_plan_covers_its_use() {
    let api = listed("2026-11-20T10:00:00Z", "gpt-6.1-sol", tokens(10_000, 0, 0, 500));
    let plan = Response { billing: Billing::Plan, ..api.clone() };
    let rows = rows(&[api, plan]);
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(usd(&row, "BilledCost"), 0);
        let effective = if row["x_Billing"] == "plan" { 0 } else { usd(&row, "ListCost") };
        assert_eq!(usd(&row, "EffectiveCost"), effective, "{row:?}");
        assert!(usd(&row, "ListCost") > 0);
    }
}

#[test]
fn what_has_no_price_has_no_unit_price_and_says_so() {
    let mut response = listed("2026-11-20T10:00:00Z", "gpt-99", tokens(10_000, 0, 0, 500));
    assert_eq!(response.cost, Cost::Unpriced);
    response.attribution = Attribution::default();
    let mut charges = Charges::new(PriceTable::embedded(), PriceTable::embedded(), Tz::UTC);
    charges.add(response);
    assert_eq!(charges.unpriced(), 1);
    for row in read(&charges.to_csv()) {
        assert_eq!((row["x_Price"].as_str(), usd(&row, "ListCost")), ("unpriced", 0));
        let empty = ["ListUnitPrice", "ContractedUnitPrice", "SkuPriceId", "SkuPriceDetails", "Tags"];
        assert!(empty.iter().all(|column| row[*column].is_empty()), "{row:?}");
    }
}

#[test]
fn rates_of_the_policy_are_contracted_and_the_list_stays_the_list() {
    let own = PriceTable::embedded().with_overrides(&[PriceOverride {
        model: "gpt-6.1-sol".into(),
        price: Price::Listed(vec![RateRow {
            since: None,
            rates: Rates::new(Money::from_usd(1), None, None, Money::from_usd(2)),
            confidence: Confidence::High,
            note: None,
        }]),
        long_context: Some(false),
        fast: None,
        flex: None,
        ultrafast: None,
    }]);
    let mut response = listed("2026-11-20T10:00:00Z", "gpt-6.1-sol", tokens(1_000_000, 0, 0, 0));
    let list = response.cost.money().unwrap();
    response.cost = Cost::Priced(Money::from_usd(1));
    let rows = read(&csv_with(&own, &[response]));
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0]["x_Price"].as_str(), rows[0]["ContractedUnitPrice"].as_str()), ("policy", "1.00"));
    assert_eq!((usd(&rows[0], "ContractedCost"), usd(&rows[0], "ListCost")), (1_000_000_000, list.nanos()));
    assert_ne!(list, Money::from_usd(1));
}

#[test]
fn long_requests_and_other_tiers_have_prices_of_their_own() {
    let at = "2026-11-20T10:00:00Z";
    let short = listed(at, "gpt-6.1-sol", tokens(1_000, 0, 0, 100));
    let long = listed(at, "gpt-6.1-sol", tokens(900_000, 0, 0, 100));
    let ids: Vec<String> = rows(&[short, long]).into_iter().map(|row| row["SkuPriceId"].clone()).collect();
    assert!(
        ids.iter().any(|id| id.ends_with("/standard")) && ids.iter().any(|id| id.ends_with("/standard/long")),
        "{ids:?}"
    );
}

fn any_tokens() -> impl Strategy<Value = Tokens> {
    (0_u64..400_000, 0_u64..400_000, 0_u64..400_000, 0_u64..50_000)
        .prop_map(|(plain, cached, written, output)| tokens(plain + cached + written, cached, written, output))
}

proptest! {
    #[test]
    fn rows_add_up_to_the_ledger(
        picks in prop::collection::vec((any_tokens(), 0_usize..4, 0_i64..3, 0_i64..200_000), 0..20),
    ) {
        let responses: Vec<Response> = picks.iter().map(|(tokens, model, odd, second)| {
            let model = ["gpt-6.1-sol", "gpt-6-luna", "gpt-6-astra", "gpt-99"][*model];
            let mut response = listed("2026-11-20T10:00:00Z", model, *tokens);
            response.at += chrono::TimeDelta::seconds(*second);
            // A cost that no table has any more.
            if let (Cost::Priced(cost), 1..) = (response.cost, odd) {
                response.cost = Cost::Priced(cost.scaled(2, 3) + Money::from_nanos(*odd));
            }
            response
        }).collect();
        let rows = rows(&responses);
        let sum = |column: &str| rows.iter().map(|row| usd(row, column)).sum::<i64>();
        let cost: Money = responses.iter().filter_map(|response| response.cost.money()).sum();
        prop_assert_eq!(sum("ContractedCost"), cost.nanos());
        prop_assert_eq!(sum("EffectiveCost"), cost.nanos());
        let counted: u64 = rows.iter().map(|row| row["ConsumedQuantity"].parse::<u64>().unwrap()).sum();
        prop_assert_eq!(counted, responses.iter().map(|response| response.tokens.total()).sum::<u64>());
        for row in rows.iter().filter(|row| row["x_Price"] == "list") {
            // FOCUS: the list cost is unit price times quantity. Each response may be off by less than a nano-dollar.
            let quantity: i128 = row["ConsumedQuantity"].parse().unwrap();
            let product = i128::from(usd(row, "ListUnitPrice")) * quantity / 1_000_000;
            let off = (i128::from(usd(row, "ListCost")) - product).abs();
            prop_assert!(off <= responses.len() as i128, "{} off: {:?}", off, row);
        }
    }

    #[test]
    fn absurd_counts_do_no_harm(tokens in any::<[u64; 4]>(), nanos in 0..i64::MAX) {
        let [input, cached_input, cache_write_input, output] = tokens;
        let mut response = listed("2026-11-20T10:00:00Z", "gpt-6.1-sol", Tokens {
            input, cached_input, cache_write_input, output, reasoning_output: 0,
        });
        response.cost = Cost::Priced(Money::from_nanos(nanos));
        let sum: i64 = rows(&[response]).iter().map(|row| usd(row, "ContractedCost")).sum();
        prop_assert_eq!(sum, nanos);
    }
}
