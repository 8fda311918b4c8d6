//! Owns `govern serve`, and how a run finds a sender for its notices.

use std::ffi::OsString;

use super::here::{Here, join};
use super::policy_files;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ledger::{Ledger, home};
use crate::net::Client;
use crate::notify::Webhook;
use crate::policy::notify::Notify;
use crate::policy::rule::Layer;
use crate::process;
use crate::serve::{self, Sender, Stay};

/// What a sender needs of its environment, beside the variables that `[notify]` names.
const KEPT: [&str; 15] = [
    "HOME",
    "PATH",
    "GOVERN_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Options of `govern serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    /// Go apart, and end when no run lives and nothing waits: what a run starts where no other sender is there
    #[arg(long)]
    pub while_needed: bool,
}

/// `[notify]` of the machine's and the user's policy: nobody else's counts.
pub(super) fn notify(here: &Here<'_>) -> Result<Notify> {
    let mut places = here.policy_places(None);
    places.retain(|(layer, _)| matches!(layer, Layer::System | Layer::User));
    Ok(join(policy_files::read(places)?, here.look.colour)?.policy.notify)
}

/// Sends what waits in the outbox.
pub fn run(args: &ServeArgs) -> Result<Exit> {
    let stay = if args.while_needed { Stay::WhileNeeded } else { Stay::Always };
    if args.while_needed {
        process::go_apart().map_err(|error| Error::new("the sender cannot go apart").caused_by(&error))?;
    }
    super::for_no_agent("an agent does not send notices", "run `govern serve` in a terminal that no agent started")?;
    let here = super::here()?;
    let notify = notify(&here)?;
    if notify.is_empty() && !args.while_needed {
        return Err(Error::new("there is nothing to serve: no `[[notify.route]]` says what goes where")
            .hint("docs/notices.md has one to begin with, for `/etc/govern/policy.toml` or your own policy"));
    }
    let folder = here.state_folder()?;
    let sockets = home::socket_folder(&folder)?;
    let sender = sender(&notify);
    if let Some(Err(why)) = &sender.webhook {
        if args.while_needed {
            // Another run may have what is missing here: the place is left to its sender.
            return Ok(Exit::Success);
        }
        super::to_stderr(&format!("govern: nothing can be sent to `webhook`: {why}\n"));
    }
    let failed = |error: &dyn std::error::Error| Error::new("govern cannot start its loop").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let ended = runtime.block_on(async {
        let Some(_place) = serve::take_place(&sockets, stay).await? else { return Ok(()) };
        if !args.while_needed {
            let routes = notify.routes.len();
            super::to_stderr(&format!(
                "govern: sends notices by {routes} {}\n",
                if routes == 1 { "route" } else { "routes" }
            ));
        }
        serve::serve(Ledger::open(&folder)?, &sockets, stay, sender).await
    });
    // A name that is still being looked up holds up nobody.
    runtime.shutdown_background();
    ended.map(|()| Exit::Success)
}

fn sender(notify: &Notify) -> Sender {
    let webhook = notify.webhook.as_ref().map(|webhook| Webhook::of(webhook, super::env).map_err(|e| e.to_string()));
    Sender {
        client: Client::new(super::env),
        webhook,
        alive: process::alive,
        says: |text| super::to_stderr(&format!("govern: {text}\n")),
    }
}

/// Sees to it that somebody sends what a run is about to write, where its policy wants anything sent. To be called before
/// the guard is forked: a sender is nobody's child, and outlives the run. Without `[notify]` it reads two files, if they
/// are there.
pub(super) fn provide() {
    let Ok(here) = super::here() else { return };
    // What is wrong with a policy is told by the run.
    let Ok(notify) = quick_notify(&here) else { return };
    if notify.is_empty() {
        return;
    }
    if let Err(why) = start(&here, &notify) {
        super::to_stderr(&format!("govern: notices wait for a `govern serve`: {why}\n"));
    }
}

fn quick_notify(here: &Here<'_>) -> Result<Notify> {
    let mut places = vec![(Layer::System, policy_files::SYSTEM.into())];
    places.extend(here.config_folder().map(|config| (Layer::User, config.join("govern/policy.toml"))));
    let layers = policy_files::read(places)?;
    if !layers.iter().any(|layer| layer.text.contains("notify")) {
        return Ok(Notify::default());
    }
    Ok(join(layers, here.look.colour)?.policy.notify)
}

fn start(here: &Here<'_>, notify: &Notify) -> Result<()> {
    let sockets = home::socket_folder(&here.state_folder()?)?;
    if serve::holder(&sockets)?.is_some() {
        return Ok(());
    }
    if let Some(Err(why)) = sender(notify).webhook {
        return Err(Error::new(format!("nothing can be sent to `webhook`: {why}")));
    }
    let program = process::own_program().ok_or_else(|| Error::new("govern does not find its own program"))?;
    let names = KEPT.into_iter().chain(notify.variables());
    let env: Vec<(OsString, OsString)> =
        names.filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect();
    process::start_apart(&program, &["serve", "--while-needed"], env)
        .map_err(|error| Error::new("the sender cannot be started").caused_by(&error))
}
