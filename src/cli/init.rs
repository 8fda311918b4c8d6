//! `govern init`: a commented policy to begin with, written where it may stand.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use super::format::put;
use super::policy::REPOSITORY_POLICY;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::policy::layer::Layer;
use crate::policy::template::{TEMPLATE, Template, template_of_repository};
use crate::prepare::here::Here;
use crate::report::Page;

/// Write a commented policy to begin with; one that is there stays as it is.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// One that is complete, for somebody in particular; it is written where it belongs [default: one with every rule to switch on]
    #[arg(long, value_name = "NAME", value_enum)]
    pub template: Option<Named>,
    /// Your own policy, for all that you run, instead of this folder's; it may say more
    #[arg(long)]
    pub user: bool,
    /// The whole machine's policy
    #[arg(long, conflicts_with = "user")]
    pub system: bool,
}

/// What `--template` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Named {
    /// One developer: $5 a run, $20 a day, $200 a month. Your own policy
    Solo,
    /// A lead: teams, clients, people who approve. Your own policy, or the machine's with --system
    Team,
    /// Jobs: nobody is asked. A file here, for `--policy`
    Ci,
    /// Dangerous commands are asked about or refused. This folder's policy
    Gated,
    /// Warnings long before a limit. This folder's policy
    Alerts,
}

impl From<Named> for Template {
    fn from(named: Named) -> Self {
        match named {
            Named::Solo => Self::Solo,
            Named::Team => Self::Team,
            Named::Ci => Self::Ci,
            Named::Gated => Self::Gated,
            Named::Alerts => Self::Alerts,
        }
    }
}

/// Writes it.
pub fn run(args: &InitArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let template = args.template.map(Template::from);
    let layer = match (args.system, args.user, template) {
        (true, ..) => Layer::System,
        (_, true, _) => Layer::User,
        (false, false, template) => template.map_or(Layer::Repository, Template::home),
    };
    let path = place(layer, template, here)?;
    let text = match (template, layer) {
        (Some(template), _) => template.text().to_owned(),
        (None, Layer::Repository) => template_of_repository(),
        (None, _) => TEMPLATE.to_owned(),
    };
    write_new(layer, &path, &text)?;
    let shown = path.strip_prefix(&here.cwd).unwrap_or(&path).display().to_string();
    let why = match (layer, template.and_then(Template::not_in_a_repository)) {
        (Layer::User, Some(why)) if !args.user => {
            format!(" It is your own policy, since a repository's may not say all of it: {why}.")
        }
        (Layer::Given, Some(why)) => {
            format!(" It is not called `{REPOSITORY_POLICY}`, since a repository's may not say all of it: {why}.")
        }
        _ => String::new(),
    };
    let run = match layer {
        Layer::Given => format!("govern run --policy {shown} -- codex exec \"…\""),
        _ => "govern run -- codex".to_owned(),
    };
    let mut page = Page::of_notes([format!("{shown} is written.{why} Edit it, then:")]);
    for next in [format!("govern policy check {shown}"), "govern policy show --here".to_owned(), run] {
        page.command(next);
    }
    put(out, &here.look.render(&page))?;
    Ok(Exit::Success)
}

/// Where a layer's file lies.
fn place(layer: Layer, template: Option<Template>, here: &Here<'_>) -> Result<PathBuf> {
    match layer {
        Layer::User => here.user_policy().ok_or_else(|| {
            Error::new("there is no folder for your policy").hint("set HOME, or XDG_CONFIG_HOME, to a folder of yours")
        }),
        Layer::System => {
            let system = here.policy_places(None).into_iter().find(|(layer, _)| *layer == Layer::System);
            system.map(|(_, path)| path).ok_or_else(|| Error::new("there is no place for the machine's policy"))
        }
        Layer::Given => Ok(here.cwd.join(format!("govern-{}.toml", template.map_or("policy", Template::name)))),
        Layer::Repository | Layer::Fleet | Layer::Flags => Ok(here.cwd.join(REPOSITORY_POLICY)),
    }
}

/// A file that is there stays as it is.
fn write_new(layer: Layer, path: &std::path::Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        let denied = error.kind() == ErrorKind::PermissionDenied && layer == Layer::System;
        let failed = Error::new(format!("`{}` cannot be written", path.display())).caused_by(&error);
        if denied { failed.hint("the machine's policy is root's to write: try it with `sudo`") } else { failed }
    };
    let (mode, folder_mode) = if layer == Layer::User { (0o600, 0o700) } else { (0o644, 0o755) };
    if let (Layer::User | Layer::System, Some(folder)) = (layer, path.parent()) {
        DirBuilder::new().recursive(true).mode(folder_mode).create(folder).map_err(failed)?;
    }
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::new(format!("`{}` is there already, and stays as it is", path.display()))
                .hint("`govern policy show --here` says what applies here; move it away to begin anew"));
        }
        Err(error) => return Err(failed(error)),
    };
    file.write_all(text.as_bytes()).map_err(failed)
}
