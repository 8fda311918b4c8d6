//! `govern hook --installed`: what a Codex calls that nobody started under govern. Below a live run it asks that
//! run's supervisor; else it reads, judges, records and answers alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::Said;
use crate::cli::{hooks, serve};
use crate::clock;
use crate::codex::{HookEvent, Invocation, Kind, redact};
use crate::decide::people::channel;
use crate::decide::people::reach::Surroundings;
use crate::gate::hook::{HookAnswer, blocked_prompt};
use crate::gate::socket;
use crate::import::RecordedAs;
use crate::ledger::{Ledger, LedgerError, Pinned, state_folder, state_home};
use crate::model::{AgentName, ProcessIdentity, RunId};
use crate::place;
use crate::policy::attribute;
use crate::policy::mistake::LayerText;
use crate::policy::rule::Layer;
use crate::prepare::attribution::attribute_at;
use crate::prepare::before::fresh_budgets;
use crate::prepare::here::{Here, env, working_folder};
use crate::prepare::identity::{starter, whoami};
use crate::prepare::policy_files;
use crate::prepare::rules::Rules;
use crate::prepare::run_id::run_of;
use crate::process::{self, Parent, Woken};
use crate::standalone::{self, Call, HookOutcome, Stopping};
use crate::tail::{locate, session};
use crate::turn::is_live::lives;
use crate::ui::Layout;

/// From this version on Codex asks before each request: 0.164, 0.165, 0.166, 0.169 and 0.171 were seen to, 0.160, 0.162 and
/// 0.163 were not ([`HookEvent::PreModelRequest`]).
const ASKS_FIRST: (u32, u32) = (0, 164);

/// How Codex's own screen names itself in the sessions that it begins (seen with 0.169 and 0.171).
const SCREEN: &str = "codex-tui";

/// How long an interrupted Codex has to end its turn.
const GRACE: Duration = Duration::from_secs(5);

/// How often the ledger is asked whether others have written.
const TICK: Duration = Duration::from_millis(250);

/// After so many ticks a Codex that is held is judged again without news: a window may have ended.
const JUDGE_AGAIN: u32 = 120;

/// A hook as it stands in Codex's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) event: HookEvent,
    /// The folder of the ledger; `None`: that of the account, for a hook of the machine.
    home: Option<PathBuf>,
    /// The home of the user who installed it. `None`: the account's, or, with a folder of the ledger, what the
    /// environment says, as hooks were installed before this was written down.
    user: Option<PathBuf>,
    /// Where that user's configuration lies, likewise.
    config: Option<PathBuf>,
    observe: bool,
}

impl Installed {
    /// `EVENT [--home FOLDER [--user FOLDER] [--config FOLDER]] [--observe]`.
    pub(super) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let event = HookEvent::from_verb(arguments.next()?.to_str()?)?;
        let mut parsed = Self { event, home: None, user: None, config: None, observe: false };
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--home") => parsed.home = Some(arguments.next()?.into()),
                Some("--user") => parsed.user = Some(arguments.next()?.into()),
                Some("--config") => parsed.config = Some(arguments.next()?.into()),
                Some("--observe") => parsed.observe = true,
                Some(_) | None => return None,
            }
        }
        Some(parsed)
    }

    /// The environment that says where things of the user's lie. An agent may set its own, and so take another ledger
    /// or no policy: a hook of the machine goes by the account, one of the user's by what he had when he installed it.
    fn env(&self, name: &str) -> Option<OsString> {
        let written = |folder: &Option<PathBuf>| folder.clone().map(PathBuf::into_os_string);
        match (name, &self.home) {
            ("HOME", None) => process::account_home(process::own_uid()).map(OsString::from),
            ("GOVERN_HOME" | "GOVERN_POLICY" | "XDG_STATE_HOME" | "XDG_CONFIG_HOME", None) => None,
            ("GOVERN_HOME", Some(home)) => Some(home.clone().into_os_string()),
            ("HOME", Some(_)) => written(&self.user).or_else(|| env(name)),
            ("XDG_CONFIG_HOME", Some(_)) => written(&self.config).or_else(|| env(name)),
            (other, _) => env(other),
        }
    }
}

