//! What a whole policy means, and what is said about one that is wrong.

mod accepted;
mod alert;
mod divided;
mod gateway;
mod governor;
mod joined;
mod newcomers;
mod notify;
mod plan;
mod reconcile;
mod refused;
mod serve;
mod warned;

use std::path::PathBuf;

use super::layers::{FlagRules, Loaded, load};
use super::mistake::{LayerText, Mistake};
use super::rule::{Layer, Policy};

fn layer(layer: Layer, text: &str) -> LayerText {
    let path = match layer {
        Layer::System => "/etc/govern/policy.toml",
        Layer::User => "/home/ann/.config/govern/policy.toml",
        Layer::Repository => "/work/acme/govern.toml",
        Layer::Given => "given.toml",
        Layer::Fleet => "fleet.toml",
        Layer::Flags => "flags",
    };
    LayerText { layer, path: Some(PathBuf::from(path)), text: text.to_owned() }
}

/// One file, without its `version` line.
fn load_one(text: &str) -> Result<Loaded, Vec<Mistake>> {
    load(vec![layer(Layer::User, &format!("version = 1\n{text}"))], FlagRules::default())
}

fn policy(text: &str) -> Policy {
    match load_one(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded.policy,
        Ok(loaded) => panic!("{}", super::diagnostic::render(&loaded.warnings, false)),
        Err(mistakes) => panic!("{}", super::diagnostic::render(&mistakes, false)),
    }
}

/// The messages about one file, errors and warnings alike.
fn messages(text: &str) -> Vec<String> {
    let mistakes = load_one(text).map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
    mistakes.into_iter().map(|mistake| mistake.message).collect()
}

/// Message and hint of each mistake of one file, errors and warnings alike.
fn told(text: &str) -> Vec<(String, String)> {
    let mistakes = load_one(text).map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
    mistakes.into_iter().map(|mistake| (mistake.message, mistake.hint)).collect()
}
