//! `govern completions`: what a shell needs to complete govern's words.

use std::io::Write;

use super::format::put;
use crate::error::Result;
use crate::exit::Exit;

/// Print a shell's completions.
#[derive(clap::Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Writes them for the whole command line.
pub fn run(args: &CompletionsArgs, out: &mut dyn Write, mut command: clap::Command) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "govern", &mut script);
    put(out, &String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
