//! Each column of FOCUS, by name, and what govern writes into it.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;

use super::super::By;
use super::super::csv::text;
use super::super::group_by::Pieces;
use super::super::text::rfc3339;
use super::super::token_kinds::Kind;
use super::{Origin, Part, Price};
use crate::model::{Attribution, Billing, Dimension, ModelId, Money, Timestamp, WorkClass};

/// One row of the dataset.
struct Charge<'a> {
    origin: &'a Origin,
    kind: Kind,
    part: &'a Part,
    tags: &'a str,
    /// The calendar month that the day is in.
    month: (Timestamp, Timestamp),
}

/// A column's name, and its value in a row.
type Column = (&'static str, fn(&Charge<'_>) -> String);

/// The dataset's names and values, in the order that the specification asks for: alphabetical, custom ones last. A null
/// is empty.
const COLUMNS: &[Column] = &[
    ("BilledCost", |_| Money::ZERO.to_decimal()),
    ("BillingAccountId", |_| "Unknown".to_owned()),
    ("BillingAccountName", |_| String::new()),
    ("BillingCurrency", |_| "USD".to_owned()),
    ("BillingPeriodEnd", |charge| rfc3339(charge.month.1)),
    ("BillingPeriodStart", |charge| rfc3339(charge.month.0)),
    ("ChargeCategory", |_| "Usage".to_owned()),
    ("ChargeClass", |_| String::new()),
    ("ChargeDescription", |charge| text(&charge.description())),
    ("ChargeFrequency", |_| "Usage-Based".to_owned()),
    ("ChargePeriodEnd", |charge| rfc3339(charge.origin.day.1)),
    ("ChargePeriodStart", |charge| rfc3339(charge.origin.day.0)),
    ("ConsumedQuantity", |charge| charge.part.tokens.to_string()),
    ("ConsumedUnit", |_| "Tokens".to_owned()),
    ("ContractedCost", |charge| charge.part.counted.to_decimal()),
    ("ContractedUnitPrice", |charge| charge.unit_price(|_, counted| counted)),
    ("EffectiveCost", |charge| charge.effective().to_decimal()),
    ("HostProviderName", |charge| text(charge.provider())),
    ("InvoiceIssuerName", |charge| text(charge.provider())),
    ("ListCost", |charge| charge.part.list.to_decimal()),
    ("ListUnitPrice", |charge| charge.unit_price(|list, _| list)),
    ("PricingCategory", |charge| charge.pricing_category().to_owned()),
    ("PricingQuantity", |charge| millions(charge.part.tokens)),
    ("PricingUnit", |_| "1000000 Tokens".to_owned()),
    ("ProviderName", |charge| text(charge.provider())),
    ("PublisherName", |charge| text(charge.provider())),
    ("ServiceCategory", |_| "AI and Machine Learning".to_owned()),
    ("ServiceName", |charge| text(charge.service())),
    ("ServiceProviderName", |charge| text(charge.provider())),
    ("ServiceSubcategory", |_| "Generative AI".to_owned()),
    ("SkuId", |charge| text(&charge.sku())),
    ("SkuMeter", |charge| meter(charge.kind).to_owned()),
    ("SkuPriceDetails", |charge| text(&charge.price_details())),
    ("SkuPriceId", |charge| text(&charge.price_id())),
    ("Tags", |charge| text(charge.tags)),
    ("x_Basis", |charge| if charge.origin.estimated { "estimated" } else { "observed" }.to_owned()),
    ("x_Billing", |charge| charge.origin.billing.as_str().to_owned()),
    ("x_Price", |charge| charge.origin.price.how().to_owned()),
];

/// All rows that have any tokens, or a cost.
pub(super) fn csv(rows: &HashMap<Origin, [Part; 4]>, zone: Tz) -> String {
    let mut sorted: Vec<(&Origin, String, &[Part; 4])> =
        rows.iter().map(|(origin, parts)| (origin, tags(&origin.attribution, origin.work), parts)).collect();
    sorted.sort_by(|(one, one_tags, _), (other, other_tags, _)| {
        let of = |origin: &Origin| (origin.day, origin.provider.clone(), origin.billing, origin.model.clone());
        let rest = |origin: &Origin| (origin.tier.clone(), origin.estimated, format!("{:?}", origin.price));
        of(one).cmp(&of(other)).then_with(|| one_tags.cmp(other_tags)).then_with(|| rest(one).cmp(&rest(other)))
    });
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut lines = names.join(",") + "\n";
    let months = Pieces::of(&[By::Month], zone);
    for (origin, tags, parts) in sorted {
        let month = months.bounds(origin.day.0);
        for (kind, part) in Kind::ALL.into_iter().zip(parts) {
            if part.tokens == 0 && part.counted == Money::ZERO {
                continue;
            }
            let charge = Charge { origin, kind, part, tags: &tags, month };
            let cells: Vec<String> = COLUMNS.iter().map(|(_, value)| value(&charge)).collect();
            lines += &cells.join(",");
            lines.push('\n');
        }
    }
    lines
}

