//! Models that the files name: one that nobody has a price for, but almost, and a ladder that does not go down.

use chrono::NaiveTime;

use super::Join;
use crate::model::{ModelId, Money, ServiceTier, Tokens};
use crate::policy::mistake::{Mistake, NamedModel, Naming, Severity, Span};
use crate::policy::rule::Rung;
use crate::usage::price::{PriceOverride, PriceTable};

const PRICE_HINT: &str = "if not, `[prices]` or `govern prices update FILE` gives it a price";

/// What rungs are compared by: a response of an agent that has worked for a while.
const TYPICAL: Tokens =
    Tokens { input: 100_000, cached_input: 80_000, cache_write_input: 0, output: 5_000, reasoning_output: 0 };

impl Join<'_> {
    /// Warns of names that no list knows, where one that it knows is near.
    pub(super) fn names(&mut self, named: Vec<Vec<NamedModel>>, own: &[PriceOverride]) {
        let list = PriceTable::embedded();
        let own: Vec<&str> = own.iter().map(|price| price.model.as_str()).collect();
        for (index, named) in named.into_iter().enumerate() {
            for NamedModel { text, span, naming } in named {
                let told = match naming {
                    // To price a version that the list does not have yet is what an own price is for.
                    Naming::Own => misnamed(&text, list, &[]).filter(|_| !is_other_version(&text, list)),
                    Naming::Name => misnamed(&text, list, &own),
                    Naming::Pattern => mispatterned(&text, list, &own),
                };
                let Some((message, hint)) = told else { continue };
                self.add(index, &span, Severity::Warning, message, &hint, None);
                if let Some(last) = self.mistakes.last_mut() {
                    last.unless_priced = Some(ModelId::new(&text));
                }
            }
        }
    }

    /// Warns of rungs that nobody has a price for: under a limit of money what is asked of them is refused.
    pub(super) fn are_priced(&mut self, ladder: &[Rung], (index, spans): (usize, &[Span]), own: &[PriceOverride]) {
        for (Rung { model, .. }, span) in ladder.iter().zip(spans) {
            let message = format!("`{model}` has no price: under a limit of money its requests are refused");
            let hint = "give it one in `[prices]` or by `govern prices update FILE`, or take it off the ladder";
            self.priced(model, (index, span), own, (message, hint));
        }
    }

    /// Warns where what has no price is to be counted as what has none, either.
    pub(super) fn stands_in(&mut self, model: &ModelId, place: (usize, &Span), own: &[PriceOverride]) {
        let message = format!("`{model}` has no price itself, so that what is counted as it has none");
        let hint = "name a model that `govern prices` lists, or give it a price in `[prices]`";
        self.priced(model, place, own, (message, hint));
    }

    /// Says so, where nobody has a price for the model, nor for a name that is almost its own: that is told already.
    fn priced(
        &mut self,
        model: &ModelId,
        (index, span): (usize, &Span),
        own: &[PriceOverride],
        (message, hint): (String, &str),
    ) {
        let list = PriceTable::embedded().with_overrides(own);
        let own: Vec<&str> = own.iter().map(|price| price.model.as_str()).collect();
        if list.resolve(model).is_some() || misnamed(model.as_str(), PriceTable::embedded(), &own).is_some() {
            return;
        }
        self.add(index, span, Severity::Warning, message, hint, None);
        if let Some(last) = self.mistakes.last_mut() {
            last.unless_priced = Some(model.clone());
        }
    }

    /// Warns of a rung that costs more than the one before it.
    pub(super) fn goes_down(&mut self, ladder: &[Rung], (index, spans): (usize, &[Span]), own: &[PriceOverride]) {
        if ladder.len() < 2 {
            return;
        }
        let list = PriceTable::embedded().with_overrides(own);
        let Some(at) = list.version().parse().ok().map(|day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc())
        else {
            return;
        };
        let cost = |rung: &Rung| -> Option<Money> {
            list.quote(&rung.model, &ServiceTier::Standard, at, &TYPICAL).cost.money()
        };
        for ((before, rung), span) in ladder.iter().zip(ladder.iter().skip(1)).zip(spans.iter().skip(1)) {
            if cost(before).zip(cost(rung)).is_some_and(|(before, rung)| before < rung) {
                let message = format!("`{}` costs more than `{}`, which stands before it", rung.model, before.model);
                let hint = "list models from expensive to cheap: `route` takes the next one";
                self.add(index, span, Severity::Warning, message, hint, None);
            }
        }
    }
}

