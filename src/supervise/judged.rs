//! The commands that hooks have asked about, until a session file tells what ran.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::gate::hook::HookInput;
use crate::model::ModelId;

/// By the id of the call, for a run.
#[derive(Debug, Default)]
pub(super) struct JudgedCommands {
    commands: HashMap<String, (Mark, Option<ModelId>)>,
}

/// SHA-256 of a command.
type Mark = [u8; 32];

fn mark(command: &str) -> Mark {
    // Codex hands on what the model wrote; a shell reads the same with or without the white space around it.
    Sha256::digest(command.trim()).into()
}

impl JudgedCommands {
    /// A hook asks: what would run is kept, where it is a command line and has a name.
    pub(super) fn note(&mut self, input: &HookInput) {
        let command = input.tool_input.get("command").and_then(serde_json::Value::as_str);
        if let (Some(call), Some(command)) = (&input.tool_use_id, command) {
            self.commands.insert(call.clone(), (mark(command), input.model.clone()));
        }
    }

    /// This command ran. If that is not what was judged, the model that called it; the outer `None`: it is, or nobody knows.
    pub(super) fn changed(&mut self, call: &str, command: &str) -> Option<Option<ModelId>> {
        let (judged, model) = self.commands.remove(call)?;
        (judged != mark(command)).then_some(model)
    }
}