impl Price {
    fn how(&self) -> &'static str {
        match self {
            Self::Rated { how, .. } => how,
            Self::Apportioned => "apportioned",
            Self::Unpriced => "unpriced",
        }
    }
}

impl Charge<'_> {
    fn model(&self) -> &str {
        self.origin.model.as_ref().map_or("unnamed", ModelId::as_str)
    }

    /// Who serves it, and sends the invoice if anybody does. FOCUS wants the same name for both where nothing says
    /// otherwise.
    fn provider(&self) -> &str {
        match (self.origin.provider.as_deref(), self.origin.billing) {
            (Some("openai"), _) | (None, Billing::Api | Billing::Plan) => "OpenAI",
            (Some(other), _) => other,
            (None, Billing::Local | Billing::Unknown) => "Unknown",
        }
    }

    fn service(&self) -> &str {
        match self.origin.billing {
            Billing::Api => "OpenAI API",
            Billing::Plan => "ChatGPT plan",
            Billing::Local | Billing::Unknown => self.provider(),
        }
    }

    fn description(&self) -> String {
        let how = match self.origin.billing {
            Billing::Api => "",
            Billing::Plan => " (on a ChatGPT plan: list-price equivalent)",
            Billing::Local => " (a local model)",
            Billing::Unknown => " (OpenAI's list price: of another provider or an unknown login)",
        };
        format!("{} of {}{how}", meter(self.kind), self.model())
    }

    /// The fee of a plan covers what is used on it.
    fn effective(&self) -> Money {
        match self.origin.billing {
            Billing::Plan => Money::ZERO,
            Billing::Api | Billing::Local | Billing::Unknown => self.part.counted,
        }
    }

    fn pricing_category(&self) -> &'static str {
        match self.origin.billing {
            Billing::Api | Billing::Unknown => "Standard",
            Billing::Plan | Billing::Local => "Other",
        }
    }

    fn unit_price(&self, of: fn(Money, Money) -> Money) -> String {
        let Price::Rated { list, counted, .. } = &self.origin.price else { return String::new() };
        let mut prices = Kind::ALL.into_iter().zip(list.iter().zip(counted));
        let found = prices.find(|(kind, _)| *kind == self.kind);
        found.map(|(_, (list, counted))| of(*list, *counted).to_decimal()).unwrap_or_default()
    }

    fn sku(&self) -> String {
        let kind = match self.kind {
            Kind::Input => "input",
            Kind::CachedInput => "cached_input",
            Kind::CacheWrite => "cache_write",
            Kind::Output => "output",
        };
        format!("{}/{kind}", self.model())
    }

    /// What the unit price can be looked up by; empty where there is none.
    fn price_id(&self) -> String {
        match self.origin.price {
            Price::Rated { long_context, .. } => {
                format!("{}/{}{}", self.sku(), self.origin.tier, if long_context { "/long" } else { "" })
            }
            Price::Apportioned | Price::Unpriced => String::new(),
        }
    }

    fn price_details(&self) -> String {
        let Price::Rated { long_context, .. } = self.origin.price else { return String::new() };
        serde_json::json!({ "x_LongContext": long_context, "x_ServiceTier": self.origin.tier.as_str() }).to_string()
    }
}

fn meter(kind: Kind) -> &'static str {
    match kind {
        Kind::Input => "Input Tokens",
        Kind::CachedInput => "Cached Input Tokens",
        Kind::CacheWrite => "Cache Write Tokens",
        Kind::Output => "Output Tokens",
    }
}

/// `1.234567`: a number of tokens in the unit that has a price.
fn millions(tokens: u64) -> String {
    format!("{}.{:06}", tokens / 1_000_000, tokens % 1_000_000)
}

/// The attribution and the class of work as a JSON object: labels under their own keys, `label:KEY` where an attribution has that name. Empty
/// where nothing is known.
fn tags(attribution: &Attribution, work: Option<WorkClass>) -> String {
    use Dimension::{Branch, Client, Project, Task, Team, User};
    let mut tags: BTreeMap<String, &str> = BTreeMap::new();
    let named = [Team, Project, Client, User, Task, Branch];
    for dimension in &named {
        tags.extend(attribution.get(dimension).map(|value| (dimension.to_string(), value)));
    }
    tags.extend(work.map(|class| ("work".to_owned(), class.as_str())));
    for (key, value) in &attribution.labels {
        let taken = key == "work" || named.iter().any(|dimension| dimension.to_string() == *key);
        tags.insert(if taken { format!("label:{key}") } else { key.clone() }, value);
    }
    if tags.is_empty() { String::new() } else { serde_json::json!(tags).to_string() }
}
