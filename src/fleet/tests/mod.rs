//! Fleet files as people write them, right and wrong.

mod accepted;
mod passing;
mod refused;

use std::path::{Path, PathBuf};

use super::load::{Around, Loaded, load};
use super::{FleetAgent, Ground};
use crate::model::Timestamp;
use crate::policy::diagnostic::render;
use crate::policy::layers::FlagRules;
use crate::policy::mistake::{LayerText, Mistake};
use crate::policy::rule::Layer;
use crate::usage::price::PriceTable;

const POLICY: &str = r#"version = 1
[models]
ladder = ["gpt-6-astra", "gpt-6.1-sol", "gpt-6-luna"]
allow  = ["gpt-6*"]
tiers  = { frontier = "gpt-6-astra", standard = "gpt-6.1-sol", cheap = "gpt-6-luna" }
"#;

/// A machine with the repository `/work/shop`, the folder `app` in it, and a plain folder `/plain`.
fn ground(path: &Path) -> Ground {
    let path: PathBuf = path.components().collect();
    match path.to_str() {
        Some("/work/shop" | "/work/shop/app") => Ground::Folder { repository: Some(PathBuf::from("/work/shop")) },
        Some("/plain") => Ground::Folder { repository: None },
        Some("/work/shop/README.md") => Ground::NoFolder,
        _ => Ground::Nothing,
    }
}

fn read_in(folder: &str, policy: &str, text: &str) -> Result<Loaded, Vec<Mistake>> {
    let path = Path::new(folder).join("pipeline.toml");
    let file = LayerText { layer: Layer::Fleet, path: Some(path), text: text.to_owned() };
    let user = LayerText {
        layer: Layer::User,
        path: Some(PathBuf::from("/home/ann/.config/govern/policy.toml")),
        text: policy.to_owned(),
    };
    let around = Around {
        base: Path::new(folder),
        ground: &ground,
        prices: PriceTable::embedded(),
        now: Timestamp::from_timestamp(1_795_000_000, 0).unwrap(),
        tells: &|_| false,
    };
    load(file, vec![user], FlagRules::default(), &around)
}

fn read(text: &str) -> Result<Loaded, Vec<Mistake>> {
    read_in("/work/shop", POLICY, &format!("version = 1\n{text}"))
}

/// What can be started, without a warning.
fn accepted(text: &str) -> Loaded {
    match read(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded,
        Ok(loaded) => panic!("{}", render(&loaded.warnings, false)),
        Err(mistakes) => panic!("{}", render(&mistakes, false)),
    }
}

/// The messages about the file, errors and warnings alike.
fn messages(text: &str) -> Vec<String> {
    let mistakes = read(text).map_or_else(|mistakes| mistakes, |loaded| loaded.warnings);
    mistakes.into_iter().map(|mistake| mistake.message).collect()
}

/// One agent with a name, a prompt and more lines.
fn agent(name: &str, more: &str) -> String {
    format!("[[agent]]\nname = \"{name}\"\nprompt = \"Do it.\"\n{more}\n")
}

fn command(agent: &FleetAgent) -> String {
    agent.command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
