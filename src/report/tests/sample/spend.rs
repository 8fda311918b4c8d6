//! Responses as reports of spend show them.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{prices, response};
use crate::model::{Basis, Billing, Cost, Guess, Money, Response, Slice, Sum};
use crate::report::group_by::Pieces;
use crate::report::{By, Frame, Summary, Tally};

/// Three teams, one unknown; four models, one unpriced; two ways to pay; two days.
pub(crate) fn summary(by: &[&str]) -> Summary {
    let mut responses = [
        response("2026-11-20T09:00:00Z", "codex", "t1", "gpt-6-astra", "1.2500012"),
        response("2026-11-20T22:30:00Z", "codex", "t1", "gpt-6.1-sol", "0.3333333"),
        response("2026-11-21T10:00:00Z", "docs", "t2", "gpt-6.1-sol", "0.3333333"),
        response("2026-11-21T11:00:00Z", "docs", "t2", "gpt-6-luna", "0.0000451"),
        response("2026-11-21T12:00:00Z", "codex", "t3", "a-model-with-a-rather-long-name-of-its-own", "0"),
    ];
    for (index, response) in responses.iter_mut().enumerate() {
        match index {
            2 => response.attribution.team = Some("a team | with = \"odd\" name".into()),
            3 => {
                response.attribution.team = None;
                response.billing = Billing::Plan;
            }
            4 => response.cost = Cost::Unpriced,
            _ => {}
        }
        response.tokens.input += 1_234 * index as u64;
        response.attribution.labels = BTreeMap::from([("tier".to_owned(), "gold".to_owned())]);
    }
    let by: Vec<By> = by.iter().map(|word| By::parse(word).unwrap()).collect();
    let mut summary = summed(&by, Tz::Europe__Berlin, &responses);
    summary.frame.skipped_lines = 3;
    summary
}

/// Two weeks in which little was done: dear and cheap days, some without spend, a plan's, an estimated and an imported one.
pub(crate) fn days(by: &[&str]) -> Summary {
    let mut responses = [
        ("2026-11-02T09:00:00Z", "gpt-6-astra", "12.50"),
        ("2026-11-03T09:00:00Z", "gpt-6.1-sol", "3.1234567"),
        ("2026-11-03T10:00:00Z", "gpt-6-luna", "0.0012"),
        ("2026-11-06T10:00:00Z", "gpt-6.1-sol", "7.25"),
        ("2026-11-09T10:00:00Z", "gpt-6-luna", "0.33"),
    ]
    .map(|(when, model, usd)| response(when, "codex", "t1", model, usd));
    for (index, response) in responses.iter_mut().enumerate() {
        response.tokens.cache_write_input = 700 * index as u64;
        response.tokens.output += 600_000 * index as u64;
        match index {
            1 => response.basis = Basis::Estimated(Guess::FirstTotal),
            2 => response.cost = Cost::Estimated(Money::parse_decimal("0.0012").unwrap()),
            3 => response.billing = Billing::Plan,
            4 => (response.run, response.agent) = (None, None),
            _ => {}
        }
    }
    let by: Vec<By> = by.iter().map(|word| By::parse(word).unwrap()).collect();
    summed(&by, Tz::Europe__Berlin, &responses)
}

/// What a ledger would say of one response.
pub(crate) fn slice(response: &Response, pieces: Pieces) -> Slice {
    Slice {
        start: Some(pieces.start(response.at)),
        run: response.run.clone(),
        thread: Some(response.thread.clone()),
        agent: response.agent.clone(),
        model: response.model.clone(),
        work: response.work,
        source: Some(response.source),
        billing: response.billing,
        attribution: response.attribution.clone(),
        sum: Sum::of(response),
    }
}

/// The summary of these responses, as a report makes it.
pub(crate) fn summed(by: &[By], zone: Tz, responses: &[Response]) -> Summary {
    let mut tally = Tally::new(by, zone);
    let pieces = Pieces::of(by, zone);
    responses.iter().for_each(|response| tally.add(&slice(response, pieces)));
    responses.iter().for_each(|response| tally.explain(response));
    let times = || responses.iter().map(|response| response.at);
    tally.finish(Frame {
        since: None,
        until: None,
        span: times().min().zip(times().max()),
        skipped_lines: 0,
        prices: prices(),
    })
}
