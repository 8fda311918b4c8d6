//! The price list that is in force: the one that govern was built with, or a newer one that the user put in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::policy_files;
use super::text_file::{self, Named, Unreadable};
use crate::error::{Error, Result};
use crate::policy::layers::without_known;
use crate::policy::mistake::Mistake;
use crate::usage::price::PriceTable;

/// Where the user's own list lies, whether it is there or not: beside the user's policy, with the same trust.
pub fn file(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    policy_files::config_folder(env).map(|config| config.join("govern/prices.toml"))
}

/// The newer one of the built-in list and the user's own.
///
/// # Errors
///
/// The user's own list is there and cannot be read, or makes no sense.
pub fn in_force(env: impl Fn(&str) -> Option<OsString>) -> Result<PriceTable> {
    let embedded = PriceTable::embedded();
    let Some(path) = file(env) else { return Ok(embedded.clone()) };
    if !text_file::is_there(&path).map_err(|error| unreadable(error, &path))? {
        return Ok(embedded.clone());
    }
    let text = text_file::read(&path, Named::Found).map_err(|error| unreadable(error, &path))?;
    let (own, date) = parse(&path, &text)?;
    Ok(if day(embedded).is_none_or(|built_in| date > built_in) { own } else { embedded.clone() })
}

/// A policy's warnings, but for those of models that the list in force knows.
pub fn told(warnings: Vec<Mistake>, env: impl Fn(&str) -> Option<OsString>) -> Vec<Mistake> {
    if warnings.iter().all(|warning| warning.unless_priced.is_none()) {
        return warnings;
    }
    // One that cannot be read is told of where it is needed.
    match in_force(env) {
        Ok(list) => without_known(warnings, &list),
        Err(_) => warnings,
    }
}

/// A list that somebody typed the path of: its text.
///
/// # Errors
///
/// It cannot be read.
pub fn read(path: &Path) -> Result<String> {
    text_file::read(path, Named::Typed).map_err(|error| unreadable(error, path))
}

/// A list by its text, and its date.
///
/// # Errors
///
/// It is no price list, or its version is not a day.
pub fn parse(path: &Path, text: &str) -> Result<(PriceTable, NaiveDate)> {
    let table = PriceTable::parse(text).map_err(|error| {
        Error::new(format!("`{}` is no price list", path.display()))
            .caused_by(&error)
            .hint("it has the form of src/usage/prices.toml of govern's repository")
    })?;
    match day(&table) {
        Some(date) => Ok((table, date)),
        None => {
            Err(Error::new(format!("`{}` has the version `{}`, which is not a day", path.display(), table.version()))
                .hint("write the day of its prices, such as `version = \"2026-12-01\"`: the newer list is in force"))
        }
    }
}

/// The day that a list is of.
pub fn day(table: &PriceTable) -> Option<NaiveDate> {
    table.version().parse().ok()
}

fn unreadable(error: Unreadable, path: &Path) -> Error {
    let hint = "`govern prices update FILE` puts a new one there; without the file the built-in list is in force";
    error.into_error("the price list", path, Some(hint))
}