/// Answers it; or why it cannot be answered.
pub(super) fn run(hook: &Installed, parent: Parent, said: &Said) -> Result<String, String> {
    let of_user = |name: &str| hook.env(name);
    let here = Here {
        env: &of_user,
        cwd: working_folder(said.input.cwd.clone().or_else(|| std::env::current_dir().ok()), env("PWD")),
        look: Layout::plain(80),
        now: clock::now(),
        alive: &lives,
    };
    if hooks::others_decide(&here, hook.event, hook.home.is_none(), hook.observe) {
        return Ok(String::new());
    }
    let own = process::own_identity().ok_or("govern cannot tell its own process from /proc")?;
    let codexes = process::codexes_above(own.pid);
    let codex = codexes.first().copied();
    if process::is_governed(own.pid) {
        return below_a_run(hook, own, codex, &parent, said);
    }
    let codex = codex.ok_or("no Codex has called it")?;
    Attended { hook, said, here, codex, codexes, parent: Arc::new(parent), woken: None }.answer()
}

/// The supervisor of the run is asked, unless the Codex has that run's own hooks as well.
fn below_a_run(
    hook: &Installed,
    own: ProcessIdentity,
    codex: Option<ProcessIdentity>,
    parent: &Parent,
    said: &Said,
) -> Result<String, String> {
    let supervisor = process::supervisor_above(own.pid).ok_or("the govern above it cannot be found")?;
    let folder = state_home(|name| process::environ_var(supervisor.pid, name)).ok_or("the run has no ledger")?;
    let ledger = Ledger::open_read_only(&folder).map_err(|error| error.to_string())?;
    let live = ledger.runs().live(&lives).map_err(|error| error.to_string())?;
    let run = live.iter().find(|run| run.process == supervisor).ok_or("the run above it cannot be found")?;
    let sockets = state_folder::socket_folder(&folder).map_err(|error| error.to_string())?;
    let socket = socket::path_of(&sockets, &run.id);
    // Only the outermost Codex has the run's own hooks: one below it may name the socket on its command line, too.
    let outermost = codex.filter(|codex| !process::is_nested_codex(codex.pid));
    let asks_itself = outermost.and_then(command_of).is_some_and(|command| {
        let named = socket.display().to_string();
        command.iter().any(|word| word.to_string_lossy().contains(&named))
    });
    // A run follows the session files itself. Of a thread without one, a turn's beginning and end are all that a Codex
    // before 0.164 tells, if no tool runs in it.
    let is_asked = match hook.event {
        HookEvent::PostModelRequest => true,
        HookEvent::UserPromptSubmit | HookEvent::Stop => said.input.has_no_file(),
        event => event.gates(),
    };
    if asks_itself || !is_asked {
        return Ok(String::new());
    }
    super::ask(hook.event, &socket, parent, &said.bytes)
}

/// As Codex reads it, whatever its program is called.
fn command_of(codex: ProcessIdentity) -> Option<Vec<OsString>> {
    let command = process::codex_command_line(codex.pid);
    (!command.is_empty()).then_some(command)
}

/// A hook that is answered alone.
struct Attended<'a> {
    hook: &'a Installed,
    said: &'a Said,
    here: Here<'a>,
    codex: ProcessIdentity,
    /// It and those above it, which have started it.
    codexes: Vec<ProcessIdentity>,
    parent: Arc<Parent>,
    woken: Option<mpsc::Receiver<Woken>>,
}

