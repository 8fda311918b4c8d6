//! `govern prices update FILE`: a newer price list, without a newer govern and without a network.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::import::repriced;
use crate::ledger::Ledger;
use crate::model::Repriced;
use crate::prepare::here::Here;
use crate::prepare::price_list;
use crate::report::page::{Item, Page, Tone};
use crate::report::text::count;
use crate::usage::price::PriceTable;

/// Puts the list where govern looks for it, and prices what had no price.
pub(super) fn update(from: &Path, here: &Here<'_>) -> Result<(Page, serde_json::Value)> {
    let hint = "cheaper prices would lift its limits: do it from a terminal of your own";
    let refused = "prices are not changed from inside an agent";
    crate::cli::for_no_agent(refused, hint).map_err(|no| no.exit(Exit::Refused))?;
    let place = price_list::file(|name| here.variable(name))
        .ok_or_else(|| Error::new("there is no folder for the price list").hint("set HOME"))?;
    // A list that cannot be read is replaced.
    let before = price_list::in_force(|name| here.variable(name)).unwrap_or_else(|_| PriceTable::embedded().clone());
    let from = here.cwd.join(from);
    let text = price_list::read(&from)?;
    let (table, date) = price_list::parse(&from, &text)?;
    if price_list::day(&before).is_some_and(|known| date < known) {
        return Err(Error::new(format!(
            "`{}` is of {date}, older than the list in force, of {}",
            from.display(),
            before.version()
        ))
        .hint("nothing was changed; a list is in force when it is the newest"));
    }
    write(&text, &place)?;
    let repriced = reprice(here)?;
    let page = page(&before, &table, &place, repriced);
    let document = json!({
        "schema": "govern.prices/1",
        "prices": super::json::head(&table),
        "before": before.version(),
        "models": table.models().count(),
        "repriced": { "responses": repriced.responses, "cost_usd": repriced.cost },
    });
    Ok((page, document))
}

/// Whole or not at all: a govern that reads it meanwhile sees the old one or the new one.
fn write(text: &str, place: &Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(format!("the price list `{}` cannot be written", place.display())).caused_by(&error)
    };
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let beside = folder.join(format!(".prices.toml.{}", std::process::id()));
    let put = || {
        let mut file = fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, place)
    };
    put().map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

fn reprice(here: &Here<'_>) -> Result<Repriced> {
    if here.ledger()?.is_none() {
        return Ok(Repriced::default());
    }
    let policy = here.policy(None)?.policy;
    let prices = here.prices(&policy)?;
    repriced(&mut Ledger::open(&here.state_folder()?)?, &policy, &prices, here.now)
}

fn page(before: &PriceTable, table: &PriceTable, place: &Path, repriced: Repriced) -> Page {
    let known = |model: &&crate::usage::price::Model| before.models().find(|old| old.name == model.name);
    let (mut new, mut changed) = (0_u64, 0_u64);
    for model in table.models() {
        match known(&model) {
            None => new += 1,
            Some(old) if old != model => changed += 1,
            Some(_) => {}
        }
    }
    let mut items = vec![
        Item::new("in force", format!("{}, before: {}", table.version(), before.version()), Tone::Good),
        Item::new(
            "models",
            format!("{}, {} new, {} changed", count(table.models().count() as u64, "model", "models"), new, changed),
            Tone::Plain,
        ),
        Item::new("file", place.display().to_string(), Tone::Plain),
    ];
    if repriced.responses > 0 {
        let responses = count(repriced.responses, "response", "responses");
        items.push(Item::new("ledger", format!("{responses} had no price: {} now", repriced.cost), Tone::Plain));
    }
    let mut page = Page::default();
    page.list(items);
    page
}
