//! How a run's gateway is planned: where it leads, as the environment and the policy say at the start.

use std::ffi::OsString;
use std::path::PathBuf;

use http::Uri;

use super::here::env;
use super::shim_file;
use crate::codex::base_url;
use crate::error::{Error, Result};
use crate::net::Client;
use crate::policy::rule::Policy;
use crate::proxy::Upstreams;
use crate::supervise::GatewayPlan;
use crate::tail::{locate, settings};

/// Where requests go that nobody leads elsewhere.
const OPENAI: &str = "https://api.openai.com/v1";

/// Where Codex asks that is logged in with a ChatGPT plan.
const CHATGPT: &str = "https://chatgpt.com/backend-api/codex";

/// By this variable the libraries find their server.
const BASE_URL: &str = "OPENAI_BASE_URL";

/// The gateway of a run, where its flag or the policy wants one.
pub(super) fn plan(wanted: bool, policy: &Policy) -> Result<Option<GatewayPlan>> {
    if !wanted && !policy.gateway.on {
        return Ok(None);
    }
    let named = policy.gateway.upstream.clone();
    let upstream = match &named {
        Some(upstream) => upstream.clone(),
        None => of_environment(env(BASE_URL))?,
    };
    if is_gateway(&upstream) && env("GOVERN_RUN").is_some() {
        // The policy wants one for every run, and this one has it.
        if !wanted {
            return Ok(None);
        }
        return Err(Error::new("this run is inside another one that has a gateway, which meters its requests already")
            .hint("leave out `--gateway` here: what it asks counts for the outer run"));
    }
    let config = locate::codex_home(env).and_then(|home| settings::of(&home));
    let of_codex = config.as_deref().and_then(base_url).and_then(|url| url.parse::<Uri>().ok());
    let own = named.clone().or(of_codex);
    let codex = own.clone().unwrap_or_else(|| upstream.clone());
    let plan = match own {
        Some(own) => own,
        None => of_environment(Some(CHATGPT.into()))?,
    };
    let upstreams = Upstreams { programs: upstream, codex, plan };
    Ok(Some(GatewayPlan { upstreams, codex: codex_in_path(), client: Client::new(env), no_proxy: no_proxy(env) }))
}

/// The Codex that whoever types its name gets.
fn codex_in_path() -> Option<PathBuf> {
    let path = env("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("codex")).find(|file| shim_file::runs(file))
}

fn of_environment(named: Option<OsString>) -> Result<Uri> {
    let named = named.map_or_else(|| OPENAI.to_owned(), |named| named.to_string_lossy().into_owned());
    let uri = named.parse::<Uri>().ok();
    let is_one = |uri: &Uri| {
        let plain =
            uri.authority().is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
        plain && matches!(uri.scheme_str(), Some("http" | "https"))
    };
    uri.filter(is_one).ok_or_else(|| {
        Error::new(format!("`{BASE_URL}` is no address that a gateway could lead to")).hint(format!(
            "write `https://HOST/v1`, without a user and a password, or unset it: {OPENAI} is meant then"
        ))
    })
}

/// The address is one of a gateway of govern's own: loopback, and a token before `/v1`.
fn is_gateway(uri: &Uri) -> bool {
    let is_token = |part: &str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut parts = uri.path().trim_matches('/').split('/');
    uri.host() == Some("127.0.0.1") && parts.next().is_some_and(is_token) && parts.next() == Some("v1")
}

/// What tells a program that has a proxy to reach this machine itself without it.
fn no_proxy(env: impl Fn(&str) -> Option<OsString>) -> Vec<(OsString, OsString)> {
    let has_proxy = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| env(name).is_some());
    if !has_proxy {
        return Vec::new();
    }
    let with_own = |name: &str| {
        let mut value = env(name).unwrap_or_default();
        if !value.is_empty() {
            value.push(",");
        }
        value.push("127.0.0.1");
        (name.into(), value)
    };
    // Which of the two counts where both are set is another question in each program.
    ["NO_PROXY", "no_proxy"].map(with_own).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_server_or_openais_is_meant() {
        let of = |named: Option<&str>| of_environment(named.map(OsString::from)).map(|uri| uri.to_string());
        assert_eq!(of(None).unwrap(), OPENAI);
        assert_eq!(of(Some("http://litellm:4000/v1?x=1")).unwrap(), "http://litellm:4000/v1?x=1");
        for wrong in ["localhost:4000", "ftp://x/v1", "https://user:secret@x/v1", "https:///v1", "no address"] {
            let told = of(Some(wrong)).unwrap_err().to_string();
            assert!(!told.contains("secret") && told.contains("OPENAI_BASE_URL"), "{told}");
        }
    }

    #[test]
    fn a_gateway_of_governs_own_is_known_by_its_address() {
        let token = "0123456789abcdef0123456789abcdef";
        for (address, is) in [
            (format!("http://127.0.0.1:4000/{token}/v1"), true),
            ("http://127.0.0.1:4000/v1".to_owned(), false),
            (format!("http://litellm:4000/{token}/v1"), false),
            (OPENAI.to_owned(), false),
        ] {
            assert_eq!(is_gateway(&address.parse().unwrap()), is, "{address}");
        }
    }

    #[test]
    fn behind_a_proxy_the_gateway_is_reached_without_it() {
        let none = no_proxy(|_| None);
        assert!(none.is_empty());
        let env = |name: &str| match name {
            "HTTP_PROXY" => Some("http://proxy:3128".into()),
            "NO_PROXY" => Some("intern.example".into()),
            _ => None,
        };
        let wanted: [(OsString, OsString); 2] =
            [("NO_PROXY".into(), "intern.example,127.0.0.1".into()), ("no_proxy".into(), "127.0.0.1".into())];
        assert_eq!(no_proxy(env), wanted);
    }
}
