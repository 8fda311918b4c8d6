//! Owns `govern init`: a commented policy to begin with.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use super::format::put;
use super::here::Here;
use super::policy::REPOSITORY_POLICY;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::policy::show::{TEMPLATE, template_of_repository};

/// Write a commented policy to begin with; one that is there stays as it is.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct InitArgs {
    /// Your own policy, for all that you run, instead of this folder's; it may say more
    #[arg(long)]
    pub user: bool,
}

/// Writes it.
pub fn run(args: &InitArgs, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let path = if args.user {
        here.user_policy().ok_or_else(|| {
            Error::new("there is no folder for your policy").hint("set HOME, or XDG_CONFIG_HOME, to a folder of yours")
        })?
    } else {
        here.cwd.join(REPOSITORY_POLICY)
    };
    let failed =
        |error: std::io::Error| Error::new(format!("`{}` cannot be written", path.display())).caused_by(&error);
    if let (true, Some(folder)) = (args.user, path.parent()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mode = if args.user { 0o600 } else { 0o644 };
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::new(format!("`{}` is there already, and stays as it is", path.display()))
                .hint("`govern policy show` says what applies here"));
        }
        Err(error) => return Err(failed(error)),
    };
    let text = if args.user { TEMPLATE.to_owned() } else { template_of_repository() };
    file.write_all(text.as_bytes()).map_err(failed)?;
    let shown = path.strip_prefix(&here.cwd).unwrap_or(&path).display().to_string();
    put(
        out,
        &format!(
            "{shown} is written. Edit it, then:\n    govern policy check {shown}\n    govern policy show --here\n    \
             govern run -- codex\n"
        ),
    )?;
    Ok(Exit::Success)
}
