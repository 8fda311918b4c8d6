//! The push of figures to a Pushgateway, for machines that are gone before anybody can scrape them.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::metrics::group;
use crate::metrics::text::CONTENT_TYPE;
use crate::net::{Client, Limits};
use crate::place;
use crate::policy::attribute::normalise_remote;
use crate::policy::url::{self, UrlError};
use crate::prepare::here::Here;

/// A job waits no longer for its figures to be taken; nobody answers a push at length.
const LIMITS: Limits = Limits { within: Duration::from_secs(10), most: 64 * 1_024 };

/// What is sent as `Authorization`, as it stands.
const AUTHORIZATION: &str = "GOVERN_PUSH_AUTHORIZATION";

/// What CIs call the repository, and the workflow. A run of it has an id of its own, which is none of these.
const REPOSITORIES: [&str; 2] = ["GITHUB_REPOSITORY", "CI_PROJECT_PATH"];
const WORKFLOWS: [&str; 4] = ["GITHUB_WORKFLOW", "CI_JOB_NAME", "BUILDKITE_PIPELINE_SLUG", "JOB_NAME"];

/// Puts these figures in the place of those that this repository's workflow pushed before.
pub(super) fn push(address: &str, text: String, here: &Here<'_>) -> Result<()> {
    let authorization = here.variable(AUTHORIZATION).map(|value| value.to_string_lossy().into_owned());
    check(address, authorization.is_some())?;
    let repository = repository(here);
    let workflow = first(here, &WORKFLOWS);
    let group = group::path(&[("repository", repository.as_deref()), ("workflow", workflow.as_deref())]);
    let address = format!("{}{group}", address.trim_end_matches('/'));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("figures cannot be pushed").caused_by(&error))?;
    let client = Client::new(here.env);
    let reply = runtime.block_on(client.put(&address, CONTENT_TYPE, authorization.as_deref(), text, LIMITS));
    // A name that is still being looked up holds up nobody.
    runtime.shutdown_background();
    let reply = reply.map_err(|error| {
        let told = Error::new("figures were not pushed").caused_by(&error);
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    })?;
    if reply.status.is_success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&reply.body);
    let said = said.lines().next().unwrap_or_default().chars().take(300).collect::<String>();
    let error = Error::new(format!("figures were not taken: the gateway answered {}", reply.status));
    Err(match said.trim() {
        "" => error,
        said => error.hint(format!("it says: {}", crate::report::text::printable(said))),
    })
}

/// The address may be one of the own network in plain text, but then carries no secret.
fn check(address: &str, has_secret: bool) -> Result<()> {
    let wrong = |what: &str, hint: &str| {
        Err(Error::new(format!("the address of `--push` {what}")).hint(hint).exit(crate::exit::Exit::Usage))
    };
    match url::web(address) {
        Ok(_) => Ok(()),
        Err(UrlError::Plain) if !has_secret => Ok(()),
        Err(error @ UrlError::Plain) => wrong(&error.to_string(), "a password goes out over `https://` alone"),
        Err(error @ UrlError::Credentials) => wrong(
            &error.to_string(),
            "put what is to be sent as `Authorization` into GOVERN_PUSH_AUTHORIZATION, such as `Bearer …`",
        ),
        Err(error) => wrong(&error.to_string(), "write a Pushgateway's, such as `https://push.example:9091`"),
    }
}

fn first(here: &Here<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| here.variable(name)).map(|value| value.to_string_lossy().into_owned())
}

/// As the CI names it, else the remote, else the folder.
fn repository(here: &Here<'_>) -> Option<String> {
    first(here, &REPOSITORIES).or_else(|| {
        let place = place::look(&here.cwd, |name| here.variable(name));
        place.remotes.first().map(|remote| normalise_remote(remote)).or(place.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_out_in_tls_alone_and_stands_in_no_address() {
        for (address, secret, wrong) in [
            ("http://push.example:9091", false, None),
            ("http://push.example:9091", true, Some("is not one of TLS")),
            ("http://127.0.0.1:9091/", true, None),
            ("https://push.example/prefix", true, None),
            ("https://ann:word@push.example", false, Some("holds a user or a password")),
            ("push.example:9091", false, Some("is no address")),
            ("ftp://push.example", false, Some("is of another kind")),
        ] {
            let said = check(address, secret).err().map(|error| error.to_string());
            match wrong {
                None => assert_eq!(said, None, "{address}"),
                Some(wrong) => {
                    let said = said.unwrap();
                    assert!(said.contains(wrong) && !said.contains("word@"), "{address}: {said}");
                }
            }
        }
    }
}
