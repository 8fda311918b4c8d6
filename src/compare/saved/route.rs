//! What a cheaper model saved: the same tokens at the price of the model before.

use std::collections::BTreeMap;

use crate::model::event::EventKind;
use crate::model::with_unit::counted;
use crate::model::{AgentName, Cost, ModelId, Money, Response, ThreadId, Tokens, Verb};

use super::super::Quote;
use super::{ActedRun, Amount, Intervention, Saved, done};

/// How a thread went on before a route.
struct Before {
    model: ModelId,
    /// The input of its last request: what the model's cache had.
    input: u64,
}

#[derive(Default)]
struct Thread {
    last: Option<Before>,
    /// What it would have gone on with.
    base: Option<Before>,
    agent: Option<AgentName>,
}

/// A route and what came of it.
struct Route {
    saved: Saved,
    to: ModelId,
    from: Option<ModelId>,
    least: i64,
    most: i64,
    counted: u64,
    unpriced: u64,
    /// Responses of threads that have no model before.
    without: u64,
}

pub(super) fn routes(past: &ActedRun<'_>, quote: Quote<'_>) -> Vec<Saved> {
    let mut threads: BTreeMap<ThreadId, Thread> = BTreeMap::new();
    let mut routes: Vec<Route> = Vec::new();
    for event in past.events {
        if let Some((Verb::Route, decision)) = done(event) {
            let Some(to) = decision.to.clone() else { continue };
            for thread in threads.values_mut().filter(|thread| thread.agent == event.agent) {
                // Of two routes, one after the other, the model before the first one would have gone on.
                if thread.base.is_none() {
                    thread.base = thread.last.take().filter(|last| last.model != to);
                }
            }
            routes.push(Route::new(past, event.at, event.agent.clone(), to));
        } else if let EventKind::Response(response) = &event.kind {
            let thread = threads.entry(response.thread.clone()).or_default();
            thread.agent.clone_from(&event.agent);
            let is_its =
                |route: &&mut Route| route.saved.agent == event.agent && Some(&route.to) == response.model.as_ref();
            if let Some(route) = routes.iter_mut().rev().find(is_its) {
                route.count(response, thread.base.as_mut(), quote);
            }
            let model = response.model.clone();
            thread.last = model.map(|model| Before { model, input: response.tokens.input });
        }
    }
    routes.into_iter().filter_map(Route::told).collect()
}

impl Route {
    fn new(past: &ActedRun<'_>, at: crate::model::Timestamp, agent: Option<AgentName>, to: ModelId) -> Self {
        let amount = Amount::NotKnown(String::new());
        let saved =
            Saved { at, run: past.run.clone(), agent, act: Intervention::Route, amount, because: String::new() };
        Self { saved, to, from: None, least: 0, most: 0, counted: 0, unpriced: 0, without: 0 }
    }

    fn count(&mut self, response: &Response, base: Option<&mut Before>, quote: Quote<'_>) {
        let Some(base) = base else {
            self.without = self.without.saturating_add(1);
            return;
        };
        let paid = response.cost.money();
        let at_old = |tokens: &Tokens| priced(quote(&base.model, &response.tier, response.at, tokens));
        let Tokens { input, cached_input, cache_write_input, .. } = response.tokens;
        // What the model before had in its cache it would have read from there; only the first request shows it.
        let readable = input.saturating_sub(cache_write_input);
        let kept = Tokens { cached_input: base.input.min(readable).max(cached_input), ..response.tokens };
        match (paid, at_old(&response.tokens), at_old(&kept)) {
            (Some(paid), Some(most), Some(least)) => {
                self.least = self.least.saturating_add(least.min(most).saturating_sub(paid.nanos()));
                self.most = self.most.saturating_add(most.saturating_sub(paid.nanos()));
                self.counted = self.counted.saturating_add(1);
                self.from.get_or_insert_with(|| base.model.clone());
            }
            _ => self.unpriced = self.unpriced.saturating_add(1),
        }
        base.input = 0;
    }

    /// `None`: no answer came by it, so that it did nothing.
    fn told(self) -> Option<Saved> {
        let Self { to, from, counted: number, unpriced, without, .. } = &self;
        let mut left_out = Vec::new();
        if *without > 0 {
            let many = counted(*without, "answer", "answers");
            left_out.push(format!("{many} of threads that began after it"));
        }
        if *unpriced > 0 {
            left_out.push(format!("{} without a price", counted(*unpriced, "answer", "answers")));
        }
        let (amount, because) = match (from, left_out.is_empty()) {
            (None, true) => return None,
            (None, false) => (
                Amount::NotKnown(format!("there is nothing to compare {} with", left_out.join(" and "))),
                String::new(),
            ),
            (Some(from), whole) => {
                let less = if whole { String::new() } else { format!("; without {}", left_out.join(" and ")) };
                let many = counted(*number, "answer", "answers");
                let (least, most) = (Money::from_nanos(self.least), Money::from_nanos(self.most));
                (Amount::Known { least, most }, format!("{many} of `{to}` in the place of `{from}`{less}"))
            }
        };
        Some(Saved { amount, because, ..self.saved })
    }
}

fn priced(cost: Cost) -> Option<i64> {
    match cost {
        Cost::Priced(cost) | Cost::Estimated(cost) => Some(cost.nanos()),
        Cost::Unpriced => None,
    }
}
