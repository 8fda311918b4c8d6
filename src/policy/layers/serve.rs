//! Where the page is, as all layers say it.

use crate::policy::check::{Draft, ServeDraft};
use crate::policy::serve::Serve;

use super::Join;

/// The outermost file that says a key says what it is.
pub(super) fn serve(join: &mut Join<'_>, drafts: &mut [Draft]) -> Serve {
    let mut said: Vec<Option<ServeDraft>> = drafts.iter_mut().map(|draft| draft.serve.take()).collect();
    let listen = said.iter_mut().map(|draft| draft.as_mut()?.listen.take()).collect();
    let listen = join.outermost("serve.listen", listen);
    let url = said.iter_mut().map(|draft| draft.as_mut()?.url.take()).collect();
    let url = join.outermost("serve.url", url);
    // The two are one: a header that one file names is not taken from a user whom another one does.
    let trust = said.iter_mut().map(|draft| draft.as_mut()?.trust.take()).collect();
    Serve { listen, url, trust: join.outermost("serve.trust_header", trust) }
}
