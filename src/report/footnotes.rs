//! What must be said beside a sum: marks on its row, and a line below the table for each mark.

use super::page::{Cell, Item, Tone};
use super::rounding::money_column;
use super::summary::Totals;
use super::text::count;
use crate::model::{Billing, Guess};

/// Some of it is estimated.
const ESTIMATED: &str = "~";
/// Some of it has no price, or could not be seen, and is not in the cost.
pub(super) const LACKING: &str = "+?";
/// In place of a cost: none of it has a price.
pub(super) const UNPRICED: &str = "unpriced";
/// In place of an amount: nothing of it could be seen.
pub(super) const UNSEEN: &str = "unseen";

/// Where it is marked who is paid, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Billed {
    /// On each row that is not paid by API key.
    Marked,
    /// Only if some rows differ from others: else the line below says it of all.
    MarkedIfMixed,
}

impl Billed {
    fn is_marked(self, whole: &Totals) -> bool {
        match self {
            Self::Marked => true,
            Self::MarkedIfMixed => whole.billing.len() > 1,
        }
    }
}

/// The marks of a sum, such as `~ plan`; empty where there is nothing to say. What is true of a part of it only stands
/// in parentheses.
pub(super) fn marks(totals: &Totals, whole: &Totals, billed: Billed) -> Cell {
    let estimated = totals.inferred > 0 || totals.stand_in > 0;
    let lacking = (totals.unpriced > 0 || totals.unobserved) && totals.known_cost().is_some();
    let other: Vec<&str> =
        totals.billing.keys().filter(|kind| **kind != Billing::Api).map(|kind| mark(*kind)).collect();
    let billing = match (totals.billing.len(), other.as_slice()) {
        (_, []) => None,
        (1, [only]) => Some((*only).to_owned()),
        (_, parts) => Some(format!("({})", parts.join(" "))),
    };
    let billing = billing.filter(|_| billed.is_marked(whole));
    let words: Vec<&str> = [estimated.then_some(ESTIMATED), lacking.then_some(LACKING), billing.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    Cell::toned(words.join(" "), if lacking { Tone::Warn } else { Tone::Quiet })
}

fn mark(billing: Billing) -> &'static str {
    match billing {
        Billing::Api => "api",
        Billing::Plan => "plan",
        Billing::Local => "local",
        // Of another provider than OpenAI, or of a login through the environment.
        Billing::Unknown => "other",
    }
}

/// What the marks on a table mean, with how many responses or how much each is about, and what could not be read.
pub(super) fn notes<'a>(
    totals: &Totals,
    billed: Billed,
    unpriced_models: impl Iterator<Item = Option<&'a str>>,
    skipped_lines: u64,
) -> Vec<Item> {
    let mut notes: Vec<Item> = of_billing(totals, billed);
    if totals.unpriced > 0 {
        let models: Vec<String> = unpriced_models
            .map(|model| model.map_or("a model that is not named".to_owned(), |m| format!("`{m}`")))
            .collect();
        let text = format!(
            "No price for {} of {}: not in the cost.",
            count(totals.unpriced, "response", "responses"),
            models.join(", ")
        );
        notes.push(Item::new(if totals.known_cost().is_some() { LACKING } else { UNPRICED }, text, Tone::Warn));
    }
    if totals.unobserved {
        notes.push(of_unobserved(totals));
    }
    if totals.stand_in > 0 {
        let text = format!(
            "The price of {} is estimated: none is published for the model or the service tier. `govern prices show \
             MODEL` says what stands in.",
            count(totals.stand_in, "response", "responses")
        );
        notes.push(Item::new(ESTIMATED, text, Tone::Quiet));
    }
    let (of_price, of_tokens) = totals.guesses.iter().partition::<Vec<_>, _>(|(guess, _)| guess.is_of_price());
    for (guess, many) in &of_price {
        let many = count(**many, "response", "responses");
        let text = format!("The price of {many} is estimated, because {}.", guess.reason());
        notes.push(Item::new(ESTIMATED, text, Tone::Quiet));
    }
    let inferred = totals.inferred.saturating_sub(of_price.iter().map(|(_, many)| **many).sum());
    if inferred > 0 {
        notes.push(Item::new(ESTIMATED, tokens_inferred(inferred, &of_tokens), Tone::Quiet));
    }
    if skipped_lines > 0 {
        notes.push(Item::warning(format!(
            "{} of session files could not be read: there may be more spend than this.",
            count(skipped_lines, "line", "lines")
        )));
    }
    notes
}

