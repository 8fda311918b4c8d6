//! What changed since the time before: from the last answers of both.

use chrono::TimeDelta;

use crate::compare::{Surprise, surprises};
use crate::error::Result;
use crate::ledger::{Filter, Ledger};
use crate::model::{ModelId, Response, ServiceTier, Timestamp, Tokens};
use crate::prepare::here::Here;
use crate::report::Audience;

/// So long before the time that is asked for.
const BEFORE: TimeDelta = TimeDelta::days(30);

/// So many answers of each are looked at, the last ones.
const ANSWERS: u32 = 500;

/// What is new in a time that has a beginning; of a run, or of all time, there is nothing before.
pub(super) fn surprising(
    ledger: &Ledger,
    filter: &Filter,
    audience: Option<&Audience>,
    here: &Here<'_>,
) -> Result<Vec<Surprise>> {
    let (Some(since), None) = (filter.since, &filter.run) else { return Ok(Vec::new()) };
    let own = |filter: &Filter| -> Result<Vec<Response>> {
        let mut answers = ledger.responses().newest(filter, ANSWERS)?;
        answers.retain(|response| audience.is_none_or(|audience| audience.has(&response.attribution)));
        Ok(answers)
    };
    let earlier = Filter { run: None, since: since.checked_sub_signed(BEFORE), until: Some(since) };
    let (before, after) = (own(&earlier)?, own(filter)?);
    let Some(last) = after.first().map(|response| response.at) else { return Ok(Vec::new()) };
    let prices = here.prices_to_compare()?;
    let quote = |model: &ModelId, tier: &ServiceTier, at: Timestamp, tokens: &Tokens| {
        prices.quote(model, tier, at, tokens).cost
    };
    Ok(surprises(&before, &after, last, &quote))
}