/// Warnings without those of models that a price list of the user's own knows.
pub fn without_known(warnings: Vec<Mistake>, list: &PriceTable) -> Vec<Mistake> {
    let is_known =
        |mistake: &Mistake| mistake.unless_priced.as_ref().is_some_and(|model| list.resolve(model).is_some());
    warnings.into_iter().filter(|mistake| !is_known(mistake)).collect()
}

fn names_of<'l>(list: &'l PriceTable, own: &'l [&str]) -> impl Iterator<Item = &'l str> {
    let listed = list
        .models()
        .flat_map(|model| std::iter::once(model.name.as_str()).chain(model.aliases.iter().map(String::as_str)));
    listed.chain(own.iter().copied())
}

/// What is wrong with a name, and what may have been meant.
fn misnamed(name: &str, list: &PriceTable, own: &[&str]) -> Option<(String, String)> {
    if own.contains(&name) || list.resolve(&ModelId::new(name)).is_some() {
        return None;
    }
    let near =
        names_of(list, own).filter_map(|known| Some((distance(name, known)?, known))).min_by_key(|near| near.0)?;
    let message = format!("`{name}` is no model that the price list knows");
    Some((message, format!("did you mean `{}`? {PRICE_HINT}", near.1)))
}

/// The same of a pattern that matches none. Only one that names a beginning can be near to one that does.
fn mispatterned(pattern: &str, list: &PriceTable, own: &[&str]) -> Option<(String, String)> {
    let Some(beginning) = pattern.strip_suffix('*') else {
        return if is_glob(pattern) { None } else { misnamed(pattern, list, own) };
    };
    // A provider's name stands before the model's.
    let beginning = beginning.rsplit('/').next().unwrap_or(beginning);
    if is_glob(beginning) || names_of(list, own).any(|known| known.starts_with(beginning)) {
        return None;
    }
    let length = beginning.chars().count();
    let beginnings = names_of(list, own)
        .flat_map(|known| [length, length.saturating_sub(1), length + 1].map(|count| first(known, count)));
    let near: Vec<(usize, &str)> = beginnings.filter_map(|known| Some((distance(beginning, known)?, known))).collect();
    // A version that the list does not have yet is none that was misspelt.
    let is_version = |known: &str| known.chars().count() == length && letters(known) == letters(beginning);
    if near.iter().any(|(_, known)| is_version(known)) {
        return None;
    }
    // What differs by its dashes and dots alone is nearest.
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let near = near.into_iter().min_by_key(|(distance, known)| (plain(known) != plain(beginning), *distance))?;
    let message = format!("`{pattern}` matches no model that the price list knows");
    Some((message, format!("did you mean `{}*`?", near.1)))
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn first(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
}

/// A model of the list has this name but for its version.
fn is_other_version(name: &str, list: &PriceTable) -> bool {
    names_of(list, &[]).any(|known| letters(known) == letters(name))
}

/// How far a name is from a known one, if it is a slip of the finger.
fn distance(name: &str, known: &str) -> Option<usize> {
    let length = name.chars().count();
    // Longer texts are no slips, and comparing them costs their product.
    let most = match length {
        0..4 | 65.. => return None,
        4..8 => 1,
        _ => 2,
    };
    let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    (distance <= most).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_models_that_nobody_listed() {
        let list = PriceTable::embedded();
        for (name, near) in [
            ("gpt-6.1-tera", Some("gpt-6.1-terra")),
            ("gpt6-luna", Some("gpt-6-luna")),
            ("openai/gpt-6.1-sol", None),
            ("gpt-6.1-sol-2026-10-01", None),
            ("qwen3-coder", None),
            ("mine", None),
            ("o9", None),
        ] {
            let told = misnamed(name, list, &["mine"]).map(|(_, hint)| hint);
            let meant = near.map(|near| format!("did you mean `{near}`? {PRICE_HINT}"));
            assert_eq!(told, meant, "{name}");
        }
        assert_eq!(misnamed("gpt-6.1-tera", list, &["gpt-6.1-tera"]), None, "it has a price of its own");
    }

    #[test]
    fn a_beginning_that_no_model_has_is_told() {
        let list = PriceTable::embedded();
        for (pattern, near) in [
            ("gtp-6*", Some("did you mean `gpt-6*`?")),
            ("GPT-6*", Some("did you mean `gpt-6*`?")),
            ("gpt6*", Some("did you mean `gpt-6*`?")),
            ("gpt-10*", None),
            ("gpt-6*", None),
            ("openai/gpt-6*", None),
            ("gpt-7*", None),
            ("gpt-*-sol", None),
            ("qwen*", None),
            ("*", None),
        ] {
            let told = mispatterned(pattern, list, &[]).map(|(_, hint)| hint);
            assert_eq!(told.as_deref(), near, "{pattern}");
        }
    }
}
