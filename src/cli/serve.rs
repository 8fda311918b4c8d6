//! `govern serve`, and how a run finds a sender for its notices.

mod questions;
mod views;

use std::ffi::OsString;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::metrics;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::gate::sender_wake::{Ring, ring};
use crate::ledger::{FileWatch, Ledger, state_folder};
use crate::net::Client;
use crate::notify::slack::Slack;
use crate::notify::{Mail, Webhook};
use crate::policy::rule::{Layer, Policy};
use crate::policy::serve::{ListenAt, Serve, Trust};
use crate::prepare::here::{Here, join};
use crate::prepare::policy_files;
use crate::process::{self, AskedToEnd};
use crate::serve::page::{Opened, Proxy, Public};
use crate::serve::{self, Renew, Sender, Stay};
use crate::turn;
use crate::web::Listener;

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

/// Where the page is, unless somebody says otherwise: on this machine alone.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7411);

/// Options of `govern serve`.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where the page is, or `unix:/PATH` of a proxy's socket [default: as `[serve]` in the policy says, else 127.0.0.1:7411]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_at)]
    pub listen: Option<ListenAt>,
    /// Only send notices
    #[arg(long, conflicts_with = "listen")]
    pub no_page: bool,
    /// Answer scrapes of http://ADDRESS/metrics as well, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", value_parser = metrics::address)]
    pub metrics: Option<SocketAddr>,
    /// Go apart, show no page, and end when no run lives and nothing waits: what a run starts where no other sender is there
    #[arg(long, conflicts_with_all = ["listen", "no_page", "metrics"])]
    pub while_needed: bool,
}

fn listen_at(text: &str) -> std::result::Result<ListenAt, String> {
    text.parse().map_err(|error| {
        format!("it {error}: write a number and a port, such as `127.0.0.1:7411`, or `unix:/run/govern/page.sock`")
    })
}

/// The machine's and the user's policy: nobody else's `[notify]` counts.
pub(super) fn own_policy(here: &Here<'_>) -> Result<Policy> {
    let mut places = here.policy_places(None);
    places.retain(|(layer, _)| matches!(layer, Layer::System | Layer::User));
    Ok(join(policy_files::read(places)?, here.look.colour)?.policy)
}

