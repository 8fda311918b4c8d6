//! `govern hooks status`: what is installed where, and what it holds.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::asked::{self, Asked, Runs};
use super::file::ConfigFile;
use super::{Place, own_program};
use crate::cli::format::{Format, put_as};
use crate::codex::HookEvent;
use crate::codex::installed::{self, EVENTS, InstalledHooks};
use crate::error::Result;
use crate::exit::Exit;
use crate::prepare::here::Here;
use crate::report::json::to_text;
use crate::report::page::{Item, Page, Tone};
use crate::tail::locate;

/// What versions of Codex do with installed hooks: seen with 0.118, 0.135, 0.160, 0.163, 0.164, 0.169 and 0.171.
const VERSIONS: [(&str, &str); 3] = [
    ("0.164 and later", "prompts, requests, compactions and tools wait for govern"),
    ("0.135 to 0.163", "prompts and tools wait for govern; a request does not ask first"),
    ("0.118 and older", "run no hooks: put `govern run --` before them, and `govern import` what they spent"),
];

/// How a file's hooks stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None of govern's.
    Absent,
    /// All of them, and Codex runs them.
    Installed,
    /// Codex will ask before it runs some, or some are missing.
    Untrusted,
    /// They call a govern that is not there: nothing goes past them.
    Broken,
    /// Hooks are turned off.
    Off,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Installed => "installed",
            Self::Untrusted => "untrusted",
            Self::Broken => "broken",
            Self::Off => "off",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Absent => Tone::Plain,
            Self::Installed => Tone::Good,
            Self::Untrusted | Self::Off => Tone::Warn,
            Self::Broken => Tone::Bad,
        }
    }
}

struct Row {
    layer: &'static str,
    path: PathBuf,
    state: State,
    observe: bool,
    what: String,
}

/// Writes it.
pub(super) fn run(format: Format, out: &mut dyn Write, here: &Here<'_>) -> Result<Exit> {
    let govern = own_program()?;
    let mut rows = vec![row("system", &Place::system(&govern)?)?];
    match Place::user(here) {
        Ok(place) => rows.push(row("user", &place)?),
        Err(error) => rows.push(Row {
            layer: "user",
            path: PathBuf::new(),
            state: State::Absent,
            observe: false,
            what: error.message().to_owned(),
        }),
    }
    give_way(&mut rows, here);
    let installed = rows.iter().any(|row| row.state != State::Absent);
    let codexes = if installed { asked::all(here) } else { Vec::new() };
    correct(&mut rows, &codexes);
    let profiles = if installed { profiles_without(here) } else { Vec::new() };
    let mut page = Page::default();
    page.list(rows.iter().map(item).collect());
    if installed {
        page.title("What Codex does with them, started from here");
        page.list(codexes.iter().map(codex_item).chain(profiles.iter().map(|name| profile_item(name))).collect());
        if codexes.is_empty() {
            page.list(vec![Item::new("codex", "is not in PATH, so that none could be asked", Tone::Warn)]);
        }
    }
    page.title("What Codex lets hooks do");
    page.list(VERSIONS.iter().map(|(version, what)| Item::new(*version, *what, Tone::Quiet)).collect());
    put_as(out, here.look, format, &page, || to_text(&document(&rows, &codexes, &profiles)))?;
    Ok(Exit::Success)
}

/// Where both files' hooks would decide, one of them does.
fn give_way(rows: &mut [Row], here: &Here<'_>) {
    let both = rows.iter().all(|row| row.state == State::Installed);
    for row in rows.iter_mut().filter(|_| both) {
        if super::others_decide(here, HookEvent::PreToolUse, row.layer == "system", row.observe) {
            row.what.push_str("; they leave it to the other file's");
        }
    }
}

/// What a file says is not what counts: the Codex that `codex` starts does.
fn correct(rows: &mut [Row], codexes: &[Asked]) {
    let Some(first) = codexes.first() else { return };
    for row in rows.iter_mut().filter(|row| row.state == State::Installed) {
        match &first.runs {
            Runs::All | Runs::Part(_) => {}
            Runs::None(why) => {
                row.state = State::Off;
                row.what = format!("written, and not in force: {} runs none of them: {why}", first.path.display());
            }
            Runs::Unknown(_) => row.what.push_str(", as the file says; Codex could not be asked"),
        }
    }
}

/// Profiles of the user's whose own file turns hooks off: `codex -p NAME` runs none.
fn profiles_without(here: &Here<'_>) -> Vec<String> {
    let home = locate::codex_home(|name| here.variable(name));
    let files = home.and_then(|home| std::fs::read_dir(home).ok()).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| {
            let name = file.file_name().to_str()?.strip_suffix(".config.toml")?.to_owned();
            let text = ConfigFile::read(&file.path()).ok()?.text;
            installed::is_off(&text).then_some(name)
        })
        .collect();
    names.sort();
    names
}

fn codex_item(codex: &Asked) -> Item {
    let tone = match codex.runs {
        Runs::All => Tone::Good,
        Runs::Part(_) | Runs::Unknown(_) => Tone::Warn,
        Runs::None(_) => Tone::Bad,
    };
    Item::new(codex.path.display().to_string(), codex.runs.text(), tone)
}

