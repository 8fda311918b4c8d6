//! The `[models]` table.

use globset::GlobMatcher;
use toml::Spanned;
use toml::de::DeValue;

use crate::model::{ModelId, ServiceTier};
use crate::policy::mistake::{Naming, Notes};
use crate::policy::rule::{Layer, Rung, Unpriced};
use crate::policy::suggest;
use crate::policy::table::{Entry, Keys, Placed, Table, Text, as_text, wrong_type};

use super::{Draft, TierDraft, pattern, regular};

const KEYS: Keys =
    Keys { of: "`[models]`", known: &["ladder", "allow", "service_tiers", "tiers", "unpriced"], later: &[] };
const RUNG: Keys = Keys { of: "a rung of the ladder", known: &["model", "effort"], later: &[] };

/// The most models of a ladder.
const MOST_RUNGS: usize = 100;

const TIERS_EXAMPLE: &str = "{ frontier = \"gpt-6.2-astra\", cheap = \"gpt-6-luna\" }";

/// The most tiers.
const MOST_TIERS: usize = 50;

const RUNG_EXAMPLE: &str = "[\"gpt-6.2-astra\", { model = \"gpt-6.1-terra\", effort = \"low\" }]";

/// Reads the ladder, the allowed models and what an unpriced one means.
pub(super) fn check(root: &Table<'_>, draft: &mut Draft, notes: &mut Notes) {
    let Some(table) = root.table("models", "{ ladder = [\"gpt-6.2-astra\", \"gpt-6-luna\"] }", notes) else { return };
    let table = table.only(&KEYS, notes);
    draft.ladder = ladder(&table, notes);
    draft.allow = table.texts("allow", "[\"gpt-6*\"]", notes).map(|texts| {
        if texts.value.is_empty() {
            notes.refuse(&texts.span, "`allow` is empty: no model could be used", "leave it out to allow all");
        }
        Placed { value: patterns(&texts, notes), span: texts.span }
    });
    draft.service_tiers = service_tiers(&table, notes);
    draft.tiers = tiers(&table, notes);
    draft.unpriced = unpriced(&table, notes);
}