/// Sends what waits in the outbox, and shows the page.
pub fn run(args: &ServeArgs) -> Result<Exit> {
    let stay = if args.while_needed { Stay::WhileNeeded } else { Stay::Always };
    if args.while_needed {
        process::go_apart().map_err(|error| Error::new("the sender cannot go apart").caused_by(&error))?;
    }
    super::for_no_agent("an agent does not serve", "run `govern serve` in a terminal that no agent started")?;
    let here = super::here()?;
    let renew = renewed(own_texts(&here)?);
    let policy = own_policy(&here)?;
    let Policy { notify, serve: place, .. } = &policy;
    if notify.is_empty() && !args.while_needed && args.no_page && args.metrics.is_none() {
        return Err(Error::new("there is nothing to serve: no `[[notify.route]]` says what goes where")
            .hint("leave out `--no-page`, or see docs/notices.md for a route to begin with"));
    }
    let folder = here.state_folder()?;
    let sockets = state_folder::socket_folder(&folder)?;
    let sender = sender(&policy);
    let unusable = unusable(&sender);
    if args.while_needed && !unusable.is_empty() && unusable.len() == channels(&sender) {
        // Another run may have what is missing here: the place is left to its sender.
        return Ok(Exit::Success);
    }
    for why in &unusable {
        super::to_stderr(&format!("govern: {why}\n"));
    }
    let failed = |error: &dyn std::error::Error| Error::new("govern cannot start its loop").caused_by(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let ended = runtime.block_on(async {
        let Some(_place) = serve::take_place(&sockets, stay).await? else { return Ok(()) };
        let ledger = Ledger::open(&folder)?;
        let page = args.page(place, &folder, notify.is_empty()).await?;
        if !notify.is_empty() && !args.while_needed {
            let routes = notify.routes.len();
            let routes = if routes == 1 { "a route".to_owned() } else { format!("{routes} routes") };
            super::to_stderr(&format!("govern: sends notices by {routes}\n"));
        }
        let mut end = AskedToEnd::new().map_err(|error| failed(&error))?;
        let shown = async {
            match page {
                Some((page, heard)) => page.serve(heard).await,
                None => pending().await,
            }
        };
        let scraped = async {
            match args.metrics {
                Some(address) => metrics::answer_scrapes(address, AskedToEnd::new().map_err(|e| failed(&e))?).await,
                None => pending().await,
            }
        };
        tokio::select! {
            ended = serve::serve(ledger, &sockets, stay, sender, renew) => ended,
            () = shown => Ok(()),
            ended = scraped => ended,
            () = end.wait() => Ok(()),
        }
    });
    // A name that is still being looked up holds up nobody.
    runtime.shutdown_background();
    ended.map(|()| Exit::Success)
}

impl ServeArgs {
    /// The page, where it is to be shown. Another account of this machine may have its own at the usual address: that
    /// keeps notices from nobody.
    async fn page(&self, place: &Serve, folder: &Path, alone: bool) -> Result<Option<Page>> {
        if self.no_page || self.while_needed {
            return Ok(None);
        }
        let wanted = self.listen.as_ref().or(place.listen.as_ref());
        match open_page(wanted.unwrap_or(&ListenAt::Address(ADDRESS)), place, folder).await {
            Err(error) if !alone && wanted.is_none() => {
                super::to_stderr(&format!("warning: {}\n", error.to_string().trim_start_matches("error: ")));
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }
}

/// An opened page, and what it hears of the ledger.
type Page = (Opened, std::io::Result<FileWatch>);

/// Opens the page and says where it is.
async fn open_page(place: &ListenAt, serve: &Serve, folder: &Path) -> Result<Page> {
    let cannot = |error: &std::io::Error| Error::new(format!("the page cannot be shown at {place}")).caused_by(error);
    let listener = match place {
        ListenAt::Address(address) => TcpListener::bind(address).await.map(Listener::from).map_err(|error| {
            cannot(&error).hint("`--listen 127.0.0.1:0` takes a port that is free, `--no-page` sends notices alone")
        })?,
        ListenAt::Socket(path) => Listener::at_path(path, process::peer_of).map_err(|error| {
            cannot(&error).hint("its folder has to be there, and this account has to be able to write in it")
        })?,
    };
    let bound = listener.address().map_err(|error| cannot(&error))?;
    let public = Public {
        host: serve.url.as_ref().and_then(|url| url.host().map(str::to_owned)),
        secure: serve.url.as_ref().is_some_and(|url| url.scheme_str() == Some("https")),
    };
    let proxy = serve.trust.as_ref().map(proxy).transpose()?;
    let named = proxy.as_ref().zip(serve.trust.as_ref()).map(|(_, trust)| trust.clone());
    let page = Opened::new(listener, &public, proxy, views::views()).map_err(|error| cannot(&error))?;
    let at = match bound {
        Some(address) => format!("http://{address}/"),
        None => place.to_string(),
    };
    if bound.is_some_and(|address| !address.ip().is_loopback()) {
        super::to_stderr("warning: the page is sent in plain text: put a proxy with TLS before it\n");
    }
    match (bound, named) {
        (Some(_), Some(_)) => super::to_stderr(
            "warning: `trust_header` counts over a socket alone (`--listen unix:/PATH`): nobody answers here by it\n",
        ),
        (None, Some(Trust { header, proxy_user })) => super::to_stderr(&format!(
            "govern: who asks is what user `{proxy_user}` says in `{header}`, where a `[[person]]` has that as `proxy`\n"
        )),
        (_, None) => {}
    }
    super::to_stderr(&format!(
        "govern: the page is at {at}\ngovern: from another account or machine it wants this key: {}\n",
        page.key()
    ));
    Ok((page, FileWatch::listen(folder)))
}

/// The proxy that is trusted, by the number of its user. One that this account itself is would be every agent.
fn proxy(Trust { header, proxy_user }: &Trust) -> Result<Proxy> {
    let Some(uid) = process::uid_of(proxy_user) else {
        return Err(Error::new(format!("there is no user `{proxy_user}` on this machine"))
            .hint("`proxy_user` in `[serve]` is the login that the proxy runs as, or its number"));
    };
    if uid == process::own_uid() {
        let what = format!("`{proxy_user}` runs govern, and so its agents: each of them could say that it is anybody");
        return Err(Error::new(what).hint("let the proxy run as a user of its own, and name that one as `proxy_user`"));
    }
    Ok(Proxy { header: header.clone(), uid })
}

/// Why nothing can be sent by a channel that the policy has.
fn unusable(sender: &Sender) -> Vec<String> {
    let webhook = sender.webhook.as_ref().and_then(|webhook| webhook.as_ref().err()).map(|why| ("webhook", why));
    let mail = sender.mail.as_ref().and_then(|mail| mail.as_ref().err()).map(|why| ("mail", why));
    let slack = sender.slack.as_ref().and_then(|slack| slack.as_ref().err()).map(|why| ("slack", why));
    let channels = [webhook, mail, slack].into_iter().flatten();
    channels.map(|(name, why)| format!("nothing can be sent to `{name}`: {why}")).collect()
}

fn channels(sender: &Sender) -> usize {
    usize::from(sender.webhook.is_some()) + usize::from(sender.mail.is_some()) + usize::from(sender.slack.is_some())
}

/// The policies of the machine and of the user, as their files stand.
fn own_texts(here: &Here<'_>) -> Result<Vec<String>> {
    let mut places = here.policy_places(None);
    places.retain(|(layer, _)| matches!(layer, Layer::System | Layer::User));
    Ok(policy_files::read(places)?.into_iter().map(|layer| layer.text).collect())
}

/// Looks whether these files have changed, and makes the sender that they ask for then. Until one with a mistake is
/// right, things stay as they are.
fn renewed(mut before: Vec<String>) -> Renew {
    Box::new(move || {
        let here = super::here().ok()?;
        let texts = own_texts(&here).ok()?;
        if texts == before {
            return None;
        }
        before = texts;
        match own_policy(&here) {
            Ok(policy) => {
                let sender = sender(&policy);
                super::to_stderr("govern: the policy has changed: notices go by what it says now\n");
                unusable(&sender).iter().for_each(|why| super::to_stderr(&format!("govern: {why}\n")));
                Some(sender)
            }
            Err(_) => {
                let what =
                    "govern: the policy has a mistake: notices go by what it said before (`govern policy check`)\n";
                super::to_stderr(what);
                None
            }
        }
    })
}

fn sender(Policy { notify, approvals, serve, timezone, .. }: &Policy) -> Sender {
    let webhook = notify.webhook.as_ref().map(|webhook| Webhook::of(webhook, super::env).map_err(|e| e.to_string()));
    let slack =
        notify.slack.as_ref().map(|slack| Slack::of(slack, super::env).map(Arc::new).map_err(|e| e.to_string()));
    Sender {
        client: Arc::new(Client::new(super::env)),
        webhook,
        mail: notify.mail.as_ref().map(|mail| Mail::of(mail, super::env).map_err(|e| e.to_string())),
        slack,
        approvals: approvals.clone(),
        notify: notify.clone(),
        zone: *timezone,
        page: serve.url.as_ref().map(|url| url.to_string().trim_end_matches('/').to_owned()),
        is_own: super::is_own,
        alive: turn::is_live::lives,
        says: |text| super::to_stderr(&format!("govern: {text}\n")),
    }
}

/// Sees to it that somebody sends what a run is about to write, where its policy wants anything sent. To be called before
/// the guard is forked: a sender is nobody's child, and outlives the run. Without `[notify]` it reads two files, if they
/// are there.
pub(super) fn provide() {
    let Ok(here) = super::here() else { return };
    // What is wrong with a policy is told by the run.
    let Ok(Some(policy)) = quick_policy(&here) else { return };
    if policy.notify.is_empty() {
        return;
    }
    if let Err(why) = see_to_a_sender(&here, &policy) {
        super::to_stderr(&format!("govern: notices wait for a `govern serve`: {why}\n"));
    }
}

/// The same for an installed hook, which has just written something: whoever sends is told so. An agent has started this
/// process, so that what the sender is told is of `here`, which an agent has no part in.
pub(super) fn send(here: &Here<'_>, policy: &Policy) {
    if policy.notify.is_empty() {
        return;
    }
    let told =
        state_folder::socket_folder(&here.state_folder().unwrap_or_default()).map(|sockets| ring(&sockets, Ring::News));
    if !matches!(told, Ok(Ok(()))) {
        // What waits is sent by the next sender, and `notify status` says so: a hook that is held has nobody to tell.
        let _waits = see_to_a_sender(here, policy);
    }
}

fn quick_policy(here: &Here<'_>) -> Result<Option<Policy>> {
    let mut places = vec![(Layer::System, policy_files::SYSTEM.into())];
    places.extend(here.config_folder().map(|config| (Layer::User, config.join("govern/policy.toml"))));
    let layers = policy_files::read(places)?;
    if !layers.iter().any(|layer| layer.text.contains("notify")) {
        return Ok(None);
    }
    Ok(Some(join(layers, here.look.colour)?.policy))
}

fn see_to_a_sender(here: &Here<'_>, policy: &Policy) -> Result<()> {
    let sockets = state_folder::socket_folder(&here.state_folder()?)?;
    if serve::holder(&sockets)?.is_some() {
        return Ok(());
    }
    let sender = sender(policy);
    let unusable = unusable(&sender);
    if !unusable.is_empty() && unusable.len() == channels(&sender) {
        return Err(Error::new(unusable.join("; ")));
    }
    let program = process::own_program().ok_or_else(|| Error::new("govern does not find its own program"))?;
    let names = KEPT.into_iter().chain(policy.notify.variables());
    let env: Vec<(OsString, OsString)> =
        names.filter_map(|name| Some((OsString::from(name), here.variable(name)?))).collect();
    process::start_apart(&program, &["serve", "--while-needed"], env)
        .map_err(|error| Error::new("the sender cannot be started").caused_by(&error))
}
