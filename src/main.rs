//! The `govern` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    govern::cli::main().into()
}
