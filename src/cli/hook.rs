//! `govern hook`: what Codex calls before it asks a model or runs a tool. It asks the supervisor and prints what
//! that says. Where anything is not as it should be it fails, and the shell that called it does what is safe.

mod installed;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::codex::HookEvent;
use crate::exit::Exit;
use crate::gate::hook::{HookInput, HookReply, HookWord, MAX_INPUT};
use crate::gate::hook_client::HookLine;
use crate::process::{self, Parent, Woken};

use installed::Installed;

/// The verb, by which `main` knows that nothing else of govern's is needed.
pub const VERB: &str = "hook";

/// The first argument of a hook that was installed: see [`installed`].
const INSTALLED: &str = "--installed";

/// Asks about one hook: `EVENT SOCKET`, as govern wrote them into Codex's command line, or `--installed EVENT …`, as it
/// wrote them into its configuration.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> Exit {
    let first = arguments.next();
    if first.as_ref().is_some_and(|first| first == INSTALLED) {
        return match Installed::parse(arguments) {
            Some(hook) => answer(read(hook.event).and_then(|(parent, input)| installed::run(&hook, parent, &input))),
            None => misused(),
        };
    }
    let event = first.and_then(|verb| HookEvent::from_verb(verb.to_str()?));
    let (Some(event), Some(socket), None) = (event, arguments.next(), arguments.next()) else { return misused() };
    answer(read(event).and_then(|(parent, input)| ask(event, Path::new(&socket), &parent, &input.bytes)))
}

fn misused() -> Exit {
    super::to_stderr("error: `govern hook` is for Codex to call\nhint: `govern run -- codex` puts it there\n");
    Exit::Usage
}

fn answer(told: Result<String, String>) -> Exit {
    match told {
        Ok(text) => {
            // Codex may be gone; there is nobody else to tell.
            let _unread = io::stdout().lock().write_all(text.as_bytes());
            Exit::Success
        }
        Err(why) => {
            super::to_stderr(&format!("govern: {why}\n"));
            Exit::Failed
        }
    }
}

/// What Codex said.
struct Said {
    bytes: Vec<u8>,
    input: HookInput,
}

fn read(event: HookEvent) -> Result<(Parent, Said), String> {
    let parent = Parent::apart();
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("the hook's input cannot be read: {error}"))?;
    if bytes.len() > MAX_INPUT {
        return Err(format!("the hook's input is larger than {MAX_INPUT} bytes"));
    }
    let input = HookInput::read(event, &bytes).ok_or("the hook's input is not what Codex writes")?;
    Ok((parent, Said { bytes, input }))
}

/// What the supervisor says; or why it says nothing.
fn ask(event: HookEvent, socket: &Path, parent: &Parent, input: &[u8]) -> Result<String, String> {
    let unreachable = |error: io::Error| format!("the supervisor cannot be reached: {error}");
    let mut line = HookLine::connect(socket).map_err(unreachable)?;
    if !process::is_own_supervisor(line.connection()) {
        return Err("who listens at the supervisor's socket is not the govern that started this agent".to_owned());
    }
    line.ask(event, input).map_err(unreachable)?;
    let woken = parent.wait_for(line.readable()).map_err(unreachable)?;
    match woken {
        Woken::Readable => match line.answer() {
            Some(HookReply::Print { text }) => Ok(text),
            Some(HookReply::Fail { why }) => Err(why),
            None => Err("the supervisor gave no answer".to_owned()),
        },
        Woken::Unheard => {
            line.tell(HookWord::Withdrawn);
            Ok(String::new())
        }
        // While this process lives, Codex waits for the end of its output.
        Woken::Orphaned => {
            let word = if parent.is_unheard_soon() { HookWord::Withdrawn } else { HookWord::Orphaned };
            line.tell(word);
            Ok(String::new())
        }
    }
}