impl Attended<'_> {
    fn answer(mut self) -> Result<String, String> {
        let command = command_of(self.codex).unwrap_or_default();
        let kind = Invocation::parse(&command).map(|invocation| invocation.kind());
        let stays = !matches!(kind, Some(Kind::Exec(_) | Kind::Review));
        let (mut again, mut shown) = (false, None);
        loop {
            let told = match self.attend(&command, stays, again) {
                Ok(told) => told,
                Err(because) if self.hook.observe => return Ok(self.say(None, &[because], &[], stays)),
                Err(because) => HookOutcome::Stop { because, kill: false, asks_first: self.asks_first(), again: false },
            };
            match told {
                HookOutcome::Withdrawn => return Ok(String::new()),
                HookOutcome::GoOn { deny, said, context } => return Ok(self.say(deny, &said, &context, stays)),
                HookOutcome::Wait { because } => {
                    if because.is_some() && shown != because && !stays {
                        process::tell(self.codex.pid, &format!("govern: {}\n", because.as_deref().unwrap_or_default()));
                    }
                    shown = because;
                }
                HookOutcome::Stop { because, kill, asks_first, again } => {
                    match Stopping::at(self.hook.event, stays, asks_first, kill) {
                        Stopping::Said => return Ok(self.say(None, &[because], &[], stays)),
                        Stopping::Refused if self.hook.event == HookEvent::UserPromptSubmit => {
                            return Ok(blocked_prompt(&format!("govern: {because}")));
                        }
                        Stopping::Refused => {
                            return Ok(self.say(Some(format!("govern: {because}")), &[], &[], stays));
                        }
                        Stopping::Held => {}
                        Stopping::Interrupted => return self.interrupt(because, again),
                        Stopping::Failed => return Err(because),
                    }
                }
            }
            if !self.wait_for_news() {
                return Ok(String::new());
            }
            again = true;
        }
    }

    /// Judges the hook as things stand now.
    fn attend(&self, command: &[OsString], stays: bool, again: bool) -> Result<HookOutcome, String> {
        let rules = Rules { observe: self.hook.observe, ..Rules::default() };
        let run = run_of(&self.said.input.session_id);
        let state = self.state()?;
        let mut layers = policy_files::read(self.policy_places()).map_err(|error| error.to_string())?;
        let (pinned, began_under) = match pinned(&state, &run, self.codex, &self.codexes) {
            Ok(pinned) => pinned,
            // Without a rule nothing is lost with it.
            Err(_) if !rules.join(layers.clone(), true).map_err(|error| error.to_string())?.has_rules() => {
                (None, Vec::new())
            }
            Err(error) => return Err(error.to_string()),
        };
        if let Some(gone) = began_under.iter().find(|path| !path.exists()) {
            return Err(format!(
                "the policy `{}` is gone, under which this session or the one that started it began: put it back, or \
                 end the session",
                gone.display()
            ));
        }
        if let Some(pinned) = &pinned {
            layers.retain(|layer| layer.layer != Layer::Repository);
            let of_repository = pinned.policy.clone();
            layers.extend(of_repository.map(|(path, text)| LayerText {
                layer: Layer::Repository,
                path: Some(path),
                text,
            }));
        }
        let repository = layers.iter().find(|layer| layer.layer == Layer::Repository);
        let repository = repository.and_then(|layer| Some((layer.path.clone()?, layer.text.clone())));
        let own = layers.iter().filter(|layer| layer.layer != Layer::Repository);
        let policies = own.filter_map(|layer| layer.path.clone()).collect();
        let policy = rules.join(layers, true).map_err(|error| error.to_string())?;
        let limits = policy.has_rules();
        // Of a thread without a file nothing but this tells.
        let alone = self.said.input.has_no_file() && self.hook.event == HookEvent::PostModelRequest;
        let tells = matches!(self.hook.event, HookEvent::Stop | HookEvent::SubagentStop | HookEvent::SessionEnd);
        let nothing = || HookOutcome::GoOn { deny: None, said: Vec::new(), context: Vec::new() };
        if !limits && !tells && !alone {
            return Ok(nothing());
        }
        let attribution = match pinned {
            Some(pinned) => pinned.attribution,
            None => {
                let home = self.here.variable("HOME").map(PathBuf::from);
                let place = place::look(&self.here.cwd, |name| self.here.variable(name));
                attribute_at(&policy, &place, home, attribute::said_by(|name| self.said_to_the_outermost(name)))
            }
        };
        let prices = self.here.prices(&policy).map_err(|error| error.to_string())?;
        let mut ledger = Ledger::open(&state).map_err(|error| error.to_string())?;
        if !limits && !alone {
            let (prices, unpriced) = (&prices, &policy.models.unpriced);
            let work = Arc::clone(&policy.work);
            let session = RecordedAs { prices, unpriced, attribution: &attribution, work };
            let thread = self.said.input.thread();
            let path = self.said.input.session_file();
            let read = path.map(|path| standalone::read_unlimited(&mut ledger, (self.codex, &thread, path), &session));
            // Without a limit nothing is kept from going on: `govern import` finds it later.
            let said = read.and_then(|read| read.unwrap_or_else(|error| Some(format!("not metered: {error}"))));
            return Ok(HookOutcome::GoOn { deny: None, said: said.into_iter().collect(), context: Vec::new() });
        }
        let (_, too_fresh) = fresh_budgets(&policy, &ledger, &run).map_err(|error| error.to_string())?;
        if let Some(refusal) = too_fresh {
            return Err(refusal.to_string());
        }
        let agent =
            AgentName::new(redact(&self.said_to_the_outermost("GOVERN_AGENT").unwrap_or_else(|| "codex".to_owned())));
        let channel = channel::reaches(&policy, &starter(), &agent, &attribution);
        let policy_of_sender = policy.clone();
        let call = Call {
            event: self.hook.event,
            input: self.said.input.clone(),
            run,
            policy,
            repository,
            policies,
            prices,
            agent,
            attribution,
            codex: self.codex,
            command: command.to_vec(),
            cwd: self.here.cwd.clone(),
            by: whoami(),
            stays,
            nobody: Surroundings {
                terminal: process::terminal_of(self.codex.pid),
                ci: env("CI").is_some(),
                at_screen: self.is_at_screen(command),
                channel,
            }
            .nobody(),
            sockets: state_folder::socket_folder(&state).map_err(|error| error.to_string())?,
            codex_home: locate::codex_home(env),
            send: {
                let (hook, cwd, now) = (self.hook.clone(), self.here.cwd.clone(), self.here.now);
                let outermost = self.codexes.last().copied().unwrap_or(self.codex);
                Box::new(move || {
                    // An agent may say to a Codex that it starts by which proxy it goes, and whose certificates are good.
                    let of_user = |name: &str| match name {
                        "HOME" | "GOVERN_HOME" | "GOVERN_POLICY" | "XDG_STATE_HOME" | "XDG_CONFIG_HOME" => {
                            hook.env(name)
                        }
                        name => process::environ_var(outermost.pid, name),
                    };
                    let here = Here { env: &of_user, cwd: cwd.clone(), look: Layout::plain(80), now, alive: &lives };
                    serve::send(&here, &policy_of_sender);
                })
            },
        };
        standalone::attend(&call, &mut ledger, &self.parent, again).map_err(|error| error.to_string())
    }

    /// What a variable says of whom the spend belongs to: that of the Codex that no other has started. What a Codex starts
    /// belongs where it does itself, as below a run, whatever it says to it.
    fn said_to_the_outermost(&self, name: &str) -> Option<String> {
        let value = match self.codexes.as_slice() {
            [] | [_] => env(name),
            [.., outermost] => process::environ_var(outermost.pid, name),
        };
        value.and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    }

    /// Where the policies lie that apply: also those that the Codexes above this one were started with, which had no
    /// reason to hand them down.
    fn policy_places(&self) -> Vec<(Layer, PathBuf)> {
        let mut places = self.here.policy_places(None);
        if self.hook.home.is_some() {
            let given = self.codexes.iter().filter_map(|codex| process::environ_var(codex.pid, "GOVERN_POLICY"));
            for path in given.filter(|path| !path.is_empty()).map(|path| self.here.cwd.join(path)) {
                if !places.iter().any(|(_, known)| self.here.cwd.join(known) == path) {
                    places.push((Layer::Given, path));
                }
            }
        }
        places
    }

    /// The folder of the ledger.
    fn state(&self) -> Result<PathBuf, String> {
        match &self.hook.home {
            Some(home) => Ok(home.clone()),
            None => self.here.state_folder().map_err(|error| error.to_string()),
        }
    }

    /// A person works in it on Codex's own screen: in this very process, or in a server to which the screen has handed the
    /// work, as 0.169 and 0.171 do unless they are told otherwise.
    fn is_at_screen(&self, command: &[OsString]) -> bool {
        let Some(invocation) = Invocation::parse(command) else { return false };
        match invocation.kind() {
            Kind::Interactive(_) => true,
            Kind::AppServer => {
                let originator = self.said.input.session_file().and_then(session::originator_of);
                originator.as_deref() == Some(SCREEN)
            }
            Kind::Exec(_) | Kind::Review | Kind::Cloud | Kind::Other(_) => false,
        }
    }

    /// The session was begun by a Codex that asks before each request: where the ledger cannot tell what this one does.
    fn asks_first(&self) -> bool {
        let version = self.said.input.session_file().and_then(session::version_of);
        let numbers = version.and_then(|version| {
            let mut parts = version.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        numbers.is_none_or(|version: (u32, u32)| version >= ASKS_FIRST)
    }

    fn say(&self, deny: Option<String>, said: &[String], context: &[String], stays: bool) -> String {
        if !stays {
            for line in said {
                process::tell(self.codex.pid, &format!("govern: {line}\n"));
            }
        }
        let message = (stays && !said.is_empty()).then(|| format!("govern: {}", said.join("; ")));
        let context = (!context.is_empty()).then(|| context.join("\n"));
        HookAnswer { deny, message, context }.text(self.hook.event)
    }

    /// Ends the turn of a Codex without a screen as Ctrl-C would, before anything is asked; where another hook has, that is
    /// waited for. One that does not let go of this hook is ended by the shell.
    fn interrupt(&mut self, because: String, again: bool) -> Result<String, String> {
        if !again {
            process::tell(self.codex.pid, &format!("govern: stop: {because}\n"));
        }
        let is_told = again || process::interrupt(self.codex);
        let lets_go = is_told && self.watch().recv_timeout(GRACE).is_ok();
        if lets_go { Ok(String::new()) } else { Err(because) }
    }

    /// Waits until the ledger may say otherwise; `false` if nobody waits for this hook any more.
    fn wait_for_news(&mut self) -> bool {
        let codex = self.codex;
        let mut ledger = self.state().ok().and_then(|state| Ledger::open_read_only(&state).ok());
        let mut changed = move || ledger.as_mut().is_some_and(|ledger| ledger.changed_elsewhere().unwrap_or(false));
        // The first answer is always yes.
        changed();
        for _ in 0..JUDGE_AGAIN {
            match self.watch().recv_timeout(TICK) {
                // While this process lives, Codex waits for the end of its output.
                Ok(Woken::Orphaned) | Err(RecvTimeoutError::Disconnected) if process::alive(codex) => {
                    std::thread::sleep(TICK);
                }
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if changed() {
                return true;
            }
        }
        true
    }

    /// Tells when nobody waits for this process any more.
    fn watch(&mut self) -> &mpsc::Receiver<Woken> {
        let parent = Arc::clone(&self.parent);
        self.woken.get_or_insert_with(|| {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || {
                if let Ok((never, _open)) = std::os::unix::net::UnixStream::pair() {
                    use std::os::fd::AsFd;
                    let _unheard = tell.send(parent.wait_for(never.as_fd()).unwrap_or(Woken::Orphaned));
                }
            });
            told
        })
    }
}

/// What the session keeps from its beginning: an agent may write the repository's policy, and choose its branch. And the
/// policies of its user's that it, and the sessions above it, began under.
fn pinned(
    state: &Path,
    run: &RunId,
    codex: ProcessIdentity,
    codexes: &[ProcessIdentity],
) -> Result<(Option<Pinned>, Vec<PathBuf>), LedgerError> {
    match Ledger::open_read_only(state) {
        Ok(ledger) => Ok((ledger.hooks().pinned(run, codex)?, ledger.hooks().policies_of(codexes)?)),
        Err(LedgerError::NoLedger { .. }) => Ok((None, Vec::new())),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Option<Installed> {
        Installed::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn it_is_called_as_it_was_installed_and_no_other_way() {
        let stop = Installed { event: HookEvent::Stop, home: None, user: None, config: None, observe: false };
        assert_eq!(parse(&["stop"]), Some(stop.clone()));
        let home = Some(PathBuf::from("/h"));
        assert_eq!(parse(&["stop", "--home", "/h"]), Some(Installed { home: home.clone(), ..stop.clone() }));
        let observing = Installed { home: home.clone(), observe: true, ..stop.clone() };
        assert_eq!(parse(&["stop", "--home", "/h", "--observe"]), Some(observing));
        let (user, config) = (Some(PathBuf::from("/u")), Some(PathBuf::from("/c")));
        let whole = Installed { home, user, config, ..stop };
        assert_eq!(parse(&["stop", "--home", "/h", "--user", "/u", "--config", "/c"]), Some(whole));
        for words in [&[][..], &["nothing"], &["stop", "--home"], &["stop", "/socket"], &["stop", "--help"]] {
            assert_eq!(parse(words), None, "{words:?}");
        }
    }
}
