//! What `govern help` says: the verbs by what they are for, and what a word that is no verb may have meant.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::report::page::{Item, Page, Tone};
use crate::ui::Layout;

/// The verbs, by what somebody wants to do. A verb that this govern does not have is passed over.
const GROUPS: &[(&str, &[&str])] = &[
    ("Run", &["run", "fleet", "resume", "shim", "demo"]),
    ("Watch", &["status", "top", "serve", "metrics", "notify"]),
    ("Answer", &["approvals", "approve", "deny", "request", "exceptions", "grant", "pause", "continue", "stop"]),
    (
        "Account",
        &["report", "budget", "runs", "estimate", "import", "attribute", "reconcile", "prices", "audit", "prune"],
    ),
    ("Policy", &["init", "policy"]),
    ("Set up", &["doctor", "hooks", "shared", "completions", "help"]),
];

/// What somebody who has just installed it may want to type.
const EXAMPLES: &[&str] = &[
    "govern run --budget 2usd -- codex exec \"fix the failing test\"",
    "govern report --since month --by project,model",
    "govern init --template solo --user",
];

/// Verbs that end or refuse something: no typing error is to lead to one.
const NEVER_SUGGESTED: &[&str] = &["stop", "deny", "pause", "prune", "remove", "kill", "revoke"];

/// What people type whose other tools have such a verb.
const MEANT: &[(&[&str], &str)] = &[
    (&["ps", "ls", "live", "watch"], "status"),
    (&["history", "list"], "runs"),
    (&["cost", "costs", "usage", "spend", "spent", "usages"], "report"),
    (&["log", "logs", "events", "trail", "verify"], "audit"),
    (&["limit", "limits", "budgets", "quota"], "budget"),
    (&["config", "policies", "rules", "check"], "policy"),
    (&["setup", "new", "template", "templates"], "init"),
    (&["exec", "start", "codex"], "run"),
    (&["answer", "questions", "pending", "ask"], "approvals"),
    (&["health", "diagnose"], "doctor"),
];

/// The command line with its own help.
pub(super) fn grouped(command: clap::Command) -> clap::Command {
    let text = Layout::stdout().render(&page(&command));
    command.override_help(text)
}

fn page(command: &clap::Command) -> Page {
    let mut page = Page::default();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    page.list(vec![Item::note(about)]);
    page.list(vec![Item::note(
        "`govern VERB [OPTIONS]`; `govern` alone shows today's spend, what runs, and what waits for an answer; `govern help VERB` says all about one verb.",
    )]);
    let widest = GROUPS.iter().flat_map(|(_, verbs)| *verbs).map(|verb| verb.len()).max().unwrap_or(0);
    for (group, verbs) in GROUPS {
        let known = verbs.iter().filter_map(|verb| Some((verb, said(command, verb)?)));
        let items: Vec<Item> =
            known.map(|(verb, about)| Item::new(format!("  {verb:widest$}"), about, Tone::Plain)).collect();
        if !items.is_empty() {
            page.title(group);
            page.list(items);
        }
    }
    page.title("Examples");
    for example in EXAMPLES {
        page.command(example);
    }
    page
}

/// What a verb is for, in a line.
fn said(command: &clap::Command, verb: &str) -> Option<String> {
    if verb == "help" {
        return Some("Print this, or all about one verb: `govern help run`".to_owned());
    }
    command.find_subcommand(verb)?.get_about().map(ToString::to_string)
}

/// Takes back what would lead from a typing error to an end; gives the word's likely meaning, where there is one.
pub(super) fn reconsidered(error: &mut clap::Error, command: &clap::Command) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let typed = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) => typed.clone(),
        _ => return None,
    };
    error.remove(ContextKind::Suggested);
    let suggested = match error.remove(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(one)) => vec![one],
        Some(ContextValue::Strings(all)) => all,
        _ => Vec::new(),
    };
    let meant =
        MEANT.iter().find(|(words, verb)| words.contains(&typed.as_str()) && command.find_subcommand(verb).is_some());
    if let Some((_, verb)) = meant {
        return Some(format!("`govern {verb}` may be what you want; `govern help` lists all verbs"));
    }
    let kept: Vec<String> = suggested.into_iter().filter(|verb| !NEVER_SUGGESTED.contains(&verb.as_str())).collect();
    if kept.is_empty() {
        return Some("`govern help` lists all verbs".to_owned());
    }
    error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(kept));
    None
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn each_verb_stands_in_one_group() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| *verbs).copied().collect();
        for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let times = grouped.iter().filter(|name| **name == verb.get_name()).count();
            assert_eq!(times, 1, "`{}` belongs into a group of the help", verb.get_name());
        }
    }

    #[test]
    fn no_typing_error_leads_to_an_end() {
        for (typed, suggests, hint) in [
            // `stop` is as near.
            ("sotp", Some("top"), None),
            ("dney", None, Some("`govern help` lists all verbs")),
            ("reprot", Some("report"), None),
            ("costs", None, Some("`govern report` may be what you want; `govern help` lists all verbs")),
            ("ps", None, Some("`govern status` may be what you want; `govern help` lists all verbs")),
        ] {
            let mut error = Cli::command().try_get_matches_from(["govern", typed]).unwrap_err();
            let said = reconsidered(&mut error, &Cli::command());
            assert_eq!(said.as_deref(), hint, "{typed}");
            let text = error.to_string();
            match suggests {
                Some(verb) => assert!(text.contains(&format!("'{verb}'")), "{text}"),
                None => assert!(!text.contains("similar"), "{text}"),
            }
        }
    }

    #[test]
    fn the_help_has_every_group_and_fits_the_screen() {
        insta::assert_snapshot!(format!(
            "{}{}\n{}",
            Layout::plain(80).render(&page(&Cli::command())),
            "=".repeat(120),
            Layout::plain(120).render(&page(&Cli::command()))
        ));
    }
}