fn profile_item(name: &str) -> Item {
    Item::new(format!("codex -p {name}"), "runs none of them: that profile's file turns hooks off", Tone::Bad)
}

fn row(layer: &'static str, place: &Place) -> Result<Row> {
    let file = ConfigFile::read(&place.path)?;
    let standing = installed::standing(&file.text, place.trust()).map_err(|why| place.refused(&why))?;
    let (state, what) = judge(&standing, place.managed);
    let observe = standing.hooks.iter().any(installed::Found::observes);
    Ok(Row { layer, path: place.path.clone(), state, observe, what })
}

fn judge(standing: &InstalledHooks, managed: bool) -> (State, String) {
    let hooks = &standing.hooks;
    let install = if managed { "govern hooks install --system" } else { "govern hooks install" };
    if hooks.is_empty() {
        return (State::Absent, format!("no hooks of govern's; `{install}` puts them there"));
    }
    let gone = hooks.iter().filter_map(installed::Found::program).find(|program| !Path::new(program).is_file());
    if let Some(program) = gone {
        let what =
            format!("they call `{program}`, which is not there: Codex gets nothing done; `{install}` repairs it");
        return (State::Broken, what);
    }
    let missing = EVENTS.iter().filter(|event| !hooks.iter().any(|found| found.event == **event)).count();
    let strangers = hooks.iter().filter(|found| !found.trusted).count();
    if missing + strangers > 0 {
        let what = format!("{missing} of {} missing, {strangers} not trusted; `{install}` repairs it", EVENTS.len());
        return (State::Untrusted, what);
    }
    if standing.off && !managed {
        return (State::Off, "`[features]` turns hooks off in this file".to_owned());
    }
    let what = match (managed, standing.pinned) {
        (false, _) => "trusted by their hashes".to_owned(),
        (true, true) => "managed: no user can turn them off".to_owned(),
        (true, false) => {
            format!(
                "managed, and `features.hooks = true` is missing, without which a user can turn them off: `{install}` adds it"
            )
        }
    };
    let moves = if hooks.iter().any(installed::Found::goes_by_environment) {
        format!(
            "; an earlier govern put them there, and the environment says where their policy lies: `{install}` mends it"
        )
    } else {
        String::new()
    };
    (State::Installed, format!("{} hooks, {what}{moves}", hooks.len()))
}

fn item(row: &Row) -> Item {
    let observe = if row.observe { ", only observing" } else { "" };
    let lead = format!("{:<6}  {}{observe}", row.layer, row.state.as_str());
    Item::new(lead, format!("{}: {}", row.path.display(), row.what), row.state.tone())
}

fn document(rows: &[Row], codexes: &[Asked], profiles: &[String]) -> serde_json::Value {
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            json!({
                "layer": row.layer,
                "path": row.path.display().to_string(),
                "state": row.state.as_str(),
                "observe": row.observe,
                "what": row.what,
            })
        })
        .collect();
    let codexes: Vec<serde_json::Value> = codexes
        .iter()
        .map(|codex| {
            json!({ "path": codex.path.display().to_string(), "runs": codex.runs.as_str(), "what": codex.runs.text() })
        })
        .collect();
    json!({ "schema": "govern.hooks/1", "rows": rows, "codex": codexes, "profiles_without": profiles })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codex::installed::Found;

    fn standing(program: &Path, change: impl Fn(usize, &mut Found)) -> InstalledHooks {
        let found = |(index, event): (usize, &HookEvent)| {
            let command = format!("'{}' hook --installed {} || true", program.display(), event.verb());
            let mut found = Found { event: *event, command, trusted: true };
            change(index, &mut found);
            found
        };
        InstalledHooks { hooks: EVENTS.iter().enumerate().map(found).collect(), off: false, pinned: true }
    }

    #[test]
    fn a_file_is_told_by_what_codex_would_do_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let govern = temp.path().join("govern");
        std::fs::write(&govern, "").unwrap();
        let whole = standing(&govern, |_, _| ());
        let gone = standing(&temp.path().join("gone"), |_, _| ());
        let strange = standing(&govern, |index, found| found.trusted = index != 2);
        let mut part = whole.clone();
        part.hooks.pop();
        let off = InstalledHooks { off: true, ..whole.clone() };
        let none = InstalledHooks { hooks: Vec::new(), off: false, pinned: false };
        let cases = [
            (&whole, State::Installed, "8 hooks, trusted by their hashes"),
            (&gone, State::Broken, "which is not there"),
            (&strange, State::Untrusted, "0 of 8 missing, 1 not trusted; `govern hooks install` repairs it"),
            (&part, State::Untrusted, "1 of 8 missing, 0 not trusted"),
            (&off, State::Off, "turns hooks off"),
            (&none, State::Absent, "no hooks of govern's"),
        ];
        for (standing, state, what) in cases {
            let (found, text) = judge(standing, false);
            assert_eq!(found, state);
            assert!(text.contains(what), "{text}");
        }
        assert_eq!(judge(&off, true).0, State::Installed, "what is managed cannot be turned off");
    }
}