/// The tiers that requests may ask for.
fn service_tiers(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Vec<ServiceTier>>> {
    const TIERS: [(&str, ServiceTier); 4] = [
        ("standard", ServiceTier::Standard),
        ("fast", ServiceTier::Fast),
        ("flex", ServiceTier::Flex),
        ("ultrafast", ServiceTier::Ultrafast),
    ];
    let texts = table.texts("service_tiers", "[\"standard\"]", notes)?;
    if texts.value.is_empty() {
        notes.refuse(&texts.span, "`service_tiers` is empty: no request could be made", "leave it out to allow all");
    }
    let mut tiers = Vec::new();
    for text in &texts.value {
        match TIERS.iter().find(|(word, _)| *word == text.value) {
            Some((_, tier)) => tiers.push(tier.clone()),
            None => {
                let hint = suggest::hint(text.value, &TIERS.each_ref().map(|(word, _)| *word));
                notes.refuse(&text.span, format!("`{}` is not a service tier", text.value), hint);
            }
        }
    }
    Some(Placed { value: tiers, span: texts.span })
}

fn ladder(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Vec<Placed<Rung>>>> {
    let items = table.one_or_more("ladder", MOST_RUNGS, notes)?;
    let mut rungs: Vec<Placed<Rung>> = Vec::new();
    for item in items.value {
        let Some(value) = rung(item, notes) else { continue };
        if rungs.iter().any(|other| other.value == value) {
            let message = format!("`{}` stands twice on the ladder", value.model);
            notes.refuse(&item.span(), message, "list each model once, from expensive to cheap");
        }
        rungs.push(Placed { value, span: item.span() });
    }
    Some(Placed { value: rungs, span: items.span })
}

fn rung(item: &Spanned<DeValue<'_>>, notes: &mut Notes) -> Option<Rung> {
    if let Some(text) = as_text(item) {
        return Some(Rung { model: model(&text, notes)?, effort: None });
    }
    let DeValue::Table(entries) = item.get_ref() else {
        wrong_type("ladder", item, "a list of models", RUNG_EXAMPLE, notes);
        return None;
    };
    let table = Table::new(entries, item.span());
    let table = table.only(&RUNG, notes);
    let effort = table.text("effort", "\"low\"", notes).and_then(|text| effort(&text, notes));
    let Some(text) = table.text("model", "\"gpt-6.1-terra\"", notes) else {
        if table.get("model").is_none() {
            notes.refuse(&table.span, "the rung has no `model`", "add `model = \"gpt-6.1-terra\"`");
        }
        return None;
    };
    Some(Rung { model: model(&text, notes)?, effort })
}

/// What models of Codex's catalogue offer (0.171).
const EFFORTS: [&str; 8] = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"];

/// Models bring efforts of their own, so that only the shape is checked. One that is sent to a server which does not know
/// it is refused there.
pub(super) fn effort(text: &Text<'_>, notes: &mut Notes) -> Option<String> {
    if !text.value.is_empty() && text.value.len() <= 40 && text.value.bytes().all(|byte| byte.is_ascii_lowercase()) {
        if !EFFORTS.contains(&text.value) {
            let message = format!("`{}` is no reasoning effort of a model that is known", text.value);
            notes.warn(&text.span, message, suggest::hint(text.value, &EFFORTS));
        }
        return Some(text.value.to_owned());
    }
    let message = format!("`{}` is not a reasoning effort", text.value);
    notes.refuse(&text.span, message, "write one that the model offers, such as `low`, `medium` or `high`");
    None
}

/// A model that a rule is about, by its name.
pub(crate) fn model(text: &Text<'_>, notes: &mut Notes) -> Option<ModelId> {
    let model = model_name(text, notes)?;
    notes.name_model(text.value, &text.span, Naming::Name);
    Some(model)
}

/// Models that a rule is about, by patterns.
pub(super) fn patterns(texts: &Placed<Vec<Text<'_>>>, notes: &mut Notes) -> Vec<GlobMatcher> {
    let globs = texts.value.iter().filter(|text| regular::in_value(text.value).is_none());
    globs.for_each(|text| notes.name_model(text.value, &text.span, Naming::Pattern));
    pattern::globs(texts, notes)
}

/// A model's name: one word, as it will stand on a command line.
pub(super) fn model_name(text: &Text<'_>, notes: &mut Notes) -> Option<ModelId> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+".contains(c);
    if !text.value.is_empty()
        && text.value.len() <= 200
        && text.value.chars().all(is_word)
        && !text.value.starts_with('-')
    {
        return Some(ModelId::new(text.value));
    }
    let message = format!("`{}` is not the name of a model", text.value);
    notes.refuse(&text.span, message, "write it as Codex does, such as `gpt-6.2-sol`");
    None
}

/// What agents may register, and the model that each stands for.
fn tiers(table: &Table<'_>, notes: &mut Notes) -> Vec<TierDraft> {
    let Some(table) = table.table("tiers", TIERS_EXAMPLE, notes) else { return Vec::new() };
    let entries = table.entries();
    if entries.is_empty() {
        notes.warn(
            &table.span,
            "`tiers` is empty: no agent can register one",
            format!("write `tiers = {TIERS_EXAMPLE}`"),
        );
    }
    if entries.len() > MOST_TIERS {
        let message = format!("`tiers` has {} entries, which is absurdly many", entries.len());
        notes.refuse(&table.span, message, format!("no more than {MOST_TIERS} are read"));
    }
    let mut tiers = Vec::new();
    for Entry { key, value } in entries.into_iter().take(MOST_TIERS) {
        let Some(text) = as_text(value) else {
            wrong_type(key.value, value, "the name of a model", "\"gpt-6.2-sol\"", notes);
            continue;
        };
        let named = tier_name(&key, notes);
        let model = model(&text, notes);
        if let (Some(name), Some(model)) = (named, model) {
            tiers.push(TierDraft { name, model, span: text.span });
        }
    }
    tiers
}

/// A tier's name is one word: it is typed after `--model-tier`.
fn tier_name(key: &Text<'_>, notes: &mut Notes) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.value.is_empty() && key.value.len() <= 40 && key.value.chars().all(plain) && !key.value.starts_with('-') {
        return Some(key.value.to_owned());
    }
    let hint = "write one word, such as `frontier`, `standard` or `cheap`";
    notes.refuse(&key.span, format!("`{}` is not the name of a tier", key.value), hint);
    None
}

fn unpriced(table: &Table<'_>, notes: &mut Notes) -> Option<Placed<Unpriced>> {
    let text = table.text("unpriced", "\"refuse\"", notes)?;
    if notes.layer() == Layer::Repository {
        super::untrusted(&text.span, "`unpriced`", notes);
        return None;
    }
    let value = match text.value {
        "refuse" => Unpriced::Refuse,
        "dearest" => Unpriced::Dearest,
        other => match other.strip_prefix("as:") {
            Some(name) => Unpriced::As(model(&Placed { value: name.trim(), span: text.span.clone() }, notes)?),
            None => {
                let hint = suggest::hint(other, &["refuse", "dearest", "as:MODEL"]);
                notes.refuse(&text.span, format!("`{other}` is no value of `unpriced`"), hint);
                return None;
            }
        },
    };
    Some(Placed { value, span: text.span })
}
