//! Owns the price list that is in force: the one that govern was built with, or a newer one that the user put in.

use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::policy_files;
use crate::error::{Error, Result};
use crate::usage::price::PriceTable;

/// A list longer than this is not one.
const MOST: u64 = 1024 * 1024;

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
    match fs::File::open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(embedded.clone()),
        Err(error) => return Err(unreadable(&path, &error)),
    }
    let (own, date) = read(&path)?;
    Ok(if day(embedded).is_none_or(|built_in| date > built_in) { own } else { embedded.clone() })
}

/// Reads a list, and its date.
///
/// # Errors
///
/// It cannot be read, is no price list, or its version is not a day.
pub fn read(path: &Path) -> Result<(PriceTable, NaiveDate)> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(MOST + 1).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MOST {
        return Err(Error::new(format!("`{}` is larger than 1 MiB: it is no price list", path.display())));
    }
    let table = PriceTable::parse(&text).map_err(|error| {
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

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("the price list `{}` cannot be read", path.display()))
        .caused_by(error)
        .hint("`govern prices update FILE` puts a new one there; without the file the built-in list is in force")
}