/// Why the figures are not all that there was.
fn of_unobserved(totals: &Totals) -> Item {
    match totals.known_cost() {
        None if totals.is_unseen() => {
            Item::new(UNSEEN, "What was spent could not be observed: it is not known.", Tone::Bad)
        }
        None | Some(_) => Item::new(
            LACKING,
            "Part of what was spent could not be observed: all sums are the least that it was.",
            Tone::Bad,
        ),
    }
}

fn of_billing(totals: &Totals, billed: Billed) -> Vec<Item> {
    let mixed = totals.billing.len() > 1;
    let note = |(billing, cost): (&Billing, &_)| {
        let part =
            if mixed { format!("{} of it", money_column(&[Some(*cost)], "").total) } else { "The cost".to_owned() };
        let text = match billing {
            Billing::Api => return None,
            Billing::Plan => {
                format!("{part} is the list-price equivalent of use on a ChatGPT plan: nobody is billed these dollars.")
            }
            Billing::Local => format!("{part} is of local models, which cost nothing."),
            Billing::Unknown => {
                format!(
                    "{part} is OpenAI's list price, and the bill may differ: another provider served it, or the login is \
                     not known."
                )
            }
        };
        Some(Item::new(if billed.is_marked(totals) { mark(*billing) } else { "" }, text, Tone::Quiet))
    };
    totals.billing.iter().filter_map(note).collect()
}

/// How many responses have inferred tokens, and why.
fn tokens_inferred(many: u64, reasons: &[(&Guess, &u64)]) -> String {
    let head = format!("The tokens of {} are inferred, not read", count(many, "response", "responses"));
    match reasons {
        [] => format!("{head}: estimated."),
        [(guess, _)] => format!("{head}, because {}.", guess.reason()),
        several => {
            let parts: Vec<String> =
                several.iter().map(|(guess, count)| format!("{count} because {}", guess.reason())).collect();
            format!("{head}: {}.", parts.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Money;

    fn totals(billing: &[(Billing, i64)]) -> Totals {
        let billing: BTreeMap<_, _> = billing.iter().map(|(billing, usd)| (*billing, Money::from_usd(*usd))).collect();
        Totals { responses: 10, cost: billing.values().copied().sum(), billing, ..Totals::default() }
    }

    #[test]
    fn a_row_is_marked_where_its_dollars_are_not_plain() {
        let api = totals(&[(Billing::Api, 3)]);
        let plan = totals(&[(Billing::Plan, 3)]);
        for (totals, shown) in [
            (Totals::default(), ""),
            (api.clone(), ""),
            (plan.clone(), "plan"),
            (totals(&[(Billing::Api, 1), (Billing::Plan, 2)]), "(plan)"),
            (totals(&[(Billing::Plan, 1), (Billing::Local, 0)]), "(plan local)"),
            (totals(&[(Billing::Local, 0)]), "local"),
            (totals(&[(Billing::Unknown, 1)]), "other"),
            (Totals { inferred: 1, ..plan.clone() }, "~ plan"),
            (Totals { stand_in: 1, unpriced: 1, ..api.clone() }, "~ +?"),
            (Totals { unpriced: 10, cost: Money::ZERO, ..api }, ""),
        ] {
            assert_eq!(marks(&totals, &totals, Billed::Marked).text, shown, "{totals:?}");
        }
    }

    #[test]
    fn what_is_so_of_all_is_not_said_of_each_row_of_a_run() {
        let plan = totals(&[(Billing::Plan, 3)]);
        let both = totals(&[(Billing::Api, 1), (Billing::Plan, 3)]);
        let text = |whole: &Totals| marks(&plan, whole, Billed::MarkedIfMixed).text;
        assert_eq!((text(&plan).as_str(), text(&both).as_str()), ("", "plan"));
        let leads = |whole: &Totals| notes(whole, Billed::MarkedIfMixed, std::iter::empty(), 0).pop().unwrap().lead;
        assert_eq!((leads(&plan).as_str(), leads(&both).as_str()), ("", "plan"));
    }

    #[test]
    fn every_mark_is_explained_below() {
        let text = |totals: &Totals| {
            notes(totals, Billed::Marked, [Some("gpt-9")].into_iter(), 0)
                .into_iter()
                .map(|item| format!("{}: {}", item.lead, item.text))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let all = Totals {
            unpriced: 2,
            stand_in: 3,
            inferred: 3,
            guesses: BTreeMap::from([(Guess::Pause, 2), (Guess::FallenTotal, 1)]),
            ..totals(&[(Billing::Api, 1), (Billing::Plan, 2), (Billing::Local, 0), (Billing::Unknown, 4)])
        };
        insta::assert_snapshot!(text(&all));
        assert_eq!(text(&totals(&[(Billing::Api, 3)])), "");
    }
}
